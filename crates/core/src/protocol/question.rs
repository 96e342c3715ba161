//! Questions: requests that change the state of the scheduler, or that may have to wait. The machine answers each of
//! them, at once or later. What only reads is a query; what talks to other processes is a procedure of the shell.

use super::field::{Map, Optional, Text};
use super::record::{operations, record};
use super::value::Value;
use super::worker::{HeartbeatWorker, RegisterWorker, Unregister};
use crate::key::Key;

operations! {
    /// A request that changes the state of the scheduler or waits for it.
    Question {
        /// A worker wants to join.
        RegisterWorker "register-worker",
        /// A worker is alive, and says how it is.
        HeartbeatWorker "heartbeat_worker",
        /// A worker leaves.
        Unregister "unregister",
        /// Let workers go, once what only they hold is elsewhere.
        RetireWorkers "retire_workers",
        /// Forget all tasks.
        Restart "restart",
        /// Compute failed keys again.
        Retry "retry",
        /// Results were put into workers from outside.
        UpdateData "update_data",
        /// Results are on a worker now.
        AddReplicas "add_keys",
        /// Tasks may run on these workers only.
        SetRestrictions "set_restrictions",
        /// A worker has so much of each resource.
        SetResources "set_resources",
    }
}

record! {
    /// See [`Question::RetireWorkers`].
    RetireWorkers {
        /// Their addresses.
        workers: Optional<Vec<Text>>,
        /// Their names, if not their addresses are said.
        names: Optional<Vec<Value>>,
        /// Whether to close them as well.
        close_workers: Optional<bool>,
        /// Whether they are forgotten at once.
        remove: Optional<bool>,
        /// What caused this.
        stimulus_id: Optional<Text>,
    }
}

record! {
    /// See [`Question::Restart`].
    Restart {
        /// Who asks.
        client: Optional<Text>,
        /// What caused this.
        stimulus_id: Optional<Text>,
    }
}

record! {
    /// See [`Question::Retry`].
    Retry {
        /// The keys.
        keys: Vec<Key>,
        /// Who asks.
        client: Optional<Text>,
    }
}

record! {
    /// See [`Question::UpdateData`].
    UpdateData {
        /// The keys, and who has them.
        who_has: Map<Key, Vec<Text>>,
        /// Their sizes.
        nbytes: Map<Key, u64>,
        /// Who wants them.
        client: Optional<Text>,
    }
}

record! {
    /// See [`Question::AddReplicas`].
    AddReplicas {
        /// The worker.
        worker: Text,
        /// The keys.
        keys: Vec<Key>,
        /// What caused this.
        stimulus_id: Optional<Text>,
    }
}

record! {
    /// See [`Question::SetRestrictions`].
    SetRestrictions {
        /// For each key the addresses of the workers that may run it, or one address, or nothing: all may.
        worker: Map<Key, Value>,
    }
}

record! {
    /// See [`Question::SetResources`].
    SetResources {
        /// The worker.
        worker: Text,
        /// The amounts.
        resources: Optional<Map<Text, Value>>,
    }
}
