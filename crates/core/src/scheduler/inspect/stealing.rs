//! Stealing, as tests look at it: which tasks may be moved, and which are asked for.

use super::seen::Seen;
use crate::protocol::value::Value;
use crate::scheduler::Scheduler;
use crate::scheduler::registry::Map;
use crate::scheduler::stealing::{LEVELS, Theft, cost};
use crate::scheduler::stimulus::Text;
use crate::scheduler::task::TaskId;
use crate::scheduler::worker::WorkerId;

impl Scheduler {
    pub(super) fn stealing_attribute(&self, name: &str) -> Option<Seen> {
        let thefts = &self.stealing.thefts;
        Some(match name {
            "stealable" => self.stealable_seen(),
            "key_stealable" => {
                let entry = |(id, address, level): (TaskId, Text, u8)| {
                    let place = vec![address.into(), u64::from(level).into()];
                    (self.task_seen(id), Seen::Tuple(place))
                };
                Seen::Map(self.stealable().map(entry).collect())
            }
            "in_flight" => {
                Seen::Map(thefts.iter().map(|(&id, theft)| (self.task_seen(id), self.theft_seen(theft))).collect())
            }
            "in_flight_occupancy" => self.on_the_way(|theft| (-theft.victim_seconds, theft.thief_seconds)),
            "in_flight_tasks" => self.on_the_way(|_| (-1.0, 1.0)),
            "unknown_durations" => self.unknown_durations_seen(),
            "count" => self.stealing.count.into(),
            "_callback_time" => self.settings.work_stealing_interval.into(),
            "metrics" => self.totals_seen(),
            "cost_multipliers" => Seen::Tuple((0..LEVELS).map(|level| cost(level).into()).collect()),
            _ => return None,
        })
    }

    /// All tasks that may be moved, where they are, and their level.
    fn stealable(&self) -> impl Iterator<Item = (TaskId, Text, u8)> + '_ {
        self.workers.iter().flat_map(move |(_, worker)| {
            let tasks = worker.processing.iter();
            tasks.filter_map(move |&id| Some((id, worker.address().clone(), self.steal_level(id)?)))
        })
    }

    fn stealable_seen(&self) -> Seen {
        let mut levels: Map<Text, Vec<Vec<Seen>>> = Map::default();
        for (_, worker) in self.workers.iter() {
            levels.insert(worker.address().clone(), vec![Vec::new(); LEVELS]);
        }
        for (id, address, level) in self.stealable() {
            levels[&address][usize::from(level)].push(self.task_seen(id));
        }
        let seen = |levels: Vec<Vec<Seen>>| Seen::Tuple(levels.into_iter().map(Seen::Set).collect());
        Seen::map(levels.into_iter().map(|(address, levels)| (address, seen(levels))))
    }

    fn theft_seen(&self, theft: &Theft) -> Seen {
        let worker = |id: WorkerId| self.workers.get(id).map_or(Seen::NONE, |_| self.worker_seen(id));
        let entries = [
            ("victim", worker(theft.victim)),
            ("thief", worker(theft.thief)),
            ("victim_duration", theft.victim_seconds.into()),
            ("thief_duration", theft.thief_seconds.into()),
            ("stimulus_id", theft.stimulus_id.clone().into()),
        ];
        Seen::map(entries.into_iter().map(|(name, value)| (name.into(), value)))
    }

    /// What is on its way from and to each worker.
    fn on_the_way(&self, of: impl Fn(&Theft) -> (f64, f64)) -> Seen {
        let mut sums: Map<WorkerId, f64> = Map::default();
        for theft in self.stealing.thefts.values() {
            let (victim, thief) = of(theft);
            *sums.entry(theft.victim).or_default() += victim;
            *sums.entry(theft.thief).or_default() += thief;
        }
        let here = sums.into_iter().filter(|&(id, _)| self.workers.get(id).is_some());
        Seen::Map(here.map(|(id, sum)| (self.worker_seen(id), sum.into())).collect())
    }

    /// The tasks that may be moved and of which it is not known how long they take.
    fn unknown_durations_seen(&self) -> Seen {
        let mut unknown: Map<Text, Vec<Seen>> = Map::default();
        for (id, ..) in self.stealable() {
            let prefix = self.groups.prefix(self.tasks[id].group);
            if !self.groups.prefixes.is_learned(prefix) {
                unknown.entry(self.groups.prefixes.name(prefix).into()).or_default().push(self.task_seen(id));
            }
        }
        Seen::map(unknown.into_iter().map(|(prefix, tasks)| (prefix, Seen::Set(tasks))))
    }

    /// How many tasks were asked for, by level, and what they cost.
    fn totals_seen(&self) -> Seen {
        let levels = || (0_u64..).zip(&self.stealing.totals).filter(|(_, (count, _))| *count > 0);
        let by_level = |of: fn(&(u64, f64)) -> Value| {
            Seen::Map(levels().map(|(level, total)| (level.into(), of(total).into())).collect())
        };
        let count = by_level(|(count, _)| (*count).into());
        let cost = by_level(|(_, cost)| (*cost).into());
        Seen::map([("request_count_total".into(), count), ("request_cost_total".into(), cost)].into_iter())
    }
}
