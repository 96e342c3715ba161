//! Passes that make a graph smaller before it runs.

mod cull;

pub use cull::cull;
