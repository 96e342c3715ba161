//! Shuffles as tests look at them: by the names that Dask's plugin has for them.

use super::Shuffles;
use crate::scheduler::Scheduler;
use crate::scheduler::inspect::seen::{Object, Seen};
use crate::scheduler::worker::Workers;

impl Scheduler {
    /// An attribute of the plugin.
    pub(in crate::scheduler) fn shuffle_attribute(&self, name: &str) -> Option<Seen> {
        self.shuffles.seen(name, &self.workers)
    }
}

impl Shuffles {
    fn seen(&self, name: &str, workers: &Workers) -> Option<Seen> {
        Some(match name {
            // A run that is over is not kept.
            "active_shuffles" | "_shuffles" => {
                Seen::map(self.runs.values().map(|run| (run.id.clone(), Seen::Object(Object::Opaque))))
            }
            "_archived_by_stimulus" => Seen::Map(Vec::new()),
            "heartbeats" => {
                let said = self.runs.values().filter(|run| !run.progress.is_empty());
                Seen::map(said.map(|run| {
                    let by_worker = run.progress.iter();
                    let by_worker =
                        by_worker.map(|(&id, progress)| (workers[id].address().clone(), progress.clone().into()));
                    (run.id.clone(), Seen::map(by_worker))
                }))
            }
            _ => return None,
        })
    }
}
