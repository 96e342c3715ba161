//! From queued.

use std::sync::Arc;

use crate::scheduler::Scheduler;
use crate::scheduler::instruction::Failure;
use crate::scheduler::recommendations::Recommendations;
use crate::scheduler::task::TaskId;

impl Scheduler {
    pub(super) fn queued_processing(&mut self, id: TaskId) -> Recommendations {
        match self.workers.least_busy() {
            Some(worker) if self.is_ready(id) => {
                self.leave_queue(id);
                self.start(id, worker)
            }
            _ => Recommendations::default(),
        }
    }

    pub(super) fn queued_erred(&mut self, id: TaskId, failure: &Arc<Failure>) -> Recommendations {
        self.leave_queue(id);
        self.propagate_erred(id, failure, None)
    }

    pub(super) fn queued_released(&mut self, id: TaskId) -> Recommendations {
        self.leave_queue(id);
        self.propagate_released(id)
    }

    fn leave_queue(&mut self, id: TaskId) {
        self.queued.remove(&(self.tasks[id].priority, id));
    }
}
