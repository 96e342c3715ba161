//! What clients and the scheduler say to each other.

use bytes::Bytes;

use super::field::{Map, Optional, Set, Text};
use super::record::{operations, record};
use super::serialized::{Pickled, Serialized};
use super::value::Value;
use crate::key::Key;

operations! {
    /// What a client says on its stream.
    FromClient {
        /// Compute a graph.
        UpdateGraph "update-graph",
        /// Keep these keys, and tell me of them.
        ClientDesiresKeys "client-desires-keys",
        /// I need these keys no more.
        ClientReleasesKeys "client-releases-keys",
        /// Stop computing these keys.
        CancelKeys "cancel-keys",
        /// Say what state a key is in.
        ReportKey "report-key",
        /// I am alive.
        HeartbeatClient "heartbeat-client",
        /// I want nothing any more.
        CloseClient "close-client",
        /// Nothing more will be said here.
        CloseStream "close-stream",
        /// Send me the events of a topic.
        SubscribeTopic "subscribe-topic",
        /// Send them no more.
        UnsubscribeTopic "unsubscribe-topic",
        /// Let a waiting publication go on: all before it has been said.
        PublishFlush "publish_flush_batched_send",
        /// A future was taken from a queue.
        QueueFutureRelease "queue-future-release",
        /// A queue is needed no more.
        QueueRelease "queue_release",
        /// A future of a variable has arrived.
        VariableFutureReceived "variable-future-received-confirm",
        /// A variable is needed no more.
        VariableDelete "variable_delete",
    }
}

operations! {
    /// What the scheduler says to a client.
    ToClient {
        /// The stream is open. Must come alone in its batch.
        StreamStart "stream-start",
        /// A result is there.
        KeyInMemory "key-in-memory",
        /// A result was lost and will be computed again.
        LostData "lost-data",
        /// Keys will not be computed.
        CancelledKeys "cancelled-keys",
        /// A task that had failed is computed again.
        TaskRetried "task-retried",
        /// A task has failed.
        TaskErred "task-erred",
        /// All keys are forgotten.
        Restart "restart",
        /// An event of a topic.
        Event "event",
        /// Say that you are alive so often.
        AdjustHeartbeatInterval "adjust-heartbeat-interval",
        /// Nothing more will be said here.
        StreamClosed "stream-closed",
    }
}

record! {
    /// A graph as stock clients send it: a pickled expression, which only Python can read.
    UpdateGraph {
        /// The expression.
        expr_ser: Serialized,
        /// The keys whose results are wanted.
        keys: Set<Key>,
        /// The order of the tasks, if the client has decided it.
        internal_priority: Option<Map<Key, i64>>,
        /// The task that submits, if one does.
        submitting_task: Option<Key>,
        /// How close in time graphs must come to have one generation: seconds, or text with a unit.
        fifo_timeout: Value,
        /// Which tasks make actors: all, none, or these.
        actors: Value,
        /// The user's source code.
        code: Option<Pickled>,
        /// Annotations of all tasks.
        annotations: Option<Pickled>,
        /// What is known of the span.
        span_metadata: Option<Pickled>,
    }
}

record! {
    /// See [`FromClient::ClientDesiresKeys`].
    ClientDesiresKeys {
        /// The keys.
        keys: Vec<Key>,
        /// Who wants them, if the client says so: the stream tells anyway.
        client: Optional<Text>,
    }
}

record! {
    /// See [`FromClient::ClientReleasesKeys`]. The keys may never have been known.
    ClientReleasesKeys {
        /// The keys.
        keys: Vec<Key>,
        /// Who releases them.
        client: Text,
    }
}

record! {
    /// See [`FromClient::CancelKeys`].
    CancelKeys {
        /// The keys.
        keys: Vec<Key>,
        /// Whether it does not matter that others want them.
        force: bool,
        /// Why.
        reason: Option<Text>,
        /// What to tell the user.
        msg: Option<Text>,
    }
}

record! {
    /// See [`FromClient::ReportKey`].
    ReportKey {
        /// The key.
        key: Key,
    }
}

record! {
    /// See [`FromClient::HeartbeatClient`].
    HeartbeatClient {}
}

record! {
    /// See [`FromClient::CloseClient`].
    CloseClient {}
}

record! {
    /// See [`FromClient::CloseStream`].
    CloseStream {}
}

record! {
    /// See [`FromClient::SubscribeTopic`].
    SubscribeTopic {
        /// The topic.
        topic: Text,
        /// Who subscribes.
        client: Text,
    }
}

record! {
    /// See [`FromClient::UnsubscribeTopic`].
    UnsubscribeTopic {
        /// The topic.
        topic: Text,
        /// Who unsubscribes.
        client: Text,
    }
}

record! {
    /// See [`FromClient::PublishFlush`].
    PublishFlush {
        /// The publication that waits.
        uid: Text,
    }
}

record! {
    /// See [`FromClient::QueueFutureRelease`].
    QueueFutureRelease {
        /// The queue.
        name: Text,
        /// The key of the future.
        key: Key,
    }
}

record! {
    /// See [`FromClient::QueueRelease`].
    QueueRelease {
        /// The queue.
        name: Text,
    }
}

record! {
    /// See [`FromClient::VariableFutureReceived`].
    VariableFutureReceived {
        /// The variable.
        name: Text,
        /// The key of the future.
        key: Key,
        /// Which time it was handed out.
        token: Text,
    }
}

record! {
    /// See [`FromClient::VariableDelete`].
    VariableDelete {
        /// The variable.
        name: Text,
    }
}

record! {
    /// See [`ToClient::StreamStart`].
    StreamStart {
        /// What the user should know about versions.
        warning: Optional<Text>,
        /// Why the client cannot work here.
        error: Optional<Text>,
    }
}

record! {
    /// See [`ToClient::KeyInMemory`].
    KeyInMemory {
        /// The key.
        key: Key,
        /// The pickled class of the result.
        class "type": Optional<Bytes>,
        /// Who holds it.
        workers: Optional<Vec<Text>>,
    }
}

record! {
    /// See [`ToClient::LostData`].
    LostData {
        /// The key.
        key: Key,
    }
}

record! {
    /// See [`ToClient::CancelledKeys`].
    CancelledKeys {
        /// The keys.
        keys: Vec<Key>,
        /// Why.
        reason: Optional<Text>,
        /// What to tell the user.
        msg: Optional<Text>,
    }
}

record! {
    /// See [`ToClient::TaskRetried`].
    TaskRetried {
        /// The key.
        key: Key,
    }
}

record! {
    /// See [`ToClient::TaskErred`].
    TaskErred {
        /// The key.
        key: Key,
        /// The exception as its worker serialized it, or its pickle, or text.
        exception: Value,
        /// Its traceback, or nothing.
        traceback: Value,
    }
}

record! {
    /// See [`ToClient::Restart`].
    Restart {}
}

record! {
    /// See [`ToClient::Event`].
    Event {
        /// The topic.
        topic: Text,
        /// When it happened, and what.
        event: Value,
    }
}

record! {
    /// See [`ToClient::AdjustHeartbeatInterval`].
    AdjustHeartbeatInterval {
        /// Seconds.
        interval: f64,
    }
}

record! {
    /// See [`ToClient::StreamClosed`].
    StreamClosed {}
}

record! {
    /// The request `register-client`: from here on the connection is a stream.
    RegisterClient {
        /// The name of the client.
        client: Text,
        /// What is installed there.
        versions: Value,
    }
}

record! {
    /// The request `gather`.
    Gather {
        /// The keys.
        keys: Vec<Key>,
    }
}

record! {
    /// The answer to [`Gather`].
    GatherReply {
        /// `OK`, or `error` when some could not be found.
        status: Text,
        /// The results, as their workers serialized them.
        data: Optional<Map<Key, Value>>,
        /// What could not be found.
        keys: Optional<Vec<Key>>,
    }
}

record! {
    /// The answer to [`Query::Identity`](super::query::Query::Identity): who the scheduler is, and which workers it has.
    Identity {
        /// `Scheduler`.
        kind "type": Text,
        /// Its name.
        id: Text,
        /// Where it listens.
        address: Text,
        /// The ports of its other services.
        services: Map<Text, u64>,
        /// Since when it runs, in seconds since 1970.
        started: f64,
        /// How many workers there are.
        n_workers: u64,
        /// Their threads.
        total_threads: u64,
        /// Their memory in bytes.
        total_memory: u64,
        /// Each worker by its address.
        workers: Map<Text, Value>,
    }
}
