//! What is seen at a place, and how it is told: tagged, so that a reader of Python makes of it what Dask would have there.

use std::sync::Arc;

use crate::protocol::field::Text;
use crate::protocol::value::{Enumerated, Value};
use crate::scheduler::Scheduler;
use crate::scheduler::worker::{WorkerId, WorkerStatus};

/// Tables whose rows have an identity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::scheduler) enum Table {
    Tasks,
    Workers,
    Clients,
    Groups,
    Prefixes,
}

impl Table {
    pub fn name(self) -> &'static str {
        match self {
            Self::Tasks => "tasks",
            Self::Workers => "workers",
            Self::Clients => "clients",
            Self::Groups => "task_groups",
            Self::Prefixes => "task_prefixes",
        }
    }
}

/// Something that has attributes, and nothing else.
#[derive(Clone, Debug)]
pub(in crate::scheduler) enum Object {
    /// The scheduler.
    Root,
    /// One of its extensions, by name.
    Extension(Text),
    /// What keeps the topics.
    Broker,
    /// A topic of events.
    Topic(Text),
    /// The memory of a worker, or of all.
    Memory(Option<WorkerId>),
    /// Graphs that were worked on together.
    Computation(usize),
    /// A span, by its id.
    Span(Text),
    /// Something of which only is told that it is there.
    Opaque,
}

/// What is seen at a place.
#[derive(Clone, Debug)]
pub(in crate::scheduler) enum Seen {
    Value(Value),
    Row(Table, Value),
    Table(Table),
    Map(Vec<(Seen, Seen)>),
    Set(Vec<Seen>),
    Tuple(Vec<Seen>),
    List(Vec<Seen>),
    Object(Object),
}

impl Seen {
    pub const NONE: Self = Self::Value(Value::Nil);

    /// A set, or nothing where it is empty: as Dask has it for some.
    pub fn some_set(values: Vec<Self>) -> Self {
        if values.is_empty() { Self::NONE } else { Self::Set(values) }
    }

    /// Whether it is what has this name.
    pub fn is(&self, name: &Value) -> bool {
        match self {
            Self::Value(value) | Self::Row(_, value) => value == name,
            _ => false,
        }
    }

    /// A dictionary of values by text.
    pub fn map(entries: impl Iterator<Item = (Text, Self)>) -> Self {
        Self::Map(entries.map(|(name, value)| (name.into(), value)).collect())
    }
}

impl<T: Into<Value>> From<T> for Seen {
    fn from(value: T) -> Self {
        Self::Value(value.into())
    }
}

impl From<WorkerStatus> for Seen {
    fn from(status: WorkerStatus) -> Self {
        let [name, module, class] = [status.name(), "distributed.core", "Status"].map(Box::from);
        Self::Value(Value::Enum(Arc::new(Enumerated { name, module, class })))
    }
}

impl Scheduler {
    /// What is seen, as it is told.
    pub(super) fn tagged(&self, seen: &Seen, path: &Value) -> Value {
        let tag = |tag: &str, rest: Vec<Value>| Value::Tuple([vec![tag.into()], rest].concat());
        let all = |values: &[Seen]| Value::Tuple(values.iter().map(|value| self.tagged(value, path)).collect());
        let indexed = |values: &[Seen]| {
            let Value::Tuple(steps) = path else { return Value::Nil };
            let at = |index: usize| {
                let step = Value::Tuple(vec!["i".into(), (index as u64).into()]);
                Value::Tuple([steps.clone(), vec![step]].concat())
            };
            let values = values.iter().enumerate();
            Value::Tuple(values.map(|(index, value)| self.tagged(value, &at(index))).collect())
        };
        let pairs = |entries: &[(Seen, Seen)]| {
            let pair = |(key, value): &(Seen, Seen)| {
                let Value::Tuple(steps) = path else { return Value::Nil };
                let place = match key {
                    Seen::Value(key) => [steps.clone(), vec![Value::Tuple(vec!["i".into(), key.clone()])]].concat(),
                    _ => steps.clone(),
                };
                Value::Tuple(vec![self.tagged(key, path), self.tagged(value, &Value::Tuple(place))])
            };
            Value::Tuple(entries.iter().map(pair).collect())
        };
        match seen {
            Seen::Value(value) => tag("v", vec![value.clone()]),
            Seen::Row(table, id) => tag("r", vec![table.name().into(), id.clone()]),
            Seen::Table(table) => {
                let row = |id: Value| (Seen::Value(id.clone()), Seen::Row(*table, id));
                tag("d", vec![pairs(&self.rows(*table).into_iter().map(row).collect::<Vec<_>>())])
            }
            Seen::Map(entries) => tag("d", vec![pairs(entries)]),
            Seen::Set(values) => tag("s", vec![all(values)]),
            Seen::Tuple(values) => tag("t", vec![indexed(values)]),
            Seen::List(values) => tag("l", vec![indexed(values)]),
            Seen::Object(_) => tag("o", vec![path.clone()]),
        }
    }
}
