//! The walk: aims at a leaf, goes down its most valuable dependencies to a root, and comes back up, running what it needs.

use std::cmp::Ordering;

use super::key::SortKey;
use super::progress::Progress;
use super::runnable::Runnable;
use super::sort::sort_runs;
use super::target::Targets;
use super::total::Total;
use crate::graph::{Graph, TaskId};

/// A walk through a graph that runs every task once.
pub struct Walk<'a, T> {
    pub graph: &'a Graph,
    pub dependents: &'a Graph,
    pub key: SortKey<'a, T>,
    pub progress: Progress,
    pub runnable: Runnable,
    targets: Targets,
    /// The critical path: what to run, last first. A task may stand in it more than once.
    path: Vec<TaskId>,
    /// All dependencies of the target, sorted.
    target_row: Vec<TaskId>,
    row: Vec<TaskId>,
    scratch: Vec<TaskId>,
    /// Twice the number of critical paths begun, less one while runnable tasks are processed.
    pub path_number: u32,
    /// `path_number` of each task, if it was asked for.
    path_numbers: Vec<u32>,
}

impl<'a, T: FnMut(TaskId, TaskId) -> Ordering> Walk<'a, T> {
    pub fn new(mut key: SortKey<'a, T>, totals: Vec<Total>, with_paths: bool) -> Self {
        let graph = key.graph;
        let progress = Progress::new(graph, key.dependents, totals);
        let targets = Targets::new(&mut key, &progress);
        Self {
            graph,
            dependents: key.dependents,
            key,
            progress,
            runnable: Runnable::default(),
            targets,
            path: Vec::new(),
            target_row: Vec::new(),
            row: Vec::new(),
            scratch: Vec::new(),
            path_number: 0,
            path_numbers: if with_paths { vec![0; graph.len()] } else { Vec::new() },
        }
    }

    /// Walks until every task has run, and returns each task's place and path number.
    pub fn run(mut self) -> (Vec<u32>, Vec<u32>) {
        while (self.progress.done as usize) < self.graph.len() {
            self.path_number += 2;
            let target = self.targets.next(&mut self.key, &self.progress);
            if self.progress.is_done(target) {
                continue;
            }
            self.build_path(target);
            self.walk_path(target);
            self.process_runnable();
        }
        (self.progress.into_places(), self.path_numbers)
    }

    /// Puts on the path, from the target down to a root, the dependency that is worth most of each task, and above it
    /// the other dependencies of that one.
    fn build_path(&mut self, target: TaskId) {
        self.path.push(target);
        self.target_row.clear();
        self.target_row.extend_from_slice(self.graph.dependencies(target));
        sort_runs(&mut self.target_row, &mut self.scratch, &mut |a, b| self.key.compare(&self.progress, a, b));
        let mut next = self.target_row.last().copied();
        while let Some(task) = next {
            self.path.push(task);
            next = None;
            if self.progress.is_done(task) {
                break;
            }
            for &dependency in self.graph.row(self.progress.needs(task)) {
                if self.progress.is_done(dependency) {
                    continue;
                }
                self.path.push(dependency);
                if next.is_none_or(|best| self.key.compare(&self.progress, best, dependency) == Ordering::Less) {
                    next = Some(dependency);
                }
            }
        }
    }

    /// Runs the path, walking back to what its tasks need.
    fn walk_path(&mut self, target: TaskId) {
        let mut walked_back = false;
        while let Some(task) = self.path.pop() {
            if self.progress.is_done(task) {
                continue;
            }
            if self.progress.waits_for(task) == 0 {
                if walked_back && !self.runnable.is_empty() && self.runnable.len() < self.path.len() {
                    self.process_runnable();
                }
                self.add_to_result(task);
                continue;
            }
            self.path.push(task);
            walked_back |= self.walk_back(task, task == target) > 1;
        }
    }

    /// Puts on the path what `task` still needs: first what nothing is known of, then the known ways to the others.
    /// Returns how many of the former there were.
    fn walk_back(&mut self, task: TaskId, is_target: bool) -> usize {
        let progress = &self.progress;
        let mut row = std::mem::take(&mut self.row);
        row.clear();
        if is_target {
            row.extend(self.target_row.iter().filter(|task| !self.progress.is_done(**task)));
        } else {
            let needs = self.graph.row(progress.needs(task)).iter();
            row.extend(needs.filter(|task| !progress.is_done(**task)));
            sort_runs(&mut row, &mut self.scratch, &mut |a, b| self.key.compare(progress, a, b));
        }
        let before = self.path.len();
        let path = &mut self.path;
        row.retain(|task| {
            let known = progress.is_known(*task);
            if !known {
                path.push(*task);
            }
            known
        });
        let unknown = self.path.len() - before;
        for task in &row {
            self.runnable.take_known(*task, &mut self.progress, &mut self.path);
        }
        self.row = row;
        unknown
    }

    /// Runs a task that waits for nothing, and whatever it leads to that needs nothing else and is all it leads to.
    pub fn add_to_result(&mut self, task: TaskId) {
        let mut task = task;
        while self.progress.run(task) {
            if let Some(number) = self.path_numbers.get_mut(task.index()) {
                *number = self.path_number;
            }
            if self.targets.watched {
                self.tell_targets(task);
            }
            match self.dependents.row(self.progress.used_by(task)) {
                [] => return,
                [only] => {
                    if !self.progress.release(*only) {
                        return;
                    }
                    task = *only;
                }
                several => {
                    for dependent in several {
                        if self.progress.release(*dependent) {
                            self.runnable.push(*dependent);
                        }
                    }
                    return;
                }
            }
        }
    }

    fn tell_targets(&mut self, task: TaskId) {
        if self.graph.dependencies(task).is_empty() {
            self.targets.roots_done.push(task);
        }
        for dependent in self.dependents.dependencies(task) {
            if self.dependents.dependencies(*dependent).is_empty() {
                self.targets.leaves_touched.push(*dependent);
            }
        }
    }

    /// Whether nothing rests on the task.
    pub fn is_leaf(&self, task: TaskId) -> bool {
        self.progress.used_by(task).len == 0
    }

    /// Sorts tasks by their sort key.
    pub fn sort(&mut self, tasks: &mut [TaskId]) {
        sort_runs(tasks, &mut self.scratch, &mut |a, b| self.key.compare(&self.progress, a, b));
    }
}
