//! Calls of the interpreter's own interface where the safe one costs more than the work: hashing, equality, calls.
//!
//! Measured on graphs of trivial tasks, where each of these stands in the cost of every task.

use pyo3::ffi;
use pyo3::prelude::*;

/// Python's hash of `object`.
///
/// # Errors
/// What `__hash__` raises; `TypeError` for an unhashable object.
pub fn hash(object: &Bound<'_, PyAny>) -> PyResult<u64> {
    // SAFETY: the object is alive and the interpreter attached.
    let hash = unsafe { ffi::PyObject_Hash(object.as_ptr()) };
    if hash == -1 { Err(PyErr::fetch(object.py())) } else { Ok(hash.cast_unsigned() as u64) }
}

/// Whether two keys are the same to a Python dict: identical, or equal by `==`.
///
/// # Errors
/// What `__eq__` raises.
pub fn equal(left: &Bound<'_, PyAny>, right: &Bound<'_, PyAny>) -> PyResult<bool> {
    // SAFETY: both are alive and the interpreter attached.
    unsafe {
        if let Some(answer) = equal_quickly(left.as_ptr(), right.as_ptr()) {
            return Ok(answer);
        }
        match ffi::PyObject_RichCompareBool(left.as_ptr(), right.as_ptr(), ffi::Py_EQ) {
            -1 => Err(PyErr::fetch(left.py())),
            answer => Ok(answer == 1),
        }
    }
}

/// The answer for identical objects, and for tuples all of whose items are identical: what keys named twice in a graph
/// mostly are. `None` when only Python can tell.
///
/// # Safety
/// Both point at living objects; the interpreter is attached.
unsafe fn equal_quickly(left: *mut ffi::PyObject, right: *mut ffi::PyObject) -> Option<bool> {
    if left == right {
        return Some(true);
    }
    // SAFETY: by the caller's promise; the type is checked before anything of it is used.
    unsafe {
        let tuple = &raw mut ffi::PyTuple_Type;
        if ffi::Py_TYPE(left) != tuple || ffi::Py_TYPE(right) != tuple {
            return None;
        }
        let len = ffi::PyTuple_GET_SIZE(left);
        if len != ffi::PyTuple_GET_SIZE(right) {
            return Some(false);
        }
        let same = (0..len).all(|index| ffi::PyTuple_GET_ITEM(left, index) == ffi::PyTuple_GET_ITEM(right, index));
        same.then_some(true)
    }
}

/// Takes an object from the garbage collector, which will not find cycles through it any more.
pub fn untrack(object: &Bound<'_, PyAny>) {
    // SAFETY: the object is alive and of a type that the collector knows; untracking twice does nothing.
    unsafe { ffi::PyObject_GC_UnTrack(object.as_ptr().cast()) };
}
