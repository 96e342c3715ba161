//! Threads that step the machine: workers that claim, run and finish tasks, and the caller who waits for the end.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};

use cenote_core::graph::TaskId;
use cenote_core::local::Local;

use super::Shell;

/// How long a worker may run tasks before it lets other threads have their turn.
const SLICE: Duration = Duration::from_millis(4);
/// A worker looks at the clock at least once in so many tasks.
const TASKS_BETWEEN_LOOKS_MAX: u32 = 8;
/// How long the caller watches a new run, without sleeping, before it asks whether one more worker would help.
const HIRING_DELAY: Duration = Duration::from_micros(50);
/// How often the waiting caller looks for signals.
const CHECK_INTERVAL: Duration = Duration::from_millis(50);

/// One run of one graph, shared by the caller and the workers.
///
/// The lock is held for a step of the machine and nothing else: never across user code, hashing, comparing, dropping a
/// value or waiting for another lock.
pub struct Engine<S: Shell> {
    shell: S,
    workers_max: usize,
    /// The same as `ended` in `state`, for a look without the lock.
    over: AtomicBool,
    state: Mutex<State<S::Error>>,
    /// Something became ready, or the run has ended.
    work: Condvar,
    /// The run has ended, or one more worker would help.
    attention: Condvar,
}

/// How a run ended.
#[derive(Debug, PartialEq, Eq)]
pub enum Outcome<E> {
    /// Every wanted result is there.
    Done,
    /// A task failed.
    Failed(TaskId, E),
    /// The caller stopped waiting.
    Stopped(E),
}

struct State<E> {
    machine: Local,
    /// Workers that have been asked for and have not ended, waiting ones included.
    hired: usize,
    /// Workers that wait for work.
    idle: usize,
    /// Idle workers that have been woken and have not looked yet.
    waking: usize,
    /// The first failure, until the caller takes it.
    failure: Option<(TaskId, E)>,
    ended: bool,
}

/// What a worker does next.
enum Step {
    Run(TaskId),
    Wait,
    /// That was the last task: say so.
    Announce,
    End,
}

impl<S: Shell> Engine<S> {
    /// A run of `machine` on at most `workers_max` threads.
    pub fn new(machine: Local, shell: S, workers_max: usize) -> Arc<Self> {
        let ended = machine.is_done();
        let state = State { machine, hired: 0, idle: 0, waking: 0, failure: None, ended };
        Arc::new(Self {
            shell,
            workers_max: workers_max.max(1),
            over: AtomicBool::new(ended),
            state: Mutex::new(state),
            work: Condvar::new(),
            attention: Condvar::new(),
        })
    }

    /// The owner of the values.
    pub fn shell(&self) -> &S {
        &self.shell
    }

    /// Runs everything in this thread, and only here.
    pub fn run_here(self: &Arc<Self>) -> Outcome<S::Error> {
        self.state.lock().hired += 1;
        let checked = self.work_with(|| self.shell.check());
        self.outcome(checked)
    }

    /// Runs everything on hired threads; this one only waits, and hires one more whenever tasks are ready that no
    /// worker is free for.
    pub fn run_elsewhere(self: &Arc<Self>) -> Outcome<S::Error> {
        let waited = self.watch();
        self.outcome(waited)
    }

    /// Runs everything with the help of this thread, which is itself a worker of another run: it takes part, so that
    /// there is progress even if all threads that could be hired are waiting for this one.
    pub fn run_with_help(self: &Arc<Self>) -> Outcome<S::Error> {
        let ready = {
            let mut state = self.state.lock();
            state.hired += 1;
            state.machine.ready_len()
        };
        let hired = self.hire(ready.saturating_sub(1));
        let checked = hired.and_then(|()| self.work_with(|| self.shell.check()));
        self.outcome(checked)
    }

    /// A worker's life: claims, runs and finishes tasks until the run has ended.
    pub fn work(self: &Arc<Self>) {
        // Errors of checking are the caller's business; a hired worker has none.
        let _: Result<(), S::Error> = self.work_with(|| Ok(()));
    }

    fn work_with(self: &Arc<Self>, check: impl Fn() -> Result<(), S::Error>) -> Result<(), S::Error> {
        let mut released = Vec::new();
        let mut finished = None;
        let mut slice = Slice::new();
        loop {
            let step = self.step(finished.take(), &mut released);
            if !released.is_empty() {
                self.shell.release(&mut released);
            }
            match step {
                Step::Run(task) => match self.shell.run(task) {
                    Ok(()) => finished = Some(task),
                    Err(error) => self.fail(task, error),
                },
                Step::Wait => self.shell.block(|| self.wait_for_work()),
                // The caller goes on at once, so that nothing that it needs may still be held here.
                Step::Announce => {
                    self.shell.block(|| self.announce());
                    return Ok(());
                }
                Step::End => return Ok(()),
            }
            if slice.is_over() {
                self.shell.yield_now();
                if let Err(error) = check() {
                    self.end_worker();
                    return Err(error);
                }
            }
        }
    }

    /// Reports the last task, claims the next one, and wakes whoever should know.
    fn step(&self, finished: Option<TaskId>, released: &mut Vec<TaskId>) -> Step {
        let mut state = self.state.lock();
        if let Some(task) = finished {
            state.machine.finish(task, released);
            if state.machine.is_done() && !state.ended {
                return Step::Announce;
            }
        }
        if state.ended {
            // A worker that was refused and comes all the same is not counted.
            state.hired = state.hired.saturating_sub(1);
            return Step::End;
        }
        let Some(task) = state.machine.claim() else {
            return Step::Wait;
        };
        if state.machine.ready_len() > 0 {
            if state.idle > state.waking {
                state.waking += 1;
                self.work.notify_one();
            } else if state.hired < self.workers_max {
                self.attention.notify_one();
            }
        }
        Step::Run(task)
    }

    fn fail(&self, task: TaskId, error: S::Error) {
        let mut state = self.state.lock();
        if !state.ended {
            state.failure = Some((task, error));
            self.end(&mut state);
        } else if state.failure.is_none() {
            // The caller has been told already; the error of a task that outlived its run goes nowhere, as in an
            // executor whose future nobody asks. It is dropped outside the lock.
            drop(state);
            drop(error);
        }
    }

    fn end(&self, state: &mut State<S::Error>) {
        state.ended = true;
        self.over.store(true, Ordering::Release);
        self.work.notify_all();
        self.attention.notify_all();
    }

    /// Ends a run whose last task has finished.
    fn announce(&self) {
        let mut state = self.state.lock();
        state.hired = state.hired.saturating_sub(1);
        self.end(&mut state);
    }

    fn end_worker(&self) {
        let mut state = self.state.lock();
        state.hired -= 1;
        self.end(&mut state);
    }

    fn wait_for_work(&self) {
        let mut state = self.state.lock();
        state.idle += 1;
        while !state.ended && state.machine.ready_len() == 0 {
            self.work.wait(&mut state);
        }
        state.idle -= 1;
        state.waking = state.waking.saturating_sub(1);
    }

    /// Waits for the end of the run, hiring as long as that helps.
    fn watch(self: &Arc<Self>) -> Result<(), S::Error> {
        let mut new = true;
        let mut checked = Instant::now();
        self.hire(1)?;
        loop {
            let mut wanted = None;
            self.shell.block(|| wanted = if new { self.watch_closely() } else { self.wait_for_attention() });
            new = false;
            let Some(wanted) = wanted else { return Ok(()) };
            self.hire(wanted)?;
            if checked.elapsed() >= CHECK_INTERVAL {
                checked = Instant::now();
                self.shell.check()?;
            }
        }
    }

    /// For a new run: looks on without sleeping, since a small graph is done before a sleeper is back. `None` when the
    /// run has ended; else how many more workers would find something to do.
    fn watch_closely(&self) -> Option<usize> {
        let begun = Instant::now();
        while begun.elapsed() < HIRING_DELAY {
            if self.over.load(Ordering::Acquire) {
                return None;
            }
            std::thread::yield_now();
        }
        let state = self.state.lock();
        (!state.ended).then(|| self.wanted(&state))
    }

    /// `None` when the run has ended; else, as soon as more workers would find something to do or after
    /// [`CHECK_INTERVAL`], how many.
    fn wait_for_attention(&self) -> Option<usize> {
        let deadline = Instant::now() + CHECK_INTERVAL;
        let mut state = self.state.lock();
        loop {
            if state.ended {
                return None;
            }
            let wanted = self.wanted(&state);
            if wanted > 0 || Instant::now() >= deadline {
                return Some(wanted);
            }
            self.attention.wait_until(&mut state, deadline);
        }
    }

    /// How many more workers would find something to do.
    fn wanted(&self, state: &State<S::Error>) -> usize {
        if state.idle > 0 { 0 } else { state.machine.ready_len().min(self.workers_max - state.hired) }
    }

    /// Asks for that many more workers, within the bound. One that cannot be had is an error only if there is none.
    fn hire(self: &Arc<Self>, workers: usize) -> Result<(), S::Error> {
        for _ in 0..workers {
            {
                let mut state = self.state.lock();
                if state.ended || state.hired >= self.workers_max {
                    return Ok(());
                }
                state.hired += 1;
            }
            if let Err(error) = self.shell.hire(self) {
                if !self.shell.is_refusal(&error) {
                    return Err(error);
                }
                let mut state = self.state.lock();
                state.hired = state.hired.saturating_sub(1);
                return if state.hired == 0 && !state.ended { Err(error) } else { Ok(()) };
            }
        }
        Ok(())
    }

    fn outcome(&self, waited: Result<(), S::Error>) -> Outcome<S::Error> {
        let mut state = self.state.lock();
        if let Err(error) = waited {
            if !state.ended {
                self.end(&mut state);
            }
            return Outcome::Stopped(error);
        }
        match state.failure.take() {
            Some((task, error)) => Outcome::Failed(task, error),
            None => Outcome::Done,
        }
    }
}

/// A worker's turn. Looking at the clock costs as much as stepping the machine, so that short tasks share a look.
struct Slice {
    since: Instant,
    looked: Instant,
    tasks: u32,
    tasks_between_looks: u32,
}

impl Slice {
    fn new() -> Self {
        let now = Instant::now();
        Self { since: now, looked: now, tasks: 0, tasks_between_looks: 1 }
    }

    /// To be asked after each task: whether it is time to let others have a turn. A new slice begins when it is.
    fn is_over(&mut self) -> bool {
        self.tasks += 1;
        if self.tasks < self.tasks_between_looks {
            return false;
        }
        let now = Instant::now();
        let quick = now.duration_since(self.looked) < SLICE / 16;
        self.tasks_between_looks = if quick { TASKS_BETWEEN_LOOKS_MAX } else { 1 };
        self.looked = now;
        self.tasks = 0;
        let over = now.duration_since(self.since) >= SLICE;
        if over {
            self.since = now;
        }
        over
    }
}
