//! Stealing, watched from outside: what a worker has begun is not sent to another because it was asked for.

use std::collections::BTreeSet;

use cenote_core::protocol::worker::{FromWorker, ToWorker};
use cenote_core::scheduler::instruction::Instruction;
use cenote_core::scheduler::stimulus::Stimulus;

/// What a worker has answered that was asked for a task.
pub struct Answered {
    key: String,
    worker: String,
    /// Whether it still has the task.
    keeps: bool,
}

impl Answered {
    pub fn of(stimulus: &Stimulus) -> Option<Self> {
        let Stimulus::Worker { worker, said: FromWorker::StealResponse(it) } = stimulus else { return None };
        let gone = matches!(it.state.as_deref(), None | Some("ready" | "waiting"));
        Some(Self { key: it.key.to_string(), worker: worker.to_string(), keeps: !gone })
    }
}

/// What was asked for.
#[derive(Default)]
pub struct Steals {
    ids: BTreeSet<String>,
    /// The answer that is being heard.
    answered: Option<Answered>,
    /// How often its task was sent since.
    sent: u32,
}

impl Steals {
    /// Looks at an instruction that follows from an answer, or from something else.
    pub fn check(&mut self, instruction: &Instruction) {
        match instruction {
            Instruction::ToWorker { message: ToWorker::StealRequest(request), .. } => {
                let new = self.ids.insert(request.stimulus_id.to_string());
                assert!(new, "{} is asked for as another was", request.key);
            }
            Instruction::ToWorker { message: ToWorker::ComputeTask(task), .. } => {
                if let Some(answered) = self.answered.as_ref().filter(|it| it.key == task.key.to_string()) {
                    self.sent += 1;
                    assert!(!answered.keeps, "{} has begun, and is sent to another", answered.key);
                    assert!(self.sent == 1, "{} is sent to two", answered.key);
                }
            }
            Instruction::ToWorker { worker, message: ToWorker::FreeKeys(it) } => {
                // It is taken back for another reason: a shuffle begins again.
                let taken = |answered: &mut Answered| {
                    answered.worker == **worker && it.keys.iter().any(|key| key.to_string() == answered.key)
                };
                self.answered.take_if(taken);
            }
            _ => {}
        }
    }

    /// Something happens: an answer, or something else.
    pub fn begin(&mut self, answered: Option<Answered>) {
        (self.answered, self.sent) = (answered, 0);
    }

    /// Whoever answered may have been let go by what was looked at next: then what it has begun runs elsewhere.
    pub fn leave(&mut self, is_known: impl Fn(&str) -> bool) {
        self.answered = self.answered.take().filter(|answered| is_known(&answered.worker));
    }

    /// Whether a task is sent because it was given up elsewhere.
    pub fn moves(&self, key: &str) -> bool {
        self.answered.as_ref().is_some_and(|it| it.key == key)
    }
}
