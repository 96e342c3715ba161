//! Outboxes: what is to be said on a stream. What is said on it in one turn of the loop leaves as one message.
//!
//! ```text
//! instructions ─► outbox ─┬─ at the end of the turn ─► the system
//!                         ├─ a little later, if nobody waits for it: with what is said next, or from the shelf
//!                         └─ when the system takes no more, by the task of its connection
//! ```

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::convert::Infallible;
use std::future::poll_fn;
use std::io;
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;

use cenote_core::protocol::batch::BatchWriter;
use cenote_core::protocol::frame::Frames;
use cenote_core::protocol::record::Operation;
use tokio::sync::Notify;
use tokio::time::Instant;

use super::shelf::Shelf;
use crate::comm::{CommError, Sender};

/// Bytes of one message, after which another one is begun.
const MESSAGE_BYTES: usize = 1 << 26;

/// How long what nobody waits for may stay, so that it leaves together with what is said next.
const UNHURRIED: Duration = Duration::from_millis(20);

/// So long after a message to a client the next one may leave, as with Dask's scheduler.
const CLIENT_REST: Duration = Duration::from_millis(2);

/// The outboxes in which something was said in this turn of the loop, and those in which something may wait.
#[derive(Debug)]
pub(super) struct Mail {
    filled: RefCell<Vec<Outbox>>,
    wake: Notify,
    unhurried: Shelf<Outbox>,
    resting: Shelf<Outbox>,
}

impl Default for Mail {
    fn default() -> Self {
        let (unhurried, resting) = (Shelf::new(UNHURRIED), Shelf::new(CLIENT_REST));
        Self { filled: RefCell::default(), wake: Notify::new(), unhurried, resting }
    }
}

impl Mail {
    /// Writes what is said, again and again, after all that could be done at that time.
    pub async fn carry(&self) -> Infallible {
        let shelved = |outbox: Outbox| {
            outbox.0.shelved.set(false);
            outbox.flush();
        };
        let (never, _, _) =
            tokio::join!(self.carry_filled(), self.unhurried.empty(shelved), self.resting.empty(shelved));
        never
    }

    async fn carry_filled(&self) -> Infallible {
        loop {
            self.wake.notified().await;
            let mut filled = self.filled.take();
            for outbox in filled.drain(..) {
                outbox.0.listed.set(false);
                outbox.flush();
            }
            // Its room is kept.
            if self.filled.borrow().is_empty() {
                self.filled.replace(filled);
            }
        }
    }

    fn add(&self, outbox: &Outbox) {
        let mut filled = self.filled.borrow_mut();
        if filled.is_empty() {
            self.wake.notify_one();
        }
        filled.push(outbox.clone());
    }
}

/// What is to be said on a stream. A clone is the same outbox.
#[derive(Clone, Debug)]
pub(super) struct Outbox(Rc<Contents>);

#[derive(Debug)]
struct Contents {
    mail: Rc<Mail>,
    /// Whether it is on the list of those that were filled.
    listed: Cell<bool>,
    /// Whether it is on a shelf.
    shelved: Cell<bool>,
    /// When something was written last, where the next message is to be later than that.
    rests_since: Option<Cell<Instant>>,
    /// Nothing until the stream begins.
    sender: RefCell<Option<Sender>>,
    /// The system takes no more for now, or the connection broke: that is the business of the connection's task.
    stuck: Cell<bool>,
    broken: RefCell<Option<io::Error>>,
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
    /// What is said on the stream of a worker.
    pub fn to_worker(mail: &Rc<Mail>) -> Self {
        Self::new(mail, None)
    }

    /// What is said on the stream of a client: at once, if nothing was said just before.
    pub fn to_client(mail: &Rc<Mail>) -> Self {
        Self::new(mail, Some(Cell::new(Instant::now())))
    }

    fn new(mail: &Rc<Mail>, rests_since: Option<Cell<Instant>>) -> Self {
        Self(Rc::new(Contents {
            mail: Rc::clone(mail),
            listed: Cell::new(false),
            shelved: Cell::new(false),
            rests_since,
            sender: RefCell::default(),
            stuck: Cell::new(false),
            broken: RefCell::default(),
            finished: RefCell::default(),
            batch: RefCell::default(),
            waiting: Cell::new(0),
            closed: Cell::new(false),
            wake: Notify::new(),
            abandoned: Cell::new(false),
            abandonment: Notify::new(),
        }))
    }

    /// Says something.
    pub fn push<T: Operation>(&self, operation: &T) {
        self.fill(operation);
        self.list();
    }

    /// Says something that nobody waits for: it leaves a little later, unless something else is said before.
    pub fn push_unhurried<T: Operation>(&self, operation: &T) {
        self.fill(operation);
        self.shelve(&self.0.mail.unhurried);
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
        self.list();
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
        self.end();
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

    /// The stream begins: what is said goes this way.
    pub fn begin(&self, sender: Sender) {
        self.0.sender.replace(Some(sender));
        self.flush();
    }

    /// The stream ends, whatever is not written.
    pub fn end(&self) {
        self.0.sender.take();
        self.0.stuck.set(false);
    }

    /// Takes care of what the system does not take at once, until the outbox is closed and all is written.
    ///
    /// # Errors
    /// The connection broke.
    pub async fn write(&self) -> Result<(), CommError> {
        loop {
            self.flush();
            if let Some(error) = self.0.broken.take() {
                return Err(error.into());
            }
            if self.0.stuck.get() {
                poll_fn(|context| match &*self.0.sender.borrow() {
                    Some(sender) => sender.poll_ready(context),
                    None => Poll::Ready(Ok(())),
                })
                .await?;
                self.0.stuck.set(false);
            } else if self.0.closed.get() {
                return Ok(());
            } else {
                self.0.wake.notified().await;
            }
        }
    }

    /// Writes what the system takes at once.
    fn flush(&self) {
        let mut sender = self.0.sender.borrow_mut();
        let Some(sender) = sender.as_mut().filter(|_| !self.0.stuck.get()) else { return };
        loop {
            match sender.try_write() {
                Ok(true) => {}
                Ok(false) => break self.0.stuck.set(true),
                Err(error) => {
                    self.0.stuck.set(true);
                    break drop(self.0.broken.replace(Some(error)));
                }
            }
            let Some(frames) = self.next() else { return };
            sender.push(&frames);
            if let Some(since) = &self.0.rests_since {
                since.set(Instant::now());
            }
        }
        self.0.wake.notify_one();
    }

    fn fill<T: Operation>(&self, operation: &T) {
        if self.0.abandoned.get() {
            return;
        }
        let mut batch = self.0.batch.borrow_mut();
        batch.push(operation);
        if batch.nbytes() > MESSAGE_BYTES {
            self.finish(std::mem::take(&mut batch));
        }
    }

    fn list(&self) {
        if self.0.listed.get() {
            return;
        }
        if self.0.rests_since.as_ref().is_some_and(|since| since.get().elapsed() < CLIENT_REST) {
            return self.shelve(&self.0.mail.resting);
        }
        self.0.listed.set(true);
        self.0.mail.add(self);
    }

    fn shelve(&self, shelf: &Shelf<Self>) {
        if !self.0.listed.get() && !self.0.shelved.replace(true) {
            shelf.add(self.clone());
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

    use cenote_core::protocol::client::{AdjustHeartbeatInterval, ToClient};
    use cenote_core::protocol::limits::Limits;
    use tokio::time::timeout;

    use super::*;
    use crate::comm::{Address, Connection, Listener, Scheme, Security, connect};

    fn said() -> ToClient {
        AdjustHeartbeatInterval { interval: 1.0 }.into()
    }

    async fn pair() -> (Connection, Connection) {
        let listener = Listener::bind(SocketAddr::from(([127, 0, 0, 1], 0))).unwrap();
        let (address, open) = (Address::of(Scheme::Tcp, listener.address().unwrap()), Security::default());
        let connecting = connect(&address, &open, Limits::default(), Duration::from_secs(20));
        let accepting =
            async { Connection::accept(listener.accept().await, Scheme::Tcp, &open, Limits::default()).await };
        let (ours, theirs) = tokio::join!(connecting, accepting);
        (ours.unwrap(), theirs.unwrap())
    }

    #[tokio::test(flavor = "current_thread")]
    async fn what_is_said_before_it_is_closed_is_written_as_one_message() {
        let ((_, sender), mut theirs) = {
            let (ours, theirs) = pair().await;
            (ours.split(), theirs)
        };
        let outbox = Outbox::to_worker(&Rc::default());
        (0..3).for_each(|_| outbox.push(&said()));
        outbox.close();
        outbox.begin(sender);
        outbox.write().await.unwrap();
        let frames = theirs.receive().await.unwrap();
        assert_eq!(cenote_core::protocol::batch::Batch::<ToClient>::new(&frames).unwrap().count(), 3);
        assert_eq!(outbox.nbytes(), 0);
    }

    #[tokio::test(flavor = "current_thread")]
    async fn a_reader_that_is_given_up_holds_nothing_back() {
        let ((_, sender), _theirs) = {
            let (ours, theirs) = pair().await;
            (ours.split(), theirs)
        };
        let outbox = Outbox::to_worker(&Rc::default());
        outbox.begin(sender);
        // More than the system takes for a peer that does not read.
        (0..1_000_000).for_each(|_| outbox.push(&said()));
        let stuck = timeout(Duration::from_millis(200), outbox.write()).await;
        assert!(stuck.is_err(), "the peer does not read");
        outbox.push(&said());
        outbox.abandon();
        timeout(Duration::from_secs(20), outbox.abandoned()).await.unwrap();
        outbox.push(&said());
        assert_eq!(outbox.nbytes(), 0, "nothing is kept for it any more");
        timeout(Duration::from_secs(20), outbox.write()).await.unwrap().unwrap();
    }
    #[tokio::test(flavor = "current_thread")]
    async fn what_nobody_waits_for_leaves_with_what_is_said_next_or_after_a_while() {
        let ((_, sender), mut theirs) = {
            let (ours, theirs) = pair().await;
            (ours.split(), theirs)
        };
        let mail = Rc::new(Mail::default());
        let outbox = Outbox::to_worker(&mail);
        outbox.begin(sender);
        let reading = async {
            let mut counts = Vec::new();
            for hurried in [true, false] {
                outbox.push_unhurried(&said());
                outbox.push_unhurried(&said());
                if hurried {
                    outbox.push(&said());
                }
                let frames = theirs.receive().await.unwrap();
                counts.push(cenote_core::protocol::batch::Batch::<ToClient>::new(&frames).unwrap().count());
            }
            counts
        };
        let counts = tokio::select! {
            never = mail.carry() => match never {},
            counts = timeout(Duration::from_secs(20), reading) => counts.unwrap(),
        };
        assert_eq!(counts, [3, 2]);
    }
}
