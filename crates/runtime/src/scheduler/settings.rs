//! Settings of the scheduler's process.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use cenote_core::protocol::limits::Limits;
use cenote_core::scheduler::Settings as MachineSettings;
use cenote_core::scheduler::rebalance::Rebalance;

use crate::comm::{Scheme, Security};
use crate::dashboard;

/// Where to listen, and how peers speak there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Listen {
    /// Plain or encrypted.
    pub scheme: Scheme,
    /// The address of this machine, and the port.
    pub socket: SocketAddr,
}

/// What can be set of the scheduler's process.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where to listen. The first is the address of the scheduler.
    pub listen: Vec<Listen>,
    /// What protects connections.
    pub security: Security,
    /// The address to tell others, if it is not the one where it listens.
    pub contact: Option<Box<str>>,
    /// Where to serve HTTP, if at all.
    pub http: Option<dashboard::Settings>,
    /// The interpreter of Python that reads the graphs of stock clients.
    pub python: PathBuf,
    /// What that interpreter finds in its environment, beyond what this process has: so that it can speak to us.
    pub python_environment: Vec<(String, String)>,
    /// Whether to answer requests that look inside, from this machine.
    pub inspect: bool,
    /// Where to record what happens.
    pub record: Option<PathBuf>,
    /// Close after so long without work.
    pub idle_timeout: Option<Duration>,
    /// How long a peer may take to connect and shake hands.
    pub connect_timeout: Duration,
    /// What a peer may send.
    pub limits: Limits,
    /// Bytes that may wait for a slow reader until it is given up.
    pub outbox_bytes_max: usize,
    /// Requests that are refused.
    pub blocked_handlers: Vec<Box<str>>,
    /// Modules of Python that the executor loads and whose setup it runs, and what these are told on their command line.
    pub preload: Vec<Box<str>>,
    /// The arguments of each of them.
    pub preload_arguments: Vec<Box<str>>,
    /// When results are moved so that workers hold about as much as each other.
    pub rebalance: Rebalance,
    /// Whether to walk over all that must hold after whatever happens, and to log what does not.
    pub validate: bool,
    /// Those of the machine.
    pub machine: MachineSettings,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            listen: vec![Listen { scheme: Scheme::Tcp, socket: SocketAddr::from(([127, 0, 0, 1], 8786)) }],
            security: Security::default(),
            contact: None,
            http: None,
            python: "python3".into(),
            python_environment: Vec::new(),
            inspect: false,
            record: None,
            idle_timeout: None,
            connect_timeout: Duration::from_secs(30),
            limits: Limits::default(),
            outbox_bytes_max: 1 << 32,
            blocked_handlers: Vec::new(),
            preload: Vec::new(),
            preload_arguments: Vec::new(),
            rebalance: Rebalance::default(),
            validate: false,
            machine: MachineSettings::default(),
        }
    }
}
