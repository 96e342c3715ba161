//! From erred.

use crate::scheduler::Scheduler;
use crate::scheduler::instruction::{ToClient, ToWorker};
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
        let key = self.tasks[id].key.clone();
        if let TaskState::Erred { on: Some(worker), .. } = self.tasks.set(id, TaskState::Released) {
            self.tell_worker(worker, ToWorker::FreeKeys { keys: vec![key.clone()] });
        }
        self.tell_wanting(id, &ToClient::TaskRetried { key });
        if self.tasks[id].lost_dependencies {
            recommendations.add(id, Finish::Forgotten);
        }
        recommendations
    }
}
