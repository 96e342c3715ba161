//! Graphs as the executor says them: pieces of keys and of tasks, which become one flat graph. The order of its tasks is
//! found here, for it needs nothing but ids, edges and keys.

use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;
use cenote_core::graph::{Graph, GraphBuilder as EdgeBuilder, TaskId, TaskKind};
use cenote_core::key::Key;
use cenote_core::order::{Cycle, order};
use cenote_core::protocol::client::UpdateGraph;
use cenote_core::protocol::field::{self, Map, Text};
use cenote_core::protocol::frame::Frames;
use cenote_core::protocol::rpc::Request;
use cenote_core::protocol::serialized::PickledWriter;
use cenote_core::protocol::value::Value;
use cenote_core::scheduler::flat_graph::{self, FlatGraph, FlatTask};
use cenote_core::scheduler::stimulus::Annotations;

/// What a client says about a graph, beside the expression.
#[derive(Debug, Default)]
pub struct About {
    /// The order that the client has given.
    order: Map<Key, i64>,
    keys: Vec<Key>,
    submitting_task: Option<Key>,
}

/// A graph that is being heard.
#[derive(Debug, Default)]
pub struct GraphBuilder {
    about: About,
    fifo_timeout: f64,
    /// Those of tasks first.
    keys: Vec<Key>,
    /// The first stands for no annotations at all.
    annotations: Vec<Annotations>,
    buffers: Vec<Bytes>,
    /// What the last task needs of these: the next one often needs the same.
    used: (Vec<u32>, Arc<[Bytes]>),
    tasks: Vec<FlatTask>,
    /// What tasks need, by the places of keys.
    needs: Vec<u32>,
    /// The places of tasks that are data.
    data: Vec<u32>,
    payloads: PickledWriter,
}

/// The place of tasks in the order that the client has given none: before all others.
const UNORDERED: i64 = -1;
const OUT_OF_RANGE: &str = "an index is out of range";

/// What is said of a task beside numbers.
const DATA_PRODUCER: u8 = 1;
const ACTOR: u8 = 2;
const DATA: u8 = 4;

type Result<T> = std::result::Result<T, String>;

impl About {
    /// What is known of a graph without Python, and what must be asked. The expression is in the question alone.
    pub fn split(mut graph: UpdateGraph) -> (Self, Frames) {
        let order = graph.internal_priority.take().unwrap_or_default();
        let question = Request::encode("materialize", &graph);
        (Self { order, keys: graph.keys.0, submitting_task: graph.submitting_task }, question)
    }
}

impl GraphBuilder {
    /// A graph of which nothing has been heard yet.
    pub fn new(about: About) -> Self {
        Self { about, ..Self::default() }
    }

    /// Takes the next message, and the buffers that stand beside it.
    pub fn add(&mut self, message: &Value, buffers: &[Bytes]) -> Result<()> {
        if let Some(Value::Bytes(keys)) = message.get("keys") {
            let head = Frames { head: keys.clone(), rest: Vec::new() };
            self.keys.extend(field::decode::<Vec<Key>>(&head).map_err(|error| error.to_string())?);
        } else if message.get("tasks").is_some() {
            let tasks = count(message, "tasks");
            self.fifo_timeout = message.get("fifo_timeout").and_then(Value::as_f64).unwrap_or(0.0);
            self.tasks.reserve_exact(tasks);
            self.annotations.push(Annotations::default());
        } else {
            self.add_tasks(message, buffers)?;
        }
        Ok(())
    }

    /// How many tasks have been heard.
    pub fn len(&self) -> usize {
        self.tasks.len()
    }

    /// The graph, after its last message, in the order that the client has given, or else in the static order.
    ///
    /// # Errors
    /// A cycle, in the words of Dask.
    pub fn finish(mut self) -> Result<FlatGraph> {
        let About { order: Map(order), keys, submitting_task } = std::mem::take(&mut self.about);
        if order.is_empty() {
            self.order()?;
        } else {
            let order: HashMap<Key, i64> = order.into_iter().collect();
            for (task, key) in self.tasks.iter_mut().zip(&self.keys) {
                task.order = order.get(key).copied().unwrap_or(UNORDERED);
            }
        }
        let about = flat_graph::About { keys, submitting_task, fifo_timeout: self.fifo_timeout };
        let graph = FlatGraph::new(self.keys, self.tasks, self.needs, self.annotations, about);
        graph.map_err(|error| error.to_string())
    }

    /// Finds the static order. What tasks need from outside of the graph counts as data, and has no place itself.
    fn order(&mut self) -> Result<()> {
        let mut edges = EdgeBuilder::default();
        let (mut start, mut data) = (0, self.data.iter().copied().peekable());
        for (task, place) in self.tasks.iter().zip(0..) {
            for &need in &self.needs[start..task.needs_end as usize] {
                edges.push_distinct(TaskId(need));
            }
            start = task.needs_end as usize;
            let is_data = data.next_if_eq(&place).is_some();
            edges.finish_task(if is_data { TaskKind::Data } else { TaskKind::Call });
        }
        for _ in self.tasks.len()..self.keys.len() {
            edges.finish_task(TaskKind::Data);
        }
        let graph = edges.build();
        let keys = &self.keys;
        let by_text = |a: TaskId, b: TaskId| keys[a.index()].compare_text(&keys[b.index()]);
        let places = order(&graph, &graph.reversed(), by_text).map_err(|Cycle(cycle)| {
            let keys: Vec<_> = cycle.iter().map(|task| keys[task.index()].to_string()).collect();
            format!("Cycle detected between the following keys:\n  -> {}", keys.join("\n  -> "))
        })?;
        let places = within(&graph, &places, self.tasks.len());
        for (task, place) in self.tasks.iter_mut().zip(places) {
            task.order = place;
        }
        Ok(())
    }

    fn add_tasks(&mut self, message: &Value, buffers: &[Bytes]) -> Result<()> {
        if let Some(Value::Tuple(notes)) = message.get("annotations") {
            self.annotations.extend(notes.iter().map(annotations));
        }
        let mut pickles: &[u8] = bytes(message, "pickles")?;
        let buffers = &buffers[buffers.len().saturating_sub(count(message, "buffers"))..];
        // In memory of their own: they may outlive the rest of their message.
        self.buffers.extend(buffers.iter().map(|buffer| Bytes::copy_from_slice(buffer)));
        let needs_start = self.needs.len();
        self.needs.extend(words(bytes(message, "dependencies")?));
        if self.needs[needs_start..].iter().any(|&place| place as usize >= self.keys.len()) {
            return Err(OUT_OF_RANGE.into());
        }
        let mut dependency_counts = words(bytes(message, "dependency_counts")?);
        let mut notes = words(bytes(message, "annotation_of")?);
        let mut pickle_lengths = words(bytes(message, "pickle_lengths")?);
        let mut buffer_counts = words(bytes(message, "buffer_counts")?);
        let mut buffer_of = words(bytes(message, "buffer_of")?);
        let next = |numbers: &mut dyn Iterator<Item = u32>| numbers.next().ok_or("an array of numbers is cut off");
        let mut needs_end = self.tasks.last().map_or(0, |task| task.needs_end);
        for &flags in bytes(message, "flags")? {
            if self.tasks.len() >= self.keys.len() {
                return Err("a task without a key".into());
            }
            needs_end = needs_end.checked_add(next(&mut dependency_counts)?).ok_or("there are too many edges")?;
            let count = next(&mut buffer_counts)? as usize;
            let buffers = self.used_buffers(buffer_of.by_ref().take(count).collect(), count)?;
            let length = next(&mut pickle_lengths)? as usize;
            let (pickle, rest) = pickles.split_at_checked(length).ok_or("a pickle is cut off")?;
            pickles = rest;
            if flags & DATA != 0 {
                self.data.extend(u32::try_from(self.tasks.len()));
            }
            self.tasks.push(FlatTask {
                run_spec: self.payloads.pickled(pickle, buffers),
                needs_end,
                order: UNORDERED,
                data_producer: flags & DATA_PRODUCER != 0,
                actor: flags & ACTOR != 0,
                annotations: next(&mut notes)?,
            });
        }
        if needs_end as usize == self.needs.len() { Ok(()) } else { Err("needs without a task".into()) }
    }

    /// The buffers of these numbers, which are so many. Tasks that need the same ones share their list.
    fn used_buffers(&mut self, numbers: Vec<u32>, count: usize) -> Result<Arc<[Bytes]>> {
        if numbers.len() < count {
            return Err("an array of numbers is cut off".into());
        }
        if self.used.0 != numbers {
            let buffer = |&number: &u32| self.buffers.get(number as usize).cloned();
            let buffers = numbers.iter().map(buffer).collect::<Option<_>>().ok_or(OUT_OF_RANGE)?;
            self.used = (numbers, buffers);
        }
        Ok(self.used.1.clone())
    }
}

fn count(message: &Value, name: &str) -> usize {
    match message.get(name) {
        Some(&Value::Int(count)) => usize::try_from(count).unwrap_or(0),
        _ => 0,
    }
}

/// The places of the first so many tasks among themselves.
fn within(graph: &Graph, places: &[u32], tasks: usize) -> Vec<i64> {
    let mut sequence = vec![TaskId(0); graph.len()];
    for task in graph.tasks() {
        sequence[places[task.index()] as usize] = task;
    }
    let mut found = vec![UNORDERED; tasks];
    for (place, task) in (0..).zip(sequence.iter().filter(|task| task.index() < tasks)) {
        found[task.index()] = place;
    }
    found
}

/// The numbers of an array.
fn words(bytes: &Bytes) -> impl Iterator<Item = u32> {
    bytes.chunks_exact(size_of::<u32>()).map(|word| u32::from_le_bytes(word.try_into().expect("it has its width")))
}

fn bytes<'a>(message: &'a Value, name: &'static str) -> Result<&'a Bytes> {
    match message.get(name) {
        Some(Value::Bytes(bytes)) => Ok(bytes),
        _ => Err(format!("{name} is missing")),
    }
}

/// What the executor has understood of a note, and all of it.
fn annotations(said: &Value) -> Annotations {
    let text = |value: &Value| value.as_str().map(Text::from);
    let workers = match said.get("workers") {
        Some(Value::Tuple(workers)) => workers.iter().filter_map(text).collect(),
        _ => Vec::new(),
    };
    let resources = match said.get("resources") {
        Some(Value::Map(resources)) => {
            resources.iter().filter_map(|(name, amount)| Some((text(name)?, amount.as_f64()?))).collect()
        }
        _ => Vec::new(),
    };
    let retries = match said.get("retries") {
        Some(&Value::Int(retries)) => u32::try_from(retries.max(0)).unwrap_or(u32::MAX),
        Some(Value::UInt(_)) => u32::MAX,
        _ => 0,
    };
    Annotations {
        priority: said.get("priority").and_then(Value::as_f64).unwrap_or(0.0),
        retries,
        workers,
        allow_other_workers: said.get("allow_other_workers") == Some(&Value::Bool(true)),
        resources,
        all: said.get("all").cloned().unwrap_or(Value::Map(Vec::new())),
    }
}
