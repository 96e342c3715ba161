//! What can go wrong on a connection.

use std::io;
use std::time::Duration;

use cenote_core::protocol::error::{DecodeError, FrameError};
use thiserror::Error;

/// Why a connection could not be made, or cannot go on.
#[derive(Debug, Error)]
pub enum CommError {
    /// The text is no address.
    #[error("{address:?} is not an address like tcp://host:port")]
    Address {
        /// The text.
        address: Box<str>,
    },
    /// The address speaks a protocol that is not there.
    #[error("{address}: the protocol {scheme:?} is not supported, only tcp and tls are")]
    Scheme {
        /// The address.
        address: Box<str>,
        /// Its protocol.
        scheme: Box<str>,
    },
    /// Nobody answered at the address.
    #[error("could not connect to {address}: {source}")]
    Connect {
        /// The address.
        address: Box<str>,
        /// Why not.
        source: io::Error,
    },
    /// It took too long.
    #[error("{address} did not answer within {} s", timeout.as_secs_f64())]
    Timeout {
        /// The peer.
        address: Box<str>,
        /// How long was waited.
        timeout: Duration,
    },
    /// Only encrypted connections are wanted.
    #[error("encryption required by Dask configuration, refusing communication from/to '{address}'")]
    Unencrypted {
        /// The address.
        address: Box<str>,
    },
    /// There is no certificate to show.
    #[error("tls needs certificates: give this process a ca-file, a certificate and its key")]
    NoCertificate,
    /// Hands were not shaken over TLS.
    #[error("no TLS with this peer: {cause}")]
    Tls {
        /// Why not, and what to do.
        cause: Box<str>,
    },
    /// The peer does not say the token.
    #[error(
        "{} the token of this cluster is needed: give it the same CENOTE_TOKEN and the preload cenote.distributed.shared_token",
        if *has_said_one { "it says another token;" } else { "it says no token;" }
    )]
    Token {
        /// Whether it said another one.
        has_said_one: bool,
    },
    /// The peer has closed the connection.
    #[error("the connection was closed by the other side")]
    Closed,
    /// The connection broke.
    #[error("the connection broke: {0}")]
    Io(#[from] io::Error),
    /// What came is not a message.
    #[error("the peer sent {0}")]
    Frame(#[from] FrameError),
    /// What came is not the message that was expected.
    #[error("the peer sent a message that cannot be read: {0}")]
    Decode(#[from] DecodeError),
}
