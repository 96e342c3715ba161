//! The process in numbers, as Linux knows it. The names are those that every client of Prometheus has.
#![allow(clippy::cast_precision_loss, reason = "samples are floats, as Prometheus has it")]

use std::fs;

use super::exposition::{Exposition, Kind};

/// A process in numbers. What is not known here is 0, and not shown.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Process {
    virtual_bytes: f64,
    resident_bytes: f64,
    /// In seconds since 1970.
    started: f64,
    /// Of the processor, in seconds.
    busy: f64,
    open: f64,
    open_max: f64,
}

impl Process {
    /// This process.
    pub fn read() -> Self {
        let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
        let boot = fs::read_to_string("/proc/stat").unwrap_or_default();
        let boot = boot.lines().find_map(|line| line.strip_prefix("btime ")?.trim().parse().ok());
        let open = fs::read_dir("/proc/self/fd").map_or(0, Iterator::count);
        let open_max = rustix::process::getrlimit(rustix::process::Resource::Nofile).current;
        let open_max = open_max.map_or(0.0, |max| max as f64);
        let (page, ticks) = (rustix::param::page_size() as f64, rustix::param::clock_ticks_per_second() as f64);
        Self { open: open as f64, open_max, ..Self::of(&stat, boot, page, ticks) }
    }

    /// What the system says of a process in one line.
    fn of(stat: &str, boot: Option<f64>, page: f64, ticks: f64) -> Self {
        // The name of the program stands in parentheses, and may contain anything.
        let fields: Vec<f64> = stat
            .rsplit_once(')')
            .map_or("", |(_, rest)| rest)
            .split_whitespace()
            .skip(1)
            .map(|field| field.parse().unwrap_or(0.0))
            .collect();
        let field = |number: usize| fields.get(number - 4).copied().unwrap_or(0.0);
        Self {
            busy: (field(14) + field(15)) / ticks,
            started: boot.map_or(0.0, |boot| boot + field(22) / ticks),
            virtual_bytes: field(23),
            resident_bytes: field(24) * page,
            ..Self::default()
        }
    }

    /// Writes what is known.
    pub fn expose(&self, text: &mut Exposition) {
        let families = [
            ("process_virtual_memory_bytes", Kind::Gauge, "bytes", "Virtual memory size in bytes.", self.virtual_bytes),
            ("process_resident_memory_bytes", Kind::Gauge, "bytes", "Memory in use, in bytes.", self.resident_bytes),
            ("process_start_time_seconds", Kind::Gauge, "seconds", "Start, in seconds since 1970.", self.started),
            ("process_cpu_seconds", Kind::Counter, "seconds", "Time of the processor used, in seconds.", self.busy),
            ("process_open_fds", Kind::Gauge, "", "Open file descriptors.", self.open),
            ("process_max_fds", Kind::Gauge, "", "File descriptors that may be open.", self.open_max),
        ];
        for (name, kind, unit, help, value) in families {
            if value > 0.0 {
                text.family(name, kind, unit, help).add(&[], value);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_of_the_system_is_read_behind_the_name() {
        let stat = "7 (a) b) S 1 7 7 0 -1 4194560 9 0 0 0 150 50 0 0 20 0 1 0 1000 4096 3 18446744073709551615 1";
        let read = Process::of(stat, Some(100.0), 4096.0, 100.0);
        let expected =
            Process { virtual_bytes: 4096.0, resident_bytes: 12288.0, started: 110.0, busy: 2.0, ..Process::default() };
        assert_eq!(read, expected);
        assert_eq!(Process::of("", None, 1.0, 1.0), Process::default());
    }
}
