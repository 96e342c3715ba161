//! Calls a method by name: what a delayed method call runs.

use std::borrow::Cow;

use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString, PyTuple, PyType};

/// Calls the method of that name of its first argument.
///
/// Examples
/// --------
/// >>> from cenote.delayed import MethodCaller
/// >>> MethodCaller("count")([1, 2, 1], 1)
/// 2
#[pyclass(frozen, module = "cenote.delayed", name = "MethodCaller")]
pub struct MethodCaller {
    /// The name of the method.
    #[pyo3(get)]
    method: Py<PyString>,
}

impl MethodCaller {
    /// The name of the method, if it is a name that UTF-8 can spell.
    pub fn name<'a>(&'a self, py: Python<'a>) -> Option<Cow<'a, str>> {
        self.method.to_cow(py).ok()
    }
}

#[pymethods]
impl MethodCaller {
    #[new]
    pub fn new(method: Py<PyString>) -> Self {
        Self { method }
    }

    #[pyo3(signature = (owner, /, *args, **kwargs))]
    fn __call__<'py>(
        &self,
        owner: &Bound<'py, PyAny>,
        args: &Bound<'py, PyTuple>,
        kwargs: Option<&Bound<'py, PyDict>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        owner.getattr(self.method.bind(owner.py()))?.call(args, kwargs)
    }

    #[getter]
    fn __name__(&self, py: Python<'_>) -> Py<PyString> {
        self.method.clone_ref(py)
    }

    fn __eq__(&self, other: &Bound<'_, PyAny>) -> PyResult<bool> {
        let Ok(other) = other.cast::<Self>() else { return Ok(false) };
        other.get().method.bind(other.py()).as_any().eq(&self.method)
    }

    fn __hash__(&self, py: Python<'_>) -> PyResult<isize> {
        self.method.bind(py).hash()
    }

    fn __repr__(&self, py: Python<'_>) -> PyResult<String> {
        Ok(format!("MethodCaller({})", self.method.bind(py).repr()?))
    }

    fn __reduce__<'py>(&self, py: Python<'py>) -> (Bound<'py, PyType>, (Py<PyString>,)) {
        (py.get_type::<Self>(), (self.method.clone_ref(py),))
    }
}
