//! The classes of task objects: Dask's where it is loaded, Cenote's own where those are.

use pyo3::ffi::PyTypeObject;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyType};

/// What an object of a graph is, by its class.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// Calls `func` with `args` and `kwargs`.
    Task,
    /// Another name of `target`.
    Alias,
    /// Holds `value`.
    Data,
    /// Makes a list of its `args`.
    List,
    /// Makes a tuple of its `args`.
    Tuple,
    /// Makes a set of its `args`.
    Set,
    /// Makes a dict of its `args`, which are keys and values in turn.
    Dict,
    /// Names the task `key`.
    Reference,
    /// Another task object: it is called with a dict of the results of its `dependencies`.
    Callable,
}

/// The classes of one or two modules, held for as long as a graph is read.
pub struct Classes {
    exact: Vec<(Py<PyType>, Class)>,
    nodes: Vec<Py<PyType>>,
    references: Vec<Py<PyType>>,
    /// Dask's function behind fused tasks, and ours that takes its place.
    pub subgraph: Option<(Py<PyAny>, Py<PyAny>)>,
}

const EXACT: [(&str, Class); 7] = [
    ("Task", Class::Task),
    ("Alias", Class::Alias),
    ("DataNode", Class::Data),
    ("List", Class::List),
    ("Tuple", Class::Tuple),
    ("Set", Class::Set),
    ("Dict", Class::Dict),
];

impl Classes {
    /// The classes of the modules that are loaded now.
    ///
    /// # Errors
    /// What looking at `sys.modules` raises.
    pub fn loaded(py: Python<'_>) -> PyResult<Self> {
        let modules = py.import(pyo3::intern!(py, "sys"))?.getattr(pyo3::intern!(py, "modules"))?;
        let modules = modules.cast::<PyDict>()?;
        let mut classes = Self { exact: Vec::new(), nodes: Vec::new(), references: Vec::new(), subgraph: None };
        if let Some(module) = modules.get_item(pyo3::intern!(py, "dask._task_spec"))? {
            classes.add(&module);
            if let Ok(theirs) = module.getattr(pyo3::intern!(py, "_execute_subgraph")) {
                let ours = py.import(pyo3::intern!(py, "cenote._native"))?.getattr("run_subgraph")?;
                classes.subgraph = Some((theirs.unbind(), ours.unbind()));
            }
        }
        if let Some(module) = modules.get_item(pyo3::intern!(py, "cenote.task_spec"))? {
            classes.add(&module);
        }
        Ok(classes)
    }

    /// What `object` is, if it is a task object at all.
    pub fn of(&self, object: &Bound<'_, PyAny>) -> Option<Class> {
        let kind = object.get_type_ptr();
        if is_plain(kind) {
            return None;
        }
        let py = object.py();
        if let Some((_, class)) = self.exact.iter().find(|(exact, _)| exact.as_ptr().cast() == kind) {
            return Some(*class);
        }
        let is_a = |classes: &[Py<PyType>]| {
            classes.iter().any(|class| object.get_type().is_subclass(class.bind(py)).unwrap_or(false))
        };
        if is_a(&self.references) {
            Some(Class::Reference)
        } else if is_a(&self.nodes) {
            Some(Class::Callable)
        } else {
            None
        }
    }

    fn add(&mut self, module: &Bound<'_, PyAny>) {
        let class = |name: &str| module.getattr(name).ok().and_then(|class| class.cast_into::<PyType>().ok());
        for (name, sort) in EXACT {
            self.exact.extend(class(name).map(|class| (class.unbind(), sort)));
        }
        self.nodes.extend(class("GraphNode").map(Bound::unbind));
        self.references.extend(class("TaskRef").map(Bound::unbind));
    }
}

/// Whether objects of this exact type are never task objects: the types that graphs are full of.
pub fn is_plain(kind: *mut PyTypeObject) -> bool {
    use pyo3::ffi;
    let plain = [
        &raw mut ffi::PyLong_Type,
        &raw mut ffi::PyUnicode_Type,
        &raw mut ffi::PyTuple_Type,
        &raw mut ffi::PyList_Type,
        &raw mut ffi::PyDict_Type,
        &raw mut ffi::PyFloat_Type,
        &raw mut ffi::PyBool_Type,
        &raw mut ffi::PyBytes_Type,
        &raw mut ffi::PySet_Type,
        &raw mut ffi::PyFunction_Type,
        &raw mut ffi::PyCFunction_Type,
        &raw mut ffi::PyType_Type,
    ];
    plain.contains(&kind)
}
