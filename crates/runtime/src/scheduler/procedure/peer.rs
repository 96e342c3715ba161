//! Requests to workers and nannies.

use std::rc::Rc;

use cenote_core::protocol::exception::Builtin;
use cenote_core::protocol::field::{decode, encode};
use cenote_core::protocol::frame::Frames;
use cenote_core::protocol::rpc::ErrorReply;
use cenote_core::protocol::value::Value;

use crate::comm::CommError;
use crate::scheduler::hub::{Hub, Reply};

/// Asks a worker or a nanny. What it raises is an error here, as is its absence.
pub(super) async fn ask(hub: &Rc<Hub>, address: &str, request: &Frames) -> Reply {
    let reply = hub.pool.request(address, request).await.and_then(|reply| Ok(Value::decode(&reply)?));
    reply.map_err(|error| absent(address, &error)).and_then(raised)
}

/// A request whose arguments are values.
pub(super) fn request(op: &str, arguments: Vec<(&str, Value)>) -> Frames {
    let head = [("op", Value::from(op)), ("reply", Value::Bool(true))];
    let entries = head.into_iter().chain(arguments).map(|(name, value)| (name.into(), value));
    Value::Map(entries.collect()).encode()
}

/// A peer's answer, unless it is the exception that it raised.
pub(super) fn raised(reply: Value) -> Reply {
    if reply.get("status").and_then(Value::as_str) != Some("uncaught-error") {
        return Ok(reply);
    }
    let error = decode::<ErrorReply>(&encode(&reply));
    Err(error.unwrap_or_else(|_| ErrorReply::text("the peer failed and did not say how")))
}

/// What is raised when a peer cannot be asked.
pub(super) fn absent(address: &str, error: &CommError) -> ErrorReply {
    let text = format!("{address} could not be asked: {error}");
    match error {
        CommError::Closed | CommError::Io(_) => ErrorReply::connection_closed(&text),
        // As Dask words it: programs look for it.
        CommError::Connect { source, .. } => {
            ErrorReply::builtin(Builtin::Os, &format!("Timed out trying to connect to {address}: {source}"))
        }
        _ => ErrorReply::builtin(Builtin::Os, &text),
    }
}
