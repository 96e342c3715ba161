//! Relations that are seen from both sides, such as who holds what: one type, so that the sides cannot disagree.

use super::registry::Id;

/// Room for so many left sides is kept when there are none.
const ROOM_KEPT: usize = 64;

/// Pairs, found from either side. Meant for many on the left, each with few on the right. Whoever stands on a side must
/// leave all its pairs before its place in the registry is given to another.
#[derive(Debug)]
pub(super) struct Relation<L, R> {
    /// By the places of those on the left.
    forward: Vec<Few<R>>,
    /// By the places of those on the right.
    backward: Vec<Many<L, R>>,
}

/// All that has this on its right side.
#[derive(Debug)]
struct Many<L, R> {
    right: Option<Id<R>>,
    lefts: Vec<Id<L>>,
}

/// A pair, as its left side knows it.
#[derive(Debug)]
struct End<R> {
    right: Id<R>,
    /// The place of the left side among all of that right side.
    place: u32,
}

/// None or one, as a rule.
#[derive(Debug)]
enum Few<R> {
    None,
    One(End<R>),
    #[expect(clippy::box_collection, reason = "there are millions of ones, and few others")]
    Many(Box<Vec<End<R>>>),
}

impl<R> Few<R> {
    fn as_slice(&self) -> &[End<R>] {
        match self {
            Self::None => &[],
            Self::One(one) => std::slice::from_ref(one),
            Self::Many(many) => many,
        }
    }

    fn as_mut_slice(&mut self) -> &mut [End<R>] {
        match self {
            Self::None => &mut [],
            Self::One(one) => std::slice::from_mut(one),
            Self::Many(many) => many,
        }
    }

    fn push(&mut self, another: End<R>) {
        match std::mem::replace(self, Self::None) {
            Self::None => *self = Self::One(another),
            Self::One(one) => *self = Self::Many(Box::new(vec![one, another])),
            Self::Many(mut many) => {
                many.push(another);
                *self = Self::Many(many);
            }
        }
    }

    /// Removes the pair with this right side, if there is one. The others stay in their order.
    fn remove(&mut self, right: Id<R>) -> Option<End<R>> {
        let index = self.as_slice().iter().position(|end| end.right == right)?;
        match self {
            Self::Many(many) if many.len() > 1 => Some(many.remove(index)),
            _ => match std::mem::replace(self, Self::None) {
                Self::None => None,
                Self::One(one) => Some(one),
                Self::Many(mut many) => many.pop(),
            },
        }
    }
}

impl<L, R> Default for Relation<L, R> {
    fn default() -> Self {
        Self { forward: Vec::new(), backward: Vec::new() }
    }
}

impl<L, R> Relation<L, R> {
    fn ends(&self, a: Id<L>) -> &[End<R>] {
        self.forward.get(a.place()).map_or(&[], Few::as_slice)
    }

    /// Adds a pair; false if it was there.
    pub fn insert(&mut self, a: Id<L>, b: Id<R>) -> bool {
        if self.contains(a, b) {
            return false;
        }
        if self.forward.len() <= a.place() {
            self.forward.resize_with(a.place() + 1, || Few::None);
        }
        if self.backward.len() <= b.place() {
            self.backward.resize_with(b.place() + 1, || Many { right: None, lefts: Vec::new() });
        }
        let many = &mut self.backward[b.place()];
        assert!(many.right == Some(b) || many.lefts.is_empty(), "who had this place has left its pairs");
        many.right = Some(b);
        let place = u32::try_from(many.lefts.len()).expect("there are no more pairs than tasks");
        many.lefts.push(a);
        self.forward[a.place()].push(End { right: b, place });
        true
    }

    /// Removes a pair; false if it was not there.
    pub fn remove(&mut self, a: Id<L>, b: Id<R>) -> bool {
        let end = self.forward.get_mut(a.place()).and_then(|few| few.remove(b));
        if let Some(end) = &end {
            self.take(end);
        }
        end.is_some()
    }

    /// Removes all pairs with this on their left side, and returns their right sides.
    pub fn remove_left(&mut self, a: Id<L>) -> Vec<Id<R>> {
        let Some(few) = self.forward.get_mut(a.place()) else { return Vec::new() };
        let few = std::mem::replace(few, Few::None);
        for end in few.as_slice() {
            self.take(end);
        }
        few.as_slice().iter().map(|end| end.right).collect()
    }

    /// Whether the pair is there.
    pub fn contains(&self, a: Id<L>, b: Id<R>) -> bool {
        self.ends(a).iter().any(|end| end.right == b)
    }

    /// Whether any pair has this on its left side.
    pub fn has_left(&self, a: Id<L>) -> bool {
        !self.ends(a).is_empty()
    }

    /// The right sides of what has this on its left.
    pub fn rights(&self, a: Id<L>) -> impl Iterator<Item = Id<R>> + '_ {
        self.ends(a).iter().map(|end| end.right)
    }

    /// The left sides of what has this on its right.
    pub fn lefts(&self, b: Id<R>) -> impl Iterator<Item = Id<L>> + '_ {
        self.of(b).iter().copied()
    }

    /// How many pairs have this on their right side.
    pub fn left_count(&self, b: Id<R>) -> usize {
        self.of(b).len()
    }

    /// All that stands on the left, once for each of its pairs.
    pub fn all_lefts(&self) -> impl Iterator<Item = Id<L>> + '_ {
        self.backward.iter().flat_map(|many| &many.lefts).copied()
    }

    /// All that stands on the right.
    pub fn all_rights(&self) -> impl Iterator<Item = Id<R>> + '_ {
        self.backward.iter().filter(|many| !many.lefts.is_empty()).filter_map(|many| many.right)
    }

    fn of(&self, b: Id<R>) -> &[Id<L>] {
        self.backward.get(b.place()).filter(|many| many.right == Some(b)).map_or(&[], |many| &many.lefts)
    }

    /// Takes a pair off its right side, whose last pair takes its place.
    fn take(&mut self, end: &End<R>) {
        let (b, place) = (end.right, end.place as usize);
        let lefts = &mut self.backward[b.place()].lefts;
        lefts.swap_remove(place);
        if let Some(moved) = lefts.get(place) {
            let ends = self.forward[moved.place()].as_mut_slice();
            let twin = ends.iter_mut().find(|end| end.right == b).expect("a pair has two sides");
            twin.place = end.place;
        } else if lefts.is_empty() && lefts.capacity() > ROOM_KEPT {
            *lefts = Vec::new();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scheduler::registry::{Named, Registry};

    impl Named for char {
        type Name = Self;

        fn known_as(&self) -> &Self {
            self
        }
    }

    #[test]
    fn both_sides_say_the_same() {
        let (mut numbers, mut letters) = (Registry::<char>::default(), Registry::<&'static str>::default());
        let [one, two, three] = ['1', '2', '3'].map(|it| numbers.insert(it));
        let [a, b] = ["a", "b"].map(|it| letters.insert(it));
        let mut relation = Relation::default();
        assert!(relation.insert(one, a) && relation.insert(one, b) && relation.insert(two, a));
        assert!(relation.insert(three, a) && !relation.insert(one, a));
        assert_eq!(relation.lefts(a).collect::<Vec<_>>(), [one, two, three]);
        assert_eq!(relation.remove_left(one), [a, b]);
        assert_eq!(relation.lefts(a).collect::<Vec<_>>(), [three, two], "the last takes the place");
        assert!(relation.remove(three, a) && !relation.remove(three, a));
        assert!(relation.contains(two, a) && relation.has_left(two) && !relation.has_left(three));
        assert_eq!(relation.remove_left(two), [a]);
        assert_eq!((relation.all_lefts().count(), relation.all_rights().count()), (0, 0));
    }
}
