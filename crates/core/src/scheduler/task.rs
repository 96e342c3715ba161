//! Tasks: what the scheduler knows of each, and where it is in its life.
//!
//! ```text
//! released ─► waiting ─► processing ─► memory        each of them ─► released ─► forgotten
//!                │  └─► queued ─┘ │
//!                └──► no-worker ─┘└─► erred
//! ```

use std::cmp::Ordering;
use std::sync::Arc;

use bytes::Bytes;

use super::group::Group;
use super::instruction::Failure;
use super::registry::{Id, Registry, Set};
use super::stimulus::Text;
use super::worker::WorkerId;
use crate::key::Key;
use crate::protocol::field::Number;
use crate::protocol::serialized::Pickled;
use crate::protocol::value::Value;

/// The id of a task, inside one scheduler.
pub type TaskId = Id<Task>;

/// The size of a result that nobody has measured.
const NBYTES_UNKNOWN: u64 = 1024;

/// One attempt to run a task: the epoch of the scheduler and a counter, sent as one whole number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RunId(pub i64);

impl RunId {
    /// The attempts of an epoch follow those of all epochs before it.
    pub fn new(epoch: u32, counter: u64) -> Self {
        let epoch = i64::from(epoch % (1 << 22)) << 40;
        Self(epoch | (counter % (1 << 40)).cast_signed())
    }
}

/// When a task runs: lower runs first.
#[derive(Clone, Copy, Debug, Default)]
pub struct Priority {
    /// What the user said, negated.
    pub user: f64,
    /// That of its graph: older ones first, and those of tasks that submit tasks before these.
    pub generation: f64,
    /// Its place in the order of its graph.
    pub order: i64,
}

impl Priority {
    /// As a worker is told: whole where it is.
    pub(super) fn numbers(self) -> [Number; 3] {
        [whole(self.user), whole(self.generation), Number::Int(self.order)]
    }
}

fn whole(number: f64) -> Number {
    // Whole numbers of this size are exact as floats.
    if number.fract() == 0.0 && number.abs() < 2.0_f64.powi(53) {
        Number::Int(number as i64)
    } else {
        Number::Float(number)
    }
}

impl Ord for Priority {
    fn cmp(&self, other: &Self) -> Ordering {
        let user = self.user.total_cmp(&other.user);
        user.then(self.generation.total_cmp(&other.generation)).then(self.order.cmp(&other.order))
    }
}

impl PartialOrd for Priority {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Priority {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Priority {}

/// A state by its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum StateName {
    /// Not computed, and nothing is done about it.
    Released,
    /// Waits for its dependencies.
    Waiting,
    /// Could run, but no worker may run it.
    NoWorker,
    /// Could run, and waits in the scheduler for a free thread.
    Queued,
    /// Was sent to a worker.
    Processing,
    /// Its result is held by workers.
    Memory,
    /// It has failed, or one that it needs.
    Erred,
    /// It is not known any more.
    Forgotten,
}

impl StateName {
    /// Its name, as clients know it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Released => "released",
            Self::Waiting => "waiting",
            Self::NoWorker => "no-worker",
            Self::Queued => "queued",
            Self::Processing => "processing",
            Self::Memory => "memory",
            Self::Erred => "erred",
            Self::Forgotten => "forgotten",
        }
    }
}

/// How many states there are.
pub(super) const STATES: usize = StateName::Forgotten as usize + 1;

/// Where a task is in its life. Each state carries exactly the data valid in it.
#[derive(Debug)]
pub(super) enum TaskState {
    Released,
    Waiting { on: Set<TaskId> },
    NoWorker { since: f64 },
    Queued,
    Processing(Processing),
    Memory { class: Bytes },
    Erred { failure: Arc<Failure>, on: Option<WorkerId> },
    Forgotten,
}

/// A task at its worker.
#[derive(Clone, Debug)]
pub(super) struct Processing {
    pub worker: WorkerId,
    /// Seconds that it adds to the occupancy of its worker.
    pub cost: f64,
    pub long_running: bool,
}

impl TaskState {
    pub fn name(&self) -> StateName {
        match self {
            Self::Released => StateName::Released,
            Self::Waiting { .. } => StateName::Waiting,
            Self::NoWorker { .. } => StateName::NoWorker,
            Self::Queued => StateName::Queued,
            Self::Processing(_) => StateName::Processing,
            Self::Memory { .. } => StateName::Memory,
            Self::Erred { .. } => StateName::Erred,
            Self::Forgotten => StateName::Forgotten,
        }
    }
}

/// Where a task may run, and what it takes.
#[derive(Debug, Default)]
pub(super) struct Restrictions {
    pub workers: Vec<Text>,
    pub allow_other_workers: bool,
    pub resources: Vec<(Text, f64)>,
}

/// All that is known of a task.
#[derive(Debug)]
pub struct Task {
    pub(super) key: Key,
    pub(super) group: Id<Group>,
    /// Nothing for data that came from outside, and until the graph comes that says it.
    pub(super) run_spec: Option<Arc<Pickled>>,
    pub(super) priority: Priority,
    pub(super) state: TaskState,
    pub(super) dependencies: Set<TaskId>,
    pub(super) dependents: Set<TaskId>,
    /// The dependents that need its result and do not have theirs.
    pub(super) waiters: Set<TaskId>,
    /// The last attempt.
    pub(super) run: Option<RunId>,
    pub(super) nbytes: u64,
    pub(super) retries: u32,
    /// How many workers died while they ran it.
    pub(super) suspicious: u32,
    pub(super) data_producer: bool,
    pub(super) actor: bool,
    /// A dependency was forgotten: it cannot be computed again.
    pub(super) lost_dependencies: bool,
    pub(super) restrictions: Option<Box<Restrictions>>,
    pub(super) annotations: Value,
}

impl Task {
    /// A task of which only the key is known.
    pub(super) fn new(key: Key, group: Id<Group>) -> Self {
        Self {
            key,
            group,
            run_spec: None,
            priority: Priority::default(),
            state: TaskState::Released,
            dependencies: Set::default(),
            dependents: Set::default(),
            waiters: Set::default(),
            run: None,
            nbytes: NBYTES_UNKNOWN,
            retries: 0,
            suspicious: 0,
            data_producer: false,
            actor: false,
            lost_dependencies: false,
            restrictions: None,
            annotations: Value::Map(Vec::new()),
        }
    }

    /// The attempt that runs, and where.
    pub(super) fn processing(&self) -> Option<&Processing> {
        if let TaskState::Processing(processing) = &self.state { Some(processing) } else { None }
    }

    /// Why it failed, if it did.
    pub(super) fn failure(&self) -> Option<&Arc<Failure>> {
        if let TaskState::Erred { failure, .. } = &self.state { Some(failure) } else { None }
    }

    /// The name of its state.
    pub fn state(&self) -> StateName {
        self.state.name()
    }
}

/// All tasks. Their edges have two sides, and are changed only here.
#[derive(Debug, Default)]
pub(super) struct Tasks {
    registry: Registry<Key, Task>,
    counts: [usize; STATES],
}

impl Tasks {
    pub fn insert(&mut self, task: Task) -> TaskId {
        self.counts[task.state() as usize] += 1;
        self.registry.insert(task.key.clone(), task)
    }

    pub fn remove(&mut self, id: TaskId) {
        let task = self.registry.remove(&self.registry[id].key.clone()).expect("it was just found");
        self.counts[task.state() as usize] -= 1;
    }

    /// Gives a task its new state and returns the old one.
    pub fn set(&mut self, id: TaskId, state: TaskState) -> TaskState {
        let task = &mut self.registry[id];
        self.counts[task.state() as usize] -= 1;
        self.counts[state.name() as usize] += 1;
        std::mem::replace(&mut task.state, state)
    }

    /// A running task has given back its thread; false if it had before.
    pub fn secede(&mut self, id: TaskId) -> bool {
        match &mut self.registry[id].state {
            TaskState::Processing(processing) => !std::mem::replace(&mut processing.long_running, true),
            _ => false,
        }
    }

    /// How many tasks are in a state.
    pub fn count(&self, state: StateName) -> usize {
        self.counts[state as usize]
    }

    pub fn link(&mut self, task: TaskId, dependency: TaskId) {
        self.registry[task].dependencies.insert(dependency);
        self.registry[dependency].dependents.insert(task);
    }

    /// Cuts a task off from its dependents, and returns them.
    pub fn cut_dependents(&mut self, id: TaskId) -> Set<TaskId> {
        let dependents = std::mem::take(&mut self.registry[id].dependents);
        for &dependent in &dependents {
            self.registry[dependent].dependencies.swap_remove(&id);
        }
        dependents
    }

    /// Cuts a task off from its dependencies, and returns them.
    pub fn cut_dependencies(&mut self, id: TaskId) -> Set<TaskId> {
        let dependencies = std::mem::take(&mut self.registry[id].dependencies);
        for &dependency in &dependencies {
            let task = &mut self.registry[dependency];
            task.dependents.swap_remove(&id);
            task.waiters.swap_remove(&id);
        }
        dependencies
    }
}

impl std::ops::Deref for Tasks {
    type Target = Registry<Key, Task>;

    fn deref(&self) -> &Self::Target {
        &self.registry
    }
}

impl std::ops::Index<TaskId> for Tasks {
    type Output = Task;

    fn index(&self, id: TaskId) -> &Task {
        &self.registry[id]
    }
}

impl std::ops::IndexMut<TaskId> for Tasks {
    fn index_mut(&mut self, id: TaskId) -> &mut Task {
        &mut self.registry[id]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attempts_of_a_later_epoch_are_later() {
        assert!(RunId::new(1, 0) > RunId::new(0, (1 << 40) - 1));
        assert!(RunId::new(u32::MAX, u64::MAX).0 > 0);
    }

    #[test]
    fn priorities_compare_like_tuples() {
        let priority = |user, generation, order| Priority { user, generation, order };
        assert!(priority(-1.0, 5.0, 9) < priority(0.0, 0.0, 0));
        assert!(priority(0.0, 0.99, 9) < priority(0.0, 1.0, 0));
        assert!(priority(0.0, 1.0, 0) < priority(0.0, 1.0, 1));
    }
}
