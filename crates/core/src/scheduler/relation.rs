//! Relations that are seen from both sides, such as who holds what: one type, so that the sides cannot disagree.

use std::hash::Hash;

use super::registry::{Map, Set};

/// Pairs, found from either side.
#[derive(Debug)]
pub(super) struct Relation<A, B> {
    forward: Map<A, Set<B>>,
    backward: Map<B, Set<A>>,
}

impl<A, B> Default for Relation<A, B> {
    fn default() -> Self {
        Self { forward: Map::default(), backward: Map::default() }
    }
}

impl<A: Copy + Hash + Eq, B: Copy + Hash + Eq> Relation<A, B> {
    /// Adds a pair; false if it was there.
    pub fn insert(&mut self, a: A, b: B) -> bool {
        self.backward.entry(b).or_default().insert(a);
        self.forward.entry(a).or_default().insert(b)
    }

    /// Removes a pair; false if it was not there.
    pub fn remove(&mut self, a: A, b: B) -> bool {
        take(&mut self.backward, &b, &a);
        take(&mut self.forward, &a, &b)
    }

    /// Removes all pairs with this on their left side, and returns their right sides.
    pub fn remove_left(&mut self, a: A) -> Set<B> {
        let rights = self.forward.swap_remove(&a).unwrap_or_default();
        for b in &rights {
            take(&mut self.backward, b, &a);
        }
        rights
    }

    /// Whether the pair is there.
    pub fn contains(&self, a: A, b: B) -> bool {
        self.forward.get(&a).is_some_and(|rights| rights.contains(&b))
    }

    /// Whether any pair has this on its left side.
    pub fn has_left(&self, a: A) -> bool {
        self.forward.contains_key(&a)
    }

    /// The right sides of what has this on its left.
    pub fn rights(&self, a: A) -> impl Iterator<Item = B> + '_ {
        self.forward.get(&a).into_iter().flatten().copied()
    }

    /// The left sides of what has this on its right.
    pub fn lefts(&self, b: B) -> impl Iterator<Item = A> + '_ {
        self.backward.get(&b).into_iter().flatten().copied()
    }

    /// All that stands on the left.
    pub fn all_lefts(&self) -> impl Iterator<Item = A> + '_ {
        self.forward.keys().copied()
    }

    /// All that stands on the right.
    pub fn all_rights(&self) -> impl Iterator<Item = B> + '_ {
        self.backward.keys().copied()
    }
}

fn take<A: Hash + Eq, B: Hash + Eq>(side: &mut Map<A, Set<B>>, a: &A, b: &B) -> bool {
    let Some(others) = side.get_mut(a) else { return false };
    let found = others.swap_remove(b);
    if others.is_empty() {
        side.swap_remove(a);
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_sides_say_the_same() {
        let mut relation = Relation::default();
        assert!(relation.insert(1, 'a') && relation.insert(1, 'b') && relation.insert(2, 'a'));
        assert!(!relation.insert(1, 'a'));
        assert_eq!(relation.lefts('a').collect::<Vec<_>>(), [1, 2]);
        assert!(relation.remove(2, 'a') && !relation.remove(2, 'a'));
        assert_eq!(relation.remove_left(1).into_iter().collect::<Vec<_>>(), ['a', 'b']);
        assert_eq!((relation.all_lefts().count(), relation.all_rights().count()), (0, 0));
    }
}
