//! Waiting: requests that are answered when something comes about, or when their time is up.

use crate::scheduler::Scheduler;
use crate::scheduler::instruction::Instruction;
use std::collections::BTreeMap;

use super::Reply;
use super::dataset::Change;
use crate::key::Key;
use crate::protocol::coordination::{QueuePut, VariableSet};
use crate::protocol::exception::Builtin;
use crate::protocol::rpc::ErrorReply;
use crate::protocol::value::Value;
use crate::scheduler::stimulus::Text;

/// Requests that wait, by ticket.
pub(super) type Waiting = BTreeMap<u64, Wait>;

/// A request that waits.
#[derive(Debug)]
pub(super) struct Wait {
    /// When its time is up, if ever.
    deadline: Option<f64>,
    /// What it waits for.
    on: On,
}

/// What is waited for.
#[derive(Debug)]
pub(super) enum On {
    /// That an event is set.
    Event(Key),
    /// A lease of a semaphore.
    Lease(Key),
    /// Locks, for the one who asks.
    Locks(Key),
    /// An entry of a queue.
    Entry(Text),
    /// Room in a queue.
    Room(Text),
    /// A value of a variable.
    Value(Text),
    /// That a client's stream has come as far as its request.
    Stream(Box<Change>),
    /// That a key is known.
    Known(Box<Later>),
}

/// What is done once a key is known.
#[derive(Debug)]
pub(super) enum Later {
    /// Put it into a queue.
    Put(QueuePut),
    /// Set a variable to it.
    Set(VariableSet),
}

impl Later {
    fn key(&self) -> Option<&Key> {
        match self {
            Self::Put(asked) => asked.key.0.as_ref(),
            Self::Set(asked) => asked.key.0.as_ref(),
        }
    }
}

impl Scheduler {
    /// Answers a request, now that it can be.
    pub(super) fn reply(&mut self, ticket: u64, answer: Reply) {
        self.coordination.waiting.remove(&ticket);
        self.instruct(Instruction::Answer { ticket, answer });
    }

    /// When the time of a request is up that may take so many seconds.
    pub(super) fn deadline(&self, timeout: Option<f64>) -> Option<f64> {
        timeout.map(|seconds| self.now + seconds)
    }

    /// Lets a request wait, unless its time is up already.
    pub(super) fn wait(&mut self, ticket: u64, deadline: Option<f64>, on: On) {
        if matches!(on, On::Known(_)) {
            self.coordination.unknown.insert(ticket);
        }
        self.coordination.waiting.insert(ticket, Wait { deadline, on });
        if deadline.is_some_and(|deadline| deadline <= self.now) {
            self.expire(ticket);
        }
    }

    /// Whoever asked has gone: what comes is not for it any more. It is answered as if its time were up.
    pub(in crate::scheduler) fn withdraw(&mut self, ticket: u64) {
        self.expire(ticket);
        self.leave_plan(ticket);
        self.leave_surplus(ticket);
    }

    /// Answers those whose time is up.
    pub(super) fn expire_waiting(&mut self) {
        let due = |wait: &Wait| wait.deadline.is_some_and(|deadline| deadline <= self.now);
        let due: Vec<_> = self.coordination.waiting.iter().filter(|(_, wait)| due(wait)).map(|(&it, _)| it).collect();
        for ticket in due {
            self.expire(ticket);
        }
    }

    /// Goes on with those that waited for keys that are known now. Looked at after every stimulus: mostly there are none.
    pub(in crate::scheduler) fn resume_waiting(&mut self) {
        if self.coordination.unknown.is_empty() {
            return;
        }
        let known = |ticket: &&u64| match self.coordination.waiting.get(ticket).map(|wait| &wait.on) {
            Some(On::Known(later)) => later.key().is_none_or(|key| self.tasks.id(key).is_some()),
            _ => true,
        };
        let known: Vec<_> = self.coordination.unknown.iter().filter(known).copied().collect();
        for ticket in known {
            self.coordination.unknown.remove(&ticket);
            match self.coordination.waiting.remove(&ticket) {
                Some(Wait { deadline, on: On::Known(later) }) => match *later {
                    Later::Put(asked) => self.put(ticket, asked, deadline),
                    Later::Set(asked) => self.set_variable(ticket, asked, deadline),
                },
                Some(wait) => {
                    self.coordination.waiting.insert(ticket, wait);
                }
                None => {}
            }
        }
    }

    /// Goes on with a change of datasets whose client has said all that it said before.
    pub(super) fn resume_change(&mut self, uid: &Text) -> bool {
        let waits = |wait: &Wait| matches!(&wait.on, On::Stream(change) if change.uid() == uid);
        let found = self.coordination.waiting.iter().find(|(_, wait)| waits(wait)).map(|(&ticket, _)| ticket);
        let Some(ticket) = found else { return false };
        if let Some(Wait { on: On::Stream(change), .. }) = self.coordination.waiting.remove(&ticket) {
            self.change_datasets(ticket, *change);
        }
        true
    }

    /// Those changes of datasets that will never go on, because their client has left.
    pub(super) fn expire_changes(&mut self, client: &Text) {
        let waits = |wait: &Wait| matches!(&wait.on, On::Stream(change) if change.client() == client);
        let found: Vec<_> = self.coordination.waiting.iter().filter(|(_, it)| waits(it)).map(|(&it, _)| it).collect();
        for ticket in found {
            self.expire(ticket);
        }
    }

    /// The time of a request is up.
    fn expire(&mut self, ticket: u64) {
        let Some(wait) = self.coordination.waiting.remove(&ticket) else { return };
        let timeout = |text: &str| Err(ErrorReply::builtin(Builtin::Timeout, text));
        let answer = match wait.on {
            On::Event(name) => {
                self.coordination.events.leave(&name, ticket);
                Ok(Value::Bool(false))
            }
            On::Lease(name) => {
                self.coordination.semaphores.leave(&name, ticket);
                Ok(Value::Bool(false))
            }
            On::Locks(id) => {
                self.release_locks(&id);
                Ok(Value::Bool(false))
            }
            On::Entry(name) | On::Room(name) => {
                self.leave_line(&name, ticket);
                timeout("")
            }
            On::Value(name) => {
                self.leave_variable(&name, ticket);
                timeout("")
            }
            On::Stream(change) => timeout(&format!("client {} has left", change.client())),
            On::Known(later) => {
                let key = later.key().map(ToString::to_string).unwrap_or_default();
                timeout(&format!("Task {key} unknown to scheduler."))
            }
        };
        self.instruct(Instruction::Answer { ticket, answer });
    }
}
