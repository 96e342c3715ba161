//! The graph of some nodes, as a mapping from key to task: keys and tasks are made when somebody looks.

use parking_lot::Mutex;
use pyo3::exceptions::PyAttributeError;
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList, PyString, PyTuple, PyType};

use super::key;
use super::keyed::KeyedNodes;
use super::materialize::{Materializer, mapping};
use super::node::{Delayed, Task};
use super::walk::Walked;

/// The tasks that some :class:`Delayed` objects need, by key.
///
/// A mapping, and a layered graph where one is expected: ``layers`` and ``dependencies`` have one entry a node. Its
/// values are Dask's task objects where Dask is loaded, else those of ``cenote.task_spec``.
#[pyclass(frozen, mapping, weakref, module = "cenote.delayed", name = "DelayedGraph")]
pub struct DelayedGraph {
    pub(super) roots: Vec<Py<Delayed>>,
    /// The tasks, once somebody asked, and whether they are Dask's.
    made: Mutex<Option<(bool, Py<PyDict>)>>,
}

impl DelayedGraph {
    /// The graph of `roots` and of all that they need.
    pub fn of(roots: Vec<Py<Delayed>>) -> Self {
        Self { roots, made: Mutex::new(None) }
    }

    /// The nodes whose graph this is.
    pub fn nodes(&self) -> &[Py<Delayed>] {
        &self.roots
    }

    /// The keys of the roots, as a list.
    ///
    /// # Errors
    /// What making the key of a pure call raises.
    pub fn root_keys<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let keys = self.roots.iter().map(|root| key::of(root.bind(py))).collect::<PyResult<Vec<_>>>()?;
        Ok(PyList::new(py, keys)?.into_any())
    }

    /// The tasks by key. Made anew if Dask was loaded since they were made.
    pub fn tasks<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let materializer = Materializer::new(py)?;
        let dask = materializer.dask;
        if let Some((made_for_dask, tasks)) = &*self.made.lock()
            && *made_for_dask == dask
        {
            return Ok(tasks.bind(py).clone());
        }
        let tasks = materializer.tasks(&self.roots)?;
        // Nothing is dropped while the lock is held: that could run Python.
        let before = self.made.lock().replace((dask, tasks.clone().unbind()));
        drop(before);
        Ok(tasks)
    }
}

#[pymethods]
impl DelayedGraph {
    #[new]
    #[pyo3(signature = (*roots))]
    fn new(roots: Vec<Py<Delayed>>) -> Self {
        Self::of(roots)
    }

    /// The nodes whose graph this is.
    #[getter]
    fn roots<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        PyTuple::new(py, &self.roots)
    }

    /// Whether it has more tasks than that. None of them is made, if none was made elsewhere.
    fn is_larger_than(&self, py: Python<'_>, tasks: usize) -> PyResult<bool> {
        match KeyedNodes::from(py, &self.roots)? {
            Some(known) => Ok(known.nodes.len() > tasks),
            None => Ok(self.tasks(py)?.len() > tasks),
        }
    }

    fn __len__(&self, py: Python<'_>) -> PyResult<usize> {
        Ok(self.tasks(py)?.len())
    }

    fn __bool__(&self) -> bool {
        !self.roots.is_empty()
    }

    fn __contains__(&self, key: &Bound<'_, PyAny>) -> PyResult<bool> {
        self.tasks(key.py())?.contains(key)
    }

    fn __getitem__<'py>(&self, key: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        self.tasks(key.py())?.as_any().get_item(key)
    }

    fn __iter__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        Ok(self.tasks(py)?.as_any().try_iter()?.into_any())
    }

    /// The keys.
    fn keys<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        self.tasks(py)?.call_method0(intern!(py, "keys"))
    }

    /// The tasks.
    fn values<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        self.tasks(py)?.call_method0(intern!(py, "values"))
    }

    /// Pairs of key and task.
    fn items<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        self.tasks(py)?.call_method0(intern!(py, "items"))
    }

    /// The task of a key, or `default`.
    #[pyo3(signature = (key, default=None))]
    fn get<'py>(
        &self,
        key: &Bound<'py, PyAny>,
        default: Option<Bound<'py, PyAny>>,
    ) -> PyResult<Option<Bound<'py, PyAny>>> {
        Ok(self.tasks(key.py())?.get_item(key)?.or(default))
    }

    fn __eq__(&self, other: &Bound<'_, PyAny>) -> PyResult<bool> {
        let py = other.py();
        if !other.hasattr(intern!(py, "keys"))? {
            return Ok(false);
        }
        self.tasks(py)?.eq(mapping(other)?)
    }

    fn __repr__(&self) -> String {
        let many = self.roots.len();
        format!("<DelayedGraph of {many} Delayed object{}>", if many == 1 { "" } else { "s" })
    }

    /// This graph: it can stand where an object with a graph is expected.
    fn __dask_graph__(slf: Bound<'_, Self>) -> Bound<'_, Self> {
        slf
    }

    /// A graph that others may keep: Dask's layered graph where Dask is loaded, one layer a set of annotations.
    fn copy<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        slf.py().import("cenote.layered")?.call_method1("by_annotations", (slf,))
    }

    /// One row a node, dependencies first: key, task, annotations or None, and the keys that it needs.
    ///
    /// A graph that was made elsewhere is one row with None for its key, and itself for its task. With `sent`, tasks
    /// are for nothing but to be pickled.
    #[pyo3(signature = (sent=false))]
    fn rows<'py>(&self, py: Python<'py>, sent: bool) -> PyResult<Bound<'py, PyList>> {
        let mut materializer = if sent { Materializer::to_send(py)? } else { Materializer::new(py)? };
        let rows = PyList::empty(py);
        for node in Walked::from(py, &self.roots, |_| false).iter() {
            let node = node.bind(py);
            let this = node.get();
            if let Task::Graph(elsewhere) = &this.task {
                rows.append((py.None(), &elsewhere.graph, &this.annotations, (key::of(node)?,)))?;
                continue;
            }
            let key = key::of(node)?;
            let needed = this.dependencies().map(|task| key::of(task.bind(py))).collect::<PyResult<Vec<_>>>()?;
            let task = materializer.task_object(node, &key)?;
            rows.append((key, task, &this.annotations, PyTuple::new(py, needed)?))?;
        }
        Ok(rows)
    }

    fn __getattr__<'py>(slf: &Bound<'py, Self>, name: &Bound<'py, PyString>) -> PyResult<Bound<'py, PyAny>> {
        if name.to_cow()?.starts_with('_') {
            return Err(PyAttributeError::new_err(format!("DelayedGraph has no attribute {name}")));
        }
        slf.py().import("cenote.layered")?.call_method1("by_node", (slf,))?.getattr(name)
    }

    fn __reduce__<'py>(&self, py: Python<'py>) -> PyResult<(Bound<'py, PyType>, (Bound<'py, PyDict>,))> {
        Ok((py.get_type::<PyDict>(), (self.tasks(py)?,)))
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        self.roots.iter().try_for_each(|root| visit.call(root))?;
        // Whoever holds the lock is about to change what it guards: the next walk will see it.
        match self.made.try_lock().as_deref() {
            Some(Some((_, tasks))) => visit.call(tasks),
            _ => Ok(()),
        }
    }
}
