//! Degrees of leaves where root sets are too large to be known: roots that have not run are counted by looking back from
//! a leaf, a short way, and only when one of the leaf's dependencies has run.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::progress::Progress;
use crate::graph::{Graph, TaskId};

/// How many tasks are looked at to count the roots that a leaf still waits for. A leaf that waits for more comes after
/// all others.
const LOOKS: usize = 64;

/// The leaves that touch a result, by how many roots they were last seen to wait for.
pub struct Estimate {
    rank: Vec<u32>,
    /// What each leaf, by rank, was last seen to wait for.
    degree: Vec<u32>,
    /// Degree and rank, with stale entries.
    heap: BinaryHeap<Reverse<(u32, u32)>>,
    /// No leaf of a lower rank is to be aimed at for want of better.
    first: usize,
    seen: Vec<TaskId>,
}

impl Estimate {
    /// The estimates for `leaves`, which are in the order of their ranks.
    pub fn new(graph: &Graph, leaves: &[TaskId], progress: &Progress) -> Self {
        let mut rank = vec![u32::MAX; graph.len()];
        for (index, leaf) in leaves.iter().enumerate() {
            rank[leaf.index()] = index as u32;
        }
        let degree = vec![u32::MAX; leaves.len()];
        let mut estimate = Self { rank, degree, heap: BinaryHeap::new(), first: 0, seen: Vec::new() };
        for leaf in leaves {
            estimate.touch(graph, *leaf, progress);
        }
        estimate
    }

    /// Looks at a leaf again, of which a dependency has run.
    pub fn touch(&mut self, graph: &Graph, leaf: TaskId, progress: &Progress) {
        if progress.touches(leaf) {
            let rank = self.rank[leaf.index()];
            let degree = self.look(graph, leaf, progress);
            if degree != std::mem::replace(&mut self.degree[rank as usize], degree) {
                self.heap.push(Reverse((degree, rank)));
            }
        }
    }

    /// The rank of the leaf to aim at: the one that waits for the fewest roots, or else the first.
    pub fn pick(&mut self, leaves: &[TaskId], progress: &Progress) -> Option<u32> {
        while let Some(&Reverse((degree, rank))) = self.heap.peek() {
            let leaf = leaves[rank as usize];
            if !progress.is_done(leaf) && self.degree[rank as usize] == degree {
                return Some(rank);
            }
            self.heap.pop();
        }
        while progress.is_done(*leaves.get(self.first)?) {
            self.first += 1;
        }
        Some(self.first as u32)
    }

    /// How many roots that have not run a leaf waits for.
    fn look(&mut self, graph: &Graph, leaf: TaskId, progress: &Progress) -> u32 {
        self.seen.clear();
        self.seen.push(leaf);
        let mut next = 0;
        let mut roots = 0;
        while let Some(task) = self.seen.get(next).copied() {
            next += 1;
            let row = graph.row(progress.needs(task));
            roots += u32::from(row.is_empty());
            for dependency in row {
                if !progress.is_done(*dependency) && !self.seen.contains(dependency) {
                    if self.seen.len() == LOOKS {
                        return LOOKS as u32;
                    }
                    self.seen.push(*dependency);
                }
            }
        }
        roots
    }
}
