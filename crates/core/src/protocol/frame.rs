//! Frames: how a message lies in a stream of bytes.
//!
//! ```text
//! u64  first    bytes that stock parts read in one go: the lengths and the first frames
//! u64  n        how many frames
//! u64  × n      their lengths
//! …             the frames, one after another
//! ```
//! All numbers are little-endian. Frame 0 is the message in msgpack; it refers to the others by their index.

use bytes::{BufMut, Bytes, BytesMut};

use super::error::FrameError;
use super::limits::{COPIED_BYTES_MAX, Limits};

const WORD: usize = size_of::<u64>();

/// The frames of one message. Cloning and cutting them copies no payload.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Frames {
    /// Frame 0: the message in msgpack.
    pub head: Bytes,
    /// Frames 1 and up: what frame 0 refers to.
    pub rest: Vec<Bytes>,
}

impl Frames {
    /// Appends the bytes of the message, prelude first, as segments to be written one after another. Long frames are
    /// handed on as they are, short ones are copied together.
    pub fn encode(&self, segments: &mut Vec<Bytes>) {
        let prelude = WORD * (self.rest.len() + 3);
        let short = self.iter().map(Bytes::len).filter(|&length| length < COPIED_BYTES_MAX).sum::<usize>();
        let mut pending = BytesMut::with_capacity(prelude + short);
        pending.put_u64_le((prelude - WORD) as u64 + self.iter().map(|frame| frame.len() as u64).sum::<u64>());
        pending.put_u64_le(self.rest.len() as u64 + 1);
        for frame in self.iter() {
            pending.put_u64_le(frame.len() as u64);
        }
        for frame in self.iter() {
            if frame.len() < COPIED_BYTES_MAX {
                pending.put_slice(frame);
            } else {
                segments.push(pending.split().freeze());
                segments.push(frame.clone());
            }
        }
        if !pending.is_empty() {
            segments.push(pending.freeze());
        }
    }

    /// All frames, frame 0 first.
    pub fn iter(&self) -> impl Iterator<Item = &Bytes> {
        std::iter::once(&self.head).chain(&self.rest)
    }
}

/// Cuts a stream of bytes into messages.
///
/// Read into a buffer and call [`decode`](Self::decode) until it says [`Decoded::Incomplete`].
#[derive(Clone, Debug, Default)]
pub struct Decoder {
    limits: Limits,
    /// How many bytes the buffer must hold before it is worth looking at again.
    needed: usize,
}

/// What a buffer holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decoded {
    /// A whole message, now cut off the buffer.
    Message(Frames),
    /// The beginning of a message: at least so many bytes are missing.
    Incomplete(usize),
}

impl Decoder {
    /// A decoder that refuses what exceeds the limits.
    pub fn new(limits: Limits) -> Self {
        Self { limits, needed: 0 }
    }

    /// The next message of the buffer. Its frames share the buffer's memory: one of them keeps all of them alive.
    /// When bytes are missing, the buffer gets room for them, but never more than twice what has arrived.
    ///
    /// # Errors
    /// The bytes cannot be a message, or it exceeds the limits. The stream is of no use any more.
    pub fn decode(&mut self, buffer: &mut BytesMut) -> Result<Decoded, FrameError> {
        self.needed = match self.needed {
            0 => 2 * WORD,
            needed => needed,
        };
        if buffer.len() >= self.needed {
            let lengths = self.prelude(buffer)?;
            if buffer.len() >= self.needed {
                self.needed = 0;
                return Ok(Decoded::Message(cut(buffer, &lengths)));
            }
        }
        let missing = self.needed - buffer.len();
        buffer.reserve(missing.min(buffer.len().max(COPIED_BYTES_MAX)));
        Ok(Decoded::Incomplete(missing))
    }

    /// Reads the prelude, says in `needed` how long the message is as far as is known, and returns the frames' lengths.
    fn prelude(&mut self, buffer: &[u8]) -> Result<Vec<usize>, FrameError> {
        let Limits { frames_max, head_bytes_max, message_bytes_max } = self.limits;
        let (first, frames) = (word(buffer, 0), word(buffer, 1));
        if frames == 0 {
            return Err(FrameError::Empty);
        }
        if frames > frames_max as u64 {
            return Err(FrameError::Frames { frames, max: frames_max });
        }
        let prelude = WORD * (frames as usize + 2);
        self.needed = prelude;
        if buffer.len() < prelude {
            return Ok(Vec::new());
        }
        let mut lengths = Vec::with_capacity(frames as usize);
        let mut end = (prelude - WORD) as u64;
        let mut ends_with_frame = first == end;
        for index in 0..frames as usize {
            let bytes = word(buffer, index + 2);
            if index == 0 && bytes > head_bytes_max {
                return Err(FrameError::Head { bytes, max: head_bytes_max });
            }
            end = end.saturating_add(bytes);
            ends_with_frame |= first == end;
            if end > message_bytes_max {
                return Err(FrameError::Message { bytes: end, max: message_bytes_max });
            }
            lengths.push(bytes as usize);
        }
        if !ends_with_frame {
            return Err(FrameError::FirstRead { bytes: first });
        }
        self.needed = WORD + end as usize;
        Ok(lengths)
    }
}

/// The whole message that the buffer starts with.
fn cut(buffer: &mut BytesMut, lengths: &[usize]) -> Frames {
    let prelude = WORD * (lengths.len() + 2);
    let mut bytes = buffer.split_to(prelude + lengths.iter().sum::<usize>()).freeze().slice(prelude..);
    let mut frames = lengths.iter().map(|&length| bytes.split_to(length));
    Frames { head: frames.next().unwrap_or_default(), rest: frames.collect() }
}

/// The number at a place of the prelude; the caller knows that it is there.
fn word(buffer: &[u8], index: usize) -> u64 {
    let bytes = buffer[WORD * index..][..WORD].try_into().expect("a word was cut off");
    u64::from_le_bytes(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frames(lengths: &[usize]) -> Frames {
        let mut frames = lengths.iter().enumerate().map(|(index, &length)| Bytes::from(vec![index as u8; length]));
        Frames { head: frames.next().unwrap(), rest: frames.collect() }
    }

    fn bytes(frames: &Frames) -> BytesMut {
        let mut segments = Vec::new();
        frames.encode(&mut segments);
        segments.concat().as_slice().into()
    }

    fn refused(words: &[u64], limits: Limits) -> FrameError {
        let mut buffer = BytesMut::new();
        for &word in words {
            buffer.put_u64_le(word);
        }
        Decoder::new(limits).decode(&mut buffer).unwrap_err()
    }

    #[test]
    fn messages_are_cut_wherever_the_bytes_were_cut() {
        let messages = [frames(&[5]), frames(&[0]), frames(&[3, 0, 9000, 1]), frames(&[5000, 4095, 4096])];
        let stream: Vec<u8> = messages.iter().flat_map(bytes).collect();
        for step in [1, 2, 7, 8, 16, 100, 4096, stream.len()] {
            let (mut decoder, mut buffer, mut found) = (Decoder::default(), BytesMut::new(), Vec::new());
            for chunk in stream.chunks(step) {
                buffer.extend_from_slice(chunk);
                while let Decoded::Message(frames) = decoder.decode(&mut buffer).unwrap() {
                    found.push(frames);
                }
            }
            assert_eq!(found, messages);
            assert!(buffer.is_empty());
        }
    }

    #[test]
    fn the_first_read_may_end_after_any_frame() {
        let message = frames(&[3, 0, 10]);
        for first in [32, 35, 45_u64] {
            let mut buffer = bytes(&message);
            buffer[..8].copy_from_slice(&first.to_le_bytes());
            assert_eq!(Decoder::default().decode(&mut buffer), Ok(Decoded::Message(message.clone())));
        }
        assert_eq!(refused(&[34, 1, 3, 0], Limits::default()), FrameError::FirstRead { bytes: 34 });
        assert_eq!(refused(&[0, 1, 3, 0], Limits::default()), FrameError::FirstRead { bytes: 0 });
    }

    #[test]
    fn long_frames_are_not_copied() {
        let message = frames(&[3, COPIED_BYTES_MAX, 2, 1]);
        let mut segments = Vec::new();
        message.encode(&mut segments);
        assert_eq!(segments.len(), 3);
        assert_eq!(segments[1].as_ptr(), message.rest[0].as_ptr());
    }

    #[test]
    fn what_exceeds_a_limit_is_refused_before_it_arrives() {
        let limits = Limits { frames_max: 4, head_bytes_max: 100, message_bytes_max: 1000 };
        assert_eq!(refused(&[8, 0], limits), FrameError::Empty);
        assert_eq!(refused(&[0, 5], limits), FrameError::Frames { frames: 5, max: 4 });
        assert_eq!(refused(&[0, u64::MAX], limits), FrameError::Frames { frames: u64::MAX, max: 4 });
        assert_eq!(refused(&[0, 1, 101], limits), FrameError::Head { bytes: 101, max: 100 });
        let bytes = u64::MAX;
        assert_eq!(refused(&[0, 3, 9, u64::MAX, u64::MAX], limits), FrameError::Message { bytes, max: 1000 });
    }

    #[test]
    fn room_is_made_for_what_arrived_not_for_what_was_announced() {
        let mut buffer = BytesMut::new();
        for word in [24, 2, 8, 1 << 33] {
            buffer.put_u64_le(word);
        }
        assert!(matches!(Decoder::default().decode(&mut buffer), Ok(Decoded::Incomplete(_))));
        assert!(buffer.capacity() < 3 * COPIED_BYTES_MAX);
    }
}
