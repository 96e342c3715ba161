//! Numbers: what monitoring asks for. Everything here is kept while things happen: reading it costs a walk over workers,
//! prefixes and semaphores, however many tasks there are.

use super::Scheduler;
use super::registry::Set;
use super::stealing::cost;
use super::stimulus::Text;
use super::task::{STATES, StateName};
use super::worker::{WorkerId, WorkerStatus};
use crate::protocol::field::Optional;
use crate::protocol::query::AdaptiveTarget;

/// Who has come and gone since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Turnover {
    /// Workers that have joined.
    pub workers_added: u64,
    /// Workers that have left.
    pub workers_removed: u64,
    /// Clients that have joined.
    pub clients_added: u64,
    /// Clients that have left.
    pub clients_removed: u64,
}

/// A scheduler in numbers.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Numbers {
    /// Clients that are connected.
    pub clients: usize,
    /// Who has come and gone.
    pub turnover: Turnover,
    /// How many workers there should be for the work that is there.
    pub desired_workers: u64,
    /// How many workers there are.
    pub workers: WorkerNumbers,
    /// How many tasks are in each state.
    pub tasks: [usize; STATES],
    /// Tasks that are forgotten, of groups that are not.
    pub forgotten: usize,
    /// Tasks whose result another one waits for.
    pub awaited: usize,
    /// How many groups there are.
    pub groups: usize,
    /// The prefixes that there have been.
    pub prefixes: Vec<PrefixNumbers>,
    /// The semaphores and locks that there are.
    pub semaphores: Vec<SemaphoreNumbers>,
    /// By what moving a task costs: that cost as a multiple of its own time, how many tasks were asked back, and what
    /// they cost in seconds. Nothing if no task is ever moved.
    pub steals: Vec<(f64, u64, f64)>,
}

/// Workers in numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WorkerNumbers {
    /// All of them.
    pub all: usize,
    /// Those that take work.
    pub running: usize,
    /// Those of them that have a thread left.
    pub idle: usize,
    /// Those of them that have more to do than others.
    pub saturated: usize,
    /// Those that take no work now.
    pub paused: usize,
    /// The threads of all.
    pub threads: u64,
    /// The machines they run on.
    pub hosts: usize,
    /// The tasks that they were sent.
    pub processing: usize,
    /// The results that they hold, copies included.
    pub in_memory: usize,
    /// The bytes of these.
    pub nbytes: u64,
}

/// A prefix in numbers.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PrefixNumbers {
    /// Its name.
    pub name: String,
    /// How many of its tasks are in each state.
    pub now: [u32; STATES],
    /// How often one of its tasks has come into each state.
    pub ever: [u64; STATES],
    /// How often one of its tasks was at a worker that died.
    pub suspicious: u64,
    /// Seconds that its tasks have computed.
    pub compute: f64,
    /// Seconds that transfers for its tasks have taken.
    pub transfer: f64,
    /// The sizes of the results of its groups.
    pub nbytes: u64,
    /// Seconds that one of its tasks takes, as far as is known.
    pub duration: Option<f64>,
}

/// A semaphore in numbers.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SemaphoreNumbers {
    /// Its name.
    pub name: String,
    /// How many leases it has.
    pub leases_max: usize,
    /// How many are given.
    pub leases: usize,
    /// How many wait for one.
    pub pending: usize,
    /// How many were ever given.
    pub acquired: u64,
    /// How many were ever given back.
    pub released: u64,
    /// How long it took to get one, weighted towards the last ones.
    pub wait_average: f64,
}

impl Scheduler {
    /// The scheduler in numbers.
    pub fn numbers(&self) -> Numbers {
        Numbers {
            clients: self.clients.iter().filter(|(_, client)| client.connected).count(),
            turnover: self.turnover,
            desired_workers: self.target(&AdaptiveTarget { target_duration: Optional(None) }),
            workers: self.worker_numbers(),
            tasks: *self.tasks.counts(),
            forgotten: self.groups.all_forgotten(),
            awaited: self.tasks.awaited(),
            groups: self.groups.len(),
            prefixes: self.prefix_numbers(),
            semaphores: self.coordination.semaphore_numbers(),
            steals: self.steal_numbers(),
        }
    }

    fn worker_numbers(&self) -> WorkerNumbers {
        let mut hosts: Set<Text> = Set::default();
        let mut numbers = WorkerNumbers {
            all: self.workers.len(),
            running: self.workers.running().len(),
            idle: self.idle_workers().count(),
            saturated: self.saturated_workers().count(),
            threads: self.workers.threads(),
            ..WorkerNumbers::default()
        };
        for (id, worker) in self.workers.iter() {
            hosts.insert(worker.spec.host.clone());
            numbers.paused += usize::from(worker.spec.status == WorkerStatus::Paused);
            numbers.processing += worker.processing.len();
            numbers.in_memory += self.replicas.count(id);
            numbers.nbytes += self.replicas.bytes(id);
        }
        numbers.hosts = hosts.len();
        numbers
    }

    fn prefix_numbers(&self) -> Vec<PrefixNumbers> {
        let numbers = self.groups.prefixes.ids().map(|id| {
            let (tally, totals) = (self.tasks.tally(id), self.groups.prefixes.totals(id));
            PrefixNumbers {
                name: self.groups.prefixes.name(id).to_owned(),
                now: tally.now,
                ever: tally.ever,
                suspicious: self.groups.prefixes.suspicious(id),
                compute: totals.seconds("compute"),
                transfer: totals.seconds("transfer"),
                nbytes: totals.nbytes,
                duration: self.groups.prefixes.duration(id),
            }
        });
        numbers.collect()
    }

    fn steal_numbers(&self) -> Vec<(f64, u64, f64)> {
        if !self.settings.work_stealing {
            return Vec::new();
        }
        let levels = self.stealing.totals.iter().enumerate();
        levels.map(|(level, &(count, seconds))| (cost(level), count, seconds)).collect()
    }

    /// The workers that take work and have a thread left.
    pub(super) fn idle_workers(&self) -> impl Iterator<Item = WorkerId> + '_ {
        self.workers.running().iter().copied().filter(|&id| {
            let worker = &self.workers[id];
            worker.processing.len() < worker.spec.nthreads as usize
        })
    }

    /// The workers that take work and have more to do than others.
    pub(super) fn saturated_workers(&self) -> impl Iterator<Item = WorkerId> + '_ {
        let mean = self.total_occupancy() / self.workers.threads().max(1) as f64;
        self.workers.running().iter().copied().filter(move |&id| {
            let worker = &self.workers[id];
            let (tasks, threads) = (worker.processing.len() as f64, f64::from(worker.spec.nthreads));
            let pending = self.occupancy(id) * (tasks - threads) / (tasks * threads);
            tasks > threads && pending > 0.4 && pending > 1.9 * mean
        })
    }
}

impl Numbers {
    /// How many tasks are in a state.
    pub fn count(&self, state: StateName) -> usize {
        self.tasks[state as usize]
    }
}
