//! Where to listen, from `--host`, `--port`, `--interface`, `--protocol` and `--dashboard-address`.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, ToSocketAddrs};

use super::error::CommandError;
use super::interface;
use crate::comm::{Scheme, Security};
use crate::scheduler::Listen;

/// Where a scheduler listens unless it is told otherwise.
pub const PORT: u16 = 8786;

/// What was asked for. Lists are separated by commas.
#[derive(Clone, Copy, Debug, Default)]
pub struct Wish<'a> {
    /// `--host`, with or without protocol and port.
    pub host: &'a str,
    /// `--port`.
    pub port: Option<&'a str>,
    /// `--interface`.
    pub interface: Option<&'a str>,
    /// `--protocol`.
    pub protocol: Option<&'a str>,
}

/// Where the scheduler listens. Where neither a host nor an interface is named: on the loopback interface if whoever
/// comes is let in, on all interfaces if not.
///
/// # Errors
/// When what is named is not there, or protected by what is not there.
pub fn scheduler(wish: Wish<'_>, default: Scheme, security: &Security) -> Result<Vec<Listen>, CommandError> {
    let list = |text: Option<&str>| -> Vec<String> {
        text.unwrap_or_default().split(',').filter(|it| !it.is_empty()).map(str::to_owned).collect()
    };
    let (protocols, mut ports, interfaces) = (list(wish.protocol), list(wish.port), list(wish.interface));
    if protocols.len() > 1 && ports.is_empty() {
        ports.push(PORT.to_string());
        ports.resize(protocols.len(), "0".to_owned());
    }
    if protocols.len().max(1) != ports.len().max(1) {
        let cause = "--protocol and --port must both be lists of equal length".to_owned();
        return Err(CommandError::Unfit { flag: "--port", value: ports.join(","), cause });
    }
    let count = protocols.len().max(interfaces.len()).max(1);
    let nth = |list: &[String], index: usize| list.get(index).or(list.first().filter(|_| list.len() == 1)).cloned();
    (0..count)
        .map(|index| {
            let (protocol, port, interface) = (nth(&protocols, index), nth(&ports, index), nth(&interfaces, index));
            let one = Wish {
                host: wish.host,
                protocol: protocol.as_deref(),
                port: port.as_deref(),
                interface: interface.as_deref(),
            };
            one_address(one, default, security)
        })
        .collect()
}

fn one_address(wish: Wish<'_>, default: Scheme, security: &Security) -> Result<Listen, CommandError> {
    let (own_scheme, name, own_port) = split("--host", wish.host)?;
    let scheme = match wish.protocol {
        Some(protocol) => scheme("--protocol", protocol)?,
        None => own_scheme.unwrap_or(default),
    };
    if scheme == Scheme::Tls && security.tls.is_none() {
        return Err(CommandError::NoCertificate);
    }
    if scheme == Scheme::Tcp && security.require_encryption {
        return Err(CommandError::EncryptionRequired);
    }
    let port = match wish.port {
        Some(text) => number("--port", text)?,
        None => own_port.unwrap_or(PORT),
    };
    if let Some(given) = own_port.filter(|own| *own != 0 && wish.port.is_some() && port != 0 && *own != port) {
        let cause = format!("a port was given twice: {given} with --host");
        return Err(CommandError::Unfit { flag: "--port", value: port.to_string(), cause });
    }
    if let Some(interface) = wish.interface {
        if !name.is_empty() {
            let cause = "name a host or an interface, not both".to_owned();
            return Err(CommandError::Unfit { flag: "--interface", value: interface.to_owned(), cause });
        }
        let address = interface::address(interface);
        let unfit = |cause| CommandError::Unfit { flag: "--interface", value: interface.to_owned(), cause };
        return Ok(Listen { scheme, socket: SocketAddr::new(IpAddr::V4(address.map_err(unfit)?), port) });
    }
    let ip = match name {
        "" if wish.host.is_empty() && !security.admits_only_known(scheme) => IpAddr::V4(Ipv4Addr::LOCALHOST),
        name => resolve("--host", name)?,
    };
    Ok(Listen { scheme, socket: SocketAddr::new(ip, port) })
}

/// A protocol by its name, as a flag or a setting gives it.
pub fn scheme(named: &'static str, protocol: &str) -> Result<Scheme, CommandError> {
    let name = protocol.strip_suffix("://").unwrap_or(protocol);
    Scheme::named(name).ok_or_else(|| CommandError::Protocol { named, protocol: name.to_owned() })
}

/// Where the pages are served: where the scheduler listens, unless an address of their own is named.
///
/// # Errors
/// When the address cannot be read.
pub fn dashboard(text: &str, scheduler: IpAddr) -> Result<SocketAddr, CommandError> {
    if text.contains(',') {
        return Err(CommandError::NotYet { flag: format!("--dashboard-address with several addresses ({text})") });
    }
    if let Ok(port) = text.parse() {
        return Ok(SocketAddr::new(scheduler, port));
    }
    let (_, name, port) = split("--dashboard-address", text)?;
    let ip = if name.is_empty() { scheduler } else { resolve("--dashboard-address", name)? };
    Ok(SocketAddr::new(ip, port.unwrap_or(0)))
}

/// The parts of an address, which may all be missing.
type Parts<'a> = (Option<Scheme>, &'a str, Option<u16>);

/// The protocol, the host and the port of an address.
fn split<'a>(flag: &'static str, text: &'a str) -> Result<Parts<'a>, CommandError> {
    let (protocol, rest) = match text.split_once("://") {
        Some((protocol, rest)) => (Some(scheme(flag, protocol)?), rest),
        None => (None, text),
    };
    if let Some(inner) = rest.strip_prefix('[')
        && let Some((name, port)) = inner.split_once(']')
    {
        return Ok((protocol, name, port.strip_prefix(':').map(|port| number(flag, port)).transpose()?));
    }
    match rest.split_once(':') {
        // More than one colon: an IPv6 address without a port.
        Some((_, port)) if port.contains(':') => Ok((protocol, rest, None)),
        Some((name, "")) => Ok((protocol, name, None)),
        Some((name, port)) => Ok((protocol, name, Some(number(flag, port)?))),
        None => Ok((protocol, rest, None)),
    }
}

fn number(flag: &'static str, text: &str) -> Result<u16, CommandError> {
    text.parse().map_err(|_| CommandError::Unfit {
        flag,
        value: text.to_owned(),
        cause: "a port is a number from 0 to 65535; 0 takes one that is free".to_owned(),
    })
}

fn resolve(flag: &'static str, name: &str) -> Result<IpAddr, CommandError> {
    if name.is_empty() {
        return Ok(IpAddr::V4(Ipv4Addr::UNSPECIFIED));
    }
    if let Ok(ip) = name.parse() {
        return Ok(ip);
    }
    let unfit = |cause| CommandError::Unfit { flag, value: name.to_owned(), cause };
    let found: Vec<IpAddr> =
        (name, 0).to_socket_addrs().map_err(|error| unfit(error.to_string()))?.map(|address| address.ip()).collect();
    let v4 = found.iter().find(|ip| ip.is_ipv4());
    v4.or(found.first()).copied().ok_or_else(|| unfit("the name has no address".to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::comm::Token;

    fn listens(wish: Wish<'_>, security: &Security) -> Result<String, String> {
        let all = scheduler(wish, Scheme::Tcp, security).map_err(|error| error.to_string())?;
        let text = |listen: &Listen| format!("{}://{}", listen.scheme.name(), listen.socket);
        Ok(all.iter().map(text).collect::<Vec<_>>().join(" "))
    }

    #[test]
    fn the_scheduler_listens_where_it_is_told() {
        let table = [
            ("", None, "127.0.0.1:8786"),
            ("", Some("0"), "127.0.0.1:0"),
            ("0.0.0.0", None, "0.0.0.0:8786"),
            ("127.0.0.1:8978", None, "127.0.0.1:8978"),
            ("127.0.0.1:8978", Some("0"), "127.0.0.1:0"),
            ("tcp://127.0.0.1:99", None, "127.0.0.1:99"),
            ("tcp://", None, "0.0.0.0:8786"),
            (":9000", None, "0.0.0.0:9000"),
            ("::1", None, "[::1]:8786"),
            ("[::]:5", None, "[::]:5"),
            ("localhost", None, "127.0.0.1:8786"),
        ];
        let open = Security::default();
        for (host, port, expected) in table {
            let wish = Wish { host, port, ..Wish::default() };
            assert_eq!(listens(wish, &open).unwrap(), format!("tcp://{expected}"), "{host}");
        }
        let lo = Wish { interface: Some("lo"), ..Wish::default() };
        assert_eq!(listens(lo, &open).unwrap(), "tcp://127.0.0.1:8786");
        let two = Wish { protocol: Some("tcp,tcp://"), port: Some("1,2"), ..Wish::default() };
        assert_eq!(listens(two, &open).unwrap(), "tcp://127.0.0.1:1 tcp://127.0.0.1:2");
        let two = Wish { protocol: Some("tcp,tcp"), ..Wish::default() };
        assert_eq!(listens(two, &open).unwrap(), "tcp://127.0.0.1:8786 tcp://127.0.0.1:0");
    }

    #[test]
    fn who_must_say_a_token_may_come_from_anywhere() {
        let security = Security { token: Token::new("secret"), ..Security::default() };
        assert_eq!(listens(Wish::default(), &security).unwrap(), "tcp://0.0.0.0:8786");
        let told = Wish { host: "127.0.0.1", ..Wish::default() };
        assert_eq!(listens(told, &security).unwrap(), "tcp://127.0.0.1:8786");
    }

    #[test]
    fn what_cannot_be_listened_at_is_named() {
        let open = Security::default();
        let text =
            |host, port, interface, protocol| listens(Wish { host, port, interface, protocol }, &open).unwrap_err();
        assert!(text("tls://", None, None, None).starts_with("tls needs certificates"));
        assert!(text("ws://", None, None, None).starts_with("--host ws: this scheduler speaks tcp and tls"));
        assert!(text("", None, None, Some("ucx://")).starts_with("--protocol ucx: this scheduler"));
        assert!(text("", Some("70000"), None, None).starts_with("--port 70000: a port is a number"));
        assert!(text("", Some("1,2"), None, None).contains("lists of equal length"));
        assert!(text("127.0.0.1:1", Some("2"), None, None).contains("given twice"));
        assert!(text("", None, Some("no-such"), None).starts_with("--interface no-such: there is no such interface"));
        assert!(text("0.0.0.0", None, Some("lo"), None).contains("not both"));
        let encrypted = Security { require_encryption: true, ..Security::default() };
        assert!(listens(Wish::default(), &encrypted).unwrap_err().contains("require-encryption"));
    }

    #[test]
    fn the_pages_are_where_the_scheduler_is() {
        let loopback = IpAddr::V4(Ipv4Addr::LOCALHOST);
        let table = [
            (":8787", "127.0.0.1:8787"),
            ("8787", "127.0.0.1:8787"),
            (":0", "127.0.0.1:0"),
            ("0.0.0.0:1", "0.0.0.0:1"),
            ("0.0.0.0", "0.0.0.0:0"),
        ];
        for (text, expected) in table {
            assert_eq!(dashboard(text, loopback).unwrap().to_string(), expected, "{text}");
        }
    }
}
