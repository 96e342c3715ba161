//! Turns nodes into the task objects that other schedulers understand: Dask's where Dask is loaded, else our own.

use hashbrown::HashSet;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList, PyTuple};
use rustc_hash::FxBuildHasher;

use super::graph::DelayedGraph;
use super::method::MethodCaller;
use super::node::{Delayed, Task};
use super::piece::{Builder, Piece, Shape, build, named};
use super::{key, setting, walk};

/// Makes task objects of one kind.
pub struct Materializer<'py> {
    py: Python<'py>,
    classes: Bound<'py, PyAny>,
    /// Whether the classes are Dask's.
    pub dask: bool,
}

impl<'py> Materializer<'py> {
    /// One that makes what graphs made now should be made of.
    pub fn new(py: Python<'py>) -> PyResult<Self> {
        let (classes, dask) = setting::task_classes(py)?;
        Ok(Self { py, classes, dask })
    }

    /// The tasks of `roots` and of all that they need, by key.
    pub fn tasks(mut self, roots: &[Py<Delayed>]) -> PyResult<Bound<'py, PyDict>> {
        let py = self.py;
        let tasks = PyDict::new(py);
        let mut merged = HashSet::with_hasher(FxBuildHasher);
        for node in walk::dependencies_first(py, roots, |_| false) {
            let node = node.bind(py);
            if let Task::Graph(elsewhere) = &node.get().task {
                if merged.insert(elsewhere.graph.as_ptr() as usize) {
                    tasks.update(mapping(elsewhere.graph.bind(py))?.as_mapping())?;
                }
                continue;
            }
            let key = key::of(node)?;
            if !tasks.contains(&key)? {
                tasks.set_item(&key, self.task_object(node, &key)?)?;
            }
        }
        Ok(tasks)
    }

    /// The task object of one node that is not another graph's.
    pub fn task_object(&mut self, node: &Bound<'py, Delayed>, key: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        let py = self.py;
        match &node.get().task {
            Task::Leaf { value, .. } => self.class("DataNode")?.call1((key, value)),
            Task::Attribute { pieces, name } => {
                let getattr = py.import(intern!(py, "builtins"))?.getattr(intern!(py, "getattr"))?;
                let owner = build(py, pieces, self)?;
                self.class("Task")?.call1((key, getattr, &owner[0], name))
            }
            Task::Nested { pieces, .. } => {
                if let [Piece::Task(target)] = &pieces[..] {
                    return self.class("Alias")?.call1((key, key::of(target.bind(py))?));
                }
                let container = build(py, pieces, self)?.remove(0);
                container.setattr(intern!(py, "key"), key)?;
                Ok(container)
            }
            Task::Call { func, pieces, names } => {
                let func = self.function(func.bind(py))?;
                let (args, kwargs) = key::arguments(py, pieces, names.as_ref(), self)?;
                let mut all = vec![key.clone(), func];
                all.extend(args);
                self.class("Task")?.call(PyTuple::new(py, all)?, Some(&kwargs))
            }
            Task::Graph(elsewhere) => elsewhere.graph.bind(py).get_item(key),
        }
    }

    fn class(&self, name: &str) -> PyResult<Bound<'py, PyAny>> {
        self.classes.getattr(name)
    }

    /// A function that the other side can import: stock workers have Dask, and need not have Cenote.
    fn function(&self, func: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        match func.cast_exact::<MethodCaller>() {
            Ok(method) if self.dask => {
                let py = self.py;
                py.import("dask.utils")?.getattr("methodcaller")?.call1((method.getattr(intern!(py, "method"))?,))
            }
            _ => Ok(func.clone()),
        }
    }
}

/// A graph that was made elsewhere, as a plain dict.
pub fn mapping<'py>(graph: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyDict>> {
    let py = graph.py();
    if let Ok(dict) = graph.cast_exact::<PyDict>() {
        return Ok(dict.clone());
    }
    if let Ok(nodes) = graph.cast_exact::<DelayedGraph>() {
        return nodes.get().tasks(py);
    }
    Ok(py.get_type::<PyDict>().call1((graph,))?.cast_into::<PyDict>()?)
}

impl<'py> Builder<'py> for Materializer<'py> {
    fn task(&mut self, task: &Bound<'py, Delayed>) -> PyResult<Bound<'py, PyAny>> {
        self.class("TaskRef")?.call1((key::of(task)?,))
    }

    fn reference(&mut self, object: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        let class = self.class("TaskRef")?;
        if object.is_instance(&class)? {
            return Ok(object.clone());
        }
        class.call1((object.getattr(intern!(self.py, "key"))?,))
    }

    fn container(
        &mut self,
        py: Python<'py>,
        shape: Shape,
        mut items: Vec<Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        match shape {
            Shape::List => self.class("List")?.call1(PyTuple::new(py, items)?),
            Shape::Tuple => self.class("Tuple")?.call1(PyTuple::new(py, items)?),
            Shape::Set => self.class("Set")?.call1(PyTuple::new(py, items)?),
            Shape::Dict => {
                let pairs = items.chunks_exact(2).map(|pair| PyList::new(py, pair)).collect::<PyResult<Vec<_>>>()?;
                self.class("Dict")?.call1((PyList::new(py, pairs)?,))
            }
            Shape::Call => {
                let items = std::iter::once(py.None().into_bound(py)).chain(items).collect::<Vec<_>>();
                self.class("Task")?.call1(PyTuple::new(py, items)?)
            }
            Shape::Named => {
                let class = items.remove(0);
                self.class("Task")?.call((py.None(), class), Some(&named(items)?))
            }
        }
    }
}
