//! Idleness: since when nothing has been done or waited for, so that the shell may close a scheduler that nobody uses.

use super::Scheduler;
use super::task::StateName;

/// Since when nothing is done.
#[derive(Debug, Default)]
pub(super) struct Idleness {
    since: Option<f64>,
    /// How many transitions there had been then.
    transitions: u64,
}

impl Scheduler {
    /// Looked at after every stimulus: it costs a few comparisons.
    pub(super) fn note_idleness(&mut self) {
        let moved = self.transition_count != self.idleness.transitions;
        let busy = self.tasks.count(StateName::Processing) > 0
            || !self.queued.is_empty()
            || !self.unrunnable.is_empty()
            || !self.tickets.is_empty();
        self.idleness.transitions = self.transition_count;
        if busy {
            self.idleness.since = None;
        } else if moved {
            self.idleness.since = Some(self.now);
        } else {
            self.idleness.since.get_or_insert(self.now);
        }
    }

    /// Whether there has never been anything to do.
    pub fn has_done_nothing(&self) -> bool {
        self.transition_count == 0 && self.idleness.since.is_some()
    }

    /// Since when nothing is done or waited for; nothing if something is.
    pub fn idle_since(&self) -> Option<f64> {
        self.idleness.since
    }
}
