//! Registries: what has a name outside and an id inside.
//!
//! An id is never given twice: what was removed is not found again, even when its place is taken.

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::marker::PhantomData;

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

/// Values by id, and ids by name.
#[derive(Debug)]
pub(super) struct Registry<N, T> {
    slots: Vec<Slot<T>>,
    free: Vec<u32>,
    ids: Map<N, Id<T>>,
}

impl<N, T> Default for Registry<N, T> {
    fn default() -> Self {
        Self { slots: Vec::new(), free: Vec::new(), ids: Map::default() }
    }
}

impl<N: Hash + Eq, T> Registry<N, T> {
    /// How many there are.
    pub fn len(&self) -> usize {
        self.ids.len()
    }

    /// The id of a name.
    pub fn id(&self, name: &N) -> Option<Id<T>> {
        self.ids.get(name).copied()
    }

    /// Adds a value. The name must be new.
    pub fn insert(&mut self, name: N, value: T) -> Id<T> {
        let index = self.free.pop().unwrap_or_else(|| {
            self.slots.push(Slot { generation: 0, value: None });
            u32::try_from(self.slots.len() - 1).expect("memory ends before 2^32 values")
        });
        let slot = &mut self.slots[index as usize];
        slot.value = Some(value);
        let id = Id { index, generation: slot.generation, kind: PhantomData };
        let before = self.ids.insert(name, id);
        assert!(before.is_none(), "a name is registered once");
        id
    }

    /// Removes what has this name.
    pub fn remove(&mut self, name: &N) -> Option<T> {
        let id = self.ids.swap_remove(name)?;
        let slot = &mut self.slots[id.index as usize];
        slot.generation = slot.generation.wrapping_add(1);
        self.free.push(id.index);
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
        self.ids.values().map(|&id| (id, self.get(id).expect("a name belongs to a value")))
    }

    /// All ids.
    pub fn ids(&self) -> impl Iterator<Item = Id<T>> + '_ {
        self.ids.values().copied()
    }
}

impl<N: Hash + Eq, T> std::ops::Index<Id<T>> for Registry<N, T> {
    type Output = T;

    /// For ids that the machine itself still refers to.
    fn index(&self, id: Id<T>) -> &T {
        self.get(id).expect("who is referred to is registered")
    }
}

impl<N: Hash + Eq, T> std::ops::IndexMut<Id<T>> for Registry<N, T> {
    fn index_mut(&mut self, id: Id<T>) -> &mut T {
        self.value_mut(id).expect("who is referred to is registered")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_outlives_nothing() {
        let mut registry = Registry::default();
        let first = registry.insert("a", 1);
        assert_eq!((registry.id(&"a"), registry[first]), (Some(first), 1));
        assert_eq!(registry.remove(&"a"), Some(1));
        let second = registry.insert("b", 2);
        assert!(registry.get(first).is_none() && first != second);
        assert_eq!(registry.iter().collect::<Vec<_>>(), [(second, &2)]);
    }
}
