//! Plugins of Python: what happens is told to them in the executor, in batches, in the order in which it happens.
//!
//! The scheduler does not wait for them. What a client asks the executor for comes after all that has happened before.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use cenote_core::protocol::field::{Text, encode};
use cenote_core::protocol::rpc::Request;
use cenote_core::protocol::value::Value;
use cenote_core::protocol::worker::FromWorker;
use cenote_core::scheduler::occurrence::{Hearing, Occurrence};
use cenote_core::scheduler::stimulus::Stimulus;
use tokio::sync::{Mutex, Notify};
use tokio::time::timeout;

use super::hub::{Hub, Reply};

/// Occurrences that wait for the executor, at most: the next ones are not told.
const PENDING_MAX: usize = 1 << 20;
/// Occurrences of one message.
const BATCH: usize = 1 << 14;
/// How long plugins may take to close.
const CLOSE: Duration = Duration::from_secs(10);
/// What a worker says about a task that is no argument of a plugin's method, or is one already.
const OWN: [&str; 4] = ["op", "key", "stimulus_id", "run_id"];

/// What plugins are to be told.
#[derive(Debug, Default)]
pub(super) struct Plugins {
    hearing: Cell<Hearing>,
    /// Whether some of them want to know that the scheduler closes.
    closing: Cell<bool>,
    pending: RefCell<Vec<Value>>,
    some: Notify,
    /// Held while they are told: one batch comes after another.
    telling: Mutex<()>,
    /// What the worker has said that is the cause of all that happens now.
    said: RefCell<Option<Value>>,
}

impl Plugins {
    /// Keeps what a stimulus says that transitions do not.
    pub fn note(&self, stimulus: &Stimulus) {
        if self.hearing.get().transitions {
            self.said.replace(said(stimulus));
        }
    }

    /// Something has happened.
    pub fn hear(&self, occurrence: Occurrence) {
        let mut arguments = occurrence.arguments;
        let said = self.said.borrow();
        if let (Value::Map(arguments), Some(Value::Map(said))) = (&mut arguments, &*said)
            && said.first().map(|(_, key)| key) == arguments.first().map(|(_, key)| key)
            && arguments.get(1).is_some_and(|(_, start)| start.as_str() == Some("processing"))
            // A task that is tried again has not ended.
            && arguments.get(2).is_some_and(|(_, finish)| matches!(finish.as_str(), Some("memory" | "erred")))
        {
            arguments.extend(said.iter().skip(1).cloned());
        }
        let mut pending = self.pending.borrow_mut();
        match pending.len() {
            PENDING_MAX.. => return,
            full if full == PENDING_MAX - 1 => {
                tracing::error!("the plugins of this scheduler are too slow: what happens now is not told to them");
            }
            _ => {}
        }
        pending.push(Value::Tuple(vec![occurrence.method.into(), arguments]));
        self.some.notify_one();
    }

    /// A restart has begun.
    pub fn restarted(&self) {
        if self.hearing.get().members {
            self.hear(Occurrence { method: "restart", arguments: Value::map([]) });
        }
    }
}

/// What a worker says of a task that has ended: its key first.
fn said(stimulus: &Stimulus) -> Option<Value> {
    let Stimulus::Worker { worker, said } = stimulus else { return None };
    let (key, cause, frames) = match said {
        FromWorker::TaskFinished(it) => (&it.key, None, encode(it)),
        FromWorker::TaskErred(it) => (&it.key, Some(("cause".into(), (&it.key).into())), encode(it)),
        _ => return None,
    };
    let Ok(Value::Map(mut arguments)) = Value::decode(&frames) else { return None };
    arguments.retain(|(name, _)| !name.as_str().is_some_and(|name| OWN.contains(&name)));
    arguments.insert(0, ("key".into(), key.into()));
    arguments.push(("worker".into(), worker.clone().into()));
    arguments.extend(cause);
    Some(Value::Map(arguments))
}

/// Tells what happens, for as long as the scheduler runs.
pub(super) async fn keep_telling(hub: Rc<Hub>) {
    loop {
        hub.plugins.some.notified().await;
        tell(&hub).await;
    }
}

/// Tells all that has happened until now.
async fn tell(hub: &Rc<Hub>) {
    let _turn = hub.plugins.telling.lock().await;
    let mut all = hub.plugins.pending.take();
    while !all.is_empty() {
        let batch: Vec<Value> = all.drain(..all.len().min(BATCH)).collect();
        if let Err(error) = ask(hub, "tell_plugins", [("occurrences", Value::Tuple(batch))]).await {
            tracing::error!("the plugins could not be told what happens: {error}");
        }
    }
}

/// Asks the executor for what a request asks, after it was told all that has happened.
pub(super) async fn serve(hub: &Rc<Hub>, request: &Request) -> Reply {
    if hub.plugins.hearing.get() != Hearing::default() {
        tell(hub).await;
    }
    let answer = hub.executor.serve(request, &hub.facts.address).await;
    heed(hub);
    answer
}

/// Loads the modules that whoever starts the scheduler has named, and runs their setup.
pub(super) async fn preload(hub: &Rc<Hub>) -> Result<(), Text> {
    let (modules, arguments) = (&hub.settings.preload, &hub.settings.preload_arguments);
    if modules.is_empty() {
        return Ok(());
    }
    let texts = |texts: &[Box<str>]| Value::Tuple(texts.iter().map(|it| (&**it).into()).collect());
    ask(hub, "preload", [("modules", texts(modules)), ("arguments", texts(arguments))]).await
}

/// Tells plugins and modules that the scheduler is about to close, or has closed.
pub(super) async fn close(hub: &Rc<Hub>, method: &'static str) {
    if !hub.plugins.closing.get() {
        return;
    }
    tell(hub).await;
    match timeout(CLOSE, ask(hub, "close_plugins", [("method", method.into())])).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::error!("the plugins do not close well: {error}"),
        Err(_) => tracing::error!("the plugins took more than {} s to close", CLOSE.as_secs()),
    }
}

/// Asks the executor for something whose answer does not matter, if it is no error.
async fn ask<const N: usize>(hub: &Rc<Hub>, op: &str, arguments: [(&str, Value); N]) -> Result<(), Text> {
    let mut entries = vec![("op".into(), op.into())];
    entries.extend(arguments.into_iter().map(|(name, value)| (name.into(), value)));
    let request = Request::decode(Value::Map(entries).encode()).map_err(|error| error.to_string())?;
    let answer = hub.executor.serve(&request, &hub.facts.address).await;
    heed(hub);
    answer.map(drop).map_err(|error| error.exception_text)
}

/// Tells the machine what plugins hear, if that has changed.
fn heed(hub: &Rc<Hub>) {
    let heard = hub.executor.hearing();
    let says = |name| heard.get(name) == Some(&Value::Bool(true));
    hub.plugins.closing.set(says("closing"));
    let hearing = Hearing {
        transitions: says("transitions"),
        events: says("events"),
        graphs: says("graphs"),
        members: says("members"),
    };
    if hub.plugins.hearing.replace(hearing) != hearing {
        hub.stimulate(Stimulus::PluginsHear { hearing });
    }
}
