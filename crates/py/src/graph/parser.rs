//! One task after another into a table's programs, without recursion: a specification may be nested as deep as memory
//! allows.

use cenote_core::graph::TaskId;
use pyo3::exceptions::PyRecursionError;
use pyo3::prelude::*;
use pyo3::types::{PyList, PyTuple, PyType};

use super::classes::Classes;
use super::keys::Keys;
use super::op::Build;
use super::table::TableBuilder;

/// At every so many containers inside each other it is looked whether the innermost is one of those around it. In one
/// that contains itself there is no end to them, so that none is missed.
const CONTAINERS_BETWEEN_LOOKS: usize = 64;

/// The state of reading one graph.
pub struct Parser<'py> {
    pub(super) py: Python<'py>,
    pub(super) keys: Keys,
    pub(super) classes: Classes,
    pub(super) builder: TableBuilder,
    pub(super) frames: Vec<Frame<'py>>,
}

/// A container, call or task object whose items are being read.
pub(super) struct Frame<'py> {
    /// What is being read; only of those where it is looked for containers that contain themselves.
    pub container: Option<Bound<'py, PyAny>>,
    pub items: Bound<'py, PyTuple>,
    pub next: usize,
    pub rules: Rules,
    pub makes: Makes<'py>,
    /// Entries pushed before the items: a callable or a type.
    pub ahead: usize,
    /// Where its ops begin.
    pub position: usize,
}

/// What items mean.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Rules {
    /// Items of a legacy container: keys, tuples that are calls, and containers of these mean something.
    Legacy,
    /// Arguments of a legacy call: the same, and a dict is copied for each call.
    Arguments,
    /// Arguments of a task object: only references and task objects mean something.
    Objects,
}

/// What a frame's entries become.
pub(super) enum Makes<'py> {
    /// A call, a container of a task object: whatever the items are.
    Always(Build),
    /// A call whose last arguments are passed under these names.
    Keywords(Bound<'py, PyTuple>),
    /// A legacy container: if nothing in it means anything, a value, made now.
    Container(Build),
    /// An instance of a subclass of a container: if nothing in it means anything, this object itself.
    Subclass(Build, Bound<'py, PyAny>),
}

impl<'py> Parser<'py> {
    /// A parser that knows all keys of the graph; the ids are those of the tasks, in the order of reading.
    pub fn new(py: Python<'py>, keys: Keys, classes: Classes) -> Self {
        let tasks = keys.len();
        let builder = TableBuilder::with_capacity(tasks, 3 * tasks);
        Self { py, keys, classes, builder, frames: Vec::new() }
    }

    /// Reads the value of the next key.
    ///
    /// # Errors
    /// What hashing or comparing keys, or looking into task objects, raises.
    pub fn task(&mut self, value: &Bound<'py, PyAny>) -> PyResult<TaskId> {
        self.visit(value, Rules::Legacy)?;
        while let Some(frame) = self.frames.last_mut() {
            if frame.next < frame.items.len() {
                let item = frame.items.get_borrowed_item(frame.next)?.to_owned();
                let rules = frame.rules;
                frame.next += 1;
                self.visit(&item, rules)?;
            } else if let Some(frame) = self.frames.pop() {
                self.close(frame)?;
            }
        }
        if self.builder.is_alias_of_itself() {
            // Dask drops such a task, so that it is missing where it is needed.
            self.builder.abandon_program();
            return Ok(self.builder.finish_absent());
        }
        Ok(self.builder.finish_program())
    }

    pub(super) fn visit(&mut self, item: &Bound<'py, PyAny>, rules: Rules) -> PyResult<()> {
        let depth = self.frames.len();
        match rules {
            Rules::Legacy | Rules::Arguments => self.legacy(item, rules),
            Rules::Objects => self.object(item),
        }?;
        if self.frames.len() > depth { self.opened(item) } else { Ok(()) }
    }

    /// Looks whether the container that was just opened contains itself, when it is time to look.
    fn opened(&mut self, container: &Bound<'py, PyAny>) -> PyResult<()> {
        if self.frames.len() < CONTAINERS_BETWEEN_LOOKS {
            return Ok(());
        }
        let around = self.frames.iter().rev().filter_map(|frame| frame.container.as_ref());
        if self.frames.len().is_multiple_of(CONTAINERS_BETWEEN_LOOKS)
            && around.into_iter().any(|around| around.is(container))
        {
            let key = self.keys.object(self.py, self.builder.current()).repr()?;
            return Err(PyRecursionError::new_err(format!(
                "a container in the value of the key {key} contains itself"
            )));
        }
        if let Some(frame) = self.frames.last_mut() {
            frame.container = Some(container.clone());
        }
        Ok(())
    }

    /// Pushes the result of the task `key`, which may turn out to be absent.
    pub(super) fn reference(&mut self, key: &Bound<'py, PyAny>) -> PyResult<()> {
        let (task, _) = self.keys.intern(key)?;
        self.builder.push_result(task);
        Ok(())
    }

    pub(super) fn value(&mut self, value: &Bound<'py, PyAny>) {
        self.builder.push_value(value.clone().unbind());
    }

    /// Begins to read `items`, before which `ahead` is pushed.
    pub(super) fn open(
        &mut self,
        items: Bound<'py, PyTuple>,
        next: usize,
        rules: Rules,
        makes: Makes<'py>,
        ahead: Option<&Bound<'py, PyAny>>,
    ) {
        let position = self.builder.position();
        if let Some(object) = ahead {
            self.value(object);
        }
        let ahead = usize::from(ahead.is_some());
        self.frames.push(Frame { container: None, ahead, items, next, rules, makes, position });
    }

    fn close(&mut self, frame: Frame<'py>) -> PyResult<()> {
        // A call's tuple begins with the callable, which has been pushed ahead.
        let first = usize::from(frame.rules == Rules::Arguments);
        let entries = frame.ahead + frame.items.len() - first;
        match frame.makes {
            Makes::Keywords(names) => {
                self.value(&names.into_any());
                self.builder.push_build(Build::CallKeywords, entries + 1);
            }
            Makes::Container(_) | Makes::Subclass(..) if self.builder.only_values_since(frame.position) => {
                let values = self.builder.take_values(self.py, frame.position);
                let value = match frame.makes {
                    Makes::Subclass(_, object) => object,
                    Makes::Container(Build::List) => PyList::new(self.py, values)?.into_any(),
                    Makes::Container(build) => {
                        let items = PyTuple::new(self.py, values)?;
                        container_type(self.py, build).call1((items,))?
                    }
                    Makes::Always(_) | Makes::Keywords(_) => unreachable!("matched above"),
                };
                self.value(&value);
            }
            Makes::Always(build) | Makes::Container(build) | Makes::Subclass(build, _) => {
                self.builder.push_build(build, entries);
            }
        }
        Ok(())
    }
}

fn container_type(py: Python<'_>, build: Build) -> Bound<'_, PyType> {
    match build {
        Build::Set => py.get_type::<pyo3::types::PySet>(),
        Build::FrozenSet => py.get_type::<pyo3::types::PyFrozenSet>(),
        _ => py.get_type::<PyTuple>(),
    }
}
