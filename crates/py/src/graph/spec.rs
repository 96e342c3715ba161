//! Task objects, Dask's and Cenote's own: read by their attributes, so that running them costs no call of theirs.

use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple};

use super::classes::Class;
use super::op::Build;
use super::parser::{Makes, Parser, Rules};

impl<'py> Parser<'py> {
    /// Reads an argument of a task object: a reference, a task object, or a value as it is.
    pub(super) fn object(&mut self, item: &Bound<'py, PyAny>) -> PyResult<()> {
        if let Some(class) = self.classes.of(item) {
            self.node(item, class)
        } else {
            self.value(item);
            Ok(())
        }
    }

    /// Reads a task object.
    pub(super) fn node(&mut self, node: &Bound<'py, PyAny>, class: Class) -> PyResult<()> {
        let py = self.py;
        match class {
            Class::Task => self.call(node),
            Class::Alias => {
                let target = node.getattr(pyo3::intern!(py, "target"))?;
                self.reference(&target)
            }
            Class::Reference => {
                let key = node.getattr(pyo3::intern!(py, "key"))?;
                self.reference(&key)
            }
            Class::Data => {
                let value = node.getattr(pyo3::intern!(py, "value"))?;
                self.value(&value);
                Ok(())
            }
            Class::List => self.container(node, Build::List),
            Class::Tuple => self.container(node, Build::Tuple),
            Class::Set => self.container(node, Build::Set),
            Class::Dict => self.container(node, Build::Dict),
            Class::Callable => self.callable(node),
        }
    }

    fn call(&mut self, task: &Bound<'py, PyAny>) -> PyResult<()> {
        let py = self.py;
        let mut function = task.getattr(pyo3::intern!(py, "func"))?;
        if let Some((theirs, ours)) = &self.classes.subgraph
            && function.is(theirs)
        {
            function = ours.bind(py).clone();
        }
        let arguments = task.getattr(pyo3::intern!(py, "args"))?.cast_into::<PyTuple>()?;
        let keywords = task.getattr(pyo3::intern!(py, "kwargs"))?;
        match keywords.cast::<PyDict>() {
            Ok(keywords) if !keywords.is_empty() => {
                let names = PyTuple::new(py, keywords.keys())?;
                let all: Vec<_> = arguments.iter().chain(keywords.values()).collect();
                let items = PyTuple::new(py, all)?;
                self.open(items, 0, Rules::Objects, Makes::Keywords(names), Some(&function));
            }
            _ => self.open(arguments, 0, Rules::Objects, Makes::Always(Build::Call), Some(&function)),
        }
        Ok(())
    }

    fn container(&mut self, node: &Bound<'py, PyAny>, build: Build) -> PyResult<()> {
        let items = node.getattr(pyo3::intern!(self.py, "args"))?;
        let items = PyTuple::new(self.py, items.try_iter()?.collect::<PyResult<Vec<_>>>()?)?;
        self.open(items, 0, Rules::Objects, Makes::Always(build), None);
        Ok(())
    }

    /// A task object of a class of its own is called as it is, with a dict of the results that it names.
    fn callable(&mut self, node: &Bound<'py, PyAny>) -> PyResult<()> {
        self.value(node);
        let mut entries = 0;
        for key in node.getattr(pyo3::intern!(self.py, "dependencies"))?.try_iter()? {
            let key = key?;
            self.value(&key);
            self.reference(&key)?;
            entries += 2;
        }
        self.builder.push_build(Build::Dict, entries);
        self.builder.push_build(Build::Call, 2);
        Ok(())
    }
}
