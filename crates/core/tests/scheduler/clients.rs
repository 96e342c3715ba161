//! Clients: what they want, take back, and wait for.

use cenote_core::protocol::client::{CancelKeys, ClientDesiresKeys};
use cenote_core::protocol::field::Optional;
use cenote_core::protocol::query::{CheckIdle, Query};
use cenote_core::protocol::question::Restart;
use cenote_core::protocol::value::Value;
use cenote_core::scheduler::instruction::Exception;
use cenote_core::scheduler::stimulus::Stimulus;
use cenote_core::scheduler::wait::WaitReason;

use super::table::{Table, expression, graph, keys, releases};

#[test]
fn what_a_client_says_waits_behind_its_graph() {
    let mut table = Table::new(&["w"]);
    let sent = table.client(expression(&["a"]));
    assert_eq!(sent, "materialize 1: a\n");
    assert_eq!(table.client(releases(&["a"])), "");
    let outcome = Ok(graph(&[("a", &[])], &["a"]));
    let done = table.tell(Stimulus::Materialized { ticket: 1, outcome: outcome.map(Into::into) });
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
fn a_restart_forgets_everything() {
    let mut table = Table::new(&["w"]);
    table.submit(&[("a", &[]), ("b", &["a"]), ("x", &[])], &["b", "x"]);
    let data = vec![("d".into(), 8, vec!["w".into()])];
    table.tell(Stimulus::DataArrived { data, client: None });
    let restarted = table.ask(Restart { client: Optional(None), stimulus_id: Optional(None) });
    assert_eq!(restarted, "w: free x\nw: free a\nw: free d\nc: Restart(Restart)\nanswer 1: Nil\n");
    assert_eq!(table.scheduler.keys().count(), 0);
}

#[test]
fn a_scheduler_is_idle_while_nothing_is_done_or_waited_for() {
    let mut table = Table::new(&[]);
    let asked = Query::CheckIdle(CheckIdle {});
    assert_eq!(table.scheduler.idle_since(), Some(1.0));
    assert_eq!(table.scheduler.query(&asked), Ok(Value::Float(1.0)));
    table.submit(&[("a", &[])], &["a"]);
    table.tell(Stimulus::Tick);
    assert_eq!(table.scheduler.idle_since(), None);
    assert_eq!(table.scheduler.query(&asked), Ok(Value::Nil));
    table.client(releases(&["a"]));
    let done = table.now;
    assert_eq!(table.scheduler.idle_since(), Some(done));
    table.tell(Stimulus::Tick);
    assert_eq!(table.scheduler.idle_since(), Some(done));
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

#[test]
fn what_is_to_be_forgotten_does_not_stay_because_another_input_fails() {
    let mut table = Table::new(&["w"]);
    table.submit(&[("k", &[]), ("x", &["k", "m"]), ("m", &["k"])], &["x"]);
    table.submit(&[("y", &["x", "k"])], &["y"]);
    table.client(ClientDesiresKeys { keys: keys(&["y"]), client: Optional(Some("fire-and-forget".into())) });
    table.client(releases(&["x", "y"]));
    // Of those that fail with it, `y` is the first, and takes `x` with it; then `m` fails, which `x` needs, too.
    table.erred("w", "k", 0);
    assert_eq!(["k", "x", "m", "y"].map(|key| table.state(key)), [None; 4]);
}
