//! The id of a task, and what sort of task it is.

/// Dense index of a task in one [`Graph`](super::Graph), given when its key is first seen. It never leaves the process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TaskId(pub u32);

impl TaskId {
    /// The id as an index into a table with one entry a task.
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// What a task does when it runs: the static order treats the three differently.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TaskKind {
    /// Calls something.
    #[default]
    Call,
    /// Is a value that was known when the graph was built.
    Data,
    /// Is another name of the one task that it depends on.
    Alias,
}
