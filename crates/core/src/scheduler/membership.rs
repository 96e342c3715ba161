//! Membership: workers join, change their status, and leave.

use std::sync::Arc;

use super::Scheduler;
use super::instruction::{Exception, Failure, Instruction};
use super::memory::Measure;
use super::notice::Leaving;
use super::recommendations::{Finish, Recommendations};
use super::stimulus::Text;
use super::task::{StateName, TaskId, TaskState};
use super::worker::{Worker, WorkerId, WorkerStatus};
use crate::key::Key;
use crate::protocol::exception::{Builtin, LastWorker};
use crate::protocol::rpc::ErrorReply;
use crate::protocol::value::Value;
use crate::protocol::worker::{Close, HeartbeatWorker, RegisterWorker, RemoveWorker};

/// A worker is not taken for dead before it has missed so many heartbeats.
const BEATS_MISSED_MAX: f64 = 10.0;

/// So many measures are added up.
const METRICS_MAX: usize = 10_000;

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
    /// A worker wants to join. It is answered before it is told anything else.
    pub(super) fn register_worker(&mut self, ticket: u64, about: RegisterWorker) {
        if self.workers.id(&about.address).is_some() {
            let text = format!("Worker already exists {}", about.address);
            return self.answer(ticket, Err(ErrorReply::builtin(Builtin::Value, &text)));
        }
        if let Some(message) = self.refusal(&about) {
            let answer = [("status", "error".into()), ("message", (*message).into()), ("time", self.now.into())];
            return self.answer(ticket, Ok(Value::map(answer)));
        }
        let answer = [
            ("status", "OK".into()),
            ("time", self.now.into()),
            ("heartbeat-interval", heartbeat_interval(self.workers.len() + 1).into()),
            ("worker-plugins", self.worker_plugins()),
            ("warning", self.worker_warning(&about.versions).into()),
            ("error", "".into()),
        ];
        self.answer(ticket, Ok(Value::map(answer)));
        self.notice_worker(&about.address);
        let id = self.workers.insert(about, self.now);
        self.turnover.workers_added += 1;
        self.spans.note_threads(self.now, self.workers.threads());
        if self.workers[id].spec.status == WorkerStatus::Running {
            self.schedule_unrunnable(id);
        }
    }

    /// Why a worker may not join, if it may not.
    fn refusal(&self, about: &RegisterWorker) -> Option<String> {
        if self.workers.iter().any(|(_, worker)| worker.about.name == about.name) {
            Some(format!("name taken, {}", super::worker::name_of(&about.name)))
        } else if about.nthreads == 0 {
            Some("a worker without threads runs no tasks".to_owned())
        } else {
            None
        }
    }

    /// A worker is alive.
    pub(super) fn hear_heartbeat(&mut self, heartbeat: HeartbeatWorker) -> Value {
        let status = match self.workers.id(&heartbeat.address) {
            Some(id) => {
                let worker = &mut self.workers[id];
                worker.see(self.now);
                worker.about.metrics = heartbeat.metrics;
                let unmanaged = self.memory_of(Measure::Unmanaged, id) as i64;
                self.workers[id].unmanaged.measure(self.now, unmanaged);
                self.add_metrics(id);
                self.learn_bandwidth(id);
                if let Some(spans) = heartbeat.extensions.0.as_ref().and_then(|it| it.get("spans")) {
                    self.spans.measure(spans);
                }
                if let Some(said) = heartbeat.extensions.0.as_ref().and_then(|it| it.get("shuffle")) {
                    self.note_progress(id, said);
                }
                for (key, seconds) in heartbeat.executing.0 {
                    self.learn_executing(id, &key, seconds);
                }
                "OK"
            }
            None => "missing",
        };
        let interval = heartbeat_interval(self.workers.len());
        Value::map([("status", status.into()), ("time", self.now.into()), ("heartbeat-interval", interval.into())])
    }

    /// A worker has begun a task so long ago.
    fn learn_executing(&mut self, worker: WorkerId, key: &Key, seconds: f64) {
        let Some(id) = self.tasks.id(key) else { return };
        let prefix = self.groups.prefix(self.tasks[id].group);
        self.groups.prefixes.learn_unfinished(prefix, seconds);
        if self.tasks[id].processing().is_some_and(|it| it.worker == worker) {
            self.tasks.begin(id);
        }
    }

    /// Adds up what a worker has measured since its last heartbeat.
    fn add_metrics(&mut self, id: WorkerId) {
        let measured = self.workers[id].about.metrics.get("digests_total_since_heartbeat");
        if let Some(Value::Map(measured)) = measured {
            for (name, amount) in measured {
                self.metrics.add(name, amount, METRICS_MAX);
            }
        }
    }

    /// The more workers there are, the less one of them says about all.
    fn learn_bandwidth(&mut self, id: WorkerId) {
        let (worker, of) = (&self.workers[id], self.workers.len());
        let Some(measured) = worker.about.metrics.get("bandwidth") else { return };
        self.bandwidths.learn(worker.address(), measured, of);
        if let Some(measured) = measured.get("total").and_then(Value::as_f64).filter(|it| it.is_finite() && *it > 0.0) {
            let share = 1.0 / of as f64;
            self.bandwidth = self.bandwidth * (1.0 - share) + measured * share;
        }
    }

    /// Sends there what no worker could run before, the most urgent first.
    pub(super) fn schedule_unrunnable(&mut self, worker: WorkerId) {
        let mut recommendations = Recommendations::default();
        for &(_, id) in self.unrunnable.iter().rev() {
            if self.may_run_elsewhere(id) || self.valid_workers(id).is_none_or(|valid| valid.contains(&worker)) {
                recommendations.add(id, Finish::Processing);
            }
        }
        self.cascade(recommendations);
    }

    pub(super) fn worker_status(&mut self, worker: WorkerId, status: &Text) {
        if let Some(status) = WorkerStatus::of(status) {
            self.note_echo(worker, status);
            self.change_status(worker, status);
        }
    }

    pub(super) fn change_status(&mut self, worker: WorkerId, status: WorkerStatus) {
        let before = std::mem::replace(&mut self.workers[worker].spec.status, status);
        if before == status {
            return;
        }
        self.notice_status(&self.workers[worker].address().clone(), before, status);
        self.workers.note_status(worker);
        if status == WorkerStatus::Running {
            self.schedule_unrunnable(worker);
        }
    }

    /// Removes a worker that may still be there.
    pub(super) fn dismiss_worker(&mut self, id: WorkerId, expected: bool) {
        self.dismiss_workers(&[id], expected);
    }

    pub(super) fn dismiss_workers(&mut self, ids: &[WorkerId], expected: bool) {
        for &id in ids {
            self.tell_worker(id, Close { reason: "scheduler-remove-worker".into() });
        }
        self.remove_workers(ids, expected);
    }

    pub(super) fn remove_worker(&mut self, id: WorkerId, expected: bool) {
        self.remove_workers(&[id], expected);
    }

    /// Workers have left: what they ran runs elsewhere, what only they held is computed again. All are gone before
    /// anything of theirs is placed anew.
    fn remove_workers(&mut self, ids: &[WorkerId], expected: bool) {
        let mut left = Vec::with_capacity(ids.len());
        for &id in ids {
            if self.workers.get(id).is_some() {
                left.push((id, self.workers.remove(id)));
            }
        }
        if left.is_empty() {
            return;
        }
        self.spans.note_threads(self.now, self.workers.threads());
        self.replicas.settle_drops_of_absent(|worker| self.workers.get(worker).is_some());
        let mut recommendations = Recommendations::default();
        for (id, worker) in &left {
            self.turnover.workers_removed += 1;
            self.bandwidths.forget(worker.address());
            self.leave_shuffles(*id, worker.address());
            self.versions.leave(&worker.about.versions);
            for &task in &worker.processing {
                if expected || !self.suspect(task, &worker.about, &mut recommendations) {
                    recommendations.add(task, Finish::Released);
                }
            }
        }
        let taken: Vec<_> =
            left.iter().map(|(id, worker)| self.lose_worker(*id, worker, &mut recommendations)).collect();
        self.cascade(recommendations);
        let others: Vec<_> = self.workers.ids().collect();
        for ((_, worker), leaving) in left.iter().zip(taken) {
            self.notice_leaving(worker.address(), leaving, expected);
            let stimulus_id = self.stimulus_id();
            for &other in &others {
                let worker = worker.spec.address.clone();
                self.tell_worker(other, RemoveWorker { worker, stimulus_id: stimulus_id.clone() });
            }
        }
    }

    /// All that a worker held is lost with it. Returns what is told of it.
    fn lose_worker(&mut self, id: WorkerId, worker: &Worker, recommendations: &mut Recommendations) -> Leaving {
        let held: Vec<_> = self.replicas.has_what(id).collect();
        let leaving = self.leaving(worker, &held);
        for task in held {
            self.lose_replica(task, id);
            if worker.actors.contains(&task) {
                recommendations.add(task, Finish::Erred(self.actor_lost(task)));
            } else if !self.replicas.held(task) {
                let again = self.tasks[task].run_spec.is_some();
                recommendations.add(task, if again { Finish::Released } else { Finish::Forgotten });
            }
        }
        leaving
    }

    /// A worker died while it ran the task, which may be why. Whether the task has failed for it: at once, since what is
    /// recommended may be replaced by what the loss of an input recommends.
    fn suspect(&mut self, id: TaskId, worker: &RegisterWorker, recommendations: &mut Recommendations) -> bool {
        let allowed_failures = self.settings.allowed_failures;
        if self.tasks.get(id).is_none() {
            return false;
        }
        let task = &mut self.tasks[id];
        task.suspicious += 1;
        self.groups.prefixes.suspect(task.prefix);
        if task.suspicious <= allowed_failures || task.state() != StateName::Processing {
            return false;
        }
        let last_worker = Arc::new(LastWorker::from(worker));
        let exception = Exception::KilledWorker { last_worker, allowed_failures };
        let failure = Arc::new(Failure { cause: task.key.clone(), exception });
        let more = self.transition(id, Finish::Erred(failure));
        recommendations.update(more);
        true
    }

    /// Takes silent workers for dead, gives up what has waited too long, and looks for tasks that will never be finished.
    pub(super) fn tick(&mut self) {
        self.look_for_silent_workers();
        self.reweigh_changed();
        self.tick_coordination();
        self.give_up_waiting();
        self.balance();
        self.tick_memory_manager();
        // Before the look: a worker that was given up just now may leave threads and a queue behind.
        self.fill_free_threads();
        self.watch();
    }

    /// Silent workers are replaced by their nannies. One that has none, or whose nanny does not help, is taken for dead.
    fn look_for_silent_workers(&mut self) {
        let Some(ttl) = self.settings.worker_ttl else { return };
        let ttl = ttl.max(BEATS_MISSED_MAX * heartbeat_interval(self.workers.len()));
        let (mut silent, mut dead) = (Vec::new(), Vec::new());
        for (id, worker) in self.workers.iter() {
            let silence = self.now - worker.last_seen;
            if silence > 2.0 * ttl || (silence > ttl && worker.about.nanny.is_none()) {
                dead.push(id);
            }
            if silence > ttl && !worker.being_replaced {
                silent.push(id);
            }
        }
        if !silent.is_empty() {
            let workers = silent.iter().map(|&id| self.workers[id].address().clone()).collect();
            self.notice_silence(workers, ttl);
        }
        for id in silent.into_iter().filter(|id| !dead.contains(id)) {
            self.workers[id].being_replaced = true;
            let worker = self.workers[id].address().clone();
            if let Some(nanny) = self.workers[id].about.nanny.clone() {
                self.instruct(Instruction::ReplaceWorker { worker, nanny });
            }
        }
        for id in dead {
            self.dismiss_worker(id, false);
        }
    }

    /// Fails tasks that have waited too long for a worker.
    fn give_up_waiting(&mut self) {
        let pending = !self.queued.is_empty() || !self.unrunnable.is_empty();
        if !pending || !self.workers.running().is_empty() {
            self.no_workers_since = None;
        } else {
            self.no_workers_since.get_or_insert(self.now);
        }
        let Some(timeout) = self.settings.no_workers_timeout else { return };
        let alone = self.no_workers_since;
        let mut failures = Vec::new();
        for &(_, id) in &self.unrunnable {
            let TaskState::NoWorker { since } = self.tasks[id].state else { continue };
            if since + timeout >= self.now {
                continue;
            }
            let restrictions =
                self.tasks[id].restrictions.as_ref().filter(|_| alone.is_none_or(|alone| alone >= since));
            failures.push((
                id,
                match restrictions {
                    Some(it) => {
                        let (workers, resources) = (it.workers.clone(), it.resources.clone());
                        Exception::NoValidWorker { workers, resources, timeout }
                    }
                    None => Exception::NoWorker { timeout },
                },
            ));
        }
        if alone.is_some_and(|alone| alone + timeout < self.now) {
            failures.extend(self.queued.iter().map(|&(_, id)| (id, Exception::NoWorker { timeout })));
        }
        if !failures.is_empty() {
            let keys: Vec<_> = failures.iter().map(|(id, _)| self.tasks[*id].key.clone()).collect();
            self.notice_giving_up(&keys);
        }
        for (id, exception) in failures {
            if let Some(cause) = self.tasks.get(id).map(|task| task.key.clone()) {
                self.cascade(Recommendations::one(id, Finish::Erred(Arc::new(Failure { cause, exception }))));
            }
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
