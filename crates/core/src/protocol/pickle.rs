//! Pickles that are written by hand: what Python's pickle machine is told to do, one word after another.

use bytes::Bytes;

use super::field::Text;
use super::value::Value;
use crate::key::Key;

/// Writes a pickle. Each method but the last three puts one thing on the machine's stack. Every Python 3 reads it.
#[derive(Clone, Debug)]
pub struct Pickle(Vec<u8>);

impl Default for Pickle {
    fn default() -> Self {
        Self(b"\x80\x03".to_vec())
    }
}

impl Pickle {
    /// A class or function of a module.
    #[must_use]
    pub fn global(self, module: &str, name: &str) -> Self {
        self.bytes(b"c").bytes(module.as_bytes()).bytes(b"\n").bytes(name.as_bytes()).bytes(b"\n")
    }

    /// Text.
    #[must_use]
    pub fn text(self, text: &str) -> Self {
        self.counted(b'X', text.as_bytes())
    }

    /// Nothing.
    #[must_use]
    pub fn none(self) -> Self {
        self.bytes(b"N")
    }

    /// A whole number.
    #[must_use]
    pub fn int(self, number: i128) -> Self {
        self.bytes(b"\x8a\x10").bytes(&number.to_le_bytes())
    }

    /// A key.
    #[must_use]
    pub fn key(self, key: &Key) -> Self {
        match key {
            Key::Str(text) => self.text(text),
            Key::Bool(value) => self.bytes(if *value { b"\x88" } else { b"\x89" }),
            Key::Int(value) => self.int((*value).into()),
            Key::UInt(value) => self.int((*value).into()),
            Key::Float(value) => self.bytes(b"G").bytes(&value.to_be_bytes()),
            Key::Bytes(bytes) => self.counted(b'B', bytes),
            Key::Tuple(keys) => keys.iter().fold(self.bytes(b"("), Self::key).bytes(b"t"),
        }
    }

    /// A value: plain data. What else it may be is not told.
    #[must_use]
    pub fn value(self, value: &Value) -> Self {
        match value {
            Value::Bool(value) => self.bytes(if *value { b"\x88" } else { b"\x89" }),
            Value::Int(value) => self.int((*value).into()),
            Value::UInt(value) => self.int((*value).into()),
            Value::Float(value) => self.bytes(b"G").bytes(&value.to_be_bytes()),
            Value::Str(text) => self.text(text),
            Value::Bytes(bytes) => self.counted(b'B', bytes),
            Value::Tuple(values) => values.iter().fold(self.bytes(b"("), Self::value).bytes(b"t"),
            Value::Map(entries) => {
                let entry = |pickle: Self, (key, value): &(Value, Value)| pickle.value(key).value(value);
                entries.iter().fold(self.bytes(b"("), entry).bytes(b"d")
            }
            Value::Set(values) => {
                let members = values.iter().fold(self.global("builtins", "set").bytes(b"("), Self::value);
                members.bytes(b"t").call(Arguments::One)
            }
            Value::Nil | Value::Enum(_) | Value::Serialized(_) | Value::Pickled(_) => self.none(),
        }
    }

    /// Text, or nothing.
    #[must_use]
    pub fn maybe(self, text: Option<&Text>) -> Self {
        match text {
            Some(text) => self.text(text),
            None => self.none(),
        }
    }

    /// An empty dictionary.
    #[must_use]
    pub fn dict(self) -> Self {
        self.bytes(b"}")
    }

    /// An empty set.
    #[must_use]
    pub fn set(self) -> Self {
        self.global("builtins", "set").bytes(b")R")
    }

    /// Calls the callable on the stack with these arguments.
    #[must_use]
    pub fn call_with(self, arguments: &[Value]) -> Self {
        arguments.iter().fold(self.bytes(b"("), Self::value).bytes(b"tR")
    }

    /// Calls the callable on the stack with as many arguments, which stand above it.
    #[must_use]
    pub fn call(self, arguments: Arguments) -> Self {
        self.bytes(arguments.tuple()).bytes(b"R")
    }

    /// Makes an object of the class on the stack without calling its `__init__`, with these slots.
    #[must_use]
    pub fn object(self, slots: impl FnOnce(Self) -> Self) -> Self {
        slots(self.bytes(b")\x81N}(")).bytes(b"u\x86b")
    }

    /// The pickle of the thing on the stack.
    pub fn finish(self) -> Bytes {
        self.bytes(b".").0.into()
    }

    fn counted(self, word: u8, bytes: &[u8]) -> Self {
        let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
        self.bytes(&[word]).bytes(&length.to_le_bytes()).bytes(&bytes[..length as usize])
    }

    fn bytes(mut self, bytes: &[u8]) -> Self {
        self.0.extend_from_slice(bytes);
        self
    }
}

/// How many arguments a call takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arguments {
    /// One.
    One,
    /// Three.
    Three,
}

impl Arguments {
    fn tuple(self) -> &'static [u8] {
        match self {
            Self::One => b"\x85",
            Self::Three => b"\x87",
        }
    }
}
