//! Retirement: workers leave when what only they hold is elsewhere.

use super::Scheduler;
use super::registry::Map;
use super::stimulus::Text;
use super::task::TaskId;
use super::worker::{WorkerId, WorkerStatus};
use crate::key::Key;
use crate::protocol::exception::Builtin;
use crate::protocol::field;
use crate::protocol::query::WorkersToClose;
use crate::protocol::question::RetireWorkers;
use crate::protocol::rpc::ErrorReply;
use crate::protocol::value::Value;
use crate::protocol::worker::{AcquireReplicas, Close, WorkerStatusChange};

/// Seconds after which results are sent for again that have not arrived.
const PATIENCE: f64 = 2.0;
/// Seconds after which it is not waited for any more that a worker says that it has heard of its retirement.
const ECHO_PATIENCE: f64 = 1.0;
/// Seconds between two looks at what is left to be moved.
const INTERVAL: f64 = 0.01;

/// Workers that were asked to retire together.
#[derive(Debug)]
pub(super) struct Retirement {
    ticket: u64,
    /// Whether they are told to close.
    close: bool,
    /// Whether they are forgotten at once.
    remove: bool,
    stimulus_id: Text,
    leaving: Vec<Leaving>,
    began: f64,
    /// When results were sent for the last time.
    sent: Option<f64>,
    /// Those that have retired, and who they were.
    retired: Vec<(Value, Value)>,
    /// Those that could not, and go on: they keep what they hold.
    stayed: Vec<(WorkerId, Text)>,
}

/// A worker that retires.
#[derive(Debug)]
struct Leaving {
    worker: WorkerId,
    address: Text,
    /// Its status before.
    before: WorkerStatus,
    /// Who it is.
    described: Value,
    /// Whether it has heard. One that is closed before it has would take the news for a mistake.
    has_heard: bool,
}

/// What becomes of a worker that retires.
enum Turn {
    Waits,
    Leaves,
    Stays,
}

impl Scheduler {
    pub(super) fn retire_workers(&mut self, ticket: u64, asked: &RetireWorkers) {
        let workers = match self.retiring(asked) {
            Ok(workers) => workers,
            Err(error) => return self.answer(ticket, Err(error)),
        };
        let stimulus_id = self.stimulus_id();
        let mut leaving = Vec::new();
        for worker in workers {
            let described = super::query::worker::described(&self.workers[worker]);
            let (address, before) = (self.workers[worker].address().clone(), self.workers[worker].spec.status);
            self.workers[worker].retirements += 1;
            self.change_status(worker, WorkerStatus::Retiring);
            let status = WorkerStatus::Retiring.name().into();
            self.tell_worker(worker, WorkerStatusChange { status, stimulus_id: stimulus_id.clone() });
            leaving.push(Leaving { worker, address, before, described, has_heard: false });
        }
        self.retirements.push(Retirement {
            ticket,
            close: asked.close_workers.0.unwrap_or(false),
            remove: asked.remove.0.unwrap_or(true),
            stimulus_id,
            leaving,
            began: self.now,
            sent: None,
            retired: Vec::new(),
            stayed: Vec::new(),
        });
        self.retirements_seen = None;
    }

    /// The workers that are meant.
    fn retiring(&self, asked: &RetireWorkers) -> Result<Vec<WorkerId>, ErrorReply> {
        let chosen = asked.memory_ratio.0.is_some()
            || asked.n.0.is_some()
            || asked.key.0.is_some()
            || asked.minimum.0.is_some()
            || asked.target.0.is_some();
        if chosen && (asked.workers.0.is_some() || asked.names.0.is_some()) {
            let text = "how to choose workers is mutually exclusive with names and workers";
            return Err(ErrorReply::builtin(Builtin::Type, text));
        }
        match (&asked.workers.0, &asked.names.0) {
            (Some(_), Some(_)) => Err(ErrorReply::builtin(Builtin::Type, "names and workers are mutually exclusive")),
            (Some(named), None) => {
                let id = |worker: &Value| {
                    let address = worker.as_str().and_then(|address| self.workers.id(&address.into()));
                    address.or_else(|| self.worker_named(worker))
                };
                let mut workers: Vec<_> = named.iter().filter_map(id).collect();
                workers.sort_unstable();
                workers.dedup();
                Ok(workers)
            }
            (None, Some(names)) => Ok(names.iter().filter_map(|name| self.worker_named(name)).collect()),
            (None, None) => Ok(self.closable(&WorkersToClose {
                memory_ratio: asked.memory_ratio.clone(),
                n: asked.n.clone(),
                key: asked.key.clone(),
                groups: asked.groups.clone(),
                minimum: asked.minimum.clone(),
                target: asked.target.clone(),
                attribute: field::Optional(None),
            })),
        }
    }

    fn worker_named(&self, name: &Value) -> Option<WorkerId> {
        let name = super::worker::name_of(name);
        self.workers.iter().find(|(_, worker)| worker.spec.name == name).map(|(id, _)| id)
    }

    /// How many workers retire.
    pub(super) fn retiring_count(&self) -> usize {
        self.retirements.iter().map(|retirement| retirement.leaving.len()).sum()
    }

    /// A worker says which status it has. Who retires has heard of it, or closes already.
    pub(super) fn note_echo(&mut self, worker: WorkerId, status: WorkerStatus) {
        if matches!(status, WorkerStatus::Running | WorkerStatus::Paused) {
            return;
        }
        for leaving in self.retirements.iter_mut().flat_map(|it| &mut it.leaving).filter(|it| it.worker == worker) {
            leaving.has_heard = true;
            self.retirements_seen = None;
        }
    }

    /// Whether a worker will be there for some time, whatever status it says that it has.
    pub(super) fn remains(&self, worker: WorkerId) -> bool {
        let worker = &self.workers[worker];
        worker.retirements == 0 && worker.spec.status != WorkerStatus::Retiring
    }

    /// Lets go whose results are elsewhere. Costs nothing while nobody retires.
    pub(super) fn advance_retirements(&mut self) {
        if self.retirements.is_empty() || self.retirements_seen.is_some_and(|seen| self.now < seen + INTERVAL) {
            return;
        }
        self.retirements_seen = Some(self.now);
        for mut retirement in std::mem::take(&mut self.retirements) {
            let sends = retirement.sent.is_none_or(|sent| self.now >= sent + PATIENCE);
            if sends {
                retirement.sent = Some(self.now);
            }
            // Who cannot leave keeps what it holds: others who hold the same can, but nothing is sent to it.
            let mut staying: Vec<_> = retirement.stayed.iter().map(|(worker, _)| *worker).collect();
            let mut turns = Vec::new();
            for leaving in std::mem::take(&mut retirement.leaving) {
                let turn = self.turn(leaving.worker, sends, &staying);
                if matches!(turn, Turn::Stays) {
                    staying.push(leaving.worker);
                }
                let unaware = !leaving.has_heard && self.now < retirement.began + ECHO_PATIENCE;
                let here = self.workers.get(leaving.worker).is_some();
                let waits = matches!(turn, Turn::Leaves) && unaware && here;
                turns.push((leaving, if waits { Turn::Waits } else { turn }));
            }
            for (leaving, turn) in turns {
                match turn {
                    Turn::Waits => retirement.leaving.push(leaving),
                    Turn::Leaves => self.let_worker_go(&mut retirement, leaving),
                    Turn::Stays => self.keep_worker(&mut retirement, leaving),
                }
            }
            if retirement.leaving.is_empty() {
                self.log_retirement(&retirement);
                self.answer(retirement.ticket, Ok(Value::Map(retirement.retired)));
            } else {
                self.retirements.push(retirement);
            }
        }
    }

    fn turn(&mut self, id: WorkerId, sends: bool, staying: &[WorkerId]) -> Turn {
        let Some(worker) = self.workers.get(id) else { return Turn::Leaves };
        if !worker.actors.is_empty() {
            return Turn::Stays;
        }
        let unique: Vec<_> = self.replicas.has_what(id).filter(|&task| !self.is_safe(task, staying)).collect();
        if unique.is_empty() {
            return Turn::Leaves;
        }
        if sends {
            // What has been copied makes room for what is on disk.
            self.drop_what_is_elsewhere(id);
            if !self.copy_elsewhere(&unique) {
                return Turn::Stays;
            }
        }
        Turn::Waits
    }

    /// Whether somebody has the result who does not retire.
    fn is_safe(&self, task: TaskId, staying: &[WorkerId]) -> bool {
        self.replicas.who_has(task).any(|holder| self.remains(holder) || staying.contains(&holder))
    }

    /// Has others fetch results, those first that hold the least. False if there is nobody for one of them.
    fn copy_elsewhere(&mut self, tasks: &[TaskId]) -> bool {
        let mut bytes: Map<WorkerId, u64> = Map::default();
        for &worker in self.workers.running().iter().filter(|&&worker| self.remains(worker)) {
            bytes.insert(worker, self.replicas.bytes(worker));
        }
        let mut fetched: Map<WorkerId, Vec<TaskId>> = Map::default();
        for &task in tasks {
            let free = bytes.iter_mut().filter(|(worker, _)| !self.replicas.has(task, **worker));
            let Some((worker, held)) = free.min_by_key(|(_, held)| **held) else { return false };
            *held += self.tasks[task].nbytes;
            fetched.entry(*worker).or_default().push(task);
        }
        let stimulus_id = self.stimulus_id();
        for (worker, tasks) in fetched {
            let key = |task: TaskId| -> Key { self.tasks[task].key.clone() };
            let who_has = tasks.iter().map(|&task| (key(task), self.addresses(task))).collect();
            let nbytes = tasks.iter().map(|&task| (key(task), self.tasks[task].nbytes)).collect();
            let (who_has, nbytes) = (field::Map(who_has), field::Map(nbytes));
            self.tell_worker(worker, AcquireReplicas { who_has, nbytes, stimulus_id: stimulus_id.clone() });
        }
        true
    }

    fn let_worker_go(&mut self, retirement: &mut Retirement, leaving: Leaving) {
        self.end_retirement(leaving.worker);
        match (retirement.remove, retirement.close) {
            (true, true) => self.dismiss_worker(leaving.worker, true),
            (true, false) => self.remove_worker(leaving.worker, true),
            (false, true) => self.tell_worker(leaving.worker, Close { reason: "scheduler-close-worker".into() }),
            (false, false) => self.drop_what_is_elsewhere(leaving.worker),
        }
        retirement.retired.push((leaving.address.into(), leaving.described));
    }

    /// A worker goes on as before: what it holds cannot be moved.
    fn keep_worker(&mut self, retirement: &mut Retirement, leaving: Leaving) {
        self.end_retirement(leaving.worker);
        let (status, stimulus_id) = (leaving.before.name().into(), retirement.stimulus_id.clone());
        self.tell_worker(leaving.worker, WorkerStatusChange { status, stimulus_id });
        retirement.stayed.push((leaving.worker, leaving.address));
    }

    fn end_retirement(&mut self, worker: WorkerId) {
        if let Some(worker) = self.workers.value_mut(worker) {
            worker.retirements -= 1;
        }
    }

    fn log_retirement(&mut self, retirement: &Retirement) {
        let cause = || ("stimulus_id", Value::from(retirement.stimulus_id.clone()));
        let retired: Vec<Value> = retirement.retired.iter().map(|(address, _)| address.clone()).collect();
        let stayed: Vec<Value> = retirement.stayed.iter().map(|(_, address)| address.clone().into()).collect();
        for (addresses, action) in [(&retired, "retired"), (&stayed, "could-not-retire")] {
            let event = Value::map([("action", action.into()), cause()]);
            self.log_user_event(&Value::Tuple(addresses.clone()), &event);
        }
        let lists = [("retired", Value::Tuple(retired)), ("could-not-retire", Value::Tuple(stayed))];
        let [retired, stayed] = lists;
        let event = Value::map([("action", "retire-workers".into()), retired, stayed, cause()]);
        self.log_event(&[&"all".into()], &event);
    }
}
