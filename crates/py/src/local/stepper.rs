//! A run that Python steps: where callbacks watch each task, or tasks go to an executor of another process.

use cenote_core::graph::TaskId;
use cenote_core::local::Local;
use parking_lot::Mutex;
use pyo3::exceptions::PyIndexError;
use pyo3::prelude::*;
use pyo3::types::{PyList, PyTuple};

use super::context::CallerContext;
use super::get::{note_key, start};
use super::program;
use super::shell::PyShell;
use super::wanted::Wanted;
use crate::graph::{Build, Step};

/// One run, stepped from outside. Tasks go by their number; `key` tells the key.
///
/// Parameters
/// ----------
/// graph : mapping, or any object with ``__dask_graph__``
///     The graph.
/// keys : key, or list of keys and lists
///     What to compute.
/// cache : mapping, optional
///     Results that are known already.
#[pyclass(frozen, module = "cenote._native")]
pub struct Stepper {
    machine: Mutex<Local>,
    shell: PyShell,
    wanted: Wanted,
    context: CallerContext,
}

#[pymethods]
impl Stepper {
    #[new]
    #[pyo3(signature = (graph, keys, cache=None))]
    fn new<'py>(
        graph: &Bound<'py, PyAny>,
        keys: &Bound<'py, PyAny>,
        cache: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Self> {
        let (machine, shell, wanted) = start(graph, keys, cache)?;
        let context = CallerContext::current(graph.py())?;
        Ok(Self { machine: Mutex::new(machine), shell, wanted, context })
    }

    /// Take the next task: its number, or None when no task is ready.
    fn claim(&self) -> Option<u32> {
        self.machine.lock().claim().map(|task| task.0)
    }

    /// Run a task that was claimed, in this thread, and return its result.
    fn run<'py>(&self, py: Python<'py>, task: u32) -> PyResult<Bound<'py, PyAny>> {
        program::run(py, &self.shell.table, &self.shell.values, TaskId(task))
    }

    /// Run a task that was claimed, in this thread but in the context of whoever made this object.
    fn run_in_context<'py>(&self, py: Python<'py>, task: u32) -> PyResult<Bound<'py, PyAny>> {
        self.context.run(py, || self.run(py, task))
    }

    /// Store the result of a task that was claimed, and drop what nobody needs any more. Return the numbers of the
    /// dropped results.
    fn finish(&self, result: Bound<'_, PyAny>, task: u32) -> Vec<u32> {
        let py = result.py();
        self.shell.values.set(TaskId(task), result);
        let mut released = Vec::new();
        self.machine.lock().finish(TaskId(task), &mut released);
        for &task in &released {
            self.shell.values.release(py, task);
        }
        released.into_iter().map(|task| task.0).collect()
    }

    /// Add the key of a task to the notes of the exception that it raised.
    fn note(&self, error: Bound<'_, PyAny>, task: u32) -> PyResult<()> {
        let key = self.key(error.py(), task)?;
        note_key(error.py(), &PyErr::from_value(error), &key);
        Ok(())
    }

    /// The results that were asked for, in the nesting of the keys.
    fn results<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        self.wanted.results(py, &self.shell.values)
    }

    /// Whether every task that is needed has finished.
    #[getter]
    fn is_done(&self) -> bool {
        self.machine.lock().is_done()
    }

    /// How many tasks are ready.
    #[getter]
    fn ready_len(&self) -> usize {
        self.machine.lock().ready_len()
    }

    /// The numbers of the ready tasks, the next one last.
    fn ready(&self) -> Vec<u32> {
        self.machine.lock().ready().iter().map(|task| task.0).collect()
    }

    /// The numbers of the tasks that are needed.
    fn needed(&self) -> Vec<u32> {
        let machine = self.machine.lock();
        machine.graph().tasks().filter(|&task| machine.is_needed(task)).map(|task| task.0).collect()
    }

    /// The numbers of the tasks that a task depends on.
    fn dependencies(&self, task: u32) -> Vec<u32> {
        self.machine.lock().graph().dependencies(TaskId(task)).iter().map(|task| task.0).collect()
    }

    /// How many dependencies of a task have not finished.
    fn waiting_for(&self, task: u32) -> u32 {
        self.machine.lock().waiting_for(TaskId(task))
    }

    /// The key of a task.
    fn key<'py>(&self, py: Python<'py>, task: u32) -> PyResult<Bound<'py, PyAny>> {
        if task as usize >= self.shell.table.len() {
            return Err(PyIndexError::new_err(format!("there is no task number {task}")));
        }
        self.shell.table.key(py, TaskId(task))
    }

    /// The result of a task, or None with False: (True, result), if there is one now.
    fn result<'py>(&self, py: Python<'py>, task: u32) -> (bool, Option<Bound<'py, PyAny>>) {
        let result = self.shell.values.get(py, TaskId(task));
        (result.is_some(), result)
    }

    /// A task as data that another process can run: pairs of what to do and with what, for :func:`run_portable`.
    fn portable<'py>(&self, py: Python<'py>, task: u32) -> PyResult<Bound<'py, PyList>> {
        let task = TaskId(task);
        let table = &self.shell.table;
        let program = table.program(task);
        let steps = PyList::empty(py);
        for op in program {
            let step = match op.step() {
                // SAFETY: the table owns a reference to its values.
                Step::Value(value) => (VALUE, unsafe { Bound::from_borrowed_ptr(py, value) }),
                Step::Result(task) => {
                    (VALUE, self.shell.values.get(py, task).unwrap_or_else(|| py.None().into_bound(py)))
                }
                Step::Build(build, entries) => (build as u8, entries.into_pyobject(py)?.into_any()),
            };
            steps.append(step)?;
        }
        if table.shape(task) == crate::graph::Shape::Flat {
            steps.append((Build::Call as u8, program.len()))?;
        }
        Ok(steps)
    }
}

/// Marks a step of a portable task that pushes a value.
const VALUE: u8 = u8::MAX;

/// Runs a task that `Stepper.portable` made into data.
///
/// # Errors
/// What the task raises; `ValueError` for something that is no such data.
#[pyfunction]
pub fn run_portable<'py>(steps: &Bound<'py, PyList>) -> PyResult<Bound<'py, PyAny>> {
    let mut stack = Vec::new();
    for step in steps {
        let step = step.cast_into::<PyTuple>()?;
        let (what, with): (u8, Bound<'py, PyAny>) = step.extract()?;
        if what == VALUE {
            stack.push(with);
        } else {
            program::build(steps.py(), what, with.extract()?, &mut stack)?;
        }
    }
    stack.pop().ok_or_else(|| program::malformed("it is empty"))
}
