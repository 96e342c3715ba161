//! Totals: what has come of the tasks of a group. They outlive the tasks.

use super::stimulus::Text;
use crate::protocol::worker::StartStop;

/// So many kinds of actions are told apart.
const ACTIONS_MAX: usize = 20;

/// What tasks have taken and made, added up.
#[derive(Clone, Debug, Default)]
pub(super) struct Totals {
    /// When the first of them began to compute, once one has finished; 0 before.
    pub start: f64,
    /// When the last of them has finished.
    pub stop: f64,
    /// The sizes of all results.
    pub nbytes: u64,
    /// Seconds by what was done.
    durations: Vec<(Text, f64)>,
}

impl Totals {
    /// A task was run.
    pub fn count(&mut self, nbytes: u64, startstops: &[StartStop]) {
        self.nbytes = self.nbytes.saturating_add(nbytes);
        for StartStop { action, start, stop, .. } in startstops {
            self.take(action, (stop - start).max(0.0));
            if &**action == "compute" {
                self.spread(*start, *stop);
            }
        }
    }

    /// What has come of other tasks is added.
    pub fn add(&mut self, other: &Self) {
        self.nbytes = self.nbytes.saturating_add(other.nbytes);
        for (action, seconds) in &other.durations {
            self.take(action, *seconds);
        }
        self.spread(other.start, other.stop);
    }

    /// Seconds by what was done.
    pub fn durations(&self) -> &[(Text, f64)] {
        &self.durations
    }

    /// Seconds that something was done.
    pub fn seconds(&self, action: &str) -> f64 {
        self.durations.iter().find(|(known, _)| **known == *action).map_or(0.0, |(_, seconds)| *seconds)
    }

    /// All seconds.
    pub fn duration(&self) -> f64 {
        self.durations.iter().map(|(_, seconds)| seconds).sum()
    }

    fn take(&mut self, action: &Text, seconds: f64) {
        let room = self.durations.len() < ACTIONS_MAX;
        match self.durations.iter_mut().find(|(known, _)| known == action) {
            Some((_, sum)) => *sum += seconds,
            None if room => self.durations.push((action.clone(), seconds)),
            None => {}
        }
    }

    fn spread(&mut self, start: f64, stop: f64) {
        if start > 0.0 && (self.start == 0.0 || start < self.start) {
            self.start = start;
        }
        self.stop = self.stop.max(stop);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::field::Optional;

    fn startstop(action: &str, start: f64, stop: f64) -> StartStop {
        StartStop { action: action.into(), start, stop, source: Optional(None) }
    }

    #[test]
    fn what_tasks_have_taken_is_added_up() {
        let mut totals = Totals::default();
        totals.count(8, &[startstop("transfer", 1.0, 2.0), startstop("compute", 2.0, 5.0)]);
        totals.count(4, &[startstop("compute", 4.0, 6.0)]);
        let mut all = Totals::default();
        all.add(&totals);
        all.add(&Totals::default());
        assert_eq!((all.start, all.stop, all.nbytes, all.duration()), (2.0, 6.0, 12, 6.0));
        assert_eq!(all.durations(), [("transfer".into(), 1.0), ("compute".into(), 5.0)]);
    }
}
