//! From released.

use std::sync::Arc;

use crate::scheduler::Scheduler;
use crate::scheduler::instruction::Failure;
use crate::scheduler::recommendations::{Finish, Recommendations};
use crate::scheduler::task::{StateName, TaskId, TaskState};

impl Scheduler {
    pub(super) fn released_waiting(&mut self, id: TaskId) -> Recommendations {
        let task = &self.tasks[id];
        if task.lost_dependencies {
            return Recommendations::one(id, Finish::Forgotten);
        }
        if task.run_spec.is_none() || !self.needed(id) {
            return Recommendations::default();
        }
        let failure = task.dependencies.iter().find_map(|&dependency| self.tasks[dependency].failure());
        if let Some(failure) = failure {
            return Recommendations::one(id, Finish::Erred(failure.clone()));
        }
        let mut recommendations = Recommendations::default();
        let missing = self.tasks.missing(id);
        for &dependency in &task.dependencies {
            if self.tasks[dependency].state() == StateName::Released {
                recommendations.add(dependency, Finish::Waiting);
            }
        }
        self.tasks.start_waiting(id);
        if missing == 0 {
            recommendations.add(id, Finish::Processing);
        }
        self.leave_released(id, TaskState::Waiting { missing });
        recommendations
    }

    /// A result that was let go of is wanted again: a copy does not count at those who have still to drop the one before.
    pub(in crate::scheduler) fn leave_released(&mut self, id: TaskId, state: TaskState) {
        let TaskState::Released { dropping } = self.tasks.set(id, state) else { return };
        for worker in dropping.into_iter().filter(|&it| self.workers.get(it).is_some()) {
            self.replicas.expect_drop(id, worker);
        }
    }

    pub(super) fn released_erred(&mut self, id: TaskId, failure: &Arc<Failure>) -> Recommendations {
        let mut recommendations = Recommendations::default();
        self.tasks.set_waiters(id, 0);
        for &dependent in &self.tasks[id].dependents {
            let dependent_task = &self.tasks[dependent];
            let unsaid = !matches!(dependent_task.state(), StateName::Memory | StateName::Erred);
            if unsaid {
                recommendations.add(dependent, Finish::Erred(failure.clone()));
            }
        }
        self.leave_released(id, TaskState::Erred { failure: failure.clone(), on: None });
        self.release_dependencies(id, &mut recommendations);
        self.report_failure(id, failure);
        self.let_go(id, &mut recommendations);
        recommendations
    }
}
