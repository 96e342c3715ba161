//! What clients share: events, locks, queues, variables, datasets, metadata, topics.

use cenote_core::protocol::client::{
    CloseClient, PublishFlush, QueueFutureRelease, QueueRelease, SubscribeTopic, VariableDelete, VariableFutureReceived,
};
use cenote_core::protocol::coordination::{
    EventClear, EventIsSet, EventSet, EventWait, Events, GetMetadata, LogEvent, MultiLockAcquire, MultiLockRelease,
    PublishDelete, PublishGet, PublishList, PublishPut, QueueCreate, QueueGet, QueuePut, QueueSize, SemaphoreAcquire,
    SemaphoreClose, SemaphoreRegister, SemaphoreRelease, SemaphoreValue, SetMetadata, StartTaskMetadata,
    StopTaskMetadata, VariableGet, VariableSet,
};
use cenote_core::protocol::field::{Given, Optional};
use cenote_core::protocol::query::Query;
use cenote_core::protocol::question::{GetTaskStream, TaskStreamIndex};
use cenote_core::protocol::value::Value;
use cenote_core::scheduler::stimulus::Stimulus;
use cenote_core::scheduler::task::StateName;

use super::table::{Table, finished, keys, releases, shown};

fn wait(timeout: Option<f64>) -> EventWait {
    EventWait { name: "e".into(), timeout: Optional(timeout) }
}

#[test]
fn who_waits_for_an_event_is_answered_when_it_is_set_or_the_time_is_up() {
    let mut table = Table::new(&[]);
    assert_eq!(table.ask_as(1, wait(Some(0.0))), "answer 1: Bool(false)\n");
    assert_eq!(table.ask_as(2, wait(None)), "");
    assert_eq!(table.ask_as(3, wait(Some(1.5))), "");
    assert_eq!(table.tell(Stimulus::Tick), "");
    assert_eq!(table.tell(Stimulus::Tick), "answer 3: Bool(false)\n");
    assert_eq!(table.ask_as(4, EventClear { name: "e".into() }), "answer 4: Nil\n");
    assert_eq!(table.ask_as(5, EventSet { name: "e".into() }), "answer 2: Bool(true)\nanswer 5: Nil\n");
    assert_eq!(table.ask_as(6, wait(Some(0.0))), "answer 6: Bool(true)\n");
    assert_eq!(table.ask_as(7, EventIsSet { name: "e".into() }), "answer 7: Bool(true)\n");
    assert_eq!(table.ask_as(8, EventClear { name: "e".into() }), "answer 8: Nil\n");
    assert_eq!(table.ask_as(9, EventIsSet { name: "e".into() }), "answer 9: Bool(false)\n");
}

fn register(max_leases: i64) -> SemaphoreRegister {
    SemaphoreRegister { name: "s".into(), max_leases, lease_timeout: Some(30.0) }
}

fn acquire(lease: &str, timeout: Option<f64>) -> SemaphoreAcquire {
    SemaphoreAcquire { name: "s".into(), timeout: Optional(timeout), lease_id: lease.into() }
}

#[test]
fn leases_are_given_in_order_and_only_so_many() {
    let mut table = Table::new(&[]);
    let unknown = "answer 1: raises RuntimeError(\"Semaphore or Lock `s` not known.\")\n";
    assert_eq!(table.ask(acquire("a", None)), unknown);
    assert_eq!(table.ask(register(1)), "answer 1: Nil\n");
    assert_eq!(table.ask(register(2)), "answer 1: raises ValueError(\"Inconsistent max leases: 2, expected: 1\")\n");
    assert_eq!(table.ask_as(1, acquire("a", None)), "answer 1: Bool(true)\n");
    assert_eq!(table.ask_as(2, acquire("a", None)), "answer 2: Bool(true)\n", "it has that lease");
    assert_eq!(table.ask_as(3, acquire("b", Some(0.5))), "");
    assert_eq!(table.ask_as(4, acquire("c", None)), "");
    assert_eq!(table.ask_as(5, acquire("d", None)), "");
    assert_eq!(table.tell(Stimulus::Tick), "answer 3: Bool(false)\n");
    let release = SemaphoreRelease { name: "s".into(), lease_id: "a".into() };
    assert_eq!(table.ask_as(6, release.clone()), "answer 4: Bool(true)\nanswer 6: Nil\n");
    assert_eq!(table.ask_as(7, release), "answer 7: Nil\n", "it was released before");
    assert_eq!(table.ask(SemaphoreValue { name: "s".into() }), "answer 1: Int(1)\n");
    let closed = table.ask(SemaphoreClose { name: "s".into() });
    assert_eq!(closed, unknown.replace("answer 1", "answer 5") + "answer 1: Nil\n");
}

#[test]
fn a_lease_that_nobody_refreshes_ends() {
    let mut table = Table::new(&[]);
    table.ask(register(1));
    table.ask(acquire("a", None));
    assert_eq!(table.ask_as(2, acquire("b", None)), "");
    table.now += 20.0;
    assert_eq!(table.tell(Stimulus::Tick), "");
    table.now += 20.0;
    assert_eq!(table.tell(Stimulus::Tick), "answer 2: Bool(true)\n");
}

#[test]
fn a_multi_lock_holds_all_that_it_needs_or_nothing() {
    let mut table = Table::new(&[]);
    let acquire = |id: &str, locks: &[&str], num_locks| MultiLockAcquire {
        locks: keys(locks),
        id: id.into(),
        timeout: Optional(Some(2.5)),
        num_locks,
    };
    let release = |id: &str| MultiLockRelease { id: id.into() };
    assert_eq!(table.ask_as(1, acquire("a", &["x"], 1)), "answer 1: Bool(true)\n");
    assert_eq!(table.ask_as(2, acquire("b", &["x", "y"], 1)), "answer 2: Bool(true)\n", "one of them is enough");
    assert_eq!(table.ask_as(3, acquire("c", &["x", "y"], 2)), "");
    assert_eq!(table.ask_as(4, release("a")), "answer 4: Nil\n");
    assert_eq!(table.ask_as(5, release("b")), "answer 3: Bool(true)\nanswer 5: Nil\n");
    assert_eq!(table.ask_as(6, acquire("d", &["y"], 1)), "");
    table.now += 2.0;
    assert_eq!(table.tell(Stimulus::Tick), "answer 6: Bool(false)\n");
    assert_eq!(table.ask_as(7, release("d")), "answer 7: raises KeyError(\"d\")\n");
}

fn put(key: Option<&str>, data: Option<i64>, timeout: Option<f64>) -> QueuePut {
    let (key, data) = (Optional(key.map(Into::into)), Optional(data.map(Value::Int)));
    QueuePut { name: "q".into(), key, data, timeout: Optional(timeout) }
}

fn take(batch: Option<Value>, timeout: Option<f64>) -> QueueGet {
    QueueGet { name: "q".into(), timeout: Optional(timeout), batch: Optional(batch) }
}

#[test]
fn a_queue_hands_out_in_order_and_lets_wait_who_is_too_early() {
    let mut table = Table::new(&[]);
    assert_eq!(table.ask(take(None, None)), "answer 1: raises KeyError(\"q\")\n");
    table.ask(QueueCreate { name: "q".into(), maxsize: Optional(Some(1)) });
    assert_eq!(table.ask_as(1, put(None, Some(1), None)), "answer 1: Nil\n");
    assert_eq!(table.ask_as(2, put(None, Some(2), None)), "", "there is no room");
    assert_eq!(table.ask_as(3, put(None, Some(3), Some(0.5))), "");
    assert_eq!(table.tell(Stimulus::Tick), "answer 3: raises TimeoutError(\"\")\n");
    let first = "answer 4: type=msgpack value=Int(1)\n";
    assert_eq!(table.ask_as(4, take(None, None)), format!("{first}answer 2: Nil\n"));
    assert_eq!(table.ask(QueueSize { name: "q".into() }), "answer 1: Int(1)\n");
    assert_eq!(table.ask_as(5, take(Some(Value::Int(2)), None)), "", "a batch waits until it is full");
    let both = "answer 5: type=msgpack value=Int(2) type=msgpack value=Int(4)\n";
    assert_eq!(table.ask_as(6, put(None, Some(4), None)), format!("answer 6: Nil\n{both}"));
    assert_eq!(table.ask_as(7, take(Some(Value::Bool(true)), None)), "answer 7: \n");
    assert_eq!(table.ask_as(8, take(None, Some(0.0))), "answer 8: raises TimeoutError(\"\")\n");
}

#[test]
fn what_comes_is_not_given_to_whoever_has_gone() {
    let mut table = Table::new(&[]);
    table.ask(QueueCreate { name: "q".into(), maxsize: Optional(None) });
    assert_eq!(table.ask_as(2, take(None, None)), "");
    assert_eq!(table.ask_as(3, take(None, None)), "");
    assert_eq!(table.tell(Stimulus::Withdrawn { ticket: 2 }), "answer 2: raises TimeoutError(\"\")\n");
    let given = "answer 3: type=msgpack value=Int(1)\n";
    assert_eq!(table.ask_as(4, put(None, Some(1), None)), format!("answer 4: Nil\n{given}"));
    assert_eq!(table.tell(Stimulus::Withdrawn { ticket: 3 }), "", "it was answered before");
}

#[test]
fn a_future_in_a_queue_is_wanted_until_whoever_took_it_wants_it() {
    let mut table = Table::new(&["w"]);
    table.ask(QueueCreate { name: "q".into(), maxsize: Optional(None) });
    assert_eq!(table.ask_as(2, put(Some("a"), None, Some(9.0))), "", "its graph may come later");
    let sent = table.submit(&[("a", &[])], &["a"]);
    assert_eq!(sent, "w: compute a run 0\nanswer 2: Nil\n");
    table.client(releases(&["a"]));
    assert_eq!(table.finished("w", "a", 0), "");
    assert_eq!(table.state("a"), Some(StateName::Memory));
    assert_eq!(table.ask(take(None, None)), "answer 1: type=Future value=a state=memory\n");
    let taken = table.client(QueueFutureRelease { name: "q".into(), key: "a".into() });
    assert_eq!(taken, "c: memory a\n");
    assert_eq!(table.client(releases(&["a"])), "w: free a\n");
    assert_eq!(table.ask_as(4, put(Some("b"), None, Some(0.5))), "");
    assert_eq!(table.tell(Stimulus::Tick), "answer 4: raises TimeoutError(\"Task b unknown to scheduler.\")\n");
    assert_eq!(table.client(QueueRelease { name: "q".into() }), "");
    assert_eq!(table.ask(QueueSize { name: "q".into() }), "answer 1: raises KeyError(\"q\")\n");
}

fn set(key: Option<&str>, data: Option<i64>) -> VariableSet {
    let (key, data) = (Optional(key.map(Into::into)), Optional(data.map(Value::Int)));
    VariableSet { name: "v".into(), key, data, timeout: Optional(Some("10 s".into())) }
}

#[test]
fn a_variable_is_read_when_it_is_set_and_keeps_its_future_until_it_was_received() {
    let mut table = Table::new(&["w"]);
    let get =
        |timeout| VariableGet { name: "v".into(), client: Optional(Some("c".into())), timeout: Optional(timeout) };
    assert_eq!(table.ask_as(1, get(Some(0.5))), "");
    assert_eq!(table.tell(Stimulus::Tick), "answer 1: raises TimeoutError(\"\")\n");
    assert_eq!(table.ask_as(2, get(None)), "");
    assert_eq!(table.ask_as(3, set(None, Some(7))), "answer 2: type=msgpack value=Int(7)\nanswer 3: Nil\n");
    table.submit(&[("a", &[])], &["a"]);
    assert_eq!(table.ask(set(Some("a"), None)), "answer 1: Nil\n");
    table.client(releases(&["a"]));
    table.finished("w", "a", 0);
    let token = format!("{:032x}", 1);
    assert_eq!(table.ask(get(None)), format!("answer 1: type=Future value=a state=memory token={token}\n"));
    assert_eq!(table.client(VariableDelete { name: "v".into() }), "", "it is on its way to the client");
    let received = VariableFutureReceived { name: "v".into(), key: "a".into(), token: token.into() };
    assert_eq!(table.client(received), "c: memory a\n");
    assert_eq!(table.client(releases(&["a"])), "w: free a\n");
}

#[test]
fn who_dies_with_a_future_of_a_variable_on_its_way_does_not_keep_it() {
    let mut table = Table::new(&["w"]);
    table.submit(&[("a", &[])], &["a"]);
    table.ask(set(Some("a"), None));
    table.finished("w", "a", 0);
    table.ask(VariableGet { name: "v".into(), client: Optional(Some("c".into())), timeout: Optional(None) });
    table.ask(set(None, Some(1)));
    assert_eq!(table.client(CloseClient {}), "w: free a\n");
}

fn publish(keys: Vec<cenote_core::key::Key>, uid: &str) -> PublishPut {
    PublishPut {
        names: vec!["d".into()],
        keys: vec![keys],
        data: vec![Value::Int(5)],
        replace: Optional(Some(false)),
        client: "c".into(),
        uid: uid.into(),
    }
}

#[test]
fn datasets_are_published_after_all_that_their_client_said_before() {
    let mut table = Table::new(&["w"]);
    assert_eq!(table.ask_as(1, publish(keys(&["a"]), "u")), "");
    table.submit(&[("a", &[])], &["a"]);
    assert_eq!(table.client(PublishFlush { uid: "u".into() }), "answer 1: Nil\n");
    assert_eq!(table.client(PublishFlush { uid: "v".into() }), "");
    let twice = "answer 1: raises KeyError(\"Dataset d already exists\")\n";
    assert_eq!(table.ask(publish(keys(&["a"]), "v")), twice);
    assert_eq!(table.ask(PublishList {}), "answer 1: d\n");
    table.finished("w", "a", 0);
    assert_eq!(table.client(releases(&["a"])), "");
    let get = PublishGet { names: keys(&["d", "e"]) };
    assert_eq!(table.ask(get), "answer 1: data=Int(5) keys=a Nil\n");
    let delete = PublishDelete { names: keys(&["d"]), client: "c".into(), uid: "w".into() };
    assert_eq!(table.ask_as(2, delete.clone()), "");
    assert_eq!(table.client(PublishFlush { uid: "w".into() }), "w: free a\nanswer 2: Nil\n");
    assert_eq!(table.ask_as(3, delete), "");
    assert_eq!(table.client(CloseClient {}), "answer 3: raises TimeoutError(\"client c has left\")\n");
}

#[test]
fn metadata_is_a_tree() {
    let mut table = Table::new(&[]);
    let set = |way: &[&str], value| SetMetadata { keys: keys(way), value: Optional(Some(value)) };
    assert!(table.ask(set(&[], "1".into())).contains("raises ValueError"));
    let get = |table: &Table, way: &[&str], default| {
        let query = Query::GetMetadata(GetMetadata { keys: keys(way), default: Given(default) });
        table.scheduler.query(&query).map_or_else(|error| error.exception_text.to_string(), |value| shown(&value))
    };
    assert_eq!(table.ask(set(&["a", "b"], Value::Int(1))), "answer 1: Nil\n");
    table.ask(set(&["a", "c"], Value::map([("d", Value::Int(2))])));
    table.ask(set(&["a", "c", "e"], Value::Int(3)));
    assert_eq!(get(&table, &["a"], None), "b=Int(1) c=d=Int(2) e=Int(3)");
    assert_eq!(get(&table, &["a", "c", "d"], None), "Int(2)");
    let error = "TypeError(\"the metadata before z is a value without keys\")";
    assert_eq!(get(&table, &["a", "b", "z"], Some(Value::Nil)), error);
    assert_eq!(get(&table, &["a", "x"], None), "KeyError(\"x\")");
    assert_eq!(get(&table, &["a", "x"], Some(Value::Nil)), "Nil");
}

#[test]
fn events_of_a_topic_are_kept_and_told_to_those_who_subscribe() {
    let mut table = Table::new(&[]);
    let log = |event| LogEvent { topic: "t".into(), msg: Optional(Some(Value::Int(event))) };
    assert_eq!(table.ask(log(1)), "answer 1: Nil\n");
    table.client(SubscribeTopic { topic: "t".into(), client: "c".into() });
    let told = "c: Event(Event { topic: \"t\", event: Tuple([Float(4.0), Int(2)]) })\n";
    assert_eq!(table.ask(log(2)), format!("{told}answer 1: Nil\n"));
    let events = table.scheduler.query(&Query::Events(Events { topic: Optional(Some("t".into())) }));
    assert_eq!(shown(&events.unwrap()), "Float(2.0) Int(1) Float(4.0) Int(2)");
}

#[test]
fn a_recording_tells_what_was_said_of_tasks_that_were_submitted_meanwhile() {
    let mut table = Table::new(&["w"]);
    table.submit(&[("a", &[])], &["a"]);
    table.ask(StartTaskMetadata { name: "n".into() });
    table.submit(&[("b", &[]), ("x", &[])], &["b", "x"]);
    table.finished("w", "a", 0);
    let said = Value::map([("m", Value::Int(1))]);
    table.worker("w", cenote_core::protocol::worker::TaskFinished { metadata: said, ..finished("b", 1) });
    table.erred("w", "x", 2);
    let stop = StopTaskMetadata { name: Optional(Some("n".into())) };
    assert_eq!(table.ask(stop.clone()), "answer 1: metadata=b=m=Int(1) x=Nil state=b=memory x=erred\n");
    assert!(table.ask(stop).contains("raises ValueError"));
}

#[test]
fn the_task_stream_begins_when_somebody_asks_and_has_only_what_counted() {
    let mut table = Table::new(&["w"]);
    let ask = |start_index| GetTaskStream {
        start: Optional(None),
        stop: Optional(None),
        count: Optional(None),
        start_index: Optional(start_index),
    };
    table.submit(&[("a", &[]), ("b", &[]), ("x", &[])], &["a", "b", "x"]);
    table.finished("w", "a", 0);
    assert_eq!(table.ask(TaskStreamIndex {}), "answer 1: Int(0)\n");
    table.finished("w", "b", 1);
    table.finished("w", "b", 1);
    table.erred("w", "x", 2);
    assert_eq!(table.ask(ask(None)), "answer 1: OK error\n");
    assert_eq!(table.ask(ask(Some(1))), "answer 1: error\n");
    assert_eq!(table.ask(TaskStreamIndex {}), "answer 1: Int(2)\n");
}
