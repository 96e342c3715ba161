//! The arguments of a call, flat: a program whose steps push a value, push a task's result, or build a container.
//!
//! `f([a, 1], (b,))` is `Task(a) Value(1) List(2) Task(b) Tuple(1)`: after the last step one entry an argument is left.
//! So no depth of nesting costs stack, whether arguments are read, run, walked or freed.

use std::cell::RefCell;
use std::ops::Deref;

use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList, PySet, PyTuple};

use super::node::Delayed;

/// One step of the program.
pub enum Piece {
    /// Pushes a value as it is.
    Value(Py<PyAny>),
    /// Pushes the result of another node.
    Task(Py<Delayed>),
    /// Pushes a result that is known to a cluster only: the object is a future, or a reference to a key.
    Reference(Py<PyAny>),
    /// Replaces that many entries by what they build.
    Build(Shape, u32),
}

/// What entries are built into.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Shape {
    /// A list of them.
    List,
    /// A tuple of them.
    Tuple,
    /// A set of them.
    Set,
    /// A dict of keys and values in turn.
    Dict,
    /// What the first returns, called with the others: a slice, a named tuple.
    Call,
    /// The same, with a tuple of names as the last entry, by which the arguments are passed: a dataclass.
    Named,
}

impl Shape {
    /// Every shape, in the order of the variants.
    pub const ALL: [Self; 6] = [Self::List, Self::Tuple, Self::Set, Self::Dict, Self::Call, Self::Named];

    /// The object itself, of `items`.
    pub fn of<'py>(self, py: Python<'py>, mut items: Vec<Bound<'py, PyAny>>) -> PyResult<Bound<'py, PyAny>> {
        Ok(match self {
            Self::List => PyList::new(py, items)?.into_any(),
            Self::Tuple => PyTuple::new(py, items)?.into_any(),
            Self::Set => PySet::new(py, items)?.into_any(),
            Self::Dict => {
                let dict = PyDict::new(py);
                for pair in items.chunks_exact(2) {
                    dict.set_item(&pair[0], &pair[1])?;
                }
                dict.into_any()
            }
            Self::Call => items.remove(0).call1(PyTuple::new(py, items)?)?,
            Self::Named => {
                let class = items.remove(0);
                class.call((), Some(&named(items)?))?
            }
        })
    }
}

/// The entries of [`Shape::Named`] but the class, as a dict by name.
///
/// # Panics
/// When there are no entries: there are always names.
pub fn named(mut items: Vec<Bound<'_, PyAny>>) -> PyResult<Bound<'_, PyDict>> {
    let names = items.pop().expect("the names come last").cast_into::<PyTuple>()?;
    let fields = PyDict::new(names.py());
    for (name, value) in names.iter().zip(items) {
        fields.set_item(name, value)?;
    }
    Ok(fields)
}

impl Piece {
    /// Shows the collector what this step holds.
    pub fn traverse(&self, visit: &PyVisit<'_>) -> Result<(), PyTraverseError> {
        match self {
            Self::Value(object) | Self::Reference(object) => visit.call(object),
            Self::Task(task) => visit.call(task),
            Self::Build(..) => Ok(()),
        }
    }
}

/// A whole program, which frees what it holds without recursion: a chain of a million nodes costs no stack.
pub struct Pieces(Box<[Piece]>);

thread_local! {
    /// The nodes that are to be let go, while somebody further up the stack is letting go of nodes.
    static DOOMED: RefCell<Option<Vec<Py<Delayed>>>> = const { RefCell::new(None) };
}

impl From<Vec<Piece>> for Pieces {
    fn from(pieces: Vec<Piece>) -> Self {
        Self(pieces.into_boxed_slice())
    }
}

impl Deref for Pieces {
    type Target = [Piece];

    fn deref(&self) -> &[Piece] {
        &self.0
    }
}

impl Drop for Pieces {
    fn drop(&mut self) {
        let pieces = Vec::from(std::mem::take(&mut self.0));
        // No borrow outlives a line: letting go of an object may run a finalizer, which may free nodes in its turn.
        let outermost = DOOMED.with_borrow_mut(|doomed| doomed.is_none() && doomed.insert(Vec::new()).is_empty());
        for piece in pieces {
            if let Piece::Task(task) = piece {
                DOOMED.with_borrow_mut(|doomed| doomed.get_or_insert_default().push(task));
            }
        }
        if outermost {
            while let Some(task) = DOOMED.with_borrow_mut(|doomed| doomed.as_mut().and_then(Vec::pop)) {
                drop(task);
            }
            DOOMED.set(None);
        }
    }
}

/// How a program becomes objects: what stands for a task, and how containers are made of such stand-ins.
pub trait Builder<'py> {
    /// What stands for the result of `task`.
    fn task(&mut self, task: &Bound<'py, Delayed>) -> PyResult<Bound<'py, PyAny>>;
    /// What stands for a future, or for a reference to a key.
    fn reference(&mut self, object: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>>;
    /// A builtin container of `items`.
    fn container(
        &mut self,
        py: Python<'py>,
        shape: Shape,
        items: Vec<Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyAny>>;
}

/// Runs the program: one entry an argument.
pub fn build<'py>(
    py: Python<'py>,
    pieces: &[Piece],
    builder: &mut impl Builder<'py>,
) -> PyResult<Vec<Bound<'py, PyAny>>> {
    let mut stack: Vec<Bound<'py, PyAny>> = Vec::with_capacity(pieces.len().min(64));
    for piece in pieces {
        let entry = match piece {
            Piece::Value(value) => value.bind(py).clone(),
            Piece::Task(task) => builder.task(task.bind(py))?,
            Piece::Reference(object) => builder.reference(object.bind(py))?,
            Piece::Build(shape, count) => {
                let items = stack.split_off(stack.len() - *count as usize);
                builder.container(py, *shape, items)?
            }
        };
        stack.push(entry);
    }
    Ok(stack)
}
