//! Tasks: what the scheduler knows of each, and where it is in its life.
//!
//! ```text
//! released ─► waiting ─► processing ─► memory        each of them ─► released ─► forgotten
//!                │  └─► queued ─┘ │
//!                └──► no-worker ─┘└─► erred
//! ```

use std::cmp::Ordering;
use std::sync::Arc;

use super::classes::Class;
use super::edges::Edges;
use super::group::Group;
use super::instruction::Failure;
use super::prefix::PrefixId;
use super::registry::{Id, Map, Named, Registry};
pub use super::run_id::RunId;
pub use super::state::{STATES, StateName};
use super::stimulus::Text;
use super::tally::{Tallies, Tally};
use super::worker::WorkerId;
use crate::key::Key;
use crate::protocol::field::Number;
use crate::protocol::serialized::Pickled;
use crate::protocol::value::Value;

/// The id of a task, inside one scheduler.
pub type TaskId = Id<Task>;

/// The size of a result that nobody has measured.
const NBYTES_UNKNOWN: u64 = 1024;

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

    /// As others see it.
    pub(super) fn values(self) -> [Value; 3] {
        self.numbers().map(|number| match number {
            Number::Int(number) => Value::Int(number),
            Number::Float(number) => Value::Float(number),
        })
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

/// Where a task is in its life. Each state carries exactly the data valid in it.
#[derive(Debug)]
pub(super) enum TaskState {
    Released {
        /// Who was told to drop its result when it was released, and has not said yet that it did; or has left since.
        dropping: Box<[WorkerId]>,
    },
    /// So many of its dependencies are not in memory.
    Waiting {
        missing: u32,
    },
    NoWorker {
        since: f64,
    },
    Queued,
    Processing(Processing),
    Memory {
        class: Option<Arc<Class>>,
    },
    Erred {
        failure: Arc<Failure>,
        on: Option<WorkerId>,
    },
    Forgotten,
}

/// A task at its worker.
#[derive(Clone, Debug)]
pub(super) struct Processing {
    pub worker: WorkerId,
    pub long_running: bool,
    /// Whether its worker is known to have begun it: it stays there.
    pub begun: bool,
}

impl TaskState {
    /// Nobody has to drop anything.
    pub fn released() -> Self {
        Self::Released { dropping: Box::default() }
    }

    pub fn name(&self) -> StateName {
        match self {
            Self::Released { .. } => StateName::Released,
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
#[derive(Clone, Debug, Default)]
pub(super) struct Restrictions {
    pub workers: Vec<Text>,
    pub allow_other_workers: bool,
    pub resources: Vec<(Text, f64)>,
}

/// All that is known of a task.
#[derive(Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each says something else, and there are millions of tasks")]
pub struct Task {
    pub(super) key: Key,
    pub(super) group: Id<Group>,
    /// That of its group.
    pub(super) prefix: PrefixId,
    /// Nothing for data that came from outside, and until the graph comes that says it.
    pub(super) run_spec: Option<Pickled>,
    pub(super) priority: Priority,
    pub(super) state: TaskState,
    pub(super) dependencies: Edges,
    pub(super) dependents: Edges,
    /// Whether it is counted among those that wait for its dependencies.
    pub(super) waits: bool,
    /// How many dependents need its result and do not have theirs. Nobody waits for a failure.
    pub(super) waiters: u32,
    /// The last attempt, or none: see `run`.
    pub(super) last_run: RunId,
    pub(super) nbytes: u64,
    pub(super) retries: u32,
    /// How many workers died while they ran it.
    pub(super) suspicious: u32,
    pub(super) data_producer: bool,
    pub(super) actor: bool,
    /// A dependency was forgotten: it cannot be computed again.
    pub(super) lost_dependencies: bool,
    pub(super) restrictions: Option<Box<Restrictions>>,
    /// Nothing if there are none.
    pub(super) annotations: Option<Arc<Value>>,
}

impl Named for Task {
    type Name = Key;

    fn known_as(&self) -> &Key {
        &self.key
    }
}

impl Task {
    /// A task of which only the key is known.
    pub(super) fn new(key: Key, group: Id<Group>, prefix: PrefixId) -> Self {
        Self {
            key,
            group,
            prefix,
            run_spec: None,
            priority: Priority::default(),
            state: TaskState::released(),
            dependencies: Edges::default(),
            dependents: Edges::default(),
            waits: false,
            waiters: 0,
            last_run: RunId::NONE,
            nbytes: NBYTES_UNKNOWN,
            retries: 0,
            suspicious: 0,
            data_producer: false,
            actor: false,
            lost_dependencies: false,
            restrictions: None,
            annotations: None,
        }
    }

    /// The attempt that runs, and where.
    pub(super) fn processing(&self) -> Option<&Processing> {
        if let TaskState::Processing(processing) = &self.state { Some(processing) } else { None }
    }

    /// The last attempt, if there has been one.
    pub(super) fn run(&self) -> Option<RunId> {
        Some(self.last_run).filter(|&run| run != RunId::NONE)
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
    registry: Registry<Task>,
    counts: [usize; STATES],
    tallies: Tallies,
    /// How many tasks have waiters.
    awaited: usize,
    /// How many tasks of each group are not finished, where there are some.
    unfinished: Map<Id<Group>, usize>,
}

impl Tasks {
    /// The task of a key, made if there is none.
    pub fn enter(&mut self, key: &Key, make: impl FnOnce() -> Task) -> TaskId {
        let (id, new) = self.registry.enter(key, make);
        if new {
            let task = &self.registry[id];
            self.counts[task.state() as usize] += 1;
            self.tallies.enter(task.prefix, task.state());
        }
        id
    }

    /// Makes room for so many more.
    pub fn reserve(&mut self, more: usize) {
        self.registry.reserve(more);
    }

    /// Forgets a task, which has no edges any more, and returns what was known of it.
    pub fn remove(&mut self, id: TaskId) -> Task {
        let task = self.registry.take(id).expect("who is referred to is registered");
        self.counts[task.state() as usize] -= 1;
        self.tallies.leave(task.prefix, task.state());
        self.awaited -= usize::from(task.waiters > 0);
        task
    }

    /// Gives a task its new state and returns the old one.
    pub fn set(&mut self, id: TaskId, state: TaskState) -> TaskState {
        let task = &mut self.registry[id];
        let (before, after) = (task.state(), state.name());
        self.counts[before as usize] -= 1;
        self.counts[after as usize] += 1;
        self.tallies.change(task.prefix, before, after);
        match (before.is_unfinished(), after.is_unfinished()) {
            (false, true) => *self.unfinished.entry(task.group).or_default() += 1,
            (true, false) => {
                let left = self.unfinished.get_mut(&task.group).expect("it was counted before");
                *left -= 1;
                if *left == 0 {
                    self.unfinished.swap_remove(&task.group);
                }
            }
            _ => {}
        }
        std::mem::replace(&mut task.state, state)
    }

    /// A running task has given back its thread; false if it had before.
    pub fn secede(&mut self, id: TaskId) -> bool {
        match &mut self.registry[id].state {
            TaskState::Processing(processing) => !std::mem::replace(&mut processing.long_running, true),
            _ => false,
        }
    }

    /// A task is known to have begun.
    pub fn begin(&mut self, id: TaskId) {
        if let TaskState::Processing(processing) = &mut self.registry[id].state {
            processing.begun = true;
        }
    }

    /// How many tasks are in a state.
    pub fn count(&self, state: StateName) -> usize {
        self.counts[state as usize]
    }

    /// How many tasks are in each state.
    pub fn counts(&self) -> &[usize; STATES] {
        &self.counts
    }

    /// What is counted of the tasks of a prefix.
    pub fn tally(&self, prefix: PrefixId) -> Tally {
        self.tallies.of(prefix)
    }

    /// How many tasks have waiters.
    pub fn awaited(&self) -> usize {
        self.awaited
    }

    /// So many dependents need the result of a task.
    pub fn set_waiters(&mut self, id: TaskId, count: u32) {
        let before = std::mem::replace(&mut self.registry[id].waiters, count);
        self.awaited = self.awaited + usize::from(count > 0) - usize::from(before > 0);
    }

    /// Whether some tasks of a group are not finished.
    pub fn works(&self, group: Id<Group>) -> bool {
        self.unfinished.contains_key(&group)
    }

    /// A task needs another. There is no such edge yet.
    pub fn link(&mut self, task: TaskId, dependency: TaskId) {
        let twin = self.registry[dependency].dependents.len();
        let place = self.registry[task].dependencies.len();
        self.registry[task].dependencies.push(dependency, twin);
        self.registry[dependency].dependents.push(task, place);
    }

    /// Cuts a task off from its dependents, and returns them.
    pub fn cut_dependents(&mut self, id: TaskId) -> Edges {
        let cut = std::mem::take(&mut self.registry[id].dependents);
        for (dependent, place) in cut.ends() {
            if let Some((task, twin)) = self.registry[dependent].dependencies.remove(place) {
                self.registry[task].dependents.set_twin(twin, place);
            }
        }
        cut
    }

    /// Cuts a task off from its dependencies, and returns them.
    pub fn cut_dependencies(&mut self, id: TaskId) -> Edges {
        self.stop_waiting(id);
        let cut = std::mem::take(&mut self.registry[id].dependencies);
        for (dependency, place) in cut.ends() {
            if let Some((task, twin)) = self.registry[dependency].dependents.remove(place) {
                self.registry[task].dependencies.set_twin(twin, place);
            }
        }
        cut
    }

    /// A task needs the results of its dependencies.
    pub fn start_waiting(&mut self, id: TaskId) {
        if !std::mem::replace(&mut self.registry[id].waits, true) {
            for place in 0..self.registry[id].dependencies.len() {
                let dependency = self.registry[id].dependencies.at(place);
                self.set_waiters(dependency, self.registry[dependency].waiters + 1);
            }
        }
    }

    /// A task needs the results of its dependencies no more. Says whether it has waited for them.
    pub fn stop_waiting(&mut self, id: TaskId) -> bool {
        let waited = std::mem::take(&mut self.registry[id].waits);
        if waited {
            for place in 0..self.registry[id].dependencies.len() {
                let dependency = self.registry[id].dependencies.at(place);
                self.set_waiters(dependency, self.registry[dependency].waiters.saturating_sub(1));
            }
        }
        waited
    }

    /// The dependents that need the result of a task.
    pub fn waiters(&self, id: TaskId) -> Vec<TaskId> {
        self.registry[id].dependents.iter().copied().filter(|&it| self.registry[it].waits).collect()
    }

    /// How many of the dependencies of a task are not in memory.
    pub fn missing(&self, id: TaskId) -> u32 {
        let absent = self.absent(id).count();
        u32::try_from(absent).expect("there are no more edges than tasks")
    }

    /// The dependencies of a task that are not in memory.
    pub fn absent(&self, id: TaskId) -> impl Iterator<Item = TaskId> + '_ {
        let dependencies = self.registry[id].dependencies.iter().copied();
        dependencies.filter(|&it| self.registry[it].state() != StateName::Memory)
    }
}

impl std::ops::Deref for Tasks {
    type Target = Registry<Task>;

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
    fn priorities_compare_like_tuples() {
        let priority = |user, generation, order| Priority { user, generation, order };
        assert!(priority(-1.0, 5.0, 9) < priority(0.0, 0.0, 0));
        assert!(priority(0.0, 0.99, 9) < priority(0.0, 1.0, 0));
        assert!(priority(0.0, 1.0, 0) < priority(0.0, 1.0, 1));
    }
}
