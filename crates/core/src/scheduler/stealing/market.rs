//! The market: how much each worker has to do, who has too little, and who has too much.

use std::cmp::Reverse;
use std::collections::BTreeSet;

use super::candidate::Candidate;
use super::{LOOKS_MAX, Theft};
use crate::scheduler::Scheduler;
use crate::scheduler::registry::Map;
use crate::scheduler::worker::{WorkerId, WorkerStatus};

/// Who has less than this to do, in seconds, gives nothing away.
const SECONDS_MIN: f64 = 0.2;
/// Who has this much to do, in seconds, takes nothing more for now.
const SECONDS_MAX: f64 = 10.0;
/// A worker that has not answered for so many seconds is not expected to.
const PATIENCE: f64 = 5.0;
/// So many workers are looked at for one that may run a task.
const LOOKED_AT_MAX: usize = 50;
/// So many of those that hold an input are looked at.
const HOLDERS_MAX: usize = 10;

/// What a worker has to do, what is on its way to it or away from it included.
#[derive(Debug)]
struct Load {
    worker: WorkerId,
    threads: f64,
    /// Tasks that have or wait for a thread.
    tasks: f64,
    seconds: f64,
    takes: bool,
}

impl Load {
    /// Seconds until a task would begin that came now.
    fn start(&self) -> f64 {
        if self.tasks < self.threads { 0.0 } else { self.seconds / self.threads }
    }

    fn gain(&mut self, tasks: f64, seconds: f64) {
        self.tasks += tasks;
        self.seconds += seconds;
    }
}

/// The loads of all workers.
#[derive(Debug)]
pub(super) struct Market {
    loads: Vec<Load>,
    places: Map<WorkerId, usize>,
    /// Who has too little to do, by when a task would begin there.
    thieves: BTreeSet<(u64, usize)>,
    /// How many more things may be looked at.
    pub looks: usize,
}

#[expect(clippy::cast_sign_loss, reason = "no time is less than none; the cast saturates")]
fn micros(seconds: f64) -> u64 {
    (seconds * 1e6) as u64
}

impl Market {
    /// The loads, if somebody has too little to do and somebody else too much.
    pub fn of(scheduler: &Scheduler) -> Option<Self> {
        let loads: Vec<Load> = scheduler
            .workers
            .iter()
            .map(|(id, worker)| Load {
                worker: id,
                threads: f64::from(worker.spec.nthreads),
                tasks: worker.threads_used() as f64,
                seconds: worker.backlog.seconds(scheduler.bandwidth),
                takes: worker.spec.status == WorkerStatus::Running,
            })
            .collect();
        let places = loads.iter().enumerate().map(|(place, load)| (load.worker, place)).collect();
        let mut market = Self { loads, places, thieves: BTreeSet::new(), looks: LOOKS_MAX };
        for theft in scheduler.stealing.thefts.values() {
            market.expect(theft, scheduler.now);
        }
        let total = |of: fn(&Load) -> f64| market.loads.iter().map(of).sum::<f64>();
        let mean = total(|load| load.seconds) / total(|load| load.threads).max(1.0);
        let idle = |load: &Load| load.tasks < load.threads || load.seconds < load.threads * mean / 2.0;
        let thieves = market.loads.iter().enumerate().filter(|(_, load)| load.takes && idle(load));
        market.thieves = thieves.map(|(place, load)| (micros(load.start()), place)).collect();
        let worth = !market.thieves.is_empty() && (0..market.loads.len()).any(|place| market.is_victim(place));
        worth.then_some(market)
    }

    /// Counts a task where it will be when its worker has answered.
    fn expect(&mut self, theft: &Theft, now: f64) {
        if now > theft.asked + PATIENCE {
            return;
        }
        if let Some(&victim) = self.places.get(&theft.victim) {
            self.loads[victim].gain(-1.0, -theft.victim_seconds);
        }
        if let Some(&thief) = self.places.get(&theft.thief) {
            self.loads[thief].gain(1.0, theft.thief_seconds);
        }
    }

    /// Whether a worker has more than it can begin.
    pub fn is_victim(&self, place: usize) -> bool {
        let load = &self.loads[place];
        let enough =
            if load.takes { load.tasks > load.threads && load.seconds > SECONDS_MIN } else { load.tasks > 0.0 };
        enough && !self.thieves.contains(&(micros(load.start()), place))
    }

    /// Those who have too much, the busiest first.
    pub fn victims(&self) -> Vec<usize> {
        let mut victims: Vec<_> = (0..self.loads.len()).filter(|&place| self.is_victim(place)).collect();
        victims.sort_by_key(|&place| (Reverse(self.urgency(place)), place));
        victims
    }

    /// How busy a worker is.
    pub fn urgency(&self, place: usize) -> u64 {
        micros(self.loads[place].seconds / self.loads[place].threads)
    }

    pub fn worker(&self, place: usize) -> WorkerId {
        self.loads[place].worker
    }

    /// Seconds that a worker has before it.
    pub fn seconds(&self, place: usize) -> f64 {
        self.loads[place].seconds
    }

    /// A task goes from one to another, where it counts so many seconds.
    pub fn pass(&mut self, victim: usize, thief: usize, victim_seconds: f64, thief_seconds: f64) {
        self.loads[victim].gain(-1.0, -victim_seconds);
        self.thieves.remove(&(micros(self.loads[thief].start()), thief));
        self.loads[thief].gain(1.0, thief_seconds);
        let start = self.loads[thief].start();
        if start < SECONDS_MAX {
            self.thieves.insert((micros(start), thief));
        }
    }
}

impl Scheduler {
    /// Who should have a task: where it would end first, if that is so much earlier than where it is that moving it pays.
    pub(super) fn thief_for(&self, candidate: &Candidate, victim: usize, market: &mut Market) -> Option<usize> {
        let load = &market.loads[victim];
        let there = candidate.seconds + self.transfer_time(candidate.id, load.worker);
        // Who takes no work begins nothing for now.
        let wait = (load.seconds - there).max(0.0) / load.threads + if load.takes { 0.0 } else { SECONDS_MAX };
        let mut best: Option<(f64, usize)> = None;
        for place in self.thieves_for(candidate, market) {
            let thief = &market.loads[place];
            let end = thief.start() + candidate.seconds + self.transfer_time(candidate.id, thief.worker);
            if best.is_none_or(|(earliest, _)| end < earliest) {
                best = Some((end, place));
            }
        }
        best.filter(|(end, _)| *end <= wait + there / 2.0).map(|(_, place)| place)
    }

    /// Who could have a task: the idlest that may run it, and those that hold its inputs.
    fn thieves_for(&self, candidate: &Candidate, market: &mut Market) -> Vec<usize> {
        let id = candidate.id;
        let has_room = |&place: &usize| self.has_room(market.loads[place].worker, candidate.bytes);
        let fits = |place: &usize| self.may_run(id, market.loads[*place].worker) && has_room(place);
        let idlest = market.thieves.iter().take(LOOKED_AT_MAX).map(|&(_, place)| place);
        let mut looked = 0;
        let mut thieves: Vec<usize> = idlest.clone().inspect(|_| looked += 1).find(fits).into_iter().collect();
        for &input in &self.tasks[id].dependencies {
            let holders = self.replicas.who_has(input).take(HOLDERS_MAX);
            let holders = holders.filter_map(|holder| market.places.get(&holder).copied());
            let idle = |place: &usize| market.thieves.contains(&(micros(market.loads[*place].start()), *place));
            thieves.extend(holders.filter(idle).filter(fits));
            if thieves.len() > HOLDERS_MAX {
                break;
            }
        }
        if thieves.is_empty() && self.may_run_elsewhere(id) {
            thieves.extend(idlest.clone().find(has_room));
        }
        market.looks = market.looks.saturating_sub(looked + thieves.len());
        thieves
    }
}
