//! Logs: one line an event on stderr, as Dask's are, so that what reads those reads ours.
//!
//! `2026-11-23 10:30:00,330 - distributed.scheduler - INFO - State start`. A module of ours has the name of Dask's logger
//! of the same concern; levels are set by those names, in the configuration's `logging` or by `CENOTE_LOG`.

mod remembered;

use std::fmt;

use tracing::level_filters::LevelFilter;
use tracing::{Event, Subscriber};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::{ChronoLocal, FormatTime};
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::layer::{Context, Filter, SubscriberExt};
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Layer, fmt as layer};

use crate::config::{Config, Setting};
use remembered::Memory;
pub use remembered::{Remembered, lines};

/// The variable that sets levels: `debug`, or `distributed.scheduler=debug,distributed.comm=error`.
const VARIABLE: &str = "log";

/// Starts logging. Only the first call in a process counts.
pub fn start(config: &Config) {
    let line = || Line { time: ChronoLocal::new("%Y-%m-%d %H:%M:%S,%3f".into()) };
    let shown = layer::layer().with_writer(std::io::stderr).event_format(line()).with_filter(Levels::of(config));
    let kept = layer::layer()
        .with_writer(Memory)
        .with_ansi(false)
        .event_format(line())
        .with_filter(Levels::remembered(config));
    // Whoever embeds us may have a subscriber already, and keeps it.
    let _ = tracing_subscriber::registry().with(shown).with(kept).try_init();
}

/// Dask's name for a module of ours: `cenote::scheduler::hub` is `distributed.scheduler`.
fn logger(target: &str) -> String {
    let mut parts = target.split("::");
    match (parts.next(), parts.next()) {
        (Some("cenote" | "cenote_core"), Some(concern)) => format!("distributed.{concern}"),
        (Some("cenote" | "cenote_core"), None) => "distributed".to_owned(),
        _ => target.replace("::", "."),
    }
}

/// The least level that each logger shows. The longest name that fits counts.
#[derive(Clone, Debug, PartialEq)]
struct Levels {
    of_loggers: Vec<(String, LevelFilter)>,
}

impl Levels {
    /// What is shown.
    fn of(config: &Config) -> Self {
        let mut levels = Self::of_dask(config);
        for (name, level) in said(config) {
            levels.set(&name, &level);
        }
        levels
    }

    /// What is remembered: no less than is shown, and no less for `CENOTE_LOG`, which is about what is shown.
    fn remembered(config: &Config) -> Self {
        let mut levels = Self::of_dask(config);
        for (name, level) in said(config) {
            let before = levels.level(&name);
            levels.set(&name, &level);
            if levels.level(&name) < before {
                levels.set(&name, &before.to_string());
            }
        }
        levels
    }

    /// What Dask's configuration says.
    fn of_dask(config: &Config) -> Self {
        let mut levels = Self { of_loggers: vec![(String::new(), LevelFilter::WARN)] };
        levels.set("distributed", "info");
        for place in ["logging", "distributed.logging"] {
            if let Some(Setting::Map(loggers)) = config.value(place) {
                for (name, level) in loggers {
                    levels.set(name, level.text().unwrap_or_default());
                }
            }
        }
        levels
    }

    /// Sets the level of a logger. What is no level is passed over: a log must not keep a scheduler from starting.
    fn set(&mut self, name: &str, level: &str) {
        let level = match level.to_ascii_lowercase().as_str() {
            "critical" | "fatal" | "error" => LevelFilter::ERROR,
            "warning" | "warn" => LevelFilter::WARN,
            "info" => LevelFilter::INFO,
            "debug" => LevelFilter::DEBUG,
            "trace" | "notset" => LevelFilter::TRACE,
            "off" => LevelFilter::OFF,
            _ => return,
        };
        self.of_loggers.retain(|(known, _)| known != name);
        self.of_loggers.push((name.to_owned(), level));
    }

    fn level(&self, logger: &str) -> LevelFilter {
        let fits = |name: &str| {
            name.is_empty() || logger.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        };
        let fitting = self.of_loggers.iter().filter(|(name, _)| fits(name));
        fitting.max_by_key(|(name, _)| name.len()).map_or(LevelFilter::OFF, |(_, level)| *level)
    }
}

/// Loggers and levels of `CENOTE_LOG`.
fn said(config: &Config) -> Vec<(String, String)> {
    let text = config.value(VARIABLE).and_then(Setting::text).unwrap_or_default();
    let of_part = |part: &str| match part.split_once('=') {
        Some((name, level)) => (name.trim().to_owned(), level.trim().to_owned()),
        None => ("distributed".to_owned(), part.trim().to_owned()),
    };
    text.split(',').map(of_part).collect()
}

impl<S> Filter<S> for Levels {
    fn enabled(&self, metadata: &tracing::Metadata<'_>, _: &Context<'_, S>) -> bool {
        *metadata.level() <= self.level(&logger(metadata.target()))
    }

    fn callsite_enabled(&self, metadata: &'static tracing::Metadata<'static>) -> tracing::subscriber::Interest {
        if *metadata.level() <= self.level(&logger(metadata.target())) {
            tracing::subscriber::Interest::always()
        } else {
            tracing::subscriber::Interest::never()
        }
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        self.of_loggers.iter().map(|(_, level)| *level).max()
    }
}

/// How an event is written.
struct Line {
    time: ChronoLocal,
}

impl<S, N> FormatEvent<S, N> for Line
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(&self, context: &FmtContext<'_, S, N>, mut out: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        let level = remembered::name(*event.metadata().level());
        self.time.format_time(&mut out)?;
        write!(out, " - {} - {level} - ", logger(event.metadata().target()))?;
        context.field_format().format_fields(out.by_ref(), event)?;
        writeln!(out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Sources;

    fn levels(variables: &[(&str, &str)]) -> Levels {
        let environment = variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Levels::of(&Config::read(&Sources { files: Vec::new(), environment }).unwrap())
    }

    #[test]
    fn the_longest_name_that_fits_sets_the_level() {
        let levels = levels(&[
            ("DASK_LOGGING", "{'distributed': 'warning', 'distributed.scheduler': 'debug', 'tornado': 'nonsense'}"),
            ("CENOTE_LOG", "distributed.comm=error"),
        ]);
        assert_eq!(levels.level("distributed"), LevelFilter::WARN);
        assert_eq!(levels.level("distributed.scheduler"), LevelFilter::DEBUG);
        assert_eq!(levels.level("distributed.scheduler.hub"), LevelFilter::DEBUG);
        assert_eq!(levels.level("distributed.schedulers"), LevelFilter::WARN);
        assert_eq!(levels.level("distributed.comm"), LevelFilter::ERROR);
        assert_eq!(levels.level("hyper.proto"), LevelFilter::WARN);
    }

    #[test]
    fn what_is_not_shown_is_remembered_all_the_same() {
        let remembered = |variables: &[(&str, &str)]| {
            let environment = variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
            Levels::remembered(&Config::read(&Sources { files: Vec::new(), environment }).unwrap())
        };
        assert_eq!(remembered(&[("CENOTE_LOG", "warning")]).level("distributed.scheduler"), LevelFilter::INFO);
        assert_eq!(remembered(&[("CENOTE_LOG", "debug")]).level("distributed.scheduler"), LevelFilter::DEBUG);
        let quiet = remembered(&[("DASK_LOGGING", "{'distributed': 'error'}"), ("CENOTE_LOG", "warning")]);
        assert_eq!(quiet.level("distributed.scheduler"), LevelFilter::WARN);
    }

    #[test]
    fn without_settings_our_loggers_inform() {
        assert_eq!(levels(&[]).level("distributed.scheduler"), LevelFilter::INFO);
        assert_eq!(levels(&[("CENOTE_LOG", "debug")]).level("distributed.scheduler"), LevelFilter::DEBUG);
    }

    #[test]
    fn modules_have_the_names_of_dasks_loggers() {
        assert_eq!(logger("cenote::scheduler::hub"), "distributed.scheduler");
        assert_eq!(logger("cenote"), "distributed");
        assert_eq!(logger("hyper::proto"), "hyper.proto");
    }
}
