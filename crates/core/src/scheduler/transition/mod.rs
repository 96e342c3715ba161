//! Transitions: the 21 direct changes of a task's state. All others go through released, as Dask's do.

mod erred;
mod memory;
mod no_worker;
mod processing;
mod queued;
mod released;
mod waiting;

use std::sync::Arc;

use super::Scheduler;
use super::instruction::Failure;
use super::messages::cancelled_keys;
use super::recommendations::{Finish, Recommendations};
use super::story::Happening;
use super::task::{StateName, TaskId, TaskState};
use super::worker::WorkerId;

impl Scheduler {
    /// Changes states until nothing is recommended any more.
    pub(super) fn cascade(&mut self, mut recommendations: Recommendations) {
        while let Some((id, finish)) = recommendations.pop() {
            let more = self.transition(id, finish);
            recommendations.update(more);
        }
    }

    /// Changes the state of one task, and returns what that recommends. Whoever does it while something is recommended
    /// for the task takes that back, or it would undo the change.
    pub(super) fn transition(&mut self, id: TaskId, finish: Finish) -> Recommendations {
        let Some(task) = self.tasks.get(id) else { return Recommendations::default() };
        let (start, target) = (task.state(), finish.name());
        if start == target {
            return Recommendations::default();
        }
        let shown = self.hearing.transitions.then(|| task.key.clone());
        let Some(recommendations) = self.change(id, start, finish) else {
            self.story.add(self.stimuli, self.now, id, Happening::Ignored("no such transition"));
            return Recommendations::default();
        };
        let actual = self.tasks.get(id).map_or(StateName::Forgotten, super::task::Task::state);
        self.transitions[start as usize][target as usize] += 1;
        if matches!(actual, StateName::Memory | StateName::Erred) {
            self.record_done(id);
        }
        self.transition_count += 1;
        self.advance_shuffles(id, actual);
        self.story.add(self.stimuli, self.now, id, Happening::Transition { start, finish: target, actual });
        if let Some(key) = shown {
            self.show_transition(&key, start, actual);
        }
        recommendations
    }

    fn change(&mut self, id: TaskId, start: StateName, finish: Finish) -> Option<Recommendations> {
        use StateName::{Memory, NoWorker, Processing, Queued, Released, Waiting};
        Some(match (start, finish) {
            (Released, Finish::Waiting) => self.released_waiting(id),
            (Released, Finish::Erred(failure)) => self.released_erred(id, &failure),
            (Released | Memory, Finish::Forgotten) => self.forget(id),
            (Waiting, Finish::Processing) => self.waiting_processing(id),
            (Waiting, Finish::NoWorker) => self.waiting_no_worker(id),
            (Waiting, Finish::Queued) => self.waiting_queued(id),
            (Waiting, Finish::Memory(_)) => self.waiting_memory(id),
            (Queued, Finish::Processing) => self.queued_processing(id),
            (Queued, Finish::Erred(failure)) => self.queued_erred(id, &failure),
            (NoWorker, Finish::Processing) => self.no_worker_processing(id),
            (NoWorker, Finish::Erred(failure)) => self.no_worker_erred(id, &failure),
            (Processing, Finish::Memory(arrival)) => self.processing_memory(id, arrival),
            (Processing, Finish::Erred(failure)) => self.processing_erred(id, &failure),
            (Memory, Finish::Erred(failure)) if self.tasks[id].actor => self.memory_erred(id, &failure),
            (_, Finish::Released) => self.release(id, start, false)?,
            (Released, _) => return None,
            (_, finish) => return self.through_released(id, start, finish),
        })
    }

    fn release(&mut self, id: TaskId, start: StateName, doomed: bool) -> Option<Recommendations> {
        Some(match start {
            StateName::Waiting => self.waiting_released(id, doomed),
            StateName::NoWorker => self.no_worker_released(id),
            StateName::Queued => self.queued_released(id),
            StateName::Processing => self.processing_released(id),
            StateName::Memory => self.memory_released(id),
            StateName::Erred => self.erred_released(id),
            StateName::Released | StateName::Forgotten => return None,
        })
    }

    /// What the release recommends for the task itself goes before what was wanted.
    fn through_released(&mut self, id: TaskId, start: StateName, finish: Finish) -> Option<Recommendations> {
        let doomed = matches!(finish, Finish::Erred(_));
        let mut recommendations = self.release(id, start, doomed)?;
        if self.tasks.get(id).is_none() {
            return Some(recommendations);
        }
        let finish = recommendations.get(id).cloned().unwrap_or(finish);
        let released = StateName::Released;
        self.advance_shuffles(id, released);
        self.transitions[start as usize][released as usize] += 1;
        self.transitions[released as usize][finish.name() as usize] += 1;
        let more = match finish {
            Finish::Waiting | Finish::Erred(_) | Finish::Forgotten => self.change(id, released, finish)?,
            _ => Recommendations::default(),
        };
        recommendations.update(more);
        Some(recommendations)
    }

    // ---- What several transitions share

    /// Whether anybody needs the result of a task.
    pub(super) fn needed(&self, id: TaskId) -> bool {
        self.tasks[id].waiters > 0 || self.interests.has_left(id)
    }

    /// Tells all clients that want the result of a task that it has failed.
    fn report_failure(&mut self, id: TaskId, failure: &Arc<Failure>) {
        if self.tasks[id].key == failure.cause {
            self.failures.note(&failure.cause);
        }
        let clients: Vec<_> = self.interests.rights(id).collect();
        for client in clients {
            self.tell_failure(client, self.tasks[id].key.clone(), failure);
        }
    }

    /// Nobody has the result any more; those who had it free it. Returns them.
    fn drop_replicas(&mut self, id: TaskId) -> Vec<WorkerId> {
        let Some(task) = self.tasks.get(id) else { return Vec::new() };
        let key = task.key.clone();
        let holders = self.replicas.remove_all(id, task.nbytes);
        for &worker in &holders {
            self.leave_actor(id, worker);
            self.free_keys(worker, vec![key.clone()]);
        }
        holders
    }

    fn leave_actor(&mut self, id: TaskId, worker: WorkerId) {
        if self.tasks[id].actor
            && let Some(worker) = self.workers.value_mut(worker)
        {
            worker.actors.swap_remove(&id);
        }
    }

    /// The task waits for its dependencies no more: those that nobody else needs are released.
    fn release_dependencies(&mut self, id: TaskId, recommendations: &mut Recommendations) {
        if !self.tasks.stop_waiting(id) {
            return;
        }
        for &dependency in &self.tasks[id].dependencies {
            let done = matches!(self.tasks[dependency].state(), StateName::Released | StateName::Erred);
            if !done && !self.needed(dependency) {
                recommendations.add(dependency, Finish::Released);
            }
        }
    }

    /// What follows when a task that could run is released.
    fn propagate_released(&mut self, id: TaskId) -> Recommendations {
        let mut recommendations = Recommendations::default();
        self.tasks.set(id, TaskState::released());
        if self.tasks[id].lost_dependencies {
            recommendations.add(id, Finish::Forgotten);
        } else if self.needed(id) {
            recommendations.add(id, Finish::Waiting);
            return recommendations;
        }
        self.release_dependencies(id, &mut recommendations);
        self.tasks.set_waiters(id, 0);
        recommendations
    }

    /// What follows when a task that waited or ran has failed.
    fn propagate_erred(&mut self, id: TaskId, failure: &Arc<Failure>, on: Option<WorkerId>) -> Recommendations {
        let mut recommendations = Recommendations::default();
        self.tasks.set(id, TaskState::Erred { failure: failure.clone(), on });
        self.tasks.set_waiters(id, 0);
        for waiter in self.tasks.waiters(id) {
            recommendations.add(waiter, Finish::Erred(failure.clone()));
        }
        self.release_dependencies(id, &mut recommendations);
        self.report_failure(id, failure);
        self.let_go(id, &mut recommendations);
        recommendations
    }

    /// Forgets a task: its dependents cannot be computed again, its dependencies may not be needed any more.
    fn forget(&mut self, id: TaskId) -> Recommendations {
        let mut recommendations = Recommendations::default();
        self.drop_replicas(id);
        self.replicas.settle_drops(id);
        self.forget_shuffle(id);
        let was_missing = u32::from(self.tasks[id].state() != StateName::Memory);
        for &dependent in &self.tasks.cut_dependents(id) {
            self.tasks[dependent].lost_dependencies = true;
            self.fetch_no_more(id, dependent);
            if let TaskState::Waiting { missing } = &mut self.tasks[dependent].state {
                *missing = missing.saturating_sub(was_missing);
            }
            if !matches!(self.tasks[dependent].state(), StateName::Memory | StateName::Erred) {
                recommendations.add(dependent, Finish::Forgotten);
            }
        }
        for &dependency in &self.tasks.cut_dependencies(id) {
            if self.tasks[dependency].dependents.is_empty() && !self.interests.has_left(dependency) {
                recommendations.add(dependency, Finish::Forgotten);
            } else if !self.needed(dependency)
                && !matches!(self.tasks[dependency].state(), StateName::Released | StateName::Erred)
            {
                recommendations.add(dependency, Finish::Released);
            }
        }
        if self.interests.has_left(id) {
            let key = self.tasks[id].key.clone();
            let reason = Some("already forgotten".into());
            self.tell_wanting(id, &cancelled_keys(vec![key], reason, None));
            self.interests.remove_left(id);
        }
        self.forget_shared(&self.tasks[id].key.clone());
        self.leave_group(self.tasks[id].group);
        self.tasks.set(id, TaskState::Forgotten);
        self.story.bury(id, self.tasks.remove(id).key);
        recommendations
    }
}
