//! Scaling: how much memory workers have, how many there should be, and which of them could go.

use cenote_core::protocol::field::{Map, Optional};
use cenote_core::protocol::query::{AdaptiveTarget, Query, WorkersToClose};
use cenote_core::protocol::value::Value;
use cenote_core::protocol::worker::HeartbeatWorker;
use cenote_core::scheduler::memory::Measure;
use cenote_core::scheduler::stimulus::Stimulus;

use super::table::Table;

/// The worker holds 100 bytes, 30 of them on disk, where they take 20, and has measured its process.
fn measured(process: i64) -> Table {
    let mut table = Table::new(&["v"]);
    let data = vec![("x".into(), 100, vec!["v".into()])];
    table.tell(Stimulus::DataArrived { data, client: Some("c".into()) });
    let spilled = Value::map([("memory", Value::Int(30)), ("disk", Value::Int(20))]);
    let metrics = Value::map([("memory", process.into()), ("spilled_bytes", spilled)]);
    let executing = Map::default();
    table.ask(HeartbeatWorker { address: "v".into(), now: 0.0, metrics, executing, extensions: Optional(None) });
    table
}

#[test]
fn memory_is_measured_as_dask_measures_it() {
    let all = |table: &Table| Measure::ALL.map(|(name, measure)| (name, table.scheduler.memory(measure)));
    let names = Measure::ALL.map(|(name, _)| name);
    let expected = |bytes: [i64; 8]| std::array::from_fn(|place| (names[place], bytes[place]));
    assert_eq!(all(&measured(300)), expected([70, 90, 300, 300, 20, 230, 230, 0]));
    assert_eq!(all(&measured(50)), expected([50, 70, 50, 50, 20, 0, 0, 0]), "no more results than the process has");
    assert_eq!(Measure::of("rss"), None);
}

#[test]
fn workers_that_could_go_are_told_by_any_of_their_attributes() {
    let table = Table::new(&["v"]);
    let asks = |attribute: &str| {
        let attribute = Optional(Some(attribute.into()));
        let query = Query::WorkersToClose(WorkersToClose { n: Optional(Some(1)), attribute, ..Default::default() });
        table.scheduler.query(&query).map_err(|error| error.exception_text.to_string())
    };
    assert_eq!(asks("address"), Ok(Value::Tuple(vec!["v".into()])));
    assert_eq!(asks("nthreads"), Ok(Value::Tuple(vec![Value::Int(1)])));
    let refused = asks("size").unwrap_err();
    assert!(refused.starts_with("AttributeError(") && refused.contains("size"), "{refused}");
}

#[test]
fn what_is_no_duration_is_refused() {
    let table = Table::new(&["v"]);
    let asks = |duration: Option<Value>| {
        let query = Query::AdaptiveTarget(AdaptiveTarget { target_duration: Optional(duration) });
        table.scheduler.query(&query).map_err(|_| "refused")
    };
    assert_eq!(asks(None), asks(Some("5s".into())));
    assert_eq!(asks(Some(Value::Nil)), asks(Some(Value::Int(7))));
    assert_eq!(asks(Some("soon".into())), Err("refused"));
    assert_eq!(asks(Some(Value::Tuple(Vec::new()))), Err("refused"));
}
