//! The cluster: one scheduler, model workers and clients, and the network between them, on one thread.

use std::collections::{BTreeMap, BTreeSet};

use cenote_core::protocol::field::{Map, Number};
use cenote_core::protocol::frame::Frames;
use cenote_core::protocol::question::Question;
use cenote_core::protocol::value::Value;
use cenote_core::protocol::worker::{RegisterWorker, ToWorker};
use cenote_core::scheduler::instruction::Instruction;
use cenote_core::scheduler::journal::Recorder;
use cenote_core::scheduler::stimulus::{GraphSpec, Stimulus};
use cenote_core::scheduler::worker::WorkerStatus;
use cenote_core::scheduler::{Scheduler, Settings};

use super::chance::Chance;
use super::client::ModelClient;
use super::mutants::Mutant;
use super::network::{AtWorker, Connection, Event, Micros, Network, Outcome};
use super::operator::Seceded;
use super::shuffle::Asking;
use super::steal;
use super::truth::Deaths;
use super::worker::{Act, ModelWorker};
use super::workload::{Fate, Workload};

pub const SCHEDULER: &str = "scheduler";
/// What a client hears whose graph nobody could read.
pub const EXECUTOR_DIED: &str = "executor died";
/// So many workers may die of a task.
pub const ALLOWED_FAILURES: u32 = 3;
const MILLI: Micros = 1000;

/// Who has asked, and over which connection.
#[derive(Clone, Debug)]
struct Asker {
    address: String,
    connection: Connection,
    joins: bool,
}

pub struct Cluster {
    pub scheduler: Scheduler,
    pub net: Network,
    pub workers: Vec<ModelWorker>,
    pub clients: Vec<ModelClient>,
    pub workload: Workload,
    pub chance: Chance,
    pub faults: bool,
    /// Results that workers have lost without a word.
    pub lost: BTreeSet<(String, String)>,
    /// Graphs that are pickled: the executor knows them by number.
    pub graphs: Vec<GraphSpec>,
    pub executor_dies: bool,
    /// Until then no worker can start.
    pub outage_end: Micros,
    /// Which connection the scheduler has with each address.
    pub streams: BTreeMap<String, (usize, Connection)>,
    pub deaths: Deaths,
    pub seceded: Seceded,
    /// Whether what must always hold is not looked at: what is wrong shows in what is missing in the end.
    blind: bool,
    connections: Connection,
    /// The questions of workers that are on their way or not answered.
    asked: BTreeMap<u64, Asker>,
    tickets: u64,
    /// The questions of tasks that are on their way or not answered.
    pub asking: BTreeMap<u64, Asking>,
    mutant: Option<Mutant>,
    mutated: u64,
    pub ticks: u64,
    pub steals: steal::Steals,
    /// Takes down what the scheduler hears, if it is to be replayed.
    pub recorder: Option<Recorder>,
    pub journal: Vec<Frames>,
}

impl Cluster {
    pub fn new(seed: u64, mutant: Option<Mutant>) -> Self {
        let mut chance = Chance::new(seed);
        let settings = Settings {
            worker_ttl: Some(3.0),
            allowed_failures: ALLOWED_FAILURES,
            refresh_attempts_max: 5,
            memory_manager_interval: if chance.happens(700) { 0.2 } else { 2.0 },
            memory_manager_measure: if chance.happens(500) { "process" } else { "optimistic" }.into(),
            work_stealing_interval: if chance.happens(500) { 0.1 } else { 1.0 },
            no_workers_timeout: chance.happens(500).then_some(0.3),
            ..Settings::default()
        };
        let mut cluster = Self {
            scheduler: Scheduler::new(settings.clone()),
            net: Network::default(),
            workers: Vec::new(),
            clients: Vec::new(),
            workload: Workload::new(chance.happens(300)),
            faults: true,
            lost: BTreeSet::new(),
            graphs: Vec::new(),
            executor_dies: false,
            outage_end: 0,
            streams: BTreeMap::new(),
            deaths: Deaths::default(),
            seceded: Seceded::default(),
            blind: std::env::var_os("CENOTE_SIM_BLIND").is_some(),
            connections: 0,
            asked: BTreeMap::new(),
            tickets: 0,
            asking: BTreeMap::new(),
            mutant,
            mutated: 0,
            ticks: 0,
            steals: steal::Steals::default(),
            recorder: None,
            journal: vec![Recorder::start(&settings)],
            chance: chance.clone(),
        };
        for index in 0..4 {
            let resources = if index == 0 { vec![("gpu".into(), Number::Float(1.0))] } else { Vec::new() };
            let worker = ModelWorker::new(format!("name{index}"), 1 + chance.below(3) as u32, resources);
            cluster.workers.push(worker);
            if chance.happens(700) {
                cluster.net.after(chance.between(0, 300 * MILLI), Event::Boot { worker: index });
            }
        }
        for index in 0..=chance.below(3) {
            let client = ModelClient {
                name: format!("client{index}"),
                open: true,
                plan: 2 + chance.below(8),
                keys: BTreeMap::new(),
            };
            cluster.tell_scheduler(
                &client.name.clone(),
                None,
                Stimulus::ClientJoined { client: (*client.name).into(), versions: Value::Nil },
            );
            cluster.clients.push(client);
            cluster.net.after(chance.between(0, 500 * MILLI), Event::ClientActs { client: index });
        }
        cluster.net.after(0, Event::Tick);
        cluster.net.after(50 * MILLI, Event::Fault);
        cluster.chance = chance;
        cluster
    }

    /// Lets the next thing happen; false when nothing more will.
    pub fn step(&mut self) -> bool {
        let Some(event) = self.net.next() else { return false };
        match event {
            Event::AtScheduler { connection, stimulus } => self.at_scheduler(connection, *stimulus),
            Event::AtWorker { worker, connection, what } => self.at_worker(worker, connection, what),
            Event::AtClient { client, message } => {
                if let Some(client) = self.clients.iter_mut().find(|it| it.name == client) {
                    client.hear(message);
                }
            }
            Event::ClientActs { client } => self.client_acts(client),
            Event::Boot { worker } => self.boot(worker),
            Event::Thaw { worker } => self.thaw(worker),
            Event::Barrier { asking, participants, shuffle, run } => {
                self.tell_participants(asking, participants, shuffle, run);
            }
            Event::Ordered(order) => self.obey(order),
            Event::Fault => self.fault(),
            Event::Tick => self.tick(),
        }
        true
    }

    // ---- The scheduler

    /// Asks the scheduler something. Whoever gives a connection is a worker and waits for the answer.
    pub fn ask(&mut self, from: &str, connection: Option<Connection>, question: impl Into<Question>) {
        let (ticket, question) = (self.ticket(), question.into());
        if let Some(connection) = connection {
            let joins = matches!(question, Question::RegisterWorker(_));
            let worker = self.workers.iter().find(|it| it.connection == connection).expect("a worker asks");
            self.asked.insert(ticket, Asker { address: worker.address.clone(), connection, joins });
        }
        self.tell_scheduler(from, connection, Stimulus::Asked { ticket, question });
    }

    pub fn ticket(&mut self) -> u64 {
        self.tickets += 1;
        self.tickets
    }

    pub fn tell_scheduler(&mut self, from: &str, connection: Option<Connection>, stimulus: Stimulus) {
        let delay = self.chance.between(200, 3 * MILLI);
        self.net.send(from, SCHEDULER, delay, Event::AtScheduler { connection, stimulus: Box::new(stimulus) });
    }

    pub fn at_scheduler(&mut self, connection: Option<Connection>, stimulus: Stimulus) {
        if let (Stimulus::Worker { worker, .. }, Some(connection)) = (&stimulus, connection)
            && self.streams.get(&**worker).is_none_or(|stream| stream.1 != connection)
        {
            return;
        }
        let stimulus = self.net.together(stimulus);
        let heard = steal::Answered::of(&stimulus);
        let stimuli = match self.mutant {
            Some(mutant) => mutant.stimulus(stimulus, &self.scheduler, &mut self.mutated),
            None => Some(stimulus),
        };
        let Some(stimulus) = stimuli else { return };
        self.trace(&stimulus);
        self.steals.begin(heard);
        self.seceded.hear(&stimulus);
        let now = self.net.now as f64 / 1e6;
        let before = self.before(&stimulus);
        let mut instructions = Vec::new();
        if let Some(recorder) = &mut self.recorder {
            recorder.before(&stimulus, now);
        }
        self.scheduler.handle_stimulus(stimulus, now, &mut instructions);
        if let Some(recorder) = &mut self.recorder {
            self.journal.extend(recorder.after(&instructions));
        }
        self.steals.leave(|address| self.scheduler.workers().any(|worker| &*worker.address == address));
        match self.scheduler.validate() {
            Err(violation) if !self.blind => panic!("{violation}"),
            _ => {}
        }
        for instruction in instructions {
            self.trace(&instruction);
            let mutated = match self.mutant {
                Some(mutant) => mutant.instruction(instruction, &mut self.mutated),
                None => vec![instruction],
            };
            for instruction in mutated {
                self.steals.check(&instruction);
                self.carry_out(instruction);
            }
        }
        if !self.blind && self.mutant.is_none() {
            self.check_truth(&before);
        }
        let known: BTreeSet<String> = self.scheduler.workers().map(|worker| worker.address.to_string()).collect();
        self.streams.retain(|address, _| known.contains(address));
    }

    /// Shows what goes in and out and mentions what is looked for.
    fn trace(&self, what: &impl std::fmt::Debug) {
        if let Ok(wanted) = std::env::var("CENOTE_SIM_TRACE") {
            let text = format!("{what:?}");
            if text.contains(&wanted) {
                eprintln!("{:>9} {text}", self.net.now);
            }
        }
    }

    fn carry_out(&mut self, instruction: Instruction) {
        let delay = self.chance.between(200, 3 * MILLI);
        match instruction {
            Instruction::ToWorker { worker, message } => {
                if let ToWorker::ComputeTask(task) = &message {
                    self.check_place(&worker, task);
                }
                let steals = matches!(message, ToWorker::StealRequest(_));
                if let Some(&(index, connection)) = self.streams.get(&*worker) {
                    self.send_to_worker(index, connection, AtWorker::Message(Box::new(message)));
                }
                if steals {
                    self.disturb_steal();
                }
            }
            Instruction::ToClient { client, message } => {
                let event = Event::AtClient { client: client.to_string(), message };
                self.net.send(SCHEDULER, &client, delay, event);
            }
            Instruction::Materialize { ticket, graph, .. } => {
                let outcome = self.materialize(&graph.expr_ser);
                let event = Event::AtScheduler {
                    connection: None,
                    stimulus: Box::new(Stimulus::Materialized { ticket, outcome }),
                };
                let delay = self.chance.between(MILLI, 200 * MILLI);
                self.net.after(delay, event);
            }
            Instruction::PlanShuffle { ticket, plan } => self.plan_shuffle(ticket, &plan),
            Instruction::Answer { ticket, answer } => {
                if let Some(asking) = self.asking.remove(&ticket) {
                    return self.answer_task(asking, answer);
                }
                if let Some(asker) = self.asked.remove(&ticket) {
                    self.answer_worker(&asker, answer.ok().as_ref().and_then(|it| it.get("status")?.as_str()));
                }
            }
            Instruction::ReplaceWorker { worker, .. } => self.replace(&worker),
            Instruction::ResultsLost { .. } => {}
            Instruction::TellPlugins(occurrence) => panic!("no plugin hears of {}", occurrence.method),
            Instruction::Stuck { key, reason } => panic!("{key} is stuck: {reason:?}"),
        }
    }

    /// A worker has joined, may not, or is not known.
    fn answer_worker(&mut self, asker: &Asker, status: Option<&str>) {
        let Asker { address, connection, joins } = asker;
        let Some(index) = self.workers.iter().position(|it| it.connection == *connection) else { return };
        match (joins, status) {
            (true, Some("OK")) => {
                self.streams.insert(address.clone(), (index, *connection));
            }
            (true, _) => self.send_to_worker(index, *connection, AtWorker::Refused),
            (false, Some("OK")) => {}
            (false, _) => self.send_to_worker(index, *connection, AtWorker::Missing),
        }
    }

    pub fn send_to_worker(&mut self, worker: usize, connection: Connection, what: AtWorker) {
        let delay = self.chance.between(200, 3 * MILLI);
        let name = self.workers[worker].name.clone();
        self.net.send(SCHEDULER, &name, delay, Event::AtWorker { worker, connection, what });
    }

    // ---- Workers

    pub fn boot(&mut self, index: usize) {
        if self.workers[index].alive {
            return;
        }
        if self.net.now < self.outage_end {
            return self.net.after(self.outage_end - self.net.now, Event::Boot { worker: index });
        }
        self.connections += 1;
        let (connection, name) = (self.connections, self.workers[index].name.clone());
        // Some come back under the address that they had.
        let turn = if self.chance.happens(500) { 0 } else { connection };
        self.workers[index].boot(format!("tcp://{name}:{turn}"), connection);
        self.join(index);
    }

    fn join(&mut self, index: usize) {
        let worker = &self.workers[index];
        let about = RegisterWorker {
            status: worker.status.name().into(),
            name: (*worker.name).into(),
            now: self.net.now as f64 / 1e6,
            resources: Some(Map(worker.resources.clone())),
            memory_limit: Some(1 << 30),
            nanny: (index % 2 == 1).then(|| "nanny".into()),
            ..RegisterWorker::plain(&worker.address, worker.threads.into())
        };
        let (name, connection) = (worker.name.clone(), worker.connection);
        self.ask(&name, Some(connection), about);
    }

    /// The process ends, and all that it knew. The scheduler hears of it later.
    pub fn crash(&mut self, index: usize, expected: bool) {
        let worker = &mut self.workers[index];
        (worker.alive, worker.frozen) = (false, false);
        worker.data.clear();
        worker.tasks.clear();
        let inbox = std::mem::take(&mut worker.inbox);
        let (connection, address) = (worker.connection, worker.address.clone());
        self.net.cut(connection);
        self.withdraw(connection);
        for what in inbox {
            self.at_worker(index, connection, what);
        }
        if self.streams.get(&address).is_some_and(|stream| stream.1 == connection) {
            let left = Stimulus::WorkerLeft { worker: (*address).into(), expected };
            // Its connection breaks: nothing can follow on it.
            let name = self.workers[index].name.clone();
            self.tell_scheduler(&name, None, left);
        }
        let delay = self.chance.between(10 * MILLI, 1000 * MILLI);
        self.net.after(delay, Event::Boot { worker: index });
    }

    /// A nanny ends its silent worker, and starts it anew; or nobody reaches the nanny.
    fn replace(&mut self, address: &str) {
        let silent = self.workers.iter().position(|it| it.alive && it.address == address);
        if let Some(index) = silent.filter(|_| self.chance.happens(700)) {
            self.crash(index, false);
        } else {
            let left = Stimulus::WorkerLeft { worker: address.into(), expected: false };
            self.tell_scheduler("nanny", None, left);
        }
    }

    pub fn thaw(&mut self, index: usize) {
        let worker = &mut self.workers[index];
        worker.frozen = false;
        let inbox = std::mem::take(&mut worker.inbox);
        if worker.alive && worker.status != WorkerStatus::Running {
            worker.take_on(WorkerStatus::Running);
        }
        let connection = self.workers[index].connection;
        for what in inbox {
            self.at_worker(index, connection, what);
        }
        self.act(index);
    }

    fn at_worker(&mut self, index: usize, connection: Connection, what: AtWorker) {
        let worker = &mut self.workers[index];
        if !worker.alive || worker.connection != connection {
            if let AtWorker::Asked { by, connection, address, keys } = what {
                let data = keys.into_iter().map(|key| (key, None)).collect();
                self.answer(index, by, connection, AtWorker::Answered { address, outcome: Outcome::Unreachable, data });
            }
            return;
        }
        if worker.frozen {
            worker.inbox.push(what);
            return;
        }
        self.receive(index, what);
    }

    fn receive(&mut self, index: usize, what: AtWorker) {
        let worker = &mut self.workers[index];
        let connection = worker.connection;
        match what {
            AtWorker::Message(message) => worker.hear(*message),
            AtWorker::Refused => {
                self.net.cut(connection);
                self.workers[index].alive = false;
                self.net.after(300 * MILLI, Event::Boot { worker: index });
                return;
            }
            AtWorker::Missing => return self.crash(index, false),
            AtWorker::Done { key, started } => worker.done(&key, started, &mut self.workload),
            AtWorker::Asked { by, connection, address, keys } => {
                let busy = self.net.now < worker.busy_until;
                let value = |key: &String| worker.data.get(key).copied().filter(|_| !busy);
                let data = keys.into_iter().map(|key| (key.clone(), value(&key))).collect();
                let outcome = if busy { Outcome::Busy } else { Outcome::Sent };
                return self.answer(index, by, connection, AtWorker::Answered { address, outcome, data });
            }
            AtWorker::Answered { address, outcome, data } => worker.fetched(&address, outcome, data),
            AtWorker::Told { key, started, told } => worker.told(&key, started, told, &mut self.workload),
            AtWorker::AskAgain => worker.ask_again(),
            AtWorker::Secede { key } => worker.secede(&key),
            AtWorker::RetryBusy { address } => worker.retry_busy(&address),
        }
        self.act(index);
    }

    fn answer(&mut self, from: usize, to: usize, connection: Connection, what: AtWorker) {
        let delay = self.chance.between(200, 3 * MILLI);
        let (from, name) = (self.workers[from].name.clone(), self.workers[to].name.clone());
        let event = Event::AtWorker { worker: to, connection, what };
        self.net.send(&from, &name, delay, event);
    }

    /// Does what a worker wants done.
    pub fn act(&mut self, index: usize) {
        if !self.workers[index].alive {
            return;
        }
        self.workers[index].go_on(&mut self.workload);
        let (name, connection) = (self.workers[index].name.clone(), self.workers[index].connection);
        let at = |what| Event::AtWorker { worker: index, connection, what };
        for act in std::mem::take(&mut self.workers[index].acts) {
            match act {
                Act::Say(said) => {
                    let worker = (*self.workers[index].address).into();
                    self.tell_scheduler(&name, Some(connection), Stimulus::Worker { worker, said });
                }
                Act::AskAgainLater => self.net.after(100 * MILLI, at(AtWorker::AskAgain)),
                Act::RetryLater { address } => self.net.after(150 * MILLI, at(AtWorker::RetryBusy { address })),
                Act::Run { key, started } => {
                    let fate = self.workload.fate(&key);
                    let long = if fate == Fate::Straggle { 500 } else { 30 };
                    let delay = self.chance.between(MILLI, long * MILLI);
                    if fate == Fate::Secede && self.workers[index].stock.is_some() {
                        self.net.after(delay / 2, at(AtWorker::Secede { key: key.clone() }));
                    }
                    self.net.after(delay, at(AtWorker::Done { key, started }));
                }
                Act::Put { key, started, question } => {
                    self.ask_for(Asking { worker: index, connection, key, started, question });
                }
                Act::Send { shuffle, run, sender } => self.send_parts(&shuffle, &run, &sender),
                Act::Ask { address, keys } => self.fetch(index, &address, keys),
                Act::Die => return self.crash(index, false),
            }
        }
    }

    fn fetch(&mut self, by: usize, address: &str, keys: Vec<String>) {
        let (name, connection) = (self.workers[by].name.clone(), self.workers[by].connection);
        let delay = self.chance.between(200, 3 * MILLI);
        let reached = self.workers.iter().position(|it| it.alive && it.address == address);
        if let Some(worker) = reached {
            let what = AtWorker::Asked { by, connection, address: address.to_owned(), keys };
            let event = Event::AtWorker { worker, connection: self.workers[worker].connection, what };
            self.net.send(&name, &self.workers[worker].name, delay, event);
        } else {
            let data = keys.into_iter().map(|key| (key, None)).collect();
            let what = AtWorker::Answered { address: address.to_owned(), outcome: Outcome::Unreachable, data };
            self.net.after(delay, Event::AtWorker { worker: by, connection, what });
        }
    }
}
