//! From waiting.

use crate::scheduler::Scheduler;
use crate::scheduler::placement::Place;
use crate::scheduler::recommendations::{Finish, Recommendations};
use crate::scheduler::task::{TaskId, TaskState};

impl Scheduler {
    /// Whether all that the task waited for is there. A dependency may have been lost since it was recommended to run.
    pub(super) fn is_ready(&self, id: TaskId) -> bool {
        self.tasks[id].dependencies.iter().all(|&dependency| self.replicas.held(dependency))
    }

    pub(super) fn waiting_processing(&mut self, id: TaskId) -> Recommendations {
        if !self.is_ready(id) {
            return Recommendations::default();
        }
        match self.place(id) {
            Place::Worker(worker) => self.start(id, worker),
            Place::Queue => Recommendations::one(id, Finish::Queued),
            Place::Nowhere => Recommendations::one(id, Finish::NoWorker),
        }
    }

    pub(super) fn waiting_no_worker(&mut self, id: TaskId) -> Recommendations {
        if self.is_ready(id) {
            self.tasks.set(id, TaskState::NoWorker { since: self.now });
            self.unrunnable.insert((self.tasks[id].priority, id));
        }
        Recommendations::default()
    }

    pub(super) fn waiting_queued(&mut self, id: TaskId) -> Recommendations {
        if self.is_ready(id) {
            self.tasks.set(id, TaskState::Queued);
            self.queued.insert((self.tasks[id].priority, id));
        }
        Recommendations::default()
    }

    /// The worker has finished before it was told that an input was lost. It has been told since: its result is gone.
    #[allow(clippy::unused_self, reason = "it stands in the table beside the others")]
    pub(super) fn waiting_memory(&mut self, _id: TaskId) -> Recommendations {
        Recommendations::default()
    }

    /// `doomed`: it is released because an input has failed, and must not wait again.
    pub(super) fn waiting_released(&mut self, id: TaskId, doomed: bool) -> Recommendations {
        let mut recommendations = Recommendations::default();
        self.tasks.set(id, TaskState::released());
        self.release_dependencies(id, &mut recommendations);
        if self.tasks[id].lost_dependencies {
            recommendations.add(id, Finish::Forgotten);
        } else if !doomed && self.needed(id) {
            recommendations.add(id, Finish::Waiting);
        }
        recommendations
    }
}
