//! Rebalancing: which results to move, so that workers hold about as much as each other.

use super::Scheduler;
use super::memory::Measure;
use super::registry::Set;
use super::stimulus::Text;
use super::task::TaskId;
use super::worker::WorkerId;
use crate::key::Key;

/// When results are moved. Shares are of a worker's memory limit; one without a limit sends and takes whatever it is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rebalance {
    /// What is looked at.
    pub measure: Measure,
    /// Who has less than this share sends nothing.
    pub sender_min: f64,
    /// Who has more than this share takes nothing.
    pub recipient_max: f64,
    /// Who is within half of this share of the mean neither sends nor takes.
    pub gap: f64,
}

impl Default for Rebalance {
    fn default() -> Self {
        Self { measure: Measure::Optimistic, sender_min: 0.3, recipient_max: 0.6, gap: 0.1 }
    }
}

/// A result that is to be moved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Move {
    /// Its key.
    pub key: Key,
    /// Who has it.
    pub from: Text,
    /// Who is to have it.
    pub to: Text,
}

/// A worker that is away from the mean.
struct Party {
    worker: WorkerId,
    /// Bytes between it and the mean.
    away: f64,
    /// Closer than this it is left alone.
    close: f64,
    /// What it could send, the last first.
    holds: Vec<TaskId>,
}

impl Scheduler {
    /// What to move between these workers, or between all, of these keys, or of all. Who is farthest from the mean
    /// sends, and takes, first; nobody crosses the mean.
    pub fn rebalance(&self, settings: &Rebalance, keys: Option<&[Key]>, workers: Option<&[Text]>) -> Vec<Move> {
        let chosen: Option<Set<TaskId>> = keys.map(|keys| keys.iter().filter_map(|key| self.tasks.id(key)).collect());
        let (mut senders, mut recipients) = self.parties(settings, workers);
        let mut moved: Set<(TaskId, WorkerId)> = Set::default();
        let mut moves = Vec::new();
        while let Some(from) = farthest(&senders)
            && !recipients.is_empty()
        {
            let Some(task) = senders[from].holds.pop() else {
                senders.swap_remove(from);
                continue;
            };
            let nbytes = self.tasks[task].nbytes as f64;
            if chosen.as_ref().is_some_and(|chosen| !chosen.contains(&task)) || nbytes > senders[from].away {
                continue;
            }
            let has = |it: WorkerId| self.replicas.has(task, it) || self.replicas.is_dropping(task, it);
            let fits = |it: &&Party| it.away >= nbytes && !has(it.worker) && !moved.contains(&(task, it.worker));
            let best = recipients.iter().filter(fits).max_by(|a, b| a.away.total_cmp(&b.away)).map(|it| it.worker);
            let Some(to) = best else { continue };
            moved.insert((task, to));
            moves.push(Move {
                key: self.tasks[task].key.clone(),
                from: self.workers[senders[from].worker].address().clone(),
                to: self.workers[to].address().clone(),
            });
            senders[from].away -= nbytes;
            senders.retain(|it| it.away > it.close);
            recipients.iter_mut().filter(|it| it.worker == to).for_each(|it| it.away -= nbytes);
            recipients.retain(|it| it.away > it.close);
        }
        moves
    }

    /// Who should send, and who should take.
    fn parties(&self, settings: &Rebalance, workers: Option<&[Text]>) -> (Vec<Party>, Vec<Party>) {
        let measured: Vec<(WorkerId, f64)> = self
            .workers
            .iter()
            .filter(|(_, worker)| workers.is_none_or(|workers| workers.contains(worker.address())))
            .map(|(id, _)| (id, self.memory_of(settings.measure, id)))
            .collect();
        let mean = (measured.iter().map(|(_, bytes)| bytes).sum::<f64>() / measured.len().max(1) as f64).floor();
        let (mut senders, mut recipients) = (Vec::new(), Vec::new());
        for (worker, bytes) in measured {
            let limit = self.workers[worker].spec.memory_limit.filter(|&limit| limit > 0).map(|limit| limit as f64);
            let close = limit.map_or(0.0, |limit| (settings.gap / 2.0 * limit).floor());
            let may_send = limit.is_none_or(|limit| bytes >= settings.sender_min * limit);
            let may_take = limit.is_none_or(|limit| bytes < settings.recipient_max * limit);
            let mut holds: Vec<TaskId> = self.replicas.has_what(worker).collect();
            holds.reverse();
            if !holds.is_empty() && bytes >= mean + close && may_send {
                senders.push(Party { worker, away: bytes - mean, close, holds });
            } else if bytes < mean - close && may_take {
                recipients.push(Party { worker, away: mean - bytes, close, holds: Vec::new() });
            }
        }
        (senders, recipients)
    }
}

/// The place of the one that is farthest from the mean.
fn farthest(parties: &[Party]) -> Option<usize> {
    (0..parties.len()).max_by(|&a, &b| parties[a].away.total_cmp(&parties[b].away))
}
