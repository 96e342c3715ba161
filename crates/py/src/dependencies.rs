//! `_native.dependencies`: which keys the values of a graph specification name.

use std::collections::VecDeque;

use cenote_core::graph::TaskId;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList};

use crate::specification::{Classes, Specification};

/// Returns the keys that each value of `dsk` names, as a list that has a key as often as it is named.
#[pyfunction]
#[pyo3(signature = (dsk, /))]
pub fn dependencies<'py>(dsk: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyDict>> {
    let py = dsk.py();
    let Specification { mut keys, values } = Specification::read(dsk)?;
    let classes = Classes::loaded(py)?;
    let result = PyDict::new(py);
    let (mut names, mut queue) = (Vec::new(), VecDeque::new());
    for (task, value) in values.iter().enumerate() {
        names.clear();
        classes.names(value, &mut keys, &mut names, &mut queue)?;
        let list = PyList::new(py, names.iter().map(|name| keys.object(py, *name)))?;
        result.set_item(keys.object(py, TaskId(task as u32)), list)?;
    }
    Ok(result)
}
