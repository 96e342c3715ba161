//! Which leaf to aim at next: the one that needs the fewest roots which have not run yet.

use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;

use super::estimate::Estimate;
use super::key::SortKey;
use super::matrix::Matrix;
use super::progress::Progress;
use super::reach::{Reach, RootsView, UNKNOWN, ones};
use super::sort::sort_runs;
use crate::graph::{Graph, TaskId};

/// The leaves that are still to be aimed at.
pub struct Targets {
    /// All leaves, ascending by sort key. The index of a leaf in this is its rank.
    leaves: Vec<TaskId>,
    /// What is left of `leaves` for the plain choice: taken from the end if the longest path is preferred.
    first: usize,
    end: usize,
    longest_path: bool,
    /// Roots and leaves to tell `degrees` of; empty until they are first needed.
    pub watched: bool,
    pub roots_done: Vec<TaskId>,
    pub leaves_touched: Vec<TaskId>,
    degrees: Degrees,
}

/// How many roots each leaf still waits for.
enum Degrees {
    /// Nobody asked yet.
    Unasked,
    /// No leaf waits for a root any more.
    Exhausted,
    Lists(Lists),
    Matrix(Matrix),
    Estimate(Estimate),
}

/// Exact degrees where root sets are small: each root knows the sets that it is in.
struct Lists {
    rank: Vec<u32>,
    set_of_leaf: Vec<u32>,
    sets: Inverted,
    leaves_of_set: Inverted,
    degree: Vec<u32>,
    changed: Vec<u32>,
    /// Degree, whether it touches no result, rank: of all leaves whose degree is at most `limit`, with stale entries.
    heap: BinaryHeap<Reverse<(u32, bool, u32)>>,
    limit: u32,
}

/// Rows of numbers.
#[derive(Default)]
struct Inverted {
    offsets: Vec<u32>,
    items: Vec<u32>,
}

impl Targets {
    /// Sorts the leaves and picks the strategy.
    pub fn new<T: FnMut(TaskId, TaskId) -> Ordering>(key: &mut SortKey<'_, T>, progress: &Progress) -> Self {
        let (graph, dependents) = (key.graph, key.dependents);
        let mut leaves: Vec<TaskId> = graph.tasks().filter(|task| dependents.dependencies(*task).is_empty()).collect();
        sort_runs(&mut leaves, &mut Vec::new(), &mut |a, b| key.compare(progress, a, b));
        let longest_path = prefers_longest_path(key, leaves.len());
        let end = leaves.len();
        Targets {
            leaves,
            first: 0,
            end,
            longest_path,
            watched: false,
            roots_done: Vec::new(),
            leaves_touched: Vec::new(),
            degrees: Degrees::Unasked,
        }
    }

    /// The next leaf to aim at; it may have run already. Some leaf must not have been returned by the plain choice.
    pub fn next<T: FnMut(TaskId, TaskId) -> Ordering>(
        &mut self,
        key: &mut SortKey<'_, T>,
        progress: &Progress,
    ) -> TaskId {
        if progress.reachable > 0
            && self.leaves.len() > 1
            && let Some(leaf) = self.fewest_roots(key, progress)
        {
            return leaf;
        }
        if self.longest_path {
            self.end -= 1;
            self.leaves[self.end]
        } else {
            self.first += 1;
            self.leaves[self.first - 1]
        }
    }

    fn fewest_roots<T: FnMut(TaskId, TaskId) -> Ordering>(
        &mut self,
        key: &mut SortKey<'_, T>,
        progress: &Progress,
    ) -> Option<TaskId> {
        if matches!(self.degrees, Degrees::Unasked) {
            self.degrees = self.ask(key, progress);
            self.watched = true;
        }
        let leaves = &self.leaves;
        let picked = match &mut self.degrees {
            Degrees::Unasked | Degrees::Exhausted => None,
            Degrees::Lists(lists) => {
                lists.update(key.reach(), leaves, &self.roots_done, &self.leaves_touched, progress);
                lists.pick(leaves, progress)
            }
            Degrees::Matrix(matrix) => {
                matrix.update(self.roots_done.iter().map(|root| key.reach().set[root.index()]));
                if matrix.is_spent() {
                    self.degrees = Degrees::Estimate(Estimate::new(key.graph, leaves, progress));
                    return self.fewest_roots(key, progress);
                }
                matrix.pick(|rank| progress.touches(leaves[rank as usize]))
            }
            Degrees::Estimate(estimate) => {
                for leaf in &self.leaves_touched {
                    estimate.touch(key.graph, *leaf, progress);
                }
                estimate.pick(leaves, progress)
            }
        };
        self.roots_done.clear();
        self.leaves_touched.clear();
        if picked.is_none() {
            self.degrees = Degrees::Exhausted;
            self.watched = false;
        }
        picked.map(|rank| leaves[rank as usize])
    }

    /// Chooses how degrees are kept, by what each way would cost.
    fn ask<T: FnMut(TaskId, TaskId) -> Ordering>(&self, key: &mut SortKey<'_, T>, progress: &Progress) -> Degrees {
        let graph = key.graph;
        let budget = key.budget();
        let reach = key.reach();
        let mut local = vec![u32::MAX; reach.len()];
        let (mut sets, mut set_of_leaf) = (Vec::new(), vec![u32::MAX; self.leaves.len()]);
        for (rank, leaf) in self.leaves.iter().enumerate() {
            if graph.dependencies(*leaf).is_empty() {
                continue;
            }
            let set = reach.set[leaf.index()];
            if set == UNKNOWN {
                return Degrees::Estimate(Estimate::new(graph, &self.leaves, progress));
            }
            if local[set as usize] == u32::MAX {
                local[set as usize] = sets.len() as u32;
                sets.push(set);
                reach.materialize(graph, set);
            }
            set_of_leaf[rank] = local[set as usize];
        }
        let members: usize = sets.iter().map(|&set| reach.size_of_set(set) as usize).sum();
        let words = sets.len() * reach.roots.len().div_ceil(64);
        let done = |root: u32| progress.is_done(reach.roots[root as usize]);
        if members <= budget && (members <= 2 * words || members <= 2 * graph.len()) {
            Degrees::Lists(Lists::new(reach, &sets, set_of_leaf, &self.leaves, done))
        } else if words <= budget {
            let mut matrix = Matrix::new(reach, &sets, &set_of_leaf, budget);
            matrix.update((0..reach.roots.len() as u32).filter(|root| done(*root)));
            Degrees::Matrix(matrix)
        } else {
            Degrees::Estimate(Estimate::new(graph, &self.leaves, progress))
        }
    }
}

impl Lists {
    fn new(reach: &Reach, sets: &[u32], set_of_leaf: Vec<u32>, leaves: &[TaskId], done: impl Fn(u32) -> bool) -> Self {
        let mut degree = vec![0; sets.len()];
        let mut pairs = Vec::new();
        for (local, &set) in sets.iter().enumerate() {
            each_member(reach, set, |root| {
                if !done(root) {
                    degree[local] += 1;
                    pairs.push((root, local as u32));
                }
            });
        }
        let of_leaf = set_of_leaf.iter().enumerate().filter(|(_, set)| **set != u32::MAX);
        let leaves_of_set = Inverted::new(sets.len(), of_leaf.map(|(rank, set)| (*set, rank as u32)));
        let sets = Inverted::new(reach.roots.len(), pairs.into_iter());
        Self {
            rank: ranks(reach.set.len(), leaves),
            set_of_leaf,
            sets,
            leaves_of_set,
            degree,
            changed: Vec::new(),
            heap: BinaryHeap::new(),
            limit: 0,
        }
    }

    fn update(
        &mut self,
        reach: &Reach,
        leaves: &[TaskId],
        roots_done: &[TaskId],
        leaves_touched: &[TaskId],
        progress: &Progress,
    ) {
        for root in roots_done {
            for &set in self.sets.row(reach.set[root.index()]) {
                self.degree[set as usize] -= 1;
                self.changed.push(set);
            }
        }
        while let Some(set) = self.changed.pop() {
            self.push_leaves(set, leaves, progress);
        }
        for leaf in leaves_touched {
            let rank = self.rank[leaf.index()];
            let degree = self.degree[self.set_of_leaf[rank as usize] as usize];
            if degree > 0 && degree <= self.limit {
                self.heap.push(Reverse((degree, false, rank)));
            }
        }
    }

    fn push_leaves(&mut self, set: u32, leaves: &[TaskId], progress: &Progress) {
        let degree = self.degree[set as usize];
        if degree > 0 && degree <= self.limit {
            for &rank in self.leaves_of_set.row(set) {
                self.heap.push(Reverse((degree, !progress.touches(leaves[rank as usize]), rank)));
            }
        }
    }

    fn pick(&mut self, leaves: &[TaskId], progress: &Progress) -> Option<u32> {
        loop {
            while let Some(Reverse((degree, apart, rank))) = self.heap.peek() {
                let now = self.degree[self.set_of_leaf[*rank as usize] as usize];
                if now == *degree && progress.touches(leaves[*rank as usize]) != *apart {
                    return Some(*rank);
                }
                self.heap.pop();
            }
            // Only leaves with a higher degree are left: those up to twice the lowest are let in.
            let lowest = self.degree.iter().copied().filter(|degree| *degree > 0).min()?;
            self.limit = 2 * lowest + 8;
            for set in 0..self.degree.len() as u32 {
                self.push_leaves(set, leaves, progress);
            }
        }
    }
}

impl Inverted {
    fn new(rows: usize, pairs: impl Iterator<Item = (u32, u32)> + Clone) -> Self {
        let mut offsets = vec![0_u32; rows + 1];
        let mut len = 0;
        for (row, _) in pairs.clone() {
            offsets[row as usize + 1] += 1;
            len += 1;
        }
        for row in 0..rows {
            offsets[row + 1] += offsets[row];
        }
        let mut next = offsets.clone();
        let mut items = vec![0; len];
        for (row, item) in pairs {
            items[next[row as usize] as usize] = item;
            next[row as usize] += 1;
        }
        Self { offsets, items }
    }

    fn row(&self, row: u32) -> &[u32] {
        &self.items[self.offsets[row as usize] as usize..self.offsets[row as usize + 1] as usize]
    }
}

fn ranks(tasks: usize, leaves: &[TaskId]) -> Vec<u32> {
    let mut rank = vec![u32::MAX; tasks];
    for (index, leaf) in leaves.iter().enumerate() {
        rank[leaf.index()] = index as u32;
    }
    rank
}

/// Calls `visit` with each root of a set that is neither a tree's nor unknown.
pub fn each_member(reach: &Reach, set: u32, mut visit: impl FnMut(u32)) {
    match reach.view(set) {
        RootsView::One(root) => visit(root),
        RootsView::List(members) => members.iter().copied().for_each(visit),
        RootsView::Row(row) => {
            for (word, bits) in row.iter().enumerate() {
                ones(word, *bits).for_each(&mut visit);
            }
        }
        RootsView::Tree => {}
    }
}

/// Whether to aim at the leaf that needs the most first. Graphs that narrow or widen a lot like that; in others it
/// depends on whether all roots lead to equally many leaves.
fn prefers_longest_path<T: FnMut(TaskId, TaskId) -> Ordering>(key: &mut SortKey<'_, T>, leaves: usize) -> bool {
    let graph = key.graph;
    let roots = || graph.tasks().filter(|task| graph.dependencies(*task).is_empty());
    let count = roots().count();
    if leaves == 1 || roots_differ_much(count, leaves) {
        return true;
    }
    let mut known = None;
    for root in roots().take(256) {
        if let Some(size) = few_leaves(key.dependents, root)
            && *known.get_or_insert(size) != size
        {
            return false;
        }
    }
    let reach = key.reach_of_leaves();
    // Where sets are too large to be known, they differ: those of regular graphs are few, or the same.
    let size = |root: TaskId| match (key.dependents.dependencies(root), reach.set[root.index()]) {
        ([], _) => Some(0),
        (_, UNKNOWN) => None,
        (_, set) => Some(reach.size_of_set(set)),
    };
    let mut sizes = roots().map(size);
    let first = sizes.next();
    first.flatten().is_some_and(|first| sizes.all(|size| size == Some(first)))
}

#[allow(clippy::cast_precision_loss)]
fn roots_differ_much(roots: usize, leaves: usize) -> bool {
    roots.abs_diff(leaves) as f64 / roots as f64 >= 0.8
}

/// How many leaves rest on a task, if few tasks do.
fn few_leaves(dependents: &Graph, task: TaskId) -> Option<u32> {
    const FEW: usize = 32;
    let mut seen = vec![task];
    let mut next = 0;
    let mut leaves = 0;
    while let Some(task) = seen.get(next).copied() {
        next += 1;
        let row = dependents.dependencies(task);
        if row.is_empty() && next > 1 {
            leaves += 1;
        }
        if row.len() > FEW {
            return None;
        }
        for dependent in row {
            if !seen.contains(dependent) {
                if seen.len() == FEW {
                    return None;
                }
                seen.push(*dependent);
            }
        }
    }
    Some(leaves)
}
