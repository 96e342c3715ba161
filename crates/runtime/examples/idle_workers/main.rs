//! Workers that do nothing, for measuring schedulers: they speak Dask's protocol, and say of every task at once that it
//! is done. The same ones serve Cenote's scheduler and Dask's.
//!
//!     cargo run --release -p cenote --example idle_workers -- tcp://127.0.0.1:8786 100
//!
//! With `--busy 1` each has one thread and takes as long for a task as its key says ([`desk`]), and gives back what it has
//! not begun; with `--hold` they never say that a task is done. With a `tls://` address three files follow: of the
//! authority, of a certificate and of its key. All join at once; `ready` is printed when they have, and after how many
//! seconds. For each line on the standard input it prints how many tasks they were sent since the last, when the first
//! came and the last was answered, and how many were given back; for the line `leave` all leave at once, as Dask's workers
//! do, and that is printed. It ends with the input. Nobody can fetch results from these workers, they send no
//! heartbeats, and they fetch no dependencies.

mod desk;

use std::error::Error;
use std::io::{Write as _, stdin, stdout};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use cenote::comm::{Address, CommError, Connection, Pem, Security, Sender, Tls, TlsSettings, connect};
use cenote::core::protocol::batch::{Batch, BatchWriter};
use cenote::core::protocol::field::{Optional, Text, decode};
use cenote::core::protocol::frame::Frames;
use cenote::core::protocol::limits::Limits;
use cenote::core::protocol::rpc::Request;
use cenote::core::protocol::value::Value;
use cenote::core::protocol::worker::{
    CloseStream, ComputeTask, FromWorker, RegisterWorker, StartStop, StealResponse, TaskFinished, ToWorker,
};
use tokio::sync::watch;
use tokio::task::{JoinSet, LocalSet};

use desk::Desk;

/// Threads that each claims to have: more than one, as most workers of clusters.
const THREADS: u64 = 8;
/// Seconds that a task is said to have taken which took none.
const TASK_SECONDS: f64 = 1e-5;
/// How long a connection may take: many are made at once.
const PATIENCE: Duration = Duration::from_mins(2);
/// The pickled class `int`.
const INT: &[u8] = b"\x80\x04\x95\x14\0\0\0\0\0\0\0\x8c\x08builtins\x94\x8c\x03int\x94\x93\x94.";

/// What has been done since somebody asked last.
#[derive(Default)]
struct Tally {
    tasks: u64,
    first: f64,
    last: f64,
    given_back: u64,
}

/// What workers do with tasks.
#[derive(Clone, Copy, PartialEq)]
enum Manner {
    /// They are done at once.
    Idle,
    /// They take as long as their keys say; so many run at a time.
    Busy(u32),
    /// They are never done.
    Hold,
}

/// What is the same for all workers.
#[derive(Clone)]
struct Common {
    scheduler: Address,
    security: Security,
    manner: Manner,
    tally: Arc<Mutex<Tally>>,
    leaves: watch::Receiver<bool>,
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut words: Vec<String> = std::env::args().skip(1).collect();
    let manner = manner(&mut words)?;
    let mut words = words.into_iter();
    let scheduler: Address = words.next().ok_or("the address of a scheduler is missing")?.parse()?;
    let workers: usize = words.next().ok_or("the number of workers is missing")?.parse()?;
    let (leave, leaves) = watch::channel(false);
    let common = Common { scheduler, security: security(words)?, manner, tally: Arc::default(), leaves };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    LocalSet::new().block_on(&runtime, async {
        let began = Instant::now();
        let mut joining = JoinSet::new();
        for number in 0..workers {
            joining.spawn_local(join(common.clone(), number));
        }
        let mut working = JoinSet::new();
        while let Some(joined) = joining.join_next().await {
            working.spawn_local(serve(common.clone(), joined??));
        }
        println!("ready {}", began.elapsed().as_secs_f64());
        let tally = Arc::clone(&common.tally);
        std::thread::spawn(move || answer(&tally, &leave));
        while let Some(left) = working.join_next().await {
            left??;
        }
        println!("{{\"left\": {workers}}}");
        std::future::pending().await
    })
}

/// What workers do with tasks, as the flags say that are taken off the words.
fn manner(words: &mut Vec<String>) -> Result<Manner, Box<dyn Error>> {
    if let Some(place) = words.iter().position(|word| word == "--hold") {
        words.remove(place);
        return Ok(Manner::Hold);
    }
    let Some(place) = words.iter().position(|word| word == "--busy") else { return Ok(Manner::Idle) };
    words.remove(place);
    let threads = if place < words.len() { words.remove(place) } else { String::new() };
    Ok(Manner::Busy(threads.parse().map_err(|_| "--busy needs the number of threads")?))
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
fn answer(tally: &Mutex<Tally>, leave: &watch::Sender<bool>) {
    for line in stdin().lines() {
        if line.is_ok_and(|line| line == "leave") {
            leave.send_replace(true);
            continue;
        }
        let Tally { tasks, first, last, given_back } =
            std::mem::take(&mut *tally.lock().unwrap_or_else(PoisonError::into_inner));
        println!("{{\"tasks\": {tasks}, \"first\": {first}, \"last\": {last}, \"given_back\": {given_back}}}");
        let _ = stdout().flush();
    }
    std::process::exit(0);
}

/// What becomes of something that is done for all workers at once.
type Outcome<T> = Result<T, Box<dyn Error>>;

/// A worker's connection, once it has been let in.
async fn join(common: Common, number: usize) -> Outcome<Connection> {
    let mut connection = connect(&common.scheduler, &common.security, Limits::default(), PATIENCE).await?;
    let request = Request::encode("register-worker", &registration(number, common.manner));
    let reply: Value = decode(&connection.request(&request).await?)?;
    match reply.get("status").and_then(Value::as_str) {
        Some("OK") => Ok(connection),
        _ => Err(format!("worker {number} was refused: {reply:?}").into()),
    }
}

/// Works until the scheduler ends the stream, or all are to leave.
async fn serve(common: Common, connection: Connection) -> Outcome<()> {
    let (mut receiver, mut sender) = connection.split();
    let threads = if let Manner::Busy(threads) = common.manner { threads } else { 0 };
    let (mut desk, mut leaves) = (Desk::new(threads as usize), common.leaves.clone());
    loop {
        tokio::select! {
            frames = receiver.receive() => match frames {
                Err(CommError::Closed) => return Ok(()),
                frames => if !hear(&common, &frames?, &mut desk, &mut sender).await? { return Ok(()) },
            },
            task = desk.done() => {
                let took = desk::duration(&task.key).as_secs_f64();
                let mut answers = BatchWriter::default();
                answers.push(&FromWorker::from(finished(task, now() - took, took)));
                sender.send(&answers.finish()).await?;
                count(&common.tally, None, 1, 0);
            }
            _ = leaves.wait_for(|leaves| *leaves) => {
                let mut farewell = BatchWriter::default();
                farewell.push(&FromWorker::from(CloseStream {}));
                return Ok(sender.send(&farewell.finish()).await?);
            }
        }
    }
}

/// Hears a message, and answers it. False if it is the last.
async fn hear(common: &Common, frames: &Frames, desk: &mut Desk, sender: &mut Sender) -> Outcome<bool> {
    let (began, mut came, mut tasks, mut given_back) = (now(), None, 0, 0);
    let mut answers = BatchWriter::default();
    for said in Batch::<ToWorker>::new(frames)? {
        match said? {
            ToWorker::ComputeTask(task) => {
                came = Some(began);
                match common.manner {
                    Manner::Idle => {
                        answers.push(&FromWorker::from(finished(task, began, TASK_SECONDS)));
                        tasks += 1;
                    }
                    Manner::Busy(_) => desk.take(task),
                    Manner::Hold => tasks += 1,
                }
            }
            ToWorker::FreeKeys(it) => it.keys.iter().for_each(|key| desk.free(key)),
            ToWorker::StealRequest(request) => {
                let state = desk.give_back(&request.key);
                given_back += u64::from(state == "ready");
                let (state, stimulus_id) = (Some(state.into()), request.stimulus_id);
                answers.push(&FromWorker::from(StealResponse { key: request.key, state, stimulus_id }));
            }
            ToWorker::Close(_) => return Ok(false),
            _ => {}
        }
    }
    if !answers.is_empty() {
        sender.send(&answers.finish()).await?;
    }
    count(&common.tally, came, tasks, given_back);
    Ok(true)
}

fn count(tally: &Mutex<Tally>, came: Option<f64>, tasks: u64, given_back: u64) {
    let mut tally = tally.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(came) = came.filter(|_| tally.first == 0.0) {
        tally.first = came;
    }
    tally.given_back += given_back;
    if tasks > 0 {
        tally.tasks += tasks;
        tally.last = now();
    }
}

fn finished(task: ComputeTask, start: f64, seconds: f64) -> TaskFinished {
    let compute = StartStop { action: "compute".into(), start, stop: start + seconds, source: Optional(None) };
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

/// Nobody listens there: nobody is to fetch anything.
fn address(number: usize) -> Text {
    format!("tcp://127.0.0.1:{}", 20_000 + number).into()
}

fn registration(number: usize, manner: Manner) -> RegisterWorker {
    let threads = if let Manner::Busy(threads) = manner { threads.into() } else { THREADS };
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
        ..RegisterWorker::plain(&address(number), threads)
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
