//! Keys of a graph: any hashable Python objects, interned by Python's own hash and equality.

use cenote_core::graph::TaskId;
use cenote_core::intern::Interner;
use pyo3::ffi;
use pyo3::prelude::*;

use crate::raw;

/// The keys of a graph and their ids.
///
/// Graphs mostly name keys in the order in which they have them, or every so many of them: so the next key is guessed
/// first, and compared without any code of the keys' own. Keys are hashed only once a guess has failed; then all of them are.
#[derive(Default)]
pub struct Keys {
    /// Knows the keys that have been hashed: the first so many, or none.
    interner: Interner,
    objects: Vec<Py<PyAny>>,
    sorts: u8,
    /// The key that was found last.
    last: usize,
    /// How far it was from another one that was found before.
    stride: usize,
}

/// So many keys are looked through without hashing when a caller wants one of them.
const LOOKS_PER_HASH: usize = 8;

/// Sorts of keys that a graph has: what no key can be equal to needs no look-up.
const TEXT: u8 = 1;
const NUMBER: u8 = 2;
const TUPLE: u8 = 4;
const OTHER: u8 = 8;

impl Keys {
    /// Room for that many keys.
    pub fn with_capacity(keys: usize) -> Self {
        Self { objects: Vec::with_capacity(keys), ..Self::default() }
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
    /// What a key's hash or a comparison raises.
    pub fn intern(&mut self, key: &Bound<'_, PyAny>) -> PyResult<(TaskId, bool)> {
        if let Some(task) = self.find(key)? {
            return Ok((task, false));
        }
        raw::hash(key)?;
        Ok((self.insert_new(key), true))
    }

    /// Gives `key` an id without looking whether it is known: for keys of a dict, which are distinct.
    pub fn insert_new(&mut self, key: &Bound<'_, PyAny>) -> TaskId {
        self.sorts |= sort(key);
        self.objects.push(key.clone().unbind());
        TaskId(self.objects.len() as u32 - 1)
    }

    /// The id of `key`, if it is known.
    ///
    /// # Errors
    /// What a key's hash or a comparison raises.
    pub fn find(&mut self, key: &Bound<'_, PyAny>) -> PyResult<Option<TaskId>> {
        if self.sorts & (sort(key) | OTHER) == 0 && sort(key) != OTHER {
            return Ok(None);
        }
        for guess in [self.last + 1, self.last, self.last.wrapping_add(self.stride)] {
            if self.is_surely(guess, key) {
                self.note(guess);
                return Ok(Some(TaskId(guess as u32)));
            }
        }
        self.hash_all(key.py())?;
        let hash = raw::hash(key)?;
        let found = self.interner.find(hash, |task| raw::equal(self.object(key.py(), task), key))?;
        if let Some(task) = found {
            self.note(task.index());
        }
        Ok(found)
    }

    fn note(&mut self, found: usize) {
        if found != self.last {
            self.stride = found.wrapping_sub(self.last);
            self.last = found;
        }
    }

    /// The same, by looking through all keys if that is cheaper than hashing them: for the few that a caller wants.
    ///
    /// # Errors
    /// What a key's hash or a comparison raises.
    pub fn find_among_few(&mut self, key: &Bound<'_, PyAny>, few: usize) -> PyResult<Option<TaskId>> {
        if self.interner.len() < self.objects.len() && few <= LOOKS_PER_HASH {
            // The last key first: what a graph is for mostly stands at its end.
            if let Some(index) = (0..self.objects.len()).rev().find(|&index| self.is_surely(index, key)) {
                return Ok(Some(TaskId(index as u32)));
            }
        }
        self.find(key)
    }

    fn is_surely(&self, index: usize, key: &Bound<'_, PyAny>) -> bool {
        self.objects.get(index).is_some_and(|known| raw::surely_equal(known.bind(key.py()), key))
    }

    /// Hashes the keys that have not been hashed.
    fn hash_all(&mut self, py: Python<'_>) -> PyResult<()> {
        if self.interner.is_empty() {
            self.interner = Interner::with_capacity(self.objects.len());
        }
        for index in self.interner.len()..self.objects.len() {
            self.interner.insert(raw::hash(self.objects[index].bind(py))?);
        }
        Ok(())
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
