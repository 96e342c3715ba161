//! Workers: what the scheduler knows of each, and which of them have a free thread.

use std::collections::BTreeSet;

use super::occupancy::Backlog;
use super::registry::{Id, Map, Named, Registry, Set};
use super::stimulus::Text;
use super::task::TaskId;
use super::unmanaged::Unmanaged;
use crate::protocol::field::Number;
use crate::protocol::value::Value;
use crate::protocol::worker::RegisterWorker;

/// The id of a worker, inside one scheduler.
pub type WorkerId = Id<Worker>;

/// Whether a worker takes work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WorkerStatus {
    /// It is about to.
    Starting,
    /// It does.
    Running,
    /// Not now.
    Paused,
    /// It takes no work, and closes when what it holds is elsewhere.
    Retiring,
    /// It will close.
    Closing,
}

impl WorkerStatus {
    /// The status that has this name on the wire.
    pub fn of(name: &str) -> Option<Self> {
        Some(match name {
            "created" | "init" | "starting" => Self::Starting,
            "running" => Self::Running,
            "paused" => Self::Paused,
            "closing_gracefully" => Self::Retiring,
            "stopping" | "stopped" | "closing" | "closed" | "failed" | "dont_reply" => Self::Closing,
            _ => return None,
        })
    }

    /// Its name on the wire.
    pub fn name(self) -> &'static str {
        match self {
            Self::Starting => "init",
            Self::Running => "running",
            Self::Paused => "paused",
            Self::Retiring => "closing_gracefully",
            Self::Closing => "closing",
        }
    }
}

/// What the scheduler decides by, of all that a worker says about itself.
#[derive(Debug)]
pub(super) struct WorkerSpec {
    pub address: Text,
    /// The name that its owner gave it, as text.
    pub name: Text,
    /// Its machine.
    pub host: Text,
    /// How many tasks it runs at a time.
    pub nthreads: u32,
    /// The memory that it may use.
    pub memory_limit: Option<u64>,
    /// How much it has of each resource.
    pub resources: Vec<(Text, f64)>,
    pub status: WorkerStatus,
}

impl WorkerSpec {
    pub fn of(about: &RegisterWorker) -> Self {
        let amount = |amount| match amount {
            #[expect(clippy::cast_precision_loss, reason = "an amount this large is a mistake")]
            Number::Int(amount) => amount as f64,
            Number::Float(amount) => amount,
        };
        let resources = about.resources.iter().flat_map(|resources| &resources.0);
        Self {
            address: about.address.clone(),
            name: name_of(&about.name),
            host: host_of(&about.address).into(),
            nthreads: about.nthreads.try_into().unwrap_or(u32::MAX),
            memory_limit: about.memory_limit,
            resources: resources.map(|(name, it)| (name.clone(), amount(*it))).collect(),
            status: WorkerStatus::of(&about.status).unwrap_or(WorkerStatus::Running),
        }
    }
}

/// The text of a name, which may be a number.
pub(super) fn name_of(name: &Value) -> Text {
    match name {
        Value::Str(text) => text.clone(),
        Value::Int(number) => number.to_string().into(),
        Value::UInt(number) => number.to_string().into(),
        Value::Float(number) => format!("{number:?}").into(),
        other => format!("{other:?}").into(),
    }
}

/// The machine in an address such as `tcp://10.0.0.1:8786` or `tcp://[::1]:8786`.
fn host_of(address: &str) -> &str {
    let place = address.split_once("://").map_or(address, |(_, place)| place);
    let host = place.rsplit_once(':').map_or(place, |(host, _)| host);
    host.trim_start_matches('[').trim_end_matches(']')
}

/// All that is known of a worker.
#[derive(Debug)]
pub struct Worker {
    pub(super) spec: WorkerSpec,
    /// What it said when it joined, with the metrics of its last heartbeat.
    pub(super) about: Box<RegisterWorker>,
    /// The tasks that were sent there.
    pub(super) processing: Set<TaskId>,
    /// Those of them that have given back their thread.
    pub(super) long_running: Set<TaskId>,
    /// What they amount to.
    pub(super) backlog: Backlog,
    pub(super) unmanaged: Unmanaged,
    /// How often it asked in vain where a result is.
    pub(super) missing: Map<TaskId, u32>,
    /// The actors that live there.
    pub(super) actors: Set<TaskId>,
    pub(super) last_seen: f64,
    /// It is silent, and its nanny was asked to replace it.
    pub(super) being_replaced: bool,
    /// How many retirements it is part of, that go on.
    pub(super) retirements: u32,
    /// What it is ranked by among those with a free thread, if it is one of them.
    load: Option<u64>,
    /// Whether that may have changed since.
    unranked: bool,
}

impl Named for Worker {
    type Name = Text;

    fn known_as(&self) -> &Text {
        &self.spec.address
    }
}

impl Worker {
    /// It has said something.
    pub(super) fn see(&mut self, now: f64) {
        (self.last_seen, self.being_replaced) = (now, false);
    }

    /// The port of its own pages over HTTP.
    pub(super) fn dashboard_port(&self) -> Option<u16> {
        match self.about.services.get("dashboard")? {
            Value::Int(port) => u16::try_from(*port).ok(),
            _ => None,
        }
    }

    /// Where it listens.
    pub fn address(&self) -> &Text {
        &self.spec.address
    }

    /// How many tasks hold a thread, or wait for one.
    pub(super) fn threads_used(&self) -> usize {
        self.processing.len() - self.long_running.len()
    }

    /// Whether it has no thread left.
    pub(super) fn is_full(&self) -> bool {
        self.threads_used() >= self.spec.nthreads as usize
    }

    fn ranked_load(&self, saturation: f64) -> Option<u64> {
        let threads = f64::from(self.spec.nthreads);
        let slots = (saturation * threads).ceil().max(1.0);
        let open = self.spec.status == WorkerStatus::Running && (self.threads_used() as f64) < slots;
        open.then(|| ((self.processing.len() as u64) << 20) / u64::from(self.spec.nthreads))
    }
}

/// All workers. Each task that is sent or done changes by what a worker is ranked, often there and back: they are ranked
/// anew when somebody asks who is the least busy.
#[derive(Debug)]
pub(super) struct Workers {
    registry: Registry<Worker>,
    /// Tasks that only feed others are sent to a worker while it has fewer tasks than this times its threads.
    saturation: f64,
    /// Those that had a free thread when they were last ranked, the least busy first.
    open: BTreeSet<(u64, WorkerId)>,
    /// Those that may have changed since then.
    unranked: Vec<WorkerId>,
    /// Those that take work.
    running: Set<WorkerId>,
    threads: u64,
}

impl Workers {
    pub fn new(saturation: f64) -> Self {
        Self {
            registry: Registry::default(),
            saturation,
            open: BTreeSet::new(),
            unranked: Vec::new(),
            running: Set::default(),
            threads: 0,
        }
    }

    pub fn insert(&mut self, about: RegisterWorker, now: f64) -> WorkerId {
        let spec = WorkerSpec::of(&about);
        self.threads += u64::from(spec.nthreads);
        let worker = Worker {
            spec,
            about: Box::new(about),
            processing: Set::default(),
            long_running: Set::default(),
            backlog: Backlog::default(),
            unmanaged: Unmanaged::default(),
            missing: Map::default(),
            actors: Set::default(),
            last_seen: now,
            being_replaced: false,
            retirements: 0,
            load: None,
            unranked: false,
        };
        let id = self.registry.insert(worker);
        self.note_status(id);
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
        if worker.unranked {
            self.unranked.retain(|&it| it != id);
        }
        worker
    }

    /// A worker may have another status than before.
    pub fn note_status(&mut self, id: WorkerId) {
        if self.registry[id].spec.status == WorkerStatus::Running {
            self.running.insert(id);
        } else {
            self.running.swap_remove(&id);
        }
        self.note_load(id);
    }

    /// What a worker that may still be there is ranked by may have changed.
    pub fn note_load(&mut self, id: WorkerId) {
        if let Some(worker) = self.registry.value_mut(id)
            && !std::mem::replace(&mut worker.unranked, true)
        {
            self.unranked.push(id);
        }
    }

    /// The least busy of those with a free thread.
    pub fn least_busy(&mut self) -> Option<WorkerId> {
        while let Some(id) = self.unranked.pop() {
            let worker = &mut self.registry[id];
            worker.unranked = false;
            let load = worker.ranked_load(self.saturation);
            let before = std::mem::replace(&mut worker.load, load);
            if before != load {
                before.map(|load| self.open.remove(&(load, id)));
                load.map(|load| self.open.insert((load, id)));
            }
        }
        self.open.first().map(|&(_, id)| id)
    }

    /// Those with a free thread, in no order that means anything.
    pub fn open(&self) -> impl Iterator<Item = WorkerId> + '_ {
        let ranked = self.open.iter().map(|&(_, id)| id).filter(|&id| !self.registry[id].unranked);
        let is_open = |id: &WorkerId| self.registry[*id].ranked_load(self.saturation).is_some();
        ranked.chain(self.unranked.iter().copied().filter(is_open))
    }

    /// Whether a worker stands among the others by what it was ranked by when it last was.
    pub fn is_listed(&self, id: WorkerId) -> bool {
        let worker = &self.registry[id];
        let ranked = worker.load.is_none_or(|load| self.open.contains(&(load, id)));
        ranked && (worker.unranked || worker.load == worker.ranked_load(self.saturation))
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

    pub fn values_mut(&mut self) -> impl Iterator<Item = &mut Worker> {
        self.registry.values_mut()
    }
}

impl std::ops::Deref for Workers {
    type Target = Registry<Worker>;

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

#[cfg(test)]
mod tests {
    use super::host_of;

    #[test]
    fn the_host_is_what_stands_before_the_port() {
        assert_eq!(["tcp://10.0.0.1:8786", "tls://[::1]:8786", "name"].map(host_of), ["10.0.0.1", "::1", "name"]);
    }
}
