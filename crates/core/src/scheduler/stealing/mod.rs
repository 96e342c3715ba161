//! Stealing: a worker that has too little to do gets tasks that wait at one that has too much.
//!
//! Now and then the loads of all workers are compared ([`market`]). Tasks that are cheap to move and would end earlier
//! elsewhere ([`candidate`]) are asked back from their workers ([`theft`]): only a worker knows what it has begun, and
//! what it has begun stays with it. Until it answers, the task is its own.

mod candidate;
mod market;
mod theft;

use std::collections::BTreeSet;

use super::Scheduler;
use super::registry::Map;
use super::task::TaskId;
use crate::protocol::value::Value;

use candidate::Candidate;
pub(super) use candidate::{LEVELS, cost};
use market::Market;
pub(super) use theft::Theft;

/// So many tasks, restrictions and inputs are looked at when loads are compared, however many there are.
const LOOKS_MAX: usize = 20_000;
/// After so many tasks of a worker and a level in a row that had better stay, the others stay too.
const MISSES_MAX: u32 = 16;

/// What is known from one comparison to the next.
#[derive(Debug, Default)]
pub(super) struct Stealing {
    /// When loads were last compared.
    compared: Option<f64>,
    /// How many tasks were ever asked back.
    asked: u64,
    /// How many comparisons have led to something.
    pub count: u64,
    /// Tasks that were asked back, and are where they were until their worker answers.
    pub thefts: Map<TaskId, Theft>,
    /// What has become of them.
    pub outcomes: StealOutcomes,
    /// By level, how many tasks were asked back, and what they cost in seconds.
    pub totals: [(u64, f64); LEVELS],
}

/// What has become of the tasks that were asked back, of those that were where they were thought to be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StealOutcomes {
    /// They went to who was to have them.
    pub moved: u64,
    /// They had begun, and stayed.
    pub kept: u64,
    /// Their worker did not know them, or who was to have them could not take them any more: they were placed anew.
    pub placed_anew: u64,
}

/// A worker that could give tasks away.
struct Shop {
    /// Its place among the loads.
    place: usize,
    candidates: std::iter::Peekable<std::vec::IntoIter<Candidate>>,
    misses: u32,
}

impl Shop {
    /// The next task of this level.
    fn next(&mut self, level: u8) -> Option<Candidate> {
        self.candidates.next_if(|candidate| candidate.level == level)
    }
}

impl Scheduler {
    /// Compares loads, if it is time, and asks for tasks that should be elsewhere.
    pub(super) fn balance(&mut self) {
        let due = |compared: f64| self.now >= compared + 0.9 * self.settings.work_stealing_interval;
        if !self.settings.work_stealing || !self.stealing.compared.is_none_or(due) {
            return;
        }
        self.stealing.compared = Some(self.now);
        let Some(mut market) = Market::of(self) else { return };
        let mut shops = self.shops(&mut market);
        let mut asked = Vec::new();
        for level in (0..).take(LEVELS) {
            self.trade(level, &mut shops, &mut market, &mut asked);
        }
        if !asked.is_empty() {
            self.stealing.count += 1;
            let event = Value::Tuple(vec!["request".into(), Value::Tuple(asked)]);
            self.log_event(&[&"stealing".into()], &event);
        }
    }

    /// What those offer who have too much, the busiest first.
    fn shops(&self, market: &mut Market) -> Vec<Shop> {
        let mut shops = Vec::new();
        for place in market.victims() {
            if market.looks == 0 {
                break;
            }
            let candidates = self.movable(place, market).into_iter().peekable();
            shops.push(Shop { place, candidates, misses: 0 });
        }
        shops
    }

    /// Moves what costs about this much to move, always from who is busiest.
    fn trade(&mut self, level: u8, shops: &mut [Shop], market: &mut Market, asked: &mut Vec<Value>) {
        // Most offer nothing of most levels.
        let offering = shops.iter_mut().enumerate().filter_map(|(index, shop)| {
            shop.misses = 0;
            shop.candidates.peek().filter(|candidate| candidate.level == level)?;
            Some((market.urgency(shop.place), index))
        });
        let mut open: BTreeSet<(u64, usize)> = offering.collect();
        while let Some((_, index)) = open.pop_last()
            && market.looks > 0
        {
            let shop = &mut shops[index];
            let Some(candidate) = shop.next(level) else { continue };
            match self.thief_for(&candidate, shop.place, market) {
                Some(thief) => {
                    shop.misses = 0;
                    asked.push(self.ask_back(&candidate, shop.place, thief, market));
                }
                None => shop.misses += 1,
            }
            if shop.misses > MISSES_MAX || !market.is_victim(shop.place) {
                while shop.next(level).is_some() {}
            } else {
                open.insert((market.urgency(shop.place), index));
            }
        }
    }
}
