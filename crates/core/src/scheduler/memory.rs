//! Memory: what workers use, by the measures that Dask names. All of it was measured by the workers, at different times:
//! numbers are cut so that they add up.

use super::Scheduler;
use super::worker::WorkerId;
use crate::protocol::value::Value;

/// What counts as the memory of a worker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Measure {
    /// What its process has.
    Process,
    /// The results that it has in memory.
    Managed,
    /// All results that it has, on disk too.
    ManagedTotal,
    /// Bytes on disk.
    Spilled,
    /// What its process has beside results.
    Unmanaged,
    /// What of that has been there for a while.
    UnmanagedOld,
    /// What of that may be gone soon.
    UnmanagedRecent,
    /// What will stay: results in memory, and what has been there for a while.
    Optimistic,
}

impl Measure {
    /// All of them, by their names in Dask.
    pub const ALL: [(&'static str, Self); 8] = [
        ("managed", Self::Managed),
        ("managed_total", Self::ManagedTotal),
        ("optimistic", Self::Optimistic),
        ("process", Self::Process),
        ("spilled", Self::Spilled),
        ("unmanaged", Self::Unmanaged),
        ("unmanaged_old", Self::UnmanagedOld),
        ("unmanaged_recent", Self::UnmanagedRecent),
    ];

    /// The measure of a name.
    pub fn of(name: &str) -> Option<Self> {
        Self::ALL.iter().find(|(known, _)| *known == name).map(|&(_, measure)| measure)
    }
}

impl Scheduler {
    /// Bytes that a worker has. One that has not said what its process has is taken to have its results.
    pub(super) fn memory_of(&self, measure: Measure, id: WorkerId) -> f64 {
        let worker = &self.workers[id];
        let metrics = &worker.about.metrics;
        let spilled = |how: &str| metrics.get("spilled_bytes").and_then(|it| it.get(how)).and_then(Value::as_f64);
        let results = (self.replicas.bytes(id) as f64 - spilled("memory").unwrap_or(0.0)).max(0.0);
        let process = metrics.get("memory").and_then(Value::as_f64).unwrap_or(results).max(0.0);
        let managed = results.min(process);
        let on_disk = spilled("disk").unwrap_or(0.0);
        let old = (worker.unmanaged.old() as f64).min(process - managed);
        match measure {
            Measure::Process => process,
            Measure::Managed => managed,
            Measure::ManagedTotal => managed + on_disk,
            Measure::Spilled => on_disk,
            Measure::Unmanaged => process - managed,
            Measure::UnmanagedOld => old,
            Measure::UnmanagedRecent => process - managed - old,
            Measure::Optimistic => managed + old,
        }
    }

    /// Bytes that all workers have.
    pub fn memory(&self, measure: Measure) -> i64 {
        self.workers.ids().map(|id| self.memory_of(measure, id)).sum::<f64>() as i64
    }
}
