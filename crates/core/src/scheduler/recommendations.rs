//! Recommendations: the changes that a change suggests. Consumed last in, first out, as Dask does; many things depend on it.

use std::sync::Arc;

use super::classes::Class;
use super::instruction::Failure;
use super::registry::Map;
use super::task::{StateName, TaskId};
use super::worker::WorkerId;
use crate::protocol::worker::StartStop;

/// The state that a task should take on, with what belongs to it.
#[derive(Clone, Debug)]
pub(super) enum Finish {
    Released,
    Waiting,
    NoWorker,
    Queued,
    Processing,
    Memory(Arrival),
    Erred(Arc<Failure>),
    Forgotten,
}

/// A result that a worker has computed.
#[derive(Clone, Debug)]
pub(super) struct Arrival {
    pub worker: WorkerId,
    pub nbytes: u64,
    pub class: Arc<Class>,
    pub duration: f64,
    /// What took how long.
    pub startstops: Vec<StartStop>,
}

impl Finish {
    pub fn name(&self) -> StateName {
        match self {
            Self::Released => StateName::Released,
            Self::Waiting => StateName::Waiting,
            Self::NoWorker => StateName::NoWorker,
            Self::Queued => StateName::Queued,
            Self::Processing => StateName::Processing,
            Self::Memory(_) => StateName::Memory,
            Self::Erred(_) => StateName::Erred,
            Self::Forgotten => StateName::Forgotten,
        }
    }
}

/// So many are looked through one by one; among more, a task is found by a table.
const LOOKED_THROUGH_MAX: usize = 8;

/// What is recommended, in the order in which each task was first named. Mostly nothing, or one.
#[derive(Debug)]
pub(super) enum Recommendations {
    One(Option<(TaskId, Finish)>),
    Few(Vec<(TaskId, Finish)>),
    Many(Map<TaskId, Finish>),
}

impl Default for Recommendations {
    fn default() -> Self {
        Self::One(None)
    }
}

impl Recommendations {
    /// One recommendation.
    pub fn one(task: TaskId, finish: Finish) -> Self {
        Self::One(Some((task, finish)))
    }

    /// Recommends. A task that is named again keeps its place, and one that is to be forgotten is forgotten: whoever
    /// recommended it knew that nobody refers to it, and who recommends something else after that does not.
    pub fn add(&mut self, task: TaskId, finish: Finish) {
        match self {
            Self::One(None) => *self = Self::one(task, finish),
            Self::One(Some((named, before))) if *named == task => replace(before, finish),
            Self::One(one) => *self = Self::Few(one.take().into_iter().chain([(task, finish)]).collect()),
            Self::Few(few) => match few.iter().position(|(named, _)| *named == task) {
                Some(place) => replace(&mut few[place].1, finish),
                None if few.len() < LOOKED_THROUGH_MAX => few.push((task, finish)),
                None => *self = Self::Many(few.drain(..).chain([(task, finish)]).collect()),
            },
            Self::Many(many) => match many.get_mut(&task) {
                Some(before) => replace(before, finish),
                None => drop(many.insert(task, finish)),
            },
        }
    }

    /// Takes over what others recommend.
    pub fn update(&mut self, others: Self) {
        if self.is_empty() {
            *self = others;
            return;
        }
        match others {
            Self::One(None) => {}
            Self::One(Some((task, finish))) => self.add(task, finish),
            Self::Few(few) => few.into_iter().for_each(|(task, finish)| self.add(task, finish)),
            Self::Many(many) => many.into_iter().for_each(|(task, finish)| self.add(task, finish)),
        }
    }

    /// What is recommended for a task.
    pub fn get(&self, task: TaskId) -> Option<&Finish> {
        let wanted = |(named, finish)| (named == task).then_some(finish);
        match self {
            Self::One(one) => one.iter().map(|(named, finish)| (*named, finish)).find_map(wanted),
            Self::Few(few) => few.iter().map(|(named, finish)| (*named, finish)).find_map(wanted),
            Self::Many(many) => many.get(&task),
        }
    }

    /// The last one.
    pub fn pop(&mut self) -> Option<(TaskId, Finish)> {
        match self {
            Self::One(one) => one.take(),
            Self::Few(few) => few.pop(),
            Self::Many(many) => many.pop(),
        }
    }

    fn is_empty(&self) -> bool {
        match self {
            Self::One(one) => one.is_none(),
            Self::Few(few) => few.is_empty(),
            Self::Many(many) => many.is_empty(),
        }
    }
}

fn replace(before: &mut Finish, finish: Finish) {
    if !matches!(before, Finish::Forgotten) {
        *before = finish;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::key::Key;
    use crate::scheduler::group::Groups;
    use crate::scheduler::registry::Registry;
    use crate::scheduler::task::Task;

    #[test]
    fn however_many_there_are_the_last_is_first_and_who_is_named_again_keeps_its_place() {
        let mut tasks = Registry::default();
        for count in [1, 2, 5, 8, 9, 30] {
            let ids: Vec<_> = (0..count).map(|number| tasks.insert(named(count, number))).collect();
            let mut recommendations = Recommendations::default();
            for &id in &ids {
                recommendations.add(id, Finish::Waiting);
            }
            recommendations.update(Recommendations::one(ids[0], Finish::Forgotten));
            recommendations.add(ids[0], Finish::Released);
            assert!(matches!(recommendations.get(ids[0]), Some(Finish::Forgotten)));
            let expected: Vec<_> = ids.iter().copied().rev().collect();
            let popped: Vec<_> = std::iter::from_fn(|| recommendations.pop()).map(|(id, _)| id).collect();
            assert_eq!(popped, expected);
        }
    }

    fn named(count: usize, number: usize) -> Task {
        let mut groups = Groups::new(0.5, &crate::protocol::field::Map::default());
        let key = Key::from(format!("x{count}-{number}").as_str());
        let group = groups.enter(&key);
        Task::new(key, group, groups.prefix(group))
    }
}
