//! P2P shuffles: what workers ask about them, what is said to those who take part, and what Python is asked.
//!
//! A shuffle is known by its id; each time that it begins again it is another run, with a number of its own.

use bytes::Bytes;

use super::field::{Optional, Text};
use super::pickle::Pickle;
use super::record::record;
use super::rpc::ErrorReply;
use super::serialized::Pickled;
use super::value::Value;
use crate::key::Key;

record! {
    /// The request `shuffle_get`: the run of a shuffle of which a worker has heard.
    ShuffleGet {
        /// The shuffle.
        id: Text,
        /// Who asks.
        worker: Text,
    }
}

record! {
    /// The request `shuffle_get_or_create`: the run of a shuffle, which begins if there is none.
    ShuffleGetOrCreate {
        /// The shuffle.
        shuffle_id: Text,
        /// The task for which it is asked.
        key: Key,
        /// The worker that runs it.
        worker: Text,
    }
}

record! {
    /// The request `shuffle_restrict_task`: a task may run only where its part of the data goes.
    ShuffleRestrictTask {
        /// The shuffle.
        id: Text,
        /// Its run.
        run_id: i64,
        /// The task.
        key: Key,
        /// Where it may run.
        worker: Text,
    }
}

record! {
    /// The request `shuffle_barrier`: all data has been sent. Of the machine the process asks who must be told, under
    /// another name; the answer is a list of workers. When the run is over, the task is to be run again.
    PassBarrier {
        /// The shuffle.
        id: Text,
        /// Its run.
        run_id: i64,
        /// Whether all data was sent in this run.
        consistent: bool,
    }
}

record! {
    /// The request `shuffle_inputs_done` to workers: no more data will come.
    ShuffleInputsDone {
        /// The shuffle.
        shuffle_id: Text,
        /// Its run.
        run_id: i64,
    }
}

record! {
    /// Said to workers: this run is over.
    ShuffleFail {
        /// The shuffle.
        shuffle_id: Text,
        /// Its run.
        run_id: i64,
        /// Why.
        message: Text,
    }
}

record! {
    /// What Python is asked about a new run: who takes which part of the data?
    PlanShuffle {
        /// The task that says how data is shuffled.
        barrier: Pickled,
        /// The number of the run.
        run_id: i64,
        /// The addresses of the workers that there are.
        workers: Vec<Text>,
        /// The span that it belongs to.
        span_id: Optional<Text>,
        /// What Python has said of runs whose data is used together with this: each part goes where it goes there.
        aligned: Vec<Pickled>,
    }
}

record! {
    /// What Python says of a new run.
    ShufflePlan {
        /// What workers are told.
        run_spec: Pickled,
        /// The addresses of the workers that take a part.
        workers: Vec<Text>,
    }
}

/// What a worker is told of the run of a shuffle.
pub fn told(run_spec: &Pickled) -> Value {
    Value::map([("status", "OK".into()), ("run_spec", Value::Pickled(Box::new(run_spec.clone())))])
}

/// What a worker is told whose idea of a shuffle is wrong: an answer, not an error of the request. Its task fails.
pub fn inconsistent(text: &str) -> Value {
    error("P2PConsistencyError", text)
}

/// What a worker is told that speaks of a run which is over. Its task is run again, if it is still to be run.
pub fn over(text: &str) -> Value {
    error("ShuffleClosedError", text)
}

fn error(class: &str, text: &str) -> Value {
    let pickle = Pickle::default().global("distributed.shuffle._exceptions", class);
    Value::map([
        ("status", "error".into()),
        ("exception", Value::Bytes(pickle.call_with(&[text.into()]).finish())),
        ("traceback", Value::Nil),
        ("exception_text", format!("{class}({text:?})").as_str().into()),
        ("traceback_text", "".into()),
        // Stock workers show this when a task could not be restricted.
        ("message", text.into()),
    ])
}

/// What is raised at a barrier whose run is over: its task is run again, if it is still to be run.
pub fn reschedule(text: &str) -> ErrorReply {
    let pickle = Pickle::default().global("distributed.exceptions", "Reschedule").call_with(&[text.into()]).finish();
    ErrorReply {
        status: "uncaught-error".into(),
        exception: Value::Bytes(pickle),
        traceback: Value::Nil,
        exception_text: format!("Reschedule({text:?})").into(),
        traceback_text: "".into(),
    }
}

/// The pickle of the plugin that makes a worker able to shuffle.
pub fn worker_plugin() -> Bytes {
    Pickle::default().global("distributed.shuffle._worker_plugin", "ShuffleWorkerPlugin").call_with(&[]).finish()
}
