//! From memory.

use std::sync::Arc;

use crate::protocol::client::LostData;
use crate::scheduler::Scheduler;
use crate::scheduler::instruction::{Exception, Failure};
use crate::scheduler::recommendations::{Finish, Recommendations};
use crate::scheduler::task::{StateName, TaskId, TaskState};

impl Scheduler {
    pub(super) fn memory_released(&mut self, id: TaskId) -> Recommendations {
        if self.tasks[id].actor && self.interests.has_left(id) {
            // What an actor knew cannot be computed again.
            return Recommendations::one(id, Finish::Erred(self.actor_lost(id)));
        }
        if self.tasks[id].run_spec.is_none() || self.tasks[id].lost_dependencies {
            // It cannot be computed again: at once, before its dependents wait for it.
            return self.forget(id);
        }
        let dropping = self.drop_replicas(id).into_boxed_slice();
        self.tasks.set(id, TaskState::Released { dropping });
        let mut recommendations = Recommendations::default();
        let key = self.tasks[id].key.clone();
        self.tell_wanting(id, &LostData { key }.into());
        if self.needed(id) {
            recommendations.add(id, Finish::Waiting);
        }
        for waiter in self.tasks.waiters(id) {
            match &mut self.tasks[waiter].state {
                TaskState::Waiting { missing } => *missing += 1,
                TaskState::NoWorker { .. } | TaskState::Queued | TaskState::Processing(_) => {
                    recommendations.add(waiter, Finish::Waiting);
                }
                _ => {}
            }
        }
        recommendations
    }

    /// The failure of an actor whose worker has left.
    pub(in crate::scheduler) fn actor_lost(&self, id: TaskId) -> Arc<Failure> {
        Arc::new(Failure { cause: self.tasks[id].key.clone(), exception: Exception::ActorLost })
    }

    /// Only actors fail after they were made.
    pub(super) fn memory_erred(&mut self, id: TaskId, failure: &Arc<Failure>) -> Recommendations {
        let mut recommendations = Recommendations::default();
        let dependents: Vec<_> = self.tasks[id].dependents.iter().copied().collect();
        for dependent in dependents {
            if !matches!(self.tasks[dependent].state(), StateName::Memory | StateName::Erred) {
                recommendations.add(dependent, Finish::Erred(failure.clone()));
            }
            let worker = self.tasks[dependent].processing().map(|it| it.worker);
            if let Some(worker) = worker.filter(|&worker| self.replicas.has(id, worker)) {
                // A worker must give it up before it gives up its input.
                let keys = vec![self.tasks[dependent].key.clone()];
                self.free_keys(worker, keys);
            }
        }
        self.drop_replicas(id);
        let more = self.propagate_erred(id, failure, None);
        recommendations.update(more);
        recommendations
    }
}
