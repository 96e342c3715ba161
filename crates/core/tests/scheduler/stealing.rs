//! Stealing: idle workers get what waits elsewhere, if those who have it give it up.

use cenote_core::protocol::field::{Map, Optional};
use cenote_core::protocol::value::Value;
use cenote_core::protocol::worker::{HeartbeatWorker, LongRunning, StealResponse, WorkerStatusChange};
use cenote_core::scheduler::stealing::StealOutcomes;
use cenote_core::scheduler::stimulus::Stimulus;
use cenote_core::scheduler::{Scheduler, Settings};

use super::table::{Table, graph, joined};

/// `v` was sent four tasks, and `w` has come since.
fn unbalanced() -> Table {
    let mut table = Table::new(&["v"]);
    let tasks: &[(&str, &[&str])] = &[("a", &[]), ("b", &[]), ("c", &[]), ("d", &[])];
    table.submit(tasks, &["a", "b", "c", "d"]);
    table.tell(joined("w"));
    table
}

fn answer(key: &str, state: Option<&str>, number: u64) -> StealResponse {
    let stimulus_id = format!("steal-0-{number}").into();
    StealResponse { key: key.into(), state: state.map(Into::into), stimulus_id }
}

const ASKED: &str = "v: give back b for steal-0-0\nv: give back d for steal-0-1\n";

#[test]
fn half_of_what_waits_is_asked_for_and_goes_where_it_is_given_up() {
    let mut table = unbalanced();
    assert_eq!(table.tell(Stimulus::Tick), ASKED, "a has begun; every other one of the others");
    assert_eq!(table.tell(Stimulus::Tick), "", "what is on its way counts");
    assert_eq!(table.worker("v", answer("b", Some("ready"), 0)), "w: compute b run 4\n");
    assert_eq!(table.worker("v", answer("d", Some("executing"), 1)), "", "it stays");
    assert_eq!(table.finished("v", "b", 1), "v: free b\n", "another has it now");
    assert_eq!(table.finished("w", "b", 4), "c: memory b\n");
    assert_eq!(table.finished("v", "d", 3), "c: memory d\n");
    assert_eq!(table.scheduler.steal_outcomes(), StealOutcomes { moved: 1, kept: 1, placed_anew: 0 });
}

#[test]
fn what_its_worker_does_not_know_is_placed_anew() {
    for state in [None, Some("released")] {
        let mut table = unbalanced();
        table.tell(Stimulus::Tick);
        assert_eq!(table.worker("v", answer("b", state, 0)), "v: free b\nw: compute b run 4\n");
    }
}

#[test]
fn answers_that_are_late_doubled_or_false_change_nothing() {
    let mut table = unbalanced();
    table.tell(Stimulus::Tick);
    assert_eq!(table.worker("w", answer("b", Some("ready"), 0)), "", "it was not asked");
    assert_eq!(table.worker("v", answer("b", Some("ready"), 1)), "", "not for that");
    assert_eq!(table.worker("v", answer("nobody", Some("ready"), 0)), "");
    table.worker("v", answer("b", Some("ready"), 0));
    assert_eq!(table.worker("v", answer("b", Some("ready"), 0)), "", "once is enough");
    table.finished("v", "d", 3);
    assert_eq!(table.worker("v", answer("d", Some("memory"), 1)), "");
    assert_eq!(table.scheduler.steal_outcomes(), StealOutcomes { moved: 1, kept: 0, placed_anew: 0 });
}

#[test]
fn a_thief_that_has_left_gets_nothing() {
    let mut table = unbalanced();
    table.tell(Stimulus::Tick);
    table.tell(Stimulus::WorkerLeft { worker: "w".into(), expected: true });
    table.tell(joined("w"));
    assert_eq!(
        table.worker("v", answer("b", Some("ready"), 0)),
        "v: free b\nw: compute b run 4\n",
        "another of its name"
    );
    let paused = WorkerStatusChange { status: "paused".into(), stimulus_id: "s".into() };
    table.worker("w", paused);
    assert_eq!(table.worker("v", answer("d", Some("ready"), 1)), "v: free d\nv: compute d run 5\n");
}

#[test]
fn a_victim_that_dies_is_asked_no_more() {
    let mut table = unbalanced();
    table.tell(Stimulus::Tick);
    let moved = table.tell(Stimulus::WorkerLeft { worker: "v".into(), expected: true });
    assert_eq!(moved.matches("w: compute").count(), 4, "{moved}");
    table.tell(joined("v"));
    assert_eq!(table.worker("v", answer("b", Some("ready"), 0)), "");
}

#[test]
fn what_is_known_to_run_is_not_asked_for() {
    let mut table = unbalanced();
    let executing = Map(vec![("d".into(), 0.1)]);
    let metrics = Value::Nil;
    table.ask(HeartbeatWorker { address: "v".into(), now: 0.0, metrics, executing, extensions: Optional(None) });
    assert_eq!(table.tell(Stimulus::Tick), "v: give back a for steal-0-0\n");
    let seceded = LongRunning { key: "d".into(), run_id: 3, compute_duration: None, stimulus_id: "s".into() };
    table.worker("v", seceded);
    table.worker("v", answer("a", Some("ready"), 0));
    assert_eq!(table.tell(Stimulus::Tick), "", "b has begun in the place of d, and c would begin later elsewhere");
}

#[test]
fn a_restricted_task_goes_where_it_may_run() {
    let mut table = Table::new(&["v"]);
    let mut spec = graph(&[("a", &[]), ("b", &[]), ("c", &[]), ("d", &[])], &["a", "b", "c", "d"]);
    spec.tasks.iter_mut().for_each(|task| task.annotations.workers = vec!["v".into()]);
    spec.tasks[3].annotations.allow_other_workers = true;
    table.submit_graph(spec);
    table.tell(joined("w"));
    assert_eq!(table.tell(Stimulus::Tick), "v: give back d for steal-0-0\n");
}

#[test]
fn actors_and_what_is_too_fast_stay() {
    let mut table = Table::new(&["v"]);
    let mut spec = graph(&[("a", &[]), ("b", &[]), ("split-stage-1", &[])], &["a", "b", "split-stage-1"]);
    spec.tasks[1].actor = true;
    table.submit_graph(spec);
    table.tell(joined("w"));
    assert_eq!(table.tell(Stimulus::Tick), "");
}

#[test]
fn what_takes_longer_to_move_than_to_run_stays() {
    let asked = |nbytes: u64| {
        let mut table = Table::new(&["v"]);
        let data = vec![("x".into(), nbytes, vec!["v".into()])];
        table.tell(Stimulus::DataArrived { data, client: Some("c".into()) });
        table.submit(&[("a", &["x"]), ("b", &["x"]), ("d", &["x"])], &["a", "b", "d"]);
        table.tell(joined("w"));
        table.tell(Stimulus::Tick)
    };
    assert_eq!(asked(1000), "v: give back b for steal-0-0\n");
    assert_eq!(asked(100_000_000), "", "a second each way for half a second of work");
}

#[test]
fn stealing_can_be_switched_off() {
    let settings = Settings { work_stealing: false, ..Settings::default() };
    let mut table = Table { scheduler: Scheduler::new(settings), ..Table::new(&[]) };
    table.tell(Stimulus::ClientJoined { client: "c".into(), versions: Value::Nil });
    table.tell(joined("v"));
    table.submit(&[("a", &[]), ("b", &[]), ("d", &[])], &["a", "b", "d"]);
    table.tell(joined("w"));
    assert_eq!(table.tell(Stimulus::Tick), "");
}

#[test]
fn a_learned_duration_reweighs_what_was_sent_before() {
    let mut table = unbalanced();
    table.submit(&[("e-1", &[]), ("e-2", &[])], &["e-1", "e-2"]);
    assert_eq!(table.tell(Stimulus::Tick), "", "w has enough to do");
    table.finished("w", "e-1", 4);
    assert_eq!(table.tell(Stimulus::Tick), ASKED, "what it has takes a tenth of a second");
}
