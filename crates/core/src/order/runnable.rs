//! Tasks that could run at once but are not on the critical path: followed forward, run if that leads to something that
//! frees memory (a leaf, or a reduction all of whose inputs are runnable), and otherwise kept as known paths.

use std::cmp::Ordering;
use std::collections::VecDeque;

use super::critical_path::Walk;
use super::progress::Progress;
use crate::graph::TaskId;

const NONE: u32 = u32::MAX;

/// What is known about runnable tasks.
#[derive(Default)]
pub struct Runnable {
    /// Tasks that have become runnable since the last look.
    fresh: Vec<TaskId>,
    /// All paths, as steps that know the step before.
    steps: Vec<Step>,
    /// For each task that has known paths: where they are.
    known: Vec<u32>,
    paths: Vec<Vec<Path>>,
    unused: Vec<u32>,
    branches: VecDeque<(u32, Path)>,
    trail: Vec<TaskId>,
}

#[derive(Clone, Copy)]
struct Step {
    task: TaskId,
    before: u32,
}

/// A path, as its last step.
#[derive(Clone, Copy)]
struct Path {
    last: u32,
    /// Whether several paths were joined in it. In one that was not, each task needs just the one before.
    joined: bool,
}

impl Runnable {
    pub fn len(&self) -> usize {
        self.fresh.len()
    }

    pub fn is_empty(&self) -> bool {
        self.fresh.is_empty()
    }

    pub fn push(&mut self, task: TaskId) {
        self.fresh.push(task);
    }

    /// Forgets the paths that lead to the task, putting them on the critical path.
    pub fn take_known(&mut self, task: TaskId, progress: &mut Progress, critical: &mut Vec<TaskId>) {
        let paths = self.take(task, progress);
        for path in &paths {
            let mut at = path.last;
            while at != NONE {
                let step = self.steps[at as usize];
                critical.push(step.task);
                at = step.before;
            }
        }
        self.give_back(paths);
    }

    fn take(&mut self, task: TaskId, progress: &mut Progress) -> Vec<Path> {
        if !progress.is_known(task) {
            return Vec::new();
        }
        progress.set_known(task, false);
        let index = self.known[task.index()];
        self.unused.push(index);
        std::mem::take(&mut self.paths[index as usize])
    }

    /// Keeps the room that a list of paths took for the next one.
    fn give_back(&mut self, mut paths: Vec<Path>) {
        paths.clear();
        if let Some(index) = self.unused.last() {
            self.paths[*index as usize] = paths;
        }
    }

    fn make_known(&mut self, task: TaskId, progress: &mut Progress) -> &mut Vec<Path> {
        progress.set_known(task, true);
        let index = self.unused.pop().unwrap_or_else(|| {
            self.paths.push(Vec::new());
            self.paths.len() as u32 - 1
        });
        self.known[task.index()] = index;
        &mut self.paths[index as usize]
    }

    fn step(&mut self, task: TaskId, before: u32) -> u32 {
        self.steps.push(Step { task, before });
        self.steps.len() as u32 - 1
    }
}

impl<T: FnMut(TaskId, TaskId) -> Ordering> Walk<'_, T> {
    /// Follows every runnable task, and those that become runnable meanwhile.
    pub fn process_runnable(&mut self) {
        if self.runnable.is_empty() {
            return;
        }
        if self.runnable.known.is_empty() {
            self.runnable.known = vec![0; self.graph.len()];
        }
        self.path_number -= 1;
        while !self.runnable.is_empty() {
            let mut candidates = std::mem::take(&mut self.runnable.fresh);
            while let Some(task) = candidates.pop() {
                if self.progress.is_in_hull(task) || self.progress.is_done(task) {
                    continue;
                }
                if self.is_leaf(task) {
                    self.add_to_result(task);
                    continue;
                }
                let last = self.runnable.step(task, NONE);
                self.runnable.branches.push_back((0, Path { last, joined: false }));
                while let Some((splits, path)) = self.runnable.branches.pop_front() {
                    self.follow(splits, path);
                }
            }
        }
        self.path_number += 1;
    }

    /// Follows a path forward, past tasks that need nothing else, to where it splits, ends or meets others.
    fn follow(&mut self, splits: u32, mut path: Path) {
        loop {
            let Step { task, before } = self.runnable.steps[path.last as usize];
            self.progress.set_in_hull(task, true);
            match self.dependents.row(self.progress.used_by(task)) {
                [] => {
                    if self.progress.waits_for(task) <= 1 {
                        self.run_path(path);
                    } else {
                        self.progress.set_in_hull(task, false);
                    }
                    return;
                }
                ahead if before == NONE || self.progress.needs(task).len == 1 => {
                    let [only] = ahead else {
                        self.split(splits + 1, path, ahead);
                        return;
                    };
                    path.last = self.runnable.step(*only, path.last);
                }
                _ => {
                    self.meet(splits, path, task);
                    return;
                }
            }
        }
    }

    /// Makes a branch to each dependent that needs nothing else.
    fn split(&mut self, splits: u32, path: Path, ahead: &[TaskId]) {
        let mut row = std::mem::take(&mut self.runnable.trail);
        row.clear();
        row.extend(ahead.iter().filter(|task| self.progress.needs(**task).len == 1));
        self.sort(&mut row);
        for task in &row {
            let last = self.runnable.step(*task, path.last);
            self.runnable.branches.push_back((splits, Path { last, ..path }));
        }
        self.runnable.trail = row;
    }

    /// A path has come to a task that needs more than one other.
    fn meet(&mut self, splits: u32, path: Path, task: TaskId) {
        let waits_for = self.progress.waits_for(task) as usize;
        if self.progress.is_known(task) {
            self.progress.set_in_hull(task, false);
            let index = self.runnable.known[task.index()] as usize;
            self.runnable.paths[index].push(path);
            if self.runnable.paths[index].len() >= waits_for {
                self.run_known(splits, task, waits_for);
            }
        } else if waits_for <= 1 {
            self.run_path(path);
        } else {
            self.runnable.make_known(task, &mut self.progress).push(path);
            self.progress.set_in_hull(task, false);
        }
    }

    /// Runs the paths that are known to lead to a task if, without those that have run, they are all that it needs.
    fn run_known(&mut self, splits: u32, task: TaskId, waits_for: usize) {
        let mut paths = self.runnable.take(task, &mut self.progress);
        paths.retain(|path| {
            let before = self.runnable.steps[path.last as usize].before;
            before == NONE || !self.progress.is_done(self.runnable.steps[before as usize].task)
        });
        if paths.len() < waits_for {
            *self.runnable.make_known(task, &mut self.progress) = paths;
            return;
        }
        if splits > 1 {
            if let Some(joined) = self.join(&paths) {
                self.runnable.branches.push_back((splits - 1, joined));
            }
        } else {
            self.run_in_turn(&paths);
        }
        self.runnable.give_back(paths);
    }

    /// One path of all those.
    fn join(&mut self, paths: &[Path]) -> Option<Path> {
        let mut trail = std::mem::take(&mut self.runnable.trail);
        let mut last = NONE;
        for path in paths {
            self.list(*path, &mut trail);
            for task in trail.iter().rev() {
                last = self.runnable.step(*task, last);
            }
        }
        self.runnable.trail = trail;
        (last != NONE).then_some(Path { last, joined: true })
    }

    /// Runs each of these paths as far as it goes, and those that had to stop once more after the others.
    fn run_in_turn(&mut self, paths: &[Path]) {
        let mut waiting: VecDeque<Path> = paths.iter().copied().collect();
        let mut stopped = 0;
        while let Some(path) = waiting.pop_front() {
            let done = self.progress.done;
            if self.run_path(path) {
                stopped = 0;
                continue;
            }
            stopped = if self.progress.done == done { stopped + 1 } else { 0 };
            waiting.push_back(path);
            if stopped == waiting.len() {
                break;
            }
        }
    }

    /// Runs a path up to the first task that waits for another; whether it came to the end.
    fn run_path(&mut self, path: Path) -> bool {
        let mut trail = std::mem::take(&mut self.runnable.trail);
        self.list(path, &mut trail);
        let mut finished = true;
        for task in trail.iter().rev() {
            if !self.progress.is_done(*task) && self.progress.waits_for(*task) > 0 {
                finished = false;
                if !path.joined {
                    break;
                }
                continue;
            }
            self.add_to_result(*task);
        }
        self.runnable.trail = trail;
        finished
    }

    /// Lists the tasks of a path, last first, without those at its beginning that have run.
    fn list(&self, path: Path, trail: &mut Vec<TaskId>) {
        trail.clear();
        let mut at = path.last;
        while at != NONE {
            let step = self.runnable.steps[at as usize];
            if !path.joined && self.progress.is_done(step.task) {
                break;
            }
            trail.push(step.task);
            at = step.before;
        }
    }
}
