//! Connections between the processes of a cluster: messages of the protocol over TCP, plain or in TLS.
//!
//! [`Listener`] and [`connect`] make a [`Connection`] that has shaken hands; it carries messages both ways, or is split
//! into a [`Receiver`] and a [`Sender`]. [`Pool`] keeps connections for requests. All of it runs on one thread.

mod address;
mod connection;
mod error;
mod listener;
mod pool;
mod security;
mod stream;
mod tls;
mod token;

pub use address::{Address, Scheme};
pub use connection::{Connection, Receiver, Sender, connect};
pub use error::CommError;
pub use listener::Listener;
pub use pool::Pool;
pub use security::Security;
pub use tls::{PageTls, Pem, Tls, TlsError, TlsSettings};
pub use token::Token;
