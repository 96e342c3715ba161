//! Cenote for Rust: a graph of closures, run on the threads of this machine.
//!
//! ```
//! use cenote::Graph;
//!
//! let mut graph = Graph::new();
//! let numbers: Vec<_> = (1..=5).map(|n| graph.value(n)).collect();
//! let squares: Vec<_> = numbers.iter().map(|&n| graph.call(n, |n| n * n)).collect();
//! let total = graph.call(squares, |squares| squares.into_iter().sum::<i32>());
//! assert_eq!(*graph.compute(total)?, 55);
//! # Ok::<(), cenote::Error>(())
//! ```
//!
//! [`Graph`] is what most programs need. [`local`] is the engine below it, generic over who owns the values.
#![forbid(unsafe_code)]

pub use cenote_core as core;

pub mod cli;
pub mod comm;
pub mod config;
pub mod dashboard;
pub mod draw;
pub mod executor;
mod graph;
pub mod local;
mod logging;
mod memory;
pub mod scheduler;
mod shutdown;

pub use graph::{Dependencies, Error, Graph, Options, Task};

/// The programs in the manual's page about this crate, run as doctests.
#[cfg(doctest)]
#[doc = include_str!("../../../docs/rust.md")]
struct Manual;
