//! Payloads: objects of Python that travel beside the message and are never opened here.

use std::sync::Arc;

use bytes::{BufMut, Bytes, BytesMut};

use super::error::{DecodeError, Problem};
use super::msgpack::{Reader, Token, Writer};

/// A value that its owner serialized: a sub-header, kept as the bytes that came, and the frames that it speaks of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Serialized {
    pub(super) header: Bytes,
    pub(super) frames: Vec<Bytes>,
}

/// A pickled object: a sub-header that holds the pickle, kept as the bytes that came, and its out-of-band buffers.
/// Stock parts unpickle it as soon as it arrives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pickled {
    pub(super) header: Bytes,
    pub(super) frames: Arc<[Bytes]>,
}

impl Serialized {
    /// What unpickles to the object of this pickle, with the buffers that stand beside it.
    pub fn pickled(pickle: Bytes, buffers: &[Bytes]) -> Self {
        let mut header = Writer::default();
        header.map(4);
        header.str("serializer");
        header.str("pickle");
        header.str("writeable");
        header.array(buffers.len());
        for _ in buffers {
            header.bool(false);
        }
        header.str("compression");
        uncompressed(&mut header, buffers.len() + 1);
        header.str(FRAMES);
        header.uint(buffers.len() as u64 + 1);
        let frames = std::iter::once(pickle).chain(buffers.iter().cloned()).collect();
        Self { header: header.finish().head, frames }
    }

    /// The sub-header: msgpack.
    pub fn header(&self) -> &Bytes {
        &self.header
    }

    /// The frames that the sub-header speaks of.
    pub fn frames(&self) -> &[Bytes] {
        &self.frames
    }

    /// The size of the frames.
    pub fn nbytes(&self) -> usize {
        self.frames.iter().map(Bytes::len).sum()
    }
}

impl Pickled {
    /// A pickle with the buffers that stand beside it. Copies the pickle, not the buffers.
    pub fn new(pickle: &[u8], buffers: Vec<Bytes>) -> Self {
        let mut header = Writer::with_capacity(pickle.len() + 64);
        write_header(&mut header, pickle, buffers.len());
        Self { header: Bytes::copy_from_slice(&header.finish().head), frames: buffers.into() }
    }

    /// Hands it over, and leaves nothing behind.
    #[must_use]
    pub fn take(&mut self) -> Self {
        std::mem::replace(self, Self { header: Bytes::new(), frames: Arc::default() })
    }

    /// The pickle itself.
    ///
    /// # Errors
    /// The sub-header holds none.
    pub fn pickle(&self) -> Result<Bytes, DecodeError> {
        let mut reader = Reader::new(&self.header, &[]);
        match find(&mut reader, PICKLE)? {
            Token::Bin(pickle) => Ok(self.header.slice_ref(pickle)),
            token => Err(reader.expected("a pickle", &token)),
        }
    }

    /// The sub-header: msgpack.
    pub fn header(&self) -> &Bytes {
        &self.header
    }

    /// The out-of-band buffers of the pickle, possibly compressed as the sub-header says.
    pub fn frames(&self) -> &[Bytes] {
        &self.frames
    }
}

/// Makes many pickled objects. A few dozens share one piece of memory, so that they take little beside what they say, and
/// one that lives long keeps few others.
#[derive(Debug, Default)]
pub struct PickledWriter {
    room: BytesMut,
    header: Writer,
}

/// Bytes of one piece of memory.
const ROOM_BYTES: usize = 1 << 12;

impl PickledWriter {
    /// A pickle with the buffers that stand beside it. Copies the pickle, not the buffers.
    pub fn pickled(&mut self, pickle: &[u8], buffers: Arc<[Bytes]>) -> Pickled {
        self.header.clear();
        write_header(&mut self.header, pickle, buffers.len());
        let header = self.header.head();
        if self.room.capacity() < header.len() {
            self.room = BytesMut::with_capacity(header.len().max(ROOM_BYTES));
        }
        self.room.put_slice(header);
        Pickled { header: self.room.split().freeze(), frames: buffers }
    }
}

const PICKLE: &str = "pickled-obj";
const FRAMES: &str = "num-sub-frames";

fn write_header(header: &mut Writer, pickle: &[u8], buffers: usize) {
    header.map(3);
    header.str(PICKLE);
    header.bin(pickle);
    header.str("compression");
    uncompressed(header, buffers);
    header.str(FRAMES);
    header.uint(buffers as u64);
}

/// How many frames a sub-header speaks of.
pub(super) fn frame_count(header: &Bytes) -> Result<u64, DecodeError> {
    let mut reader = Reader::new(header, &[]);
    match find(&mut reader, FRAMES)? {
        Token::Int(count) => u64::try_from(count).map_err(|_| reader.error(Problem::Range)),
        token => Err(reader.expected("a number of frames", &token)),
    }
}

/// The value of a key of the map that the reader stands before.
fn find<'a>(reader: &mut Reader<'a>, name: &str) -> Result<Token<'a>, DecodeError> {
    for _ in 0..reader.map()? {
        if reader.name()? == Some(name) {
            return reader.token();
        }
        reader.skip()?;
    }
    Err(reader.error(Problem::Missing).inside("sub-header", "num-sub-frames or pickled-obj"))
}

fn uncompressed(writer: &mut Writer, frames: usize) {
    writer.array(frames);
    (0..frames).for_each(|_| writer.nil());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pickle_is_found_in_its_header() {
        let pickled = Pickled::new(b"pickle", vec![Bytes::from_static(b"buffer")]);
        assert_eq!(pickled.pickle().unwrap(), b"pickle".as_slice());
        assert_eq!(frame_count(pickled.header()).unwrap(), 1);
    }

    #[test]
    fn many_are_written_as_each_alone() {
        let mut writer = PickledWriter::default();
        for size in [10, 3000, 1000, 100, 9000, 1] {
            let (pickle, buffers) = (vec![7; size], vec![Bytes::from_static(b"buffer"); size % 3]);
            assert_eq!(writer.pickled(&pickle, buffers.clone().into()), Pickled::new(&pickle, buffers));
        }
    }

    #[test]
    fn a_header_without_a_count_is_an_error() {
        for header in [b"".as_slice(), b"\x80", b"\x81\xaenum-sub-frames\xff", b"\x81\xaenum-sub-frames", b"\x05"] {
            assert!(frame_count(&Bytes::from_static(header)).is_err());
        }
    }
}
