//! Tasks that are carried over: a worker that was told to stop one and then to run it again goes on with what it did, and
//! hears what it has asked in a run that is over. It fails of that, once: then it is run again. Dask lets it fail.

use crate::scheduler::Scheduler;
use crate::scheduler::recommendations::{Finish, Recommendations};
use crate::scheduler::task::TaskId;
use crate::scheduler::worker::WorkerId;

/// How exceptions begin, as text, that a task of a shuffle raises when its worker is in another run than it is.
const RAISED: [&str; 3] = ["ShuffleClosedError(", "P2PConsistencyError(", "RuntimeError('P2P "];

impl Scheduler {
    /// A task is taken back from a worker that may be at it.
    pub(in crate::scheduler) fn note_taken_back(&mut self, id: TaskId, worker: WorkerId) {
        if !self.shuffles.is_idle() && self.shuffles_data(id) {
            self.shuffles.carried.insert(id, worker);
        }
    }

    /// Whether a task failed of what its worker has carried over from an older attempt.
    pub(in crate::scheduler) fn failed_of_the_past(&self, id: TaskId, worker: WorkerId, text: &str) -> bool {
        self.shuffles.carried.get(&id) == Some(&worker) && RAISED.iter().any(|it| text.starts_with(it))
    }

    /// A task is run again whose worker has given it up; a barrier with all that was sent before it.
    pub(in crate::scheduler) fn run_again(&mut self, id: TaskId) {
        if self.shuffles.barriers.contains(&id) {
            self.restart_shuffle(id);
        } else {
            self.cascade(Recommendations::one(id, Finish::Released));
        }
        self.note_answered(id);
    }

    /// A worker has said what became of a task: it is at it no more.
    pub(in crate::scheduler) fn note_answered(&mut self, id: TaskId) {
        self.shuffles.carried.swap_remove(&id);
    }

    /// Whether a task is a barrier, or has to do with one.
    fn shuffles_data(&self, id: TaskId) -> bool {
        let known = |id: &TaskId| self.shuffles.barriers.contains(id);
        let task = &self.tasks[id];
        known(&id) || task.dependencies.iter().any(known) || task.dependents.iter().any(known)
    }
}
