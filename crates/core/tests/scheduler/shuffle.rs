//! Shuffles: runs begin when workers ask, end with their barriers, and begin again without a worker that leaves.

use cenote_core::protocol::coordination::Events;
use cenote_core::protocol::exception::Builtin;
use cenote_core::protocol::field::Optional;
use cenote_core::protocol::query::{Query, WorkersToClose};
use cenote_core::protocol::serialized::Pickled;
use cenote_core::protocol::shuffle::{PassBarrier, ShuffleGet, ShuffleGetOrCreate, ShufflePlan, ShuffleRestrictTask};
use cenote_core::protocol::value::Value;
use cenote_core::protocol::worker::Reschedule;
use cenote_core::scheduler::Settings;
use cenote_core::scheduler::instruction::Exception;
use cenote_core::scheduler::stimulus::Stimulus;
use cenote_core::scheduler::task::StateName;

use super::table::{Table, releases};

/// What is sent is `s1` and `s2`; what takes its part is `o1` and `o2`.
const SHUFFLE: &[(&str, &[&str])] = &[
    ("s1", &[]),
    ("s2", &[]),
    ("shuffle-barrier-x", &["s2", "s1"]),
    ("o1", &["shuffle-barrier-x"]),
    ("o2", &["shuffle-barrier-x"]),
];

fn joins(shuffle: &str, key: &str, worker: &str) -> ShuffleGetOrCreate {
    ShuffleGetOrCreate { shuffle_id: shuffle.into(), key: key.into(), worker: worker.into() }
}

fn planned(ticket: u64, workers: &[&str]) -> Stimulus {
    let run_spec = Pickled::new(b"spec", Vec::new());
    let workers = workers.iter().map(|&worker| worker.into()).collect();
    Stimulus::ShufflePlanned { ticket, outcome: Ok(ShufflePlan { run_spec, workers }) }
}

fn passes(run_id: i64, consistent: bool) -> PassBarrier {
    PassBarrier { id: "x".into(), run_id, consistent }
}

fn restricts(run_id: i64, key: &str, worker: &str) -> ShuffleRestrictTask {
    ShuffleRestrictTask { id: "x".into(), run_id, key: key.into(), worker: worker.into() }
}

/// A shuffle whose first run has begun, with both workers.
fn shuffling() -> Table {
    let mut table = Table::new(&["v", "w"]);
    assert_eq!(table.submit(SHUFFLE, &["o1", "o2"]), "v: compute s1 run 0\nw: compute s2 run 1\n");
    table.ask_as(7, joins("x", "s1", "v"));
    assert_eq!(table.tell(planned(1, &["v", "w"])), "answer 7: OK\n");
    table
}

/// One whose barrier has been passed.
fn passed() -> Table {
    let mut table = shuffling();
    table.finished("v", "s1", 0);
    assert_eq!(table.finished("w", "s2", 1), "w: compute shuffle-barrier-x run 2 s2@w s1@v\n");
    assert_eq!(table.ask(passes(1, true)), "answer 1: v w\n");
    let said = table.finished("w", "shuffle-barrier-x", 2);
    assert!(
        said.contains("w: compute o1 run 3 shuffle-barrier-x@w\nw: compute o2 run 4 shuffle-barrier-x@w\n"),
        "{said}"
    );
    table
}

#[test]
fn a_run_is_planned_once_and_all_who_ask_are_told() {
    let mut table = Table::new(&["v", "w"]);
    table.submit(SHUFFLE, &["o1", "o2"]);
    let asked = table.ask_as(7, joins("x", "s1", "v"));
    assert_eq!(asked, "plan 1: shuffle-barrier-x run 1 for v w, 0 aligned\n");
    assert_eq!(table.ask_as(8, joins("x", "s2", "w")), "");
    assert_eq!(table.tell(planned(1, &["v", "w"])), "answer 7: OK\nanswer 8: OK\n");
    assert_eq!(table.ask_as(9, joins("x", "s2", "w")), "answer 9: OK\n");
    assert_eq!(table.ask_as(9, ShuffleGet { id: "x".into(), worker: "w".into() }), "answer 9: OK\n");
}

#[test]
fn who_asks_without_reason_is_told_why() {
    let mut table = Table::new(&["v", "w"]);
    table.submit(SHUFFLE, &["o1", "o2"]);
    assert_eq!(table.ask(joins("x", "s1", "u")), "answer 1: error\n", "who is not here");
    assert_eq!(table.ask(joins("y", "s1", "v")), "answer 1: error\n", "a shuffle without barrier");
    assert_eq!(table.ask(joins("x", "o1", "v")), "answer 1: error\n", "a task that does not run");
    assert_eq!(table.ask(ShuffleGet { id: "x".into(), worker: "v".into() }), "answer 1: error\n", "before it begins");
    assert_eq!(table.ask(restricts(1, "o1", "v")), "answer 1: OK\n", "who asks runs it no more");
    assert!(table.ask(passes(1, true)).contains("raises Reschedule"));
}

#[test]
fn a_plan_with_a_worker_that_has_left_is_made_again() {
    let mut table = Table::new(&["v", "w"]);
    table.submit(SHUFFLE, &["o1", "o2"]);
    table.ask_as(7, joins("x", "s1", "v"));
    table.tell(Stimulus::WorkerLeft { worker: "w".into(), expected: true });
    assert_eq!(table.tell(planned(1, &["v", "w"])), "plan 2: shuffle-barrier-x run 2 for v, 0 aligned\n");
    assert_eq!(table.tell(planned(1, &["v", "w"])), "", "an answer that came before");
    assert_eq!(table.tell(planned(2, &["v"])), "answer 7: OK\n");
}

#[test]
fn a_plan_that_could_not_be_made_is_asked_for_again() {
    let mut table = Table::new(&["v", "w"]);
    table.submit(SHUFFLE, &["o1", "o2"]);
    table.ask_as(7, joins("x", "s1", "v"));
    let exception = Value::Bytes(Builtin::Runtime.pickle("gone"));
    let outcome =
        Err(Exception::Raised { exception, traceback: Value::Nil, text: "gone".into(), traceback_text: "".into() });
    assert_eq!(table.tell(Stimulus::ShufflePlanned { ticket: 1, outcome }), "answer 7: raises gone\n");
    assert!(table.ask_as(8, joins("x", "s1", "v")).starts_with("plan 2:"));
}

#[test]
fn nobody_waits_for_a_plan_without_its_barrier() {
    let mut table = Table::new(&["v", "w"]);
    table.submit(SHUFFLE, &["o1", "o2"]);
    table.ask_as(7, joins("x", "s1", "v"));
    table.ask_as(8, joins("x", "s2", "w"));
    table.tell(Stimulus::Withdrawn { ticket: 8 });
    let said = table.client(releases(&["o1", "o2"]));
    assert!(said.contains("answer 7: error") && !said.contains("answer 8"), "{said}");
    assert_eq!(table.tell(planned(1, &["v", "w"])), "");
}

#[test]
fn a_task_goes_where_its_part_is_until_the_run_is_over() {
    let mut table = passed();
    assert_eq!(table.ask(restricts(1, "o2", "v")), "answer 1: OK\n");
    let moved = table.worker("w", Reschedule { key: "o2".into(), stimulus_id: "reschedule".into() });
    assert_eq!(moved, "w: free o2\nv: compute o2 run 5 shuffle-barrier-x@w\n");
    table.finished("w", "o1", 3);
    let done = table.finished("v", "o2", 5);
    assert!(done.contains("v: fail x run 1\nw: fail x run 1\n"), "{done}");
    table.tell(Stimulus::WorkerLeft { worker: "v".into(), expected: true });
    assert_eq!(table.state("s1"), Some(StateName::Processing), "it can be computed again elsewhere");
}

#[test]
fn all_begins_again_when_a_worker_that_takes_part_leaves() {
    let mut table = passed();
    table.ask(restricts(1, "o2", "v"));
    table.worker("w", Reschedule { key: "o2".into(), stimulus_id: "reschedule".into() });
    table.finished("w", "o1", 3);
    let said = table.tell(Stimulus::WorkerLeft { worker: "v".into(), expected: false });
    assert!(said.starts_with("w: fail x run 1\n") && said.contains("w: free o1\n"), "{said}");
    assert!(said.contains("w: compute s1 run") && said.contains("w: compute s2 run"), "{said}");
    assert_eq!(table.state("shuffle-barrier-x"), Some(StateName::Waiting));
    let asked = table.ask_as(9, joins("x", "s1", "w"));
    assert_eq!(asked, "plan 2: shuffle-barrier-x run 2 for w, 0 aligned\n");
}

#[test]
fn a_request_of_another_run_changes_nothing() {
    let mut table = passed();
    assert_eq!(table.ask(restricts(0, "o1", "v")), "answer 1: OK\n");
    let again = table.worker("w", Reschedule { key: "o1".into(), stimulus_id: "reschedule".into() });
    assert!(again.contains("w: compute o1"), "{again}");
    assert!(
        table.ask(passes(2, true)).contains("raises Reschedule(\"run 2 of the shuffle x is over: it is in run 1\")")
    );
    assert!(table.ask(restricts(1, "never", "v")).contains("raises KeyError"));
}

#[test]
fn a_barrier_that_is_run_again_needs_all_data_again() {
    let mut table = shuffling();
    table.finished("v", "s1", 0);
    table.finished("w", "s2", 1);
    let said = table.worker("w", Reschedule { key: "shuffle-barrier-x".into(), stimulus_id: "reschedule".into() });
    assert!(said.contains("v: fail x run 1\nw: fail x run 1\n") && said.contains("compute s1"), "{said}");
    assert_eq!(table.state("shuffle-barrier-x"), Some(StateName::Waiting));
}

#[test]
fn one_that_has_failed_does_not_keep_the_others_from_beginning_again() {
    let mut table = passed();
    assert!(table.erred("w", "o1", 3).contains("c: erred o1"));
    let said = table.tell(Stimulus::WorkerLeft { worker: "v".into(), expected: false });
    assert!(said.contains("w: fail x run 1\n") && said.contains("w: compute s1 run"), "{said}");
    assert_eq!((table.state("o1"), table.state("o2")), (Some(StateName::Erred), Some(StateName::Waiting)));
}

#[test]
fn a_barrier_of_data_of_two_runs_begins_all_again() {
    let mut table = shuffling();
    table.finished("v", "s1", 0);
    table.finished("w", "s2", 1);
    let said = table.ask(passes(1, false));
    assert!(
        said.starts_with("v: fail x run 1\nw: fail x run 1\n") && said.contains("answer 1: raises Reschedule"),
        "{said}"
    );
    assert_eq!(table.state("s1"), Some(StateName::Processing));
    assert_eq!(table.state("shuffle-barrier-x"), Some(StateName::Waiting));
}

#[test]
fn shuffles_whose_parts_are_used_together_are_planned_one_after_the_other() {
    let mut table = Table::new(&["v", "w"]);
    let tasks: &[(&str, &[&str])] = &[
        ("s", &[]),
        ("t", &[]),
        ("shuffle-barrier-x", &["s"]),
        ("shuffle-barrier-y", &["t"]),
        ("o", &["shuffle-barrier-x", "shuffle-barrier-y"]),
    ];
    table.submit(tasks, &["o"]);
    let first = table.ask_as(7, joins("x", "s", "v"));
    assert_eq!(first, "plan 1: shuffle-barrier-x run 1 for v w, 0 aligned\n");
    assert_eq!(table.ask_as(8, joins("y", "t", "w")), "");
    let second = table.tell(planned(1, &["v", "w"]));
    assert_eq!(second, "answer 7: OK\nplan 2: shuffle-barrier-y run 2 for w v, 1 aligned\n");
    assert_eq!(table.tell(planned(2, &["v", "w"])), "answer 8: OK\n");
}

#[test]
fn a_barrier_that_was_passed_in_an_older_run_is_not_passed() {
    let mut table = shuffling();
    table.finished("v", "s1", 0);
    table.finished("w", "s2", 1);
    let said = table.finished("w", "shuffle-barrier-x", 2);
    assert!(said.contains("v: fail x run 1\nw: fail x run 1\n"), "{said}");
    assert_eq!(table.state("shuffle-barrier-x"), Some(StateName::Waiting));
}

#[test]
fn a_shuffle_that_kills_its_workers_is_noted_once() {
    let mut table = Table::with(Settings { allowed_failures: 0, ..Settings::default() }, &["v", "w"]);
    table.submit(SHUFFLE, &["o1", "o2"]);
    table.ask_as(7, joins("x", "s1", "v"));
    table.tell(planned(1, &["v", "w"]));
    let said = table.tell(Stimulus::WorkerLeft { worker: "v".into(), expected: false });
    assert!(said.starts_with("w: fail x run 1\n") && said.contains("c: erred o1 by KilledWorker"), "{said}");
    let events = table.scheduler.query(&Query::Events(Events { topic: Optional(Some("p2p".into())) }));
    let Ok(Value::Tuple(events)) = events else { panic!("{events:?}") };
    assert_eq!(events.len(), 1);
}

#[test]
fn who_takes_part_is_not_let_go() {
    let table = shuffling();
    let asked = WorkersToClose {
        memory_ratio: Optional(None),
        n: Optional(Some(1)),
        key: Optional(None),
        minimum: Optional(None),
        target: Optional(None),
        attribute: Optional(None),
        groups: Optional(None),
    };
    assert_eq!(table.scheduler.query(&Query::WorkersToClose(asked)), Ok(Value::Tuple(Vec::new())));
}

#[test]
fn a_failure_of_a_shuffle_ends_it() {
    let mut table = shuffling();
    let said = table.erred("v", "s1", 0);
    assert!(said.contains("v: fail x run 1\nw: fail x run 1\n"), "{said}");
    let left = table.tell(Stimulus::WorkerLeft { worker: "w".into(), expected: false });
    assert!(!left.contains("compute"), "{left}");
}

#[test]
fn a_barrier_of_a_run_that_its_worker_alone_believes_in_begins_all_again() {
    let mut table = Table::new(&["v", "w"]);
    table.submit(SHUFFLE, &["o1", "o2"]);
    table.finished("v", "s1", 0);
    assert_eq!(table.finished("w", "s2", 1), "w: compute shuffle-barrier-x run 2 s2@w s1@v\n");
    let said = table.ask(passes(7, true));
    assert!(said.starts_with("w: fail x run 7\n") && said.contains("compute s1 run 3"), "{said}");
    assert_eq!(table.state("shuffle-barrier-x"), Some(StateName::Waiting));
}

/// Lets `w`, which is alone, send all data in the run that is planned now, and says which attempt the barrier is.
fn sends_again(table: &mut Table, ticket: u64) -> i64 {
    let run =
        |table: &Table, key: &str| table.scheduler.task(&key.into()).and_then(|task| task.run).expect("it runs").0;
    table.ask_as(8, joins("x", "s1", "w"));
    table.tell(planned(ticket, &["w"]));
    for key in ["s1", "s2"] {
        let attempt = run(table, key);
        table.finished("w", key, attempt);
    }
    run(table, "shuffle-barrier-x")
}

#[test]
fn what_fails_of_a_run_that_is_over_is_run_again_once() {
    let mut table = shuffling();
    table.finished("v", "s1", 0);
    assert_eq!(table.finished("w", "s2", 1), "w: compute shuffle-barrier-x run 2 s2@w s1@v\n");
    let said = table.tell(Stimulus::WorkerLeft { worker: "v".into(), expected: true });
    assert!(said.contains("w: free shuffle-barrier-x\n"), "{said}");
    // Its worker never stopped, and hears what it has asked in the first run.
    let attempt = sends_again(&mut table, 2);
    let said = table.raised("w", "shuffle-barrier-x", attempt, "ShuffleClosedError('no active shuffle')");
    assert!(said.starts_with("w: fail x run 2\nw: free s1\nw: compute s1 run"), "{said}");
    assert_eq!(table.state("shuffle-barrier-x"), Some(StateName::Waiting));
    let attempt = sends_again(&mut table, 3);
    let said = table.raised("w", "shuffle-barrier-x", attempt, "ShuffleClosedError('no active shuffle')");
    assert!(said.contains("c: erred o1"), "{said}");
}
