//! What programs ask of the scheduler to get along with each other: events, semaphores and locks, queues, variables,
//! published datasets, metadata, and topics of events.

use super::field::{Given, Optional, Text};
use super::record::record;
use super::value::Value;
use crate::key::Key;

record! {
    /// The request `event_wait`: true once the event is set, false after the timeout.
    EventWait {
        /// The event.
        name: Key,
        /// Seconds; as long as it takes when there are none.
        timeout: Optional<f64>,
    }
}

record! {
    /// The request `event_set`.
    EventSet {
        /// The event.
        name: Key,
    }
}

record! {
    /// The request `event_clear`.
    EventClear {
        /// The event.
        name: Key,
    }
}

record! {
    /// The request `event_is_set`.
    EventIsSet {
        /// The event.
        name: Key,
    }
}

record! {
    /// The request `semaphore_register`. A lock is a semaphore of one lease.
    SemaphoreRegister {
        /// The semaphore.
        name: Key,
        /// How many leases there are.
        max_leases: i64,
        /// Seconds after which a lease ends that is not refreshed.
        lease_timeout: Option<f64>,
    }
}

record! {
    /// The request `semaphore_acquire`: true once the lease is given, false after the timeout.
    SemaphoreAcquire {
        /// The semaphore.
        name: Key,
        /// Seconds; as long as it takes when there are none.
        timeout: Optional<f64>,
        /// The name of the lease. To ask again for one that is given is no second one.
        lease_id: Text,
    }
}

record! {
    /// The request `semaphore_refresh_leases`.
    SemaphoreRefresh {
        /// The semaphore.
        name: Key,
        /// The leases.
        lease_ids: Vec<Text>,
    }
}

record! {
    /// The request `semaphore_release`.
    SemaphoreRelease {
        /// The semaphore.
        name: Key,
        /// The lease.
        lease_id: Text,
    }
}

record! {
    /// The request `semaphore_value`: how many leases are given.
    SemaphoreValue {
        /// The semaphore.
        name: Key,
    }
}

record! {
    /// The request `semaphore_close`.
    SemaphoreClose {
        /// The semaphore.
        name: Key,
    }
}

record! {
    /// The request `multi_lock_acquire`: true once as many of the locks are held, false after the timeout.
    MultiLockAcquire {
        /// The locks.
        locks: Vec<Key>,
        /// Who will hold them.
        id: Key,
        /// Seconds; as long as it takes when there are none.
        timeout: Optional<f64>,
        /// How many of the locks are needed.
        num_locks: u64,
    }
}

record! {
    /// The request `multi_lock_release`.
    MultiLockRelease {
        /// Who holds them.
        id: Key,
    }
}

record! {
    /// The request `queue_create`: one more uses the queue.
    QueueCreate {
        /// The queue.
        name: Text,
        /// How many entries it takes; any number when not more than none.
        maxsize: Optional<i64>,
    }
}

record! {
    /// The request `queue_put`: waits until there is room.
    QueuePut {
        /// The queue.
        name: Text,
        /// The key of a future.
        key: Optional<Key>,
        /// Anything else.
        data: Optional<Value>,
        /// Seconds; as long as it takes when there are none.
        timeout: Optional<f64>,
    }
}

record! {
    /// The request `queue_get`: waits until there is something.
    QueueGet {
        /// The queue.
        name: Text,
        /// Seconds; as long as it takes when there are none.
        timeout: Optional<f64>,
        /// True for all that is there now, a number for so many.
        batch: Optional<Value>,
    }
}

record! {
    /// The request `queue_qsize`: how many entries there are.
    QueueSize {
        /// The queue.
        name: Text,
    }
}

record! {
    /// The request `variable_set`: waits until the key is known.
    VariableSet {
        /// The variable.
        name: Text,
        /// The key of a future.
        key: Optional<Key>,
        /// Anything else.
        data: Optional<Value>,
        /// Seconds, or text with a unit.
        timeout: Optional<Value>,
    }
}

record! {
    /// The request `variable_get`: waits until it is set.
    VariableGet {
        /// The variable.
        name: Text,
        /// Who asks.
        client: Optional<Text>,
        /// Seconds; as long as it takes when there are none.
        timeout: Optional<f64>,
    }
}

record! {
    /// The request `publish_put`: waits until all is served that the client has said before.
    PublishPut {
        /// The datasets.
        names: Vec<Key>,
        /// The keys of each.
        keys: Vec<Vec<Key>>,
        /// Each of them, serialized.
        data: Vec<Value>,
        /// Whether those that exist are replaced.
        replace "override": Optional<bool>,
        /// Who publishes.
        client: Text,
        /// What the client repeats on its stream.
        uid: Text,
    }
}

record! {
    /// The request `publish_delete`: waits until all is served that the client has said before.
    PublishDelete {
        /// The datasets.
        names: Vec<Key>,
        /// Who deletes.
        client: Text,
        /// What the client repeats on its stream.
        uid: Text,
    }
}

record! {
    /// The request `publish_list`: the names of all datasets.
    PublishList {}
}

record! {
    /// The request `publish_get`: datasets, with nothing for those that are not there.
    PublishGet {
        /// The datasets.
        names: Vec<Key>,
    }
}

record! {
    /// The request `set_metadata`.
    SetMetadata {
        /// The way to the value.
        keys: Vec<Key>,
        /// The value.
        value: Optional<Value>,
    }
}

record! {
    /// The request `get_metadata`.
    GetMetadata {
        /// The way to the value.
        keys: Vec<Key>,
        /// What to answer when there is none; an error when this is not said.
        default: Given<Value>,
    }
}

record! {
    /// The request `log_event`.
    LogEvent {
        /// The topic, or several.
        topic: Value,
        /// What happened.
        msg: Optional<Value>,
    }
}

record! {
    /// The request `events`: those of a topic, or of all topics by name.
    Events {
        /// The topic.
        topic: Optional<Text>,
    }
}

record! {
    /// The request `start_task_metadata`: note what is said of tasks that are submitted from now on.
    StartTaskMetadata {
        /// The name of the notes.
        name: Text,
    }
}

record! {
    /// The request `stop_task_metadata`: the notes.
    StopTaskMetadata {
        /// The name of the notes.
        name: Optional<Text>,
    }
}
