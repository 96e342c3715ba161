//! The executor, with a real interpreter and what stock clients really say. Skipped where Dask cannot be imported.
#![allow(clippy::unwrap_used, reason = "all of it is tests")]
#![allow(clippy::needless_pass_by_value, reason = "closures read better so")]

use std::collections::HashMap;
use std::process::Command;

use bytes::BytesMut;
use cenote::executor::{Executor, Settings, StartError};
use cenote_core::key::Key;
use cenote_core::protocol::batch::Batch;
use cenote_core::protocol::client::{FromClient, UpdateGraph};
use cenote_core::protocol::exception::{LastWorker, killed_worker};
use cenote_core::protocol::field::Optional;
use cenote_core::protocol::frame::{Decoded, Decoder};
use cenote_core::protocol::serialized::Pickled;
use cenote_core::protocol::shuffle::{self, PlanShuffle, ShufflePlan};
use cenote_core::protocol::value::Value;
use cenote_core::scheduler::instruction::Exception;
use cenote_core::scheduler::stimulus::{GraphSpec, TaskSpec};

fn python() -> String {
    std::env::var("PYO3_PYTHON").unwrap_or("python3".into())
}

/// Whether the interpreter can do these tests; it is said when it cannot.
fn has_dask() -> bool {
    let probe = Command::new(python()).args(["-c", "import distributed, numpy"]).output();
    let can = probe.is_ok_and(|output| output.status.success());
    if !can {
        eprintln!("skipped: {} cannot import distributed and numpy", python());
    }
    can
}

/// Runs a test with an executor.
fn with_executor(test: impl AsyncFn(&Executor)) {
    if !has_dask() {
        return;
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let executor = Executor::start(Settings { python: python().into(), ..Settings::default() }).await.unwrap();
        test(&executor).await;
    });
}

/// What `graphs.py` writes.
fn written(arguments: &[&str]) -> Vec<u8> {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/executor/graphs.py");
    let output = Command::new(python()).arg(script).args(arguments).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}

/// What a stock client says in a case of `graphs.py`.
fn said(case: &str) -> UpdateGraph {
    let mut bytes = BytesMut::from(written(&[case]).as_slice());
    let Ok(Decoded::Message(frames)) = Decoder::default().decode(&mut bytes) else { panic!("no message") };
    match Batch::new(&frames).unwrap().next().unwrap().unwrap() {
        FromClient::UpdateGraph(graph) => graph,
        other => panic!("not a graph: {other:?}"),
    }
}

async fn read(executor: &Executor, case: &str) -> Result<GraphSpec, Exception> {
    executor.materialize(said(case), "client").await.map(|graph| graph.spec())
}

fn text(error: Exception) -> String {
    let Exception::Raised { text, .. } = error else { panic!("{error:?}") };
    text.to_string()
}

#[test]
fn what_it_is_is_known_at_its_start() {
    with_executor(async |executor| {
        let greeting = executor.greeting();
        let packages = greeting.versions.get("packages").unwrap();
        assert_eq!(packages.get("dask").and_then(Value::as_str), Some(&*greeting.dask));
        assert!(greeting.versions.get("host").unwrap().get("python").is_some());
    });
}

#[test]
fn its_folder_goes_with_it() {
    with_executor(async |_| {
        let executor = Executor::start(Settings { python: python().into(), ..Settings::default() }).await.unwrap();
        let folder = executor.local_directory().to_owned();
        std::fs::write(folder.join("x.py"), "x = 1").unwrap();
        drop(executor);
        assert!(!folder.exists());
    });
}

#[test]
fn tasks_share_what_goes_by_value() {
    with_executor(async |executor| {
        let graph = read(executor, "maps").await.unwrap();
        assert_eq!(graph.tasks.len(), 10_000);
        assert_eq!(graph.keys.len(), 10_000);
        let first = graph.tasks[0].run_spec.frames();
        assert_eq!(first.len(), 1);
        assert!(graph.tasks.iter().all(|task| task.run_spec.frames()[0].as_ptr() == first[0].as_ptr()));
        let orders: Vec<i64> = graph.tasks.iter().map(|task| task.order).collect();
        assert_eq!(orders, (0..10_000).collect::<Vec<_>>());
        let notes = &graph.tasks[9_999].annotations;
        assert_eq!((notes.priority, notes.retries, notes.allow_other_workers), (3.0, 2, false));
        assert_eq!(notes.workers, ["a".into(), "7".into()]);
        assert_eq!(notes.resources, [("GPU".into(), 1.0)]);
        assert_eq!(notes.all.get("retries"), Some(&Value::Int(2)));
    });
}

#[test]
fn a_large_closure_is_there_once() {
    with_executor(async |executor| {
        let graph = read(executor, "closes_over").await.unwrap();
        let frames = |place: usize| {
            graph.tasks[place].run_spec.frames().iter().map(|buffer| buffer.as_ptr()).collect::<Vec<_>>()
        };
        assert_eq!(graph.tasks.len(), 100_000);
        assert_eq!(frames(0), frames(99_999));
        assert!(graph.tasks[0].run_spec.frames()[0].len() > 10 << 20);
    });
}

#[test]
fn a_graph_has_its_dependencies_and_order() {
    with_executor(async |executor| {
        let graph = read(executor, "tree").await.unwrap();
        assert_eq!(graph.tasks.len(), 2047);
        assert_eq!(graph.tasks.iter().map(|task| task.dependencies.len()).sum::<usize>(), 2046);
        let mut orders: Vec<i64> = graph.tasks.iter().map(|task| task.order).collect();
        orders.sort_unstable();
        assert_eq!(orders, (0..2047).collect::<Vec<_>>());
        let graph = read(executor, "outside").await.unwrap();
        assert_eq!(graph.tasks.len(), 1);
        assert_eq!(graph.tasks[0].dependencies, [Key::from("elsewhere")]);
        assert!(graph.tasks[0].actor);
        assert!((graph.fifo_timeout - 2.0).abs() < 1e-9);
        let graph = read(executor, "submits").await.unwrap();
        assert_eq!(graph.keys, [Key::Tuple([Key::from("x"), Key::Int(1)].into())]);
        assert!(!graph.tasks[0].actor);
    });
}

#[test]
fn the_order_is_that_of_a_stock_scheduler_or_as_good() {
    with_executor(async |executor| {
        for case in ["named", "wide", "woven"] {
            let mut tasks = read(executor, case).await.unwrap().tasks;
            tasks.sort_by_key(|task| task.order);
            let ours: Vec<_> = tasks.iter().map(|task| task.key.to_string()).collect();
            let theirs = String::from_utf8(written(&[case, "order"])).unwrap();
            let theirs: Vec<_> = theirs.lines().map(String::from).collect();
            let (held, held_there) = (held_max(&ours, &tasks), held_max(&theirs, &tasks));
            assert!(held <= held_there + held_there / 8, "{case}: {held} results are held, not {held_there}");
            // What is alike by every measure, Dask takes in the order of Python's hashes.
            assert!(case != "named" || ours == theirs, "{ours:?}");
        }
    });
}

/// How many results are held at most if tasks run in this order.
fn held_max(order: &[String], tasks: &[TaskSpec]) -> usize {
    let needs: HashMap<String, Vec<String>> = tasks
        .iter()
        .map(|task| (task.key.to_string(), task.dependencies.iter().map(Key::to_string).collect()))
        .collect();
    let mut last: HashMap<&str, usize> = HashMap::new();
    for (place, key) in order.iter().enumerate() {
        for need in &needs[key] {
            last.insert(need, place);
            assert!(!needs.contains_key(need) || order[..place].contains(need), "{need} comes after {key}");
        }
    }
    let (mut held, mut most) = (0_usize, 0);
    for (place, key) in order.iter().enumerate() {
        held += 1;
        most = most.max(held);
        held -= needs[key].iter().filter(|need| needs.contains_key(*need) && last[need.as_str()] == place).count();
    }
    most
}

#[test]
fn annotations_of_layers_are_told_apart() {
    with_executor(async |executor| {
        let graph = read(executor, "annotated").await.unwrap();
        let noted: Vec<_> = graph.tasks.iter().filter(|task| task.annotations.retries == 5).collect();
        assert_eq!((noted.len(), graph.tasks.len()), (1, 2));
        assert!((noted[0].annotations.priority - 4.5).abs() < 1e-9);
        assert!(matches!(noted[0].annotations.all.get("note"), Some(Value::Set(_))));
    });
}

#[test]
fn errors_are_those_of_python() {
    with_executor(async |executor| {
        let error = text(read(executor, "unreadable").await.unwrap_err());
        assert!(error.starts_with("RuntimeError(") && error.contains("deserialization of the task graph"), "{error}");
        assert!(text(read(executor, "circle").await.unwrap_err()).contains("Cycle"));
        assert_eq!(read(executor, "submits").await.unwrap().tasks.len(), 1);
    });
}

#[test]
fn a_graph_that_kills_it_is_an_error_and_the_next_is_read() {
    with_executor(async |executor| {
        for _ in 0..2 {
            let error = text(read(executor, "deadly").await.unwrap_err());
            assert!(error.contains("exit status: 7"), "{error}");
        }
        assert_eq!(read(executor, "submits").await.unwrap().tasks.len(), 1);
    });
}

/// Asks which of two workers takes which part of what `rechunks` computes.
async fn plan(executor: &Executor, run_id: i64, workers: [&str; 2], aligned: Vec<Pickled>) -> ShufflePlan {
    let graph = read(executor, "rechunks").await.unwrap();
    let is_barrier = |key: &Key| key.to_string().starts_with("shuffle-barrier-");
    let barrier = graph.tasks.iter().find(|task| is_barrier(&task.key)).unwrap().run_spec.clone();
    let workers = workers.map(Into::into).to_vec();
    let plan = PlanShuffle { barrier, run_id, workers, span_id: Optional(None), aligned };
    executor.plan_shuffle(&plan).await.unwrap()
}

#[test]
fn shuffles_are_planned_by_their_barriers() {
    with_executor(async |executor| {
        let first = plan(executor, 3, ["tcp://v:1", "tcp://w:1"], Vec::new()).await;
        assert_eq!(first.workers, ["tcp://v:1".into(), "tcp://w:1".into()]);
        let again = plan(executor, 4, ["tcp://w:1", "tcp://v:1"], vec![first.run_spec.clone()]).await;
        let script = "import pickle, sys; runs = [pickle.loads(bytes.fromhex(it)) for it in sys.argv[1:]]; \
                      print([run.run_id for run in runs], runs[0].worker_for == runs[1].worker_for, \
                      runs[0].worker_for[0, 0], runs[0].worker_for[0, 3])";
        let hex = [first, again].map(|plan| {
            let pickle = plan.run_spec.pickle().unwrap();
            pickle.iter().fold(String::new(), |hex, byte| format!("{hex}{byte:02x}"))
        });
        let output = Command::new(python()).args(["-c", script]).args(hex).output().unwrap();
        let said = String::from_utf8(output.stdout).unwrap();
        assert_eq!(said, "[3, 4] True tcp://v:1 tcp://w:1\n", "{}", String::from_utf8_lossy(&output.stderr));
    });
}

#[test]
fn what_is_no_barrier_plans_no_shuffle() {
    with_executor(async |executor| {
        let barrier = read(executor, "submits").await.unwrap().tasks[0].run_spec.clone();
        let plan =
            PlanShuffle { barrier, run_id: 1, workers: Vec::new(), span_id: Optional(None), aligned: Vec::new() };
        let error = text(executor.plan_shuffle(&plan).await.unwrap_err());
        assert!(error.starts_with("TypeError(") && error.contains("no barrier"), "{error}");
    });
}

#[test]
fn python_reads_the_pickles_of_shuffles() {
    if !has_dask() {
        return;
    }
    let script = "import pickle, sys; print(*[type(pickle.loads(bytes.fromhex(it))).__name__ for it in sys.argv[1:]])";
    let exception = |answer: &Value| match answer.get("exception") {
        Some(Value::Bytes(pickle)) => pickle.clone(),
        other => panic!("{other:?} is no pickle"),
    };
    let Value::Bytes(again) = shuffle::reschedule("over").exception else { panic!("no pickle") };
    let pickles =
        [shuffle::worker_plugin(), exception(&shuffle::inconsistent("no")), exception(&shuffle::over("no")), again];
    let hex = pickles.map(|pickle| pickle.iter().fold(String::new(), |hex, byte| format!("{hex}{byte:02x}")));
    let output = Command::new(python()).args(["-c", script]).args(hex).output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    let expected = "ShuffleWorkerPlugin P2PConsistencyError ShuffleClosedError Reschedule\n";
    assert_eq!(said, expected, "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn a_graph_that_takes_long_does_not_hold_up_others() {
    with_executor(async |executor| {
        let (slow, quick) = (said("slow"), said("submits"));
        let others = async {
            for _ in 0..2 {
                tokio::task::yield_now().await;
                assert_eq!(executor.materialize(quick.clone(), "other").await.unwrap().len(), 1);
            }
        };
        tokio::select! {
            biased;
            _ = executor.materialize(slow, "client") => panic!("others had to wait"),
            () = others => {}
        }
        assert_eq!(executor.materialize(quick, "other").await.unwrap().len(), 1);
    });
}

#[test]
fn one_that_died_while_idle_is_replaced_unseen() {
    with_executor(async |executor| {
        let pid = executor.pid().await.unwrap().to_string();
        let graph = said("submits");
        assert!(Command::new("kill").args(["-KILL", &pid]).status().unwrap().success());
        // Whether it is known to be dead by now or not.
        assert_eq!(executor.materialize(graph, "client").await.unwrap().len(), 1);
    });
}

#[test]
fn python_reads_the_pickle_of_killed_worker() {
    if !has_dask() {
        return;
    }
    let last = LastWorker {
        address: "tcp://10.0.0.1:99".into(),
        name: Value::Int(-3),
        id: "Worker-1".into(),
        pid: Some(1 << 40),
        nanny: Some("tcp://10.0.0.1:98".into()),
        nthreads: 2,
        memory_limit: None,
        local_directory: "/tmp/ä".into(),
    };
    let parts = [Key::from("x"), Key::Int(-1), Key::UInt(u64::MAX), Key::Float(0.5), Key::Bool(true)];
    let pickle = killed_worker(&Key::Tuple(parts.into()), &last, 3);
    let script = "import pickle, sys; e = pickle.loads(bytes.fromhex(sys.argv[1])); w = e.last_worker; hash(w); \
                  print(e.task, e.allowed_failures, repr(w), w.nanny, w.pid, w.local_directory); print(e)";
    let hex = pickle.iter().fold(String::new(), |hex, byte| format!("{hex}{byte:02x}"));
    let output = Command::new(python()).args(["-c", script, &hex]).output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    let expected = "('x', -1, 18446744073709551615, 0.5, True) 3 <WorkerState 'tcp://10.0.0.1:99', name: -3, status: closed, \
                    memory: 0, processing: 0> tcp://10.0.0.1:98 1099511627776 /tmp/ä\n";
    assert!(said.starts_with(expected), "{said}{}", String::from_utf8_lossy(&output.stderr));
    assert!(said.contains("on 4 different workers") && said.contains("was tcp://10.0.0.1:99."), "{said}");
}

#[tokio::test]
async fn an_interpreter_that_is_not_there_is_named() {
    let error =
        Executor::start(Settings { python: "/no/such/python".into(), ..Settings::default() }).await.unwrap_err();
    assert!(matches!(error, StartError::Spawn { .. }) && error.to_string().contains("/no/such/python"));
}
