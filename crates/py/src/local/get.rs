//! `get`: from a graph and keys to results.

use std::fmt::Write as _;
use std::sync::Arc;

use cenote::local::{Engine, Outcome};
use cenote_core::graph::TaskId;
use cenote_core::local::{Local, StartError};
use cenote_core::order::{Cycle, order};
use pyo3::exceptions::{PyRuntimeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple};

use super::context::CallerContext;
use super::shell::PyShell;
use super::wanted::Wanted;
use super::worker::employer_submit;
use crate::compare::compare_keys;
use crate::delayed::{self, DelayedGraph};
use crate::graph::{Table, read};

/// Computes `keys` of `graph` on threads of an executor, of which `submit` is the method that takes a job.
///
/// Tasks run in the executor's threads only, unless the caller is itself a worker of a run: then it takes part.
///
/// # Errors
/// What a task raises, as itself; `KeyError` for an unknown key, `ValueError` for a missing dependency, `RuntimeError`
/// for a cycle, `TypeError` for something that is no graph; `KeyboardInterrupt`.
#[pyfunction]
#[pyo3(signature = (graph, keys, submit, workers, cache=None))]
pub fn run_threaded<'py>(
    graph: &Bound<'py, PyAny>,
    keys: &Bound<'py, PyAny>,
    submit: &Bound<'py, PyAny>,
    workers: usize,
    cache: Option<&Bound<'py, PyAny>>,
) -> PyResult<Bound<'py, PyAny>> {
    let py = graph.py();
    let (machine, mut shell, wanted) = start(graph, keys, cache)?;
    if machine.is_done() {
        return wanted.results(py, &shell.values);
    }
    shell.context = Some(CallerContext::current(py)?);
    let employer = employer_submit(py);
    let helps = employer.is_some();
    shell.submit = Some(
        if submit.is_none()
            && let Some(submit) = employer
        {
            submit
        } else {
            submit.clone().unbind()
        },
    );
    let engine = Engine::new(machine, shell, workers);
    let outcome = if helps { engine.run_with_help() } else { engine.run_elsewhere() };
    finish(py, &engine, outcome, &wanted)
}

/// Computes `keys` of `graph` in this thread.
///
/// # Errors
/// As [`run_threaded`].
#[pyfunction]
#[pyo3(signature = (graph, keys, cache=None))]
pub fn run_sync<'py>(
    graph: &Bound<'py, PyAny>,
    keys: &Bound<'py, PyAny>,
    cache: Option<&Bound<'py, PyAny>>,
) -> PyResult<Bound<'py, PyAny>> {
    let py = graph.py();
    let (machine, shell, wanted) = start(graph, keys, cache)?;
    let engine = Engine::new(machine, shell, 1);
    let outcome = engine.run_here();
    finish(py, &engine, outcome, &wanted)
}

/// Computes `key` of the graph inside a fused task, in which each of `names` is the result given at its place.
///
/// # Errors
/// What a task of the inner graph raises.
#[pyfunction]
#[pyo3(signature = (graph, key, names, *results))]
pub fn run_subgraph<'py>(
    graph: &Bound<'py, PyAny>,
    key: &Bound<'py, PyAny>,
    names: &Bound<'py, PyAny>,
    results: &Bound<'py, PyTuple>,
) -> PyResult<Bound<'py, PyAny>> {
    let known = PyDict::new(graph.py());
    for (name, result) in names.try_iter()?.zip(results) {
        known.set_item(name?, result)?;
    }
    run_sync(graph, key, Some(known.as_any()))
}

/// Reads the graph, orders it, and makes the machine and the shell of a run.
///
/// # Errors
/// As [`run_threaded`], but for those of running tasks.
pub fn start<'py>(
    graph: &Bound<'py, PyAny>,
    keys: &Bound<'py, PyAny>,
    cache: Option<&Bound<'py, PyAny>>,
) -> PyResult<(Local, PyShell, Wanted)> {
    let py = graph.py();
    if let Ok(nodes) = keys.cast_exact::<DelayedGraph>() {
        // A graph of delayed calls in the place of keys means its roots. It is read as it is, without any key, unless
        // it is not the graph that is to run, as for callbacks.
        if cache.is_none()
            && keys.is(graph)
            && let Some((table, roots)) = delayed::read(nodes)?
        {
            return start_table(py, table, Wanted::all(roots));
        }
        return start(graph, &nodes.get().root_keys(py)?, cache);
    }
    let mut table = read(graph, cache)?;
    let wanted = Wanted::find(&mut table, keys)?;
    start_table(py, table, wanted)
}

/// Orders a table, and makes the machine and the shell of a run of it.
///
/// # Errors
/// `RuntimeError` for a cycle, `ValueError` for a missing dependency.
pub fn start_table(py: Python<'_>, mut table: Table, wanted: Wanted) -> PyResult<(Local, PyShell, Wanted)> {
    let dependents = table.graph().reversed();
    let tie_break = |left: TaskId, right: TaskId| match table.keys() {
        Some(keys) => compare_keys(keys.object(py, left), keys.object(py, right)),
        None => left.cmp(&right),
    };
    let priorities = order(table.graph(), &dependents, tie_break).map_err(|cycle| cycle_error(py, &table, &cycle))?;
    drop(dependents);
    let machine = Local::new(table.take_graph(), &priorities, &wanted.tasks(), table.absent())
        .map_err(|error| missing_dependency(py, &table, &error))?;
    let shell = PyShell::new(py, table, |task| machine.is_needed(task));
    Ok((machine, shell, wanted))
}

fn missing_dependency(py: Python<'_>, table: &Table, error: &StartError) -> PyErr {
    let StartError::MissingDependency { missing, dependents } = error;
    let name = |task: &TaskId| -> PyResult<String> { Ok(table.key(py, *task)?.repr()?.to_string()) };
    let message = || -> PyResult<String> {
        let dependents = dependents.iter().map(name).collect::<PyResult<Vec<_>>>()?.join(", ");
        let missing = table.key(py, *missing)?.str()?.to_string();
        Ok(format!("Missing dependency {missing} for dependents {{{dependents}}}"))
    };
    message().map_or_else(|error| error, PyValueError::new_err)
}

fn cycle_error(py: Python<'_>, table: &Table, cycle: &Cycle) -> PyErr {
    let message = || -> PyResult<String> {
        let mut message = String::from("Cycle detected between the following keys:");
        for task in &cycle.0 {
            write!(message, "\n  -> {}", table.key(py, *task)?.str()?.to_string_lossy()).expect("a string takes it");
        }
        Ok(message)
    };
    message().map_or_else(|error| error, PyRuntimeError::new_err)
}

fn finish<'py>(
    py: Python<'py>,
    engine: &Arc<Engine<PyShell>>,
    outcome: Outcome<PyErr>,
    wanted: &Wanted,
) -> PyResult<Bound<'py, PyAny>> {
    match outcome {
        Outcome::Done => wanted.results(py, &engine.shell().values),
        Outcome::Stopped(error) => Err(error),
        Outcome::Failed(task, error) => {
            if let Ok(key) = engine.shell().table.key(py, task) {
                note_key(py, &error, &key);
            }
            Err(error)
        }
    }
}

/// Adds the key to the exception's notes, once. An exception that takes no notes goes without.
pub fn note_key(py: Python<'_>, error: &PyErr, key: &Bound<'_, PyAny>) {
    let value = error.value(py);
    let Ok(key) = key.repr() else { return };
    let note = format!("raised by the task {key}");
    let notes = value.getattr_opt(pyo3::intern!(py, "__notes__"));
    let noted = notes.ok().flatten().is_some_and(|notes| notes.contains(&note).unwrap_or(false));
    if !noted {
        // An exception class may refuse; the exception itself matters more.
        let _: PyResult<_> = value.call_method1(pyo3::intern!(py, "add_note"), (note,));
    }
}
