//! One run of a graph of closures: the shell that holds its values and its threads.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use parking_lot::Mutex;
use thiserror::Error;

use cenote_core::graph::{Graph, GraphBuilder, TaskId, TaskKind};
use cenote_core::local::Local;
use cenote_core::order::order;

use super::{Cause, Entry, Value, Work, threads};
use crate::local::{Engine, Outcome, Shell, cpus};

/// How a graph is computed.
#[derive(Clone, Debug, Default)]
pub struct Options {
    num_workers: Option<usize>,
}

/// Why a graph was not computed.
#[derive(Debug, Error)]
pub enum Error {
    /// A task returned an error.
    #[error("task {task} failed: {cause}")]
    Failed {
        /// Its name, or its number and the type of its closure.
        task: String,
        /// The error that it returned.
        #[source]
        cause: Cause,
    },
    /// A task panicked.
    #[error("task {task} panicked: {message}")]
    Panicked {
        /// Its name, or its number and the type of its closure.
        task: String,
        /// What it said.
        message: String,
    },
    /// The system has no thread to run tasks on.
    #[error("no thread could be started: {0}")]
    NoThread(#[source] std::io::Error),
}

impl Options {
    /// At most that many threads run tasks; without it, as many as this process may use processors.
    #[must_use]
    pub fn num_workers(mut self, num_workers: usize) -> Self {
        self.num_workers = Some(num_workers.max(1));
        self
    }
}

/// Computes `wanted`, and gives their values in that order.
pub fn run(entries: &[Arc<Entry>], wanted: &[TaskId], options: &Options) -> Result<Vec<Value>, Error> {
    let graph = edges(entries);
    let priorities = order(&graph, &graph.reversed(), |one, other| one.cmp(&other)).expect("no task names a later one");
    let machine = Local::new(graph, &priorities, wanted, &[]).expect("a task names tasks of its own graph only");
    let slots = entries.iter().map(|_| Mutex::new(None)).collect();
    let shell = Closures { entries: entries.to_vec(), slots };
    let engine = Engine::new(machine, shell, options.num_workers.unwrap_or_else(cpus));
    match engine.run_elsewhere() {
        Outcome::Done => Ok(wanted.iter().map(|&task| engine.shell().value(task)).collect()),
        Outcome::Failed(_, error) | Outcome::Stopped(error) => Err(error),
    }
}

/// The entries' edges, each once. Linear, but for sorting the inputs of each task.
fn edges(entries: &[Arc<Entry>]) -> Graph {
    let mut builder = GraphBuilder::with_capacity(entries.len(), entries.iter().map(|entry| entry.inputs.len()).sum());
    let mut distinct = Vec::new();
    for entry in entries {
        distinct.clear();
        distinct.extend_from_slice(&entry.inputs);
        distinct.sort_unstable();
        distinct.dedup();
        for &input in &distinct {
            builder.push_distinct(input);
        }
        builder.finish_task(match entry.work {
            Work::Value(_) => TaskKind::Data,
            Work::Call(..) => TaskKind::Call,
        });
    }
    builder.build()
}

/// The closures of a graph and the results that are alive.
struct Closures {
    entries: Vec<Arc<Entry>>,
    slots: Vec<Mutex<Option<Value>>>,
}

impl Closures {
    fn value(&self, task: TaskId) -> Value {
        match &self.entries[task.index()].work {
            Work::Value(value) => Arc::clone(value),
            Work::Call(..) => {
                let slot = self.slots[task.index()].lock();
                Arc::clone(slot.as_ref().expect("a result is there until its last dependent has finished"))
            }
        }
    }
}

impl Shell for Closures {
    type Error = Error;

    fn run(&self, task: TaskId) -> Result<(), Error> {
        let entry = &self.entries[task.index()];
        let Work::Call(call, _) = &entry.work else { return Ok(()) };
        let inputs: Vec<Value> = entry.inputs.iter().map(|&input| self.value(input)).collect();
        // A closure that panicked may leave what it shares with others half changed. So would a thread that panicked:
        // that the closure is shared, `Sync`, says that it copes.
        match catch_unwind(AssertUnwindSafe(|| call(&inputs))) {
            Ok(Ok(value)) => {
                *self.slots[task.index()].lock() = Some(value);
                Ok(())
            }
            Ok(Err(cause)) => Err(Error::Failed { task: entry.title(task), cause }),
            Err(payload) => Err(Error::Panicked { task: entry.title(task), message: said(payload.as_ref()) }),
        }
    }

    fn release(&self, tasks: &mut Vec<TaskId>) {
        for task in tasks.drain(..) {
            let value = self.slots[task.index()].lock().take();
            drop(value); // after the lock: a value's drop is user code
        }
    }

    fn block(&self, wait: impl FnOnce() + Send) {
        wait();
    }

    fn yield_now(&self) {}

    fn hire(&self, engine: &Arc<Engine<Self>>) -> Result<(), Error> {
        let engine = Arc::clone(engine);
        threads::start(move || engine.work()).map_err(Error::NoThread)
    }

    fn is_refusal(&self, error: &Error) -> bool {
        matches!(error, Error::NoThread(_))
    }

    fn check(&self) -> Result<(), Error> {
        Ok(())
    }
}

/// What a panic said, if it said it in words.
fn said(payload: &(dyn Any + Send)) -> String {
    let words = payload.downcast_ref::<&str>().map(|words| (*words).to_owned());
    words.or_else(|| payload.downcast_ref::<String>().cloned()).unwrap_or_else(|| "without a message".into())
}
