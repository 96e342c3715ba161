//! The static order of a graph: which task to prefer among those that are ready, so that results die young.
//!
//! This is the algorithm of Dask's `order`, on dense ids, with its results: leaves that only gather and values that are
//! shared are left out ([`prune`]); then, again and again, a leaf is chosen ([`target`]), the path of its most valuable
//! dependencies is laid and walked ([`critical_path`]), and what becomes runnable on the way runs as soon as that
//! frees memory ([`runnable`]). Tasks are compared by a sort key ([`key`]) that ends in the caller's tie-break.
//!
//! Linear in tasks and edges, but for sorting, and for counting the distinct roots that a task rests on, which has no
//! linear algorithm: that is exact up to a fixed budget of work and an estimate beyond ([`reach`], [`target`]).

mod critical_path;
mod estimate;
mod key;
mod matrix;
mod progress;
mod prune;
mod reach;
mod runnable;
mod sort;
mod target;
mod total;

use std::cmp::Ordering;

use crate::graph::{Graph, TaskId};
pub use reach::Budget;

/// A cycle: each task needs the next one, and the last is the first again.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a cycle of {} tasks", .0.len() - 1)]
pub struct Cycle(pub Vec<TaskId>);

/// What [`order_with`] finds out for each task.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ordered {
    /// Its place in the order: lower runs first.
    pub priority: Vec<u32>,
    /// Twice the number of the critical path on which it ran; less one if it ran beside it; 0 for what is no work. Empty if
    /// it was not asked for.
    pub path: Vec<u32>,
}

/// The place of each task in the static order: lower runs first, and dependencies before their dependents.
///
/// `dependents` is `graph` [turned round](Graph::reversed). `tie_break` compares two tasks of which nothing in the graph
/// says which is better, in Dask by the text of their keys; it is asked only then.
///
/// # Errors
/// The cycle, if there is one.
pub fn order(
    graph: &Graph,
    dependents: &Graph,
    tie_break: impl FnMut(TaskId, TaskId) -> Ordering,
) -> Result<Vec<u32>, Cycle> {
    Ok(order_with(graph, dependents, Options::default(), tie_break)?.priority)
}

/// What [`order_with`] can be asked for.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options {
    /// Also find out on which critical path each task stands.
    pub with_paths: bool,
    /// How much the counting of roots may cost before they are estimated.
    pub budget: Budget,
}

/// The same as [`order`], with options.
///
/// # Errors
/// The cycle, if there is one.
pub fn order_with(
    graph: &Graph,
    dependents: &Graph,
    options: Options,
    mut tie_break: impl FnMut(TaskId, TaskId) -> Ordering,
) -> Result<Ordered, Cycle> {
    let Some(pruned) = prune::prune(graph, dependents) else {
        return walk(graph, dependents, options, tie_break);
    };
    let outside = &pruned.outside;
    let tie_break = |a: TaskId, b: TaskId| tie_break(outside[a.index()], outside[b.index()]);
    let inside = walk(&pruned.graph, &pruned.dependents, options, tie_break)
        .map_err(|Cycle(path)| Cycle(path.into_iter().map(|task| outside[task.index()]).collect()))?;
    let (priority, path) = pruned.restore(graph, &inside.priority, &inside.path);
    Ok(Ordered { priority, path })
}

fn walk(
    graph: &Graph,
    dependents: &Graph,
    options: Options,
    tie_break: impl FnMut(TaskId, TaskId) -> Ordering,
) -> Result<Ordered, Cycle> {
    let Some((totals, topological)) = total::totals(graph, dependents) else {
        return Err(Cycle(total::find_cycle(graph, dependents)));
    };
    let key = key::SortKey::new(graph, dependents, topological, options.budget, tie_break);
    let (priority, path) = critical_path::Walk::new(key, totals, options.with_paths).run();
    Ok(Ordered { priority, path })
}

#[cfg(test)]
mod tests;
