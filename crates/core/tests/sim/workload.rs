//! The workload: random graphs, what becomes of their tasks, and the values that are right.

use std::collections::BTreeMap;

use cenote_core::key::Key;
use cenote_core::protocol::field::Text;
use cenote_core::protocol::serialized::Pickled;
use cenote_core::protocol::value::Value;
use cenote_core::scheduler::stimulus::{Annotations, GraphSpec, TaskSpec};
use cenote_core::scheduler::task::RunId;

use super::chance::{Chance, hash};
use super::shuffle::Part;

/// What happens when a task is run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It returns its value.
    Return,
    /// It raises.
    Fail,
    /// It kills its worker.
    Kill,
    /// It takes long.
    Straggle,
    /// It gives back its thread.
    Secede,
    /// It asks to be run elsewhere.
    Reschedule,
}

#[derive(Clone, Debug)]
#[allow(clippy::struct_excessive_bools, reason = "each says something else")]
struct Known {
    inputs: Vec<String>,
    fate: Fate,
    /// How often its fate strikes.
    strikes: u32,
    /// Whether that is more often than it is tried again.
    fails: bool,
    actor: bool,
    /// Names of the workers that may run it; all when there are none.
    workers: Vec<String>,
    /// Whether others may when none of those is there.
    others: bool,
    /// Whether it needs a worker with resources.
    gpu: bool,
}

/// All tasks that there are.
#[derive(Clone, Debug, Default)]
pub struct Workload {
    known: BTreeMap<String, Known>,
    values: BTreeMap<String, u64>,
    /// What tasks are in shuffles.
    pub parts: BTreeMap<String, Part>,
    /// The last attempts at tasks of shuffles, and the runs in which they were made.
    runs: BTreeMap<String, (RunId, i64)>,
    /// Many of its tasks take long.
    slow: bool,
}

const NAMES: &[&str] = &["load", "inc", "sum", "store"];

impl Workload {
    pub fn new(slow: bool) -> Self {
        Self { slow, ..Self::default() }
    }

    /// What happens when this task is run the next time.
    pub fn fate(&self, key: &str) -> Fate {
        self.known.get(key).filter(|known| known.strikes > 0).map_or(Fate::Return, |known| known.fate)
    }

    /// Its fate has struck.
    pub fn spend(&mut self, key: &str) {
        if let Some(known) = self.known.get_mut(key) {
            known.strikes -= 1;
        }
    }

    /// A task of a shuffle was run. Who was let go may still be at an older attempt, whose result nobody takes.
    pub fn note_run(&mut self, key: &str, attempt: RunId, run: i64) {
        let last = self.runs.entry(key.to_owned()).or_insert((attempt, run));
        if last.0 <= attempt {
            *last = (attempt, run);
        }
    }

    /// The run of a shuffle in which a task was run last.
    pub fn run(&self, key: &str) -> i64 {
        self.runs.get(key).map_or(0, |(_, run)| *run)
    }

    /// Whether a task may end in failure, by itself.
    pub fn may_fail(&self, key: &str) -> bool {
        self.known.get(key).is_none_or(|known| known.fails || known.actor)
    }

    /// How many inputs a task has.
    pub fn inputs(&self, key: &str) -> usize {
        self.known.get(key).map_or(0, |known| known.inputs.len())
    }

    /// Whether a task is meant for a worker of this name, which has resources or has not.
    pub fn fits(&self, key: &str, name: &str, resources: bool) -> bool {
        let Some(known) = self.known.get(key) else { return true };
        (known.workers.is_empty() || known.workers.iter().any(|it| it == name)) && (resources || !known.gpu)
    }

    /// Whether others may run a task when none is there that it is meant for.
    pub fn allows_others(&self, key: &str) -> bool {
        self.known.get(key).is_none_or(|known| known.others)
    }

    /// The value of a task whose inputs have these.
    pub fn compute(key: &str, inputs: Vec<u64>) -> u64 {
        hash(key.bytes().map(u64::from).chain(inputs))
    }

    /// The value of a task that was run with these inputs.
    pub fn compute_from(&self, key: &str, given: &[(Text, u64)]) -> u64 {
        let inputs = &self.known.get(key).expect("what is run was submitted").inputs;
        let value = |input: &String| given.iter().find(|(key, _)| **key == **input).map(|(_, value)| *value);
        let given = |input| value(input).unwrap_or_else(|| panic!("{key} is run without {input}"));
        Self::compute(key, inputs.iter().map(given).collect())
    }

    /// The right value.
    pub fn value(&self, key: &str) -> u64 {
        self.values.get(key).copied().unwrap_or_else(|| hash(key.bytes().map(u64::from)))
    }

    /// Makes a graph of new tasks, some of which need older ones.
    pub fn graph(&mut self, label: &str, older: &[String], chance: &mut Chance) -> GraphSpec {
        let count = if chance.happens(200) { chance.between(20, 60) } else { chance.between(1, 16) };
        let roots = chance.happens(300);
        let mut graph = GraphSpec::default();
        let mut keys: Vec<String> = Vec::new();
        for index in 0..count as usize {
            let name = if roots && index < count as usize * 2 / 3 { "load" } else { NAMES[chance.below(NAMES.len())] };
            let key = format!("{name}-{label}x{index}");
            let mut inputs: Vec<String> = Vec::new();
            if name != "load" {
                for _ in 0..chance.below(4) {
                    let from = if chance.happens(100) { older } else { &keys };
                    inputs.extend(chance.pick(from).filter(|key| !inputs.contains(key)).cloned());
                }
            }
            let known = self.known(inputs, chance);
            let task = spec(&key, &known, index, chance);
            self.add(&mut graph, known, task);
            keys.push(key);
        }
        graph.keys = keys.iter().rev().filter(|_| chance.happens(400)).map(|key| Key::from(&**key)).collect();
        graph.keys.push((**keys.last().expect("a graph has a task")).into());
        graph.fifo_timeout = if chance.happens(500) { 0.0 } else { 60.0 };
        graph
    }

    /// Makes a task of a graph whose fate is known, and which may run anywhere.
    pub fn enter(&mut self, graph: &mut GraphSpec, key: &str, inputs: Vec<String>, fate: Fate, chance: &mut Chance) {
        let strikes = if fate == Fate::Straggle { u32::MAX } else { 1 + chance.below(3) as u32 };
        let known = Known { fate, strikes, actor: false, ..self.known(inputs, chance) };
        let mut task = spec(key, &known, graph.tasks.len(), chance);
        (task.annotations.workers, task.annotations.resources) = (Vec::new(), Vec::new());
        self.add(graph, known, task);
    }

    fn add(&mut self, graph: &mut GraphSpec, mut known: Known, task: TaskSpec) {
        let key = task.key.to_string();
        let value = Self::compute(&key, known.inputs.iter().map(|input| self.value(input)).collect());
        self.values.insert(key.clone(), value);
        known.workers = task.annotations.workers.iter().map(ToString::to_string).collect();
        (known.others, known.gpu) = (task.annotations.allow_other_workers, !task.annotations.resources.is_empty());
        known.fails = known.fate == Fate::Fail && known.strikes > task.annotations.retries;
        graph.tasks.push(task);
        self.known.insert(key, known);
    }

    fn known(&self, inputs: Vec<String>, chance: &mut Chance) -> Known {
        let (fate, strikes) = match chance.below(100) {
            0..4 => (Fate::Fail, 1 + chance.below(4) as u32),
            4..6 => (Fate::Kill, 1 + chance.below(6) as u32),
            6..9 => (Fate::Straggle, u32::MAX),
            9..11 => (Fate::Secede, u32::MAX),
            11..13 => (Fate::Reschedule, 2),
            13..50 if self.slow => (Fate::Straggle, u32::MAX),
            _ => (Fate::Return, 0),
        };
        let (workers, actor) = (Vec::new(), chance.happens(30));
        Known { inputs, fate, strikes, fails: false, actor, workers, others: false, gpu: false }
    }
}

/// The pickle of a short text.
fn pickle(text: &str) -> Vec<u8> {
    let length = u8::try_from(text.len()).expect("it is short");
    [b"\x80\x04\x8c", &[length][..], text.as_bytes(), b"."].concat()
}

/// The annotation of one of some spans, two of which stand in another.
fn span(number: usize) -> Value {
    let own: Value = format!("span{number}").as_str().into();
    let path = |own: Value| Value::Tuple(if number < 2 { vec!["span2".into(), own] } else { vec![own] });
    Value::map([("name", path(own.clone())), ("ids", path(own))])
}

fn spec(key: &str, known: &Known, index: usize, chance: &mut Chance) -> TaskSpec {
    let mut annotations = Annotations::default();
    if chance.happens(100) {
        annotations.priority = chance.below(5) as f64 - 2.0;
    }
    if chance.happens(200) {
        annotations.retries = chance.below(4) as u32;
    }
    if chance.happens(60) {
        annotations.workers = vec![format!("name{}", chance.below(4)).into()];
        annotations.allow_other_workers = chance.happens(400);
    }
    if annotations.workers.is_empty() && chance.happens(50) {
        annotations.resources = vec![("gpu".into(), 1.0)];
    }
    if index.is_multiple_of(3) {
        // Not by chance: what else happens stays the same.
        annotations.all = Value::map([("span", span(index / 3 % 4))]);
    }
    TaskSpec {
        key: key.into(),
        run_spec: Pickled::new(&pickle(key), Vec::new()),
        dependencies: known.inputs.iter().map(|input| Key::from(&**input)).collect(),
        order: index as i64,
        data_producer: known.inputs.is_empty() && chance.happens(100),
        actor: known.actor,
        annotations,
    }
}
