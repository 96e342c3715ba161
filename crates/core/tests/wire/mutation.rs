//! Malformed, truncated, huge and nested messages: mutations of recorded ones, with a fixed seed. `make fuzz` goes on
//! without end.

use std::fs;

use bytes::Bytes;
use cenote_core::protocol::frame::Frames;

use super::exercise;
use super::recorded::{data, recorded};

/// A generator of chance, small and seeded: xorshift.
struct Chance(u64);

impl Chance {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 16) as usize % limit.max(1)
    }

    fn mutate(&mut self, bytes: &mut Vec<u8>, other: &[u8]) {
        // Bytes that mean much: markers of counts and lengths, the names that are looked for, deep nesting.
        let telling: [&[u8]; 9] = [
            b"\xdd\xff\xff\xff\xff",
            b"\xdf\x7f\xff\xff\xff",
            b"\xc1",
            b"\xd4\x01",
            b"\x81\xae__Serialized__\x01",
            b"\x81\xab__Pickled__\x03",
            b"\x82\xa7__Set__\xc3\xa7as-list",
            b"\xcf\xff\xff\xff\xff\xff\xff\xff\xff",
            &[0x91; 700],
        ];
        for _ in 0..=self.below(3) {
            let at = self.below(bytes.len());
            match self.below(7) {
                0 => bytes.truncate(at),
                1 => bytes.insert(at, self.below(256) as u8),
                2 if !bytes.is_empty() => bytes[at] ^= 1 << self.below(8),
                3 if !bytes.is_empty() => bytes[at] = self.below(256) as u8,
                4 => {
                    let end = at + self.below(bytes.len() - at);
                    bytes.drain(at..end);
                }
                5 => {
                    let from = self.below(other.len());
                    let piece = other[from..from + self.below((other.len() - from).min(64))].iter().copied();
                    bytes.splice(at..at, piece);
                }
                _ => {
                    bytes.splice(at..at, telling[self.below(telling.len())].iter().copied());
                }
            }
        }
    }
}

#[test]
fn mutated_messages_are_read_or_refused() {
    let messages: Vec<Frames> = recorded().into_iter().flat_map(|recorded| recorded.messages).collect();
    let small: Vec<&Frames> = messages.iter().filter(|frames| frames.head.len() < 2000).collect();
    let mut chance = Chance(20_260_823);
    for _ in 0..10_000 {
        let mut frames = small[chance.below(small.len())].clone();
        let other = &small[chance.below(small.len())].head;
        let mut head = frames.head.to_vec();
        chance.mutate(&mut head, other);
        frames.head = head.into();
        if !frames.rest.is_empty() && chance.below(3) == 0 {
            let which = chance.below(frames.rest.len());
            let mut header = frames.rest[which].to_vec();
            chance.mutate(&mut header, other);
            frames.rest[which] = Bytes::from(header);
        }
        exercise::message(&frames);
    }
}

#[test]
fn mutated_streams_are_cut_or_refused() {
    let streams: Vec<Vec<u8>> = recorded().into_iter().map(|recorded| recorded.bytes).collect();
    let mut chance = Chance(20_260_824);
    for _ in 0..1_500 {
        let stream = &streams[chance.below(streams.len())];
        let mut bytes = stream[..stream.len().min(3000)].to_vec();
        let telling = [0_u64, 1, 8, 16, 24, 1 << 20, u64::MAX, u64::MAX - 7][chance.below(8)].to_le_bytes();
        let word = 8 * chance.below(bytes.len() / 8);
        bytes[word..word + 8].copy_from_slice(&telling);
        chance.mutate(&mut bytes, stream);
        let step = 1 + chance.below(4000);
        exercise::frames(&bytes, step);
    }
}

#[test]
fn what_once_was_found_stays_found() {
    let corpus = data().join("../../fuzz/corpus");
    for entry in fs::read_dir(corpus).unwrap() {
        let bytes = fs::read(entry.unwrap().path()).unwrap();
        exercise::head(&bytes);
        exercise::frames(&bytes, 16).iter().for_each(exercise::message);
    }
}

/// Were what is looked at ahead read again at every depth, or one frame referred to many times, this would take hours.
#[test]
fn the_time_to_read_grows_with_the_bytes_alone() {
    let filling = vec![0xc0; 100_000];
    for piece in [b"\x82\xa7__Set__".as_slice(), b"\x81", b"\x84\xa8__Enum__", b"\xdd\0\0\xff\xff"] {
        exercise::head(&[piece.repeat(500), filling.clone()].concat());
    }
    let header = [b"\x82\xdc\xff\xff".as_slice(), &filling[..0x10000], b"\xaenum-sub-frames\0"].concat();
    let rest = vec![Bytes::from(header); 1000];
    let references = [b"\xdc\x03\xe8".as_slice(), &b"\x81\xae__Serialized__\x01".repeat(1000)].concat();
    exercise::message(&Frames { head: references.into(), rest });
}
