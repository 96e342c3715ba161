//! Rounds: how often the loop comes round to its regular work, and how long that takes. A long round is one in which
//! something held the loop up.

use std::cell::Cell;

/// What is known of the rounds of the loop.
#[derive(Debug, Default)]
pub(super) struct Rounds {
    count: Cell<u64>,
    last: Cell<f64>,
    longest: Cell<f64>,
}

impl Rounds {
    /// None yet: the first begins now.
    pub fn starting(now: f64) -> Self {
        let rounds = Self::default();
        rounds.last.set(now);
        rounds
    }

    /// One more is done.
    pub fn count(&self, now: f64) {
        self.count.set(self.count.get() + 1);
        let lasted = now - self.last.replace(now);
        self.longest.set(self.longest.get().max(lasted));
    }

    /// How many there have been, and the longest since this was asked for last, the present one included.
    pub fn take(&self, now: f64) -> (u64, f64) {
        (self.count.get(), self.longest.replace(0.0).max(now - self.last.get()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_round_is_told_once() {
        let rounds = Rounds::starting(1.0);
        rounds.count(1.5);
        rounds.count(3.0);
        assert_eq!(rounds.take(3.25), (2, 1.5));
        assert_eq!(rounds.take(3.25), (2, 0.25));
    }
}
