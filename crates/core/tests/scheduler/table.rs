//! The table: tells a scheduler something, and returns all that it says, a line each.

use std::fmt::Write;

use cenote_core::key::Key;
use cenote_core::protocol::client::{ClientReleasesKeys, FromClient, ToClient, UpdateGraph};
use cenote_core::protocol::field::{Optional, Set};
use cenote_core::protocol::question::Question;
use cenote_core::protocol::serialized::{Pickled, Serialized};
use cenote_core::protocol::value::Value;
use cenote_core::protocol::worker::{FromWorker, RegisterWorker, StartStop, TaskErred, TaskFinished, ToWorker};
use cenote_core::scheduler::instruction::Instruction;
use cenote_core::scheduler::stimulus::{Annotations, GraphSpec, Stimulus, TaskSpec};
use cenote_core::scheduler::task::StateName;
use cenote_core::scheduler::{Scheduler, Settings};

/// A scheduler and what it said last.
pub struct Table {
    pub scheduler: Scheduler,
    pub now: f64,
}

impl Table {
    /// One client, `c`, and workers of one thread with these names.
    pub fn new(workers: &[&str]) -> Self {
        Self::with(Settings::default(), workers)
    }

    /// The same, with other settings.
    pub fn with(settings: Settings, workers: &[&str]) -> Self {
        let mut table = Self { scheduler: Scheduler::new(settings), now: 0.0 };
        table.tell(Stimulus::ClientJoined { client: "c".into(), versions: Value::Nil });
        for name in workers {
            table.tell(joined(name));
        }
        table
    }

    /// Tells it something, and returns all that it says, a line each.
    pub fn tell(&mut self, stimulus: Stimulus) -> String {
        self.now += 1.0;
        let mut instructions = Vec::new();
        self.scheduler.handle_stimulus(stimulus, self.now, &mut instructions);
        self.scheduler.validate().expect("what must hold holds");
        instructions.iter().fold(String::new(), |mut text, instruction| {
            writeln!(text, "{}", line(instruction)).expect("text can be written to");
            text
        })
    }

    pub fn client(&mut self, said: impl Into<FromClient>) -> String {
        self.tell(Stimulus::Client { client: "c".into(), said: said.into() })
    }

    pub fn submit(&mut self, tasks: &[(&str, &[&str])], wanted: &[&str]) -> String {
        self.submit_graph(graph(tasks, wanted))
    }

    pub fn submit_graph(&mut self, graph: GraphSpec) -> String {
        self.tell(Stimulus::Submit { client: "c".into(), graph: graph.into() })
    }

    pub fn worker(&mut self, worker: &str, said: impl Into<FromWorker>) -> String {
        self.tell(Stimulus::Worker { worker: worker.into(), said: said.into() })
    }

    pub fn ask(&mut self, question: impl Into<Question>) -> String {
        self.ask_as(1, question)
    }

    pub fn ask_as(&mut self, ticket: u64, question: impl Into<Question>) -> String {
        self.tell(Stimulus::Asked { ticket, question: question.into() })
    }

    pub fn finished(&mut self, worker: &str, key: &str, run: i64) -> String {
        self.worker(worker, finished(key, run))
    }

    pub fn erred(&mut self, worker: &str, key: &str, run_id: i64) -> String {
        self.raised(worker, key, run_id, "boom")
    }

    /// A task has raised what reads so.
    pub fn raised(&mut self, worker: &str, key: &str, run_id: i64, text: &str) -> String {
        let failed = TaskErred {
            key: key.into(),
            run_id,
            exception: key.into(),
            traceback: Value::Nil,
            exception_text: text.into(),
            traceback_text: "".into(),
            thread: None,
            startstops: Vec::new(),
            stimulus_id: "task-erred".into(),
            status: Optional(None),
        };
        self.worker(worker, failed)
    }

    pub fn state(&self, key: &str) -> Option<StateName> {
        self.scheduler.task(&key.into()).map(|task| task.state)
    }
}

pub fn finished(key: &str, run_id: i64) -> TaskFinished {
    let computed = StartStop { action: "compute".into(), start: 1.0, stop: 1.1, source: Optional(None) };
    TaskFinished { startstops: vec![computed], ..TaskFinished::plain(key.into(), run_id) }
}

pub fn joined(name: &str) -> Stimulus {
    let question = Question::RegisterWorker(RegisterWorker::plain(name, 1));
    Stimulus::Asked { ticket: 1, question }
}

pub fn keys(names: &[&str]) -> Vec<Key> {
    names.iter().map(|&name| name.into()).collect()
}

/// Tasks as `name: inputs`, in their order.
pub fn graph(tasks: &[(&str, &[&str])], wanted: &[&str]) -> GraphSpec {
    let task = |(order, &(name, inputs)): (usize, &(&str, &[&str]))| TaskSpec {
        key: name.into(),
        run_spec: Pickled::new(name.as_bytes(), Vec::new()),
        dependencies: keys(inputs),
        order: i64::try_from(order).expect("it is small"),
        data_producer: false,
        actor: false,
        annotations: Annotations::default(),
    };
    let tasks = tasks.iter().enumerate().map(task).collect();
    GraphSpec { tasks, keys: keys(wanted), ..GraphSpec::default() }
}

pub fn releases(names: &[&str]) -> ClientReleasesKeys {
    ClientReleasesKeys { keys: keys(names), client: "c".into() }
}

pub fn expression(wanted: &[&str]) -> UpdateGraph {
    UpdateGraph {
        expr_ser: Serialized::pickled(b"graph".as_slice().into(), &[]),
        keys: Set(keys(wanted)),
        internal_priority: None,
        submitting_task: None,
        fifo_timeout: "60s".into(),
        actors: Value::Nil,
        code: None,
        annotations: None,
        span_metadata: None,
    }
}

pub fn join(names: &[Key]) -> String {
    names.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
}

pub fn line(instruction: &Instruction) -> String {
    match instruction {
        Instruction::ToWorker { worker, message } => match message {
            ToWorker::ComputeTask(task) => {
                let inputs = task.who_has.0.iter().map(|(key, holders)| format!(" {key}@{}", holders.join(",")));
                format!("{worker}: compute {} run {}{}", task.key, task.run_id, inputs.collect::<String>())
            }
            ToWorker::FreeKeys(it) => format!("{worker}: free {}", join(&it.keys)),
            ToWorker::RemoveReplicas(it) => format!("{worker}: remove {}", join(&it.keys)),
            ToWorker::RefreshWhoHas(it) => {
                let holders = it.who_has.0.iter().map(|(key, holders)| format!(" {key}@{}", holders.join(",")));
                format!("{worker}: refresh{}", holders.collect::<String>())
            }
            ToWorker::AcquireReplicas(it) => {
                let holders = it.who_has.0.iter().map(|(key, holders)| format!(" {key}@{}", holders.join(",")));
                format!("{worker}: acquire{}", holders.collect::<String>())
            }
            ToWorker::StealRequest(it) => format!("{worker}: give back {} for {}", it.key, it.stimulus_id),
            ToWorker::WorkerStatusChange(it) => format!("{worker}: become {}", it.status),
            ToWorker::RemoveWorker(it) => format!("{worker}: gone {}", it.worker),
            ToWorker::ShuffleFail(it) => format!("{worker}: fail {} run {}", it.shuffle_id, it.run_id),
            ToWorker::Close(it) => format!("{worker}: close, {}", it.reason),
            other => format!("{worker}: {other:?}"),
        },
        Instruction::ToClient { client, message } => match message {
            ToClient::KeyInMemory(it) => format!("{client}: memory {}", it.key),
            ToClient::LostData(it) => format!("{client}: lost {}", it.key),
            ToClient::TaskRetried(it) => format!("{client}: retried {}", it.key),
            ToClient::CancelledKeys(it) => format!("{client}: cancelled {}", join(&it.keys)),
            ToClient::TaskErred(it) => format!("{client}: erred {} by {}", it.key, shown(&it.exception)),
            other => format!("{client}: {other:?}"),
        },
        Instruction::Materialize { ticket, graph, .. } => format!("materialize {ticket}: {}", join(&graph.keys.0)),
        Instruction::PlanShuffle { ticket, plan } => {
            let barrier = plan.barrier.pickle().expect("the barrier is a pickle");
            let (barrier, workers) = (String::from_utf8_lossy(&barrier).into_owned(), plan.workers.join(" "));
            format!("plan {ticket}: {barrier} run {} for {workers}, {} aligned", plan.run_id, plan.aligned.len())
        }
        Instruction::Answer { ticket, answer: Ok(answer) } => format!("answer {ticket}: {}", shown(answer)),
        Instruction::Answer { ticket, answer: Err(error) } => {
            format!("answer {ticket}: raises {}", error.exception_text)
        }
        Instruction::ReplaceWorker { worker, nanny } => format!("{nanny}: replace {worker}"),
        Instruction::ResultsLost { worker, computed, scattered } => {
            format!("lost with {worker}: computed [{}] scattered [{}]", join(computed), join(scattered))
        }
        Instruction::TellPlugins(it) => format!("plugins: {} {}", it.method, shown(&it.arguments)),
        other => format!("{other:?}"),
    }
}

/// A value in short: of a map, its status, or all of it; of a pickle, its text or its class.
pub fn shown(value: &Value) -> String {
    match value {
        Value::Str(text) => text.to_string(),
        Value::Bytes(pickle) => {
            let pickle = String::from_utf8_lossy(pickle);
            let class = pickle.split('\n').nth(1).filter(|_| pickle.contains("cdistributed.scheduler"));
            let text = pickle.strip_suffix("\u{fffd}R.").and_then(|it| it.rsplit('\0').next());
            class.or(text).unwrap_or_default().to_owned()
        }
        Value::Tuple(values) => values.iter().map(shown).collect::<Vec<_>>().join(" "),
        Value::Map(entries) => value.get("status").map_or_else(
            || entries.iter().map(|(key, it)| format!("{}={}", shown(key), shown(it))).collect::<Vec<_>>().join(" "),
            shown,
        ),
        other => format!("{other:?}"),
    }
}
