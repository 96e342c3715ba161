//! Metadata: what users note, by keys inside keys.

use super::Reply;
use crate::key::Key;
use crate::protocol::coordination::{GetMetadata, SetMetadata};
use crate::protocol::exception::Builtin;
use crate::protocol::rpc::ErrorReply;
use crate::protocol::value::Value;
use crate::scheduler::Scheduler;
use crate::scheduler::registry::Map;

/// All metadata, a tree.
#[derive(Debug, Default)]
pub(super) struct Metadata(Map<Key, Entry>);

#[derive(Debug)]
enum Entry {
    Leaf(Value),
    Branch(Map<Key, Entry>),
}

impl Entry {
    /// A dictionary becomes a branch, so that later entries can be put into it.
    fn new(value: Value) -> Self {
        match value {
            Value::Map(entries) => match entries.iter().map(|(key, _)| key.to_key()).collect::<Option<Vec<_>>>() {
                Some(keys) => {
                    let values = entries.into_iter().map(|(_, value)| Self::new(value));
                    Self::Branch(keys.into_iter().zip(values).collect())
                }
                None => Self::Leaf(Value::Map(entries)),
            },
            value => Self::Leaf(value),
        }
    }

    fn value(&self) -> Value {
        match self {
            Self::Leaf(value) => value.clone(),
            Self::Branch(entries) => branch(entries),
        }
    }
}

fn branch(entries: &Map<Key, Entry>) -> Value {
    Value::Map(entries.iter().map(|(key, entry)| (key.into(), entry.value())).collect())
}

/// Where a way ends too early.
enum End<'a> {
    /// There is nothing under this key.
    Nothing(&'a Key),
    /// Before this key there is a value that has no keys.
    Value(&'a Key),
}

impl Metadata {
    /// Sets a value, and makes the branches that lead there.
    fn set(&mut self, keys: Vec<Key>, value: Value) {
        let mut entries = &mut self.0;
        let mut keys = keys.into_iter().peekable();
        while let Some(key) = keys.next() {
            if keys.peek().is_none() {
                entries.insert(key, Entry::new(value));
                return;
            }
            let entry = entries.entry(key).or_insert_with(|| Entry::Branch(Map::default()));
            if matches!(entry, Entry::Leaf(_)) {
                *entry = Entry::Branch(Map::default());
            }
            let Entry::Branch(inner) = entry else { unreachable!("it was just made one") };
            entries = inner;
        }
    }

    /// The value at the end of the way, or where the way ends before.
    fn get<'a>(&self, keys: &'a [Key]) -> Result<Value, End<'a>> {
        let Some((first, rest)) = keys.split_first() else { return Ok(branch(&self.0)) };
        let mut entry = self.0.get(first).ok_or(End::Nothing(first))?;
        for key in rest {
            match entry {
                Entry::Branch(entries) => entry = entries.get(key).ok_or(End::Nothing(key))?,
                Entry::Leaf(_) => return Err(End::Value(key)),
            }
        }
        Ok(entry.value())
    }

    /// A task is forgotten, and what was noted under its key.
    pub fn forget(&mut self, key: &Key) {
        if !self.0.is_empty() {
            self.0.shift_remove(key);
        }
    }
}

impl Scheduler {
    pub(super) fn set_metadata(&mut self, ticket: u64, asked: SetMetadata) {
        let SetMetadata { keys, value } = asked;
        if keys.is_empty() {
            let text = "set_metadata: there are no keys, and all metadata cannot be replaced at once";
            return self.reply(ticket, Err(ErrorReply::builtin(Builtin::Value, text)));
        }
        self.coordination.metadata.set(keys, value.0.unwrap_or(Value::Nil));
        self.reply(ticket, Ok(Value::Nil));
    }

    /// All that is noted.
    pub(in crate::scheduler) fn metadata_value(&self) -> Value {
        branch(&self.coordination.metadata.0)
    }

    /// What is noted at the end of a way.
    pub(in crate::scheduler) fn metadata(&self, asked: &GetMetadata) -> Reply {
        // Stock clients send this member of an enumeration where their caller has said nothing.
        let said = |value: &&Value| !matches!(value, Value::Enum(member) if &*member.name == "no_default");
        let default = asked.default.0.as_ref().filter(said);
        self.coordination.metadata.get(&asked.keys).or_else(|end| match (end, default) {
            (End::Nothing(_), Some(default)) => Ok(default.clone()),
            (End::Nothing(key), None) => Err(ErrorReply::builtin(Builtin::Key, &key.to_string())),
            (End::Value(key), _) => {
                let text = format!("the metadata before {key} is a value without keys");
                Err(ErrorReply::builtin(Builtin::Type, &text))
            }
        })
    }
}
