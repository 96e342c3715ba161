//! What the pages show: the state of a scheduler, read at one moment.

use cenote_core::scheduler::numbers::Numbers;

/// A scheduler at one moment.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Overview {
    /// Where clients and workers connect.
    pub address: String,
    /// Seconds since it started.
    pub uptime: f64,
    /// What it has counted.
    pub numbers: Numbers,
    /// Its workers.
    pub workers: Vec<WorkerOverview>,
}

/// A worker at one moment.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct WorkerOverview {
    /// Where it listens.
    pub address: String,
    /// What its operator called it.
    pub name: String,
    /// Where it serves pages of its own.
    pub pages: Option<String>,
    /// Whether it takes work: `running`, `paused`, `closing_gracefully`.
    pub status: String,
    /// How many tasks it runs at once.
    pub nthreads: usize,
    /// How many tasks it was sent and has not answered.
    pub processing: usize,
    /// How many results it holds.
    pub in_memory: usize,
    /// Bytes of these.
    pub nbytes: u64,
    /// Percent of one processor that its process uses.
    pub cpu: f64,
    /// Bytes that its process uses.
    pub memory_bytes: u64,
    /// Bytes that its process may use; 0 is no limit.
    pub memory_limit_bytes: u64,
    /// Seconds since it was last heard of.
    pub last_seen: f64,
}
