//! Stimuli: what happened outside. Plain data with keys and addresses, so that a recorded stimulus means the same anywhere.
//!
//! What clients and workers say maps one to one to the messages of the protocol.

use std::sync::Arc;

use bytes::Bytes;

use super::instruction::Exception;
use super::task::RunId;
use crate::key::Key;
use crate::protocol::serialized::{Pickled, Serialized};
use crate::protocol::value::Value;

/// A name, an address or a reason.
pub type Text = Arc<str>;

/// Something that happened outside. The only way to change [`Scheduler`](super::Scheduler).
#[derive(Clone, Debug, PartialEq)]
pub enum Stimulus {
    /// A client has come.
    ClientJoined {
        /// Its name.
        client: Text,
    },
    /// A client said something on its stream.
    Client {
        /// The owner of the stream.
        client: Text,
        /// What it said.
        said: FromClient,
    },
    /// Python has read a graph, or could not.
    Materialized {
        /// That of the instruction.
        ticket: u64,
        /// The graph, or the error of the computation.
        outcome: Result<GraphSpec, Exception>,
    },
    /// A worker wants to join.
    WorkerJoined(WorkerSpec),
    /// A worker said something on its stream, or in its heartbeat.
    Worker {
        /// Its address.
        worker: Text,
        /// What it said.
        said: FromWorker,
    },
    /// A worker has left: it said so, or its connection broke.
    WorkerLeft {
        /// Its address.
        worker: Text,
        /// Whether it was meant to: its tasks are not suspected then.
        expected: bool,
    },
    /// Results were put into workers from outside.
    DataArrived {
        /// The keys, their sizes, and the addresses of their workers.
        data: Vec<(Key, u64, Vec<Text>)>,
        /// Who wants them.
        client: Option<Text>,
    },
    /// Time has passed.
    Tick,
}

/// What a client says.
#[derive(Clone, Debug, PartialEq)]
pub enum FromClient {
    /// Compute a graph that only Python can read.
    UpdateGraph {
        /// The expression and what belongs to it.
        graph: Box<Serialized>,
        /// The keys whose results are wanted.
        keys: Vec<Key>,
    },
    /// Compute a graph.
    SubmitGraph(GraphSpec),
    /// Keep these keys, and tell me of them.
    DesiresKeys {
        /// The keys.
        keys: Vec<Key>,
        /// Who wants them: not always the owner of the stream.
        client: Text,
    },
    /// These keys are needed no more.
    ReleasesKeys {
        /// The keys.
        keys: Vec<Key>,
        /// Who wanted them.
        client: Text,
    },
    /// Stop computing these keys.
    CancelKeys {
        /// The keys.
        keys: Vec<Key>,
        /// Whether it does not matter that others want them.
        force: bool,
        /// Why.
        reason: Option<Text>,
        /// What to tell the user.
        msg: Option<Text>,
    },
    /// Compute these failed keys again.
    Retry {
        /// The keys.
        keys: Vec<Key>,
    },
    /// Say what state a key is in.
    ReportKey {
        /// The key.
        key: Key,
    },
    /// I am alive.
    Heartbeat,
    /// I want nothing any more; or the connection broke.
    Close,
}

/// What a worker says.
#[derive(Clone, Debug, PartialEq)]
pub enum FromWorker {
    /// A task was run, and its result is here.
    TaskFinished {
        /// The task.
        key: Key,
        /// The attempt.
        run: RunId,
        /// The size of the result.
        nbytes: u64,
        /// The pickled class of the result.
        class: Bytes,
        /// Seconds that it ran.
        duration: f64,
    },
    /// A task was run and has failed.
    TaskErred {
        /// The task.
        key: Key,
        /// The attempt.
        run: RunId,
        /// What it raised.
        exception: Exception,
    },
    /// A result is here no more.
    ReleaseWorkerData {
        /// The key.
        key: Key,
    },
    /// Results are here now.
    AddKeys {
        /// The keys.
        keys: Vec<Key>,
    },
    /// A task has given back its thread and goes on.
    LongRunning {
        /// The task.
        key: Key,
        /// The attempt.
        run: RunId,
        /// Seconds that it ran before.
        duration: Option<f64>,
    },
    /// A task asks to be run elsewhere.
    Reschedule {
        /// The task.
        key: Key,
    },
    /// The worker runs, pauses, or is about to close.
    StatusChange {
        /// The new status.
        status: WorkerStatus,
    },
    /// Where are these results? Those who were said to have them do not.
    RequestRefreshWhoHas {
        /// The keys.
        keys: Vec<Key>,
    },
    /// I am alive.
    Heartbeat,
}

/// Whether a worker takes work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WorkerStatus {
    /// It does.
    Running,
    /// Not now.
    Paused,
    /// It will close.
    Closing,
}

/// A worker that wants to join.
#[derive(Clone, Debug, PartialEq)]
pub struct WorkerSpec {
    /// Where it listens: its identity.
    pub address: Text,
    /// The name that its owner gave it.
    pub name: Text,
    /// Its machine.
    pub host: Text,
    /// How many tasks it runs at a time.
    pub nthreads: u32,
    /// The memory that it may use.
    pub memory_limit: Option<u64>,
    /// How much it has of each resource.
    pub resources: Vec<(Text, f64)>,
    /// Whether it takes work.
    pub status: WorkerStatus,
}

/// A graph as submitted: flat, payloads opaque.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct GraphSpec {
    /// Its tasks.
    pub tasks: Vec<TaskSpec>,
    /// The keys whose results are wanted.
    pub keys: Vec<Key>,
    /// The task that submits, if one does.
    pub submitting_task: Option<Key>,
    /// Graphs that come within so many seconds have one generation.
    pub fifo_timeout: f64,
}

/// A call with its arguments, as submitted.
#[derive(Clone, Debug, PartialEq)]
pub struct TaskSpec {
    /// Its name and that of its result.
    pub key: Key,
    /// The task object, pickled.
    pub run_spec: Arc<Pickled>,
    /// The keys that it needs.
    pub dependencies: Vec<Key>,
    /// Its place in the order of the graph.
    pub order: i64,
    /// Whether it only brings data into the cluster.
    pub data_producer: bool,
    /// Whether its result stays with its worker as an actor.
    pub actor: bool,
    /// What the user noted about it.
    pub annotations: Annotations,
}

/// The annotations that are understood here, and all of them as they came.
#[derive(Clone, Debug, PartialEq)]
pub struct Annotations {
    /// Higher runs first: the one place where it does.
    pub priority: f64,
    /// How often it may fail before it has failed.
    pub retries: u32,
    /// Addresses, names or hosts of the workers that may run it; all when there are none.
    pub workers: Vec<Text>,
    /// Whether others may run it when none of those is there.
    pub allow_other_workers: bool,
    /// How much it needs of each resource.
    pub resources: Vec<(Text, f64)>,
    /// All of them, for the worker.
    pub all: Value,
}

impl Default for Annotations {
    fn default() -> Self {
        Self {
            priority: 0.0,
            retries: 0,
            workers: Vec::new(),
            allow_other_workers: false,
            resources: Vec::new(),
            all: Value::Map(Vec::new()),
        }
    }
}
