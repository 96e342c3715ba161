//! What the caller of a run asked for, and the results in that shape.

use cenote_core::graph::TaskId;
use hashbrown::HashSet;
use pyo3::exceptions::{PyKeyError, PyRecursionError};
use pyo3::prelude::*;
use pyo3::types::{PyList, PyTuple};
use rustc_hash::FxBuildHasher;

use super::values::Values;
use crate::graph::Table;

/// The tasks that were asked for, in the nesting of their keys. Lists may be nested as deep as memory allows, so this is
/// a program and no tree: a task pushes its result, a list makes a tuple of what its items pushed.
pub struct Wanted(Vec<Part>);

enum Part {
    Task(TaskId),
    Tuple(usize),
}

/// A list of keys that is being read.
struct Open<'py> {
    list: Bound<'py, PyList>,
    next: usize,
    /// How many keys there are, if all lists at this depth are as long as those above.
    keys: usize,
}

impl Wanted {
    /// All of these, as for a list of keys.
    pub fn all(tasks: Vec<TaskId>) -> Self {
        let tuple = Part::Tuple(tasks.len());
        Self(tasks.into_iter().map(Part::Task).chain([tuple]).collect())
    }

    /// Finds the ids of `keys`: a key, or a list of keys and lists.
    ///
    /// # Errors
    /// `KeyError` for a key that the graph does not have; `RecursionError` for a list that contains itself; what the
    /// key's hash raises.
    pub fn find(table: &mut Table, keys: &Bound<'_, PyAny>) -> PyResult<Self> {
        let mut parts = Vec::new();
        let mut open: Vec<Open<'_>> = Vec::new();
        let mut path = HashSet::<usize, FxBuildHasher>::default();
        let mut item = Some(keys.clone());
        loop {
            if let Some(keys) = item.take() {
                let above = open.last().map_or(1, |open| open.keys);
                match keys.cast_into::<PyList>() {
                    Ok(list) if path.insert(list.as_ptr() as usize) => {
                        let keys = above.saturating_mul(list.len());
                        open.push(Open { list, next: 0, keys });
                    }
                    Ok(_) => return Err(PyRecursionError::new_err("a list of keys contains itself")),
                    Err(error) => parts.push(Part::Task(find_one(table, &error.into_inner(), above)?)),
                }
            }
            let Some(innermost) = open.last_mut() else { return Ok(Self(parts)) };
            item = innermost.list.get_item(innermost.next).ok();
            innermost.next += 1;
            if item.is_none()
                && let Some(done) = open.pop()
            {
                path.remove(&(done.list.as_ptr() as usize));
                parts.push(Part::Tuple(done.next - 1));
            }
        }
    }

    /// The ids, in order.
    pub fn tasks(&self) -> Vec<TaskId> {
        let task = |part: &Part| if let Part::Task(task) = part { Some(*task) } else { None };
        self.0.iter().filter_map(task).collect()
    }

    /// The results in the nesting of the keys, tuples for lists.
    ///
    /// # Errors
    /// `KeyError` for a task without a result, which is an error of ours; when memory is short.
    pub fn results<'py>(&self, py: Python<'py>, values: &Values) -> PyResult<Bound<'py, PyAny>> {
        let mut stack = Vec::with_capacity(self.0.len());
        for part in &self.0 {
            let result = match part {
                Part::Task(task) => values.get(py, *task).ok_or_else(|| {
                    PyKeyError::new_err(format!("task number {} has no result; please report", task.0))
                })?,
                Part::Tuple(len) => PyTuple::new(py, stack.drain(stack.len() - len..).collect::<Vec<_>>())?.into_any(),
            };
            stack.push(result);
        }
        Ok(stack.pop().expect("something was asked for"))
    }
}

fn find_one(table: &mut Table, key: &Bound<'_, PyAny>, keys: usize) -> PyResult<TaskId> {
    let known = table.keys_mut().map_or(Ok(None), |known| known.find_among_few(key, keys))?;
    match known {
        Some(task) if !table.absent().contains(&task) => Ok(task),
        _ => Err(PyKeyError::new_err(key.clone().unbind())),
    }
}
