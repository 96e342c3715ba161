//! Ticks: time passes for the scheduler, and now and then workers say that they live.

use cenote_core::protocol::field::{Map, Optional};
use cenote_core::protocol::value::Value;
use cenote_core::protocol::worker::HeartbeatWorker;
use cenote_core::scheduler::stimulus::Stimulus;
use cenote_core::scheduler::worker::WorkerStatus;

use super::cluster::Cluster;
use super::network::Event;

const MILLI: u64 = 1000;
/// Workers send heartbeats this many times more seldom than the scheduler is told that time passes.
const TICKS_A_BEAT: u64 = 5;

impl Cluster {
    pub fn tick(&mut self) {
        self.at_scheduler(None, Stimulus::Tick);
        self.net.after(100 * MILLI, Event::Tick);
        self.ticks += 1;
        if !self.ticks.is_multiple_of(TICKS_A_BEAT) {
            return;
        }
        for index in 0..self.workers.len() {
            if self.workers[index].alive && !self.workers[index].frozen {
                if !self.faults && self.workers[index].status != WorkerStatus::Running {
                    // It was told to take no work, and nobody else will tell it to go on.
                    self.workers[index].take_on(WorkerStatus::Running);
                    self.act(index);
                }
                self.beat(index);
                self.workers[index].find_missing();
                self.act(index);
            }
        }
    }

    fn beat(&mut self, index: usize) {
        let worker = &self.workers[index];
        let (name, connection) = (worker.name.clone(), worker.connection);
        let beat = HeartbeatWorker {
            address: (*worker.address).into(),
            now: self.net.now as f64 / 1e6,
            metrics: Value::Nil,
            executing: Map(worker.executing(0.05)),
            extensions: Optional(None),
        };
        self.ask(&name, Some(connection), beat);
    }
}
