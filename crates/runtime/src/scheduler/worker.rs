//! Streams of workers.

use std::rc::Rc;

use cenote_core::protocol::batch::Batch;
use cenote_core::protocol::exception::Builtin;
use cenote_core::protocol::field::{Text, encode};
use cenote_core::protocol::question::Question;
use cenote_core::protocol::rpc::{ErrorReply, Request};
use cenote_core::protocol::value::Value;
use cenote_core::protocol::worker::{FromWorker, RegisterWorker};
use cenote_core::scheduler::stimulus::Stimulus;
use tokio::time::timeout;

use super::hub::{FAREWELL, Hub};
use super::outbox::Outbox;
use crate::comm::{CommError, Connection, Receiver};

/// Lets a worker join, and serves it on a connection that is a stream from then on, until it goes. Gives the connection
/// back if it may not join.
pub(super) async fn register(
    hub: &Rc<Hub>,
    request: &Request,
    mut connection: Connection,
) -> Result<Option<Connection>, CommError> {
    let registration: RegisterWorker = match request.arguments() {
        Ok(registration) => registration,
        Err(error) => {
            let error = ErrorReply::builtin(Builtin::Type, &format!("register-worker: {error}"));
            connection.send(&encode(&error)).await?;
            return Ok(Some(connection));
        }
    };
    let address = registration.address.clone();
    let outbox = Outbox::to_worker(&hub.mail);
    // The machine may have something to say to the worker at once.
    let before = hub.open_worker(&address, outbox.clone());
    hub.let_go();
    let reply = hub.ask(Question::from(registration)).await;
    let joined = reply.as_ref().is_ok_and(|reply| reply.get("status").and_then(Value::as_str) == Some("OK"));
    if joined {
        tracing::info!("worker joined: {address}");
        if let Some(before) = before {
            before.close();
        }
    } else {
        hub.forget_worker(&address, &outbox);
        before.map(|before| hub.open_worker(&address, before));
    }
    let sent = connection.send(&reply.map_or_else(|error| encode(&error), |reply| reply.encode())).await;
    if !joined {
        return sent.map(|()| Some(connection));
    }
    let outcome = match sent {
        Ok(()) => stream(hub, &address, &outbox, connection).await,
        Err(error) => Err(error),
    };
    if hub.forget_worker(&address, &outbox) {
        tracing::info!("worker left: {address}");
        hub.pool.forget(&address);
        hub.depart(address);
    }
    outcome.map(|()| None)
}

async fn stream(hub: &Rc<Hub>, address: &Text, outbox: &Outbox, connection: Connection) -> Result<(), CommError> {
    let (mut receiver, sender) = connection.split();
    outbox.begin(sender);
    let outcome = tokio::select! {
        outcome = listen(hub, address, &mut receiver) => outcome,
        outcome = outbox.write() => outcome,
        () = outbox.abandoned() => Ok(()),
    };
    outbox.close();
    let _ = timeout(FAREWELL, outbox.write()).await;
    outbox.end();
    outcome
}

async fn listen(hub: &Rc<Hub>, address: &Text, receiver: &mut Receiver) -> Result<(), CommError> {
    loop {
        let frames = receiver.receive().await?;
        for said in Batch::<FromWorker>::new(&frames)? {
            match said? {
                FromWorker::CloseStream(_) => return Ok(()),
                FromWorker::KeepAlive(_) => {}
                FromWorker::Unknown { op } => {
                    tracing::warn!("the worker {address} says {op:?}, which is not known here");
                }
                said => hub.stimulate(Stimulus::Worker { worker: address.clone(), said }),
            }
        }
    }
}
