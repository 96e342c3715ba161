//! Occurrences: what plugins of Python are told, of the kinds that some plugin hears. What nobody hears costs a look.

use super::Scheduler;
use super::instruction::Instruction;
use super::registry::Map;
use super::stimulus::Text;
use super::task::{StateName, TaskId};
use crate::key::Key;
use crate::protocol::record::record;
use crate::protocol::value::Value;

record! {
    /// Which kinds of occurrences are told.
    #[derive(Copy, Eq, Default)]
    Hearing {
        /// Tasks change their states.
        transitions: bool,
        /// Something is said on a topic.
        events: bool,
        /// Graphs have become tasks.
        graphs: bool,
        /// Workers and clients come and go.
        members: bool,
    }
}

/// Something that happened, as a call of a plugin's method.
#[derive(Clone, Debug, PartialEq)]
pub struct Occurrence {
    /// The method.
    pub method: &'static str,
    /// Its arguments, by name.
    pub arguments: Value,
}

impl Scheduler {
    fn tell_plugins<const N: usize>(&mut self, method: &'static str, arguments: [(&str, Value); N]) {
        let occurrence = Occurrence { method, arguments: Value::map(arguments) };
        self.out.push(Instruction::TellPlugins(occurrence));
    }

    /// A task has changed its state. Asked for only while plugins hear of that.
    pub(super) fn show_transition(&mut self, key: &Key, start: StateName, finish: StateName) {
        let stimulus_id = self.stimulus_id();
        let states = [("start", start.name().into()), ("finish", finish.name().into())];
        let [start, finish] = states;
        self.tell_plugins("transition", [("key", key.into()), start, finish, ("stimulus_id", stimulus_id.into())]);
    }

    /// A graph has become tasks, none of which runs yet.
    pub(super) fn show_graph(&mut self, client: &Text, keys: &[Key], tasks: &[TaskId]) {
        if !self.hearing.graphs {
            return;
        }
        let stimulus_id = self.stimulus_id();
        let (mut priorities, mut annotations) = (Vec::with_capacity(tasks.len()), Map::<Text, Vec<_>>::default());
        for &id in tasks {
            let task = &self.tasks[id];
            priorities.push(((&task.key).into(), Value::Tuple(task.priority.values().into())));
            let Some(Value::Map(notes)) = task.annotations.as_deref() else { continue };
            for (name, note) in notes {
                if let Value::Str(name) = name {
                    annotations.entry(name.clone()).or_default().push(((&task.key).into(), note.clone()));
                }
            }
        }
        let annotations = annotations.into_iter().map(|(name, notes)| (name.into(), Value::Map(notes)));
        self.tell_plugins(
            "update_graph",
            [
                ("client", client.clone().into()),
                ("keys", Value::Set(keys.iter().map(Value::from).collect())),
                ("tasks", Value::Tuple(tasks.iter().map(|&id| (&self.tasks[id].key).into()).collect())),
                ("annotations", Value::Map(annotations.collect())),
                ("priority", Value::Map(priorities)),
                ("stimulus_id", stimulus_id.into()),
            ],
        );
    }

    /// Something was said on a topic.
    pub(super) fn show_event(&mut self, topic: &Text, event: &Value) {
        if self.hearing.events {
            self.tell_plugins("log_event", [("topic", topic.clone().into()), ("msg", event.clone())]);
        }
    }

    /// A client has come or gone.
    pub(super) fn show_client(&mut self, method: &'static str, client: &Text) {
        if self.hearing.members {
            self.tell_plugins(method, [("client", client.clone().into())]);
        }
    }

    /// A worker has come.
    pub(super) fn show_worker(&mut self, worker: &Text) {
        if self.hearing.members {
            self.tell_plugins("add_worker", [("worker", worker.clone().into())]);
        }
    }

    /// A worker has gone.
    pub(super) fn show_leaving(&mut self, worker: &Text) {
        if self.hearing.members {
            let stimulus_id = self.stimulus_id();
            self.tell_plugins(
                "remove_worker",
                [("worker", worker.clone().into()), ("stimulus_id", stimulus_id.into())],
            );
        }
    }
}
