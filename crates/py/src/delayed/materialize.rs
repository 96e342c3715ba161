//! Turns nodes into the task objects that other schedulers understand: Dask's where Dask is loaded, else our own.

use hashbrown::HashSet;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList, PyString, PyTuple};
use rustc_hash::FxBuildHasher;

use super::graph::DelayedGraph;
use super::method::MethodCaller;
use super::node::{Delayed, Task};
use super::piece::{Builder, Piece, Shape, build, named};
use super::sent::SentCall;
use super::walk::Walked;
use super::{key, setting};

/// Makes task objects of one kind.
pub struct Materializer<'py> {
    py: Python<'py>,
    classes: Bound<'py, PyAny>,
    /// Whether the classes are Dask's.
    pub dask: bool,
    /// Whether calls of the classes are written down, to be pickled, instead of made.
    sent: bool,
}

impl<'py> Materializer<'py> {
    /// One that makes what graphs made now should be made of.
    pub fn new(py: Python<'py>) -> PyResult<Self> {
        let (classes, dask) = setting::task_classes(py)?;
        Ok(Self { py, classes, dask, sent: false })
    }

    /// One whose task objects are to be pickled, and of no other use.
    pub fn to_send(py: Python<'py>) -> PyResult<Self> {
        Ok(Self { sent: true, ..Self::new(py)? })
    }

    /// The tasks of `roots` and of all that they need, by key.
    pub fn tasks(mut self, roots: &[Py<Delayed>]) -> PyResult<Bound<'py, PyDict>> {
        let py = self.py;
        let tasks = PyDict::new(py);
        let mut merged = HashSet::with_hasher(FxBuildHasher);
        for node in Walked::from(py, roots, |_| false).iter() {
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
            Task::Leaf { value, .. } => self.make(intern!(py, "DataNode"), (key, value), None),
            Task::Attribute { pieces, name } => {
                let getattr = py.import(intern!(py, "builtins"))?.getattr(intern!(py, "getattr"))?;
                let owner = build(py, pieces, self)?;
                self.make(intern!(py, "Task"), (key, getattr, &owner[0], name), None)
            }
            Task::Nested { pieces, .. } => {
                if let [Piece::Task(target)] = &pieces[..] {
                    return self.make(intern!(py, "Alias"), (key, key::of(target.bind(py))?), None);
                }
                let sent = std::mem::replace(&mut self.sent, false); // its key is no argument of its class
                let container = build(py, pieces, self);
                self.sent = sent;
                let container = container?.remove(0);
                container.setattr(intern!(py, "key"), key)?;
                Ok(container)
            }
            Task::Call { func, pieces, names } => {
                let func = self.function(func.bind(py))?;
                let (args, kwargs) = key::arguments(py, pieces, names.as_ref(), self)?;
                let mut all = vec![key.clone(), func];
                all.extend(args);
                self.make(intern!(py, "Task"), PyTuple::new(py, all)?, Some(&kwargs))
            }
            Task::Graph(elsewhere) => elsewhere.graph.bind(py).get_item(key),
        }
    }

    /// An object of one of the classes.
    fn make<A>(
        &self,
        class: &Bound<'py, PyString>,
        args: A,
        kwargs: Option<&Bound<'py, PyDict>>,
    ) -> PyResult<Bound<'py, PyAny>>
    where
        A: IntoPyObject<'py, Target = PyTuple, Output = Bound<'py, PyTuple>>,
        PyErr: From<A::Error>,
    {
        let (class, args) = (self.classes.getattr(class)?, args.into_pyobject(self.py)?);
        if self.sent { SentCall::written(class, args, kwargs) } else { class.call(args, kwargs) }
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
        self.make(intern!(self.py, "TaskRef"), (key::of(task)?,), None)
    }

    fn reference(&mut self, object: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        let name = intern!(self.py, "TaskRef");
        if object.is_instance(&self.classes.getattr(name)?)? {
            return Ok(object.clone());
        }
        self.make(name, (object.getattr(intern!(self.py, "key"))?,), None)
    }

    fn container(
        &mut self,
        py: Python<'py>,
        shape: Shape,
        mut items: Vec<Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        match shape {
            Shape::List => self.make(intern!(py, "List"), PyTuple::new(py, items)?, None),
            Shape::Tuple => self.make(intern!(py, "Tuple"), PyTuple::new(py, items)?, None),
            Shape::Set => self.make(intern!(py, "Set"), PyTuple::new(py, items)?, None),
            Shape::Dict => {
                let pairs = items.chunks_exact(2).map(|pair| PyList::new(py, pair)).collect::<PyResult<Vec<_>>>()?;
                self.make(intern!(py, "Dict"), (PyList::new(py, pairs)?,), None)
            }
            Shape::Call => {
                let items = std::iter::once(py.None().into_bound(py)).chain(items).collect::<Vec<_>>();
                self.make(intern!(py, "Task"), PyTuple::new(py, items)?, None)
            }
            Shape::Named => {
                let class = items.remove(0);
                self.make(intern!(py, "Task"), (py.None(), class), Some(&named(items)?))
            }
        }
    }
}
