//! Relations that are seen from both sides, such as who holds what: one type, so that the sides cannot disagree.

use std::hash::Hash;

use super::registry::{Map, Set};

/// Pairs, found from either side. Meant for many on the left, each with few on the right.
#[derive(Debug)]
pub(super) struct Relation<A, B> {
    forward: Map<A, Few<B>>,
    backward: Map<B, Set<A>>,
}

/// One, as a rule.
#[derive(Debug)]
enum Few<B> {
    One(B),
    #[expect(clippy::box_collection, reason = "there are millions of ones, and few others")]
    Many(Box<Vec<B>>),
}

impl<B: Copy + Eq> Few<B> {
    fn as_slice(&self) -> &[B] {
        match self {
            Self::One(one) => std::slice::from_ref(one),
            Self::Many(many) => many,
        }
    }

    fn push(&mut self, another: B) {
        match self {
            Self::One(one) => *self = Self::Many(Box::new(vec![*one, another])),
            Self::Many(many) => many.push(another),
        }
    }

    /// Removes one that is there; true if it was the last.
    fn remove(&mut self, gone: B) -> bool {
        match self {
            Self::One(_) => true,
            Self::Many(many) => {
                many.retain(|one| *one != gone);
                many.is_empty()
            }
        }
    }
}

impl<A, B> Default for Relation<A, B> {
    fn default() -> Self {
        Self { forward: Map::default(), backward: Map::default() }
    }
}

impl<A: Copy + Hash + Eq, B: Copy + Hash + Eq> Relation<A, B> {
    /// Adds a pair; false if it was there.
    pub fn insert(&mut self, a: A, b: B) -> bool {
        if !self.backward.entry(b).or_default().insert(a) {
            return false;
        }
        self.forward.entry(a).and_modify(|rights| rights.push(b)).or_insert(Few::One(b));
        true
    }

    /// Removes a pair; false if it was not there.
    pub fn remove(&mut self, a: A, b: B) -> bool {
        let removed = take(&mut self.backward, &b, &a);
        if removed && self.forward.get_mut(&a).is_some_and(|rights| rights.remove(b)) {
            self.forward.swap_remove(&a);
        }
        removed
    }

    /// Removes all pairs with this on their left side, and returns their right sides.
    pub fn remove_left(&mut self, a: A) -> Vec<B> {
        let rights = self.forward.swap_remove(&a);
        let rights = rights.as_ref().map_or_else(Vec::new, |rights| rights.as_slice().to_vec());
        for b in &rights {
            take(&mut self.backward, b, &a);
        }
        rights
    }

    /// Whether the pair is there.
    pub fn contains(&self, a: A, b: B) -> bool {
        self.backward.get(&b).is_some_and(|lefts| lefts.contains(&a))
    }

    /// Whether any pair has this on its left side.
    pub fn has_left(&self, a: A) -> bool {
        self.forward.contains_key(&a)
    }

    /// The right sides of what has this on its left.
    pub fn rights(&self, a: A) -> impl Iterator<Item = B> + '_ {
        self.forward.get(&a).map(Few::as_slice).into_iter().flatten().copied()
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
