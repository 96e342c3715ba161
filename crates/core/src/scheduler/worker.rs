//! Workers: what the scheduler knows of each, and which of them have a free thread.

use std::collections::BTreeSet;

use super::registry::{Id, Map, Registry, Set};
use super::stimulus::{Text, WorkerSpec, WorkerStatus};
use super::task::TaskId;

/// The id of a worker, inside one scheduler.
pub type WorkerId = Id<Worker>;

/// All that is known of a worker.
#[derive(Debug)]
pub struct Worker {
    pub(super) spec: WorkerSpec,
    /// The tasks that were sent there.
    pub(super) processing: Set<TaskId>,
    /// Those of them that have given back their thread.
    pub(super) long_running: Set<TaskId>,
    /// Seconds until all that was sent there is done, were it to run one task at a time.
    pub(super) occupancy: f64,
    /// How often it asked in vain where a result is.
    pub(super) missing: Map<TaskId, u32>,
    /// The actors that live there.
    pub(super) actors: Set<TaskId>,
    pub(super) last_seen: f64,
    /// What it is ranked by among those with a free thread, if it is one of them.
    pub(super) load: Option<u64>,
}

impl Worker {
    /// Where it listens.
    pub fn address(&self) -> &Text {
        &self.spec.address
    }

    fn threads_used(&self) -> usize {
        self.processing.len() - self.long_running.len()
    }

    fn ranked_load(&self, saturation: f64) -> Option<u64> {
        let threads = f64::from(self.spec.nthreads);
        let slots = (saturation * threads).ceil().max(1.0);
        let open = self.spec.status == WorkerStatus::Running && (self.threads_used() as f64) < slots;
        open.then(|| ((self.processing.len() as u64) << 20) / u64::from(self.spec.nthreads))
    }
}

/// All workers.
#[derive(Debug, Default)]
pub(super) struct Workers {
    registry: Registry<Text, Worker>,
    /// Those with a free thread, the least busy first.
    open: BTreeSet<(u64, WorkerId)>,
    /// Those that take work.
    running: Set<WorkerId>,
    threads: u64,
}

impl Workers {
    pub fn insert(&mut self, spec: WorkerSpec, now: f64, saturation: f64) -> WorkerId {
        self.threads += u64::from(spec.nthreads);
        let worker = Worker {
            spec,
            processing: Set::default(),
            long_running: Set::default(),
            occupancy: 0.0,
            missing: Map::default(),
            actors: Set::default(),
            last_seen: now,
            load: None,
        };
        let id = self.registry.insert(worker.spec.address.clone(), worker);
        self.rank(id, saturation);
        id
    }

    pub fn remove(&mut self, id: WorkerId) -> Worker {
        let address = self.registry[id].spec.address.clone();
        let worker = self.registry.remove(&address).expect("it was just found");
        self.threads -= u64::from(worker.spec.nthreads);
        self.running.swap_remove(&id);
        if let Some(load) = worker.load {
            self.open.remove(&(load, id));
        }
        worker
    }

    /// Finds the place of a worker after anything that it is ranked by has changed.
    pub fn rank(&mut self, id: WorkerId, saturation: f64) {
        let worker = &mut self.registry[id];
        let load = worker.ranked_load(saturation);
        if worker.spec.status == WorkerStatus::Running {
            self.running.insert(id);
        } else {
            self.running.swap_remove(&id);
        }
        let before = std::mem::replace(&mut worker.load, load);
        if before != load {
            before.map(|load| self.open.remove(&(load, id)));
            load.map(|load| self.open.insert((load, id)));
        }
    }

    /// The least busy of those with a free thread.
    pub fn least_busy(&self) -> Option<WorkerId> {
        self.open.first().map(|&(_, id)| id)
    }

    /// Those with a free thread.
    pub fn open(&self) -> &BTreeSet<(u64, WorkerId)> {
        &self.open
    }

    /// Those that take work.
    pub fn running(&self) -> &Set<WorkerId> {
        &self.running
    }

    /// The threads of all.
    pub fn threads(&self) -> u64 {
        self.threads
    }

    pub fn value_mut(&mut self, id: WorkerId) -> Option<&mut Worker> {
        self.registry.value_mut(id)
    }
}

impl std::ops::Deref for Workers {
    type Target = Registry<Text, Worker>;

    fn deref(&self) -> &Self::Target {
        &self.registry
    }
}

impl std::ops::Index<WorkerId> for Workers {
    type Output = Worker;

    fn index(&self, id: WorkerId) -> &Worker {
        &self.registry[id]
    }
}

impl std::ops::IndexMut<WorkerId> for Workers {
    fn index_mut(&mut self, id: WorkerId) -> &mut Worker {
        &mut self.registry[id]
    }
}
