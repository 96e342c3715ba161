//! Takes out of a graph what is no work, and puts it back into the result.
//!
//! A value with more than one dependent is held by the tasks that need it; a list of several keys at the very end of a
//! graph only gathers them. Both would make every graph look connected, so the order is found without them.

use crate::graph::{Graph, GraphBuilder, TaskId, TaskKind};

/// A graph without gathering leaves and shared values.
pub struct Pruned {
    pub graph: Graph,
    pub dependents: Graph,
    /// What each task of `graph` is called outside.
    pub outside: Vec<TaskId>,
    /// The leaves that were taken out, first taken first: they come last, in the opposite order.
    pub leaves: Vec<TaskId>,
    /// The values that were taken out, each after those that it rests on.
    values: Vec<TaskId>,
    /// For each task outside: whether it is one of `values`.
    is_value: Vec<bool>,
}

/// What is left of a graph while tasks are being taken out.
struct Remaining {
    needs: Vec<u32>,
    needed_by: Vec<u32>,
    out: Vec<bool>,
}

/// Takes out what is no work; `None` if everything is. Linear.
pub fn prune(graph: &Graph, dependents: &Graph) -> Option<Pruned> {
    let is_data = |task: &TaskId| graph.kind(*task) == TaskKind::Data;
    let degree = |graph: &Graph, task: TaskId| graph.dependencies(task).len() as u32;
    let mut candidates = graph.tasks().filter(is_data).filter(|task| {
        let (needs, needed_by) = (degree(graph, *task), degree(dependents, *task));
        (needed_by == 0 && needs > 1) || (needs == 0 && needed_by > 1)
    });
    candidates.next()?;

    let mut rest = Remaining {
        needs: graph.tasks().map(|task| degree(graph, task)).collect(),
        needed_by: graph.tasks().map(|task| degree(dependents, task)).collect(),
        out: vec![false; graph.len()],
    };
    let mut values = Vec::new();
    let mut leaves = Vec::new();
    let mut ends: Vec<TaskId> = graph.tasks().filter(|task| rest.needed_by[task.index()] == 0).collect();
    let mut starts: Vec<TaskId> = graph.tasks().filter(|task| rest.needs[task.index()] == 0).collect();
    loop {
        let taken = leaves.len();
        let mut next_ends = Vec::new();
        for leaf in ends.drain(..) {
            if !is_data(&leaf) || rest.out[leaf.index()] || rest.needs[leaf.index()] < 2 {
                continue;
            }
            rest.out[leaf.index()] = true;
            leaves.push(leaf);
            for dependency in graph.dependencies(leaf) {
                rest.needed_by[dependency.index()] -= 1;
                if rest.needed_by[dependency.index()] == 0 {
                    next_ends.push(*dependency);
                }
            }
        }
        ends = next_ends;
        let mut next_starts = Vec::new();
        for root in starts.drain(..) {
            if !is_data(&root) || rest.out[root.index()] || rest.needed_by[root.index()] < 2 {
                // A leaf that is taken out later does not make this one a value: it only has fewer dependents then.
                continue;
            }
            rest.out[root.index()] = true;
            values.push(root);
            for dependent in dependents.dependencies(root) {
                rest.needs[dependent.index()] -= 1;
                if rest.needs[dependent.index()] == 0 {
                    next_starts.push(*dependent);
                }
            }
        }
        starts = next_starts;
        if leaves.len() == taken {
            break;
        }
    }
    Some(rebuild(graph, &rest.out, leaves, values))
}

fn rebuild(graph: &Graph, out: &[bool], leaves: Vec<TaskId>, values: Vec<TaskId>) -> Pruned {
    let mut inside = vec![TaskId(u32::MAX); graph.len()];
    let mut outside = Vec::with_capacity(graph.len());
    for task in graph.tasks().filter(|task| !out[task.index()]) {
        inside[task.index()] = TaskId(outside.len() as u32);
        outside.push(task);
    }
    let mut builder = GraphBuilder::with_capacity(outside.len(), graph.edges());
    for task in &outside {
        for dependency in graph.dependencies(*task) {
            if !out[dependency.index()] {
                builder.push_distinct(inside[dependency.index()]);
            }
        }
        builder.finish_task(graph.kind(*task));
    }
    let graph = builder.build();
    let dependents = graph.reversed();
    let mut is_value = vec![false; out.len()];
    for value in &values {
        is_value[value.index()] = true;
    }
    Pruned { graph, dependents, outside, leaves, values, is_value }
}

impl Pruned {
    /// The whole order: each value just before the first task that needs it, the leaves at the end. `of` gives for
    /// each task inside its place in the order of what is inside; `graph` is the one before pruning.
    ///
    /// `stat` is empty or has an entry for each task inside; values share that of the task that comes with them, and
    /// leaves have 0.
    pub fn restore(&self, graph: &Graph, priority: &[u32], stat: &[u32]) -> (Vec<u32>, Vec<u32>) {
        let mut sequence = vec![TaskId(0); priority.len()];
        for (index, place) in priority.iter().enumerate() {
            sequence[*place as usize] = TaskId(index as u32);
        }
        let mut places = vec![u32::MAX; graph.len()];
        let mut stats = if stat.is_empty() { Vec::new() } else { vec![0; graph.len()] };
        let mut next = 0;
        let mut give = |task: TaskId, stat: Option<u32>| {
            if places[task.index()] == u32::MAX {
                places[task.index()] = next;
                next += 1;
                if let Some(stat) = stat {
                    stats[task.index()] = stat;
                }
            }
        };
        let mut stack = Vec::new();
        for task in sequence {
            let stat = stat.get(task.index()).copied();
            // A value may rest on other values, to any depth; these come before it.
            stack.push((self.outside[task.index()], false));
            while let Some((task, ready)) = stack.pop() {
                let values = graph.dependencies(task).iter().filter(|task| self.is_value[task.index()]);
                let before = stack.len();
                if !ready {
                    stack.push((task, true));
                    stack.extend(values.map(|value| (*value, false)));
                }
                if ready || stack.len() == before + 1 {
                    stack.truncate(before);
                    give(task, stat);
                }
            }
        }
        // Values that only leaves need, if there are any, and the leaves.
        for value in &self.values {
            give(*value, None);
        }
        for leaf in self.leaves.iter().rev() {
            give(*leaf, None);
        }
        (places, stats)
    }
}
