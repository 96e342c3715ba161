//! What workers, their nannies and the scheduler say to each other.
//!
//! A stock worker dies of a field that it does not know, and of one that is missing: what goes to workers has all the
//! fields of stock's messages and no others.

use bytes::Bytes;

use super::field::{Map, Number, Optional, Text};
use super::record::{operations, record};
use super::serialized::Pickled;
use super::shuffle::ShuffleFail;
use super::value::Value;
use crate::key::Key;

operations! {
    /// What a worker says on its stream.
    FromWorker {
        /// A task was run, and its result is here.
        TaskFinished "task-finished",
        /// A task was run and has failed.
        TaskErred "task-erred",
        /// A result is here no more.
        ReleaseWorkerData "release-worker-data",
        /// Results are here now.
        AddKeys "add-keys",
        /// A task has given back its thread and goes on.
        LongRunning "long-running",
        /// A task asks to be run elsewhere.
        Reschedule "reschedule",
        /// Whether a task that was asked back is given up.
        StealResponse "steal-response",
        /// The worker runs, pauses, or is about to close.
        WorkerStatusChange "worker-status-change",
        /// Where are these results? Those who were said to have them do not.
        RequestRefreshWhoHas "request-refresh-who-has",
        /// Something for the log of events.
        LogEvent "log-event",
        /// The connection is in use.
        KeepAlive "keep-alive",
        /// Nothing more will be said here.
        CloseStream "close-stream",
    }
}

operations! {
    /// What the scheduler says to a worker.
    ToWorker {
        /// Run a task.
        ComputeTask "compute-task",
        /// Forget tasks and their results.
        FreeKeys "free-keys",
        /// Drop results that are elsewhere too, unless they are needed here.
        RemoveReplicas "remove-replicas",
        /// Fetch results from others.
        AcquireReplicas "acquire-replicas",
        /// Give a task back, if it is not running.
        StealRequest "steal-request",
        /// Here is who has these results.
        RefreshWhoHas "refresh-who-has",
        /// Take on this status.
        WorkerStatusChange "worker-status-change",
        /// A worker has left.
        RemoveWorker "remove-worker",
        /// A run of a shuffle is over.
        ShuffleFail "shuffle-fail",
        /// Close.
        Close "close",
        /// Nothing more will be said here.
        CloseStream "close-stream",
    }
}

record! {
    /// See [`FromWorker::TaskFinished`].
    TaskFinished {
        /// The task.
        key: Key,
        /// The attempt.
        run_id: i64,
        /// The size of the result.
        nbytes: u64,
        /// The pickled class of the result.
        class "type": Bytes,
        /// The name of that class.
        typename: Text,
        /// What the task noted about itself.
        metadata: Value,
        /// The thread that ran it.
        thread: Option<u64>,
        /// What took how long.
        startstops: Vec<StartStop>,
        /// What caused this.
        stimulus_id: Text,
        /// `OK`.
        status: Optional<Text>,
    }
}

impl TaskFinished {
    /// An attempt whose result is a number, and of which nothing was measured.
    pub fn plain(key: Key, run_id: i64) -> Self {
        Self {
            key,
            run_id,
            nbytes: 8,
            class: b"int".as_slice().into(),
            typename: "int".into(),
            metadata: Value::Nil,
            thread: None,
            startstops: Vec::new(),
            stimulus_id: "task-finished".into(),
            status: Optional(None),
        }
    }
}

record! {
    /// One thing that was done for a task.
    StartStop {
        /// What was done: `compute`, `transfer`, …
        action: Text,
        /// When it began, in seconds since 1970.
        start: f64,
        /// When it ended.
        stop: f64,
        /// Whom data came from.
        source: Optional<Text>,
    }
}

record! {
    /// See [`FromWorker::TaskErred`].
    TaskErred {
        /// The task.
        key: Key,
        /// The attempt.
        run_id: i64,
        /// The exception, serialized.
        exception: Value,
        /// Its traceback, serialized, or nothing.
        traceback: Value,
        /// The exception as text.
        exception_text: Text,
        /// The traceback as text.
        traceback_text: Text,
        /// The thread that ran it.
        thread: Option<u64>,
        /// What took how long.
        startstops: Vec<StartStop>,
        /// What caused this.
        stimulus_id: Text,
        /// `error`.
        status: Optional<Text>,
    }
}

record! {
    /// See [`FromWorker::ReleaseWorkerData`].
    ReleaseWorkerData {
        /// The key.
        key: Key,
        /// What caused this.
        stimulus_id: Text,
    }
}

record! {
    /// See [`FromWorker::AddKeys`].
    AddKeys {
        /// The keys.
        keys: Vec<Key>,
        /// What caused this.
        stimulus_id: Text,
    }
}

record! {
    /// See [`FromWorker::LongRunning`].
    LongRunning {
        /// The task.
        key: Key,
        /// The attempt.
        run_id: i64,
        /// Seconds that it ran before.
        compute_duration: Option<f64>,
        /// What caused this.
        stimulus_id: Text,
    }
}

record! {
    /// See [`FromWorker::Reschedule`].
    Reschedule {
        /// The task.
        key: Key,
        /// What caused this.
        stimulus_id: Text,
    }
}

record! {
    /// See [`FromWorker::StealResponse`].
    StealResponse {
        /// The task.
        key: Key,
        /// The state that it was in, if the worker knew it.
        state: Option<Text>,
        /// That of the request.
        stimulus_id: Text,
    }
}

record! {
    /// See [`FromWorker::WorkerStatusChange`] and [`ToWorker::WorkerStatusChange`].
    WorkerStatusChange {
        /// The new status.
        status: Text,
        /// What caused this.
        stimulus_id: Text,
    }
}

record! {
    /// See [`FromWorker::RequestRefreshWhoHas`].
    RequestRefreshWhoHas {
        /// The keys.
        keys: Vec<Key>,
        /// What caused this.
        stimulus_id: Text,
    }
}

record! {
    /// See [`FromWorker::LogEvent`].
    LogEvent {
        /// The topic, or several.
        topic: Value,
        /// What happened.
        msg: Value,
    }
}

record! {
    /// See [`FromWorker::KeepAlive`].
    KeepAlive {}
}

record! {
    /// See [`FromWorker::CloseStream`] and [`ToWorker::CloseStream`].
    CloseStream {}
}

record! {
    /// See [`ToWorker::ComputeTask`].
    ComputeTask {
        /// The task.
        key: Key,
        /// The attempt, which the answer must repeat.
        run_id: i64,
        /// User priority, generation of the graph, place in its order; lower runs first.
        priority: [Number; 3],
        /// What caused this.
        stimulus_id: Text,
        /// Who has the results that the task needs.
        who_has: Map<Key, Vec<Text>>,
        /// Their sizes.
        nbytes: Map<Key, u64>,
        /// The task object, pickled.
        run_spec: Pickled,
        /// Amounts that the task takes while it runs.
        resource_restrictions: Option<Map<Text, Number>>,
        /// Whether its result stays there as an actor.
        actor: bool,
        /// What the user noted about the task: a map.
        annotations: Value,
        /// The span that it belongs to.
        span_id: Option<Text>,
    }
}

record! {
    /// See [`ToWorker::FreeKeys`].
    FreeKeys {
        /// The keys.
        keys: Vec<Key>,
        /// What caused this.
        stimulus_id: Text,
    }
}

record! {
    /// See [`ToWorker::RemoveReplicas`].
    RemoveReplicas {
        /// The keys.
        keys: Vec<Key>,
        /// What caused this.
        stimulus_id: Text,
    }
}

record! {
    /// See [`ToWorker::AcquireReplicas`].
    AcquireReplicas {
        /// The keys, and who has them.
        who_has: Map<Key, Vec<Text>>,
        /// Their sizes.
        nbytes: Map<Key, u64>,
        /// What caused this.
        stimulus_id: Text,
    }
}

record! {
    /// See [`ToWorker::StealRequest`].
    StealRequest {
        /// The task.
        key: Key,
        /// Unique: the answer repeats it.
        stimulus_id: Text,
    }
}

record! {
    /// See [`ToWorker::RefreshWhoHas`].
    RefreshWhoHas {
        /// The keys, and who has them.
        who_has: Map<Key, Vec<Text>>,
        /// What caused this.
        stimulus_id: Text,
    }
}

record! {
    /// See [`ToWorker::RemoveWorker`].
    RemoveWorker {
        /// Its address.
        worker: Text,
        /// What caused this.
        stimulus_id: Text,
    }
}

record! {
    /// See [`ToWorker::Close`].
    Close {
        /// Why.
        reason: Text,
    }
}

record! {
    /// The request `register-worker`: after the answer, the connection is a stream.
    RegisterWorker {
        /// Where the worker listens: its identity.
        address: Text,
        /// Its status.
        status: Text,
        /// Its unique name.
        id "server_id": Text,
        /// How many tasks it runs at a time.
        nthreads: u64,
        /// The name that its owner gave it: text or a number.
        name: Value,
        /// When it wrote this, in seconds since 1970.
        now: f64,
        /// The amounts that it has of each resource.
        resources: Option<Map<Text, Number>>,
        /// The memory that it may use.
        memory_limit: Option<u64>,
        /// What it measured.
        metrics: Value,
        /// Its process.
        pid: Optional<u64>,
        /// The ports of its other services.
        services: Value,
        /// Where it writes files.
        local_directory: Text,
        /// What is installed there.
        versions: Value,
        /// The address of its nanny.
        nanny: Option<Text>,
        /// What else its owner says.
        extra: Value,
        /// What caused this.
        stimulus_id: Text,
    }
}

impl RegisterWorker {
    /// A worker that runs, and says no more of itself than its address, by which it is called too, and its threads.
    pub fn plain(address: &str, nthreads: u64) -> Self {
        Self {
            address: address.into(),
            status: "running".into(),
            id: address.into(),
            nthreads,
            name: address.into(),
            now: 0.0,
            resources: None,
            memory_limit: None,
            metrics: Value::Nil,
            pid: Optional(None),
            services: Value::Nil,
            local_directory: "/".into(),
            versions: Value::Nil,
            nanny: None,
            extra: Value::Nil,
            stimulus_id: "register-worker".into(),
        }
    }
}

record! {
    /// The answer to [`RegisterWorker`].
    RegisterWorkerReply {
        /// `OK` or `error`.
        status: Text,
        /// Why not.
        message: Optional<Text>,
        /// When this was written, in seconds since 1970.
        time: f64,
        /// What its owner should know about versions.
        warning: Optional<Text>,
        /// Always empty.
        error: Optional<Text>,
        /// How often to send a heartbeat, in seconds.
        heartbeat_interval "heartbeat-interval": Optional<f64>,
        /// The pickled plugins, by name.
        worker_plugins "worker-plugins": Optional<Map<Text, Value>>,
    }
}

record! {
    /// The request `heartbeat_worker`.
    HeartbeatWorker {
        /// The worker.
        address: Text,
        /// When it wrote this, in seconds since 1970.
        now: f64,
        /// What it measured.
        metrics: Value,
        /// What it runs, and for how many seconds.
        executing: Map<Key, f64>,
        /// What its extensions say.
        extensions: Optional<Value>,
    }
}

record! {
    /// The answer to [`HeartbeatWorker`]: without any of the three fields the worker closes.
    HeartbeatReply {
        /// `OK`, or `missing` if the worker is not known and should register again.
        status: Text,
        /// When this was written, in seconds since 1970.
        time: f64,
        /// How often to send a heartbeat, in seconds.
        heartbeat_interval "heartbeat-interval": f64,
    }
}

record! {
    /// The request `register_nanny`: after the answer, the connection stays open.
    RegisterNanny {
        /// Where the nanny listens.
        address: Text,
    }
}

record! {
    /// The answer to [`RegisterNanny`].
    RegisterNannyReply {
        /// `OK`.
        status: Text,
        /// The pickled plugins, by name.
        nanny_plugins "nanny-plugins": Map<Text, Value>,
    }
}

record! {
    /// The request `unregister`: the worker leaves.
    Unregister {
        /// The worker: its address or its name.
        address: Value,
        /// What caused this.
        stimulus_id: Optional<Text>,
    }
}
