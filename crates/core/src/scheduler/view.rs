//! Views: what can be read of the scheduler from outside.

use std::sync::Arc;

use super::Scheduler;
use super::instruction::Failure;
use super::stealing::StealOutcomes;
use super::stimulus::Text;
use super::story::Line;
use super::task::{RunId, StateName};
use super::worker::{WorkerStatus, name_of};
use crate::key::Key;
use crate::protocol::value::Value;

/// What is known of a task.
#[derive(Clone, Debug, PartialEq)]
pub struct TaskView {
    /// Its state.
    pub state: StateName,
    /// The workers that hold its result.
    pub who_has: Vec<Text>,
    /// The clients that want it.
    pub who_wants: Vec<Text>,
    /// The last attempt, and the worker that runs it.
    pub run: Option<RunId>,
    /// The worker that runs it.
    pub processing_on: Option<Text>,
    /// Why it failed, if it did.
    pub failure: Option<Arc<Failure>>,
}

/// What is known of a worker.
#[derive(Clone, Debug, PartialEq)]
pub struct WorkerView {
    /// Its address.
    pub address: Text,
    /// Its unique name.
    pub id: Text,
    /// The name that its owner gave it, as text.
    pub name: Text,
    /// That name as it was given: it may be a number.
    pub given_name: Value,
    /// Its machine.
    pub host: Text,
    /// The address of its nanny.
    pub nanny: Option<Text>,
    /// How many tasks it runs at a time.
    pub nthreads: u32,
    /// Whether it takes work.
    pub status: WorkerStatus,
}

impl WorkerView {
    /// Whether it takes work.
    pub fn is_running(&self) -> bool {
        self.status == WorkerStatus::Running
    }

    /// Whether its address, its name or its machine is among these.
    pub fn is_among(&self, named: &[Value]) -> bool {
        let is = |name: &Value| name.as_str().is_some_and(|it| *it == *self.address || *it == *self.host);
        named.iter().any(|name| is(name) || name_of(name) == self.name)
    }
}

impl Scheduler {
    /// What is known of a key.
    pub fn task(&self, key: &Key) -> Option<TaskView> {
        let id = self.tasks.id(key)?;
        let task = &self.tasks[id];
        Some(TaskView {
            state: task.state(),
            who_has: self.addresses(id),
            who_wants: self.interests.rights(id).map(|client| self.clients[client].name.clone()).collect(),
            run: task.run(),
            processing_on: task.processing().map(|it| self.workers[it.worker].address().clone()),
            failure: task.failure().cloned(),
        })
    }

    /// Whether a graph of a client is being read, and what it says waits behind it.
    pub fn is_reading(&self, client: &Text) -> bool {
        self.clients.id(client).is_some_and(|id| self.clients[id].reading.is_some())
    }

    /// Whether a graph of some client is being read.
    pub fn is_reading_any(&self) -> bool {
        self.clients.iter().any(|(_, client)| client.reading.is_some())
    }

    /// The state of a key.
    pub fn state(&self, key: &Key) -> Option<StateName> {
        self.tasks.id(key).map(|id| self.tasks[id].state())
    }

    /// The keys that a task needs.
    pub fn dependencies<'a>(&'a self, key: &Key) -> impl Iterator<Item = Key> + use<'a> {
        let ids = self.tasks.id(key).map(|id| self.tasks[id].dependencies.iter());
        ids.into_iter().flatten().map(|&id| self.tasks[id].key.clone())
    }

    /// The id of the span that a key belongs to, and its full name.
    pub fn span(&self, key: &Key) -> Option<(Text, Text)> {
        let id = self.groups.span(self.tasks[self.tasks.id(key)?].group)?;
        let names: Vec<&str> = self.spans.get(id)?.name.iter().map(|name| &**name).collect();
        Some((id.clone(), names.join(", ").into()))
    }

    /// The keys of all tasks.
    pub fn keys(&self) -> impl Iterator<Item = &Key> {
        self.tasks.iter().map(|(_, task)| &task.key)
    }

    /// All workers.
    pub fn workers(&self) -> impl Iterator<Item = WorkerView> + '_ {
        self.workers.iter().map(|(_, worker)| WorkerView {
            address: worker.address().clone(),
            id: worker.about.id.clone(),
            name: worker.spec.name.clone(),
            given_name: worker.about.name.clone(),
            host: worker.spec.host.clone(),
            nanny: worker.about.nanny.clone(),
            nthreads: worker.spec.nthreads,
            status: worker.spec.status,
        })
    }

    /// Whether a client is there.
    pub fn has_client(&self, name: &Text) -> bool {
        self.clients.id(name).is_some()
    }

    /// How many tasks are in a state.
    pub fn count(&self, state: StateName) -> usize {
        self.tasks.count(state)
    }

    /// How often a task was to go from one state to another.
    pub fn transitions(&self, start: StateName, finish: StateName) -> u64 {
        self.transitions[start as usize][finish as usize]
    }

    /// What has become of tasks that were asked back from their workers.
    pub fn steal_outcomes(&self) -> StealOutcomes {
        self.stealing.outcomes
    }

    /// What happened to a key, as far back as is remembered.
    pub fn story<'a>(&'a self, key: &'a Key) -> impl Iterator<Item = Line> + 'a {
        self.story.of(key, &self.tasks)
    }
}
