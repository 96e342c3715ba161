//! Any bytes as a stream, and its messages as all that they could be.
#![no_main]

#[path = "../../crates/core/tests/wire/exercise.rs"]
mod exercise;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let step = bytes.first().map_or(1, |&byte| usize::from(byte) * 16 + 1);
    exercise::frames(bytes, step).iter().for_each(exercise::message);
});
