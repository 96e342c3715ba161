//! The handshake: what both sides say first on a connection, before either reads.

use super::field::{Optional, Text};
use super::record::record;

/// The newest pickle protocol that is spoken here.
pub const PICKLE_PROTOCOL: u64 = 5;

record! {
    /// What one side can do. A peer dies of a handshake without `compression` or `pickle-protocol`.
    Handshake {
        /// How it would compress frames: `lz4`, `zstd`, …
        compression: Option<Text>,
        /// Its version of Python, if it has one.
        python: Optional<Vec<u64>>,
        /// The newest pickle protocol that it reads.
        pickle_protocol "pickle-protocol": u64,
        /// The secret that the processes of a cluster share: beyond Dask, said by whoever connects.
        token: Optional<Text>,
    }
}

impl Handshake {
    /// Ours. We never compress: what is agreed is what both sides name, so nothing will be compressed for us either.
    /// Frames that were compressed elsewhere pass through as they are.
    pub fn ours() -> Self {
        Self { compression: None, python: Optional(None), pickle_protocol: PICKLE_PROTOCOL, token: Optional(None) }
    }

    /// The pickle protocol that both sides read.
    pub fn agreed_pickle_protocol(&self, other: &Self) -> u64 {
        self.pickle_protocol.min(other.pickle_protocol)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::field::{decode, encode};

    #[test]
    fn the_handshake_has_the_fields_that_a_peer_needs() {
        let frames = encode(&Handshake::ours());
        assert_eq!(frames.head, b"\x82\xabcompression\xc0\xafpickle-protocol\x05".as_slice());
    }

    #[test]
    fn the_older_pickle_protocol_is_agreed() {
        let head = b"\x83\xabcompression\xa3lz4\xa6python\x93\x03\x0c\x01\xafpickle-protocol\x04".as_slice();
        let theirs: Handshake =
            decode(&crate::protocol::frame::Frames { head: head.into(), rest: Vec::new() }).unwrap();
        assert_eq!(Handshake::ours().agreed_pickle_protocol(&theirs), 4);
        assert_eq!(theirs.python.0, Some(vec![3, 12, 1]));
    }
}
