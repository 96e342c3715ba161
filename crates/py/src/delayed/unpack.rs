//! Reads the arguments of a call: finds the nodes in them, at any depth, and takes containers as they are now.

use pyo3::exceptions::{PyRecursionError, PyTypeError, PyValueError};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{
    PyBool, PyBytes, PyCFunction, PyComplex, PyDict, PyFloat, PyFunction, PyInt, PyList, PySet, PySlice, PyString,
    PyTuple, PyType,
};

use super::node::Delayed;
use super::piece::{Piece, Shape};

/// Reads arguments into pieces.
#[derive(Default)]
pub struct Unpacker<'py> {
    /// The program so far.
    pub pieces: Vec<Piece>,
    /// Collections of other libraries that were met, each as often as it was; they stand in the program as values.
    pub foreign: Vec<Bound<'py, PyAny>>,
    open: Vec<Open<'py>>,
}

/// A container that is being read.
struct Open<'py> {
    container: Bound<'py, PyAny>,
    items: Items<'py>,
    next: usize,
    /// Where its pieces begin.
    start: usize,
    /// Whether a node was found in it.
    found: bool,
    /// Whether the container was an iterator, so that what is left of it is this list.
    drained: Option<Bound<'py, PyList>>,
    build: Build<'py>,
}

/// What an object turned out to be.
enum Opened {
    /// A container, of which the items are to be read.
    Container,
    /// A future, or a reference to a key.
    Reference,
    /// Anything else.
    Value,
}

enum Items<'py> {
    List(Bound<'py, PyList>),
    Tuple(Bound<'py, PyTuple>),
}

/// What a container is built as, once a node was found in it.
enum Build<'py> {
    Shape(Shape),
    /// The class is pushed ahead of the items.
    Called(Bound<'py, PyAny>),
    /// The same, and the fields are passed by these names.
    Dataclass(Bound<'py, PyTuple>),
}

impl<'py> Unpacker<'py> {
    /// Reads one argument: afterwards the program leaves one more entry.
    pub fn push(&mut self, argument: Bound<'py, PyAny>) -> PyResult<()> {
        let base = self.open.len();
        self.read(argument)?;
        while self.open.len() > base {
            let open = self.open.last_mut().expect("the loop runs while containers are open");
            let item = match &open.items {
                Items::List(list) => list.get_item(open.next).ok(),
                Items::Tuple(tuple) => tuple.get_item(open.next).ok(),
            };
            open.next += 1;
            match item {
                Some(item) => self.read(item)?,
                None => self.close()?,
            }
        }
        Ok(())
    }

    /// Reads one object: writes a step, or opens a container.
    fn read(&mut self, object: Bound<'py, PyAny>) -> PyResult<()> {
        if let Ok(task) = object.cast_exact::<Delayed>() {
            self.found();
            self.pieces.push(Piece::Task(task.clone().unbind()));
        } else if is_plain(&object) {
            self.pieces.push(Piece::Value(object.unbind()));
        } else {
            match self.open(&object)? {
                Opened::Container => {}
                Opened::Reference => self.pieces.push(Piece::Reference(object.unbind())),
                Opened::Value => self.pieces.push(Piece::Value(object.unbind())),
            }
        }
        Ok(())
    }

    fn found(&mut self) {
        if let Some(open) = self.open.last_mut() {
            open.found = true;
        }
    }

    /// Opens the container that `object` is; says what it is.
    fn open(&mut self, object: &Bound<'py, PyAny>) -> PyResult<Opened> {
        let py = object.py();
        let mut drained = None;
        let (items, build) = if let Ok(list) = object.cast_exact::<PyList>() {
            (Items::List(list.clone()), Build::Shape(Shape::List))
        } else if let Ok(tuple) = object.cast_exact::<PyTuple>() {
            (Items::Tuple(tuple.clone()), Build::Shape(Shape::Tuple))
        } else if let Ok(dict) = object.cast_exact::<PyDict>() {
            let mut flat = Vec::with_capacity(2 * dict.len());
            for (key, value) in dict {
                flat.extend([key, value]);
            }
            (Items::List(PyList::new(py, flat)?), Build::Shape(Shape::Dict))
        } else if let Ok(set) = object.cast_exact::<PySet>() {
            (Items::Tuple(PyTuple::new(py, set.iter().collect::<Vec<_>>())?), Build::Shape(Shape::Set))
        } else if let Ok(slice) = object.cast_exact::<PySlice>() {
            let names = [intern!(py, "start"), intern!(py, "stop"), intern!(py, "step")];
            let bounds = names.map(|name| slice.getattr(name)).into_iter().collect::<PyResult<Vec<_>>>()?;
            (Items::Tuple(PyTuple::new(py, bounds)?), Build::Called(py.get_type::<PySlice>().into_any()))
        } else if is_iterator(object)? {
            let list = object.py().get_type::<PyList>().call1((object,))?.cast_into::<PyList>()?;
            drained = Some(list.clone());
            (Items::List(list), Build::Shape(Shape::List))
        } else if is_reference(object)? {
            self.found();
            return Ok(Opened::Reference);
        } else if is_foreign(object)? {
            self.found();
            self.foreign.push(object.clone());
            return Ok(Opened::Value);
        } else if let Some((names, values)) = dataclass_fields(object)? {
            (Items::Tuple(values), Build::Dataclass(names))
        } else if let Some(tuple) = named_tuple(object)? {
            (Items::Tuple(tuple), Build::Called(object.get_type().into_any()))
        } else {
            return Ok(Opened::Value);
        };
        if self.open.iter().any(|open| open.container.is(object)) {
            return Err(PyRecursionError::new_err("a container that contains itself cannot be an argument"));
        }
        let start = self.pieces.len();
        match &build {
            Build::Shape(_) => {}
            Build::Called(class) => self.pieces.push(Piece::Value(class.clone().unbind())),
            Build::Dataclass(_) => self.pieces.push(Piece::Value(object.get_type().into_any().unbind())),
        }
        self.open.push(Open { container: object.clone(), items, next: 0, start, found: false, drained, build });
        Ok(Opened::Container)
    }

    /// Ends the innermost container: without a node in it, it is a value, and a list is copied, since it is taken as it
    /// was at the call.
    fn close(&mut self) -> PyResult<()> {
        let open = self.open.pop().expect("a container is open");
        if !open.found {
            let items = self.pieces.split_off(open.start);
            let value = match (open.drained, &open.build) {
                (Some(list), _) => list.into_any(),
                (None, Build::Shape(Shape::List)) => {
                    let values = items.into_iter().filter_map(|piece| match piece {
                        Piece::Value(value) => Some(value),
                        _ => None,
                    });
                    PyList::new(open.container.py(), values.collect::<Vec<_>>())?.into_any()
                }
                (None, _) => open.container,
            };
            self.pieces.push(Piece::Value(value.unbind()));
            return Ok(());
        }
        self.found();
        let count = u32::try_from(open.next - 1).map_err(|_| PyValueError::new_err("a container is too long"))?;
        let build = match open.build {
            Build::Shape(shape) => Piece::Build(shape, count),
            Build::Called(_) => Piece::Build(Shape::Call, count + 1),
            Build::Dataclass(names) => {
                ensure_replaceable(&open.container, &names)?;
                self.pieces.push(Piece::Value(names.into_any().unbind()));
                Piece::Build(Shape::Named, count + 2)
            }
        };
        self.pieces.push(build);
        Ok(())
    }
}

/// Whether `object` is of a type that certainly holds no node: the common ones, by one comparison each.
fn is_plain(object: &Bound<'_, PyAny>) -> bool {
    object.is_none()
        || object.is_exact_instance_of::<PyInt>()
        || object.is_exact_instance_of::<PyString>()
        || object.is_exact_instance_of::<PyFloat>()
        || object.is_exact_instance_of::<PyBool>()
        || object.is_exact_instance_of::<PyBytes>()
        || object.is_exact_instance_of::<PyComplex>()
        || object.is_exact_instance_of::<PyFunction>()
        || object.is_exact_instance_of::<PyCFunction>()
        || object.is_instance_of::<PyType>()
}

/// Whether `object` is an iterator over a list, tuple or set: it is read like a list.
fn is_iterator(object: &Bound<'_, PyAny>) -> PyResult<bool> {
    static TYPES: PyOnceLock<[Py<PyAny>; 3]> = PyOnceLock::new();
    let py = object.py();
    let types = TYPES.get_or_try_init(py, || {
        let kind = |value: Bound<'_, PyAny>| value.try_iter().map(|iter| iter.get_type().into_any().unbind());
        PyResult::Ok([
            kind(PyList::empty(py).into_any())?,
            kind(PyTuple::empty(py).into_any())?,
            kind(PySet::empty(py)?.into_any())?,
        ])
    })?;
    let kind = object.get_type();
    Ok(types.iter().any(|iterator| kind.is(iterator)))
}

/// Whether `object` stands for a result that is held elsewhere: a reference to a key, or a future.
pub fn is_reference(object: &Bound<'_, PyAny>) -> PyResult<bool> {
    match object.getattr_opt(intern!(object.py(), "__dask_future__"))? {
        Some(flag) => flag.is_truthy(),
        None => super::setting::is_task_reference(object),
    }
}

/// Whether `object` is a collection of another library.
pub fn is_foreign(object: &Bound<'_, PyAny>) -> PyResult<bool> {
    let py = object.py();
    if object.getattr_opt(intern!(py, "__dask_graph__"))?.is_none_or(|method| !method.is_callable()) {
        return Ok(false);
    }
    super::foreign::is_collection(object)
}

/// The names and values of the fields that are set, where `object` is an instance of a dataclass.
fn dataclass_fields<'py>(object: &Bound<'py, PyAny>) -> PyResult<Option<(Bound<'py, PyTuple>, Bound<'py, PyTuple>)>> {
    let py = object.py();
    if object.get_type().getattr_opt(intern!(py, "__dataclass_fields__"))?.is_none() {
        return Ok(None);
    }
    let (mut names, mut values) = (Vec::new(), Vec::new());
    for field in py.import(intern!(py, "dataclasses"))?.call_method1(intern!(py, "fields"), (object,))?.try_iter()? {
        let name = field?.getattr(intern!(py, "name"))?.cast_into::<PyString>()?;
        if let Some(value) = object.getattr_opt(&name)? {
            names.push(name);
            values.push(value);
        }
    }
    Ok(Some((PyTuple::new(py, names)?, PyTuple::new(py, values)?)))
}

/// `object` as a plain tuple, where it is a named one.
fn named_tuple<'py>(object: &Bound<'py, PyAny>) -> PyResult<Option<Bound<'py, PyTuple>>> {
    let py = object.py();
    let Ok(tuple) = object.cast::<PyTuple>() else { return Ok(None) };
    if object.getattr_opt(intern!(py, "_fields"))?.is_none() {
        return Ok(None);
    }
    Ok(Some(tuple.get_slice(0, tuple.len())))
}

/// A dataclass is made anew from its fields when its tasks have run: says now, and why, if it cannot be.
fn ensure_replaceable(object: &Bound<'_, PyAny>, names: &Bound<'_, PyTuple>) -> PyResult<()> {
    let py = object.py();
    let fields = PyDict::new(py);
    for name in names {
        fields.set_item(&name, object.getattr(name.cast::<PyString>()?)?)?;
    }
    let replace = py.import(intern!(py, "dataclasses"))?.getattr(intern!(py, "replace"))?;
    let Err(error) = replace.call((object,), Some(&fields)) else { return Ok(()) };
    let class = object.get_type().qualname()?;
    let undeclared = error.to_string().contains("init=False");
    let told = if error.is_instance_of::<PyValueError>(py) || undeclared {
        PyValueError::new_err(format!(
            "cannot take the instance of {class} apart: fields declared with `init=False` are not supported; \
             pass its fields as arguments of their own"
        ))
    } else if error.is_instance_of::<PyTypeError>(py) {
        PyTypeError::new_err(format!(
            "cannot take the instance of {class} apart: a custom __init__ is not supported; \
             pass its fields as arguments of their own"
        ))
    } else {
        return Err(error);
    };
    told.set_cause(py, Some(error));
    Err(told)
}
