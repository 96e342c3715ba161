//! Dropping: which copies of a result are too many, and who gives his up.

use super::LOOKED_AT_MAX;
use crate::protocol::worker::RemoveReplicas;
use crate::scheduler::Scheduler;
use crate::scheduler::registry::{Map, Set};
use crate::scheduler::task::TaskId;
use crate::scheduler::worker::{WorkerId, WorkerStatus};

/// Of so many tasks that wait for a result it is looked where they are; more of them count as one worker each.
const PLACED_MAX: usize = 20;

impl Scheduler {
    /// Drops the copies that no waiting task needs.
    pub(super) fn reduce_replicas(&mut self) {
        let mut memory: Option<Map<WorkerId, f64>> = None;
        let mut dropped: Map<WorkerId, Vec<TaskId>> = Map::default();
        let replicated: Vec<_> = self.replicas.replicated(LOOKED_AT_MAX);
        for id in replicated {
            let mut holders: Set<WorkerId> = self.replicas.who_has(id).collect();
            for _ in 0..holders.len().saturating_sub(self.copies_needed(id)) {
                let memory = memory.get_or_insert_with(|| self.memory_of_workers());
                let Some(worker) = self.who_drops(id, &holders, memory) else { break };
                memory[&worker] -= self.tasks[id].nbytes as f64;
                holders.swap_remove(&worker);
                dropped.entry(worker).or_default().push(id);
            }
        }
        for (worker, tasks) in dropped {
            self.drop_copies(worker, &tasks);
        }
    }

    /// How many copies of a result are needed: one, or one for each worker that has something to do with it.
    fn copies_needed(&self, id: TaskId) -> usize {
        let count = self.tasks[id].waiters as usize;
        if !(2..PLACED_MAX).contains(&count) {
            return count.max(1);
        }
        let place = |waiter: TaskId| match self.tasks[waiter].processing() {
            Some(processing) => (Some(processing.worker), None),
            None => (None, Some(waiter)),
        };
        let places: Set<_> = self.tasks.waiters(id).into_iter().map(place).collect();
        places.len()
    }

    /// Who of those that hold a result drops it: who takes no work, then who has most in memory; nobody who runs a task
    /// that needs it, and never the last.
    fn who_drops(&self, id: TaskId, holders: &Set<WorkerId>, memory: &Map<WorkerId, f64>) -> Option<WorkerId> {
        if holders.len() < 2 || self.tasks[id].actor {
            return None;
        }
        let running = |worker: WorkerId| self.workers[worker].spec.status == WorkerStatus::Running;
        let (needing, free): (Vec<_>, Vec<_>) = holders.iter().copied().partition(|&it| self.needs_there(id, it));
        let key = |worker: WorkerId| (!running(worker), memory.get(&worker).copied().unwrap_or(0.0));
        let best = free.iter().copied().max_by(|&a, &b| {
            let (a, b) = (key(a), key(b));
            a.0.cmp(&b.0).then(a.1.total_cmp(&b.1))
        })?;
        // Where all others will leave or are paused, the one copy that will stay is worth more than their tasks.
        let only_stay =
            free.len() == 1 && running(best) && !needing.is_empty() && !needing.iter().copied().any(running);
        (!only_stay).then_some(best)
    }

    /// Whether a worker runs a task that needs a result.
    fn needs_there(&self, id: TaskId, worker: WorkerId) -> bool {
        let there = &self.workers[worker].processing;
        if there.is_empty() {
            return false;
        }
        let dependents = &self.tasks[id].dependents;
        if dependents.len() <= there.len() {
            dependents.iter().any(|it| there.contains(it))
        } else {
            there.iter().any(|&task| self.tasks[task].dependencies.contains(id))
        }
    }

    /// Drops what a worker holds and others hold as well, who stay; unless something that runs there needs it.
    pub(in crate::scheduler) fn drop_what_is_elsewhere(&mut self, worker: WorkerId) {
        let elsewhere = |id: &TaskId| {
            let stays = |it: WorkerId| self.workers[it].spec.status == WorkerStatus::Running && self.remains(it);
            self.replicas.who_has(*id).any(|it| it != worker && stays(it)) && !self.needs_there(*id, worker)
        };
        let held = self.replicas.has_what(worker).filter(|&id| !self.tasks[id].actor);
        let tasks: Vec<_> = held.filter(elsewhere).collect();
        if !tasks.is_empty() {
            self.drop_copies(worker, &tasks);
        }
    }

    /// Forgets copies, and has their worker drop them.
    pub(in crate::scheduler) fn drop_copies(&mut self, worker: WorkerId, tasks: &[TaskId]) {
        let keys = tasks.iter().map(|&id| self.tasks[id].key.clone()).collect();
        for &id in tasks {
            self.lose_replica(id, worker);
            self.replicas.expect_drop(id, worker);
        }
        let stimulus_id = self.stimulus_id();
        self.tell_worker(worker, RemoveReplicas { keys, stimulus_id });
    }
}
