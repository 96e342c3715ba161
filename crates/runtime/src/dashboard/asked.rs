//! What pages ask the scheduler for. They run beside it and never see it: each question carries the way back.

use std::fmt;

use cenote_core::key::Key;
use cenote_core::protocol::value::Value;
use cenote_core::scheduler::detail::{FailureDetail, TaskDetail, WorkerDetail};
use cenote_core::scheduler::numbers::Numbers;
use tokio::sync::{mpsc, oneshot};

use super::{LogLine, Overview};

/// The way back of an answer.
pub type Answer<T> = oneshot::Sender<T>;

/// A question of a page.
#[derive(Debug)]
pub enum Asked {
    /// What the page for people shows.
    Overview(Answer<Overview>),
    /// What monitoring reads.
    Numbers(Answer<Measured>),
    /// Who the scheduler is, and who its workers are.
    Identity(Answer<Value>),
    /// The names and addresses of the workers.
    Workers(Answer<Vec<(Value, String)>>),
    /// Since when there is nothing to do.
    Idle(Answer<Option<f64>>),
    /// All about the first of these tasks that there is.
    Task(Vec<Key>, Answer<Option<TaskDetail>>),
    /// All about the worker of this address.
    Worker(String, Answer<Option<WorkerDetail>>),
    /// The last tasks that have failed.
    Failures(Answer<Vec<FailureDetail>>),
    /// The last events, each with its time, and what time it is.
    Events(Answer<(Vec<(f64, Value)>, f64)>),
    /// The scheduler's own log, and what time it is.
    Log(Answer<(Vec<LogLine>, f64)>),
    /// The log of a worker, if it is one of ours, or why it cannot be read.
    WorkerLog(String, Answer<Option<Result<Vec<LogLine>, String>>>),
    /// The calls that a worker's tasks are in, if it is one of ours.
    WorkerStacks(String, Answer<Option<Result<Value, String>>>),
    /// The calls that the first of these tasks is in that there is.
    TaskStacks(Vec<Key>, Answer<Option<Result<Value, String>>>),
    /// Let workers go.
    Retire(Retired, Answer<Result<Value, String>>),
}

/// The workers that are to go.
#[derive(Clone, Debug, PartialEq)]
pub enum Retired {
    /// So many, those first that cost the least.
    Count(i64),
    /// Those with these addresses or names.
    Named(Vec<Value>),
}

impl fmt::Display for Retired {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Count(count) => write!(out, "{count} workers are"),
            Self::Named(names) => write!(out, "{} workers, by name, are", names.len()),
        }
    }
}

/// What monitoring reads.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Measured {
    /// What the machine has counted.
    pub numbers: Numbers,
    /// How often the loop has come round.
    pub ticks: u64,
    /// The longest that it took, in seconds, since this was asked for last.
    pub tick_longest: f64,
    /// What time it is, in seconds since 1970.
    pub now: f64,
}

/// The way to the scheduler.
pub(super) type Ask = mpsc::Sender<Asked>;

/// Asks, and waits for the answer; nothing when the scheduler is closing.
pub(super) async fn ask<T>(to: &Ask, question: impl FnOnce(Answer<T>) -> Asked) -> Option<T> {
    let (sender, answer) = oneshot::channel();
    to.send(question(sender)).await.ok()?;
    answer.await.ok()
}
