//! `_native.may_hold_collections`: a quick look through an object, before one that takes collections out of it.

use hashbrown::HashSet;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyBytes, PyDict, PyFloat, PyFrozenSet, PyInt, PyList, PySet, PyString, PyTuple, PyType};
use rustc_hash::FxBuildHasher;

/// Says whether an object is a collection or holds one, at any depth. What it cannot look into without using it up, an
/// iterator for instance, may hold one.
///
/// # Errors
/// What looking at an attribute raises.
#[pyfunction]
#[pyo3(signature = (object, /))]
pub fn may_hold_collections(object: &Bound<'_, PyAny>) -> PyResult<bool> {
    let py = object.py();
    let mut unread = vec![object.clone()];
    let mut seen = HashSet::<usize, FxBuildHasher>::default();
    while let Some(object) = unread.pop() {
        if is_plain(&object) || !seen.insert(object.as_ptr() as usize) {
            continue;
        }
        if let Ok(tuple) = object.cast_exact::<PyTuple>() {
            unread.extend(tuple.iter().filter(|item| !is_plain(item)));
        } else if let Ok(list) = object.cast_exact::<PyList>() {
            unread.extend(list.iter().filter(|item| !is_plain(item)));
        } else if let Ok(dict) = object.cast_exact::<PyDict>() {
            unread.extend(dict.iter().flat_map(|(key, value)| [key, value]).filter(|item| !is_plain(item)));
        } else if let Ok(set) = object.cast_exact::<PySet>() {
            unread.extend(set.iter());
        } else if let Ok(set) = object.cast_exact::<PyFrozenSet>() {
            unread.extend(set.iter());
        } else if object.is_instance_of::<PyTuple>()
            || object.is_instance_of::<PyDict>()
            || object.hasattr(intern!(py, "__dask_graph__"))?
            || object.get_type().hasattr(intern!(py, "__next__"))?
            || object.get_type().hasattr(intern!(py, "__dataclass_fields__"))?
        {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Whether there is nothing inside.
fn is_plain(object: &Bound<'_, PyAny>) -> bool {
    object.is_none()
        || object.is_exact_instance_of::<PyString>()
        || object.is_exact_instance_of::<PyInt>()
        || object.is_exact_instance_of::<PyFloat>()
        || object.is_exact_instance_of::<PyBool>()
        || object.is_exact_instance_of::<PyBytes>()
        || object.is_instance_of::<PyType>()
}
