//! Fields: how the types that messages are made of are read and written.

use std::sync::{Arc, LazyLock};

use bytes::Bytes;

use super::error::{DecodeError, Problem};
use super::frame::Frames;
use super::limits::ROOM_MAX;
use super::msgpack::{PICKLED, Reader, SERIALIZED, Token, Writer};
use super::serialized::{Pickled, Serialized};
use crate::key::Key;

type Result<T> = std::result::Result<T, DecodeError>;

/// Text of a message. Cheap to clone.
pub type Text = Arc<str>;

/// Words that nearly every message of a worker says.
static WORDS: LazyLock<[Text; 4]> = LazyLock::new(|| ["OK", "compute", "int", "transfer"].map(Text::from));
/// None of them is longer.
const WORD_BYTES_MAX: usize = 8;

/// The text in memory of its own, or in that of others who say the same.
fn owned(text: &str) -> Text {
    let word = (text.len() <= WORD_BYTES_MAX).then(|| WORDS.iter().find(|word| ***word == *text)).flatten();
    word.cloned().unwrap_or_else(|| text.into())
}

/// Something that a message, or a part of one, consists of.
pub trait Field: Sized {
    /// Reads it.
    ///
    /// # Errors
    /// The message says something else.
    fn read(reader: &mut Reader<'_>) -> Result<Self>;

    /// Writes it.
    fn write(&self, writer: &mut Writer);

    /// What a message means that does not name the field; `None` if it must.
    fn absent() -> Option<Self> {
        None
    }

    /// Whether a message leaves the field out.
    fn is_absent(&self) -> bool {
        false
    }
}

/// Reads a message that is one value.
///
/// # Errors
/// The frames say something else.
pub fn decode<T: Field>(frames: &Frames) -> Result<T> {
    let mut reader = Reader::of(frames);
    let value = T::read(&mut reader)?;
    reader.end()?;
    Ok(value)
}

/// Writes a message that is one value.
pub fn encode<T: Field>(value: &T) -> Frames {
    let mut writer = Writer::with_capacity(256);
    value.write(&mut writer);
    writer.finish()
}

impl Field for bool {
    fn read(reader: &mut Reader<'_>) -> Result<Self> {
        match reader.token()? {
            Token::Bool(value) => Ok(value),
            token => Err(reader.expected("a boolean", &token)),
        }
    }

    fn write(&self, writer: &mut Writer) {
        writer.bool(*self);
    }
}

impl Field for i64 {
    #[inline]
    fn read(reader: &mut Reader<'_>) -> Result<Self> {
        match reader.token()? {
            Token::Int(value) => Ok(value),
            Token::UInt(_) => Err(reader.error(Problem::Range)),
            token => Err(reader.expected("an integer", &token)),
        }
    }

    #[inline]
    fn write(&self, writer: &mut Writer) {
        writer.int(*self);
    }
}

/// A size may come as a float, or negative from a broken `__sizeof__`: then it is the nearest size.
impl Field for u64 {
    #[inline]
    fn read(reader: &mut Reader<'_>) -> Result<Self> {
        match reader.token()? {
            Token::Int(value) => Ok(value.try_into().unwrap_or(0)),
            Token::UInt(value) => Ok(value),
            #[expect(clippy::cast_sign_loss, reason = "the cast saturates, which is the nearest")]
            Token::Float(value) => Ok(value as Self),
            token => Err(reader.expected("an integer", &token)),
        }
    }

    #[inline]
    fn write(&self, writer: &mut Writer) {
        writer.uint(*self);
    }
}

impl Field for u32 {
    fn read(reader: &mut Reader<'_>) -> Result<Self> {
        let start = *reader;
        u64::read(reader)?.try_into().map_err(|_| start.error(Problem::Range))
    }

    fn write(&self, writer: &mut Writer) {
        writer.uint((*self).into());
    }
}

impl Field for usize {
    fn read(reader: &mut Reader<'_>) -> Result<Self> {
        let start = *reader;
        u64::read(reader)?.try_into().map_err(|_| start.error(Problem::Range))
    }

    fn write(&self, writer: &mut Writer) {
        writer.uint(*self as u64);
    }
}

/// A number beyond 2^53 becomes the nearest float, as in Python.
#[allow(clippy::cast_precision_loss, reason = "Python does the same")]
impl Field for f64 {
    #[inline]
    fn read(reader: &mut Reader<'_>) -> Result<Self> {
        match reader.token()? {
            Token::Float(value) => Ok(value),
            Token::Int(value) => Ok(value as Self),
            Token::UInt(value) => Ok(value as Self),
            token => Err(reader.expected("a number", &token)),
        }
    }

    #[inline]
    fn write(&self, writer: &mut Writer) {
        writer.float(*self);
    }
}

impl Field for Text {
    #[inline]
    fn read(reader: &mut Reader<'_>) -> Result<Self> {
        match reader.token()? {
            Token::Str(text) => Ok(owned(text)),
            token => Err(reader.expected("text", &token)),
        }
    }

    #[inline]
    fn write(&self, writer: &mut Writer) {
        writer.str(self);
    }
}

impl Field for Bytes {
    #[inline]
    fn read(reader: &mut Reader<'_>) -> Result<Self> {
        match reader.token()? {
            Token::Bin(bytes) => Ok(reader.share(bytes)),
            token => Err(reader.expected("bytes", &token)),
        }
    }

    #[inline]
    fn write(&self, writer: &mut Writer) {
        writer.bin(self);
    }
}

impl Field for Key {
    #[inline]
    fn read(reader: &mut Reader<'_>) -> Result<Self> {
        Ok(match reader.token()? {
            Token::Str(text) => Self::Str(text.into()),
            Token::Int(value) => Self::Int(value),
            Token::UInt(value) => Self::UInt(value),
            Token::Bool(value) => Self::Bool(value),
            Token::Float(value) => Self::Float(value),
            Token::Bin(bytes) => Self::Bytes(bytes.into()),
            Token::Array(count) => Self::Tuple(reader.nested(|reader| parts(reader, count))?.into()),
            token @ (Token::Nil | Token::Map(_)) => return Err(reader.expected("a key", &token)),
        })
    }

    #[inline]
    fn write(&self, writer: &mut Writer) {
        match self {
            Self::Str(text) => writer.str(text),
            Self::Int(value) => writer.int(*value),
            Self::UInt(value) => writer.uint(*value),
            Self::Bool(value) => writer.bool(*value),
            Self::Float(value) => writer.float(*value),
            Self::Bytes(bytes) => writer.bin(bytes),
            Self::Tuple(keys) => {
                writer.array(keys.len());
                keys.iter().for_each(|key| key.write(writer));
            }
        }
    }
}

/// A number that stays what it was, whole or not.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Number {
    /// A whole number.
    Int(i64),
    /// A floating point number.
    Float(f64),
}

impl Field for Number {
    #[inline]
    fn read(reader: &mut Reader<'_>) -> Result<Self> {
        match reader.token()? {
            Token::Int(value) => Ok(Self::Int(value)),
            #[expect(clippy::cast_precision_loss, reason = "a priority or an amount this large is a mistake")]
            Token::UInt(value) => Ok(Self::Float(value as f64)),
            Token::Float(value) => Ok(Self::Float(value)),
            token => Err(reader.expected("a number", &token)),
        }
    }

    #[inline]
    fn write(&self, writer: &mut Writer) {
        match *self {
            Self::Int(value) => writer.int(value),
            Self::Float(value) => writer.float(value),
        }
    }
}

/// Nothing is written as nothing. A message that does not name the field says nothing, too.
impl<T: Field> Field for Option<T> {
    #[inline]
    fn read(reader: &mut Reader<'_>) -> Result<Self> {
        let mut ahead = *reader;
        if ahead.token()? == Token::Nil {
            *reader = ahead;
            return Ok(None);
        }
        T::read(reader).map(Some)
    }

    #[inline]
    fn write(&self, writer: &mut Writer) {
        match self {
            Some(value) => value.write(writer),
            None => writer.nil(),
        }
    }

    fn absent() -> Option<Self> {
        Some(None)
    }
}

/// A field that a message leaves out when there is nothing to say.
#[derive(Clone, Debug, PartialEq)]
pub struct Optional<T>(pub Option<T>);

impl<T> Default for Optional<T> {
    fn default() -> Self {
        Self(None)
    }
}

impl<T: Field> Field for Optional<T> {
    fn read(reader: &mut Reader<'_>) -> Result<Self> {
        Option::read(reader).map(Self)
    }

    fn write(&self, writer: &mut Writer) {
        self.0.write(writer);
    }

    fn absent() -> Option<Self> {
        Some(Self(None))
    }

    fn is_absent(&self) -> bool {
        self.0.is_none()
    }
}

/// A field that a message may leave out, where to say nothing is to say something, too.
#[derive(Clone, Debug, PartialEq)]
pub struct Given<T>(pub Option<T>);

impl<T: Field> Field for Given<T> {
    fn read(reader: &mut Reader<'_>) -> Result<Self> {
        T::read(reader).map(|value| Self(Some(value)))
    }

    fn write(&self, writer: &mut Writer) {
        self.0.write(writer);
    }

    fn absent() -> Option<Self> {
        Some(Self(None))
    }

    fn is_absent(&self) -> bool {
        self.0.is_none()
    }
}

/// Written as an array; a set is read as well.
impl<T: Field> Field for Vec<T> {
    fn read(reader: &mut Reader<'_>) -> Result<Self> {
        reader.nested(|reader| {
            let count = reader.sequence()?;
            parts(reader, count)
        })
    }

    fn write(&self, writer: &mut Writer) {
        writer.array(self.len());
        for value in self {
            value.write(writer);
        }
    }
}

/// Written as an array of just so many values.
impl<T: Field, const N: usize> Field for [T; N] {
    fn read(reader: &mut Reader<'_>) -> Result<Self> {
        let start = *reader;
        let values: Vec<T> = Vec::read(reader)?;
        values.try_into().map_err(|_| start.error(Problem::Range))
    }

    fn write(&self, writer: &mut Writer) {
        writer.array(N);
        for value in self {
            value.write(writer);
        }
    }
}

impl<T: Field> Field for Arc<T> {
    fn read(reader: &mut Reader<'_>) -> Result<Self> {
        T::read(reader).map(Self::new)
    }

    fn write(&self, writer: &mut Writer) {
        (**self).write(writer);
    }
}

impl<A: Field, B: Field> Field for (A, B) {
    fn read(reader: &mut Reader<'_>) -> Result<Self> {
        reader.nested(|reader| match reader.sequence()? {
            2 => Ok((A::read(reader)?, B::read(reader)?)),
            _ => Err(reader.error(Problem::Range)),
        })
    }

    fn write(&self, writer: &mut Writer) {
        writer.array(2);
        self.0.write(writer);
        self.1.write(writer);
    }
}

impl<A: Field, B: Field, C: Field> Field for (A, B, C) {
    fn read(reader: &mut Reader<'_>) -> Result<Self> {
        reader.nested(|reader| match reader.sequence()? {
            3 => Ok((A::read(reader)?, B::read(reader)?, C::read(reader)?)),
            _ => Err(reader.error(Problem::Range)),
        })
    }

    fn write(&self, writer: &mut Writer) {
        writer.array(3);
        self.0.write(writer);
        self.1.write(writer);
        self.2.write(writer);
    }
}

/// Values that are written as a set; an array is read as well.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Set<T>(pub Vec<T>);

impl<T: Field> Field for Set<T> {
    fn read(reader: &mut Reader<'_>) -> Result<Self> {
        Vec::read(reader).map(Self)
    }

    fn write(&self, writer: &mut Writer) {
        writer.set(self.0.len());
        for value in &self.0 {
            value.write(writer);
        }
    }
}

/// A dictionary in its order.
#[derive(Clone, Debug, PartialEq)]
pub struct Map<K, V>(pub Vec<(K, V)>);

impl<K, V> Default for Map<K, V> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<K: Field, V: Field> Field for Map<K, V> {
    fn read(reader: &mut Reader<'_>) -> Result<Self> {
        reader.nested(|reader| {
            let count = reader.map()?;
            let mut entries = Vec::with_capacity(count.min(ROOM_MAX));
            for _ in 0..count {
                entries.push((K::read(reader)?, V::read(reader)?));
            }
            Ok(Self(entries))
        })
    }

    fn write(&self, writer: &mut Writer) {
        writer.map(self.0.len());
        for (key, value) in &self.0 {
            key.write(writer);
            value.write(writer);
        }
    }
}

fn parts<T: Field>(reader: &mut Reader<'_>, count: usize) -> Result<Vec<T>> {
    let mut parts = Vec::with_capacity(count.min(ROOM_MAX));
    for _ in 0..count {
        parts.push(T::read(reader)?);
    }
    Ok(parts)
}

impl Field for Serialized {
    fn read(reader: &mut Reader<'_>) -> Result<Self> {
        match reader.token()? {
            Token::Map(1) if reader.name()? == Some(SERIALIZED) => reader.serialized(),
            token => Err(reader.expected("serialized frames", &token)),
        }
    }

    fn write(&self, writer: &mut Writer) {
        writer.serialized(self);
    }
}

impl Field for Pickled {
    fn read(reader: &mut Reader<'_>) -> Result<Self> {
        match reader.token()? {
            Token::Map(1) if reader.name()? == Some(PICKLED) => reader.pickled(),
            token => Err(reader.expected("a pickle", &token)),
        }
    }

    fn write(&self, writer: &mut Writer) {
        writer.pickled(self);
    }
}
