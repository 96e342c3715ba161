//! The dump: all that the scheduler knows, for people who look for a mistake.

use super::seen::{Object, Seen, Table};
use crate::protocol::field::Text;
use crate::protocol::value::Value;
use crate::scheduler::Scheduler;
use crate::scheduler::memory::Measure;

const TASK: [&str; 30] = [
    "key",
    "state",
    "priority",
    "group_key",
    "prefix_key",
    "dependencies",
    "dependents",
    "waiting_on",
    "waiters",
    "who_has",
    "who_wants",
    "processing_on",
    "nbytes",
    "retries",
    "suspicious",
    "actor",
    "run_id",
    "annotations",
    "worker_restrictions",
    "host_restrictions",
    "resource_restrictions",
    "loose_restrictions",
    "erred_on",
    "exception_blame",
    "exception_text",
    "traceback_text",
    "type",
    "prefix",
    "has_lost_dependencies",
    "metadata",
];

const WORKER: [&str; 22] = [
    "address",
    "name",
    "status",
    "host",
    "nthreads",
    "memory_limit",
    "nbytes",
    "processing",
    "long_running",
    "actors",
    "has_what",
    "occupancy",
    "last_seen",
    "metrics",
    "services",
    "local_directory",
    "nanny",
    "pid",
    "resources",
    "used_resources",
    "extra",
    "server_id",
];

const GROUP: [&str; 12] = [
    "name",
    "prefix",
    "states",
    "nbytes_total",
    "dependencies",
    "span_id",
    "start",
    "stop",
    "duration",
    "all_durations",
    "types",
    "done",
];
const SPAN: [&str; 6] = ["name", "enqueued", "start", "stop", "done", "cumulative_worker_metrics"];
const CLIENT: [&str; 3] = ["client_key", "last_seen", "wants_what"];

impl Scheduler {
    /// All that is known here, but for these attributes. It takes time and room in proportion.
    pub fn dump(&self, exclude: &[Text]) -> Value {
        let wanted = |name: &str| !exclude.iter().any(|excluded| **excluded == *name);
        let table = |table: Table, attributes: &[&str]| {
            let row = |id: Value| {
                let described = attributes.iter().filter(|name| wanted(name)).filter_map(|name| {
                    let seen =
                        self.step(&Seen::Row(table, id.clone()), &super::Step::Attribute(name), self.now).ok()?;
                    Some(((*name).into(), self.plain(&seen)))
                });
                (text(&id), Value::Map(described.collect()))
            };
            Value::Map(self.rows(table).into_iter().map(row).collect())
        };
        let root = |name: &str| self.root_attribute(name).map_or(Value::Nil, |seen| self.plain(&seen));
        let memory = Measure::ALL.iter().map(|&(name, measure)| (name.into(), self.memory(measure).into()));
        let all = [
            ("tasks", table(Table::Tasks, &TASK)),
            ("workers", table(Table::Workers, &WORKER)),
            ("clients", table(Table::Clients, &CLIENT)),
            ("task_groups", table(Table::Groups, &GROUP)),
            ("events", readable(&self.events(None))),
            ("extensions", Value::map([("spans", self.spans_dump())])),
            ("memory", Value::Map(memory.collect())),
            ("transition_log", root("transition_log")),
            ("transition_counter", root("transition_counter")),
        ];
        Value::Map(all.into_iter().filter(|(name, _)| wanted(name)).map(|(name, it)| (name.into(), it)).collect())
    }

    /// The spans, by id.
    fn spans_dump(&self) -> Value {
        let described = |id: &Text| {
            let seen = |name: &&str| Some(((*name).into(), self.plain(&self.span_attribute(id, name, self.now)?)));
            Value::Map(SPAN.iter().filter_map(seen).collect())
        };
        Value::Map(self.spans.iter().map(|(id, _)| (id.clone().into(), described(id))).collect())
    }

    /// What is seen, as it can be written to a file: what has an identity by what Dask shows of it.
    pub(in crate::scheduler) fn plain(&self, seen: &Seen) -> Value {
        let all = |values: &[Seen]| Value::Tuple(values.iter().map(|value| self.plain(value)).collect());
        match seen {
            Seen::Value(Value::Enum(member)) => (&*member.name).into(),
            Seen::Value(value) => readable(value),
            Seen::Row(Table::Tasks, id) => {
                let task = id.to_key().and_then(|key| self.tasks.id(&key)).map(|id| &self.tasks[id]);
                let state = task.map_or("forgotten", |task| task.state().name());
                let quoted = id.as_str().map(|key| format!("'{key}'"));
                let key = quoted.or_else(|| Some(id.to_key()?.to_string())).unwrap_or_default();
                format!("<TaskState {key} {state}>").as_str().into()
            }
            Seen::Row(_, id) => text(id),
            Seen::Table(table) => Value::Tuple(self.rows(*table)),
            Seen::Map(entries) => {
                Value::Map(entries.iter().map(|(key, value)| (text(&self.plain(key)), self.plain(value))).collect())
            }
            Seen::Set(values) | Seen::Tuple(values) | Seen::List(values) => all(values),
            Seen::Object(Object::Opaque) => "...".into(),
            Seen::Object(object) => format!("{object:?}").as_str().into(),
        }
    }
}

/// A key of a dictionary in a file.
fn text(key: &Value) -> Value {
    match key {
        Value::Str(_) => key.clone(),
        Value::Tuple(parts) => {
            let parts: Vec<_> = parts.iter().map(|part| shown(&text(part))).collect();
            format!("({})", parts.join(", ")).as_str().into()
        }
        Value::Nil => "None".into(),
        _ => key.to_key().map_or_else(|| key.clone(), |key| key.to_string().as_str().into()),
    }
}

fn shown(text: &Value) -> String {
    text.as_str().map_or_else(|| format!("{text:?}"), ToOwned::to_owned)
}

/// What peers have said, with keys that every reader of files can use: what was written as a tuple comes back as a list.
fn readable(value: &Value) -> Value {
    match value {
        Value::Map(entries) => {
            let key = |key: &Value| if matches!(key, Value::Tuple(_)) { text(key) } else { key.clone() };
            Value::Map(entries.iter().map(|(name, value)| (key(name), readable(value))).collect())
        }
        Value::Tuple(values) => Value::Tuple(values.iter().map(readable).collect()),
        _ => value.clone(),
    }
}
