//! Requests: what workers ask about shuffles. A worker whose idea of one is stale is told so.

use super::plan::{Asker, unknown_worker};
use crate::protocol::exception::Builtin;
use crate::protocol::question::Question;
use crate::protocol::rpc::ErrorReply;
use crate::protocol::shuffle::{
    PassBarrier, ShuffleFail, ShuffleGet, ShuffleGetOrCreate, ShuffleRestrictTask, inconsistent, over, reschedule, told,
};
use crate::protocol::value::Value;
use crate::scheduler::Scheduler;
use crate::scheduler::task::{StateName, TaskId};

impl Scheduler {
    /// Answers what is asked about shuffles. All else is about what is shared.
    pub(in crate::scheduler) fn hear_about_shuffles(&mut self, ticket: u64, question: Question) {
        match question {
            Question::ShuffleGet(it) => self.tell_shuffle(ticket, &it),
            Question::ShuffleGetOrCreate(it) => self.join_shuffle(ticket, it),
            Question::ShuffleRestrictTask(it) => self.restrict_to_part(ticket, it),
            Question::PassBarrier(it) => self.pass_barrier(ticket, &it),
            other => self.coordinate(ticket, other),
        }
    }

    /// Tells a worker about a run of which it has heard. It takes part from now on.
    fn tell_shuffle(&mut self, ticket: u64, it: &ShuffleGet) {
        let answer = match self.workers.id(&it.worker) {
            None => unknown_worker(),
            Some(worker) => match self.barrier(&it.id).and_then(|barrier| self.shuffles.runs.get_mut(&barrier)) {
                Some(run) => {
                    run.participants.insert(worker);
                    told(&run.spec)
                }
                None => over(&not_active(&it.id)),
            },
        };
        self.answer(ticket, Ok(answer));
    }

    /// Tells a worker about the run of a shuffle, which begins if there is none.
    fn join_shuffle(&mut self, ticket: u64, it: ShuffleGetOrCreate) {
        let Some(worker) = self.workers.id(&it.worker) else {
            return self.answer(ticket, Ok(unknown_worker()));
        };
        let Some(barrier) = self.barrier(&it.shuffle_id) else {
            let shuffle = &it.shuffle_id;
            let text = format!(
                "the barrier of the shuffle {shuffle} does not exist: its task was fused with others when the graph was \
                 made, or it was cancelled"
            );
            return self.answer(ticket, Ok(inconsistent(&text)));
        };
        if let Some(run) = self.shuffles.runs.get_mut(&barrier) {
            run.participants.insert(worker);
            let answer = told(&run.spec);
            return self.answer(ticket, Ok(answer));
        }
        let task = self.tasks.id(&it.key);
        let state = task.map_or(StateName::Forgotten, |id| self.tasks[id].state());
        if let Some(task) = task.filter(|_| state == StateName::Processing) {
            self.plan_shuffle(barrier, it.shuffle_id, Asker { ticket, worker }, task);
        } else {
            let text = format!("the task {} should be processing, but is {}", it.key, state.name());
            self.answer(ticket, Ok(over(&text)));
        }
    }

    /// From now on a task runs only where its part of a shuffle goes. Whoever asks gives the task up: it is run again
    /// there, or wherever it belongs if the run is over.
    fn restrict_to_part(&mut self, ticket: u64, it: ShuffleRestrictTask) {
        let Some(id) = self.tasks.id(&it.key) else {
            return self.answer(ticket, Err(ErrorReply::builtin(Builtin::Key, &it.key.to_string())));
        };
        let current = self.run_numbered(&it.id, it.run_id).is_ok();
        if current && !self.shuffles.restricted.contains_key(&id) {
            let restrictions = self.tasks[id].restrictions.get_or_insert_default();
            let before = std::mem::replace(&mut restrictions.workers, vec![it.worker]);
            self.shuffles.restricted.insert(id, before);
        }
        self.answer(ticket, Ok(Value::map([("status", "OK".into())])));
    }

    /// All data has been sent: the answer says who must be told. If some was sent in another run, all begins again; and
    /// also if there is no such run, for then nobody else knows that what was sent in it is nowhere.
    fn pass_barrier(&mut self, ticket: u64, it: &PassBarrier) {
        let answer = match self.run_numbered(&it.id, it.run_id) {
            Err(why) => {
                self.end_unknown_run(it);
                Err(reschedule(&why))
            }
            Ok(barrier) if it.consistent => {
                let run = &mut self.shuffles.runs[&barrier];
                run.passed = true;
                let addresses = run.participants.iter().map(|&worker| self.workers[worker].address().clone().into());
                Ok(Value::Tuple(addresses.collect()))
            }
            Ok(barrier) => {
                self.restart_shuffle(barrier);
                Err(reschedule(&format!("shuffle {} begins again: some of its data was sent in another run", it.id)))
            }
        };
        self.answer(ticket, answer);
    }

    /// Whoever runs a barrier takes a run for its own that is over: it is told, as it may not have heard.
    fn end_unknown_run(&mut self, it: &PassBarrier) {
        let Some(barrier) = self.barrier(&it.id) else { return };
        let Some(worker) = self.tasks[barrier].processing().map(|processing| processing.worker) else { return };
        let message = format!("shuffle {} (run {}) is over", it.id, it.run_id).into();
        self.tell_worker(worker, ShuffleFail { shuffle_id: it.id.clone(), run_id: it.run_id, message });
        if !self.shuffles.runs.contains_key(&barrier) {
            self.restart_shuffle(barrier);
        }
    }

    /// The barrier of a run, or why there is no such run.
    fn run_numbered(&self, shuffle: &str, number: i64) -> Result<TaskId, String> {
        let found = self.barrier(shuffle).and_then(|barrier| Some((barrier, self.shuffles.runs.get(&barrier)?)));
        match found {
            None => Err(not_active(shuffle)),
            Some((barrier, run)) if run.number == number => Ok(barrier),
            Some((_, run)) => {
                Err(format!("run {number} of the shuffle {shuffle} is over: it is in run {}", run.number))
            }
        }
    }
}

fn not_active(shuffle: &str) -> String {
    format!("no active shuffle with id {shuffle:?} found")
}
