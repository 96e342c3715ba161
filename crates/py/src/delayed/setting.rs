//! What is in force around a call: the default purity, the annotations, and whether Dask is loaded and says otherwise.

use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyDict, PyString};

/// A module, once it is loaded by somebody else; looking costs one dictionary access until then.
pub fn loaded<'py>(py: Python<'py>, name: &Bound<'py, PyString>) -> PyResult<Option<Bound<'py, PyAny>>> {
    static MODULES: PyOnceLock<Py<PyDict>> = PyOnceLock::new();
    let modules = MODULES
        .get_or_try_init(py, || PyResult::Ok(py.import("sys")?.getattr("modules")?.cast_into::<PyDict>()?.unbind()))?;
    modules.bind(py).get_item(name)
}

/// The setting `delayed_pure`, as `cenote.config.get` finds it: what was set here, else what Dask says where it is
/// loaded, else the lower levels.
pub fn default_purity(py: Python<'_>) -> PyResult<bool> {
    static MODULE: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    let ours = MODULE.get_or_try_init(py, || PyResult::Ok(py.import("cenote.config")?.into_any().unbind()))?.bind(py);
    // Dask's module may be half loaded, on another thread.
    if let Some(theirs) = loaded(py, intern!(py, "dask.config"))?
        && let Some(theirs) = theirs.getattr_opt(intern!(py, "config"))?
        && let Some(pure) = purity_in(&theirs)?
    {
        return Ok(purity_in(&ours.getattr(intern!(py, "_explicit"))?)?.unwrap_or(pure));
    }
    Ok(purity_in(&ours.getattr(intern!(py, "config"))?)?.unwrap_or(false))
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
    let variable = OURS.import(py, "cenote.annotations", "current")?;
    let ours = variable.call_method0(intern!(py, "get"))?;
    let theirs = match loaded(py, intern!(py, "dask.base"))? {
        Some(module) => match module.getattr_opt(intern!(py, "_annotations"))? {
            Some(variable) => Some(variable.call_method0(intern!(py, "get"))?),
            None => None,
        },
        None => None,
    };
    let mut found: Option<Bound<'_, PyDict>> = None;
    for source in [theirs, Some(ours)].into_iter().flatten() {
        if source.is_none() || source.is_empty()? {
            continue;
        }
        let merged = match found.take() {
            Some(merged) => merged,
            None => PyDict::new(py),
        };
        merged.update(source.cast::<pyo3::types::PyMapping>()?)?;
        found = Some(merged);
    }
    Ok(found.map(Bound::unbind))
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
