//! Registries: what has a name outside and an id inside.
//!
//! An id is never given twice: what was removed is not found again, even when its place is taken.

use std::cmp::Ordering;
use std::fmt;
use std::hash::{BuildHasher, Hash, Hasher};
use std::marker::PhantomData;

use hashbrown::HashTable;
use hashbrown::hash_table::Entry;
use indexmap::{IndexMap, IndexSet};
use rustc_hash::FxBuildHasher;

/// A set that remembers the order in which it was filled, so that all that walks it is reproducible.
pub(super) type Set<T> = IndexSet<T, FxBuildHasher>;
/// A map that remembers the order in which it was filled.
pub(super) type Map<K, V> = IndexMap<K, V, FxBuildHasher>;

/// The place of a `T` in its registry, and which of those that had this place it is.
pub struct Id<T> {
    index: u32,
    generation: u32,
    kind: PhantomData<fn() -> T>,
}

impl<T> Id<T> {
    /// Its place. Of all that live at a time, each has another one.
    pub(super) fn place(self) -> usize {
        self.index as usize
    }
}

impl<T> Clone for Id<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Id<T> {}

impl<T> PartialEq for Id<T> {
    fn eq(&self, other: &Self) -> bool {
        (self.index, self.generation) == (other.index, other.generation)
    }
}

impl<T> Eq for Id<T> {}

impl<T> PartialOrd for Id<T> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<T> Ord for Id<T> {
    fn cmp(&self, other: &Self) -> Ordering {
        (self.index, self.generation).cmp(&(other.index, other.generation))
    }
}

impl<T> Hash for Id<T> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (u64::from(self.generation) << 32 | u64::from(self.index)).hash(state);
    }
}

impl<T> fmt::Debug for Id<T> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}v{}", self.index, self.generation)
    }
}

#[derive(Debug)]
struct Slot<T> {
    generation: u32,
    value: Option<T>,
}

/// What is registered by a name of its own.
pub(super) trait Named {
    /// What names are.
    type Name: Hash + Eq;

    /// Its name, which never changes.
    fn known_as(&self) -> &Self::Name;
}

/// Values by id, and ids by name.
pub(super) struct Registry<T> {
    slots: Vec<Slot<T>>,
    free: Vec<u32>,
    /// Places by name; the names are those of the values.
    places: HashTable<u32>,
}

impl<T> Default for Registry<T> {
    fn default() -> Self {
        Self { slots: Vec::new(), free: Vec::new(), places: HashTable::new() }
    }
}

/// The table of places is left out: its order is nobody's business.
impl<T: fmt::Debug> fmt::Debug for Registry<T> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Registry").field("slots", &self.slots).field("free", &self.free).finish_non_exhaustive()
    }
}

fn hash<N: Hash>(name: &N) -> u64 {
    FxBuildHasher.hash_one(name)
}

fn at<T>(slots: &[Slot<T>], place: u32) -> &T {
    slots[place as usize].value.as_ref().expect("a place that is listed is taken")
}

impl<T: Named> Registry<T> {
    /// How many there are.
    pub fn len(&self) -> usize {
        self.places.len()
    }

    /// The id of a name.
    pub fn id(&self, name: &T::Name) -> Option<Id<T>> {
        let index = *self.places.find(hash(name), |&place| at(&self.slots, place).known_as() == name)?;
        Some(Id { index, generation: self.slots[index as usize].generation, kind: PhantomData })
    }

    /// Adds a value. Its name must be new.
    pub fn insert(&mut self, value: T) -> Id<T>
    where
        T::Name: Clone,
    {
        let name = value.known_as().clone();
        let (id, new) = self.enter(&name, || value);
        assert!(new, "a name is registered once");
        id
    }

    /// The id of a name, and whether it is new: then a value of this name is made.
    pub fn enter(&mut self, name: &T::Name, make: impl FnOnce() -> T) -> (Id<T>, bool) {
        let Self { slots, free, places } = self;
        let is_it = |&place: &u32| at(slots, place).known_as() == name;
        let vacant = match places.entry(hash(name), is_it, |&place| hash(at(slots, place).known_as())) {
            Entry::Occupied(found) => {
                let index = *found.get();
                return (Id { index, generation: slots[index as usize].generation, kind: PhantomData }, false);
            }
            Entry::Vacant(vacant) => vacant,
        };
        let index = free.pop().unwrap_or_else(|| {
            slots.push(Slot { generation: 0, value: None });
            u32::try_from(slots.len() - 1).expect("memory ends before 2^32 values")
        });
        vacant.insert(index);
        let slot = &mut slots[index as usize];
        slot.value = Some(make());
        (Id { index, generation: slot.generation, kind: PhantomData }, true)
    }

    /// Makes room for so many more.
    pub fn reserve(&mut self, more: usize) {
        let slots = &self.slots;
        self.places.reserve(more, |&place| hash(at(slots, place).known_as()));
        self.slots.reserve(more.saturating_sub(self.free.len()));
    }

    /// Removes what has this name.
    pub fn remove(&mut self, name: &T::Name) -> Option<T> {
        let found = self.places.find_entry(hash(name), |&place| at(&self.slots, place).known_as() == name);
        let (index, _) = found.ok()?.remove();
        self.vacate(index)
    }

    /// Removes what has this id.
    pub fn take(&mut self, id: Id<T>) -> Option<T> {
        let name = hash(self.get(id)?.known_as());
        self.places.find_entry(name, |&place| place == id.index).ok()?.remove();
        self.vacate(id.index)
    }

    fn vacate(&mut self, index: u32) -> Option<T> {
        let slot = &mut self.slots[index as usize];
        slot.generation = slot.generation.wrapping_add(1);
        self.free.push(index);
        slot.value.take()
    }

    /// The value of an id, if it is still there.
    pub fn get(&self, id: Id<T>) -> Option<&T> {
        self.slots.get(id.index as usize).filter(|slot| slot.generation == id.generation)?.value.as_ref()
    }

    /// The value of an id, if it is still there.
    pub fn value_mut(&mut self, id: Id<T>) -> Option<&mut T> {
        self.slots.get_mut(id.index as usize).filter(|slot| slot.generation == id.generation)?.value.as_mut()
    }

    /// All ids and values, in an order that depends on nothing but what was done before.
    pub fn iter(&self) -> impl Iterator<Item = (Id<T>, &T)> {
        self.slots.iter().zip(0..).filter_map(|(slot, index)| {
            let value = slot.value.as_ref()?;
            Some((Id { index, generation: slot.generation, kind: PhantomData }, value))
        })
    }

    /// All values, in that order.
    pub fn values_mut(&mut self) -> impl Iterator<Item = &mut T> {
        self.slots.iter_mut().filter_map(|slot| slot.value.as_mut())
    }

    /// All ids.
    pub fn ids(&self) -> impl Iterator<Item = Id<T>> + '_ {
        self.iter().map(|(id, _)| id)
    }
}

impl<T: Named> std::ops::Index<Id<T>> for Registry<T> {
    type Output = T;

    /// For ids that the machine itself still refers to.
    fn index(&self, id: Id<T>) -> &T {
        self.get(id).expect("who is referred to is registered")
    }
}

impl<T: Named> std::ops::IndexMut<Id<T>> for Registry<T> {
    fn index_mut(&mut self, id: Id<T>) -> &mut T {
        self.value_mut(id).expect("who is referred to is registered")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    impl Named for &'static str {
        type Name = Self;

        fn known_as(&self) -> &Self {
            self
        }
    }

    #[test]
    fn an_id_outlives_nothing() {
        let mut registry = Registry::default();
        let first = registry.insert("a");
        assert_eq!((registry.id(&"a"), registry[first]), (Some(first), "a"));
        assert_eq!(registry.remove(&"a"), Some("a"));
        assert_eq!((registry.take(first), registry.id(&"a")), (None, None));
        let second = registry.insert("b");
        assert!(registry.get(first).is_none() && first != second);
        assert_eq!(registry.iter().collect::<Vec<_>>(), [(second, &"b")]);
        assert_eq!((registry.take(second), registry.id(&"b"), registry.len()), (Some("b"), None, 0));
    }
}
