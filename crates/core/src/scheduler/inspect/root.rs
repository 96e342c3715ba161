//! The scheduler itself, as tests look at it.

use super::seen::{Object, Seen, Table};
use crate::protocol::value::Value;
use crate::scheduler::Scheduler;
use crate::scheduler::registry::Map;
use crate::scheduler::stimulus::Text;
use crate::scheduler::story::Happening;
use crate::scheduler::task::{TaskId, TaskState};

impl Scheduler {
    pub(super) fn root_attribute(&self, name: &str) -> Option<Seen> {
        Some(match name {
            "tasks" => Seen::Table(Table::Tasks),
            "workers" => Seen::Table(Table::Workers),
            "clients" => Seen::Table(Table::Clients),
            "task_groups" => Seen::Table(Table::Groups),
            "task_prefixes" => Seen::Table(Table::Prefixes),
            "extensions" => self.extensions_seen(),
            "_broker" => Seen::Object(Object::Broker),
            "memory" => Seen::Object(Object::Memory(None)),
            "queued" => Seen::Set(self.tasks_seen(self.queued.iter().map(|&(_, id)| id))),
            "unrunnable" => {
                Seen::Map(self.unrunnable.iter().map(|&(_, id)| (self.task_seen(id), self.since(id))).collect())
            }
            "running" => Seen::Set(self.workers_seen(self.workers.running().iter().copied())),
            "idle" => {
                Seen::map(self.idle_workers().map(|id| (self.workers[id].address().clone(), self.worker_seen(id))))
            }
            "idle_task_count" => Seen::Set(self.workers_seen(self.workers.open())),
            "saturated" => Seen::Set(self.workers_seen(self.saturated_workers())),
            "stream_comms" => {
                let addresses = self.workers.iter().map(|(_, worker)| worker.address().clone());
                Seen::map(addresses.map(|address| (address, Seen::Object(Object::Opaque))))
            }
            "client_comms" => {
                let connected = self.clients.iter().filter(|(_, client)| client.connected);
                Seen::map(connected.map(|(_, client)| (client.name.clone(), Seen::Object(Object::Opaque))))
            }
            "aliases" => Seen::Map(
                self.workers
                    .iter()
                    .map(|(_, worker)| (worker.about.name.clone().into(), worker.address().clone().into()))
                    .collect(),
            ),
            "host_info" => self.hosts_seen(),
            _ => return self.number_attribute(name),
        })
    }

    fn number_attribute(&self, name: &str) -> Option<Seen> {
        Some(match name {
            "total_nthreads" => self.workers.threads().into(),
            "total_occupancy" => self.total_occupancy().into(),
            "idle_since" => self.idle_since().into(),
            "n_tasks" => (self.tasks.len() as u64).into(),
            "transition_counter" => self.transitions.iter().flatten().sum::<u64>().into(),
            "transition_counter_max" => false.into(),
            "transition_log" => self.transitions_seen(),
            "bandwidth" => self.bandwidth.into(),
            "bandwidth_types" => Seen::map(self.bandwidths.types().map(|(name, it)| (name.clone(), it.into()))),
            "bandwidth_workers" => {
                let pair = |(one, other): &(Text, Text)| Value::Tuple(vec![one.clone().into(), other.clone().into()]);
                Seen::Map(
                    self.bandwidths.workers().map(|(it, bandwidth)| (pair(it).into(), bandwidth.into())).collect(),
                )
            }
            "plugins" => Self::plugins_seen(),
            "task_metadata" => self.metadata_value().into(),
            "allowed_failures" => u64::from(self.settings.allowed_failures).into(),
            "WORKER_SATURATION" => self.settings.worker_saturation.into(),
            "rootish_tg_threshold" => (self.settings.root_groups_max as u64).into(),
            "rootish_tg_dependencies_threshold" => (self.settings.root_dependencies_max as u64).into(),
            "worker_ttl" => self.settings.worker_ttl.into(),
            "computations" => {
                let count = self.computations.last().len();
                Seen::List((0..count).map(|index| Seen::Object(Object::Computation(index))).collect())
            }
            "cumulative_worker_metrics" => {
                Seen::Map(self.metrics.iter().map(|(name, sum)| (name.into(), sum.into())).collect())
            }
            "worker_plugins" => self.worker_plugins().into(),
            _ => return None,
        })
    }

    /// Since when no worker can run a task.
    fn since(&self, id: TaskId) -> Seen {
        match self.tasks[id].state {
            TaskState::NoWorker { since } => since.into(),
            _ => Seen::NONE,
        }
    }

    /// The machines that workers run on.
    fn hosts_seen(&self) -> Seen {
        let mut hosts: Map<Text, (u64, Vec<Text>)> = Map::default();
        for (_, worker) in self.workers.iter() {
            let (threads, addresses) = hosts.entry(worker.spec.host.clone()).or_default();
            *threads += u64::from(worker.spec.nthreads);
            addresses.push(worker.address().clone());
        }
        Seen::map(hosts.into_iter().map(|(host, (threads, addresses))| {
            let addresses = Seen::Set(addresses.into_iter().map(Seen::from).collect());
            let entries = vec![("nthreads".into(), threads.into()), ("addresses".into(), addresses)];
            (host, Seen::Map(entries))
        }))
    }

    fn transitions_seen(&self) -> Seen {
        let lines = self.story.lines(&self.tasks).filter_map(|line| {
            let Happening::Transition { start, actual, .. } = line.what else { return None };
            let stimulus = format!("stimulus-{}", line.stimulus);
            let recommended = Seen::Map(Vec::new());
            let [start, actual] = [start, actual].map(|state| Seen::from(state.name()));
            let stimulus = Seen::from(stimulus.as_str());
            Some(Seen::Tuple(vec![(&line.key).into(), start, actual, recommended, stimulus, line.at.into()]))
        });
        Seen::List(lines.collect())
    }
}
