//! Exceptions of Python that are raised without Python: pickles of built-in classes, written by hand.

use bytes::Bytes;

use super::limits::EXCEPTION_BYTES_MAX;

/// A built-in class of exceptions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Builtin {
    /// `KeyError`.
    Key,
    /// `MemoryError`.
    Memory,
    /// `NotImplementedError`.
    NotImplemented,
    /// `OSError`.
    Os,
    /// `RuntimeError`.
    Runtime,
    /// `TimeoutError`, which is `asyncio`'s as well.
    Timeout,
    /// `TypeError`.
    Type,
    /// `ValueError`.
    Value,
}

impl Builtin {
    /// The name of the class.
    pub fn name(self) -> &'static str {
        match self {
            Self::Key => "KeyError",
            Self::Memory => "MemoryError",
            Self::NotImplemented => "NotImplementedError",
            Self::Os => "OSError",
            Self::Runtime => "RuntimeError",
            Self::Timeout => "TimeoutError",
            Self::Type => "TypeError",
            Self::Value => "ValueError",
        }
    }

    /// The pickle of an exception with this text, cut where it is too long, as its only argument. Every Python 3 reads it.
    pub fn pickle(self, text: &str) -> Bytes {
        let text = &text[..text.floor_char_boundary(EXCEPTION_BYTES_MAX)];
        let length = (text.len() as u32).to_le_bytes();
        let parts = [b"\x80\x02cbuiltins\n", self.name().as_bytes(), b"\nX", &length, text.as_bytes(), b"\x85R."];
        parts.concat().into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pickle_calls_the_class_with_the_text() {
        let expected = b"\x80\x02cbuiltins\nTimeoutError\nX\x09\0\0\0too l\xc3\xa4te\x85R.";
        assert_eq!(Builtin::Timeout.pickle("too läte"), expected.as_slice());
    }
}
