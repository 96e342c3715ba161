//! Validation: the walk over everything that must always hold. For tests, and for those who ask for it.

use super::Scheduler;
use super::prefix::PrefixId;
use super::registry::{Map, Set};
use super::task::{STATES, StateName, TaskId, TaskState};
use super::worker::{WorkerId, WorkerStatus};
use crate::key::Key;

/// Something that must always hold does not.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{rule}: {subject}")]
pub struct Violation {
    /// What must hold.
    pub rule: &'static str,
    /// Of whom it does not.
    pub subject: String,
}

pub(super) fn must(holds: bool, rule: &'static str, subject: &dyn std::fmt::Display) -> Result<(), Violation> {
    if holds { Ok(()) } else { Err(Violation { rule, subject: subject.to_string() }) }
}

impl Scheduler {
    /// Checks all that must hold between stimuli. Its cost is that of a walk over everything.
    ///
    /// # Errors
    /// The first rule that is broken.
    pub fn validate(&self) -> Result<(), Violation> {
        for (id, task) in self.tasks.iter() {
            self.validate_edges(id)?;
            self.validate_state(id)?;
            let listed = self.queued.contains(&(task.priority, id));
            must(listed == (task.state() == StateName::Queued), "the queue holds the queued", &task.key)?;
            let listed = self.unrunnable.contains(&(task.priority, id));
            must(listed == (task.state() == StateName::NoWorker), "those without worker are listed", &task.key)?;
        }
        self.validate_workers()?;
        self.validate_relations()?;
        self.validate_shuffles()?;
        self.validate_groups()?;
        self.validate_tallies()?;
        for (&id, theft) in &self.stealing.thefts {
            let there = self.tasks.get(id).and_then(|task| task.processing());
            let there = there.is_some_and(|processing| processing.worker == theft.victim);
            must(there, "what is asked back is where it is asked for", &theft.stimulus_id)?;
        }
        let queued = self.tasks.count(StateName::Queued);
        must(self.queued.len() == queued, "the queue holds nothing else", &queued)?;
        let stranded = self.tasks.count(StateName::NoWorker);
        must(self.unrunnable.len() == stranded, "those without worker are all", &stranded)?;
        must(queued == 0 || self.workers.open().next().is_none(), "no thread is free while tasks are queued", &queued)
    }

    fn validate_edges(&self, id: TaskId) -> Result<(), Violation> {
        let task = &self.tasks[id];
        for &dependency in &task.dependencies {
            let other = self.tasks.get(dependency);
            must(other.is_some_and(|it| it.dependents.contains(id)), "edges have two sides", &task.key)?;
        }
        for &dependent in &task.dependents {
            let other = self.tasks.get(dependent);
            must(other.is_some_and(|it| it.dependencies.contains(id)), "edges have two sides", &task.key)?;
        }
        must(task.waits == task.state().is_unfinished(), "who is not finished waits", &task.key)?;
        let waiters = if task.state() == StateName::Erred { 0 } else { self.tasks.waiters(id).len() };
        must(task.waiters as usize == waiters, "those who wait are counted", &task.key)?;
        Ok(())
    }

    fn validate_state(&self, id: TaskId) -> Result<(), Violation> {
        let task = &self.tasks[id];
        let key = &task.key;
        let held = self.replicas.held(id);
        must(held == (task.state() == StateName::Memory), "what is in memory is held, and nothing else", key)?;
        let copies = self.replicas.who_has(id).count();
        must((copies > 1) == self.replicas.is_replicated(id), "what has copies is listed", key)?;
        match &task.state {
            TaskState::Released { .. } => self.validate_released(id),
            TaskState::Waiting { missing } => {
                must(*missing > 0, "who waits waits for something", key)?;
                must(*missing == self.tasks.missing(id), "it waits for what is not there", key)?;
                self.validate_unfinished(id)
            }
            TaskState::Queued | TaskState::NoWorker { .. } => {
                self.validate_inputs(id)?;
                self.validate_unfinished(id)
            }
            TaskState::Processing(processing) => {
                let worker = self.workers.get(processing.worker);
                must(worker.is_some_and(|it| it.processing.contains(&id)), "who runs it knows", key)?;
                must(task.run().is_some(), "an attempt has a number", key)?;
                self.validate_inputs(id)?;
                self.validate_unfinished(id)
            }
            TaskState::Memory { .. } => must(self.needed(id) || task.run_spec.is_none(), "what is held is needed", key),
            TaskState::Erred { .. } => {
                must(task.waiters == 0, "nobody waits for a failure", key)?;
                let reachable = !task.dependents.is_empty() || self.interests.has_left(id);
                must(reachable, "what nobody refers to is forgotten", key)
            }
            TaskState::Forgotten => must(false, "what is forgotten is gone", key),
        }
    }

    fn validate_released(&self, id: TaskId) -> Result<(), Violation> {
        let task = &self.tasks[id];
        must(!self.needed(id) || task.run_spec.is_none(), "what is needed is computed", &task.key)?;
        let reachable = !task.dependents.is_empty() || self.interests.has_left(id);
        must(reachable, "what nobody refers to is forgotten", &task.key)?;
        must(!task.lost_dependencies, "what cannot be computed is forgotten", &task.key)
    }

    /// What must hold of all that is to be computed.
    fn validate_unfinished(&self, id: TaskId) -> Result<(), Violation> {
        let task = &self.tasks[id];
        must(self.needed(id), "what is computed is needed", &task.key)?;
        must(task.run_spec.is_some(), "what is computed has been submitted", &task.key)?;
        for &dependency in &task.dependencies {
            let input = &self.tasks[dependency];
            must(input.state() != StateName::Erred, "no input has failed", &task.key)?;
        }
        Ok(())
    }

    fn validate_inputs(&self, id: TaskId) -> Result<(), Violation> {
        let task = &self.tasks[id];
        must(task.dependencies.iter().all(|&it| self.replicas.held(it)), "what can run has its inputs", &task.key)
    }

    fn validate_workers(&self) -> Result<(), Violation> {
        for (id, worker) in self.workers.iter() {
            let address = worker.address();
            for &task in &worker.processing {
                let here = self.tasks.get(task).and_then(|it| it.processing()).is_some_and(|it| it.worker == id);
                must(here, "a worker runs what it is said to run", address)?;
            }
            must(worker.long_running.is_subset(&worker.processing), "who seceded still runs", address)?;
            self.validate_backlog(id)?;
            let running = worker.spec.status == WorkerStatus::Running;
            must(self.workers.running().contains(&id) == running, "who takes work is listed", address)?;
            must(self.workers.is_listed(id), "free threads are listed", address)?;
        }
        must(self.workers.open().count() <= self.workers.len(), "a worker is listed once", &self.workers.len())
    }

    fn validate_groups(&self) -> Result<(), Violation> {
        let unfinished = self.tasks.iter().filter(|(_, task)| task.state().is_unfinished());
        let unfinished: Set<_> = unfinished.map(|(_, task)| task.group).collect();
        for (id, group) in self.groups.iter() {
            must(self.tasks.works(id) == unfinished.contains(&id), "a group knows whether it is done", &group.name)?;
            let span = group.span.as_ref().map(|span| self.spans.get(span));
            let listed = span.is_none_or(|span| span.is_some_and(|span| span.groups.contains(&id)));
            must(listed, "a span has its groups", &group.name)?;
        }
        let known: Set<_> = self.groups.iter().map(|(id, _)| id).collect();
        for (id, span) in self.spans.iter() {
            must(span.groups.iter().all(|group| known.contains(group)), "a span has only groups that are there", id)?;
            let parent = span.parent.as_ref().map(|parent| self.spans.get(parent));
            let listed = parent.is_none_or(|parent| parent.is_some_and(|parent| parent.children.contains(id)));
            must(listed, "a span stands in its parent", id)?;
        }
        Ok(())
    }

    /// What is kept for monitoring is what counting again gives.
    fn validate_tallies(&self) -> Result<(), Violation> {
        let mut counts: Map<PrefixId, [u32; STATES]> = Map::default();
        for (_, task) in self.tasks.iter() {
            counts.entry(task.prefix).or_default()[task.state() as usize] += 1;
        }
        for id in self.groups.prefixes.ids() {
            let counted = counts.get(&id).copied().unwrap_or_default();
            let name = self.groups.prefixes.name(id);
            must(self.tasks.tally(id).now == counted, "tasks are counted by prefix and state", &name)?;
        }
        let forgotten: usize = self.groups.iter().map(|(id, _)| self.groups.forgotten(id)).sum();
        must(forgotten == self.groups.all_forgotten(), "forgotten tasks are counted", &forgotten)?;
        let awaited = self.tasks.iter().filter(|(_, task)| task.waiters > 0).count();
        must(awaited == self.tasks.awaited(), "tasks that are waited for are counted", &awaited)
    }

    /// The sums of a worker's tasks and inputs are what counting them again gives.
    fn validate_backlog(&self, id: WorkerId) -> Result<(), Violation> {
        let worker = &self.workers[id];
        let ((counts, micros), (fetches, bytes)) = (worker.backlog.tasks(), worker.backlog.inputs());
        let mut tasks: Map<_, u32> = Map::default();
        let mut inputs: Map<TaskId, u32> = Map::default();
        for &task in &worker.processing {
            if !worker.long_running.contains(&task) {
                *tasks.entry(self.groups.prefix(self.tasks[task].group)).or_default() += 1;
            }
            for &input in self.tasks[task].dependencies.iter().filter(|&&input| !self.replicas.has(input, id)) {
                *inputs.entry(input).or_default() += 1;
            }
        }
        let weights = tasks.iter().map(|(&prefix, &count)| u64::from(count) * self.groups.prefixes.weight(prefix));
        let needed: Map<TaskId, u32> = fetches.iter().map(|(&input, &(count, _))| (input, count)).collect();
        must(*counts == tasks, "tasks are counted by prefix", worker.address())?;
        must(micros == weights.sum::<u64>(), "occupancy is the sum of weights", worker.address())?;
        must(needed == inputs, "inputs to be fetched are counted", worker.address())?;
        let sizes = fetches.values().map(|(_, nbytes)| nbytes);
        must(bytes == sizes.sum::<u64>(), "bytes to be fetched are the sum of sizes", worker.address())
    }

    fn validate_relations(&self) -> Result<(), Violation> {
        let key = |id: TaskId| self.tasks.get(id).map_or(Key::from("(gone)"), |task| task.key.clone());
        for id in self.replicas.tasks().chain(self.interests.all_lefts()) {
            must(self.tasks.get(id).is_some(), "what is held or wanted is known", &key(id))?;
        }
        for (id, worker) in self.replicas.all_dropping() {
            must(self.tasks.get(id).is_some(), "what is to be dropped is known", &key(id))?;
            must(self.workers.get(worker).is_some(), "who is to drop something is here", &key(id))?;
            must(!self.replicas.has(id, worker), "what is to be dropped does not count", &key(id))?;
        }
        for worker in self.replicas.workers() {
            let holds: u64 = self.replicas.has_what(worker).map(|task| self.tasks[task].nbytes).sum();
            must(self.workers.get(worker).is_some(), "who holds something is here", &holds)?;
            must(holds == self.replicas.bytes(worker), "bytes are the sum of sizes", &holds)?;
        }
        for client in self.interests.all_rights() {
            must(self.clients.get(client).is_some(), "who wants something is here", &format!("{client:?}"))?;
        }
        Ok(())
    }
}
