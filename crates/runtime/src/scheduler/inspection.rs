//! Inspection: requests of tests that look inside. Most of what they look at is the machine's; the rest the process knows.

use cenote_core::protocol::field::Optional;
use cenote_core::protocol::query::{Inspect, Query};
use cenote_core::protocol::rpc::ErrorReply;
use cenote_core::protocol::value::Value;

use super::connection::Asker;
use super::hub::{Hub, Reply};

/// What stands at the end of a path, for who may look.
pub(super) fn inspect(hub: &Hub, asked: Inspect, asker: Asker) -> Reply {
    if asker != Asker::Executor && !(hub.settings.inspect && asker.is_local()) {
        let text = "the state can only be inspected on the scheduler's machine, and if it was started with --inspect";
        return Err(ErrorReply::text(text));
    }
    if let Some(value) = known(hub, &asked.path) {
        return Ok(value);
    }
    let now = Optional(Some(hub.clock.now()));
    hub.query(&Query::Inspect(Inspect { now, ..asked }))
}

/// What the machine does not know, as a tagged value.
fn known(hub: &Hub, path: &Value) -> Option<Value> {
    let Value::Tuple(steps) = path else { return None };
    let names: Vec<&str> = steps.iter().map(attribute).collect::<Option<_>>()?;
    let plain = |value: Value| Some(Value::Tuple(vec!["v".into(), value]));
    match names.as_slice() {
        ["local_directory"] => plain((&*hub.executor.local_directory().to_string_lossy()).into()),
        ["validate"] => plain(hub.settings.validate.into()),
        ["time_started"] => plain(hub.facts.started.into()),
        ["idle_since"] if hub.machine().has_done_nothing() => plain(hub.facts.started.into()),
        ["blocked_handlers"] => {
            let blocked = hub.settings.blocked_handlers.iter();
            let blocked = blocked.map(|op| Value::Tuple(vec!["v".into(), (&**op).into()])).collect();
            Some(Value::Tuple(vec!["l".into(), Value::Tuple(blocked)]))
        }
        ["http_server" | "rpc"] => Some(Value::Tuple(vec!["o".into(), path.clone()])),
        ["http_server", "port"] => {
            let services = &hub.facts.services;
            plain(services.iter().find(|(name, _)| &**name == "dashboard").map(|(_, port)| u64::from(*port)).into())
        }
        ["rpc", "open"] => plain((hub.pool.kept() as u64).into()),
        _ => None,
    }
}

/// The name that a step leads to.
fn attribute(step: &Value) -> Option<&str> {
    let Value::Tuple(parts) = step else { return None };
    let [kind, name] = parts.as_slice() else { return None };
    name.as_str().filter(|_| kind.as_str() == Some("a"))
}
