//! From erred.

use crate::protocol::client::TaskRetried;
use crate::scheduler::Scheduler;
use crate::scheduler::recommendations::{Finish, Recommendations};
use crate::scheduler::task::{StateName, TaskId, TaskState};

impl Scheduler {
    pub(super) fn erred_released(&mut self, id: TaskId) -> Recommendations {
        let mut recommendations = Recommendations::default();
        for &dependent in &self.tasks[id].dependents {
            if self.tasks[dependent].state() == StateName::Erred {
                recommendations.add(dependent, Finish::Waiting);
            }
        }
        let waiters = u32::try_from(self.tasks.waiters(id).len()).unwrap_or(u32::MAX);
        self.tasks.set_waiters(id, waiters);
        let key = self.tasks[id].key.clone();
        if let TaskState::Erred { on: Some(worker), .. } = self.tasks.set(id, TaskState::released()) {
            self.free_keys(worker, vec![key.clone()]);
        }
        self.tell_wanting(id, &TaskRetried { key }.into());
        if self.tasks[id].lost_dependencies {
            recommendations.add(id, Finish::Forgotten);
        }
        recommendations
    }
}
