//! The scheduler, as a machine: what happened comes in as a [`Stimulus`], what must be done goes out as [`Instruction`]s.
//!
//! It has no clock, no socket and no Python, and depends on nothing but its stimuli. Whatever a peer says, however late
//! or false, the answer is an instruction or a line in the [`story`] of the key.
//!
//! ```text
//! stimulus ─► client, submission, answer, question, membership ─► transition ─► instructions
//!                                                          │
//!                                                placement, replicas, group
//! ```
#![allow(clippy::cast_precision_loss, reason = "sizes and counts are weighed, not added up to the last byte")]

mod answer;
mod bandwidth;
mod classes;
mod client;
mod computation;
mod coordination;
pub mod detail;
mod edges;
mod failure;
pub mod flat_graph;
mod group;
mod holdings;
mod idle;
mod inspect;
pub mod instruction;
pub mod journal;
mod measures;
mod membership;
pub mod memory;
mod memory_manager;
mod messages;
mod notice;
pub mod numbers;
mod occupancy;
pub mod occurrence;
mod placement;
mod plugins;
mod prefix;
mod query;
mod question;
pub mod rebalance;
mod recommendations;
mod registry;
mod relation;
mod replicas;
mod retirement;
mod run_id;
mod shuffle;
mod span;
mod state;
pub mod stealing;
pub mod stimulus;
pub mod story;
mod submission;
pub mod summary;
mod surplus;
mod tally;
pub mod task;
mod task_stream;
mod totals;
mod transition;
mod unmanaged;
mod validate;
mod versions;
pub mod view;
pub mod wait;
pub mod worker;

use std::collections::BTreeSet;

use bandwidth::Bandwidths;
use classes::Classes;
use client::{Client, ClientId, Said};
use computation::Computations;
use coordination::Coordination;
use detail::Failures;
use group::Groups;
use idle::Idleness;
use instruction::Instruction;
use measures::Measures;
use memory::Measure;
use memory_manager::MemoryManager;
use messages::Cause;
use numbers::Turnover;
use occurrence::Hearing;
use plugins::Plugins;
use registry::{Map, Registry};
use relation::Relation;
use replicas::Replicas;
use retirement::Retirement;
use shuffle::Shuffles;
use span::Spans;
use stealing::Stealing;
use stimulus::{Stimulus, Text};
use story::{Happening, Story};
use surplus::Surplus;
use task::{Priority, STATES, Task, TaskId, Tasks};
use task_stream::TaskStream;
use versions::Versions;
use worker::Workers;

use crate::key::Key;
use crate::protocol::field;
use crate::protocol::record::record;
use crate::protocol::value::Value;

record! {
    /// What can be set. The defaults are Dask's.
    Settings {
        /// Which life of this scheduler it is: attempts of an earlier one are stale.
        epoch: u32,
        /// What is installed with it, as peers say it of themselves; nobody is warned of differences when nothing is said.
        versions: Value,
        /// Tasks that only feed others are sent to a worker while it has fewer tasks than this times its threads.
        worker_saturation: f64,
        /// Tasks only feed others if those of their group need fewer groups than this,
        root_groups_max: usize,
        /// which have together fewer tasks than this.
        root_dependencies_max: usize,
        /// So many workers may die while they run a task before it has failed.
        allowed_failures: u32,
        /// Whether idle workers get tasks that wait at others.
        work_stealing: bool,
        /// Seconds between two looks for such workers.
        work_stealing_interval: f64,
        /// Whether the memory manager runs from the start.
        memory_manager_start: bool,
        /// Seconds between two runs of it.
        memory_manager_interval: f64,
        /// What it counts as the memory of a worker: `process`, `managed`, or `optimistic`.
        memory_manager_measure: Text,
        /// Whether it drops copies of results that nobody needs.
        reduce_replicas: bool,
        /// Bytes a second between workers.
        bandwidth: f64,
        /// Seconds that a task takes of which nothing is known.
        unknown_duration: f64,
        /// Seconds that a task takes at first, by the prefix of its key.
        default_durations: field::Map<Text, f64>,
        /// Seconds after which a silent worker is taken for dead.
        worker_ttl: Option<f64>,
        /// Seconds after which a task fails that no worker may run; it waits for ever if nothing is said.
        no_workers_timeout: Option<f64>,
        /// A worker that asks so often in vain for a result is believed: who was said to have it does not.
        refresh_attempts_max: u32,
        /// Lines of the story that are kept.
        story_lines_max: usize,
        /// Runs of tasks that are kept once somebody has asked for them.
        task_stream_max: usize,
        /// Events of a topic that are kept.
        events_max: usize,
        /// Seconds after which the events of a client or worker that has left are forgotten.
        events_cleanup_delay: f64,
        /// Seconds between looks for leases that nobody has refreshed.
        lease_validation_interval: f64,
    }
}

/// Tasks of shuffles and rechunks that only look something up.
const BRIEF: [&str; 4] = ["rechunk-split", "split-shuffle", "split-taskshuffle", "split-stage"];

/// Seconds between two ticks: at most, and at least.
const TICK_MAX: f64 = 0.1;
const TICK_MIN: f64 = 0.01;

impl Settings {
    /// Seconds between two ticks, so that nothing that is done now and then comes late.
    pub fn tick_interval(&self) -> f64 {
        let stealing = if self.work_stealing { self.work_stealing_interval } else { TICK_MAX };
        stealing.min(self.memory_manager_interval).clamp(TICK_MIN, TICK_MAX)
    }

    /// What the memory manager counts as the memory of a worker.
    fn memory_manager_measure(&self) -> Measure {
        Measure::of(&self.memory_manager_measure).unwrap_or(Measure::Optimistic)
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            epoch: 0,
            versions: Value::Nil,
            worker_saturation: 1.1,
            root_groups_max: 5,
            root_dependencies_max: 5,
            allowed_failures: 3,
            work_stealing: true,
            work_stealing_interval: 1.0,
            memory_manager_start: true,
            memory_manager_interval: 2.0,
            memory_manager_measure: "optimistic".into(),
            reduce_replicas: true,
            bandwidth: 100e6,
            unknown_duration: 0.5,
            default_durations: field::Map(BRIEF.map(|prefix| (prefix.into(), 1e-6)).into()),
            worker_ttl: Some(300.0),
            no_workers_timeout: None,
            refresh_attempts_max: 10,
            story_lines_max: 100_000,
            task_stream_max: 100_000,
            events_max: 1000,
            events_cleanup_delay: 3600.0,
            lease_validation_interval: 10.0,
        }
    }
}

/// The scheduler. Changed by [`handle_stimulus`](Self::handle_stimulus) only; read through [`view`] and [`wait`].
#[derive(Debug)]
pub struct Scheduler {
    settings: Settings,
    tasks: Tasks,
    groups: Groups,
    workers: Workers,
    clients: Registry<Client>,
    replicas: Replicas,
    coordination: Coordination,
    task_stream: TaskStream,
    computations: Computations,
    spans: Spans,
    /// What workers have measured, added up.
    metrics: Measures,
    plugins: Plugins,
    turnover: Turnover,
    failures: Failures,
    /// What those of Python hear.
    hearing: Hearing,
    classes: Classes,
    versions: Versions,
    /// Which client wants which task.
    interests: Relation<Task, Client>,
    /// Tasks that wait for a free thread.
    queued: BTreeSet<(Priority, TaskId)>,
    /// Tasks that no worker may run.
    unrunnable: BTreeSet<(Priority, TaskId)>,
    /// Since when tasks wait while no worker takes work.
    no_workers_since: Option<f64>,
    /// Bytes a second between workers, as they have measured.
    bandwidth: f64,
    bandwidths: Bandwidths,
    idleness: Idleness,
    stealing: Stealing,
    memory_manager: MemoryManager,
    /// Workers that are about to leave.
    retirements: Vec<Retirement>,
    /// When it was last seen how far they are.
    retirements_seen: Option<f64>,
    /// Copies that workers are asked to drop.
    surplus: Vec<Surplus>,
    shuffles: Shuffles,
    /// Whose graphs are being read.
    tickets: Map<u64, ClientId>,
    ticket_last: u64,
    generation: u64,
    /// When the last graph came that began a generation.
    generation_start: Option<f64>,
    /// How many attempts there have been.
    started: u64,
    /// How many stimuli there have been.
    stimuli: u64,
    /// What caused what is being done.
    cause: Cause,
    now: f64,
    story: Story,
    transitions: [[u64; STATES]; STATES],
    transition_count: u64,
    /// How many transitions and tasks there were when the watchdog last looked at all of them.
    watched: Option<(u64, usize)>,
    out: Vec<Instruction>,
}

impl Scheduler {
    /// A scheduler that knows nobody.
    pub fn new(settings: Settings) -> Self {
        Self {
            story: Story::new(settings.story_lines_max),
            versions: Versions::new(&settings.versions),
            bandwidth: settings.bandwidth,
            groups: Groups::new(settings.unknown_duration, &settings.default_durations),
            bandwidths: Bandwidths::default(),
            memory_manager: MemoryManager::new(settings.memory_manager_start),
            workers: Workers::new(settings.worker_saturation),
            settings,
            tasks: Tasks::default(),
            clients: Registry::default(),
            replicas: Replicas::default(),
            coordination: Coordination::default(),
            task_stream: TaskStream::default(),
            computations: Computations::default(),
            spans: Spans::default(),
            metrics: Measures::default(),
            plugins: Plugins::default(),
            turnover: Turnover::default(),
            failures: Failures::default(),
            hearing: Hearing::default(),
            classes: Classes::default(),
            interests: Relation::default(),
            queued: BTreeSet::new(),
            unrunnable: BTreeSet::new(),
            no_workers_since: None,
            idleness: Idleness::default(),
            stealing: Stealing::default(),
            retirements: Vec::new(),
            retirements_seen: None,
            surplus: Vec::new(),
            shuffles: Shuffles::default(),
            tickets: Map::default(),
            ticket_last: 0,
            generation: 0,
            generation_start: None,
            started: 0,
            stimuli: 0,
            cause: Cause::default(),
            now: 0.0,
            transitions: [[0; STATES]; STATES],
            transition_count: 0,
            watched: None,
            out: Vec::new(),
        }
    }

    /// Takes note of what happened at `now`, in seconds, and adds what must be done, in order, to `instructions`.
    pub fn handle_stimulus(&mut self, stimulus: Stimulus, now: f64, instructions: &mut Vec<Instruction>) {
        self.out = std::mem::take(instructions);
        self.stimuli += 1;
        self.now = self.now.max(now);
        self.cause = Cause::of(&stimulus);
        match stimulus {
            Stimulus::ClientJoined { client, versions } => self.client_joined(&client, &versions),
            Stimulus::Client { client, said } => self.hear_client(&client, Said::Message(Box::new(said))),
            Stimulus::Submit { client, graph } => self.hear_client(&client, Said::Graph(graph)),
            Stimulus::Materialized { ticket, outcome } => self.materialized(ticket, outcome),
            Stimulus::Worker { worker, said } => self.hear_worker(&worker, said),
            Stimulus::WorkerLeft { worker, expected } => {
                if let Some(id) = self.workers.id(&worker) {
                    self.remove_worker(id, expected);
                }
            }
            Stimulus::WorkersLeft { workers, expected } => {
                let ids: Vec<_> = workers.iter().filter_map(|worker| self.workers.id(worker)).collect();
                self.dismiss_workers(&ids, expected);
            }
            Stimulus::DataArrived { data, client } => self.data_arrived(data, client.as_ref()),
            Stimulus::Asked { ticket, question } => self.hear_question(ticket, question),
            Stimulus::Withdrawn { ticket } => self.withdraw(ticket),
            Stimulus::ShufflePlanned { ticket, outcome } => self.shuffle_planned(ticket, outcome),
            Stimulus::PluginsHear { hearing } => self.hearing = hearing,
            Stimulus::Tick => self.tick(),
        }
        self.resume_waiting();
        self.advance_retirements();
        self.settle_surplus();
        self.restart_shuffles();
        self.fill_free_threads();
        self.note_idleness();
        *instructions = std::mem::take(&mut self.out);
    }

    fn ignore(&mut self, key: &Key, why: &'static str) {
        match self.tasks.id(key) {
            Some(id) => self.story.add(self.stimuli, self.now, id, Happening::Ignored(why)),
            None => self.story.add_unknown(self.stimuli, self.now, key, Happening::Ignored(why)),
        }
    }

    /// Where the result of a task is.
    fn addresses(&self, id: TaskId) -> Vec<Text> {
        self.replicas.who_has(id).map(|worker| self.workers[worker].address().clone()).collect()
    }
}
