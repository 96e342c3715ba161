//! Replicas: which worker holds which result, how many bytes that makes, and who is to drop one.

use super::registry::{Map, Set};
use super::relation::Relation;
use super::task::{Task, TaskId};
use super::worker::{Worker, WorkerId};

/// `who_has` and `has_what` of Dask, and the bytes a worker holds.
#[derive(Debug, Default)]
pub(super) struct Replicas {
    pairs: Relation<Task, Worker>,
    /// By the places of workers.
    bytes: Vec<u64>,
    /// What more than one worker has.
    replicated: Set<TaskId>,
    /// Who was told to drop a result, and has not said yet that it did or keeps it. None of them counts as having it.
    dropping: Map<TaskId, Vec<WorkerId>>,
}

impl Replicas {
    /// A worker has a result of that size; false if that was known.
    pub fn add(&mut self, task: TaskId, worker: WorkerId, nbytes: u64) -> bool {
        let added = self.pairs.insert(task, worker);
        if added {
            if !self.dropping.is_empty() {
                self.settle_drop(task, worker);
            }
            if self.bytes.len() <= worker.place() {
                self.bytes.resize(worker.place() + 1, 0);
            }
            self.bytes[worker.place()] += nbytes;
            if self.who_has(task).nth(1).is_some() {
                self.replicated.insert(task);
            }
        }
        added
    }

    /// A worker has a result of that size no more; false if that was known.
    pub fn remove(&mut self, task: TaskId, worker: WorkerId, nbytes: u64) -> bool {
        let removed = self.pairs.remove(task, worker);
        if removed {
            self.take_bytes(worker, nbytes);
            if !self.replicated.is_empty() && self.who_has(task).nth(1).is_none() {
                self.replicated.swap_remove(&task);
            }
        }
        removed
    }

    /// Nobody has the result any more. Returns who had it.
    pub fn remove_all(&mut self, task: TaskId, nbytes: u64) -> Vec<WorkerId> {
        let holders: Vec<_> = self.pairs.remove_left(task);
        if holders.len() > 1 {
            self.replicated.swap_remove(&task);
        }
        for &worker in &holders {
            self.take_bytes(worker, nbytes);
        }
        holders
    }

    fn take_bytes(&mut self, worker: WorkerId, nbytes: u64) {
        let bytes = &mut self.bytes[worker.place()];
        *bytes -= nbytes;
    }

    /// A worker that has not got the result, as far as is known, was told to drop it.
    pub fn expect_drop(&mut self, task: TaskId, worker: WorkerId) {
        let workers = self.dropping.entry(task).or_default();
        if !workers.contains(&worker) {
            workers.push(worker);
        }
    }

    /// A worker has dropped the result, or has it anew.
    pub fn settle_drop(&mut self, task: TaskId, worker: WorkerId) {
        let Some(workers) = self.dropping.get_mut(&task) else { return };
        workers.retain(|it| *it != worker);
        if workers.is_empty() {
            self.dropping.swap_remove(&task);
        }
    }

    /// The task is forgotten: whoever was to drop its result has nothing more to say of it.
    pub fn settle_drops(&mut self, task: TaskId) {
        if !self.dropping.is_empty() {
            self.dropping.swap_remove(&task);
        }
    }

    /// Only these workers are there.
    pub fn settle_drops_of_absent(&mut self, is_there: impl Fn(WorkerId) -> bool) {
        self.dropping.retain(|_, workers| {
            workers.retain(|&it| is_there(it));
            !workers.is_empty()
        });
    }

    /// Whether the worker was told to drop the result, and has not said yet what it did.
    pub fn is_dropping(&self, task: TaskId, worker: WorkerId) -> bool {
        self.dropping.get(&task).is_some_and(|workers| workers.contains(&worker))
    }

    /// Who is to drop what.
    pub fn all_dropping(&self) -> impl Iterator<Item = (TaskId, WorkerId)> + '_ {
        self.dropping.iter().flat_map(|(&task, workers)| workers.iter().map(move |&worker| (task, worker)))
    }

    /// What more than one worker has: so many of it, others the next time.
    pub fn replicated(&mut self, count: usize) -> Vec<TaskId> {
        let some: Vec<_> = self.replicated.iter().copied().take(count).collect();
        if some.len() == count {
            // Those that stay go behind the others.
            for id in &some {
                self.replicated.swap_remove(id);
            }
            self.replicated.extend(&some);
        }
        some
    }

    /// Whether more than one worker is known to have the result.
    pub fn is_replicated(&self, task: TaskId) -> bool {
        self.replicated.contains(&task)
    }

    /// Whether the worker has the result.
    pub fn has(&self, task: TaskId, worker: WorkerId) -> bool {
        self.pairs.contains(task, worker)
    }

    /// Whether anybody has the result.
    pub fn held(&self, task: TaskId) -> bool {
        self.pairs.has_left(task)
    }

    /// Who has the result.
    pub fn who_has(&self, task: TaskId) -> impl Iterator<Item = WorkerId> + '_ {
        self.pairs.rights(task)
    }

    /// What the worker has.
    pub fn has_what(&self, worker: WorkerId) -> impl Iterator<Item = TaskId> + '_ {
        self.pairs.lefts(worker)
    }

    /// How many results the worker has.
    pub fn count(&self, worker: WorkerId) -> usize {
        self.pairs.left_count(worker)
    }

    /// How many bytes the worker has.
    pub fn bytes(&self, worker: WorkerId) -> u64 {
        self.bytes.get(worker.place()).copied().unwrap_or(0)
    }

    /// All results that somebody has.
    pub fn tasks(&self) -> impl Iterator<Item = TaskId> + '_ {
        self.pairs.all_lefts()
    }

    /// All workers that have something.
    pub fn workers(&self) -> impl Iterator<Item = WorkerId> + '_ {
        self.pairs.all_rights()
    }
}
