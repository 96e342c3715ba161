//! Spans: which one a task belongs to, what its worker is told of it, and what is added up there.

use cenote_core::protocol::field::{Map, Optional};
use cenote_core::protocol::query::{Inspect, Query};
use cenote_core::protocol::question::Question;
use cenote_core::protocol::value::Value;
use cenote_core::protocol::worker::{HeartbeatWorker, ToWorker};
use cenote_core::scheduler::instruction::Instruction;
use cenote_core::scheduler::stimulus::{GraphSpec, Stimulus};

use super::table::{Table, finished, graph, releases};

fn tuple(parts: &[&str]) -> Value {
    Value::Tuple(parts.iter().map(|&part| part.into()).collect())
}

fn annotation(names: &[&str], ids: &[&str]) -> Value {
    Value::map([("name", tuple(names)), ("ids", tuple(ids))])
}

/// A graph of one task, which its user has put into spans.
fn spanned(key: &str, names: &[&str], ids: &[&str]) -> GraphSpec {
    let mut graph = graph(&[(key, &[])], &[key]);
    graph.tasks[0].annotations.all = Value::map([("note", "kept".into()), ("span", annotation(names, ids))]);
    graph
}

/// What workers are told about the spans of tasks that are sent now.
fn told(table: &mut Table, stimulus: Stimulus) -> Vec<(String, Value)> {
    table.now += 1.0;
    let mut instructions = Vec::new();
    table.scheduler.handle_stimulus(stimulus, table.now, &mut instructions);
    table.scheduler.validate().expect("what must hold holds");
    let sent = instructions.into_iter().filter_map(|instruction| match instruction {
        Instruction::ToWorker { message: ToWorker::ComputeTask(task), .. } => {
            Some((task.span_id.map_or_else(String::new, |it| it.to_string()), task.annotations))
        }
        _ => None,
    });
    sent.collect()
}

fn submit(table: &mut Table, graph: GraphSpec) -> Vec<(String, Value)> {
    told(table, Stimulus::Submit { client: "c".into(), graph: graph.into() })
}

/// What tests see of a span: a plain value.
fn seen(table: &Table, span: &str, attribute: &str) -> Value {
    let steps = [("a", "extensions"), ("i", "spans"), ("a", "spans"), ("i", span), ("a", attribute)];
    let path = Value::Tuple(steps.iter().map(|&(kind, name)| tuple(&[kind, name])).collect());
    let now = Optional(Some(table.now));
    match table.scheduler.query(&Query::Inspect(Inspect { path, now })) {
        Ok(Value::Tuple(parts)) => parts[1].clone(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_nobody_has_named_belongs_to_one_default_span_until_all_of_it_is_done() {
    let mut table = Table::new(&["w", "v"]);
    let nothing = Value::Map(Vec::new());
    let first = ("default-0-1".to_owned(), nothing.clone());
    assert_eq!(submit(&mut table, graph(&[("a", &[]), ("b", &[])], &["a", "b"])), [first.clone(), first.clone()]);
    table.finished("w", "a", 0);
    assert_eq!(submit(&mut table, graph(&[("c", &[])], &["c"])), [first], "b is not done");
    table.finished("v", "b", 1);
    table.finished("w", "c", 2);
    assert_eq!(submit(&mut table, graph(&[("d", &[])], &["d"])), [("default-0-2".to_owned(), nothing)]);
}

#[test]
fn a_group_belongs_to_the_span_of_its_first_task() {
    let mut table = Table::new(&["w", "v"]);
    let notes = Value::map([("note", "kept".into()), ("span", annotation(&["work", "part"], &["1", "2"]))]);
    assert_eq!(submit(&mut table, spanned("x-1", &["work", "part"], &["1", "2"])), [("2".to_owned(), notes.clone())]);
    assert_eq!(submit(&mut table, spanned("x-2", &["other"], &["3"])), [("2".to_owned(), notes)]);
    assert_eq!(seen(&table, "1", "done"), Value::Bool(false));
    table.client(releases(&["x-1", "x-2"]));
    assert_eq!(seen(&table, "1", "done"), Value::Bool(true), "a span outlives its tasks");
    let alone = submit(&mut table, spanned("x-2", &["other"], &["3"]));
    assert_eq!(alone[0].0, "3", "the group was forgotten");
}

#[test]
fn an_annotation_that_is_no_span_is_ignored() {
    let mut table = Table::new(&["w", "v"]);
    let bad =
        [annotation(&["a", "b"], &["1"]), annotation(&[], &[]), Value::Nil, annotation(&["deep"; 101], &["1"; 101])];
    for (note, key) in bad.into_iter().zip(["a", "b", "c", "d"]) {
        let mut graph = graph(&[(key, &[])], &[key]);
        graph.tasks[0].annotations.all = Value::map([("span", note)]);
        assert!(
            submit(&mut table, graph).iter().all(|(span, notes)| span == "default-0-1" && *notes == Value::map([]))
        );
    }
}

#[test]
fn what_came_of_tasks_and_what_workers_measured_is_added_up_along_the_tree() {
    let mut table = Table::new(&["w"]);
    submit(&mut table, spanned("x", &["work", "part"], &["1", "2"]));
    table.finished("w", "x", 0);
    table.client(releases(&["x"]));
    let name = |span: &str| Value::Tuple(vec!["execute".into(), span.into(), "x".into(), Value::Nil, "seconds".into()]);
    let said =
        Value::Map(vec![(name("2"), Value::Int(3)), (name("unknown"), Value::Int(5)), ("odd".into(), Value::Int(1))]);
    for _ in 0..2 {
        let heartbeat = HeartbeatWorker {
            address: "w".into(),
            now: 0.0,
            metrics: Value::map([]),
            executing: Map::default(),
            extensions: Optional(Some(Value::map([("spans", said.clone())]))),
        };
        table.ask(Question::from(heartbeat));
    }
    assert_eq!(seen(&table, "1", "nbytes_total"), Value::Int(8));
    assert_eq!(seen(&table, "1", "stop"), seen(&table, "1", "enqueued"), "it was said to be done before it came");
    let (Value::Tuple(of_part), Value::Tuple(of_work)) =
        (seen(&table, "2", "_cumulative_worker_metrics"), seen(&table, "1", "_cumulative_worker_metrics"))
    else {
        panic!("a table is told as its rows");
    };
    assert_eq!((of_part.len(), of_work.len()), (1, 0));
    let Value::Tuple(row) = &of_part[0] else { panic!("a row is a pair") };
    let short = Value::Tuple(vec!["execute".into(), "x".into(), Value::Nil, "seconds".into()]);
    let plain = |value| Value::Tuple(vec!["v".into(), value]);
    assert_eq!(row.as_slice(), [plain(short), plain(Value::Int(6))]);
}

#[test]
fn only_the_last_spans_are_kept_and_sums_stay_true() {
    let mut table = Table::new(&["w"]);
    // Not by the table, which looks at everything each time.
    let mut instructions = Vec::new();
    for number in 0..1500 {
        let (key, id) = (format!("x{number}"), number.to_string());
        let graph = spanned(&key, &["all", "one"], &["root", &id]);
        for stimulus in [
            Stimulus::Submit { client: "c".into(), graph: graph.into() },
            Stimulus::Worker { worker: "w".into(), said: finished(&key, number).into() },
            Stimulus::Client { client: "c".into(), said: releases(&[&key]).into() },
        ] {
            table.scheduler.handle_stimulus(stimulus, table.now, &mut instructions);
        }
        instructions.clear();
    }
    table.tell(Stimulus::Tick);
    assert_eq!(seen(&table, "root", "nbytes_total"), Value::Int(8 * 1500));
    let Value::Tuple(children) = seen(&table, "root", "children") else { panic!("children are a list") };
    assert!((900..1000).contains(&children.len()), "{}", children.len());
}
