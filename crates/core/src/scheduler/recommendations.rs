//! Recommendations: the changes that a change suggests. Consumed last in, first out, as Dask does; many things depend on it.

use std::sync::Arc;

use super::classes::Class;
use super::instruction::Failure;
use super::registry::Map;
use super::task::{StateName, TaskId};
use super::worker::WorkerId;

/// The state that a task should take on, with what belongs to it.
#[derive(Clone, Debug)]
pub(super) enum Finish {
    Released,
    Waiting,
    NoWorker,
    Queued,
    Processing,
    Memory(Arrival),
    Erred(Arc<Failure>),
    Forgotten,
}

/// A result that a worker has computed.
#[derive(Clone, Debug)]
pub(super) struct Arrival {
    pub worker: WorkerId,
    pub nbytes: u64,
    pub class: Arc<Class>,
    pub duration: f64,
}

impl Finish {
    pub fn name(&self) -> StateName {
        match self {
            Self::Released => StateName::Released,
            Self::Waiting => StateName::Waiting,
            Self::NoWorker => StateName::NoWorker,
            Self::Queued => StateName::Queued,
            Self::Processing => StateName::Processing,
            Self::Memory(_) => StateName::Memory,
            Self::Erred(_) => StateName::Erred,
            Self::Forgotten => StateName::Forgotten,
        }
    }
}

/// What is recommended, in the order in which each task was first named.
#[derive(Debug, Default)]
pub(super) struct Recommendations(Map<TaskId, Finish>);

impl Recommendations {
    /// One recommendation.
    pub fn one(task: TaskId, finish: Finish) -> Self {
        let mut one = Self::default();
        one.add(task, finish);
        one
    }

    /// Recommends. A task that is named again keeps its place.
    pub fn add(&mut self, task: TaskId, finish: Finish) {
        self.0.insert(task, finish);
    }

    /// Takes over what others recommend.
    pub fn update(&mut self, others: Self) {
        self.0.extend(others.0);
    }

    /// What is recommended for a task.
    pub fn get(&self, task: TaskId) -> Option<&Finish> {
        self.0.get(&task)
    }

    /// Takes back what was recommended for a task.
    pub fn remove(&mut self, task: TaskId) {
        self.0.shift_remove(&task);
    }

    /// The last one.
    pub fn pop(&mut self) -> Option<(TaskId, Finish)> {
        self.0.pop()
    }
}
