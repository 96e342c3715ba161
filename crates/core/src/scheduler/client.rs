//! Clients: what each wants, and what it says.

use std::collections::VecDeque;

use super::Scheduler;
use super::flat_graph::{About, FlatGraph};
use super::group::Group;
use super::instruction::{Exception, Failure, Instruction};
use super::membership::heartbeat_interval;
use super::messages::{cancelled_keys, key_in_memory};
use super::notice::GraphOutcome;
use super::recommendations::{Finish, Recommendations};
use super::registry::{Id, Named, Set};
use super::stimulus::Text;
use super::task::{StateName, Task, TaskId, TaskState};
use crate::key::Key;
use crate::protocol::client::{AdjustHeartbeatInterval, FromClient, Restart, StreamStart, UpdateGraph};
use crate::protocol::field::Optional;
use crate::protocol::value::Value;

/// The id of a client, inside one scheduler.
pub(super) type ClientId = Id<Client>;

/// What this one wants is wanted until it is there, or has failed.
const FIRE_AND_FORGET: &str = "fire-and-forget";
/// Clients say that they are alive so many times less often than as many workers would.
const HEARTBEATS: f64 = 10.0;

/// Something that a client said, in its turn.
#[derive(Debug)]
pub(super) enum Said {
    Message(Box<FromClient>),
    Graph(FlatGraph),
}

/// All that is known of a client.
#[derive(Debug)]
pub struct Client {
    pub(super) name: Text,
    /// Whether it has a stream: queues, variables and the like want things too, and have none.
    pub(super) connected: bool,
    pub(super) last_seen: f64,
    /// What is installed there.
    pub(super) versions: Value,
    /// What it has said about the whole of a graph that is being read.
    pub(super) reading: Option<About>,
    /// What it has said since, in order.
    pub(super) held: VecDeque<Said>,
}

impl Named for Client {
    type Name = Text;

    fn known_as(&self) -> &Text {
        &self.name
    }
}

impl Client {
    fn new(name: Text, connected: bool) -> Self {
        Self { name, connected, last_seen: 0.0, versions: Value::Nil, reading: None, held: VecDeque::new() }
    }
}

impl Scheduler {
    pub(super) fn client_joined(&mut self, name: &Text, versions: &Value) {
        let id = self.client(name);
        self.clients[id].connected = true;
        self.turnover.clients_added += 1;
        self.clients[id].versions = versions.clone();
        self.notice_client("add-client", name);
        let warning = Optional(Some(self.client_warning(versions)));
        self.tell_client(id, StreamStart { warning, error: Optional(Some("".into())) });
    }

    /// The client of this name, made if need be.
    fn client(&mut self, name: &Text) -> ClientId {
        self.clients.id(name).unwrap_or_else(|| self.clients.insert(Client::new(name.clone(), false)))
    }

    /// What a client says waits behind the graph that it has sent.
    pub(super) fn hear_client(&mut self, name: &Text, said: Said) {
        let Some(id) = self.clients.id(name).filter(|&id| self.clients[id].connected) else { return };
        self.clients[id].last_seen = self.now;
        let alive = matches!(&said, Said::Message(it) if matches!(**it, FromClient::HeartbeatClient(_)));
        if self.clients[id].reading.is_some() && !alive {
            self.clients[id].held.push_back(said);
        } else {
            self.serve_client(id, said);
        }
    }

    /// A graph was read, or could not be.
    pub(super) fn materialized(&mut self, ticket: u64, outcome: Result<FlatGraph, Exception>) {
        let source = self.computations.take(ticket);
        let Some(id) = self.tickets.swap_remove(&ticket) else { return };
        let Some(about) = self.clients.value_mut(id).and_then(|client| client.reading.take()) else { return };
        match outcome {
            Ok(mut graph) => {
                graph.about = about;
                self.submit(id, graph, source);
            }
            Err(exception) => {
                self.notice_graph(&self.clients[id].name.clone(), GraphOutcome::Refused);
                self.refuse_graph(id, about.keys, &exception);
            }
        }
        self.computations.behind = true;
        while let Some(client) = self.clients.value_mut(id)
            && client.reading.is_none()
            && let Some(said) = client.held.pop_front()
        {
            self.serve_client(id, said);
        }
        self.computations.behind = false;
    }

    /// Tells a client that nothing of its graph will be computed.
    pub(super) fn refuse_graph(&mut self, id: ClientId, keys: Vec<Key>, exception: &Exception) {
        for key in keys {
            let failure = Failure { cause: key.clone(), exception: exception.clone() };
            self.tell_failure(id, key, &failure.into());
        }
    }

    fn serve_client(&mut self, id: ClientId, said: Said) {
        let message = match said {
            Said::Message(message) => *message,
            Said::Graph(graph) => return self.submit(id, graph, None),
        };
        match message {
            FromClient::UpdateGraph(graph) => self.read_graph(id, graph),
            FromClient::ClientDesiresKeys(it) => {
                let name = it.client.0.unwrap_or_else(|| self.clients[id].name.clone());
                self.desire(&name, it.keys);
            }
            FromClient::ClientReleasesKeys(it) => {
                if let Some(id) = self.clients.id(&it.client) {
                    self.release_keys(id, &it.keys);
                }
            }
            FromClient::CancelKeys(it) => self.cancel(id, &it.keys, it.force, &(it.reason, it.msg)),
            FromClient::ReportKey(it) => self.report_key(id, it.key),
            FromClient::HeartbeatClient(_) => {
                let interval = HEARTBEATS * heartbeat_interval(self.clients.len());
                self.tell_client(id, AdjustHeartbeatInterval { interval });
            }
            FromClient::CloseClient(_) | FromClient::CloseStream(_) => self.remove_client(id),
            other => {
                let name = self.clients[id].name.clone();
                self.hear_coordination(&name, other);
            }
        }
    }

    /// Lets Python read a graph.
    fn read_graph(&mut self, id: ClientId, graph: UpdateGraph) {
        self.ticket_last += 1;
        let ticket = self.ticket_last;
        self.tickets.insert(ticket, id);
        let about = About {
            keys: graph.keys.0.clone(),
            submitting_task: graph.submitting_task.clone(),
            fifo_timeout: graph.fifo_timeout.as_seconds().unwrap_or(0.0),
        };
        self.announce_computation(ticket, &graph);
        self.clients[id].reading = Some(about);
        let client = self.clients[id].name.clone();
        self.instruct(Instruction::Materialize { ticket, client, graph: Box::new(graph) });
    }

    fn remove_client(&mut self, id: ClientId) {
        self.clients[id].connected = false;
        self.turnover.clients_removed += 1;
        let keys: Vec<_> = self.interests.lefts(id).map(|task| self.tasks[task].key.clone()).collect();
        self.release_keys(id, &keys);
        let name = self.clients[id].name.clone();
        self.clients.remove(&name);
        self.notice_client("remove-client", &name);
        self.leave_coordination(&name);
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
                None => self.task_of(&key),
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

    /// The task of a key, made if there is none.
    pub(super) fn task_of(&mut self, key: &Key) -> TaskId {
        let groups = &mut self.groups;
        self.tasks.enter(key, || {
            let group = groups.enter(key);
            Task::new(key.clone(), group, groups.prefix(group))
        })
    }

    /// A task of a group is forgotten.
    pub(super) fn leave_group(&mut self, id: Id<Group>) {
        if let Some(group) = self.groups.leave(id) {
            self.spans.bury(id, &group);
        }
    }

    /// Tells a client of a task that is done.
    pub(super) fn report(&mut self, client: ClientId, id: TaskId) {
        let task = &self.tasks[id];
        let key = task.key.clone();
        match &task.state {
            TaskState::Memory { class } => {
                let class = class.clone();
                self.tell_client(client, key_in_memory(key, class.as_ref()));
            }
            TaskState::Erred { failure, .. } => {
                let failure = failure.clone();
                self.tell_failure(client, key, &failure);
            }
            _ => {}
        }
    }

    fn report_key(&mut self, client: ClientId, key: Key) {
        match self.tasks.id(&key) {
            Some(id) => self.report(client, id),
            None => self.tell_client(client, cancelled_keys(vec![key], None, None)),
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

    /// What no process is wants these keys no more. It is forgotten when it wants nothing.
    pub(super) fn undesire(&mut self, name: &Text, keys: &[Key]) {
        let Some(id) = self.clients.id(name) else { return };
        self.release_keys(id, keys);
        if !self.clients[id].connected && self.interests.lefts(id).next().is_none() {
            self.clients.remove(name);
        }
    }

    fn release_interest(&mut self, client: ClientId, id: TaskId, recommendations: &mut Recommendations) {
        if !self.interests.remove(id, client) || self.interests.has_left(id) {
            return;
        }
        let task = &self.tasks[id];
        if task.dependents.is_empty() {
            recommendations.add(id, Finish::Forgotten);
        } else if task.state() != StateName::Erred && task.waiters == 0 {
            recommendations.add(id, Finish::Released);
        }
    }

    /// A task is done: who only wanted it to run wants it no more.
    pub(super) fn let_go(&mut self, id: TaskId, recommendations: &mut Recommendations) {
        // Most tasks are wanted by nobody but others.
        if self.interests.has_left(id)
            && let Some(client) = self.clients.id(&FIRE_AND_FORGET.into())
        {
            self.release_interest(client, id, recommendations);
        }
    }

    /// Stops computing keys, and all that needs them, where nobody else wants it.
    fn cancel(&mut self, id: ClientId, keys: &[Key], force: bool, why: &(Option<Text>, Option<Text>)) {
        self.notice_cancel(&self.clients[id].name.clone(), keys.len(), force);
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
            self.tell_client(client, cancelled_keys(keys.clone(), reason, msg));
        }
    }

    /// Computes failed tasks again, beginning with those that failed first, and returns all that are looked at.
    pub(super) fn retry(&mut self, keys: &[Key]) -> Vec<Key> {
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
        let seen = seen.into_iter().map(|id| self.tasks[id].key.clone()).collect();
        self.cascade(recommendations);
        seen
    }

    /// Forgets all tasks, whoever wants them.
    pub(super) fn restart(&mut self) {
        let clients: Vec<_> = self.clients.ids().collect();
        for &client in &clients {
            let keys: Vec<_> = self.interests.lefts(client).map(|task| self.tasks[task].key.clone()).collect();
            self.release_keys(client, &keys);
        }
        // What is left was put into workers, and nobody wanted it.
        let left: Vec<_> = self.tasks.ids().collect();
        for id in left {
            self.cascade(Recommendations::one(id, Finish::Forgotten));
        }
        for client in clients {
            self.tell_client(client, Restart {});
        }
    }
}
