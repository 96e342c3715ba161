//! Workers that do nothing, for measuring schedulers: they speak Dask's protocol, and say of every task at once that it
//! is done. The same ones serve Cenote's scheduler and Dask's.
//!
//!     cargo run --release -p cenote --example idle_workers -- tcp://127.0.0.1:8786 100
//!
//! With a `tls://` address three files follow: of the authority, of a certificate and of its key. It
//! prints `ready` when all have joined. For each line on the standard input it prints how many tasks it was sent since
//! the last, and when the first came and the last was answered; it ends with the input. Nobody can fetch results from
//! these workers, they send no heartbeats, and they fetch no dependencies.

use std::error::Error;
use std::io::{Write as _, stdin, stdout};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use cenote::comm::{Address, CommError, Connection, Pem, Security, Tls, TlsSettings, connect};
use cenote::core::protocol::batch::{Batch, BatchWriter};
use cenote::core::protocol::field::{Optional, Text, decode};
use cenote::core::protocol::limits::Limits;
use cenote::core::protocol::rpc::Request;
use cenote::core::protocol::value::Value;
use cenote::core::protocol::worker::{
    ComputeTask, FromWorker, RegisterWorker, StartStop, StealResponse, TaskFinished, ToWorker,
};
use tokio::task::LocalSet;

/// Threads that each claims to have: more than one, as most workers of clusters.
const THREADS: u64 = 8;
/// Seconds that a task is said to have taken.
const TASK_SECONDS: f64 = 1e-5;
/// The pickled class `int`.
const INT: &[u8] = b"\x80\x04\x95\x14\0\0\0\0\0\0\0\x8c\x08builtins\x94\x8c\x03int\x94\x93\x94.";

/// What has been done since somebody asked last.
#[derive(Default)]
struct Tally {
    tasks: u64,
    first: f64,
    last: f64,
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut words = std::env::args().skip(1);
    let address: Address = words.next().ok_or("the address of a scheduler is missing")?.parse()?;
    let workers: usize = words.next().ok_or("the number of workers is missing")?.parse()?;
    let security = security(words)?;
    let tally = Arc::new(Mutex::new(Tally::default()));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    LocalSet::new().block_on(&runtime, async {
        let mut streams = Vec::new();
        for number in 0..workers {
            let connection = join(&address, &security, number).await?;
            streams.push(tokio::task::spawn_local(serve(connection, Arc::clone(&tally))));
        }
        println!("ready");
        std::thread::spawn(move || answer(&tally));
        for stream in streams {
            stream.await??;
        }
        Ok(())
    })
}

/// What protects the connections, by the names of files.
fn security(mut files: impl Iterator<Item = String>) -> Result<Security, Box<dyn Error>> {
    let mut file = |named| files.next().map(|value| Pem { named, value });
    let (Some(ca), Some(cert), key) = (file("ca"), file("certificate"), file("key")) else {
        return Ok(Security::default());
    };
    let settings = TlsSettings { ca, cert, key, ciphers: None, min_version: None, max_version: None };
    Ok(Security { tls: Some(Tls::load(&settings)?), ..Security::default() })
}

/// Tells, for each line that is read, what has been done. Ends the process with the input.
fn answer(tally: &Mutex<Tally>) {
    for _line in stdin().lines() {
        let Tally { tasks, first, last } =
            std::mem::take(&mut *tally.lock().unwrap_or_else(std::sync::PoisonError::into_inner));
        println!("{{\"tasks\": {tasks}, \"first\": {first}, \"last\": {last}}}");
        let _ = stdout().flush();
    }
    std::process::exit(0);
}

/// A worker's connection, once it has been let in.
async fn join(scheduler: &Address, security: &Security, number: usize) -> Result<Connection, Box<dyn Error>> {
    let mut connection = connect(scheduler, security, Limits::default(), Duration::from_secs(30)).await?;
    let request = Request::encode("register-worker", &registration(number));
    let reply: Value = decode(&connection.request(&request).await?)?;
    match reply.get("status").and_then(Value::as_str) {
        Some("OK") => Ok(connection),
        _ => Err(format!("worker {number} was refused: {reply:?}").into()),
    }
}

/// Answers every task until the scheduler ends the stream.
async fn serve(connection: Connection, tally: Arc<Mutex<Tally>>) -> Result<(), CommError> {
    let (mut receiver, mut sender) = connection.split();
    loop {
        let frames = match receiver.receive().await {
            Err(CommError::Closed) => return Ok(()),
            frames => frames?,
        };
        let (began, mut tasks) = (now(), 0);
        let mut answers = BatchWriter::default();
        for said in Batch::<ToWorker>::new(&frames)? {
            match said? {
                ToWorker::ComputeTask(task) => {
                    answers.push(&FromWorker::from(finished(task, began)));
                    tasks += 1;
                }
                ToWorker::StealRequest(request) => {
                    let state = Some("memory".into());
                    let response = StealResponse { key: request.key, state, stimulus_id: request.stimulus_id };
                    answers.push(&FromWorker::from(response));
                }
                ToWorker::Close(_) => return Ok(()),
                _ => {}
            }
        }
        if !answers.is_empty() {
            sender.send(&answers.finish()).await?;
        }
        if tasks > 0 {
            let mut tally = tally.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            if tally.tasks == 0 {
                tally.first = began;
            }
            tally.tasks += tasks;
            tally.last = now();
        }
    }
}

fn finished(task: ComputeTask, start: f64) -> TaskFinished {
    let compute = StartStop { action: "compute".into(), start, stop: start + TASK_SECONDS, source: Optional(None) };
    TaskFinished {
        key: task.key,
        run_id: task.run_id,
        nbytes: 28,
        class: INT.into(),
        typename: "int".into(),
        metadata: Value::Map(Vec::new()),
        thread: Some(1),
        startstops: vec![compute],
        stimulus_id: task.stimulus_id,
        status: Optional(Some("OK".into())),
    }
}

fn registration(number: usize) -> RegisterWorker {
    let name: Text = format!("idle-{number}").into();
    RegisterWorker {
        id: name.clone(),
        name: Value::from(&*name),
        now: now(),
        memory_limit: Some(1 << 34),
        metrics: metrics(),
        pid: Optional(Some(u64::from(std::process::id()))),
        services: Value::Map(Vec::new()),
        versions: Value::Map(Vec::new()),
        extra: Value::Map(Vec::new()),
        // Nobody listens there: nobody is to fetch anything.
        ..RegisterWorker::plain(&format!("tcp://127.0.0.1:{}", 20_000 + number), THREADS)
    }
}

/// What a worker measures and Dask's scheduler reads.
fn metrics() -> Value {
    let nothing = || Value::Map(Vec::new());
    let bandwidth = Value::map([("total", 100_000_000.0.into()), ("workers", nothing()), ("types", nothing())]);
    let spilled = Value::map([("memory", 0_u64.into()), ("disk", 0_u64.into())]);
    Value::map([
        ("task_counts", nothing()),
        ("bandwidth", bandwidth),
        ("digests_total_since_heartbeat", nothing()),
        ("managed_bytes", 0_u64.into()),
        ("spilled_bytes", spilled),
        ("transfer", nothing()),
        ("event_loop_interval", 0.02.into()),
        ("cpu", 0.0.into()),
        ("memory", 100_000_000_u64.into()),
        ("time", now().into()),
    ])
}

fn now() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64()
}
