//! Origins: which pages of a browser may change something here, or listen to what happens.
//!
//! A browser sends requests for any page that its user has open, and says so in the header `Origin`; programs send none.
//! What changes something is done for programs, and for the scheduler's own pages where it was asked for by an address:
//! a name can be made to lead here by whoever owns it, and pages of that name would be taken for our own.

use std::net::IpAddr;

use axum::http::{HeaderMap, header};

/// Whether a request may change something.
///
/// # Errors
/// Why not.
pub(super) fn may_change(headers: &HeaderMap) -> Result<(), &'static str> {
    let Some(origin) = headers.get(header::ORIGIN) else { return Ok(()) };
    let origin = origin.to_str().ok().and_then(host_of_origin);
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok());
    match (origin, host) {
        (Some(origin), Some(host)) if origin.eq_ignore_ascii_case(host) && is_address(name_of(host)) => Ok(()),
        _ => Err("requests of web pages change nothing here; ask with a program, or by an address instead of a name"),
    }
}

/// Who has asked: who has connected, or who a proxy says it was, where proxies are believed.
pub(super) fn asker(headers: &HeaderMap, peer: IpAddr, believed: bool) -> IpAddr {
    let said = |name: &str| headers.get(name)?.to_str().ok()?.rsplit(',').next()?.trim().parse().ok();
    if believed { said("x-real-ip").or_else(|| said("x-forwarded-for")).unwrap_or(peer) } else { peer }
}

/// Whether a page may listen to what happens: its host is among these names, with or without a port, or all may.
pub(super) fn may_listen(headers: &HeaderMap, allowed: &[String]) -> bool {
    let Some(origin) = headers.get(header::ORIGIN) else { return true };
    let Some(origin) = origin.to_str().ok().and_then(host_of_origin) else { return false };
    let own = headers.get(header::HOST).and_then(|host| host.to_str().ok());
    let named = |allowed: &String| allowed == "*" || allowed == origin || allowed == name_of(origin);
    own.is_some_and(|own| own.eq_ignore_ascii_case(origin)) || allowed.iter().any(named)
}

/// The host, with its port, of `http://host:port`.
fn host_of_origin(origin: &str) -> Option<&str> {
    origin.split_once("://").map(|(_, host)| host)
}

/// A host without its port.
fn name_of(host: &str) -> &str {
    match host.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((address, _)) => address,
        None => host.split_once(':').map_or(host, |(name, _)| name),
    }
}

/// Whether nobody but this machine's owner decides where it leads.
fn is_address(name: &str) -> bool {
    name.eq_ignore_ascii_case("localhost") || name.parse::<IpAddr>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(origin: &str, host: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        if !origin.is_empty() {
            headers.insert(header::ORIGIN, origin.parse().unwrap());
        }
        headers.insert(header::HOST, host.parse().unwrap());
        headers
    }

    #[test]
    fn pages_of_others_change_nothing() {
        let table = [
            ("", "anything:8787", true),
            ("http://127.0.0.1:8787", "127.0.0.1:8787", true),
            ("http://[::1]:8787", "[::1]:8787", true),
            ("http://localhost:8787", "localhost:8787", true),
            ("http://evil.invalid", "127.0.0.1:8787", false),
            ("http://evil.invalid:8787", "evil.invalid:8787", false),
            ("null", "127.0.0.1:8787", false),
            ("http://127.0.0.1:1", "127.0.0.1:8787", false),
        ];
        for (origin, host, may) in table {
            assert_eq!(may_change(&headers(origin, host)).is_ok(), may, "{origin} {host}");
        }
    }

    #[test]
    fn proxies_say_who_has_asked_where_they_are_believed() {
        let mut headers = HeaderMap::new();
        headers.insert("x-forwarded-for", "10.0.0.9, 10.0.0.1".parse().unwrap());
        let peer = IpAddr::from([127, 0, 0, 1]);
        assert_eq!(asker(&headers, peer, false), peer);
        assert_eq!(asker(&headers, peer, true), IpAddr::from([10, 0, 0, 1]));
        headers.insert("x-real-ip", "::1".parse().unwrap());
        assert_eq!(asker(&headers, peer, true).to_string(), "::1");
        headers.insert("x-real-ip", "nobody".parse().unwrap());
        assert_eq!(asker(&headers, peer, true), IpAddr::from([10, 0, 0, 1]));
    }

    #[test]
    fn pages_listen_if_they_are_named() {
        let good = ["good.invalid".to_owned()];
        assert!(may_listen(&headers("http://good.invalid:80", "a"), &good));
        assert!(!may_listen(&headers("http://evil.invalid", "a"), &good));
        assert!(may_listen(&headers("http://evil.invalid", "a"), &["*".to_owned()]));
        assert!(may_listen(&headers("http://a:1", "a:1"), &[]) && may_listen(&headers("", "a"), &[]));
    }
}
