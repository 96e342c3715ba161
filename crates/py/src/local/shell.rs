//! The shell of a run of Python tasks.

use std::sync::Arc;

use cenote::local::{Engine, Shell};
use cenote_core::graph::TaskId;
use pyo3::exceptions::{PyException, PyRuntimeError};
use pyo3::prelude::*;

use super::context::CallerContext;
use super::exit::check_leaving;
use super::program;
use super::values::Values;
use super::worker::Worker;
use crate::graph::{Shape, Table};

/// Table, results and threads of one run.
pub struct PyShell {
    pub table: Table,
    pub values: Values,
    /// Absent in a run that stays in the caller's thread, whose context the tasks share.
    pub context: Option<CallerContext>,
    /// `submit` of an executor, where threads come from.
    pub submit: Option<Py<PyAny>>,
}

impl PyShell {
    /// A shell whose known values are in their slots.
    pub fn new(py: Python<'_>, table: Table, needed: impl Fn(TaskId) -> bool) -> Self {
        let values = Values::new(table.len());
        for task in table.tasks().filter(|&task| table.shape(task) == Shape::Data && needed(task)) {
            if let Some(op) = table.program(task).first()
                && let crate::graph::Step::Value(value) = op.step()
            {
                // SAFETY: the table owns a reference to its values.
                values.set(task, unsafe { Bound::from_borrowed_ptr(py, value) });
            }
        }
        Self { table, values, context: None, submit: None }
    }
}

impl Shell for PyShell {
    type Error = PyErr;

    fn run(&self, task: TaskId) -> Result<(), PyErr> {
        Python::attach(|py| {
            let run = || program::run(py, &self.table, &self.values, task);
            let result = match &self.context {
                Some(context) => context.run(py, run),
                None => run(),
            }?;
            self.values.set(task, result);
            Ok(())
        })
    }

    fn release(&self, tasks: &mut Vec<TaskId>) {
        Python::attach(|py| tasks.drain(..).for_each(|task| self.values.release(py, task)));
    }

    fn block(&self, wait: impl FnOnce() + Send) {
        Python::attach(|py| py.detach(wait));
    }

    fn yield_now(&self) {
        Python::attach(|py| py.detach(|| ()));
    }

    fn hire(&self, engine: &Arc<Engine<Self>>) -> Result<(), PyErr> {
        Python::attach(|py| {
            let submit = self
                .submit
                .as_ref()
                .ok_or_else(|| PyRuntimeError::new_err("a run in one thread has no threads to hire"))?;
            submit.bind(py).call1((Worker::new(engine),))?;
            Ok(())
        })
    }

    fn is_refusal(&self, error: &PyErr) -> bool {
        Python::attach(|py| error.is_instance_of::<PyException>(py))
    }

    fn check(&self) -> Result<(), PyErr> {
        Python::attach(|py| {
            py.check_signals()?;
            check_leaving(py)
        })
    }
}
