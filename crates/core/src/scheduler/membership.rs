//! Membership: workers join, change their status, and leave.

use std::sync::Arc;

use super::Scheduler;
use super::answer::heartbeat_interval;
use super::instruction::{Exception, Failure, Instruction, Refusal, ToWorker};
use super::recommendations::{Finish, Recommendations};
use super::stimulus::{WorkerSpec, WorkerStatus};
use super::task::StateName;
use super::worker::WorkerId;

impl Scheduler {
    pub(super) fn worker_joined(&mut self, spec: WorkerSpec) {
        let worker = spec.address.clone();
        let reply = match self.refusal(&spec) {
            Some(refusal) => Err(refusal),
            None => Ok(heartbeat_interval(self.workers.len() + 1)),
        };
        let accepted = reply.is_ok();
        self.instruct(Instruction::WorkerReply { worker, reply });
        if accepted {
            let id = self.workers.insert(spec, self.now, self.settings.worker_saturation);
            self.schedule_unrunnable(id);
        }
    }

    fn refusal(&self, spec: &WorkerSpec) -> Option<Refusal> {
        if self.workers.id(&spec.address).is_some() {
            Some(Refusal::AddressTaken)
        } else if self.workers.iter().any(|(_, worker)| worker.spec.name == spec.name) {
            Some(Refusal::NameTaken)
        } else if spec.nthreads == 0 {
            Some(Refusal::NoThreads)
        } else {
            None
        }
    }

    /// Sends there what no worker could run before, the most urgent first.
    fn schedule_unrunnable(&mut self, worker: WorkerId) {
        let mut recommendations = Recommendations::default();
        for &(_, id) in self.unrunnable.iter().rev() {
            if self.tasks[id].restrictions.as_ref().is_some_and(|it| it.allow_other_workers)
                || self.valid_workers(id).is_none_or(|valid| valid.contains(&worker))
            {
                recommendations.add(id, Finish::Processing);
            }
        }
        self.cascade(recommendations);
    }

    pub(super) fn worker_status(&mut self, worker: WorkerId, status: WorkerStatus) {
        let before = std::mem::replace(&mut self.workers[worker].spec.status, status);
        if before == status {
            return;
        }
        self.rank(worker);
        if status == WorkerStatus::Running {
            self.schedule_unrunnable(worker);
        }
    }

    /// A worker has left: what it ran runs elsewhere, what only it held is computed again.
    pub(super) fn remove_worker(&mut self, id: WorkerId, expected: bool) {
        let worker = self.workers.remove(id);
        let mut recommendations = Recommendations::default();
        for &task in &worker.processing {
            recommendations.add(task, Finish::Released);
        }
        if !expected {
            for &task in &worker.processing {
                self.suspect(task, &worker.spec, &mut recommendations);
            }
        }
        let held: Vec<_> = self.replicas.has_what(id).collect();
        for task in held {
            self.lose_replica(task, id);
            if worker.actors.contains(&task) {
                recommendations.add(task, Finish::Erred(self.actor_lost(task)));
            } else if !self.replicas.held(task) {
                let again = self.tasks[task].run_spec.is_some();
                recommendations.add(task, if again { Finish::Released } else { Finish::Forgotten });
            }
        }
        self.cascade(recommendations);
        let others: Vec<_> = self.workers.ids().collect();
        for other in others {
            self.tell_worker(other, ToWorker::RemoveWorker { worker: worker.spec.address.clone() });
        }
    }

    /// A worker died while it ran the task, which may be why.
    fn suspect(&mut self, id: super::task::TaskId, worker: &WorkerSpec, recommendations: &mut Recommendations) {
        let allowed_failures = self.settings.allowed_failures;
        let Some(_) = self.tasks.get(id) else { return };
        let task = &mut self.tasks[id];
        task.suspicious += 1;
        if task.suspicious <= allowed_failures || task.state() != StateName::Processing {
            return;
        }
        let exception = Exception::KilledWorker { last_worker: worker.address.clone(), allowed_failures };
        let failure = Arc::new(Failure { cause: task.key.clone(), exception });
        recommendations.remove(id);
        let more = self.transition(id, Finish::Erred(failure));
        recommendations.update(more);
    }

    /// Takes silent workers for dead, and looks for tasks that will never be finished.
    pub(super) fn tick(&mut self) {
        if let Some(ttl) = self.settings.worker_ttl {
            let silent = self.workers.iter().filter(|(_, worker)| worker.last_seen + ttl < self.now);
            let silent: Vec<_> = silent.map(|(id, _)| id).collect();
            for id in silent {
                let reason = "silent for too long".into();
                self.tell_worker(id, ToWorker::Close { reason });
                self.remove_worker(id, false);
            }
        }
        self.watch();
    }
}
