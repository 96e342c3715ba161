//! Wait reasons: why a task is not finished, as data. The watchdog reads them to find those that will never be.

use super::Scheduler;
use super::instruction::Instruction;
use super::stimulus::Text;
use super::task::{RunId, StateName, TaskId, TaskState};
use crate::key::Key;

/// So many tasks are named by one look of the watchdog.
const NAMED_MAX: usize = 10;

/// What an unfinished task waits for.
#[derive(Clone, Debug, PartialEq)]
pub enum WaitReason {
    /// The results that it needs: how many, and one of them.
    Dependencies {
        /// How many.
        count: usize,
        /// One of them; nothing if it waits for nothing, which is a mistake.
        first: Option<Key>,
    },
    /// A worker that takes work.
    AnyWorker {
        /// Since when, in seconds.
        since: f64,
    },
    /// A worker that may run it.
    Worker {
        /// Their addresses, names or hosts; any when there are none.
        workers: Vec<Text>,
        /// What it must have of which resources.
        resources: Vec<(Text, f64)>,
    },
    /// A free thread, behind so many others.
    Queue {
        /// How many are before it.
        place: usize,
    },
    /// It runs.
    Running {
        /// Where.
        worker: Text,
        /// The attempt.
        run: RunId,
    },
    /// It is wanted, but no graph has said yet what it is.
    Submission,
    /// It is wanted, and nothing is done about it, which is a mistake.
    Nothing,
}

impl Scheduler {
    /// What a key waits for; nothing if it is done, or not needed, or not known.
    pub fn wait_reason(&self, key: &Key) -> Option<WaitReason> {
        self.reason(self.tasks.id(key)?)
    }

    fn reason(&self, id: TaskId) -> Option<WaitReason> {
        let task = &self.tasks[id];
        Some(match &task.state {
            TaskState::Released { .. } if !self.needed(id) => return None,
            TaskState::Released { .. } if task.run_spec.is_none() => WaitReason::Submission,
            TaskState::Released { .. } => WaitReason::Nothing,
            TaskState::Waiting { missing } => WaitReason::Dependencies {
                count: *missing as usize,
                first: self.tasks.absent(id).next().map(|dependency| self.tasks[dependency].key.clone()),
            },
            TaskState::NoWorker { since } => match &task.restrictions {
                Some(it) => WaitReason::Worker { workers: it.workers.clone(), resources: it.resources.clone() },
                None => WaitReason::AnyWorker { since: *since },
            },
            TaskState::Queued => WaitReason::Queue { place: self.queued.range(..(task.priority, id)).count() },
            TaskState::Processing(processing) => {
                WaitReason::Running { worker: self.workers[processing.worker].address().clone(), run: task.last_run }
            }
            TaskState::Memory { .. } | TaskState::Erred { .. } | TaskState::Forgotten => return None,
        })
    }

    /// Names tasks that are unfinished while nothing runs and nothing is on its way. Costs nothing while something does,
    /// and looks once at what does not change.
    pub(super) fn watch(&mut self) {
        let unfinished = self.tasks.count(StateName::Waiting) + self.tasks.count(StateName::Queued);
        let waits_outside = self.tasks.count(StateName::Processing) + self.unrunnable.len() + self.tickets.len();
        if waits_outside > 0 || (unfinished == 0 && self.tasks.count(StateName::Released) == 0) {
            return;
        }
        // All that is queued is brought on by a worker that comes.
        if !self.queued.is_empty() && self.workers.open().next().is_none() {
            return;
        }
        let seen = Some((self.transition_count, self.tasks.len()));
        if self.watched == seen {
            return;
        }
        self.watched = seen;
        let stuck: Vec<_> = self.tasks.ids().filter(|&id| self.is_stuck(id)).take(NAMED_MAX).collect();
        for id in stuck {
            if let Some(reason) = self.reason(id) {
                let key = self.tasks[id].key.clone();
                self.instruct(Instruction::Stuck { key, reason });
            }
        }
    }

    /// Whether nothing outside can bring this task on.
    fn is_stuck(&self, id: TaskId) -> bool {
        match &self.tasks[id].state {
            TaskState::Released { .. } => self.needed(id) && self.tasks[id].run_spec.is_some(),
            TaskState::Queued => self.workers.open().next().is_some(),
            TaskState::Waiting { .. } => !self.tasks.absent(id).any(|dependency| self.brings_on(dependency)),
            _ => false,
        }
    }

    /// Whether a dependency is itself waited for in the right way.
    fn brings_on(&self, id: TaskId) -> bool {
        match &self.tasks[id].state {
            TaskState::Released { .. } => self.tasks[id].run_spec.is_none(),
            TaskState::Waiting { .. } | TaskState::Queued | TaskState::NoWorker { .. } | TaskState::Processing(_) => {
                true
            }
            TaskState::Memory { .. } | TaskState::Erred { .. } | TaskState::Forgotten => false,
        }
    }
}
