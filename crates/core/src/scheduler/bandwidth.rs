//! Bandwidths: how fast data of a type comes, and between which workers, as these have measured. For people who look on.

use super::registry::Map;
use super::stimulus::Text;
use crate::protocol::value::Value;

/// So many types, and so many pairs of workers, are told apart.
const MEASURED_MAX: usize = 10_000;

/// Bytes a second.
#[derive(Debug, Default)]
pub(super) struct Bandwidths {
    types: Map<Text, f64>,
    /// By who fetches, and from whom.
    workers: Map<(Text, Text), f64>,
}

impl Bandwidths {
    /// Learns what a worker has measured since it said so last. It is one of so many.
    pub fn learn(&mut self, worker: &Text, measured: &Value, of: usize) {
        for (name, bandwidth, count) in entries(measured.get("types")) {
            weigh(&mut self.types, name, bandwidth, count, of);
        }
        for (other, bandwidth, count) in entries(measured.get("workers")) {
            weigh(&mut self.workers, (worker.clone(), other), bandwidth, count, of);
        }
    }

    /// A worker has left.
    pub fn forget(&mut self, worker: &Text) {
        self.workers.retain(|(one, other), _| one != worker && other != worker);
    }

    /// Those of types.
    pub fn types(&self) -> impl Iterator<Item = (&Text, f64)> {
        self.types.iter().map(|(name, bandwidth)| (name, *bandwidth))
    }

    /// Those from worker to worker.
    pub fn workers(&self) -> impl Iterator<Item = (&(Text, Text), f64)> {
        self.workers.iter().map(|(pair, bandwidth)| (pair, *bandwidth))
    }
}

/// Names with sums of bandwidths, and how many were summed up.
fn entries(said: Option<&Value>) -> impl Iterator<Item = (Text, f64, f64)> + '_ {
    let said = match said {
        Some(Value::Map(entries)) => entries.as_slice(),
        _ => &[],
    };
    said.iter().filter_map(|(name, measured)| {
        let Value::Tuple(measured) = measured else { return None };
        let [sum, count] = measured.as_slice() else { return None };
        let (sum, count) = (sum.as_f64()?, count.as_f64().filter(|count| *count >= 1.0)?);
        Some((name.as_str()?.into(), sum / count, count))
    })
}

/// The more was measured, the more it counts; the more workers there are, the less.
fn weigh<K: std::hash::Hash + Eq>(known: &mut Map<K, f64>, key: K, bandwidth: f64, count: f64, of: usize) {
    let room = known.len() < MEASURED_MAX;
    match known.get_mut(&key) {
        Some(known) => {
            let kept = (1.0 - 1.0 / of.max(1) as f64).powf(count);
            *known = *known * kept + bandwidth * (1.0 - kept);
        }
        None if room => {
            known.insert(key, bandwidth);
        }
        None => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn measured(sum: f64, count: i64) -> Value {
        let entry = |name: &str| Value::map([(name, Value::Tuple(vec![sum.into(), Value::Int(count)]))]);
        Value::map([("types", entry("bytes")), ("workers", entry("v"))])
    }

    #[test]
    fn what_is_new_counts_as_much_as_was_measured() {
        let mut bandwidths = Bandwidths::default();
        bandwidths.learn(&"w".into(), &measured(8.0, 2), 2);
        bandwidths.learn(&"w".into(), &measured(16.0, 2), 2);
        assert_eq!(bandwidths.types().collect::<Vec<_>>(), [(&"bytes".into(), 7.0)]);
        assert_eq!(bandwidths.workers().collect::<Vec<_>>(), [(&("w".into(), "v".into()), 7.0)]);
        bandwidths.forget(&"v".into());
        assert_eq!(bandwidths.workers().count(), 0);
    }
}
