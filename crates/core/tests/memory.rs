//! How much memory tasks and edges take, and that it is given back. `CENOTE_MEMORY_TASKS` says how many tasks are
//! released in waves.
#![allow(clippy::disallowed_methods, reason = "the budget stands in the environment; core does not read it")]
#![allow(clippy::cast_precision_loss, clippy::cast_possible_wrap, reason = "sizes are compared, not added up")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering};

use cenote_core::key::Key;
use cenote_core::protocol::client::ClientReleasesKeys;
use cenote_core::protocol::question::Question;
use cenote_core::protocol::serialized::Pickled;
use cenote_core::protocol::value::Value;
use cenote_core::protocol::worker::{RegisterWorker, TaskFinished, ToWorker};
use cenote_core::scheduler::instruction::Instruction;
use cenote_core::scheduler::stimulus::{Annotations, GraphSpec, Stimulus, TaskSpec};
use cenote_core::scheduler::{Scheduler, Settings};

/// Bytes beyond key and payload, with what measuring adds.
const TASK_BYTES_MAX: f64 = 500.0;
const EDGE_BYTES_MAX: f64 = 32.0;

/// So many tasks stand beside each other in a graph.
const ROW: usize = 1000;

/// The allocator of the system, and how many bytes are taken from it.
struct Counted;

static TAKEN: AtomicUsize = AtomicUsize::new(0);

#[global_allocator]
static ALLOCATOR: Counted = Counted;

// SAFETY: every call is passed on as it came.
unsafe impl GlobalAlloc for Counted {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        TAKEN.fetch_add(layout.size(), Ordering::Relaxed);
        // SAFETY: the caller keeps the contract, which is the same.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, place: *mut u8, layout: Layout) {
        TAKEN.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: as above.
        unsafe { System.dealloc(place, layout) }
    }
}

fn taken_bytes() -> f64 {
    TAKEN.load(Ordering::Relaxed) as f64
}

struct Cluster {
    scheduler: Scheduler,
    instructions: Vec<Instruction>,
    now: f64,
}

impl Cluster {
    fn new() -> Self {
        let settings = Settings { story_lines_max: 1000, ..Settings::default() };
        let mut cluster = Self { scheduler: Scheduler::new(settings), instructions: Vec::new(), now: 0.0 };
        cluster.tell(Stimulus::ClientJoined { client: "c".into(), versions: Value::Nil });
        cluster.tell(Stimulus::Asked {
            ticket: 1,
            question: Question::RegisterWorker(RegisterWorker::plain("tcp://w:1", 8)),
        });
        cluster
    }

    fn tell(&mut self, stimulus: Stimulus) {
        self.now += 1e-4;
        self.scheduler.handle_stimulus(stimulus, self.now, &mut self.instructions);
    }

    /// Finishes all that is sent, until nothing is.
    fn work(&mut self) {
        loop {
            let sent: Vec<_> = self.instructions.drain(..).filter_map(sent).collect();
            if sent.is_empty() {
                return;
            }
            for (key, run_id) in sent {
                let said = TaskFinished::plain(key, run_id).into();
                self.tell(Stimulus::Worker { worker: "tcp://w:1".into(), said });
            }
        }
    }
}

fn sent(instruction: Instruction) -> Option<(Key, i64)> {
    match instruction {
        Instruction::ToWorker { message: ToWorker::ComputeTask(task), .. } => Some((task.key, task.run_id)),
        _ => None,
    }
}

fn task(name: &str, dependencies: Vec<Key>, order: usize) -> TaskSpec {
    TaskSpec {
        key: name.into(),
        run_spec: Pickled::new(&[0; 84], Vec::new()),
        dependencies,
        order: order as i64,
        data_producer: false,
        actor: false,
        annotations: Annotations::default(),
    }
}

/// The tasks `NAME-0`, `NAME-1`, …, each of which needs as many of the others, in rows.
fn graph(name: &str, count: usize, inputs: usize) -> GraphSpec {
    let key = |index: usize| format!("{name}-{index}");
    let needs = |index: usize| -> Vec<Key> {
        let above = index.checked_sub(ROW).map(|above| above / ROW * ROW);
        let some = |above: usize| (0..inputs).map(move |step| key(above + (index + step * 7) % ROW).as_str().into());
        above.into_iter().flat_map(some).collect()
    };
    let tasks: Vec<_> = (0..count).map(|index| task(&key(index), needs(index), index)).collect();
    let keys = tasks.iter().map(|task| task.key.clone()).collect();
    GraphSpec { tasks, keys, ..GraphSpec::default() }
}

/// Bytes that a cluster takes which has computed this graph and keeps all of it, beyond keys and payloads.
fn cost(count: usize, inputs: usize) -> f64 {
    let before = taken_bytes();
    let mut cluster = Cluster::new();
    let graph = graph("task", count, inputs);
    let payload: usize = graph.tasks.iter().map(|task| task.key.to_string().len() + task.run_spec.header().len()).sum();
    cluster.tell(Stimulus::Submit { client: "c".into(), graph: graph.into() });
    cluster.work();
    assert_eq!(cluster.scheduler.keys().count(), count);
    let cost = taken_bytes() - before - payload as f64;
    drop(cluster);
    cost
}

/// The only test of its process: what others take would be counted.
#[test]
fn tasks_take_little_and_give_it_back() {
    // Just below a power of two, so that what grows by doubling is as full as it gets.
    const TASKS: usize = 57_000;
    const INPUTS: usize = 4;
    let alone = cost(TASKS, 0);
    let edges = (TASKS - ROW) * INPUTS;
    let (task, edge) = (alone / TASKS as f64, (cost(TASKS, INPUTS) - alone) / edges as f64);
    println!("{task:.0} bytes a task, {edge:.1} an edge, beyond key and payload");
    let tasks = std::env::var("CENOTE_MEMORY_TASKS").ok().and_then(|it| it.parse().ok());
    waves(tasks.unwrap_or(200_000));
    assert!(task < TASK_BYTES_MAX, "a task takes {task:.0} bytes");
    assert!(edge < EDGE_BYTES_MAX, "an edge takes {edge:.0} bytes");
}

/// Tasks come and go, and the process does not grow.
fn waves(tasks: usize) {
    let wave = 20_000;
    let mut cluster = Cluster::new();
    let mut first = None;
    for number in 0..tasks / wave {
        let graph = graph(&format!("wave{number}"), wave, 2);
        let keys = graph.keys.clone();
        cluster.tell(Stimulus::Submit { client: "c".into(), graph: graph.into() });
        cluster.work();
        let said = ClientReleasesKeys { keys, client: "c".into() }.into();
        cluster.tell(Stimulus::Client { client: "c".into(), said });
        cluster.work();
        assert_eq!(cluster.scheduler.keys().count(), 0);
        if number == 4 {
            first = Some(taken_bytes());
        }
    }
    let grown = taken_bytes() - first.expect("there are some waves");
    println!("{:.1} MB more after {tasks} tasks", grown / 1e6);
    assert!(grown < 4e6, "the process has grown by {grown} bytes");
}
