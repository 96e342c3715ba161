//! Occupancy: how long a worker is busy with what it was sent, by what is known now of how long tasks take.

use super::Scheduler;
use super::group::Group;
use super::prefix::{PrefixId, Prefixes, Reweighed};
use super::registry::{Id, Map};
use super::task::TaskId;
use super::worker::WorkerId;

/// What a worker was sent and has not done: its tasks, and the inputs that it has yet to fetch for them.
#[derive(Debug, Default)]
pub(super) struct Backlog {
    /// Tasks that have not given back their thread, by prefix.
    counts: Map<PrefixId, u32>,
    /// The sum of their weights, in microseconds.
    micros: u64,
    /// Inputs that are not there: how many tasks need each, and its size. They are fetched once.
    fetches: Map<TaskId, (u32, u64)>,
    /// The sum of their sizes.
    bytes: u64,
}

impl Backlog {
    /// Seconds that it takes one thread.
    pub fn seconds(&self, bandwidth: f64) -> f64 {
        self.micros as f64 / 1e6 + self.bytes as f64 / bandwidth
    }

    fn count(&mut self, prefix: PrefixId, prefixes: &mut Prefixes) {
        *self.counts.entry(prefix).or_insert(0) += 1;
        self.micros += prefixes.count(prefix);
    }

    fn discount(&mut self, prefix: PrefixId, prefixes: &mut Prefixes) {
        if let Some(count) = self.counts.get_mut(&prefix) {
            *count -= 1;
            if *count == 0 {
                self.counts.swap_remove(&prefix);
            }
            self.micros -= prefixes.discount(prefix);
        }
    }

    fn reweigh(&mut self, change: &Reweighed) {
        if let Some(&count) = self.counts.get(&change.prefix) {
            self.micros = self.micros + u64::from(count) * change.after - u64::from(count) * change.before;
        }
    }

    fn fetch(&mut self, input: TaskId, nbytes: u64) {
        let (count, _) = self.fetches.entry(input).or_insert_with(|| {
            self.bytes += nbytes;
            (0, nbytes)
        });
        *count += 1;
    }

    fn fetch_no_more(&mut self, input: TaskId) {
        if let Some((count, _)) = self.fetches.get_mut(&input) {
            *count -= 1;
            if *count == 0 {
                self.arrive(input);
            }
        }
    }

    /// An input is there.
    fn arrive(&mut self, input: TaskId) {
        if let Some((_, nbytes)) = self.fetches.swap_remove(&input) {
            self.bytes -= nbytes;
        }
    }

    /// Its tasks by prefix, and the sum of their weights: for those who count again.
    pub fn tasks(&self) -> (&Map<PrefixId, u32>, u64) {
        (&self.counts, self.micros)
    }

    /// Its inputs by how many tasks need them, and their sizes, and the sum of these.
    pub fn inputs(&self) -> (&Map<TaskId, (u32, u64)>, u64) {
        (&self.fetches, self.bytes)
    }
}

impl Scheduler {
    /// Seconds that a worker has before it, were it to run one task at a time.
    pub(super) fn occupancy(&self, worker: WorkerId) -> f64 {
        self.workers[worker].backlog.seconds(self.bandwidth)
    }

    /// That of all workers.
    pub(super) fn total_occupancy(&self) -> f64 {
        self.workers.iter().map(|(_, worker)| worker.backlog.seconds(self.bandwidth)).sum()
    }

    /// A task was sent to a worker.
    pub(super) fn count_in(&mut self, id: TaskId, worker: WorkerId) {
        let task = &self.tasks[id];
        let Some(there) = self.workers.value_mut(worker) else { return };
        there.backlog.count(self.groups.prefix(task.group), &mut self.groups.prefixes);
        for &input in &task.dependencies {
            if !self.replicas.has(input, worker) {
                there.backlog.fetch(input, self.tasks[input].nbytes);
            }
        }
    }

    /// A task is at its worker no more; if it has given back its thread, it does not count any more.
    pub(super) fn count_out(&mut self, id: TaskId, worker: WorkerId, long_running: bool) {
        if !long_running {
            self.count_seceded(id, worker);
        }
        let Some(there) = self.workers.value_mut(worker) else { return };
        if !there.backlog.fetches.is_empty() {
            for &input in &self.tasks[id].dependencies {
                there.backlog.fetch_no_more(input);
            }
        }
    }

    /// A task has given back its thread.
    pub(super) fn count_seceded(&mut self, id: TaskId, worker: WorkerId) {
        let prefix = self.groups.prefix(self.tasks[id].group);
        match self.workers.value_mut(worker) {
            Some(there) => there.backlog.discount(prefix, &mut self.groups.prefixes),
            // The worker has left, and all that counted there.
            None => {
                self.groups.prefixes.discount(prefix);
            }
        }
    }

    /// A worker has a result.
    pub(super) fn gain_replica(&mut self, id: TaskId, worker: WorkerId) -> bool {
        if let Some(there) = self.workers.value_mut(worker).filter(|it| !it.backlog.fetches.is_empty()) {
            there.backlog.arrive(id);
        }
        self.replicas.add(id, worker, self.tasks[id].nbytes)
    }

    /// A worker has a result no more. What runs there and needs it has to fetch it.
    pub(super) fn lose_replica(&mut self, id: TaskId, worker: WorkerId) {
        let nbytes = self.tasks[id].nbytes;
        if !self.replicas.remove(id, worker, nbytes) {
            return;
        }
        let Some(there) = self.workers.value_mut(worker).filter(|it| !it.processing.is_empty()) else { return };
        let dependents = self.tasks[id].dependents.iter();
        let needing = dependents.filter(|dependent| there.processing.contains(*dependent)).count();
        for _ in 0..needing {
            there.backlog.fetch(id, nbytes);
        }
    }

    /// A task does not need this input any more: it is about to be forgotten.
    pub(super) fn fetch_no_more(&mut self, input: TaskId, by: TaskId) {
        if let Some(worker) = self.tasks[by].processing().map(|processing| processing.worker)
            && let Some(there) = self.workers.value_mut(worker)
        {
            there.backlog.fetch_no_more(input);
        }
    }

    /// Learns how long a task of a group has taken. The first one changes all sums at once, the others at the next tick.
    pub(super) fn learn(&mut self, group: Id<Group>, seconds: f64) {
        let prefix = self.groups.prefix(group);
        if self.groups.prefixes.learn(prefix, seconds) {
            self.reweigh(prefix);
        }
    }

    /// Brings all sums up to what is expected now.
    pub(super) fn reweigh_changed(&mut self) {
        for prefix in self.groups.prefixes.take_changed() {
            self.reweigh(prefix);
        }
    }

    fn reweigh(&mut self, prefix: PrefixId) {
        if let Some(change) = self.groups.prefixes.reweigh(prefix) {
            for worker in self.workers.values_mut() {
                worker.backlog.reweigh(&change);
            }
        }
    }
}
