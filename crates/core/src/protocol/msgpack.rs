//! Msgpack, as the protocol uses it: a reader that hands out one token after another, and a writer.
//!
//! There are no extension types. Maps of one marked key stand for what msgpack lacks: see [`Value`](super::value::Value).

use std::fmt::Debug;

use bytes::Bytes;
use rmp::Marker;
use rmp::decode::{Bytes as Input, RmpRead};
use rmp::encode::{self, ByteBuf};

use super::error::{DecodeError, Problem};
use super::frame::Frames;
use super::limits::DEPTH_MAX;
use super::serialized::{Pickled, Serialized, frame_count};

/// The key of a map that refers to serialized frames.
pub(super) const SERIALIZED: &str = "__Serialized__";
/// The key of a map that refers to a pickle.
pub(super) const PICKLED: &str = "__Pickled__";
/// The first key of a map that is a set, and the key of its members.
pub(super) const SET: [&str; 2] = ["__Set__", "as-list"];

/// Bytes that the length of an array takes, at most.
pub(super) const LENGTH_BYTES_MAX: usize = 1 + size_of::<u32>();

type Result<T> = std::result::Result<T, DecodeError>;

/// The smallest piece of a message.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Token<'a> {
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
    Str(&'a str),
    /// Bytes.
    Bin(&'a [u8]),
    /// So many values follow. There are at least as many bytes.
    Array(usize),
    /// So many pairs of values follow. There are at least twice as many bytes.
    Map(usize),
}

/// Reads the values of one message. A copy of it looks ahead.
#[derive(Clone, Copy, Debug)]
pub struct Reader<'a> {
    input: Input<'a>,
    source: &'a Bytes,
    frames: &'a [Bytes],
    /// The last frame that was referred to. A message refers to each but once, in their order: so are they written, and
    /// so a short message cannot make many values of few frames.
    claimed: usize,
    depth: usize,
}

impl<'a> Reader<'a> {
    /// A reader of frame 0, which refers to the other frames.
    pub fn new(source: &'a Bytes, frames: &'a [Bytes]) -> Self {
        Self { input: Input::new(source), source, frames, claimed: 0, depth: 0 }
    }

    /// A reader of a message.
    pub fn of(frames: &'a Frames) -> Self {
        Self::new(&frames.head, &frames.rest)
    }

    /// The next token.
    ///
    /// # Errors
    /// The bytes end, or are not of the protocol.
    #[inline]
    pub fn token(&mut self) -> Result<Token<'a>> {
        if let Some(text) = self.short_text().and_then(|text| std::str::from_utf8(text).ok()) {
            self.take_short_text(text.len());
            return Ok(Token::Str(text));
        }
        let start = self.input;
        self.read().map_err(|problem| {
            self.input = start;
            self.error(problem)
        })
    }

    #[inline]
    fn read(&mut self) -> std::result::Result<Token<'a>, Problem> {
        let marker = Marker::from_u8(self.input.read_u8().map_err(|_| Problem::Truncated)?);
        Ok(match marker {
            Marker::Null => Token::Nil,
            Marker::False => Token::Bool(false),
            Marker::True => Token::Bool(true),
            Marker::FixPos(value) => Token::Int(value.into()),
            Marker::FixNeg(value) => Token::Int(value.into()),
            Marker::U8 => Token::Int(u8::from_be_bytes(self.number()?).into()),
            Marker::U16 => Token::Int(u16::from_be_bytes(self.number()?).into()),
            Marker::U32 => Token::Int(u32::from_be_bytes(self.number()?).into()),
            Marker::U64 => {
                let value = u64::from_be_bytes(self.number()?);
                i64::try_from(value).map_or(Token::UInt(value), Token::Int)
            }
            Marker::I8 => Token::Int(i8::from_be_bytes(self.number()?).into()),
            Marker::I16 => Token::Int(i16::from_be_bytes(self.number()?).into()),
            Marker::I32 => Token::Int(i32::from_be_bytes(self.number()?).into()),
            Marker::I64 => Token::Int(i64::from_be_bytes(self.number()?)),
            Marker::F32 => Token::Float(f32::from_be_bytes(self.number()?).into()),
            Marker::F64 => Token::Float(f64::from_be_bytes(self.number()?)),
            Marker::FixStr(length) => Token::Str(self.text(length.into())?),
            Marker::Str8 => self.length::<1>().and_then(|length| self.text(length)).map(Token::Str)?,
            Marker::Str16 => self.length::<2>().and_then(|length| self.text(length)).map(Token::Str)?,
            Marker::Str32 => self.length::<4>().and_then(|length| self.text(length)).map(Token::Str)?,
            Marker::Bin8 => self.length::<1>().and_then(|length| self.take(length)).map(Token::Bin)?,
            Marker::Bin16 => self.length::<2>().and_then(|length| self.take(length)).map(Token::Bin)?,
            Marker::Bin32 => self.length::<4>().and_then(|length| self.take(length)).map(Token::Bin)?,
            Marker::FixArray(count) => Token::Array(self.count(count.into(), 1)?),
            Marker::Array16 => self.length::<2>().and_then(|count| self.count(count, 1)).map(Token::Array)?,
            Marker::Array32 => self.length::<4>().and_then(|count| self.count(count, 1)).map(Token::Array)?,
            Marker::FixMap(count) => Token::Map(self.count(count.into(), 2)?),
            Marker::Map16 => self.length::<2>().and_then(|count| self.count(count, 2)).map(Token::Map)?,
            Marker::Map32 => self.length::<4>().and_then(|count| self.count(count, 2)).map(Token::Map)?,
            other => return Err(Problem::Marker(other.to_u8())),
        })
    }

    /// Passes over the next value, however deep, without looking into it.
    ///
    /// # Errors
    /// As [`token`](Self::token).
    pub fn skip(&mut self) -> Result<()> {
        let mut values = 1_usize;
        while values > 0 {
            values -= 1;
            match self.token()? {
                Token::Array(count) => values += count,
                Token::Map(count) => values += 2 * count,
                _ => {}
            }
        }
        Ok(())
    }

    /// Enters a map and says how many pairs it has.
    ///
    /// # Errors
    /// Something else is next.
    #[inline]
    pub fn map(&mut self) -> Result<usize> {
        match self.token()? {
            Token::Map(count) => Ok(count),
            token => Err(self.expected("a map", &token)),
        }
    }

    /// Enters an array, or a set, which is a map around an array, and says how many values it has.
    ///
    /// # Errors
    /// Something else is next.
    pub fn sequence(&mut self) -> Result<usize> {
        match self.token()? {
            Token::Array(count) => Ok(count),
            Token::Map(2) if self.name()? == Some(SET[0]) => {
                self.skip()?;
                match (self.name()?, self.token()?) {
                    (Some(name), Token::Array(count)) if name == SET[1] => Ok(count),
                    (_, token) => Err(self.expected("the members of a set", &token)),
                }
            }
            token => Err(self.expected("an array", &token)),
        }
    }

    /// The next value if it is text; any other is passed over.
    ///
    /// # Errors
    /// As [`token`](Self::token).
    #[inline]
    pub fn name(&mut self) -> Result<Option<&'a str>> {
        let before = *self;
        match self.token()? {
            Token::Str(name) => Ok(Some(name)),
            Token::Array(_) | Token::Map(_) => {
                *self = before;
                self.skip().map(|()| None)
            }
            _ => Ok(None),
        }
    }

    /// The name of the next field, whose value follows: the bytes of the next value if it is text. Any other is passed
    /// over. Whether they are text is seen to by [`pass_field`](Self::pass_field), if nobody knows the name.
    ///
    /// # Errors
    /// As [`token`](Self::token).
    #[inline]
    pub fn field_name(&mut self) -> Result<Option<&'a [u8]>> {
        if let Some(name) = self.short_text() {
            self.take_short_text(name.len());
            return Ok(Some(name));
        }
        self.name().map(|name| name.map(str::as_bytes))
    }

    /// Passes over the value of a field of this name.
    ///
    /// # Errors
    /// The name is not text, or as [`token`](Self::token).
    pub fn pass_field(&mut self, name: Option<&[u8]>) -> Result<()> {
        if name.is_some_and(|name| std::str::from_utf8(name).is_err()) {
            return Err(self.error(Problem::Text));
        }
        self.skip()
    }

    /// The next value if it is text of less than 32 bytes, as most of messages is.
    #[inline]
    fn short_text(&self) -> Option<&'a [u8]> {
        match self.input.remaining_slice() {
            [length @ 0xa0..=0xbf, rest @ ..] => rest.get(..usize::from(length & 0x1f)),
            _ => None,
        }
    }

    /// Passes over short text of so many bytes, which is known to be there.
    #[inline]
    fn take_short_text(&mut self, length: usize) {
        self.input = Input::new(&self.input.remaining_slice()[1 + length..]);
    }

    /// Reads what is one step deeper.
    ///
    /// # Errors
    /// That is too deep, or `read` fails.
    #[inline]
    pub fn nested<T>(&mut self, read: impl FnOnce(&mut Self) -> Result<T>) -> Result<T> {
        if self.depth == DEPTH_MAX {
            return Err(self.error(Problem::Depth));
        }
        self.depth += 1;
        let value = read(self);
        self.depth -= 1;
        value
    }

    /// Bytes of a token as a part of the frame: not copied.
    #[inline]
    pub fn share(&self, bytes: &'a [u8]) -> Bytes {
        self.source.slice_ref(bytes)
    }

    /// The serialized value that a map of the marked key refers to.
    ///
    /// # Errors
    /// There are no such frames, or they were referred to before.
    pub fn serialized(&mut self) -> Result<Serialized> {
        self.reference().map(|(header, frames)| Serialized { header, frames: frames.to_vec() })
    }

    /// The pickle that a map of the marked key refers to.
    ///
    /// # Errors
    /// There are no such frames, or they were referred to before.
    pub fn pickled(&mut self) -> Result<Pickled> {
        self.reference().map(|(header, frames)| Pickled { header, frames: frames.into() })
    }

    fn reference(&mut self) -> Result<(Bytes, &'a [Bytes])> {
        let token = self.token()?;
        let Token::Int(index) = token else { return Err(self.expected("the index of a frame", &token)) };
        let start = usize::try_from(index).ok().filter(|&start| start > self.claimed);
        let Some((start, header)) = start.and_then(|start| Some((start, self.frames.get(start - 1)?))) else {
            return Err(self.error(Problem::Reference(index.cast_unsigned())));
        };
        let count = usize::try_from(frame_count(header)?).ok();
        let Some(frames) = count.and_then(|count| self.frames.get(start..start.checked_add(count)?)) else {
            return Err(self.error(Problem::Reference(index.cast_unsigned())));
        };
        self.claimed = start + frames.len();
        Ok((header.clone(), frames))
    }

    /// Demands that nothing follows.
    ///
    /// # Errors
    /// Something does.
    pub fn end(&self) -> Result<()> {
        if self.input.remaining_slice().is_empty() { Ok(()) } else { Err(self.error(Problem::Trailing)) }
    }

    /// An error at the present place.
    #[cold]
    pub fn error(&self, problem: Problem) -> DecodeError {
        DecodeError::new(problem, self.source.len() - self.input.remaining_slice().len())
    }

    /// The error of another token than was expected.
    #[cold]
    pub fn expected(&self, expected: &'static str, found: &Token<'_>) -> DecodeError {
        self.error(Problem::Kind { expected, found: found.kind() })
    }

    #[inline]
    fn number<const N: usize>(&mut self) -> std::result::Result<[u8; N], Problem> {
        let mut bytes = [0; N];
        self.input.read_exact_buf(&mut bytes).map_err(|_| Problem::Truncated)?;
        Ok(bytes)
    }

    #[inline]
    fn length<const N: usize>(&mut self) -> std::result::Result<usize, Problem> {
        Ok(self.number::<N>()?.iter().fold(0, |length, &byte| length << 8 | usize::from(byte)))
    }

    #[inline]
    fn take(&mut self, length: usize) -> std::result::Result<&'a [u8], Problem> {
        let (taken, rest) = self.input.remaining_slice().split_at_checked(length).ok_or(Problem::Truncated)?;
        self.input = Input::new(rest);
        Ok(taken)
    }

    #[inline]
    fn text(&mut self, length: usize) -> std::result::Result<&'a str, Problem> {
        std::str::from_utf8(self.take(length)?).map_err(|_| Problem::Text)
    }

    /// A count of values that the bytes can hold.
    #[inline]
    fn count(&self, count: usize, each: usize) -> std::result::Result<usize, Problem> {
        let possible = count.checked_mul(each).is_some_and(|bytes| bytes <= self.input.remaining_slice().len());
        if possible { Ok(count) } else { Err(Problem::Truncated) }
    }
}

impl Token<'_> {
    /// What it is, for people.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Nil => "nothing",
            Self::Bool(_) => "a boolean",
            Self::Int(_) | Self::UInt(_) => "an integer",
            Self::Float(_) => "a float",
            Self::Str(_) => "text",
            Self::Bin(_) => "bytes",
            Self::Array(_) => "an array",
            Self::Map(_) => "a map",
        }
    }
}

/// Writes the values of one message: msgpack into frame 0, payloads into the other frames, each number and length in as
/// few bytes as it fits, as stock Dask does.
#[derive(Clone, Debug, Default)]
pub struct Writer {
    head: ByteBuf,
    frames: Vec<Bytes>,
    /// Bytes of all frames.
    frame_bytes: usize,
}

impl Writer {
    /// A writer with room for so many bytes of frame 0.
    pub fn with_capacity(bytes: usize) -> Self {
        Self { head: ByteBuf::with_capacity(bytes), ..Self::default() }
    }

    /// A writer of the elements of an array, with room for so many bytes, and for the length of the array before them.
    pub fn with_room(bytes: usize) -> Self {
        let mut head = Vec::with_capacity(bytes);
        head.resize(LENGTH_BYTES_MAX, 0);
        Self { head: ByteBuf::from_vec(head), ..Self::default() }
    }

    /// Writes nothing: Python's `None`.
    pub fn nil(&mut self) {
        let Ok(()) = encode::write_nil(&mut self.head);
    }

    /// Writes true or false.
    pub fn bool(&mut self, value: bool) {
        let Ok(()) = encode::write_bool(&mut self.head, value);
    }

    /// Writes a whole number.
    pub fn int(&mut self, value: i64) {
        in_memory(encode::write_sint(&mut self.head, value));
    }

    /// Writes a whole number that is not negative.
    pub fn uint(&mut self, value: u64) {
        in_memory(encode::write_uint(&mut self.head, value));
    }

    /// Writes a floating point number.
    pub fn float(&mut self, value: f64) {
        in_memory(encode::write_f64(&mut self.head, value));
    }

    /// Writes text.
    pub fn str(&mut self, text: &str) {
        in_memory(encode::write_str_len(&mut self.head, length(text.len())));
        self.head.as_mut_vec().extend_from_slice(text.as_bytes());
    }

    /// Writes bytes, which are copied. Large ones belong into a frame.
    pub fn bin(&mut self, bytes: &[u8]) {
        in_memory(encode::write_bin_len(&mut self.head, length(bytes.len())));
        self.head.as_mut_vec().extend_from_slice(bytes);
    }

    /// Announces an array: so many values must follow.
    pub fn array(&mut self, count: usize) {
        in_memory(encode::write_array_len(&mut self.head, length(count)));
    }

    /// Announces a map: so many pairs of values must follow.
    pub fn map(&mut self, count: usize) {
        in_memory(encode::write_map_len(&mut self.head, length(count)));
    }

    /// Announces a set: so many values must follow.
    pub fn set(&mut self, count: usize) {
        self.map(2);
        self.str(SET[0]);
        self.bool(true);
        self.str(SET[1]);
        self.array(count);
    }

    /// Refers to a serialized value, whose frames are appended under their new numbers.
    pub fn serialized(&mut self, serialized: &Serialized) {
        self.reference(SERIALIZED, &serialized.header, &serialized.frames);
    }

    /// Refers to a pickle, whose frames are appended under their new numbers.
    pub fn pickled(&mut self, pickled: &Pickled) {
        self.reference(PICKLED, &pickled.header, &pickled.frames);
    }

    fn reference(&mut self, name: &str, header: &Bytes, frames: &[Bytes]) {
        self.map(1);
        self.str(name);
        self.uint(self.frames.len() as u64 + 1);
        self.frame_bytes += header.len() + frames.iter().map(Bytes::len).sum::<usize>();
        self.frames.push(header.clone());
        self.frames.extend_from_slice(frames);
    }

    /// What has been written into frame 0.
    pub fn head(&self) -> &[u8] {
        self.head.as_slice()
    }

    /// Forgets what has been written, and keeps the room.
    pub fn clear(&mut self) {
        self.head.as_mut_vec().clear();
        self.frames.clear();
        self.frame_bytes = 0;
    }

    /// How many bytes have been written, payloads included.
    pub fn nbytes(&self) -> usize {
        self.head.as_slice().len() + self.frame_bytes
    }

    /// The message, if all that was written are the elements of an array, behind [`room`](Self::with_room) for its length.
    pub fn finish_array(self, count: usize) -> Frames {
        let mut announced = Self::with_capacity(LENGTH_BYTES_MAX);
        announced.array(count);
        let (length, mut head) = (announced.head.into_vec(), self.head.into_vec());
        let start = LENGTH_BYTES_MAX - length.len();
        head[start..LENGTH_BYTES_MAX].copy_from_slice(&length);
        Frames { head: Bytes::from(head).slice(start..), rest: self.frames }
    }

    /// The message.
    pub fn finish(self) -> Frames {
        Frames { head: self.head.into_vec().into(), rest: self.frames }
    }
}

fn in_memory<T, E: Debug>(written: std::result::Result<T, E>) {
    written.expect("writing into memory cannot fail");
}

/// A length as msgpack can say it.
fn length(length: usize) -> u32 {
    u32::try_from(length).expect("what is larger than 4 GiB travels in frames")
}
