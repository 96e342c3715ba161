//! The dump: all that the scheduler knows, for people who look for a mistake.

use super::seen::{Object, Seen, Table};
use crate::protocol::field::Text;
use crate::protocol::value::Value;
use crate::scheduler::Scheduler;

const TASK: [&str; 23] = [
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
];

const WORKER: [&str; 19] = [
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
];

const GROUP: [&str; 4] = ["name", "states", "nbytes_total", "dependencies"];
const SPAN: [&str; 6] = ["name", "enqueued", "start", "stop", "done", "cumulative_worker_metrics"];
const CLIENT: [&str; 2] = ["client_key", "wants_what"];

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
        let memory = ["process", "managed", "spilled", "unmanaged"];
        let memory =
            memory.into_iter().filter_map(|name| Some((name.into(), self.plain(&self.memory_attribute(None, name)?))));
        let all = [
            ("tasks", table(Table::Tasks, &TASK)),
            ("workers", table(Table::Workers, &WORKER)),
            ("clients", table(Table::Clients, &CLIENT)),
            ("task_groups", table(Table::Groups, &GROUP)),
            ("events", self.events(None)),
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
            Seen::Value(value) => value.clone(),
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
        _ => key.to_key().map_or_else(|| key.clone(), |key| key.to_string().as_str().into()),
    }
}
