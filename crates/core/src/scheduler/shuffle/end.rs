//! Ends: a run of a shuffle is over, and may have to begin again.

use crate::protocol::shuffle::ShuffleFail;
use crate::protocol::value::Value;
use crate::scheduler::Scheduler;
use crate::scheduler::recommendations::{Finish, Recommendations};
use crate::scheduler::stimulus::Text;
use crate::scheduler::task::{StateName, TaskId};
use crate::scheduler::worker::WorkerId;

impl Scheduler {
    /// A task is in this state now. Without its barrier, a run is over.
    pub(in crate::scheduler) fn advance_shuffles(&mut self, id: TaskId, state: StateName) {
        if !matches!(state, StateName::Released | StateName::Erred) || self.shuffles.is_idle() {
            return;
        }
        if state == StateName::Erred {
            self.notice_failed_shuffle(id);
        }
        self.end_shuffle(id, "forgotten");
    }

    /// A task is about to be forgotten.
    pub(in crate::scheduler) fn forget_shuffle(&mut self, id: TaskId) {
        if !self.shuffles.is_idle() {
            self.end_shuffle(id, "forgotten");
        }
        self.shuffles.restricted.swap_remove(&id);
    }

    /// A worker has left: all runs are over that it took part in. Those who are left hear of it before anything else, so
    /// that nothing more is sent in these runs.
    pub(in crate::scheduler) fn leave_shuffles(&mut self, worker: WorkerId, address: &Text) {
        let runs = self.shuffles.runs.iter().filter(|(_, run)| run.participants.contains(&worker));
        let barriers: Vec<TaskId> = runs.map(|(&barrier, _)| barrier).collect();
        let why = format!("given up: worker {address} has left");
        for barrier in barriers {
            self.end_shuffle(barrier, &why);
        }
    }

    /// Runs begin again whose barrier is still to be passed. Looked at after every stimulus: mostly there are none.
    pub(in crate::scheduler) fn restart_shuffles(&mut self) {
        while let Some(barrier) = self.shuffles.ended.pop() {
            self.restart_shuffle(barrier);
        }
    }

    /// Computes all tasks of a shuffle again but those that have failed.
    pub(super) fn restart_shuffle(&mut self, barrier: TaskId) {
        let wanted = |state| !matches!(state, StateName::Released | StateName::Erred);
        let Some(task) = self.tasks.get(barrier).filter(|task| wanted(task.state())) else { return };
        let parts = task.dependents.iter().chain([&barrier]).chain(&task.dependencies).copied();
        let mut recommendations = Recommendations::default();
        for part in parts.filter(|&part| wanted(self.tasks[part].state())) {
            recommendations.add(part, Finish::Released);
        }
        self.end_shuffle(barrier, "given up: it begins again");
        self.shuffles.ended.retain(|&it| it != barrier);
        self.cascade(recommendations);
    }

    /// This was the barrier of a run, or of one that was about to begin: it is over. All who take part are told, and
    /// tasks may run again where they might before.
    fn end_shuffle(&mut self, barrier: TaskId, why: &str) {
        self.give_up_plan(barrier);
        let Some(run) = self.shuffles.runs.shift_remove(&barrier) else { return };
        let message: Text = format!("shuffle {} (run {}) was {why}", run.id, run.number).into();
        for worker in run.participants {
            let (shuffle_id, run_id) = (run.id.clone(), run.number);
            self.tell_worker(worker, ShuffleFail { shuffle_id, run_id, message: message.clone() });
        }
        self.shuffles.ended.push(barrier);
        let outputs: Vec<TaskId> = self.tasks[barrier].dependents.iter().copied().collect();
        for output in outputs {
            if let Some(before) = self.shuffles.restricted.swap_remove(&output)
                && let Some(restrictions) = &mut self.tasks[output].restrictions
            {
                restrictions.workers = before;
            }
        }
    }

    /// Notes, once a run, that one of its own tasks is why it has failed.
    fn notice_failed_shuffle(&mut self, id: TaskId) {
        let task = &self.tasks[id];
        if task.failure().is_none_or(|failure| failure.cause != task.key) {
            return;
        }
        let of = |barrier: TaskId| {
            barrier == id
                || self.tasks[barrier].dependents.contains(id)
                || self.tasks[barrier].dependencies.contains(id)
        };
        let found = self.shuffles.runs.iter().find(|(barrier, run)| !run.failed && of(**barrier));
        let Some(barrier) = found.map(|(&barrier, _)| barrier) else { return };
        let run = &mut self.shuffles.runs[&barrier];
        run.failed = true;
        let shuffle = run.id.clone();
        let stimulus = self.stimulus_id();
        let event = [("action", "p2p-failed".into()), ("shuffle", shuffle.into()), ("stimulus", stimulus.into())];
        self.log_event(&[&"p2p".into()], &Value::map(event));
    }
}
