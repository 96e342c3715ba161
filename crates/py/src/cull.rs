//! `_native.cull`: the part of a graph specification that some keys need.

use cenote_core::graph::TaskId;
use pyo3::exceptions::PyKeyError;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList};

use crate::graph::Keys;
use crate::specification::Reader;

/// Returns what `keys` need of `dsk`, and for each key of it the list of keys that it names.
#[pyfunction]
#[pyo3(signature = (dsk, keys, /))]
pub fn cull<'py>(
    dsk: &Bound<'py, PyAny>,
    keys: &Bound<'py, PyList>,
) -> PyResult<(Bound<'py, PyDict>, Bound<'py, PyDict>)> {
    let py = dsk.py();
    let mut found = Found { dsk, keys: Keys::default(), is_key: Vec::new(), values: Vec::new() };
    let mut wanted = Vec::with_capacity(keys.len());
    for key in keys {
        let task = found.find(&key)?.ok_or_else(|| PyKeyError::new_err(key.unbind()))?;
        wanted.push(task);
    }
    let mut reader = Reader::new(py)?;
    let (culled, dependencies) = (PyDict::new(py), PyDict::new(py));
    cenote_core::optimize::cull(&wanted, |task, names| {
        let Some(value) = found.values[task.index()].take() else { return Ok(()) };
        reader.names(&value, names, &mut |key, _| found.find(key))?;
        let list = PyList::new(py, names.iter().map(|name| found.keys.object(py, *name)))?;
        let key = found.keys.object(py, task);
        culled.set_item(key, value)?;
        dependencies.set_item(key, list)
    })?;
    Ok((culled, dependencies))
}

/// The keys that have been named so far, and what only looked like one.
struct Found<'a, 'py> {
    dsk: &'a Bound<'py, PyAny>,
    keys: Keys,
    /// For each, whether it is a key of the graph.
    is_key: Vec<bool>,
    /// What belongs to each key, until it has been read.
    values: Vec<Option<Bound<'py, PyAny>>>,
}

impl<'py> Found<'_, 'py> {
    /// The task of that name, if the graph has it.
    fn find(&mut self, key: &Bound<'py, PyAny>) -> PyResult<Option<TaskId>> {
        let (task, is_new) = self.keys.intern(key)?;
        if is_new {
            let value = self.look_up(key)?;
            self.is_key.push(value.is_some());
            self.values.push(value);
        }
        Ok(self.is_key[task.index()].then_some(task))
    }

    fn look_up(&self, key: &Bound<'py, PyAny>) -> PyResult<Option<Bound<'py, PyAny>>> {
        match self.dsk.cast_exact::<PyDict>() {
            Ok(dict) => dict.get_item(key),
            Err(_) if self.dsk.contains(key)? => self.dsk.get_item(key).map(Some),
            Err(_) => Ok(None),
        }
    }
}
