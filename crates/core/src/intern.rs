//! Interning: the same key gets the same id, whatever "the same" means to whoever owns the keys.
//!
//! The table holds hashes and ids only, so that keys can be Python objects whose hash and equality are Python's own
//! and may fail.

use hashbrown::HashTable;

use crate::graph::TaskId;

/// Gives dense ids to keys in the order in which they are first seen.
///
/// Always holds: ids run from 0 without gaps; keys that compare equal have the same hash (the caller's promise).
#[derive(Debug, Default)]
pub struct Interner {
    ids: HashTable<TaskId>,
    hashes: Vec<u64>,
}

impl Interner {
    /// An interner with room for that many keys.
    pub fn with_capacity(keys: usize) -> Self {
        Self { ids: HashTable::with_capacity(keys), hashes: Vec::with_capacity(keys) }
    }

    /// How many keys have been seen.
    pub fn len(&self) -> usize {
        self.hashes.len()
    }

    /// Whether no key has been seen.
    pub fn is_empty(&self) -> bool {
        self.hashes.is_empty()
    }

    /// The id of the key with this hash that `same` recognizes, if it has been seen.
    ///
    /// # Errors
    /// The first error of `same`.
    pub fn find<E>(&self, hash: u64, mut same: impl FnMut(TaskId) -> Result<bool, E>) -> Result<Option<TaskId>, E> {
        let mut failure = None;
        let found = self.ids.find(spread(hash), |&id| {
            failure.is_none()
                && self.hashes[id.index()] == hash
                && same(id).unwrap_or_else(|error| {
                    failure = Some(error);
                    false
                })
        });
        match failure {
            Some(error) => Err(error),
            None => Ok(found.copied()),
        }
    }

    /// Adds a key which [`find`](Self::find) does not know, and returns its id.
    pub fn insert(&mut self, hash: u64) -> TaskId {
        let id = TaskId(self.hashes.len() as u32);
        self.hashes.push(hash);
        self.ids.insert_unique(spread(hash), id, |id| spread(self.hashes[id.index()]));
        id
    }
}

/// Python hashes small integers to themselves, while the table looks at the highest and the lowest bits: mix them.
fn spread(hash: u64) -> u64 {
    let product = u128::from(hash ^ 0x9e37_79b9_7f4a_7c15) * 0xd6e8_feb8_6659_fd93_u128;
    (product as u64) ^ ((product >> 64) as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_keys_get_one_id_and_others_their_own() {
        let keys = ["a", "b", "a", "c", "b"];
        let mut interner = Interner::default();
        let mut seen: Vec<&str> = Vec::new();
        let mut ids = Vec::new();
        for key in keys {
            let hash = 7; // all collide: equality decides
            let found = interner.find(hash, |id| Ok::<_, ()>(seen[id.index()] == key)).unwrap();
            ids.push(found.unwrap_or_else(|| {
                seen.push(key);
                interner.insert(hash)
            }));
        }
        assert_eq!(ids, [0, 1, 0, 2, 1].map(TaskId));
    }

    #[test]
    fn a_failing_comparison_is_reported() {
        let mut interner = Interner::default();
        interner.insert(1);
        assert_eq!(interner.find(1, |_| Err("no")), Err("no"));
        assert_eq!(interner.find(2, |_| Err("no")), Ok(None));
    }

    #[test]
    fn many_keys_are_found_again() {
        let mut interner = Interner::with_capacity(8);
        for hash in 0..10_000_u64 {
            assert_eq!(interner.insert(hash).0, hash as u32);
        }
        for hash in 0..10_000_u64 {
            assert_eq!(interner.find(hash, |_| Ok::<_, ()>(true)), Ok(Some(TaskId(hash as u32))));
        }
    }
}
