//! The job that an executor's thread does for a run.

use std::cell::RefCell;
use std::sync::{Arc, Weak};

use cenote::local::Engine;
use pyo3::prelude::*;

use super::shell::PyShell;

/// A callable that takes part in a run until the run has ended. It does not keep the run alive: one that an executor
/// gets round to only later returns at once.
#[pyclass(frozen, module = "cenote._native")]
pub struct Worker {
    engine: Weak<Engine<PyShell>>,
    process: u32,
}

/// Where a thread that is a worker got its run from: what a graph computed inside a task shares.
#[derive(Clone)]
struct Employer {
    engine: Weak<Engine<PyShell>>,
    process: u32,
}

thread_local! {
    static EMPLOYER: RefCell<Option<Employer>> = const { RefCell::new(None) };
}

impl Worker {
    /// A job for `engine`.
    pub fn new(engine: &Arc<Engine<PyShell>>) -> Self {
        Self { engine: Arc::downgrade(engine), process: std::process::id() }
    }
}

#[pymethods]
impl Worker {
    fn __call__(&self) {
        // A child of a fork has the parent's jobs in its memory, but none of the threads that would end them.
        if self.process != std::process::id() {
            return;
        }
        let Some(engine) = self.engine.upgrade() else { return };
        let employer = Employer { engine: self.engine.clone(), process: self.process };
        let before = EMPLOYER.replace(Some(employer));
        engine.work();
        EMPLOYER.set(before);
    }
}

/// `submit` of the executor whose thread this is, if it is a worker of a run of this process.
pub fn employer_submit(py: Python<'_>) -> Option<Py<PyAny>> {
    let employer = EMPLOYER.with_borrow(Clone::clone)?;
    if employer.process != std::process::id() {
        return None;
    }
    let engine = employer.engine.upgrade()?;
    engine.shell().submit.as_ref().map(|submit| submit.clone_ref(py))
}

/// Whether this thread is a worker of a run: then a graph computed here shares that run's threads.
#[pyfunction]
pub fn is_worker() -> bool {
    EMPLOYER.with_borrow(|employer| employer.as_ref().is_some_and(|employer| employer.process == std::process::id()))
}

/// How many threads this process may keep busy, by affinity and the quota of its control group.
#[pyfunction]
pub fn cpus() -> usize {
    cenote::local::cpus()
}
