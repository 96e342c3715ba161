//! The memory manager, as tests look at it.

use super::seen::{Object, Seen};
use crate::scheduler::Scheduler;

impl Scheduler {
    pub(super) fn memory_manager_attribute(&self, name: &str) -> Option<Seen> {
        Some(match name {
            "running" => self.memory_manager.running.into(),
            "interval" => self.settings.memory_manager_interval.into(),
            "measure" => self.settings.memory_manager_measure.clone().into(),
            "policies" => {
                let count = usize::from(self.settings.reduce_replicas) + self.retiring_count();
                Seen::Set(vec![Seen::Object(Object::Opaque); count])
            }
            _ => return None,
        })
    }
}
