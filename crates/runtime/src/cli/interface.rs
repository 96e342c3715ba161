//! Network interfaces by their names.

use std::net::{IpAddr, Ipv4Addr};

/// The IPv4 address of an interface.
///
/// # Errors
/// When there is no such interface, or it has no such address; the text names those that are there.
pub fn address(name: &str) -> Result<Ipv4Addr, String> {
    let all = if_addrs::get_if_addrs().map_err(|error| format!("the interfaces cannot be listed: {error}"))?;
    let mut found = false;
    for interface in all.iter().filter(|interface| interface.name == name) {
        found = true;
        if let IpAddr::V4(address) = interface.ip() {
            return Ok(address);
        }
    }
    if found {
        return Err("this interface has no IPv4 address; name the address with --host".to_owned());
    }
    let mut names: Vec<&str> = all.iter().map(|interface| interface.name.as_str()).collect();
    names.sort_unstable();
    names.dedup();
    Err(format!("there is no such interface; there are: {}", names.join(", ")))
}

/// Interfaces over which other machines could come, with their addresses.
pub fn outward() -> Vec<(String, Ipv4Addr)> {
    let all = if_addrs::get_if_addrs().unwrap_or_default();
    all.into_iter()
        .filter_map(|interface| match interface.ip() {
            IpAddr::V4(address) if !address.is_loopback() => Some((interface.name, address)),
            _ => None,
        })
        .collect()
}
