//! `_native.grouping`: the groups that the keys of a graph fall into by their names, and the edges between them.

use cenote_core::graph::TaskId;
use cenote_core::key::prefix_of;
use hashbrown::HashMap;
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{PyString, PyTuple};
use rustc_hash::FxBuildHasher;

use crate::delayed::{DelayedGraph, KeyedNodes, Materializer};
use crate::graph::Keys;
use crate::specification::{Reader, Specification};

/// A key, its value, and the keys that the value names.
type Sample<'py> = (Bound<'py, PyAny>, Bound<'py, PyAny>, Bound<'py, PyTuple>);

/// Names, the group of each key, edges between groups, and samples of each.
type Grouping<'py> = (Vec<Bound<'py, PyAny>>, Vec<u32>, Vec<(u32, u32, u64)>, Vec<Vec<Sample<'py>>>);

/// Groups by name, in the order in which the graph first shows them.
#[derive(Default)]
struct Groups<'py> {
    names: Vec<Bound<'py, PyAny>>,
    by_text: HashMap<String, u32, FxBuildHasher>,
    /// The same by address: of the many tuples of one collection most begin with the same object.
    by_object: HashMap<usize, u32, FxBuildHasher>,
}

impl<'py> Groups<'py> {
    /// The group of a key: the name of its collection, or its leading words. `name` names what is neither text nor a
    /// tuple that begins with text.
    fn group(&mut self, key: &Bound<'py, PyAny>, name: &Bound<'py, PyAny>) -> PyResult<u32> {
        if let Ok(text) = key.cast_exact::<PyString>() {
            let Ok(text) = text.to_str() else { return self.named(&name.call1((key,))?) };
            return self.enter(&prefix_of(text), |text| PyString::new(key.py(), text).into_any());
        }
        if let Ok(tuple) = key.cast_exact::<PyTuple>()
            && let Ok(first) = tuple.get_item(0)
            && first.is_exact_instance_of::<PyString>()
        {
            // The key lives as long as the groups are looked for, and so does its name: the address is not another's.
            let address = first.as_ptr() as usize;
            if let Some(group) = self.by_object.get(&address) {
                return Ok(*group);
            }
            let group = self.named(&first)?;
            self.by_object.insert(address, group);
            return Ok(group);
        }
        self.named(&name.call1((key,))?)
    }

    fn named(&mut self, name: &Bound<'py, PyAny>) -> PyResult<u32> {
        let text = name.cast::<PyString>()?;
        match text.to_str() {
            Ok(text) => self.enter(text, |_| name.clone()),
            // Text that no UTF-8 says is told by what it looks like.
            Err(_) => self.enter(&name.repr()?.to_string(), |_| name.clone()),
        }
    }

    fn enter(&mut self, text: &str, name: impl FnOnce(&str) -> Bound<'py, PyAny>) -> PyResult<u32> {
        if let Some(group) = self.by_text.get(text) {
            return Ok(*group);
        }
        let group = u32::try_from(self.names.len()).map_err(|_| PyTypeError::new_err("too many groups"))?;
        self.by_text.insert(text.to_owned(), group);
        self.names.push(name(text));
        Ok(group)
    }
}

/// What is known of a graph so far.
#[derive(Default)]
struct Counted<'py> {
    keys: Keys,
    groups: Groups<'py>,
    group_of: Vec<u32>,
    edges: HashMap<(u32, u32), u64, FxBuildHasher>,
    shown: Vec<Vec<Sample<'py>>>,
    /// By task, the one that named it last.
    named_by: Vec<u32>,
}

impl<'py> Counted<'py> {
    /// Finds the groups of all keys.
    fn enter_keys(&mut self, py: Python<'py>, name: &Bound<'py, PyAny>) -> PyResult<()> {
        for task in 0..self.keys.len() {
            let group = self.groups.group(self.keys.object(py, TaskId(task as u32)), name)?;
            self.group_of.push(group);
        }
        self.named_by.resize(self.keys.len(), u32::MAX);
        self.shown.resize_with(self.groups.names.len(), Vec::new);
        Ok(())
    }

    /// Counts the edges of a task. `value` makes what is shown of it, if it is among the first of its group.
    fn count(
        &mut self,
        py: Python<'py>,
        task: TaskId,
        names: &[TaskId],
        samples: usize,
        value: impl FnOnce() -> PyResult<Bound<'py, PyAny>>,
    ) -> PyResult<()> {
        let group = self.group_of[task.index()];
        for name in names {
            if std::mem::replace(&mut self.named_by[name.index()], task.0) != task.0 {
                *self.edges.entry((self.group_of[name.index()], group)).or_default() += 1;
            }
        }
        let shown = &mut self.shown[group as usize];
        if shown.len() < samples {
            let needed = PyTuple::new(py, names.iter().map(|name| self.keys.object(py, *name)))?;
            shown.push((self.keys.object(py, task).clone(), value()?, needed));
        }
        Ok(())
    }

    fn told(self) -> Grouping<'py> {
        let mut edges: Vec<_> = self.edges.into_iter().map(|((start, end), count)| (start, end, count)).collect();
        edges.sort_unstable();
        (self.groups.names, self.group_of, edges, self.shown)
    }
}

/// Returns what a graph looks like from afar: the names of its groups; the number of each key's group, in the order of
/// the keys; for each pair of groups that are linked, how many edges lead from the one to the other; and of each group
/// the first `samples` tasks.
///
/// # Errors
/// What a key, a value or `name` raises.
#[pyfunction]
#[pyo3(signature = (dsk, name, samples, /))]
pub fn grouping<'py>(dsk: &Bound<'py, PyAny>, name: &Bound<'py, PyAny>, samples: usize) -> PyResult<Grouping<'py>> {
    let py = dsk.py();
    let mut counted = Counted::default();
    if let Ok(graph) = dsk.cast_exact::<DelayedGraph>()
        && let Some(nodes) = KeyedNodes::from(py, graph.get().nodes())?
    {
        // Of a million nodes only those become task objects that are shown.
        let KeyedNodes { keys, nodes, graph } = nodes;
        let mut materializer = Materializer::new(py)?;
        counted.keys = keys;
        counted.enter_keys(py, name)?;
        for (task, node) in nodes.iter().enumerate() {
            let (task, node) = (TaskId(task as u32), node.bind(py));
            let key = counted.keys.object(py, task).clone();
            counted.count(py, task, graph.dependencies(task), samples, || materializer.task_object(node, &key))?;
        }
        return Ok(counted.told());
    }
    let Specification { keys, values } = Specification::read(dsk)?;
    let mut reader = Reader::new(py)?;
    counted.keys = keys;
    counted.enter_keys(py, name)?;
    let mut names = Vec::new();
    for (task, value) in values.iter().enumerate() {
        names.clear();
        reader.names(value, &mut names, &mut |key, _| counted.keys.find(key))?;
        counted.count(py, TaskId(task as u32), &names, samples, || Ok(value.clone()))?;
    }
    Ok(counted.told())
}
