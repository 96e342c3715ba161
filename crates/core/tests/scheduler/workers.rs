//! Workers: they join, leave, and say what is not so.

use cenote_core::protocol::field::{Map, Optional};
use cenote_core::protocol::query::{Query, WorkersToClose};
use cenote_core::protocol::question::{RetireWorkers, SetResources, SetRestrictions};
use cenote_core::protocol::value::Value;
use cenote_core::protocol::worker::{
    AddKeys, HeartbeatWorker, RegisterWorker, ReleaseWorkerData, RequestRefreshWhoHas, Reschedule, WorkerStatusChange,
};
use cenote_core::scheduler::stimulus::Stimulus;
use cenote_core::scheduler::task::StateName;
use cenote_core::scheduler::wait::WaitReason;
use cenote_core::scheduler::{Scheduler, Settings};

use super::table::{Table, graph, joined, keys, releases, shown};

#[test]
fn what_a_lost_worker_held_and_ran_is_done_elsewhere() {
    let mut table = Table::new(&["w"]);
    table.submit(&[("a", &[]), ("b", &["a"])], &["b"]);
    table.finished("w", "a", 0);
    table.tell(joined("v"));
    let left = Stimulus::WorkerLeft { worker: "w".into(), expected: false };
    assert_eq!(table.tell(left), "v: compute a run 2\nlost with w: computed [a] scattered []\nv: gone w\n");
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
fn scattered_data_that_is_lost_cannot_come_back() {
    let mut table = Table::new(&["w"]);
    let data = vec![("d".into(), 8, vec!["w".into()])];
    assert_eq!(table.tell(Stimulus::DataArrived { data, client: Some("c".into()) }), "c: memory d\n");
    table.submit(&[("a", &["d"])], &["a"]);
    let left = Stimulus::WorkerLeft { worker: "w".into(), expected: true };
    assert_eq!(table.tell(left), "c: cancelled d\nc: cancelled a\nlost with w: computed [] scattered [d]\n");
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
fn a_worker_that_asks_for_what_nobody_computes_frees_it() {
    let mut table = Table::new(&["v", "w"]);
    table.submit(&[("a", &[]), ("b", &["a"])], &["a", "b"]);
    table.finished("v", "a", 0);
    table.finished("v", "b", 1);
    table.client(releases(&["a"]));
    let ask = RequestRefreshWhoHas { keys: keys(&["a", "b"]), stimulus_id: "s".into() };
    assert_eq!(table.worker("w", ask), "w: refresh b@v\nw: free a\n");
}

#[test]
fn what_needs_a_lost_actor_is_given_up_before_its_copies_are() {
    let mut table = Table::new(&["v"]);
    let mut spec = graph(&[("a", &[]), ("b", &["a"])], &["a", "b"]);
    spec.tasks[0].actor = true;
    table.submit_graph(spec);
    table.tell(joined("w"));
    table.finished("v", "a", 0);
    table.worker("w", AddKeys { keys: keys(&["a"]), stimulus_id: "s".into() });
    let reschedule = Reschedule { key: "b".into(), stimulus_id: "s".into() };
    table.worker("v", WorkerStatusChange { status: "paused".into(), stimulus_id: "s".into() });
    assert_eq!(table.worker("v", reschedule), "v: free b\nw: compute b run 2 a@v,w\n");
    let left = Stimulus::WorkerLeft { worker: "v".into(), expected: false };
    let failed = "w: free b\nw: free a\nc: erred a by Worker holding Actor was lost\n";
    let failed = format!("{failed}w: free b\nc: erred b by Worker holding Actor was lost\nw: gone v\n");
    assert_eq!(table.tell(left), failed);
}

#[test]
fn silent_workers_are_taken_for_dead() {
    let mut table = Table::new(&["w"]);
    table.now = 400.0;
    assert_eq!(table.tell(Stimulus::Tick), "w: close, scheduler-remove-worker\n");
    let executing = Map::default();
    let metrics = Value::Nil;
    let beat = HeartbeatWorker { address: "w".into(), now: 0.0, metrics, executing, extensions: Optional(None) };
    assert_eq!(table.ask(beat), "answer 1: missing\n");
}

#[test]
fn a_silent_worker_is_replaced_by_its_nanny_and_taken_for_dead_if_that_does_not_help() {
    let mut table = Table::new(&[]);
    let about = RegisterWorker { nanny: Some("n".into()), ..RegisterWorker::plain("w", 1) };
    table.ask(about);
    table.now = 400.0;
    assert_eq!(table.tell(Stimulus::Tick), "n: replace w\n");
    assert_eq!(table.tell(Stimulus::Tick), "");
    // It speaks, and is silent again.
    let said = || WorkerStatusChange { status: "running".into(), stimulus_id: "s".into() };
    assert_eq!(table.worker("w", said()), "");
    table.now += 400.0;
    assert_eq!(table.tell(Stimulus::Tick), "n: replace w\n");
    table.now += 300.0;
    assert_eq!(table.tell(Stimulus::Tick), "w: close, scheduler-remove-worker\n");
}

#[test]
fn a_task_that_no_worker_may_run_fails_in_the_end() {
    let settings = Settings { no_workers_timeout: Some(10.0), ..Settings::default() };
    let mut table = Table { scheduler: Scheduler::new(settings), ..Table::new(&[]) };
    table.tell(Stimulus::ClientJoined { client: "c".into(), versions: Value::Nil });
    table.tell(joined("w"));
    let mut spec = graph(&[("a", &[]), ("b", &["a"])], &["b"]);
    spec.tasks[0].annotations.workers = vec!["v".into()];
    table.submit_graph(spec);
    assert_eq!(table.tell(Stimulus::Tick), "");
    table.now += 10.0;
    let failed = table.tell(Stimulus::Tick);
    assert!(failed == "c: erred b by NoValidWorkerError\n", "{failed}");
}

#[test]
fn a_queue_without_workers_fails_in_the_end() {
    let settings = Settings { no_workers_timeout: Some(10.0), ..Settings::default() };
    let mut table = Table { scheduler: Scheduler::new(settings), ..Table::new(&[]) };
    table.tell(Stimulus::ClientJoined { client: "c".into(), versions: Value::Nil });
    table.submit(&[("a", &[])], &["a"]);
    assert_eq!(table.state("a"), Some(StateName::Queued));
    table.tell(Stimulus::Tick);
    table.now += 10.0;
    assert_eq!(table.tell(Stimulus::Tick), "c: erred a by NoWorkerError\n");
    assert_eq!(table.scheduler.transitions(StateName::Queued, StateName::Erred), 1);
}

#[test]
fn restrictions_and_resources_can_be_set_later() {
    let mut table = Table::new(&["v"]);
    table.submit(&[("a", &[]), ("b", &["a"])], &["b"]);
    let restrictions = |key: &str| SetRestrictions { worker: Map(vec![(key.into(), "w".into())]) };
    assert_eq!(table.ask(restrictions("b")), "answer 1: Nil\n");
    assert!(table.ask(restrictions("c")).contains("KeyError"));
    table.finished("v", "a", 0);
    assert_eq!(table.state("b"), Some(StateName::NoWorker));
    let resources = |worker: &str| SetResources { worker: worker.into(), resources: Optional(None) };
    assert_eq!(
        (table.ask(resources("v")), table.ask(resources("w")).contains("KeyError")),
        ("answer 1: OK\n".into(), true)
    );
    assert!(table.tell(joined("w")).ends_with("w: compute b run 1 a@v\n"));
}

#[test]
fn workers_of_a_group_go_together_or_stay() {
    let mut table = Table::new(&["v", "w", "x"]);
    let group = |name: &str, group| (name.into(), group);
    let said = Map(vec![group("v", 0), group("w", 0), group("x", 1)]);
    let asked = WorkersToClose { groups: Optional(Some(said)), ..WorkersToClose::default() };
    let told = |table: &Table| {
        let answer = table.scheduler.query(&Query::from(asked.clone()));
        shown(&answer.expect("it is answered"))
    };
    assert_eq!(told(&table), "x v w");
    table.submit(&[("a", &[])], &["a"]);
    assert_eq!(told(&table), "x", "v runs something, and w goes with it");
}

fn retires(worker: &str) -> RetireWorkers {
    RetireWorkers {
        workers: Optional(Some(vec![worker.into()])),
        names: Optional(None),
        close_workers: Optional(Some(true)),
        remove: Optional(None),
        memory_ratio: Optional(None),
        n: Optional(None),
        key: Optional(None),
        groups: Optional(None),
        minimum: Optional(None),
        target: Optional(None),
        stimulus_id: Optional(None),
    }
}

/// A worker says that it has heard of its retirement.
fn hears(table: &mut Table, worker: &str) -> String {
    table.worker(worker, WorkerStatusChange { status: "closing_gracefully".into(), stimulus_id: "s".into() })
}

#[test]
fn a_worker_is_closed_when_it_has_heard_of_its_retirement_or_is_too_slow() {
    let mut table = Table::new(&["u", "v", "w"]);
    let told = |worker: &str| format!("{worker}: become closing_gracefully\n");
    assert_eq!(table.ask(retires("u")), told("u"));
    assert_eq!(
        hears(&mut table, "u"),
        "u: close, scheduler-remove-worker\nv: gone u\nw: gone u\nanswer 1: u=running\n"
    );
    assert_eq!(table.ask(retires("v")), told("v"));
    assert_eq!(table.tell(Stimulus::Tick), "v: close, scheduler-remove-worker\nw: gone v\nanswer 1: v=running\n");
}

#[test]
fn a_worker_that_pauses_while_it_retires_loses_nothing() {
    let mut table = Table::new(&["v", "w"]);
    table.submit(&[("a", &[])], &["a"]);
    table.finished("v", "a", 0);
    assert_eq!(table.ask(retires("v")), "v: become closing_gracefully\nw: acquire a@v\n");
    let paused = |status: &str| WorkerStatusChange { status: status.into(), stimulus_id: "s".into() };
    assert_eq!(table.worker("v", paused("paused")), "", "it was said before it heard");
    assert_eq!(hears(&mut table, "v"), "w: acquire a@v\n", "they are sent for again");
    assert_eq!(table.state("a"), Some(StateName::Memory));
}

#[test]
fn a_worker_leaves_when_what_only_it_holds_is_elsewhere() {
    let mut table = Table::new(&["v", "w"]);
    table.submit(&[("a", &[])], &["a"]);
    table.finished("v", "a", 0);
    assert_eq!(table.ask(retires("v")), "v: become closing_gracefully\nw: acquire a@v\n");
    assert_eq!(table.submit(&[("b", &[])], &["b"]), "w: compute b run 1\n", "who retires takes no work");
    let arrived = AddKeys { keys: keys(&["a"]), stimulus_id: "s".into() };
    assert_eq!(table.worker("w", arrived), "v: close, scheduler-remove-worker\nw: gone v\nanswer 1: v=running\n");
    assert_eq!(table.ask(retires("nobody")), "answer 1: \n");
}

#[test]
fn what_a_retiring_worker_holds_is_sent_for_again_when_its_recipient_dies() {
    let mut table = Table::new(&["v", "w", "x"]);
    table.submit(&[("a", &[])], &["a"]);
    table.finished("v", "a", 0);
    assert_eq!(table.ask(retires("v")), "v: become closing_gracefully\nx: acquire a@v\n");
    let left = table.tell(Stimulus::WorkerLeft { worker: "x".into(), expected: false });
    assert_eq!(left, "v: gone x\nw: gone x\n", "some time is given to whoever was asked");
    assert_eq!(table.tell(Stimulus::Tick), "w: acquire a@v\n");
    let arrived = AddKeys { keys: keys(&["a"]), stimulus_id: "s".into() };
    assert_eq!(table.worker("w", arrived), "v: close, scheduler-remove-worker\nw: gone v\nanswer 1: v=running\n");
}

#[test]
fn what_a_retiring_worker_is_at_is_run_elsewhere() {
    let mut table = Table::new(&["v", "w"]);
    table.submit(&[("a", &[])], &["a"]);
    assert_eq!(table.ask(retires("v")), "v: become closing_gracefully\n");
    let gone = hears(&mut table, "v");
    assert_eq!(gone, "v: close, scheduler-remove-worker\nw: compute a run 1\nw: gone v\nanswer 1: v=running\n");
    assert_eq!(table.finished("w", "a", 1), "c: memory a\n");
}

#[test]
fn a_worker_stays_if_nobody_can_take_what_it_holds() {
    let mut table = Table::new(&["v"]);
    table.submit(&[("a", &[])], &["a"]);
    table.finished("v", "a", 0);
    assert_eq!(table.ask(retires("v")), "v: become closing_gracefully\nv: become running\nanswer 1: \n");
}

#[test]
fn scattered_data_can_be_computed_once_it_is_known_how() {
    let mut table = Table::new(&["v", "w"]);
    let data = vec![("d".into(), 8, vec!["v".into()])];
    table.tell(Stimulus::DataArrived { data, client: Some("c".into()) });
    assert_eq!(table.submit(&[("d", &[])], &["d"]), "c: memory d\n");
    let left = Stimulus::WorkerLeft { worker: "v".into(), expected: true };
    assert_eq!(table.tell(left), "c: lost d\nw: compute d run 0\nlost with v: computed [d] scattered []\nw: gone v\n");
}

#[test]
fn who_retires_is_said_or_chosen() {
    let mut table = Table::new(&["v"]);
    let asked = RetireWorkers { n: Optional(Some(1)), ..retires("v") };
    assert!(table.ask(asked).contains("TypeError"));
}

#[test]
fn of_workers_that_retire_together_one_keeps_what_only_they_hold() {
    let mut table = Table::new(&["u", "v", "w"]);
    let data = vec![("x".into(), 8, vec!["v".into(), "w".into()])];
    table.tell(Stimulus::DataArrived { data, client: Some("c".into()) });
    let all = Optional(Some(vec!["u".into(), "v".into(), "w".into()]));
    let said = table.ask(RetireWorkers { workers: all, ..retires("u") });
    assert!(said.contains("v: become running"), "{said}");
    let said = table.tell(Stimulus::Tick);
    assert!(said.contains("w: close") && said.contains("u: close") && !said.contains("v: close"), "{said}");
}

#[test]
fn who_retires_and_is_not_removed_drops_what_is_elsewhere() {
    let mut table = Table::new(&["v", "w"]);
    let data = vec![("x".into(), 8, vec!["v".into()])];
    table.tell(Stimulus::DataArrived { data, client: Some("c".into()) });
    let stays = RetireWorkers { close_workers: Optional(None), remove: Optional(Some(false)), ..retires("v") };
    assert_eq!(table.ask(stays), "v: become closing_gracefully\nw: acquire x@v\n");
    let arrived = AddKeys { keys: keys(&["x"]), stimulus_id: "s".into() };
    assert_eq!(table.worker("w", arrived), "v: remove x\nanswer 1: v=running\n");
}

#[test]
fn workers_that_leave_at_about_the_same_time_leave_nothing_to_each_other() {
    let mut table = Table::new(&["u", "v", "w"]);
    let tasks: &[(&str, &[&str])] = &[("a", &[]), ("b", &[]), ("c", &[]), ("d", &[])];
    table.submit(tasks, &["a", "b", "c", "d"]);
    table.finished("u", "a", 0);
    let left = |workers: &[&str], expected| Stimulus::WorkersLeft {
        workers: workers.iter().map(|&it| it.into()).collect(),
        expected,
    };
    let said = table.tell(left(&["u", "v", "nobody"], false));
    let moved = "c: lost a\nw: compute a run 4\nw: compute b run 5\nw: compute d run 6\n";
    let closed = "u: close, scheduler-remove-worker\nv: close, scheduler-remove-worker\n";
    assert_eq!(said, format!("{closed}{moved}lost with u: computed [a] scattered []\nw: gone u\nw: gone v\n"));
    assert_eq!(table.tell(left(&["u", "v"], false)), "", "they have left already");
}

#[test]
fn who_left_together_is_to_blame_once() {
    let settings = Settings { allowed_failures: 1, ..Settings::default() };
    let mut table = Table::with(settings, &["u", "v", "w"]);
    table.submit(&[("a", &[]), ("b", &[]), ("c", &[])], &["a", "b", "c"]);
    let all = || Stimulus::WorkersLeft { workers: ["u", "v", "w"].map(Into::into).into(), expected: false };
    let close = |worker| format!("{worker}: close, scheduler-remove-worker\n");
    let closed: String = ["u", "v", "w"].map(close).concat();
    assert_eq!(table.tell(all()), closed);
    assert_eq!([table.state("a"), table.state("c")], [Some(StateName::Queued); 2]);
    table.tell(joined("x"));
    let killed = table.tell(Stimulus::WorkerLeft { worker: "x".into(), expected: false });
    assert_eq!(killed.matches("erred").count(), 2, "those that x had: {killed}");
}
