//! Plans: a run of a shuffle is about to begin, and Python is asked who takes which part.

use crate::protocol::field::Optional;
use crate::protocol::rpc::ErrorReply;
use crate::protocol::serialized::Pickled;
use crate::protocol::shuffle::{PlanShuffle, ShufflePlan, inconsistent, over, told};
use crate::protocol::value::Value;
use crate::scheduler::Scheduler;
use crate::scheduler::instruction::{Exception, Failure, Instruction};
use crate::scheduler::registry::{Map, Set};
use crate::scheduler::shuffle::Run;
use crate::scheduler::stimulus::Text;
use crate::scheduler::task::TaskId;
use crate::scheduler::worker::WorkerId;

/// A run that is about to begin.
#[derive(Debug)]
pub(super) struct Plan {
    pub barrier: TaskId,
    pub shuffle: Text,
    /// The span of the task that has asked first.
    span: Option<Text>,
    /// The number that the run will have.
    number: i64,
    /// Who waits for it.
    pub askers: Vec<Asker>,
}

/// A worker that waits for a run to begin.
#[derive(Clone, Debug)]
pub(super) struct Asker {
    pub ticket: u64,
    pub worker: WorkerId,
}

impl Scheduler {
    /// Lets a run begin as soon as Python has planned it.
    pub(super) fn plan_shuffle(&mut self, barrier: TaskId, shuffle: Text, asker: Asker, task: TaskId) {
        if let Some(plan) = self.shuffles.plans.iter_mut().find(|plan| plan.barrier == barrier) {
            plan.askers.push(asker);
        } else {
            let span = self.groups.span(self.tasks[task].group).cloned();
            self.shuffles.plans.push_back(Plan { barrier, shuffle, span, number: 0, askers: vec![asker] });
        }
        self.ask_for_plan();
    }

    /// Asks Python about the first plan, unless it was asked.
    fn ask_for_plan(&mut self) {
        if self.shuffles.asked.is_some() {
            return;
        }
        let Some(barrier) = self.shuffles.plans.front().map(|plan| plan.barrier) else { return };
        self.shuffles.run_last += 1;
        self.shuffles.planned += 1;
        let number = self.shuffles.run_last;
        let run_spec = self.tasks[barrier].run_spec.clone().expect("only what was submitted is planned");
        let (workers, aligned) = (self.candidates(barrier), self.aligned(barrier));
        let span_id = Optional(self.shuffles.plans[0].span.clone());
        let plan = PlanShuffle { barrier: run_spec, run_id: number, workers, span_id, aligned };
        self.ticket_last += 1;
        let ticket = self.ticket_last;
        self.shuffles.asked = Some(ticket);
        self.shuffles.plans[0].number = number;
        self.instruct(Instruction::PlanShuffle { ticket, plan: Box::new(plan) });
    }

    /// The workers that may take part. Each run begins with another one, so that many small ones use all workers.
    fn candidates(&self, barrier: TaskId) -> Vec<Text> {
        let valid = self.valid_workers(barrier).filter(|valid| !valid.is_empty());
        let running = || self.workers.running().iter().copied().collect::<Vec<_>>();
        let mut workers = valid.unwrap_or_else(running);
        if workers.is_empty() {
            // Whoever asks is there at least.
            workers = self.workers.ids().collect();
        }
        let mut addresses: Vec<Text> = workers.into_iter().map(|id| self.workers[id].address().clone()).collect();
        addresses.sort();
        let first = (self.shuffles.planned - 1) % addresses.len().max(1);
        addresses.rotate_left(first);
        addresses
    }

    /// What was said of the runs from which some task takes a part together with one of this: of a merge, the other side.
    fn aligned(&self, barrier: TaskId) -> Vec<Pickled> {
        let mut others: Set<TaskId> = Set::default();
        for &dependent in &self.tasks[barrier].dependents {
            let dependencies = self.tasks[dependent].dependencies.iter().copied();
            others.extend(dependencies.filter(|it| *it != barrier && self.shuffles.runs.contains_key(it)));
        }
        others.iter().map(|other| self.shuffles.runs[other].spec.clone()).collect()
    }

    /// Python has planned a run, or could not.
    pub(in crate::scheduler) fn shuffle_planned(&mut self, ticket: u64, outcome: Result<ShufflePlan, Exception>) {
        if self.shuffles.asked != Some(ticket) {
            return;
        }
        self.shuffles.asked = None;
        let Some(plan) = self.shuffles.plans.pop_front() else { return };
        match outcome {
            Ok(planned) => self.begin_run(plan, planned),
            Err(exception) => {
                let cause = self.tasks[plan.barrier].key.clone();
                let error = raised(&Failure { cause, exception });
                for asker in plan.askers {
                    self.answer(asker.ticket, Err(error.clone()));
                }
            }
        }
        self.ask_for_plan();
    }

    fn begin_run(&mut self, plan: Plan, planned: ShufflePlan) {
        let here = planned.workers.iter().map(|worker| self.workers.id(worker));
        let Some(mut participants) = here.collect::<Option<Set<WorkerId>>>() else {
            // One of them has left since.
            return self.shuffles.plans.push_front(plan);
        };
        let (left, askers): (Vec<_>, Vec<_>) =
            plan.askers.into_iter().partition(|asker| self.workers.get(asker.worker).is_none());
        for asker in left {
            self.answer(asker.ticket, Ok(unknown_worker()));
        }
        if askers.is_empty() {
            return;
        }
        participants.extend(askers.iter().map(|asker| asker.worker));
        for asker in askers {
            self.answer(asker.ticket, Ok(told(&planned.run_spec)));
        }
        let run = Run {
            id: plan.shuffle,
            number: plan.number,
            spec: planned.run_spec,
            participants,
            progress: Map::default(),
            passed: false,
            failed: false,
        };
        self.shuffles.barriers.insert(plan.barrier);
        self.shuffles.runs.insert(plan.barrier, run);
    }

    /// Whoever asked has gone, and does not wait any more.
    pub(in crate::scheduler) fn leave_plan(&mut self, ticket: u64) {
        for plan in &mut self.shuffles.plans {
            plan.askers.retain(|asker| asker.ticket != ticket);
        }
    }

    /// There is nothing to plan for any more: whoever waits is told so.
    pub(super) fn give_up_plan(&mut self, barrier: TaskId) {
        let Some(place) = self.shuffles.plans.iter().position(|plan| plan.barrier == barrier) else { return };
        let Some(plan) = self.shuffles.plans.remove(place) else { return };
        for asker in plan.askers {
            let text = format!("the shuffle {} was given up before it began", plan.shuffle);
            self.answer(asker.ticket, Ok(over(&text)));
        }
        if place == 0 {
            self.shuffles.asked = None;
            self.ask_for_plan();
        }
    }
}

/// What a worker is told that is not there.
pub(super) fn unknown_worker() -> Value {
    inconsistent("the scheduler does not know this worker")
}

fn raised(failure: &Failure) -> ErrorReply {
    let (exception, traceback) = failure.serialized();
    let exception_text = failure.text();
    ErrorReply { status: "uncaught-error".into(), exception, traceback, exception_text, traceback_text: "".into() }
}
