//! Failures: why a task has no result, and what the user sees raised.

use std::sync::Arc;

use super::stimulus::Text;
use crate::key::Key;
use crate::protocol::exception::{Builtin, LastWorker, killed_worker};
use crate::protocol::pickle::Pickle;
use crate::protocol::value::Value;

/// The failure of a task and of all that depend on it.
#[derive(Clone, Debug, PartialEq)]
pub struct Failure {
    /// The task that failed first.
    pub cause: Key,
    /// How.
    pub exception: Exception,
}

/// What a user sees raised.
#[derive(Clone, Debug, PartialEq)]
pub enum Exception {
    /// Python raised it.
    Raised {
        /// The exception, serialized.
        exception: Value,
        /// Its traceback, serialized, or nothing.
        traceback: Value,
        /// The exception as text.
        text: Text,
        /// The traceback as text.
        traceback_text: Text,
    },
    /// Too many workers died while they ran the task.
    KilledWorker {
        /// The last of them.
        last_worker: Arc<LastWorker>,
        /// How many were allowed.
        allowed_failures: u32,
    },
    /// No worker came in time that may run the task.
    NoValidWorker {
        /// The addresses, names or hosts that were allowed.
        workers: Vec<Text>,
        /// What it needs of each resource.
        resources: Vec<(Text, f64)>,
        /// Seconds that it has waited.
        timeout: f64,
    },
    /// No worker came in time.
    NoWorker {
        /// Seconds that it has waited.
        timeout: f64,
    },
    /// The worker that held the actor has left.
    ActorLost,
    /// The task needs more memory for its inputs than its worker has.
    InputsTooLarge {
        /// What it needs.
        needed_bytes: u64,
        /// The worker.
        worker: Text,
        /// What it has.
        limit_bytes: u64,
        /// Whether nothing depends on the task: its result is all that is wanted.
        is_last: bool,
    },
    /// The graph needs its own results.
    Cycle,
}

impl Failure {
    /// The exception and its traceback as a message carries them.
    pub fn serialized(&self) -> (Value, Value) {
        let pickle = match &self.exception {
            Exception::Raised { exception, traceback, .. } => return (exception.clone(), traceback.clone()),
            Exception::KilledWorker { last_worker, allowed_failures } => {
                killed_worker(&self.cause, last_worker, *allowed_failures)
            }
            Exception::NoValidWorker { workers, resources, timeout } => {
                let named = |is_address: bool| {
                    let named = workers.iter().filter(|name| name.contains("://") == is_address);
                    Value::Set(named.map(|name| name.clone().into()).collect())
                };
                let resources = resources.iter().map(|(name, amount)| (name.clone().into(), (*amount).into()));
                let resources = Value::Map(resources.collect());
                let arguments = [(&self.cause).into(), named(false), named(true), resources, (*timeout).into()];
                of_scheduler("NoValidWorkerError", &arguments)
            }
            Exception::NoWorker { timeout } => {
                of_scheduler("NoWorkerError", &[(&self.cause).into(), (*timeout).into()])
            }
            Exception::InputsTooLarge { .. } => Builtin::Memory.pickle(&self.text()),
            Exception::ActorLost | Exception::Cycle => Builtin::Runtime.pickle(&self.text()),
        };
        (Value::Bytes(pickle), Value::Nil)
    }

    /// The exception as text.
    pub fn text(&self) -> Text {
        let key = self.cause.quoted();
        match &self.exception {
            Exception::Raised { text, .. } => text.clone(),
            Exception::KilledWorker { last_worker, allowed_failures } => {
                let (workers, last_worker) = (allowed_failures + 1, &last_worker.address);
                format!(
                    "task {key} was tried on {workers} workers, and all of them died; the last one was {last_worker}"
                )
            }
            .into(),
            Exception::NoValidWorker { workers, resources, timeout } => {
                format!("task {key} has waited {timeout} s for a worker among {workers:?} that has {resources:?}")
                    .into()
            }
            Exception::NoWorker { timeout } => format!("task {key} has waited {timeout} s for a worker").into(),
            Exception::ActorLost => "Worker holding Actor was lost".into(),
            Exception::InputsTooLarge { needed_bytes, worker, limit_bytes, is_last } => {
                let (needed, limit) = (amount(*needed_bytes), amount(*limit_bytes));
                let advice = if *is_last { ": perhaps you called client.compute() on a large collection; reduce it first, or write it to storage" } else { "" };
                format!(
                    "Task {key} has {needed} worth of input dependencies, \
                     but worker {worker} has memory_limit set to {limit}{advice}."
                )
            }
            .into(),
            Exception::Cycle => "Cycle detected in graph".into(),
        }
    }
}

/// The pickle of an exception that Dask's scheduler defines.
fn of_scheduler(class: &str, arguments: &[Value]) -> bytes::Bytes {
    Pickle::default().global("distributed.scheduler", class).call_with(arguments).finish()
}

/// Bytes as Dask shows them.
fn amount(bytes: u64) -> String {
    let units = [("Pi", 1_u64 << 50), ("Ti", 1 << 40), ("Gi", 1 << 30), ("Mi", 1 << 20), ("ki", 1 << 10)];
    let fits = units.into_iter().find(|(_, unit)| bytes as f64 >= *unit as f64 * 0.9);
    fits.map_or_else(|| format!("{bytes} B"), |(name, unit)| format!("{:.2} {name}B", bytes as f64 / unit as f64))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_too_large_is_said_in_units() {
        let exception =
            Exception::InputsTooLarge { needed_bytes: 64 << 20, worker: "w".into(), limit_bytes: 1000, is_last: false };
        let failure = Failure { cause: "x".into(), exception };
        let text = "Task 'x' has 64.00 MiB worth of input dependencies, but worker w has memory_limit set to 0.98 kiB.";
        assert_eq!(&*failure.text(), text);
    }
}
