//! Answers: what workers say of tasks and results. An answer to an attempt that is not the last one is stale.

use std::sync::Arc;

use super::Scheduler;
use super::instruction::{Failure, Instruction, ToWorker};
use super::recommendations::{Arrival, Finish, Recommendations};
use super::stimulus::{FromWorker, Text};
use super::task::{RunId, StateName, TaskId, TaskState};
use super::worker::WorkerId;
use crate::key::Key;

/// Seconds between heartbeats of a worker: the more workers, the longer.
pub(super) fn heartbeat_interval(workers: usize) -> f64 {
    match workers {
        0..=10 => 0.5,
        11..50 => 1.0,
        50..200 => 2.0,
        _ => workers as f64 / 200.0 + 1.0,
    }
}

impl Scheduler {
    pub(super) fn hear_worker(&mut self, address: &Text, said: FromWorker) {
        let Some(worker) = self.workers.id(address) else {
            if said == FromWorker::Heartbeat {
                self.instruct(Instruction::HeartbeatReply { worker: address.clone(), interval: None });
            }
            return;
        };
        self.workers[worker].last_seen = self.now;
        match said {
            FromWorker::TaskFinished { key, run, nbytes, class, duration } => {
                self.task_finished(&key, run, Arrival { worker, nbytes, class, duration });
            }
            FromWorker::TaskErred { key, run, exception } => {
                self.task_erred(&key, worker, run, Failure { cause: key.clone(), exception });
            }
            FromWorker::ReleaseWorkerData { key } => self.release_worker_data(&key, worker),
            FromWorker::AddKeys { keys } => self.add_keys(keys, worker),
            FromWorker::LongRunning { key, run, duration } => self.long_running(&key, worker, run, duration),
            FromWorker::Reschedule { key } => self.reschedule(&key, worker),
            FromWorker::StatusChange { status } => self.worker_status(worker, status),
            FromWorker::RequestRefreshWhoHas { keys } => self.refresh_who_has(keys, worker),
            FromWorker::Heartbeat => {
                let interval = Some(heartbeat_interval(self.workers.len()));
                self.instruct(Instruction::HeartbeatReply { worker: address.clone(), interval });
            }
        }
    }

    /// Whether the worker runs the task now; and if so, whether this is the attempt.
    fn runs(&self, id: TaskId, worker: WorkerId, run: RunId) -> (bool, bool) {
        let task = &self.tasks[id];
        let here = task.processing().is_some_and(|processing| processing.worker == worker);
        (here, task.run == Some(run))
    }

    fn task_finished(&mut self, key: &Key, run: RunId, arrival: Arrival) {
        let worker = arrival.worker;
        let done_with = |state| !matches!(state, StateName::Waiting | StateName::Processing | StateName::Memory);
        let found = self.tasks.id(key).filter(|&id| !done_with(self.tasks[id].state()));
        let Some(id) = found else { return self.free_stale(key, worker, "finished, but not asked for") };
        let state = self.tasks[id].state();
        let recommended = match (state, self.runs(id, worker, run)) {
            (StateName::Processing, (true, true)) | (StateName::Waiting, (_, true)) => Finish::Memory(arrival),
            (StateName::Memory, (_, true)) => {
                let nbytes = self.tasks[id].nbytes;
                self.replicas.add(id, worker, nbytes);
                return;
            }
            (_, (true, false)) => Finish::Released,
            // It repeats itself: what it holds is asked for.
            (StateName::Memory, _) if self.replicas.has(id, worker) => return self.ignore(key, "finished twice"),
            _ => return self.free_stale(key, worker, "finished by an older attempt"),
        };
        self.cascade(Recommendations::one(id, recommended));
    }

    fn free_stale(&mut self, key: &Key, worker: WorkerId, why: &'static str) {
        self.ignore(key, why);
        self.tell_worker(worker, ToWorker::FreeKeys { keys: vec![key.clone()] });
    }

    fn task_erred(&mut self, key: &Key, worker: WorkerId, run: RunId, failure: Failure) {
        let Some(id) = self.tasks.id(key) else { return self.ignore(key, "failed, but not known") };
        let finish = match self.runs(id, worker, run) {
            (true, true) if self.tasks[id].retries > 0 => {
                self.tasks[id].retries -= 1;
                Finish::Waiting
            }
            (true, true) => Finish::Erred(Arc::new(failure)),
            (true, false) => Finish::Released,
            (false, _) => return self.ignore(key, "failed by an older attempt"),
        };
        self.cascade(Recommendations::one(id, finish));
    }

    fn release_worker_data(&mut self, key: &Key, worker: WorkerId) {
        let Some(id) = self.tasks.id(key) else { return };
        self.lose_replica(id, worker);
        if matches!(self.tasks[id].state, TaskState::Memory { .. }) && !self.replicas.held(id) {
            self.cascade(Recommendations::one(id, Finish::Released));
        }
    }

    pub(super) fn lose_replica(&mut self, id: TaskId, worker: WorkerId) {
        let nbytes = self.tasks[id].nbytes;
        self.replicas.remove(id, worker, nbytes);
    }

    fn add_keys(&mut self, keys: Vec<Key>, worker: WorkerId) {
        let mut redundant = Vec::new();
        for key in keys {
            match self.tasks.id(&key) {
                Some(id) if self.tasks[id].state() == StateName::Memory => {
                    let nbytes = self.tasks[id].nbytes;
                    self.replicas.add(id, worker, nbytes);
                    self.workers[worker].missing.swap_remove(&id);
                }
                _ => redundant.push(key),
            }
        }
        if !redundant.is_empty() {
            self.tell_worker(worker, ToWorker::RemoveReplicas { keys: redundant });
        }
    }

    fn long_running(&mut self, key: &Key, worker: WorkerId, run: RunId, duration: Option<f64>) {
        let Some(id) = self.tasks.id(key).filter(|&id| self.runs(id, worker, run) == (true, true)) else {
            return self.ignore(key, "seceded in an older attempt");
        };
        if let Some(seconds) = duration {
            let group = self.tasks[id].group;
            self.groups.learn(group, seconds);
        }
        if self.tasks.secede(id) {
            let cost = self.tasks[id].processing().map_or(0.0, |processing| processing.cost);
            self.workers[worker].long_running.insert(id);
            self.workers[worker].occupancy = (self.workers[worker].occupancy - cost).max(0.0);
            self.rank(worker);
        }
    }

    fn reschedule(&mut self, key: &Key, worker: WorkerId) {
        let here = |&id: &TaskId| self.tasks[id].processing().is_some_and(|it| it.worker == worker);
        match self.tasks.id(key).filter(here) {
            Some(id) => self.cascade(Recommendations::one(id, Finish::Released)),
            None => self.ignore(key, "to be rescheduled, but not there"),
        }
    }

    /// A worker found nobody who has these. One that asks too often is believed, so that it does not ask for ever.
    fn refresh_who_has(&mut self, keys: Vec<Key>, worker: WorkerId) {
        self.workers[worker].missing.retain(|&id, _| self.tasks.get(id).is_some());
        let mut who_has = Vec::new();
        let mut unknown = Vec::new();
        for key in keys {
            let Some(id) = self.tasks.id(&key) else {
                unknown.push(key);
                continue;
            };
            let attempts = self.workers[worker].missing.entry(id).or_insert(0);
            *attempts += 1;
            if *attempts > self.settings.refresh_attempts_max && self.tasks[id].state() == StateName::Memory {
                self.workers[worker].missing.swap_remove(&id);
                self.ignore(&key, "nobody has it who was said to");
                self.cascade(Recommendations::one(id, Finish::Released));
            }
            if let Some(id) = self.tasks.id(&key) {
                who_has.push((key, self.addresses(id)));
            }
        }
        if !who_has.is_empty() {
            self.tell_worker(worker, ToWorker::RefreshWhoHas { who_has });
        }
        if !unknown.is_empty() {
            self.tell_worker(worker, ToWorker::FreeKeys { keys: unknown });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::heartbeat_interval;

    #[test]
    fn many_workers_beat_slowly() {
        let intervals = [1, 10, 11, 50, 400].map(|workers| format!("{:.1}", heartbeat_interval(workers)));
        assert_eq!(intervals, ["0.5", "0.5", "1.0", "2.0", "3.0"]);
    }
}
