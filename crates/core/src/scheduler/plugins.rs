//! Plugins: what workers and nannies that come are given. Pickled, and never opened here.

use super::Scheduler;
use super::registry::Map;
use super::stimulus::Text;
use crate::protocol::field;
use crate::protocol::question::{DropPlugin, KeepPlugin};
use crate::protocol::shuffle;
use crate::protocol::value::Value;

/// The plugins of workers and those of nannies, by name.
#[derive(Debug)]
pub(super) struct Plugins {
    workers: Map<Text, Value>,
    nannies: Map<Text, Value>,
}

impl Default for Plugins {
    /// Every worker can shuffle.
    fn default() -> Self {
        let shuffle = ("shuffle".into(), Value::Bytes(shuffle::worker_plugin()));
        Self { workers: Map::from_iter([shuffle]), nannies: Map::default() }
    }
}

impl Plugins {
    /// Keeps a plugin; says whether it did.
    pub fn keep(&mut self, it: KeepPlugin) -> bool {
        let plugins = self.of(it.nanny);
        if it.idempotent && plugins.contains_key(&it.name) {
            return false;
        }
        plugins.insert(it.name, it.plugin);
        true
    }

    /// Forgets a plugin; says whether there was one.
    pub fn forget(&mut self, it: &DropPlugin) -> bool {
        self.of(it.nanny).shift_remove(&it.name).is_some()
    }

    fn of(&mut self, nanny: bool) -> &mut Map<Text, Value> {
        if nanny { &mut self.nannies } else { &mut self.workers }
    }
}

impl Scheduler {
    /// The plugins that a worker is given when it joins.
    pub(super) fn worker_plugins(&self) -> Value {
        let plugins = self.plugins.workers.iter();
        Value::Map(plugins.map(|(name, plugin)| (name.clone().into(), plugin.clone())).collect())
    }

    /// The plugins that a nanny is given when it comes.
    pub fn nanny_plugins(&self) -> field::Map<Text, Value> {
        field::Map(self.plugins.nannies.iter().map(|(name, plugin)| (name.clone(), plugin.clone())).collect())
    }
}
