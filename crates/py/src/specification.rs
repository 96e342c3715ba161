//! Graph specifications as the passes over graphs read them: what each task names, by the rule of Dask's
//! `get_dependencies`, and nothing else.

use std::collections::VecDeque;

use cenote_core::graph::{Graph, GraphBuilder, TaskId, TaskKind};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyFloat, PyInt, PyList, PyMapping, PySet, PyString, PyTuple, PyType};

use crate::graph::Keys;

/// A specification: keys, and what belongs to them.
pub struct Specification<'py> {
    /// The keys, by task. Those that a task names although they are not there come after the others.
    pub keys: Keys,
    /// What belongs to each key that is there.
    pub values: Vec<Bound<'py, PyAny>>,
}

/// The classes of task objects that are loaded.
pub struct Classes<'py> {
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
        let (names, values): (Vec<_>, Vec<_>) = dict.iter().unzip();
        let mut keys = Keys::with_capacity(names.len());
        for key in &names {
            keys.insert_new(key);
        }
        Ok(Self { keys, values })
    }

    /// The graph of what the tasks name. Keys that are named but not there become values at its end.
    ///
    /// # Errors
    /// What a comparison of keys raises.
    pub fn graph(&mut self, classes: &Classes<'py>) -> PyResult<Graph> {
        let tasks = self.values.len();
        let mut builder = GraphBuilder::with_capacity(tasks, tasks);
        let mut named_by = vec![u32::MAX; tasks];
        let mut names = Vec::new();
        let mut queue = VecDeque::new();
        for task in 0..tasks {
            names.clear();
            let value = &self.values[task];
            let kind = classes.kind(value)?;
            classes.names(value, &mut self.keys, &mut names, &mut queue)?;
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

impl<'py> Classes<'py> {
    /// The classes of the modules that are loaded now.
    ///
    /// # Errors
    /// What looking at `sys.modules` raises.
    pub fn loaded(py: Python<'py>) -> PyResult<Self> {
        let modules = py.import("sys")?.getattr("modules")?;
        let mut classes = Self { tasks: Vec::new(), data: Vec::new(), references: Vec::new() };
        for name in ["dask._task_spec", "cenote.task_spec"] {
            let Ok(module) = modules.get_item(name) else { continue };
            let class = |name: &str| module.getattr(name).ok().and_then(|class| class.cast_into::<PyType>().ok());
            classes.tasks.extend(class("GraphNode"));
            classes.data.extend(class("DataNode"));
            classes.references.extend(class("TaskRef"));
        }
        Ok(classes)
    }

    fn is_task(&self, value: &Bound<'py, PyAny>) -> PyResult<bool> {
        is_any(value, &self.tasks)
    }

    /// Whether a value is work: a call or a task object that is not plain data.
    fn kind(&self, value: &Bound<'py, PyAny>) -> PyResult<TaskKind> {
        let is_work = is_call(value) || (!is_plain(value) && self.is_task(value)? && !is_any(value, &self.data)?);
        Ok(if is_work { TaskKind::Call } else { TaskKind::Data })
    }

    /// Lists the tasks that a value names, as often as it names them, those that are nested less deeply first. Names in
    /// task objects that no key has are added to the keys.
    ///
    /// # Errors
    /// What a comparison of keys raises.
    pub fn names(
        &self,
        value: &Bound<'py, PyAny>,
        keys: &mut Keys,
        names: &mut Vec<TaskId>,
        queue: &mut VecDeque<Bound<'py, PyAny>>,
    ) -> PyResult<()> {
        if !is_plain(value)
            && let Ok(dependencies) = value.getattr(pyo3::intern!(value.py(), "dependencies"))
        {
            for key in dependencies.try_iter()? {
                let key = key?;
                let name = keys.find(&key)?;
                names.push(name.unwrap_or_else(|| keys.insert_new(&key)));
            }
            return Ok(());
        }
        self.expand(value, keys, names, queue)?;
        while let Some(value) = queue.pop_front() {
            self.expand(&value, keys, names, queue)?;
        }
        Ok(())
    }

    /// Lists a value if it is a key, and queues what is in it if it is not.
    fn expand(
        &self,
        value: &Bound<'py, PyAny>,
        keys: &mut Keys,
        names: &mut Vec<TaskId>,
        queue: &mut VecDeque<Bound<'py, PyAny>>,
    ) -> PyResult<()> {
        if is_call(value) {
            let Ok(call) = value.cast_exact::<PyTuple>() else { return Ok(()) };
            for item in call.iter_borrowed().skip(1) {
                if queue.is_empty() && is_atom(&item) {
                    names.extend(keys.find(&item)?);
                } else {
                    queue.push_back(item.to_owned());
                }
            }
        } else if let Ok(list) = value.cast_exact::<PyList>() {
            queue.extend(list.iter());
        } else if let Ok(dict) = value.cast_exact::<PyDict>() {
            queue.extend(dict.iter().map(|(_, value)| value));
        } else if !is_plain(value) && self.is_task(value)? {
            queue.extend(value.getattr("dependencies")?.try_iter()?.collect::<PyResult<Vec<_>>>()?);
        } else if !is_plain(value) && is_any(value, &self.references)? {
            names.extend(keys.find(&value.getattr("key")?)?);
        } else {
            match keys.find(value) {
                Ok(name) => names.extend(name),
                Err(error) if error.is_instance_of::<pyo3::exceptions::PyTypeError>(value.py()) => {}
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
