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
use cenote_core::protocol::serialized::Pickled;
use cenote_core::protocol::value::Value;
use cenote_core::scheduler::stimulus::{Annotations, GraphSpec, TaskSpec};

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
    tasks: Vec<TaskSpec>,
    /// What each task needs, by the places of keys.
    edges: EdgeBuilder,
}

/// The place of tasks in the order that the client has given none: before all others.
const UNORDERED: i64 = -1;
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

    /// Takes the next message.
    pub fn add(&mut self, message: &Value) -> Result<()> {
        if let Some(Value::Bytes(keys)) = message.get("keys") {
            let head = Frames { head: keys.clone(), rest: Vec::new() };
            self.keys.extend(field::decode::<Vec<Key>>(&head).map_err(|error| error.to_string())?);
        } else if let Some(tasks) = message.get("tasks") {
            self.fifo_timeout = message.get("fifo_timeout").and_then(Value::as_f64).unwrap_or(0.0);
            let Value::Int(tasks) = *tasks else { return Err("tasks is no number".into()) };
            self.tasks.reserve(usize::try_from(tasks).unwrap_or(0));
            self.annotations.push(Annotations::default());
        } else {
            self.add_tasks(message)?;
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
    pub fn finish(mut self) -> Result<GraphSpec> {
        let About { order: Map(order), keys, submitting_task } = std::mem::take(&mut self.about);
        if order.is_empty() {
            self.order()?;
        } else {
            let order: HashMap<Key, i64> = order.into_iter().collect();
            for task in &mut self.tasks {
                task.order = order.get(&task.key).copied().unwrap_or(UNORDERED);
            }
        }
        Ok(GraphSpec { tasks: self.tasks, keys, submitting_task, fifo_timeout: self.fifo_timeout })
    }

    /// Finds the static order. What tasks need from outside of the graph counts as data, and has no place itself.
    fn order(&mut self) -> Result<()> {
        let mut edges = std::mem::take(&mut self.edges);
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

    fn add_tasks(&mut self, message: &Value) -> Result<()> {
        if let Some(Value::Tuple(notes)) = message.get("annotations") {
            self.annotations.extend(notes.iter().map(annotations));
        }
        if let Some(Value::Tuple(buffers)) = message.get("buffers") {
            for buffer in buffers {
                let Value::Bytes(buffer) = buffer else { return Err("a buffer is no bytes".into()) };
                // Its own memory: it may outlive the rest of the message.
                self.buffers.push(Bytes::copy_from_slice(buffer));
            }
        }
        let mut dependency_counts = Numbers::of(message, "dependency_counts")?;
        let mut dependencies = Numbers::of(message, "dependencies")?;
        let mut notes = Numbers::of(message, "annotation_of")?;
        let mut pickles = bytes(message, "pickles")?.clone();
        let mut pickle_lengths = Numbers::of(message, "pickle_lengths")?;
        let mut buffer_counts = Numbers::of(message, "buffer_counts")?;
        let mut buffers = Numbers::of(message, "buffer_of")?;
        for &flags in bytes(message, "flags")? {
            let key = self.keys.get(self.tasks.len()).ok_or("a task without a key")?.clone();
            let dependencies = dependencies.each(&mut dependency_counts, &self.keys, |place| {
                self.edges.push_distinct(TaskId(place));
            })?;
            self.edges.finish_task(if flags & DATA == 0 { TaskKind::Call } else { TaskKind::Data });
            let buffers = buffers.each(&mut buffer_counts, &self.buffers, |_| ())?;
            let length = pickle_lengths.next::<8>()? as usize;
            if length > pickles.len() {
                return Err("a pickle is cut off".into());
            }
            let run_spec = Arc::new(Pickled::new(&pickles.split_to(length), buffers));
            let annotations = self.annotations.get(notes.next::<4>()? as usize).ok_or("annotations are missing")?;
            self.tasks.push(TaskSpec {
                key,
                run_spec,
                dependencies,
                order: UNORDERED,
                data_producer: flags & DATA_PRODUCER != 0,
                actor: flags & ACTOR != 0,
                annotations: annotations.clone(),
            });
        }
        Ok(())
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

/// An array of numbers, read one by one.
struct Numbers {
    bytes: Bytes,
}

impl Numbers {
    fn of(message: &Value, name: &'static str) -> Result<Self> {
        Ok(Self { bytes: bytes(message, name)?.clone() })
    }

    fn next<const WIDTH: usize>(&mut self) -> Result<u64> {
        if self.bytes.len() < WIDTH {
            return Err("an array of numbers is cut off".into());
        }
        let mut word = [0; 8];
        word[..WIDTH].copy_from_slice(&self.bytes.split_to(WIDTH));
        Ok(u64::from_le_bytes(word))
    }

    /// The things of which the next numbers are the indices; how many, another array says.
    fn each<T: Clone>(&mut self, counts: &mut Self, of: &[T], mut place: impl FnMut(u32)) -> Result<Vec<T>> {
        let count = counts.next::<4>()? as usize;
        let mut things = Vec::with_capacity(count.min(self.bytes.len() / 4));
        for _ in 0..count {
            let index = self.next::<4>()? as u32;
            things.push(of.get(index as usize).ok_or("an index is out of range")?.clone());
            place(index);
        }
        Ok(things)
    }
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
