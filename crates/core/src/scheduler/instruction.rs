//! Instructions: what must be done outside. Plain data; what peers are told are the records of the protocol.

pub use super::failure::{Exception, Failure};
use super::occurrence::Occurrence;
use super::stimulus::Text;
use super::wait::WaitReason;
use crate::key::Key;
use crate::protocol::client::{ToClient, UpdateGraph};
use crate::protocol::rpc::ErrorReply;
use crate::protocol::shuffle::PlanShuffle;
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
    /// Let Python read a graph, and answer with [`Materialized`](super::stimulus::Stimulus::Materialized), always.
    Materialize {
        /// What the answer must repeat.
        ticket: u64,
        /// Whose graph it is.
        client: Text,
        /// The expression and what belongs to it.
        graph: Box<UpdateGraph>,
    },
    /// Let a nanny end its worker, which is silent, and start another one. If it cannot be asked, the worker has
    /// [left](super::stimulus::Stimulus::WorkerLeft).
    ReplaceWorker {
        /// The address of the worker.
        worker: Text,
        /// That of its nanny.
        nanny: Text,
    },
    /// Answer a question: there is one answer to each.
    Answer {
        /// That of the question.
        ticket: u64,
        /// The answer, or the error that is raised where it was asked.
        answer: Result<Value, ErrorReply>,
    },
    /// Let Python plan a run of a shuffle, and answer with
    /// [`ShufflePlanned`](super::stimulus::Stimulus::ShufflePlanned), always.
    PlanShuffle {
        /// What the answer must repeat.
        ticket: u64,
        /// What is known of it.
        plan: Box<PlanShuffle>,
    },
    /// Tell plugins of Python what happened.
    TellPlugins(Occurrence),
    /// A worker has taken results with it that nobody else holds. Log it.
    ResultsLost {
        /// Its address.
        worker: Text,
        /// Those that are computed again, if somebody needs them.
        computed: Vec<Key>,
        /// Those that cannot be: they were scattered.
        scattered: Vec<Key>,
    },
    /// Something is wrong here: an unfinished task will never be finished. Log it.
    Stuck {
        /// The task.
        key: Key,
        /// What it waits for.
        reason: WaitReason,
    },
}
