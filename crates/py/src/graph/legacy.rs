//! The dict of tuples: keys stand for results, tuples that begin with a callable are calls, containers are searched.

use cenote_core::graph::TaskId;
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyFloat, PyFrozenSet, PyInt, PyList, PySet, PyString, PyTuple, PyType};

use super::op::Build;
use super::parser::{Makes, Parser, Rules};

impl<'py> Parser<'py> {
    /// Reads `item` where a key or a tuple may mean something.
    pub(super) fn legacy(&mut self, item: &Bound<'py, PyAny>, rules: Rules) -> PyResult<()> {
        if let Ok(tuple) = item.cast_exact::<PyTuple>() {
            self.tuple(tuple);
            return Ok(());
        }
        if is_atom(item) {
            match self.keys.find(item)? {
                Some(task) => self.builder.push_result(task),
                None => self.value(item),
            }
            return Ok(());
        }
        if let Ok(list) = item.cast_exact::<PyList>() {
            self.open(list.to_tuple(), 0, Rules::Legacy, Makes::Container(Build::List), None);
            return Ok(());
        }
        if let Ok(dict) = item.cast_exact::<PyDict>() {
            return self.dict(dict, rules);
        }
        if let Some(class) = self.classes.of(item) {
            return self.node(item, class);
        }
        self.other(item)
    }

    fn tuple(&mut self, tuple: &Bound<'py, PyTuple>) {
        if let Ok(first) = tuple.get_borrowed_item(0)
            && first.is_callable()
        {
            let function = first.to_owned();
            let makes = Makes::Always(Build::Call);
            self.open(tuple.clone(), 1, Rules::Arguments, makes, Some(&function));
            return;
        }
        match self.find_hashable(tuple.as_any()) {
            Some(task) => self.builder.push_result(task),
            None => self.open(tuple.clone(), 0, Rules::Legacy, Makes::Container(Build::Tuple), None),
        }
    }

    /// A dict is not searched for keys; as an argument of a call it is copied, so that a call that changes its argument
    /// does not change the graph. Task objects and references that are its values do mean something.
    fn dict(&mut self, dict: &Bound<'py, PyDict>, rules: Rules) -> PyResult<()> {
        if rules != Rules::Arguments {
            self.value(dict.as_any());
            return Ok(());
        }
        if dict.values().iter().any(|value| self.classes.of(&value).is_some()) {
            let items: Vec<_> = dict.iter().flat_map(|(key, value)| [key, value]).collect();
            let items = PyTuple::new(self.py, items)?;
            self.open(items, 0, Rules::Objects, Makes::Always(Build::Dict), None);
        } else {
            self.value(dict.as_any());
            self.builder.push_build(Build::Copy, 1);
        }
        Ok(())
    }

    /// An object of a type that graphs are not full of: a subclass of a type that means something, a future, a value.
    fn other(&mut self, item: &Bound<'py, PyAny>) -> PyResult<()> {
        if item.is_instance_of::<PyInt>() || item.is_instance_of::<PyFloat>() || item.is_instance_of::<PyString>() {
            match self.find_hashable(item) {
                Some(task) => self.builder.push_result(task),
                None => self.value(item),
            }
            return Ok(());
        }
        if let Ok(tuple) = item.cast::<PyTuple>() {
            if let Some(task) = self.find_hashable(item) {
                self.builder.push_result(task);
                return Ok(());
            }
            return self.tuple_subclass(item, tuple);
        }
        let build = if item.is_instance_of::<PyList>() {
            Build::List
        } else if item.is_instance_of::<PySet>() {
            Build::Set
        } else if item.is_instance_of::<PyFrozenSet>() {
            Build::FrozenSet
        } else {
            return self.future_or_value(item);
        };
        let items = item.try_iter()?.collect::<PyResult<Vec<_>>>()?;
        let items = PyTuple::new(self.py, items)?;
        if item.cast_exact::<PySet>().is_ok() || item.cast_exact::<PyFrozenSet>().is_ok() {
            self.open(items, 0, Rules::Legacy, Makes::Container(build), None);
        } else {
            let kind = item.get_type();
            let makes = Makes::Subclass(Build::Cast, item.clone());
            self.open(items, 0, Rules::Legacy, makes, Some(kind.as_any()));
        }
        Ok(())
    }

    /// A named tuple is made anew by a call with its fields, another subclass by a call with one tuple.
    fn tuple_subclass(&mut self, item: &Bound<'py, PyAny>, tuple: &Bound<'py, PyTuple>) -> PyResult<()> {
        let kind = item.get_type();
        let named = item.hasattr(pyo3::intern!(self.py, "_fields"))?;
        let items = if named && let Some(arguments) = item.getattr_opt(pyo3::intern!(self.py, "__getnewargs__"))? {
            arguments.call0()?.cast_into::<PyTuple>()?
        } else {
            PyTuple::new(self.py, tuple.iter())?
        };
        let build = if named { Build::Call } else { Build::Cast };
        let makes = Makes::Subclass(build, item.clone());
        self.open(items, 0, Rules::Legacy, makes, Some(kind.as_any()));
        Ok(())
    }

    fn future_or_value(&mut self, item: &Bound<'py, PyAny>) -> PyResult<()> {
        let py = self.py;
        let is_class = item.is_instance_of::<PyType>();
        if !is_class
            && let Ok(Some(mark)) = item.getattr_opt(pyo3::intern!(py, "__dask_future__"))
            && mark.is_truthy().unwrap_or(false)
        {
            let key = item.getattr(pyo3::intern!(py, "key"))?;
            return self.reference(&key);
        }
        self.value(item);
        Ok(())
    }

    /// The task of this key; something that cannot be hashed is no key, and nothing is wrong with that.
    fn find_hashable(&mut self, item: &Bound<'py, PyAny>) -> Option<TaskId> {
        self.keys.find(item).unwrap_or(None)
    }
}

/// Whether `item` is exactly an int, a float, a bool or a str: a key or a value, and nothing else.
fn is_atom(item: &Bound<'_, PyAny>) -> bool {
    let kind = item.get_type_ptr();
    kind == &raw mut ffi::PyLong_Type
        || kind == &raw mut ffi::PyUnicode_Type
        || kind == &raw mut ffi::PyFloat_Type
        || kind == &raw mut ffi::PyBool_Type
}
