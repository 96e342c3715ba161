//! Answers: what workers say of tasks and results. An answer to an attempt that is not the last one is stale.

use std::sync::Arc;

use super::Scheduler;
use super::instruction::{Exception, Failure};
use super::recommendations::{Arrival, Finish, Recommendations};
use super::stimulus::Text;
use super::task::{RunId, StateName, TaskId, TaskState};
use super::worker::WorkerId;
use crate::key::Key;
use crate::protocol::field::Map;
use crate::protocol::worker::{FromWorker, RefreshWhoHas, RemoveReplicas, StartStop};

/// Seconds that a task ran, of all that was done for it.
fn compute_seconds(startstops: &[StartStop]) -> f64 {
    startstops.iter().filter(|it| &*it.action == "compute").map(|it| it.stop - it.start).sum()
}

impl Scheduler {
    pub(super) fn hear_worker(&mut self, address: &Text, said: FromWorker) {
        let Some(worker) = self.workers.id(address) else { return };
        self.workers[worker].see(self.now);
        match said {
            FromWorker::TaskFinished(it) => {
                let (streamed, id) = (self.task_stream.finished(address, &it), self.tasks.id(&it.key));
                let was = id.map(|id| self.tasks[id].state());
                if was == Some(StateName::Processing) {
                    self.record_said(&it.key, &it.metadata);
                }
                let duration = compute_seconds(&it.startstops);
                let class = self.classes.own(&it.class, &it.typename);
                let arrival = Arrival { worker, nbytes: it.nbytes, class, duration, startstops: it.startstops };
                self.task_finished(&it.key, id, RunId(it.run_id), arrival);
                self.stream(streamed, was);
            }
            FromWorker::TaskErred(it) => {
                let (streamed, was) = (self.task_stream.erred(address, &it), self.state_of(&it.key));
                let exception = Exception::Raised {
                    exception: it.exception,
                    traceback: it.traceback,
                    text: it.exception_text,
                    traceback_text: it.traceback_text,
                };
                let failure = Failure { cause: it.key.clone(), exception };
                self.task_erred(&it.key, worker, RunId(it.run_id), failure);
                self.stream(streamed, was);
            }
            FromWorker::ReleaseWorkerData(it) => self.release_worker_data(&it.key, worker),
            FromWorker::AddKeys(it) => self.add_keys(it.keys, worker),
            FromWorker::LongRunning(it) => {
                self.long_running(&it.key, worker, RunId(it.run_id), it.compute_duration);
            }
            FromWorker::Reschedule(it) => self.reschedule(&it.key, worker),
            FromWorker::WorkerStatusChange(it) => self.worker_status(worker, &it.status),
            FromWorker::RequestRefreshWhoHas(it) => self.refresh_who_has(it.keys, worker),
            FromWorker::LogEvent(it) => self.log_worker_event(address, &it.topic, it.msg),
            FromWorker::StealResponse(it) => self.hear_steal_response(worker, &it),
            FromWorker::KeepAlive(_) | FromWorker::CloseStream(_) | FromWorker::Unknown { .. } => {}
        }
    }

    fn state_of(&self, key: &Key) -> Option<StateName> {
        self.tasks.id(key).map(|id| self.tasks[id].state())
    }

    /// Whether the worker runs the task now; and if so, whether this is the attempt.
    fn runs(&self, id: TaskId, worker: WorkerId, run: RunId) -> (bool, bool) {
        let task = &self.tasks[id];
        let here = task.processing().is_some_and(|processing| processing.worker == worker);
        (here, task.run() == Some(run))
    }

    /// `found`: the task, if it is known.
    fn task_finished(&mut self, key: &Key, found: Option<TaskId>, run: RunId, arrival: Arrival) {
        let worker = arrival.worker;
        let done_with = |state| !matches!(state, StateName::Waiting | StateName::Processing | StateName::Memory);
        let wanted = found.filter(|&id| !done_with(self.tasks[id].state()));
        let Some(id) = wanted else { return self.free_stale(key, found, worker, "finished, but not asked for") };
        let state = self.tasks[id].state();
        let recommended = match (state, self.runs(id, worker, run)) {
            (StateName::Processing, (true, true)) | (StateName::Waiting, (_, true)) => Finish::Memory(arrival),
            (StateName::Memory, (_, true)) => {
                self.gain_replica(id, worker);
                return;
            }
            (_, (true, false)) => Finish::Released,
            // It repeats itself: what it holds is asked for.
            (StateName::Memory, _) if self.replicas.has(id, worker) => return self.ignore(key, "finished twice"),
            _ => return self.free_stale(key, found, worker, "finished by an older attempt"),
        };
        self.cascade(Recommendations::one(id, recommended));
        self.note_answered(id);
    }

    fn free_stale(&mut self, key: &Key, found: Option<TaskId>, worker: WorkerId, why: &'static str) {
        self.ignore(key, why);
        if let Some(id) = found {
            self.replicas.expect_drop(id, worker);
        }
        self.free_keys(worker, vec![key.clone()]);
    }

    fn task_erred(&mut self, key: &Key, worker: WorkerId, run: RunId, failure: Failure) {
        let Some(id) = self.tasks.id(key) else { return self.ignore(key, "failed, but not known") };
        let finish = match self.runs(id, worker, run) {
            (true, true) if self.failed_of_the_past(id, worker, &failure.text()) => return self.run_again(id),
            (true, true) if self.tasks[id].retries > 0 => {
                self.tasks[id].retries -= 1;
                Finish::Waiting
            }
            (true, true) => Finish::Erred(Arc::new(failure)),
            (true, false) => Finish::Released,
            (false, _) => return self.ignore(key, "failed by an older attempt"),
        };
        self.cascade(Recommendations::one(id, finish));
        self.note_answered(id);
    }

    fn release_worker_data(&mut self, key: &Key, worker: WorkerId) {
        let Some(id) = self.tasks.id(key) else { return };
        self.replicas.settle_drop(id, worker);
        if let TaskState::Released { dropping } = &mut self.tasks[id].state
            && dropping.contains(&worker)
        {
            *dropping = dropping.iter().copied().filter(|it| *it != worker).collect();
        }
        self.lose_replica(id, worker);
        if matches!(self.tasks[id].state, TaskState::Memory { .. }) && !self.replicas.held(id) {
            self.cascade(Recommendations::one(id, Finish::Released));
        }
    }

    /// A worker was given copies by somebody else, which is heard before what the worker itself says. What it was told to
    /// drop it may have dropped since, or will: that does not count, and it is told once more. False if there was any.
    pub(super) fn add_copies(&mut self, keys: Vec<Key>, worker: WorkerId) -> bool {
        let dropping = |key: &Key| self.tasks.id(key).is_some_and(|id| self.replicas.is_dropping(id, worker));
        let (doubtful, sure): (Vec<Key>, Vec<Key>) = keys.into_iter().partition(dropping);
        self.add_keys(sure, worker);
        let all = doubtful.is_empty();
        if !all {
            let stimulus_id = self.stimulus_id();
            self.tell_worker(worker, RemoveReplicas { keys: doubtful, stimulus_id });
        }
        all
    }

    fn add_keys(&mut self, keys: Vec<Key>, worker: WorkerId) {
        let mut redundant = Vec::new();
        for key in keys {
            match self.tasks.id(&key) {
                Some(id) if self.tasks[id].state() == StateName::Memory => {
                    self.gain_replica(id, worker);
                    self.workers[worker].missing.swap_remove(&id);
                }
                found => {
                    if let Some(id) = found {
                        self.replicas.expect_drop(id, worker);
                    }
                    redundant.push(key);
                }
            }
        }
        if !redundant.is_empty() {
            let stimulus_id = self.stimulus_id();
            self.tell_worker(worker, RemoveReplicas { keys: redundant, stimulus_id });
        }
    }

    fn long_running(&mut self, key: &Key, worker: WorkerId, run: RunId, duration: Option<f64>) {
        let Some(id) = self.tasks.id(key).filter(|&id| self.runs(id, worker, run) == (true, true)) else {
            return self.ignore(key, "seceded in an older attempt");
        };
        if let Some(seconds) = duration {
            let group = self.tasks[id].group;
            self.learn(group, seconds);
        }
        if self.tasks.secede(id) {
            self.workers[worker].long_running.insert(id);
            self.count_seceded(id, worker);
            self.workers.note_load(worker);
        }
    }

    fn reschedule(&mut self, key: &Key, worker: WorkerId) {
        let here = |&id: &TaskId| self.tasks[id].processing().is_some_and(|it| it.worker == worker);
        match self.tasks.id(key).filter(here) {
            Some(id) => self.run_again(id),
            None => self.ignore(key, "to be rescheduled, but not there"),
        }
    }

    /// A worker found nobody who has these. One that asks too often is believed, and one that asks for what nobody
    /// computes any more frees it, so that it does not ask for ever.
    fn refresh_who_has(&mut self, keys: Vec<Key>, worker: WorkerId) {
        self.workers[worker].missing.retain(|&id, _| self.tasks.get(id).is_some());
        let mut who_has = Vec::new();
        let mut unwanted = Vec::new();
        for key in keys {
            let over = |&id: &TaskId| matches!(self.tasks[id].state(), StateName::Released | StateName::Erred);
            let Some(id) = self.tasks.id(&key).filter(|id| !over(id)) else {
                unwanted.push(key);
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
            let (who_has, stimulus_id) = (Map(who_has), self.stimulus_id());
            self.tell_worker(worker, RefreshWhoHas { who_has, stimulus_id });
        }
        if !unwanted.is_empty() {
            self.free_keys(worker, unwanted);
        }
    }
}
