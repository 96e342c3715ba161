//! What becomes of runs when the interpreter goes: those that nobody waits for are given up.
//!
//! Before it ends, the interpreter waits for the threads of executors, and these work until their run has ended. A run
//! that a daemon thread asked for could make it wait for hours; the daemon itself would not.

use std::sync::atomic::{AtomicBool, Ordering};

use pyo3::exceptions::PyRuntimeError;
use pyo3::intern;
use pyo3::prelude::*;

static LEAVING: AtomicBool = AtomicBool::new(false);

/// Notes that the interpreter is about to end: the runs of daemon threads are not gone on with.
#[pyfunction]
pub fn leave() {
    LEAVING.store(true, Ordering::Relaxed);
}

/// To be asked now and then by whoever waits for a run.
///
/// # Errors
/// `RuntimeError` in a daemon thread when the interpreter is about to end.
#[pyfunction]
pub fn check_leaving(py: Python<'_>) -> PyResult<()> {
    if !LEAVING.load(Ordering::Relaxed) {
        return Ok(());
    }
    let thread = py.import(intern!(py, "threading"))?.call_method0(intern!(py, "current_thread"))?;
    if thread.getattr(intern!(py, "daemon"))?.is_truthy()? {
        return Err(PyRuntimeError::new_err("the interpreter is about to end: this run is given up"));
    }
    Ok(())
}
