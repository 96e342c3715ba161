//! Tallies: how many tasks of each prefix are in each state, and how often one has come into it. They are kept while tasks
//! change, so that whoever asks for them walks over prefixes, never over tasks.

use super::prefix::PrefixId;
use super::task::{STATES, StateName};

/// What is counted of one prefix.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Tally {
    /// How many of its tasks are in each state.
    pub now: [u32; STATES],
    /// How often one of its tasks has come into each state.
    pub ever: [u64; STATES],
}

/// What is counted of all prefixes.
#[derive(Debug, Default)]
pub(super) struct Tallies(Vec<Tally>);

impl Tallies {
    fn at(&mut self, prefix: PrefixId) -> &mut Tally {
        let place = prefix.place();
        if self.0.len() <= place {
            self.0.resize_with(place + 1, Tally::default);
        }
        &mut self.0[place]
    }

    /// There is a task more.
    pub fn enter(&mut self, prefix: PrefixId, state: StateName) {
        self.at(prefix).now[state as usize] += 1;
    }

    /// A task is gone.
    pub fn leave(&mut self, prefix: PrefixId, state: StateName) {
        self.at(prefix).now[state as usize] -= 1;
    }

    /// A task comes into another state.
    pub fn change(&mut self, prefix: PrefixId, before: StateName, after: StateName) {
        let tally = self.at(prefix);
        tally.now[before as usize] -= 1;
        tally.now[after as usize] += 1;
        tally.ever[after as usize] += 1;
    }

    /// What is counted of a prefix.
    pub fn of(&self, prefix: PrefixId) -> Tally {
        self.0.get(prefix.place()).copied().unwrap_or_default()
    }
}
