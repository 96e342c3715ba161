//! From no-worker.

use std::sync::Arc;

use crate::scheduler::Scheduler;
use crate::scheduler::instruction::Failure;
use crate::scheduler::recommendations::Recommendations;
use crate::scheduler::task::TaskId;

impl Scheduler {
    pub(super) fn no_worker_processing(&mut self, id: TaskId) -> Recommendations {
        match self.best_worker(id) {
            Some(worker) if self.is_ready(id) => {
                self.leave_unrunnable(id);
                self.start(id, worker)
            }
            _ => Recommendations::default(),
        }
    }

    pub(super) fn no_worker_erred(&mut self, id: TaskId, failure: &Arc<Failure>) -> Recommendations {
        self.leave_unrunnable(id);
        self.propagate_erred(id, failure, None)
    }

    pub(super) fn no_worker_released(&mut self, id: TaskId) -> Recommendations {
        self.leave_unrunnable(id);
        self.propagate_released(id)
    }

    fn leave_unrunnable(&mut self, id: TaskId) {
        self.unrunnable.remove(&(self.tasks[id].priority, id));
    }
}
