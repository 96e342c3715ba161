//! Computations: which graphs were worked on together, and the code that has asked for them. For people who look on.

use std::collections::VecDeque;

use super::Scheduler;
use super::registry::Set;
use super::task::{StateName, TaskId};
use crate::key::Key;
use crate::protocol::client::UpdateGraph;
use crate::protocol::serialized::Pickled;

/// So many computations are remembered.
const COMPUTATIONS_MAX: usize = 100;
/// The pickle of an empty tuple or dictionary is not longer.
const EMPTY_BYTES_MAX: usize = 6;
/// So many of their groups, pieces of code and annotations are.
const PARTS_MAX: usize = 1000;

/// The last computations, and what is known of graphs that are being read.
#[derive(Debug, Default)]
pub(super) struct Computations {
    last: VecDeque<Computation>,
    announced: VecDeque<(u64, Source)>,
    /// Whether a client has sent graphs behind one that was read.
    pub behind: bool,
}

/// What a client says about a graph: pickles, which are told to whoever asks.
#[derive(Debug)]
pub(super) struct Source {
    code: Option<Pickled>,
    annotations: Option<Pickled>,
    metadata: Option<Pickled>,
    /// Whether there was nothing else to do when it came.
    alone: bool,
}

/// Graphs that were worked on without a pause.
#[derive(Debug)]
pub(super) struct Computation {
    pub start: f64,
    pub groups: Set<Key>,
    pub code: Vec<Pickled>,
    pub annotations: Vec<Pickled>,
}

impl Computations {
    /// The last ones, in order.
    pub fn last(&self) -> &VecDeque<Computation> {
        &self.last
    }

    /// A graph is read that comes from this code.
    fn announce(&mut self, ticket: u64, graph: &UpdateGraph, alone: bool) {
        let alone = alone && !self.behind;
        let source = Source {
            code: said(graph.code.as_ref()),
            annotations: said(graph.annotations.as_ref()),
            metadata: said(graph.span_metadata.as_ref()),
            alone,
        };
        self.announced.push_back((ticket, source));
    }

    /// The reading of a graph is over.
    pub fn take(&mut self, ticket: u64) -> Option<Source> {
        let place = self.announced.iter().position(|(announced, _)| *announced == ticket)?;
        self.announced.remove(place).map(|(_, source)| source)
    }
}

impl Source {
    /// The code that has submitted the graph.
    pub fn code(&self) -> Option<&Pickled> {
        self.code.as_ref()
    }

    /// What is known of the collections that it belongs to.
    pub fn metadata(&self) -> Option<&Pickled> {
        self.metadata.as_ref()
    }
}

/// What a client says, in memory of its own, if it says anything.
fn said(part: Option<&Pickled>) -> Option<Pickled> {
    let pickle = part?.pickle().ok()?;
    (pickle.len() > EMPTY_BYTES_MAX).then(|| Pickled::new(&pickle, part.map_or(&[][..], Pickled::frames).to_vec()))
}

fn add(parts: &mut Vec<Pickled>, part: Option<Pickled>) {
    if let Some(part) = part
        && parts.len() < PARTS_MAX
        && !parts.contains(&part)
    {
        parts.push(part);
    }
}

impl Scheduler {
    fn works(&self) -> bool {
        let busy = [StateName::Processing, StateName::Waiting, StateName::Queued, StateName::NoWorker];
        busy.into_iter().any(|state| self.tasks.count(state) > 0)
    }

    /// A graph is read.
    pub(super) fn announce_computation(&mut self, ticket: u64, graph: &UpdateGraph) {
        let alone = !self.works();
        self.computations.announce(ticket, graph, alone);
    }

    /// A graph was read. It belongs to the last computation if that is not over.
    pub(super) fn begin_computation(&mut self, source: Option<Source>) {
        let Some(source) = source else { return };
        if source.alone || self.computations.last.is_empty() {
            if self.computations.last.len() >= COMPUTATIONS_MAX {
                self.computations.last.pop_front();
            }
            let (groups, code, annotations) = (Set::default(), Vec::new(), Vec::new());
            self.computations.last.push_back(Computation { start: self.now, groups, code, annotations });
        }
        if let Some(computation) = self.computations.last.back_mut() {
            add(&mut computation.code, source.code);
            add(&mut computation.annotations, source.annotations);
        }
    }

    /// Tasks belong to the last computation, and so do their groups.
    pub(super) fn compute_together(&mut self, tasks: &[TaskId]) {
        let Some(computation) = self.computations.last.back_mut() else { return };
        let mut last = None;
        for &id in tasks {
            let group = self.tasks[id].group;
            if last != Some(group) && computation.groups.len() < PARTS_MAX {
                computation.groups.insert(self.groups.name(group).clone());
                last = Some(group);
            }
        }
    }
}
