//! How many tasks must run before a task can: the first and most telling part of its sort key.

use crate::graph::{Graph, TaskId};

/// A count of dependencies, in which a task counts once for each path that leads to it. So it doubles with each layer
/// of diamonds and has thousands of digits in deep graphs; here it is exact below 2⁴⁴, and a number of 44 binary digits
/// and an exponent above. It does not depend on the order in which dependencies are added up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Total(u64);

const MANTISSA_BITS: u32 = 44;
const EXPONENT_MAX: u64 = (1 << (64 - MANTISSA_BITS)) - 1;
/// How much finer than the largest of them the addends are aligned.
const GUARD_BITS: u64 = 20;

impl Total {
    /// One more than the sum of `parts`.
    pub fn above(parts: impl Iterator<Item = Total> + Clone) -> Self {
        let mut sum = 1_u64;
        let mut all = 0;
        for Total(part) in parts.clone() {
            sum = sum.saturating_add(part);
            all |= part;
        }
        if (all | sum) >> MANTISSA_BITS == 0 { Self(sum) } else { Self::above_large(parts) }
    }

    fn above_large(parts: impl Iterator<Item = Total> + Clone) -> Self {
        let largest = parts.clone().map(|part| part.0 >> MANTISSA_BITS).max().unwrap_or(0);
        let scale = largest.saturating_sub(GUARD_BITS);
        let align = |(mantissa, exponent): (u64, u64)| -> u128 {
            let mantissa = u128::from(mantissa);
            if exponent >= scale {
                mantissa << (exponent - scale)
            } else {
                mantissa.checked_shr((scale - exponent).min(127) as u32).unwrap_or(0)
            }
        };
        let sum = parts.map(|part| align(part.parts())).fold(align((1, 0)), |sum, part| sum + part);
        let excess = u64::from((128 - sum.leading_zeros()).saturating_sub(MANTISSA_BITS));
        let exponent = scale + excess;
        if exponent > EXPONENT_MAX {
            return Self(u64::MAX);
        }
        Self(exponent << MANTISSA_BITS | (sum >> excess) as u64)
    }

    /// The total, but at most `limit`.
    pub fn at_most(self, limit: u32) -> u32 {
        self.0.min(u64::from(limit)) as u32
    }

    fn parts(self) -> (u64, u64) {
        (self.0 & ((1 << MANTISSA_BITS) - 1), self.0 >> MANTISSA_BITS)
    }

    /// Whether it is so small that it tells, with the number of dependencies, how many roots there are: all shapes of
    /// three tasks or fewer.
    pub fn roots_if_obvious(self, dependencies: usize) -> Option<u32> {
        match (self.0, dependencies) {
            (1, _) => Some(0),
            (2, _) | (3, 1) => Some(1),
            (3, _) => Some(2),
            _ => None,
        }
    }
}

/// The totals of all tasks; `None` when there is a cycle. The order is one in which dependencies come first, or `None`
/// if the ids are such an order already. Linear.
pub fn totals(graph: &Graph, dependents: &Graph) -> Option<(Vec<Total>, Option<Vec<TaskId>>)> {
    let mut totals = Vec::with_capacity(graph.len());
    for task in graph.tasks() {
        let row = graph.dependencies(task);
        if row.iter().any(|dependency| *dependency >= task) {
            let order = topological(graph, dependents)?;
            totals.resize(graph.len(), Total::default());
            for &task in &order {
                totals[task.index()] = total_of(graph.dependencies(task), &totals);
            }
            return Some((totals, Some(order)));
        }
        totals.push(total_of(row, &totals));
    }
    Some((totals, None))
}

fn total_of(row: &[TaskId], totals: &[Total]) -> Total {
    match row {
        [] => Total(1),
        row => Total::above(row.iter().map(|dependency| totals[dependency.index()])),
    }
}

/// All tasks, each after its dependencies; `None` if there is a cycle.
fn topological(graph: &Graph, dependents: &Graph) -> Option<Vec<TaskId>> {
    let mut needed: Vec<u32> = graph.tasks().map(|task| graph.dependencies(task).len() as u32).collect();
    let mut order: Vec<TaskId> = Vec::with_capacity(graph.len());
    order.extend(graph.tasks().filter(|task| needed[task.index()] == 0));
    let mut next = 0;
    while let Some(&task) = order.get(next) {
        next += 1;
        for dependent in dependents.dependencies(task) {
            needed[dependent.index()] -= 1;
            if needed[dependent.index()] == 0 {
                order.push(*dependent);
            }
        }
    }
    (order.len() == graph.len()).then_some(order)
}

/// A cycle of `graph`, which must have one: each task needs the next, and the last is the first again.
pub fn find_cycle(graph: &Graph, dependents: &Graph) -> Vec<TaskId> {
    let mut needed: Vec<u32> = graph.tasks().map(|task| graph.dependencies(task).len() as u32).collect();
    let mut done: Vec<TaskId> = graph.tasks().filter(|task| needed[task.index()] == 0).collect();
    while let Some(task) = done.pop() {
        for dependent in dependents.dependencies(task) {
            needed[dependent.index()] -= 1;
            if needed[dependent.index()] == 0 {
                done.push(*dependent);
            }
        }
    }
    // Each task that is left needs another one that is left: walking from one to the next must come round.
    let mut at = vec![usize::MAX; graph.len()];
    let mut path = Vec::new();
    let mut next = graph.tasks().find(|task| needed[task.index()] > 0);
    while let Some(task) = next {
        if at[task.index()] != usize::MAX {
            path.drain(..at[task.index()]);
            path.push(task);
            break;
        }
        at[task.index()] = path.len();
        path.push(task);
        next = graph.dependencies(task).iter().copied().find(|dependency| needed[dependency.index()] > 0);
    }
    path
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_totals_are_exact() {
        assert_eq!(Total::above([Total(1), Total(5)].into_iter()), Total(7));
    }

    #[test]
    fn large_totals_grow_and_do_not_depend_on_the_order_of_addition() {
        let mut previous = [Total(1), Total(1), Total(3)];
        for _ in 0..5000 {
            let [a, b, c] = previous;
            let next = Total::above([a, b, c].into_iter());
            assert_eq!(next, Total::above([c, a, b].into_iter()));
            assert!(next > c);
            previous = [b, c, next];
        }
    }
}
