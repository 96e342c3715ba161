//! Graphs as the executor says them: pieces of keys and of tasks, which become one flat graph.

use std::sync::Arc;

use bytes::Bytes;
use cenote_core::key::Key;
use cenote_core::protocol::field::{self, Text};
use cenote_core::protocol::frame::Frames;
use cenote_core::protocol::serialized::Pickled;
use cenote_core::protocol::value::Value;
use cenote_core::scheduler::stimulus::{Annotations, GraphSpec, TaskSpec};

/// A graph that is being heard.
#[derive(Debug, Default)]
pub struct GraphBuilder {
    fifo_timeout: f64,
    /// Those of tasks first.
    keys: Vec<Key>,
    /// The first stands for no annotations at all.
    annotations: Vec<Annotations>,
    buffers: Vec<Bytes>,
    tasks: Vec<TaskSpec>,
}

type Result<T> = std::result::Result<T, String>;

impl GraphBuilder {
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

    /// The graph, after its last message.
    pub fn finish(self, keys: Vec<Key>, submitting_task: Option<Key>) -> GraphSpec {
        GraphSpec { tasks: self.tasks, keys, submitting_task, fifo_timeout: self.fifo_timeout }
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
        let mut orders = Numbers::of(message, "order")?;
        let mut dependency_counts = Numbers::of(message, "dependency_counts")?;
        let mut dependencies = Numbers::of(message, "dependencies")?;
        let mut notes = Numbers::of(message, "annotation_of")?;
        let mut pickles = bytes(message, "pickles")?.clone();
        let mut pickle_lengths = Numbers::of(message, "pickle_lengths")?;
        let mut buffer_counts = Numbers::of(message, "buffer_counts")?;
        let mut buffers = Numbers::of(message, "buffer_of")?;
        let flags = bytes(message, "data_producer")?.iter().zip(bytes(message, "actor")?);
        for (&data_producer, &actor) in flags {
            let key = self.keys.get(self.tasks.len()).ok_or("a task without a key")?.clone();
            let dependencies = dependencies.each::<4, Key>(&mut dependency_counts, &self.keys)?;
            let buffers = buffers.each::<4, Bytes>(&mut buffer_counts, &self.buffers)?;
            let length = pickle_lengths.next::<8>()? as usize;
            if length > pickles.len() {
                return Err("a pickle is cut off".into());
            }
            let run_spec = Arc::new(Pickled::new(&pickles.split_to(length), buffers));
            let order = orders.next::<8>()?.cast_signed();
            let annotations = self.annotations.get(notes.next::<4>()? as usize).ok_or("annotations are missing")?;
            let (data_producer, actor) = (data_producer != 0, actor != 0);
            let annotations = annotations.clone();
            self.tasks.push(TaskSpec { key, run_spec, dependencies, order, data_producer, actor, annotations });
        }
        Ok(())
    }
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
    fn each<const WIDTH: usize, T: Clone>(&mut self, counts: &mut Self, of: &[T]) -> Result<Vec<T>> {
        let count = counts.next::<4>()? as usize;
        let mut things = Vec::with_capacity(count.min(self.bytes.len() / WIDTH));
        for _ in 0..count {
            things.push(of.get(self.next::<WIDTH>()? as usize).ok_or("an index is out of range")?.clone());
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
