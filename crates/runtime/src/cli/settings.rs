//! The settings of a scheduler, from flags and Dask's configuration. Dask's names, Dask's defaults.

use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::time::Duration;

use cenote_core::protocol::field::{Map, Text};
use cenote_core::protocol::limits::Limits;
use cenote_core::scheduler::memory::Measure;
use cenote_core::scheduler::rebalance::Rebalance;
use cenote_core::units;

use super::error::CommandError;
use super::listen::{self, Wish};
use super::pages;
use super::scheduler::Arguments;
use super::security;
use crate::comm::{Scheme, Security};
use crate::config::{self, Config, Setting};
use crate::core;
use crate::memory;
use crate::scheduler::Settings;

/// What can be counted as the memory of a worker.
const MEASURES: &str = "one of managed, managed_total, optimistic, process, spilled, unmanaged, unmanaged_old and \
                        unmanaged_recent";
const REDUCE_REPLICAS: &str = "distributed.active_memory_manager.ReduceReplicas";

/// The settings that `cenote scheduler` starts with.
///
/// # Errors
/// When a flag or a setting cannot be used.
pub fn scheduler(arguments: &Arguments, python: PathBuf, config: &Config) -> Result<Settings, CommandError> {
    let security = security::security(&arguments.protection, config)?;
    let wish = Wish {
        host: &arguments.host,
        port: arguments.port.as_deref(),
        interface: arguments.interface.as_deref(),
        protocol: arguments.protocol.as_deref().filter(|protocol| !protocol.is_empty()),
    };
    let listens = listen::scheduler(wish, default_scheme(arguments, &security, config)?, &security)?;
    // There is always one.
    let pages_ip = listens.first().map_or(Ipv4Addr::LOCALHOST.into(), |first| first.socket.ip());
    let defaults = Settings::default();
    Ok(Settings {
        listen: listens,
        contact: config.text("distributed.scheduler.contact-address")?.map(String::into_boxed_str),
        http: Some(pages::settings(arguments, pages_ip, config)?),
        python,
        python_environment: security::of_python(&arguments.protection, &security),
        security,
        inspect: arguments.inspect,
        record: arguments.record.clone(),
        idle_timeout: idle_timeout(arguments, config)?,
        connect_timeout: duration(config, "distributed.comm.timeouts.connect")?.unwrap_or(defaults.connect_timeout),
        blocked_handlers: config
            .texts("distributed.scheduler.blocked-handlers")?
            .into_iter()
            .map(String::into_boxed_str)
            .collect(),
        preload: texts(&arguments.preload, config, "preload")?,
        preload_arguments: texts(&arguments.preload_argv, config, "preload-argv")?,
        rebalance: rebalance(config)?,
        validate: config.flag("distributed.scheduler.validate")?.unwrap_or(false),
        machine: machine(config)?,
        limits: limits(&defaults),
        outbox_bytes_max: memory::available_bytes().map_or(defaults.outbox_bytes_max, |bytes| (bytes / 4) as usize),
    })
}

/// What the command line says, or else a setting.
fn texts(said: &[String], config: &Config, name: &str) -> Result<Vec<Box<str>>, CommandError> {
    let texts = if said.is_empty() { config.texts(&of(name))? } else { said.to_vec() };
    Ok(texts.into_iter().map(String::into_boxed_str).collect())
}

/// What a peer may send, by the memory that there is: a message that fits into it, and a head, which becomes values of
/// many times its size, of a small part of it.
fn limits(defaults: &Settings) -> Limits {
    let Some(bytes) = memory::available_bytes() else { return defaults.limits };
    Limits { head_bytes_max: (bytes / 16).max(1 << 26), message_bytes_max: bytes, ..defaults.limits }
}

/// What the machine is told.
fn machine(config: &Config) -> Result<core::scheduler::Settings, CommandError> {
    let defaults = core::scheduler::Settings::default();
    let number = |name: &str, default| Ok::<_, CommandError>(config.number(&of(name))?.unwrap_or(default));
    let seconds = |name: &str, default| Ok::<_, CommandError>(config.seconds(&of(name))?.unwrap_or(default));
    let count = |name: &str, default| {
        let count = config.count(&of(name))?;
        Ok::<_, CommandError>(count.map_or(default, |count| usize::try_from(count).unwrap_or(usize::MAX)))
    };
    Ok(core::scheduler::Settings {
        root_groups_max: count("rootish-taskgroup", defaults.root_groups_max)?,
        root_dependencies_max: count("rootish-taskgroup-dependencies", defaults.root_dependencies_max)?,
        worker_saturation: number("worker-saturation", defaults.worker_saturation)?,
        allowed_failures: config
            .count(&of("allowed-failures"))?
            .map_or(defaults.allowed_failures, |count| u32::try_from(count).unwrap_or(u32::MAX)),
        work_stealing: config.flag(&of("work-stealing"))?.unwrap_or(defaults.work_stealing),
        work_stealing_interval: milliseconds(config, &of("work-stealing-interval"))?
            .unwrap_or(defaults.work_stealing_interval),
        memory_manager_start: config.flag(&manager("start"))?.unwrap_or(defaults.memory_manager_start),
        memory_manager_interval: config.seconds(&manager("interval"))?.unwrap_or(defaults.memory_manager_interval),
        memory_manager_measure: measure(config, &manager("measure"))?
            .map_or(defaults.memory_manager_measure.clone(), |(name, _)| name.into()),
        reduce_replicas: reduces_replicas(config)?.unwrap_or(defaults.reduce_replicas),
        bandwidth: config.bytes(&of("bandwidth"))?.map_or(defaults.bandwidth, bytes_as_float),
        unknown_duration: seconds("unknown-task-duration", defaults.unknown_duration)?,
        default_durations: default_durations(config, &defaults)?,
        worker_ttl: optional_seconds(config, &of("worker-ttl"), defaults.worker_ttl)?,
        no_workers_timeout: optional_seconds(config, &of("no-workers-timeout"), defaults.no_workers_timeout)?,
        events_max: config
            .count("distributed.admin.low-level-log-length")?
            .map_or(defaults.events_max, |count| usize::try_from(count).unwrap_or(usize::MAX)),
        events_cleanup_delay: seconds("events-cleanup-delay", defaults.events_cleanup_delay)?,
        lease_validation_interval: seconds("locks.lease-validation-interval", defaults.lease_validation_interval)?,
        ..defaults
    })
}

/// What tasks are expected to take, by prefix: what is set is put over the defaults.
fn default_durations(config: &Config, defaults: &core::scheduler::Settings) -> Result<Map<Text, f64>, CommandError> {
    let mut durations = defaults.default_durations.0.clone();
    for (prefix, seconds) in config.durations(&of("default-task-durations"))? {
        // The environment has no dashes.
        let same = |known: &str| known == prefix || known.replace('-', "_") == prefix;
        match durations.iter_mut().find(|(known, _)| same(known)) {
            Some((_, known)) => *known = seconds,
            None => durations.push((prefix.as_str().into(), seconds)),
        }
    }
    Ok(Map(durations))
}

/// The full name of a setting of the memory manager.
fn manager(name: &str) -> String {
    format!("distributed.scheduler.active-memory-manager.{name}")
}

/// What counts as the memory of a worker.
fn measure(config: &Config, key: &str) -> Result<Option<(String, Measure)>, CommandError> {
    let Some(name) = config.text(key)? else { return Ok(None) };
    match Measure::of(&name) {
        Some(measure) => Ok(Some((name, measure))),
        None => Err(unfit(key, name, MEASURES)),
    }
}

/// Whether copies that nobody needs are dropped: the one policy that is known here. Those of users are Python.
fn reduces_replicas(config: &Config) -> Result<Option<bool>, CommandError> {
    let key = manager("policies");
    let policies = match config.value(&key) {
        None | Some(Setting::Null) => return Ok(None),
        Some(Setting::List(policies)) => policies,
        Some(other) => return Err(unfit(&key, other.to_string(), "a list of policies, each with its class")),
    };
    for policy in policies {
        let Some(class) = policy.entry("class").and_then(Setting::text) else {
            return Err(unfit(&key, policy.to_string(), "a list of policies, each with its class"));
        };
        if class != REDUCE_REPLICAS {
            return Err(CommandError::Policy { class: class.to_owned() });
        }
        let Setting::Map(entries) = policy else { continue };
        if let Some(argument) = entries.keys().find(|name| *name != "class") {
            return Err(unfit(&key, format!("{class} with {argument}"), "without it: that policy takes no arguments"));
        }
    }
    Ok(Some(!policies.is_empty()))
}

fn unfit(key: &str, found: String, wanted: &'static str) -> CommandError {
    config::Error::Unfit { key: key.to_owned(), found, wanted }.into()
}

/// When results are moved between workers.
fn rebalance(config: &Config) -> Result<Rebalance, CommandError> {
    let defaults = Rebalance::default();
    let of = |name: &str| format!("distributed.worker.memory.rebalance.{name}");
    let share = |name: &str, default| Ok::<_, CommandError>(config.number(&of(name))?.unwrap_or(default));
    Ok(Rebalance {
        measure: measure(config, &of("measure"))?.map_or(defaults.measure, |(_, measure)| measure),
        sender_min: share("sender-min", defaults.sender_min)?,
        recipient_max: share("recipient-max", defaults.recipient_max)?,
        gap: share("sender-recipient-gap", defaults.gap)?,
    })
}

/// The full name of a setting of the scheduler's.
fn of(name: &str) -> String {
    format!("distributed.scheduler.{name}")
}

/// A duration that may be set to none, which is something else than not set. No time at all is none.
fn optional_seconds(config: &Config, key: &str, default: Option<f64>) -> Result<Option<f64>, CommandError> {
    match config.seconds(key)? {
        Some(seconds) => Ok(Some(seconds).filter(|seconds| *seconds > 0.0)),
        None if config.is_null(key) => Ok(None),
        None => Ok(default),
    }
}

/// A duration in seconds, of a setting where a number without a unit means milliseconds.
fn milliseconds(config: &Config, key: &str) -> Result<Option<f64>, CommandError> {
    let plain = matches!(config.value(key), Some(Setting::Int(_) | Setting::Float(_)));
    Ok(config.seconds(key)?.map(|it| if plain { it / 1000.0 } else { it }))
}

#[expect(clippy::cast_precision_loss, reason = "a bandwidth is far below 2^52")]
fn bytes_as_float(bytes: u64) -> f64 {
    bytes as f64
}

fn idle_timeout(arguments: &Arguments, config: &Config) -> Result<Option<Duration>, CommandError> {
    let Some(text) = arguments.idle_timeout.as_deref() else {
        return duration(config, "distributed.scheduler.idle-timeout");
    };
    let unfit = || CommandError::Unfit {
        flag: "--idle-timeout",
        value: text.to_owned(),
        cause: "a duration is a number with a unit, such as 30s or '2 hours'".to_owned(),
    };
    let seconds =
        units::seconds(text).and_then(|seconds| Duration::try_from_secs_f64(seconds).ok()).ok_or_else(unfit)?;
    Ok(Some(seconds).filter(|timeout| !timeout.is_zero()))
}

fn duration(config: &Config, key: &str) -> Result<Option<Duration>, CommandError> {
    let seconds = config.seconds(key)?;
    Ok(seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok()).filter(|timeout| !timeout.is_zero()))
}

/// The protocol where none is named: TLS where a flag names certificates or nothing else is wanted, else as it is set.
fn default_scheme(arguments: &Arguments, security: &Security, config: &Config) -> Result<Scheme, CommandError> {
    if security.require_encryption || (arguments.host.is_empty() && arguments.protection.names_certificates()) {
        return Ok(Scheme::Tls);
    }
    match config.text("distributed.comm.default-scheme")? {
        Some(scheme) => listen::scheme("the setting distributed.comm.default-scheme", &scheme),
        None => Ok(Scheme::Tcp),
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::config::Sources;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        arguments: Arguments,
    }

    fn settings(flags: &[&str], variables: &[(&str, &str)]) -> Result<Settings, CommandError> {
        let environment =
            variables.iter().map(|(name, value)| (format!("DASK_DISTRIBUTED__{name}"), (*value).to_owned())).collect();
        let config = Config::read(&Sources { files: Vec::new(), environment }).unwrap();
        let line = Line::try_parse_from(["scheduler"].iter().chain(flags)).unwrap();
        scheduler(&line.arguments, "python3".into(), &config)
    }

    #[test]
    fn without_flags_and_settings_it_is_as_dask_has_it_but_on_loopback() {
        let settings = settings(&[], &[]).unwrap();
        assert_eq!(settings.listen, Settings::default().listen);
        assert_eq!(settings.http.unwrap().listen.to_string(), "127.0.0.1:8787");
        assert_eq!(settings.machine, core::scheduler::Settings::default());
        assert_eq!(settings.idle_timeout, None);
    }

    #[test]
    fn settings_reach_the_machine() {
        let settings = settings(
            &["--idle-timeout", "2 hours"],
            &[
                ("SCHEDULER__WORKER_SATURATION", "inf"),
                ("SCHEDULER__ALLOWED_FAILURES", "0"),
                ("SCHEDULER__WORK_STEALING", "false"),
                ("SCHEDULER__WORK_STEALING_INTERVAL", "20"),
                ("SCHEDULER__BANDWIDTH", "1GB"),
                ("SCHEDULER__UNKNOWN_TASK_DURATION", "1s"),
                ("SCHEDULER__DEFAULT_TASK_DURATIONS", "{'load': '2 hours', 'rechunk_split': 1}"),
                ("SCHEDULER__VALIDATE", "true"),
                ("SCHEDULER__WORKER_TTL", "None"),
                ("SCHEDULER__NO_WORKERS_TIMEOUT", "5 minutes"),
                ("SCHEDULER__LOCKS__LEASE_VALIDATION_INTERVAL", "100ms"),
                ("ADMIN__LOW_LEVEL_LOG_LENGTH", "7"),
                ("SCHEDULER__IDLE_TIMEOUT", "1s"),
                ("SCHEDULER__BLOCKED_HANDLERS", "['feed']"),
                ("COMM__TIMEOUTS__CONNECT", "5s"),
            ],
        )
        .unwrap();
        let machine = &settings.machine;
        assert_eq!((machine.worker_saturation, machine.allowed_failures), (f64::INFINITY, 0));
        assert_eq!((machine.work_stealing, machine.work_stealing_interval), (false, 0.02));
        assert_eq!((machine.bandwidth, machine.unknown_duration), (1e9, 1.0));
        let durations = machine.default_durations.0.iter().map(|(prefix, seconds)| format!("{prefix} {seconds}"));
        assert_eq!(
            durations.collect::<Vec<_>>(),
            [
                "rechunk-split 1",
                "split-shuffle 0.000001",
                "split-taskshuffle 0.000001",
                "split-stage 0.000001",
                "load 7200"
            ]
        );
        assert!(settings.validate);
        assert_eq!((machine.worker_ttl, machine.no_workers_timeout), (None, Some(300.0)));
        assert_eq!((machine.lease_validation_interval, machine.events_max), (0.1, 7));
        assert_eq!(settings.idle_timeout, Some(Duration::from_hours(2)));
        assert_eq!(settings.connect_timeout, Duration::from_secs(5));
        assert_eq!(settings.blocked_handlers, ["feed".into()]);
    }

    #[test]
    fn what_the_memory_manager_cannot_do_is_refused_by_name() {
        let refused = |name: &str, value: &str| {
            settings(&[], &[(&format!("SCHEDULER__ACTIVE_MEMORY_MANAGER__{name}"), value)]).unwrap_err().to_string()
        };
        for (name, value, said) in [
            ("POLICIES", "[{'class': 'mine.Policy', 'x': 1}]", "the policy mine.Policy of the setting"),
            ("POLICIES", "[{'class': 'distributed.active_memory_manager.ReduceReplicas', 'x': 1}]", "with x;"),
            ("POLICIES", "ReduceReplicas", "policies is 'ReduceReplicas'; it must be a list"),
            ("POLICIES", "['ReduceReplicas']", "policies is 'ReduceReplicas'; it must be a list"),
            ("MEASURE", "rss", "measure is rss; it must be one of managed,"),
        ] {
            let error = refused(name, value);
            assert!(error.contains(said), "{error}");
        }
    }

    #[test]
    fn every_measure_of_dask_counts_memory() {
        for (name, measure) in Measure::ALL {
            let variables =
                [("SCHEDULER__ACTIVE_MEMORY_MANAGER__MEASURE", name), ("WORKER__MEMORY__REBALANCE__MEASURE", name)];
            let settings = settings(&[], &variables).unwrap();
            assert_eq!((&*settings.machine.memory_manager_measure, settings.rebalance.measure), (name, measure));
        }
    }

    #[test]
    fn settings_that_are_not_there_are_refused() {
        for variable in [("COMM__REQUIRE_ENCRYPTION", "true"), ("COMM__DEFAULT_SCHEME", "tls")] {
            assert_eq!(settings(&[], &[variable]).unwrap_err().exit_code(), 2, "{variable:?}");
        }
    }
}
