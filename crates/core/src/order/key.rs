//! The sort key of tasks: which of two is worth more, by what they rest on, and only then by the caller's tie-break.

use std::cmp::Ordering;

use super::reach::{Reach, budget};
use super::total::Total;
use crate::graph::{Graph, TaskId};

/// Compares tasks by Dask's sort key: total dependencies, direct dependencies, connected roots, the largest number of
/// dependents of any connected root (more first), and the tie-break. The last three are found when first asked for.
pub struct SortKey<'a, T> {
    pub graph: &'a Graph,
    pub dependents: &'a Graph,
    pub totals: Vec<Total>,
    /// An order in which dependencies come first; `None` if that of the ids is one.
    pub topological: Option<Vec<TaskId>>,
    tie_break: T,
    reach: Option<Reach>,
    dependents_max: Vec<u32>,
    words_max: Option<usize>,
}

impl<'a, T: FnMut(TaskId, TaskId) -> Ordering> SortKey<'a, T> {
    pub fn new(
        graph: &'a Graph,
        dependents: &'a Graph,
        totals: Vec<Total>,
        topological: Option<Vec<TaskId>>,
        words_max: Option<usize>,
        tie_break: T,
    ) -> Self {
        let dependents_max = Vec::new();
        Self { graph, dependents, totals, topological, tie_break, reach: None, dependents_max, words_max }
    }

    /// The order of two tasks. Asks the tie-break only if nothing else tells them apart.
    pub fn compare(&mut self, a: TaskId, b: TaskId) -> Ordering {
        let (total_a, total_b) = (self.totals[a.index()], self.totals[b.index()]);
        if total_a != total_b {
            return total_a.cmp(&total_b);
        }
        let (needs_a, needs_b) = (self.graph.dependencies(a).len(), self.graph.dependencies(b).len());
        if needs_a != needs_b {
            return needs_a.cmp(&needs_b);
        }
        if total_a.roots_if_obvious(needs_a).is_none() {
            let (roots_a, roots_b) = (self.roots(a), self.roots(b));
            if roots_a != roots_b {
                return roots_a.cmp(&roots_b);
            }
        }
        let (max_a, max_b) = (self.dependents_max(a), self.dependents_max(b));
        if max_a != max_b {
            return max_b.cmp(&max_a);
        }
        (self.tie_break)(a, b)
    }

    /// How many roots a task rests on: exactly, or as [`Reach`] estimates it; none for a root.
    pub fn roots(&mut self, task: TaskId) -> u32 {
        if self.graph.dependencies(task).is_empty() {
            return 0;
        }
        let reach = self.reach();
        reach.size_of_set(reach.set[task.index()])
    }

    /// The root sets, found now if they were not before.
    pub fn reach(&mut self) -> &mut Reach {
        if self.reach.is_none() {
            let budget = self.budget();
            self.reach = Some(match &self.topological {
                Some(order) => Reach::new(self.graph, self.dependents, order.iter().copied(), budget),
                None => Reach::new(self.graph, self.dependents, self.graph.tasks(), budget),
            });
        }
        self.reach.as_mut().expect("it was made above")
    }

    /// The leaf sets: the same with every edge turned round.
    pub fn reach_of_leaves(&self) -> Reach {
        let budget = self.budget();
        match &self.topological {
            Some(order) => Reach::new(self.dependents, self.graph, order.iter().rev().copied(), budget),
            None => Reach::new(self.dependents, self.graph, (0..self.graph.len() as u32).rev().map(TaskId), budget),
        }
    }

    /// How many words of root sets may be touched.
    pub fn budget(&self) -> usize {
        self.words_max.unwrap_or_else(|| budget(self.graph))
    }

    fn dependents_max(&mut self, task: TaskId) -> u32 {
        if self.graph.dependencies(task).is_empty() {
            return self.dependents.dependencies(task).len() as u32;
        }
        if self.dependents_max.is_empty() {
            self.dependents_max = vec![0; self.graph.len()];
            let mut visit = |task: TaskId| {
                let row = self.graph.dependencies(task);
                self.dependents_max[task.index()] = row
                    .iter()
                    .map(|dependency| self.dependents_max[dependency.index()])
                    .max()
                    .unwrap_or_else(|| self.dependents.dependencies(task).len() as u32);
            };
            match &self.topological {
                Some(order) => order.iter().copied().for_each(&mut visit),
                None => self.graph.tasks().for_each(&mut visit),
            }
        }
        self.dependents_max[task.index()]
    }
}
