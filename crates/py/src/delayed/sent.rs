//! Task objects on their way to another process: the calls that make them there.

use pyo3::PyTraverseError;
use pyo3::gc::PyVisit;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple};

/// Pickles as the call of a class. What arrives is the object.
///
/// Task objects of Dask's pickle as the list of their attributes, which takes longer, and would have to be made first.
#[pyclass(frozen, module = "cenote._native")]
pub struct SentCall {
    kind: Py<PyAny>,
    args: Py<PyTuple>,
}

impl SentCall {
    /// The call of `kind`, as an object.
    pub fn written<'py>(
        kind: Bound<'py, PyAny>,
        args: Bound<'py, PyTuple>,
        kwargs: Option<&Bound<'py, PyDict>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let py = kind.py();
        let kind = match kwargs {
            Some(kwargs) if !kwargs.is_empty() => {
                py.import(intern!(py, "functools"))?.getattr(intern!(py, "partial"))?.call((kind,), Some(kwargs))?
            }
            _ => kind,
        };
        Ok(Bound::new(py, Self { kind: kind.unbind(), args: args.unbind() })?.into_any())
    }
}

#[pymethods]
impl SentCall {
    fn __reduce__(&self, py: Python<'_>) -> (Py<PyAny>, Py<PyTuple>) {
        (self.kind.clone_ref(py), self.args.clone_ref(py))
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.kind)?;
        visit.call(&self.args)
    }
}
