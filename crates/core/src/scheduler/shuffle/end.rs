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
        if self.shuffles.is_idle() {
            return;
        }
        match state {
            StateName::Erred => {
                self.notice_failed_shuffle(id);
                self.end_shuffle(id, "forgotten");
            }
            StateName::Released => self.end_shuffle(id, "forgotten"),
            StateName::Memory if self.shuffles.was_not_passed(id) => {
                self.shuffles.ended.entry(id).or_default();
            }
            _ => {}
        }
    }

    /// A task is about to be forgotten.
    pub(in crate::scheduler) fn forget_shuffle(&mut self, id: TaskId) {
        if !self.shuffles.is_idle() {
            self.end_shuffle(id, "forgotten");
            self.shuffles.barriers.swap_remove(&id);
        }
        self.shuffles.restricted.swap_remove(&id);
        self.shuffles.carried.swap_remove(&id);
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
        while let Some((barrier, _)) = self.shuffles.ended.pop() {
            self.restart_shuffle(barrier);
        }
    }

    /// Computes all again that was computed for a shuffle, or is being.
    pub(super) fn restart_shuffle(&mut self, barrier: TaskId) {
        let Some(task) = self.tasks.get(barrier) else { return };
        if matches!(task.state(), StateName::Released | StateName::Erred) {
            return;
        }
        let begun = |part: &TaskId| matches!(self.tasks[*part].state(), StateName::Memory | StateName::Processing);
        let parts = task.dependents.iter().chain([&barrier]).chain(&task.dependencies).copied();
        let mut recommendations = Recommendations::default();
        for part in parts.filter(begun) {
            recommendations.add(part, Finish::Released);
        }
        self.end_shuffle(barrier, "given up: it begins again");
        self.shuffles.ended.swap_remove(&barrier);
        self.cascade(recommendations);
    }

    /// This was the barrier of a run, or of one that was about to begin: it is over. All who take part are told, and
    /// tasks may run again where they might before.
    fn end_shuffle(&mut self, barrier: TaskId, why: &str) {
        self.give_up_plan(barrier);
        let Some(run) = self.shuffles.runs.shift_remove(&barrier) else { return };
        let message: Text = format!("shuffle {} (run {}) was {why}", run.id, run.number).into();
        for &worker in &run.participants {
            let (shuffle_id, run_id) = (run.id.clone(), run.number);
            self.tell_worker(worker, ShuffleFail { shuffle_id, run_id, message: message.clone() });
        }
        self.shuffles.ended.insert(barrier, Some(run));
        let outputs: Vec<TaskId> = self.tasks[barrier].dependents.iter().copied().collect();
        for output in outputs {
            if let Some(before) = self.shuffles.restricted.swap_remove(&output)
                && let Some(restrictions) = &mut self.tasks[output].restrictions
            {
                restrictions.workers = before;
            }
        }
    }

    /// Notes, once a run, that one of its own tasks is why it has failed: that a worker died of it, for instance.
    fn notice_failed_shuffle(&mut self, id: TaskId) {
        let task = &self.tasks[id];
        if task.failure().is_none_or(|failure| failure.cause != task.key) {
            return;
        }
        let of = |barrier: TaskId| {
            let task = self.tasks.get(barrier);
            barrier == id || task.is_some_and(|it| it.dependents.contains(id) || it.dependencies.contains(id))
        };
        let ended = self.shuffles.ended.iter_mut().filter_map(|(&barrier, run)| Some((barrier, run.as_mut()?)));
        let runs = self.shuffles.runs.iter_mut().map(|(&barrier, run)| (barrier, run)).chain(ended);
        let mut found = runs.filter(|(barrier, run)| !run.failed && of(*barrier));
        let Some((_, run)) = found.next() else { return };
        run.failed = true;
        let shuffle = run.id.clone();
        let stimulus = self.stimulus_id();
        let event = [("action", "p2p-failed".into()), ("shuffle", shuffle.into()), ("stimulus", stimulus.into())];
        self.log_event(&[&"p2p".into()], &Value::map(event));
    }
}
