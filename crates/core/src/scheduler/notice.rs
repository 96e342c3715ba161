//! Notices: what the scheduler itself adds to the topics of events, as Dask's does.

use super::Scheduler;
use super::instruction::Instruction;
use super::stimulus::Text;
use super::task::StateName;
use super::worker::{Worker, WorkerStatus};
use crate::key::Key;
use crate::protocol::value::Value;

/// What has become of a graph.
#[derive(Clone, Copy, Debug)]
pub(super) enum GraphOutcome {
    Entered,
    Lost,
    Refused,
}

impl GraphOutcome {
    fn name(self) -> &'static str {
        match self {
            Self::Entered => "OK",
            Self::Lost => "cancelled",
            Self::Refused => "error",
        }
    }
}

/// What a worker takes with it when it leaves.
#[derive(Debug)]
pub(super) struct Leaving {
    processing: Vec<Key>,
    computed: Vec<Key>,
    scattered: Vec<Key>,
}

fn everybody() -> Text {
    "all".into()
}

fn list(keys: &[Key]) -> Value {
    Value::Tuple(keys.iter().map(Value::from).collect())
}

impl Scheduler {
    pub(super) fn notice_client(&mut self, action: &'static str, client: &Text) {
        let event = Value::map([("action", action.into()), ("client", client.clone().into())]);
        self.log_event(&[&everybody(), client], &event);
        self.show_client(if action == "add-client" { "add_client" } else { "remove_client" }, client);
    }

    pub(super) fn notice_worker(&mut self, worker: &Text) {
        self.log_event(&[worker], &Value::map([("action", "add-worker".into())]));
        let event = Value::map([("action", "add-worker".into()), ("worker", worker.clone().into())]);
        self.log_event(&[&everybody()], &event);
        self.show_worker(worker);
    }

    /// What a worker runs, and what nobody else holds. Asked before anything of it is released.
    pub(super) fn leaving(&self, worker: &Worker, held: &[super::task::TaskId]) -> Leaving {
        let lost = |computed: bool| {
            let only = held.iter().filter(|&&id| self.replicas.who_has(id).count() <= 1);
            let only = only.map(|&id| &self.tasks[id]).filter(|task| task.state() == StateName::Memory);
            only.filter(|task| task.run_spec.is_some() == computed).map(|task| task.key.clone()).collect()
        };
        let processing = worker.processing.iter().map(|&id| self.tasks[id].key.clone()).collect();
        Leaving { processing, computed: lost(true), scattered: lost(false) }
    }

    pub(super) fn notice_leaving(&mut self, worker: &Text, leaving: Leaving, expected: bool) {
        let stimulus_id = self.stimulus_id();
        let event = [
            ("action", "remove-worker".into()),
            ("processing-tasks", list(&leaving.processing)),
            ("lost-computed-tasks", list(&leaving.computed)),
            ("lost-scattered-tasks", list(&leaving.scattered)),
            ("stimulus_id", stimulus_id.into()),
            ("expected", expected.into()),
        ];
        let Value::Map(mut event) = Value::map(event) else { return };
        self.log_event(&[worker], &Value::Map(event.clone()));
        event.push(("worker".into(), worker.clone().into()));
        self.log_event(&[&everybody()], &Value::Map(event));
        self.show_leaving(worker);
        self.clear_topic_later(worker);
        let Leaving { computed, scattered, .. } = leaving;
        if !(computed.is_empty() && scattered.is_empty()) {
            self.instruct(Instruction::ResultsLost { worker: worker.clone(), computed, scattered });
        }
    }

    pub(super) fn notice_status(&mut self, worker: &Text, before: WorkerStatus, status: WorkerStatus) {
        let stimulus_id = self.stimulus_id();
        let event = [
            ("action", "worker-status-change".into()),
            ("prev-status", before.name().into()),
            ("status", status.name().into()),
            ("stimulus_id", stimulus_id.into()),
        ];
        self.log_event(&[worker], &Value::map(event));
    }

    pub(super) fn notice_graph(&mut self, client: &Text, outcome: GraphOutcome) {
        let stimulus_id = self.stimulus_id();
        let event =
            [("action", "update-graph".into()), ("stimulus_id", stimulus_id.into()), ("status", outcome.name().into())];
        self.log_event(&[&"scheduler".into(), client], &Value::map(event));
    }

    pub(super) fn notice_cancel(&mut self, client: &Text, count: usize, force: bool) {
        let count = (count as u64).into();
        let event = Value::map([("action", "cancel".into()), ("count", count), ("force", force.into())]);
        self.log_event(&[client], &event);
    }

    pub(super) fn notice_retry(&mut self, client: &Text, count: usize) {
        let event = Value::map([("action", "retry".into()), ("count", (count as u64).into())]);
        self.log_event(&[client], &event);
    }

    /// Workers were silent for too long.
    pub(super) fn notice_silence(&mut self, workers: Vec<Text>, ttl: f64) {
        let event = [("action", "worker-ttl-timed-out".into()), ("workers", workers.into()), ("ttl", ttl.into())];
        self.log_event(&[&"scheduler".into()], &Value::map(event));
    }

    /// Tasks have waited too long for a worker.
    pub(super) fn notice_giving_up(&mut self, keys: &[Key]) {
        let keys = Value::Set(keys.iter().map(Value::from).collect());
        let event = [("action", "no-workers-timeout-exceeded".into()), ("keys", keys)];
        self.log_event(&[&"scheduler".into()], &Value::map(event));
    }
}
