//! The simulator: a whole cluster on one thread, in virtual time, with seeded work and seeded faults.
//!
//! After every step the scheduler's invariants are walked. Then everything heals: every key that a client wants must
//! arrive with the right value or fail for a reason, and when nobody wants anything, nothing may be left anywhere.
//! `CENOTE_SIM_SEED` runs one seed, and `CENOTE_SIM_TRACE` shows what goes in and out and mentions a key or an address; `CENOTE_SIM_SEEDS` sets where they end, and 0 goes on for ever; `CENOTE_SIM_FIRST` sets where they begin.
#![allow(clippy::disallowed_methods, reason = "the simulator reads its budget from the environment; core does not")]
#![allow(clippy::cast_precision_loss, clippy::cast_possible_wrap, reason = "the numbers of a simulation are small")]

mod chance;
mod checker;
mod client;
mod cluster;
mod faults;
mod merge;
mod mutants;
mod network;
mod operator;
mod replay;
mod shuffle;
mod steal;
mod stock;
mod submission;
mod tick;
mod truth;
mod worker;
mod workload;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;

use cenote_core::scheduler::Scheduler;
use cenote_core::scheduler::stealing::StealOutcomes;
use cenote_core::scheduler::task::StateName;

use mutants::Mutant;
use stock::StockProcess;

/// Seeds that are run when nothing else is said.
const SEEDS: u64 = 200;
/// Seeds in which a mutant must have been found.
const MUTANT_SEEDS: u64 = 150;

/// Without an end, a line is written after so many seeds.
const SEEDS_A_LINE: u64 = 1000;

/// So many seeds that failed are shown before the run ends.
const FAILURES_SHOWN: usize = 10;

/// The direct transitions.
const DIRECT: &[(StateName, StateName)] = {
    use StateName::{Erred, Forgotten, Memory, NoWorker, Processing, Queued, Released, Waiting};
    &[
        (Released, Waiting),
        (Released, Erred),
        (Released, Forgotten),
        (Waiting, Released),
        (Waiting, Processing),
        (Waiting, NoWorker),
        (Waiting, Queued),
        (Waiting, Memory),
        (Queued, Released),
        (Queued, Processing),
        (Queued, Erred),
        (NoWorker, Released),
        (NoWorker, Processing),
        (NoWorker, Erred),
        (Processing, Released),
        (Processing, Memory),
        (Processing, Erred),
        (Memory, Released),
        (Memory, Erred),
        (Memory, Forgotten),
        (Erred, Released),
    ]
};

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

/// How many seeds are to be run.
fn seeds() -> u64 {
    match number("CENOTE_SIM_SEEDS") {
        Some(0) => u64::MAX,
        seeds => seeds.unwrap_or(SEEDS),
    }
}

fn attempt(seed: u64, mutant: Option<Mutant>) -> Result<Scheduler, String> {
    caught(|| checker::run(seed, mutant))
}

fn caught(run: impl FnOnce() -> Scheduler) -> Result<Scheduler, String> {
    catch_unwind(AssertUnwindSafe(run)).map_err(|panic| {
        let text = panic.downcast_ref::<String>().cloned();
        text.or_else(|| panic.downcast_ref::<&str>().map(ToString::to_string)).unwrap_or_default()
    })
}

#[test]
fn every_seed_ends_well_and_every_transition_is_reached() {
    if let Some(seed) = number("CENOTE_SIM_SEED") {
        checker::run(seed, None);
        return;
    }
    let (reached, steals) = reached(seeds(), |seed| attempt(seed, None));
    let missed: Vec<_> = reached.iter().filter(|(_, count)| **count == 0).map(|(pair, _)| pair).collect();
    assert!(missed.is_empty(), "no seed has reached {missed:?}");
    let StealOutcomes { moved, kept, placed_anew } = steals;
    assert!(moved > 0 && kept > 0 && placed_anew > 0, "not all that can become of a steal has: {steals:?}");
}

#[test]
fn stock_workers_and_our_scheduler_agree() {
    let Ok(command) = std::env::var("CENOTE_SIM_STOCK") else {
        return println!("CENOTE_SIM_STOCK does not say how stock workers are started: `make paired` does");
    };
    let process = Rc::new(RefCell::new(StockProcess::start(&command)));
    let run = |seed| checker::run_with_stock_workers(seed, &process);
    if let Some(seed) = number("CENOTE_SIM_SEED") {
        run(seed);
        return;
    }
    reached(seeds(), |seed| caught(|| run(seed)));
}

/// How often each transition was reached.
type Reached = BTreeMap<(StateName, StateName), u64>;

/// Runs seeds, and counts the transitions of those that end well, and what became of steals. All must.
fn reached(seeds: u64, run: impl Fn(u64) -> Result<Scheduler, String>) -> (Reached, StealOutcomes) {
    let mut reached = Reached::new();
    let mut failed = Vec::new();
    let mut steals = StealOutcomes::default();
    for seed in number("CENOTE_SIM_FIRST").unwrap_or(0)..seeds {
        if seeds == u64::MAX && seed.is_multiple_of(SEEDS_A_LINE) {
            println!("{seed} seeds have been run");
        }
        match run(seed) {
            Ok(scheduler) => {
                let these = scheduler.steal_outcomes();
                steals.moved += these.moved;
                steals.kept += these.kept;
                steals.placed_anew += these.placed_anew;
                for &(start, finish) in DIRECT {
                    *reached.entry((start, finish)).or_default() += scheduler.transitions(start, finish);
                }
            }
            Err(error) => {
                println!("seed {seed} has failed");
                failed.push(format!("CENOTE_SIM_SEED={seed}: {error}"));
            }
        }
        if failed.len() == FAILURES_SHOWN {
            break;
        }
    }
    assert!(failed.is_empty(), "{}", failed.join("\n"));
    (reached, steals)
}

#[test]
fn every_planted_bug_is_found() {
    std::panic::set_hook(Box::new(|_| {}));
    let survives = |mutant: &&Mutant| (0..MUTANT_SEEDS).all(|seed| attempt(seed, Some(**mutant)).is_ok());
    let survivors: Vec<_> = Mutant::ALL.iter().filter(survives).collect();
    let _ = std::panic::take_hook();
    assert!(survivors.is_empty(), "these bugs were not found: {survivors:?}");
}

#[test]
fn a_seed_tells_the_same_story_twice() {
    for seed in 0..5 {
        let [first, second] = [(); 2].map(|()| attempt(seed, None).map(|scheduler| format!("{scheduler:?}")));
        assert_eq!(first, second);
    }
}
