//! Coordination: how clients and tasks get along with each other through the scheduler.
//!
//! Each noun of it is a file. A request is answered at once, or it waits: see [`waiting`]. The values that users share are
//! never opened. Futures among them are wanted in the name of a client that no process is: `queue-x`, `variable-x`,
//! `published-x`.
#![allow(clippy::result_large_err, reason = "an answer is made once and moved out; a box would cost more")]

mod dataset;
mod event;
mod metadata;
mod multi_lock;
mod queue;
mod recording;
mod semaphore;
mod topic;
mod variable;
mod waiting;

use std::collections::BTreeSet;

use super::Scheduler;
use super::inspect::seen::Seen;
use super::numbers::SemaphoreNumbers;
use super::question::Answer as Reply;
use super::registry::Map;
use super::stimulus::Text;
use crate::key::Key;
use crate::protocol::client::FromClient;
use crate::protocol::exception::Builtin;
use crate::protocol::question::Question;
use crate::protocol::rpc::ErrorReply;
use crate::protocol::value::Value;

/// All that is shared.
#[derive(Debug, Default)]
pub(super) struct Coordination {
    waiting: waiting::Waiting,
    /// Those of them that wait for keys that are not known.
    unknown: BTreeSet<u64>,
    events: event::Events,
    semaphores: semaphore::Semaphores,
    multi_locks: multi_lock::MultiLocks,
    queues: queue::Queues,
    variables: variable::Variables,
    datasets: dataset::Datasets,
    metadata: metadata::Metadata,
    pub(super) topics: topic::Topics,
    recordings: recording::Recordings,
    /// What was said of tasks when they finished, if anything was.
    said: Map<Key, Value>,
}

impl Coordination {
    /// What was said of a task when it finished.
    pub(super) fn said_of(&self, key: &Key) -> Option<Value> {
        self.said.get(key).cloned()
    }

    /// The semaphores and locks, in numbers.
    pub(super) fn semaphore_numbers(&self) -> Vec<SemaphoreNumbers> {
        self.semaphores.numbers()
    }

    /// What a test sees of what Dask calls an extension.
    pub(super) fn seen(&self, extension: &str, name: &str) -> Option<Seen> {
        match extension {
            "events" => self.events.seen(name),
            "semaphores" => self.semaphores.seen(name),
            "multi_locks" => self.multi_locks.seen(name),
            "queues" => self.queues.seen(name),
            "variables" => self.variables.seen(name),
            "publish" => self.datasets.seen(name),
            _ => None,
        }
    }
}

impl Scheduler {
    /// Answers a request about what is shared, now or later.
    pub(super) fn coordinate(&mut self, ticket: u64, question: Question) {
        match question {
            Question::EventWait(it) => self.wait_for_event(ticket, it),
            Question::EventSet(it) => self.set_event(ticket, it.name),
            Question::EventClear(it) => self.clear_event(ticket, &it.name),
            Question::EventIsSet(it) => self.tell_event(ticket, &it.name),
            Question::SemaphoreRegister(it) => self.register_semaphore(ticket, it),
            Question::SemaphoreAcquire(it) => self.acquire_lease(ticket, it),
            Question::SemaphoreRefresh(it) => self.refresh_leases(ticket, &it),
            Question::SemaphoreRelease(it) => self.release_lease(ticket, &it.name, &it.lease_id),
            Question::SemaphoreValue(it) => self.count_leases(ticket, &it.name),
            Question::SemaphoreClose(it) => self.close_semaphore(ticket, &it.name),
            Question::MultiLockAcquire(it) => self.acquire_locks(ticket, it),
            Question::MultiLockRelease(it) => self.release_multi_lock(ticket, &it.id),
            Question::QueueCreate(it) => self.create_queue(ticket, it),
            Question::QueuePut(it) => {
                let deadline = self.deadline(it.timeout.0);
                self.put(ticket, it, deadline);
            }
            Question::QueueGet(it) => self.take(ticket, it),
            Question::QueueSize(it) => self.queue_size(ticket, &it.name),
            Question::VariableSet(it) => {
                let deadline = self.deadline(it.timeout.0.as_ref().and_then(Value::as_seconds));
                self.set_variable(ticket, it, deadline);
            }
            Question::VariableGet(it) => self.variable(ticket, it),
            Question::PublishPut(it) => self.change_after_stream(ticket, dataset::Change::Put(it)),
            Question::PublishDelete(it) => self.change_after_stream(ticket, dataset::Change::Delete(it)),
            Question::PublishList(_) => self.list_datasets(ticket),
            Question::PublishGet(it) => self.datasets(ticket, &it.names),
            Question::SetMetadata(it) => self.set_metadata(ticket, it),
            Question::StartTaskMetadata(it) => self.start_recording(ticket, it.name),
            Question::StopTaskMetadata(it) => self.stop_recording(ticket, it.name.0.as_ref()),
            Question::LogEvent(it) => {
                self.log_user_event(&it.topic, &it.msg.0.unwrap_or(Value::Nil));
                self.reply(ticket, Ok(Value::Nil));
            }
            Question::Unknown { op } => {
                let text = format!("this scheduler does not know the request {op:?}");
                self.reply(ticket, Err(ErrorReply::text(&text)));
            }
            _ => {
                let text = "this scheduler cannot do that yet";
                self.reply(ticket, Err(ErrorReply::builtin(Builtin::NotImplemented, text)));
            }
        }
    }

    /// What a client says on its stream about what is shared.
    pub(super) fn hear_coordination(&mut self, client: &Text, said: FromClient) {
        match said {
            FromClient::SubscribeTopic(it) => self.subscribe(it.topic, it.client),
            FromClient::UnsubscribeTopic(it) => self.unsubscribe(&it.topic, &it.client),
            FromClient::PublishFlush(it) => self.stream_reached(client, it.uid),
            FromClient::QueueFutureRelease(it) => self.future_taken(&it.name, &it.key, client),
            FromClient::QueueRelease(it) => self.release_queue(&it.name),
            FromClient::VariableFutureReceived(it) => self.future_received(&it.name, &it.key, &it.token, client),
            FromClient::VariableDelete(it) => self.delete_variable(&it.name),
            _ => {}
        }
    }

    /// Time has passed.
    pub(super) fn tick_coordination(&mut self) {
        self.expire_waiting();
        self.validate_leases();
        self.clear_topics();
    }

    /// A client has left.
    pub(super) fn leave_coordination(&mut self, client: &Text) {
        self.unsubscribe_all(client);
        self.clear_topic_later(client);
        self.forget_receiver(client);
        self.forget_stream(client);
    }

    /// A task is forgotten.
    pub(super) fn forget_shared(&mut self, key: &Key) {
        self.coordination.metadata.forget(key);
        if !self.coordination.said.is_empty() {
            self.coordination.said.swap_remove(key);
        }
    }
}
