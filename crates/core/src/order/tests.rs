//! Tests of the static order as a whole.

use super::reach::{Reach, RootsView, UNKNOWN, ones};
use super::*;
use crate::graph::{GraphBuilder, TaskKind};

/// A graph of calls, from the dependencies of each.
fn graph(rows: &[&[u32]]) -> Graph {
    let mut builder = GraphBuilder::default();
    for row in rows {
        for dependency in *row {
            builder.push_dependency(TaskId(*dependency));
        }
        builder.finish_task(TaskKind::Call);
    }
    builder.build()
}

fn order_of(graph: &Graph) -> Vec<u32> {
    order(graph, &graph.reversed(), |a, b| a.cmp(&b)).unwrap()
}

/// A generator of numbers that gives the same ones every time.
struct Chance(u64);

impl Chance {
    fn below(&mut self, limit: u32) -> u32 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 33) as u32 % limit
    }

    /// A graph whose ids are shuffled, with a few values and gathering tasks in it.
    fn graph(&mut self, tasks: u32, degree_max: u32) -> Graph {
        let mut ids: Vec<u32> = (0..tasks).collect();
        if self.below(2) == 0 {
            for index in (1..tasks).rev() {
                ids.swap(index as usize, self.below(index + 1) as usize);
            }
        }
        let mut rows = vec![Vec::new(); tasks as usize];
        for task in 1..tasks {
            for _ in 0..self.below(degree_max + 1) {
                rows[ids[task as usize] as usize].push(TaskId(ids[self.below(task) as usize]));
            }
        }
        let mut builder = GraphBuilder::default();
        for row in rows {
            for dependency in row {
                builder.push_dependency(dependency);
            }
            builder.finish_task(if self.below(6) == 0 { TaskKind::Data } else { TaskKind::Call });
        }
        builder.build()
    }
}

fn assert_is_order(graph: &Graph, priority: &[u32]) {
    let mut places = priority.to_vec();
    places.sort_unstable();
    assert!(places.into_iter().eq(0..graph.len() as u32), "not a permutation: {priority:?}");
    for task in graph.tasks() {
        for dependency in graph.dependencies(task) {
            assert!(priority[dependency.index()] < priority[task.index()], "{task:?} before {dependency:?}");
        }
    }
}

#[test]
fn an_empty_graph_has_an_empty_order() {
    assert_eq!(order_of(&graph(&[])), Vec::<u32>::new());
}

#[test]
fn a_chain_runs_from_its_root() {
    assert_eq!(order_of(&graph(&[&[1], &[2], &[]])), [2, 1, 0]);
}

#[test]
fn every_order_is_a_permutation_in_which_dependencies_come_first() {
    let mut chance = Chance(0x5EED);
    for round in 0..1000 {
        let (tasks, degree_max) = (1 + chance.below(60), 1 + chance.below(4));
        let graph = chance.graph(tasks, degree_max);
        let dependents = graph.reversed();
        for budget in [Budget::default(), Budget { fixed: 0, each: 0 }, Budget { fixed: round % 97, each: 0 }] {
            let options = Options { with_paths: true, budget };
            let ordered = order_with(&graph, &dependents, options, |a, b| a.cmp(&b)).unwrap();
            assert_is_order(&graph, &ordered.priority);
            assert_eq!(ordered.path.len(), graph.len());
        }
    }
}

/// The roots that a task rests on, by looking at all that it rests on.
fn roots_of(graph: &Graph, task: TaskId) -> Vec<TaskId> {
    let mut below = vec![task];
    let mut next = 0;
    while let Some(task) = below.get(next).copied() {
        next += 1;
        let new: Vec<TaskId> = graph.dependencies(task).iter().copied().filter(|task| !below.contains(task)).collect();
        below.extend(new);
    }
    below.retain(|task| graph.dependencies(*task).is_empty());
    below.sort_unstable();
    below
}

#[test]
fn root_sets_are_exact_while_the_budget_lasts() {
    let mut chance = Chance(0xACE);
    for _ in 0..200 {
        let (tasks, degree_max) = (1 + chance.below(300), 1 + chance.below(3));
        let graph = chance.graph(tasks, degree_max);
        let dependents = graph.reversed();
        let (totals, topological) = total::totals(&graph, &dependents).unwrap();
        let order = topological.unwrap_or_else(|| graph.tasks().collect());
        for fixed in [1 << 16, 50] {
            let budget = Budget { fixed, each: 0 };
            let mut reach = Reach::new(&graph, &dependents, order.iter().copied(), budget);
            for task in graph.tasks() {
                let roots = roots_of(&graph, task);
                let size = reach.size(task, totals[task.index()]) as usize;
                if reach.set[task.index()] == UNKNOWN {
                    assert!(fixed == 50 && size >= roots.len().min(reach.roots.len()));
                    continue;
                }
                assert_eq!(size, roots.len());
                reach.materialize(&graph, reach.set[task.index()]);
                let mut members: Vec<TaskId> = match reach.view(reach.set[task.index()]) {
                    RootsView::One(root) => vec![reach.roots[root as usize]],
                    RootsView::List(list) => list.iter().map(|root| reach.roots[*root as usize]).collect(),
                    RootsView::Row(row) => {
                        let words = row.iter().enumerate();
                        words
                            .flat_map(|(word, bits)| ones(word, *bits))
                            .map(|root| reach.roots[root as usize])
                            .collect()
                    }
                    RootsView::Tree => panic!("it was materialized"),
                };
                members.sort_unstable();
                assert_eq!(members, roots);
            }
        }
    }
}

#[test]
fn a_tie_break_without_sense_still_gives_an_order() {
    let mut chance = Chance(7);
    for _ in 0..200 {
        let graph = chance.graph(200, 3);
        let mut answers = Chance(11);
        let priority = order(&graph, &graph.reversed(), |_, _| {
            [Ordering::Less, Ordering::Equal, Ordering::Greater][answers.below(3) as usize]
        });
        assert_is_order(&graph, &priority.unwrap());
    }
}

#[test]
fn a_cycle_is_reported_as_a_path_that_comes_round() {
    let graph = graph(&[&[], &[0, 3], &[1], &[2], &[3]]);
    let Err(Cycle(path)) = order(&graph, &graph.reversed(), |a, b| a.cmp(&b)) else { panic!("no cycle") };
    assert_eq!(path, [1, 3, 2, 1].map(TaskId));
}

#[test]
fn a_task_that_needs_itself_is_a_cycle() {
    let graph = graph(&[&[0]]);
    let found = order(&graph, &graph.reversed(), |a, b| a.cmp(&b));
    assert_eq!(found, Err(Cycle(vec![TaskId(0), TaskId(0)])));
}

#[test]
fn a_chain_of_a_million_tasks_does_not_overflow() {
    let tasks = 1_000_000;
    for step in [1, 2] {
        let mut builder = GraphBuilder::default();
        builder.finish_task(TaskKind::Call);
        for task in 1..tasks {
            builder.push_dependency(TaskId(task - 1));
            builder.push_dependency(TaskId(task.saturating_sub(step)));
            builder.finish_task(TaskKind::Call);
        }
        assert!(order_of(&builder.build()).into_iter().eq(0..tasks));
    }
}

#[test]
fn flat_graphs_in_order_ask_for_a_comparison_or_two_a_task() {
    let mut builder = GraphBuilder::default();
    for _ in 0..10_000 {
        builder.finish_task(TaskKind::Call);
    }
    (0..10_000).for_each(|task| builder.push_distinct(TaskId(task)));
    builder.finish_task(TaskKind::Call);
    let graph = builder.build();
    let mut asked = 0;
    let priority = order(&graph, &graph.reversed(), |a, b| {
        asked += 1;
        a.cmp(&b)
    });
    assert_is_order(&graph, &priority.unwrap());
    assert!(asked < 20_000, "{asked}");
}
