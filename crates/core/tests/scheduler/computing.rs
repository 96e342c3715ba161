//! Computing: tasks are run where and when they should.

use cenote_core::protocol::field::Optional;
use cenote_core::protocol::question::Retry;
use cenote_core::protocol::value::Value;
use cenote_core::protocol::worker::LongRunning;
use cenote_core::scheduler::stimulus::Stimulus;
use cenote_core::scheduler::task::StateName;
use cenote_core::scheduler::wait::WaitReason;
use cenote_core::scheduler::{Scheduler, Settings};

use super::table::{Table, graph, joined, keys, releases};

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
    assert_eq!(again, "w: free a\nc: retried a\nw: compute a run 1\nc: retried c\nanswer 1: c b a\n");
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
fn without_a_queue_siblings_go_to_one_worker() {
    let settings = Settings { worker_saturation: f64::INFINITY, ..Settings::default() };
    let mut table = Table { scheduler: Scheduler::new(settings), ..Table::new(&[]) };
    table.tell(Stimulus::ClientJoined { client: "c".into(), versions: Value::Nil });
    table.tell(joined("v"));
    table.tell(joined("w"));
    let names = ["x-0", "x-1", "x-2", "x-3", "x-4", "x-5"];
    let tasks: Vec<(&str, &[&str])> = names.iter().map(|name| (*name, [].as_slice())).collect();
    let sent = table.submit(&tasks, &names);
    let workers: Vec<_> = sent.lines().map(|line| &line[..1]).collect();
    assert_eq!(workers, ["v", "v", "v", "w", "w", "w"]);
}
