//! `_native.dependencies`: which keys the values of a graph specification name.

use cenote_core::graph::TaskId;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList};

use crate::specification::{Reader, Specification};

/// Returns the keys that each value of `dsk` names, as a list that has a key as often as it is named.
#[pyfunction]
#[pyo3(signature = (dsk, /))]
pub fn dependencies<'py>(dsk: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyDict>> {
    let py = dsk.py();
    let Specification { mut keys, values } = Specification::read(dsk)?;
    let mut reader = Reader::new(py)?;
    let result = PyDict::new(py);
    let mut names = Vec::new();
    for (task, value) in values.iter().enumerate() {
        names.clear();
        reader.names(value, &mut names, &mut |key, _| keys.find(key))?;
        let list = PyList::new(py, names.iter().map(|name| keys.object(py, *name)))?;
        result.set_item(keys.object(py, TaskId(task as u32)), list)?;
    }
    Ok(result)
}
