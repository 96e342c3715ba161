//! The local engine: one graph, in this process, on threads.
//!
//! `cenote_core::local` decides; [`Engine`] lets threads step it; a [`Shell`] knows what the values and the callables
//! are (Python objects in the extension module, closures in this crate).

mod engine;
mod shell;

pub use engine::{Engine, Outcome};
pub use shell::Shell;

/// How many threads this process may keep busy: processors by affinity, bounded by the quota of its control group.
/// At least 1.
pub fn cpus() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}
