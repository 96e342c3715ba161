//! Streams of clients.

use std::rc::Rc;

use bytes::Bytes;
use cenote_core::protocol::batch::Batch;
use cenote_core::protocol::client::{CancelKeys, CloseClient, FromClient, RegisterClient};
use cenote_core::protocol::field::Text;
use cenote_core::scheduler::stimulus::Stimulus;
use tokio::time::timeout;

use super::hub::{FAREWELL, Hub};
use super::outbox::Outbox;
use crate::comm::{CommError, Connection, Receiver};

/// So many cancelled keys are named in the log.
const CANCELLED_MAX: usize = 100;

/// Bytes that a client may say behind a graph that is being read. What it says after that waits in its connection, and
/// so with the client itself.
const BEHIND_BYTES_MAX: usize = 1 << 26;

/// Serves a client on a connection that is a stream from now on, until it goes.
pub(super) async fn stream(hub: &Rc<Hub>, registered: RegisterClient, connection: Connection) -> Result<(), CommError> {
    let name = registered.client;
    let outbox = Outbox::to_client(&hub.mail);
    if let Some(before) = hub.open_client(&name, outbox.clone()) {
        before.close();
    }
    tracing::info!("client joined: {name}");
    hub.stimulate(Stimulus::ClientJoined { client: name.clone(), versions: registered.versions });
    let (mut receiver, sender) = connection.split();
    outbox.begin(sender);
    let outcome = tokio::select! {
        outcome = listen(hub, &name, &mut receiver) => outcome,
        outcome = outbox.write() => outcome,
        () = outbox.abandoned() => Ok(()),
    };
    if hub.forget_client(&name, &outbox) {
        tracing::info!("client left: {name}");
        hub.stimulate(Stimulus::Client { client: name, said: CloseClient {}.into() });
    }
    outbox.close();
    let _ = timeout(FAREWELL, outbox.write()).await;
    outbox.end();
    outcome
}

/// Says what a client cancels, in the words that people look for in the logs of Dask.
fn log_cancel(name: &Text, it: &CancelKeys) {
    tracing::info!("Client {name} requests to cancel {} keys", it.keys.len());
    let force = if it.force { "True" } else { "False" };
    for key in it.keys.iter().take(CANCELLED_MAX) {
        tracing::info!("Scheduler cancels key {key}.  Force={force}");
    }
}

async fn listen(hub: &Rc<Hub>, name: &Text, receiver: &mut Receiver) -> Result<(), CommError> {
    let mut behind = 0;
    loop {
        let frames = receiver.receive().await?;
        behind += frames.iter().map(Bytes::len).sum::<usize>();
        for said in Batch::<FromClient>::new(&frames)? {
            match said? {
                FromClient::CloseStream(_) => return Ok(()),
                FromClient::Unknown { op } => tracing::warn!("the client {name} says {op:?}, which is not known here"),
                said => {
                    if let FromClient::CancelKeys(it) = &said {
                        log_cancel(name, it);
                    }
                    hub.stimulate(Stimulus::Client { client: name.clone(), said });
                }
            }
        }
        if behind > BEHIND_BYTES_MAX {
            hub.graphs_read(name).await;
        }
        if !hub.machine().is_reading(name) {
            behind = 0;
        }
    }
}
