//! Nannies: what starts a worker holds a connection while it does.

use std::cell::Cell;
use std::rc::Rc;

use cenote_core::protocol::field::encode;
use cenote_core::protocol::worker::RegisterNannyReply;
use tokio::sync::Notify;

use super::hub::Hub;
use crate::comm::{CommError, Connection};

/// Nannies that start.
#[derive(Debug, Default)]
pub(super) struct Nannies {
    starting: Cell<usize>,
    /// Told when one starts no more.
    started: Notify,
}

impl Nannies {
    /// Waits until no nanny is starting.
    pub async fn started(&self) {
        loop {
            let started = self.started.notified();
            if self.starting.get() == 0 {
                return;
            }
            started.await;
        }
    }
}

/// A nanny that starts, as long as this lives.
struct Starting<'a>(&'a Nannies);

impl<'a> Starting<'a> {
    fn new(nannies: &'a Nannies) -> Self {
        nannies.starting.set(nannies.starting.get() + 1);
        Self(nannies)
    }
}

impl Drop for Starting<'_> {
    fn drop(&mut self) {
        self.0.starting.set(self.0.starting.get() - 1);
        self.0.started.notify_waiters();
    }
}

/// Greets a nanny with the plugins that it is to have, and holds the connection until it lets go.
pub(super) async fn hold(hub: &Rc<Hub>, mut connection: Connection) -> Result<(), CommError> {
    let _starting = Starting::new(&hub.nannies);
    let nanny_plugins = hub.machine().nanny_plugins();
    connection.send(&encode(&RegisterNannyReply { status: "OK".into(), nanny_plugins })).await?;
    // Whatever it says, it has started.
    connection.receive().await.map(drop)
}
