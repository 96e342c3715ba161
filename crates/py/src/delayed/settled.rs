//! Which nodes the garbage collector need not look at.
//!
//! The collector walks over all that it tracks again and again while more is made: for a graph of a million nodes that
//! costs more than making them. Like a tuple of numbers, a node that can be in no cycle is not tracked: all it holds
//! are plain values, such nodes, and functions that live as long as their module.

use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyBytes, PyCFunction, PyComplex, PyFloat, PyFunction, PyInt, PyModule, PyString, PyTuple};

use super::method::MethodCaller;
use super::node::{Delayed, Task};
use super::piece::Piece;
use super::setting;
use crate::raw;

/// Makes a Python object of a node, and takes it from the collector if it is settled.
pub fn track(py: Python<'_>, node: Delayed) -> PyResult<Bound<'_, Delayed>> {
    let settled = node.settled;
    let node = Bound::new(py, node)?;
    if settled {
        raw::untrack(node.as_any());
    }
    Ok(node)
}

/// Whether a node that does `task` is settled, where `func_settled` says so of what it calls.
pub fn is_task_settled(py: Python<'_>, task: &Task, func_settled: bool) -> bool {
    match task {
        Task::Leaf { .. } => func_settled,
        Task::Nested { pieces, .. } | Task::Attribute { pieces, .. } => are_pieces_settled(py, pieces),
        Task::Call { pieces, .. } => func_settled && are_pieces_settled(py, pieces),
        Task::Graph(_) => false,
    }
}

fn are_pieces_settled(py: Python<'_>, pieces: &[Piece]) -> bool {
    pieces.iter().all(|piece| match piece {
        Piece::Value(value) => is_plain(value.bind(py)),
        Piece::Task(task) => task.get().settled,
        Piece::Reference(_) => false,
        Piece::Build(..) => true,
    })
}

/// Whether an object holds no other object.
pub fn is_plain(object: &Bound<'_, PyAny>) -> bool {
    object.is_none()
        || object.is_exact_instance_of::<PyInt>()
        || object.is_exact_instance_of::<PyString>()
        || object.is_exact_instance_of::<PyFloat>()
        || object.is_exact_instance_of::<PyBool>()
        || object.is_exact_instance_of::<PyBytes>()
        || object.is_exact_instance_of::<PyComplex>()
}

/// Whether an object is plain, or a function that lives as long as a module: not a bound method, no closure.
///
/// # Errors
/// What looking at the function raises.
pub fn is_settled(object: &Bound<'_, PyAny>) -> PyResult<bool> {
    let py = object.py();
    if is_plain(object) || object.is_exact_instance_of::<MethodCaller>() {
        return Ok(true);
    }
    if object.is_exact_instance_of::<PyCFunction>() {
        let owner = object.getattr(intern!(py, "__self__"))?;
        return Ok(owner.is_none() || owner.is_instance_of::<PyModule>());
    }
    if !object.is_exact_instance_of::<PyFunction>() || !object.getattr(intern!(py, "__closure__"))?.is_none() {
        return Ok(false);
    }
    let module = object.getattr(intern!(py, "__module__"))?;
    let Ok(module) = module.cast::<PyString>() else { return Ok(false) };
    let Some(module) = setting::loaded(py, module)? else { return Ok(false) };
    match module.getattr_opt(intern!(py, "__dict__"))? {
        Some(names) => Ok(names.is(&object.getattr(intern!(py, "__globals__"))?)),
        None => Ok(false),
    }
}

/// Whether a key that a user chose is settled.
pub fn is_key_settled(key: &Bound<'_, PyAny>) -> bool {
    is_plain(key) || key.cast_exact::<PyTuple>().is_ok_and(|key| key.iter().all(|part| is_plain(&part)))
}
