//! Requests and replies: one at a time on a connection. A reply is any value; there are no numbers to tell them apart.

use super::error::DecodeError;
use super::exception::Builtin;
use super::field::{Field, Optional, Text, decode};
use super::frame::Frames;
use super::msgpack::{Reader, Writer};
use super::pickle::Pickle;
use super::record::{Operation, Record, record};
use super::value::Value;

/// A request: what is asked for, how it is answered, and the message that holds its arguments.
#[derive(Clone, Debug, PartialEq)]
pub struct Request {
    /// What is asked for.
    pub op: Text,
    /// Whether an answer is expected.
    pub reply: bool,
    /// Whether the connection is closed afterwards.
    pub close: bool,
    /// The families of serializers that the answer may use.
    pub serializers: Option<Vec<Text>>,
    frames: Frames,
}

record! {
    /// The fields that every request may have.
    Envelope {
        /// What is asked for.
        op: Text,
        /// Whether an answer is expected; it is when this is not said.
        reply: Optional<bool>,
        /// Whether the connection is closed afterwards.
        close: Optional<bool>,
        /// The families of serializers that the answer may use.
        serializers: Optional<Vec<Text>>,
    }
}

impl Request {
    /// Reads a request, but not yet its arguments.
    ///
    /// # Errors
    /// The message is not a map, or does not say `op`.
    pub fn decode(frames: Frames) -> Result<Self, DecodeError> {
        let Envelope { op, reply, close, serializers } = decode(&frames)?;
        let (reply, close) = (reply.0.unwrap_or(true), close.0.unwrap_or(false));
        Ok(Self { op, reply, close, serializers: serializers.0, frames })
    }

    /// The arguments: a record, or a [`Value`] for all that was said.
    ///
    /// # Errors
    /// One is missing or garbled.
    pub fn arguments<T: Field>(&self) -> Result<T, DecodeError> {
        decode(&self.frames)
    }

    /// The whole request as one of many records, told apart by what is asked for. One that is not known is no error.
    ///
    /// # Errors
    /// An argument is missing or garbled.
    pub fn operation<T: Operation>(&self) -> Result<T, DecodeError> {
        let mut reader = Reader::of(&self.frames);
        let operation = T::read(&mut reader)?;
        reader.end().map(|()| operation)
    }

    /// The message of a request that expects an answer.
    pub fn encode(op: &str, arguments: &impl Record) -> Frames {
        let mut writer = Writer::with_capacity(256);
        writer.map(arguments.field_count() + 2);
        writer.str("op");
        writer.str(op);
        arguments.write_fields(&mut writer);
        writer.str("reply");
        writer.bool(true);
        writer.finish()
    }
}

record! {
    /// The answer to a request that failed: the exception is raised where it was asked.
    ErrorReply {
        /// `uncaught-error`; with `error` it is a value that the caller checks.
        status: Text,
        /// The exception: serialized, its pickle, or text.
        exception: Value,
        /// Its traceback, or nothing.
        traceback: Value,
        /// The exception as text.
        exception_text: Text,
        /// The traceback as text.
        traceback_text: Text,
    }
}

impl ErrorReply {
    /// An answer that raises `Exception` with this text.
    pub fn text(text: &str) -> Self {
        Self::new(text.into(), text)
    }

    /// An answer that raises an exception of a built-in class with this text.
    pub fn builtin(class: Builtin, text: &str) -> Self {
        Self::new(Value::Bytes(class.pickle(text)), &format!("{}({text:?})", class.name()))
    }

    /// An answer that raises Dask's error of a connection that was closed.
    pub fn connection_closed(text: &str) -> Self {
        let class = Pickle::default().global("distributed.comm.core", "CommClosedError");
        let pickle = class.call_with(&[text.into()]).finish();
        Self::new(Value::Bytes(pickle), &format!("CommClosedError({text:?})"))
    }

    fn new(exception: Value, text: &str) -> Self {
        Self {
            status: "uncaught-error".into(),
            exception,
            traceback: Value::Nil,
            exception_text: text.into(),
            traceback_text: "".into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::field::encode;
    use crate::protocol::query::WhoHas;

    fn map(entries: &[(&str, Value)]) -> Frames {
        Value::Map(entries.iter().map(|(key, value)| (Value::from(*key), value.clone())).collect()).encode()
    }

    #[test]
    fn an_answer_is_expected_unless_the_request_says_otherwise() {
        let request = Request::decode(map(&[("op", "who_has".into()), ("keys", Value::Nil)])).unwrap();
        assert!(request.reply && !request.close && request.serializers.is_none());
        assert_eq!(request.arguments::<WhoHas>().unwrap().keys.0, None);
        let said = [("close", Value::Bool(true)), ("reply", Value::Bool(false)), ("op", "x".into())];
        let request = Request::decode(map(&said)).unwrap();
        assert!(!request.reply && request.close);
    }

    #[test]
    fn a_request_without_op_is_an_error() {
        let error = Request::decode(map(&[("reply", Value::Bool(true))])).unwrap_err();
        assert_eq!(error.to_string(), "Envelope.op: the field is missing (byte 8 of the message)");
    }

    #[test]
    fn what_is_asked_is_read_again() {
        let asked = WhoHas { keys: Optional(Some(vec!["x".into()])) };
        let request = Request::decode(Request::encode("who_has", &asked)).unwrap();
        assert_eq!((&*request.op, request.arguments::<WhoHas>()), ("who_has", Ok(asked)));
    }

    #[test]
    fn an_error_is_an_answer_with_all_that_is_read_of_it() {
        let reply = ErrorReply::builtin(Builtin::Value, "no");
        assert_eq!(decode::<ErrorReply>(&encode(&reply)), Ok(reply.clone()));
        assert_eq!(&*reply.exception_text, "ValueError(\"no\")");
        assert!(matches!(ErrorReply::text("no").exception, Value::Str(_)));
    }
}
