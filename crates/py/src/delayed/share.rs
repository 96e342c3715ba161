//! Which nodes are one task: those under one key, and pure calls that are equal.
//!
//! The keys of pure calls say which are equal, but cost a hash of everything that is passed. So calls whose arguments
//! are numbers, short strings, functions and other nodes are compared part by part, and need no keys.

use hashbrown::HashMap;
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyCFunction, PyDict, PyFloat, PyFunction, PyInt, PyString, PyType};
use rustc_hash::FxBuildHasher;

use cenote_core::graph::TaskId;

use super::key;
use super::method::MethodCaller;
use super::node::{Delayed, Task};
use super::piece::{Piece, Shape};

/// The longest string, in bytes, that is compared as a part.
const TEXT_MAX: usize = 256;

/// The tasks so far that other nodes may be equal to.
pub struct Shared<'py> {
    by_key: Bound<'py, PyDict>,
    by_parts: HashMap<Box<[Part]>, TaskId, FxBuildHasher>,
}

/// A node that is not a task yet, and what it will be known by.
pub struct Fresh {
    key: Option<Py<PyAny>>,
    parts: Option<Box<[Part]>>,
}

/// A part of a pure call.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Part {
    Leaf,
    Attribute,
    Nested,
    Call,
    Task(TaskId),
    /// An object that equals none but itself: a function, a class, None, True, False.
    Identity(usize),
    Method(Box<str>),
    Int(i64),
    /// The bits of a float.
    Float(u64),
    Text(Box<str>),
    Build(Shape, u32),
}

/// The tasks that nodes became, by address.
pub type Places = HashMap<usize, TaskId, FxBuildHasher>;

impl<'py> Shared<'py> {
    /// Nothing yet.
    pub fn new(py: Python<'py>) -> Self {
        Self { by_key: PyDict::new(py), by_parts: HashMap::default() }
    }

    /// The task that `node` is, if another node has become it already.
    ///
    /// # Errors
    /// What making the key of a pure call raises, and what comparing keys does.
    pub fn find(&self, node: &Bound<'py, Delayed>, places: &Places) -> PyResult<Result<TaskId, Fresh>> {
        let py = node.py();
        let this = node.get();
        let mut parts = None;
        if this.pure {
            parts = parts_of(py, this, places);
            match &parts {
                None => drop(key::of(node)?),
                Some(parts) => {
                    if let Some(&task) = self.by_parts.get(parts) {
                        return Ok(Ok(task));
                    }
                }
            }
        }
        let key = this.key.get(py).map(|key| key.clone_ref(py));
        if let Some(key) = &key
            && let Some(task) = self.by_key.get_item(key)?
        {
            return Ok(Ok(TaskId(task.extract()?)));
        }
        Ok(Err(Fresh { key, parts }))
    }

    /// Remembers what a node became.
    ///
    /// # Errors
    /// What comparing keys raises.
    pub fn remember(&mut self, fresh: Fresh, task: TaskId) -> PyResult<()> {
        if let Some(key) = fresh.key {
            self.by_key.set_item(key, task.0)?;
        }
        if let Some(parts) = fresh.parts {
            self.by_parts.insert(parts, task);
        }
        Ok(())
    }
}

/// The parts of a pure node, unless something in it is not compared so easily.
fn parts_of(py: Python<'_>, node: &Delayed, places: &Places) -> Option<Box<[Part]>> {
    let mut parts = Vec::with_capacity(node.pieces().len() + 2);
    match &node.task {
        Task::Leaf { value, .. } => parts.extend([Part::Leaf, value_part(value.bind(py))?]),
        Task::Attribute { name, .. } => parts.extend([Part::Attribute, value_part(name.bind(py))?]),
        Task::Nested { .. } => parts.push(Part::Nested),
        Task::Call { func, names, .. } => {
            parts.push(Part::Call);
            if let Some(names) = names {
                for name in names.bind(py) {
                    parts.push(value_part(&name)?);
                }
            }
            parts.push(function_part(func.bind(py))?);
        }
        Task::Graph(_) => return None,
    }
    for piece in node.pieces() {
        parts.push(match piece {
            Piece::Value(value) => value_part(value.bind(py))?,
            Piece::Task(task) => Part::Task(*places.get(&(task.as_ptr() as usize))?),
            Piece::Build(shape, count) => Part::Build(*shape, *count),
        });
    }
    Some(parts.into_boxed_slice())
}

fn function_part(func: &Bound<'_, PyAny>) -> Option<Part> {
    match func.cast_exact::<MethodCaller>() {
        Ok(method) => Some(Part::Method(method.get().name(func.py())?.into())),
        Err(_) => identity_part(func),
    }
}

fn identity_part(object: &Bound<'_, PyAny>) -> Option<Part> {
    let itself = object.is_none()
        || object.is_exact_instance_of::<PyBool>()
        || object.is_exact_instance_of::<PyFunction>()
        || object.is_exact_instance_of::<PyCFunction>()
        || object.is_instance_of::<PyType>();
    itself.then(|| Part::Identity(object.as_ptr() as usize))
}

fn value_part(value: &Bound<'_, PyAny>) -> Option<Part> {
    if value.is_exact_instance_of::<PyInt>() {
        value.extract().ok().map(Part::Int)
    } else if let Ok(float) = value.cast_exact::<PyFloat>() {
        Some(Part::Float(float.value().to_bits()))
    } else if let Ok(text) = value.cast_exact::<PyString>() {
        let text = text.to_cow().ok()?;
        (text.len() <= TEXT_MAX).then(|| Part::Text(text.into()))
    } else {
        identity_part(value)
    }
}
