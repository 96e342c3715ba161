//! What protects the connections of a process: certificates, a shared token, or neither.

use super::{Scheme, Tls, Token};

/// What protects connections.
#[derive(Clone, Debug, Default)]
pub struct Security {
    /// Certificates: what `tls://` needs.
    pub tls: Option<Tls>,
    /// Whether connections that are not encrypted are refused.
    pub require_encryption: bool,
    /// What peers must say, and what is said to them.
    pub token: Option<Token>,
}

impl Security {
    /// Whether only whom its owner has let in can come to an address of this kind.
    pub fn admits_only_known(&self, scheme: Scheme) -> bool {
        scheme == Scheme::Tls || self.token.is_some()
    }
}
