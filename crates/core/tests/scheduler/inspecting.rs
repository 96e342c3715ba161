//! Inspecting: the story of a task, the stream of tasks and the dump of everything, as people read them.

use cenote_core::protocol::field::{Map, Optional};
use cenote_core::protocol::query::{GetStory, Query};
use cenote_core::protocol::question::GetTaskStream;
use cenote_core::protocol::value::Value;
use cenote_core::protocol::worker::HeartbeatWorker;

use super::table::{Table, keys};

fn at<'a>(dump: &'a Value, way: &[&str]) -> &'a Value {
    way.iter().fold(dump, |value, name| value.get(name).unwrap_or(&Value::Nil))
}

#[test]
fn a_dump_tells_why_tasks_have_failed_and_can_be_read_whatever_workers_have_measured() {
    let mut table = Table::new(&["v"]);
    table.submit(&[("x", &[])], &["x"]);
    table.raised("v", "x", 0, "ValueError('no')");
    let name = Value::Tuple(vec!["execute".into(), Value::Nil, "seconds".into()]);
    let metrics = Value::map([("sums", Value::Map(vec![(name, Value::Int(1))]))]);
    let executing = Map::default();
    table.ask(HeartbeatWorker { address: "v".into(), now: 0.0, metrics, executing, extensions: Optional(None) });
    let dump = table.scheduler.dump(&[]);
    assert_eq!(at(&dump, &["tasks", "x", "exception_text"]).as_str(), Some("ValueError('no')"));
    assert_eq!(at(&dump, &["tasks", "x", "exception_blame"]).as_str(), Some("<TaskState 'x' erred>"));
    assert_eq!(at(&dump, &["task_groups", "x", "states", "erred"]), &Value::Int(1));
    assert_eq!(at(&dump, &["workers", "v", "metrics", "sums", "(execute, None, seconds)"]), &Value::Int(1));
}

#[test]
fn a_story_tells_when_things_happened() {
    let mut table = Table::new(&["v"]);
    table.now = 7.5; // each stimulus comes a second later
    table.submit(&[("x", &[])], &["x"]);
    let story = table.scheduler.query(&Query::GetStory(GetStory { keys_or_stimuli: keys(&["x"]) })).unwrap();
    let Value::Tuple(lines) = story else { panic!("a story is a list") };
    let times = lines.iter().map(|line| match line {
        Value::Tuple(parts) => parts.last().and_then(Value::as_f64),
        _ => None,
    });
    assert_eq!(times.collect::<Vec<_>>(), [Some(8.5), Some(8.5)]);
}

#[test]
fn the_stream_is_not_told_from_what_is_no_time() {
    let mut table = Table::new(&["v"]);
    let asked = |start: &str| GetTaskStream {
        start: Optional(Some(start.into())),
        stop: Optional(None),
        count: Optional(None),
        start_index: Optional(None),
    };
    assert_eq!(table.ask(asked("1 hour")), "answer 1: \n");
    assert!(table.ask(asked("long ago")).contains("raises ValueError"));
}
