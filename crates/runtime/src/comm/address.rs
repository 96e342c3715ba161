//! Addresses: `tcp://host:port`, the names that peers have for each other.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;

use super::CommError;

/// Where a process listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    host: Box<str>,
    port: u16,
}

impl Address {
    /// The address of a host and a port.
    pub fn new(host: &str, port: u16) -> Self {
        Self { host: host.into(), port }
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

impl From<SocketAddr> for Address {
    fn from(address: SocketAddr) -> Self {
        // An IPv4 peer of a listener for both families is called what it calls itself.
        let ip = match address.ip() {
            IpAddr::V6(ip) => ip.to_ipv4_mapped().map_or(IpAddr::V6(ip), IpAddr::V4),
            ip @ IpAddr::V4(_) => ip,
        };
        Self::new(&ip.to_string(), address.port())
    }
}

impl FromStr for Address {
    type Err = CommError;

    fn from_str(text: &str) -> Result<Self, CommError> {
        let wrong = || CommError::Address { address: text.into() };
        let rest = match text.split_once("://") {
            Some(("tcp", rest)) => rest,
            Some((scheme, _)) => return Err(CommError::Scheme { address: text.into(), scheme: scheme.into() }),
            None => text,
        };
        let (host, port) = rest.rsplit_once(':').ok_or_else(wrong)?;
        let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
        match port.parse() {
            Ok(port) if !host.is_empty() => Ok(Self::new(host, port)),
            _ => Err(wrong()),
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { host, port } = self;
        if host.contains(':') { write!(out, "tcp://[{host}]:{port}") } else { write!(out, "tcp://{host}:{port}") }
    }
}

#[cfg(test)]
mod tests {
    use super::Address;

    #[test]
    fn an_address_is_written_as_it_was_read() {
        for text in ["tcp://127.0.0.1:8786", "tcp://[::1]:8786", "tcp://a-host.local:1"] {
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
