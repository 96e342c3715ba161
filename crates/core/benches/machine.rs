//! What a task costs between the sockets: `cargo bench -p cenote-core --bench machine -- [graph] [tasks] [workers]`.
//!
//! Messages of workers come in as bytes, and what is said to them goes out as bytes. Workers answer at once. Prints
//! nanoseconds a task: for taking in the graph, for computing it, and for letting go of it.
#![allow(clippy::disallowed_methods, clippy::disallowed_types, reason = "a benchmark needs a clock; core does not")]

use std::collections::BTreeMap;
use std::env::args;
use std::hint::black_box;
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use cenote_core::key::Key;
use cenote_core::protocol::batch::{Batch, BatchWriter};
use cenote_core::protocol::client::ClientReleasesKeys;
use cenote_core::protocol::field::{Optional, Text};
use cenote_core::protocol::frame::{Decoded, Decoder};
use cenote_core::protocol::question::Question;
use cenote_core::protocol::serialized::Pickled;
use cenote_core::protocol::value::Value;
use cenote_core::protocol::worker::{FromWorker, RegisterWorker, StartStop, TaskFinished, ToWorker};
use cenote_core::scheduler::instruction::Instruction;
use cenote_core::scheduler::stimulus::{Annotations, GraphSpec, Stimulus, TaskSpec};
use cenote_core::scheduler::{Scheduler, Settings};

const THREADS: u64 = 8;
/// Each task may need some of so many before it.
const REACH: usize = 1000;

fn main() {
    let mut words = args().skip(1).filter(|word| !word.starts_with("--"));
    let shape = words.next().unwrap_or_else(|| "tree".into());
    let tasks = words.next().map_or(100_000, |word| word.parse().expect("a number of tasks"));
    let workers = words.next().map_or(10, |word| word.parse().expect("a number of workers"));
    let mut cluster = Cluster::new(workers);
    println!("{:24} {:>8} {:>8} {:>8} {:>8} {:>9}", "ns a task", "take in", "compute", "let go", "all", "a message");
    for round in 0..3 {
        let graph = graph(&shape, tasks, round);
        let (count, keys) = (graph.tasks.len() as u32, graph.keys.clone());
        let graph = graph.into();
        let [taken, computed, released] = [
            cluster.turn(Stimulus::Submit { client: "c".into(), graph }),
            cluster.work(),
            cluster.turn(release(keys)) + cluster.work(),
        ];
        let nanoseconds = |time: Duration| (time / count).as_nanos();
        println!(
            "{:24} {:>8} {:>8} {:>8} {:>8} {:>9.1}",
            format!("{shape}, {count} on {workers}"),
            nanoseconds(taken),
            nanoseconds(computed),
            nanoseconds(released),
            nanoseconds(taken + computed + released),
            f64::from(count) / f64::from(std::mem::take(&mut cluster.messages)),
        );
    }
}

fn release(keys: Vec<Key>) -> Stimulus {
    Stimulus::Client { client: "c".into(), said: ClientReleasesKeys { keys, client: "c".into() }.into() }
}

/// A scheduler, and what was said to each worker but not heard yet.
struct Cluster {
    scheduler: Scheduler,
    now: f64,
    instructions: Vec<Instruction>,
    outboxes: BTreeMap<Text, BatchWriter>,
    messages: u32,
}

impl Cluster {
    fn new(workers: usize) -> Self {
        let scheduler = Scheduler::new(Settings::default());
        let (instructions, outboxes) = (Vec::new(), BTreeMap::default());
        let mut cluster = Self { scheduler, now: 1.8e9, instructions, outboxes, messages: 0 };
        cluster.turn(Stimulus::ClientJoined { client: "c".into(), versions: Value::Nil });
        for number in 0..workers {
            let about = RegisterWorker::plain(&format!("tcp://127.0.0.1:{}", 20_000 + number), THREADS);
            cluster.turn(Stimulus::Asked { ticket: 1, question: Question::RegisterWorker(about) });
        }
        cluster
    }

    /// Tells the scheduler something, and writes down what it says to workers.
    fn turn(&mut self, stimulus: Stimulus) -> Duration {
        let start = Instant::now();
        self.tell(stimulus);
        start.elapsed()
    }

    fn tell(&mut self, stimulus: Stimulus) {
        self.now += 1e-6;
        self.scheduler.handle_stimulus(stimulus, self.now, &mut self.instructions);
        for instruction in self.instructions.drain(..) {
            if let Instruction::ToWorker { worker, message } = instruction {
                self.outboxes.entry(worker).or_default().push(&message);
            }
        }
    }

    /// Lets workers answer until nothing is said to them any more. The time that the scheduler takes.
    fn work(&mut self) -> Duration {
        let mut taken = Duration::ZERO;
        while !self.outboxes.is_empty() {
            for (worker, outbox) in std::mem::take(&mut self.outboxes) {
                let start = Instant::now();
                let said = written(outbox);
                taken += start.elapsed();
                if let Some(answer) = answer(&said) {
                    self.messages += 1;
                    taken += self.hear(&worker, answer);
                }
            }
        }
        taken
    }

    #[inline(never)]
    fn hear(&mut self, worker: &Text, message: BytesMut) -> Duration {
        let start = Instant::now();
        let mut message = message;
        let Ok(Decoded::Message(frames)) = Decoder::default().decode(&mut message) else { unreachable!("it is whole") };
        for said in Batch::<FromWorker>::new(&frames).expect("it is a batch") {
            let said = said.expect("it was written here");
            self.tell(Stimulus::Worker { worker: worker.clone(), said });
        }
        start.elapsed()
    }
}

#[inline(never)]
fn written(outbox: BatchWriter) -> Vec<Bytes> {
    let mut segments = Vec::new();
    outbox.finish().encode(&mut segments);
    black_box(segments)
}

/// What a worker says to this.
fn answer(said: &[Bytes]) -> Option<BytesMut> {
    let mut message = BytesMut::from(said.concat().as_slice());
    let Ok(Decoded::Message(frames)) = Decoder::default().decode(&mut message) else { unreachable!("it is whole") };
    let mut answers = BatchWriter::default();
    for said in Batch::<ToWorker>::new(&frames).expect("it is a batch") {
        if let ToWorker::ComputeTask(task) = said.expect("it was written here") {
            answers.push(&FromWorker::from(finished(task.key, task.run_id)));
        }
    }
    let mut segments = Vec::new();
    (!answers.is_empty()).then(|| {
        answers.finish().encode(&mut segments);
        segments.concat().as_slice().into()
    })
}

fn finished(key: Key, run_id: i64) -> TaskFinished {
    let compute = StartStop { action: "compute".into(), start: 1.8e9, stop: 1.8e9 + 1e-5, source: Optional(None) };
    TaskFinished {
        nbytes: 28,
        class: Bytes::from_static(b"\x80\x04\x95\x14\0\0\0\0\0\0\0\x8c\x08builtins\x94\x8c\x03int\x94\x93\x94."),
        metadata: Value::Map(Vec::new()),
        thread: Some(140_234_567_890),
        startstops: vec![compute],
        stimulus_id: "task-finished-1795423123.1234567".into(),
        status: Optional(Some("OK".into())),
        ..TaskFinished::plain(key, run_id)
    }
}

/// Tasks and what each needs: those of `benchmarks/rows_cluster.py`.
fn graph(shape: &str, count: usize, round: usize) -> GraphSpec {
    let name = format!("{shape}-{round}");
    let mut tasks: Vec<TaskSpec> = Vec::new();
    let mut add = |kind: &str, number: usize, dependencies: Vec<Key>| {
        let key = Key::from(format!("{name}-{kind}-{number}").as_str());
        let run_spec = Pickled::new(&[7; 150], Vec::new());
        let (order, annotations) = (tasks.len().cast_signed() as i64, Annotations::default());
        let (data_producer, actor) = (false, false);
        tasks.push(TaskSpec { key: key.clone(), run_spec, dependencies, order, data_producer, actor, annotations });
        key
    };
    let last = match shape {
        "merge" => {
            let leaves = (0..count).map(|number| add("leaf", number, Vec::new())).collect();
            add("sum", 0, leaves)
        }
        "tree" => {
            // Pairs as soon as they are there, as a good order has it.
            let mut waiting: Vec<(u32, Key)> = Vec::new();
            for number in 0..count.div_ceil(2) {
                let mut top = (0, add("leaf", number, Vec::new()));
                while let Some((_, twin)) = waiting.pop_if(|(level, _)| *level == top.0) {
                    top = (top.0 + 1, add(&format!("add-{}", top.0), number, vec![twin, top.1]));
                }
                waiting.push(top);
            }
            add("last", 0, waiting.into_iter().map(|(_, key)| key).collect())
        }
        _ => {
            let mut chance = 7_u64;
            let mut draw = |below: usize| {
                chance = chance.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                (chance >> 33) as usize % below
            };
            let mut keys: Vec<Key> = Vec::new();
            let mut used = vec![false; count];
            for number in 0..count {
                let inputs = if number == 0 { 0 } else { draw(5) };
                let mut needs: Vec<usize> = (0..inputs).map(|_| number - 1 - draw(number.min(REACH))).collect();
                needs.sort_unstable();
                needs.dedup();
                for &needed in &needs {
                    used[needed] = true;
                }
                keys.push(add("task", number, needs.into_iter().map(|needed| keys[needed].clone()).collect()));
            }
            let unused = keys.into_iter().zip(used).filter(|(_, used)| !used).map(|(key, _)| key);
            add("last", 0, unused.collect())
        }
    };
    GraphSpec { tasks, keys: vec![last], ..GraphSpec::default() }
}
