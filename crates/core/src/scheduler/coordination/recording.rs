//! Recordings: what is said of tasks while somebody listens.

use crate::key::Key;
use crate::protocol::exception::Builtin;
use crate::protocol::rpc::ErrorReply;
use crate::protocol::value::Value;
use crate::scheduler::Scheduler;
use crate::scheduler::registry::{Map, Set};
use crate::scheduler::stimulus::Text;
use crate::scheduler::task::{StateName, TaskId};

/// All recordings that go on.
pub(super) type Recordings = Map<Text, Recording>;

/// What was said of tasks since somebody asked for it.
#[derive(Debug, Default)]
pub(super) struct Recording {
    /// Those that were submitted since, and are not done.
    expected: Set<Key>,
    done: Map<Key, (Value, StateName)>,
}

impl Recording {
    fn said(self) -> Value {
        let done = self.done.iter();
        let (metadata, state) = done
            .map(|(key, (metadata, state))| ((key.into(), metadata.clone()), (key.into(), state.name().into())))
            .unzip();
        Value::map([("metadata", Value::Map(metadata)), ("state", Value::Map(state))])
    }
}

impl Scheduler {
    pub(super) fn start_recording(&mut self, ticket: u64, name: Text) {
        self.coordination.recordings.insert(name, Recording::default());
        self.reply(ticket, Ok(Value::Nil));
    }

    pub(super) fn stop_recording(&mut self, ticket: u64, name: Option<&Text>) {
        let found = name.and_then(|name| self.coordination.recordings.swap_remove(name));
        let answer = found.map(Recording::said).ok_or_else(|| {
            let name = name.map_or("None", |name| name);
            let text = format!("Expected to find exactly one CollectTaskMetaDataPlugin with name {name} but found 0.");
            ErrorReply::builtin(Builtin::Value, &text)
        });
        self.reply(ticket, answer);
    }

    /// A graph was submitted of which these keys are wanted.
    pub(in crate::scheduler) fn record_graph(&mut self, keys: &[Key]) {
        for recording in self.coordination.recordings.values_mut() {
            recording.expected.extend(keys.iter().cloned());
        }
    }

    /// A worker says something about a task that it has finished.
    pub(in crate::scheduler) fn record_said(&mut self, key: &Key, metadata: &Value) {
        let Value::Map(entries) = metadata else { return };
        if !entries.is_empty()
            && let Value::Map(said) =
                self.coordination.said.entry(key.clone()).or_insert_with(|| Value::Map(Vec::new()))
        {
            said.retain(|(name, _)| !entries.iter().any(|(other, _)| other == name));
            said.extend(entries.iter().cloned());
        }
    }

    /// A task is in memory, or has failed.
    pub(in crate::scheduler) fn record_done(&mut self, id: TaskId) {
        if self.coordination.recordings.is_empty() {
            return;
        }
        let Some(task) = self.tasks.get(id) else { return };
        let metadata = Value::from(self.coordination.said_of(&task.key));
        for recording in self.coordination.recordings.values_mut() {
            if recording.expected.swap_remove(&task.key) {
                let metadata = metadata.clone();
                recording.done.insert(task.key.clone(), (metadata, task.state()));
            }
        }
    }
}
