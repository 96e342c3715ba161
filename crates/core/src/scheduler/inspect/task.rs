//! Tasks, as tests look at them.

use super::seen::{Object, Seen, Table};
use crate::scheduler::Scheduler;
use crate::scheduler::instruction::Exception;
use crate::scheduler::stimulus::Text;
use crate::scheduler::task::{Restrictions, StateName, TaskId, TaskState};
use crate::scheduler::worker::WorkerId;

/// The size of a result that is not known yet, as Dask tells it.
const NBYTES_UNKNOWN: i64 = -1;

impl Scheduler {
    pub(super) fn task_seen(&self, id: TaskId) -> Seen {
        Seen::Row(Table::Tasks, (&self.tasks[id].key).into())
    }

    pub(super) fn worker_seen(&self, id: WorkerId) -> Seen {
        Seen::Row(Table::Workers, self.workers[id].address().clone().into())
    }

    pub(super) fn tasks_seen(&self, ids: impl Iterator<Item = TaskId>) -> Vec<Seen> {
        ids.map(|id| self.task_seen(id)).collect()
    }

    pub(super) fn task_attribute(&self, id: TaskId, name: &str) -> Option<Seen> {
        let task = &self.tasks[id];
        Some(match name {
            "key" => (&task.key).into(),
            "state" => task.state().name().into(),
            "priority" => {
                let parts = task.priority.values();
                Seen::Tuple(parts.into_iter().map(Seen::Value).collect())
            }
            "who_has" => Seen::some_set(self.replicas.who_has(id).map(|worker| self.worker_seen(worker)).collect()),
            "who_wants" => {
                let wanting = self.interests.rights(id).map(|client| self.clients[client].name.clone());
                Seen::some_set(wanting.map(|name| Seen::Row(Table::Clients, name.into())).collect())
            }
            "processing_on" => task.processing().map_or(Seen::NONE, |it| self.worker_seen(it.worker)),
            "dependencies" => Seen::Set(self.tasks_seen(task.dependencies.iter().copied())),
            "dependents" => Seen::Set(self.tasks_seen(task.dependents.iter().copied())),
            "waiters" => Seen::some_set(self.tasks_seen(self.tasks.waiters(id).into_iter())),
            "waiting_on" => match &task.state {
                TaskState::Waiting { .. } => Seen::some_set(self.tasks_seen(self.tasks.absent(id))),
                _ => Seen::NONE,
            },
            "group" => Seen::Row(Table::Groups, (&task.key.group()).into()),
            "group_key" => (&task.key.group()).into(),
            "prefix" => Seen::Row(Table::Prefixes, Text::from(task.key.prefix()).into()),
            "prefix_key" => Text::from(task.key.prefix()).into(),
            "nbytes" if task.state() != StateName::Memory => NBYTES_UNKNOWN.into(),
            "nbytes" => task.nbytes.into(),
            "retries" => u64::from(task.retries).into(),
            "suspicious" => u64::from(task.suspicious).into(),
            "type" => match &task.state {
                TaskState::Memory { class: Some(class) } => class.name.clone().into(),
                _ => Seen::NONE,
            },
            "actor" => task.actor.into(),
            "run_id" => task.run().map(|run| run.0).into(),
            "run_spec" | "annotations" if task.run_spec.is_none() => Seen::NONE,
            "run_spec" => Seen::Object(Object::Opaque),
            "annotations" => self.notes(id).into(),
            "metadata" => self.coordination.said_of(&task.key).into(),
            "has_lost_dependencies" => task.lost_dependencies.into(),
            "worker_restrictions" => self.restrictions_seen(task.restrictions.as_deref(), true),
            "host_restrictions" => self.restrictions_seen(task.restrictions.as_deref(), false),
            "loose_restrictions" => task.restrictions.as_ref().is_some_and(|it| it.allow_other_workers).into(),
            "resource_restrictions" => match &task.restrictions {
                Some(it) if !it.resources.is_empty() => {
                    Seen::map(it.resources.iter().map(|(name, amount)| (name.clone(), (*amount).into())))
                }
                _ => Seen::NONE,
            },
            _ => return self.failure_attribute(id, name),
        })
    }

    fn failure_attribute(&self, id: TaskId, name: &str) -> Option<Seen> {
        let task = &self.tasks[id];
        let failure = task.failure();
        Some(match name {
            "exception_blame" => match failure.map(|failure| &failure.cause) {
                Some(cause) => Seen::Row(Table::Tasks, cause.into()),
                None => Seen::NONE,
            },
            "exception_text" | "traceback_text" => match failure.map(|failure| &failure.exception) {
                Some(Exception::Raised { text, traceback_text, .. }) => {
                    if name == "exception_text" {
                        text.clone().into()
                    } else {
                        traceback_text.clone().into()
                    }
                }
                _ => Seen::NONE,
            },
            "exception" => failure.map(|failure| failure.serialized().0).into(),
            "traceback" => failure.map(|failure| failure.serialized().1).into(),
            "erred_on" => match &task.state {
                TaskState::Erred { on: Some(worker), .. } if self.workers.get(*worker).is_some() => {
                    Seen::Set(vec![self.workers[*worker].address().clone().into()])
                }
                _ => Seen::Set(Vec::new()),
            },
            _ => return None,
        })
    }

    /// The workers that may run a task, or the hosts, of what its submitter called them.
    fn restrictions_seen(&self, restrictions: Option<&Restrictions>, workers: bool) -> Seen {
        let Some(restrictions) = restrictions else { return Seen::NONE };
        let address = |name: &Text| match self.worker_called(&name.clone().into()) {
            Some(id) => Some(self.workers[id].address().clone()),
            None => name.contains(':').then(|| name.clone()),
        };
        let seen = restrictions.workers.iter().filter_map(|name| match (address(name), workers) {
            (Some(address), true) => Some(address.into()),
            (None, false) => Some(name.clone().into()),
            _ => None,
        });
        Seen::some_set(seen.collect())
    }
}
