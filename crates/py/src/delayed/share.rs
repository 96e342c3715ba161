//! Which nodes are one task: those under one key, and pure calls that are equal.
//!
//! The keys of pure calls say which are equal, but cost a hash, in Python, of everything that is passed. So calls whose
//! arguments are numbers, strings, functions and other nodes are known by a hash of 128 bits of these, and need no keys.

use std::hash::{DefaultHasher, Hash, Hasher};

use cenote_core::graph::TaskId;
use hashbrown::HashMap;
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyCFunction, PyDict, PyFloat, PyFunction, PyInt, PyString, PyType};
use rustc_hash::FxBuildHasher;

use super::key;
use super::method::MethodCaller;
use super::node::{Delayed, Task};
use super::piece::Piece;
use super::walk::Walked;

/// The tasks so far that other nodes may be equal to.
pub struct Shared<'py> {
    by_key: Bound<'py, PyDict>,
    by_digest: HashMap<Digest, TaskId, FxBuildHasher>,
}

/// A node that is not a task yet, and what it will be known by.
pub struct Fresh {
    key: Option<Py<PyAny>>,
    digest: Option<Digest>,
}

/// What stands for a pure call: equal calls have equal ones, and others, for all practical purposes, do not.
type Digest = (u64, u64);

/// The tasks that nodes became.
pub struct Places {
    /// The nodes.
    pub walked: Walked,
    /// Their tasks, by place: those of the nodes so far.
    pub tasks: Vec<TaskId>,
}

impl Places {
    /// No tasks yet.
    pub fn new(walked: Walked) -> Self {
        Self { tasks: vec![TaskId(u32::MAX); walked.nodes.len()], walked }
    }

    /// The task that a node has become.
    pub fn of(&self, node: &Py<Delayed>) -> TaskId {
        self.tasks[self.walked.place(node).expect("a node's dependencies were met before it") as usize]
    }
}

impl<'py> Shared<'py> {
    /// Nothing yet.
    pub fn new(py: Python<'py>) -> Self {
        Self { by_key: PyDict::new(py), by_digest: HashMap::default() }
    }

    /// The task that `node` is, if another node has become it already.
    ///
    /// # Errors
    /// What making the key of a pure call raises, and what comparing keys does.
    pub fn find(&self, node: &Bound<'py, Delayed>, places: &Places) -> PyResult<Result<TaskId, Fresh>> {
        let py = node.py();
        let this = node.get();
        let digest = if this.pure { digest(py, this, places) } else { None };
        if let Some(digest) = &digest
            && let Some(&task) = self.by_digest.get(digest)
        {
            return Ok(Ok(task));
        }
        if this.pure && digest.is_none() {
            key::of(node)?;
        }
        let key = this.key.get(py).map(|key| key.clone_ref(py));
        if let Some(key) = &key
            && let Some(task) = self.by_key.get_item(key)?
        {
            return Ok(Ok(TaskId(task.extract()?)));
        }
        Ok(Err(Fresh { key, digest }))
    }

    /// Remembers what a node became.
    ///
    /// # Errors
    /// What comparing keys raises.
    pub fn remember(&mut self, fresh: Fresh, task: TaskId) -> PyResult<()> {
        if let Some(key) = fresh.key {
            self.by_key.set_item(key, task.0)?;
        }
        if let Some(digest) = fresh.digest {
            self.by_digest.insert(digest, task);
        }
        Ok(())
    }
}

/// Takes in the parts of a call, each with what sort of part it is.
struct Digester(DefaultHasher, DefaultHasher);

impl Digester {
    fn new() -> Self {
        let mut second = DefaultHasher::new();
        second.write_u8(1);
        Self(DefaultHasher::new(), second)
    }

    fn add(&mut self, part: &impl Hash) {
        part.hash(&mut self.0);
        part.hash(&mut self.1);
    }

    fn finish(&self) -> Digest {
        (self.0.finish(), self.1.finish())
    }
}

/// Sorts of parts.
#[derive(Hash)]
enum Part<'a> {
    Kind(u8),
    Task(TaskId),
    /// An object that equals none but itself: a function, a class, None, True, False.
    Identity(usize),
    Method(&'a str),
    Int(i64),
    /// The bits of a float.
    Float(u64),
    Text(&'a str),
    Build(u8, u32),
}

/// The digest of a pure node, unless something in it is not compared so easily.
fn digest(py: Python<'_>, node: &Delayed, places: &Places) -> Option<Digest> {
    let mut digester = Digester::new();
    match &node.task {
        Task::Leaf { value, .. } => {
            digester.add(&Part::Kind(0));
            add_value(&mut digester, value.bind(py))?;
        }
        Task::Attribute { name, .. } => {
            digester.add(&Part::Kind(1));
            add_value(&mut digester, name.bind(py))?;
        }
        Task::Nested { .. } => digester.add(&Part::Kind(2)),
        Task::Call { func, names, .. } => {
            digester.add(&Part::Kind(3));
            for name in names.iter().flat_map(|names| names.bind(py)) {
                add_value(&mut digester, &name)?;
            }
            add_function(&mut digester, func.bind(py))?;
        }
        Task::Graph(_) => return None,
    }
    for piece in node.pieces() {
        match piece {
            Piece::Value(value) => add_value(&mut digester, value.bind(py))?,
            Piece::Task(task) => digester.add(&Part::Task(places.of(task))),
            Piece::Reference(_) => return None,
            Piece::Build(shape, count) => digester.add(&Part::Build(*shape as u8, *count)),
        }
    }
    Some(digester.finish())
}

fn add_function(digester: &mut Digester, func: &Bound<'_, PyAny>) -> Option<()> {
    match func.cast_exact::<MethodCaller>() {
        Ok(method) => {
            digester.add(&Part::Method(&method.get().name(func.py())?));
            Some(())
        }
        Err(_) => add_identity(digester, func),
    }
}

fn add_identity(digester: &mut Digester, object: &Bound<'_, PyAny>) -> Option<()> {
    let itself = object.is_none()
        || object.is_exact_instance_of::<PyBool>()
        || object.is_exact_instance_of::<PyFunction>()
        || object.is_exact_instance_of::<PyCFunction>()
        || object.is_instance_of::<PyType>();
    itself.then(|| digester.add(&Part::Identity(object.as_ptr() as usize)))
}

fn add_value(digester: &mut Digester, value: &Bound<'_, PyAny>) -> Option<()> {
    if value.is_exact_instance_of::<PyInt>() {
        digester.add(&Part::Int(value.extract().ok()?));
    } else if let Ok(float) = value.cast_exact::<PyFloat>() {
        digester.add(&Part::Float(float.value().to_bits()));
    } else if let Ok(text) = value.cast_exact::<PyString>() {
        digester.add(&Part::Text(&text.to_cow().ok()?));
    } else {
        add_identity(digester, value)?;
    }
    Some(())
}
