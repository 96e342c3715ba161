//! Messages: what workers and clients are told, in the words of the protocol.

use std::sync::Arc;

use super::Scheduler;
use super::classes::Class;
use super::client::ClientId;
use super::instruction::{Failure, Instruction};
use super::stimulus::{Stimulus, Text};
use super::task::TaskId;
use super::worker::WorkerId;
use crate::key::Key;
use crate::protocol::client::{CancelledKeys, KeyInMemory, TaskErred, ToClient};
use crate::protocol::field::Optional;
use crate::protocol::question::Question;
use crate::protocol::worker::{FreeKeys, FromWorker, ToWorker};

/// What all that is done now is caused by: the word of a peer for it, or one of ours, made when it is needed.
#[derive(Debug, Default)]
pub(super) struct Cause {
    kind: &'static str,
    id: Option<Text>,
    /// What tasks are sent for.
    computing: Option<Text>,
}

impl Cause {
    /// What a stimulus says about itself.
    pub fn of(stimulus: &Stimulus) -> Self {
        let (kind, id) = match stimulus {
            Stimulus::ClientJoined { .. } => ("register-client", None),
            Stimulus::Client { .. } => ("client", None),
            Stimulus::Submit { .. } | Stimulus::Materialized { .. } => ("update-graph", None),
            Stimulus::Worker { said, .. } => ("worker", said_by_worker(said)),
            Stimulus::WorkerLeft { .. } | Stimulus::WorkersLeft { .. } => ("handle-worker-cleanup", None),
            Stimulus::DataArrived { .. } => ("update-data", None),
            Stimulus::Withdrawn { .. } => ("withdrawn", None),
            Stimulus::Asked { question, .. } => ("request", said_by_question(question)),
            Stimulus::ShufflePlanned { .. } => ("shuffle-planned", None),
            Stimulus::PluginsHear { .. } => ("plugins", None),
            Stimulus::Tick => ("tick", None),
        };
        Self { kind, id: id.cloned(), computing: None }
    }

    fn text(&mut self, stimulus: u64) -> Text {
        self.id.get_or_insert_with(|| numbered(self.kind, stimulus)).clone()
    }
}

fn said_by_worker(said: &FromWorker) -> Option<&Text> {
    Some(match said {
        FromWorker::TaskFinished(it) => &it.stimulus_id,
        FromWorker::TaskErred(it) => &it.stimulus_id,
        FromWorker::ReleaseWorkerData(it) => &it.stimulus_id,
        FromWorker::AddKeys(it) => &it.stimulus_id,
        FromWorker::LongRunning(it) => &it.stimulus_id,
        FromWorker::Reschedule(it) => &it.stimulus_id,
        FromWorker::StealResponse(it) => &it.stimulus_id,
        FromWorker::WorkerStatusChange(it) => &it.stimulus_id,
        FromWorker::RequestRefreshWhoHas(it) => &it.stimulus_id,
        _ => return None,
    })
}

fn said_by_question(question: &Question) -> Option<&Text> {
    match question {
        Question::RegisterWorker(it) => Some(&it.stimulus_id),
        Question::Unregister(it) => it.stimulus_id.0.as_ref(),
        Question::RetireWorkers(it) => it.stimulus_id.0.as_ref(),
        Question::Restart(it) => it.stimulus_id.0.as_ref(),
        Question::AddReplicas(it) => it.stimulus_id.0.as_ref(),
        _ => None,
    }
}

impl Scheduler {
    /// Every instruction leaves through here.
    pub(super) fn instruct(&mut self, instruction: Instruction) {
        self.out.push(instruction);
    }

    /// The name of what has caused all this.
    pub(super) fn stimulus_id(&mut self) -> Text {
        self.cause.text(self.stimuli)
    }

    /// The name that goes with all tasks that are sent now.
    pub(super) fn compute_id(&mut self) -> Text {
        let stimulus = self.stimuli;
        self.cause.computing.get_or_insert_with(|| numbered("compute-task", stimulus)).clone()
    }

    pub(super) fn tell_worker(&mut self, id: WorkerId, message: impl Into<ToWorker>) {
        if let Some(worker) = self.workers.get(id) {
            let worker = worker.address().clone();
            self.instruct(Instruction::ToWorker { worker, message: message.into() });
        }
    }

    /// Has a worker forget tasks and their results.
    pub(super) fn free_keys(&mut self, id: WorkerId, keys: Vec<Key>) {
        let stimulus_id = self.stimulus_id();
        self.tell_worker(id, FreeKeys { keys, stimulus_id });
    }

    pub(super) fn tell_client(&mut self, id: ClientId, message: impl Into<ToClient>) {
        if let Some(client) = self.clients.get(id).filter(|client| client.connected) {
            let client = client.name.clone();
            self.instruct(Instruction::ToClient { client, message: message.into() });
        }
    }

    /// Tells all clients that want the result of a task.
    pub(super) fn tell_wanting(&mut self, id: TaskId, message: &ToClient) {
        let clients: Vec<_> = self.interests.rights(id).collect();
        for client in clients {
            self.tell_client(client, message.clone());
        }
    }

    /// Tells a client that a task has failed.
    pub(super) fn tell_failure(&mut self, id: ClientId, key: Key, failure: &Arc<Failure>) {
        let (exception, traceback) = failure.serialized();
        self.tell_client(id, TaskErred { key, exception, traceback });
    }
}

/// `KIND-NUMBER`, as there is one for each stimulus.
fn numbered(kind: &str, number: u64) -> Text {
    let mut digits = [b'0'; 20];
    let mut start = digits.len();
    let mut left = number;
    while left > 0 || start == digits.len() {
        start -= 1;
        digits[start] = b'0' + (left % 10) as u8;
        left /= 10;
    }
    let digits = std::str::from_utf8(&digits[start..]).expect("digits are text");
    [kind, "-", digits].concat().into()
}

/// Says that a result is there.
pub(super) fn key_in_memory(key: Key, class: Option<&Arc<Class>>) -> ToClient {
    let class = Optional(class.map(|class| class.pickle.clone()));
    KeyInMemory { key, class, workers: Optional(None) }.into()
}

/// Says that keys will not be computed.
pub(super) fn cancelled_keys(keys: Vec<Key>, reason: Option<Text>, msg: Option<Text>) -> ToClient {
    CancelledKeys { keys, reason: Optional(reason), msg: Optional(msg) }.into()
}

#[cfg(test)]
mod tests {
    use super::numbered;

    #[test]
    fn a_number_stands_behind_its_kind() {
        for number in [0, 7, 10, 1_203, u64::MAX] {
            assert_eq!(&*numbered("tick", number), format!("tick-{number}"));
        }
    }
}
