//! Tracebacks without Cenote's own frames: a user sees the line that asked for a run, and then the line that failed.

use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString, PyTraceback, PyTuple};

/// A function that stands in no traceback.
#[pyclass(frozen, dict, module = "cenote._native")]
pub struct Frameless {
    function: Py<PyAny>,
}

/// Wraps a function of this package: what it raises loses the entries of the package's own frames that lead to the
/// first frame of somebody else. An exception without such a frame keeps them all.
///
/// # Errors
/// When the object is no function.
#[pyfunction]
pub fn frameless<'py>(function: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    let py = function.py();
    let wrapper = Bound::new(py, Frameless { function: function.clone().unbind() })?;
    py.import(pyo3::intern!(py, "functools"))?.call_method1(pyo3::intern!(py, "update_wrapper"), (wrapper, function))
}

#[pymethods]
impl Frameless {
    #[pyo3(signature = (*args, **kwargs))]
    fn __call__<'py>(
        &self,
        py: Python<'py>,
        args: &Bound<'py, PyTuple>,
        kwargs: Option<&Bound<'py, PyDict>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        self.function.bind(py).call(args, kwargs).inspect_err(|error| {
            // A traceback that cannot be shortened is better than another error in its place.
            let _: PyResult<()> = shorten(py, error);
        })
    }

    /// As a method: bound to the object that it is looked up on.
    fn __get__<'py>(
        slf: Bound<'py, Self>,
        object: Option<&Bound<'py, PyAny>>,
        _class: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let py = slf.py();
        match object.filter(|object| !object.is_none()) {
            None => Ok(slf.into_any()),
            Some(object) => {
                let method = py.import(pyo3::intern!(py, "types"))?.getattr(pyo3::intern!(py, "MethodType"))?;
                method.call1((slf, object))
            }
        }
    }

    fn __repr__(&self, py: Python<'_>) -> PyResult<String> {
        Ok(self.function.bind(py).repr()?.to_string())
    }

    /// Pickled by its name, as a function is.
    fn __reduce__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        self.function.bind(py).getattr(pyo3::intern!(py, "__qualname__"))
    }
}

fn shorten(py: Python<'_>, error: &PyErr) -> PyResult<()> {
    let package = py.import(pyo3::intern!(py, "cenote"))?.getattr(pyo3::intern!(py, "__path__"))?.get_item(0)?;
    let package = package.cast_into::<PyString>()?;
    let mut entry = error.traceback(py);
    while let Some(traceback) = entry {
        if !is_of(&traceback, package.to_str()?)? {
            error.set_traceback(py, Some(traceback));
            return Ok(());
        }
        entry = traceback.getattr(pyo3::intern!(py, "tb_next"))?.extract()?;
    }
    Ok(())
}

/// Whether the entry's frame runs code of a file below `package`.
fn is_of(traceback: &Bound<'_, PyTraceback>, package: &str) -> PyResult<bool> {
    let py = traceback.py();
    let code = traceback.getattr(pyo3::intern!(py, "tb_frame"))?.getattr(pyo3::intern!(py, "f_code"))?;
    let file = code.getattr(pyo3::intern!(py, "co_filename"))?.cast_into::<PyString>()?;
    Ok(file.to_str()?.strip_prefix(package).is_some_and(|rest| rest.starts_with(['/', '\\'])))
}
