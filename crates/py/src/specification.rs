//! Graph specifications as the passes over graphs read them: what each task names, by the rule of Dask's
//! `get_dependencies`, and nothing else.

use std::collections::VecDeque;

use cenote_core::graph::{Graph, GraphBuilder, TaskId, TaskKind};
use hashbrown::HashSet;
use pyo3::exceptions::{PyRecursionError, PyTypeError};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyFloat, PyInt, PyList, PyMapping, PySet, PyString, PyTuple, PyType};
use rustc_hash::FxBuildHasher;

use crate::graph::Keys;

/// From this depth on containers are counted: a value that is deeper than it has containers contains itself.
const SHALLOW: usize = 4;

/// A specification: keys, and what belongs to them.
pub struct Specification<'py> {
    /// The keys, by task. Those that a task names although they are not there come after the others.
    pub keys: Keys,
    /// What belongs to each key that is there.
    pub values: Vec<Bound<'py, PyAny>>,
}

/// Where a name stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// In a value that may name a key or may only look like one.
    Value,
    /// In the dependencies of a task object at the top of a value: it is meant as a key.
    Object,
}

/// Reads what values name. It knows the classes of task objects that are loaded.
pub struct Reader<'py> {
    /// What is still to be read of a value.
    queue: VecDeque<Bound<'py, PyAny>>,
    tasks: Vec<Bound<'py, PyType>>,
    data: Vec<Bound<'py, PyType>>,
    references: Vec<Bound<'py, PyType>>,
}

impl<'py> Specification<'py> {
    /// Reads the keys and values of a mapping.
    ///
    /// # Errors
    /// What the mapping or a key's hash raises.
    pub fn read(specification: &Bound<'py, PyAny>) -> PyResult<Self> {
        let dict = if let Ok(dict) = specification.cast_exact::<PyDict>() {
            dict.clone()
        } else {
            let dict = PyDict::new(specification.py());
            dict.update(specification.cast::<PyMapping>()?)?;
            dict
        };
        // The dict is copied before any code of a key runs: that could change it.
        let mut keys = Keys::with_capacity(dict.len());
        let mut values = Vec::with_capacity(dict.len());
        for (key, value) in &dict {
            keys.insert_new(&key);
            values.push(value);
        }
        Ok(Self { keys, values })
    }

    /// The graph of what the tasks name. Keys that task objects name although they are not there become values at its
    /// end.
    ///
    /// # Errors
    /// What a comparison of keys raises.
    pub fn graph(&mut self, reader: &mut Reader<'py>) -> PyResult<Graph> {
        let tasks = self.values.len();
        let mut builder = GraphBuilder::with_capacity(tasks, tasks);
        let mut named_by = vec![u32::MAX; tasks];
        let mut names = Vec::new();
        for (task, value) in self.values.iter().enumerate() {
            names.clear();
            let kind = reader.kind(value)?;
            reader.names(value, &mut names, &mut |key, source| match source {
                Source::Value => self.keys.find(key),
                Source::Object => Ok(Some(self.keys.intern(key)?.0)),
            })?;
            named_by.resize(self.keys.len(), u32::MAX);
            for &name in &names {
                if std::mem::replace(&mut named_by[name.index()], task as u32) != task as u32 {
                    builder.push_distinct(name);
                }
            }
            builder.finish_task(kind);
        }
        for _ in tasks..self.keys.len() {
            builder.finish_task(TaskKind::Data);
        }
        Ok(builder.build())
    }
}

impl<'py> Reader<'py> {
    /// A reader that knows the classes of the modules that are loaded now.
    ///
    /// # Errors
    /// What looking at `sys.modules` raises.
    pub fn new(py: Python<'py>) -> PyResult<Self> {
        let modules = py.import("sys")?.getattr("modules")?;
        let (queue, tasks, data, references) = (VecDeque::new(), Vec::new(), Vec::new(), Vec::new());
        let mut reader = Self { queue, tasks, data, references };
        for name in ["dask._task_spec", "cenote.task_spec"] {
            let Ok(module) = modules.get_item(name) else { continue };
            let class = |name: &str| module.getattr(name).ok().and_then(|class| class.cast_into::<PyType>().ok());
            reader.tasks.extend(class("GraphNode"));
            reader.data.extend(class("DataNode"));
            reader.references.extend(class("TaskRef"));
        }
        Ok(reader)
    }

    /// Whether a value is work: a call or a task object that is not plain data.
    fn kind(&self, value: &Bound<'py, PyAny>) -> PyResult<TaskKind> {
        let is_work =
            is_call(value) || (!is_plain(value) && is_any(value, &self.tasks)? && !is_any(value, &self.data)?);
        Ok(if is_work { TaskKind::Call } else { TaskKind::Data })
    }

    /// Lists the tasks that a value names, as often as it names them, those that are nested less deeply first. `find`
    /// says which task a name is, if it is one.
    ///
    /// # Errors
    /// What `find` raises, but for a `TypeError`: what cannot be hashed is no name. `RecursionError` for a value that
    /// contains itself.
    pub fn names<F>(&mut self, value: &Bound<'py, PyAny>, names: &mut Vec<TaskId>, find: &mut F) -> PyResult<()>
    where
        F: FnMut(&Bound<'py, PyAny>, Source) -> PyResult<Option<TaskId>>,
    {
        if !is_plain(value) && is_any(value, &self.tasks)? {
            let dependencies = value.getattr(pyo3::intern!(value.py(), "dependencies"))?;
            for key in dependencies.try_iter()? {
                names.extend(find(&key?, Source::Object)?);
            }
            return Ok(());
        }
        self.queue.clear();
        self.expand(value, names, find)?;
        let (mut depth, mut level) = (0, self.queue.len());
        let mut containers = HashSet::<usize, FxBuildHasher>::default();
        while let Some(value) = self.queue.pop_front() {
            if level == 0 {
                depth += 1;
                level = self.queue.len() + 1;
                if depth > SHALLOW + containers.len() {
                    return Err(PyRecursionError::new_err("a container in a value of the graph contains itself"));
                }
            }
            level -= 1;
            if depth >= SHALLOW && !is_atom(&value) {
                containers.insert(value.as_ptr() as usize);
            }
            self.expand(&value, names, find)?;
        }
        Ok(())
    }

    /// Lists a value if it is a name, and queues what is in it if it is not.
    fn expand<F>(&mut self, value: &Bound<'py, PyAny>, names: &mut Vec<TaskId>, find: &mut F) -> PyResult<()>
    where
        F: FnMut(&Bound<'py, PyAny>, Source) -> PyResult<Option<TaskId>>,
    {
        if is_call(value) {
            let Ok(call) = value.cast_exact::<PyTuple>() else { return Ok(()) };
            for item in call.iter_borrowed().skip(1) {
                if self.queue.is_empty() && is_atom(&item) {
                    names.extend(find(&item, Source::Value)?);
                } else {
                    self.queue.push_back(item.to_owned());
                }
            }
        } else if let Ok(list) = value.cast_exact::<PyList>() {
            self.queue.extend(list.iter());
        } else if let Ok(dict) = value.cast_exact::<PyDict>() {
            self.queue.extend(dict.iter().map(|(_, value)| value));
        } else if !is_plain(value) && is_any(value, &self.tasks)? {
            for key in value.getattr(pyo3::intern!(value.py(), "dependencies"))?.try_iter()? {
                self.queue.push_back(key?);
            }
        } else if !is_plain(value) && is_any(value, &self.references)? {
            names.extend(find(&value.getattr(pyo3::intern!(value.py(), "key"))?, Source::Value)?);
        } else {
            match find(value, Source::Value) {
                Ok(name) => names.extend(name),
                Err(error) if error.is_instance_of::<PyTypeError>(value.py()) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

fn is_any(value: &Bound<'_, PyAny>, classes: &[Bound<'_, PyType>]) -> PyResult<bool> {
    for class in classes {
        if value.is_instance(class)? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Whether a value is a tuple with something callable at its head.
fn is_call(value: &Bound<'_, PyAny>) -> bool {
    value.cast_exact::<PyTuple>().is_ok_and(|tuple| tuple.get_borrowed_item(0).is_ok_and(|head| head.is_callable()))
}

/// Whether a value is of a type of which there are no task objects, and which never contains a name either.
fn is_atom(value: &Bound<'_, PyAny>) -> bool {
    value.is_exact_instance_of::<PyString>() || value.is_exact_instance_of::<PyInt>()
}

/// Whether a value is of a type of which there are no task objects.
fn is_plain(value: &Bound<'_, PyAny>) -> bool {
    is_atom(value)
        || value.is_exact_instance_of::<PyTuple>()
        || value.is_exact_instance_of::<PyList>()
        || value.is_exact_instance_of::<PyDict>()
        || value.is_exact_instance_of::<PySet>()
        || value.is_exact_instance_of::<PyFloat>()
        || value.is_none()
}
