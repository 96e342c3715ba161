//! The checker: safety after every step, and in the end liveness. Whatever is wrong is a panic that the runner catches.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::rc::Rc;

use cenote_core::key::Key;
use cenote_core::protocol::frame::Frames;
use cenote_core::scheduler::Scheduler;
use cenote_core::scheduler::journal::Recorder;
use cenote_core::scheduler::task::StateName;
use cenote_core::scheduler::wait::WaitReason;

use super::client::Belief;
use super::cluster::{Cluster, EXECUTOR_DIED};
use super::mutants::Mutant;
use super::stock::{StockProcess, StockWorker};
use super::worker::{ModelWorker, RAISED_BY};

/// Faults end after so many seconds, and everything must be done after so many more.
const FAULTY_SECONDS: u64 = 5;
const HEALED_SECONDS: u64 = 40;
/// What is raised when something has broken.
const FAULTS: &[&str] = &[EXECUTOR_DIED, "KilledWorker", "Actor was lost", "NoValidWorkerError", "NoWorkerError"];
const SECOND: u64 = 1_000_000;

/// Runs a seed to its end, and returns the scheduler for those who count.
pub fn run(seed: u64, mutant: Option<Mutant>) -> Scheduler {
    let mut cluster = Cluster::new(seed, mutant);
    cluster.run();
    cluster.scheduler
}

/// Runs a seed to its end with stock workers.
pub fn run_with_stock_workers(seed: u64, process: &Rc<RefCell<StockProcess>>) -> Scheduler {
    let mut cluster = Cluster::new(seed, None);
    for (worker, number) in cluster.workers.iter_mut().zip(0..) {
        worker.stock = Some(StockWorker::new(process.clone(), number));
    }
    cluster.run();
    cluster.scheduler
}

/// Runs a seed to its end, and returns the scheduler and its journal.
pub fn run_recorded(seed: u64) -> (Scheduler, Vec<Frames>) {
    let mut cluster = Cluster::new(seed, None);
    cluster.recorder = Some(Recorder::default());
    cluster.run();
    (cluster.scheduler, cluster.journal)
}

impl Cluster {
    fn run(&mut self) {
        while self.net.now < FAULTY_SECONDS * SECOND && self.step() {}
        self.heal();
        self.settle("the work");
        self.check_results();
        self.check_replicas();
        for client in 0..self.clients.len() {
            self.close(client);
        }
        self.settle("the end");
        self.check_emptiness();
    }

    /// Everything works again, but for workers that are stopped: who is silent for too long is done without.
    fn heal(&mut self) {
        self.faults = false;
        self.executor_dies = false;
        self.outage_end = 0;
        self.net.heal();
        for index in 0..self.workers.len() {
            if !self.workers[index].frozen {
                self.thaw(index);
            }
            self.boot(index);
        }
    }

    /// Goes on until nothing is on its way.
    fn settle(&mut self, what: &str) {
        let end = self.net.now + HEALED_SECONDS * SECOND;
        // Heartbeats are always on their way: quiet is when nothing else is.
        while self.step() {
            if self.net.is_quiet() {
                // What was said last may not have been understood yet: two more looks of the watchdog.
                let soon = self.net.now + 2 * SECOND;
                while self.net.now < soon && self.step() {}
                if self.net.is_quiet() && self.is_settled() {
                    return;
                }
            }
            assert!(self.net.now < end, "{what} is not done: {}", self.unfinished());
        }
    }

    fn is_settled(&self) -> bool {
        self.scheduler.count(StateName::Processing) == 0 && self.workers.iter().all(ModelWorker::is_idle)
    }

    fn unfinished(&self) -> String {
        let reasons =
            self.scheduler.keys().filter_map(|key| Some(format!("{key}: {:?}", self.scheduler.wait_reason(key)?)));
        let tasks = self.workers.iter().map(|worker| format!("{worker:?}"));
        reasons.take(5).chain(tasks).collect::<Vec<_>>().join("; ")
    }

    fn check_results(&self) {
        for client in self.clients.iter().filter(|client| client.open) {
            for (key, belief) in &client.keys {
                self.check_result(&client.name, key, belief);
            }
        }
        for name in self.scheduler.keys() {
            let task = self.scheduler.task(name).expect("it was just listed");
            for client in self.clients.iter().filter(|client| task.who_wants.iter().any(|it| **it == *client.name)) {
                let wants = client.keys.contains_key(&name.to_string());
                assert!(wants, "{} does not want {name}", client.name);
            }
        }
    }

    /// What stock workers hold, who lose nothing, is what the scheduler believes that they hold.
    fn check_replicas(&self) {
        for worker in self.workers.iter().filter(|worker| worker.alive && worker.stock.is_some()) {
            let has = |key: &&Key| {
                let task = self.scheduler.task(key).expect("it was just listed");
                task.who_has.iter().any(|address| **address == *worker.address)
            };
            let believed: BTreeSet<String> = self.scheduler.keys().filter(has).map(ToString::to_string).collect();
            let held: BTreeSet<String> = worker.data.keys().cloned().collect();
            assert_eq!(believed, held, "what {} is said to hold, and what it holds", worker.name);
        }
    }

    fn check_result(&self, client: &str, name: &str, belief: &Belief) {
        let key = Key::from(name);
        let task = self.scheduler.task(&key);
        let state = task.as_ref().map(|task| task.state);
        match belief {
            Belief::Memory => {
                assert_eq!(state, Some(StateName::Memory), "{client} believes that {name} is there");
                let holders = task.map(|task| task.who_has).unwrap_or_default();
                let mut found = false;
                for address in &holders {
                    let worker = self.workers.iter().find(|worker| worker.alive && *worker.address == **address);
                    let value = worker.and_then(|worker| worker.data.get(name));
                    let lost = self.lost.contains(&(address.to_string(), name.to_owned()));
                    assert!(value.is_none_or(|&value| value == self.workload.value(name)), "{name} has a wrong value");
                    found |= value.is_some() || lost;
                }
                assert!(found, "nobody has {name} of those who should: {holders:?}, {}", self.story(name));
            }
            Belief::Erred(raised) => {
                let by_task = raised.strip_prefix(RAISED_BY).is_some_and(|cause| self.workload.may_fail(cause));
                let by_fault = FAULTS.iter().any(|it| raised.contains(it));
                assert!(by_task || by_fault, "{name} cannot have failed: {raised}");
            }
            Belief::Cancelled => {}
            Belief::Pending => {
                let reason = self.scheduler.wait_reason(&key);
                let known = matches!(reason, Some(WaitReason::Submission));
                let story = self.story(name);
                assert!(known, "{client} waits for {name}, which is {state:?}: {reason:?}, {story}");
            }
        }
    }

    pub fn story(&self, name: &str) -> String {
        let lines: Vec<_> =
            self.scheduler.story(&name.into()).map(|line| format!("{}: {:?}", line.stimulus, line.what)).collect();
        lines.join("\n")
    }

    /// When nobody wants anything, nothing is left.
    fn check_emptiness(&self) {
        let told = |key: &Key| {
            let inputs: Vec<_> = self.scheduler.dependencies(key).map(|it| it.to_string()).collect();
            format!("{key} ({:?}, needs {inputs:?})", self.scheduler.state(key))
        };
        let left: Vec<_> = self.scheduler.keys().map(told).collect();
        assert!(left.is_empty(), "the scheduler still knows {left:?}");
        for worker in self.workers.iter().filter(|worker| worker.alive) {
            assert!(worker.data.is_empty(), "{} still holds {:?}", worker.name, worker.data.keys());
            let known = worker.stock.iter().all(|stock| stock.known.is_empty());
            assert!(known, "a worker still knows a task: {:?}", worker.stock);
        }
    }
}
