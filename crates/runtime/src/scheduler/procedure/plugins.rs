//! Plugins of workers and nannies: kept for those that will come, and sent to those that are there.

use std::rc::Rc;

use cenote_core::protocol::exception::Builtin;
use cenote_core::protocol::field::{Optional, Text};
use cenote_core::protocol::procedure::{Broadcast, RegisterPlugin, UnregisterPlugin};
use cenote_core::protocol::question::{DropPlugin, KeepPlugin, Question};
use cenote_core::protocol::rpc::ErrorReply;
use cenote_core::protocol::value::Value;

use super::broadcast::broadcast;
use crate::scheduler::hub::{Hub, Reply};

/// Whose plugin it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Of {
    /// One of workers.
    Workers,
    /// One of nannies.
    Nannies,
}

/// Keeps a plugin and sends it to all. Answers with their answers.
pub(super) async fn register(hub: &Rc<Hub>, request: RegisterPlugin, of: Of) -> Reply {
    let RegisterPlugin { plugin, name, idempotent } = request;
    let keep = KeepPlugin {
        plugin: plugin.clone(),
        name: name.clone(),
        idempotent: idempotent.0 == Some(true),
        nanny: of == Of::Nannies,
    };
    if hub.ask(Question::from(keep)).await? == Value::Bool(false) {
        return Ok(Value::map([]));
    }
    if of == Of::Nannies {
        // Those that start have it or not: nobody could say.
        hub.nannies.started().await;
    }
    tell(hub, of, ["plugin-add", "plugin_add"], vec![("plugin", plugin), ("name", name.into())]).await
}

/// Forgets a plugin and takes it from all. Answers with their answers.
pub(super) async fn unregister(hub: &Rc<Hub>, request: UnregisterPlugin, of: Of) -> Reply {
    let name: Text = request.name;
    let dropped = DropPlugin { name: name.clone(), nanny: of == Of::Nannies };
    if hub.ask(Question::from(dropped)).await? == Value::Bool(false) {
        let kind = if of == Of::Nannies { "nanny" } else { "worker" };
        return Err(ErrorReply::builtin(Builtin::Value, &format!("The {kind} plugin {name} does not exist")));
    }
    tell(hub, of, ["plugin-remove", "plugin_remove"], vec![("name", name.into())]).await
}

/// Workers and nannies have different names for the same.
async fn tell(hub: &Rc<Hub>, of: Of, ops: [&str; 2], arguments: Vec<(&str, Value)>) -> Reply {
    let op = ops[usize::from(of == Of::Nannies)];
    let entries = std::iter::once(("op", op.into())).chain(arguments).map(|(name, value)| (name.into(), value));
    let msg = Value::Map(entries.collect());
    let nanny = Optional(Some(of == Of::Nannies));
    broadcast(hub, Broadcast { nanny, ..Broadcast::to_all(msg) }).await
}
