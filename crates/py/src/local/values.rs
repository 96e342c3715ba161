//! Results of tasks, by id, shared by the threads of a run.

use std::ptr::null_mut;
use std::sync::atomic::{AtomicPtr, Ordering};

use cenote_core::graph::TaskId;
use pyo3::ffi;
use pyo3::prelude::*;

/// One slot for each task: empty, or a result of which the slot owns one reference.
///
/// A slot is filled by the one worker that ran the task, read by workers that run its dependents (which the machine
/// makes ready only afterwards), and emptied by whoever was told that the result is released (after all of these).
pub struct Values(Box<[AtomicPtr<ffi::PyObject>]>);

impl Values {
    /// Empty slots for that many tasks.
    pub fn new(tasks: usize) -> Self {
        Self((0..tasks).map(|_| AtomicPtr::new(null_mut())).collect())
    }

    /// Fills the slot of `task`.
    pub fn set(&self, task: TaskId, value: Bound<'_, PyAny>) {
        let py = value.py();
        let old = self.0[task.index()].swap(value.into_ptr(), Ordering::Release);
        // SAFETY: the slot owned one reference to what it held.
        drop(unsafe { Bound::from_owned_ptr_or_opt(py, old) });
    }

    /// The result of `task`, if its slot is filled.
    pub fn get<'py>(&self, py: Python<'py>, task: TaskId) -> Option<Bound<'py, PyAny>> {
        // SAFETY: a filled slot owns a reference, and is emptied only when nobody asks for it any more.
        unsafe { Bound::from_borrowed_ptr_or_opt(py, self.pointer(task)) }
    }

    /// The result of `task` as a borrowed pointer, null if its slot is empty. It lives as long as the slot is filled.
    pub fn pointer(&self, task: TaskId) -> *mut ffi::PyObject {
        self.0[task.index()].load(Ordering::Acquire)
    }

    /// Empties the slot of `task` and drops what it held.
    pub fn release(&self, py: Python<'_>, task: TaskId) {
        let old = self.0[task.index()].swap(null_mut(), Ordering::AcqRel);
        // SAFETY: the slot owned one reference to what it held.
        drop(unsafe { Bound::from_owned_ptr_or_opt(py, old) });
    }
}

impl Drop for Values {
    fn drop(&mut self) {
        let slots = std::mem::take(&mut self.0);
        // Once the interpreter has gone there is nothing left to give the references back to.
        Python::try_attach(|py| {
            for slot in slots {
                // SAFETY: the slot owned one reference to what it held.
                drop(unsafe { Bound::from_owned_ptr_or_opt(py, slot.into_inner()) });
            }
        });
    }
}
