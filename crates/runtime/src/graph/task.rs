//! The handle of a task: which one it is, and of what type its result.

use std::fmt;
use std::marker::PhantomData;

use cenote_core::graph::TaskId;

/// A task of one [`Graph`](super::Graph), whose result is a `T`. It is a small copy of an id; the task itself lives in
/// the graph.
pub struct Task<T> {
    pub(super) graph: u32,
    pub(super) id: TaskId,
    result: PhantomData<fn() -> T>,
}

impl<T> Task<T> {
    pub(super) fn new(graph: u32, id: TaskId) -> Self {
        Self { graph, id, result: PhantomData }
    }
}

impl<T> Clone for Task<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Task<T> {}

impl<T> fmt::Debug for Task<T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Task({})", self.id.0)
    }
}
