//! The lines that a scheduler says when it has started. Programs look for the first two; people need the third.

use super::interface;
use crate::comm::Scheme;
use crate::scheduler::{Listen, Started};

/// Tells where the scheduler is, and who can reach it.
pub fn started(started: &Started, has_token: bool, dashboard: Option<&str>) {
    let addresses = std::iter::once(&started.address).chain(&started.others);
    for address in addresses.clone() {
        tracing::info!(target: "cenote::scheduler", "  Scheduler at: {address:>25}");
    }
    if let Some(link) = dashboard {
        tracing::info!(target: "cenote::scheduler", "  dashboard at: {link:>25}");
    }
    let outward = interface::outward();
    for (address, listens) in addresses.zip(&started.listens) {
        tracing::info!(target: "cenote::scheduler", "{}", reach(address, *listens, has_token, &outward));
    }
}

/// Who can reach the scheduler, and what to do about it.
fn reach(address: &str, listens: Listen, has_token: bool, outward: &[(String, std::net::Ipv4Addr)]) -> String {
    let ip = listens.socket.ip();
    if ip.is_loopback() {
        let example = match outward.first() {
            Some((name, own)) => format!("--interface {name} (its address is {own}) or --host 0.0.0.0"),
            None => "--host 0.0.0.0".to_owned(),
        };
        return format!("only this machine can reach it; to let other machines join, start it with {example}");
    }
    let place = if ip.is_unspecified() {
        "all interfaces".to_owned()
    } else {
        let name = outward.iter().find(|(_, own)| ip == *own).map(|(name, _)| name.as_str());
        name.map_or_else(|| ip.to_string(), |name| format!("{name} ({ip})"))
    };
    let admitted = match (listens.scheme, has_token) {
        (Scheme::Tls, true) => "whoever has a certificate of our authority and says the token is let in",
        (Scheme::Tls, false) => "whoever has a certificate of our authority is let in",
        (Scheme::Tcp, true) => {
            "whoever says the token is let in; nothing is encrypted: who can read the network can read the token too"
        }
        (Scheme::Tcp, false) => {
            "there is neither encryption nor a password: whoever reaches this address can run programs on the workers"
        }
    };
    format!("it listens on {place}; workers join with `dask worker {address}`; {admitted}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_can_reach_it_is_said() {
        let outward = [("eth0".to_owned(), [192, 0, 2, 2].into())];
        let at = |scheme, listens: &str, has_token| {
            reach("tcp://a:1", Listen { scheme, socket: listens.parse().unwrap() }, has_token, &outward)
        };
        let said = |listens: &str| at(Scheme::Tcp, listens, false);
        assert!(said("127.0.0.1:1").contains("--interface eth0 (its address is 192.0.2.2) or --host 0.0.0.0"));
        assert!(
            said("0.0.0.0:1").starts_with("it listens on all interfaces; workers join with `dask worker tcp://a:1`")
        );
        assert!(said("192.0.2.2:1").starts_with("it listens on eth0 (192.0.2.2)"));
        assert!(said("0.0.0.0:1").contains("neither encryption nor a password"));
        assert!(
            at(Scheme::Tls, "0.0.0.0:1", true).ends_with("certificate of our authority and says the token is let in")
        );
        assert!(at(Scheme::Tcp, "0.0.0.0:1", true).contains("nothing is encrypted"));
    }
}
