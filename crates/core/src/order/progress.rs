//! How far the walk has come: who has run, and who waits for how many.

use crate::graph::{Graph, TaskId};

/// Set in a task's count of what it waits for once one of its dependencies has run.
const TOUCHED: u32 = 1 << 31;
const NOT_YET: u32 = u32::MAX;

/// The state of all tasks.
pub struct Progress {
    place: Vec<u32>,
    waits_for: Vec<u32>,
    /// How many tasks have run.
    pub done: u32,
    /// How many tasks that have not run rest directly on one that has.
    pub reachable: u32,
}

impl Progress {
    pub fn new(graph: &Graph) -> Self {
        Self {
            place: vec![NOT_YET; graph.len()],
            waits_for: graph.tasks().map(|task| graph.dependencies(task).len() as u32).collect(),
            done: 0,
            reachable: 0,
        }
    }

    pub fn len(&self) -> usize {
        self.place.len()
    }

    /// The place of each task in the order, once all have one.
    pub fn into_places(self) -> Vec<u32> {
        self.place
    }

    pub fn is_done(&self, task: TaskId) -> bool {
        self.place[task.index()] != NOT_YET
    }

    /// How many dependencies of a task have not run.
    pub fn waits_for(&self, task: TaskId) -> u32 {
        self.waits_for[task.index()] & !TOUCHED
    }

    /// Whether a dependency of the task has run, but the task itself has not.
    pub fn touches(&self, task: TaskId) -> bool {
        self.waits_for[task.index()] & TOUCHED != 0 && !self.is_done(task)
    }

    /// Notes that a task runs now, all of its dependencies having run.
    pub fn run(&mut self, task: TaskId) {
        self.place[task.index()] = self.done;
        self.done += 1;
        self.reachable -= u32::from(self.waits_for[task.index()] & TOUCHED != 0);
    }

    /// Notes for a dependent that another of its dependencies has run; true if it was the last.
    pub fn release(&mut self, dependent: TaskId) -> bool {
        let waits_for = &mut self.waits_for[dependent.index()];
        self.reachable += u32::from(*waits_for & TOUCHED == 0);
        *waits_for = (*waits_for | TOUCHED) - 1;
        *waits_for == TOUCHED
    }
}
