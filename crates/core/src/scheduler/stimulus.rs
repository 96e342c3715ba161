//! Stimuli: what happened outside. Plain data with keys and addresses, so that a recorded stimulus means the same anywhere.
//!
//! What clients and workers say are the records of the protocol.

use super::flat_graph::FlatGraph;
use super::instruction::Exception;
use super::occurrence::Hearing;
use crate::key::Key;
use crate::protocol::client::FromClient;
pub use crate::protocol::field::Text;
use crate::protocol::question::Question;
use crate::protocol::record::record;
use crate::protocol::serialized::Pickled;
use crate::protocol::shuffle::ShufflePlan;
use crate::protocol::value::Value;
use crate::protocol::worker::FromWorker;

/// Something that happened outside. The only way to change [`Scheduler`](super::Scheduler).
#[derive(Clone, Debug, PartialEq)]
pub enum Stimulus {
    /// A client has come.
    ClientJoined {
        /// Its name.
        client: Text,
        /// What is installed there.
        versions: Value,
    },
    /// A client said something on its stream.
    Client {
        /// The owner of the stream.
        client: Text,
        /// What it said.
        said: FromClient,
    },
    /// A client wants a graph computed that needs no Python to be read.
    Submit {
        /// Whose graph it is.
        client: Text,
        /// The graph.
        graph: FlatGraph,
    },
    /// Python has read a graph, or could not.
    Materialized {
        /// That of the instruction.
        ticket: u64,
        /// The tasks of the graph, or the error of the computation. What the client said about the whole graph is known.
        outcome: Result<FlatGraph, Exception>,
    },
    /// A worker said something on its stream.
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
    /// Workers have left at about the same time: nothing that was with one of them is sent to another.
    WorkersLeft {
        /// Their addresses. Who is still there is told to close.
        workers: Vec<Text>,
        /// Whether they were meant to.
        expected: bool,
    },
    /// Results were put into workers from outside.
    DataArrived {
        /// The keys, their sizes, and the addresses of their workers.
        data: Vec<(Key, u64, Vec<Text>)>,
        /// Who wants them.
        client: Option<Text>,
    },
    /// Somebody asks for something that changes the state, or that may have to wait.
    Asked {
        /// What the answer will repeat.
        ticket: u64,
        /// What is asked for.
        question: Question,
    },
    /// Whoever asked has gone, and waits no more.
    Withdrawn {
        /// That of the question.
        ticket: u64,
    },
    /// Python has planned a run of a shuffle, or could not.
    ShufflePlanned {
        /// That of the instruction.
        ticket: u64,
        /// Who takes part, or what was raised.
        outcome: Result<ShufflePlan, Exception>,
    },
    /// Plugins of Python came or went: all that happens of these kinds is told from now on.
    PluginsHear {
        /// The kinds.
        hearing: Hearing,
    },
    /// Time has passed.
    Tick,
}

/// A graph with keys at its edges, as it is written by hand; the machine takes a [`FlatGraph`] in.
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
    pub run_spec: Pickled,
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

record! {
    /// The annotations that are understood here, and all of them as they came.
    Annotations {
        /// Higher runs first: the one place where it does.
        priority: f64,
        /// How often it may fail before it has failed.
        retries: u32,
        /// Addresses, names or hosts of the workers that may run it; all when there are none.
        workers: Vec<Text>,
        /// Whether others may run it when none of those is there.
        allow_other_workers: bool,
        /// How much it needs of each resource.
        resources: Vec<(Text, f64)>,
        /// All of them, for the worker.
        all: Value,
    }
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
