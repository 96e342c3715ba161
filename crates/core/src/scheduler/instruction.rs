//! Instructions: what must be done outside. Plain data; what peers are told are the records of the protocol.

use std::sync::Arc;

use super::stimulus::Text;
use super::wait::WaitReason;
use crate::key::Key;
use crate::protocol::client::{ToClient, UpdateGraph};
use crate::protocol::exception::LastWorker;
use crate::protocol::rpc::ErrorReply;
use crate::protocol::value::Value;
use crate::protocol::worker::ToWorker;

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
    /// Tell a client, in its turn among its messages, that a task has failed for a reason of which only Python can make
    /// an exception.
    Failed {
        /// The name of the client.
        client: Text,
        /// The task.
        key: Key,
        /// The task that failed first, and how.
        failure: Arc<Failure>,
    },
    /// Let Python read a graph, and answer with [`Materialized`](super::stimulus::Stimulus::Materialized), always.
    Materialize {
        /// What the answer must repeat.
        ticket: u64,
        /// Whose graph it is.
        client: Text,
        /// The expression and what belongs to it.
        graph: Box<UpdateGraph>,
    },
    /// Answer a question: there is one answer to each.
    Answer {
        /// That of the question.
        ticket: u64,
        /// The answer, or the error that is raised where it was asked.
        answer: Result<Value, ErrorReply>,
    },
    /// Something is wrong here: an unfinished task will never be finished. Log it.
    Stuck {
        /// The task.
        key: Key,
        /// What it waits for.
        reason: WaitReason,
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
        /// The traceback as text.
        traceback_text: Text,
    },
    /// Too many workers died while they ran the task.
    KilledWorker {
        /// The last of them.
        last_worker: Arc<LastWorker>,
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
