//! The protocol: the bytes that schedulers, workers and clients of Dask say to each other.
//!
//! [`frame`] cuts a stream into messages, [`msgpack`] reads and writes their first frame, [`value`] is anything a message
//! can say, and the other modules name what is said, each as a table of fields. Payloads are never opened or copied.
//! Whatever a peer sends, the answer is a value or an error, within the [`limits`].

pub mod batch;
pub mod client;
pub mod coordination;
pub mod error;
pub mod exception;
pub mod field;
pub mod frame;
pub mod handshake;
pub mod limits;
pub mod msgpack;
pub mod peer;
pub mod pickle;
pub mod procedure;
pub mod query;
pub mod question;
pub mod record;
pub mod rpc;
pub mod serialized;
pub mod shuffle;
pub mod value;
pub mod versions;
pub mod worker;
