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
    if surely_equal(left, right) {
        return Ok(true);
    }
    // SAFETY: both are alive and the interpreter attached.
    match unsafe { ffi::PyObject_RichCompareBool(left.as_ptr(), right.as_ptr(), ffi::Py_EQ) } {
        -1 => Err(PyErr::fetch(left.py())),
        answer => Ok(answer == 1),
    }
}

/// Whether two keys are equal, as far as that can be told without running code of theirs: identical objects, equal
/// text, equal whole numbers, and tuples of these. `false` means that only Python can tell.
pub fn surely_equal(left: &Bound<'_, PyAny>, right: &Bound<'_, PyAny>) -> bool {
    let (left, right) = (left.as_ptr(), right.as_ptr());
    if left == right {
        return true;
    }
    // SAFETY: both are alive and the interpreter attached; the type is checked before anything of it is used.
    unsafe {
        if !is_exactly(left, right, &raw mut ffi::PyTuple_Type) {
            return atoms_equal(left, right);
        }
        let len = ffi::PyTuple_GET_SIZE(left);
        let same = |index| {
            let (left, right) = (ffi::PyTuple_GET_ITEM(left, index), ffi::PyTuple_GET_ITEM(right, index));
            left == right || atoms_equal(left, right)
        };
        // From the end: the items of keys differ there.
        len == ffi::PyTuple_GET_SIZE(right) && (0..len).rev().all(same)
    }
}

/// # Safety
/// Both point at living objects; the interpreter is attached.
unsafe fn atoms_equal(left: *mut ffi::PyObject, right: *mut ffi::PyObject) -> bool {
    // SAFETY: by the caller's promise; the type is checked before anything of it is used.
    unsafe {
        if is_exactly(left, right, &raw mut ffi::PyLong_Type) {
            let (mut huge_left, mut huge_right) = (0, 0);
            let left = ffi::PyLong_AsLongLongAndOverflow(left, &raw mut huge_left);
            let right = ffi::PyLong_AsLongLongAndOverflow(right, &raw mut huge_right);
            left == right && huge_left == 0 && huge_right == 0
        } else {
            is_exactly(left, right, &raw mut ffi::PyUnicode_Type)
                && ffi::PyUnicode_GET_LENGTH(left) == ffi::PyUnicode_GET_LENGTH(right)
                && ffi::PyUnicode_Compare(left, right) == 0
        }
    }
}

/// # Safety
/// Both point at living objects.
unsafe fn is_exactly(left: *mut ffi::PyObject, right: *mut ffi::PyObject, kind: *mut ffi::PyTypeObject) -> bool {
    // SAFETY: by the caller's promise.
    unsafe { ffi::Py_TYPE(left) == kind && ffi::Py_TYPE(right) == kind }
}

/// Takes an object from the garbage collector, which will not find cycles through it any more.
pub fn untrack(object: &Bound<'_, PyAny>) {
    // SAFETY: the object is alive and of a type that the collector knows; untracking twice does nothing.
    unsafe { ffi::PyObject_GC_UnTrack(object.as_ptr().cast()) };
}

/// The value of a context variable here, or its default.
///
/// # Errors
/// When `variable` is no context variable.
#[cfg(not(feature = "abi3"))]
pub fn context_value<'py>(variable: &Bound<'py, PyAny>) -> PyResult<Option<Bound<'py, PyAny>>> {
    let py = variable.py();
    let mut value = std::ptr::null_mut();
    // SAFETY: the variable is alive and its type is checked by the call, which hands over a reference or none.
    unsafe {
        if ffi::PyContextVar_Get(variable.as_ptr(), std::ptr::null_mut(), &raw mut value) < 0 {
            return Err(PyErr::fetch(py));
        }
        Ok(Bound::from_owned_ptr_or_opt(py, value))
    }
}

/// The value of a context variable here, or its default.
///
/// # Errors
/// When `variable` has neither, or is no context variable.
#[cfg(feature = "abi3")]
pub fn context_value<'py>(variable: &Bound<'py, PyAny>) -> PyResult<Option<Bound<'py, PyAny>>> {
    variable.call_method0(pyo3::intern!(variable.py(), "get")).map(Some)
}
