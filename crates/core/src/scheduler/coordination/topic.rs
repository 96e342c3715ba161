//! Topics: events that happened, kept for a while, and told to those who subscribe.

use std::collections::VecDeque;

use crate::protocol::client;
use crate::protocol::value::Value;
use crate::scheduler::Scheduler;
use crate::scheduler::inspect::seen::Seen;
use crate::scheduler::registry::{Map, Set};
use crate::scheduler::stimulus::Text;

/// All topics of which anything was ever said or asked.
#[derive(Debug, Default)]
pub(in crate::scheduler) struct Topics {
    topics: Map<Text, Topic>,
    /// When the events of those who have left are forgotten.
    cleared: VecDeque<(f64, Text)>,
}

#[derive(Debug, Default)]
struct Topic {
    /// The last ones: when, and what.
    events: VecDeque<(f64, Value)>,
    /// How many there have been.
    count: u64,
    subscribers: Set<Text>,
}

impl Topic {
    fn said(&self) -> Value {
        Value::Tuple(self.events.iter().map(said).collect())
    }
}

fn said((time, event): &(f64, Value)) -> Value {
    Value::Tuple(vec![Value::Float(*time), event.clone()])
}

impl Topics {
    /// The names of all topics.
    pub fn names(&self) -> impl Iterator<Item = Text> {
        self.topics.keys().cloned()
    }

    /// A topic as tests look at it.
    pub fn seen(&self, topic: &Text, name: &str) -> Option<Seen> {
        let topic = self.topics.get(topic)?;
        Some(match name {
            "events" => Seen::List(topic.events.iter().map(|event| said(event).into()).collect()),
            "subscribers" => Seen::Set(topic.subscribers.iter().map(|name| name.clone().into()).collect()),
            "count" => topic.count.into(),
            _ => return None,
        })
    }

    /// The last events of a topic, the newest last.
    pub fn last(&self, topic: &Text, count: usize) -> Vec<(f64, Value)> {
        let events = self.topics.get(topic).map(|topic| &topic.events);
        events.map_or_else(Vec::new, |events| events.iter().skip(events.len().saturating_sub(count)).cloned().collect())
    }

    fn events(&self, topic: Option<&Text>) -> Value {
        if let Some(topic) = topic {
            return self.topics.get(topic).map_or_else(|| Value::Tuple(Vec::new()), Topic::said);
        }
        let topics = self.topics.iter().filter(|(_, topic)| !topic.events.is_empty());
        Value::Map(topics.map(|(name, topic)| (name.clone().into(), topic.said())).collect())
    }
}

impl Scheduler {
    /// The events of a topic, or of all by name.
    pub(in crate::scheduler) fn events(&self, topic: Option<&Text>) -> Value {
        self.coordination.topics.events(topic)
    }

    /// Notes that something happened, and tells those who subscribe.
    pub(in crate::scheduler) fn log_event(&mut self, topics: &[&Text], event: &Value) {
        for &name in topics {
            let topic = self.coordination.topics.topics.entry(name.clone()).or_default();
            if topic.events.len() >= self.settings.events_max {
                topic.events.pop_front();
            }
            topic.count += 1;
            topic.events.push_back((self.now, event.clone()));
            let subscribers: Vec<_> = topic.subscribers.iter().cloned().collect();
            for subscriber in subscribers {
                if let Some(id) = self.clients.id(&subscriber) {
                    let event = said(&(self.now, event.clone()));
                    self.tell_client(id, client::Event { topic: name.clone(), event });
                }
            }
            self.show_event(name, event);
        }
    }

    /// Notes what a worker says, and who it was.
    pub(in crate::scheduler) fn log_worker_event(&mut self, worker: &Text, topics: &Value, mut event: Value) {
        if let Value::Map(entries) = &mut event
            && topics.as_str() != Some(worker)
        {
            entries.retain(|(key, _)| key.as_str() != Some("worker"));
            entries.push(("worker".into(), worker.clone().into()));
        }
        self.log_user_event(topics, &event);
    }

    /// Notes what a user says, on one topic or on several.
    pub(in crate::scheduler) fn log_user_event(&mut self, topics: &Value, event: &Value) {
        let topics: Vec<Text> = match topics {
            Value::Str(topic) => vec![topic.clone()],
            Value::Tuple(topics) | Value::Set(topics) => topics
                .iter()
                .filter_map(|topic| if let Value::Str(topic) = topic { Some(topic.clone()) } else { None })
                .collect(),
            _ => Vec::new(),
        };
        self.log_event(&topics.iter().collect::<Vec<_>>(), event);
    }

    pub(super) fn subscribe(&mut self, topic: Text, client: Text) {
        self.coordination.topics.topics.entry(topic).or_default().subscribers.insert(client);
    }

    pub(super) fn unsubscribe(&mut self, topic: &Text, client: &Text) {
        if let Some(topic) = self.coordination.topics.topics.get_mut(topic) {
            topic.subscribers.shift_remove(client);
        }
    }

    /// A client has left: it is told nothing any more.
    pub(super) fn unsubscribe_all(&mut self, client: &Text) {
        for topic in self.coordination.topics.topics.values_mut() {
            topic.subscribers.shift_remove(client);
        }
    }

    /// A client or a worker has left. Its events are forgotten some time later.
    pub(in crate::scheduler) fn clear_topic_later(&mut self, name: &Text) {
        let when = self.now + self.settings.events_cleanup_delay;
        self.coordination.topics.cleared.push_back((when, name.clone()));
    }

    pub(super) fn clear_topics(&mut self) {
        while let Some((when, name)) = self.coordination.topics.cleared.front().cloned()
            && when <= self.now
        {
            self.coordination.topics.cleared.pop_front();
            if self.clients.id(&name).is_none() && self.workers.id(&name).is_none() {
                self.coordination.topics.topics.swap_remove(&name);
            }
        }
    }
}
