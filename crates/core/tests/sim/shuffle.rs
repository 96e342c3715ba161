//! Model shuffles: workers that send each other parts, and what Python says of who takes which.
//!
//! A part that was sent in one run is of no use in another: who takes its part finds all of it, or the task fails, for
//! which no client is prepared.

use std::collections::{BTreeMap, BTreeSet};

use cenote_core::protocol::question::Question;
use cenote_core::protocol::rpc::ErrorReply;
use cenote_core::protocol::serialized::Pickled;
use cenote_core::protocol::shuffle::{
    PassBarrier, PlanShuffle, ShuffleFail, ShuffleGet, ShuffleGetOrCreate, ShufflePlan, ShuffleRestrictTask,
};
use cenote_core::protocol::value::Value;
use cenote_core::scheduler::instruction::Exception;
use cenote_core::scheduler::stimulus::Stimulus;

use super::cluster::{Cluster, EXECUTOR_DIED};
use super::network::{AtWorker, Connection, Event, Micros};
use super::worker::{Act, ModelWorker};
use super::workload::Workload;

const MILLI: Micros = 1000;
const BARRIER: &str = "shuffle-barrier-";

/// What a task is in a shuffle.
#[derive(Clone, Debug)]
pub enum Part {
    /// It sends a part to each.
    Send { shuffle: String },
    /// All parts have been sent.
    Barrier { shuffle: String },
    /// It takes all that was sent for it in these shuffles.
    Take { shuffles: Vec<String>, place: usize },
}

/// A run as a worker knows it.
#[derive(Clone, Debug, Default)]
pub struct ModelRun {
    number: i64,
    /// Where each part goes.
    worker_for: Vec<String>,
    /// Who has sent what goes here.
    received: BTreeSet<String>,
}

/// All that a worker knows of shuffles.
#[derive(Debug, Default)]
pub struct Runs {
    active: BTreeMap<String, ModelRun>,
    /// The last runs that are over.
    stale: BTreeMap<String, i64>,
    /// What tasks were told, until they go on.
    told: BTreeMap<String, Told>,
}

/// What a task was told.
#[derive(Clone, Debug)]
pub enum Told {
    /// Its worker knows the run now.
    Run { shuffle: String, run: ModelRun },
    /// It may run in one place only.
    Restricted,
    /// Its barrier is passed.
    Passed,
    /// Its run is over: it is to be run again.
    Over,
    /// Something else than it has hoped for.
    Error(String),
}

/// How a task goes on.
pub enum Step {
    Done,
    Asks(Box<Question>),
    Moves,
    Fails(String),
}

/// A task that asks, and its worker.
#[derive(Clone, Debug)]
pub struct Asking {
    pub worker: usize,
    pub connection: Connection,
    pub key: String,
    pub started: u64,
    pub question: Box<Question>,
}

impl Runs {
    /// The scheduler says that a run is over.
    pub fn fail(&mut self, it: &ShuffleFail) {
        let stale = self.stale.entry(it.shuffle_id.to_string()).or_insert(it.run_id);
        *stale = it.run_id.max(*stale);
        if self.active.get(&*it.shuffle_id).is_some_and(|run| run.number == it.run_id) {
            self.active.remove(&*it.shuffle_id);
        }
    }

    /// A task hears what it has asked for.
    pub fn tell(&mut self, key: &str, told: Told) {
        let told = match told {
            Told::Run { shuffle, run } => {
                if self.stale.get(&shuffle).is_some_and(|&stale| stale >= run.number) {
                    Told::Error(inconsistent(&format!("received a stale run {}", run.number)))
                } else {
                    if self.active.get(&shuffle).is_none_or(|known| known.number < run.number) {
                        self.active.insert(shuffle.clone(), run.clone());
                    }
                    Told::Run { shuffle, run }
                }
            }
            told => told,
        };
        self.told.insert(key.to_owned(), told);
    }

    /// A task takes no more notice of what it was told.
    pub fn forget_told(&mut self, key: &str) {
        self.told.remove(key);
    }

    fn receive(&mut self, shuffle: &str, run: &ModelRun, sender: &str) {
        if self.stale.get(shuffle).is_some_and(|&stale| stale >= run.number) {
            return;
        }
        let known = self.active.entry(shuffle.to_owned()).or_insert_with(|| run.clone());
        if known.number < run.number {
            *known = run.clone();
        }
        if known.number == run.number {
            known.received.insert(sender.to_owned());
        }
    }

    /// The run of this number, or what to do without it.
    fn numbered(&self, shuffle: &str, number: i64, worker: &str, told: bool) -> Result<&ModelRun, Step> {
        match self.active.get(shuffle) {
            Some(run) if run.number == number => Ok(run),
            None => Err(asks_for_run(shuffle, worker)),
            Some(run) if run.number < number && !told => Err(asks_for_run(shuffle, worker)),
            Some(run) => {
                let text = format!("run {number} of {shuffle}, which is in run {}", run.number);
                Err(Step::Fails(inconsistent(&text)))
            }
        }
    }
}

/// What a task raises that is in another run than its worker, as it reads.
fn inconsistent(text: &str) -> String {
    format!("P2PConsistencyError({text:?})")
}

fn asks_for_run(shuffle: &str, worker: &str) -> Step {
    asks(ShuffleGet { id: shuffle.into(), worker: worker.into() })
}

fn asks(question: impl Into<Question>) -> Step {
    Step::Asks(Box::new(question.into()))
}

impl ModelWorker {
    /// Does what a task does for a shuffle.
    pub fn shuffle(&mut self, key: &str, inputs: &[String], workload: &mut Workload) -> Step {
        let told = self.runs.told.remove(key);
        match told {
            Some(Told::Error(text)) => return Step::Fails(text),
            Some(Told::Over) => return Step::Moves,
            _ => {}
        }
        let knows = matches!(told, Some(Told::Run { .. }));
        match (workload.part(key), told) {
            (None, _) | (Some(Part::Barrier { .. }), Some(Told::Passed)) => Step::Done,
            (Some(Part::Take { .. }), Some(Told::Restricted)) => Step::Moves,
            (Some(Part::Send { shuffle }), _) => self.send(key, shuffle, workload),
            (Some(Part::Barrier { shuffle }), _) => self.reach_barrier(key, &shuffle, inputs, knows, workload),
            (Some(Part::Take { shuffles, place }), _) => {
                let steps = shuffles.iter().map(|shuffle| self.take(key, shuffle, place, knows, workload));
                steps.into_iter().find_map(Result::err).unwrap_or(Step::Done)
            }
        }
    }

    fn send(&mut self, key: &str, shuffle: String, workload: &mut Workload) -> Step {
        let Some(run) = self.runs.active.get(&shuffle).cloned() else {
            let worker = (*self.address).into();
            return asks(ShuffleGetOrCreate { shuffle_id: (*shuffle).into(), key: key.into(), worker });
        };
        workload.note_run(key, self.tasks[key].run, run.number);
        self.acts.push(Act::Send { shuffle, run, sender: key.to_owned() });
        Step::Done
    }

    fn reach_barrier(
        &mut self,
        key: &str,
        shuffle: &str,
        inputs: &[String],
        told: bool,
        workload: &mut Workload,
    ) -> Step {
        let numbers: Vec<i64> = inputs.iter().map(|input| workload.run(input)).collect();
        let run_id = numbers.iter().copied().max().unwrap_or(0);
        if let Err(step) = self.runs.numbered(shuffle, run_id, &self.address, told) {
            return step;
        }
        workload.note_run(key, self.tasks[key].run, run_id);
        let consistent = numbers.iter().all(|&number| number == run_id);
        asks(PassBarrier { id: shuffle.into(), run_id, consistent })
    }

    fn take(&self, key: &str, shuffle: &str, place: usize, told: bool, workload: &Workload) -> Result<(), Step> {
        let run_id = workload.run(&format!("{BARRIER}{shuffle}"));
        let run = self.runs.numbered(shuffle, run_id, &self.address, told)?;
        let worker = &run.worker_for[place];
        if *worker != self.address {
            let (id, worker) = (shuffle.into(), (**worker).into());
            return Err(asks(ShuffleRestrictTask { id, run_id, key: key.into(), worker }));
        }
        let missing: Vec<_> = workload.senders(shuffle).into_iter().filter(|it| !run.received.contains(it)).collect();
        if missing.is_empty() { Ok(()) } else { Err(Step::Fails(format!("{missing:?} have not sent to {key}"))) }
    }
}

impl Cluster {
    /// A task asks the scheduler.
    pub fn ask_for(&mut self, asking: Asking) {
        let name = self.workers[asking.worker].name.clone();
        let (ticket, connection, question) = (self.ticket(), asking.connection, (*asking.question).clone());
        self.asking.insert(ticket, asking);
        self.tell_scheduler(&name, Some(connection), Stimulus::Asked { ticket, question });
    }

    /// Whoever asked over this connection waits no more.
    pub fn withdraw(&mut self, connection: Connection) {
        let gone: Vec<u64> =
            self.asking.iter().filter(|(_, it)| it.connection == connection).map(|(&ticket, _)| ticket).collect();
        for ticket in gone {
            if let Some(asking) = self.asking.remove(&ticket) {
                let name = self.workers[asking.worker].name.clone();
                self.tell_scheduler(&name, None, Stimulus::Withdrawn { ticket });
            }
        }
    }

    /// The scheduler has answered a task.
    pub fn answer_task(&mut self, asking: Asking, answer: Result<Value, ErrorReply>) {
        let told = match (&*asking.question, answer) {
            (_, Err(error)) if error.exception_text.starts_with("Reschedule") => Told::Over,
            (_, Err(error)) => Told::Error(error.exception_text.to_string()),
            (Question::PassBarrier(it), Ok(Value::Tuple(participants))) => {
                let (shuffle, run) = (it.id.to_string(), it.run_id);
                let participants = participants.iter().filter_map(|it| Some(it.as_str()?.to_owned())).collect();
                return self.tell_participants(asking, participants, shuffle, run);
            }
            (_, Ok(answer)) if answer.get("status").and_then(Value::as_str) != Some("OK") => {
                let class = answer.get("exception_text").and_then(Value::as_str).unwrap_or_default();
                let barrier = asking.key.starts_with(BARRIER);
                // Of these a barrier knows nothing.
                if class.starts_with("ShuffleClosedError") && !barrier { Told::Over } else { Told::Error(class.into()) }
            }
            (Question::ShuffleGet(it), Ok(answer)) => Told::Run { shuffle: it.id.to_string(), run: run_of(&answer) },
            (Question::ShuffleGetOrCreate(it), Ok(answer)) => {
                Told::Run { shuffle: it.shuffle_id.to_string(), run: run_of(&answer) }
            }
            _ => Told::Restricted,
        };
        let Asking { worker, connection, key, started, .. } = asking;
        self.send_to_worker(worker, connection, AtWorker::Told { key, started, told });
    }

    /// All who take part must hear that nothing more will come, before the barrier is passed.
    pub fn tell_participants(&mut self, asking: Asking, participants: Vec<String>, shuffle: String, run: i64) {
        let mut told = Told::Passed;
        for address in &participants {
            let there = self.workers.iter().find(|it| it.alive && !it.frozen && it.address == *address);
            let over = |worker: &ModelWorker| worker.runs.stale.get(&shuffle).is_some_and(|&stale| stale >= run);
            if there.is_none() && self.scheduler.workers().any(|it| *it.address == **address) {
                // It may be slow, or the scheduler may not know yet.
                let again = Event::Barrier { asking, participants, shuffle, run };
                return self.net.after(100 * MILLI, again);
            }
            if there.is_none_or(over) {
                told = Told::Over;
            }
        }
        let Asking { worker, connection, key, started, .. } = asking;
        self.send_to_worker(worker, connection, AtWorker::Told { key, started, told });
    }

    /// A task sends all its parts, and each is there at once.
    pub fn send_parts(&mut self, shuffle: &str, run: &ModelRun, sender: &str) {
        for worker in self.workers.iter_mut().filter(|it| it.alive && run.worker_for.contains(&it.address)) {
            worker.runs.receive(shuffle, run, sender);
        }
    }

    /// Lets Python plan a run.
    pub fn plan_shuffle(&mut self, ticket: u64, plan: &PlanShuffle) {
        let outcome = self.planned(plan);
        let delay = self.chance.between(MILLI, 100 * MILLI);
        let stimulus = Box::new(Stimulus::ShufflePlanned { ticket, outcome });
        self.net.after(delay, Event::AtScheduler { connection: None, stimulus });
    }

    fn planned(&mut self, plan: &PlanShuffle) -> Result<ShufflePlan, Exception> {
        if std::mem::take(&mut self.executor_dies) || plan.workers.is_empty() {
            let (text, traceback_text) = (EXECUTOR_DIED.into(), "".into());
            let exception = EXECUTOR_DIED.into();
            return Err(Exception::Raised { exception, traceback: Value::Nil, text, traceback_text });
        }
        let barrier = plan.barrier.pickle().expect("a barrier is a pickle");
        let barrier = String::from_utf8_lossy(&barrier).into_owned();
        let (_, shuffle) = barrier.split_once(BARRIER).expect("only barriers are planned with");
        let shuffle = shuffle.strip_suffix('.').expect("so pickles end");
        let parts = self.workload.parts_of(shuffle);
        let aligned: Vec<ModelRun> = plan.aligned.iter().map(read).collect();
        let part = |place: usize| {
            let elsewhere = aligned.iter().find_map(|run| run.worker_for.get(place).cloned());
            elsewhere.unwrap_or_else(|| plan.workers[place * plan.workers.len() / parts].to_string())
        };
        let worker_for: Vec<String> = (0..parts).map(part).collect();
        let run_spec = Pickled::new(format!("{};{}", plan.run_id, worker_for.join(",")).as_bytes(), Vec::new());
        let workers = worker_for.iter().collect::<BTreeSet<_>>().into_iter().map(|it| (**it).into()).collect();
        Ok(ShufflePlan { run_spec, workers })
    }
}

fn run_of(answer: &Value) -> ModelRun {
    let Some(Value::Pickled(run_spec)) = answer.get("run_spec") else { panic!("{answer:?} says no run") };
    read(run_spec)
}

fn read(run_spec: &Pickled) -> ModelRun {
    let text = run_spec.pickle().expect("a run is a pickle");
    let text = String::from_utf8_lossy(&text).into_owned();
    let (number, workers) = text.split_once(';').expect("Python has said so");
    let worker_for = workers.split(',').map(str::to_owned).collect();
    ModelRun { number: number.parse().expect("it is a number"), worker_for, received: BTreeSet::new() }
}
