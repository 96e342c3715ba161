//! Summaries: numbers about workers that cost nothing for each task, for pages that people look at.

use super::Scheduler;
use super::stimulus::Text;
use crate::protocol::value::Value;

/// A worker in numbers.
#[derive(Clone, Debug, PartialEq)]
pub struct WorkerSummary {
    /// Its address.
    pub address: Text,
    /// The name that its owner gave it, as text.
    pub name: Text,
    /// Whether it takes work, by its name on the wire.
    pub status: &'static str,
    /// How many tasks it runs at a time.
    pub nthreads: u32,
    /// How many tasks were sent there and are not answered.
    pub processing: usize,
    /// How many results it holds.
    pub in_memory: usize,
    /// Bytes that its process uses, as it said last.
    pub memory: u64,
    /// Bytes that its process may use.
    pub memory_limit: Option<u64>,
    /// Seconds since it was last heard of.
    pub silence: f64,
}

impl Scheduler {
    /// All workers in numbers, seen at a time.
    pub fn worker_summaries(&self, now: f64) -> impl Iterator<Item = WorkerSummary> + '_ {
        self.workers.iter().map(move |(id, worker)| WorkerSummary {
            address: worker.address().clone(),
            name: worker.spec.name.clone(),
            status: worker.spec.status.name(),
            nthreads: worker.spec.nthreads,
            processing: worker.processing.len(),
            in_memory: self.replicas.has_what(id).count(),
            memory: measured(&worker.about.metrics, "memory"),
            memory_limit: worker.spec.memory_limit,
            silence: (now - worker.last_seen).max(0.0),
        })
    }

    /// How many clients there are.
    pub fn client_count(&self) -> usize {
        self.clients.iter().count()
    }
}

/// A number among the metrics of a worker; 0 if it did not tell.
#[expect(clippy::cast_sign_loss, reason = "a negative size is none")]
fn measured(metrics: &Value, name: &str) -> u64 {
    let Value::Map(entries) = metrics else { return 0 };
    let found = entries.iter().find(|(key, _)| matches!(key, Value::Str(text) if &**text == name));
    match found {
        Some((_, Value::Int(number))) => u64::try_from(*number).unwrap_or(0),
        Some((_, Value::UInt(number))) => *number,
        Some((_, Value::Float(number))) => *number as u64,
        _ => 0,
    }
}
