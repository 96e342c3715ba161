//! Questions: what is asked for with a ticket, and answered once, at once or later.

use super::Scheduler;
use super::instruction::Instruction;
use crate::key::Key;
use crate::protocol::exception::Builtin;
use crate::protocol::question::{Question, UpdateData};
use crate::protocol::rpc::ErrorReply;
use crate::protocol::value::Value;

/// What a question is answered by.
pub(super) type Answer = Result<Value, ErrorReply>;

impl Scheduler {
    pub(super) fn hear_question(&mut self, ticket: u64, question: Question) {
        match question {
            Question::RegisterWorker(about) => self.register_worker(ticket, about),
            Question::HeartbeatWorker(heartbeat) => {
                let answer = self.hear_heartbeat(heartbeat);
                self.answer(ticket, Ok(answer));
            }
            Question::Unregister(it) => {
                if let Some(id) = self.workers.id(&it.address) {
                    self.remove_worker(id, true);
                }
                self.answer(ticket, Ok("OK".into()));
            }
            Question::Retry(it) => {
                let retried: Vec<Value> = self.retry(&it.keys).iter().map(Value::from).collect();
                self.answer(ticket, Ok(Value::Tuple(retried)));
            }
            Question::UpdateData(UpdateData { who_has, nbytes, client }) => {
                let size = |key: &Key| nbytes.0.iter().find(|(it, _)| it == key).map_or(0, |(_, nbytes)| *nbytes);
                let data = who_has.0.into_iter().map(|(key, workers)| (key.clone(), size(&key), workers)).collect();
                self.data_arrived(data, client.0.as_ref());
                self.answer(ticket, Ok(Value::Nil));
            }
            Question::AddReplicas(it) => {
                let answer = match self.workers.id(&it.worker) {
                    Some(worker) => {
                        self.add_keys(it.keys, worker);
                        "OK"
                    }
                    None => "not found",
                };
                self.answer(ticket, Ok(answer.into()));
            }
            Question::RetireWorkers(_)
            | Question::Restart(_)
            | Question::SetRestrictions(_)
            | Question::SetResources(_) => {
                let text = "this scheduler cannot do that yet";
                self.answer(ticket, Err(ErrorReply::builtin(Builtin::NotImplemented, text)));
            }
            other => self.coordinate(ticket, other),
        }
    }

    pub(super) fn answer(&mut self, ticket: u64, answer: Answer) {
        self.instruct(Instruction::Answer { ticket, answer });
    }
}
