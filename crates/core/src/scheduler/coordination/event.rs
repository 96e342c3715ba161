//! Events: flags that some wait for and others set.

use super::waiting::On;
use crate::key::Key;
use crate::protocol::coordination::EventWait;
use crate::protocol::value::Value;
use crate::scheduler::Scheduler;
use crate::scheduler::inspect::seen::{Object, Seen};
use crate::scheduler::registry::Map;

/// All events that are set or waited for. Any other event exists as well, and is not set.
#[derive(Debug, Default)]
pub(super) struct Events(Map<Key, Event>);

#[derive(Debug)]
enum Event {
    Set,
    /// The tickets of those that wait, in order.
    Awaited(Vec<u64>),
}

impl Events {
    pub fn is_set(&self, name: &Key) -> bool {
        matches!(self.0.get(name), Some(Event::Set))
    }

    /// Sets an event, and returns who has waited for it.
    fn set(&mut self, name: Key) -> Vec<u64> {
        match self.0.insert(name, Event::Set) {
            Some(Event::Awaited(tickets)) => tickets,
            Some(Event::Set) | None => Vec::new(),
        }
    }

    fn clear(&mut self, name: &Key) {
        if self.is_set(name) {
            self.0.shift_remove(name);
        }
    }

    fn join(&mut self, name: Key, ticket: u64) {
        match self.0.entry(name).or_insert_with(|| Event::Awaited(Vec::new())) {
            Event::Awaited(tickets) => tickets.push(ticket),
            Event::Set => unreachable!("nobody waits for what is set"),
        }
    }

    /// As tests look at it.
    pub fn seen(&self, name: &str) -> Option<Seen> {
        let waiting = |event: &Event| if let Event::Awaited(tickets) = event { tickets.len() as u64 } else { 0 };
        Some(Seen::Map(match name {
            "_events" => self.0.keys().map(|name| (name.into(), Seen::Object(Object::Opaque))).collect(),
            "_waiter_count" => self.0.iter().map(|(name, event)| (name.into(), waiting(event).into())).collect(),
            _ => return None,
        }))
    }

    pub fn leave(&mut self, name: &Key, ticket: u64) {
        if let Some(Event::Awaited(tickets)) = self.0.get_mut(name) {
            tickets.retain(|&other| other != ticket);
            if tickets.is_empty() {
                self.0.shift_remove(name);
            }
        }
    }
}

impl Scheduler {
    pub(super) fn wait_for_event(&mut self, ticket: u64, asked: EventWait) {
        if self.coordination.events.is_set(&asked.name) {
            return self.reply(ticket, Ok(Value::Bool(true)));
        }
        self.coordination.events.join(asked.name.clone(), ticket);
        let deadline = self.deadline(asked.timeout.0);
        self.wait(ticket, deadline, On::Event(asked.name));
    }

    pub(super) fn tell_event(&mut self, ticket: u64, name: &Key) {
        let set = self.coordination.events.is_set(name);
        self.reply(ticket, Ok(Value::Bool(set)));
    }

    pub(super) fn set_event(&mut self, ticket: u64, name: Key) {
        for waiting in self.coordination.events.set(name) {
            self.reply(waiting, Ok(Value::Bool(true)));
        }
        self.reply(ticket, Ok(Value::Nil));
    }

    pub(super) fn clear_event(&mut self, ticket: u64, name: &Key) {
        self.coordination.events.clear(name);
        self.reply(ticket, Ok(Value::Nil));
    }
}
