//! Where to listen, from `--host`, `--port`, `--interface` and `--dashboard-address`.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, ToSocketAddrs};

use super::error::CommandError;
use super::interface;

/// Where a scheduler listens unless it is told otherwise.
pub const PORT: u16 = 8786;

/// Where the scheduler listens: on the loopback interface, unless a host or an interface is named.
///
/// # Errors
/// When what is named is not there.
pub fn scheduler(host: &str, port: Option<&str>, named: Option<&str>) -> Result<SocketAddr, CommandError> {
    if let Some(list) = [port, named].into_iter().flatten().find(|value| value.contains(',')) {
        return Err(CommandError::NotYet { flag: format!("a list of addresses to listen at ({list})") });
    }
    let (name, own_port) = split("--host", host)?;
    let port = match port.filter(|port| !port.is_empty()) {
        Some(text) => number("--port", text)?,
        None => own_port.unwrap_or(PORT),
    };
    if let Some(interface) = named {
        if !name.is_empty() {
            let cause = "name a host or an interface, not both".to_owned();
            return Err(CommandError::Unfit { flag: "--interface", value: interface.to_owned(), cause });
        }
        let address = interface::address(interface);
        let unfit = |cause| CommandError::Unfit { flag: "--interface", value: interface.to_owned(), cause };
        return Ok(SocketAddr::new(IpAddr::V4(address.map_err(unfit)?), port));
    }
    let ip = match name {
        "" if host.is_empty() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        name => resolve("--host", name)?,
    };
    Ok(SocketAddr::new(ip, port))
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
    let (name, port) = split("--dashboard-address", text)?;
    let ip = if name.is_empty() { scheduler } else { resolve("--dashboard-address", name)? };
    Ok(SocketAddr::new(ip, port.unwrap_or(0)))
}

/// The host and the port of an address whose parts may all be missing.
fn split<'a>(flag: &'static str, text: &'a str) -> Result<(&'a str, Option<u16>), CommandError> {
    let rest = match text.split_once("://") {
        Some(("tcp", rest)) => rest,
        Some((protocol, _)) => return Err(CommandError::NotYet { flag: format!("the protocol {protocol} ({text})") }),
        None => text,
    };
    if let Some(inner) = rest.strip_prefix('[')
        && let Some((name, port)) = inner.split_once(']')
    {
        return Ok((name, port.strip_prefix(':').map(|port| number(flag, port)).transpose()?));
    }
    match rest.split_once(':') {
        // More than one colon: an IPv6 address without a port.
        Some((_, port)) if port.contains(':') => Ok((rest, None)),
        Some((name, "")) => Ok((name, None)),
        Some((name, port)) => Ok((name, Some(number(flag, port)?))),
        None => Ok((rest, None)),
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

    #[test]
    fn the_scheduler_listens_where_it_is_told() {
        let table = [
            ("", None, "127.0.0.1:8786"),
            ("", Some("0"), "127.0.0.1:0"),
            ("0.0.0.0", None, "0.0.0.0:8786"),
            ("127.0.0.1:8978", None, "127.0.0.1:8978"),
            ("127.0.0.1:8978", Some("1"), "127.0.0.1:1"),
            ("tcp://127.0.0.1:99", None, "127.0.0.1:99"),
            ("tcp://", None, "0.0.0.0:8786"),
            (":9000", None, "0.0.0.0:9000"),
            ("::1", None, "[::1]:8786"),
            ("[::]:5", None, "[::]:5"),
            ("localhost", None, "127.0.0.1:8786"),
        ];
        for (host, port, expected) in table {
            assert_eq!(scheduler(host, port, None).unwrap().to_string(), expected, "{host}");
        }
        assert_eq!(scheduler("", None, Some("lo")).unwrap().to_string(), "127.0.0.1:8786");
    }

    #[test]
    fn what_cannot_be_listened_at_is_named() {
        let text = |host, port, named| scheduler(host, port, named).unwrap_err().to_string();
        assert!(text("tls://", None, None).starts_with("the protocol tls (tls://) is not there yet"));
        assert!(text("", Some("70000"), None).starts_with("--port 70000: a port is a number"));
        assert!(text("", Some("1,2"), None).contains("not there yet"));
        assert!(text("", None, Some("no-such")).starts_with("--interface no-such: there is no such interface"));
        assert!(text("0.0.0.0", None, Some("lo")).contains("not both"));
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
