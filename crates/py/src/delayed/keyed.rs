//! The nodes of a graph by their keys, without a task object for any of them.

use cenote_core::graph::{Graph, GraphBuilder, TaskId, TaskKind};
use pyo3::prelude::*;

use super::key;
use super::node::{Delayed, Task};
use super::walk::Walked;
use crate::graph::Keys;

/// Nodes, each of another key, dependencies first.
pub struct KeyedNodes {
    pub keys: Keys,
    pub nodes: Vec<Py<Delayed>>,
    pub graph: Graph,
}

impl KeyedNodes {
    /// The nodes that `roots` need, and the roots. None if a part of them was made elsewhere, as a graph.
    ///
    /// # Errors
    /// What making the key of a pure call, or its hash, raises.
    pub fn from(py: Python<'_>, roots: &[Py<Delayed>]) -> PyResult<Option<Self>> {
        let walked = Walked::from(py, roots, |_| false);
        let count = walked.nodes.len();
        let (mut keys, mut nodes) = (Keys::with_capacity(count), Vec::with_capacity(count));
        let mut builder = GraphBuilder::with_capacity(count, count);
        let mut task_of_place = vec![TaskId(u32::MAX); count];
        let mut named_by = vec![u32::MAX; count];
        for &place in &walked.dependencies_first {
            let node = walked.nodes[place as usize].bind(py);
            if let Task::Graph(_) = node.get().task {
                return Ok(None);
            }
            let (task, is_new) = keys.intern(&key::of(node)?)?;
            task_of_place[place as usize] = task;
            if !is_new {
                continue;
            }
            for dependency in node.get().dependencies() {
                let place = walked.place(dependency).expect("dependencies were met");
                let name = task_of_place[place as usize];
                if std::mem::replace(&mut named_by[name.index()], task.0) != task.0 {
                    builder.push_distinct(name);
                }
            }
            builder.finish_task(TaskKind::Call);
            nodes.push(node.clone().unbind());
        }
        Ok(Some(Self { keys, nodes, graph: builder.build() }))
    }
}
