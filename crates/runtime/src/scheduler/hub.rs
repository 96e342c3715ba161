//! The hub: owns the machine, tells it what happened, and does what it says.

use std::cell::{Cell, Ref, RefCell};
use std::rc::Rc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use cenote_core::key::Key;
use cenote_core::protocol::client::ToClient;
use cenote_core::protocol::field::Text;
use cenote_core::protocol::query::Query;
use cenote_core::protocol::question::Question;
use cenote_core::protocol::rpc::ErrorReply;
use cenote_core::protocol::value::Value;
use cenote_core::protocol::worker::ToWorker;
use cenote_core::scheduler::Scheduler;
use cenote_core::scheduler::instruction::Instruction;
use cenote_core::scheduler::stimulus::Stimulus;
use rustc_hash::FxHashMap;
use tokio::sync::{Notify, oneshot};

use super::departures::Departures;
use super::journal::{Journal, JournalError};
use super::nanny::Nannies;
use super::outbox::{Mail, Outbox};
use super::plugins::Plugins;
use super::procedure;
use super::rounds::Rounds;
use super::sampler::Samplers;
use super::settings::Settings;
use crate::comm::Pool;
use crate::executor::Executor;

/// What answers a request.
pub(super) type Reply = Result<Value, ErrorReply>;

/// The machine and its ways to the world. One thread owns it; the machine is never borrowed while something is awaited.
pub(super) struct Hub {
    pub settings: Settings,
    pub facts: Facts,
    pub pool: Pool,
    pub executor: Executor,
    /// What is to be said on streams.
    pub mail: Rc<Mail>,
    pub samplers: Samplers,
    pub nannies: Nannies,
    pub rounds: Rounds,
    pub plugins: Plugins,
    pub departures: Departures,
    /// How many feeds there have been.
    pub feeds: Cell<u64>,
    machine: RefCell<Scheduler>,
    /// Room for instructions, kept.
    instructions: RefCell<Vec<Instruction>>,
    workers: RefCell<FxHashMap<Text, Outbox>>,
    clients: RefCell<FxHashMap<Text, Outbox>>,
    asked: RefCell<FxHashMap<u64, oneshot::Sender<Reply>>>,
    ticket: Cell<u64>,
    /// How many values have been put into workers, in turn.
    turns: Cell<usize>,
    pub clock: Clock,
    /// Where what happens is recorded, if it is.
    journal: RefCell<Option<Journal>>,
    /// Whether something that must hold did not when it was last looked at.
    violated: Cell<bool>,
    /// A graph was read, or could not be.
    graph_read: Notify,
    closing: Notify,
    closed: Cell<bool>,
}

/// A question that waits for its answer. Dropped without one, it is withdrawn.
struct Waiting<'a> {
    hub: &'a Rc<Hub>,
    ticket: u64,
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        let unanswered = self.hub.asked.borrow_mut().remove(&self.ticket).is_some();
        if unanswered {
            self.hub.stimulate(Stimulus::Withdrawn { ticket: self.ticket });
        }
    }
}

/// What the process knows of itself.
#[derive(Clone, Debug)]
pub(super) struct Facts {
    /// Its name.
    pub id: Text,
    /// Where it can be reached.
    pub address: Text,
    /// The ports of its other services.
    pub services: Vec<(Text, u16)>,
    /// Since when it runs, in seconds since 1970.
    pub started: f64,
}

/// Seconds since 1970 that never go back.
#[derive(Clone, Copy, Debug)]
pub(super) struct Clock {
    start: Instant,
    at: f64,
}

impl Clock {
    /// A clock that shows the time of the machine now, and goes on from there by itself.
    pub fn start() -> Self {
        let at = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64();
        Self { start: Instant::now(), at }
    }

    /// Seconds since 1970.
    pub fn now(&self) -> f64 {
        self.at + self.start.elapsed().as_secs_f64()
    }
}

impl Hub {
    pub fn new(settings: Settings, facts: Facts, executor: Executor, clock: Clock) -> Result<Rc<Self>, JournalError> {
        let journal = settings.record.as_deref().map(|path| Journal::create(path, &settings.machine)).transpose()?;
        Ok(Rc::new(Self {
            journal: RefCell::new(journal),
            pool: Pool::new(settings.security.clone(), settings.limits, settings.connect_timeout),
            machine: RefCell::new(Scheduler::new(settings.machine.clone())),
            settings,
            facts,
            executor,
            mail: Rc::default(),
            samplers: Samplers::default(),
            nannies: Nannies::default(),
            rounds: Rounds::starting(clock.now()),
            plugins: Plugins::default(),
            departures: Departures::default(),
            feeds: Cell::new(0),
            instructions: RefCell::default(),
            workers: RefCell::default(),
            clients: RefCell::default(),
            asked: RefCell::default(),
            ticket: Cell::new(0),
            turns: Cell::new(0),
            clock,
            violated: Cell::new(false),
            graph_read: Notify::new(),
            closing: Notify::new(),
            closed: Cell::new(false),
        }))
    }

    /// Tells the machine what happened, and does what it says.
    pub fn stimulate(self: &Rc<Self>, stimulus: Stimulus) {
        let mut instructions = self.instructions.take();
        let now = self.clock.now();
        self.plugins.note(&stimulus);
        let mut journal = self.journal.borrow_mut();
        if let Some(journal) = &mut *journal {
            journal.before(&stimulus, now);
        }
        self.machine.borrow_mut().handle_stimulus(stimulus, now, &mut instructions);
        if let Some(Err(error)) = journal.as_mut().map(|journal| journal.after(&instructions)) {
            tracing::error!("nothing more is recorded: {error}");
            *journal = None;
        }
        drop(journal);
        if self.settings.validate {
            self.validate();
        }
        for instruction in instructions.drain(..) {
            self.perform(instruction);
        }
        self.instructions.replace(instructions);
    }

    /// Looks whether all holds that must, and logs what does not, once.
    fn validate(&self) {
        let violation = self.machine.borrow().validate().err();
        if let Some(violation) = &violation
            && !self.violated.get()
        {
            tracing::error!("something is wrong here, please report it: {violation}");
        }
        self.violated.set(violation.is_some());
    }

    /// Puts a question to the machine, and waits for its answer.
    pub async fn ask(self: &Rc<Self>, question: Question) -> Reply {
        let ticket = self.ticket.get() + 1;
        self.ticket.set(ticket);
        let (sender, answer) = oneshot::channel();
        self.asked.borrow_mut().insert(ticket, sender);
        self.stimulate(Stimulus::Asked { ticket, question });
        let _waiting = Waiting { hub: self, ticket };
        answer.await.unwrap_or_else(|_| Err(ErrorReply::text("the scheduler is closing")))
    }

    /// Reads something from the machine.
    pub fn query(&self, query: &Query) -> Reply {
        self.machine.borrow().query(query)
    }

    /// The machine, to read it. Not to be kept while something is awaited.
    pub fn machine(&self) -> Ref<'_, Scheduler> {
        self.machine.borrow()
    }

    /// The turn of the first of so many values that are put into workers in turn. The next values come after these.
    pub fn turn(&self, values: usize) -> usize {
        let turn = self.turns.get();
        self.turns.set(turn.wrapping_add(values) % (usize::MAX / 2));
        turn
    }

    /// For how long there has been nothing to do, in seconds.
    pub fn idle_seconds(&self) -> f64 {
        self.machine.borrow().idle_since().map_or(0.0, |since| self.clock.now() - since)
    }

    /// Opens the way to a worker. What the machine says to it from now on is kept until it is written. Returns the way
    /// that there was before.
    pub fn open_worker(&self, address: &Text, outbox: Outbox) -> Option<Outbox> {
        self.workers.borrow_mut().insert(address.clone(), outbox)
    }

    /// Opens the way to a client. Returns the way that there was before.
    pub fn open_client(&self, name: &Text, outbox: Outbox) -> Option<Outbox> {
        self.clients.borrow_mut().insert(name.clone(), outbox)
    }

    /// Forgets the way to a worker, unless there is another one by now. Says whether it did.
    pub fn forget_worker(&self, address: &Text, outbox: &Outbox) -> bool {
        forget(&mut self.workers.borrow_mut(), address, outbox)
    }

    /// Forgets the way to a client, unless there is another one by now. Says whether it did.
    pub fn forget_client(&self, name: &Text, outbox: &Outbox) -> bool {
        forget(&mut self.clients.borrow_mut(), name, outbox)
    }

    /// Ends the process, soon.
    pub fn close(&self) {
        self.closed.set(true);
        self.closing.notify_waiters();
    }

    /// Waits until no graph of a client is being read.
    pub async fn graphs_read(&self, client: &Text) {
        loop {
            let read = self.graph_read.notified();
            if !self.machine().is_reading(client) {
                return;
            }
            read.await;
        }
    }

    /// What is found in the machine. What a client has submitted just now may stand in a graph that is still being read:
    /// then it is looked for again when that has been read.
    pub async fn find<T>(&self, find: impl Fn(&Scheduler) -> Option<T>) -> Option<T> {
        loop {
            let read = self.graph_read.notified();
            let (found, reading) = {
                let machine = self.machine();
                (find(&machine), machine.is_reading_any())
            };
            if found.is_some() || !reading {
                return found;
            }
            read.await;
        }
    }

    /// Whether the process is to end.
    pub fn is_closing(&self) -> bool {
        self.closed.get()
    }

    /// Waits until the process is to end.
    pub async fn closing(&self) {
        let closing = self.closing.notified();
        if !self.closed.get() {
            closing.await;
        }
    }

    /// Tells all workers that they are needed no more, and ends all streams. Says whether there were any.
    pub fn dismiss(&self, reason: &str) -> bool {
        use cenote_core::protocol::worker::{Close, CloseStream};
        let some = !self.workers.borrow().is_empty() || !self.clients.borrow().is_empty();
        for (_, outbox) in self.workers.borrow_mut().drain() {
            outbox.push(&ToWorker::from(Close { reason: reason.into() }));
            outbox.push(&ToWorker::from(CloseStream {}));
            outbox.close();
        }
        for (_, outbox) in self.clients.borrow_mut().drain() {
            outbox.close();
        }
        some
    }

    fn perform(self: &Rc<Self>, instruction: Instruction) {
        match instruction {
            Instruction::ToWorker { worker, message } => self.tell_worker(&worker, &message),
            Instruction::ToClient { client, message } => self.tell_client(&client, &message),
            Instruction::Materialize { ticket, client, graph } => {
                let hub = Rc::clone(self);
                tokio::task::spawn_local(async move {
                    let outcome = hub.executor.materialize(*graph, &client).await;
                    hub.stimulate(Stimulus::Materialized { ticket, outcome });
                    hub.graph_read.notify_waiters();
                });
            }
            Instruction::PlanShuffle { ticket, plan } => {
                let hub = Rc::clone(self);
                tokio::task::spawn_local(async move {
                    let outcome = hub.executor.plan_shuffle(&plan).await;
                    hub.stimulate(Stimulus::ShufflePlanned { ticket, outcome });
                });
            }
            Instruction::Answer { ticket, answer } => {
                if let Some(sender) = self.asked.borrow_mut().remove(&ticket) {
                    // Whoever asked may have gone.
                    let _ = sender.send(answer);
                }
            }
            Instruction::ReplaceWorker { worker, nanny } => {
                tracing::warn!("the worker {worker} is silent: its nanny {nanny} is asked to replace it");
                tokio::task::spawn_local(procedure::replace(Rc::clone(self), worker, nanny));
            }
            Instruction::ResultsLost { worker, computed, scattered } => warn_of_loss(&worker, &computed, &scattered),
            Instruction::TellPlugins(occurrence) => self.plugins.hear(occurrence),
            Instruction::Stuck { key, reason } => {
                tracing::error!("the task {key} will never finish: {reason:?}");
            }
        }
    }

    fn tell_worker(&self, address: &Text, message: &ToWorker) {
        let workers = self.workers.borrow();
        let Some(outbox) = workers.get(address) else { return };
        match message {
            // It is memory that will be free, and most workers are soon told more.
            ToWorker::FreeKeys(_) => outbox.push_unhurried(message),
            _ => outbox.push(message),
        }
        if outbox.nbytes() > self.settings.outbox_bytes_max {
            tracing::error!("the worker {address} reads too slowly: its connection is closed");
            outbox.abandon();
        } else if matches!(message, ToWorker::Close(_)) {
            outbox.close();
        }
    }

    fn tell_client(&self, name: &Text, message: &ToClient) {
        let clients = self.clients.borrow();
        let Some(outbox) = clients.get(name) else { return };
        match message {
            ToClient::StreamStart(_) => outbox.push_alone(message),
            _ => outbox.push(message),
        }
        if outbox.nbytes() > self.settings.outbox_bytes_max {
            tracing::error!("the client {name} reads too slowly: its connection is closed");
            outbox.abandon();
        }
    }
}

fn forget(outboxes: &mut FxHashMap<Text, Outbox>, name: &Text, outbox: &Outbox) -> bool {
    let current = outboxes.get(name).is_some_and(|current| current.is(outbox));
    if current {
        outboxes.remove(name);
    }
    current
}

/// So many keys are named where there may be any number.
const NAMED_MAX: usize = 10;

fn warn_of_loss(worker: &Text, computed: &[Key], scattered: &[Key]) {
    let named = |keys: &[Key]| {
        let named: Vec<_> = keys.iter().take(NAMED_MAX).map(ToString::to_string).collect();
        let more = keys.len().saturating_sub(NAMED_MAX);
        named.join(", ") + &if more > 0 { format!(" and {more} more") } else { String::new() }
    };
    if !computed.is_empty() {
        let keys = named(computed);
        tracing::warn!("{worker} has left, and with it results that are computed again where they are needed: {keys}");
    }
    if !scattered.is_empty() {
        let keys = named(scattered);
        tracing::warn!("{worker} has left, and with it the only copies of scattered data, which are lost: {keys}");
    }
}

/// How long a peer is given to take what was said to it last.
pub(super) const FAREWELL: Duration = Duration::from_secs(5);
