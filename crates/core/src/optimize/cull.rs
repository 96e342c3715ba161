//! Culling: what is wanted, and all that it rests on.

use crate::graph::TaskId;

/// Visits the wanted tasks and everything that they rest on, each once: the wanted ones first, then what these name, and
/// so on.
///
/// `visit` is told a task and lists what it names. Ids need be known only when they are named, so a graph can be read
/// while it is being culled, and what is not needed is never looked at. They should be dense.
///
/// # Errors
/// The first error of `visit`.
pub fn cull<E>(wanted: &[TaskId], mut visit: impl FnMut(TaskId, &mut Vec<TaskId>) -> Result<(), E>) -> Result<(), E> {
    let mut seen: Vec<bool> = Vec::new();
    let mut is_new = |task: &TaskId| {
        if seen.len() <= task.index() {
            seen.resize(2 * task.index() + 64, false);
        }
        !std::mem::replace(&mut seen[task.index()], true)
    };
    let mut level: Vec<TaskId> = wanted.iter().copied().filter(&mut is_new).collect();
    let mut deeper = Vec::new();
    let mut names = Vec::new();
    while !level.is_empty() {
        for task in level.drain(..) {
            names.clear();
            visit(task, &mut names)?;
            deeper.extend(names.iter().copied().filter(&mut is_new));
        }
        std::mem::swap(&mut level, &mut deeper);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn culled(rows: &[&[u32]], wanted: &[u32]) -> Result<Vec<u32>, u32> {
        let mut visited = Vec::new();
        let wanted: Vec<_> = wanted.iter().copied().map(TaskId).collect();
        cull::<u32>(&wanted, |task, names| {
            visited.push(task.0);
            names.extend(rows.get(task.index()).ok_or(task.0)?.iter().copied().map(TaskId));
            Ok(())
        })?;
        Ok(visited)
    }

    #[test]
    fn what_is_wanted_and_what_it_rests_on_is_visited_once_level_by_level() {
        let rows: [&[u32]; 6] = [&[], &[0], &[0, 0], &[1, 2], &[3, 0], &[5]];
        assert_eq!(culled(&rows, &[3, 3]), Ok(vec![3, 1, 2, 0]));
        assert_eq!(culled(&rows, &[]), Ok(vec![]));
    }

    #[test]
    fn a_cycle_is_visited_once() {
        assert_eq!(culled(&[&[1], &[0]], &[0]), Ok(vec![0, 1]));
    }

    #[test]
    fn the_first_error_ends_it() {
        assert_eq!(culled(&[&[7]], &[0]), Err(7));
    }
}
