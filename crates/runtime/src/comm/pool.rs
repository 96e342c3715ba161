//! A pool of connections for requests: one request at a time on each.

use std::cell::RefCell;
use std::collections::HashMap;
use std::time::Duration;

use cenote_core::protocol::frame::Frames;
use cenote_core::protocol::limits::Limits;

use super::{CommError, Connection, Security, connect};

/// Connections to one peer that are kept while nothing is asked on them.
const IDLE_MAX: usize = 4;

/// Connections to peers, made when there is something to ask and kept afterwards.
#[derive(Debug)]
pub struct Pool {
    idle: RefCell<HashMap<Box<str>, Vec<Connection>>>,
    security: Security,
    limits: Limits,
    timeout: Duration,
}

impl Pool {
    /// A pool without connections. `timeout` is how long a peer may take until it has shaken hands.
    pub fn new(security: Security, limits: Limits, timeout: Duration) -> Self {
        Self { idle: RefCell::default(), security, limits, timeout }
    }

    /// Asks a peer, and waits for its answer, however long that takes.
    ///
    /// # Errors
    /// Nobody answers at the address, or the connection breaks before the answer.
    pub async fn request(&self, address: &str, frames: &Frames) -> Result<Frames, CommError> {
        self.request_and(address, frames, async |_, reply| Ok(reply)).await
    }

    /// Asks a peer, and goes on talking on the same connection after its answer.
    ///
    /// # Errors
    /// Nobody answers at the address, or the connection breaks.
    pub async fn request_and<T>(
        &self,
        address: &str,
        frames: &Frames,
        then: impl AsyncFnOnce(&mut Connection, Frames) -> Result<T, CommError>,
    ) -> Result<T, CommError> {
        let (mut connection, reply) = self.ask(address, frames).await?;
        let outcome = then(&mut connection, reply).await?;
        self.keep(address, connection);
        Ok(outcome)
    }

    /// How many connections are kept on which nothing is being asked.
    pub fn kept(&self) -> usize {
        self.idle.borrow().values().map(Vec::len).sum()
    }

    /// Closes the connections to a peer on which nothing is being asked.
    pub fn forget(&self, address: &str) {
        self.idle.borrow_mut().remove(address);
    }

    /// An idle connection may have been closed by the peer long ago: then a new one is tried, once.
    async fn ask(&self, address: &str, frames: &Frames) -> Result<(Connection, Frames), CommError> {
        while let Some(mut connection) = self.idle_connection(address) {
            match connection.request(frames).await {
                Ok(reply) => return Ok((connection, reply)),
                Err(CommError::Closed | CommError::Io(_)) => self.forget(address),
                Err(error) => return Err(error),
            }
        }
        let mut connection = connect(&address.parse()?, &self.security, self.limits, self.timeout).await?;
        let reply = connection.request(frames).await?;
        Ok((connection, reply))
    }

    fn idle_connection(&self, address: &str) -> Option<Connection> {
        self.idle.borrow_mut().get_mut(address)?.pop()
    }

    fn keep(&self, address: &str, connection: Connection) {
        let mut idle = self.idle.borrow_mut();
        let connections = idle.entry(address.into()).or_default();
        if connections.len() < IDLE_MAX {
            connections.push(connection);
        }
    }
}
