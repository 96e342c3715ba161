//! Workers and clients, as tests look at them.

use super::seen::{Object, Seen, Table};
use crate::protocol::value::Value;
use crate::scheduler::Scheduler;
use crate::scheduler::memory::Measure;
use crate::scheduler::worker::WorkerId;

impl Scheduler {
    pub(in crate::scheduler) fn worker_attribute(&self, id: WorkerId, name: &str) -> Option<Seen> {
        let worker = &self.workers[id];
        let about = &worker.about;
        Some(match name {
            "address" => worker.address().clone().into(),
            "name" => about.name.clone().into(),
            "status" => worker.spec.status.into(),
            "host" | "ip" => worker.spec.host.clone().into(),
            "nthreads" => u64::from(worker.spec.nthreads).into(),
            "memory_limit" => worker.spec.memory_limit.unwrap_or(0).into(),
            "nbytes" => self.replicas.bytes(id).into(),
            "processing" => Seen::Set(self.tasks_seen(worker.processing.iter().copied())),
            "long_running" => Seen::Set(self.tasks_seen(worker.long_running.iter().copied())),
            "actors" => Seen::Set(self.tasks_seen(worker.actors.iter().copied())),
            "has_what" => Seen::Set(self.tasks_seen(self.replicas.has_what(id))),
            "occupancy" => self.occupancy(id).into(),
            "last_seen" => worker.last_seen.into(),
            "metrics" => about.metrics.clone().into(),
            "services" => about.services.clone().into(),
            "local_directory" => about.local_directory.clone().into(),
            "nanny" => about.nanny.clone().into(),
            "pid" => about.pid.0.into(),
            "extra" => about.extra.clone().into(),
            "versions" => about.versions.clone().into(),
            "server_id" => about.id.clone().into(),
            "memory" => Seen::Object(Object::Memory(Some(id))),
            "resources" => Seen::map(worker.spec.resources.iter().map(|(name, it)| (name.clone(), (*it).into()))),
            "used_resources" => Seen::map(worker.spec.resources.iter().map(|(name, _)| {
                let used = worker.processing.iter().filter_map(|&task| self.tasks[task].restrictions.as_ref());
                let used = used.flat_map(|it| &it.resources).filter(|(resource, _)| resource == name);
                (name.clone(), used.map(|(_, amount)| amount).sum::<f64>().into())
            })),
            _ => return None,
        })
    }

    pub(super) fn client_attribute(&self, name: &Value, attribute: &str) -> Option<Seen> {
        let id = self.clients.id(&name.as_str()?.into())?;
        Some(match attribute {
            "client_key" => name.clone().into(),
            "last_seen" => self.clients[id].last_seen.into(),
            "versions" => self.clients[id].versions.clone().into(),
            "wants_what" => Seen::Set(self.tasks_seen(self.interests.lefts(id))),
            _ => return None,
        })
    }

    /// The memory of a worker, or of all.
    pub(super) fn memory_attribute(&self, worker: Option<WorkerId>, name: &str) -> Option<Seen> {
        let measure = Measure::of(name)?;
        let bytes = worker.map_or_else(|| self.memory(measure), |id| self.memory_of(measure, id) as i64);
        Some(bytes.into())
    }

    pub(super) fn workers_seen(&self, ids: impl Iterator<Item = WorkerId>) -> Vec<Seen> {
        ids.map(|id| Seen::Row(Table::Workers, self.workers[id].address().clone().into())).collect()
    }
}
