//! Connections of peers: requests one after another, until one of them makes the connection a stream.

use std::net::SocketAddr;
use std::rc::Rc;

use cenote_core::protocol::error::DecodeError;
use cenote_core::protocol::exception::Builtin;
use cenote_core::protocol::field::encode;
use cenote_core::protocol::frame::Frames;
use cenote_core::protocol::query::{Identity, Query};
use cenote_core::protocol::question::Question;
use cenote_core::protocol::rpc::{ErrorReply, Request};
use cenote_core::protocol::value::Value;
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::hub::{Hub, Reply};
use super::{Settings, client, closing, feed, inspection, nanny, procedure, subscription, worker};
use crate::comm::{Address, CommError, Connection, Scheme};

/// Serves a peer until it goes.
pub(super) async fn serve(hub: Rc<Hub>, socket: TcpStream, scheme: Scheme) {
    let peer = match socket.peer_addr() {
        Ok(peer) => Address::of(scheme, peer),
        Err(error) => return tracing::debug!("a peer has gone before it was served: {error}"),
    };
    let Settings { security, limits, connect_timeout, .. } = &hub.settings;
    let accepted = timeout(*connect_timeout, Connection::accept(socket, scheme, security, *limits)).await;
    let connection = match accepted {
        Ok(Ok(connection)) => connection,
        Ok(Err(CommError::Closed)) => return,
        Ok(Err(error @ (CommError::Tls { .. } | CommError::Token { .. }))) => {
            return tracing::warn!("{peer} is not let in: {error}");
        }
        Ok(Err(error)) => return tracing::warn!("{peer}: no handshake: {error}"),
        Err(_) => return tracing::warn!("{peer}: no handshake in time"),
    };
    match requests(&hub, connection).await {
        Ok(()) | Err(CommError::Closed) => {}
        Err(CommError::Io(error)) => tracing::debug!("{peer}: {error}"),
        Err(error) => tracing::warn!("{peer}: the connection is closed: {error}"),
    }
}

async fn requests(hub: &Rc<Hub>, mut connection: Connection) -> Result<(), CommError> {
    loop {
        let request = Request::decode(connection.receive().await?)?;
        if let Some(error) = blocked(hub, &request) {
            if !request.reply {
                // Nobody reads the refusal: it would be taken for the answer to what is asked next.
                tracing::warn!("{}: {}", connection.peer(), error.exception_text);
                return Ok(());
            }
            connection.send(&encode(&error)).await?;
            continue;
        }
        match &*request.op {
            "register-client" => return client::stream(hub, request.arguments()?, connection).await,
            "register-worker" => {
                match worker::register(hub, &request, connection).await? {
                    Some(refused) => connection = refused,
                    None => return Ok(()),
                }
                continue;
            }
            "feed" => return feed::feed(hub, &request, connection).await,
            "register_nanny" => return nanny::hold(hub, connection).await,
            "subscribe_worker_status" => return subscription::workers(hub, connection).await,
            _ => {}
        }
        let peer = Asker::Peer(connection.peer());
        // What waits in the machine for a peer that has gone would be given to nobody.
        let answer = tokio::select! {
            biased;
            answer = reply(hub, &request, peer) => answer,
            () = connection.closed(), if request.reply => return Ok(()),
        };
        if request.reply {
            connection.send(&told(&request, answer)).await?;
        } else {
            answer?.ok();
        }
        if request.close || &*request.op == "close" {
            return Ok(());
        }
    }
}

/// Who asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Asker {
    /// A peer, from this address.
    Peer(SocketAddr),
    /// A function or plugin of Python in the executor.
    Executor,
}

impl Asker {
    /// Whether it is a process of this machine.
    pub fn is_local(self) -> bool {
        match self {
            Self::Peer(address) => address.ip().to_canonical().is_loopback(),
            Self::Executor => true,
        }
    }
}

/// The answer to a request that the settings forbid.
fn blocked(hub: &Hub, request: &Request) -> Option<ErrorReply> {
    let text = format!("the handler {:?} has been explicitly disallowed in Scheduler", request.op);
    let forbidden = hub.settings.blocked_handlers.iter().any(|blocked| **blocked == *request.op);
    forbidden.then(|| ErrorReply::builtin(Builtin::Value, &text))
}

/// An answer, as a message. Whatever is wrong with the request is told to whoever asked.
pub(super) fn told(request: &Request, answer: Result<Reply, DecodeError>) -> Frames {
    match answer {
        Ok(Ok(value)) => value.encode(),
        Ok(Err(error)) => encode(&error),
        Err(error) => encode(&ErrorReply::builtin(Builtin::Type, &format!("the request {}: {error}", request.op))),
    }
}

pub(super) async fn reply(hub: &Rc<Hub>, request: &Request, asker: Asker) -> Result<Reply, DecodeError> {
    if *request.op != *"heartbeat_worker" {
        // Whoever asks finds that those who have left are gone. Heartbeats ask for nothing, and come while many leave.
        hub.let_go();
    }
    match request.operation()? {
        Question::Unknown { .. } => {}
        Question::RetireWorkers(it) => return Ok(closing::retire_workers(hub, request, it).await),
        question => return Ok(hub.ask(question).await),
    }
    match request.operation()? {
        Query::Unknown { .. } => {}
        Query::WorkersToClose(it) => return Ok(closing::workers_to_close(hub, request, it).await),
        Query::Inspect(it) => return Ok(inspection::inspect(hub, it, asker)),
        Query::Identity(of) => return Ok(identity(hub, &of)),
        query => return Ok(hub.query(&query)),
    }
    procedure::call(hub, request, asker).await
}

/// The identity of the scheduler: what the machine says, and what the process knows of itself.
pub(super) fn identity(hub: &Hub, of: &Identity) -> Reply {
    let facts = &hub.facts;
    let Value::Map(rest) = hub.query(&Query::Identity(of.clone()))? else { return Ok(Value::Nil) };
    let services = facts.services.iter().map(|(name, port)| (name.clone().into(), Value::Int((*port).into())));
    let Value::Map(mut entries) = Value::map([
        ("type", "Scheduler".into()),
        ("id", facts.id.clone().into()),
        ("address", facts.address.clone().into()),
        ("services", Value::Map(services.collect())),
        ("started", facts.started.into()),
    ]) else {
        return Ok(Value::Nil);
    };
    entries.extend(rest);
    Ok(Value::Map(entries))
}
