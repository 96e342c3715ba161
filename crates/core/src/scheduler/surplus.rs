//! Surplus: copies that somebody asks a worker to drop, and waits until it has.
//!
//! What is the last copy, or not there, stays as it is. A worker that needs a copy keeps it, and says so.

use super::Scheduler;
use super::task::TaskId;
use super::worker::WorkerId;
use crate::protocol::question::DropReplicas;
use crate::protocol::value::Value;

/// Copies that a worker was asked to drop, and has not said yet what it did.
#[derive(Debug)]
pub(super) struct Surplus {
    ticket: u64,
    worker: WorkerId,
    tasks: Vec<TaskId>,
}

impl Scheduler {
    pub(super) fn drop_surplus(&mut self, ticket: u64, asked: &DropReplicas) {
        let Some(worker) = self.workers.id(&asked.worker) else { return self.answer(ticket, Ok(Value::Nil)) };
        let is_surplus = |id: &TaskId| self.replicas.has(*id, worker) && self.replicas.is_replicated(*id);
        let tasks: Vec<_> = asked.keys.iter().filter_map(|key| self.tasks.id(key)).filter(is_surplus).collect();
        if !tasks.is_empty() {
            self.drop_copies(worker, &tasks);
        }
        self.surplus.push(Surplus { ticket, worker, tasks });
    }

    /// Answers those who waited for what is settled now. Looked at after every stimulus: mostly there are none.
    pub(super) fn settle_surplus(&mut self) {
        if self.surplus.is_empty() {
            return;
        }
        let waits = |it: &mut Surplus| it.tasks.iter().any(|&id| self.replicas.is_dropping(id, it.worker));
        let settled: Vec<_> = self.surplus.extract_if(.., |it| !waits(it)).collect();
        for it in settled {
            self.answer(it.ticket, Ok(Value::Nil));
        }
    }

    /// Whoever asked has gone.
    pub(super) fn leave_surplus(&mut self, ticket: u64) {
        self.surplus.retain(|it| it.ticket != ticket);
    }
}
