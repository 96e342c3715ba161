//! The scheduler as a table: stimuli in, the whole list of instructions out.

use std::fmt::Write;
use std::sync::Arc;

use cenote_core::key::Key;
use cenote_core::protocol::client::{
    CancelKeys, ClientDesiresKeys, ClientReleasesKeys, FromClient, ToClient, UpdateGraph,
};
use cenote_core::protocol::field::{Map, Optional, Set};
use cenote_core::protocol::question::{Question, Retry};
use cenote_core::protocol::serialized::{Pickled, Serialized};
use cenote_core::protocol::value::Value;
use cenote_core::protocol::worker::{
    AddKeys, FromWorker, HeartbeatWorker, LongRunning, RegisterWorker, ReleaseWorkerData, RequestRefreshWhoHas,
    StartStop, TaskErred, TaskFinished, ToWorker,
};
use cenote_core::scheduler::instruction::{Exception, Instruction};
use cenote_core::scheduler::stimulus::{Annotations, GraphSpec, Stimulus, TaskSpec};
use cenote_core::scheduler::task::StateName;
use cenote_core::scheduler::wait::WaitReason;
use cenote_core::scheduler::{Scheduler, Settings};

/// A scheduler and what it said last.
struct Table {
    scheduler: Scheduler,
    now: f64,
}

impl Table {
    /// One client, `c`, and workers of one thread with these names.
    fn new(workers: &[&str]) -> Self {
        let mut table = Self { scheduler: Scheduler::new(Settings::default()), now: 0.0 };
        table.tell(Stimulus::ClientJoined { client: "c".into() });
        for name in workers {
            table.tell(joined(name));
        }
        table
    }

    /// Tells it something, and returns all that it says, a line each.
    fn tell(&mut self, stimulus: Stimulus) -> String {
        self.now += 1.0;
        let mut instructions = Vec::new();
        self.scheduler.handle_stimulus(stimulus, self.now, &mut instructions);
        self.scheduler.validate().expect("what must hold holds");
        instructions.iter().fold(String::new(), |mut text, instruction| {
            writeln!(text, "{}", line(instruction)).expect("text can be written to");
            text
        })
    }

    fn client(&mut self, said: impl Into<FromClient>) -> String {
        self.tell(Stimulus::Client { client: "c".into(), said: said.into() })
    }

    fn submit(&mut self, tasks: &[(&str, &[&str])], wanted: &[&str]) -> String {
        self.submit_graph(graph(tasks, wanted))
    }

    fn submit_graph(&mut self, graph: GraphSpec) -> String {
        self.tell(Stimulus::Submit { client: "c".into(), graph })
    }

    fn worker(&mut self, worker: &str, said: impl Into<FromWorker>) -> String {
        self.tell(Stimulus::Worker { worker: worker.into(), said: said.into() })
    }

    fn ask(&mut self, question: impl Into<Question>) -> String {
        self.tell(Stimulus::Asked { ticket: 1, question: question.into() })
    }

    fn finished(&mut self, worker: &str, key: &str, run: i64) -> String {
        self.worker(worker, finished(key, run))
    }

    fn erred(&mut self, worker: &str, key: &str, run_id: i64) -> String {
        let failed = TaskErred {
            key: key.into(),
            run_id,
            exception: key.into(),
            traceback: Value::Nil,
            exception_text: "boom".into(),
            traceback_text: "".into(),
            thread: None,
            startstops: Vec::new(),
            stimulus_id: "task-erred".into(),
            status: Optional(None),
        };
        self.worker(worker, failed)
    }

    fn state(&self, key: &str) -> Option<StateName> {
        self.scheduler.task(&key.into()).map(|task| task.state)
    }
}

fn finished(key: &str, run_id: i64) -> TaskFinished {
    TaskFinished {
        key: key.into(),
        run_id,
        nbytes: 8,
        class: b"int".as_slice().into(),
        typename: "int".into(),
        metadata: Value::Nil,
        thread: None,
        startstops: vec![StartStop { action: "compute".into(), start: 1.0, stop: 1.1, source: Optional(None) }],
        stimulus_id: "task-finished".into(),
        status: Optional(None),
    }
}

fn joined(name: &str) -> Stimulus {
    let question = Question::RegisterWorker(RegisterWorker {
        address: name.into(),
        status: "running".into(),
        id: name.into(),
        nthreads: 1,
        name: name.into(),
        now: 0.0,
        resources: None,
        memory_limit: None,
        metrics: Value::Nil,
        pid: Optional(None),
        services: Value::Nil,
        local_directory: "/".into(),
        versions: Value::Nil,
        nanny: None,
        extra: Value::Nil,
        stimulus_id: "register".into(),
    });
    Stimulus::Asked { ticket: 1, question }
}

fn keys(names: &[&str]) -> Vec<Key> {
    names.iter().map(|&name| name.into()).collect()
}

/// Tasks as `name: inputs`, in their order.
fn graph(tasks: &[(&str, &[&str])], wanted: &[&str]) -> GraphSpec {
    let task = |(order, &(name, inputs)): (usize, &(&str, &[&str]))| TaskSpec {
        key: name.into(),
        run_spec: Arc::new(Pickled::new(name.as_bytes(), Vec::new())),
        dependencies: keys(inputs),
        order: i64::try_from(order).expect("it is small"),
        data_producer: false,
        actor: false,
        annotations: Annotations::default(),
    };
    let tasks = tasks.iter().enumerate().map(task).collect();
    GraphSpec { tasks, keys: keys(wanted), ..GraphSpec::default() }
}

fn releases(names: &[&str]) -> ClientReleasesKeys {
    ClientReleasesKeys { keys: keys(names), client: "c".into() }
}

fn expression(wanted: &[&str]) -> UpdateGraph {
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

fn join(names: &[Key]) -> String {
    names.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
}

fn line(instruction: &Instruction) -> String {
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
            ToWorker::RemoveWorker(it) => format!("{worker}: gone {}", it.worker),
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
        Instruction::Failed { client, key, failure } => format!("{client}: failed {key} by {}", failure.cause),
        Instruction::Materialize { ticket, graph, .. } => format!("materialize {ticket}: {}", join(&graph.keys.0)),
        Instruction::Answer { ticket, answer: Ok(answer) } => format!("answer {ticket}: {}", shown(answer)),
        other => format!("{other:?}"),
    }
}

/// A value in short: of a map, its status; of a pickle, its text.
fn shown(value: &Value) -> String {
    match value {
        Value::Str(text) => text.to_string(),
        Value::Bytes(pickle) if pickle.starts_with(b"\x80\x03cdistributed.scheduler\nKilledWorker\n") => {
            "KilledWorker".into()
        }
        // What stands between the length of a pickle's text and its last opcodes.
        Value::Bytes(pickle) => {
            String::from_utf8_lossy(&pickle[..pickle.len() - 3]).rsplit('\0').next().unwrap_or_default().into()
        }
        Value::Tuple(values) => values.iter().map(shown).collect::<Vec<_>>().join(" "),
        Value::Map(_) => value.get("status").map_or_else(String::new, shown),
        other => format!("{other:?}"),
    }
}

#[test]
fn a_chain_is_run_and_its_middle_is_freed() {
    let mut table = Table::new(&["w"]);
    assert_eq!(table.submit(&[("a", &[]), ("b", &["a"])], &["b"]), "w: compute a run 0\n");
    assert_eq!(table.finished("w", "a", 0), "w: compute b run 1 a@w\n");
    assert_eq!(table.finished("w", "b", 1), "c: memory b\nw: free a\n");
    assert_eq!(table.client(releases(&["b"])), "w: free b\n");
    assert_eq!(table.scheduler.keys().count(), 0);
}

#[test]
fn ready_tasks_are_sent_in_their_order() {
    let mut table = Table::new(&["w"]);
    let tasks: &[(&str, &[&str])] = &[("a", &[]), ("b", &["a"]), ("c", &["a"]), ("d", &["a"])];
    table.submit(tasks, &["d", "b", "c"]);
    assert_eq!(table.finished("w", "a", 0), "w: compute b run 1 a@w\nw: compute c run 2 a@w\nw: compute d run 3 a@w\n");
}

#[test]
fn a_task_runs_where_its_input_is() {
    let mut table = Table::new(&["v", "w"]);
    table.submit(&[("a", &[]), ("x", &[])], &["a", "x"]);
    table.finished("v", "a", 0);
    table.finished("w", "x", 1);
    assert_eq!(table.submit(&[("y", &["x"])], &["y"]), "w: compute y run 2 x@w\n");
}

#[test]
fn a_failure_reaches_all_that_need_it_and_names_its_cause() {
    let mut table = Table::new(&["w"]);
    table.submit(&[("a", &[]), ("b", &["a"]), ("c", &["b"])], &["c", "a"]);
    assert_eq!(table.erred("w", "a", 0), "c: erred a by a\nc: erred c by a\n");
    assert_eq!(table.state("b"), Some(StateName::Erred));
    let again = table.ask(Retry { keys: keys(&["c"]), client: Optional(None) });
    assert_eq!(again, "w: free a\nc: retried a\nw: compute a run 1\nc: retried c\nanswer 1: a\n");
}

#[test]
fn a_task_is_tried_again_as_often_as_is_allowed() {
    let mut table = Table::new(&["w"]);
    let mut spec = graph(&[("a", &[])], &["a"]);
    spec.tasks[0].annotations.retries = 1;
    table.submit_graph(spec);
    assert_eq!(table.erred("w", "a", 0), "w: free a\nw: compute a run 1\n");
    assert_eq!(table.erred("w", "a", 0), "w: free a\nw: compute a run 2\n", "a stale failure starts it again");
    assert_eq!(table.erred("w", "a", 2), "c: erred a by a\n");
}

#[test]
fn what_a_lost_worker_held_and_ran_is_done_elsewhere() {
    let mut table = Table::new(&["w"]);
    table.submit(&[("a", &[]), ("b", &["a"])], &["b"]);
    table.finished("w", "a", 0);
    table.tell(joined("v"));
    let left = Stimulus::WorkerLeft { worker: "w".into(), expected: false };
    assert_eq!(table.tell(left), "v: compute a run 2\nv: gone w\n");
    assert_eq!(table.finished("w", "b", 1), "", "the dead say nothing");
    assert_eq!(table.finished("v", "a", 2), "v: compute b run 3 a@v\n");
}

#[test]
fn a_task_that_kills_its_workers_fails() {
    let mut table = Table::new(&[]);
    table.submit(&[("a", &[])], &["a"]);
    assert_eq!(table.scheduler.wait_reason(&"a".into()), Some(WaitReason::Queue { place: 0 }));
    for name in ["r", "s", "t"] {
        assert!(table.tell(joined(name)).contains("compute a"));
        assert_eq!(table.tell(Stimulus::WorkerLeft { worker: name.into(), expected: false }), "");
    }
    table.tell(joined("u"));
    let left = Stimulus::WorkerLeft { worker: "u".into(), expected: false };
    assert_eq!(table.tell(left), "c: erred a by KilledWorker\n");
}

#[test]
fn stale_answers_are_freed_and_change_nothing() {
    let mut table = Table::new(&["v", "w"]);
    table.submit(&[("a", &[])], &["a"]);
    assert_eq!(table.finished("w", "a", 0), "w: free a\n", "another worker has the attempt");
    assert_eq!(table.finished("v", "a", 0), "c: memory a\n");
    assert_eq!(table.finished("v", "a", 0), "");
    assert_eq!(table.finished("w", "nobody", 7), "w: free nobody\n");
    assert_eq!(table.worker("w", AddKeys { keys: keys(&["a", "b"]), stimulus_id: "s".into() }), "w: remove b\n");
    assert_eq!(table.worker("v", ReleaseWorkerData { key: "a".into(), stimulus_id: "s".into() }), "");
    let lost = table.worker("w", ReleaseWorkerData { key: "a".into(), stimulus_id: "s".into() });
    assert_eq!(lost, "c: lost a\nw: compute a run 1\n");
}

#[test]
fn roots_wait_for_a_free_thread() {
    let mut table = Table::new(&["w"]);
    let tasks: &[(&str, &[&str])] = &[("x-1", &[]), ("x-2", &[]), ("x-3", &[]), ("x-4", &[])];
    let sent = table.submit(tasks, &["x-1", "x-2", "x-3", "x-4"]);
    assert_eq!(sent, "w: compute x-1 run 0\nw: compute x-2 run 1\n", "1.1 times one thread, rounded up");
    assert_eq!(table.scheduler.wait_reason(&"x-4".into()), Some(WaitReason::Queue { place: 1 }));
    let seceded = LongRunning { key: "x-1".into(), run_id: 0, compute_duration: None, stimulus_id: "s".into() };
    assert_eq!(table.worker("w", seceded), "w: compute x-3 run 2\n");
    assert_eq!(table.finished("w", "x-2", 1), "c: memory x-2\nw: compute x-4 run 3\n");
}

#[test]
fn restricted_tasks_wait_for_their_worker() {
    let mut table = Table::new(&["w"]);
    let mut spec = graph(&[("a", &[]), ("b", &[])], &["a", "b"]);
    spec.tasks[0].annotations.workers = vec!["v".into()];
    spec.tasks[1].annotations.workers = vec!["v".into()];
    spec.tasks[1].annotations.allow_other_workers = true;
    assert_eq!(table.submit_graph(spec), "w: compute b run 0\n");
    assert_eq!(table.state("a"), Some(StateName::NoWorker));
    assert!(table.tell(joined("v")).ends_with("v: compute a run 1\n"));
}

#[test]
fn what_a_client_says_waits_behind_its_graph() {
    let mut table = Table::new(&["w"]);
    let sent = table.client(expression(&["a"]));
    assert_eq!(sent, "materialize 1: a\n");
    assert_eq!(table.client(releases(&["a"])), "");
    let outcome = Ok(graph(&[("a", &[])], &["a"]));
    let done = table.tell(Stimulus::Materialized { ticket: 1, outcome });
    assert_eq!(done, "w: compute a run 0\nw: free a\n");
    assert_eq!(table.scheduler.keys().count(), 0);
}

#[test]
fn a_graph_that_cannot_be_read_is_the_error_of_its_keys() {
    let mut table = Table::new(&["w"]);
    table.client(expression(&["a", "b"]));
    let outcome = Err(Exception::Cycle);
    let done = table.tell(Stimulus::Materialized { ticket: 1, outcome: outcome.clone() });
    assert_eq!(done, "c: erred a by Cycle detected in graph\nc: erred b by Cycle detected in graph\n");
    assert_eq!(table.tell(Stimulus::Materialized { ticket: 1, outcome }), "", "an answer counts once");
}

#[test]
fn graphs_that_need_themselves_or_what_is_lost_are_refused() {
    let mut table = Table::new(&["w"]);
    assert_eq!(table.submit(&[("a", &["b"]), ("b", &["a"])], &["a"]), "c: erred a by Cycle detected in graph\n");
    assert_eq!(table.submit(&[("a", &["lost"])], &["a"]), "c: cancelled a\n");
    assert_eq!(table.scheduler.keys().count(), 0);
}

#[test]
fn cancelling_takes_what_needs_the_key_with_it() {
    let mut table = Table::new(&["w"]);
    table.submit(&[("a", &[]), ("b", &["a"]), ("c", &["b"])], &["c"]);
    let cancel = CancelKeys { keys: keys(&["a"]), force: false, reason: None, msg: None };
    assert_eq!(table.client(cancel), "w: free a\nc: cancelled a b c\n");
    assert_eq!(table.scheduler.keys().count(), 0);
}

#[test]
fn scattered_data_that_is_lost_cannot_come_back() {
    let mut table = Table::new(&["w"]);
    let data = vec![("d".into(), 8, vec!["w".into()])];
    assert_eq!(table.tell(Stimulus::DataArrived { data, client: Some("c".into()) }), "c: memory d\n");
    table.submit(&[("a", &["d"])], &["a"]);
    let left = Stimulus::WorkerLeft { worker: "w".into(), expected: true };
    assert_eq!(table.tell(left), "c: cancelled d\nc: cancelled a\n");
    assert_eq!(table.scheduler.keys().count(), 0);
}

#[test]
fn a_worker_that_asks_too_often_is_believed() {
    let mut table = Table::new(&["v", "w"]);
    table.submit(&[("a", &[])], &["a"]);
    table.finished("v", "a", 0);
    let ask = || RequestRefreshWhoHas { keys: keys(&["a", "b"]), stimulus_id: "s".into() };
    for _ in 0..10 {
        assert_eq!(table.worker("w", ask()), "w: refresh a@v\nw: free b\n");
    }
    let believed = table.worker("w", ask());
    assert_eq!(believed, "v: free a\nc: lost a\nw: compute a run 1\nw: refresh a@\nw: free b\n");
}

#[test]
fn silent_workers_are_taken_for_dead() {
    let mut table = Table::new(&["w"]);
    table.now = 400.0;
    assert_eq!(table.tell(Stimulus::Tick), "w: close, silent for too long\n");
    let executing = Map::default();
    let metrics = Value::Nil;
    let beat = HeartbeatWorker { address: "w".into(), now: 0.0, metrics, executing, extensions: Optional(None) };
    assert_eq!(table.ask(beat), "answer 1: missing\n");
}

#[test]
fn a_key_may_be_wanted_before_it_is_known() {
    let mut table = Table::new(&["w"]);
    let desires = ClientDesiresKeys { keys: keys(&["a"]), client: Optional(Some("variable-x".into())) };
    assert_eq!(table.client(desires), "");
    assert_eq!(table.scheduler.wait_reason(&"a".into()), Some(WaitReason::Submission));
    assert_eq!(table.tell(Stimulus::Tick), "");
    assert_eq!(table.submit(&[("a", &[])], &["a"]), "w: compute a run 0\n");
}
