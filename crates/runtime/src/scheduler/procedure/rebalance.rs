//! Rebalance: workers fetch results from those that hold more than they.

use std::collections::BTreeMap;
use std::rc::Rc;

use cenote_core::key::Key;
use cenote_core::protocol::exception::Builtin;
use cenote_core::protocol::field::{Map, Text};
use cenote_core::protocol::peer::Fetch;
use cenote_core::protocol::procedure::Rebalance;
use cenote_core::protocol::rpc::{ErrorReply, Request};
use cenote_core::protocol::value::Value;

use super::broadcast::ask_all;
use super::replicate::{arrived, drop_copies, holders};
use crate::scheduler::hub::{Hub, Reply};

/// Moves results. Answers with how it went; keys that could not be moved are named if keys were.
pub(super) async fn rebalance(hub: &Rc<Hub>, request: Rebalance) -> Reply {
    let (keys, workers) = (request.keys.0.as_deref(), request.workers.0.as_deref());
    if let Some(unknown) = workers.and_then(|named| named.iter().find(|name| !is_there(hub, name))) {
        return Err(ErrorReply::builtin(Builtin::Key, unknown));
    }
    let missing: Vec<&Key> = keys.unwrap_or_default().iter().filter(|key| holders(hub, key).is_empty()).collect();
    if !missing.is_empty() {
        return Ok(outcome(missing.into_iter()));
    }
    let moves = hub.machine().rebalance(&hub.settings.rebalance, keys, workers);
    let mut fetches: BTreeMap<Text, Vec<(Key, Vec<Text>)>> = BTreeMap::new();
    for it in &moves {
        fetches.entry(it.to.clone()).or_default().push((it.key.clone(), vec![it.from.clone()]));
    }
    let wanted: Vec<(Text, Vec<Key>)> = fetches
        .iter()
        .map(|(worker, fetches)| (worker.clone(), fetches.iter().map(|(key, _)| key.clone()).collect()))
        .collect();
    let asked = fetches
        .into_iter()
        .map(|(worker, fetches)| (worker.clone(), worker, Request::encode("gather", &Fetch { who_has: Map(fetches) })));
    let replies = ask_all(hub, asked.collect()).await;
    let mut failed = Vec::new();
    for ((worker, keys), reply) in wanted.into_iter().zip(replies) {
        failed.extend(arrived(hub, worker, keys, reply).await);
    }
    let mut surplus: BTreeMap<Text, Vec<Key>> = BTreeMap::new();
    for it in moves {
        if !failed.iter().any(|(key, worker)| *key == it.key && *worker == it.to) {
            surplus.entry(it.from).or_default().push(it.key);
        }
    }
    drop_copies(hub, surplus).await;
    Ok(outcome(failed.iter().map(|(key, _)| key).filter(|_| keys.is_some())))
}

fn is_there(hub: &Hub, address: &Text) -> bool {
    hub.machine().workers().any(|worker| worker.address == *address)
}

fn outcome<'a>(failed: impl Iterator<Item = &'a Key>) -> Value {
    let failed: Vec<Value> = failed.map(Value::from).collect();
    if failed.is_empty() {
        return Value::map([("status", "OK".into())]);
    }
    Value::map([("status", "partial-fail".into()), ("keys", Value::Tuple(failed))])
}
