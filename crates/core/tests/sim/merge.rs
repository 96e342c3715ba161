//! Merges: graphs in which workers send each other parts, of one table or of two whose parts are taken together.

use cenote_core::key::Key;
use cenote_core::scheduler::stimulus::GraphSpec;

use super::chance::Chance;
use super::shuffle::Part;
use super::workload::{Fate, Workload};

impl Workload {
    /// Makes a graph of new tasks that shuffle.
    pub fn merge(&mut self, label: &str, chance: &mut Chance) -> GraphSpec {
        let mut graph = GraphSpec::default();
        let mut barriers = Vec::new();
        let mut shuffles = Vec::new();
        for side in 0..=usize::from(chance.happens(400)) {
            let shuffle = format!("{label}s{side}");
            let mut sent = Vec::new();
            for index in 0..chance.between(1, 6) {
                let load = format!("load-{shuffle}x{index}");
                let send = format!("send-{shuffle}x{index}");
                let inputs = if chance.happens(700) { vec![load.clone()] } else { Vec::new() };
                if !inputs.is_empty() {
                    self.enter(&mut graph, &load, Vec::new(), Fate::Return, chance);
                }
                self.parts.insert(send.clone(), Part::Send { shuffle: shuffle.clone() });
                let fate = fate(chance);
                self.enter(&mut graph, &send, inputs, fate, chance);
                sent.push(send);
            }
            let barrier = format!("shuffle-barrier-{shuffle}");
            self.parts.insert(barrier.clone(), Part::Barrier { shuffle: shuffle.clone() });
            self.enter(&mut graph, &barrier, sent, Fate::Return, chance);
            barriers.push(barrier);
            shuffles.push(shuffle);
        }
        let mut taken = Vec::new();
        for place in 0..chance.between(1, 7) as usize {
            let take = format!("take-{label}x{place}");
            self.parts.insert(take.clone(), Part::Take { shuffles: shuffles.clone(), place });
            let fate = fate(chance);
            self.enter(&mut graph, &take, barriers.clone(), fate, chance);
            taken.push(take);
        }
        graph.keys = taken.iter().filter(|_| chance.happens(500)).map(|key| Key::from(&**key)).collect();
        let sum = format!("sum-{label}");
        self.enter(&mut graph, &sum, taken, Fate::Return, chance);
        graph.keys.push((*sum).into());
        graph
    }

    /// The tasks that send in a shuffle.
    pub fn senders(&self, of: &str) -> Vec<String> {
        let sends = |part: &Part| matches!(part, Part::Send { shuffle } if shuffle == of);
        self.parts.iter().filter(|(_, part)| sends(part)).map(|(key, _)| key.clone()).collect()
    }

    /// In how many parts the data of a shuffle is taken.
    pub fn parts_of(&self, of: &str) -> usize {
        let takes = |part: &&Part| matches!(part, Part::Take { shuffles, .. } if shuffles.iter().any(|it| it == of));
        self.parts.values().filter(takes).count()
    }

    /// What a task is in a shuffle, if it is in one.
    pub fn part(&self, key: &str) -> Option<Part> {
        self.parts.get(key).cloned()
    }
}

fn fate(chance: &mut Chance) -> Fate {
    match chance.below(100) {
        0..3 => Fate::Fail,
        3..6 => Fate::Kill,
        6..12 => Fate::Straggle,
        _ => Fate::Return,
    }
}
