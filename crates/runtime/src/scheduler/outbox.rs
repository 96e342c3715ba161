//! Outboxes: what is to be said on a stream. What is said between two writes leaves as one message.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;

use cenote_core::protocol::batch::BatchWriter;
use cenote_core::protocol::frame::Frames;
use cenote_core::protocol::record::Operation;
use tokio::sync::Notify;

use crate::comm::{CommError, Sender};

/// Bytes of one message, after which another one is begun.
const MESSAGE_BYTES: usize = 1 << 26;

/// What is to be said on a stream. A clone is the same outbox.
#[derive(Clone, Debug, Default)]
pub(super) struct Outbox(Rc<Contents>);

#[derive(Debug, Default)]
struct Contents {
    finished: RefCell<VecDeque<Frames>>,
    batch: RefCell<BatchWriter>,
    /// Bytes of all that is finished but not written.
    waiting: Cell<usize>,
    closed: Cell<bool>,
    wake: Notify,
}

impl Outbox {
    /// Says something.
    pub fn push<T: Operation>(&self, operation: &T) {
        let mut batch = self.0.batch.borrow_mut();
        batch.push(operation);
        if batch.nbytes() > MESSAGE_BYTES {
            self.finish(std::mem::take(&mut batch));
        } else if batch.len() == 1 {
            self.0.wake.notify_one();
        }
    }

    /// Says something in a message of its own.
    pub fn push_alone<T: Operation>(&self, operation: &T) {
        let mut batch = self.0.batch.borrow_mut();
        if !batch.is_empty() {
            self.finish(std::mem::take(&mut batch));
        }
        batch.push(operation);
        self.finish(std::mem::take(&mut batch));
    }

    /// Nothing more will be said: the stream ends when all that was said is written.
    pub fn close(&self) {
        self.0.closed.set(true);
        self.0.wake.notify_one();
    }

    /// Whether both are the same outbox.
    pub fn is(&self, other: &Self) -> bool {
        Rc::ptr_eq(&self.0, &other.0)
    }

    /// Bytes that are not written yet.
    pub fn nbytes(&self) -> usize {
        self.0.waiting.get() + self.0.batch.borrow().nbytes()
    }

    /// Writes what is said, until the outbox is closed.
    ///
    /// # Errors
    /// The connection broke.
    pub async fn write(&self, sender: &mut Sender) -> Result<(), CommError> {
        loop {
            if let Some(frames) = self.next() {
                sender.send(&frames).await?;
            } else if self.0.closed.get() {
                return Ok(());
            } else {
                self.0.wake.notified().await;
            }
        }
    }

    fn finish(&self, batch: BatchWriter) {
        self.0.waiting.set(self.0.waiting.get() + batch.nbytes());
        self.0.finished.borrow_mut().push_back(batch.finish());
        self.0.wake.notify_one();
    }

    fn next(&self) -> Option<Frames> {
        if let Some(frames) = self.0.finished.borrow_mut().pop_front() {
            let nbytes = frames.iter().map(bytes::Bytes::len).sum();
            self.0.waiting.set(self.0.waiting.get().saturating_sub(nbytes));
            return Some(frames);
        }
        let mut batch = self.0.batch.borrow_mut();
        (!batch.is_empty()).then(|| std::mem::take(&mut *batch).finish())
    }
}
