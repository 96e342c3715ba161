//! P2P shuffles: workers send each other the parts of data, so that each has some of them as a whole.
//!
//! Tasks of the first kind send, one task is the barrier behind which all has been sent, and tasks of the last kind take
//! their part where it is. So a run of a shuffle has workers that take part, and begins again without one that leaves.
//!
//! ```text
//! a worker asks ─► plan (Python says who takes part) ─► run ─► its barrier is released, has failed, or a worker leaves
//! ```

mod carried;
mod end;
mod plan;
mod request;
mod seen;

use std::collections::VecDeque;

use plan::Plan;

use super::Scheduler;
use super::registry::{Map, Set};
use super::stimulus::Text;
use super::task::{StateName, TaskId};
use super::validate::{Violation, must};
use super::worker::WorkerId;
use crate::key::Key;
use crate::protocol::serialized::Pickled;
use crate::protocol::value::Value;

/// Barriers are known by their names.
const BARRIER: &str = "shuffle-barrier-";

/// A shuffle that goes on.
#[derive(Debug)]
struct Run {
    /// The id of the shuffle.
    id: Text,
    /// Which run it is, of all that there have been.
    number: i64,
    /// What workers are told, as Python has said it.
    spec: Pickled,
    /// The workers that take part.
    participants: Set<WorkerId>,
    /// How far each has come, as it says itself.
    progress: Map<WorkerId, Value>,
    /// Whether its barrier may be passed: all its data has been sent.
    passed: bool,
    /// Whether it was noted that a task of it has failed.
    failed: bool,
}

/// All shuffles.
#[derive(Debug, Default)]
pub(super) struct Shuffles {
    /// Those that go on, by their barriers.
    runs: Map<TaskId, Run>,
    /// All barriers of which there has been a run.
    barriers: Set<TaskId>,
    /// Those that are about to begin. Python has been asked about the first: the others wait, for parts of the data that
    /// are used together must go to the same workers.
    plans: VecDeque<Plan>,
    /// The question to Python about the first plan, if it was asked.
    asked: Option<u64>,
    /// Tasks that may run only where their part is, with the workers that they were restricted to before.
    restricted: Map<TaskId, Vec<Text>>,
    /// The runs that have ended by what is done now, by their barriers; nothing if a barrier was passed without one.
    ended: Map<TaskId, Option<Run>>,
    /// Tasks that were taken back while they ran, and from whom: see [`carried`].
    carried: Map<TaskId, WorkerId>,
    /// The number of the last run.
    run_last: i64,
    /// How many runs have been planned.
    planned: usize,
}

impl Shuffles {
    /// Whether a worker takes part in one.
    pub fn takes_part(&self, worker: WorkerId) -> bool {
        self.runs.values().any(|run| run.participants.contains(&worker))
    }

    /// Whether a task is a barrier that was done in no run of its own. A worker that was told to stop, and then to begin
    /// again, goes on with what it did for an older run.
    fn was_not_passed(&self, id: TaskId) -> bool {
        self.barriers.contains(&id) && self.runs.get(&id).is_none_or(|run| !run.passed)
    }

    fn is_idle(&self) -> bool {
        self.barriers.is_empty() && self.plans.is_empty()
    }
}

impl Scheduler {
    /// The barrier of a shuffle, if it was submitted.
    fn barrier(&self, shuffle: &str) -> Option<TaskId> {
        let id = self.tasks.id(&Key::from(&*format!("{BARRIER}{shuffle}")))?;
        self.tasks[id].run_spec.is_some().then_some(id)
    }

    /// A worker says how far it has come with its shuffles.
    pub(super) fn note_progress(&mut self, worker: WorkerId, said: &Value) {
        for run in self.shuffles.runs.values_mut() {
            if let Some(progress) = said.get(&run.id) {
                run.progress.insert(worker, progress.clone());
            }
        }
    }

    /// Whether a task takes its part of a shuffle that goes on.
    pub(super) fn takes_from_shuffle(&self, id: TaskId) -> bool {
        !self.shuffles.runs.is_empty()
            && self.tasks[id].dependencies.iter().any(|dependency| self.shuffles.runs.contains_key(dependency))
    }

    /// What must hold of shuffles.
    pub(super) fn validate_shuffles(&self) -> Result<(), Violation> {
        for (&barrier, run) in &self.shuffles.runs {
            let passable = self.tasks.get(barrier).is_some_and(|task| task.state() != StateName::Erred);
            must(passable, "a shuffle goes on while its barrier can be passed", &run.id)?;
            let here = run.participants.iter().all(|&worker| self.workers.get(worker).is_some());
            must(here, "who takes part in a shuffle is here", &run.id)?;
        }
        for &barrier in &self.shuffles.barriers {
            let task = self.tasks.get(barrier);
            must(task.is_some(), "the barriers of shuffles are known", &self.shuffles.barriers.len())?;
            let passed = self.shuffles.runs.get(&barrier).is_some_and(|run| run.passed);
            let behind = task.is_some_and(|task| task.state() == StateName::Memory);
            must(passed || !behind, "a barrier is passed in a run", &self.tasks[barrier].key)?;
        }
        let concerned = self.shuffles.restricted.keys().chain(self.shuffles.carried.keys());
        let known = concerned.into_iter().all(|&task| self.tasks.get(task).is_some());
        must(known, "who waits for its part of a shuffle is known", &self.shuffles.restricted.len())?;
        let asked = self.shuffles.asked.is_some();
        must(
            asked != self.shuffles.plans.is_empty(),
            "Python is asked about the first plan",
            &self.shuffles.plans.len(),
        )
    }
}
