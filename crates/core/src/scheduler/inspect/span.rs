//! Spans, as tests look at them.

use super::seen::{Object, Seen, Table};
use crate::protocol::field::Text;
use crate::protocol::value::Value;
use crate::scheduler::Scheduler;
use crate::scheduler::measures::Measures;
use crate::scheduler::registry::{Map, Set};
use crate::scheduler::span::Span;

/// Beyond all measures of workers.
const NO_LIMIT: usize = usize::MAX;
/// What Dask calls the time that threads were there and did nothing for a span.
const ELSEWHERE: [&str; 4] = ["execute", "N/A", "idle or other spans", "seconds"];

fn seen(id: &Text) -> Seen {
    Seen::Object(Object::Span(id.clone()))
}

fn full_name(span: &Span) -> Seen {
    Seen::Tuple(span.name.iter().cloned().map(Seen::from).collect())
}

fn table(measures: &Measures) -> Seen {
    Seen::Map(measures.iter().map(|(name, sum)| (name.into(), sum.into())).collect())
}

impl Scheduler {
    /// What the extension of this name for spans has.
    pub(super) fn spans_attribute(&self, name: &str) -> Option<Seen> {
        let mut found: Map<Vec<Text>, Vec<Seen>> = Map::default();
        for (id, span) in self.spans.iter() {
            let names: Vec<Vec<Text>> = match name {
                "spans" => vec![vec![id.clone()]],
                "root_spans" => span.parent.is_none().then(Vec::new).into_iter().collect(),
                "spans_search_by_name" => vec![span.name.clone()],
                "spans_search_by_tag" => {
                    span.name.iter().map(|tag| vec![tag.clone()]).collect::<Set<_>>().into_iter().collect()
                }
                _ => return None,
            };
            for name in names {
                found.entry(name).or_default().push(seen(id));
            }
        }
        let first = |names: Vec<Text>| names.into_iter().next().map_or(Seen::NONE, Seen::from);
        let found = found.into_iter();
        Some(match name {
            "root_spans" => Seen::List(found.flat_map(|(_, spans)| spans).collect()),
            "spans" => Seen::Map(
                found.flat_map(|(id, spans)| spans.into_iter().map(move |span| (first(id.clone()), span))).collect(),
            ),
            "spans_search_by_tag" => Seen::Map(found.map(|(tag, spans)| (first(tag), Seen::List(spans))).collect()),
            _ => {
                let name = |tags: Vec<Text>| Value::Tuple(tags.into_iter().map(Value::from).collect()).into();
                Seen::Map(found.map(|(tags, spans)| (name(tags), Seen::List(spans))).collect())
            }
        })
    }

    pub(super) fn span_attribute(&self, id: &Text, name: &str, now: f64) -> Option<Seen> {
        let span = self.spans.get(id)?;
        let start = |start: f64| if start > 0.0 { start.max(span.enqueued) } else { 0.0 };
        let pickled =
            |parts: &[_]| parts.iter().map(|part| Value::Pickled(Box::new(Clone::clone(part))).into()).collect();
        Some(match name {
            "id" => id.clone().into(),
            "name" => full_name(span),
            "annotation" => span.annotation().cloned().unwrap_or(Value::Nil).into(),
            "parent" => span.parent.as_ref().map_or(Seen::NONE, seen),
            "children" => Seen::List(span.children.iter().map(seen).collect()),
            "groups" => {
                let groups = span.groups.iter().map(|&group| self.groups.name(group).into());
                Seen::Set(groups.map(|name| Seen::Row(Table::Groups, name)).collect())
            }
            "enqueued" => span.enqueued.into(),
            "start" => start(self.span_totals(id).start).into(),
            "stop" => self.span_stop(id, now).into(),
            "done" => self.is_span_done(id).into(),
            "duration" => self.span_totals(id).duration().into(),
            "all_durations" => super::group::durations(&self.span_totals(id)),
            "nbytes_total" => self.span_totals(id).nbytes.into(),
            "code" => {
                let code = self.spans.with_children(id).into_iter().flat_map(|(_, span)| &span.code);
                let code: Vec<_> = code.fold(Vec::new(), |mut known, code| {
                    if !known.contains(code) {
                        known.push(code.clone());
                    }
                    known
                });
                Seen::List(pickled(&code))
            }
            "metadata" => span.metadata.last().map_or(Seen::NONE, |it| Value::Pickled(Box::new(it.clone())).into()),
            "_cumulative_worker_metrics" => table(&span.measures),
            _ => return self.measured_attribute(id, name, now),
        })
    }

    fn measured_attribute(&self, id: &Text, name: &str, now: f64) -> Option<Seen> {
        let intervals = self.span_threads(id, now);
        let active: f64 = intervals.iter().map(|(start, stop, threads)| (stop - start) * *threads as f64).sum();
        Some(match name {
            "nthreads_intervals" => {
                let interval = |(start, stop, threads): (f64, f64, u64)| {
                    Seen::Tuple(vec![start.into(), stop.into(), threads.into()])
                };
                Seen::List(intervals.into_iter().map(interval).collect())
            }
            "active_cpu_seconds" => active.into(),
            "cumulative_worker_metrics" => {
                let mut all = Measures::default();
                for (_, span) in self.spans.with_children(id) {
                    all.merge(&span.measures, NO_LIMIT);
                }
                let executed = all.iter().filter_map(|(name, sum)| match &name {
                    Value::Tuple(parts)
                        if parts.first() == Some(&"execute".into()) && parts.last() == Some(&"seconds".into()) =>
                    {
                        sum.as_f64()
                    }
                    _ => None,
                });
                let elsewhere = (active - executed.sum::<f64>()).max(0.0);
                all.add(&Value::Tuple(ELSEWHERE.map(Value::from).to_vec()), &elsewhere.into(), NO_LIMIT);
                table(&all)
            }
            "states" => {
                let spans = self.spans.with_children(id);
                let forgotten: u64 = spans.iter().map(|(_, span)| span.forgotten).sum();
                let groups: Set<_> = spans.iter().flat_map(|(_, span)| span.groups.iter().copied()).collect();
                let tasks: Vec<_> =
                    self.tasks.iter().map(|(_, task)| task).filter(|it| groups.contains(&it.group)).collect();
                let alive = groups.iter().map(|&group| self.groups.forgotten(group) as u64).sum::<u64>();
                return super::group::counted(&tasks, forgotten + alive, "states");
            }
            _ => return None,
        })
    }
}
