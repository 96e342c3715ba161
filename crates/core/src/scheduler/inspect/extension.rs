//! What is shared, as tests look at it: by the names of Dask's extensions.

use super::seen::{Object, Seen};
use crate::scheduler::Scheduler;
use crate::scheduler::stimulus::Text;

const EXTENSIONS: [&str; 12] = [
    "locks",
    "multi_locks",
    "publish",
    "replay-tasks",
    "queues",
    "variables",
    "semaphores",
    "events",
    "spans",
    "stealing",
    "shuffle",
    "amm",
];

impl Scheduler {
    pub(super) fn extensions_seen(&self) -> Seen {
        let there = |name: &&str| **name != *"stealing" || self.settings.work_stealing;
        Seen::map(
            EXTENSIONS
                .iter()
                .filter(|name| there(name))
                .map(|&name| (name.into(), Seen::Object(Object::Extension(name.into())))),
        )
    }

    pub(super) fn plugins_seen() -> Seen {
        Seen::map(std::iter::once(("shuffle".into(), Seen::Object(Object::Extension("shuffle".into())))))
    }

    pub(super) fn topics_seen(&self) -> Seen {
        let names = self.coordination.topics.names();
        Seen::map(names.map(|name| (name.clone(), Seen::Object(Object::Topic(name)))))
    }

    pub(super) fn topic_attribute(&self, topic: &Text, name: &str) -> Option<Seen> {
        self.coordination.topics.seen(topic, name)
    }
}
