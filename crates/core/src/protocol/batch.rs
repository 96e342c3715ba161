//! Batches: what a stream carries. A message of a stream is a list of operations, or a lone one.

use std::marker::PhantomData;

use super::error::DecodeError;
use super::frame::Frames;
use super::msgpack::{LENGTH_BYTES_MAX, Reader, Token, Writer};
use super::record::Operation;

/// The operations of one message, read one by one. The first that cannot be read ends it.
#[derive(Clone, Debug)]
pub struct Batch<'a, T> {
    reader: Reader<'a>,
    left: usize,
    of: PhantomData<T>,
}

impl<'a, T: Operation> Batch<'a, T> {
    /// The operations of a message.
    ///
    /// # Errors
    /// It is neither a list nor a map.
    pub fn new(frames: &'a Frames) -> Result<Self, DecodeError> {
        let lone = Reader::of(frames);
        let mut reader = lone;
        match reader.token()? {
            Token::Array(left) => Ok(Self { reader, left, of: PhantomData }),
            Token::Map(_) => Ok(Self { reader: lone, left: 1, of: PhantomData }),
            token => Err(reader.expected("a list of operations", &token)),
        }
    }
}

impl<T: Operation> Iterator for Batch<'_, T> {
    type Item = Result<T, DecodeError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.left = self.left.checked_sub(1)?;
        let operation = T::read(&mut self.reader).and_then(|operation| match self.left {
            0 => self.reader.end().map(|()| operation),
            _ => Ok(operation),
        });
        if operation.is_err() {
            self.left = 0;
        }
        Some(operation)
    }
}

/// Bytes that there is room for at first: most messages of the protocol are shorter.
const ROOM_BYTES: usize = 1024;

/// Collects operations into one message.
#[derive(Clone, Debug, Default)]
pub struct BatchWriter {
    /// Nothing until there is something to say.
    writer: Option<Writer>,
    count: usize,
}

impl BatchWriter {
    /// Adds an operation.
    pub fn push<T: Operation>(&mut self, operation: &T) {
        operation.write(self.writer.get_or_insert_with(|| Writer::with_room(ROOM_BYTES)));
        self.count += 1;
    }

    /// How many operations have been added.
    pub fn len(&self) -> usize {
        self.count
    }

    /// Whether there is nothing to send.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// How many bytes the message will have, payloads included.
    pub fn nbytes(&self) -> usize {
        self.writer.as_ref().map_or(0, |writer| writer.nbytes() - LENGTH_BYTES_MAX)
    }

    /// The message: a list even of one operation, for a stock client wants the first so.
    pub fn finish(self) -> Frames {
        self.writer.unwrap_or_else(|| Writer::with_room(ROOM_BYTES)).finish_array(self.count)
    }
}
