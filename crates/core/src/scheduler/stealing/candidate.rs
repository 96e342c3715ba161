//! Candidates: which tasks of a worker may be moved, what that costs, and in which order.

use super::market::Market;
use crate::scheduler::Scheduler;
use crate::scheduler::task::{Priority, TaskId};
use crate::scheduler::worker::{WorkerId, WorkerStatus};

/// How many levels of cost there are: from none to 2^8 times the time that the task takes.
pub(in crate::scheduler) const LEVELS: usize = 15;
/// What moving a task of this level costs, as a multiple of the time that the task takes.
pub(in crate::scheduler) fn cost(level: usize) -> f64 {
    // The first level costs nothing; the others double.
    if level == 0 { 1.0 } else { 1.0 + (level as f64 - LEVEL_EVEN).exp2() }
}

/// Seconds that moving inputs takes, however small they are.
const LATENCY: f64 = 0.1;
/// The level at which moving inputs takes as long as the task itself.
const LEVEL_EVEN: f64 = 6.0;

/// A task that may be moved.
#[derive(Clone, Copy, Debug)]
pub(super) struct Candidate {
    pub id: TaskId,
    /// What it costs to move.
    pub level: u8,
    /// Seconds that it is expected to take.
    pub seconds: f64,
    /// Bytes of its inputs.
    pub bytes: u64,
}

impl Scheduler {
    /// What a worker could give away: the cheapest first, and among these the most urgent, but only every other one, so
    /// that who gives and who takes both go on in the order of priority. What is likely to have begun is left out.
    pub(super) fn movable(&self, place: usize, market: &mut Market) -> Vec<Candidate> {
        let worker = market.worker(place);
        let there = &self.workers[worker];
        let mut waiting: Vec<(Priority, TaskId)> = Vec::new();
        let mut begun = 0;
        for &id in there.processing.iter().take(market.looks) {
            let task = &self.tasks[id];
            match task.processing() {
                Some(processing) if processing.long_running => {}
                Some(processing) if processing.begun => begun += 1,
                _ => waiting.push((task.priority, id)),
            }
        }
        market.looks = market.looks.saturating_sub(there.processing.len());
        waiting.sort_unstable();
        let threads = if there.spec.status == WorkerStatus::Running { there.spec.nthreads as usize } else { 0 };
        let likely = threads.saturating_sub(begun).min(waiting.len());
        let mut candidates: Vec<_> =
            waiting[likely..].iter().filter_map(|&(_, id)| self.candidate(id, &mut market.looks)).collect();
        candidates.sort_by_key(|candidate| candidate.level);
        candidates.chunk_by(|a, b| a.level == b.level).flat_map(every_other).collect()
    }

    /// A task as a candidate, if it may be moved.
    pub(super) fn candidate(&self, id: TaskId, looks: &mut usize) -> Option<Candidate> {
        let task = &self.tasks[id];
        let processing = task.processing()?;
        let prefix = self.groups.prefix(task.group);
        let bound = processing.long_running || processing.begun || task.actor || self.groups.prefixes.is_fast(prefix);
        if bound || self.stealing.thefts.contains_key(&id) {
            return None;
        }
        let seconds = self.groups.prefixes.expected(prefix);
        if task.dependencies.is_empty() {
            return Some(Candidate { id, level: 0, seconds, bytes: 0 });
        }
        *looks = looks.saturating_sub(task.dependencies.len());
        let sizes = task.dependencies.iter().map(|&input| self.tasks[input].nbytes);
        let bytes = sizes.fold(0, u64::saturating_add);
        let level = level(bytes as f64 / self.bandwidth + LATENCY, seconds)?;
        Some(Candidate { id, level, seconds, bytes })
    }

    /// The level of a task that may be moved.
    pub(in crate::scheduler) fn steal_level(&self, id: TaskId) -> Option<u8> {
        let mut looks = usize::MAX;
        self.candidate(id, &mut looks).map(|candidate| candidate.level)
    }

    /// Whether a worker is there, takes work, and has room for inputs of so many bytes.
    pub(super) fn has_room(&self, worker: WorkerId, bytes: u64) -> bool {
        self.workers.get(worker).is_some_and(|worker| {
            let limit = worker.spec.memory_limit.filter(|&limit| limit > 0);
            worker.spec.status == WorkerStatus::Running && limit.is_none_or(|limit| bytes <= limit)
        })
    }
}

/// What it costs to move a task: nothing if that takes more than 2^8 times as long as the task.
fn level(transfer: f64, seconds: f64) -> Option<u8> {
    let level = ((transfer / seconds).log2() + LEVEL_EVEN).round();
    #[expect(clippy::cast_sign_loss, reason = "it is between 1 and the number of levels")]
    (level < LEVELS as f64).then_some(level.max(1.0) as u8)
}

fn every_other(level: &[Candidate]) -> Vec<Candidate> {
    let from = |start: usize| level.iter().skip(start).step_by(2).copied();
    from(0).chain(from(1)).collect()
}

#[cfg(test)]
mod tests {
    use super::level;

    #[test]
    fn the_level_says_how_much_longer_moving_takes_than_the_task() {
        let levels = [(1e-9, 1.0), (1.0, 1.0), (2.0, 1.0), (256.0, 1.0), (512.0, 1.0), (1.0, 0.0)];
        let levels = levels.map(|(transfer, seconds)| level(transfer, seconds));
        assert_eq!(levels, [Some(1), Some(6), Some(7), Some(14), None, None]);
    }
}
