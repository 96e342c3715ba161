//! Semaphores: so many leases, and no more. A lock is a semaphore of one.

use std::collections::VecDeque;

use super::Reply;
use super::waiting::On;
use crate::key::Key;
use crate::protocol::coordination::{SemaphoreAcquire, SemaphoreRefresh, SemaphoreRegister};
use crate::protocol::exception::Builtin;
use crate::protocol::rpc::ErrorReply;
use crate::protocol::value::Value;
use crate::scheduler::Scheduler;
use crate::scheduler::inspect::seen::{Object, Seen};
use crate::scheduler::numbers::SemaphoreNumbers;
use crate::scheduler::registry::Map;
use crate::scheduler::stimulus::Text;

/// All semaphores that were registered.
#[derive(Debug, Default)]
pub(super) struct Semaphores {
    registered: Map<Key, Semaphore>,
    /// When old leases are looked for again.
    validation: f64,
}

#[derive(Debug)]
struct Semaphore {
    leases_max: usize,
    /// Seconds after which a lease ends that is not refreshed.
    lease_timeout: Option<f64>,
    /// Those that are given, and when they were heard of last.
    leases: Map<Text, f64>,
    /// Who waits for one, in order, and the lease that each will have.
    queue: VecDeque<Waiter>,
    /// How many leases were given, and given back.
    given: u64,
    released: u64,
    /// How long it took to get one, weighted towards the last ones.
    wait_average: f64,
}

#[derive(Clone, Debug)]
struct Waiter {
    ticket: u64,
    lease: Text,
    since: f64,
}

impl Semaphore {
    /// Gives a lease, if there is one left or it was given before.
    fn give(&mut self, lease: &Text, since: f64, now: f64) -> bool {
        let given = self.leases.contains_key(lease) || self.leases.len() < self.leases_max;
        if given {
            self.leases.insert(lease.clone(), now);
            self.given += 1;
            self.wait_average = f64::midpoint(self.wait_average, now - since);
        }
        given
    }

    /// Gives what is left to those who wait, and returns their tickets.
    fn serve(&mut self, now: f64) -> Vec<u64> {
        let mut served = Vec::new();
        while let Some(waiter) = self.queue.front().cloned()
            && self.give(&waiter.lease, waiter.since, now)
        {
            self.queue.pop_front();
            served.push(waiter.ticket);
        }
        served
    }
}

impl Semaphores {
    /// As tests look at it.
    pub fn seen(&self, name: &str) -> Option<Seen> {
        let all = self.registered.iter();
        Some(Seen::Map(match name {
            "max_leases" => all.map(|(name, it)| (name.into(), (it.leases_max as u64).into())).collect(),
            "lease_timeouts" => all.map(|(name, it)| (name.into(), it.lease_timeout.into())).collect(),
            "events" => all.map(|(name, _)| (name.into(), Seen::Object(Object::Opaque))).collect(),
            "leases" => {
                let leases = |it: &Semaphore| Seen::map(it.leases.iter().map(|(id, at)| (id.clone(), (*at).into())));
                all.map(|(name, it)| (name.into(), leases(it))).collect()
            }
            "metrics" => return Some(self.metrics()),
            _ => return None,
        }))
    }

    /// In numbers.
    pub fn numbers(&self) -> Vec<SemaphoreNumbers> {
        let numbers = self.registered.iter().map(|(name, it)| SemaphoreNumbers {
            name: name.to_string(),
            leases_max: it.leases_max,
            leases: it.leases.len(),
            pending: it.queue.len(),
            acquired: it.given,
            released: it.released,
            wait_average: it.wait_average,
        });
        numbers.collect()
    }

    fn metrics(&self) -> Seen {
        let of = |count: fn(&Semaphore) -> Option<f64>| {
            let counted = self.registered.iter().filter_map(|(name, it)| Some((name.into(), count(it)?.into())));
            Seen::Map(counted.collect())
        };
        Seen::map(
            [
                ("acquire_total", of(|it| (it.given > 0).then_some(it.given as f64))),
                ("release_total", of(|it| (it.released > 0).then_some(it.released as f64))),
                ("pending", of(|it| (it.given > 0 || !it.queue.is_empty()).then_some(it.queue.len() as f64))),
                ("average_pending_lease_time", of(|it| (it.given > 0).then_some(it.wait_average))),
            ]
            .into_iter()
            .map(|(name, seen)| (name.into(), seen)),
        )
    }

    fn register(&mut self, asked: SemaphoreRegister) -> Reply {
        let SemaphoreRegister { name, max_leases, lease_timeout } = asked;
        let leases_max = usize::try_from(max_leases).unwrap_or(0);
        let lease_timeout = lease_timeout.filter(|&seconds| seconds > 0.0);
        let new = || Semaphore {
            leases_max,
            lease_timeout,
            leases: Map::default(),
            queue: VecDeque::new(),
            given: 0,
            released: 0,
            wait_average: 0.0,
        };
        let known = self.registered.entry(name).or_insert_with(new).leases_max;
        if known == leases_max {
            return Ok(Value::Nil);
        }
        let text = format!("Inconsistent max leases: {max_leases}, expected: {known}");
        Err(ErrorReply::builtin(Builtin::Value, &text))
    }

    fn refresh(&mut self, asked: &SemaphoreRefresh, now: f64) {
        if let Some(semaphore) = self.registered.get_mut(&asked.name) {
            // One that has ended is given again, though there may be too many then: its owner believes to have it.
            semaphore.leases.extend(asked.lease_ids.iter().map(|lease| (lease.clone(), now)));
        }
    }

    pub fn leave(&mut self, name: &Key, ticket: u64) {
        if let Some(semaphore) = self.registered.get_mut(name) {
            semaphore.queue.retain(|waiter| waiter.ticket != ticket);
        }
    }

    fn leases(&self, name: &Key) -> usize {
        self.registered.get(name).map_or(0, |semaphore| semaphore.leases.len())
    }

    /// Ends the leases that nobody has refreshed in time, and returns who has waited for them.
    fn validate(&mut self, now: f64) -> Vec<u64> {
        let mut served = Vec::new();
        for semaphore in self.registered.values_mut() {
            if let Some(timeout) = semaphore.lease_timeout {
                let before = semaphore.leases.len();
                semaphore.leases.retain(|_, seen| now - *seen <= timeout);
                semaphore.released += (before - semaphore.leases.len()) as u64;
                served.extend(semaphore.serve(now));
            }
        }
        served
    }
}

fn unknown(name: &Key) -> Reply {
    Err(ErrorReply::builtin(Builtin::Runtime, &format!("Semaphore or Lock `{name}` not known.")))
}

impl Scheduler {
    pub(super) fn register_semaphore(&mut self, ticket: u64, asked: SemaphoreRegister) {
        let reply = self.coordination.semaphores.register(asked);
        self.reply(ticket, reply);
    }

    pub(super) fn acquire_lease(&mut self, ticket: u64, asked: SemaphoreAcquire) {
        let SemaphoreAcquire { name, timeout, lease_id } = asked;
        let now = self.now;
        match self.coordination.semaphores.registered.get_mut(&name) {
            None => self.reply(ticket, unknown(&name)),
            Some(semaphore) => {
                if semaphore.give(&lease_id, now, now) {
                    return self.reply(ticket, Ok(Value::Bool(true)));
                }
                semaphore.queue.push_back(Waiter { ticket, lease: lease_id, since: now });
                let deadline = self.deadline(timeout.0);
                self.wait(ticket, deadline, On::Lease(name));
            }
        }
    }

    /// Releases a lease; one that is not given has ended before.
    pub(super) fn release_lease(&mut self, ticket: u64, name: &Key, lease: &Text) {
        let now = self.now;
        let mut served = Vec::new();
        if let Some(semaphore) = self.coordination.semaphores.registered.get_mut(name)
            && semaphore.leases.shift_remove(lease).is_some()
        {
            semaphore.released += 1;
            served = semaphore.serve(now);
        }
        self.give_leases(served);
        self.reply(ticket, Ok(Value::Nil));
    }

    pub(super) fn refresh_leases(&mut self, ticket: u64, asked: &SemaphoreRefresh) {
        let now = self.now;
        self.coordination.semaphores.refresh(asked, now);
        self.reply(ticket, Ok(Value::Nil));
    }

    pub(super) fn count_leases(&mut self, ticket: u64, name: &Key) {
        let count = self.coordination.semaphores.leases(name) as u64;
        self.reply(ticket, Ok(count.into()));
    }

    /// Forgets a semaphore, whoever holds its leases or waits for them.
    pub(super) fn close_semaphore(&mut self, ticket: u64, name: &Key) {
        if let Some(semaphore) = self.coordination.semaphores.registered.shift_remove(name) {
            for waiter in semaphore.queue {
                self.reply(waiter.ticket, unknown(name));
            }
        }
        self.reply(ticket, Ok(Value::Nil));
    }

    pub(super) fn validate_leases(&mut self) {
        let now = self.now;
        let semaphores = &mut self.coordination.semaphores;
        if now >= semaphores.validation {
            semaphores.validation = now + self.settings.lease_validation_interval;
            let served = semaphores.validate(now);
            self.give_leases(served);
        }
    }

    fn give_leases(&mut self, tickets: Vec<u64>) {
        for ticket in tickets {
            self.reply(ticket, Ok(Value::Bool(true)));
        }
    }
}
