//! Running a task's program: one call of the interpreter for a flat task, a small stack machine for the rest.

use std::ptr::null_mut;

use cenote_core::graph::TaskId;
use pyo3::exceptions::{PyRuntimeError, PyValueError};
use pyo3::ffi::{self, PyObject};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyFrozenSet, PyList, PySet, PyTuple};

use super::values::Values;
use crate::graph::{Build, Op, Shape, Step, Table};

/// Arguments of a flat call that fit on the machine's stack.
const ARGUMENTS_INLINE: usize = 8;

/// What `task` returns, given the results of its dependencies.
///
/// # Errors
/// What the task raises.
pub fn run<'py>(py: Python<'py>, table: &Table, values: &Values, task: TaskId) -> PyResult<Bound<'py, PyAny>> {
    let program = table.program(task);
    match table.shape(task) {
        Shape::Flat => call_flat(py, program, values),
        Shape::Data | Shape::Alias => {
            let pointer = leaf(program[0], values)?;
            // SAFETY: the table or a filled slot owns a reference to it.
            Ok(unsafe { Bound::from_borrowed_ptr(py, pointer) })
        }
        Shape::Nested => run_nested(py, program, values),
    }
}

fn call_flat<'py>(py: Python<'py>, program: &[Op], values: &Values) -> PyResult<Bound<'py, PyAny>> {
    let function = leaf(program[0], values)?;
    let arguments = &program[1..];
    // One entry ahead of the arguments, which the callee may use: it saves bound methods a copy.
    let mut inline = [null_mut(); ARGUMENTS_INLINE + 1];
    let mut heap;
    let buffer: &mut [*mut PyObject] = if arguments.len() <= ARGUMENTS_INLINE {
        &mut inline[..=arguments.len()]
    } else {
        heap = vec![null_mut(); arguments.len() + 1];
        &mut heap
    };
    for (slot, &op) in buffer[1..].iter_mut().zip(arguments) {
        *slot = leaf(op, values)?;
    }
    let count = arguments.len() | ffi::PY_VECTORCALL_ARGUMENTS_OFFSET;
    // SAFETY: function and arguments are owned by the table or by slots that stay filled while this task runs; the
    // entry ahead of the first argument belongs to the buffer.
    unsafe {
        let result = ffi::PyObject_Vectorcall(function, buffer.as_ptr().add(1), count, null_mut());
        Bound::from_owned_ptr_or_err(py, result)
    }
}

/// What a leaf op pushes, borrowed.
fn leaf(op: Op, values: &Values) -> PyResult<*mut PyObject> {
    match op.step() {
        Step::Value(value) => Ok(value),
        Step::Result(task) => {
            let pointer = values.pointer(task);
            if pointer.is_null() { Err(lost(task)) } else { Ok(pointer) }
        }
        Step::Build(..) => unreachable!("a flat program holds leaves only"),
    }
}

#[cold]
fn lost(task: TaskId) -> PyErr {
    PyRuntimeError::new_err(format!("the result of task number {} is gone before its last use; please report", task.0))
}

fn run_nested<'py>(py: Python<'py>, program: &[Op], values: &Values) -> PyResult<Bound<'py, PyAny>> {
    let mut stack: Vec<Bound<'py, PyAny>> = Vec::with_capacity(program.len().min(1024));
    for &op in program {
        if let Step::Build(build, entries) = op.step() {
            reduce(py, build, entries, &mut stack)?;
        } else {
            // SAFETY: the table or a filled slot owns a reference to it.
            stack.push(unsafe { Bound::from_borrowed_ptr(py, leaf(op, values)?) });
        }
    }
    stack.pop().ok_or_else(|| PyRuntimeError::new_err("a task's program is empty; please report"))
}

/// Does a step that came as data, of which nothing is known.
///
/// # Errors
/// `ValueError` when there is no such step or not so many entries; what a call raises.
pub fn build<'py>(py: Python<'py>, build: u8, entries: usize, stack: &mut Vec<Bound<'py, PyAny>>) -> PyResult<()> {
    let build = Build::from_number(build).ok_or_else(|| malformed("it has an unknown step"))?;
    let least = match build {
        Build::Call | Build::Cast | Build::Copy => 1,
        Build::CallKeywords => 2,
        _ => 0,
    };
    if entries > stack.len() || entries < least {
        return Err(malformed("a step has too few entries"));
    }
    reduce(py, build, entries, stack)
}

/// The error of a task that came as data and makes no sense.
#[cold]
pub fn malformed(why: &str) -> PyErr {
    PyValueError::new_err(format!("this is not a task that a scheduler of Cenote sent: {why}"))
}

fn reduce<'py>(py: Python<'py>, build: Build, entries: usize, stack: &mut Vec<Bound<'py, PyAny>>) -> PyResult<()> {
    let from = stack.len() - entries;
    let made = make(py, build, &stack[from..])?;
    stack.truncate(from);
    stack.push(made);
    Ok(())
}

fn make<'py>(py: Python<'py>, build: Build, entries: &[Bound<'py, PyAny>]) -> PyResult<Bound<'py, PyAny>> {
    Ok(match build {
        Build::Call => return call(py, &entries[0], &entries[1..], None),
        Build::CallKeywords => {
            let (names, entries) = entries.split_last().expect("the names were pushed");
            return call(py, &entries[0], &entries[1..], Some(names));
        }
        Build::List => PyList::new(py, entries)?.into_any(),
        Build::Tuple => PyTuple::new(py, entries)?.into_any(),
        Build::Set => PySet::new(py, entries)?.into_any(),
        Build::FrozenSet => PyFrozenSet::new(py, entries)?.into_any(),
        Build::Cast => entries[0].call1((PyTuple::new(py, &entries[1..])?,))?,
        Build::Copy => entries[0].cast::<PyDict>()?.copy()?.into_any(),
        Build::Dict => {
            let dict = PyDict::new(py);
            for pair in entries.chunks_exact(2) {
                dict.set_item(&pair[0], &pair[1])?;
            }
            dict.into_any()
        }
    })
}

fn call<'py>(
    py: Python<'py>,
    function: &Bound<'py, PyAny>,
    arguments: &[Bound<'py, PyAny>],
    names: Option<&Bound<'py, PyAny>>,
) -> PyResult<Bound<'py, PyAny>> {
    let keywords = names.map_or(Ok(0), PyAnyMethods::len)?;
    let mut buffer = Vec::with_capacity(arguments.len() + 1);
    buffer.push(null_mut());
    buffer.extend(arguments.iter().map(Bound::as_ptr));
    let count = (arguments.len() - keywords) | ffi::PY_VECTORCALL_ARGUMENTS_OFFSET;
    let names = names.map_or(null_mut(), Bound::as_ptr);
    // SAFETY: the stack owns function and arguments; `names` is a tuple with as many names as arguments by keyword,
    // which come last; the entry ahead of the first argument belongs to the buffer.
    unsafe {
        let result = ffi::PyObject_Vectorcall(function.as_ptr(), buffer.as_ptr().add(1), count, names);
        Bound::from_owned_ptr_or_err(py, result)
    }
}
