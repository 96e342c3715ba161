//! Gather: results from the workers that hold them, for a client that does not fetch them itself.

use std::collections::{HashMap, HashSet};
use std::rc::Rc;
use std::time::Duration;

use cenote_core::key::Key;
use cenote_core::protocol::client::{Gather, GatherReply};
use cenote_core::protocol::field::{Map, Optional, Text, decode, encode};
use cenote_core::protocol::peer::{GetData, GetDataReply};
use cenote_core::protocol::rpc::Request;
use cenote_core::protocol::value::Value;
use tokio::task::JoinSet;

use crate::comm::CommError;
use crate::scheduler::hub::{Hub, Reply};

/// How long a worker that has too much to send is left alone.
const BUSY: Duration = Duration::from_millis(150);

/// The results of all keys, or the keys of those that nobody has. Workers use no other serializers than these.
pub(super) async fn gather(hub: &Rc<Hub>, request: Gather, serializers: Option<Vec<Text>>) -> Reply {
    let mut found: HashMap<Key, Value> = HashMap::new();
    let mut gone = HashSet::new();
    let mut failed = Vec::new();
    let mut wanted = request.keys.clone();
    while !wanted.is_empty() {
        let (fetches, nowhere) = plan(hub, &wanted, &gone);
        failed.extend(nowhere);
        let mut running = JoinSet::new();
        for (worker, keys) in fetches {
            let (hub, serializers) = (Rc::clone(hub), Optional(serializers.clone()));
            running.spawn_local(async move {
                let outcome = fetch(&hub, &worker, keys.clone(), serializers).await;
                (worker, keys, outcome)
            });
        }
        wanted.clear();
        let mut busy = false;
        while let Some(Ok((worker, keys, outcome))) = running.join_next().await {
            let come_again = matches!(outcome, Ok(None));
            busy |= come_again;
            match outcome {
                Ok(data) => found.extend(data.into_iter().flatten()),
                Err(error) => tracing::warn!("the results at {worker} could not be fetched: {error}"),
            }
            for key in keys.into_iter().filter(|key| !found.contains_key(key)) {
                if !come_again {
                    gone.insert((key.clone(), worker.clone()));
                }
                wanted.push(key);
            }
        }
        if busy {
            tokio::time::sleep(BUSY).await;
        }
    }
    Ok(reply(&request.keys, found, failed))
}

/// Whom to ask for which keys, and the keys that nobody has.
fn plan(hub: &Hub, wanted: &[Key], gone: &HashSet<(Key, Text)>) -> (HashMap<Text, Vec<Key>>, Vec<Key>) {
    let machine = hub.machine();
    let mut fetches: HashMap<Text, Vec<Key>> = HashMap::new();
    let mut nowhere = Vec::new();
    for (place, key) in wanted.iter().enumerate() {
        let mut holders = machine.task(key).map(|task| task.who_has).unwrap_or_default();
        holders.retain(|worker| !gone.contains(&(key.clone(), worker.clone())));
        if holders.is_empty() {
            nowhere.push(key.clone());
        } else {
            let worker = holders.swap_remove(place % holders.len());
            fetches.entry(worker).or_default().push(key.clone());
        }
    }
    (fetches, nowhere)
}

/// The results at a worker; nothing if it has too much to send just now.
async fn fetch(
    hub: &Hub,
    worker: &Text,
    keys: Vec<Key>,
    serializers: Optional<Vec<Text>>,
) -> Result<Option<Vec<(Key, Value)>>, CommError> {
    let request = Request::encode("get_data", &GetData { keys, who: None, serializers });
    let reply = hub.pool.request_and(worker, &request, async |connection, reply| {
        let reply: GetDataReply = decode(&reply)?;
        if &*reply.status == "OK" {
            connection.send(&Value::from("OK").encode()).await?;
        }
        Ok(reply)
    });
    let reply = reply.await?;
    Ok((&*reply.status == "OK").then(|| reply.data.0.map(|data| data.0).unwrap_or_default()))
}

fn reply(keys: &[Key], mut found: HashMap<Key, Value>, failed: Vec<Key>) -> Value {
    let reply = if failed.is_empty() {
        let data = keys.iter().filter_map(|key| found.remove_entry(key)).collect();
        GatherReply { status: "OK".into(), data: Optional(Some(Map(data))), keys: Optional(None) }
    } else {
        tracing::error!("could not gather {} keys, among them {}", failed.len(), failed[0]);
        GatherReply { status: "error".into(), data: Optional(None), keys: Optional(Some(failed)) }
    };
    Value::decode(&encode(&reply)).expect("what was just written can be read")
}
