//! Queries: requests that only read what the scheduler knows, and are answered at once.

use super::coordination::{Events, GetMetadata};
use super::field::{Map, Optional, Text};
use super::record::{operations, record};
use super::value::Value;
use crate::key::Key;

operations! {
    /// A request that only reads.
    Query {
        /// Which workers there are.
        Identity "identity",
        /// Which workers hold results.
        WhoHas "who_has",
        /// Which results workers hold.
        HasWhat "has_what",
        /// How many threads workers have.
        Ncores "ncores",
        /// How many threads workers have that take work.
        NcoresRunning "ncores_running",
        /// Which tasks workers have to run.
        Processing "processing",
        /// How large results are.
        Nbytes "nbytes",
        /// What state tasks are in.
        TaskStatus "get_task_status",
        /// How many tasks of each kind are in which state.
        PrefixStates "get_task_prefix_states",
        /// How many tasks there are: a word of ours.
        TaskCount "task_count",
        /// What happened to tasks.
        GetStory "get_story",
        /// What happened, by topic.
        Events "events",
        /// What users have noted.
        GetMetadata "get_metadata",
        /// What a task calls.
        GetRunspec "get_runspec",
        /// Which task has failed first.
        ErrorCause "get_error_cause",
        /// How many workers there should be.
        AdaptiveTarget "adaptive_target",
        /// Which workers could be closed.
        WorkersToClose "workers_to_close",
        /// Since when there is nothing to do.
        CheckIdle "check_idle",
        /// What stands where in the scheduler: for tests, answered only where that was asked for at the start.
        Inspect "inspect",
    }
}

record! {
    /// See [`Query::Identity`].
    Identity {
        /// How many workers to describe; all when negative or not said.
        n_workers: Optional<i64>,
    }
}

record! {
    /// See [`Query::WhoHas`].
    WhoHas {
        /// The keys; all when there are none.
        keys: Optional<Vec<Key>>,
    }
}

record! {
    /// See [`Query::HasWhat`].
    HasWhat {
        /// Their addresses or names; all when there are none.
        workers: Optional<Vec<Value>>,
    }
}

record! {
    /// See [`Query::Ncores`].
    Ncores {
        /// Their addresses or names; all when there are none.
        workers: Optional<Vec<Value>>,
    }
}

record! {
    /// See [`Query::NcoresRunning`].
    NcoresRunning {
        /// Their addresses or names; all when there are none.
        workers: Optional<Vec<Value>>,
    }
}

record! {
    /// See [`Query::Processing`].
    Processing {
        /// Their addresses or names; all when there are none.
        workers: Optional<Vec<Value>>,
    }
}

record! {
    /// See [`Query::Nbytes`].
    Nbytes {
        /// The keys; all that are in memory when there are none.
        keys: Optional<Vec<Key>>,
        /// Whether sizes are added up by kind; they are when this is not said.
        summary: Optional<bool>,
    }
}

record! {
    /// See [`Query::TaskStatus`].
    TaskStatus {
        /// The keys.
        keys: Vec<Key>,
    }
}

record! {
    /// See [`Query::PrefixStates`].
    PrefixStates {}
}

record! {
    /// See [`Query::TaskCount`].
    TaskCount {}
}

record! {
    /// See [`Query::CheckIdle`].
    CheckIdle {}
}

record! {
    /// See [`Query::GetStory`].
    GetStory {
        /// Keys, or names of stimuli.
        keys_or_stimuli: Vec<Key>,
    }
}

record! {
    /// See [`Query::GetRunspec`].
    GetRunspec {
        /// The task.
        key: Key,
    }
}

record! {
    /// See [`Query::ErrorCause`].
    ErrorCause {
        /// Tasks that have failed, or not.
        keys: Vec<Key>,
    }
}

record! {
    /// See [`Query::AdaptiveTarget`].
    AdaptiveTarget {
        /// How long the work that is there should take: seconds, or text with a unit.
        target_duration: Optional<Value>,
    }
}

record! {
    /// See [`Query::WorkersToClose`].
    #[derive(Default)]
    WorkersToClose {
        /// How much room is left for data, as a multiple of what there is.
        memory_ratio: Optional<f64>,
        /// How many workers to close.
        n: Optional<i64>,
        /// How workers are grouped that are closed together: a pickled function of Python.
        key: Optional<Value>,
        /// The group of each worker, as that function says. Known to the process itself only.
        groups "cenote-groups": Optional<Map<Text, i64>>,
        /// How many workers stay at least.
        minimum: Optional<i64>,
        /// How many workers stay.
        target: Optional<i64>,
        /// What is answered of each worker: `address` or `name`.
        attribute: Optional<Text>,
    }
}

record! {
    /// See [`Query::Inspect`].
    Inspect {
        /// The way there: attributes and items.
        path: Value,
        /// What time it is, in seconds since 1970.
        now: Optional<f64>,
    }
}
