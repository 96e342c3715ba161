//! Feeds: how far some tasks are, told again and again until nobody listens. What draws progress bars asks for it by
//! functions of Python, of which the executor says what they want to know.

use std::collections::{BTreeMap, HashSet};
use std::rc::Rc;
use std::time::{Duration, Instant};

use cenote_core::key::Key;
use cenote_core::protocol::field::{decode, encode};
use cenote_core::protocol::frame::Frames;
use cenote_core::protocol::rpc::{ErrorReply, Request};
use cenote_core::protocol::value::Value;
use cenote_core::scheduler::task::StateName;
use tokio::time::sleep;

use super::hub::Hub;
use crate::comm::{CommError, Connection};

/// Between two looks at whether the keys are known.
const UNKNOWN: Duration = Duration::from_millis(50);
/// The least time between two messages.
const INTERVAL_MIN: Duration = Duration::from_millis(10);
/// A feed sleeps so many times as long as it works.
const IDLE: u32 = 10;

/// Serves a feed on a connection, until it is closed.
pub(super) async fn feed(hub: &Rc<Hub>, request: &Request, mut connection: Connection) -> Result<(), CommError> {
    let plan = hub.executor.serve(request, &hub.facts.address).await.and_then(|plan| {
        Plan::of(&plan).ok_or_else(|| ErrorReply::text("the executor does not say what is to be fed"))
    });
    let plan = match plan {
        Ok(plan) => plan,
        Err(error) => return connection.send(&encode(&error)).await,
    };
    let interval = request.arguments::<Value>()?.get("interval").and_then(Value::as_seconds).unwrap_or(1.0);
    let (mut receiver, mut sender) = connection.split();
    let told = async {
        while !plan.keys.iter().all(|key| hub.machine().state(key).is_some()) {
            sleep(UNKNOWN).await;
        }
        let mut progress = Progress::of(hub, &plan);
        loop {
            let start = Instant::now();
            let message = progress.tell(hub, plan.grouped);
            let spent = start.elapsed();
            sender.send(&message.encode()).await?;
            let interval = Duration::try_from_secs_f64(interval).unwrap_or(INTERVAL_MIN);
            sleep(interval.max(spent * IDLE).max(INTERVAL_MIN)).await;
        }
    };
    tokio::select! {
        outcome = told => outcome,
        closed = receiver.receive() => closed.map(drop),
    }
}

/// What is to be told.
struct Plan {
    keys: Vec<Key>,
    /// Whether what is done already counts too.
    complete: bool,
    /// Whether keys are counted by their prefix.
    grouped: bool,
}

impl Plan {
    fn of(said: &Value) -> Option<Self> {
        let Some(Value::Bytes(keys)) = said.get("keys") else { return None };
        let keys = decode(&Frames { head: keys.clone(), rest: Vec::new() }).ok()?;
        let complete = said.get("complete") == Some(&Value::Bool(true));
        Some(Self { keys, complete, grouped: said.get("grouped") == Some(&Value::Bool(true)) })
    }
}

/// How far the keys are, with all that they need.
struct Progress {
    all: Vec<Key>,
    remaining: Vec<Key>,
    status: Status,
}

enum Status {
    Running,
    Finished,
    Failed { key: Key, exception: Value },
}

impl Progress {
    fn of(hub: &Hub, plan: &Plan) -> Self {
        let machine = hub.machine();
        let wanted: HashSet<&Key> = plan.keys.iter().collect();
        let (mut seen, mut stack) = (HashSet::new(), plan.keys.clone());
        let (mut all, mut remaining) = (Vec::new(), Vec::new());
        while let Some(key) = stack.pop() {
            if !seen.insert(key.clone()) {
                continue;
            }
            let done = machine.state(&key) == Some(StateName::Memory);
            if !done || plan.complete {
                stack.extend(machine.dependencies(&key));
            }
            if !done {
                remaining.push(key.clone());
            }
            if !done || plan.complete || wanted.contains(&key) {
                all.push(key);
            }
        }
        Self { all, remaining, status: Status::Running }
    }

    fn tell(&mut self, hub: &Hub, grouped: bool) -> Value {
        if matches!(self.status, Status::Running) {
            self.look(hub);
        }
        let (status, failure) = match &self.status {
            Status::Running => (Value::Nil, None),
            Status::Finished => ("finished".into(), None),
            Status::Failed { key, exception } => ("error".into(), Some((key, exception))),
        };
        let (all, remaining) = (&self.all, &self.remaining);
        let mut entries = vec![
            ("all".into(), counted(all, all, grouped)),
            ("remaining".into(), counted(remaining, all, grouped)),
            ("status".into(), status),
        ];
        if let Some((key, exception)) = failure {
            entries.extend([("exception".into(), exception.clone()), ("key".into(), key.into())]);
        }
        Value::Map(entries)
    }

    /// Sees which of the remaining are done: they are in memory, or needed no more.
    fn look(&mut self, hub: &Hub) {
        let machine = hub.machine();
        let mut failed = None;
        self.remaining.retain(|key| match machine.state(key) {
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

/// How many keys there are; by prefix, if they are grouped. A prefix is told even if it has none any more.
fn counted(keys: &[Key], all: &[Key], grouped: bool) -> Value {
    if !grouped {
        return Value::from(keys.len() as u64);
    }
    let mut groups: BTreeMap<String, u64> = all.iter().map(|key| (key.prefix().into_owned(), 0)).collect();
    for key in keys {
        *groups.entry(key.prefix().into_owned()).or_default() += 1;
    }
    Value::Map(groups.into_iter().map(|(prefix, count)| (prefix.as_str().into(), count.into())).collect())
}
