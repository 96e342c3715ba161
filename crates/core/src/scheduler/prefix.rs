//! Prefixes: tasks of the same function, of which it is learned how long they take.
//!
//! A prefix has a *weight*, by which its tasks count where they are: what was expected of them when the weight was last
//! set. So sums of weights are exact, and a new average costs nothing until the sums are brought up to it.

use super::registry::Map;
use super::stimulus::Text;
use super::totals::Totals;
use crate::protocol::field;

/// Tasks that are expected to take no more seconds than this, by the settings, are too fast to be moved.
const FAST: f64 = 0.001;
/// No task is taken to be longer: sums of weights stay far from their limit.
const SECONDS_MAX: f64 = 1e7;

/// A prefix, in one scheduler. It is never forgotten.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct PrefixId(u32);

impl PrefixId {
    /// Its place among all prefixes.
    pub fn place(self) -> usize {
        self.0 as usize
    }
}

/// How long tasks of a prefix take.
#[derive(Debug)]
struct Prefix {
    /// The average, weighted towards the last ones.
    average: Option<f64>,
    /// The longest that one has run that was not finished.
    longest: f64,
    /// Microseconds that each of its tasks counts.
    weight: u64,
    /// How many of its tasks count anywhere.
    counted: u32,
    /// Whether its weight is not what is expected now.
    changed: bool,
    fast: bool,
    /// How often one of its tasks was at a worker that died.
    suspicious: u64,
    /// What has come of its tasks; of bytes, those of the groups that are there.
    totals: Totals,
}

/// All prefixes.
#[derive(Debug)]
pub(super) struct Prefixes {
    known: Map<Box<str>, Prefix>,
    unknown: f64,
    /// What the settings say of some.
    expected: Vec<(Text, f64)>,
    /// Those whose weight is not what is expected now.
    changed: Vec<PrefixId>,
}

/// A weight that is another now.
#[derive(Debug)]
pub(super) struct Reweighed {
    pub prefix: PrefixId,
    pub before: u64,
    pub after: u64,
}

#[expect(clippy::cast_sign_loss, reason = "no task takes less than no time")]
fn micros(seconds: f64) -> u64 {
    (seconds.clamp(0.0, SECONDS_MAX) * 1e6).round() as u64
}

impl Prefixes {
    pub fn new(unknown: f64, expected: &field::Map<Text, f64>) -> Self {
        Self { known: Map::default(), unknown, expected: expected.0.clone(), changed: Vec::new() }
    }

    /// The prefix of this name, made if need be.
    pub fn enter(&mut self, name: &str) -> PrefixId {
        let index = self.known.get_index_of(name).unwrap_or_else(|| {
            let expected = self.expected.iter().find(|(it, _)| **it == *name).map(|(_, seconds)| *seconds);
            let prefix = Prefix {
                average: expected,
                longest: 0.0,
                weight: micros(expected.unwrap_or(self.unknown)),
                counted: 0,
                changed: false,
                fast: expected.is_some_and(|seconds| seconds <= FAST),
                suspicious: 0,
                totals: Totals::default(),
            };
            self.known.insert_full(name.into(), prefix).0
        });
        PrefixId(u32::try_from(index).expect("memory ends before 2^32 prefixes"))
    }

    fn at(&self, id: PrefixId) -> &Prefix {
        &self.known[id.0 as usize]
    }

    fn at_mut(&mut self, id: PrefixId) -> &mut Prefix {
        &mut self.known[id.0 as usize]
    }

    /// All prefixes.
    pub fn ids(&self) -> impl Iterator<Item = PrefixId> + use<> {
        (0..u32::try_from(self.known.len()).expect("memory ends before 2^32 prefixes")).map(PrefixId)
    }

    /// One of its tasks was at a worker that died.
    pub fn suspect(&mut self, id: PrefixId) {
        self.at_mut(id).suspicious += 1;
    }

    /// How often one of its tasks was at a worker that died.
    pub fn suspicious(&self, id: PrefixId) -> u64 {
        self.at(id).suspicious
    }

    /// What has come of its tasks.
    pub fn totals(&self, id: PrefixId) -> &Totals {
        &self.at(id).totals
    }

    /// What has come of its tasks, to add to it.
    pub fn totals_mut(&mut self, id: PrefixId) -> &mut Totals {
        &mut self.at_mut(id).totals
    }

    /// Its name.
    pub fn name(&self, id: PrefixId) -> &str {
        self.known.get_index(id.0 as usize).map_or("", |(name, _)| name)
    }

    /// Seconds that its tasks take, as far as is known.
    pub fn duration(&self, id: PrefixId) -> Option<f64> {
        let known = self.at(id);
        known.average.or_else(|| (known.longest > 0.0).then_some(2.0 * known.longest))
    }

    /// Seconds that its tasks are expected to take.
    pub fn expected(&self, id: PrefixId) -> f64 {
        self.duration(id).unwrap_or(self.unknown)
    }

    /// Whether one of its tasks has ended, or the settings say how long they take.
    pub fn is_learned(&self, id: PrefixId) -> bool {
        self.at(id).average.is_some()
    }

    /// Whether its tasks are too fast to be moved, by the settings.
    pub fn is_fast(&self, id: PrefixId) -> bool {
        self.at(id).fast
    }

    /// Learns how long a task has taken: half of what was known, half of this. True if nothing was known.
    pub fn learn(&mut self, id: PrefixId, seconds: f64) -> bool {
        if !seconds.is_finite() || seconds < 0.0 {
            return false;
        }
        let known = self.at_mut(id);
        let first = known.average.is_none();
        known.average = Some(known.average.map_or(seconds, |average| f64::midpoint(average, seconds)));
        self.note_change(id);
        first
    }

    /// Learns how long a task has run that is not finished. If that is much longer than is usual, it is usual no more.
    pub fn learn_unfinished(&mut self, id: PrefixId, seconds: f64) {
        if seconds.is_finite() && seconds >= 0.0 {
            let known = self.at_mut(id);
            known.longest = known.longest.max(seconds);
            known.average = known.average.filter(|average| seconds <= 2.0 * average);
            self.note_change(id);
        }
    }

    fn note_change(&mut self, id: PrefixId) {
        if !std::mem::replace(&mut self.at_mut(id).changed, true) {
            self.changed.push(id);
        }
    }

    /// One more of its tasks counts, by this weight.
    pub fn count(&mut self, id: PrefixId) -> u64 {
        let prefix = self.at_mut(id);
        prefix.counted += 1;
        prefix.weight
    }

    /// One of its tasks counts no more, whose weight this was.
    pub fn discount(&mut self, id: PrefixId) -> u64 {
        let prefix = self.at_mut(id);
        prefix.counted -= 1;
        prefix.weight
    }

    /// Microseconds that each of its tasks counts.
    pub fn weight(&self, id: PrefixId) -> u64 {
        self.at(id).weight
    }

    /// Sets the weight of a prefix to what is expected now. What is returned must be done to all sums.
    pub fn reweigh(&mut self, id: PrefixId) -> Option<Reweighed> {
        let after = micros(self.expected(id));
        let prefix = self.at_mut(id);
        prefix.changed = false;
        let before = std::mem::replace(&mut prefix.weight, after);
        (before != after && prefix.counted > 0).then_some(Reweighed { prefix: id, before, after })
    }

    /// Those whose weight may not be what is expected now.
    pub fn take_changed(&mut self) -> Vec<PrefixId> {
        std::mem::take(&mut self.changed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_is_learned_and_unlearned() {
        let mut prefixes = Prefixes::new(0.5, &field::Map::default());
        let id = prefixes.enter("inc");
        assert_eq!((prefixes.duration(id), prefixes.expected(id)), (None, 0.5));
        assert!(prefixes.learn(id, 1.0) && !prefixes.learn(id, 2.0));
        prefixes.learn_unfinished(id, 2.5);
        assert_eq!(prefixes.duration(id), Some(1.5));
        prefixes.learn_unfinished(id, 4.0);
        assert_eq!(prefixes.duration(id), Some(8.0));
    }

    #[test]
    fn a_weight_changes_when_it_is_set() {
        let mut prefixes = Prefixes::new(0.5, &field::Map(vec![("split".into(), 1e-6)]));
        let [inc, split] = ["inc", "split"].map(|name| prefixes.enter(name));
        assert_eq!((prefixes.count(inc), prefixes.is_fast(split), prefixes.is_fast(inc)), (500_000, true, false));
        prefixes.learn(inc, 2.0);
        assert_eq!((prefixes.weight(inc), prefixes.take_changed()), (500_000, vec![inc]));
        let change = prefixes.reweigh(inc).map(|it| (it.prefix, it.before, it.after));
        assert_eq!(change, Some((inc, 500_000, 2_000_000)));
        assert!(prefixes.reweigh(inc).is_none(), "it is as expected");
        assert_eq!(prefixes.discount(inc), 2_000_000);
        prefixes.learn(inc, 4.0);
        assert!(prefixes.reweigh(inc).is_none(), "nothing has this weight");
    }
}
