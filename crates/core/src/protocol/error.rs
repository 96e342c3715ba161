//! What can be wrong with what a peer sends, and where.

use std::fmt;

use thiserror::Error;

/// Why bytes are not the frames of a message. The connection cannot go on: where the next message starts is unknown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum FrameError {
    /// A message without frame 0 says nothing.
    #[error("a message of no frames")]
    Empty,
    /// More frames than are accepted.
    #[error("a message of {frames} frames: at most {max} are accepted")]
    Frames {
        /// As many as the peer announced.
        frames: u64,
        /// The limit.
        max: usize,
    },
    /// Frame 0 is longer than is accepted.
    #[error("a message whose frame 0 has {bytes} bytes: at most {max} are accepted")]
    Head {
        /// As many as the peer announced.
        bytes: u64,
        /// The limit.
        max: u64,
    },
    /// The message is longer than is accepted.
    #[error("a message of {bytes} bytes: at most {max} are accepted")]
    Message {
        /// As many as the peer announced.
        bytes: u64,
        /// The limit.
        max: u64,
    },
    /// The first number of the message ends inside a frame, or before the first.
    #[error("a message whose first read of {bytes} bytes does not end where a frame ends")]
    FirstRead {
        /// As many as the peer announced.
        bytes: u64,
    },
}

/// Why frames are not the message that was expected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DecodeError(Box<Fault>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct Fault {
    problem: Problem,
    at: usize,
    place: Option<(&'static str, &'static str)>,
}

/// What is wrong at some byte of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum Problem {
    /// The bytes end inside a value.
    #[error("the bytes end inside a value")]
    Truncated,
    /// Bytes follow the value.
    #[error("bytes follow the end of the message")]
    Trailing,
    /// A byte that starts no value of the protocol: extension types and the reserved byte.
    #[error("byte {0:#04x} starts no value of the protocol")]
    Marker(u8),
    /// Text that is not UTF-8.
    #[error("text is not UTF-8")]
    Text,
    /// Values are nested too deep.
    #[error("values are nested deeper than is accepted")]
    Depth,
    /// Something else than what belongs here.
    #[error("expected {expected}, found {found}")]
    Kind {
        /// What belongs here.
        expected: &'static str,
        /// What is here.
        found: &'static str,
    },
    /// A number that does not fit.
    #[error("the number is out of range")]
    Range,
    /// A field without which the message means nothing.
    #[error("the field is missing")]
    Missing,
    /// A reference to frames that are not there, that were used before, or that do not stand alone in their map.
    #[error("a reference to frame {0}, which is not there to be referred to")]
    Reference(u64),
}

impl DecodeError {
    /// An error at a byte of frame 0.
    #[cold]
    pub fn new(problem: Problem, at: usize) -> Self {
        Self(Box::new(Fault { problem, at, place: None }))
    }

    /// Names the field of the message, unless an inner one is named already.
    #[cold]
    #[must_use]
    pub fn inside(mut self, message: &'static str, field: &'static str) -> Self {
        self.0.place.get_or_insert((message, field));
        self
    }

    /// What is wrong.
    pub fn problem(&self) -> Problem {
        self.0.problem
    }
}

impl fmt::Display for DecodeError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some((message, field)) = self.0.place {
            write!(out, "{message}.{field}: ")?;
        }
        write!(out, "{} (byte {} of the message)", self.0.problem, self.0.at)
    }
}

impl std::error::Error for DecodeError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_names_the_innermost_field_the_cause_and_the_byte() {
        let error = DecodeError::new(Problem::Missing, 7).inside("TaskFinished", "key").inside("Outer", "field");
        assert_eq!(error.to_string(), "TaskFinished.key: the field is missing (byte 7 of the message)");
    }
}
