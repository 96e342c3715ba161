//! The lines that a scheduler says when it has started. Programs look for the first two; people need the third.

use std::net::SocketAddr;

use super::interface;

/// Tells where the scheduler is, and who can reach it.
pub fn started(address: &str, listens: SocketAddr, dashboard: Option<&str>) {
    tracing::info!(target: "cenote::scheduler", "  Scheduler at: {address:>25}");
    if let Some(link) = dashboard {
        tracing::info!(target: "cenote::scheduler", "  dashboard at: {link:>25}");
    }
    tracing::info!(target: "cenote::scheduler", "{}", reach(address, listens, &interface::outward()));
}

/// Who can reach the scheduler, and what to do about it.
fn reach(address: &str, listens: SocketAddr, outward: &[(String, std::net::Ipv4Addr)]) -> String {
    let ip = listens.ip();
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
    format!(
        "it listens on {place}; workers join with `dask worker {address}`; there is neither encryption nor a password: \
         whoever reaches this address can run programs on the workers"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_can_reach_it_is_said() {
        let outward = [("eth0".to_owned(), [192, 0, 2, 2].into())];
        let said = |listens: &str| reach("tcp://a:1", listens.parse().unwrap(), &outward);
        assert!(said("127.0.0.1:1").contains("--interface eth0 (its address is 192.0.2.2) or --host 0.0.0.0"));
        assert!(
            said("0.0.0.0:1").starts_with("it listens on all interfaces; workers join with `dask worker tcp://a:1`")
        );
        assert!(said("192.0.2.2:1").starts_with("it listens on eth0 (192.0.2.2)"));
    }
}
