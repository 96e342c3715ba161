//! The local engine's machine: which task of one graph runs next, and which results nobody needs any more.
//!
//! ```text
//!            claim            finish
//!   waiting ───────► running ───────► finished ───────► released
//!      ▲  last dependency finished       │ last dependent finished
//!      └─────────────────────────────────┘
//! ```
//!
//! It sees ids only. Values, keys and callables live in the shell, whose workers step the machine themselves under a
//! short lock: here a thread hop for each task would cost more than the task. That is why its stimuli are methods
//! ([`Local::claim`], [`Local::finish`]) and its one instruction, "drop these results", goes out through an argument.

use thiserror::Error;

use crate::graph::{Graph, TaskId, TaskKind};

/// One run of one graph: what has finished, what is ready, and who still holds which result.
///
/// Always holds: a task is in `ready` at most once, and only after all that it needs has finished; `holders` of a task
/// is the number of its unfinished dependents, plus one if the caller wants its result.
#[derive(Debug)]
pub struct Local {
    graph: Graph,
    dependents: Dependents,
    /// Dependencies that have not finished, by task.
    waiting: Vec<u32>,
    /// Reasons to keep the result, by task.
    holders: Vec<u32>,
    needed: Vec<bool>,
    /// A stack: what became ready last runs first, so that results are used up while they are fresh.
    ready: Vec<TaskId>,
    unfinished: usize,
    running: usize,
}

/// Why a graph cannot be run.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum StartError {
    /// Needed tasks name a dependency that is not there.
    #[error("task {missing:?} is needed by {dependents:?} but is not in the graph")]
    MissingDependency {
        /// The task that is not there.
        missing: TaskId,
        /// The needed tasks that name it, in the order of their ids.
        dependents: Vec<TaskId>,
    },
}

/// Needed dependents of every task, those of lowest priority first: pushed in that order, the most urgent ends on top.
#[derive(Debug)]
struct Dependents {
    offsets: Vec<u32>,
    tasks: Vec<TaskId>,
}

impl Local {
    /// A run that computes the `wanted` tasks of `graph` and what they need, in the order that `priorities` gives
    /// (one for each task, distinct, lower runs first). `absent` are the ids that edges name although no task of that
    /// name exists. Linear in tasks and edges.
    ///
    /// # Errors
    /// When a needed task depends on an absent one.
    pub fn new(graph: Graph, priorities: &[u32], wanted: &[TaskId], absent: &[TaskId]) -> Result<Self, StartError> {
        let needed = needed_tasks(&graph, wanted);
        if let Some(&missing) = absent.iter().find(|task| needed[task.index()]) {
            let needs_it = |task: &TaskId| needed[task.index()] && graph.dependencies(*task).contains(&missing);
            return Err(StartError::MissingDependency {
                missing,
                dependents: graph.tasks().filter(needs_it).collect(),
            });
        }
        let mut by_priority = vec![TaskId(0); graph.len()];
        for task in graph.tasks() {
            by_priority[priorities[task.index()] as usize] = task;
        }
        let mut run = Self {
            dependents: Dependents::new(&graph, &needed, &by_priority),
            waiting: vec![0; graph.len()],
            holders: vec![0; graph.len()],
            needed,
            ready: Vec::new(),
            unfinished: 0,
            running: 0,
            graph,
        };
        for &task in wanted {
            run.holders[task.index()] = 1;
        }
        for &task in by_priority.iter().rev() {
            run.enlist(task);
        }
        Ok(run)
    }

    /// The next task to run, which is the caller's from now on; `None` when no task is ready.
    pub fn claim(&mut self) -> Option<TaskId> {
        let task = self.ready.pop()?;
        self.running += 1;
        Some(task)
    }

    /// A claimed task has run and its result is stored. Tasks whose result nobody needs any more are added to
    /// `released`. Linear in the task's edges.
    pub fn finish(&mut self, task: TaskId, released: &mut Vec<TaskId>) {
        self.running -= 1;
        self.unfinished -= 1;
        for &dependent in self.dependents.of(task) {
            let waiting = &mut self.waiting[dependent.index()];
            *waiting -= 1;
            if *waiting == 0 {
                self.ready.push(dependent);
            }
        }
        for &dependency in self.graph.dependencies(task) {
            let holders = &mut self.holders[dependency.index()];
            *holders -= 1;
            if *holders == 0 {
                released.push(dependency);
            }
        }
    }

    /// Whether every needed task has finished.
    pub fn is_done(&self) -> bool {
        self.unfinished == 0
    }

    /// How many tasks are ready and not claimed.
    pub fn ready_len(&self) -> usize {
        self.ready.len()
    }

    /// How many tasks are claimed and not finished.
    pub fn running_len(&self) -> usize {
        self.running
    }

    /// Ready tasks, the next one last.
    pub fn ready(&self) -> &[TaskId] {
        &self.ready
    }

    /// Dependencies of `task` that have not finished; 0 for one that is ready, running or finished.
    pub fn waiting_for(&self, task: TaskId) -> u32 {
        self.waiting[task.index()]
    }

    /// How many unfinished dependents, and whether the caller, hold the result of `task`.
    pub fn holders(&self, task: TaskId) -> u32 {
        self.holders[task.index()]
    }

    /// Whether the run has to do with `task` at all.
    pub fn is_needed(&self, task: TaskId) -> bool {
        self.needed[task.index()]
    }

    /// The graph that is being run.
    pub fn graph(&self) -> &Graph {
        &self.graph
    }

    /// Needed tasks that depend on `task`, the most urgent last.
    pub fn dependents(&self, task: TaskId) -> &[TaskId] {
        self.dependents.of(task)
    }

    /// Counts what a needed task waits for and holds; called in the order of falling priority.
    fn enlist(&mut self, task: TaskId) {
        if !self.needed[task.index()] || self.graph.kind(task) == TaskKind::Data {
            return;
        }
        self.unfinished += 1;
        let mut waiting = 0;
        for &dependency in self.graph.dependencies(task) {
            self.holders[dependency.index()] += 1;
            waiting += u32::from(self.graph.kind(dependency) != TaskKind::Data);
        }
        self.waiting[task.index()] = waiting;
        if waiting == 0 {
            self.ready.push(task);
        }
    }
}

impl Dependents {
    fn new(graph: &Graph, needed: &[bool], by_priority: &[TaskId]) -> Self {
        let runs = |task: TaskId| needed[task.index()] && graph.kind(task) != TaskKind::Data;
        let mut offsets = vec![0_u32; graph.len() + 1];
        for task in graph.tasks().filter(|&task| runs(task)) {
            for dependency in graph.dependencies(task) {
                offsets[dependency.index() + 1] += 1;
            }
        }
        for index in 1..offsets.len() {
            offsets[index] += offsets[index - 1];
        }
        let mut next = offsets.clone();
        let mut tasks = vec![TaskId(0); offsets[graph.len()] as usize];
        for &task in by_priority.iter().rev().filter(|&&task| runs(task)) {
            for dependency in graph.dependencies(task) {
                let slot = &mut next[dependency.index()];
                tasks[*slot as usize] = task;
                *slot += 1;
            }
        }
        Self { offsets, tasks }
    }

    fn of(&self, task: TaskId) -> &[TaskId] {
        let start = self.offsets[task.index()] as usize;
        let end = self.offsets[task.index() + 1] as usize;
        &self.tasks[start..end]
    }
}

/// Marks the wanted tasks and all that they need, without recursion.
fn needed_tasks(graph: &Graph, wanted: &[TaskId]) -> Vec<bool> {
    let mut needed = vec![false; graph.len()];
    let mut stack = wanted.to_vec();
    for task in wanted {
        needed[task.index()] = true;
    }
    while let Some(task) = stack.pop() {
        if graph.kind(task) == TaskKind::Data {
            continue;
        }
        for &dependency in graph.dependencies(task) {
            if !std::mem::replace(&mut needed[dependency.index()], true) {
                stack.push(dependency);
            }
        }
    }
    needed
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::GraphBuilder;

    fn graph(rows: &[(TaskKind, &[u32])]) -> Graph {
        let mut builder = GraphBuilder::default();
        for (kind, dependencies) in rows {
            dependencies.iter().for_each(|&id| builder.push_dependency(TaskId(id)));
            builder.finish_task(*kind);
        }
        builder.build()
    }

    fn priorities(graph: &Graph) -> Vec<u32> {
        (0..graph.len() as u32).collect()
    }

    /// Runs everything with one worker; each entry is a task and what its end released.
    fn history(run: &mut Local) -> Vec<(u32, Vec<u32>)> {
        let mut history = Vec::new();
        while let Some(task) = run.claim() {
            let mut released = Vec::new();
            run.finish(task, &mut released);
            history.push((task.0, released.into_iter().map(|task| task.0).collect()));
        }
        history
    }

    use TaskKind::{Call, Data};

    #[test]
    fn a_result_is_released_when_its_last_dependent_has_finished() {
        let graph = graph(&[(Data, &[]), (Call, &[0]), (Call, &[0, 1]), (Call, &[1, 2])]);
        let order = priorities(&graph);
        let mut run = Local::new(graph, &order, &[TaskId(3)], &[]).unwrap();
        assert_eq!(history(&mut run), [(1, vec![]), (2, vec![0]), (3, vec![1, 2])]);
        assert!(run.is_done());
    }

    #[test]
    fn wanted_results_are_never_released() {
        let graph = graph(&[(Call, &[]), (Call, &[0]), (Call, &[1])]);
        let order = priorities(&graph);
        let mut run = Local::new(graph, &order, &[TaskId(2), TaskId(0)], &[]).unwrap();
        assert_eq!(history(&mut run), [(0, vec![]), (1, vec![]), (2, vec![1])]);
    }

    #[test]
    fn only_what_is_needed_runs() {
        let graph = graph(&[(Call, &[]), (Call, &[]), (Call, &[1])]);
        let order = priorities(&graph);
        let mut run = Local::new(graph, &order, &[TaskId(2)], &[]).unwrap();
        assert!(!run.is_needed(TaskId(0)));
        assert_eq!(history(&mut run), [(1, vec![]), (2, vec![1])]);
    }

    #[test]
    fn pairs_run_depth_first() {
        let graph = graph(&[(Call, &[]), (Call, &[0]), (Call, &[]), (Call, &[2]), (Call, &[1, 3])]);
        let order = priorities(&graph);
        let mut run = Local::new(graph, &order, &[TaskId(4)], &[]).unwrap();
        let tasks: Vec<_> = history(&mut run).into_iter().map(|(task, _)| task).collect();
        assert_eq!(tasks, [0, 1, 2, 3, 4]);
    }

    #[test]
    fn an_absent_dependency_is_reported_with_who_needs_it() {
        let graph = graph(&[(Call, &[2]), (Call, &[0]), (Data, &[])]);
        let order = priorities(&graph);
        let error = Local::new(graph.clone(), &order, &[TaskId(1)], &[TaskId(2)]).unwrap_err();
        assert_eq!(error, StartError::MissingDependency { missing: TaskId(2), dependents: vec![TaskId(0)] });
        let unneeded = Local::new(graph, &order, &[TaskId(2)], &[]);
        assert!(unneeded.is_ok());
    }

    #[test]
    fn a_run_of_known_values_is_done_at_once() {
        let graph = graph(&[(Data, &[])]);
        let run = Local::new(graph, &[0], &[TaskId(0)], &[]).unwrap();
        assert!(run.is_done());
    }
}
