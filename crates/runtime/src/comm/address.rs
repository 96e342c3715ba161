//! Addresses: `tcp://host:port` or `tls://host:port`, the names that peers have for each other.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;

use super::CommError;

/// How bytes go to an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    /// As they are.
    Tcp,
    /// Encrypted.
    Tls,
}

impl Scheme {
    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Tcp => "tcp",
            Self::Tls => "tls",
        }
    }

    /// The scheme of a name, if there is one.
    pub fn named(name: &str) -> Option<Self> {
        [Self::Tcp, Self::Tls].into_iter().find(|scheme| scheme.name() == name)
    }
}

/// Where a process listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    scheme: Scheme,
    host: Box<str>,
    port: u16,
}

impl Address {
    /// The address of a host and a port.
    pub fn new(scheme: Scheme, host: &str, port: u16) -> Self {
        Self { scheme, host: host.into(), port }
    }

    /// The address of a socket.
    pub fn of(scheme: Scheme, socket: SocketAddr) -> Self {
        // An IPv4 peer of a listener for both families is called what it calls itself.
        let ip = match socket.ip() {
            IpAddr::V6(ip) => ip.to_ipv4_mapped().map_or(IpAddr::V6(ip), IpAddr::V4),
            ip @ IpAddr::V4(_) => ip,
        };
        Self::new(scheme, &ip.to_string(), socket.port())
    }

    /// How bytes go there.
    pub fn scheme(&self) -> Scheme {
        self.scheme
    }

    /// The host: a name or an IP address, without brackets.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The address as sockets want it.
    pub fn socket(&self) -> (&str, u16) {
        (&self.host, self.port)
    }
}

impl FromStr for Address {
    type Err = CommError;

    fn from_str(text: &str) -> Result<Self, CommError> {
        let wrong = || CommError::Address { address: text.into() };
        let (scheme, rest) = text.split_once("://").unwrap_or((Scheme::Tcp.name(), text));
        let unknown = || CommError::Scheme { address: text.into(), scheme: scheme.into() };
        let scheme = Scheme::named(scheme).ok_or_else(unknown)?;
        let (host, port) = rest.rsplit_once(':').ok_or_else(wrong)?;
        let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
        match port.parse() {
            Ok(port) if !host.is_empty() => Ok(Self::new(scheme, host, port)),
            _ => Err(wrong()),
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (scheme, Self { host, port, .. }) = (self.scheme.name(), self);
        if host.contains(':') {
            write!(out, "{scheme}://[{host}]:{port}")
        } else {
            write!(out, "{scheme}://{host}:{port}")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Address;

    #[test]
    fn an_address_is_written_as_it_was_read() {
        for text in ["tcp://127.0.0.1:8786", "tcp://[::1]:8786", "tls://a-host.local:1"] {
            assert_eq!(text.parse::<Address>().unwrap().to_string(), text);
        }
        assert_eq!("localhost:8786".parse::<Address>().unwrap().to_string(), "tcp://localhost:8786");
    }

    #[test]
    fn what_is_no_address_is_refused_by_name() {
        let errors = ["", "tcp://", "tcp://host", "tcp://host:port", "tcp://:1", "tcp://host:99999", "ws://host:1"];
        for text in errors {
            assert!(text.parse::<Address>().unwrap_err().to_string().contains(text), "{text}");
        }
    }
}
