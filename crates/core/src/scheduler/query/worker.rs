//! What can be asked of workers.

use super::{dictionary, missing};
use crate::protocol::field::Number;
use crate::protocol::value::Value;
use crate::scheduler::Scheduler;
use crate::scheduler::question::Answer;
use crate::scheduler::registry::Set;
use crate::scheduler::task::TaskId;
use crate::scheduler::worker::{Worker, WorkerId, WorkerStatus, name_of};

impl Scheduler {
    /// Who the workers are, so many of them; all when the number is negative or not said.
    pub(super) fn identity(&self, count: Option<i64>) -> Value {
        let count = count.map_or(usize::MAX, |count| usize::try_from(count).unwrap_or(usize::MAX));
        let memory: u64 = self.workers.iter().filter_map(|(_, worker)| worker.spec.memory_limit).sum();
        let workers = self.workers.iter().take(count);
        Value::map([
            ("n_workers", (self.workers.len() as u64).into()),
            ("total_threads", self.workers.threads().into()),
            ("total_memory", memory.into()),
            ("workers", dictionary(workers.map(|(_, worker)| (worker.address().clone(), described(worker))))),
        ])
    }

    /// The worker that is called so: by its address, with or without the protocol, or by its name.
    pub(in crate::scheduler) fn worker_called(&self, name: &Value) -> Option<WorkerId> {
        if let Value::Str(text) = name {
            let found = self.workers.id(text).or_else(|| self.workers.id(&format!("tcp://{text}").into()));
            if found.is_some() {
                return found;
            }
        }
        let name = name_of(name);
        self.workers.iter().find(|(_, worker)| worker.spec.name == name).map(|(id, _)| id)
    }

    /// The workers that are asked about, and how they were called: all when none are said.
    fn asked(&self, workers: Option<&[Value]>) -> Vec<(Value, Option<WorkerId>)> {
        let address = |id: WorkerId| Value::from(self.workers[id].address().clone());
        match workers {
            None => self.workers.ids().map(|id| (address(id), Some(id))).collect(),
            Some(workers) => {
                let found = workers.iter().map(|name| (name, self.worker_called(name)));
                found.map(|(name, id)| (id.map_or_else(|| name.clone(), address), id)).collect()
            }
        }
    }

    pub(super) fn told_has_what(&self, workers: Option<&[Value]>) -> Value {
        let held = |id: Option<WorkerId>| id.into_iter().flat_map(|id| self.replicas.has_what(id));
        dictionary(self.asked(workers).into_iter().map(|(name, id)| (name, self.told_keys(held(id)))))
    }

    pub(super) fn told_threads(&self, workers: Option<&[Value]>, running: bool) -> Value {
        let counted = |id: &WorkerId| !running || self.workers[*id].spec.status == WorkerStatus::Running;
        let asked = self.asked(workers).into_iter();
        let asked = asked.filter_map(|(name, id)| Some((name, id.filter(counted)?)));
        dictionary(asked.map(|(name, id)| (name, u64::from(self.workers[id].spec.nthreads))))
    }

    pub(super) fn told_processing(&self, workers: Option<&[Value]>) -> Answer {
        let told = |(name, id): (Value, Option<WorkerId>)| {
            let id = id.ok_or_else(|| missing(name_of(&name)))?;
            Ok((name, self.told_keys(self.workers[id].processing.iter().copied())))
        };
        let asked = self.asked(workers).into_iter().map(told).collect::<Result<Vec<_>, _>>()?;
        Ok(Value::Map(asked))
    }

    fn told_keys(&self, ids: impl Iterator<Item = TaskId>) -> Value {
        Value::Tuple(ids.map(|id| Value::from(&self.tasks[id].key)).collect())
    }
}

/// What is known of a worker.
pub(in crate::scheduler) fn described(worker: &Worker) -> Value {
    let about = &worker.about;
    let amount = |amount: &Number| match *amount {
        Number::Int(amount) => Value::Int(amount),
        Number::Float(amount) => Value::Float(amount),
    };
    let resources = about.resources.iter().flat_map(|resources| &resources.0);
    let known = Value::map([
        ("type", "Worker".into()),
        ("id", about.name.clone()),
        ("host", worker.spec.host.clone().into()),
        ("resources", dictionary(resources.map(|(name, it)| (name.clone(), amount(it))))),
        ("local_directory", about.local_directory.clone().into()),
        ("name", about.name.clone()),
        ("nthreads", u64::from(worker.spec.nthreads).into()),
        ("memory_limit", worker.spec.memory_limit.unwrap_or(0).into()),
        ("last_seen", worker.last_seen.into()),
        ("services", about.services.clone()),
        ("metrics", about.metrics.clone()),
        ("status", worker.spec.status.name().into()),
        ("nanny", about.nanny.clone().into()),
    ]);
    match (known, &about.extra) {
        (Value::Map(mut known), Value::Map(extra)) => {
            let names: Set<_> = extra.iter().filter_map(|(name, _)| name.as_str()).collect();
            known.retain(|(name, _)| name.as_str().is_none_or(|name| !names.contains(name)));
            known.extend(extra.iter().cloned());
            Value::Map(known)
        }
        (known, _) => known,
    }
}
