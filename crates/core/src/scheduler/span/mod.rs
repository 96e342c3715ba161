//! Spans: what users call the parts of their work, as trees. Every group of tasks that can be computed belongs to one
//! span, that of the first of them; what no user has named belongs to a default span, until all of it is done.
//!
//! Users look at spans when their tasks are long forgotten, so spans stay: the last ones, as they are. What came of
//! older ones is added to the spans around them.

mod tree;

use std::collections::VecDeque;

use super::Scheduler;
use super::computation::Source;
use super::group::Group;
use super::measures::Measures;
use super::registry::{Id, Map, Set};
use super::stimulus::Text;
use super::totals::Totals;
use crate::protocol::serialized::Pickled;
use crate::protocol::value::Value;

/// So many spans are kept that have no tasks.
const SPANS_MAX: usize = 1000;
/// So many spans may stand in each other.
const DEPTH_MAX: usize = 100;
/// So many changes of the number of threads are remembered.
const CHANGES_MAX: usize = 10_000;
/// So many measures are added up in a span.
const MEASURES_MAX: usize = 1000;
/// So many pieces of code and of metadata are kept of a span.
const PARTS_MAX: usize = 100;
/// The annotation that says which span a task belongs to.
const ANNOTATION: &str = "span";

/// A part of somebody's work.
#[derive(Debug)]
pub(super) struct Span {
    /// The names of the spans that it stands in, and its own.
    pub name: Vec<Text>,
    pub parent: Option<Text>,
    pub children: Vec<Text>,
    /// When the first of its tasks came.
    pub enqueued: f64,
    /// Its groups that are not forgotten.
    pub groups: Set<Id<Group>>,
    /// How many tasks its forgotten groups had, and what came of them.
    pub forgotten: u64,
    pub past: Totals,
    /// What users have written to submit its tasks.
    pub code: Vec<Pickled>,
    /// What collections they belong to.
    pub metadata: Vec<Pickled>,
    /// What workers have measured for its own tasks.
    pub measures: Measures,
    /// What its tasks are told of it; nothing for a default span.
    annotation: Option<Value>,
}

/// All spans.
#[derive(Debug, Default)]
pub(super) struct Spans {
    by_id: Map<Text, Span>,
    /// The span of tasks that no user has put into one.
    default: Option<Text>,
    /// How many default spans there have been.
    defaults: u64,
    entering: Entering,
    /// How many threads there were from when on.
    threads: VecDeque<(f64, u64)>,
}

/// What is known of the graph whose tasks are entered now.
#[derive(Debug, Default)]
struct Entering {
    /// The group of the last task.
    group: Option<Id<Group>>,
    /// The spans of all its tasks.
    spans: Set<Text>,
    /// The default span of this graph.
    default: Option<Text>,
}

impl Spans {
    /// A span by its id.
    pub fn get(&self, id: &str) -> Option<&Span> {
        self.by_id.get(id)
    }

    /// All spans by id, the oldest first.
    pub fn iter(&self) -> impl Iterator<Item = (&Text, &Span)> {
        self.by_id.iter()
    }

    /// How many threads there were from when on.
    pub fn threads(&self) -> &VecDeque<(f64, u64)> {
        &self.threads
    }

    /// There are so many threads from now on.
    pub fn note_threads(&mut self, now: f64, threads: u64) {
        if self.threads.len() >= CHANGES_MAX {
            self.threads.pop_front();
        }
        self.threads.push_back((now, threads));
    }

    /// A group has lost its last task: what came of it stays.
    pub fn bury(&mut self, id: Id<Group>, group: &Group) {
        if let Some(span) = group.span.as_ref().and_then(|span| self.by_id.get_mut(span)) {
            span.groups.swap_remove(&id);
            span.forgotten += group.len() as u64;
            span.past.add(&group.totals);
        }
    }

    /// Adds up what a worker has measured, each name with its span in the second place.
    pub fn measure(&mut self, measured: &Value) {
        let Value::Map(measured) = measured else { return };
        for (name, amount) in measured {
            if let Value::Tuple(parts) = name
                && let [context, Value::Str(span), rest @ ..] = parts.as_slice()
                && let Some(span) = self.by_id.get_mut(span)
            {
                let name = std::iter::once(context).chain(rest).cloned().collect();
                span.measures.add(&Value::Tuple(name), amount, MEASURES_MAX);
            }
        }
    }
}

/// Takes the span out of what a user has noted about a task: from now on its group knows.
pub(super) fn take(notes: &mut Value) -> Option<Value> {
    let Value::Map(notes) = notes else { return None };
    let place = notes.iter().position(|(name, _)| name.as_str() == Some(ANNOTATION))?;
    Some(notes.remove(place).1)
}

/// The names and ids that an annotation has, from the outermost span to the innermost.
fn tags(said: &Value) -> Option<Vec<(Text, Text)>> {
    let Some((Value::Tuple(names), Value::Tuple(ids))) = said.get("name").zip(said.get("ids")) else { return None };
    let tag = |(name, id): (&Value, &Value)| Some((name.as_str()?.into(), id.as_str()?.into()));
    let tags: Vec<_> = names.iter().zip(ids).map(tag).collect::<Option<_>>()?;
    let fits = names.len() == ids.len() && (1..=DEPTH_MAX).contains(&tags.len());
    fits.then_some(tags)
}

fn keep(parts: &mut Vec<Pickled>, part: Option<&Pickled>) {
    if let Some(part) = part
        && parts.len() < PARTS_MAX
        && !parts.contains(part)
    {
        parts.push(part.clone());
    }
}

impl Scheduler {
    /// The tasks of a graph are about to be entered.
    pub(super) fn begin_spans(&mut self) {
        self.spans.entering = Entering::default();
    }

    /// A task that can be computed was entered: its group belongs to the span of the first such task.
    pub(super) fn enter_span(&mut self, group: Id<Group>, said: Option<&Value>) {
        if self.spans.entering.group.replace(group) == Some(group) {
            return;
        }
        let span = self.groups.span(group).cloned().unwrap_or_else(|| {
            let span = match said.and_then(tags) {
                Some(tags) => self.spans.named(&tags, self.now),
                None => self.default_span(),
            };
            self.groups.join(group, span.clone());
            self.spans.add_group(&span, group);
            span
        });
        self.spans.entering.spans.insert(span);
    }

    /// All tasks of a graph were entered: their spans know where it came from.
    pub(super) fn end_spans(&mut self, source: Option<&Source>) {
        let entered = std::mem::take(&mut self.spans.entering).spans;
        let Some(source) = source else { return };
        for id in &entered {
            if let Some(span) = self.spans.by_id.get_mut(id) {
                keep(&mut span.code, source.code());
                keep(&mut span.metadata, source.metadata());
            }
        }
    }

    /// The span of what no user has named: a new one if all is done that belongs to the last.
    fn default_span(&mut self) -> Text {
        if let Some(default) = &self.spans.entering.default {
            return default.clone();
        }
        let last = self.spans.default.clone().filter(|id| !self.is_span_done(id));
        let span = last.unwrap_or_else(|| {
            self.spans.defaults += 1;
            let id = format!("default-{}-{}", self.settings.epoch, self.spans.defaults).into();
            self.spans.default(id, self.now)
        });
        self.spans.default = Some(span.clone());
        self.spans.entering.default = Some(span.clone());
        span
    }

    /// What the worker of a task is told about it: what its user has noted, and its span.
    pub(super) fn notes(&self, id: super::task::TaskId) -> Value {
        let task = &self.tasks[id];
        let span = self.groups.span(task.group).and_then(|span| self.spans.get(span)?.annotation.as_ref());
        let mut notes = task.annotations.as_ref().map_or_else(|| Value::Map(Vec::new()), |it| (**it).clone());
        if let (Value::Map(notes), Some(span)) = (&mut notes, span) {
            notes.push((ANNOTATION.into(), span.clone()));
        }
        notes
    }
}
