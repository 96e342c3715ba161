//! Broadcast: many workers, or their nannies, are asked the same.

use std::collections::BTreeMap;
use std::rc::Rc;

use cenote_core::key::Key;
use cenote_core::protocol::exception::Builtin;
use cenote_core::protocol::field::Text;
use cenote_core::protocol::frame::Frames;
use cenote_core::protocol::procedure::{Broadcast, CallStack, Proxy, WorkerLogs};
use cenote_core::protocol::rpc::ErrorReply;
use cenote_core::protocol::serialized::Pickled;
use cenote_core::protocol::value::Value;
use cenote_core::scheduler::task::StateName;
use tokio::task::JoinSet;

use super::peer;
use crate::scheduler::hub::{Hub, Reply};

/// Asks workers the same, all at once. Answers with their answers by their addresses.
pub(super) async fn broadcast(hub: &Rc<Hub>, request: Broadcast) -> Reply {
    let addressees = addressees(hub, &request)?;
    let message = outgoing(request.msg, request.serializers.0);
    let asked = addressees.iter().map(|(worker, address)| (worker.clone(), address.clone(), message.clone()));
    let replies = ask_all(hub, asked.collect()).await;
    let mut answers = Vec::with_capacity(replies.len());
    for ((worker, address), reply) in addressees.into_iter().zip(replies) {
        let value = match (reply, request.on_error.0.as_deref()) {
            (Ok(value), _) => value,
            (Err(_), Some("ignore")) => continue,
            (Err(error), Some("return_pickle")) => error.exception,
            (Err(error), Some("return")) => opened(error.exception),
            (Err(error), None | Some("raise")) => {
                tracing::warn!("broadcast to {address} failed: {}", error.exception_text);
                return Err(error);
            }
            (Err(_), Some(other)) => {
                let text = format!("on_error must be 'raise', 'return', 'return_pickle', or 'ignore'; got '{other}'");
                return Err(ErrorReply::builtin(Builtin::Value, &text));
            }
        };
        answers.push((worker.into(), value));
    }
    Ok(Value::Map(answers))
}

/// An exception as whoever reads it gets it: not its pickle, but the thing.
fn opened(exception: Value) -> Value {
    match exception {
        Value::Bytes(pickle) => Value::Pickled(Box::new(Pickled::new(&pickle, Vec::new()))),
        other => other,
    }
}

/// Asks one worker.
pub(super) async fn proxy(hub: &Rc<Hub>, request: Proxy) -> Reply {
    peer::ask(hub, &request.worker, &outgoing(request.msg, request.serializers.0)).await
}

/// The last lines of the logs of workers or nannies.
pub(in crate::scheduler) async fn worker_logs(hub: &Rc<Hub>, request: WorkerLogs) -> Reply {
    let msg = Value::map([("op", "get_logs".into()), ("n", request.n.0.into())]);
    let everyone = Broadcast { workers: request.workers.0, nanny: request.nanny, ..Broadcast::to_all(msg) };
    broadcast(hub, everyone).await
}

/// What runs at the moment for these keys, or for all.
pub(in crate::scheduler) async fn call_stack(hub: &Rc<Hub>, request: CallStack) -> Reply {
    let mut running: BTreeMap<Text, Option<Vec<Key>>> = BTreeMap::new();
    match request.keys.0 {
        None => running.extend(hub.machine().workers().map(|worker| (worker.address, None))),
        Some(mut keys) => {
            hub.find(|machine| keys.iter().all(|key| machine.task(key).is_some()).then_some(())).await;
            let machine = hub.machine();
            while let Some(key) = keys.pop() {
                let Some(task) = machine.task(&key) else {
                    return Err(ErrorReply::builtin(Builtin::Key, &key.to_string()));
                };
                match (task.state, task.processing_on) {
                    (StateName::Waiting, _) => keys.extend(machine.dependencies(&key)),
                    (_, Some(worker)) => running.entry(worker).or_default().get_or_insert_default().push(key),
                    _ => {}
                }
            }
        }
    }
    let asked = running.into_iter().map(|(worker, keys)| {
        let keys = keys.map(|keys| Value::Tuple(keys.iter().map(Value::from).collect()));
        (worker.clone(), worker, peer::request("call_stack", vec![("keys", keys.into())]))
    });
    let asked: Vec<_> = asked.collect();
    let replies = ask_all(hub, asked.clone()).await;
    let mut stacks = Vec::new();
    for ((worker, ..), reply) in asked.into_iter().zip(replies) {
        let reply = reply?;
        if !matches!(&reply, Value::Nil) && !matches!(&reply, Value::Map(entries) if entries.is_empty()) {
            stacks.push((worker.into(), reply));
        }
    }
    Ok(Value::Map(stacks))
}

/// Asks each of these at the address that stands second. The answers come in the same order.
pub(super) async fn ask_all(hub: &Rc<Hub>, asked: Vec<(Text, Text, Frames)>) -> Vec<Reply> {
    let mut running = JoinSet::new();
    let mut replies: Vec<Option<Reply>> = vec![None; asked.len()];
    for (place, (_, address, message)) in asked.into_iter().enumerate() {
        let hub = Rc::clone(hub);
        running.spawn_local(async move { (place, peer::ask(&hub, &address, &message).await) });
    }
    while let Some(Ok((place, reply))) = running.join_next().await {
        replies[place] = Some(reply);
    }
    let lost = || Err(ErrorReply::text("the request was lost"));
    replies.into_iter().map(|reply| reply.unwrap_or_else(lost)).collect()
}

/// The workers that a broadcast is for, each with the address to ask: its own, or that of its nanny.
fn addressees(hub: &Hub, request: &Broadcast) -> Result<Vec<(Text, Text)>, ErrorReply> {
    let machine = hub.machine();
    let nanny = request.nanny.0 == Some(true);
    let mut addressees = Vec::new();
    let mut known = BTreeMap::new();
    for worker in machine.workers() {
        let on_host = request.hosts.as_ref().is_some_and(|hosts| hosts.contains(&worker.host));
        let all = request.workers.is_none() && request.hosts.is_none();
        let address = if nanny { worker.nanny } else { Some(worker.address.clone()) };
        if let Some(address) = address {
            if on_host || all {
                addressees.push((worker.address.clone(), address.clone()));
            }
            known.insert(worker.address, address);
        }
    }
    for worker in request.workers.iter().flatten() {
        match known.get(worker) {
            Some(address) => addressees.push((worker.clone(), address.clone())),
            None if nanny => {
                return Err(ErrorReply::builtin(Builtin::Key, worker));
            }
            // It may listen although it is not, or no longer, one of ours.
            None => addressees.push((worker.clone(), worker.clone())),
        }
    }
    Ok(addressees)
}

/// A request of a client, as it goes on to a worker.
fn outgoing(msg: Value, serializers: Option<Vec<Text>>) -> Frames {
    let mut entries = match msg {
        Value::Map(entries) => entries,
        _ => Vec::new(),
    };
    if !entries.iter().any(|(name, _)| name.as_str() == Some("reply")) {
        entries.push(("reply".into(), Value::Bool(true)));
    }
    if let Some(serializers) = serializers {
        entries.push(("serializers".into(), serializers.into()));
    }
    Value::Map(entries).encode()
}
