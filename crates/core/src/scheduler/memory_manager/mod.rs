//! The active memory manager: now and then it drops copies of results that nobody needs any more.
//!
//! A copy is forgotten at once and its worker is told to drop it; a worker that needs it says that it keeps it. The last
//! copy is never dropped. What retiring workers hold is moved by [`retirement`](super::retirement), which drops it by
//! the same rules.

mod dropping;

use super::Scheduler;
use super::question::Answer;
use super::registry::Map;
use super::worker::WorkerId;
use crate::protocol::exception::Builtin;
use crate::protocol::question::MemoryManagerQuestion;
use crate::protocol::rpc::ErrorReply;
use crate::protocol::value::Value;

/// So many results are looked at in one run; the others have their turn in the next.
const LOOKED_AT_MAX: usize = 20_000;

/// Whether it runs by itself, and since when.
#[derive(Debug, Default)]
pub(super) struct MemoryManager {
    pub running: bool,
    /// When it last ran.
    ran: Option<f64>,
}

impl MemoryManager {
    pub fn new(running: bool) -> Self {
        Self { running, ran: None }
    }
}

impl Scheduler {
    pub(super) fn ask_memory_manager(&mut self, ticket: u64, asked: &MemoryManagerQuestion) {
        let answer = self.tell_memory_manager(asked);
        self.answer(ticket, answer);
    }

    fn tell_memory_manager(&mut self, asked: &MemoryManagerQuestion) -> Answer {
        match &*asked.method {
            "start" => self.memory_manager.running = true,
            "stop" => self.memory_manager.running = false,
            "running" => return Ok(self.memory_manager.running.into()),
            "run_once" => self.manage_memory(),
            method => {
                let text = format!("amm_handler: {method} is none of start, stop, running and run_once");
                return Err(ErrorReply::builtin(Builtin::Value, &text));
            }
        }
        Ok(Value::Nil)
    }

    /// Runs the memory manager, if it is time.
    pub(super) fn tick_memory_manager(&mut self) {
        let due = |ran: f64| self.now >= ran + 0.9 * self.settings.memory_manager_interval;
        if self.memory_manager.running && self.memory_manager.ran.is_none_or(due) {
            self.memory_manager.ran = Some(self.now);
            self.manage_memory();
        }
    }

    /// Lets the policies run once.
    fn manage_memory(&mut self) {
        if self.settings.reduce_replicas {
            self.reduce_replicas();
        }
    }

    /// What each worker has in memory, by the measure of the settings.
    fn memory_of_workers(&self) -> Map<WorkerId, f64> {
        self.workers.ids().map(|id| (id, self.memory_of(self.settings.memory_manager_measure(), id))).collect()
    }
}
