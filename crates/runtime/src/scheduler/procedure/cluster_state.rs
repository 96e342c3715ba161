//! The state of the whole cluster, for people who look for a mistake: what the scheduler knows, and what each worker does.

use std::rc::Rc;

use cenote_core::protocol::field::{Optional, Text};
use cenote_core::protocol::procedure::{Broadcast, ClusterState};
use cenote_core::protocol::rpc::ErrorReply;
use cenote_core::protocol::value::Value;

use super::broadcast::{ask_all, broadcast};
use super::peer;
use crate::scheduler::hub::{Hub, Reply};

/// What everybody says about itself. Of a worker that does not answer, why.
pub(super) async fn cluster_state(hub: &Rc<Hub>, request: ClusterState) -> Reply {
    let exclude = Value::Tuple(request.exclude.0.unwrap_or_default().into_iter().map(Value::from).collect());
    let message = peer::request("dump_state", vec![("exclude", exclude.clone())]);
    let workers: Vec<Text> = hub.machine().workers().map(|worker| worker.address).collect();
    let asked = workers.iter().map(|worker| (worker.clone(), worker.clone(), message.clone())).collect();
    let states = ask_all(hub, asked).await.into_iter().map(|reply| reply.unwrap_or_else(|error| shown(&error)));
    let states = workers.into_iter().map(Value::from).zip(states).collect();
    let asked = Value::map([("op", "versions".into())]);
    let versions = Broadcast { on_error: Optional(Some("ignore".into())), ..Broadcast::to_all(asked) };
    let versions = broadcast(hub, versions).await?;
    let excluded: Vec<Text> = match exclude {
        Value::Tuple(names) => names.iter().filter_map(|name| name.as_str().map(Text::from)).collect(),
        _ => Vec::new(),
    };
    let own = own(hub, hub.machine().dump(&excluded));
    Ok(Value::map([
        ("scheduler", own),
        ("workers", Value::Map(states)),
        ("versions", Value::map([("scheduler", hub.executor.greeting().versions.clone()), ("workers", versions)])),
    ]))
}

fn shown(error: &ErrorReply) -> Value {
    error.exception_text.clone().into()
}

/// What the machine knows, and what only the process does.
fn own(hub: &Hub, dump: Value) -> Value {
    let facts = &hub.facts;
    let Value::Map(mut entries) = Value::map([
        ("type", "Scheduler".into()),
        ("id", facts.id.clone().into()),
        ("address", facts.address.clone().into()),
        ("started", facts.started.into()),
    ]) else {
        return dump;
    };
    if let Value::Map(rest) = dump {
        entries.extend(rest);
    }
    Value::Map(entries)
}
