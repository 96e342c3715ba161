//! `cenote scheduler`: takes the place of `dask scheduler`, with its flags.

use std::cell::OnceCell;
use std::path::PathBuf;
use std::time::{SystemTime, UNIX_EPOCH};

use clap::Args;
use serde_json::json;
use tokio::runtime::LocalOptions;
use tokio::sync::oneshot;

use super::error::CommandError;
use super::lifetime_file::{LifetimeFile, Unfinished};
use super::security::Protection;
use super::{Surroundings, notice, settings};
use crate::config::{Config, Sources};
use crate::logging;
use crate::scheduler::{self, SchedulerError, Settings, Started};
use crate::shutdown::{self, Requests};

/// So many connections are served before it is asked which others have something to say. What is said to a peer in this
/// time leaves as one message.
const TURN_TASKS_MAX: u32 = 1024;

/// Start a scheduler that clients and workers of Dask connect to.
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of its own")]
#[derive(Args, Debug)]
#[command(
    display_name = "cenote",
    args_override_self = true,
    after_help = "Settings are read from Dask's YAML files and from DASK_* and CENOTE_* of the environment, as Dask does.\n\
                  Without --host or --interface only this machine can reach the scheduler, unless certificates or a token keep \
                  strangers out."
)]
pub struct Arguments {
    /// Address or name of this machine to listen at, with or without a port; 0.0.0.0 for all interfaces
    #[arg(long, value_name = "ADDRESS", default_value = "", hide_default_value = true)]
    pub host: String,
    /// Port to listen at; 0 takes one that is free [default: 8786]
    #[arg(long, value_name = "PORT")]
    pub port: Option<String>,
    /// Network interface to listen on, like 'eth0'
    #[arg(long, value_name = "NAME")]
    pub interface: Option<String>,
    /// Protocol: tcp or tls, or both with a port for each, like 'tcp,tls'
    #[arg(long, value_name = "NAME")]
    pub protocol: Option<String>,
    #[command(flatten)]
    pub protection: Protection,
    /// Address of the pages over HTTP; without a host they are where the scheduler is
    #[arg(long, value_name = "ADDRESS", default_value = ":8787")]
    pub dashboard_address: String,
    /// Serve the pages over HTTP, which is what happens anyway
    #[arg(long, overrides_with = "no_dashboard")]
    pub dashboard: bool,
    /// Announce no page to people; /health is served all the same
    #[arg(long)]
    pub no_dashboard: bool,
    /// Path before those of all pages, for a proxy that passes on a part of its own paths
    #[arg(long, value_name = "PATH", default_value = "", hide_default_value = true)]
    pub dashboard_prefix: String,
    /// Whether a proxy before the pages is believed who has asked
    #[arg(long, value_name = "BOOLEAN")]
    pub use_xheaders: Option<String>,
    /// File to write connection information to, for clients and workers on a shared file system
    #[arg(long, value_name = "FILE")]
    pub scheduler_file: Option<PathBuf>,
    /// File to write the process id to
    #[arg(long, value_name = "FILE")]
    pub pid_file: Option<PathBuf>,
    /// Time without work after which the scheduler ends, like '30 minutes'
    #[arg(long, value_name = "DURATION")]
    pub idle_timeout: Option<String>,
    /// End when standard input ends: with the program that started this one, however that ends
    #[arg(long)]
    pub until_input_ends: bool,
    /// Python with the packages of the clients: it reads their graphs [default: the one of this environment]
    #[arg(long, value_name = "PROGRAM")]
    pub python: Option<PathBuf>,
    /// Answer requests that read the scheduler's state; for tests, only from this machine
    #[arg(long)]
    pub inspect: bool,
    /// Record everything that happens to a file
    #[arg(long, value_name = "FILE", conflicts_with = "replay")]
    pub record: Option<PathBuf>,
    /// Replay a recorded file instead of listening
    #[arg(long, value_name = "FILE")]
    pub replay: Option<PathBuf>,
    /// Module, file or address of Python to load beside the scheduler; its `dask_setup` is run
    #[arg(long, value_name = "MODULE")]
    pub preload: Vec<String>,
    /// What the command line of each of these modules is told
    #[arg(value_name = "PRELOAD_ARGV", allow_hyphen_values = true, trailing_var_arg = true)]
    pub preload_argv: Vec<String>,
    #[command(flatten)]
    pub missing: Missing,
}

/// Flags of Dask's that are known and not there. They are no surprise to whoever starts a scheduler by a script.
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of its own")]
#[derive(Args, Debug, Default)]
pub struct Missing {
    #[arg(long, hide = true)]
    jupyter: bool,
    #[arg(long, hide = true)]
    no_jupyter: bool,
    #[arg(long, hide = true)]
    show: bool,
    #[arg(long, hide = true)]
    no_show: bool,
}

impl Missing {
    fn check(&self) -> Result<(), CommandError> {
        let named = [("--jupyter", self.jupyter && !self.no_jupyter)];
        match named.iter().find(|(_, given)| *given) {
            Some((flag, _)) => Err(CommandError::NotYet { flag: (*flag).to_owned() }),
            None => Ok(()),
        }
    }
}

/// Runs the scheduler until it is told to close.
///
/// # Errors
/// When what was asked for is not there, or the scheduler cannot start.
pub fn run(arguments: &Arguments, surroundings: &Surroundings) -> Result<(), CommandError> {
    arguments.missing.check()?;
    if let Some(word) = arguments.preload_argv.first().filter(|_| arguments.preload.is_empty()) {
        let cause = "there is no such flag, and no --preload whose argument it could be; see --help".to_owned();
        return Err(CommandError::Unfit { flag: "unexpected argument", value: word.clone(), cause });
    }
    if let Some(path) = &arguments.replay {
        let stimuli = scheduler::replay(path).map_err(SchedulerError::from)?;
        println!("{stimuli} stimuli replayed: the same instructions followed");
        return Ok(());
    }
    let python = surroundings.python(arguments.python.as_deref());
    let config = Config::read(&Sources::of_process(&surroundings.prefixes(&python)))?;
    logging::start(&config);
    let settings = settings::scheduler(arguments, python, &config)?;
    let _pid_file = match &arguments.pid_file {
        Some(path) => Some(LifetimeFile::write("--pid-file", path, &std::process::id().to_string())?),
        None => None,
    };
    allow_many_connections();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .event_interval(TURN_TASKS_MAX)
        .build_local(LocalOptions::default())?;
    let outcome = runtime.block_on(serve(settings, arguments));
    tracing::info!(target: "cenote::scheduler", "End scheduler");
    runtime.shutdown_background();
    outcome
}

async fn serve(settings: Settings, arguments: &Arguments) -> Result<(), CommandError> {
    let mut requests = Requests::listen()?;
    let has_token = settings.security.token.is_some();
    let file = OnceCell::new();
    let address = OnceCell::new();
    let started = |started: &Started| {
        let text = format!("{:#}", identity(started));
        let begun = arguments
            .scheduler_file
            .as_ref()
            .map(|path| LifetimeFile::begin("--scheduler-file", path, &text))
            .transpose();
        if begun.is_ok() {
            notice::started(started, has_token, started.dashboard.as_deref().filter(|_| !arguments.no_dashboard));
        }
        let written = begun.and_then(|begun| begun.map(Unfinished::finish).transpose());
        // Both are set here only, once.
        let _ = (file.set(written), address.set(started.address.to_string()));
    };
    let (hurry, hurried) = oneshot::channel();
    let closing = async {
        if matches!(file.get(), Some(Err(_))) {
            return; // whoever waits for the file would wait in vain
        }
        tokio::select! {
            request = requests.next() =>
                tracing::info!(target: "cenote::scheduler", "Received signal {} ({})", request.name(), request.number()),
            () = shutdown::end_of_input(), if arguments.until_input_ends =>
                tracing::info!(target: "cenote::scheduler", "Standard input has ended"),
        }
        tokio::spawn(async move { hurry.send(requests.again().await) });
    };
    tokio::select! {
        served = scheduler::serve(settings, started, closing) => served?,
        Ok(request) = hurried => return Err(CommandError::Hurried { request }),
    }
    file.into_inner().transpose()?;
    tracing::info!(target: "cenote::scheduler", "Stopped scheduler at '{}'", address.into_inner().unwrap_or_default());
    Ok(())
}

/// What a scheduler file says: the scheduler as it answers `identity` when it has just started.
fn identity(started: &Started) -> serde_json::Value {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64();
    json!({
        "type": "Scheduler",
        "id": &*started.id,
        "address": &*started.address,
        "services": started.dashboard_port.map_or_else(|| json!({}), |port| json!({ "dashboard": port })),
        "started": now,
        "n_workers": 0,
        "total_threads": 0,
        "total_memory": 0,
        "workers": {},
    })
}

/// Each connection needs a descriptor, and the usual soft limit is 1,024.
fn allow_many_connections() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    // Without a hard limit there may be one all the same: the kernel refuses what is beyond it.
    let wanted = limit.maximum.unwrap_or(1 << 20);
    if limit.current.is_some_and(|current| current < wanted) {
        let _ = setrlimit(Resource::Nofile, Rlimit { current: Some(wanted), maximum: limit.maximum });
    }
}
