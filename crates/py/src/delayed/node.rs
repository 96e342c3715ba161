//! The node itself: what it holds.

use std::num::NonZeroU32;

use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyDict, PyString, PyTuple};

use super::piece::{Piece, Pieces};
use super::settled;

/// A value that will be computed: a call that was written down, with its arguments.
///
/// Never changes once made, but for its key, which is made when first asked for. Cycles of references always lead
/// through something mutable, which the collector can clear: a node itself is never cleared, like a tuple.
#[pyclass(frozen, weakref, module = "cenote.delayed", name = "Delayed")]
pub struct Delayed {
    pub(super) task: Task,
    pub(super) key: PyOnceLock<Py<PyAny>>,
    pub(super) annotations: Option<Py<PyDict>>,
    length: Length,
    /// Whether equal calls are one call, so that the key is made of the arguments.
    pub(super) pure: bool,
    /// Whether it can be in no cycle of references, so that the collector need not look at it.
    pub(super) settled: bool,
}

/// What a node does.
pub enum Task {
    /// Is a value that `delayed` wrapped; called, it calls the value.
    Leaf { value: Py<PyAny>, pure: Option<bool> },
    /// Is a container with other nodes in it, which `delayed` wrapped.
    Nested { pieces: Pieces, prefix: Py<PyString> },
    /// Is an attribute of another node's result; called, it calls that method.
    Attribute { pieces: Pieces, name: Py<PyString> },
    /// Calls something: the last arguments are passed by `names`.
    Call { func: Py<PyAny>, pieces: Pieces, names: Option<Py<PyTuple>> },
    /// Is one key of a graph that was made elsewhere.
    Graph(Box<Elsewhere>),
}

/// A graph that was made elsewhere: a mapping, a layered graph, another collection's.
pub struct Elsewhere {
    /// The graph; the node's own key is in it.
    pub graph: Py<PyAny>,
    /// The name of the layer that holds the key, where that is not the key itself.
    pub layer: Option<Py<PyAny>>,
    /// The collection that it came from, where there is one.
    pub source: Option<Py<PyAny>>,
}

/// How many items a result has, if somebody said so, in half the room of an `Option<u32>`: there may be millions.
#[derive(Clone, Copy)]
struct Length(Option<NonZeroU32>);

/// What comes with a node beside its task.
#[derive(Default)]
pub struct Traits {
    /// The key that the user chose.
    pub key: Option<Py<PyAny>>,
    /// Whether equal calls are one call.
    pub pure: bool,
    /// How many items its result has.
    pub length: Option<u32>,
    /// The annotations in force when it was made.
    pub annotations: Option<Py<PyDict>>,
    /// Whether what it calls, or is, can be in no cycle of references.
    pub settled: bool,
}

impl Length {
    /// One less than the greatest `u32` stands for that too: no such result fits into memory.
    fn new(length: Option<u32>) -> Self {
        Self(length.and_then(|length| NonZeroU32::new(length.saturating_add(1))))
    }

    fn get(self) -> Option<u32> {
        self.0.map(|next| next.get() - 1)
    }
}

impl Delayed {
    /// A node that does `task`.
    pub fn new(py: Python<'_>, task: Task, traits: Traits) -> Self {
        let Traits { key: chosen, pure, length, annotations, settled } = traits;
        let settled = settled::is_task_settled(py, &task, settled)
            && annotations.is_none()
            && chosen.as_ref().is_none_or(|key| settled::is_key_settled(key.bind(py)));
        let key = PyOnceLock::new();
        if let Some(chosen) = chosen {
            key.set(py, chosen).expect("nobody else has seen the node");
        }
        Self { task, key, annotations, length: Length::new(length), pure, settled }
    }

    /// How many items its result has, if somebody said so.
    pub fn length(&self) -> Option<u32> {
        self.length.get()
    }

    /// The steps that make its arguments.
    pub fn pieces(&self) -> &[Piece] {
        match &self.task {
            Task::Nested { pieces, .. } | Task::Attribute { pieces, .. } | Task::Call { pieces, .. } => pieces,
            Task::Leaf { .. } | Task::Graph(_) => &[],
        }
    }

    /// The nodes that this one needs, in the order of the arguments; one that is named twice comes twice.
    pub fn dependencies(&self) -> impl Iterator<Item = &Py<Delayed>> {
        self.pieces().iter().filter_map(|piece| match piece {
            Piece::Task(task) => Some(task),
            _ => None,
        })
    }

    /// Shows the collector what this node holds.
    pub fn traverse(&self, visit: &PyVisit<'_>) -> Result<(), PyTraverseError> {
        // A key in the making is not seen: it is held by whoever makes it.
        visit.call(&self.annotations)?;
        for piece in self.pieces() {
            piece.traverse(visit)?;
        }
        match &self.task {
            Task::Leaf { value, .. } => visit.call(value),
            Task::Call { func, names, .. } => {
                visit.call(func)?;
                visit.call(names)
            }
            Task::Graph(elsewhere) => {
                visit.call(&elsewhere.graph)?;
                visit.call(&elsewhere.layer)?;
                visit.call(&elsewhere.source)
            }
            Task::Nested { .. } | Task::Attribute { .. } => Ok(()),
        }
    }
}
