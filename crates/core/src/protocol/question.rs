//! Questions: requests that change the state of the scheduler, or that may have to wait. The machine answers each of
//! them, at once or later. What only reads is a query; what talks to other processes is a procedure of the shell.

use super::coordination::{
    EventClear, EventIsSet, EventSet, EventWait, LogEvent, MultiLockAcquire, MultiLockRelease, PublishDelete,
    PublishGet, PublishList, PublishPut, QueueCreate, QueueGet, QueuePut, QueueSize, SemaphoreAcquire, SemaphoreClose,
    SemaphoreRefresh, SemaphoreRegister, SemaphoreRelease, SemaphoreValue, SetMetadata, StartTaskMetadata,
    StopTaskMetadata, VariableGet, VariableSet,
};
use super::field::{Map, Optional, Text};
use super::record::{operations, record};
use super::shuffle::{PassBarrier, ShuffleGet, ShuffleGetOrCreate, ShuffleRestrictTask};
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
        /// Start or stop the memory manager, let it run once, or ask whether it runs.
        MemoryManagerQuestion "amm_handler",
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
        /// The last tasks that were run.
        GetTaskStream "get_task_stream",
        /// How many tasks were run since somebody asked for them.
        TaskStreamIndex "get_task_stream_index",
        /// Wait until an event is set.
        EventWait "event_wait",
        /// Set an event.
        EventSet "event_set",
        /// Set it no more.
        EventClear "event_clear",
        /// Whether an event is set.
        EventIsSet "event_is_set",
        /// There is a semaphore, or a lock.
        SemaphoreRegister "semaphore_register",
        /// Take a lease of it, when there is one.
        SemaphoreAcquire "semaphore_acquire",
        /// These leases are in use.
        SemaphoreRefresh "semaphore_refresh_leases",
        /// This lease is in use no more.
        SemaphoreRelease "semaphore_release",
        /// How many leases are in use.
        SemaphoreValue "semaphore_value",
        /// There is no such semaphore any more.
        SemaphoreClose "semaphore_close",
        /// Hold many locks at once, when they are free.
        MultiLockAcquire "multi_lock_acquire",
        /// Hold them no more.
        MultiLockRelease "multi_lock_release",
        /// A queue is used.
        QueueCreate "queue_create",
        /// Put something into a queue, when there is room.
        QueuePut "queue_put",
        /// Take something out of a queue, when there is something.
        QueueGet "queue_get",
        /// How much is in a queue.
        QueueSize "queue_qsize",
        /// Set a variable.
        VariableSet "variable_set",
        /// Read a variable, when it is set.
        VariableGet "variable_get",
        /// Publish datasets.
        PublishPut "publish_put",
        /// Publish them no more.
        PublishDelete "publish_delete",
        /// Which datasets are published.
        PublishList "publish_list",
        /// Datasets that are published.
        PublishGet "publish_get",
        /// Note something.
        SetMetadata "set_metadata",
        /// Note what is said of tasks from now on.
        StartTaskMetadata "start_task_metadata",
        /// What was said of tasks since then.
        StopTaskMetadata "stop_task_metadata",
        /// Something happened.
        LogEvent "log_event",
        /// The run of a shuffle.
        ShuffleGet "shuffle_get",
        /// The run of a shuffle, which begins if there is none.
        ShuffleGetOrCreate "shuffle_get_or_create",
        /// A task may run only where its part of a shuffle goes.
        ShuffleRestrictTask "shuffle_restrict_task",
        /// A shuffle has come to its barrier. Asked by the process itself, which tells the workers.
        PassBarrier "cenote-pass-barrier",
        /// Forget all tasks. Asked by the process itself, which restarts the workers then.
        Restart "cenote-restart",
        /// Workers or nannies that come are to have a plugin. Asked by the process itself.
        KeepPlugin "cenote-keep-plugin",
        /// They are to have it no more. Asked by the process itself.
        DropPlugin "cenote-drop-plugin",
        /// A worker is to drop copies that are elsewhere too. Asked by the process itself.
        DropReplicas "cenote-drop-replicas",
    }
}

record! {
    /// See [`Question::RetireWorkers`].
    #[derive(Default)]
    RetireWorkers {
        /// Their addresses or names.
        workers: Optional<Vec<Value>>,
        /// Their names, if `workers` is not said.
        names: Optional<Vec<Value>>,
        /// Whether to close them as well.
        close_workers: Optional<bool>,
        /// Whether they are forgotten at once.
        remove: Optional<bool>,
        /// If neither is said, see [`WorkersToClose`](super::query::WorkersToClose).
        memory_ratio: Optional<f64>,
        /// How many, if neither is said.
        n: Optional<i64>,
        /// How workers are grouped, if neither is said.
        key: Optional<Value>,
        /// The group of each worker, as that function says. Known to the process itself only.
        groups "cenote-groups": Optional<Map<Text, i64>>,
        /// How many stay at least, if neither is said.
        minimum: Optional<i64>,
        /// How many stay, if neither is said.
        target: Optional<i64>,
        /// What caused this.
        stimulus_id: Optional<Text>,
    }
}

record! {
    /// See [`Question::MemoryManagerQuestion`].
    MemoryManagerQuestion {
        /// `start`, `stop`, `running` or `run_once`.
        method: Text,
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
    /// See [`Question::DropReplicas`]. The answer comes when the worker has dropped them, or has said that it needs them.
    DropReplicas {
        /// The worker.
        worker: Text,
        /// The keys.
        keys: Vec<Key>,
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

record! {
    /// See [`Question::KeepPlugin`]. The answer says whether it is kept: an idempotent one is not if there is one already.
    KeepPlugin {
        /// The plugin, pickled.
        plugin: Value,
        /// Its name.
        name: Text,
        /// Whether one of that name stays as it is.
        idempotent: bool,
        /// Whether it is one of nannies.
        nanny: bool,
    }
}

record! {
    /// See [`Question::DropPlugin`]. The answer says whether there was one.
    DropPlugin {
        /// Its name.
        name: Text,
        /// Whether it is one of nannies.
        nanny: bool,
    }
}

record! {
    /// See [`Question::GetTaskStream`].
    GetTaskStream {
        /// From when on: seconds since 1970, or text for how long ago.
        start: Optional<Value>,
        /// Until when.
        stop: Optional<Value>,
        /// How many.
        count: Optional<i64>,
        /// All that were run after so many.
        start_index: Optional<i64>,
    }
}

record! {
    /// See [`Question::TaskStreamIndex`].
    TaskStreamIndex {}
}
