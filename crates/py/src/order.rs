//! `_native.order`: the static order of a graph specification.

use cenote_core::graph::TaskId;
use cenote_core::order::{Budget, Cycle, Options, order_with};
use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::compare::compare_keys;
use crate::graph::Keys;
use crate::specification::{Reader, Specification};

/// Returns the place of each key of `dsk` in the static order; with `return_paths` a pair of it and the number of the
/// critical path on which the key stands: a half less if beside it, -1 if it is no work. `budget`
/// replaces the budget of work beyond which counts of roots are estimates.
#[pyfunction]
#[pyo3(signature = (dsk, *, return_paths = false, budget = None))]
pub fn order<'py>(dsk: &Bound<'py, PyAny>, return_paths: bool, budget: Option<usize>) -> PyResult<Bound<'py, PyDict>> {
    let py = dsk.py();
    let mut specification = Specification::read(dsk)?;
    let graph = specification.graph(&mut Reader::new(py)?)?;
    let keys = &specification.keys;
    let tie_break = |a: TaskId, b: TaskId| compare_keys(keys.object(py, a), keys.object(py, b));
    let dependents = graph.reversed();
    let budget = budget.map_or_else(Budget::default, |fixed| Budget { fixed, each: 0 });
    let options = Options { with_paths: return_paths, budget };
    let ordered = order_with(&graph, &dependents, options, tie_break);
    let ordered = ordered.map_err(|cycle| cycle_error(py, &cycle, keys))?;

    let tasks = specification.values.len();
    let mut sequence = vec![TaskId(0); graph.len()];
    for task in graph.tasks() {
        sequence[ordered.priority[task.index()] as usize] = task;
    }
    let places = PyDict::new(py);
    // Keys that are not there have no place.
    for (place, task) in sequence.iter().filter(|task| task.index() < tasks).enumerate() {
        let key = keys.object(py, *task);
        match ordered.path.get(task.index()) {
            None => places.set_item(key, place)?,
            Some(0) => places.set_item(key, (place, -1))?,
            Some(path) if path % 2 == 0 => places.set_item(key, (place, path / 2))?,
            Some(path) => places.set_item(key, (place, f64::from(*path) / 2.0))?,
        }
    }
    Ok(places)
}

/// The error for a cycle: Dask's type and words, which name each key and what it needs.
fn cycle_error(py: Python<'_>, Cycle(path): &Cycle, keys: &Keys) -> PyErr {
    let mut message = String::from("Cycle detected between the following keys:");
    for task in path {
        let text = keys.object(py, *task).str();
        message.push_str("\n  -> ");
        message.push_str(&text.map_or_else(|_| "?".to_owned(), |text| text.to_string_lossy().into_owned()));
    }
    PyRuntimeError::new_err(message)
}
