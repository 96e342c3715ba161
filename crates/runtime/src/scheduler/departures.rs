//! Departures: workers that leave at about the same time are let go together. One by one, each would leave its tasks to
//! those that leave next, and in the end these would be blamed for so many deaths.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use cenote_core::protocol::field::Text;
use cenote_core::scheduler::stimulus::Stimulus;
use tokio::time::{Instant, sleep};

use super::hub::Hub;

/// Nobody has left for so long: those who have are let go.
const QUIET: Duration = Duration::from_millis(10);
/// They are let go after so long, whoever leaves then.
const PATIENCE: Duration = Duration::from_millis(500);

/// Workers that have left, and are still known.
#[derive(Debug, Default)]
pub(super) struct Departures {
    workers: RefCell<Vec<Text>>,
    /// How many there have been.
    count: Cell<u64>,
}

impl Hub {
    /// A worker has left. It is let go soon, with all that leave now.
    pub fn depart(self: &Rc<Self>, worker: Text) {
        let departures = &self.departures;
        departures.count.set(departures.count.get() + 1);
        departures.workers.borrow_mut().push(worker);
        if departures.workers.borrow().len() == 1 {
            tokio::task::spawn_local(Rc::clone(self).let_go_soon());
        }
    }

    async fn let_go_soon(self: Rc<Self>) {
        let end = Instant::now() + PATIENCE;
        loop {
            let count = self.departures.count.get();
            sleep(QUIET).await;
            if count == self.departures.count.get() || Instant::now() > end {
                return self.let_go();
            }
        }
    }

    /// Lets go who has left. Whoever comes next may have the address or the name of one of them, or ask for them.
    pub fn let_go(self: &Rc<Self>) {
        let mut workers = self.departures.workers.take();
        let expected = false;
        match workers.len() {
            0 => {}
            1 => self.stimulate(Stimulus::WorkerLeft { worker: workers.remove(0), expected }),
            _ => self.stimulate(Stimulus::WorkersLeft { workers, expected }),
        }
    }
}
