//! Scatter: values of a client are put into workers, in turn.

use std::collections::{BTreeMap, HashMap};
use std::rc::Rc;
use std::time::{Duration, Instant};

use cenote_core::key::Key;
use cenote_core::protocol::exception::Builtin;
use cenote_core::protocol::field::Text;
use cenote_core::protocol::procedure::Scatter;
use cenote_core::protocol::rpc::ErrorReply;
use cenote_core::protocol::value::Value;
use cenote_core::scheduler::stimulus::Stimulus;

use super::broadcast::ask_all;
use super::peer;
use super::replicate::key_of;
use crate::scheduler::hub::{Hub, Reply};

/// How often to look whether a worker has come.
const LOOK: Duration = Duration::from_millis(50);

/// Puts values into workers and tells the machine where they are. Answers with their keys.
pub(super) async fn scatter(hub: &Rc<Hub>, request: Scatter) -> Reply {
    let seconds = request.timeout.0.as_ref().and_then(Value::as_seconds).unwrap_or(2.0);
    let workers = running(hub, request.workers.as_deref(), seconds).await?;
    let copies = match request.broadcast.0 {
        None | Some(Value::Nil | Value::Bool(false)) => 1,
        Some(Value::Int(copies)) => usize::try_from(copies).unwrap_or(1).clamp(1, workers.len()),
        Some(_) => workers.len(),
    };
    let mut parts: BTreeMap<&Text, Vec<(Value, Value)>> = BTreeMap::new();
    let mut homes: Vec<(Key, Vec<Text>)> = Vec::new();
    let first = hub.turn(request.data.0.len());
    for (place, (key, value)) in (first..).zip(request.data.0) {
        let turns = (0..copies).map(|copy| &workers[(place + copy) % workers.len()]);
        for worker in turns.clone() {
            parts.entry(worker).or_default().push(((&key).into(), value.clone()));
        }
        homes.push((key, turns.cloned().collect()));
    }
    let mut sizes = HashMap::new();
    let asked = parts.into_iter().map(|(worker, data)| {
        (worker.clone(), worker.clone(), peer::request("update_data", vec![("data", Value::Map(data))]))
    });
    for reply in ask_all(hub, asked.collect()).await {
        sizes.extend(nbytes(&reply?));
    }
    let keys = homes.iter().map(|(key, _)| Value::from(key)).collect();
    let data = homes.into_iter().map(|(key, workers)| {
        let nbytes = sizes.get(&key).copied().unwrap_or(0);
        (key, nbytes, workers)
    });
    hub.stimulate(Stimulus::DataArrived { data: data.collect(), client: request.client });
    Ok(Value::Tuple(keys))
}

/// The workers that take work, of those that are named or of all, in the order of their addresses.
async fn running(hub: &Hub, named: Option<&[Value]>, seconds: f64) -> Result<Vec<Text>, ErrorReply> {
    let start = Instant::now();
    loop {
        let mut workers: Vec<Text> = hub
            .machine()
            .workers()
            .filter(|worker| worker.is_running() && named.is_none_or(|named| worker.is_among(named)))
            .map(|worker| worker.address)
            .collect();
        if !workers.is_empty() {
            workers.sort_unstable();
            return Ok(workers);
        }
        if start.elapsed().as_secs_f64() > seconds {
            return Err(ErrorReply::builtin(Builtin::Timeout, "No valid workers found"));
        }
        tokio::time::sleep(LOOK).await;
    }
}

/// What a worker says about the sizes of the values that it has taken.
fn nbytes(reply: &Value) -> Vec<(Key, u64)> {
    let Some(Value::Map(entries)) = reply.get("nbytes") else { return Vec::new() };
    let sized = entries.iter().filter_map(|(key, nbytes)| {
        let key = key_of(key)?;
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the cast saturates")]
        Some((key, nbytes.as_f64()? as u64))
    });
    sized.collect()
}
