//! Memory: how much this process may use.

/// Bytes that the machine, or the container that the process runs in, has for it; nothing where the system does not say.
pub fn available_bytes() -> Option<u64> {
    let limit = container_limit();
    machine_bytes().map(|machine| limit.map_or(machine, |limit| machine.min(limit))).or(limit)
}

/// The memory of the machine.
#[cfg(all(target_os = "linux", target_pointer_width = "64"))]
fn machine_bytes() -> Option<u64> {
    let system = rustix::system::sysinfo();
    let bytes = system.totalram.checked_mul(system.mem_unit.into())?;
    Some(bytes).filter(|bytes| *bytes > 0)
}

#[cfg(not(all(target_os = "linux", target_pointer_width = "64")))]
fn machine_bytes() -> Option<u64> {
    None
}

/// The limit of the control group: a file of version 2, or one of version 1. Text such as `max` is no limit.
fn container_limit() -> Option<u64> {
    let files = ["/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"];
    files.iter().find_map(|file| std::fs::read_to_string(file).ok()?.trim().parse().ok())
}

#[cfg(all(test, target_os = "linux", target_pointer_width = "64"))]
mod tests {
    use super::available_bytes;

    #[test]
    fn a_machine_that_runs_tests_has_some_memory_and_not_all_there_is() {
        let bytes = available_bytes().expect("Linux says it");
        assert!((1 << 26..1 << 50).contains(&bytes), "{bytes}");
    }
}
