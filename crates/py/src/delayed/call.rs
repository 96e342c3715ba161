//! Writes a call down as a node.

use pyo3::exceptions::{PyAttributeError, PyTypeError};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString, PyTuple};

use super::node::{Delayed, Task, Traits};
use super::piece::Piece;
use super::unpack::Unpacker;
use super::{foreign, setting, settled};

/// A call that is about to be written down.
pub struct Call<'a, 'py> {
    /// What will be called.
    pub func: Bound<'py, PyAny>,
    /// The node whose result comes first among the arguments.
    pub receiver: Option<&'a Bound<'py, Delayed>>,
    /// Whether equal calls are one; unless the caller says otherwise, or nobody does and the setting decides.
    pub pure: Option<bool>,
    /// How many items the result has.
    pub length: Option<u32>,
    /// Whether `func` can be in no cycle of references.
    pub settled: bool,
}

impl<'py> Call<'_, 'py> {
    /// The node of this call with these arguments. `pure` and `dask_key_name` among `kwargs` are for us, not for the
    /// function.
    pub fn with(
        self,
        args: &Bound<'py, PyTuple>,
        kwargs: Option<&Bound<'py, PyDict>>,
    ) -> PyResult<Bound<'py, Delayed>> {
        let py = args.py();
        let Self { func, receiver, mut pure, length, settled } = self;
        let mut unpacker = Unpacker::default();
        let keywords = kwargs.map_or(0, PyDictMethods::len);
        unpacker.pieces.reserve_exact(args.len() + usize::from(receiver.is_some()) + keywords);
        if let Some(receiver) = receiver {
            unpacker.pieces.push(Piece::Task(receiver.clone().unbind()));
        }
        for argument in args {
            unpacker.push(argument)?;
        }
        let mut key = None;
        let mut names = None;
        if let Some(kwargs) = kwargs {
            let mut passed = Vec::with_capacity(kwargs.len());
            for (name, value) in kwargs {
                if name.eq(intern!(py, "pure"))? {
                    if !value.is_none() {
                        pure = Some(value.is_truthy()?);
                    }
                } else if name.eq(intern!(py, "dask_key_name"))? {
                    if !value.is_none() {
                        key = Some(checked_key(value)?);
                    }
                } else {
                    passed.push(name);
                    unpacker.push(value)?;
                }
            }
            if !passed.is_empty() {
                names = Some(PyTuple::new(py, passed)?.unbind());
            }
        }
        let pieces = foreign::resolve(py, unpacker)?;
        let pure = match pure {
            Some(pure) => pure,
            None => setting::default_purity(py)?,
        };
        let task = Task::Call { func: func.unbind(), pieces: pieces.into(), names };
        let traits = Traits { key, pure, length, annotations: setting::annotations(py)?, settled };
        settled::track(py, Delayed::new(py, task, traits))
    }
}

/// The node of a pure call of `func` with arguments in this order.
pub fn pure_call<'py>(func: Bound<'py, PyAny>, args: [Bound<'py, PyAny>; 2]) -> PyResult<Bound<'py, Delayed>> {
    let py = func.py();
    Call { func, receiver: None, pure: Some(true), length: None, settled: true }.with(&PyTuple::new(py, args)?, None)
}

/// The node of an attribute of a node's result.
pub fn attribute<'py>(owner: &Bound<'py, Delayed>, name: &Bound<'py, PyString>) -> PyResult<Bound<'py, Delayed>> {
    let py = owner.py();
    let pieces = vec![Piece::Task(owner.clone().unbind())].into();
    let task = Task::Attribute { pieces, name: name.clone().unbind() };
    let traits = Traits { pure: true, annotations: setting::annotations(py)?, ..Traits::default() };
    settled::track(py, Delayed::new(py, task, traits))
}

/// A key that a user chose: anything hashable.
pub fn checked_key(key: Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
    if key.hash().is_err() {
        let told = format!("the key {} is unhashable: choose a string, a number or a tuple of them", key.repr()?);
        return Err(PyTypeError::new_err(told));
    }
    Ok(key.unbind())
}

/// The few private names that a node answers to, by what it is.
pub fn private<'py>(node: &Bound<'py, Delayed>, name: &str) -> PyResult<Bound<'py, PyAny>> {
    let py = node.py();
    let this = node.get();
    match (&this.task, name) {
        (Task::Leaf { value, .. }, "__name__" | "__qualname__" | "__module__") => value.bind(py).getattr(name),
        (Task::Leaf { value, .. }, "__wrapped__" | "_obj") => Ok(value.bind(py).clone()),
        (Task::Leaf { pure, .. }, "_pure") => Ok(pure.into_pyobject(py)?.into_any()),
        (Task::Leaf { .. }, "_nout") => Ok(this.length().into_pyobject(py)?.into_any()),
        (Task::Attribute { name, .. }, "_attr") => Ok(name.bind(py).clone().into_any()),
        (Task::Attribute { .. }, "_obj") => {
            Ok(this.dependencies().next().expect("an attribute has an owner").bind(py).clone().into_any())
        }
        _ => Err(PyAttributeError::new_err(format!("Attribute {name} not found"))),
    }
}
