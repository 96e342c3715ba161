//! What Python sees of a node: calls, operators, attributes, the collection protocol.

use pyo3::basic::CompareOp;
use pyo3::exceptions::{PyAttributeError, PyTypeError, PyUserWarning, PyValueError};
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyDict, PyIterator, PyList, PyString, PyTuple};

use super::call::{self, Call, attribute, checked_key};
use super::graph::DelayedGraph;
use super::method::MethodCaller;
use super::node::{Delayed, Elsewhere, Task, Traits};
use super::operator::{Operator, power};
use super::{key, record, setting};

type Node<'py> = PyResult<Bound<'py, Delayed>>;

#[expect(clippy::unused_self, reason = "Python passes it, whether or not what refuses looks at it")]
#[pymethods]
impl Delayed {
    #[new]
    #[pyo3(signature = (key, dsk, length=None, layer=None, *, source=None))]
    fn from_graph<'py>(
        key: Bound<'py, PyAny>,
        dsk: Bound<'py, PyAny>,
        length: Option<u32>,
        layer: Option<Bound<'py, PyAny>>,
        source: Option<Bound<'py, PyAny>>,
    ) -> PyResult<Self> {
        let py = key.py();
        let name = layer.as_ref().unwrap_or(&key);
        // A graph of our own answers for each of its nodes, but is none of its layers' names.
        if !dsk.is_instance_of::<DelayedGraph>()
            && let Some(layers) = dsk.getattr_opt(intern!(py, "layers"))?
            && !layers.contains(name)?
        {
            let layers = py.get_type::<PyList>().call1((layers,))?.repr()?;
            return Err(PyValueError::new_err(format!(
                "Layer {name} not in the HighLevelGraph's layers: {layers}; pass layer= the name of the one that has it"
            )));
        }
        let elsewhere =
            Elsewhere { graph: dsk.unbind(), layer: layer.map(Bound::unbind), source: source.map(Bound::unbind) };
        let traits = Traits { key: Some(checked_key(key)?), length, ..Traits::default() };
        Ok(Self::new(py, Task::Graph(Box::new(elsewhere)), traits))
    }

    /// A node that is a value which was computed before.
    #[staticmethod]
    fn _holding<'py>(key: Bound<'py, PyAny>, value: Bound<'py, PyAny>, length: Option<u32>) -> Node<'py> {
        let py = key.py();
        let traits = Traits { key: Some(checked_key(key)?), length, ..Traits::default() };
        Bound::new(py, Self::new(py, Task::Leaf { value: value.unbind(), pure: None }, traits))
    }

    /// The key of this node's result, made when it is first asked for.
    #[getter]
    fn key<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        key::of(slf)
    }

    #[getter]
    fn _key<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        key::of(slf)
    }

    #[getter]
    fn _length(&self) -> Option<u32> {
        self.length()
    }

    #[getter]
    fn _annotations(&self, py: Python<'_>) -> Option<Py<PyDict>> {
        self.annotations.as_ref().map(|annotations| annotations.clone_ref(py))
    }

    /// The graph: a mapping from key to task.
    #[getter]
    fn dask<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        let py = slf.py();
        match &slf.get().task {
            Task::Graph(elsewhere) => Ok(elsewhere.graph.bind(py).clone()),
            _ => Ok(Bound::new(py, DelayedGraph::of(vec![slf.clone().unbind()]))?.into_any()),
        }
    }

    fn __dask_graph__<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        Self::dask(slf)
    }

    fn __dask_keys__<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyList>> {
        PyList::new(slf.py(), [key::of(slf)?])
    }

    fn __dask_layers__<'py>(slf: &Bound<'py, Self>) -> PyResult<(Bound<'py, PyAny>,)> {
        match &slf.get().task {
            Task::Graph(elsewhere) if let Some(layer) = &elsewhere.layer => Ok((layer.bind(slf.py()).clone(),)),
            _ => Ok((key::of(slf)?,)),
        }
    }

    fn __dask_tokenize__<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        match &slf.get().task {
            Task::Graph(elsewhere) if let Some(source) = &elsewhere.source => {
                let py = slf.py();
                let token = source.bind(py).getattr_opt(intern!(py, "__dask_tokenize__"))?;
                token.map_or_else(|| key::of(slf), |token| token.call0())
            }
            _ => key::of(slf),
        }
    }

    #[staticmethod]
    #[pyo3(signature = (*_instance))]
    fn __dask_postcompute__<'py>(py: Python<'py>, _instance: &Bound<'py, PyTuple>) -> PyResult<Bound<'py, PyAny>> {
        protocol(py, intern!(py, "postcompute"))?.call0()
    }

    fn __dask_postpersist__<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        let py = slf.py();
        protocol(py, intern!(py, "postpersist"))?.call1((slf,))
    }

    /// The class that `isinstance` goes by: Dask's where Dask is loaded, whose collections test for it. The type stays
    /// ours, so that an object of it is an instance of both.
    #[getter]
    fn __class__<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        Ok(match setting::delayed_class(slf.py())? {
            Some(theirs) => theirs.clone(),
            None => slf.get_type().into_any(),
        })
    }

    #[getter]
    fn __dask_optimize__<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        protocol(slf.py(), intern!(slf.py(), "shared_optimizer"))?.call0()
    }

    /// Computes the value.
    ///
    /// Parameters
    /// ----------
    /// **kwargs
    ///     As of :func:`cenote.compute`.
    ///
    /// Returns
    /// -------
    /// object
    ///     What the call returns.
    ///
    /// Examples
    /// --------
    /// >>> from cenote import delayed
    /// >>> delayed(sum)([1, 2]).compute()
    /// 3
    #[pyo3(signature = (**kwargs))]
    fn compute<'py>(slf: &Bound<'py, Self>, kwargs: Option<&Bound<'py, PyDict>>) -> PyResult<Bound<'py, PyAny>> {
        let py = slf.py();
        through_base(slf, intern!(py, "compute"), kwargs)?.get_item(0)
    }

    /// Computes the value, and returns a Delayed that holds it (on a cluster: that will hold it).
    ///
    /// Parameters
    /// ----------
    /// **kwargs
    ///     As of :func:`cenote.persist`.
    ///
    /// Returns
    /// -------
    /// Delayed
    #[pyo3(signature = (**kwargs))]
    fn persist<'py>(slf: &Bound<'py, Self>, kwargs: Option<&Bound<'py, PyDict>>) -> PyResult<Bound<'py, PyAny>> {
        let py = slf.py();
        through_base(slf, intern!(py, "persist"), kwargs)?.get_item(0)
    }

    /// Draws the graph.
    ///
    /// Parameters
    /// ----------
    /// **kwargs
    ///     As of :func:`cenote.visualize`; ``filename`` may come by position.
    #[pyo3(signature = (*args, **kwargs))]
    fn visualize<'py>(
        slf: &Bound<'py, Self>,
        args: &Bound<'py, PyTuple>,
        kwargs: Option<&Bound<'py, PyDict>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let py = slf.py();
        let kwargs = kwargs.map_or_else(|| Ok(PyDict::new(py)), PyDictMethods::copy)?;
        for (name, value) in ["filename", "format", "optimize_graph"].iter().zip(args) {
            kwargs.set_item(name, value)?;
        }
        base(py)?.getattr(intern!(py, "visualize"))?.call((slf,), Some(&kwargs))
    }

    fn __await__<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        base(slf.py())?.call_method1("awaited", (slf,))
    }

    #[pyo3(signature = (*args, **kwargs))]
    fn __call__<'py>(
        slf: &Bound<'py, Self>,
        args: &Bound<'py, PyTuple>,
        kwargs: Option<&Bound<'py, PyDict>>,
    ) -> Node<'py> {
        let py = slf.py();
        let this = slf.get();
        let call = match &this.task {
            Task::Leaf { value, pure } => Call {
                func: value.bind(py).clone(),
                receiver: None,
                pure: *pure,
                length: this.length(),
                settled: this.settled,
            },
            Task::Attribute { name, .. } => {
                let func = Bound::new(py, MethodCaller::new(name.clone_ref(py)))?.into_any();
                let owner = this.dependencies().next().expect("an attribute has an owner").bind(py);
                return Call { func, receiver: Some(owner), pure: None, length: None, settled: true }
                    .with(args, kwargs);
            }
            _ => Call {
                func: Operator::Call.function(py)?,
                receiver: Some(slf),
                pure: None,
                length: None,
                settled: true,
            },
        };
        call.with(args, kwargs)
    }

    fn __getattr__<'py>(slf: &Bound<'py, Self>, name: &Bound<'py, PyString>) -> PyResult<Bound<'py, PyAny>> {
        let py = slf.py();
        let text = name.to_cow()?;
        if text.starts_with('_') {
            return call::private(slf, &text);
        }
        if let Task::Attribute { name: own, .. } = &slf.get().task
            && text == "dtype"
            && own.bind(py).eq("dtype")
        {
            // NumPy asks an object without end for the dtype of its dtype.
            return Err(PyAttributeError::new_err("a dtype has no attribute dtype"));
        }
        if text == "visualise" {
            let told = c"dask.delayed objects have no `visualise` method. Perhaps you meant `visualize`?";
            PyErr::warn(py, &py.get_type::<PyUserWarning>(), told, 1)?;
        }
        Ok(attribute(slf, name)?.into_any())
    }

    fn __setattr__(&self, _name: &Bound<'_, PyAny>, _value: &Bound<'_, PyAny>) -> PyResult<()> {
        Err(immutable())
    }

    fn __delattr__(&self, _name: &Bound<'_, PyAny>) -> PyResult<()> {
        Err(immutable())
    }

    fn __setitem__(&self, _index: &Bound<'_, PyAny>, _value: &Bound<'_, PyAny>) -> PyResult<()> {
        Err(immutable())
    }

    fn __delitem__(&self, _index: &Bound<'_, PyAny>) -> PyResult<()> {
        Err(immutable())
    }

    fn __getitem__<'py>(slf: Bound<'py, Self>, index: Bound<'py, PyAny>) -> Node<'py> {
        Operator::Getitem.between(slf, index)
    }

    fn __iter__<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyIterator>> {
        let py = slf.py();
        let length = slf.get().length().ok_or_else(|| unmeasured("are not iterable"))?;
        let items = (0..length).map(|index| {
            Operator::Getitem.between(slf.clone(), index.into_pyobject(py).expect("an integer converts").into_any())
        });
        PyList::new(py, items.collect::<PyResult<Vec<_>>>()?)?.try_iter()
    }

    fn __len__(&self) -> PyResult<usize> {
        Ok(self.length().ok_or_else(|| unmeasured("have no len()"))? as usize)
    }

    fn __bool__(&self) -> PyResult<bool> {
        Err(PyTypeError::new_err("the truth of Delayed objects is not supported: compute it first"))
    }

    fn __hash__(slf: &Bound<'_, Self>) -> PyResult<isize> {
        key::of(slf)?.hash()
    }

    fn __richcmp__<'py>(slf: Bound<'py, Self>, other: Bound<'py, PyAny>, op: CompareOp) -> Node<'py> {
        let operator = match op {
            CompareOp::Lt => Operator::Lt,
            CompareOp::Le => Operator::Le,
            CompareOp::Eq => Operator::Eq,
            CompareOp::Ne => Operator::Ne,
            CompareOp::Gt => Operator::Gt,
            CompareOp::Ge => Operator::Ge,
        };
        operator.between(slf, other)
    }

    fn __abs__<'py>(slf: &Bound<'py, Self>) -> Node<'py> {
        Operator::Abs.on(slf)
    }

    fn __neg__<'py>(slf: &Bound<'py, Self>) -> Node<'py> {
        Operator::Neg.on(slf)
    }

    fn __pos__<'py>(slf: &Bound<'py, Self>) -> Node<'py> {
        Operator::Pos.on(slf)
    }

    fn __invert__<'py>(slf: &Bound<'py, Self>) -> Node<'py> {
        Operator::Invert.on(slf)
    }

    fn __add__<'py>(slf: Bound<'py, Self>, other: Bound<'py, PyAny>) -> Node<'py> {
        Operator::Add.between(slf, other)
    }

    fn __radd__<'py>(slf: Bound<'py, Self>, other: Bound<'py, PyAny>) -> Node<'py> {
        Operator::Add.between(other, slf)
    }

    fn __sub__<'py>(slf: Bound<'py, Self>, other: Bound<'py, PyAny>) -> Node<'py> {
        Operator::Sub.between(slf, other)
    }

    fn __rsub__<'py>(slf: Bound<'py, Self>, other: Bound<'py, PyAny>) -> Node<'py> {
        Operator::Sub.between(other, slf)
    }

    fn __mul__<'py>(slf: Bound<'py, Self>, other: Bound<'py, PyAny>) -> Node<'py> {
        Operator::Mul.between(slf, other)
    }

    fn __rmul__<'py>(slf: Bound<'py, Self>, other: Bound<'py, PyAny>) -> Node<'py> {
        Operator::Mul.between(other, slf)
    }

    fn __floordiv__<'py>(slf: Bound<'py, Self>, other: Bound<'py, PyAny>) -> Node<'py> {
        Operator::Floordiv.between(slf, other)
    }

    fn __rfloordiv__<'py>(slf: Bound<'py, Self>, other: Bound<'py, PyAny>) -> Node<'py> {
        Operator::Floordiv.between(other, slf)
    }

    fn __truediv__<'py>(slf: Bound<'py, Self>, other: Bound<'py, PyAny>) -> Node<'py> {
        Operator::Truediv.between(slf, other)
    }

    fn __rtruediv__<'py>(slf: Bound<'py, Self>, other: Bound<'py, PyAny>) -> Node<'py> {
        Operator::Truediv.between(other, slf)
    }

    fn __mod__<'py>(slf: Bound<'py, Self>, other: Bound<'py, PyAny>) -> Node<'py> {
        Operator::Mod.between(slf, other)
    }

    fn __rmod__<'py>(slf: Bound<'py, Self>, other: Bound<'py, PyAny>) -> Node<'py> {
        Operator::Mod.between(other, slf)
    }

    fn __lshift__<'py>(slf: Bound<'py, Self>, other: Bound<'py, PyAny>) -> Node<'py> {
        Operator::Lshift.between(slf, other)
    }

    fn __rlshift__<'py>(slf: Bound<'py, Self>, other: Bound<'py, PyAny>) -> Node<'py> {
        Operator::Lshift.between(other, slf)
    }

    fn __rshift__<'py>(slf: Bound<'py, Self>, other: Bound<'py, PyAny>) -> Node<'py> {
        Operator::Rshift.between(slf, other)
    }

    fn __rrshift__<'py>(slf: Bound<'py, Self>, other: Bound<'py, PyAny>) -> Node<'py> {
        Operator::Rshift.between(other, slf)
    }

    fn __and__<'py>(slf: Bound<'py, Self>, other: Bound<'py, PyAny>) -> Node<'py> {
        Operator::And.between(slf, other)
    }

    fn __rand__<'py>(slf: Bound<'py, Self>, other: Bound<'py, PyAny>) -> Node<'py> {
        Operator::And.between(other, slf)
    }

    fn __or__<'py>(slf: Bound<'py, Self>, other: Bound<'py, PyAny>) -> Node<'py> {
        Operator::Or.between(slf, other)
    }

    fn __ror__<'py>(slf: Bound<'py, Self>, other: Bound<'py, PyAny>) -> Node<'py> {
        Operator::Or.between(other, slf)
    }

    fn __xor__<'py>(slf: Bound<'py, Self>, other: Bound<'py, PyAny>) -> Node<'py> {
        Operator::Xor.between(slf, other)
    }

    fn __rxor__<'py>(slf: Bound<'py, Self>, other: Bound<'py, PyAny>) -> Node<'py> {
        Operator::Xor.between(other, slf)
    }

    fn __matmul__<'py>(slf: Bound<'py, Self>, other: Bound<'py, PyAny>) -> Node<'py> {
        Operator::Matmul.between(slf, other)
    }

    fn __rmatmul__<'py>(slf: Bound<'py, Self>, other: Bound<'py, PyAny>) -> Node<'py> {
        Operator::Matmul.between(other, slf)
    }

    fn __pow__<'py>(slf: Bound<'py, Self>, other: Bound<'py, PyAny>, modulo: Option<Bound<'py, PyAny>>) -> Node<'py> {
        power([slf.into_any(), other], modulo)
    }

    fn __rpow__<'py>(slf: Bound<'py, Self>, other: Bound<'py, PyAny>, modulo: Option<Bound<'py, PyAny>>) -> Node<'py> {
        power([other, slf.into_any()], modulo)
    }

    fn __get__<'py>(
        slf: Bound<'py, Self>,
        instance: Bound<'py, PyAny>,
        _owner: Option<Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        static METHOD: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
        if instance.is_none() {
            return Ok(slf.into_any());
        }
        METHOD.import(slf.py(), "types", "MethodType")?.call1((slf, instance))
    }

    fn __dir__<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyList>> {
        slf.get_type().as_any().dir()
    }

    fn __repr__(slf: &Bound<'_, Self>) -> PyResult<String> {
        Ok(format!("Delayed({})", key::of(slf)?.repr()?))
    }

    fn __reduce__<'py>(slf: &Bound<'py, Self>) -> PyResult<(Bound<'py, PyAny>, (Bound<'py, PyList>,))> {
        let restore = slf.py().import("cenote._native")?.getattr("restore_delayed")?;
        Ok((restore, (record::records(slf)?,)))
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        self.traverse(&visit)
    }
}

fn immutable() -> PyErr {
    PyTypeError::new_err("Delayed objects are immutable")
}

fn unmeasured(what: &str) -> PyErr {
    PyTypeError::new_err(format!("Delayed objects of unspecified length {what}: say nout= when calling delayed"))
}

/// The module of functions on collections.
fn base(py: Python<'_>) -> PyResult<Bound<'_, PyAny>> {
    Ok(py.import(intern!(py, "cenote.base"))?.into_any())
}

/// A function of the protocol's Python side.
fn protocol<'py>(py: Python<'py>, name: &Bound<'py, PyString>) -> PyResult<Bound<'py, PyAny>> {
    py.import(intern!(py, "cenote.delayed"))?.getattr(name)
}

fn through_base<'py>(
    node: &Bound<'py, Delayed>,
    name: &Bound<'py, PyString>,
    kwargs: Option<&Bound<'py, PyDict>>,
) -> PyResult<Bound<'py, PyAny>> {
    let py = node.py();
    let all = kwargs.map_or_else(|| Ok(PyDict::new(py)), PyDictMethods::copy)?;
    all.set_item(intern!(py, "traverse"), false)?;
    base(py)?.getattr(name)?.call((node,), Some(&all))
}
