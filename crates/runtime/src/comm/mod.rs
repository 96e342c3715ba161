//! Connections between the processes of a cluster: messages of the protocol over TCP.
//!
//! [`Listener`] and [`connect`] make a [`Connection`] that has shaken hands; it carries messages both ways, or is split
//! into a [`Receiver`] and a [`Sender`]. [`Pool`] keeps connections for requests. All of it runs on one thread.

mod address;
mod connection;
mod error;
mod listener;
mod pool;

pub use address::Address;
pub use connection::{Connection, Receiver, Sender, connect};
pub use error::CommError;
pub use listener::Listener;
pub use pool::Pool;
