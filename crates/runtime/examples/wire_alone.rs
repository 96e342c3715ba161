//! What the system takes for messages, whoever reads and writes them: a process that reads short messages from many
//! connections and answers each with another, and neither looks at them nor thinks.
//!
//!     cargo run --release -p cenote --example wire_alone -- 100 5000 8500
//!
//! are a hundred connections, on which five thousand messages come, one after the other and evenly within 8,500 ms, each
//! on a connection taken at random. Printed is how many microseconds of CPU the answering thread took for each of
//! them. It runs on the same library as the scheduler, and on one thread as well. It is what is left of a scheduler that
//! hears of each task by one message and sends one out for it, if all else cost nothing; one to which several messages
//! come together may take less.

use std::error::Error;
use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::num::NonZeroU32;
use std::thread;
use std::time::{Duration, Instant};

use tokio::task::{JoinSet, LocalSet};

/// Bytes of a message that says that a task is done, about.
const HEARD_BYTES: usize = 600;
/// Bytes of a message that sends a task out, about.
const SAID_BYTES: usize = 500;

type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

fn main() -> Outcome<()> {
    let mut words = std::env::args().skip(1);
    let mut number = |what| {
        let word = words.next().ok_or(format!("{what} is missing"))?;
        word.parse::<NonZeroU32>().map(u32::from).map_err(|error| format!("{what} is {word}: {error}"))
    };
    let (connections, messages) = (number("the number of connections")?, number("the number of messages")?);
    let duration = Duration::from_millis(number("the number of milliseconds")?.into());
    let listener = TcpListener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))?;
    let address = listener.local_addr()?;
    let answering = thread::spawn(move || answer_all(&listener, connections));
    let mut workers = Vec::new();
    for _ in 0..connections {
        let worker = TcpStream::connect(address)?;
        worker.set_nodelay(true)?;
        worker.set_nonblocking(true)?;
        workers.push(worker);
    }
    speak(&mut workers, messages, duration)?;
    for mut worker in workers {
        worker.shutdown(Shutdown::Write)?;
        worker.set_nonblocking(false)?;
        worker.read_to_end(&mut Vec::new())?;
    }
    let cpu = answering.join().map_err(|_| "the answering thread failed")??;
    println!("{:.1}", cpu.as_secs_f64() * 1e6 / f64::from(messages));
    Ok(())
}

/// Answers until all connections are closed. How long the thread was running for it.
fn answer_all(listener: &TcpListener, connections: u32) -> Outcome<Duration> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    LocalSet::new().block_on(&runtime, async {
        let mut answering = JoinSet::new();
        for _ in 0..connections {
            let (worker, _) = listener.accept()?;
            worker.set_nodelay(true)?;
            worker.set_nonblocking(true)?;
            answering.spawn_local(answer(tokio::net::TcpStream::from_std(worker)?));
        }
        let began = thread_cpu()?;
        while let Some(answered) = answering.join_next().await {
            answered??;
        }
        Ok(thread_cpu()?.saturating_sub(began))
    })
}

async fn answer(worker: tokio::net::TcpStream) -> Outcome<()> {
    let mut heard = vec![0; 1 << 16];
    loop {
        worker.readable().await?;
        match worker.try_read(&mut heard) {
            Ok(0) => return Ok(()),
            Ok(_) => drop(worker.try_write(&[0; SAID_BYTES])?),
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(error.into()),
        }
    }
}

/// Sends the messages, and reads what was answered to earlier ones.
fn speak(workers: &mut [TcpStream], messages: u32, duration: Duration) -> Outcome<()> {
    let (began, mut chance, mut answers) = (Instant::now(), 1_u64, vec![0; 1 << 16]);
    for number in 0..messages {
        let due = duration * number / messages;
        thread::sleep(due.saturating_sub(began.elapsed()));
        // Numbers as if by chance, the same in each run: a linear congruence with Knuth's factor (MMIX).
        chance = chance.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let place = (chance >> 33) as usize % workers.len();
        let worker = &mut workers[place];
        let _ = worker.read(&mut answers);
        worker.write_all(&[0; HEARD_BYTES])?;
    }
    Ok(())
}

/// How long this thread has been running, as the kernel counts it in nanoseconds.
fn thread_cpu() -> Outcome<Duration> {
    let told = std::fs::read_to_string("/proc/thread-self/schedstat")?;
    let nanoseconds = told.split(' ').next().ok_or("the kernel tells nothing of this thread")?.parse()?;
    Ok(Duration::from_nanos(nanoseconds))
}
