//! Holdings: which workers hold what a task needs, and how many bytes of it. Found in one walk over what it needs, however
//! many workers come into question.

use super::Scheduler;
use super::registry::Map;
use super::task::TaskId;
use super::worker::WorkerId;

/// So many workers are looked through one by one; among more, one is found by a table.
const LOOKED_THROUGH_MAX: usize = 16;

/// Who holds how much of what a task needs.
#[derive(Debug, Default)]
pub(super) struct Holdings {
    /// Bytes of all that it needs.
    needed: f64,
    /// Running workers and what they hold of it, in the order in which they were found.
    held: Vec<(WorkerId, f64)>,
    places: Map<WorkerId, usize>,
}

impl Holdings {
    /// The workers that hold something.
    pub fn workers(&self) -> impl Iterator<Item = WorkerId> + '_ {
        self.held.iter().map(|(worker, _)| *worker)
    }

    /// Bytes that a worker would have to fetch.
    pub fn missing_bytes(&self, worker: WorkerId) -> f64 {
        self.needed - self.place(worker).map_or(0.0, |place| self.held[place].1)
    }

    fn place(&self, worker: WorkerId) -> Option<usize> {
        if self.held.len() <= LOOKED_THROUGH_MAX {
            return self.held.iter().position(|(it, _)| *it == worker);
        }
        self.places.get(&worker).copied()
    }

    fn add(&mut self, worker: WorkerId, nbytes: f64) {
        if let Some(place) = self.place(worker) {
            self.held[place].1 += nbytes;
            return;
        }
        self.held.push((worker, nbytes));
        let listed = if self.held.len() > LOOKED_THROUGH_MAX { self.places.len() } else { self.held.len() };
        for (place, (worker, _)) in self.held.iter().enumerate().skip(listed) {
            self.places.insert(*worker, place);
        }
    }
}

impl Scheduler {
    /// Who holds what a task needs, of the workers that take work.
    pub(super) fn holdings(&self, id: TaskId) -> Holdings {
        let mut holdings = Holdings::default();
        for &dependency in &self.tasks[id].dependencies {
            // Sizes are whole numbers: however they are added up, the sum is the same.
            let nbytes = self.tasks[dependency].nbytes as f64;
            holdings.needed += nbytes;
            for worker in self.replicas.who_has(dependency) {
                if self.workers.running().contains(&worker) {
                    holdings.add(worker, nbytes);
                }
            }
        }
        holdings
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::worker::RegisterWorker;
    use crate::scheduler::worker::Workers;

    #[test]
    fn what_is_missing_is_what_is_not_held_however_many_hold_something() {
        let mut workers = Workers::new(1.0);
        let about = |number: u64| RegisterWorker::plain(&format!("tcp://w:{number}"), 1);
        let ids: Vec<_> = (0..40).map(|number| workers.insert(about(number), 0.0)).collect();
        let mut holdings = Holdings { needed: 100.0, ..Holdings::default() };
        for (&id, bytes) in ids.iter().zip(1_u8..).take(30).chain([(&ids[3], 50), (&ids[20], 7)]) {
            holdings.add(id, bytes.into());
        }
        assert_eq!(holdings.workers().collect::<Vec<_>>(), ids[..30]);
        let missing = [3, 20, 29, 35].map(|place| holdings.missing_bytes(ids[place]).to_string());
        assert_eq!(missing, ["46", "72", "70", "100"]);
    }
}
