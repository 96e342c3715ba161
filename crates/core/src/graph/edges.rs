//! The edges of a graph, in compressed rows: dependencies as they are read, dependents derived from them.

use super::{TaskId, TaskKind};

/// A graph of tasks, which never changes once built: for each task its kind and the distinct tasks that it needs.
///
/// Always holds: every edge points at a task of this graph. It may have cycles; [`order`](crate) reports them.
#[derive(Clone, Debug, Default)]
pub struct Graph {
    kinds: Vec<TaskKind>,
    offsets: Vec<u32>,
    dependencies: Vec<TaskId>,
}

/// Where the dependencies of a task stand in a [`Graph`].
#[derive(Clone, Copy, Debug)]
pub(crate) struct Span {
    start: u32,
    /// How many there are.
    pub len: u32,
}

/// Makes a [`Graph`], a task after another, in the order of their ids.
#[derive(Debug, Default)]
pub struct GraphBuilder {
    kinds: Vec<TaskKind>,
    ends: Vec<u32>,
    dependencies: Vec<TaskId>,
}

impl Graph {
    /// How many tasks there are.
    pub fn len(&self) -> usize {
        self.kinds.len()
    }

    /// Whether there is no task at all.
    pub fn is_empty(&self) -> bool {
        self.kinds.is_empty()
    }

    /// How many edges there are.
    pub fn edges(&self) -> usize {
        self.dependencies.len()
    }

    /// Every task, in the order of their ids.
    pub fn tasks(&self) -> impl ExactSizeIterator<Item = TaskId> + use<> {
        (0..self.kinds.len() as u32).map(TaskId)
    }

    /// What `task` does.
    pub fn kind(&self, task: TaskId) -> TaskKind {
        self.kinds[task.index()]
    }

    /// The distinct tasks that `task` needs, in the order in which its specification names them.
    #[inline]
    pub fn dependencies(&self, task: TaskId) -> &[TaskId] {
        let start = self.offsets[task.index()] as usize;
        let end = self.offsets[task.index() + 1] as usize;
        &self.dependencies[start..end]
    }

    /// Where a task's dependencies begin, and how many there are: for those who keep it with other facts about the task.
    pub(crate) fn span(&self, task: TaskId) -> Span {
        let start = self.offsets[task.index()];
        Span { start, len: self.offsets[task.index() + 1] - start }
    }

    /// The dependencies that stand there.
    #[inline]
    pub(crate) fn row(&self, span: Span) -> &[TaskId] {
        &self.dependencies[span.start as usize..][..span.len as usize]
    }

    /// The same tasks with every edge turned round: `dependencies` of the result are dependents, in the order of their
    /// ids. Linear in tasks and edges.
    #[must_use]
    pub fn reversed(&self) -> Graph {
        let mut offsets = vec![0_u32; self.len() + 1];
        for dependency in &self.dependencies {
            offsets[dependency.index() + 1] += 1;
        }
        for index in 1..offsets.len() {
            offsets[index] += offsets[index - 1];
        }
        let mut next = offsets.clone();
        let mut dependents = vec![TaskId(0); self.dependencies.len()];
        for task in self.tasks() {
            for dependency in self.dependencies(task) {
                let slot = &mut next[dependency.index()];
                dependents[*slot as usize] = task;
                *slot += 1;
            }
        }
        Graph { kinds: self.kinds.clone(), offsets, dependencies: dependents }
    }
}

impl GraphBuilder {
    /// A builder with room for that many tasks and edges.
    pub fn with_capacity(tasks: usize, edges: usize) -> Self {
        Self {
            kinds: Vec::with_capacity(tasks),
            ends: Vec::with_capacity(tasks),
            dependencies: Vec::with_capacity(edges),
        }
    }

    /// Adds an edge from the task that is being described. Naming a dependency twice is the same as naming it once;
    /// finding that out costs a look at the edges that this task has so far, so callers with thousands of dependencies
    /// a task sort them out first and call [`push_distinct`](Self::push_distinct).
    pub fn push_dependency(&mut self, dependency: TaskId) {
        let start = self.ends.last().copied().unwrap_or(0) as usize;
        if !self.dependencies[start..].contains(&dependency) {
            self.dependencies.push(dependency);
        }
    }

    /// Adds an edge which the caller knows to be new.
    pub fn push_distinct(&mut self, dependency: TaskId) {
        self.dependencies.push(dependency);
    }

    /// Forgets the edges of the task that is being described.
    pub fn abandon_task(&mut self) {
        self.dependencies.truncate(self.ends.last().map_or(0, |&end| end as usize));
    }

    /// Ends the task that is being described and returns its id.
    pub fn finish_task(&mut self, kind: TaskKind) -> TaskId {
        let id = TaskId(self.kinds.len() as u32);
        self.kinds.push(kind);
        self.ends.push(self.dependencies.len() as u32);
        id
    }

    /// The graph, once every task that an edge names has been described.
    ///
    /// # Panics
    /// When an edge names a task that was never described: the caller's error, never a user's.
    pub fn build(self) -> Graph {
        let tasks = self.kinds.len();
        assert!(
            self.dependencies.iter().all(|dependency| dependency.index() < tasks),
            "an edge points outside the graph"
        );
        let mut offsets = Vec::with_capacity(tasks + 1);
        offsets.push(0);
        offsets.extend(self.ends);
        Graph { kinds: self.kinds, offsets, dependencies: self.dependencies }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn diamond() -> Graph {
        let mut builder = GraphBuilder::default();
        builder.finish_task(TaskKind::Data);
        for _ in 0..2 {
            builder.push_dependency(TaskId(0));
            builder.push_dependency(TaskId(0));
            builder.finish_task(TaskKind::Call);
        }
        builder.push_dependency(TaskId(2));
        builder.push_dependency(TaskId(1));
        builder.finish_task(TaskKind::Call);
        builder.build()
    }

    #[test]
    fn dependencies_are_distinct_and_keep_their_order() {
        let graph = diamond();
        let rows: Vec<_> = graph.tasks().map(|task| graph.dependencies(task).to_vec()).collect();
        assert_eq!(rows, [vec![], vec![TaskId(0)], vec![TaskId(0)], vec![TaskId(2), TaskId(1)]]);
    }

    #[test]
    fn turning_a_graph_round_gives_dependents() {
        let dependents = diamond().reversed();
        let rows: Vec<_> = dependents.tasks().map(|task| dependents.dependencies(task).to_vec()).collect();
        assert_eq!(rows, [vec![TaskId(1), TaskId(2)], vec![TaskId(3)], vec![TaskId(3)], vec![]]);
    }
}
