//! What is in force around a call: the default purity, the annotations, and whether Dask is loaded and says otherwise.

use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyDict, PyMapping, PyString};

use super::node::Delayed;
use crate::raw;

/// A module, once it is loaded by somebody else; looking costs one dictionary access until then.
pub fn loaded<'py>(py: Python<'py>, name: &Bound<'py, PyString>) -> PyResult<Option<Bound<'py, PyAny>>> {
    static MODULES: PyOnceLock<Py<PyDict>> = PyOnceLock::new();
    let modules = MODULES
        .get_or_try_init(py, || PyResult::Ok(py.import("sys")?.getattr("modules")?.cast_into::<PyDict>()?.unbind()))?;
    modules.bind(py).get_item(name)
}

/// An object of a module that stays the same once the module is there, and is looked for on every call until then.
struct Fixed(PyOnceLock<Py<PyAny>>);

impl Fixed {
    const fn new() -> Self {
        Self(PyOnceLock::new())
    }

    /// The object, if its module is loaded. The module may be half loaded, on another thread.
    fn find<'a, 'py>(
        &'a self,
        py: Python<'py>,
        module: &Bound<'py, PyString>,
        name: &Bound<'py, PyString>,
    ) -> PyResult<Option<&'a Bound<'py, PyAny>>> {
        if let Some(found) = self.0.get(py) {
            return Ok(Some(found.bind(py)));
        }
        let Some(module) = loaded(py, module)? else { return Ok(None) };
        let Some(found) = module.getattr_opt(name)? else { return Ok(None) };
        Ok(Some(self.0.get_or_init(py, || found.unbind()).bind(py)))
    }
}

/// The setting `delayed_pure`, as `cenote.config.get` finds it: what was set here, else what Dask says where it is
/// loaded, else the lower levels. Stores of settings are changed in place and never replaced.
pub fn default_purity(py: Python<'_>) -> PyResult<bool> {
    static OURS: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    static EXPLICIT: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    static THEIRS: Fixed = Fixed::new();
    if let Some(theirs) = THEIRS.find(py, intern!(py, "dask.config"), intern!(py, "config"))?
        && let Some(pure) = purity_in(theirs)?
    {
        return Ok(purity_in(EXPLICIT.import(py, "cenote.config", "_explicit")?)?.unwrap_or(pure));
    }
    Ok(purity_in(OURS.import(py, "cenote.config", "config")?)?.unwrap_or(false))
}

fn purity_in(config: &Bound<'_, PyAny>) -> PyResult<Option<bool>> {
    let py = config.py();
    let config = config.cast::<PyDict>()?;
    for name in [intern!(py, "delayed_pure"), intern!(py, "delayed-pure")] {
        if let Some(value) = config.get_item(name)? {
            return value.is_truthy().map(Some);
        }
    }
    Ok(None)
}

/// The annotations in force, those of Dask's `annotate` among them; none is the rule.
pub fn annotations(py: Python<'_>) -> PyResult<Option<Py<PyDict>>> {
    static OURS: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    static THEIRS: Fixed = Fixed::new();
    let ours = raw::context_value(OURS.import(py, "cenote.annotations", "current")?)?;
    let theirs = match THEIRS.find(py, intern!(py, "dask.base"), intern!(py, "_annotations"))? {
        Some(variable) => raw::context_value(variable)?,
        None => None,
    };
    let mut found: Option<Bound<'_, PyDict>> = None;
    for source in [theirs, ours].into_iter().flatten() {
        if source.is_none() || source.is_empty()? {
            continue;
        }
        let merged = found.take().unwrap_or_else(|| PyDict::new(py));
        merged.update(source.cast::<PyMapping>()?)?;
        found = Some(merged);
    }
    Ok(found.map(Bound::unbind))
}

/// Dask's class of delayed values, where Dask is loaded and the class is not ours under an alias.
pub fn delayed_class(py: Python<'_>) -> PyResult<Option<&Bound<'_, PyAny>>> {
    static THEIRS: Fixed = Fixed::new();
    let found = THEIRS.find(py, intern!(py, "dask.delayed"), intern!(py, "Delayed"))?;
    Ok(found.filter(|class| !class.is(py.get_type::<Delayed>())))
}

/// Whether `object` is one of Dask's references to a key, which its futures are too.
pub fn is_task_reference(object: &Bound<'_, PyAny>) -> PyResult<bool> {
    let py = object.py();
    let Some(module) = loaded(py, intern!(py, "dask._task_spec"))? else { return Ok(false) };
    match module.getattr_opt(intern!(py, "TaskRef"))? {
        Some(class) => object.is_instance(&class),
        None => Ok(false),
    }
}

/// The module of task classes that graphs made now should use, and whether it is Dask's.
pub fn task_classes(py: Python<'_>) -> PyResult<(Bound<'_, PyAny>, bool)> {
    match loaded(py, intern!(py, "dask._task_spec"))? {
        Some(module) if module.hasattr(intern!(py, "TaskRef"))? => Ok((module, true)),
        _ => Ok((py.import("cenote.task_spec")?.into_any(), false)),
    }
}
