//! The caller's context variables: every task sees them, in a copy of its own.

use pyo3::ffi;
use pyo3::prelude::*;

/// The context of whoever asked for a run.
pub struct CallerContext(Py<PyAny>);

impl CallerContext {
    /// A copy of this thread's current context.
    ///
    /// # Errors
    /// When memory is short.
    pub fn current(py: Python<'_>) -> PyResult<Self> {
        // SAFETY: the interpreter is attached; the call returns a new reference or null with an exception.
        let context = unsafe { Bound::from_owned_ptr_or_err(py, ffi::PyContext_CopyCurrent()) }?;
        Ok(Self(context.unbind()))
    }

    /// Calls `task` in a new copy of the context.
    ///
    /// # Errors
    /// What the task raises.
    pub fn run<'py, T>(&self, py: Python<'py>, task: impl FnOnce() -> PyResult<T>) -> PyResult<T> {
        // SAFETY: the interpreter is attached; what is held is a context; the copy is new, so that it can be entered
        // and is left by the thread that entered it.
        unsafe {
            let copy = Bound::from_owned_ptr_or_err(py, ffi::PyContext_Copy(self.0.as_ptr()))?;
            if ffi::PyContext_Enter(copy.as_ptr()) != 0 {
                return Err(PyErr::fetch(py));
            }
            let result = task();
            if ffi::PyContext_Exit(copy.as_ptr()) != 0 {
                return Err(PyErr::fetch(py));
            }
            result
        }
    }
}
