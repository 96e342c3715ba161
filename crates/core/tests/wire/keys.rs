//! Prefixes and groups of keys are those of Dask: `tests/data/keys.py` asked it about many.

use bytes::Bytes;
use cenote_core::key::Key;
use cenote_core::protocol::field::{Field, decode, encode};
use cenote_core::protocol::frame::Frames;
use cenote_core::protocol::msgpack::{Reader, Writer};

use super::recorded::data;

/// A key with the names that Dask gives it.
struct Named {
    key: Key,
    prefix: Key,
    group: Key,
}

impl Field for Named {
    fn read(reader: &mut Reader<'_>) -> Result<Self, cenote_core::protocol::error::DecodeError> {
        let [key, prefix, group] = Field::read(reader)?;
        Ok(Self { key, prefix, group })
    }

    fn write(&self, writer: &mut Writer) {
        [self.key.clone(), self.prefix.clone(), self.group.clone()].write(writer);
    }
}

#[test]
fn prefixes_and_groups_are_those_of_dask() {
    let frames = Frames { head: Bytes::from(std::fs::read(data().join("keys.bin")).unwrap()), rest: Vec::new() };
    let keys: Vec<Named> = decode(&frames).unwrap();
    assert!(keys.len() > 900);
    for Named { key, prefix, group } in &keys {
        assert_eq!(Key::from(&*key.prefix()), *prefix, "the prefix of {key:?}");
        assert_eq!(key.group(), *group, "the group of {key:?}");
    }
    assert_eq!(encode(&keys), frames);
}
