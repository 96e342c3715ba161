//! Any bytes as frame 0 of a message.
#![no_main]

#[path = "../../crates/core/tests/wire/exercise.rs"]
#[allow(dead_code, reason = "this target needs no stream")]
mod exercise;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| exercise::head(bytes));
