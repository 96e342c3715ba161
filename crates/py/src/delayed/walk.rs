//! Walks from nodes to the nodes that they need, without recursion.

use hashbrown::HashSet;
use pyo3::prelude::*;
use rustc_hash::FxBuildHasher;

use super::node::Delayed;
use super::piece::Piece;

/// Every node that `roots` need, and the roots, each once, dependencies first. Nodes for which `skip` holds are left
/// out, with what only they need.
pub fn dependencies_first<'a>(
    py: Python<'_>,
    roots: impl IntoIterator<Item = &'a Py<Delayed>>,
    mut skip: impl FnMut(&Delayed) -> bool,
) -> Vec<Py<Delayed>> {
    let roots = roots.into_iter();
    let expected = roots.size_hint().0;
    let mut seen = HashSet::with_capacity_and_hasher(expected, FxBuildHasher);
    let mut walked = Vec::with_capacity(expected);
    // A node and the step of its arguments to look at next.
    let mut path: Vec<(Py<Delayed>, usize)> = Vec::new();
    for root in roots {
        if skip(root.get()) || !seen.insert(root.as_ptr() as usize) {
            continue;
        }
        path.push((root.clone_ref(py), 0));
        while let Some((node, next)) = path.last_mut() {
            let Some(piece) = node.get().pieces().get(*next) else {
                walked.extend(path.pop().map(|(node, _)| node));
                continue;
            };
            *next += 1;
            if let Piece::Task(task) = piece
                && !skip(task.get())
                && seen.insert(task.as_ptr() as usize)
            {
                let task = task.clone_ref(py);
                path.push((task, 0));
            }
        }
    }
    walked
}
