//! Threads that outlive a run: a run that ends leaves its threads to the next one, for a while.

use std::io;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::Duration;

use parking_lot::Mutex;

/// How long a thread without work waits for some before it ends.
const IDLE_MAX: Duration = Duration::from_secs(5);

type Job = Box<dyn FnOnce() + Send>;

/// The threads that have no work, the one that had some last on top, each with its number.
static IDLE: Mutex<Vec<(thread::ThreadId, Sender<Job>)>> = Mutex::new(Vec::new());

/// Runs a job on a thread that is idle, or on a new one.
///
/// # Errors
/// When a new one cannot be started.
pub fn start(job: impl FnOnce() + Send + 'static) -> io::Result<()> {
    let job: Job = Box::new(job);
    let idle = IDLE.lock().pop();
    let job = match idle {
        Some((_, thread)) => match thread.send(job) {
            Ok(()) => return Ok(()),
            Err(returned) => returned.0,
        },
        None => job,
    };
    thread::Builder::new().name("cenote".into()).spawn(move || work(job)).map(drop)
}

/// A thread's life: a job, and whatever comes while it is remembered as idle.
fn work(first: Job) {
    let (sender, receiver) = channel();
    let me = thread::current().id();
    let mut job = first;
    loop {
        job();
        IDLE.lock().push((me, sender.clone()));
        match next(&receiver, me) {
            Some(next) => job = next,
            None => return,
        }
    }
}

/// The next job; `None` when none came for long, and this thread is no longer among the idle ones.
fn next(receiver: &Receiver<Job>, me: thread::ThreadId) -> Option<Job> {
    if let Ok(job) = receiver.recv_timeout(IDLE_MAX) {
        return Some(job);
    }
    let mut idle = IDLE.lock();
    if let Some(place) = idle.iter().position(|(thread, _)| *thread == me) {
        idle.remove(place);
        return None;
    }
    drop(idle);
    // Somebody has just taken this thread off the list: the job is on its way.
    receiver.recv().ok()
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;

    use super::start;

    #[test]
    fn jobs_that_wait_for_each_other_each_get_a_thread() {
        let (question, heard) = channel();
        let (reply, answer) = channel();
        start(move || reply.send(heard.recv().unwrap()).unwrap()).unwrap();
        start(move || question.send(7).unwrap()).unwrap();
        assert_eq!(answer.recv(), Ok(7));
    }

    #[test]
    fn many_jobs_all_run() {
        let (done, results) = channel();
        for number in 0..500 {
            let done = done.clone();
            start(move || done.send(number).unwrap()).unwrap();
        }
        let mut seen: Vec<i32> = results.iter().take(500).collect();
        seen.sort_unstable();
        assert_eq!(seen, (0..500).collect::<Vec<_>>());
    }
}
