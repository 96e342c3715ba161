//! The memory manager: copies that nobody needs are dropped, and never the last.

use cenote_core::protocol::field::Optional;
use cenote_core::protocol::question::{AddReplicas, MemoryManagerQuestion};
use cenote_core::protocol::value::Value;
use cenote_core::protocol::worker::{AddKeys, ReleaseWorkerData, WorkerStatusChange};
use cenote_core::scheduler::memory::Measure;
use cenote_core::scheduler::rebalance::Rebalance;
use cenote_core::scheduler::stimulus::Stimulus;
use cenote_core::scheduler::{Scheduler, Settings};

use super::table::{Table, joined, keys};

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

#[test]
fn a_copy_that_somebody_made_where_one_is_being_dropped_does_not_count() {
    let added = |worker: &str| {
        let stimulus_id = Optional(Some("replicate".into()));
        AddReplicas { worker: worker.into(), keys: keys(&["x"]), stimulus_id }
    };
    let released = || ReleaseWorkerData { key: "x".into(), stimulus_id: "s".into() };
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
