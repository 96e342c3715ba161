//! The trees that spans stand in.

use super::{MEASURES_MAX, SPANS_MAX, Span, Spans, keep};
use crate::protocol::value::Value;
use crate::scheduler::Scheduler;
use crate::scheduler::group::Group;
use crate::scheduler::measures::Measures;
use crate::scheduler::registry::{Id, Set};
use crate::scheduler::stimulus::Text;
use crate::scheduler::totals::Totals;

impl Span {
    fn new(name: Vec<Text>, parent: Option<Text>, annotation: Option<Value>, now: f64) -> Self {
        Self {
            name,
            parent,
            children: Vec::new(),
            enqueued: now,
            groups: Set::default(),
            forgotten: 0,
            past: Totals::default(),
            code: Vec::new(),
            metadata: Vec::new(),
            measures: Measures::default(),
            annotation,
        }
    }

    /// What its tasks are told of it; nothing for a default span.
    pub fn annotation(&self) -> Option<&Value> {
        self.annotation.as_ref()
    }
}

impl Spans {
    /// The span of these names and ids, made if need be, with all around it.
    pub(super) fn named(&mut self, tags: &[(Text, Text)], now: f64) -> Text {
        self.make_room(tags);
        let mut parent: Option<Text> = None;
        for (depth, (_, id)) in (1..).zip(tags) {
            if !self.by_id.contains_key(id) {
                let name: Vec<Text> = tags[..depth].iter().map(|(name, _)| name.clone()).collect();
                let ids = tags[..depth].iter().map(|(_, id)| id.clone().into()).collect();
                let names = name.iter().cloned().map(Value::from).collect();
                let annotation = Value::map([("name", Value::Tuple(names)), ("ids", Value::Tuple(ids))]);
                if let Some(parent) = parent.as_ref().and_then(|parent| self.by_id.get_mut(parent)) {
                    parent.children.push(id.clone());
                }
                self.by_id.insert(id.clone(), Span::new(name, parent, Some(annotation), now));
            }
            parent = Some(id.clone());
        }
        parent.expect("a span has a name")
    }

    /// A new default span.
    pub(super) fn default(&mut self, id: Text, now: f64) -> Text {
        self.make_room(&[]);
        self.by_id.insert(id.clone(), Span::new(vec!["default".into()], None, None, now));
        id
    }

    pub(super) fn add_group(&mut self, id: &Text, group: Id<Group>) {
        if let Some(span) = self.by_id.get_mut(id) {
            span.groups.insert(group);
        }
    }

    /// Forgets the oldest spans that have neither tasks nor spans in them, but for these. What came of them is added to
    /// the spans around them.
    fn make_room(&mut self, but_for: &[(Text, Text)]) {
        while self.by_id.len() >= SPANS_MAX {
            let empty = |(id, span): (&Text, &Span)| {
                span.children.is_empty()
                    && span.groups.is_empty()
                    && !but_for.iter().any(|(_, other)| other == id)
                    && !self.entering.spans.contains(id)
            };
            let Some(place) = self.by_id.iter().take(SPANS_MAX).position(empty) else { return };
            let (id, span) = self.by_id.shift_remove_index(place).expect("it was just found");
            if let Some(parent) = span.parent.as_ref().and_then(|parent| self.by_id.get_mut(parent)) {
                parent.children.retain(|child| *child != id);
                parent.forgotten += span.forgotten;
                parent.past.add(&span.past);
                parent.measures.merge(&span.measures, MEASURES_MAX);
                span.code.iter().for_each(|code| keep(&mut parent.code, Some(code)));
            }
        }
    }

    /// A span and all that stand in it, each before those in it.
    pub fn with_children(&self, id: &Text) -> Vec<(&Text, &Span)> {
        let mut found = Vec::new();
        let mut stack = vec![id];
        while let Some((id, span)) = stack.pop().and_then(|id| self.by_id.get_key_value(id)) {
            found.push((id, span));
            stack.extend(span.children.iter().rev());
        }
        found
    }
}

impl Scheduler {
    /// Whether all tasks of a span and of those in it are done.
    pub(in crate::scheduler) fn is_span_done(&self, id: &Text) -> bool {
        let spans = self.spans.with_children(id);
        spans.iter().flat_map(|(_, span)| &span.groups).all(|&group| !self.tasks.works(group))
    }

    /// What came of the tasks of a span and of those in it.
    pub(in crate::scheduler) fn span_totals(&self, id: &Text) -> Totals {
        let mut totals = Totals::default();
        for (_, span) in self.spans.with_children(id) {
            totals.add(&span.past);
            for &group in &span.groups {
                totals.add(self.groups.totals(group));
            }
        }
        totals
    }

    /// How many threads there were from when until when, from the beginning of a span to its end, which is `now` if it
    /// is not done.
    pub(in crate::scheduler) fn span_threads(&self, id: &Text, now: f64) -> Vec<(f64, f64, u64)> {
        let Some(span) = self.spans.get(id) else { return Vec::new() };
        let stop = self.span_stop(id, now);
        let history = self.spans.threads();
        let first = history.partition_point(|&(at, _)| at <= span.enqueued).saturating_sub(1);
        let known = history.iter().skip(first).take_while(|&&(at, _)| at < stop);
        let mut changes: Vec<(f64, u64)> = Vec::new();
        for &(at, threads) in known {
            let at = at.max(span.enqueued);
            match changes.last_mut().filter(|(last, _)| *last >= at) {
                Some((_, last)) => *last = threads,
                None => changes.push((at, threads)),
            }
        }
        let ends: Vec<f64> = changes.iter().skip(1).map(|&(at, _)| at).chain([stop]).collect();
        changes.into_iter().zip(ends).map(|((start, threads), end)| (start, end, threads)).collect()
    }

    /// When the last task of a span was done, or `now` if one is not.
    pub(in crate::scheduler) fn span_stop(&self, id: &Text, now: f64) -> f64 {
        let Some(span) = self.spans.get(id) else { return now };
        let stop = if self.is_span_done(id) { self.span_totals(id).stop } else { now };
        stop.max(span.enqueued)
    }
}
