//! Closing: which workers to let go, if they are grouped by a function of Python, which the executor calls.

use std::rc::Rc;

use cenote_core::protocol::exception::Builtin;
use cenote_core::protocol::field::{Map, Optional, Text};
use cenote_core::protocol::query::{Query, WorkersToClose};
use cenote_core::protocol::question::{Question, RetireWorkers};
use cenote_core::protocol::rpc::{ErrorReply, Request};
use cenote_core::protocol::value::Value;

use super::hub::{Hub, Reply};

/// What can be said about workers that are to retire, or that could: a word too many may mean something that is not understood here.
const ARGUMENTS: [&str; 15] = [
    "op",
    "reply",
    "close",
    "serializers",
    "workers",
    "names",
    "close_workers",
    "remove",
    "memory_ratio",
    "n",
    "key",
    "minimum",
    "target",
    "attribute",
    "stimulus_id",
];

/// The workers that could be closed.
pub(super) async fn workers_to_close(hub: &Rc<Hub>, request: &Request, asked: WorkersToClose) -> Reply {
    refuse_unknown(request)?;
    let groups = groups(hub, request, &asked.key).await?;
    hub.query(&Query::WorkersToClose(WorkersToClose { key: Optional(None), groups, ..asked }))
}

/// Lets workers go.
pub(super) async fn retire_workers(hub: &Rc<Hub>, request: &Request, asked: RetireWorkers) -> Reply {
    refuse_unknown(request)?;
    let groups = groups(hub, request, &asked.key).await?;
    let key = Optional(asked.key.0.filter(|key| *key == Value::Nil));
    hub.ask(Question::from(RetireWorkers { key, groups, ..asked })).await
}

/// Says which argument is not known.
fn refuse_unknown(request: &Request) -> Result<(), ErrorReply> {
    let said = request.arguments::<Value>().map_err(|error| ErrorReply::text(&error.to_string()))?;
    let Value::Map(said) = said else { return Ok(()) };
    let known = |name: &Value| name.as_str().is_some_and(|it| ARGUMENTS.contains(&it));
    match said.iter().find(|(name, _)| !known(name)) {
        Some((unknown, _)) => {
            let (op, name) = (&request.op, unknown.as_str().unwrap_or_default());
            let text = format!("{op}() got an unexpected keyword argument '{name}'");
            Err(ErrorReply::builtin(Builtin::Type, &text))
        }
        None => Ok(()),
    }
}

/// The group of each worker, if a function says it.
async fn groups(
    hub: &Rc<Hub>,
    request: &Request,
    key: &Optional<Value>,
) -> Result<Optional<Map<Text, i64>>, ErrorReply> {
    if key.0.as_ref().is_none_or(|key| *key == Value::Nil) {
        return Ok(Optional(None));
    }
    let Value::Map(groups) = hub.executor.serve(request, &hub.facts.address).await? else {
        return Err(ErrorReply::text("the executor does not say how workers are grouped"));
    };
    let group = |(address, group): &(Value, Value)| match group {
        Value::Int(group) => Some((address.as_str()?.into(), *group)),
        _ => None,
    };
    Ok(Optional(Some(Map(groups.iter().filter_map(group).collect()))))
}
