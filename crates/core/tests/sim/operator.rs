//! The operator: somebody who lets workers go or begin anew, and who has results copied and moved, as the procedures do that
//! stand around the machine.

use std::collections::{BTreeMap, BTreeSet};

use cenote_core::key::Key;
use cenote_core::protocol::field::{Map, Optional, Text};
use cenote_core::protocol::query::{Query, WorkersToClose};
use cenote_core::protocol::question::{AddReplicas, DropReplicas, Question, RetireWorkers};
use cenote_core::protocol::value::Value;
use cenote_core::protocol::worker::FromWorker;
use cenote_core::scheduler::memory::Measure;
use cenote_core::scheduler::rebalance::{Move, Rebalance};
use cenote_core::scheduler::stimulus::Stimulus;
use cenote_core::scheduler::task::{RunId, StateName};
use cenote_core::scheduler::view::WorkerView;
use cenote_core::scheduler::wait::WaitReason;

use super::cluster::Cluster;
use super::network::Event;

const MILLI: u64 = 1000;
const OPERATOR: &str = "operator";

/// What is asked of a worker itself.
#[derive(Clone, Debug)]
pub enum Order {
    /// It fetches a result. The scheduler is asked to have it dropped where it was, if it is to be moved.
    Fetch { key: String, from: Text, to: Text, moves: bool },
    /// It is to drop a result.
    Drop { key: String, at: Text },
}

/// Tasks that have given back their threads, as far as the scheduler knows, and their attempts.
#[derive(Default)]
pub struct Seceded(BTreeMap<String, (Text, RunId)>);

impl Seceded {
    pub fn hear(&mut self, stimulus: &Stimulus) {
        if let Stimulus::Worker { worker, said: FromWorker::LongRunning(it) } = stimulus {
            self.0.insert(it.key.to_string(), (worker.clone(), RunId(it.run_id)));
        }
    }
}

impl Cluster {
    /// The operator does something.
    pub fn operate(&mut self, index: usize) {
        match self.chance.below(6) {
            0 if self.workers[index].alive => self.retire(index),
            0 | 1 => self.retire_some(),
            2 => self.restart_workers(),
            3 => self.replicate(),
            4 => self.rebalance(),
            _ => self.manage_memory(),
        }
    }

    // ---- Workers

    /// A worker is to leave.
    fn retire(&mut self, index: usize) {
        let (address, name) = (&*self.workers[index].address, &*self.workers[index].name);
        let by_name = self.ticks.is_multiple_of(2);
        let (workers, names) = (Some(vec![address.into()]), Some(vec![name.into()]));
        let (workers, names) = if by_name { (None, names) } else { (workers, None) };
        let asked = self.retirement(WorkersToClose::default());
        self.ask(OPERATOR, None, RetireWorkers { workers: Optional(workers), names: Optional(names), ..asked });
    }

    /// As many workers are to leave as can, or as are said, alone or with those they belong to.
    fn retire_some(&mut self) {
        let chosen = self.choice();
        self.check_closable(&chosen);
        let asked = self.retirement(chosen);
        self.ask(OPERATOR, None, asked);
    }

    fn choice(&mut self) -> WorkersToClose {
        let mut number = |of_thousand| self.chance.happens(of_thousand).then(|| self.chance.below(5) as i64);
        let (n, target, minimum) = (number(400), number(300), number(500));
        let ratio = self.chance.happens(200).then(|| self.chance.below(4) as f64);
        let grouped = self.chance.happens(300);
        let group = |worker: WorkerView| (worker.address, i64::from(worker.nthreads));
        let groups = grouped.then(|| Map(self.scheduler.workers().map(group).collect()));
        WorkersToClose {
            memory_ratio: Optional(ratio),
            n: Optional(n),
            target: Optional(target),
            minimum: Optional(minimum),
            groups: Optional(groups),
            ..WorkersToClose::default()
        }
    }

    fn retirement(&mut self, chosen: WorkersToClose) -> RetireWorkers {
        let mut said = || Optional(Some(self.chance.happens(500)));
        RetireWorkers {
            workers: Optional(None),
            names: Optional(None),
            close_workers: said(),
            remove: said(),
            memory_ratio: chosen.memory_ratio,
            n: chosen.n,
            key: Optional(None),
            groups: chosen.groups,
            minimum: chosen.minimum,
            target: chosen.target,
            stimulus_id: Optional(None),
        }
    }

    /// Who is said to be closable may be closed: enough stay, those that belong together go together, and nobody goes
    /// who runs what would have to begin again.
    fn check_closable(&self, asked: &WorkersToClose) {
        let answer = self.scheduler.query(&Query::WorkersToClose(asked.clone()));
        let Ok(Value::Tuple(named)) = answer else { panic!("{answer:?} lists no workers") };
        let closable: BTreeSet<Text> = named.iter().filter_map(|it| it.as_str().map(Into::into)).collect();
        assert_eq!(closable.len(), named.len(), "who may be closed is named once: {named:?}");
        let count = self.scheduler.workers().count() as i64;
        let stay = count - closable.len() as i64;
        let minimum = asked.minimum.0.unwrap_or(0);
        assert!(closable.is_empty() || stay >= minimum, "of {count}, {stay} stay: {asked:?}");
        let least = asked.n.0.map(|n| count - n.max(0)).or(asked.target.0);
        let few = closable.is_empty() || asked.memory_ratio.0.is_some() || least.is_none_or(|least| stay >= least);
        assert!(few, "of {count}, only {stay} stay: {asked:?}");
        let counted = asked.n.0.is_some() || asked.target.0.is_some();
        for key in self.scheduler.keys() {
            let Some(WaitReason::Running { worker, run }) = self.scheduler.wait_reason(key) else { continue };
            let long = self.seceded.0.get(&key.to_string()) == Some(&(worker.clone(), run));
            let spared = !closable.contains(&worker) || (counted && !long);
            assert!(spared, "{worker} may be closed, which runs {key}: {asked:?}");
        }
        self.check_together(asked, &closable);
    }

    /// Where none is spared for what it runs, those that belong together go together.
    fn check_together(&self, asked: &WorkersToClose, closable: &BTreeSet<Text>) {
        let barrier = |key: &Key| key.to_string().starts_with("shuffle-barrier-");
        if !self.seceded.0.is_empty() || self.scheduler.keys().any(barrier) {
            return;
        }
        let groups = asked.groups.0.as_ref().map(|groups| &groups.0).into_iter().flatten();
        let groups: Vec<_> = groups.collect();
        for (worker, group) in &groups {
            let split =
                |(other, of): &&&(Text, i64)| of == group && closable.contains(other) != closable.contains(worker);
            assert!(groups.iter().find(split).is_none(), "{worker} is parted from its group: {asked:?}");
        }
    }

    /// Some workers begin anew: their nannies end them, or do not; who has none is removed.
    fn restart_workers(&mut self) {
        let known: Vec<WorkerView> = self.scheduler.workers().collect();
        for worker in known {
            if self.chance.happens(500) {
                continue;
            }
            let there = self.workers.iter().position(|it| it.alive && *it.address == *worker.address);
            let nanny = worker.nanny.is_some() && self.chance.happens(700);
            if let Some(index) = there.filter(|_| nanny) {
                self.crash(index, true);
            } else {
                self.tell_scheduler(OPERATOR, None, Stimulus::WorkerLeft { worker: worker.address, expected: true });
            }
        }
    }

    // ---- Results

    /// A result is copied to some more workers.
    fn replicate(&mut self) {
        let held: Vec<Key> =
            self.scheduler.keys().filter(|key| self.scheduler.state(key) == Some(StateName::Memory)).cloned().collect();
        let Some(key) = self.chance.pick(&held).cloned() else { return };
        let holders = self.scheduler.task(&key).map(|task| task.who_has).unwrap_or_default();
        let Some(from) = self.chance.pick(&holders).cloned() else { return };
        let able = |it: &WorkerView| it.is_running() && !holders.contains(&it.address);
        let to: Vec<Text> = self.scheduler.workers().filter(able).map(|it| it.address).collect();
        for to in to {
            if self.chance.happens(600) {
                self.order(Order::Fetch { key: key.to_string(), from: from.clone(), to, moves: false });
            }
        }
    }

    /// Results move from those who have much to those who have little. Nobody crosses the mean.
    fn rebalance(&mut self) {
        let settings = Rebalance { sender_min: 0.0, gap: 0.0, measure: Measure::ManagedTotal, ..Rebalance::default() };
        let moves = self.scheduler.rebalance(&settings, None, None);
        for Move { key, from, to } in moves {
            let who_has = self.scheduler.task(&key).map(|task| task.who_has).unwrap_or_default();
            assert!(who_has.contains(&from), "{key} is to be moved from {from}, which does not have it");
            assert!(!who_has.contains(&to), "{key} is to be moved to {to}, which has it");
            self.order(Order::Fetch { key: key.to_string(), from, to, moves: true });
        }
    }

    fn order(&mut self, order: Order) {
        let delay = self.chance.between(MILLI, 30 * MILLI);
        self.net.after(delay, Event::Ordered(order));
    }

    /// A worker does what it is asked by the operator, if it is there.
    pub fn obey(&mut self, order: Order) {
        let there =
            |address: &Text| self.workers.iter().position(|it| it.alive && !it.frozen && *it.address == **address);
        match order {
            Order::Fetch { key, from, to, moves } => {
                let value = there(&from).and_then(|from| self.workers[from].data.get(&key).copied());
                let (Some(index), Some(value)) = (there(&to), value) else { return };
                self.workers[index].put(&key, value);
                self.act(index);
                let (worker, stimulus_id) = (to.clone(), Optional(Some("replicate".into())));
                self.ask(OPERATOR, None, AddReplicas { worker, keys: vec![(*key).into()], stimulus_id });
                if moves {
                    self.net.after(10 * MILLI, Event::Ordered(Order::Drop { key, at: from }));
                }
            }
            Order::Drop { key, at } => self.ask(OPERATOR, None, DropReplicas { worker: at, keys: vec![(*key).into()] }),
        }
    }
}

/// Whether a stimulus may take the last copy of a result away.
pub fn may_lose(stimulus: &Stimulus) -> bool {
    match stimulus {
        Stimulus::WorkerLeft { .. }
        | Stimulus::WorkersLeft { .. }
        | Stimulus::Tick
        | Stimulus::Client { .. }
        | Stimulus::Materialized { .. } => true,
        Stimulus::Worker { said, .. } => {
            matches!(said, FromWorker::ReleaseWorkerData(_) | FromWorker::RequestRefreshWhoHas(_))
        }
        Stimulus::Asked { question, .. } => matches!(question, Question::PassBarrier(_) | Question::Restart(_)),
        _ => false,
    }
}
