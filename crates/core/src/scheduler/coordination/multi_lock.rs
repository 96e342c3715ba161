//! Multi-locks: many locks at once, or some of many.

use std::collections::VecDeque;

use super::waiting::On;
use crate::key::Key;
use crate::protocol::coordination::MultiLockAcquire;
use crate::protocol::exception::Builtin;
use crate::protocol::rpc::ErrorReply;
use crate::protocol::value::Value;
use crate::scheduler::Scheduler;
use crate::scheduler::inspect::seen::{Object, Seen};
use crate::scheduler::registry::{Map, Set};

/// Who holds which locks, and who waits for which.
#[derive(Debug, Default)]
pub(super) struct MultiLocks {
    /// The first in line holds the lock.
    lines: Map<Key, VecDeque<Key>>,
    holders: Map<Key, Holder>,
}

#[derive(Debug)]
struct Holder {
    ticket: u64,
    /// The locks in whose lines it stands.
    locks: Set<Key>,
    /// How many more it needs.
    missing: u64,
}

impl MultiLocks {
    /// Stands in line for locks, for the free ones first, until there are enough; false if that is not now.
    fn request(&mut self, ticket: u64, asked: MultiLockAcquire) -> bool {
        let mut locks: Vec<Key> = asked.locks.into_iter().collect::<Set<_>>().into_iter().collect();
        locks.sort_by_key(|lock| self.lines.get(lock).map_or(0, VecDeque::len));
        let mut holder = Holder { ticket, locks: Set::default(), missing: asked.num_locks };
        for lock in locks {
            if holder.missing == 0 {
                break;
            }
            let line = self.lines.entry(lock.clone()).or_default();
            line.push_back(asked.id.clone());
            holder.missing -= u64::from(line.len() == 1);
            holder.locks.insert(lock);
        }
        let held = holder.missing == 0;
        self.holders.insert(asked.id, holder);
        held
    }

    /// As tests look at it.
    pub fn seen(&self, name: &str) -> Option<Seen> {
        let holders = self.holders.iter();
        Some(Seen::Map(match name {
            "locks" => {
                let line = |line: &VecDeque<Key>| Seen::List(line.iter().map(Seen::from).collect());
                self.lines.iter().map(|(lock, it)| (lock.into(), line(it))).collect()
            }
            "requests" => {
                let locks = |it: &Holder| Seen::Set(it.locks.iter().map(Seen::from).collect());
                holders.map(|(id, it)| (id.into(), locks(it))).collect()
            }
            "requests_left" => holders.map(|(id, it)| (id.into(), it.missing.into())).collect(),
            "events" => {
                let waiting = holders.filter(|(_, holder)| holder.missing > 0);
                waiting.map(|(id, _)| (id.into(), Seen::Object(Object::Opaque))).collect()
            }
            _ => return None,
        }))
    }

    /// Leaves all lines, and returns who has all that it needs now.
    fn release(&mut self, id: &Key) -> Vec<u64> {
        let mut ready = Vec::new();
        let Some(holder) = self.holders.shift_remove(id) else { return ready };
        for lock in holder.locks {
            let Some(line) = self.lines.get_mut(&lock) else { continue };
            let held = line.front() == Some(id);
            line.retain(|other| other != id);
            if held
                && let Some(next) = line.front().and_then(|next| self.holders.get_mut(next))
                && next.missing > 0
            {
                next.missing -= 1;
                if next.missing == 0 {
                    ready.push(next.ticket);
                }
            }
            if line.is_empty() {
                self.lines.shift_remove(&lock);
            }
        }
        ready
    }
}

impl Scheduler {
    pub(super) fn acquire_locks(&mut self, ticket: u64, asked: MultiLockAcquire) {
        let locks = &mut self.coordination.multi_locks;
        let count = asked.locks.iter().collect::<Set<_>>().len() as u64;
        if locks.holders.contains_key(&asked.id) || asked.num_locks == 0 || asked.num_locks > count {
            let text = format!("multi-lock {} cannot hold {} of {count} locks", asked.id, asked.num_locks);
            return self.reply(ticket, Err(ErrorReply::builtin(Builtin::Runtime, &text)));
        }
        let (id, deadline) = (asked.id.clone(), self.deadline(asked.timeout.0));
        if self.coordination.multi_locks.request(ticket, asked) {
            self.reply(ticket, Ok(Value::Bool(true)));
        } else {
            self.wait(ticket, deadline, On::Locks(id));
        }
    }

    pub(super) fn release_multi_lock(&mut self, ticket: u64, id: &Key) {
        if self.coordination.multi_locks.holders.contains_key(id) {
            self.release_locks(id);
            self.reply(ticket, Ok(Value::Nil));
        } else {
            self.reply(ticket, Err(ErrorReply::builtin(Builtin::Key, &id.to_string())));
        }
    }

    pub(super) fn release_locks(&mut self, id: &Key) {
        for ticket in self.coordination.multi_locks.release(id) {
            self.reply(ticket, Ok(Value::Bool(true)));
        }
    }
}
