//! How many workers there should be, and which of them could go.

use crate::protocol::exception::Builtin;
use crate::protocol::field::{self, Optional, Text};
use crate::protocol::query::{AdaptiveTarget, WorkersToClose};
use crate::protocol::rpc::ErrorReply;
use crate::protocol::value::Value;
use crate::scheduler::Scheduler;
use crate::scheduler::question::Answer;
use crate::scheduler::registry::Map;
use crate::scheduler::worker::{Worker, WorkerId};

/// Seconds that the work that is there should take.
const TARGET_DURATION: f64 = 5.0;
/// So many waiting tasks are weighed; the others are taken to be like them.
const WEIGHED_MAX: usize = 100;
/// More workers are asked for when more than this part of their memory is used.
const MEMORY_USED_MAX: f64 = 0.6;

/// Those that cost little to close.
const CHEAP: WorkersToClose = WorkersToClose {
    memory_ratio: Optional(None),
    n: Optional(None),
    key: Optional(None),
    groups: Optional(None),
    minimum: Optional(None),
    target: Optional(None),
    attribute: Optional(None),
};

impl Scheduler {
    /// How many workers there should be for the work and the data that are there.
    pub(in crate::scheduler) fn target(&self, asked: &AdaptiveTarget) -> u64 {
        let duration = asked.target_duration.0.as_ref().and_then(Value::as_seconds).unwrap_or(TARGET_DURATION);
        let waiting = self.queued.len() + self.unrunnable.len();
        let weighed = self.queued.iter().chain(&self.unrunnable).take(WEIGHED_MAX);
        let mut seconds: f64 = weighed.map(|&(_, id)| self.groups.expected(self.tasks[id].group)).sum();
        if waiting > WEIGHED_MAX {
            seconds *= waiting as f64 / WEIGHED_MAX as f64;
        }
        let occupancy = self.total_occupancy();
        // A few long tasks cannot use more threads than there are tasks.
        let ready = waiting + self.workers.iter().map(|(_, worker)| worker.processing.len()).sum::<usize>();
        let mut threads = ((occupancy + seconds) / duration).ceil().min(ready as f64);
        let count = self.workers.len();
        if count > 0 {
            threads = (threads / self.workers.threads() as f64 * count as f64).ceil();
        } else if waiting > 0 {
            threads = threads.max(1.0);
        }
        let limit: u64 = self.workers.iter().filter_map(|(_, worker)| worker.spec.memory_limit).sum();
        let used: u64 = self.workers.ids().map(|id| self.replicas.bytes(id)).sum();
        let full = limit > 0 && used as f64 > MEMORY_USED_MAX * limit as f64;
        let memory = if full { 2 * count as u64 } else { 0 };
        #[expect(clippy::cast_sign_loss, reason = "the cast saturates, which is the nearest")]
        let target = memory.max(threads as u64);
        if target >= count as u64 {
            return target;
        }
        let closable = self.closable(&CHEAP).len();
        target.max((count - closable) as u64)
    }

    /// The workers that could be closed at little cost: idle ones, and those that hold the least.
    pub(super) fn told_closable(&self, asked: &WorkersToClose) -> Answer {
        let attribute = asked.attribute.0.as_deref().unwrap_or("address");
        let told = |id: WorkerId| {
            let seen = self.worker_attribute(id, attribute).map(|seen| self.plain(&seen));
            let text = || format!("workers_to_close: a worker has no attribute {attribute:?}; take address or name");
            seen.ok_or_else(|| ErrorReply::builtin(Builtin::Attribute, &text()))
        };
        self.closable(asked).into_iter().map(told).collect::<Result<_, _>>().map(Value::Tuple)
    }

    /// How many workers there should be, if the duration is one.
    pub(super) fn told_target(&self, asked: &AdaptiveTarget) -> Answer {
        match &asked.target_duration.0 {
            Some(duration) if *duration != Value::Nil && duration.as_seconds().is_none() => {
                let text = "adaptive_target: target_duration is no duration: give seconds, or text such as 5s";
                Err(ErrorReply::builtin(Builtin::Value, text))
            }
            _ => Ok(self.target(asked).into()),
        }
    }

    pub(in crate::scheduler) fn closable(&self, asked: &WorkersToClose) -> Vec<WorkerId> {
        let count = self.workers.len().cast_signed() as i64;
        let n = asked.n.0.or_else(|| asked.target.0.map(|target| count - target)).map(|n| n.max(0));
        let target = n.map(|n| count - n);
        let ratio = asked.memory_ratio.0.or_else(|| n.is_none().then_some(2.0));
        let busy = |id: WorkerId| !self.workers[id].processing.is_empty();
        if n.unwrap_or(0) == 0 && self.workers.ids().all(busy) {
            return Vec::new();
        }
        let mut valid = self.groups_of_workers(asked.groups.0.as_ref());
        let limit_of = |group: &[WorkerId]| -> u64 {
            group.iter().map(|&id| self.workers[id].spec.memory_limit.unwrap_or(0)).sum()
        };
        let held_by = |group: &[WorkerId]| -> u64 { group.iter().map(|&id| self.replicas.bytes(id)).sum() };
        let busy = |group: &[WorkerId]| group.iter().any(|&id| busy(id));
        let mut limit: u64 = valid.iter().map(|group| limit_of(group)).sum();
        let held: u64 = valid.iter().map(|group| held_by(group)).sum();
        valid.sort_by_key(|group| (!busy(group), std::cmp::Reverse(held_by(group))));
        let mut closable = Vec::new();
        let mut left = count;
        while let Some(group) = valid.pop() {
            let rest = left - group.len().cast_signed() as i64;
            if (n.is_none() && busy(&group)) || asked.minimum.0.is_some_and(|minimum| rest < minimum) {
                break;
            }
            limit -= limit_of(&group);
            let wanted = target.is_some_and(|target| rest >= target);
            let affordable = ratio.is_some_and(|ratio| limit as f64 >= ratio * held as f64);
            if !wanted && !affordable {
                break;
            }
            closable.extend(group);
            left = rest;
        }
        closable
    }

    /// Workers that go together, if they go: each alone where nothing else is said. Whoever runs a task that has given
    /// back its thread would have to begin it again elsewhere, and so would a shuffle without one of those who take
    /// part: they stay.
    fn groups_of_workers(&self, said: Option<&field::Map<Text, i64>>) -> Vec<Vec<WorkerId>> {
        let mut groups: Map<Result<i64, WorkerId>, Vec<WorkerId>> = Map::default();
        let free = |id: WorkerId, worker: &Worker| worker.long_running.is_empty() && !self.shuffles.takes_part(id);
        for (id, _) in self.workers.iter().filter(|&(id, worker)| free(id, worker)) {
            let address = self.workers[id].address();
            let group = said.and_then(|said| said.0.iter().find(|(name, _)| name == address));
            groups.entry(group.map(|(_, group)| *group).ok_or(id)).or_default().push(id);
        }
        groups.into_values().collect()
    }
}
