//! Clients: what each wants, and what it says.

use std::collections::VecDeque;

use super::Scheduler;
use super::instruction::{Exception, Failure, Instruction, ToClient};
use super::recommendations::{Finish, Recommendations};
use super::registry::{Id, Set};
use super::stimulus::{FromClient, GraphSpec, Text};
use super::task::{StateName, Task, TaskId, TaskState};
use crate::key::Key;

/// The id of a client, inside one scheduler.
pub(super) type ClientId = Id<Client>;

/// What this one wants is wanted until it is there, or has failed.
const FIRE_AND_FORGET: &str = "fire-and-forget";
/// Seconds between heartbeats of a client.
const HEARTBEAT: f64 = 5.0;

/// All that is known of a client.
#[derive(Debug)]
pub struct Client {
    pub(super) name: Text,
    /// Whether it has a stream: queues, variables and the like want things too, and have none.
    pub(super) connected: bool,
    /// The graph that is being read, and the keys that are wanted of it.
    pub(super) reading: Option<(u64, Vec<Key>)>,
    /// What it has said since, in order.
    pub(super) held: VecDeque<FromClient>,
}

impl Client {
    fn new(name: Text, connected: bool) -> Self {
        Self { name, connected, reading: None, held: VecDeque::new() }
    }
}

impl Scheduler {
    pub(super) fn client_joined(&mut self, name: &Text) {
        let id = self.client(name);
        self.clients[id].connected = true;
        self.tell_client(id, ToClient::StreamStart);
    }

    /// The client of this name, made if need be.
    fn client(&mut self, name: &Text) -> ClientId {
        self.clients.id(name).unwrap_or_else(|| self.clients.insert(name.clone(), Client::new(name.clone(), false)))
    }

    /// What a client says waits behind the graph that it has sent.
    pub(super) fn hear_client(&mut self, name: &Text, said: FromClient) {
        let Some(id) = self.clients.id(name).filter(|&id| self.clients[id].connected) else { return };
        if self.clients[id].reading.is_some() && said != FromClient::Heartbeat {
            self.clients[id].held.push_back(said);
        } else {
            self.serve_client(id, said);
        }
    }

    /// A graph was read, or could not be.
    pub(super) fn materialized(&mut self, ticket: u64, outcome: Result<GraphSpec, Exception>) {
        let Some(id) = self.tickets.swap_remove(&ticket) else { return };
        let Some((_, keys)) = self.clients[id].reading.take() else { return };
        match outcome {
            Ok(graph) => self.submit(id, graph),
            Err(exception) => self.refuse_graph(id, keys, &exception),
        }
        while let Some(client) = self.clients.value_mut(id)
            && client.reading.is_none()
            && let Some(said) = client.held.pop_front()
        {
            self.serve_client(id, said);
        }
    }

    /// Tells a client that nothing of its graph will be computed.
    pub(super) fn refuse_graph(&mut self, id: ClientId, keys: Vec<Key>, exception: &Exception) {
        for key in keys {
            let failure = Failure { cause: key.clone(), exception: exception.clone() };
            self.tell_client(id, ToClient::TaskErred { key, failure: failure.into() });
        }
    }

    fn serve_client(&mut self, id: ClientId, said: FromClient) {
        match said {
            FromClient::UpdateGraph { graph, keys } => {
                self.ticket_last += 1;
                let ticket = self.ticket_last;
                self.tickets.insert(ticket, id);
                self.clients[id].reading = Some((ticket, keys.clone()));
                let client = self.clients[id].name.clone();
                self.instruct(Instruction::Materialize { ticket, client, graph, keys });
            }
            FromClient::SubmitGraph(graph) => self.submit(id, graph),
            FromClient::DesiresKeys { keys, client } => self.desire(&client, keys),
            FromClient::ReleasesKeys { keys, client } => {
                if let Some(id) = self.clients.id(&client) {
                    self.release_keys(id, &keys);
                }
            }
            FromClient::CancelKeys { keys, force, reason, msg } => self.cancel(id, &keys, force, &(reason, msg)),
            FromClient::Retry { keys } => self.retry(&keys),
            FromClient::ReportKey { key } => self.report_key(id, key),
            FromClient::Heartbeat => {
                self.tell_client(id, ToClient::AdjustHeartbeatInterval { interval: HEARTBEAT });
            }
            FromClient::Close => self.remove_client(id),
        }
    }

    fn remove_client(&mut self, id: ClientId) {
        self.clients[id].connected = false;
        let keys: Vec<_> = self.interests.lefts(id).map(|task| self.tasks[task].key.clone()).collect();
        self.release_keys(id, &keys);
        let name = self.clients[id].name.clone();
        self.clients.remove(&name);
    }

    /// Somebody wants these keys. One that is not known yet may come with a graph that is on its way.
    pub(super) fn desire(&mut self, name: &Text, keys: Vec<Key>) {
        let client = self.client(name);
        let mut recommendations = Recommendations::default();
        for key in keys {
            let id = match self.tasks.id(&key) {
                Some(id) => id,
                None if &**name == FIRE_AND_FORGET => {
                    self.ignore(&key, "fire-and-forget of an unknown key");
                    continue;
                }
                None => self.new_task(key),
            };
            self.interests.insert(id, client);
            self.report(client, id);
            match self.tasks[id].state() {
                StateName::Released => recommendations.add(id, Finish::Waiting),
                StateName::Memory | StateName::Erred => self.let_go(id, &mut recommendations),
                _ => {}
            }
        }
        self.cascade(recommendations);
    }

    pub(super) fn new_task(&mut self, key: Key) -> TaskId {
        let group = self.groups.enter(&key);
        self.tasks.insert(Task::new(key, group))
    }

    /// Tells a client of a task that is done.
    pub(super) fn report(&mut self, client: ClientId, id: TaskId) {
        let task = &self.tasks[id];
        let key = task.key.clone();
        match &task.state {
            TaskState::Memory { class } => {
                let class = class.clone();
                self.tell_client(client, ToClient::KeyInMemory { key, class });
            }
            TaskState::Erred { failure, .. } => {
                let failure = failure.clone();
                self.tell_client(client, ToClient::TaskErred { key, failure });
            }
            _ => {}
        }
    }

    fn report_key(&mut self, client: ClientId, key: Key) {
        match self.tasks.id(&key) {
            Some(id) => self.report(client, id),
            None => self.tell_client(client, ToClient::CancelledKeys { keys: vec![key], reason: None, msg: None }),
        }
    }

    pub(super) fn release_keys(&mut self, client: ClientId, keys: &[Key]) {
        let mut recommendations = Recommendations::default();
        for key in keys {
            if let Some(id) = self.tasks.id(key) {
                self.release_interest(client, id, &mut recommendations);
            }
        }
        self.cascade(recommendations);
    }

    fn release_interest(&mut self, client: ClientId, id: TaskId, recommendations: &mut Recommendations) {
        if !self.interests.remove(id, client) || self.interests.has_left(id) {
            return;
        }
        let task = &self.tasks[id];
        if task.dependents.is_empty() {
            recommendations.add(id, Finish::Forgotten);
        } else if task.state() != StateName::Erred && task.waiters.is_empty() {
            recommendations.add(id, Finish::Released);
        }
    }

    /// A task is done: who only wanted it to run wants it no more.
    pub(super) fn let_go(&mut self, id: TaskId, recommendations: &mut Recommendations) {
        if let Some(client) = self.clients.id(&FIRE_AND_FORGET.into()) {
            self.release_interest(client, id, recommendations);
        }
    }

    /// Stops computing keys, and all that needs them, where nobody else wants it.
    fn cancel(&mut self, id: ClientId, keys: &[Key], force: bool, why: &(Option<Text>, Option<Text>)) {
        let mut found: Set<TaskId> = Set::default();
        let mut stack: Vec<TaskId> = keys.iter().rev().filter_map(|key| self.tasks.id(key)).collect();
        while let Some(task) = stack.pop() {
            let others = self.interests.rights(task).any(|client| client != id);
            if (force || !others) && found.insert(task) {
                stack.extend(self.tasks[task].dependents.iter().copied());
            }
        }
        let mut recommendations = Recommendations::default();
        for &task in &found {
            let clients: Vec<_> = self.interests.rights(task).filter(|&client| force || client == id).collect();
            for client in clients {
                self.release_interest(client, task, &mut recommendations);
            }
        }
        let keys: Vec<Key> = found.iter().map(|&task| self.tasks[task].key.clone()).collect();
        self.cascade(recommendations);
        let clients: Vec<_> = self.clients.ids().collect();
        for client in clients {
            let (reason, msg) = why.clone();
            self.tell_client(client, ToClient::CancelledKeys { keys: keys.clone(), reason, msg });
        }
    }

    /// Computes failed tasks again, beginning with those that failed first.
    fn retry(&mut self, keys: &[Key]) {
        let mut seen: Set<TaskId> = Set::default();
        let mut stack: Vec<TaskId> = keys.iter().filter_map(|key| self.tasks.id(key)).collect();
        let mut recommendations = Recommendations::default();
        while let Some(id) = stack.pop() {
            if self.tasks[id].state() != StateName::Erred || !seen.insert(id) {
                continue;
            }
            let failed = self.tasks[id].dependencies.iter().copied();
            let failed: Vec<_> = failed.filter(|&task| self.tasks[task].state() == StateName::Erred).collect();
            if failed.is_empty() {
                recommendations.add(id, Finish::Waiting);
            }
            stack.extend(failed);
        }
        self.cascade(recommendations);
    }
}
