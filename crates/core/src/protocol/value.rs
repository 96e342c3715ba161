//! Values: anything that a message can say, with payloads as opaque parts.

use std::sync::Arc;

use bytes::Bytes;

use super::error::{DecodeError, Problem};
use super::field::Field;
use super::frame::Frames;
use super::limits::ROOM_MAX;
use super::msgpack::{PICKLED, Reader, SERIALIZED, SET, Token, Writer};
use super::serialized::{Pickled, Serialized};
use crate::key::Key;
use crate::units;

/// What stock Dask's messages are made of. What was read is written again as the same bytes, but for 32-bit floats,
/// which stock never writes.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// Nothing: Python's `None`.
    Nil,
    /// True or false.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// A whole number beyond those of [`Int`](Self::Int).
    UInt(u64),
    /// A floating point number.
    Float(f64),
    /// Text.
    Str(Arc<str>),
    /// Bytes.
    Bytes(Bytes),
    /// A list or a tuple: who reads it gets a tuple.
    Tuple(Vec<Value>),
    /// A dictionary in its order. Keys can be any value but are not checked to be different: the last one counts.
    Map(Vec<(Value, Value)>),
    /// A set, in the order in which its members were written.
    Set(Vec<Value>),
    /// A member of an enumeration of Python.
    Enum(Arc<Enumerated>),
    /// A payload that its owner serialized.
    Serialized(Box<Serialized>),
    /// A payload that was pickled, because msgpack has no word for it.
    Pickled(Box<Pickled>),
}

/// A member of an enumeration of Python, by name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Enumerated {
    /// Its own name.
    pub name: Box<str>,
    /// The module of its class.
    pub module: Box<str>,
    /// Its class.
    pub class: Box<str>,
}

const ENUM: [&str; 4] = ["__Enum__", "name", "__module__", "__name__"];

impl Value {
    /// Reads a message.
    ///
    /// # Errors
    /// The frames are not one whole value within the limits.
    pub fn decode(frames: &Frames) -> Result<Self, DecodeError> {
        let mut reader = Reader::of(frames);
        let value = Self::read(&mut reader)?;
        reader.end()?;
        Ok(value)
    }

    /// Writes a message.
    pub fn encode(&self) -> Frames {
        let mut writer = Writer::default();
        self.write(&mut writer);
        writer.finish()
    }

    /// A map whose keys are text.
    pub fn map<const N: usize>(entries: [(&str, Self); N]) -> Self {
        Self::Map(entries.into_iter().map(|(name, value)| (name.into(), value)).collect())
    }

    /// The value of a key of a map.
    pub fn get(&self, name: &str) -> Option<&Self> {
        let Self::Map(entries) = self else { return None };
        entries.iter().rev().find(|(key, _)| key.as_str() == Some(name)).map(|(_, value)| value)
    }

    /// The key, if it can be one.
    pub fn to_key(&self) -> Option<Key> {
        Some(match self {
            Self::Str(text) => Key::Str(text.clone()),
            Self::Bool(value) => Key::Bool(*value),
            Self::Int(value) => Key::Int(*value),
            Self::UInt(value) => Key::UInt(*value),
            Self::Float(value) => Key::Float(*value),
            Self::Bytes(bytes) => Key::Bytes(bytes.as_ref().into()),
            Self::Tuple(values) => Key::Tuple(values.iter().map(Self::to_key).collect::<Option<_>>()?),
            _ => return None,
        })
    }

    /// The text, if it is text.
    pub fn as_str(&self) -> Option<&str> {
        if let Self::Str(text) = self { Some(text) } else { None }
    }

    /// The number, if it is one, as a float.
    #[allow(clippy::cast_precision_loss, reason = "Python does the same")]
    pub fn as_f64(&self) -> Option<f64> {
        match *self {
            Self::Int(value) => Some(value as f64),
            Self::UInt(value) => Some(value as f64),
            Self::Float(value) => Some(value),
            _ => None,
        }
    }

    /// The seconds that a number says, or text with a unit such as `2 minutes`; nothing if it says none.
    pub fn as_seconds(&self) -> Option<f64> {
        self.as_str().map_or_else(|| self.as_f64(), units::seconds)
    }

    fn from_token(token: Token<'_>, reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(match token {
            Token::Nil => Self::Nil,
            Token::Bool(value) => Self::Bool(value),
            Token::Int(value) => Self::Int(value),
            Token::UInt(value) => Self::UInt(value),
            Token::Float(value) => Self::Float(value),
            Token::Str(text) => Self::Str(text.into()),
            Token::Bin(bytes) => Self::Bytes(reader.share(bytes)),
            Token::Array(count) => Self::Tuple(reader.nested(|reader| values(reader, count))?),
            Token::Map(count) => return reader.nested(|reader| Self::marked(reader, count)),
        })
    }

    /// Reads a map, which may stand for something else.
    fn marked(reader: &mut Reader<'_>, count: usize) -> Result<Self, DecodeError> {
        // Only as many tokens are looked at ahead as a mark has: were values passed over here, and then read, the time
        // would grow with the depth.
        let start = *reader;
        if count > 0
            && let Token::Str(name) = reader.token()?
        {
            match (name, count) {
                (SERIALIZED, 1) => return Ok(Self::Serialized(Box::new(reader.serialized()?))),
                (PICKLED, 1) => return Ok(Self::Pickled(Box::new(reader.pickled()?))),
                _ if name == SET[0] && count == 2 => {
                    if reader.token()? == Token::Bool(true)
                        && reader.token()? == Token::Str(SET[1])
                        && let Token::Array(count) = reader.token()?
                    {
                        return values(reader, count).map(Self::Set);
                    }
                }
                _ if name == ENUM[0] && count == 4 => {
                    if let Some(member) = enumerated(reader)? {
                        return Ok(Self::Enum(Arc::new(member)));
                    }
                }
                _ => {}
            }
        }
        *reader = start;
        let mut entries = Vec::with_capacity(count.min(ROOM_MAX));
        for _ in 0..count {
            let key = Self::read(reader)?;
            if key.as_str().is_some_and(|name| matches!(name, SERIALIZED | PICKLED)) {
                return Err(reader.error(Problem::Reference(0)));
            }
            entries.push((key, Self::read(reader)?));
        }
        Ok(Self::Map(entries))
    }
}

fn values(reader: &mut Reader<'_>, count: usize) -> Result<Vec<Value>, DecodeError> {
    let mut values = Vec::with_capacity(count.min(ROOM_MAX));
    for _ in 0..count {
        values.push(Value::read(reader)?);
    }
    Ok(values)
}

fn enumerated(reader: &mut Reader<'_>) -> Result<Option<Enumerated>, DecodeError> {
    if reader.token()? != Token::Bool(true) {
        return Ok(None);
    }
    let mut names = [""; 3];
    for (name, place) in names.iter_mut().zip(&ENUM[1..]) {
        match (reader.token()?, reader.token()?) {
            (Token::Str(key), Token::Str(value)) if key == *place => *name = value,
            _ => return Ok(None),
        }
    }
    let [name, module, class] = names.map(Box::from);
    Ok(Some(Enumerated { name, module, class }))
}

impl Field for Value {
    fn read(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let token = reader.token()?;
        Self::from_token(token, reader)
    }

    fn write(&self, writer: &mut Writer) {
        match self {
            Self::Nil => writer.nil(),
            Self::Bool(value) => writer.bool(*value),
            Self::Int(value) => writer.int(*value),
            Self::UInt(value) => writer.uint(*value),
            Self::Float(value) => writer.float(*value),
            Self::Str(text) => writer.str(text),
            Self::Bytes(bytes) => writer.bin(bytes),
            Self::Tuple(values) => {
                writer.array(values.len());
                for value in values {
                    value.write(writer);
                }
            }
            Self::Map(entries) => {
                writer.map(entries.len());
                for (key, value) in entries {
                    key.write(writer);
                    value.write(writer);
                }
            }
            Self::Set(values) => {
                writer.set(values.len());
                for value in values {
                    value.write(writer);
                }
            }
            Self::Enum(member) => {
                writer.map(4);
                writer.str(ENUM[0]);
                writer.bool(true);
                for (key, name) in ENUM[1..].iter().zip([&member.name, &member.module, &member.class]) {
                    writer.str(key);
                    writer.str(name);
                }
            }
            Self::Serialized(serialized) => writer.serialized(serialized),
            Self::Pickled(pickled) => writer.pickled(pickled),
        }
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Str(text.into())
    }
}

impl From<Arc<str>> for Value {
    fn from(text: Arc<str>) -> Self {
        Self::Str(text)
    }
}

impl From<bool> for Value {
    fn from(value: bool) -> Self {
        Self::Bool(value)
    }
}

impl From<i64> for Value {
    fn from(value: i64) -> Self {
        Self::Int(value)
    }
}

/// Beyond the whole numbers of [`Value::Int`] it is one of [`Value::UInt`].
impl From<u64> for Value {
    fn from(value: u64) -> Self {
        i64::try_from(value).map_or(Self::UInt(value), Self::Int)
    }
}

impl From<f64> for Value {
    fn from(value: f64) -> Self {
        Self::Float(value)
    }
}

impl From<&Key> for Value {
    fn from(key: &Key) -> Self {
        match key {
            Key::Str(text) => Self::Str(text.clone()),
            Key::Bool(value) => Self::Bool(*value),
            Key::Int(value) => Self::Int(*value),
            Key::UInt(value) => Self::UInt(*value),
            Key::Float(value) => Self::Float(*value),
            Key::Bytes(bytes) => Self::Bytes(Bytes::copy_from_slice(bytes)),
            Key::Tuple(keys) => Self::Tuple(keys.iter().map(Self::from).collect()),
        }
    }
}

impl<T: Into<Self>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Nil, Into::into)
    }
}

impl<T: Into<Self>> From<Vec<T>> for Value {
    fn from(values: Vec<T>) -> Self {
        Self::Tuple(values.into_iter().map(Into::into).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(bytes: &[u8]) -> Frames {
        Frames { head: Bytes::copy_from_slice(bytes), rest: Vec::new() }
    }

    fn problem(frames: &Frames) -> Problem {
        Value::decode(frames).unwrap_err().problem()
    }

    #[test]
    fn numbers_and_lengths_take_as_few_bytes_as_they_fit() {
        let i32_min = i64::from(i32::MIN);
        for (value, bytes) in
            [(0, 1), (127, 1), (128, 2), (-32, 1), (-33, 2), (65536, 5), (i32_min, 5), (i32_min - 1, 9)]
        {
            let frames = Value::Int(value).encode();
            assert_eq!((frames.head.len(), Value::decode(&frames)), (bytes, Ok(Value::Int(value))));
        }
        assert_eq!(Value::decode(&Value::UInt(u64::MAX).encode()), Ok(Value::UInt(u64::MAX)));
    }

    #[test]
    fn payloads_get_new_numbers_and_are_not_copied() {
        let pickled = Value::Pickled(Box::new(Pickled::new(b"p", vec![Bytes::from_static(b"b"), Bytes::new()])));
        let serialized = Serialized::pickled(Bytes::from_static(b"s"), &[]);
        let pointer = serialized.frames[0].as_ptr();
        let serialized = Value::Serialized(Box::new(serialized));
        let message = Value::Tuple(vec![pickled.clone(), serialized.clone()]);
        let Ok(Value::Tuple(values)) = Value::decode(&message.encode()) else { panic!("not a tuple") };
        assert_eq!(values, [pickled.clone(), serialized.clone()]);
        let swapped = Value::Tuple(vec![values[1].clone(), values[0].clone()]);
        assert_eq!(Value::decode(&swapped.encode()), Ok(swapped.clone()));
        assert_eq!(swapped.encode().rest[1].as_ptr(), pointer);
    }

    #[test]
    fn a_frame_is_referred_to_once_and_must_be_there() {
        let payload = Value::Serialized(Box::new(Serialized::pickled(Bytes::from_static(b"s"), &[])));
        let mut frames = Value::Tuple(vec![payload.clone(), payload]).encode();
        let reference = |index| Problem::Reference(index);
        frames.rest.truncate(3);
        assert_eq!(problem(&frames), reference(3));
        frames.rest.truncate(2);
        assert_eq!(problem(&frames), reference(3));
        let twice = [b"\x92".as_slice(), &frames.head[1..18], &frames.head[1..18]].concat();
        assert_eq!(problem(&Frames { head: twice.into(), ..frames }), reference(1));
        for index in [b"\x00", b"\xff", b"\x02"] {
            let found = problem(&head(&[b"\x81\xae__Serialized__".as_slice(), index].concat()));
            assert!(matches!(found, Problem::Reference(_)));
        }
        assert!(matches!(problem(&head(b"\x82\x01\x02\xae__Serialized__\x01")), Problem::Reference(_)));
    }

    #[test]
    fn maps_that_only_look_marked_are_maps() {
        for bytes in
            [b"\x81\xa7__Set__\xc3".as_slice(), b"\x82\xa7__Set__\xc3\xa7as-list\x01", b"\x82\xa7__Set__\xc3\x01\x90"]
        {
            let value = Value::decode(&head(bytes)).unwrap();
            assert!(matches!(value, Value::Map(_)));
            assert_eq!(value.encode().head, bytes);
        }
    }

    #[test]
    fn deep_values_are_refused_and_those_that_are_accepted_need_little_stack() {
        let deep = |depth: usize| head(&[vec![0x91; depth], vec![0xc0]].concat());
        assert_eq!(problem(&deep(1_000_000)), Problem::Depth);
        let value = Value::decode(&deep(512)).unwrap();
        assert_eq!(value.encode(), deep(512));
        assert_eq!(problem(&deep(513)), Problem::Depth);
    }

    #[test]
    fn a_count_that_the_bytes_cannot_hold_costs_no_memory() {
        for bytes in
            [b"\xdd\xff\xff\xff\xff".as_slice(), b"\xdf\xff\xff\xff\xff\x01", b"\xdb\xff\xff\xff\xffabc", b"\x92\x01"]
        {
            assert_eq!(problem(&head(bytes)), Problem::Truncated);
        }
    }

    #[test]
    fn what_is_not_of_the_protocol_is_named() {
        assert_eq!(problem(&head(b"")), Problem::Truncated);
        assert_eq!(problem(&head(b"\xc1")), Problem::Marker(0xc1));
        assert_eq!(problem(&head(b"\xd4\x01\x02")), Problem::Marker(0xd4));
        assert_eq!(problem(&head(b"\xa1\xff")), Problem::Text);
        assert_eq!(problem(&head(b"\x01\x02")), Problem::Trailing);
    }

    #[test]
    fn seconds_are_a_number_or_text_with_a_unit() {
        assert_eq!((Value::from("1.5 min").as_seconds(), Value::Int(3).as_seconds()), (Some(90.0), Some(3.0)));
        assert_eq!((Value::from("10 parsecs").as_seconds(), Value::Nil.as_seconds()), (None, None));
    }

    #[test]
    fn a_value_is_small() {
        assert_eq!(size_of::<Value>(), 40);
    }
}
