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
    /// The reader is given up.
    abandoned: Cell<bool>,
    abandonment: Notify,
}

impl Outbox {
    /// Says something.
    pub fn push<T: Operation>(&self, operation: &T) {
        if self.0.abandoned.get() {
            return;
        }
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
        if self.0.abandoned.get() {
            return;
        }
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

    /// Gives the reader up: what was not written is dropped, and so is what is said from now on.
    pub fn abandon(&self) {
        self.0.abandoned.set(true);
        self.drop_contents();
        self.close();
        self.0.abandonment.notify_one();
    }

    /// Waits until the reader is given up.
    pub async fn abandoned(&self) {
        while !self.0.abandoned.get() {
            self.0.abandonment.notified().await;
        }
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

    fn drop_contents(&self) {
        self.0.finished.take();
        self.0.batch.take();
        self.0.waiting.set(0);
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

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;
    use std::time::Duration;

    use cenote_core::protocol::client::{AdjustHeartbeatInterval, ToClient};
    use cenote_core::protocol::limits::Limits;
    use tokio::time::timeout;

    use super::*;
    use crate::comm::{Connection, Listener, connect};

    fn said() -> ToClient {
        AdjustHeartbeatInterval { interval: 1.0 }.into()
    }

    async fn pair() -> (Connection, Connection) {
        let listener = Listener::bind(SocketAddr::from(([127, 0, 0, 1], 0))).unwrap();
        let address = listener.address().unwrap().into();
        let connecting = connect(&address, Limits::default(), Duration::from_secs(20));
        let accepting = async { Connection::shake_hands(listener.accept().await, Limits::default()).await };
        let (ours, theirs) = tokio::join!(connecting, accepting);
        (ours.unwrap(), theirs.unwrap())
    }

    #[tokio::test(flavor = "current_thread")]
    async fn what_is_said_before_it_is_closed_is_written_as_one_message() {
        let ((_, mut sender), mut theirs) = {
            let (ours, theirs) = pair().await;
            (ours.split(), theirs)
        };
        let outbox = Outbox::default();
        (0..3).for_each(|_| outbox.push(&said()));
        outbox.close();
        outbox.write(&mut sender).await.unwrap();
        let frames = theirs.receive().await.unwrap();
        assert_eq!(cenote_core::protocol::batch::Batch::<ToClient>::new(&frames).unwrap().count(), 3);
        assert_eq!(outbox.nbytes(), 0);
    }

    #[tokio::test(flavor = "current_thread")]
    async fn a_reader_that_is_given_up_holds_nothing_back() {
        let ((_, mut sender), _theirs) = {
            let (ours, theirs) = pair().await;
            (ours.split(), theirs)
        };
        let outbox = Outbox::default();
        // More than the system takes for a peer that does not read.
        (0..1_000_000).for_each(|_| outbox.push(&said()));
        let stuck = timeout(Duration::from_millis(200), outbox.write(&mut sender)).await;
        assert!(stuck.is_err(), "the peer does not read");
        outbox.push(&said());
        outbox.abandon();
        timeout(Duration::from_secs(20), outbox.abandoned()).await.unwrap();
        outbox.push(&said());
        assert_eq!(outbox.nbytes(), 0, "nothing is kept for it any more");
        timeout(Duration::from_secs(20), outbox.write(&mut sender)).await.unwrap().unwrap();
    }
}
