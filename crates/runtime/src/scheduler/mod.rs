//! The scheduler's process: one thread that owns the machine, and the connections of its peers.
//!
//! ```text
//! peers ─► connection ─┬─ requests ─► questions, queries ─► hub ─► machine (core decides)
//!                      │              procedures ─► other peers     │
//!                      └─ streams: worker, client ─► stimuli ───────┘ ─► instructions ─► outboxes ─► peers
//!                                                                              └─► executor (Python reads graphs)
//! ```

mod client;
mod closing;
mod connection;
mod departures;
mod executor_door;
mod feed;
mod hub;
mod inspection;
mod journal;
mod nanny;
mod outbox;
mod overview;
mod plugins;
mod procedure;
mod rounds;
mod sampler;
mod settings;
mod shelf;
pub mod spoken;
mod subscription;
mod worker;

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::rc::Rc;
use std::time::Duration;

use cenote_core::protocol::field::Text;
use cenote_core::scheduler::stimulus::Stimulus;
use thiserror::Error;
use tokio::task::spawn_local;
use tokio::time::{MissedTickBehavior, interval, sleep};

use crate::comm::{Address, Listener, Scheme};
use crate::dashboard::Dashboard;
use crate::executor::{self, Executor};
use hub::{Clock, Facts, Hub};
pub use journal::{JournalError, replay};
pub use settings::{Listen, Settings};

/// How long workers and clients are given to take their leave when the process ends.
const LEAVE: Duration = Duration::from_millis(500);
/// How long the last answers are given to be written if there are neither.
const LAST_WORDS: Duration = Duration::from_millis(50);

/// Why the scheduler could not start, or had to end.
#[derive(Debug, Error)]
pub enum SchedulerError {
    /// The address is taken, or not of this machine.
    #[error("cannot listen at {address}: {source}; choose another address with --host and --port")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// Why not.
        source: io::Error,
    },
    /// The address of the pages is not of this machine.
    #[error("cannot serve HTTP at {address}: {source}; choose another address with --dashboard-address")]
    Http {
        /// The address.
        address: SocketAddr,
        /// Why not.
        source: io::Error,
    },
    /// There is no Python that can read graphs.
    #[error(transparent)]
    Executor(#[from] executor::StartError),
    /// A module that it is to load cannot be loaded.
    #[error("a module cannot be preloaded: {0}")]
    Preload(Text),
    /// What happens cannot be recorded.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// The system refuses something.
    #[error(transparent)]
    System(#[from] io::Error),
}

/// A scheduler that has started.
#[derive(Clone, Debug)]
pub struct Started {
    /// Its name.
    pub id: Box<str>,
    /// Where it can be reached.
    pub address: Box<str>,
    /// Where else it can be reached.
    pub others: Vec<Box<str>>,
    /// Where it listens.
    pub listens: Vec<Listen>,
    /// The port of its pages over HTTP.
    pub dashboard_port: Option<u16>,
    /// Where people find those pages.
    pub dashboard: Option<Box<str>>,
}

/// Runs a scheduler until it is told to close, by a request or because `closing` is done. Calls `started` as soon as
/// peers can come. Must run on a [`LocalRuntime`](tokio::runtime::LocalRuntime), whose thread does nothing else.
///
/// # Errors
/// It cannot listen, or there is no Python that can read graphs.
pub async fn serve(
    mut settings: Settings,
    started: impl FnOnce(&Started),
    closing: impl Future<Output = ()>,
) -> Result<(), SchedulerError> {
    let clock = Clock::start();
    let listeners = listen(&settings.listen)?;
    let listens: Vec<Listen> = listeners.iter().map(|(listens, _)| *listens).collect();
    let mut others: Vec<Box<str>> = listens
        .iter()
        .map(|listens| Address::of(listens.scheme, reachable(listens.socket)).to_string().into())
        .collect();
    let first = others.remove(0);
    let address = settings.contact.clone().unwrap_or(first);
    let id = format!("Scheduler-{:08x}", std::process::id() ^ (clock.now().to_bits() as u32));
    let dashboard = match &settings.http {
        Some(http) => {
            let refused = |source| SchedulerError::Http { address: http.listen, source };
            Some(Dashboard::bind(http.clone()).await.map_err(refused)?)
        }
        None => None,
    };
    let dashboard_port = dashboard.as_ref().map(Dashboard::port);
    let link = dashboard.as_ref().map(|dashboard| dashboard.link(&address).into());
    let facts = Facts {
        id: id.as_str().into(),
        address: (&*address).into(),
        services: dashboard_port.map(|port| ("dashboard".into(), port)).into_iter().collect(),
        started: clock.now(),
    };
    let python =
        executor::Settings { python: settings.python.clone().into(), environment: settings.python_environment.clone() };
    let executor = Executor::start(python).await?;
    settings.machine.versions = executor.greeting().versions.clone();
    let hub = Hub::new(settings, facts, executor, clock)?;
    spawn_local(tick(Rc::clone(&hub)));
    spawn_local(carry(Rc::clone(&hub)));
    if let Some(dashboard) = dashboard {
        let hub = Rc::clone(&hub);
        spawn_local(dashboard.serve(Rc::new(move |asked| overview::answer(&hub, asked))));
    }
    executor_door::open(&hub);
    spawn_local(plugins::keep_telling(Rc::clone(&hub)));
    plugins::preload(&hub).await.map_err(SchedulerError::Preload)?;
    for (listens, listener) in listeners {
        spawn_local(accept(Rc::clone(&hub), listener, listens.scheme));
    }
    started(&Started { id: id.into(), address, others, listens, dashboard_port, dashboard: link });
    tokio::select! {
        () = hub.closing() => {}
        () = closing => {}
    }
    plugins::close(&hub, "before_close").await;
    let told = hub.dismiss("scheduler-close");
    sleep(if told { LEAVE } else { LAST_WORDS }).await;
    plugins::close(&hub, "close").await;
    Ok(())
}

/// Listens wherever it is wanted, or nowhere.
fn listen(wanted: &[Listen]) -> Result<Vec<(Listen, Listener)>, SchedulerError> {
    let bound = wanted.iter().map(|&Listen { scheme, socket }| {
        let refused = |source| SchedulerError::Listen { address: socket, source };
        let listener = Listener::bind(socket).map_err(refused)?;
        Ok((Listen { scheme, socket: listener.address()? }, listener))
    });
    bound.collect()
}

async fn accept(hub: Rc<Hub>, listener: Listener, scheme: Scheme) {
    loop {
        let socket = listener.accept().await;
        spawn_local(connection::serve(Rc::clone(&hub), socket, scheme));
    }
}

async fn carry(hub: Rc<Hub>) {
    hub.mail.carry().await;
}

async fn tick(hub: Rc<Hub>) {
    let mut ticks = interval(Duration::from_secs_f64(hub.settings.machine.tick_interval()));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        hub.rounds.count(hub.clock.now());
        hub.stimulate(Stimulus::Tick);
        if let Some(limit) = hub.settings.idle_timeout
            && hub.idle_seconds() > limit.as_secs_f64()
            && !hub.is_closing()
        {
            tracing::info!("Scheduler closing after being idle for {} s", limit.as_secs_f64());
            hub.close();
        }
    }
}

/// The address at which others reach what listens at `listens`: where that is any address of this machine, the one
/// from which it would speak to the world.
fn reachable(listens: SocketAddr) -> SocketAddr {
    if !listens.ip().is_unspecified() {
        return listens;
    }
    // Connecting a datagram socket sends nothing: it only asks which way it would go.
    let own = |from: IpAddr, to: IpAddr| {
        let socket = UdpSocket::bind((from, 0)).ok()?;
        socket.connect((to, 80)).ok()?;
        Some(socket.local_addr().ok()?.ip()).filter(|ip| !ip.is_unspecified())
    };
    let v4 = || own(Ipv4Addr::UNSPECIFIED.into(), Ipv4Addr::new(8, 8, 8, 8).into());
    let v6 = || own(Ipv6Addr::UNSPECIFIED.into(), Ipv6Addr::new(0x2001, 0x4860, 0x4860, 0, 0, 0, 0, 0x8888).into());
    let ip = v4().or_else(v6).unwrap_or(Ipv4Addr::LOCALHOST.into());
    SocketAddr::new(ip, listens.port())
}
