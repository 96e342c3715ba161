//! The task stream: the last tasks that were run, and what took how long. Kept from the first time that somebody asks.

use std::collections::VecDeque;

use super::Scheduler;
use super::stimulus::Text;
use super::task::StateName;
use crate::key::Key;
use crate::protocol::exception::Builtin;
use crate::protocol::question::GetTaskStream;
use crate::protocol::rpc::ErrorReply;
use crate::protocol::value::Value;
use crate::protocol::worker::{StartStop, TaskErred, TaskFinished};

/// The last tasks that were run.
#[derive(Debug, Default)]
pub(super) struct TaskStream {
    kept: bool,
    runs: VecDeque<Run>,
    /// How many there have been.
    count: u64,
}

#[derive(Debug)]
struct Run {
    /// When the last thing ended that was done for it.
    stop: f64,
    said: Value,
}

/// What a worker says about a task that it has run, until it is known whether it counts.
#[derive(Debug)]
pub(super) struct Candidate {
    key: Key,
    done: StateName,
    run: Run,
}

fn said(startstop: &StartStop) -> Value {
    let StartStop { action, start, stop, source } = startstop;
    let Value::Map(mut said) =
        Value::map([("action", action.clone().into()), ("start", (*start).into()), ("stop", (*stop).into())])
    else {
        return Value::Nil;
    };
    said.extend(source.0.clone().map(|source| ("source".into(), source.into())));
    Value::Map(said)
}

fn run<const N: usize>(startstops: &[StartStop], more: [(&str, Value); N]) -> Run {
    let stop = startstops.iter().map(|it| it.stop).fold(0.0, f64::max);
    let mut entries = vec![("startstops".into(), Value::Tuple(startstops.iter().map(said).collect()))];
    entries.extend(more.into_iter().map(|(name, value)| (name.into(), value)));
    Run { stop, said: Value::Map(entries) }
}

impl TaskStream {
    /// What a worker says that has finished a task.
    pub fn finished(&self, worker: &Text, it: &TaskFinished) -> Option<Candidate> {
        let more = || {
            [
                ("key", (&it.key).into()),
                ("worker", worker.clone().into()),
                ("status", "OK".into()),
                ("nbytes", it.nbytes.into()),
                ("type", Value::Bytes(it.class.clone())),
                ("typename", it.typename.clone().into()),
                ("metadata", it.metadata.clone()),
                ("thread", it.thread.into()),
                ("stimulus_id", it.stimulus_id.clone().into()),
            ]
        };
        let candidate = || Candidate { key: it.key.clone(), done: StateName::Memory, run: run(&it.startstops, more()) };
        self.kept.then(candidate)
    }

    /// What a worker says where a task has failed.
    pub fn erred(&self, worker: &Text, it: &TaskErred) -> Option<Candidate> {
        let more = || {
            [
                ("key", (&it.key).into()),
                ("worker", worker.clone().into()),
                ("status", "error".into()),
                ("exception_text", it.exception_text.clone().into()),
                ("traceback_text", it.traceback_text.clone().into()),
                ("thread", it.thread.into()),
                ("stimulus_id", it.stimulus_id.clone().into()),
            ]
        };
        let candidate = || Candidate { key: it.key.clone(), done: StateName::Erred, run: run(&it.startstops, more()) };
        self.kept.then(candidate)
    }

    /// The first run that ended then or later.
    fn since(&self, time: f64) -> usize {
        self.runs.partition_point(|run| run.stop < time)
    }

    fn told(&self, asked: &GetTaskStream, now: f64) -> Value {
        let length = self.runs.len();
        if let Some(index) = asked.start_index.0 {
            let first = self.count - length as u64;
            let skipped = usize::try_from(u64::try_from(index).unwrap_or(0).saturating_sub(first)).unwrap_or(length);
            return Value::Tuple(self.runs.iter().skip(skipped).map(|run| run.said.clone()).collect());
        }
        let place = |time: &Value| {
            let ago = matches!(time, Value::Str(_));
            time.as_seconds().map(|time| self.since(if ago { now - time } else { time }))
        };
        let (start, stop) = (asked.start.0.as_ref().and_then(place), asked.stop.0.as_ref().and_then(place));
        let count = asked.count.0.map(|count| usize::try_from(count).unwrap_or(0));
        let (start, stop) = match (start, stop, count) {
            (None, stop, Some(count)) => {
                let stop = stop.unwrap_or(length);
                (stop.saturating_sub(count), stop)
            }
            (Some(start), None, Some(count)) => (start, start.saturating_add(count)),
            (start, stop, _) => (start.unwrap_or(0), stop.unwrap_or(length)),
        };
        let told = self.runs.iter().take(stop).skip(start);
        Value::Tuple(told.map(|run| run.said.clone()).collect())
    }
}

impl Scheduler {
    /// Whether a task that a worker has said something about was running there until then.
    pub(super) fn stream(&mut self, candidate: Option<Candidate>, was: Option<StateName>) {
        let Some(candidate) = candidate.filter(|_| was == Some(StateName::Processing)) else { return };
        let state = self.tasks.id(&candidate.key).map(|id| self.tasks[id].state());
        if state.is_none_or(|state| state == candidate.done) {
            let stream = &mut self.task_stream;
            stream.count += 1;
            stream.runs.push_back(candidate.run);
            if stream.runs.len() > self.settings.task_stream_max {
                stream.runs.pop_front();
            }
        }
    }

    pub(super) fn tell_stream(&mut self, ticket: u64, asked: &GetTaskStream) {
        self.task_stream.kept = true;
        for (name, time) in [("start", &asked.start.0), ("stop", &asked.stop.0)] {
            if time.as_ref().is_some_and(|time| *time != Value::Nil && time.as_seconds().is_none()) {
                let text =
                    format!("get_task_stream: {name} is no time: give seconds since 1970, or how long ago: '5s'");
                return self.answer(ticket, Err(ErrorReply::builtin(Builtin::Value, &text)));
            }
        }
        let runs = self.task_stream.told(asked, self.now);
        self.answer(ticket, Ok(runs));
    }

    pub(super) fn count_stream(&mut self, ticket: u64) {
        self.task_stream.kept = true;
        let count = self.task_stream.count;
        self.answer(ticket, Ok(count.into()));
    }
}
