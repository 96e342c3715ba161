//! The memory manager: copies that nobody needs are dropped, and never the last.

use cenote_core::protocol::field::Optional;
use cenote_core::protocol::question::{AddReplicas, DropReplicas, MemoryManagerQuestion};
use cenote_core::protocol::value::Value;
use cenote_core::protocol::worker::{AddKeys, ReleaseWorkerData, RequestRefreshWhoHas, WorkerStatusChange};
use cenote_core::scheduler::memory::Measure;
use cenote_core::scheduler::rebalance::Rebalance;
use cenote_core::scheduler::stimulus::Stimulus;
use cenote_core::scheduler::{Scheduler, Settings};

use super::table::{Table, joined, keys, releases};

/// Workers `v` and `w`, which both hold `x`; nothing runs by itself.
fn doubled() -> Table {
    let settings = Settings { memory_manager_start: false, ..Settings::default() };
    let mut table = Table { scheduler: Scheduler::new(settings), ..Table::new(&[]) };
    table.tell(Stimulus::ClientJoined { client: "c".into(), versions: Value::Nil });
    table.tell(joined("v"));
    table.tell(joined("w"));
    let data = vec![("x".into(), 100, vec!["v".into(), "w".into()])];
    table.tell(Stimulus::DataArrived { data, client: Some("c".into()) });
    table
}

fn asks(table: &mut Table, method: &str) -> String {
    table.ask(MemoryManagerQuestion { method: method.into() })
}

fn holders(table: &Table) -> Vec<String> {
    let task = table.scheduler.task(&"x".into()).expect("it is wanted");
    task.who_has.iter().map(ToString::to_string).collect()
}

#[test]
fn it_runs_when_it_is_asked_to() {
    let mut table = doubled();
    assert_eq!(table.tell(Stimulus::Tick), "");
    assert_eq!(asks(&mut table, "running"), "answer 1: Bool(false)\n");
    asks(&mut table, "start");
    assert_eq!(asks(&mut table, "running"), "answer 1: Bool(true)\n");
    assert_eq!(table.tell(Stimulus::Tick), "w: remove x\n");
    assert_eq!(holders(&table), ["v"], "it is forgotten at once");
    let kept = AddKeys { keys: keys(&["x"]), stimulus_id: "s".into() };
    assert_eq!(table.worker("w", kept), "");
    assert_eq!(holders(&table), ["v", "w"], "who needs it says so");
    asks(&mut table, "stop");
    table.now += 10.0;
    assert_eq!(table.tell(Stimulus::Tick), "");
    assert_eq!(asks(&mut table, "run_once"), "w: remove x\nanswer 1: Nil\n");
    assert_eq!(asks(&mut table, "run_once"), "answer 1: Nil\n", "the last one stays");
    assert!(asks(&mut table, "halt").contains("raises ValueError"));
}

#[test]
fn what_running_tasks_need_stays_where_they_run() {
    let mut table = doubled();
    assert_eq!(table.submit(&[("y", &["x"])], &["y"]), "v: compute y run 0 x@v,w\n");
    assert_eq!(asks(&mut table, "run_once"), "w: remove x\nanswer 1: Nil\n");
    let mut table = doubled();
    let sent = table.submit(&[("y", &["x"]), ("z", &["x"])], &["y", "z"]);
    assert_eq!(sent, "v: compute y run 0 x@v,w\nw: compute z run 1 x@v,w\n");
    assert_eq!(asks(&mut table, "run_once"), "answer 1: Nil\n");
}

#[test]
fn who_takes_no_work_drops_first() {
    let mut table = doubled();
    let paused = WorkerStatusChange { status: "paused".into(), stimulus_id: "s".into() };
    table.worker("v", paused);
    assert_eq!(asks(&mut table, "run_once"), "v: remove x\nanswer 1: Nil\n");
}

fn added(worker: &str) -> AddReplicas {
    let stimulus_id = Optional(Some("replicate".into()));
    AddReplicas { worker: worker.into(), keys: keys(&["x"]), stimulus_id }
}

fn released() -> ReleaseWorkerData {
    ReleaseWorkerData { key: "x".into(), stimulus_id: "s".into() }
}

#[test]
fn a_copy_that_somebody_made_where_one_is_being_dropped_does_not_count() {
    let mut table = doubled();
    asks(&mut table, "run_once");
    assert_eq!(holders(&table), ["v"]);
    let all = Rebalance { sender_min: 0.0, gap: 0.0, measure: Measure::ManagedTotal, ..Rebalance::default() };
    assert_eq!(table.scheduler.rebalance(&all, None, None), [], "w has not said that it dropped it");
    assert_eq!(table.ask(added("w")), "w: remove x\nanswer 1: dropping\n", "it may have been dropped, or will be");
    assert_eq!(holders(&table), ["v"], "whoever counts on it would lose the last one");
    assert_eq!(table.worker("w", released()), "");
    assert_eq!(table.ask(added("w")), "answer 1: OK\n");
    assert_eq!(holders(&table), ["v", "w"]);
    asks(&mut table, "run_once");
    let kept = AddKeys { keys: keys(&["x"]), stimulus_id: "s".into() };
    table.worker("w", kept);
    assert_eq!(table.ask(added("w")), "answer 1: OK\n", "who keeps it drops nothing");
    assert_eq!(table.ask(added("nobody")), "answer 1: not found\n");
}

fn surplus(worker: &str) -> DropReplicas {
    DropReplicas { worker: worker.into(), keys: keys(&["x", "unknown"]) }
}

#[test]
fn who_has_copies_dropped_hears_of_it_when_their_worker_has_said_what_it_did() {
    let mut table = doubled();
    assert_eq!(table.ask(surplus("w")), "w: remove x\n");
    assert_eq!(holders(&table), ["v"]);
    assert_eq!(table.worker("w", released()), "answer 1: Nil\n");
    assert_eq!(table.ask(surplus("w")), "answer 1: Nil\n", "it is not there any more");
    assert_eq!(table.ask(surplus("v")), "answer 1: Nil\n", "the last one stays");
    assert_eq!(table.ask(added("w")), "answer 1: OK\n");
    assert_eq!(table.ask(surplus("w")), "w: remove x\n");
    let kept = AddKeys { keys: keys(&["x"]), stimulus_id: "s".into() };
    assert_eq!(table.worker("w", kept), "answer 1: Nil\n", "who needs it keeps it");
    assert_eq!(holders(&table), ["v", "w"]);
    assert_eq!(table.ask(surplus("w")), "w: remove x\n");
    let left = table.tell(Stimulus::WorkerLeft { worker: "w".into(), expected: true });
    assert!(left.ends_with("answer 1: Nil\n"), "{left}");
    assert_eq!(table.ask(surplus("w")), "answer 1: Nil\n", "nobody is there");
}

#[test]
fn nobody_is_told_of_dropped_copies_who_does_not_wait_any_more() {
    let mut table = doubled();
    assert_eq!(table.ask(surplus("w")), "w: remove x\n");
    assert_eq!(table.tell(Stimulus::Withdrawn { ticket: 1 }), "");
    assert_eq!(table.worker("w", released()), "");
}

/// Workers `v` and `w`; `x` was let go of at `v`, is wanted again, and runs at `w`.
fn wanted_again() -> Table {
    let mut table = Table::new(&["v"]);
    assert_eq!(table.submit(&[("x", &[]), ("y", &["x"])], &["y"]), "v: compute x run 0\n");
    assert_eq!(table.finished("v", "x", 0), "v: compute y run 1 x@v\n");
    assert_eq!(table.finished("v", "y", 1), "c: memory y\nv: free x\n");
    table.submit(&[("z", &[])], &["z"]);
    table.tell(joined("w"));
    assert_eq!(table.submit(&[("x", &[])], &["x"]), "w: compute x run 3\n");
    table
}

#[test]
fn a_copy_that_somebody_made_where_a_lost_one_is_still_to_be_freed_does_not_count() {
    let mut table = wanted_again();
    assert_eq!(table.finished("w", "x", 3), "c: memory x\n");
    assert_eq!(table.ask(added("v")), "v: remove x\nanswer 1: dropping\n", "it is about to free what it had");
    assert_eq!(holders(&table), ["w"]);
    assert_eq!(table.worker("v", released()), "");
    assert_eq!(table.ask(added("v")), "answer 1: OK\n");
    assert_eq!(holders(&table), ["w", "v"]);
}

#[test]
fn neither_does_one_of_a_result_that_was_lost_while_it_was_needed() {
    let mut table = Table::with(Settings { refresh_attempts_max: 0, ..Settings::default() }, &["v"]);
    table.submit(&[("x", &[])], &["x"]);
    table.finished("v", "x", 0);
    table.submit(&[("z", &[])], &["z"]);
    table.tell(joined("w"));
    let missing = RequestRefreshWhoHas { keys: keys(&["x"]), stimulus_id: "s".into() };
    let said = table.worker("w", missing);
    assert_eq!(said, "v: free x\nc: lost x\nw: compute x run 2\nw: refresh x@\n");
    assert_eq!(table.finished("w", "x", 2), "c: memory x\n");
    assert_eq!(table.ask(added("v")), "v: remove x\nanswer 1: dropping\n");
    assert_eq!(table.worker("v", released()), "");
    assert_eq!(table.ask(added("v")), "answer 1: OK\n");
}

#[test]
fn who_has_said_that_it_freed_a_lost_result_may_have_a_copy() {
    let mut table = wanted_again();
    assert_eq!(table.worker("v", released()), "", "before the result is there again");
    table.finished("w", "x", 3);
    assert_eq!(table.ask(added("v")), "answer 1: OK\n");
}

#[test]
fn what_was_to_be_freed_is_over_with_the_worker_the_task_and_its_next_result() {
    let left = |worker: &str| Stimulus::WorkerLeft { worker: worker.into(), expected: true };
    let mut table = wanted_again();
    table.tell(left("v"));
    table.tell(joined("v"));
    table.finished("w", "x", 3);
    assert_eq!(table.ask(added("v")), "answer 1: OK\n", "it has begun anew");
    let mut table = wanted_again();
    assert_eq!(table.client(releases(&["x", "y", "z"])), "v: free z\nv: free y\nw: free x\n");
    assert_eq!(table.submit(&[("z", &[])], &["z"]), "v: compute z run 4\n");
    assert_eq!(table.submit(&[("x", &[])], &["x"]), "w: compute x run 5\n");
    assert_eq!(table.finished("w", "x", 5), "c: memory x\n");
    assert_eq!(table.ask(added("v")), "answer 1: OK\n", "it was forgotten");
    let mut table = wanted_again();
    assert_eq!(table.tell(left("w")), "v: compute x run 4\nv: gone w\n");
    assert_eq!(table.finished("v", "x", 4), "c: memory x\n");
    assert_eq!(table.ask(added("v")), "answer 1: OK\n", "it has made it anew");
}

#[test]
fn a_copy_that_somebody_made_where_an_old_attempt_has_ended_does_not_count() {
    let mut table = Table::new(&["v", "w"]);
    assert_eq!(table.submit(&[("x", &[])], &["x"]), "v: compute x run 0\n");
    assert_eq!(table.finished("w", "x", 0), "w: free x\n");
    let kept = AddKeys { keys: keys(&["x"]), stimulus_id: "s".into() };
    table.finished("v", "x", 0);
    assert_eq!(table.ask(added("w")), "w: remove x\nanswer 1: dropping\n");
    assert_eq!(table.worker("w", kept), "");
    assert_eq!(holders(&table), ["v", "w"]);
}
