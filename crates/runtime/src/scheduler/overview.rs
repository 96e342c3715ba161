//! What the pages over HTTP show, read from the machine.

use cenote_core::scheduler::task::StateName;

use super::hub::Hub;
use crate::dashboard::{Overview, WorkerOverview};

/// The states that a page shows, in the order of a task's life, by their names.
const STATES: [(StateName, &str); 7] = [
    (StateName::Released, "released"),
    (StateName::Waiting, "waiting"),
    (StateName::NoWorker, "no-worker"),
    (StateName::Queued, "queued"),
    (StateName::Processing, "processing"),
    (StateName::Memory, "memory"),
    (StateName::Erred, "erred"),
];

/// The scheduler as it is now.
pub(super) fn read(hub: &Hub) -> Overview {
    let machine = hub.machine();
    let now = hub.clock.now();
    Overview {
        address: hub.facts.address.to_string(),
        uptime: now - hub.facts.started,
        clients: machine.client_count(),
        tasks: STATES.iter().map(|(state, name)| ((*name).to_owned(), machine.count(*state))).collect(),
        workers: machine
            .worker_summaries(now)
            .map(|worker| WorkerOverview {
                address: worker.address.to_string(),
                name: worker.name.to_string(),
                status: worker.status.to_owned(),
                nthreads: worker.nthreads as usize,
                processing: worker.processing,
                in_memory: worker.in_memory,
                memory_bytes: worker.memory,
                memory_limit_bytes: worker.memory_limit.unwrap_or(0),
                last_seen: worker.silence,
            })
            .collect(),
    }
}
