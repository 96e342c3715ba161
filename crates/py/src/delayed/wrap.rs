//! The function `delayed`.

use pyo3::exceptions::PyValueError;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyFunction, PyInt, PyIterator};

use super::call::checked_key;
use super::node::{Delayed, Elsewhere, Task, Traits};
use super::piece::Piece;
use super::unpack::{Unpacker, is_foreign, is_reference};
use super::{foreign, setting, settled};

/// An argument that may be left out, which None is not.
pub enum Argument<'py> {
    /// It was given.
    Given(Bound<'py, PyAny>),
    /// It was left out.
    Missing,
}

impl<'py> FromPyObject<'_, 'py> for Argument<'py> {
    type Error = PyErr;

    fn extract(object: Borrowed<'_, 'py, PyAny>) -> PyResult<Self> {
        Ok(Self::Given(object.to_owned()))
    }
}

/// Wraps a function or an object, so that what is done with it is written down instead of done.
///
/// Calling a wrapped function gives a :class:`Delayed`, and so do operators, indexing, attributes and methods of one.
/// Nothing runs until ``compute``.
///
/// Parameters
/// ----------
/// obj : object
///     The function, or any other object. Lists, tuples, sets, dicts, slices, dataclasses and named tuples are searched
///     for Delayed objects, at any depth. A Delayed is returned as it is. Left out, a decorator with the other
///     parameters is returned.
/// name : hashable, optional
///     The key of the wrapped object itself: equal keys mean equal objects. For the key of a call, pass
///     ``dask_key_name=`` to the call.
/// pure : bool, optional
///     Whether equal calls of this function are one and the same: their key is then made of the arguments, not at
///     random. By default what the setting ``delayed_pure`` says, at the time of the call; else no.
/// nout : int, optional
///     How many items a call returns: the Delayed of the call can then be unpacked into as many.
/// traverse : bool, default True
///     Whether to search ``obj`` for Delayed objects.
///
/// Returns
/// -------
/// Delayed
///
/// Raises
/// ------
/// ValueError
///     If ``nout`` is not a non-negative integer.
///
/// Examples
/// --------
/// >>> from cenote import delayed
/// >>> @delayed
/// ... def add(a, b):
/// ...     return a + b
/// >>> total = add(1, add(2, 3))
/// >>> total.compute()
/// 6
/// >>> (total * 2).compute()
/// 12
///
/// Calls that are pure have the same key when they are equal:
///
/// >>> @delayed(pure=True)
/// ... def double(x):
/// ...     return 2 * x
/// >>> double(1).key == double(1).key
/// True
///
/// >>> quotient, remainder = delayed(divmod, nout=2)(7, 2)
/// >>> (quotient + remainder).compute()
/// 4
#[expect(clippy::doc_markdown, reason = "Python documentation")]
#[pyfunction]
#[pyo3(
    signature = (obj=Argument::Missing, name=None, pure=None, nout=None, traverse=true),
    text_signature = "(obj=..., name=None, pure=None, nout=None, traverse=True)"
)]
pub fn delayed<'py>(
    py: Python<'py>,
    obj: Argument<'py>,
    name: Option<Bound<'py, PyAny>>,
    pure: Option<bool>,
    nout: Option<Bound<'py, PyAny>>,
    traverse: bool,
) -> PyResult<Bound<'py, PyAny>> {
    let Argument::Given(object) = obj else { return decorator(py, name, pure, nout, traverse) };
    if object.is_exact_instance_of::<Delayed>() {
        return Ok(object);
    }
    let length = nout.map(|nout| checked_length(&nout)).transpose()?;
    let mut key = name.map(checked_key).transpose()?;
    let task = if object.is_exact_instance_of::<PyFunction>() {
        Task::Leaf { value: object.unbind(), pure }
    } else if is_reference(&object)? {
        let own = object.getattr(intern!(py, "key"))?;
        let graph = PyDict::new(py);
        graph.set_item(&own, &object)?;
        key = Some(own.unbind());
        Task::Graph(Box::new(Elsewhere { graph: graph.into_any().unbind(), layer: None, source: None }))
    } else if traverse || is_foreign(&object)? {
        searched(object, pure)?
    } else {
        Task::Leaf { value: object.unbind(), pure }
    };
    let by_content = match pure {
        Some(pure) => pure,
        None => setting::default_purity(py)?,
    };
    let settled = match &task {
        Task::Leaf { value, .. } => settled::is_settled(value.bind(py))?,
        _ => false,
    };
    let traits = Traits { key, pure: by_content, length, annotations: setting::annotations(py)?, settled };
    Ok(settled::track(py, Delayed::new(py, task, traits))?.into_any())
}

/// What a wrapped object does: it is a value, unless there are nodes in it.
fn searched(object: Bound<'_, PyAny>, pure: Option<bool>) -> PyResult<Task> {
    let py = object.py();
    let class =
        if object.is_instance_of::<PyIterator>() { intern!(py, "list").clone() } else { object.get_type().name()? };
    let mut unpacker = Unpacker::default();
    unpacker.push(object)?;
    let mut pieces = foreign::resolve(py, unpacker)?;
    if let [Piece::Value(_)] = pieces[..]
        && let Some(Piece::Value(value)) = pieces.pop()
    {
        return Ok(Task::Leaf { value, pure });
    }
    Ok(Task::Nested { pieces: pieces.into(), prefix: class.unbind() })
}

/// `delayed` with everything but the object.
fn decorator<'py>(
    py: Python<'py>,
    name: Option<Bound<'py, PyAny>>,
    pure: Option<bool>,
    nout: Option<Bound<'py, PyAny>>,
    traverse: bool,
) -> PyResult<Bound<'py, PyAny>> {
    let given = PyDict::new(py);
    given.set_item(intern!(py, "name"), name)?;
    given.set_item(intern!(py, "pure"), pure)?;
    given.set_item(intern!(py, "nout"), nout)?;
    given.set_item(intern!(py, "traverse"), traverse)?;
    let function = py.import("cenote.delayed")?.getattr(intern!(py, "delayed"))?;
    py.import("functools")?.getattr(intern!(py, "partial"))?.call((function,), Some(&given))
}

/// A number of results that a user gave.
pub fn checked_length(nout: &Bound<'_, PyAny>) -> PyResult<u32> {
    if nout.is_exact_instance_of::<PyInt>()
        && let Ok(length) = nout.extract::<u32>()
    {
        return Ok(length);
    }
    Err(PyValueError::new_err(format!("nout must be None or a non-negative integer, got {}", nout.repr()?)))
}
