//! The sort key of tasks: which of two is worth more, by what they rest on, and only then by the caller's tie-break.

use std::cmp::Ordering;

use super::progress::Progress;
use super::reach::{Budget, Reach};
use super::total::Total;
use crate::graph::{Graph, TaskId};

/// Compares tasks by Dask's sort key: total dependencies, direct dependencies, connected roots, the largest number of
/// dependents of any connected root (more first), and the tie-break. The last three are found when first asked for.
pub struct SortKey<'a, T> {
    pub graph: &'a Graph,
    pub dependents: &'a Graph,
    /// An order in which dependencies come first; `None` if that of the ids is one.
    pub topological: Option<Vec<TaskId>>,
    tie_break: T,
    reach: Option<Reach>,
    dependents_max: Vec<u32>,
    budget: Budget,
}

impl<'a, T: FnMut(TaskId, TaskId) -> Ordering> SortKey<'a, T> {
    pub fn new(
        graph: &'a Graph,
        dependents: &'a Graph,
        topological: Option<Vec<TaskId>>,
        budget: Budget,
        tie_break: T,
    ) -> Self {
        let dependents_max = Vec::new();
        Self { graph, dependents, topological, tie_break, reach: None, dependents_max, budget }
    }

    /// The order of two tasks. Asks the tie-break only if nothing else tells them apart.
    #[inline]
    pub fn compare(&mut self, progress: &Progress, a: TaskId, b: TaskId) -> Ordering {
        let (total_a, total_b) = (progress.total(a), progress.total(b));
        if total_a != total_b {
            return total_a.cmp(&total_b);
        }
        self.compare_alike(total_a, a, b)
    }

    /// The order of two tasks that have the same total.
    fn compare_alike(&mut self, total: Total, a: TaskId, b: TaskId) -> Ordering {
        let (needs_a, needs_b) = (self.graph.dependencies(a).len(), self.graph.dependencies(b).len());
        if needs_a != needs_b {
            return needs_a.cmp(&needs_b);
        }
        if total.roots_if_obvious(needs_a).is_none() {
            let (roots_a, roots_b) = (self.roots(a, total), self.roots(b, total));
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
    fn roots(&mut self, task: TaskId, total: Total) -> u32 {
        if self.graph.dependencies(task).is_empty() {
            return 0;
        }
        self.reach().size(task, total)
    }

    /// The root sets, found now if they were not before.
    pub fn reach(&mut self) -> &mut Reach {
        if self.reach.is_none() {
            let budget = self.budget;
            self.reach = Some(match &self.topological {
                Some(order) => Reach::new(self.graph, self.dependents, order.iter().copied(), budget),
                None => Reach::new(self.graph, self.dependents, self.graph.tasks(), budget),
            });
        }
        self.reach.as_mut().expect("it was made above")
    }

    /// The leaf sets: the same with every edge turned round.
    pub fn reach_of_leaves(&self) -> Reach {
        let budget = self.budget;
        match &self.topological {
            Some(order) => Reach::new(self.dependents, self.graph, order.iter().rev().copied(), budget),
            None => Reach::new(self.dependents, self.graph, (0..self.graph.len() as u32).rev().map(TaskId), budget),
        }
    }

    /// How much the degrees of leaves may cost.
    pub fn budget(&self) -> usize {
        self.budget.total(self.graph.len())
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
