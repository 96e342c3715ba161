//! Questions: what is asked for with a ticket, and answered once, at once or later.

use super::Scheduler;
use super::instruction::Instruction;
use crate::key::Key;
use crate::protocol::exception::Builtin;
use crate::protocol::question::{Question, SetResources, UpdateData};
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
                let answer = match self.worker_called(&it.address) {
                    Some(id) => {
                        self.dismiss_worker(id, false);
                        "OK"
                    }
                    None => "already-removed",
                };
                self.answer(ticket, Ok(answer.into()));
            }
            Question::Retry(it) => {
                if let Some(client) = &it.client.0 {
                    self.notice_retry(client, it.keys.len());
                }
                let answer = self.retry_all(&it.keys);
                self.answer(ticket, answer);
            }
            Question::UpdateData(UpdateData { who_has, nbytes, client }) => {
                let size = |key: &Key| nbytes.0.iter().find(|(it, _)| it == key).map_or(0, |(_, nbytes)| *nbytes);
                let data = who_has.0.into_iter().map(|(key, workers)| (key.clone(), size(&key), workers)).collect();
                self.data_arrived(data, client.0.as_ref());
                self.answer(ticket, Ok(Value::Nil));
            }
            Question::AddReplicas(it) => {
                let answer = match self.workers.id(&it.worker) {
                    Some(worker) if self.add_copies(it.keys, worker) => "OK",
                    Some(_) => "dropping",
                    None => "not found",
                };
                self.answer(ticket, Ok(answer.into()));
            }
            Question::Restart(_) => {
                self.restart();
                self.answer(ticket, Ok(Value::Nil));
            }
            Question::SetRestrictions(it) => {
                let answer = self.set_restrictions(&it.worker.0);
                self.answer(ticket, answer);
            }
            Question::GetTaskStream(it) => self.tell_stream(ticket, &it),
            Question::TaskStreamIndex(_) => self.count_stream(ticket),
            Question::SetResources(it) => {
                let answer = self.set_resources(&it);
                self.answer(ticket, answer);
            }
            Question::KeepPlugin(it) => {
                let kept = self.plugins.keep(it);
                self.answer(ticket, Ok(kept.into()));
            }
            Question::DropPlugin(it) => {
                let dropped = self.plugins.forget(&it);
                self.answer(ticket, Ok(dropped.into()));
            }
            Question::MemoryManagerQuestion(it) => self.ask_memory_manager(ticket, &it),
            Question::RetireWorkers(it) => self.retire_workers(ticket, &it),
            Question::DropReplicas(it) => self.drop_surplus(ticket, &it),
            other => self.hear_about_shuffles(ticket, other),
        }
    }

    pub(super) fn answer(&mut self, ticket: u64, answer: Answer) {
        self.instruct(Instruction::Answer { ticket, answer });
    }

    fn retry_all(&mut self, keys: &[Key]) -> Answer {
        if let Some(unknown) = keys.iter().find(|key| self.tasks.id(key).is_none()) {
            return Err(unknown_key(unknown));
        }
        let retried: Vec<Value> = self.retry(keys).iter().map(Value::from).collect();
        Ok(Value::Tuple(retried))
    }

    /// Some tasks may run on some workers only, from now on.
    fn set_restrictions(&mut self, restrictions: &[(Key, Value)]) -> Answer {
        if let Some((unknown, _)) = restrictions.iter().find(|(key, _)| self.tasks.id(key).is_none()) {
            return Err(unknown_key(unknown));
        }
        for (key, workers) in restrictions {
            let workers = match workers {
                Value::Str(worker) => vec![worker.clone()],
                Value::Tuple(workers) | Value::Set(workers) => workers.iter().map(super::worker::name_of).collect(),
                _ => Vec::new(),
            };
            if let Some(id) = self.tasks.id(key) {
                let task = &mut self.tasks[id];
                task.restrictions.get_or_insert_default().workers = workers;
            }
        }
        Ok(Value::Nil)
    }

    /// A worker has more of something.
    fn set_resources(&mut self, it: &SetResources) -> Answer {
        let Some(worker) = self.workers.id(&it.worker) else {
            return Err(ErrorReply::builtin(Builtin::Key, &it.worker));
        };
        for (name, amount) in it.resources.0.iter().flat_map(|resources| &resources.0) {
            let amount = amount.as_f64().unwrap_or(0.0);
            let resources = &mut self.workers[worker].spec.resources;
            match resources.iter_mut().find(|(known, _)| known == name) {
                Some((_, known)) => *known = amount,
                None => resources.push((name.clone(), amount)),
            }
        }
        self.schedule_unrunnable(worker);
        Ok("OK".into())
    }
}

fn unknown_key(key: &Key) -> ErrorReply {
    ErrorReply::builtin(Builtin::Key, &key.to_string())
}
