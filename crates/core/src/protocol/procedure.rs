//! Procedures: requests for which the scheduler must talk to other processes before it can answer.

use super::field::{Map, Optional, Text};
use super::record::record;
use super::value::Value;
use crate::key::Key;

impl Broadcast {
    /// A request that all workers are asked.
    pub fn to_all(msg: Value) -> Self {
        let (nanny, on_error, serializers) = (Optional(None), Optional(None), Optional(None));
        Self { msg, workers: None, hosts: None, nanny, on_error, serializers }
    }
}

record! {
    /// The request `scatter`: put values into workers.
    Scatter {
        /// The values by their keys.
        data: Map<Key, Value>,
        /// The workers to choose from, by their addresses or names; all when there are none.
        workers: Option<Vec<Value>>,
        /// Who wants the values.
        client: Option<Text>,
        /// Whether every worker is to hold every value; or how many are.
        broadcast: Optional<Value>,
        /// Seconds to wait for a worker.
        timeout: Optional<Value>,
    }
}

record! {
    /// The request `broadcast`: ask many workers the same.
    Broadcast {
        /// What to ask: a request.
        msg: Value,
        /// Their addresses; all when this is not said.
        workers: Option<Vec<Text>>,
        /// Their machines.
        hosts: Option<Vec<Text>>,
        /// Whether their nannies are asked instead.
        nanny: Optional<bool>,
        /// What to do about those that do not answer: `raise`, `return`, `return_pickle` or `ignore`.
        on_error: Optional<Text>,
        /// The families of serializers that the answers may use.
        serializers: Optional<Vec<Text>>,
    }
}

record! {
    /// The request `proxy`: ask a worker.
    Proxy {
        /// What to ask: a request.
        msg: Value,
        /// Its address.
        worker: Text,
        /// The families of serializers that the answer may use.
        serializers: Optional<Vec<Text>>,
    }
}

record! {
    /// The requests `register_worker_plugin` and `register_nanny_plugin`.
    RegisterPlugin {
        /// The plugin, pickled.
        plugin: Value,
        /// Its name.
        name: Text,
        /// Whether one of that name stays as it is.
        idempotent: Optional<bool>,
    }
}

record! {
    /// The requests `unregister_worker_plugin` and `unregister_nanny_plugin`.
    UnregisterPlugin {
        /// Its name.
        name: Text,
    }
}

record! {
    /// The requests `restart` and `restart_workers`.
    RestartWorkers {
        /// The workers; all when this is not said.
        workers: Optional<Vec<Text>>,
        /// Who asks.
        client: Optional<Text>,
        /// Seconds for all of it.
        timeout: Optional<Value>,
        /// Whether to wait until as many workers are there again.
        wait_for_workers: Optional<bool>,
        /// Whether a worker that does not end is an error: `raise` or `return`.
        on_error: Optional<Text>,
        /// What caused this.
        stimulus_id: Optional<Text>,
    }
}

record! {
    /// The request `worker_logs`.
    WorkerLogs {
        /// How many lines; all when this is not said.
        n: Optional<u64>,
        /// The workers; all when this is not said.
        workers: Optional<Vec<Text>>,
        /// Whether their nannies are asked instead.
        nanny: Optional<bool>,
    }
}

record! {
    /// The request `replicate`: let so many workers hold each result.
    Replicate {
        /// The keys.
        keys: Vec<Key>,
        /// How many workers; all when this is not said.
        n: Optional<u64>,
        /// The workers to choose from, by address or name; all when this is not said.
        workers: Optional<Vec<Value>>,
        /// Copies that each holder hands out in one round.
        branching_factor: Optional<u64>,
        /// Whether copies beyond those are taken away; they are when this is not said.
        delete: Optional<bool>,
    }
}

record! {
    /// The request `rebalance`: let workers hold about as much as each other.
    Rebalance {
        /// The keys; all when this is not said.
        keys: Optional<Vec<Key>>,
        /// The addresses of the workers; all when this is not said.
        workers: Optional<Vec<Text>>,
    }
}

record! {
    /// The request `get_cluster_state`: what everybody knows about itself.
    ClusterState {
        /// Names of attributes that are left out.
        exclude: Optional<Vec<Text>>,
    }
}

record! {
    /// The request `logs`.
    Logs {
        /// From when on, in seconds since 1970.
        start: Optional<f64>,
        /// How many lines; all when this is not said.
        n: Optional<u64>,
        /// Whether each comes with its time.
        timestamps: Optional<bool>,
    }
}

record! {
    /// The request `profile`: what was time spent on?
    Profile {
        /// The workers; all when this is not said.
        workers: Optional<Vec<Text>>,
        /// Whether the scheduler itself is meant.
        scheduler: Optional<bool>,
        /// Whether the event loops of the workers are meant, not their tasks.
        of_server "server": Optional<bool>,
        /// Whether all are merged into one; they are when this is not said.
        merge_workers: Optional<bool>,
        /// From when on, in seconds since 1970.
        start: Optional<f64>,
        /// Until when.
        stop: Optional<f64>,
        /// Of which kind of tasks.
        key: Optional<Value>,
    }
}

record! {
    /// The request `call_stack`: what runs now?
    CallStack {
        /// The keys; all that run when this is not said.
        keys: Optional<Vec<Key>>,
    }
}

record! {
    /// The request `memory_sampler_start`: look at the memory of the cluster again and again.
    StartSampler {
        /// Who asks: it ends when this client leaves.
        client: Text,
        /// Which measure of memory.
        measure: Text,
        /// Seconds between two looks.
        interval: f64,
    }
}

record! {
    /// The request `memory_sampler_stop`: what was seen?
    StopSampler {
        /// The name of the sampler.
        key: Text,
    }
}
