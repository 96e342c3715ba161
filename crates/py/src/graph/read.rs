//! From any Python graph to a [`Table`]: a mapping of tuples or task objects, or whatever yields one.

use cenote_core::graph::TaskId;
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyMapping};

use super::classes::Classes;
use super::keys::Keys;
use super::parser::Parser;
use super::table::{Names, Table};

/// How many times a graph may hand out another graph by `__dask_graph__` before that is an error.
const UNWRAPPINGS_MAX: usize = 32;

/// Reads `graph` into a table. Keys of `cache` are tasks that have their value already, whatever the graph says.
///
/// The items are copied out before any of the keys' own code runs, so that a `__hash__` or `__eq__` that changes the
/// graph changes nothing here. Linear in what the graph's values hold.
///
/// # Errors
/// `TypeError` for something that is no graph or has unhashable keys; what the keys' hash and comparison raise.
pub fn read(graph: &Bound<'_, PyAny>, cache: Option<&Bound<'_, PyAny>>) -> PyResult<Table> {
    let py = graph.py();
    let items = Items::of(graph)?;
    let mut keys = Keys::with_capacity(items.0.len());
    for (key, _) in &items.0 {
        keys.insert_new(key);
    }
    let mut cached: Vec<Option<Bound<'_, PyAny>>> = Vec::new();
    if let Some(cache) = cache {
        cached.resize(items.0.len(), None);
        for key in cache.try_iter()? {
            let key = key?;
            let (task, new) = keys.intern(&key)?;
            if new {
                cached.push(None);
            }
            cached[task.index()] = Some(cache.get_item(&key)?);
        }
    }
    let mut parser = Parser::new(py, keys, Classes::loaded(py)?);
    for (index, (_, value)) in items.0.iter().enumerate() {
        match cached.get(index) {
            Some(Some(value)) => parser.data(value),
            _ => parser.task(value)?,
        };
    }
    for value in cached.iter().skip(items.0.len()).flatten() {
        parser.data(value);
    }
    Ok(parser.finish())
}

/// The table of one task more than a graph has: unused ids of a parser's keys are absent tasks.
impl Parser<'_> {
    fn finish(mut self) -> Table {
        while self.builder.current().index() < self.keys.len() {
            self.builder.finish_absent();
        }
        self.builder.build(Names::Keys(self.keys))
    }

    fn data(&mut self, value: &Bound<'_, PyAny>) -> TaskId {
        self.builder.push_value(value.clone().unbind());
        self.builder.finish_program()
    }
}

/// The items of a graph, owned.
struct Items<'py>(Vec<(Bound<'py, PyAny>, Bound<'py, PyAny>)>);

impl<'py> Items<'py> {
    fn of(graph: &Bound<'py, PyAny>) -> PyResult<Self> {
        let py = graph.py();
        let mut graph = graph.clone();
        for _ in 0..UNWRAPPINGS_MAX {
            if let Ok(dict) = graph.cast::<PyDict>() {
                return Ok(Self(dict.iter().collect()));
            }
            if graph.cast::<PyMapping>().is_ok() {
                let layers = graph.getattr_opt(pyo3::intern!(py, "layers"))?.is_some();
                if layers && let Some(flat) = graph.getattr_opt(pyo3::intern!(py, "to_dict"))? {
                    graph = flat.call0()?;
                    continue;
                }
                let dict = PyDict::new(py);
                dict.update(graph.cast::<PyMapping>()?)?;
                return Ok(Self(dict.iter().collect()));
            }
            match graph.getattr_opt(pyo3::intern!(py, "__dask_graph__"))? {
                Some(inner) => graph = inner.call0()?,
                None => break,
            }
        }
        let kind = graph.get_type().qualname()?;
        Err(PyTypeError::new_err(format!(
            "a {kind} is not a graph: give a mapping of keys to tasks, or an object with __dask_graph__"
        )))
    }
}
