//! Feeds: how far tasks are, told again and again until nobody listens. What draws progress asks for it by functions of
//! Python, of which the executor says what they want to know.

use std::collections::{BTreeMap, HashSet};
use std::rc::Rc;
use std::time::{Duration, Instant};

use cenote_core::key::Key;
use cenote_core::protocol::field::{decode, encode};
use cenote_core::protocol::frame::Frames;
use cenote_core::protocol::rpc::{ErrorReply, Request};
use cenote_core::protocol::value::Value;
use cenote_core::scheduler::Scheduler;
use cenote_core::scheduler::task::StateName;
use tokio::time::sleep;

use super::hub::{Hub, Reply};
use crate::comm::{CommError, Connection, Sender};

/// Between two looks at whether the keys are known.
const UNKNOWN: Duration = Duration::from_millis(50);
/// The least time between two messages.
const INTERVAL_MIN: Duration = Duration::from_millis(10);
/// A feed sleeps so many times as long as it works.
const IDLE: u32 = 10;

/// Serves a feed on a connection, until it is closed.
pub(super) async fn feed(hub: &Rc<Hub>, request: &Request, mut connection: Connection) -> Result<(), CommError> {
    let arguments = request.arguments::<Value>()?;
    let interval = arguments.get("interval").and_then(Value::as_seconds).unwrap_or(1.0);
    let number = hub.feeds.get();
    hub.feeds.set(number + 1);
    let plan = ask(hub, "feed", number, arguments).await.and_then(|plan| {
        Plan::of(&plan).ok_or_else(|| ErrorReply::text("the executor does not say what is to be fed"))
    });
    let plan = match plan {
        Ok(plan) => plan,
        Err(error) => return connection.send(&encode(&error)).await,
    };
    let is_function = matches!(plan, Plan::Function);
    let (mut receiver, mut sender) = connection.split();
    let outcome = tokio::select! {
        outcome = tell(hub, number, plan, interval, &mut sender) => outcome,
        closed = receiver.receive() => closed.map(drop),
    };
    if is_function && let Err(error) = ask(hub, "feed_end", number, Value::map([])).await {
        tracing::warn!("a feed did not end well: {}", error.exception_text);
    }
    outcome
}

/// Asks the executor about a feed.
async fn ask(hub: &Rc<Hub>, op: &str, number: u64, arguments: Value) -> Reply {
    let Value::Map(mut entries) = arguments else { return Err(ErrorReply::text("a request is a map")) };
    entries.retain(|(name, _)| !matches!(name.as_str(), Some("op" | "number")));
    entries.extend([("op".into(), op.into()), ("number".into(), number.into())]);
    let request = Request::decode(Value::Map(entries).encode());
    let request = request.map_err(|error| ErrorReply::text(&error.to_string()))?;
    hub.executor.serve(&request, &hub.facts.address).await
}

/// Tells what is to be told, again and again.
async fn tell(hub: &Rc<Hub>, number: u64, plan: Plan, interval: f64, sender: &mut Sender) -> Result<(), CommError> {
    if let Plan::Some(wanted) = &plan {
        while !wanted.keys.iter().all(|key| hub.machine().state(key).is_some()) {
            sleep(UNKNOWN).await;
        }
    }
    let mut progress = match &plan {
        Plan::Some(wanted) => Some(Progress::of(&hub.machine(), wanted)),
        _ => None,
    };
    loop {
        let start = Instant::now();
        let message = match (&plan, &mut progress) {
            (Plan::Function, _) => match ask(hub, "feed_next", number, Value::map([])).await {
                Ok(said) => said.encode(),
                Err(error) => return sender.send(&encode(&error)).await,
            },
            (_, Some(progress)) => progress.tell(&hub.machine()).encode(),
            _ => hub.machine().progress().encode(),
        };
        let spent = start.elapsed();
        sender.send(&message).await?;
        let interval = Duration::try_from_secs_f64(interval).unwrap_or(INTERVAL_MIN);
        sleep(interval.max(spent * IDLE).max(INTERVAL_MIN)).await;
    }
}

/// What is to be told.
enum Plan {
    /// How many tasks there are of each kind, by state.
    All,
    /// How far some are.
    Some(Wanted),
    /// What a function of Python says each time.
    Function,
}

/// The keys that somebody looks at.
struct Wanted {
    keys: Vec<Key>,
    /// Whether what is done already counts too.
    complete: bool,
    by: Grouping,
}

/// How keys are counted.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Grouping {
    /// All together.
    Together,
    /// By their prefix.
    Prefix,
    /// By their span.
    Span,
}

impl Plan {
    fn of(said: &Value) -> Option<Self> {
        let Some(Value::Bytes(keys)) = said.get("keys") else {
            let says = |name| said.get(name) == Some(&Value::Bool(true));
            return says("all").then_some(Self::All).or_else(|| says("function").then_some(Self::Function));
        };
        let keys = decode(&Frames { head: keys.clone(), rest: Vec::new() }).ok()?;
        let complete = said.get("complete") == Some(&Value::Bool(true));
        let by = match said.get("group_by").and_then(Value::as_str) {
            Some("prefix") => Grouping::Prefix,
            Some("spans") => Grouping::Span,
            _ => Grouping::Together,
        };
        Some(Self::Some(Wanted { keys, complete, by }))
    }
}

/// How far the keys are, with all that they need.
struct Progress {
    by: Grouping,
    groups: Vec<Group>,
    /// With the places of their groups.
    remaining: Vec<(Key, usize)>,
    status: Status,
}

/// Keys that are counted together.
struct Group {
    name: Value,
    all: u64,
}

enum Status {
    Running,
    Finished,
    Failed { key: Key, exception: Value },
}

/// What a key is counted with, and how that is told.
fn group_of(machine: &Scheduler, key: &Key, by: Grouping) -> (String, Value) {
    match by {
        Grouping::Together => (String::new(), Value::Nil),
        Grouping::Prefix => {
            let prefix = key.prefix().into_owned();
            let name = prefix.as_str().into();
            (prefix, name)
        }
        Grouping::Span => {
            let (id, name) = machine.span(key).unwrap_or_else(|| ("".into(), "".into()));
            (id.to_string(), Value::Tuple(vec![name.into(), id.into()]))
        }
    }
}

impl Progress {
    fn of(machine: &Scheduler, plan: &Wanted) -> Self {
        let wanted: HashSet<&Key> = plan.keys.iter().collect();
        let (mut seen, mut stack) = (HashSet::new(), plan.keys.clone());
        let (mut groups, mut places) = (Vec::new(), BTreeMap::new());
        let mut remaining = Vec::new();
        while let Some(key) = stack.pop() {
            if !seen.insert(key.clone()) {
                continue;
            }
            let done = machine.state(&key) == Some(StateName::Memory);
            if !done || plan.complete {
                stack.extend(machine.dependencies(&key));
            }
            if !done || plan.complete || wanted.contains(&key) {
                let (id, name) = group_of(machine, &key, plan.by);
                let place = *places.entry(id).or_insert_with(|| {
                    groups.push(Group { name, all: 0 });
                    groups.len() - 1
                });
                groups[place].all += 1;
                if !done {
                    remaining.push((key, place));
                }
            }
        }
        Self { by: plan.by, groups, remaining, status: Status::Running }
    }

    fn tell(&mut self, machine: &Scheduler) -> Value {
        if matches!(self.status, Status::Running) {
            self.look(machine);
        }
        let (status, failure) = match &self.status {
            Status::Running => (Value::Nil, None),
            Status::Finished => ("finished".into(), None),
            Status::Failed { key, exception } => ("error".into(), Some((key, exception))),
        };
        let mut remaining = vec![0; self.groups.len()];
        self.remaining.iter().for_each(|&(_, place)| remaining[place] += 1);
        let mut entries = vec![
            ("all".into(), self.counted(self.groups.iter().map(|group| group.all))),
            ("remaining".into(), self.counted(remaining.into_iter())),
            ("status".into(), status),
        ];
        if let Some((key, exception)) = failure {
            entries.extend([("exception".into(), exception.clone()), ("key".into(), key.into())]);
        }
        Value::Map(entries)
    }

    /// How many keys there are, by group if they are grouped. A group is told even if it has none any more.
    fn counted(&self, counts: impl Iterator<Item = u64>) -> Value {
        if self.by == Grouping::Together {
            return counts.sum::<u64>().into();
        }
        let names = self.groups.iter().map(|group| group.name.clone());
        Value::Map(names.zip(counts.map(Value::from)).collect())
    }

    /// Sees which of the remaining are done: they are in memory, or needed no more.
    fn look(&mut self, machine: &Scheduler) {
        let mut failed = None;
        self.remaining.retain(|(key, _)| match machine.state(key) {
            Some(StateName::Erred) => {
                failed = machine.task(key).and_then(|task| task.failure).map(|failure| (key.clone(), failure));
                true
            }
            Some(StateName::Waiting | StateName::Queued | StateName::NoWorker | StateName::Processing) => true,
            _ => false,
        });
        if let Some((key, failure)) = failed {
            self.status = Status::Failed { key, exception: failure.serialized().0 };
        } else if self.remaining.is_empty() {
            self.status = Status::Finished;
        }
    }
}
