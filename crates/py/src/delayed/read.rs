//! Reads nodes straight into the table that the local engine runs: no keys, no task objects, no mapping.

use cenote_core::graph::TaskId;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;

use super::graph::DelayedGraph;
use super::node::{Delayed, Task};
use super::piece::{Piece, Shape};
use super::share::{Places, Shared};
use super::walk::Walked;
use crate::graph::{Build, Names, Table, TableBuilder};

/// The table of the graph, and the tasks of its roots. Nothing if the graph has parts that were made elsewhere: those
/// are read like any mapping.
///
/// # Errors
/// What making the key of a pure call raises, and what comparing keys does.
pub fn read(graph: &Bound<'_, DelayedGraph>) -> PyResult<Option<(Table, Vec<TaskId>)>> {
    let py = graph.py();
    let roots = &graph.get().roots;
    let walked = Walked::from(py, roots, |_| false);
    if walked.nodes.iter().any(|node| is_elsewhere(node.get())) {
        return Ok(None);
    }
    let len = walked.nodes.len();
    let mut builder = TableBuilder::with_capacity(len, 3 * len);
    let mut places = Places::new(walked);
    let mut shared = Shared::new(py);
    // The place of the node that each task is, or is named after.
    let mut named_after = Vec::with_capacity(len);
    for index in 0..len {
        let place = places.walked.dependencies_first[index];
        let node = places.walked.nodes[place as usize].bind(py);
        let task = match shared.find(node, &places)? {
            Ok(task) => task,
            Err(fresh) => {
                write(py, node.get(), &places, &mut builder)?;
                let task = builder.finish_program();
                shared.remember(fresh, task)?;
                named_after.push(place);
                task
            }
        };
        places.tasks[place as usize] = task;
    }
    let wanted = roots.iter().map(|root| places.of(root)).collect();
    let mut nodes: Vec<_> = places.walked.nodes.into_iter().map(Some).collect();
    let objects = named_after.into_iter().filter_map(|place| nodes[place as usize].take()).map(Py::into_any).collect();
    Ok(Some((builder.build(Names::Objects(objects)), wanted)))
}

/// Whether a node needs what only its key can find.
fn is_elsewhere(node: &Delayed) -> bool {
    matches!(node.task, Task::Graph(_)) || node.pieces().iter().any(|piece| matches!(piece, Piece::Reference(_)))
}

/// Writes the program of a node whose dependencies have their places.
fn write(py: Python<'_>, node: &Delayed, places: &Places, builder: &mut TableBuilder) -> PyResult<()> {
    match &node.task {
        Task::Leaf { value, .. } => builder.push_value(value.clone_ref(py)),
        Task::Nested { pieces, .. } => {
            push(py, pieces, places, builder);
        }
        Task::Attribute { pieces, name } => {
            static GETATTR: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
            builder.push_value(GETATTR.import(py, "builtins", "getattr")?.clone().unbind());
            push(py, pieces, places, builder);
            builder.push_value(name.clone_ref(py).into_any());
            builder.push_build(Build::Call, 3);
        }
        Task::Call { func, pieces, names } => {
            builder.push_value(func.clone_ref(py));
            let entries = push(py, pieces, places, builder);
            if let Some(names) = names {
                builder.push_value(names.clone_ref(py).into_any());
                builder.push_build(Build::CallKeywords, entries + 2);
            } else {
                builder.push_build(Build::Call, entries + 1);
            }
        }
        Task::Graph(_) => unreachable!("graphs that were made elsewhere are not read here"),
    }
    Ok(())
}

/// Writes steps down; says how many entries they leave.
fn push(py: Python<'_>, pieces: &[Piece], places: &Places, builder: &mut TableBuilder) -> usize {
    let mut entries = 0;
    for piece in pieces {
        match piece {
            Piece::Value(value) => builder.push_value(value.clone_ref(py)),
            Piece::Task(task) => builder.push_result(places.of(task)),
            Piece::Reference(_) => unreachable!("results that are elsewhere are not read here"),
            Piece::Build(shape, count) => {
                let build = match shape {
                    Shape::List => Build::List,
                    Shape::Tuple => Build::Tuple,
                    Shape::Set => Build::Set,
                    Shape::Dict => Build::Dict,
                    Shape::Call => Build::Call,
                    Shape::Named => Build::CallKeywords,
                };
                builder.push_build(build, *count as usize);
                entries -= *count as usize;
            }
        }
        entries += 1;
    }
    entries
}
