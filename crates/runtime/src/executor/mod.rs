//! The executor: a Python process beside the scheduler, which reads what only Python can read.
//!
//! It is asked one thing at a time, over two pipes, in messages of the Dask protocol. When it dies, who has just asked
//! gets an error, and the next who asks gets a new process; one that dies before it has begun is replaced, once. While it
//! is busy for long with the graph of one client, a second process reads those of others.
//!
//! ```text
//! pickled expression ─► executor ─► keys, dependencies, annotations, pickled tasks, shared buffers ─► order
//! ```

mod directory;
mod graph;
mod process;
mod script;
mod shuffle;

use std::cell::RefCell;
use std::ffi::OsString;
use std::io;
use std::path::Path;
use std::time::Duration;

use bytes::Bytes;
use cenote_core::protocol::client::UpdateGraph;
use cenote_core::protocol::exception::Builtin;
use cenote_core::protocol::field::Text;
use cenote_core::protocol::frame::Frames;
use cenote_core::protocol::rpc::{ErrorReply, Request};
use cenote_core::protocol::value::Value;
use cenote_core::scheduler::flat_graph::FlatGraph;
use cenote_core::scheduler::instruction::Exception;
use thiserror::Error;
use tokio::sync::{Mutex, MutexGuard};
use tokio::time::timeout;

use directory::Directory;
use graph::{About, GraphBuilder};
use process::Process;

/// Finding the order of more tasks than this takes so long that others would notice it.
const LARGE_TASKS_MIN: usize = 5000;

/// How long a graph waits for another one to be read before a second process reads it.
const PATIENCE: Duration = Duration::from_secs(1);

/// Which Python runs the executor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// The interpreter. It must have Dask, distributed, and the packages of the clients.
    pub python: OsString,
    /// What it finds in its environment, beyond what this process has.
    pub environment: Vec<(String, String)>,
}

impl Default for Settings {
    fn default() -> Self {
        Self { python: "python3".into(), environment: Vec::new() }
    }
}

/// Why there is no executor.
#[derive(Debug, Error)]
pub enum StartError {
    /// The interpreter cannot be run.
    #[error("cannot run {python} as the executor: {source}; name a Python interpreter with --python")]
    Spawn {
        /// The interpreter.
        python: String,
        /// Why.
        source: io::Error,
    },
    /// The interpreter lacks something.
    #[error("{0}")]
    Refused(String),
    /// There is no folder for its files.
    #[error("cannot make a folder for the executor's files: {0}; name another place with TMPDIR")]
    Directory(io::Error),
    /// The process ended, or said nothing that can be understood.
    #[error("the executor ({python}) {cause} before it was ready: what it printed says why")]
    Died {
        /// The interpreter.
        python: String,
        /// How it ended.
        cause: String,
    },
}

/// What the process said of itself when it started.
#[derive(Clone, Debug, PartialEq)]
pub struct Greeting {
    /// The path of the interpreter.
    pub interpreter: Text,
    /// The version of Dask.
    pub dask: Text,
    /// The version of distributed.
    pub distributed: Text,
    /// What a stock scheduler in this interpreter would answer to the request `versions`.
    pub versions: Value,
}

/// The executor of a scheduler. Dropping it ends its process.
#[derive(Debug)]
pub struct Executor {
    settings: Settings,
    directory: Directory,
    greeting: Greeting,
    /// Nothing while it is asked, or after it died.
    process: Mutex<Option<Process>>,
    /// Reads other graphs while the first process takes long over one, and goes when that is done.
    helper: Mutex<Option<Process>>,
    /// The requests that made plugins start, which they do again in a new process.
    plugins: RefCell<Vec<Value>>,
    /// What plugins want to be told.
    hearing: RefCell<Value>,
}

impl Executor {
    /// Starts the process and waits until it is ready.
    ///
    /// # Errors
    /// There is no such interpreter, it lacks packages, or there is no room for its files.
    pub async fn start(settings: Settings) -> Result<Self, StartError> {
        let mut process = Process::spawn(&settings)?;
        let greeting = process.greet(&settings).await?;
        let directory = Directory::create().map_err(StartError::Directory)?;
        let (process, helper, plugins) = (Mutex::new(Some(process)), Mutex::default(), RefCell::default());
        Ok(Self { settings, directory, greeting, process, helper, plugins, hearing: RefCell::new(Value::Nil) })
    }

    /// What the process said of itself.
    pub fn greeting(&self) -> &Greeting {
        &self.greeting
    }

    /// The id of its process, once it is not busy; none if it has to be started first.
    pub async fn pid(&self) -> Option<u32> {
        self.process.lock().await.as_ref().and_then(Process::pid)
    }

    /// What plugins want to be told, as the process has said last.
    pub fn hearing(&self) -> Value {
        self.hearing.borrow().clone()
    }

    /// Where files are put that clients upload. It goes with the executor.
    pub fn local_directory(&self) -> &Path {
        self.directory.path()
    }

    /// Makes a flat graph of what a client has pickled. Graphs are read in the order in which they are given, but for those
    /// that need not wait for one that takes long.
    ///
    /// # Errors
    /// What Python raised, as a stock scheduler would tell the client; or the executor died.
    pub async fn materialize(&self, graph: UpdateGraph, client: &str) -> Result<FlatGraph, Exception> {
        let (about, question) = About::split(graph);
        let mut builder = GraphBuilder::new(about);
        let read = self.ask(question, |answer, buffers| builder.add(&answer, buffers)).await;
        let finished = match read {
            Err(error) => Err(error),
            Ok(()) if builder.len() < LARGE_TASKS_MIN => builder.finish().map_err(|error| runtime_error(&error)),
            Ok(()) => {
                let finished = tokio::task::spawn_blocking(|| builder.finish()).await;
                finished.unwrap_or_else(|error| Err(error.to_string())).map_err(|error| runtime_error(&error))
            }
        };
        finished.inspect_err(|error| {
            if let Exception::Raised { text, .. } = error {
                tracing::error!("a graph of {client} cannot be read: {text}");
            }
        })
    }

    /// Asks for what the request asks: `run_function`, `register_scheduler_plugin`, `unregister_scheduler_plugin` or
    /// `feed`. The functions find the scheduler at its address.
    ///
    /// # Errors
    /// What Python raised, or what it cannot do without a scheduler in Python; or the executor died.
    pub async fn serve(&self, request: &Request, scheduler: &str) -> Result<Value, ErrorReply> {
        let arguments = request.arguments::<Value>().map_err(|error| ErrorReply::text(&error.to_string()))?;
        let Value::Map(mut arguments) = arguments else { return Err(ErrorReply::text("a request is a map")) };
        arguments.retain(|(name, _)| !matches!(name.as_str(), Some("reply" | "close")));
        arguments.push(("scheduler".into(), scheduler.into()));
        arguments.push(("local_directory".into(), (&*self.local_directory().to_string_lossy()).into()));
        let mut value = Value::Nil;
        let hear = |answer: Value, _: &[Bytes]| {
            if let Some(hearing) = answer.get("hearing") {
                self.hearing.replace(hearing.clone());
                return Ok(());
            }
            value = answer.get("value").cloned().ok_or("it says no value")?;
            Ok(())
        };
        let question = Value::Map(arguments.clone()).encode();
        self.ask_process(self.process.lock().await, question, hear).await.map_err(reply)?;
        self.dismiss_helper();
        arguments.push(("again".into(), Value::Bool(true)));
        let arguments = Value::Map(arguments);
        match &*request.op {
            "register_scheduler_plugin" | "preload" => self.plugins.borrow_mut().push(arguments),
            "unregister_scheduler_plugin" => {
                let name = arguments.get("name");
                self.plugins.borrow_mut().retain(|plugin| plugin.get("name") != name);
            }
            _ => {}
        }
        Ok(value)
    }

    /// Asks whichever process is free, and hears all messages of the answer.
    async fn ask(
        &self,
        question: Frames,
        hear: impl FnMut(Value, &[Bytes]) -> Result<(), String>,
    ) -> Result<(), Exception> {
        if let Ok(slot) = timeout(PATIENCE, self.process.lock()).await {
            let answered = self.ask_process(slot, question, hear).await;
            self.dismiss_helper();
            return answered;
        }
        let slot = tokio::select! {
            biased;
            slot = self.process.lock() => slot,
            slot = self.helper.lock() => slot,
        };
        self.ask_process(slot, question, hear).await
    }

    /// Ends the second process if it has nothing to do: what is told to the first one would have to be told to it, too.
    fn dismiss_helper(&self) {
        if let Ok(mut helper) = self.helper.try_lock() {
            *helper = None;
        }
    }

    /// Asks a process, and hears all messages of the answer.
    async fn ask_process(
        &self,
        mut slot: MutexGuard<'_, Option<Process>>,
        question: Frames,
        mut hear: impl FnMut(Value, &[Bytes]) -> Result<(), String>,
    ) -> Result<(), Exception> {
        // Whoever stops listening to an answer leaves no process behind that would go on with it.
        let helps = std::ptr::eq(MutexGuard::mutex(&slot), &raw const self.helper);
        let mut process = self.ready(slot.take(), helps).await?;
        if let Err(broken) = process.ask(&question).await {
            // It died before it had heard all: that cannot be the fault of the question.
            tracing::warn!("the executor {} before it had begun: starting a new one", process.end(broken).await);
            process = self.ready(None, helps).await?;
            if let Err(broken) = process.ask(&question).await {
                return Err(died(&process.end(broken).await));
            }
        }
        drop(question);
        loop {
            let (answer, buffers) = match process.hear_frames().await {
                Ok(answer) => answer,
                Err(broken) => {
                    let error = died(&process.end(broken).await);
                    *slot = Process::spawn(&self.settings).ok();
                    return Err(error);
                }
            };
            match answer.get("status").and_then(Value::as_str) {
                None => hear(answer, &buffers).map_err(|error| garbled(&error))?,
                status => {
                    *slot = Some(process);
                    return if status == Some("OK") { Ok(()) } else { Err(raised(&answer)) };
                }
            }
        }
    }

    /// A process that can be asked: this one if it lives, or a new one. One that only helps has no plugins of users.
    async fn ready(&self, process: Option<Process>, helps: bool) -> Result<Process, Exception> {
        let fail = |error: StartError| {
            tracing::error!("{error}");
            runtime_error(&error.to_string())
        };
        let mut process = match process {
            Some(mut process) => match process.ended() {
                None => process,
                Some(status) => {
                    tracing::warn!("the executor {status} while it had nothing to do: starting a new one");
                    Process::spawn(&self.settings).map_err(fail)?
                }
            },
            None => Process::spawn(&self.settings).map_err(fail)?,
        };
        if !process.is_ready() {
            process.greet(&self.settings).await.map_err(fail)?;
            let plugins = self.plugins.borrow().clone();
            for mut plugin in plugins {
                if let Value::Map(arguments) = &mut plugin {
                    arguments.push(("helps".into(), helps.into()));
                }
                if let Err(error) = process.ask_again(&plugin.encode()).await {
                    tracing::error!("a plugin does not start in the new executor: {error}");
                }
            }
        }
        Ok(process)
    }
}

/// What the client is told whose graph was being read.
fn died(how: &str) -> Exception {
    let text = format!(
        "the executor, the Python process of the scheduler that reads graphs, {how} while it read this one: \
         look at what it printed, and at the memory of its machine"
    );
    tracing::error!("{text}; starting a new one");
    runtime_error(&text)
}

fn garbled(error: &str) -> Exception {
    runtime_error(&format!("the executor said what cannot be understood: {error}"))
}

fn runtime_error(text: &str) -> Exception {
    Exception::Raised {
        exception: Value::Bytes(Builtin::Runtime.pickle(text)),
        traceback: Value::Nil,
        text: format!("RuntimeError({text:?})").into(),
        traceback_text: "".into(),
    }
}

fn reply(exception: Exception) -> ErrorReply {
    let Exception::Raised { exception, traceback, text, traceback_text } = exception else {
        return ErrorReply::text("the executor failed");
    };
    ErrorReply { status: "uncaught-error".into(), exception, traceback, exception_text: text, traceback_text }
}

fn raised(answer: &Value) -> Exception {
    let part = |name| answer.get(name).cloned().unwrap_or(Value::Nil);
    let text = |name| answer.get(name).and_then(Value::as_str).unwrap_or_default().into();
    Exception::Raised {
        exception: part("exception"),
        traceback: part("traceback"),
        text: text("exception_text"),
        traceback_text: text("traceback_text"),
    }
}
