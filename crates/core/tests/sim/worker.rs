//! Model workers: what a worker does as its scheduler sees it, values being hashes of inputs.

use std::collections::BTreeMap;

use cenote_core::key::Key;
use cenote_core::protocol::field::{Number, Optional, Text};
use cenote_core::protocol::question::Question;
use cenote_core::protocol::value::Value;
use cenote_core::protocol::worker::{
    AddKeys, ComputeTask, FromWorker, LongRunning, ReleaseWorkerData, RequestRefreshWhoHas, Reschedule, StartStop,
    StealRequest, StealResponse, TaskErred, TaskFinished, ToWorker, WorkerStatusChange,
};
use cenote_core::scheduler::task::RunId;
use cenote_core::scheduler::worker::WorkerStatus;

use super::network::{AtWorker, Connection, Micros, Outcome};
use super::shuffle::{ModelRun, Runs, Step, Told};
use super::stock::StockWorker;
use super::workload::{Fate, Workload};

/// What tasks raise begins so, and ends with their keys.
pub const RAISED_BY: &str = "raised by ";

/// A result as another worker has sent it: its value if it was there.
pub type Fetched = (String, Option<u64>);

/// A task as its worker knows it.
#[derive(Clone, Debug)]
pub struct ModelTask {
    pub run: RunId,
    priority: [f64; 3],
    inputs: Vec<String>,
    pub executing: bool,
    /// It runs, but nobody wants its result any more.
    cancelled: bool,
    seceded: bool,
    /// Which of the executions of this worker it is.
    started: u64,
}

/// An input that is needed here.
#[derive(Clone, Debug, Default)]
struct Wanted {
    who_has: Vec<String>,
    asked: bool,
    /// Nobody had it: the scheduler will be asked.
    lost: bool,
    /// The scheduler wants it here, whether it is needed or not.
    acquired: bool,
}

/// What a worker wants done.
#[derive(Debug)]
pub enum Act {
    Say(FromWorker),
    Ask { address: String, keys: Vec<String> },
    AskAgainLater,
    RetryLater { address: String },
    Run { key: String, started: u64 },
    Put { key: String, started: u64, question: Box<Question> },
    Send { shuffle: String, run: ModelRun, sender: String },
    Die,
}

#[derive(Debug)]
pub struct ModelWorker {
    pub name: String,
    pub address: String,
    pub connection: Connection,
    pub threads: u32,
    pub resources: Vec<(Text, Number)>,
    pub alive: bool,
    /// Stopped: nothing is read, nothing is said.
    pub frozen: bool,
    pub status: WorkerStatus,
    /// What has come since it was stopped.
    pub inbox: Vec<AtWorker>,
    pub data: BTreeMap<String, u64>,
    pub tasks: BTreeMap<String, ModelTask>,
    wanted: BTreeMap<String, Wanted>,
    /// It is about to ask the scheduler for what nobody had.
    asking: bool,
    /// How many executions there have been here.
    pub started: u64,
    /// Until then it answers nobody who wants its results.
    pub busy_until: Micros,
    /// A stock worker, if one stands in for the model.
    pub stock: Option<StockWorker>,
    pub runs: Runs,
    /// What it has answered when it was asked for tasks.
    pub given_back: Vec<StealResponse>,
    pub acts: Vec<Act>,
}

impl ModelWorker {
    pub fn new(name: String, threads: u32, resources: Vec<(Text, Number)>) -> Self {
        Self {
            address: String::new(),
            name,
            connection: 0,
            threads,
            resources,
            alive: false,
            frozen: false,
            status: WorkerStatus::Running,
            inbox: Vec::new(),
            data: BTreeMap::new(),
            tasks: BTreeMap::new(),
            wanted: BTreeMap::new(),
            asking: false,
            started: 0,
            busy_until: 0,
            stock: None,
            runs: Runs::default(),
            given_back: Vec::new(),
            acts: Vec::new(),
        }
    }

    /// The process is new and knows nothing.
    pub fn boot(&mut self, address: String, connection: Connection) {
        *self = Self {
            address,
            connection,
            alive: true,
            stock: self.stock.take(),
            ..Self::new(self.name.clone(), self.threads, self.resources.clone())
        };
        self.boot_stock();
    }

    /// Whether it has nothing left to do.
    pub fn is_idle(&self) -> bool {
        !self.alive || self.tasks.is_empty() && self.stock.as_ref().is_none_or(|stock| stock.unfinished.is_empty())
    }

    /// Somebody puts a result here.
    pub fn put(&mut self, key: &str, value: u64) {
        if !self.stock_is_given(key, value) {
            self.data.insert(key.to_owned(), value);
        }
    }

    pub fn say(&mut self, said: impl Into<FromWorker>) {
        self.acts.push(Act::Say(said.into()));
    }

    /// Takes on a status, and says so.
    pub fn take_on(&mut self, status: WorkerStatus) {
        if self.stock_takes_on(status) {
            return;
        }
        self.status = status;
        self.say(WorkerStatusChange { status: status.name().into(), stimulus_id: "status".into() });
    }

    pub fn hear(&mut self, message: ToWorker) {
        if self.stock_hears(&message) {
            return;
        }
        match message {
            ToWorker::ComputeTask(task) => self.compute(&task),
            ToWorker::FreeKeys(it) => it.keys.iter().for_each(|key| self.free(&key.to_string())),
            ToWorker::RemoveReplicas(it) => it.keys.into_iter().for_each(|key| self.remove_replica(key)),
            ToWorker::RefreshWhoHas(it) => {
                for (key, addresses) in it.who_has.0 {
                    if let Some(wanted) = self.wanted.get_mut(&key.to_string()) {
                        wanted.who_has = addresses.iter().map(ToString::to_string).collect();
                    }
                }
            }
            ToWorker::RemoveWorker(it) => {
                self.wanted.values_mut().for_each(|wanted| wanted.who_has.retain(|address| **address != *it.worker));
            }
            ToWorker::ShuffleFail(it) => self.runs.fail(&it),
            ToWorker::Close(_) => self.acts.push(Act::Die),
            ToWorker::WorkerStatusChange(it) => {
                self.take_on(WorkerStatus::of(&it.status).expect("the scheduler knows what it says"));
            }
            ToWorker::AcquireReplicas(it) => {
                for (key, addresses) in it.who_has.0 {
                    let key = key.to_string();
                    if !self.data.contains_key(&key) {
                        let wanted = self.wanted.entry(key).or_default();
                        wanted.acquired = true;
                        wanted.who_has = addresses.iter().map(ToString::to_string).collect();
                    }
                }
            }
            ToWorker::StealRequest(it) => self.give_back(it),
            other => panic!("a model worker does not know {other:?}"),
        }
    }

    fn compute(&mut self, task: &ComputeTask) {
        let key = task.key.to_string();
        if self.data.contains_key(&key) {
            return self.finish(&key, RunId(task.run_id));
        }
        if let Some(known) = self.tasks.get_mut(&key) {
            known.run = RunId(task.run_id);
            known.cancelled = false;
            if known.executing {
                return;
            }
        }
        let inputs: Vec<_> = task.who_has.0.iter().map(|(key, _)| key.to_string()).collect();
        for (input, addresses) in &task.who_has.0 {
            let input = input.to_string();
            assert!(!addresses.is_empty(), "{key} is to be run, but nobody has {input}");
            if !self.data.contains_key(&input) {
                let wanted = self.wanted.entry(input).or_default();
                wanted.who_has = addresses.iter().map(ToString::to_string).collect();
            }
        }
        let run = RunId(task.run_id);
        let priority = task.priority.map(|number| match number {
            Number::Int(number) => number as f64,
            Number::Float(number) => number,
        });
        let model = ModelTask { run, priority, inputs, executing: false, cancelled: false, seceded: false, started: 0 };
        self.tasks.insert(key, model);
    }

    fn free(&mut self, key: &str) {
        if self.data.remove(key).is_some() {
            self.say(ReleaseWorkerData { key: key.into(), stimulus_id: "freed".into() });
        }
        if let Some(wanted) = self.wanted.get_mut(key) {
            wanted.acquired = false;
        }
        match self.tasks.get_mut(key) {
            Some(task) if task.executing => task.cancelled = true,
            _ => {
                self.tasks.remove(key);
            }
        }
    }

    /// What it has not begun it gives up.
    fn give_back(&mut self, request: StealRequest) {
        let name = request.key.to_string();
        let state = match self.tasks.get(&name) {
            Some(task) if task.cancelled => Some("cancelled"),
            Some(task) if task.seceded => Some("long-running"),
            Some(task) if task.executing => Some("executing"),
            Some(task) if task.inputs.iter().all(|input| self.data.contains_key(input)) => Some("ready"),
            Some(_) => Some("waiting"),
            None if self.data.contains_key(&name) => Some("memory"),
            None => None,
        };
        if matches!(state, Some("ready" | "waiting")) {
            self.tasks.remove(&name);
        }
        let StealRequest { key, stimulus_id } = request;
        let response = StealResponse { key, state: state.map(Into::into), stimulus_id };
        self.given_back.push(response.clone());
        self.say(response);
    }

    /// What it executes, and that it has been at it for so many seconds.
    pub fn executing(&self, seconds: f64) -> Vec<(Key, f64)> {
        let executing = self.tasks.iter().filter(|(_, task)| task.executing);
        executing.map(|(key, _)| ((**key).into(), seconds)).collect()
    }

    /// The inputs of what it executes.
    pub fn inputs_in_use(&self) -> Vec<String> {
        self.tasks.values().filter(|task| task.executing).flat_map(|task| task.inputs.clone()).collect()
    }

    fn remove_replica(&mut self, key: Key) {
        let name = key.to_string();
        if !self.data.contains_key(&name) {
            return;
        }
        if self.is_needed(&name) {
            self.say(AddKeys { keys: vec![key], stimulus_id: "kept".into() });
        } else {
            self.data.remove(&name);
            self.say(ReleaseWorkerData { key, stimulus_id: "removed".into() });
        }
    }

    fn is_needed(&self, key: &str) -> bool {
        self.tasks.values().any(|task| !task.cancelled && task.inputs.iter().any(|input| input == key))
    }

    /// Looks for inputs and starts tasks. Called after everything that reaches the worker.
    pub fn go_on(&mut self, workload: &mut Workload) {
        self.look_for_inputs();
        while self.status != WorkerStatus::Paused && self.threads_used() < self.threads as usize {
            let ready = self
                .tasks
                .iter()
                .filter(|(_, task)| !task.executing && task.inputs.iter().all(|input| self.data.contains_key(input)));
            let Some(key) = ready
                .min_by(|(_, a), (_, b)| a.priority.partial_cmp(&b.priority).expect("no priority is NaN"))
                .map(|(key, _)| key.clone())
            else {
                return;
            };
            self.execute(key, workload);
        }
    }

    fn execute(&mut self, key: String, workload: &mut Workload) {
        self.started += 1;
        let task = self.tasks.get_mut(&key).expect("it was just found");
        (task.executing, task.started) = (true, self.started);
        if workload.fate(&key) == Fate::Secede {
            task.seceded = true;
            let (run_id, stimulus_id) = (task.run.0, "secede".into());
            self.say(LongRunning { key: (*key).into(), run_id, compute_duration: Some(0.01), stimulus_id });
        }
        self.acts.push(Act::Run { key, started: self.started });
    }

    fn threads_used(&self) -> usize {
        self.tasks.values().filter(|task| task.executing && !task.seceded).count()
    }

    fn look_for_inputs(&mut self) {
        let needed: Vec<_> =
            self.tasks.values().filter(|task| !task.executing).flat_map(|task| task.inputs.clone()).collect();
        self.wanted.retain(|key, wanted| wanted.asked || wanted.acquired || needed.contains(key));
        let needed_here: std::collections::BTreeSet<_> = needed.iter().cloned().collect();
        for key in needed {
            if !self.data.contains_key(&key) {
                self.wanted.entry(key).or_default();
            }
        }
        for (key, wanted) in &mut self.wanted {
            if wanted.asked || self.data.contains_key(key) {
                continue;
            }
            wanted.asked = true;
            if let Some(address) = wanted.who_has.pop() {
                self.acts.push(Act::Ask { address, keys: vec![key.clone()] });
            } else if wanted.acquired && !needed_here.contains(key) {
                (wanted.asked, wanted.acquired) = (false, false);
            } else {
                wanted.lost = true;
                if !std::mem::replace(&mut self.asking, true) {
                    self.acts.push(Act::AskAgainLater);
                }
            }
        }
    }

    /// Another one has answered, or could not.
    pub fn fetched(&mut self, from: &str, outcome: Outcome, data: Vec<Fetched>) {
        if self.stock_is_answered(from, outcome, &data) {
            return;
        }
        for (key, value) in data {
            let Some(wanted) = self.wanted.get_mut(&key) else { continue };
            wanted.asked = false;
            let Some(value) = value else { continue };
            let acquired = wanted.acquired;
            self.wanted.remove(&key);
            if (acquired || self.is_needed(&key)) && !self.data.contains_key(&key) {
                self.data.insert(key.clone(), value);
                self.say(AddKeys { keys: vec![(*key).into()], stimulus_id: "fetched".into() });
            }
        }
    }

    /// Nobody had it: the scheduler may know better.
    pub fn ask_again(&mut self) {
        self.asking = false;
        let mut keys = Vec::new();
        for (key, wanted) in self.wanted.iter_mut().filter(|(_, wanted)| wanted.lost) {
            (wanted.asked, wanted.lost) = (false, false);
            if wanted.who_has.is_empty() {
                keys.push(Key::from(&**key));
            }
        }
        if !keys.is_empty() {
            self.say(RequestRefreshWhoHas { keys, stimulus_id: "missing".into() });
        }
    }

    /// A task has come to its end.
    pub fn done(&mut self, key: &str, started: u64, workload: &mut Workload) {
        if self.stock_is_done(key, workload) {
            return;
        }
        let Some(task) = self.tasks.get(key).filter(|task| task.executing && task.started == started) else { return };
        let (run, cancelled, inputs) = (task.run, task.cancelled, task.inputs.clone());
        if workload.fate(key) == Fate::Kill {
            workload.spend(key);
            return self.acts.push(Act::Die);
        }
        let step = if cancelled || workload.fate(key) == Fate::Fail {
            Step::Done
        } else {
            self.shuffle(key, &inputs, workload)
        };
        if let Step::Asks(question) = step {
            return self.acts.push(Act::Put { key: key.to_owned(), started, question });
        }
        self.tasks.remove(key);
        match step {
            _ if cancelled => return,
            Step::Moves => return self.say(Reschedule { key: key.into(), stimulus_id: "moves".into() }),
            Step::Fails(text) => return self.say(failed(key.into(), run, &text)),
            _ => {}
        }
        match workload.fate(key) {
            Fate::Fail => {
                workload.spend(key);
                self.say(failed(key.into(), run, &format!("{RAISED_BY}{key}")));
            }
            Fate::Reschedule => {
                workload.spend(key);
                self.say(Reschedule { key: key.into(), stimulus_id: "reschedule".into() });
            }
            _ => {
                // Inputs that were freed while it ran were still in the hands of the task.
                let values =
                    inputs.iter().map(|input| self.data.get(input).copied().unwrap_or_else(|| workload.value(input)));
                let value = Workload::compute(key, values.collect());
                self.data.insert(key.to_owned(), value);
                self.finish(key, run);
            }
        }
    }

    /// A task hears what it has asked for, and goes on.
    pub fn told(&mut self, key: &str, started: u64, told: Told, workload: &mut Workload) {
        self.runs.tell(key, told);
        self.done(key, started, workload);
        // An execution that has ended hears nothing, and one that has begun since has not asked.
        self.runs.forget_told(key);
    }

    fn finish(&mut self, key: &str, run: RunId) {
        self.say(finished(key.into(), run, 8 + key.len() as u64, 0.01));
    }
}

/// Says that a task has been run.
pub fn finished(key: Key, run: RunId, nbytes: u64, duration: f64) -> TaskFinished {
    let computed = StartStop { action: "compute".into(), start: 0.0, stop: duration, source: Optional(None) };
    TaskFinished { nbytes, startstops: vec![computed], ..TaskFinished::plain(key, run.0) }
}

/// Says that a task has failed.
pub fn failed(key: Key, run: RunId, raised: &str) -> TaskErred {
    TaskErred {
        key,
        run_id: run.0,
        exception: raised.into(),
        traceback: Value::Nil,
        exception_text: raised.into(),
        traceback_text: "".into(),
        thread: None,
        startstops: Vec::new(),
        stimulus_id: "failed".into(),
        status: Optional(None),
    }
}
