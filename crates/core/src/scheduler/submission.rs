//! Submission: a graph becomes tasks.

use std::sync::Arc;

use super::Scheduler;
use super::client::ClientId;
use super::computation::Source;
use super::flat_graph::{About, FlatGraph, FlatTask};
use super::instruction::Exception;
use super::messages::cancelled_keys;
use super::notice::GraphOutcome;
use super::recommendations::{Finish, Recommendations};
use super::registry::Set;
use super::span;
use super::stimulus::{Annotations, Text};
use super::task::{Priority, Restrictions, StateName, TaskId, TaskState};
use crate::key::Key;
use crate::protocol::value::Value;

/// How much earlier than its own generation a task's sub-tasks run.
const SUBTASK_LEAD: f64 = 0.01;

impl Scheduler {
    pub(super) fn submit(&mut self, client: ClientId, mut graph: FlatGraph, source: Option<Source>) {
        if graph.has_cycle() {
            self.refuse_graph(client, graph.about.keys, &Exception::Cycle);
            return;
        }
        let wanted = graph.wanted();
        let name = self.clients[client].name.clone();
        if self.needs_what_is_lost(&graph) {
            let keys = graph.about.keys;
            self.notice_graph(&name, GraphOutcome::Lost);
            let reason = Some("lost dependencies".into());
            self.tell_client(client, cancelled_keys(keys.clone(), reason, None));
            self.release_keys(client, &keys);
            return;
        }
        self.notice_graph(&name, GraphOutcome::Entered);
        let About { keys, submitting_task, fifo_timeout } = std::mem::take(&mut graph.about);
        self.record_graph(&keys);
        let generation = self.generation_of(submitting_task.as_ref(), fifo_timeout);
        self.begin_spans();
        let touched = self.enter_tasks(graph, &wanted, generation);
        self.end_spans(source.as_ref());
        self.begin_computation(source);
        self.compute_together(&touched);
        self.show_graph(&name, &keys, &touched);
        let mut recommendations = Recommendations::default();
        self.want(client, &keys, &mut recommendations);
        self.inherit_failures(&touched, &mut recommendations);
        drop(touched);
        self.cascade(recommendations);
    }

    /// What needs a task that has failed has failed, too.
    fn inherit_failures(&self, touched: &[TaskId], recommendations: &mut Recommendations) {
        if self.tasks.count(StateName::Erred) == 0 {
            return;
        }
        for &id in touched {
            let failed = self.tasks[id].dependencies.iter().find_map(|&task| self.tasks[task].failure());
            if let Some(failure) = failed.cloned()
                && !matches!(self.tasks[id].state(), StateName::Memory | StateName::Erred)
            {
                recommendations.add(id, Finish::Erred(failure));
            }
        }
    }

    /// The client wants these: what is done is reported, what is not is computed, the most urgent first.
    fn want(&mut self, client: ClientId, keys: &[Key], recommendations: &mut Recommendations) {
        let mut released = Vec::new();
        for key in keys {
            let Some(id) = self.tasks.id(key) else { continue };
            self.interests.insert(id, client);
            self.report(client, id);
            if self.tasks[id].state() == StateName::Released {
                released.push(id);
            }
        }
        released.sort_by(|&a, &b| self.tasks[b].priority.cmp(&self.tasks[a].priority));
        for id in released {
            recommendations.add(id, Finish::Waiting);
        }
    }

    fn needs_what_is_lost(&self, graph: &FlatGraph) -> bool {
        let exists = |id: TaskId| self.tasks[id].run_spec.is_some() || self.tasks[id].state() != StateName::Released;
        !graph.outside().iter().all(|key| self.tasks.id(key).is_some_and(exists))
    }

    fn generation_of(&mut self, submitting: Option<&Key>, fifo_timeout: f64) -> f64 {
        if let Some(task) = submitting.and_then(|key| self.tasks.id(key)) {
            return self.tasks[task].priority.generation - SUBTASK_LEAD;
        }
        let new = self.generation_start.is_none_or(|start| start + fifo_timeout < self.now);
        if submitting.is_none() && new {
            self.generation += 1;
            self.generation_start = Some(self.now);
        }
        self.generation as f64
    }

    /// Makes tasks of what the wanted keys need, and returns all that they need. What is known already stays as it is.
    fn enter_tasks(&mut self, mut graph: FlatGraph, wanted: &[u32], generation: f64) -> Vec<TaskId> {
        self.tasks.reserve(graph.len());
        let noted: Vec<Noted> = std::mem::take(&mut graph.annotations).into_iter().map(Noted::new).collect();
        let mut ids: Vec<Option<TaskId>> = vec![None; graph.name_count()];
        let mut stack: Vec<u32> = wanted.iter().rev().copied().collect();
        let mut touched = Vec::with_capacity(graph.len());
        let mut fresh = Vec::with_capacity(graph.len());
        while let Some(place) = stack.pop() {
            if ids[place as usize].is_some() {
                continue;
            }
            let id = self.task_of(graph.name(place));
            ids[place as usize] = Some(id);
            touched.push(id);
            if graph.tasks.get(place as usize).is_none() {
                continue;
            }
            stack.extend(graph.needs(place).iter().rev().filter(|&&need| ids[need as usize].is_none()));
            let task = &self.tasks[id];
            // Data that came from outside can be computed once it is known how.
            let settled = match task.state() {
                StateName::Released => true,
                StateName::Memory => self.interests.has_left(id),
                _ => false,
            };
            if task.run_spec.is_none() && settled && !task.lost_dependencies {
                let spec = &mut graph.tasks[place as usize];
                self.specify(id, spec, &noted[spec.annotations as usize], generation);
                fresh.push(place);
            } else if !self.is_same(id, &graph, place) {
                self.ignore(graph.name(place), "resubmitted with other dependencies");
            }
        }
        self.link_tasks(&graph, &ids, &fresh);
        touched
    }

    fn link_tasks(&mut self, graph: &FlatGraph, ids: &[Option<TaskId>], fresh: &[u32]) {
        let id_of = |place: u32| ids[place as usize].expect("all that is needed was made or known");
        let mut dependents = vec![0_u32; ids.len()];
        for &need in fresh.iter().flat_map(|&place| graph.needs(place)) {
            dependents[need as usize] += 1;
        }
        let mut linked = None;
        for &place in fresh {
            let id = id_of(place);
            self.tasks[id].dependencies.expect(graph.needs(place).len());
            for &need in graph.needs(place) {
                let dependency = id_of(need);
                self.tasks[dependency].dependents.expect(dependents[need as usize] as usize);
                self.tasks.link(id, dependency);
                let groups = (self.tasks[id].group, self.tasks[dependency].group);
                if linked.replace(groups) != Some(groups) {
                    self.groups.link(groups.0, groups.1);
                }
            }
        }
        // One that was waited for before it was known what it is.
        let waited_for = |&id: &TaskId| self.needed(id) && self.tasks[id].state() == StateName::Released;
        let known: Vec<_> = fresh.iter().map(|&place| id_of(place)).filter(waited_for).collect();
        let mut recommendations = Recommendations::default();
        for id in known {
            recommendations.add(id, Finish::Waiting);
        }
        self.cascade(recommendations);
    }

    /// Writes down what a task is.
    fn specify(&mut self, id: TaskId, spec: &mut FlatTask, noted: &Noted, generation: f64) {
        self.enter_span(self.tasks[id].group, noted.span.as_ref());
        let task = &mut self.tasks[id];
        task.run_spec = Some(spec.run_spec.take());
        task.priority = Priority { user: noted.priority, generation, order: spec.order };
        task.data_producer = spec.data_producer;
        task.actor = spec.actor;
        task.retries = noted.retries;
        task.annotations.clone_from(&noted.all);
        if noted.restrictions.is_some() {
            task.restrictions.clone_from(&noted.restrictions);
        }
    }

    fn is_same(&self, id: TaskId, graph: &FlatGraph, place: u32) -> bool {
        let known = self.tasks[id].dependencies.iter().map(|&dependency| &self.tasks[dependency].key);
        let said = graph.needs(place).iter().map(|&need| graph.name(need));
        known.collect::<Set<&Key>>() == said.collect::<Set<&Key>>()
    }

    /// Results have come from outside.
    pub(super) fn data_arrived(&mut self, data: Vec<(Key, u64, Vec<Text>)>, client: Option<&Text>) {
        let keys: Vec<_> = data.iter().map(|(key, ..)| key.clone()).collect();
        for (key, nbytes, addresses) in data {
            let workers: Vec<_> = addresses.iter().filter_map(|address| self.workers.id(address)).collect();
            if workers.is_empty() {
                self.ignore(&key, "scattered to workers that are not there");
                continue;
            }
            let id = self.task_of(&key);
            self.data_at(id, nbytes, &workers);
        }
        if let Some(client) = client {
            self.desire(client, keys);
        }
    }

    fn data_at(&mut self, id: TaskId, nbytes: u64, workers: &[super::worker::WorkerId]) {
        let mut recommendations = Recommendations::default();
        match self.tasks[id].state() {
            StateName::Memory => {}
            StateName::Released => {
                self.tasks[id].nbytes = nbytes;
                self.groups.count(self.tasks[id].group, nbytes, &[]);
                self.leave_released(id, TaskState::Memory { class: None });
                self.wake_dependents(id, &mut recommendations);
            }
            _ => {
                let key = self.tasks[id].key.clone();
                self.ignore(&key, "scattered while it is computed");
                return;
            }
        }
        for &worker in workers {
            self.gain_replica(id, worker);
        }
        let clients: Vec<_> = self.interests.rights(id).collect();
        for client in clients {
            self.report(client, id);
        }
        if self.tasks[id].run_spec.is_some() && !self.needed(id) {
            recommendations.add(id, Finish::Released);
        }
        self.cascade(recommendations);
    }
}

/// What a user has noted about tasks, as they take it on.
struct Noted {
    /// Lower runs first.
    priority: f64,
    retries: u32,
    restrictions: Option<Box<Restrictions>>,
    span: Option<Value>,
    all: Option<Arc<Value>>,
}

impl Noted {
    fn new(notes: Annotations) -> Self {
        let Annotations { priority, retries, workers, allow_other_workers, resources, mut all } = notes;
        let span = span::take(&mut all);
        let all = (!matches!(&all, Value::Map(entries) if entries.is_empty())).then(|| Arc::new(all));
        let restrictions = (!workers.is_empty() || !resources.is_empty())
            .then(|| Box::new(Restrictions { workers, allow_other_workers, resources }));
        Self { priority: -priority, retries, restrictions, span, all }
    }
}
