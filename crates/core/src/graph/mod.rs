//! Graphs of tasks, as dense ids and their edges: what every other module of this crate works on.

mod edges;
mod task;

pub(crate) use edges::Span;
pub use edges::{Graph, GraphBuilder};
pub use task::{TaskId, TaskKind};
