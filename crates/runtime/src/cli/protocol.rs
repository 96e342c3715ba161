//! `cenote protocol`: tells in JSON what this scheduler understands, for whoever compares it with a release of Dask.

use std::collections::BTreeMap;
use std::io::Write;

use clap::{Args, CommandFactory, FromArgMatches};
use serde_json::{Value, json};

use super::error::CommandError;
use super::{Cenote, scheduler, settings};
use crate::config::{Config, Sources};
use crate::scheduler::spoken::{self, Spoken};

/// Tell in JSON which requests, messages, settings and flags are understood.
#[derive(Args, Debug)]
pub struct Arguments {}

/// Prints it.
///
/// # Errors
/// The settings of a scheduler that is told nothing cannot be made.
pub fn run() -> Result<(), CommandError> {
    let command = scheduler::Arguments::augment_args(clap::Command::new("scheduler"));
    let plain = command.clone().get_matches_from(["scheduler"]);
    let arguments = scheduler::Arguments::from_arg_matches(&plain).expect("no flag is required");
    let config = Config::read(&Sources { files: Vec::new(), environment: BTreeMap::new() })?;
    settings::scheduler(&arguments, "python3".into(), &config)?;
    let flags = command.get_arguments().filter_map(|flag| flag.get_long().map(|name| format!("--{name}")));
    let said = json!({
        "version": Cenote::command().get_version(),
        "envelope": spoken::ENVELOPE,
        "requests": spoken::REQUESTS.into_iter().flat_map(named).collect::<serde_json::Map<_, _>>(),
        "from_client": named(spoken::FROM_CLIENT).collect::<serde_json::Map<_, _>>(),
        "from_worker": named(spoken::FROM_WORKER).collect::<serde_json::Map<_, _>>(),
        "to_client": named(spoken::TO_CLIENT).collect::<serde_json::Map<_, _>>(),
        "to_worker": named(spoken::TO_WORKER).collect::<serde_json::Map<_, _>>(),
        "settings": config.asked(),
        "flags": flags.collect::<Vec<_>>(),
    });
    // Whoever reads may have enough.
    let _ = writeln!(std::io::stdout(), "{said:#}");
    Ok(())
}

fn named(spoken: Spoken) -> impl Iterator<Item = (String, Value)> {
    spoken.iter().map(|(name, fields)| ((*name).to_owned(), json!(fields)))
}
