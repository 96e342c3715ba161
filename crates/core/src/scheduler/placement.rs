//! Placement: which worker runs a task that is ready.

use super::Scheduler;
use super::recommendations::{Finish, Recommendations};
use super::stimulus::Text;
use super::task::TaskId;
use super::worker::{Worker, WorkerId};

/// So many workers are compared one by one; of more, one with a free thread will do.
const COMPARED_MAX: usize = 20;

/// Where a ready task goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    Worker(WorkerId),
    /// It is like a root, and no thread is free for it.
    Queue,
    /// No worker may run it.
    Nowhere,
}

impl Scheduler {
    pub(super) fn place(&mut self, id: TaskId) -> Place {
        // What only finds out where its part of a shuffle is goes there at once.
        let queues = self.settings.worker_saturation.is_finite() && !self.takes_from_shuffle(id);
        let worker = match (self.is_rootish(id), queues) {
            (true, true) => return self.workers.least_busy().map_or(Place::Queue, Place::Worker),
            (true, false) => self.worker_of_siblings(id),
            (false, _) => self.best_worker(id),
        };
        worker.map_or(Place::Nowhere, Place::Worker)
    }

    /// The worker where the task before this one of its group went, until it has its share: who comes next needs them
    /// all together.
    fn worker_of_siblings(&mut self, id: TaskId) -> Option<WorkerId> {
        let group = self.tasks[id].group;
        if let Some(worker) = self.groups.next_of_share(group)
            && self.workers.running().contains(&worker)
        {
            return Some(worker);
        }
        let free = |id: &WorkerId| self.workers[*id].processing.len() < self.workers[*id].spec.nthreads as usize;
        let running = self.workers.running();
        let pool: Vec<_> = running.iter().copied().filter(free).collect();
        let pool = if pool.is_empty() { running.iter().copied().collect() } else { pool };
        let rank = |worker: WorkerId| (self.start_time(id, worker), self.replicas.bytes(worker));
        let ranked = pool.into_iter().map(|worker| (rank(worker), worker));
        let best = ranked.min_by(|(a, _), (b, _)| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        let (_, worker) = best?;
        let threads = u64::from(self.workers[worker].spec.nthreads);
        self.groups.begin_share(group, worker, threads, self.workers.threads());
        Some(worker)
    }

    /// Whether a task only feeds others, so that it should not run before they can.
    fn is_rootish(&self, id: TaskId) -> bool {
        let task = &self.tasks[id];
        let restricted = task.restrictions.as_ref();
        let restricted = restricted.is_some_and(|it| !it.workers.is_empty() || !it.resources.is_empty());
        let (groups, dependencies) = (self.settings.root_groups_max, self.settings.root_dependencies_max);
        let rootish = || self.groups.is_rootish(task.group, self.workers.threads(), groups, dependencies);
        !task.actor && !restricted && (task.data_producer || rootish())
    }

    /// The worker where the task is expected to start first.
    pub(super) fn best_worker(&mut self, id: TaskId) -> Option<WorkerId> {
        let valid = self.valid_workers(id);
        if self.tasks[id].dependencies.is_empty() && valid.is_none() && !self.tasks[id].actor {
            return self.any_worker();
        }
        let task = &self.tasks[id];
        let running = self.workers.running();
        let holdings = self.holdings(id);
        let holders = || holdings.workers().collect();
        let mut candidates: Vec<WorkerId> = if task.actor { running.iter().copied().collect() } else { holders() };
        if let Some(valid) = valid {
            candidates.retain(|worker| valid.contains(worker));
            if candidates.is_empty() {
                let allowed = self.may_run_elsewhere(id);
                candidates = if valid.is_empty() && allowed { holders() } else { valid };
                if candidates.is_empty() && allowed {
                    candidates = running.iter().copied().collect();
                }
            }
        } else if candidates.is_empty() {
            candidates = running.iter().copied().collect();
        }
        let actors = |worker: WorkerId| if task.actor { self.workers[worker].actors.len() } else { 0 };
        let start_time = |worker| self.backlog(worker) + holdings.missing_bytes(worker) / self.bandwidth;
        let rank = |worker| (actors(worker), start_time(worker), self.replicas.bytes(worker));
        candidates
            .into_iter()
            .map(|worker| (rank(worker), worker))
            .min_by(|(a, _), (b, _)| a.0.cmp(&b.0).then(a.1.total_cmp(&b.1)).then(a.2.cmp(&b.2)))
            .map(|(_, worker)| worker)
    }

    /// The running workers that may run the task; nothing if all may.
    pub(super) fn valid_workers(&self, id: TaskId) -> Option<Vec<WorkerId>> {
        let restrictions = self.tasks[id].restrictions.as_ref()?;
        if restrictions.workers.is_empty() && restrictions.resources.is_empty() {
            return None;
        }
        Some(self.workers.running().iter().copied().filter(|&worker| self.may_run(id, worker)).collect())
    }

    /// Whether a task is meant for a worker that is there.
    pub(super) fn may_run(&self, id: TaskId, worker: WorkerId) -> bool {
        self.tasks[id].restrictions.as_ref().is_none_or(|restrictions| {
            let worker = &self.workers[worker];
            (restrictions.workers.is_empty() || restrictions.workers.iter().any(|name| is_called(worker, name)))
                && restrictions.resources.iter().all(|(name, needed)| supply(worker, name) >= *needed)
        })
    }

    /// Whether a task may run on others than those it is meant for, if these are not to be had.
    pub(super) fn may_run_elsewhere(&self, id: TaskId) -> bool {
        self.tasks[id].restrictions.as_ref().is_some_and(|it| it.allow_other_workers)
    }

    /// A worker for a task that can run anywhere: one with a free thread, if there is one.
    fn any_worker(&mut self) -> Option<WorkerId> {
        let count = self.workers.running().len();
        if count >= COMPARED_MAX {
            let index = self.started as usize % count;
            return self.workers.least_busy().or_else(|| self.workers.running().get_index(index).copied());
        }
        let running = self.workers.running();
        let start = self.started as usize % running.len().max(1);
        let in_turn = (0..running.len()).map(|index| running[(index + start) % running.len()]);
        let ranked = in_turn.map(|worker| ((self.workers[worker].is_full(), self.occupancy(worker)), worker));
        let best = ranked.min_by(|(a, _), (b, _)| a.0.cmp(&b.0).then(a.1.total_cmp(&b.1)));
        best.map(|(_, worker)| worker)
    }

    /// Seconds until the task would start there.
    fn start_time(&self, id: TaskId, worker: WorkerId) -> f64 {
        self.backlog(worker) + self.transfer_time(id, worker)
    }

    /// Seconds until what was sent there is done.
    fn backlog(&self, worker: WorkerId) -> f64 {
        self.occupancy(worker) / f64::from(self.workers[worker].spec.nthreads)
    }

    /// Seconds that it takes to bring there what the task needs.
    pub(super) fn transfer_time(&self, id: TaskId, worker: WorkerId) -> f64 {
        let dependencies = self.tasks[id].dependencies.iter();
        let absent = dependencies.filter(|&&dependency| !self.replicas.has(dependency, worker));
        absent.map(|&dependency| self.tasks[dependency].nbytes as f64).sum::<f64>() / self.bandwidth
    }

    /// Sends queued tasks to workers while threads are free.
    pub(super) fn fill_free_threads(&mut self) {
        while let Some(&(_, id)) = self.queued.first() {
            if self.workers.least_busy().is_none() {
                return;
            }
            let before = self.started;
            self.cascade(Recommendations::one(id, Finish::Processing));
            if self.started == before && self.queued.first().is_some_and(|&(_, first)| first == id) {
                return;
            }
        }
    }
}

/// Whether a worker is meant by its address, with or without the protocol, by its name, or by its host.
fn is_called(worker: &Worker, name: &Text) -> bool {
    let place = worker.spec.address.split_once("://").map(|(_, place)| place);
    [&worker.spec.address, &worker.spec.name, &worker.spec.host].contains(&name) || place == Some(name)
}

fn supply(worker: &Worker, resource: &Text) -> f64 {
    worker.spec.resources.iter().find(|(name, _)| name == resource).map_or(0.0, |(_, amount)| *amount)
}
