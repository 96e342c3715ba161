//! What is spoken here: the names of all requests and messages, with those of their fields, for whoever compares them
//! with what another release of distributed speaks.

use cenote_core::protocol::client::{FromClient, ToClient};
use cenote_core::protocol::procedure::{
    Broadcast, CallStack, ClusterState, Logs, Profile, Proxy, Rebalance, RegisterPlugin, Replicate, RestartWorkers,
    Scatter, StartSampler, StopSampler, UnregisterPlugin, WorkerLogs,
};
use cenote_core::protocol::query::Query;
use cenote_core::protocol::question::Question;
use cenote_core::protocol::record::Record;
use cenote_core::protocol::shuffle::PassBarrier;
use cenote_core::protocol::worker::{FromWorker, ToWorker};

/// Names, each with those of its fields.
pub type Spoken = &'static [(&'static str, &'static [&'static str])];

/// What any request may say beside its own fields.
pub const ENVELOPE: &[&str] = &["op", "reply", "close", "serializers"];

/// Requests that change the state or wait for it, those that read, and those for which others are asked first.
pub const REQUESTS: [Spoken; 4] = [Question::SPOKEN, Query::SPOKEN, PROCEDURES, STREAMS];
/// What clients and workers say on their streams, and what they are told there.
pub const FROM_CLIENT: Spoken = FromClient::SPOKEN;
/// What workers say on their streams.
pub const FROM_WORKER: Spoken = FromWorker::SPOKEN;
/// What clients are told.
pub const TO_CLIENT: Spoken = ToClient::SPOKEN;
/// What workers are told.
pub const TO_WORKER: Spoken = ToWorker::SPOKEN;

/// Requests that make the connection a stream, or hold it.
const STREAMS: Spoken = &[
    ("register-client", &["client", "versions"]),
    ("feed", &["function", "setup", "teardown", "interval", "kwargs"]),
    ("register_nanny", &["address"]),
    ("subscribe_worker_status", &[]),
];

/// Requests for which others are asked first, the executor among them.
const PROCEDURES: Spoken = &[
    ("echo", &["data"]),
    ("close", &[]),
    ("terminate", &["timeout", "reason"]),
    ("gather", &["keys"]),
    ("scatter", Scatter::FIELDS),
    ("broadcast", Broadcast::FIELDS),
    ("proxy", Proxy::FIELDS),
    ("worker_logs", WorkerLogs::FIELDS),
    ("call_stack", CallStack::FIELDS),
    ("register_worker_plugin", RegisterPlugin::FIELDS),
    ("unregister_worker_plugin", UnregisterPlugin::FIELDS),
    ("register_nanny_plugin", RegisterPlugin::FIELDS),
    ("unregister_nanny_plugin", UnregisterPlugin::FIELDS),
    ("get_cluster_state", ClusterState::FIELDS),
    ("rebalance", Rebalance::FIELDS),
    ("replicate", Replicate::FIELDS),
    ("restart", RestartWorkers::FIELDS),
    ("restart_workers", RestartWorkers::FIELDS),
    ("dump_cluster_state_to_url", &["url", "exclude", "format", "storage_options"]),
    ("run_function", &["function", "args", "kwargs", "wait"]),
    ("register_scheduler_plugin", &["plugin", "name", "idempotent"]),
    ("unregister_scheduler_plugin", &["name"]),
    ("benchmark_hardware", &[]),
    ("shuffle_barrier", PassBarrier::FIELDS),
    ("profile", Profile::FIELDS),
    ("memory_sampler_start", StartSampler::FIELDS),
    ("memory_sampler_stop", StopSampler::FIELDS),
    ("logs", Logs::FIELDS),
    ("get_logs", Logs::FIELDS),
    ("versions", &["packages"]),
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// The names that stand before arrows in a source, up to the end of a function.
    fn arms(source: &str, function: &str) -> BTreeSet<String> {
        let body = source.split(function).nth(1).and_then(|rest| rest.split("\n}").next()).expect("it is there");
        let arms = body.lines().filter_map(|line| line.trim().strip_prefix('"').and_then(|it| it.split_once("=>")));
        let names = arms.flat_map(|(names, _)| names.split('|').map(|name| name.trim().trim_matches('"').to_owned()));
        names.collect()
    }

    #[test]
    fn what_is_said_to_be_spoken_is() {
        let named = |spoken: Spoken| spoken.iter().map(|(name, _)| (*name).to_owned()).collect::<BTreeSet<_>>();
        let mut streams = arms(include_str!("connection.rs"), "async fn requests");
        streams.remove("register-worker");
        assert_eq!(streams, named(STREAMS));
        assert_eq!(arms(include_str!("procedure/mod.rs"), "async fn call"), named(PROCEDURES));
    }
}
