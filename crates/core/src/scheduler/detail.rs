//! Details: all that a page about one task or one worker shows. Lists are cut where a person stops reading.

use std::collections::VecDeque;

use super::Scheduler;
use super::instruction::{Exception, Failure};
use super::stimulus::Text;
use super::story::Happening;
use super::task::{StateName, TaskId, TaskState};
use super::wait::WaitReason;
use crate::key::Key;
use crate::protocol::field::Number;
use crate::protocol::value::Value;

/// So many tasks are named where there may be any number.
const NAMED_MAX: usize = 200;
/// So many failures are remembered.
const FAILURES_MAX: usize = 100;

/// Some of many tasks: their keys and states.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Named {
    /// How many there are.
    pub count: usize,
    /// The first of them.
    pub first: Vec<(Key, StateName)>,
}

/// All about a task.
#[derive(Clone, Debug, PartialEq)]
pub struct TaskDetail {
    /// Its key.
    pub key: Key,
    /// Its state.
    pub state: StateName,
    /// What it waits for, if it does.
    pub reason: Option<WaitReason>,
    /// The class of its result.
    pub class: Option<Text>,
    /// The size of its result, if there is one.
    pub nbytes: Option<u64>,
    /// When it runs: lower runs first.
    pub priority: [Number; 3],
    /// The worker that was sent it.
    pub processing_on: Option<Text>,
    /// The workers that hold its result.
    pub who_has: Vec<Text>,
    /// The clients that want it.
    pub who_wants: Vec<Text>,
    /// How often it may fail and be tried again.
    pub retries: u32,
    /// How many workers died while they ran it.
    pub suspicious: u32,
    /// What it needs.
    pub dependencies: Named,
    /// What needs it.
    pub dependents: Named,
    /// How it failed.
    pub failure: Option<FailureDetail>,
    /// What happened to it: by which stimulus, and what.
    pub story: Vec<(u64, Happening)>,
}

/// How a task has failed.
#[derive(Clone, Debug, PartialEq)]
pub struct FailureDetail {
    /// The task.
    pub key: Key,
    /// The task that failed first.
    pub cause: Key,
    /// The exception, as text.
    pub exception: Text,
    /// Where it was raised, as text.
    pub traceback: Text,
}

/// All about a worker, beside its identity.
#[derive(Clone, Debug, PartialEq)]
pub struct WorkerDetail {
    /// Who it is, as Dask tells it.
    pub identity: Value,
    /// Seconds that it has before it.
    pub occupancy: f64,
    /// What it was sent.
    pub processing: Named,
    /// What it holds.
    pub in_memory: Named,
}

/// The keys of the last tasks that have failed by themselves.
#[derive(Debug, Default)]
pub(super) struct Failures(VecDeque<Key>);

impl Failures {
    /// A task has failed.
    pub fn note(&mut self, key: &Key) {
        if self.0.len() == FAILURES_MAX {
            self.0.pop_front();
        }
        self.0.push_back(key.clone());
    }
}

impl Scheduler {
    /// All about a task.
    pub fn task_detail(&self, key: &Key) -> Option<TaskDetail> {
        let id = self.tasks.id(key)?;
        let task = &self.tasks[id];
        Some(TaskDetail {
            key: task.key.clone(),
            state: task.state(),
            reason: self.wait_reason(key),
            class: match &task.state {
                TaskState::Memory { class: Some(class) } => Some(class.name.clone()),
                _ => None,
            },
            nbytes: (task.state() == StateName::Memory).then_some(task.nbytes),
            priority: task.priority.numbers(),
            processing_on: task.processing().map(|it| self.workers[it.worker].address().clone()),
            who_has: self.addresses(id),
            who_wants: self.interests.rights(id).map(|client| self.clients[client].name.clone()).collect(),
            retries: task.retries,
            suspicious: task.suspicious,
            dependencies: self.some_of(task.dependencies.len(), task.dependencies.iter().copied()),
            dependents: self.some_of(task.dependents.len(), task.dependents.iter().copied()),
            failure: task.failure().map(|failure| detailed(&task.key, failure)),
            story: self.story(key).map(|line| (line.stimulus, line.what)).collect(),
        })
    }

    /// All about a worker.
    pub fn worker_detail(&self, address: &Text) -> Option<WorkerDetail> {
        let id = self.workers.id(address)?;
        let worker = &self.workers[id];
        Some(WorkerDetail {
            identity: super::query::worker::described(worker),
            occupancy: self.occupancy(id),
            processing: self.some_of(worker.processing.len(), worker.processing.iter().copied()),
            in_memory: self.some_of(self.replicas.count(id), self.replicas.has_what(id)),
        })
    }

    /// The address of a worker, if it is here.
    pub fn worker_address(&self, address: &Text) -> Option<Text> {
        self.workers.id(address).map(|id| self.workers[id].address().clone())
    }

    /// The keys of what a worker was sent and has not begun to give back: some of it, if it is much.
    pub fn sent_to(&self, address: &Text) -> Option<Vec<Key>> {
        let worker = &self.workers[self.workers.id(address)?];
        let first = worker.processing.iter().take(NAMED_MAX);
        Some(first.map(|&id| self.tasks[id].key.clone()).collect())
    }

    /// The last tasks that have failed by themselves and still are so, the newest first.
    pub fn failures(&self) -> Vec<FailureDetail> {
        let failed = self.failures.0.iter().rev().filter_map(|key| {
            let task = &self.tasks[self.tasks.id(key)?];
            Some(detailed(key, task.failure()?))
        });
        failed.collect()
    }

    /// The last events of a topic, as stock tells them, the newest last.
    pub fn last_events(&self, topic: &Text, count: usize) -> Vec<(f64, Value)> {
        self.coordination.topics.last(topic, count)
    }

    fn some_of(&self, count: usize, ids: impl Iterator<Item = TaskId>) -> Named {
        let first = ids.take(NAMED_MAX).map(|id| (self.tasks[id].key.clone(), self.tasks[id].state()));
        Named { count, first: first.collect() }
    }
}

fn detailed(key: &Key, failure: &Failure) -> FailureDetail {
    let traceback = match &failure.exception {
        Exception::Raised { traceback_text, .. } => traceback_text.clone(),
        _ => "".into(),
    };
    FailureDetail { key: key.clone(), cause: failure.cause.clone(), exception: failure.text(), traceback }
}
