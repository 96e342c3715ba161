//! Replicate: results get more copies, or fewer, until so many workers hold each.

use std::collections::BTreeMap;
use std::rc::Rc;

use cenote_core::key::Key;
use cenote_core::protocol::exception::Builtin;
use cenote_core::protocol::field::{Field, Map, Optional, Text};
use cenote_core::protocol::frame::Frames;
use cenote_core::protocol::msgpack::Reader;
use cenote_core::protocol::peer::Fetch;
use cenote_core::protocol::procedure::Replicate;
use cenote_core::protocol::question::{AddReplicas, DropReplicas, Question};
use cenote_core::protocol::rpc::{ErrorReply, Request};
use cenote_core::protocol::value::Value;
use cenote_core::scheduler::view::WorkerView;

use super::broadcast::ask_all;
use crate::scheduler::hub::{Hub, Reply};

/// Copies that each holder of a result hands out in one round, when nothing is said.
const BRANCHING: u64 = 2;

/// What each worker is to fetch, and from whom.
type Fetches = BTreeMap<Text, Vec<(Key, Vec<Text>)>>;

/// Makes copies until so many workers hold each key. Answers with nothing, or with the keys that nobody has.
pub(super) async fn replicate(hub: &Rc<Hub>, request: Replicate) -> Reply {
    let named = request.workers.0.as_deref();
    let known = |name: &Value| hub.machine().workers().any(|it| it.is_among(std::slice::from_ref(name)));
    if let Some(unknown) = named.and_then(|named| named.iter().find(|&name| !known(name))) {
        let name = unknown.as_str().map_or_else(|| format!("{unknown:?}"), ToOwned::to_owned);
        return Err(ErrorReply::builtin(Builtin::Key, &name));
    }
    if request.branching_factor.0 == Some(0) {
        return Err(ErrorReply::builtin(Builtin::Value, "replicate: branching_factor must be at least 1"));
    }
    let able = |it: &WorkerView| it.is_running() && named.is_none_or(|named| it.is_among(named));
    let workers: Vec<Text> = hub.machine().workers().filter(able).map(|worker| worker.address).collect();
    let copies = request.n.0.map_or(workers.len(), |n| (n as usize).min(workers.len()));
    if copies == 0 {
        return Err(ErrorReply::builtin(Builtin::Value, "Can not use replicate to delete data"));
    }
    let missing: Vec<_> = request.keys.iter().filter(|key| holders(hub, key).is_empty()).collect();
    if !missing.is_empty() {
        let keys = Value::Tuple(missing.into_iter().map(Value::from).collect());
        return Ok(Value::map([("status", "partial-fail".into()), ("keys", keys)]));
    }
    if request.delete.0 != Some(false) {
        drop_surplus(hub, &request.keys, &workers, copies).await;
    }
    let branching = request.branching_factor.0.unwrap_or(BRANCHING).max(1) as usize;
    let mut failed = Vec::new();
    loop {
        let fetches = plan(hub, &request.keys, &workers, copies, branching, &failed);
        if fetches.is_empty() {
            return Ok(Value::Nil);
        }
        let rounds: Vec<(Text, Vec<Key>)> = fetches
            .iter()
            .map(|(worker, fetches)| (worker.clone(), fetches.iter().map(|(key, _)| key.clone()).collect()))
            .collect();
        let asked = fetches.into_iter().map(|(worker, fetches)| {
            (worker.clone(), worker, Request::encode("gather", &Fetch { who_has: Map(fetches) }))
        });
        let replies = ask_all(hub, asked.collect()).await;
        for ((worker, keys), reply) in rounds.into_iter().zip(replies) {
            failed.extend(arrived(hub, worker, keys, reply).await);
        }
    }
}

/// Notes the copies that a worker has made. Returns those that it could not make.
pub(super) async fn arrived(hub: &Rc<Hub>, worker: Text, keys: Vec<Key>, reply: Reply) -> Vec<(Key, Text)> {
    let lacking = match &reply {
        Ok(reply) if reply.get("status").and_then(Value::as_str) == Some("OK") => Vec::new(),
        Ok(reply) => keys_of(reply.get("keys")),
        Err(error) => {
            tracing::warn!("{worker} could not fetch copies: {}", error.exception_text);
            keys.clone()
        }
    };
    let (failed, keys): (Vec<Key>, Vec<Key>) = keys.into_iter().partition(|key| lacking.contains(key));
    let stimulus_id = Optional(Some("replicate".into()));
    let noted = hub.ask(Question::from(AddReplicas { worker: worker.clone(), keys: keys.clone(), stimulus_id })).await;
    // A worker that has left meanwhile has taken its copies with it: nobody may drop his own for their sake.
    let gone = if noted.is_ok_and(|noted| noted.as_str() == Some("OK")) { Vec::new() } else { keys };
    failed.into_iter().chain(gone).map(|key| (key, worker.clone())).collect()
}

/// Who is to fetch what in this round. Nobody is asked twice for what it could not fetch.
fn plan(hub: &Hub, keys: &[Key], workers: &[Text], copies: usize, branching: usize, failed: &[(Key, Text)]) -> Fetches {
    let mut fetches = Fetches::new();
    for (place, key) in keys.iter().enumerate() {
        let holders = holders(hub, key);
        let there = workers.iter().filter(|worker| holders.contains(worker)).count();
        let count = copies.saturating_sub(there).min(branching * holders.len());
        let able =
            |worker: &&Text| !holders.contains(worker) && !failed.iter().any(|(it, of)| it == key && of == *worker);
        let turned = workers.iter().cycle().skip(place % workers.len()).take(workers.len());
        for worker in turned.filter(able).take(count) {
            fetches.entry(worker.clone()).or_default().push((key.clone(), holders.clone()));
        }
    }
    fetches
}

/// Takes copies away from those of the workers that hold more than are wanted.
async fn drop_surplus(hub: &Rc<Hub>, keys: &[Key], workers: &[Text], copies: usize) {
    let mut surplus: BTreeMap<Text, Vec<Key>> = BTreeMap::new();
    for key in keys {
        let holders = holders(hub, key);
        for worker in workers.iter().filter(|worker| holders.contains(worker)).skip(copies) {
            surplus.entry(worker.clone()).or_default().push(key.clone());
        }
    }
    drop_copies(hub, surplus).await;
}

/// Takes copies away from workers: those that these do not need, and that are elsewhere too.
pub(super) async fn drop_copies(hub: &Rc<Hub>, surplus: BTreeMap<Text, Vec<Key>>) {
    for (worker, keys) in surplus {
        if let Err(error) = hub.ask(Question::from(DropReplicas { worker: worker.clone(), keys })).await {
            tracing::warn!("{worker} could not drop copies: {}", error.exception_text);
        }
    }
}

pub(super) fn holders(hub: &Hub, key: &Key) -> Vec<Text> {
    hub.machine().task(key).map(|task| task.who_has).unwrap_or_default()
}

fn keys_of(value: Option<&Value>) -> Vec<Key> {
    let Some(Value::Tuple(keys) | Value::Set(keys)) = value else { return Vec::new() };
    keys.iter().filter_map(key_of).collect()
}

/// The key that a value is, if it is one.
pub(super) fn key_of(value: &Value) -> Option<Key> {
    let frames: Frames = value.encode();
    Key::read(&mut Reader::of(&frames)).ok()
}
