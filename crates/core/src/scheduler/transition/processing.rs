//! To and from processing.

use std::sync::Arc;

use crate::protocol::field::{Map, Number};
use crate::protocol::worker::ComputeTask;
use crate::scheduler::Scheduler;
use crate::scheduler::instruction::{Exception, Failure};
use crate::scheduler::messages::key_in_memory;
use crate::scheduler::recommendations::{Arrival, Finish, Recommendations};
use crate::scheduler::task::{Processing, RunId, TaskId, TaskState};
use crate::scheduler::worker::WorkerId;

impl Scheduler {
    /// Sends a task to a worker.
    pub(super) fn start(&mut self, id: TaskId, worker: WorkerId) -> Recommendations {
        let run = RunId::new(self.settings.epoch, self.started);
        self.started += 1;
        self.tasks[id].last_run = run;
        self.tasks.set(id, TaskState::Processing(Processing { worker, long_running: false, begun: false }));
        self.workers[worker].processing.insert(id);
        self.count_in(id, worker);
        if self.tasks[id].actor {
            self.workers[worker].actors.insert(id);
        }
        self.workers.note_load(worker);
        if let Some(failure) = self.inputs_too_large(id, worker) {
            return Recommendations::one(id, Finish::Erred(failure));
        }
        if let Some(message) = self.compute_task(id, run) {
            self.tell_worker(worker, message);
        }
        Recommendations::default()
    }

    /// A task that its worker has given up is sent to another.
    pub(in crate::scheduler) fn hand_over(&mut self, id: TaskId, to: WorkerId) {
        self.leave_worker(id);
        let recommendations = self.start(id, to);
        self.cascade(recommendations);
    }

    fn compute_task(&mut self, id: TaskId, run: RunId) -> Option<ComputeTask> {
        let stimulus_id = self.compute_id();
        let task = &self.tasks[id];
        let inputs = || task.dependencies.iter().map(|&dependency| (dependency, &self.tasks[dependency]));
        let who_has = inputs().map(|(id, input)| (input.key.clone(), self.addresses(id))).collect();
        let nbytes = inputs().map(|(_, input)| (input.key.clone(), input.nbytes)).collect();
        let resources = task.restrictions.iter().flat_map(|it| &it.resources);
        let resources: Vec<_> = resources.map(|(name, amount)| (name.clone(), Number::Float(*amount))).collect();
        Some(ComputeTask {
            key: task.key.clone(),
            run_id: run.0,
            priority: task.priority.numbers(),
            stimulus_id,
            who_has: Map(who_has),
            nbytes: Map(nbytes),
            run_spec: task.run_spec.clone()?,
            resource_restrictions: Some(Map(resources)).filter(|it| !it.0.is_empty()),
            actor: task.actor,
            annotations: self.notes(id),
            span_id: self.groups.span(task.group).cloned(),
        })
    }

    /// A guard against mistakes by orders of magnitude, as Dask has it.
    fn inputs_too_large(&self, id: TaskId, worker: WorkerId) -> Option<Arc<Failure>> {
        let worker = &self.workers[worker].spec;
        let limit_bytes = worker.memory_limit.filter(|&limit| limit > 0)?;
        let task = &self.tasks[id];
        let sizes = task.dependencies.iter().map(|&dependency| self.tasks[dependency].nbytes);
        let needed_bytes = sizes.fold(0_u64, u64::saturating_add);
        (needed_bytes > limit_bytes).then(|| {
            let worker = worker.address.clone();
            let is_last = task.dependents.is_empty();
            let exception = Exception::InputsTooLarge { needed_bytes, worker, limit_bytes, is_last };
            Arc::new(Failure { cause: task.key.clone(), exception })
        })
    }

    /// Takes a task off its worker's list. Returns the worker if it is still there.
    fn leave_worker(&mut self, id: TaskId) -> Option<WorkerId> {
        let Processing { worker, long_running, .. } = self.tasks[id].processing()?.clone();
        self.forget_theft(id);
        self.count_out(id, worker, long_running);
        let state = self.workers.value_mut(worker)?;
        state.processing.swap_remove(&id);
        state.long_running.swap_remove(&id);
        self.workers.note_load(worker);
        Some(worker)
    }

    pub(super) fn processing_memory(&mut self, id: TaskId, arrival: Arrival) -> Recommendations {
        let Arrival { worker, nbytes, class, duration, startstops } = arrival;
        self.groups.count(self.tasks[id].group, nbytes, &startstops);
        if !self.tasks[id].processing().is_some_and(|processing| processing.long_running) {
            let group = self.tasks[id].group;
            self.learn(group, duration);
        }
        self.leave_worker(id);
        let task = &mut self.tasks[id];
        task.nbytes = nbytes;
        self.gain_replica(id, worker);
        let mut recommendations = Recommendations::default();
        self.wake_dependents(id, &mut recommendations);
        self.release_dependencies(id, &mut recommendations);
        if self.needed(id) {
            let message = key_in_memory(self.tasks[id].key.clone(), Some(&class));
            self.tell_wanting(id, &message);
        } else {
            recommendations.add(id, Finish::Released);
        }
        self.tasks.set(id, TaskState::Memory { class: Some(class) });
        self.let_go(id, &mut recommendations);
        recommendations
    }

    /// The result of a task is there: dependents that waited for nothing else can run, the most urgent first.
    pub(in crate::scheduler) fn wake_dependents(&mut self, id: TaskId, recommendations: &mut Recommendations) {
        let mut ready = Vec::new();
        for place in 0..self.tasks[id].dependents.len() {
            let dependent = self.tasks[id].dependents.at(place);
            if let TaskState::Waiting { missing } = &mut self.tasks[dependent].state {
                *missing = missing.saturating_sub(1);
                if *missing == 0 {
                    ready.push(dependent);
                }
            }
        }
        ready.sort_by(|&a, &b| self.tasks[b].priority.cmp(&self.tasks[a].priority));
        for dependent in ready {
            recommendations.add(dependent, Finish::Processing);
        }
    }

    pub(super) fn processing_erred(&mut self, id: TaskId, failure: &Arc<Failure>) -> Recommendations {
        let on = self.leave_worker(id);
        if let Some(worker) = on {
            self.leave_actor(id, worker);
            if failure.cause != self.tasks[id].key {
                // What has failed is an input: its worker does not know, and would look for it for ever.
                let keys = vec![self.tasks[id].key.clone()];
                self.free_keys(worker, keys);
            }
        }
        self.propagate_erred(id, failure, on)
    }

    pub(super) fn processing_released(&mut self, id: TaskId) -> Recommendations {
        if let Some(worker) = self.leave_worker(id) {
            self.note_taken_back(id, worker);
            self.leave_actor(id, worker);
            let keys = vec![self.tasks[id].key.clone()];
            self.free_keys(worker, keys);
        }
        self.propagate_released(id)
    }
}
