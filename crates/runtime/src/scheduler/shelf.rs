//! Shelves: what may wait for a while, and is then taken down, the oldest first.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::convert::Infallible;
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};

/// Things that wait, each for about as long.
#[derive(Debug)]
pub(super) struct Shelf<T> {
    patience: Duration,
    /// When each is due.
    things: RefCell<VecDeque<(Instant, T)>>,
    wake: Notify,
}

impl<T> Shelf<T> {
    /// An empty shelf, on which nothing stays longer than that.
    pub fn new(patience: Duration) -> Self {
        Self { patience, things: RefCell::default(), wake: Notify::new() }
    }

    pub fn add(&self, thing: T) {
        let mut things = self.things.borrow_mut();
        if things.is_empty() {
            self.wake.notify_one();
        }
        things.push_back((Instant::now() + self.patience, thing));
    }

    /// Takes down what is due, again and again.
    pub async fn empty(&self, take: impl Fn(T)) -> Infallible {
        loop {
            let due = self.things.borrow().front().map(|(due, _)| *due);
            let Some(due) = due else {
                self.wake.notified().await;
                continue;
            };
            sleep_until(due).await;
            // One that is due soon is not worth another turn.
            let soon = Instant::now() + self.patience / 2;
            while let Some(thing) = self.due_before(soon) {
                take(thing);
            }
        }
    }

    fn due_before(&self, time: Instant) -> Option<T> {
        let mut things = self.things.borrow_mut();
        things.front().filter(|(due, _)| *due <= time)?;
        things.pop_front().map(|(_, thing)| thing)
    }
}
