//! What the engine needs of those who own values, callables and threads.

use std::sync::Arc;

use cenote_core::graph::TaskId;

use super::Engine;

/// The owner of a run's values and callables.
///
/// Every method is called without any lock of the engine held, so that it may run user code, wait, or take locks of
/// its own.
pub trait Shell: Send + Sync + Sized + 'static {
    /// Why a task, or the run, failed.
    type Error: Send;

    /// Calls `task` with the results of its dependencies and stores what it returns.
    ///
    /// # Errors
    /// What the task itself raised.
    fn run(&self, task: TaskId) -> Result<(), Self::Error>;

    /// Drops the results of these tasks, of which nobody will ask again, and empties the list.
    fn release(&self, tasks: &mut Vec<TaskId>);

    /// Calls `wait`, which blocks this thread, in a way that keeps no other thread from running (in Python: without
    /// the global interpreter lock).
    fn block(&self, wait: impl FnOnce() + Send);

    /// Lets other threads have what this one holds (in Python: the global interpreter lock), for an instant. A worker
    /// calls it every few milliseconds.
    fn yield_now(&self);

    /// Asks for one more thread that calls [`Engine::work`] on `engine`, now or later.
    ///
    /// # Errors
    /// When there is no way to get one.
    fn hire(&self, engine: &Arc<Engine<Self>>) -> Result<(), Self::Error>;

    /// Whether `error`, which hiring ended with, says only that there is no thread to be had: then a run that has
    /// threads goes on with them. Anything else (in Python: an interrupt that came while a thread was started) ends it.
    fn is_refusal(&self, error: &Self::Error) -> bool;

    /// Called by the waiting caller every few milliseconds: whether it should stop waiting (in Python: a signal).
    ///
    /// # Errors
    /// Why it should stop.
    fn check(&self) -> Result<(), Self::Error>;
}
