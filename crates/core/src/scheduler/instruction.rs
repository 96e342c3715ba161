//! Instructions: what must be done outside. Plain data; what peers are told maps one to one to messages of the protocol.

use std::sync::Arc;

use bytes::Bytes;

use super::stimulus::Text;
use super::task::{Priority, RunId};
use super::wait::WaitReason;
use crate::key::Key;
use crate::protocol::serialized::{Pickled, Serialized};
use crate::protocol::value::Value;

/// Something that must be done now. The only way [`Scheduler`](super::Scheduler) reaches the world.
#[derive(Clone, Debug, PartialEq)]
pub enum Instruction {
    /// Say something to a worker.
    ToWorker {
        /// Its address.
        worker: Text,
        /// What to say.
        message: ToWorker,
    },
    /// Say something to a client.
    ToClient {
        /// Its name.
        client: Text,
        /// What to say.
        message: ToClient,
    },
    /// Let Python read a graph, and answer with [`Materialized`](super::stimulus::Stimulus::Materialized), always.
    Materialize {
        /// What the answer must repeat.
        ticket: u64,
        /// Whose graph it is.
        client: Text,
        /// The expression and what belongs to it.
        graph: Box<Serialized>,
        /// The keys whose results are wanted.
        keys: Vec<Key>,
    },
    /// Answer a worker that wants to join.
    WorkerReply {
        /// Its address.
        worker: Text,
        /// Seconds between heartbeats, or why it may not join.
        reply: Result<f64, Refusal>,
    },
    /// Answer a heartbeat.
    HeartbeatReply {
        /// The worker.
        worker: Text,
        /// Seconds until the next one; nothing if the worker is not known and should join again.
        interval: Option<f64>,
    },
    /// Something is wrong here: an unfinished task will never be finished. Log it.
    Stuck {
        /// The task.
        key: Key,
        /// What it waits for.
        reason: WaitReason,
    },
}

/// Why a worker may not join.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// A worker has this address.
    AddressTaken,
    /// A worker has this name.
    NameTaken,
    /// It runs no tasks.
    NoThreads,
}

/// What a worker is told.
#[derive(Clone, Debug, PartialEq)]
pub enum ToWorker {
    /// Run a task.
    ComputeTask(Box<ComputeTask>),
    /// Forget tasks and their results.
    FreeKeys {
        /// The keys.
        keys: Vec<Key>,
    },
    /// Drop results unless they are needed there.
    RemoveReplicas {
        /// The keys.
        keys: Vec<Key>,
    },
    /// Here is who has these results.
    RefreshWhoHas {
        /// The keys, and who has them.
        who_has: Vec<(Key, Vec<Text>)>,
    },
    /// A worker has left.
    RemoveWorker {
        /// Its address.
        worker: Text,
    },
    /// Close.
    Close {
        /// Why.
        reason: Text,
    },
}

/// A task and all that its worker must know.
#[derive(Clone, Debug, PartialEq)]
pub struct ComputeTask {
    /// The task.
    pub key: Key,
    /// The attempt, which the answer must repeat.
    pub run: RunId,
    /// Lower runs first.
    pub priority: Priority,
    /// The results that it needs: their sizes and who has them.
    pub who_has: Vec<(Key, u64, Vec<Text>)>,
    /// The task object, pickled.
    pub run_spec: Arc<Pickled>,
    /// How much it takes of each resource while it runs.
    pub resources: Vec<(Text, f64)>,
    /// Whether its result stays there as an actor.
    pub actor: bool,
    /// What the user noted about it.
    pub annotations: Value,
}

/// What a client is told.
#[derive(Clone, Debug, PartialEq)]
pub enum ToClient {
    /// The stream is open.
    StreamStart,
    /// A result is there.
    KeyInMemory {
        /// The key.
        key: Key,
        /// The pickled class of the result.
        class: Bytes,
    },
    /// A result was lost and will be computed again.
    LostData {
        /// The key.
        key: Key,
    },
    /// Keys will not be computed.
    CancelledKeys {
        /// The keys.
        keys: Vec<Key>,
        /// Why.
        reason: Option<Text>,
        /// What to tell the user.
        msg: Option<Text>,
    },
    /// A task that had failed is computed again.
    TaskRetried {
        /// The key.
        key: Key,
    },
    /// A task has failed.
    TaskErred {
        /// The key.
        key: Key,
        /// The task that failed first, and how.
        failure: Arc<Failure>,
    },
    /// Say that you are alive so often.
    AdjustHeartbeatInterval {
        /// Seconds.
        interval: f64,
    },
}

/// The failure of a task and of all that depend on it.
#[derive(Clone, Debug, PartialEq)]
pub struct Failure {
    /// The task that failed first.
    pub cause: Key,
    /// How.
    pub exception: Exception,
}

/// What a user sees raised.
#[derive(Clone, Debug, PartialEq)]
pub enum Exception {
    /// Python raised it.
    Raised {
        /// The exception, serialized.
        exception: Value,
        /// Its traceback, serialized, or nothing.
        traceback: Value,
        /// The exception as text.
        text: Text,
    },
    /// Too many workers died while they ran the task.
    KilledWorker {
        /// The last of them.
        last_worker: Text,
        /// How many were allowed.
        allowed_failures: u32,
    },
    /// The worker that held the actor has left.
    ActorLost,
    /// The task needs more memory for its inputs than its worker has.
    InputsTooLarge {
        /// What it needs.
        needed_bytes: u64,
        /// The worker.
        worker: Text,
        /// What it has.
        limit_bytes: u64,
    },
    /// The graph needs its own results.
    Cycle,
}
