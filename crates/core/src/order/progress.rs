//! How far the walk has come: who has run, and who waits for how many.

use super::total::Total;
use crate::graph::{Graph, Span, TaskId};

/// Set in a task's count of what it waits for once one of its dependencies has run.
const TOUCHED: u32 = 1 << 31;
/// Set while the task can be reached by running nothing but runnable tasks.
const IN_HULL: u32 = 1 << 30;
/// Set while paths are known that lead to the task.
const KNOWN: u32 = 1 << 29;
const COUNT: u32 = KNOWN - 1;
const NOT_YET: u32 = u32::MAX;

/// The state of all tasks.
pub struct Progress {
    tasks: Vec<State>,
    /// How many tasks have run.
    pub done: u32,
    /// How many tasks that have not run rest directly on one that has.
    pub reachable: u32,
}

/// The state of a task. All that most looks at a task need stands together: in large graphs each look is a cache miss.
#[derive(Clone, Copy)]
struct State {
    total: Total,
    place: u32,
    waits_for: u32,
    needs: Span,
    used_by: Span,
}

impl Progress {
    pub fn new(graph: &Graph, dependents: &Graph, totals: Vec<Total>) -> Self {
        let tasks = graph.tasks().zip(totals).map(|(task, total)| {
            let (needs, used_by) = (graph.span(task), dependents.span(task));
            State { total, place: NOT_YET, waits_for: needs.len, needs, used_by }
        });
        Self { tasks: tasks.collect(), done: 0, reachable: 0 }
    }

    /// The place of each task in the order, once all have one.
    pub fn into_places(self) -> Vec<u32> {
        self.tasks.into_iter().map(|state| state.place).collect()
    }

    /// The number of tasks that must run before the task can, with the task.
    #[inline]
    pub fn total(&self, task: TaskId) -> Total {
        self.tasks[task.index()].total
    }

    /// Where its dependencies stand.
    #[inline]
    pub fn needs(&self, task: TaskId) -> Span {
        self.tasks[task.index()].needs
    }

    /// Where its dependents stand.
    #[inline]
    pub fn used_by(&self, task: TaskId) -> Span {
        self.tasks[task.index()].used_by
    }

    #[inline]
    pub fn is_done(&self, task: TaskId) -> bool {
        self.tasks[task.index()].place != NOT_YET
    }

    /// How many dependencies of a task have not run.
    #[inline]
    pub fn waits_for(&self, task: TaskId) -> u32 {
        self.tasks[task.index()].waits_for & COUNT
    }

    /// Whether a dependency of the task has run, but the task itself has not.
    pub fn touches(&self, task: TaskId) -> bool {
        self.tasks[task.index()].waits_for & TOUCHED != 0 && !self.is_done(task)
    }

    /// Notes that a task runs now, if all of its dependencies have run and it has not.
    #[inline]
    pub fn run(&mut self, task: TaskId) -> bool {
        let state = &mut self.tasks[task.index()];
        if state.place != NOT_YET || state.waits_for & COUNT != 0 {
            return false;
        }
        self.reachable -= u32::from(state.waits_for & TOUCHED != 0);
        state.waits_for &= !IN_HULL;
        state.place = self.done;
        self.done += 1;
        true
    }

    /// Notes for a dependent that another of its dependencies has run; true if it was the last.
    #[inline]
    pub fn release(&mut self, dependent: TaskId) -> bool {
        let waits_for = &mut self.tasks[dependent.index()].waits_for;
        self.reachable += u32::from(*waits_for & TOUCHED == 0);
        *waits_for = (*waits_for | TOUCHED) - 1;
        *waits_for & COUNT == 0
    }

    /// Whether the task is in the hull of the runnable ones.
    #[inline]
    pub fn is_in_hull(&self, task: TaskId) -> bool {
        self.tasks[task.index()].waits_for & IN_HULL != 0
    }

    pub fn set_in_hull(&mut self, task: TaskId, is_in: bool) {
        self.set(task, IN_HULL, is_in);
    }

    /// Whether paths are known that lead to the task.
    #[inline]
    pub fn is_known(&self, task: TaskId) -> bool {
        self.tasks[task.index()].waits_for & KNOWN != 0
    }

    pub fn set_known(&mut self, task: TaskId, is_known: bool) {
        self.set(task, KNOWN, is_known);
    }

    fn set(&mut self, task: TaskId, flag: u32, value: bool) {
        let flags = &mut self.tasks[task.index()].waits_for;
        *flags = if value { *flags | flag } else { *flags & !flag };
    }
}
