//! Inspection: the state of the scheduler as tests look at it, by the names that Dask's scheduler has for it.
//!
//! A path leads from the scheduler to what is asked for: `[("a", "tasks"), ("i", "x"), ("a", "state")]` is
//! `scheduler.tasks["x"].state`. Nothing that works reads this; it may cost time.

mod dump;
mod extension;
mod group;
mod memory_manager;
mod root;
pub(super) mod seen;
mod span;
mod stealing;
mod task;
mod worker;

use seen::{Object, Seen, Table};

use super::Scheduler;
use crate::protocol::value::Value;

/// A step of a path.
enum Step<'a> {
    Attribute(&'a str),
    Item(&'a Value),
}

/// What is not there.
enum Missing {
    Attribute,
    Item,
}

impl Scheduler {
    /// What stands at the end of a path, as a tagged value, at this time.
    pub fn inspect(&self, path: &Value, now: f64) -> Value {
        let Value::Tuple(steps) = path else { return error("AttributeError", path.clone()) };
        let mut seen = Seen::Object(Object::Root);
        for step in steps {
            let Some(step) = read(step) else { return error("AttributeError", step.clone()) };
            match self.step(&seen, &step, now) {
                Ok(next) => seen = next,
                Err(missing) => {
                    let name = match step {
                        Step::Attribute(name) => name.into(),
                        Step::Item(key) => key.clone(),
                    };
                    let class = if matches!(missing, Missing::Item) { "KeyError" } else { "AttributeError" };
                    return error(class, name);
                }
            }
        }
        self.tagged(&seen, path)
    }

    fn step(&self, seen: &Seen, step: &Step<'_>, now: f64) -> Result<Seen, Missing> {
        match (seen, step) {
            (Seen::Object(object), Step::Attribute(name)) => {
                self.attribute(object, name, now).ok_or(Missing::Attribute)
            }
            (Seen::Row(table, id), Step::Attribute(name)) => {
                let attribute = match table {
                    Table::Tasks => id.to_key().and_then(|key| self.task_attribute(self.tasks.id(&key)?, name)),
                    Table::Workers => self.worker_called(id).and_then(|id| self.worker_attribute(id, name)),
                    Table::Clients => self.client_attribute(id, name),
                    Table::Groups => self.group_attribute(id, name),
                    Table::Prefixes => self.prefix_attribute(id, name),
                };
                attribute.ok_or(Missing::Attribute)
            }
            (Seen::Table(table), Step::Item(key)) => self.row(*table, key).ok_or(Missing::Item),
            (Seen::Map(entries), Step::Item(key)) => {
                entries.iter().find(|(name, _)| name.is(key)).map(|(_, value)| value.clone()).ok_or(Missing::Item)
            }
            (Seen::Tuple(values) | Seen::List(values), Step::Item(Value::Int(index))) => {
                let count = values.len().cast_signed() as i64;
                let index = if *index < 0 { index + count } else { *index };
                usize::try_from(index).ok().and_then(|index| values.get(index)).cloned().ok_or(Missing::Item)
            }
            (_, Step::Item(_)) => Err(Missing::Item),
            (_, Step::Attribute(_)) => Err(Missing::Attribute),
        }
    }

    fn attribute(&self, object: &Object, name: &str, now: f64) -> Option<Seen> {
        match object {
            Object::Root => self.root_attribute(name),
            Object::Extension(extension) if &**extension == "spans" => self.spans_attribute(name),
            Object::Extension(extension) if **extension == *"amm" => self.memory_manager_attribute(name),
            Object::Extension(extension) if **extension == *"stealing" => self.stealing_attribute(name),
            Object::Extension(extension) if &**extension == "shuffle" => self.shuffle_attribute(name),
            Object::Extension(extension) => self.coordination.seen(extension, name),
            Object::Topic(topic) => self.topic_attribute(topic, name),
            Object::Memory(worker) => self.memory_attribute(*worker, name),
            Object::Span(id) => self.span_attribute(id, name, now),
            Object::Computation(index) => self.computation_attribute(*index, name),
            Object::Broker if name == "_topics" => Some(self.topics_seen()),
            Object::Broker | Object::Opaque => None,
        }
    }

    /// A row of a table, if it is there.
    fn row(&self, table: Table, id: &Value) -> Option<Seen> {
        let there = match table {
            Table::Tasks => id.to_key().is_some_and(|key| self.tasks.id(&key).is_some()),
            Table::Workers => id.as_str().is_some_and(|address| self.workers.id(&address.into()).is_some()),
            Table::Clients => id.as_str().is_some_and(|name| self.clients.id(&name.into()).is_some()),
            Table::Groups | Table::Prefixes => self.rows(table).contains(id),
        };
        there.then(|| Seen::Row(table, id.clone()))
    }

    /// The names of all rows of a table.
    fn rows(&self, table: Table) -> Vec<Value> {
        match table {
            Table::Tasks => self.tasks.iter().map(|(_, task)| (&task.key).into()).collect(),
            Table::Workers => self.workers.iter().map(|(_, worker)| worker.address().clone().into()).collect(),
            Table::Clients => self.clients.iter().map(|(_, client)| client.name.clone().into()).collect(),
            Table::Groups => self.group_names(),
            Table::Prefixes => self.prefix_names(),
        }
    }
}

fn read(step: &Value) -> Option<Step<'_>> {
    let Value::Tuple(parts) = step else { return None };
    match parts.as_slice() {
        [kind, name] if kind.as_str() == Some("a") => name.as_str().map(Step::Attribute),
        [kind, key] if kind.as_str() == Some("i") => Some(Step::Item(key)),
        _ => None,
    }
}

fn error(class: &str, argument: Value) -> Value {
    Value::Tuple(vec!["exc".into(), class.into(), Value::Tuple(vec![argument])])
}
