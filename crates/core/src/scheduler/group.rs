//! Groups: tasks that were submitted together. Root tasks are known by their group.

use super::prefix::{PrefixId, Prefixes};
use super::registry::{Id, Named, Registry, Set};
use super::stimulus::Text;
use super::totals::Totals;
use super::worker::WorkerId;
use crate::key::Key;
use crate::protocol::field;
use crate::protocol::worker::StartStop;

/// Tasks that were submitted together.
#[derive(Debug)]
pub struct Group {
    pub(super) name: Key,
    prefix: PrefixId,
    /// How many tasks it has had.
    size: usize,
    /// How many of them are not forgotten.
    alive: usize,
    dependencies: Set<Id<Group>>,
    /// The worker that runs tasks of the group one after another, and how many more it gets.
    share: Option<(WorkerId, u64)>,
    /// The span that it belongs to; none while it has only data.
    pub(super) span: Option<Text>,
    pub(super) totals: Totals,
}

impl Group {
    /// How many tasks it has had.
    pub(super) fn len(&self) -> usize {
        self.size
    }
}

impl Named for Group {
    type Name = Key;

    fn known_as(&self) -> &Key {
        &self.name
    }
}

/// All groups, and what is known of their prefixes.
#[derive(Debug)]
pub(super) struct Groups {
    registry: Registry<Group>,
    pub prefixes: Prefixes,
    /// How many tasks are forgotten, of groups that are not.
    forgotten: usize,
    /// Those of the last keys: the next one is often of one of them.
    recent: [Option<Id<Group>>; 2],
}

impl Groups {
    /// No groups. A task of which nothing is known takes `unknown` seconds, those of some prefixes take what is expected.
    pub fn new(unknown: f64, expected: &field::Map<Text, f64>) -> Self {
        Self {
            registry: Registry::default(),
            prefixes: Prefixes::new(unknown, expected),
            forgotten: 0,
            recent: [None; 2],
        }
    }

    /// Counts a new task in its group.
    pub fn enter(&mut self, key: &Key) -> Id<Group> {
        let is_of = |id: &Id<Group>| self.registry.get(*id).is_some_and(|group| key.is_of(&group.name));
        let id = self.recent.into_iter().flatten().find(is_of).unwrap_or_else(|| self.look_up(key));
        let group = &mut self.registry[id];
        group.size += 1;
        group.alive += 1;
        id
    }

    /// The group of a key, made if there is none.
    fn look_up(&mut self, key: &Key) -> Id<Group> {
        let name = key.group();
        let id = self.registry.id(&name).unwrap_or_else(|| {
            let prefix = self.prefixes.enter(&key.prefix());
            let group = Group {
                name,
                prefix,
                size: 0,
                alive: 0,
                dependencies: Set::default(),
                share: None,
                span: None,
                totals: Totals::default(),
            };
            self.registry.insert(group)
        });
        self.recent = [Some(id), self.recent[0]];
        id
    }

    /// Counts a task out that is forgotten. A group without tasks is forgotten too, and returned.
    pub fn leave(&mut self, id: Id<Group>) -> Option<Group> {
        let group = &mut self.registry[id];
        group.alive -= 1;
        self.forgotten += 1;
        if group.alive > 0 {
            return None;
        }
        self.forgotten -= group.size;
        let totals = self.prefixes.totals_mut(group.prefix);
        totals.nbytes = totals.nbytes.saturating_sub(group.totals.nbytes);
        let name = group.name.clone();
        self.registry.remove(&name)
    }

    /// A task of a group was run.
    pub fn count(&mut self, id: Id<Group>, nbytes: u64, startstops: &[StartStop]) {
        let group = &mut self.registry[id];
        group.totals.count(nbytes, startstops);
        self.prefixes.totals_mut(group.prefix).count(nbytes, startstops);
    }

    /// What has come of the tasks of a group.
    pub fn totals(&self, id: Id<Group>) -> &Totals {
        &self.registry[id].totals
    }

    /// A group belongs to a span.
    pub fn join(&mut self, id: Id<Group>, span: Text) {
        self.registry[id].span = Some(span);
    }

    /// The span that a group belongs to.
    pub fn span(&self, id: Id<Group>) -> Option<&Text> {
        self.registry[id].span.as_ref()
    }

    /// All groups.
    pub fn iter(&self) -> impl Iterator<Item = (Id<Group>, &Group)> {
        self.registry.iter()
    }

    /// How many tasks of a group are forgotten.
    pub fn forgotten(&self, id: Id<Group>) -> usize {
        self.registry[id].size - self.registry[id].alive
    }

    /// How many tasks are forgotten, of groups that are not.
    pub fn all_forgotten(&self) -> usize {
        self.forgotten
    }

    /// The name of a group.
    pub fn name(&self, id: Id<Group>) -> &Key {
        &self.registry[id].name
    }

    /// A task of one group needs a task of another, or of the same: then its tasks are not like roots.
    pub fn link(&mut self, group: Id<Group>, dependency: Id<Group>) {
        self.registry[group].dependencies.insert(dependency);
    }

    /// Whether a group is much larger than the cluster and needs little, fewer groups than `groups_max` that have
    /// together fewer tasks than `dependencies_max`: its tasks only feed others.
    pub fn is_rootish(&self, id: Id<Group>, threads: u64, groups_max: usize, dependencies_max: usize) -> bool {
        let group = &self.registry[id];
        let needed = || group.dependencies.iter().filter_map(|&id| self.registry.get(id)).map(|group| group.size);
        group.size as u64 > threads * 2
            && group.dependencies.len() < groups_max
            && needed().sum::<usize>() < dependencies_max
    }

    /// The worker that the next task of a group goes to, if it has not had its share.
    pub fn next_of_share(&mut self, id: Id<Group>) -> Option<WorkerId> {
        let (worker, left) = self.registry[id].share.as_mut()?;
        *left = left.checked_sub(1)?;
        Some(*worker)
    }

    /// A worker gets as large a part of a group as it has of all threads, beginning with the task at hand.
    pub fn begin_share(&mut self, id: Id<Group>, worker: WorkerId, threads: u64, of: u64) {
        let group = &mut self.registry[id];
        let share = group.size as u64 * threads / of.max(1);
        group.share = Some((worker, share.saturating_sub(1)));
    }

    /// The prefix of a group.
    pub fn prefix(&self, id: Id<Group>) -> PrefixId {
        self.registry[id].prefix
    }

    /// Seconds that a task of this group takes, as far as is known.
    pub fn duration(&self, id: Id<Group>) -> Option<f64> {
        self.prefixes.duration(self.registry[id].prefix)
    }

    /// Seconds that a task of this group is expected to take.
    pub fn expected(&self, id: Id<Group>) -> f64 {
        self.prefixes.expected(self.registry[id].prefix)
    }

    /// How many groups there are.
    pub fn len(&self) -> usize {
        self.registry.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_is_like_a_root_while_it_is_large_and_needs_little() {
        let mut groups = Groups::new(0.5, &field::Map::default());
        let key = |name: &str, index| Key::Tuple([Key::from(name), Key::Int(index)].into());
        let loads: Vec<_> = (0..5).map(|index| groups.enter(&key("load-1", index))).collect();
        assert!(groups.is_rootish(loads[0], 2, 5, 5) && !groups.is_rootish(loads[0], 3, 5, 5));
        let sums: Vec<_> = (0..5).map(|index| groups.enter(&key("sum-1", index))).collect();
        groups.link(sums[0], loads[0]);
        assert!(!groups.is_rootish(sums[0], 2, 5, 5));
        groups.link(loads[1], loads[0]);
        assert!(!groups.is_rootish(loads[0], 2, 5, 5), "some of them need others");
        for id in loads {
            groups.leave(id);
        }
        assert_eq!(groups.len(), 1);
    }
}
