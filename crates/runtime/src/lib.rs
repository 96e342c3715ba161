//! Cenote for Rust: a graph of closures, run on the threads of this machine.
#![forbid(unsafe_code)]

pub use cenote_core as core;

pub mod local;
