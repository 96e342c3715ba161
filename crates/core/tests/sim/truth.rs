//! Truth: what the scheduler says of unfinished tasks is so, where it sends them they may run, and who is blamed is to blame.

use std::collections::{BTreeMap, BTreeSet};

use cenote_core::key::Key;
use cenote_core::protocol::client::FromClient;
use cenote_core::protocol::field::Text;
use cenote_core::protocol::question::Question;
use cenote_core::protocol::worker::{ComputeTask, FromWorker, ToWorker};
use cenote_core::scheduler::instruction::Exception;
use cenote_core::scheduler::stimulus::Stimulus;
use cenote_core::scheduler::story::Happening;
use cenote_core::scheduler::task::{RunId, StateName};
use cenote_core::scheduler::view::WorkerView;
use cenote_core::scheduler::wait::WaitReason;
use cenote_core::scheduler::worker::WorkerStatus;

use super::cluster::{ALLOWED_FAILURES, Cluster};
use super::network::{AtWorker, Connection, Event};
use super::operator::may_lose;

/// What was so before a stimulus, as far as it is compared with what is so after it.
pub struct Before {
    /// Which worker runs what.
    running: Vec<(Key, Text)>,
    /// The queue, the most urgent first.
    queued: Vec<Key>,
    /// Whether workers that are gone now were expected to go.
    expected: bool,
    /// Whether workers that are gone now have died.
    deadly: bool,
    /// What workers that retire hold and nobody else does, if nothing is lost when this has been served.
    retiring: Vec<Key>,
    /// What a client wants no more when this has been served.
    cancelled: Option<(Text, Vec<Key>)>,
    /// What has failed by itself and is tried again when this has been served.
    retried: Vec<Key>,
}

/// How many workers died while they ran a task.
#[derive(Default)]
pub struct Deaths {
    /// As far as is certain.
    certain: BTreeMap<String, u32>,
    /// At most.
    possible: BTreeMap<String, u32>,
}

impl Cluster {
    pub fn before(&self, stimulus: &Stimulus) -> Before {
        let running = self.scheduler.keys().filter_map(|key| match self.scheduler.wait_reason(key)? {
            WaitReason::Running { worker, .. } => Some((key.clone(), worker)),
            _ => None,
        });
        let meant = match stimulus {
            Stimulus::WorkerLeft { expected, .. } | Stimulus::WorkersLeft { expected, .. } => Some(*expected),
            _ => None,
        };
        let (deadly, expected) = (meant == Some(false), meant == Some(true));
        let retiring = if may_lose(stimulus) { Vec::new() } else { self.held_by_who_retires() };
        let (cancelled, retried) = (self.cancelled(stimulus), self.retried(stimulus));
        Before { running: running.collect(), queued: self.queue(), deadly, expected, retiring, cancelled, retried }
    }

    /// What a client cancels with what it names: all that needs it, as far as nobody else wants that.
    fn cancelled(&self, stimulus: &Stimulus) -> Option<(Text, Vec<Key>)> {
        let Stimulus::Client { client, said: FromClient::CancelKeys(said) } = stimulus else { return None };
        if self.scheduler.is_reading(client) {
            return None;
        }
        let mut found: Vec<Key> = Vec::new();
        let mut stack = said.keys.clone();
        while let Some(key) = stack.pop() {
            let Some(task) = self.scheduler.task(&key) else { continue };
            let others = task.who_wants.iter().any(|it| it != client);
            if (said.force || !others) && !found.contains(&key) {
                let needs = |it: &&Key| self.scheduler.dependencies(it).any(|input| input == key);
                stack.extend(self.scheduler.keys().filter(needs).cloned());
                found.push(key);
            }
        }
        Some((client.clone(), found))
    }

    /// What only workers hold that retire, but for parts of shuffles, which may begin again for another reason.
    fn held_by_who_retires(&self) -> Vec<Key> {
        let leaves = |it: &WorkerView| it.status == WorkerStatus::Retiring;
        let retiring: Vec<Text> = self.scheduler.workers().filter(leaves).map(|it| it.address).collect();
        let shuffled = |key: &Key| self.workload.part(&key.to_string()).is_some();
        let held = |key: &&Key| {
            let task = self.scheduler.task(key).expect("it was just listed");
            let only = !task.who_has.is_empty() && task.who_has.iter().all(|it| retiring.contains(it));
            task.state == StateName::Memory && only && !shuffled(key)
        };
        if retiring.is_empty() { Vec::new() } else { self.scheduler.keys().filter(held).cloned().collect() }
    }

    /// What is asked to be tried again, and has failed by itself.
    fn retried(&self, stimulus: &Stimulus) -> Vec<Key> {
        let Stimulus::Asked { question: Question::Retry(asked), .. } = stimulus else { return Vec::new() };
        // One that is not known is an error of the question.
        if asked.keys.iter().any(|key| self.scheduler.state(key).is_none()) {
            return Vec::new();
        }
        let failure = |key: &Key| self.scheduler.task(key).and_then(|task| task.failure);
        let itself = |key: &&Key| {
            failure(key).is_some_and(|failure| failure.cause == **key)
                && self.scheduler.dependencies(key).all(|input| failure(&input).is_none())
        };
        asked.keys.iter().filter(itself).cloned().collect()
    }

    /// The queue, the most urgent first.
    fn queue(&self) -> Vec<Key> {
        let place = |key: &Key| match self.scheduler.wait_reason(key) {
            Some(WaitReason::Queue { place }) => Some((place, key.clone())),
            _ => None,
        };
        let places: BTreeMap<usize, Key> = self.scheduler.keys().filter_map(place).collect();
        assert_eq!(places.len(), self.scheduler.count(StateName::Queued), "each place in the queue is taken once");
        assert!(places.keys().copied().eq(0..places.len()), "no place in the queue is free");
        places.into_values().collect()
    }

    /// Checks all that a stimulus may have changed.
    pub fn check_truth(&mut self, before: &Before) {
        self.check_reasons();
        self.check_queue(before);
        self.count_deaths(before);
        self.check_failures();
        if let Some((client, keys)) = &before.cancelled {
            for key in keys {
                let wants = self.scheduler.task(key).is_some_and(|task| task.who_wants.contains(client));
                assert!(!wants, "{client} has cancelled {key} and still wants it");
            }
        }
        for key in &before.retiring {
            let state = self.scheduler.state(key);
            let lost = state.is_some_and(|state| !matches!(state, StateName::Memory | StateName::Released));
            assert!(!lost, "{key} was lost when its worker retired: {}", self.story(&key.to_string()));
        }
        for key in &before.retried {
            let state = self.scheduler.state(key);
            assert_ne!(state, Some(StateName::Erred), "{key} is not tried again: {}", self.story(&key.to_string()));
        }
    }

    // ---- Reasons

    /// Every unfinished task says what it waits for, and that is so.
    fn check_reasons(&self) {
        let running: Vec<WorkerView> = self.scheduler.workers().filter(WorkerView::is_running).collect();
        for key in self.scheduler.keys() {
            let state = self.scheduler.state(key).expect("it was just listed");
            let unfinished = |state| !matches!(state, StateName::Released | StateName::Memory | StateName::Erred);
            let Some(reason) = self.scheduler.wait_reason(key) else {
                assert!(!unfinished(state), "{key} is {state:?} and says not why");
                continue;
            };
            assert!(self.is_true(key, &reason, &running), "{key} is {state:?}, and it is not true that {reason:?}");
        }
    }

    fn is_true(&self, key: &Key, reason: &WaitReason, running: &[WorkerView]) -> bool {
        let state = self.scheduler.state(key).expect("it was just listed");
        match reason {
            WaitReason::Dependencies { count, first } => {
                let there = |key: &Key| self.scheduler.state(key) == Some(StateName::Memory);
                let absent: Vec<Key> = self.scheduler.dependencies(key).filter(|it| !there(it)).collect();
                state == StateName::Waiting
                    && absent.len() == *count
                    && first.as_ref().is_some_and(|first| absent.contains(first))
            }
            WaitReason::AnyWorker { since } => *since <= self.net.now as f64 / 1e6 && running.is_empty(),
            // A shuffle may have restricted it to a worker that is not there.
            WaitReason::Worker { .. } if self.workload.part(&key.to_string()).is_some() => true,
            WaitReason::Worker { .. } => !running.iter().any(|worker| self.may_run(key, worker, running)),
            // Places are compared with each other: see `queue`.
            WaitReason::Queue { .. } => state == StateName::Queued,
            WaitReason::Running { worker, run } => self.is_in_hand(key, worker, *run),
            WaitReason::Submission => state == StateName::Released && self.scheduler.dependencies(key).next().is_none(),
            WaitReason::Nothing => false,
        }
    }

    /// Whether a task that is said to run does: the message is on its way, the worker has it, its answer is on its
    /// way, or the worker is gone, which will be heard of.
    fn is_in_hand(&self, key: &Key, address: &Text, run: RunId) -> bool {
        let Some(&(index, connection)) = self.streams.get(&**address) else { return true };
        let worker = &self.workers[index];
        if worker.connection != connection || !worker.alive {
            return true;
        }
        let name = key.to_string();
        let there = match &worker.stock {
            Some(stock) => stock.unfinished.iter().any(|it| **it == *name),
            None => worker.tasks.get(&name).is_some_and(|task| task.run == run),
        };
        let tells = |what: &AtWorker| match what {
            AtWorker::Message(message) => {
                matches!(&**message, ToWorker::ComputeTask(it) if it.key == *key && it.run_id == run.0)
            }
            _ => false,
        };
        there
            || worker.inbox.iter().any(tells)
            || self.net.pending().any(|event| match event {
                Event::AtWorker { worker, connection: over, what } => {
                    *worker == index && *over == connection && tells(what)
                }
                Event::AtScheduler { connection: over, stimulus } => answers(*over, stimulus, connection, key),
                _ => false,
            })
    }

    // ---- Places

    /// A task is sent to a worker that may run it.
    pub fn check_place(&self, address: &Text, task: &ComputeTask) {
        let running: Vec<WorkerView> = self.scheduler.workers().filter(WorkerView::is_running).collect();
        // It may have left by what followed from the same stimulus.
        let Some(worker) = self.scheduler.workers().find(|worker| worker.address == *address) else { return };
        assert!(worker.is_running(), "{} is sent to {}, which takes no work", task.key, worker.name);
        assert!(self.may_run(&task.key, &worker, &running), "{} may not run on {}", task.key, worker.name);
    }

    fn may_run(&self, key: &Key, worker: &WorkerView, running: &[WorkerView]) -> bool {
        let key = key.to_string();
        let fits = |worker: &WorkerView| {
            let place = self.workers.iter().find(|it| *it.name == *worker.name);
            self.workload.fits(&key, &worker.name, place.is_some_and(|it| !it.resources.is_empty()))
        };
        let moved = self.steals.moves(&key);
        fits(worker) || (self.workload.allows_others(&key) && (moved || !running.iter().any(fits)))
    }

    /// What has left the queue to be run was more urgent than what is still there.
    fn check_queue(&self, before: &Before) {
        self.queue();
        // One that was released and is placed anew has not left the queue to be run.
        let left = |key: &Key| self.scheduler.story(key).last().map(|line| line.what);
        let queued = |it: &Happening| matches!(it, Happening::Transition { start: StateName::Queued, .. });
        let processing = |key: &Key| self.scheduler.state(key) == Some(StateName::Processing);
        let runs = |key: &&Key| processing(key) && left(key).as_ref().is_some_and(queued);
        let waits = |key: &&Key| self.scheduler.state(key) == Some(StateName::Queued);
        let mut behind = before.queued.iter().skip_while(|key| !waits(key));
        let overtaken = behind.clone().next();
        if let Some(run) = behind.find(runs) {
            panic!("{run} runs before {overtaken:?}, which is more urgent");
        }
    }

    // ---- Blame

    fn count_deaths(&mut self, before: &Before) {
        let here: BTreeSet<Text> = self.scheduler.workers().map(|worker| worker.address).collect();
        for (key, worker) in &before.running {
            let name = key.to_string();
            if !here.contains(worker) {
                if !before.expected {
                    *self.deaths.possible.entry(name.clone()).or_default() += 1;
                }
                if before.deadly {
                    *self.deaths.certain.entry(name.clone()).or_default() += 1;
                    let deaths = self.deaths.certain[&name];
                    let state = self.scheduler.state(key);
                    let spared = deaths > ALLOWED_FAILURES && state.is_some_and(|state| state != StateName::Erred);
                    assert!(!spared, "{deaths} workers have died of {key}, which is {state:?}");
                }
            }
        }
        for deaths in [&mut self.deaths.certain, &mut self.deaths.possible] {
            deaths.retain(|key, _| self.scheduler.state(&(**key).into()).is_some());
        }
    }

    /// Who failed for an input's sake has one that has failed, and who is said to have killed workers has.
    fn check_failures(&self) {
        if self.scheduler.count(StateName::Erred) == 0 {
            return;
        }
        for key in self.scheduler.keys().filter(|key| self.scheduler.state(key) == Some(StateName::Erred)) {
            let failure = self.scheduler.task(key).and_then(|task| task.failure).expect("what has failed says why");
            if failure.cause != *key {
                let inputs: Vec<Key> = self.scheduler.dependencies(key).collect();
                let known = inputs.len() == self.workload.inputs(&key.to_string());
                let failed = inputs.iter().any(|it| self.scheduler.state(it) == Some(StateName::Erred));
                assert!(failed || !known, "{key} has failed, and none of its inputs has: {failure:?}");
            } else if matches!(failure.exception, Exception::KilledWorker { .. }) {
                let deaths = self.deaths.possible.get(&key.to_string()).copied().unwrap_or(0);
                assert!(deaths > ALLOWED_FAILURES, "{key} is blamed for {deaths} deaths");
            }
        }
    }
}

/// Whether something that is on its way to the scheduler ends this attempt, or the connection.
fn answers(over: Option<Connection>, stimulus: &Stimulus, connection: Connection, key: &Key) -> bool {
    match stimulus {
        Stimulus::Worker { said, .. } if over == Some(connection) => match said {
            FromWorker::TaskFinished(it) => it.key == *key,
            FromWorker::TaskErred(it) => it.key == *key,
            FromWorker::Reschedule(it) => it.key == *key,
            FromWorker::StealResponse(it) => it.key == *key,
            _ => false,
        },
        _ => false,
    }
}
