//! Keys of a graph: any hashable Python objects, interned by Python's own hash and equality.

use cenote_core::graph::TaskId;
use cenote_core::intern::Interner;
use pyo3::ffi;
use pyo3::prelude::*;

use crate::raw;

/// The keys seen so far and their ids.
#[derive(Default)]
pub struct Keys {
    interner: Interner,
    objects: Vec<Py<PyAny>>,
    sorts: u8,
}

/// Sorts of keys that a graph has: what no key can be equal to needs no look-up.
const TEXT: u8 = 1;
const NUMBER: u8 = 2;
const TUPLE: u8 = 4;
const OTHER: u8 = 8;

impl Keys {
    /// Room for that many keys.
    pub fn with_capacity(keys: usize) -> Self {
        Self { interner: Interner::with_capacity(keys), objects: Vec::with_capacity(keys), sorts: 0 }
    }

    /// How many keys there are.
    pub fn len(&self) -> usize {
        self.objects.len()
    }

    /// The key of `task`.
    pub fn object<'a, 'py>(&'a self, py: Python<'py>, task: TaskId) -> &'a Bound<'py, PyAny> {
        self.objects[task.index()].bind(py)
    }

    /// The id of `key`, given now if it is new, and whether it is.
    ///
    /// # Errors
    /// What the key's hash or a comparison raises.
    pub fn intern(&mut self, key: &Bound<'_, PyAny>) -> PyResult<(TaskId, bool)> {
        let hash = raw::hash(key)?;
        if let Some(task) = self.find_hashed(key, hash)? {
            return Ok((task, false));
        }
        self.sorts |= sort(key);
        self.objects.push(key.clone().unbind());
        Ok((self.interner.insert(hash), true))
    }

    /// Gives `key` an id without looking whether it is known: for keys of a dict, which are distinct.
    ///
    /// # Errors
    /// What the key's hash raises.
    pub fn insert_new(&mut self, key: &Bound<'_, PyAny>) -> PyResult<TaskId> {
        let hash = raw::hash(key)?;
        self.sorts |= sort(key);
        self.objects.push(key.clone().unbind());
        Ok(self.interner.insert(hash))
    }

    /// The id of `key`, if it is known.
    ///
    /// # Errors
    /// What the key's hash or a comparison raises.
    pub fn find(&self, key: &Bound<'_, PyAny>) -> PyResult<Option<TaskId>> {
        if self.sorts & (sort(key) | OTHER) == 0 && sort(key) != OTHER {
            return Ok(None);
        }
        self.find_hashed(key, raw::hash(key)?)
    }

    fn find_hashed(&self, key: &Bound<'_, PyAny>, hash: u64) -> PyResult<Option<TaskId>> {
        self.interner.find(hash, |task| raw::equal(self.object(key.py(), task), key))
    }
}

/// The sort of a key, by its exact type: objects of other types may equal anything.
fn sort(key: &Bound<'_, PyAny>) -> u8 {
    // SAFETY: types of living objects are compared by address; the statics are the interpreter's own.
    unsafe {
        let kind = ffi::Py_TYPE(key.as_ptr());
        if kind == &raw mut ffi::PyUnicode_Type {
            TEXT
        } else if kind == &raw mut ffi::PyTuple_Type {
            TUPLE
        } else if kind == &raw mut ffi::PyLong_Type
            || kind == &raw mut ffi::PyFloat_Type
            || kind == &raw mut ffi::PyBool_Type
        {
            NUMBER
        } else {
            OTHER
        }
    }
}
