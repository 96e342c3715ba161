//! Submission: a graph becomes tasks.

use std::sync::Arc;

use super::Scheduler;
use super::client::ClientId;
use super::computation::Source;
use super::instruction::Exception;
use super::messages::cancelled_keys;
use super::notice::GraphOutcome;
use super::recommendations::{Finish, Recommendations};
use super::registry::{Map, Set};
use super::span;
use super::stimulus::{Annotations, GraphSpec, TaskSpec, Text};
use super::task::{Priority, Restrictions, StateName, TaskId, TaskState};
use crate::key::Key;
use crate::protocol::value::Value;

/// So many keys are compared with each other; whether more are different, a table tells.
const LOOKED_THROUGH_MAX: usize = 8;

/// How much earlier than its own generation a task's sub-tasks run.
const SUBTASK_LEAD: f64 = 0.01;

impl Scheduler {
    pub(super) fn submit(&mut self, client: ClientId, graph: GraphSpec, source: Option<Source>) {
        let mut specs: Map<Key, TaskSpec> = Map::default();
        for spec in graph.tasks {
            specs.insert(spec.key.clone(), spec);
        }
        if has_cycle(&specs) {
            self.refuse_graph(client, graph.keys, &Exception::Cycle);
            return;
        }
        let name = self.clients[client].name.clone();
        if self.needs_what_is_lost(&specs, &graph.keys) {
            self.notice_graph(&name, GraphOutcome::Lost);
            let reason = Some("lost dependencies".into());
            self.tell_client(client, cancelled_keys(graph.keys.clone(), reason, None));
            self.release_keys(client, &graph.keys);
            return;
        }
        self.notice_graph(&name, GraphOutcome::Entered);
        self.record_graph(&graph.keys);
        let generation = self.generation_of(graph.submitting_task.as_ref(), graph.fifo_timeout);
        self.begin_spans();
        let touched = self.enter_tasks(specs, &graph.keys, generation);
        self.end_spans(source.as_ref());
        self.begin_computation(source);
        self.compute_together(&touched);
        self.show_graph(&name, &graph.keys, &touched);
        let mut recommendations = Recommendations::default();
        self.want(client, &graph.keys, &mut recommendations);
        for id in touched {
            let failed = self.tasks[id].dependencies.iter().find_map(|&task| self.tasks[task].failure());
            if let Some(failure) = failed.cloned()
                && !matches!(self.tasks[id].state(), StateName::Memory | StateName::Erred)
            {
                recommendations.add(id, Finish::Erred(failure));
            }
        }
        self.cascade(recommendations);
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

    fn needs_what_is_lost(&self, specs: &Map<Key, TaskSpec>, keys: &[Key]) -> bool {
        let exists = |id: TaskId| self.tasks[id].run_spec.is_some() || self.tasks[id].state() != StateName::Released;
        let known = |key: &Key| specs.contains_key(key) || self.tasks.id(key).is_some_and(exists);
        !keys.iter().all(known) || !specs.values().flat_map(|spec| &spec.dependencies).all(known)
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
    fn enter_tasks(&mut self, mut specs: Map<Key, TaskSpec>, keys: &[Key], generation: f64) -> Vec<TaskId> {
        let mut seen: Vec<bool> = Vec::new();
        let mut stack: Vec<Key> = keys.iter().rev().cloned().collect();
        let mut touched = Vec::new();
        let mut fresh = Vec::new();
        while let Some(key) = stack.pop() {
            let id = self.tasks.id(&key).unwrap_or_else(|| self.new_task(key.clone()));
            if seen.len() <= id.place() {
                seen.resize(id.place() + 1, false);
            }
            if std::mem::replace(&mut seen[id.place()], true) {
                continue;
            }
            touched.push(id);
            let Some(spec) = specs.swap_remove(&key) else { continue };
            stack.extend(spec.dependencies.iter().rev().cloned());
            let task = &self.tasks[id];
            // Data that came from outside can be computed once it is known how.
            let settled = match task.state() {
                StateName::Released => true,
                StateName::Memory => self.interests.has_left(id),
                _ => false,
            };
            if task.run_spec.is_none() && settled && !task.lost_dependencies {
                fresh.push((id, self.specify(id, spec, generation)));
            } else if !self.is_same(id, &spec) {
                self.ignore(&key, "resubmitted with other dependencies");
            }
        }
        self.link_tasks(&fresh);
        touched
    }

    fn link_tasks(&mut self, fresh: &[(TaskId, Vec<Key>)]) {
        for (id, dependencies) in fresh {
            self.tasks[*id].dependencies.reserve(dependencies.len());
            for key in dependencies {
                let dependency = self.tasks.id(key).expect("all that is needed was made or known");
                self.tasks.link(*id, dependency);
                self.groups.link(self.tasks[*id].group, self.tasks[dependency].group);
            }
        }
        // One that was waited for before it was known what it is.
        let waited_for = |&id: &TaskId| self.needed(id) && self.tasks[id].state() == StateName::Released;
        let known: Vec<_> = fresh.iter().map(|(id, _)| *id).filter(waited_for).collect();
        let mut recommendations = Recommendations::default();
        for id in known {
            recommendations.add(id, Finish::Waiting);
        }
        self.cascade(recommendations);
    }

    /// Writes down what a task is. Returns what it needs.
    fn specify(&mut self, id: TaskId, spec: TaskSpec, generation: f64) -> Vec<Key> {
        let Annotations { priority, retries, workers, allow_other_workers, resources, mut all } = spec.annotations;
        let span = span::take(&mut all);
        self.enter_span(self.tasks[id].group, span.as_ref());
        let task = &mut self.tasks[id];
        task.run_spec = Some(Arc::unwrap_or_clone(spec.run_spec));
        task.priority = Priority { user: -priority, generation, order: spec.order };
        task.data_producer = spec.data_producer;
        task.actor = spec.actor;
        task.retries = retries;
        task.annotations = (!matches!(&all, Value::Map(entries) if entries.is_empty())).then(|| Box::new(all));
        if !workers.is_empty() || !resources.is_empty() {
            task.restrictions = Some(Box::new(Restrictions { workers, allow_other_workers, resources }));
        }
        match spec.dependencies {
            few if few.len() <= LOOKED_THROUGH_MAX && (1..few.len()).all(|at| !few[..at].contains(&few[at])) => few,
            dependencies => dependencies.into_iter().collect::<Set<Key>>().into_iter().collect(),
        }
    }

    fn is_same(&self, id: TaskId, spec: &TaskSpec) -> bool {
        let task = &self.tasks[id];
        let known: Set<&Key> = task.dependencies.iter().map(|&dependency| &self.tasks[dependency].key).collect();
        known == spec.dependencies.iter().collect::<Set<&Key>>()
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
            let id = self.tasks.id(&key).unwrap_or_else(|| self.new_task(key.clone()));
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
                self.tasks.set(id, TaskState::Memory { class: None });
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

/// Whether some of these tasks need their own results.
fn has_cycle(specs: &Map<Key, TaskSpec>) -> bool {
    let mut missing = vec![0_u32; specs.len()];
    // The dependents of each task stand beside each other; here their ends, from which their beginnings are found.
    let mut ends = vec![0_usize; specs.len() + 1];
    let mut edges = Vec::new();
    for (index, spec) in specs.values().enumerate() {
        for dependency in spec.dependencies.iter().filter_map(|key| specs.get_index_of(key)) {
            missing[index] += 1;
            ends[dependency] += 1;
            edges.push((dependency, index));
        }
    }
    let mut start = 0;
    for end in &mut ends {
        start += std::mem::replace(end, start);
    }
    let mut dependents = vec![0; edges.len()];
    for (dependency, index) in edges {
        dependents[ends[dependency]] = index;
        ends[dependency] += 1;
    }
    let mut ready: Vec<usize> = (0..missing.len()).filter(|&index| missing[index] == 0).collect();
    let mut done = 0;
    while let Some(index) = ready.pop() {
        done += 1;
        let start = index.checked_sub(1).map_or(0, |before| ends[before]);
        for &dependent in &dependents[start..ends[index]] {
            missing[dependent] -= 1;
            if missing[dependent] == 0 {
                ready.push(dependent);
            }
        }
    }
    done < specs.len()
}
