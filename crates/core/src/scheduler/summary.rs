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
    /// Its machine.
    pub host: Text,
    /// The port of its own pages over HTTP.
    pub dashboard_port: Option<u16>,
    /// Whether it takes work, by its name on the wire.
    pub status: &'static str,
    /// How many tasks it runs at a time.
    pub nthreads: u32,
    /// How many tasks were sent there and are not answered.
    pub processing: usize,
    /// How many results it holds.
    pub in_memory: usize,
    /// Bytes of these.
    pub nbytes: u64,
    /// Percent of one processor that its process uses, as it said last.
    pub cpu: f64,
    /// Bytes that its process uses, as it said last.
    pub memory: u64,
    /// Bytes that its process may use.
    pub memory_limit: Option<u64>,
    /// Seconds since it was last heard of.
    pub silence: f64,
}

impl Scheduler {
    /// All workers in numbers, seen at a time.
    #[expect(clippy::cast_sign_loss, reason = "a negative size was measured as none")]
    pub fn worker_summaries(&self, now: f64) -> impl Iterator<Item = WorkerSummary> + '_ {
        self.workers.iter().map(move |(id, worker)| WorkerSummary {
            address: worker.address().clone(),
            name: worker.spec.name.clone(),
            host: worker.spec.host.clone(),
            dashboard_port: worker.dashboard_port(),
            status: worker.spec.status.name(),
            nthreads: worker.spec.nthreads,
            processing: worker.processing.len(),
            in_memory: self.replicas.count(id),
            nbytes: self.replicas.bytes(id),
            cpu: measured(&worker.about.metrics, "cpu"),
            memory: measured(&worker.about.metrics, "memory") as u64,
            memory_limit: worker.spec.memory_limit,
            silence: (now - worker.last_seen).max(0.0),
        })
    }
}

/// A number among the metrics of a worker; 0 if it did not tell.
fn measured(metrics: &Value, name: &str) -> f64 {
    let Value::Map(entries) = metrics else { return 0.0 };
    let found = entries.iter().find(|(key, _)| matches!(key, Value::Str(text) if &**text == name));
    found.and_then(|(_, number)| number.as_f64()).unwrap_or(0.0).max(0.0)
}
