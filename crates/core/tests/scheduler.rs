//! The scheduler as a table: stimuli in, the whole list of instructions out.

use std::fmt::Write;
use std::sync::Arc;

use cenote_core::key::Key;
use cenote_core::protocol::serialized::{Pickled, Serialized};
use cenote_core::protocol::value::Value;
use cenote_core::scheduler::instruction::{Exception, Instruction, ToClient, ToWorker};
use cenote_core::scheduler::stimulus::{
    Annotations, FromClient, FromWorker, GraphSpec, Stimulus, TaskSpec, WorkerSpec, WorkerStatus,
};
use cenote_core::scheduler::task::{RunId, StateName};
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

    fn client(&mut self, said: FromClient) -> String {
        self.tell(Stimulus::Client { client: "c".into(), said })
    }

    fn worker(&mut self, worker: &str, said: FromWorker) -> String {
        self.tell(Stimulus::Worker { worker: worker.into(), said })
    }

    fn finished(&mut self, worker: &str, key: &str, run: i64) -> String {
        self.worker(worker, finished(key, run))
    }

    fn erred(&mut self, worker: &str, key: &str, run: i64) -> String {
        let exception = Exception::Raised { exception: Value::Nil, traceback: Value::Nil, text: "boom".into() };
        self.worker(worker, FromWorker::TaskErred { key: key.into(), run: RunId(run), exception })
    }

    fn state(&self, key: &str) -> Option<StateName> {
        self.scheduler.task(&key.into()).map(|task| task.state)
    }
}

fn finished(key: &str, run: i64) -> FromWorker {
    FromWorker::TaskFinished {
        key: key.into(),
        run: RunId(run),
        nbytes: 8,
        class: b"int".as_slice().into(),
        duration: 0.1,
    }
}

fn joined(name: &str) -> Stimulus {
    Stimulus::WorkerJoined(WorkerSpec {
        address: name.into(),
        name: name.into(),
        host: "host".into(),
        nthreads: 1,
        memory_limit: None,
        resources: Vec::new(),
        status: WorkerStatus::Running,
    })
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

fn submit(tasks: &[(&str, &[&str])], wanted: &[&str]) -> FromClient {
    FromClient::SubmitGraph(graph(tasks, wanted))
}

fn releases(names: &[&str]) -> FromClient {
    FromClient::ReleasesKeys { keys: keys(names), client: "c".into() }
}

fn join(names: &[Key]) -> String {
    names.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
}

fn line(instruction: &Instruction) -> String {
    match instruction {
        Instruction::ToWorker { worker, message } => match message {
            ToWorker::ComputeTask(task) => {
                let inputs = task.who_has.iter().map(|(key, _, holders)| format!(" {key}@{}", holders.join(",")));
                format!("{worker}: compute {} run {}{}", task.key, task.run.0, inputs.collect::<String>())
            }
            ToWorker::FreeKeys { keys } => format!("{worker}: free {}", join(keys)),
            ToWorker::RemoveReplicas { keys } => format!("{worker}: remove {}", join(keys)),
            ToWorker::RefreshWhoHas { who_has } => {
                let holders = who_has.iter().map(|(key, holders)| format!(" {key}@{}", holders.join(",")));
                format!("{worker}: refresh{}", holders.collect::<String>())
            }
            ToWorker::RemoveWorker { worker: gone } => format!("{worker}: gone {gone}"),
            ToWorker::Close { reason } => format!("{worker}: close, {reason}"),
        },
        Instruction::ToClient { client, message } => match message {
            ToClient::KeyInMemory { key, .. } => format!("{client}: memory {key}"),
            ToClient::LostData { key } => format!("{client}: lost {key}"),
            ToClient::TaskRetried { key } => format!("{client}: retried {key}"),
            ToClient::CancelledKeys { keys, .. } => format!("{client}: cancelled {}", join(keys)),
            ToClient::TaskErred { key, failure } => format!("{client}: erred {key} by {}", failure.cause),
            other => format!("{client}: {other:?}"),
        },
        Instruction::Materialize { ticket, keys, .. } => format!("materialize {ticket}: {}", join(keys)),
        other => format!("{other:?}"),
    }
}

#[test]
fn a_chain_is_run_and_its_middle_is_freed() {
    let mut table = Table::new(&["w"]);
    assert_eq!(table.client(submit(&[("a", &[]), ("b", &["a"])], &["b"])), "w: compute a run 0\n");
    assert_eq!(table.finished("w", "a", 0), "w: compute b run 1 a@w\n");
    assert_eq!(table.finished("w", "b", 1), "c: memory b\nw: free a\n");
    assert_eq!(table.client(releases(&["b"])), "w: free b\n");
    assert_eq!(table.scheduler.keys().count(), 0);
}

#[test]
fn ready_tasks_are_sent_in_their_order() {
    let mut table = Table::new(&["w"]);
    let tasks: &[(&str, &[&str])] = &[("a", &[]), ("b", &["a"]), ("c", &["a"]), ("d", &["a"])];
    table.client(submit(tasks, &["d", "b", "c"]));
    assert_eq!(table.finished("w", "a", 0), "w: compute b run 1 a@w\nw: compute c run 2 a@w\nw: compute d run 3 a@w\n");
}

#[test]
fn a_task_runs_where_its_input_is() {
    let mut table = Table::new(&["v", "w"]);
    table.client(submit(&[("a", &[]), ("x", &[])], &["a", "x"]));
    table.finished("v", "a", 0);
    table.finished("w", "x", 1);
    assert_eq!(table.client(submit(&[("y", &["x"])], &["y"])), "w: compute y run 2 x@w\n");
}

#[test]
fn a_failure_reaches_all_that_need_it_and_names_its_cause() {
    let mut table = Table::new(&["w"]);
    table.client(submit(&[("a", &[]), ("b", &["a"]), ("c", &["b"])], &["c", "a"]));
    assert_eq!(table.erred("w", "a", 0), "c: erred a by a\nc: erred c by a\n");
    assert_eq!(table.state("b"), Some(StateName::Erred));
    let again = table.client(FromClient::Retry { keys: keys(&["c"]) });
    assert_eq!(again, "w: free a\nc: retried a\nw: compute a run 1\nc: retried c\n");
}

#[test]
fn a_task_is_tried_again_as_often_as_is_allowed() {
    let mut table = Table::new(&["w"]);
    let mut spec = graph(&[("a", &[])], &["a"]);
    spec.tasks[0].annotations.retries = 1;
    table.client(FromClient::SubmitGraph(spec));
    assert_eq!(table.erred("w", "a", 0), "w: free a\nw: compute a run 1\n");
    assert_eq!(table.erred("w", "a", 0), "w: free a\nw: compute a run 2\n", "a stale failure starts it again");
    assert_eq!(table.erred("w", "a", 2), "c: erred a by a\n");
}

#[test]
fn what_a_lost_worker_held_and_ran_is_done_elsewhere() {
    let mut table = Table::new(&["w"]);
    table.client(submit(&[("a", &[]), ("b", &["a"])], &["b"]));
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
    table.client(submit(&[("a", &[])], &["a"]));
    assert_eq!(table.scheduler.wait_reason(&"a".into()), Some(WaitReason::Queue { place: 0 }));
    for name in ["r", "s", "t"] {
        assert!(table.tell(joined(name)).contains("compute a"));
        assert_eq!(table.tell(Stimulus::WorkerLeft { worker: name.into(), expected: false }), "");
    }
    table.tell(joined("u"));
    let left = Stimulus::WorkerLeft { worker: "u".into(), expected: false };
    assert_eq!(table.tell(left), "c: erred a by a\n");
}

#[test]
fn stale_answers_are_freed_and_change_nothing() {
    let mut table = Table::new(&["v", "w"]);
    table.client(submit(&[("a", &[])], &["a"]));
    assert_eq!(table.finished("w", "a", 0), "w: free a\n", "another worker has the attempt");
    assert_eq!(table.finished("v", "a", 0), "c: memory a\n");
    assert_eq!(table.finished("v", "a", 0), "");
    assert_eq!(table.finished("w", "nobody", 7), "w: free nobody\n");
    assert_eq!(table.worker("w", FromWorker::AddKeys { keys: keys(&["a", "b"]) }), "w: remove b\n");
    assert_eq!(table.worker("v", FromWorker::ReleaseWorkerData { key: "a".into() }), "");
    let lost = table.worker("w", FromWorker::ReleaseWorkerData { key: "a".into() });
    assert_eq!(lost, "c: lost a\nw: compute a run 1\n");
}

#[test]
fn roots_wait_for_a_free_thread() {
    let mut table = Table::new(&["w"]);
    let tasks: &[(&str, &[&str])] = &[("x-1", &[]), ("x-2", &[]), ("x-3", &[]), ("x-4", &[])];
    let sent = table.client(submit(tasks, &["x-1", "x-2", "x-3", "x-4"]));
    assert_eq!(sent, "w: compute x-1 run 0\nw: compute x-2 run 1\n", "1.1 times one thread, rounded up");
    assert_eq!(table.scheduler.wait_reason(&"x-4".into()), Some(WaitReason::Queue { place: 1 }));
    let seceded = FromWorker::LongRunning { key: "x-1".into(), run: RunId(0), duration: None };
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
    assert_eq!(table.client(FromClient::SubmitGraph(spec)), "w: compute b run 0\n");
    assert_eq!(table.state("a"), Some(StateName::NoWorker));
    assert!(table.tell(joined("v")).ends_with("v: compute a run 1\n"));
}

#[test]
fn what_a_client_says_waits_behind_its_graph() {
    let mut table = Table::new(&["w"]);
    let pickled = Box::new(Serialized::pickled(b"graph".as_slice().into(), &[]));
    let sent = table.client(FromClient::UpdateGraph { graph: pickled, keys: keys(&["a"]) });
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
    let pickled = Box::new(Serialized::pickled(b"graph".as_slice().into(), &[]));
    table.client(FromClient::UpdateGraph { graph: pickled, keys: keys(&["a", "b"]) });
    let outcome = Err(Exception::Cycle);
    let done = table.tell(Stimulus::Materialized { ticket: 1, outcome: outcome.clone() });
    assert_eq!(done, "c: erred a by a\nc: erred b by b\n");
    assert_eq!(table.tell(Stimulus::Materialized { ticket: 1, outcome }), "", "an answer counts once");
}

#[test]
fn graphs_that_need_themselves_or_what_is_lost_are_refused() {
    let mut table = Table::new(&["w"]);
    assert_eq!(table.client(submit(&[("a", &["b"]), ("b", &["a"])], &["a"])), "c: erred a by a\n");
    assert_eq!(table.client(submit(&[("a", &["lost"])], &["a"])), "c: cancelled a\n");
    assert_eq!(table.scheduler.keys().count(), 0);
}

#[test]
fn cancelling_takes_what_needs_the_key_with_it() {
    let mut table = Table::new(&["w"]);
    table.client(submit(&[("a", &[]), ("b", &["a"]), ("c", &["b"])], &["c"]));
    let cancel = FromClient::CancelKeys { keys: keys(&["a"]), force: false, reason: None, msg: None };
    assert_eq!(table.client(cancel), "w: free a\nc: cancelled a b c\n");
    assert_eq!(table.scheduler.keys().count(), 0);
}

#[test]
fn scattered_data_that_is_lost_cannot_come_back() {
    let mut table = Table::new(&["w"]);
    let data = vec![("d".into(), 8, vec!["w".into()])];
    assert_eq!(table.tell(Stimulus::DataArrived { data, client: Some("c".into()) }), "c: memory d\n");
    table.client(submit(&[("a", &["d"])], &["a"]));
    let left = Stimulus::WorkerLeft { worker: "w".into(), expected: true };
    assert_eq!(table.tell(left), "c: cancelled d\nc: cancelled a\n");
    assert_eq!(table.scheduler.keys().count(), 0);
}

#[test]
fn a_worker_that_asks_too_often_is_believed() {
    let mut table = Table::new(&["v", "w"]);
    table.client(submit(&[("a", &[])], &["a"]));
    table.finished("v", "a", 0);
    let ask = || FromWorker::RequestRefreshWhoHas { keys: keys(&["a", "b"]) };
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
    assert!(table.worker("w", FromWorker::Heartbeat).contains("interval: None"));
}

#[test]
fn a_key_may_be_wanted_before_it_is_known() {
    let mut table = Table::new(&["w"]);
    let desires = FromClient::DesiresKeys { keys: keys(&["a"]), client: "variable-x".into() };
    assert_eq!(table.client(desires), "");
    assert_eq!(table.scheduler.wait_reason(&"a".into()), Some(WaitReason::Submission));
    assert_eq!(table.tell(Stimulus::Tick), "");
    assert_eq!(table.client(submit(&[("a", &[])], &["a"])), "w: compute a run 0\n");
}
