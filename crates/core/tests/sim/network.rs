//! The network: what is on its way, in virtual time. Order on a link is kept; a link can be cut or slow.

use std::collections::BTreeMap;

use cenote_core::protocol::client::ToClient;
use cenote_core::protocol::worker::ToWorker;
use cenote_core::scheduler::stimulus::Stimulus;

use super::operator::Order;
use super::shuffle::{Asking, Told};
use super::worker::Fetched;

/// Microseconds since the start.
pub type Micros = u64;
/// One connection of a worker: it ends with the process or the link.
pub type Connection = u64;

/// Something that will happen.
#[derive(Clone, Debug)]
pub enum Event {
    /// Something reaches the scheduler, over a connection or from elsewhere.
    AtScheduler { connection: Option<Connection>, stimulus: Box<Stimulus> },
    /// Something reaches a worker.
    AtWorker { worker: usize, connection: Connection, what: AtWorker },
    /// Something reaches a client.
    AtClient { client: String, message: ToClient },
    /// A client does the next thing of its plan.
    ClientActs { client: usize },
    /// A worker starts.
    Boot { worker: usize },
    /// A worker goes on that was stopped.
    Thaw { worker: usize },
    /// All who take part in a run of a shuffle are to be told that its barrier was reached.
    Barrier { asking: Asking, participants: Vec<String>, shuffle: String, run: i64 },
    /// A worker is asked something by the operator.
    Ordered(Order),
    /// Something breaks.
    Fault,
    /// Time passes for scheduler and workers.
    Tick,
}

/// What can reach a worker.
#[derive(Clone, Debug)]
pub enum AtWorker {
    /// The scheduler says something.
    Message(Box<ToWorker>),
    /// The scheduler does not let it in.
    Refused,
    /// The scheduler does not know it.
    Missing,
    /// A task has come to its end.
    Done { key: String, started: u64 },
    /// Another worker wants results.
    Asked { by: usize, connection: Connection, address: String, keys: Vec<String> },
    /// Another worker, who was asked at this address, has answered or could not.
    Answered { address: String, outcome: Outcome, data: Vec<Fetched> },
    /// The scheduler has answered a task.
    Told { key: String, started: u64, told: Told },
    /// Time to ask the scheduler for what nobody has.
    AskAgain,
    /// A task gives back its thread.
    Secede { key: String },
    /// Time to ask one again who was busy.
    RetryBusy { address: String },
}

/// What becomes of a question of one worker to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It sent what it has of what it was asked for.
    Sent,
    /// It has too much to do.
    Busy,
    /// It could not be reached.
    Unreachable,
}

#[derive(Default)]
pub struct Network {
    pub now: Micros,
    sequence: u64,
    pending: BTreeMap<(Micros, u64), Event>,
    last: BTreeMap<(String, String), Micros>,
    slow: BTreeMap<(String, String), Micros>,
}

impl Network {
    /// Lets something happen later.
    pub fn after(&mut self, delay: Micros, event: Event) {
        self.at(self.now + delay, event);
    }

    fn at(&mut self, time: Micros, event: Event) {
        self.sequence += 1;
        self.pending.insert((time, self.sequence), event);
    }

    /// Sends something over a link, behind all that was sent there before.
    pub fn send(&mut self, from: &str, to: &str, delay: Micros, event: Event) {
        let link = (from.to_owned(), to.to_owned());
        let slow = self.slow.get(&link).copied().unwrap_or(0);
        let last = self.last.entry(link).or_default();
        let time = (self.now + delay + slow).max(*last);
        *last = time;
        self.at(time, event);
    }

    /// Slows a link down.
    pub fn slow_down(&mut self, from: &str, to: &str, by: Micros) {
        self.slow.insert((from.to_owned(), to.to_owned()), by);
    }

    /// All links are as fast as they were.
    pub fn heal(&mut self) {
        self.slow.clear();
    }

    /// Loses all that is on its way over a connection.
    pub fn cut(&mut self, cut: Connection) {
        self.pending.retain(|_, event| match event {
            Event::AtScheduler { connection, .. } => *connection != Some(cut),
            // A question to one who is gone is answered: by nobody.
            Event::AtWorker { what: AtWorker::Asked { .. }, .. } => true,
            Event::AtWorker { connection, .. } => *connection != cut,
            _ => true,
        });
    }

    /// Of workers that leave at about the same time the scheduler hears at once, sometimes.
    pub fn together(&mut self, stimulus: Stimulus) -> Stimulus {
        let Stimulus::WorkerLeft { worker, expected: meant } = stimulus else { return stimulus };
        if !self.now.is_multiple_of(2) {
            return Stimulus::WorkerLeft { worker, expected: meant };
        }
        let mut workers = vec![worker];
        self.pending.retain(|_, event| {
            if let Event::AtScheduler { stimulus, .. } = event
                && let Stimulus::WorkerLeft { worker, expected } = &**stimulus
                && *expected == meant
            {
                workers.push(worker.clone());
                return false;
            }
            true
        });
        Stimulus::WorkersLeft { workers, expected: meant }
    }

    /// The next thing that happens.
    pub fn next(&mut self) -> Option<Event> {
        let ((time, _), event) = self.pending.pop_first()?;
        self.now = time;
        Some(event)
    }

    /// All that is on its way.
    pub fn pending(&self) -> impl Iterator<Item = &Event> {
        self.pending.values()
    }

    /// Whether nothing is on its way but the passing of time.
    pub fn is_quiet(&self) -> bool {
        self.pending.values().all(|event| matches!(event, Event::Tick | Event::Fault))
    }
}
