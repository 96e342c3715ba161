//! Why a command ends without having done what it was asked.

use std::path::PathBuf;

use crate::comm::TlsError;
use crate::config;
use crate::scheduler::SchedulerError;
use crate::shutdown::Request;

/// Why a command ends without having done what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum CommandError {
    /// A flag of Dask's that Cenote knows and does not have.
    #[error("{flag} is not there yet; start without it, or use `dask scheduler`")]
    NotYet {
        /// The flag, or the setting, as the user wrote it.
        flag: String,
    },
    /// A policy of the memory manager that is not Dask's `ReduceReplicas`.
    #[error(
        "the policy {class} of the setting distributed.scheduler.active-memory-manager.policies is Python that acts inside \
         a scheduler, and this one has distributed.active_memory_manager.ReduceReplicas only; take it out of the list \
         and copy or move results from a client (replicate, rebalance, retire_workers), or use `dask scheduler`"
    )]
    Policy {
        /// The class of the policy.
        class: String,
    },
    /// A protocol that is spoken nowhere here.
    #[error(
        "{named} {protocol}: this scheduler speaks tcp and tls only; use tls:// where a network is not trusted, or \
         `dask scheduler` for {protocol}"
    )]
    Protocol {
        /// The flag or the setting.
        named: &'static str,
        /// The protocol.
        protocol: String,
    },
    /// TLS without certificates.
    #[error(
        "tls needs certificates: give --tls-ca-file, --tls-cert and --tls-key, or set distributed.comm.tls.ca-file, \
         distributed.comm.tls.scheduler.cert and distributed.comm.tls.scheduler.key"
    )]
    NoCertificate,
    /// An open protocol where only encrypted ones are wanted.
    #[error(
        "encryption is required by distributed.comm.require-encryption: listen with --protocol tls, or set it to false"
    )]
    EncryptionRequired,
    /// Certificates that cannot be used.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// A flag's value cannot be read.
    #[error("{flag} {value}: {cause}")]
    Unfit {
        /// The flag.
        flag: &'static str,
        /// What was given.
        value: String,
        /// What is wrong with it, and what to do.
        cause: String,
    },
    /// The configuration cannot be used.
    #[error(transparent)]
    Config(#[from] config::Error),
    /// A file that was asked for cannot be written.
    #[error("{flag} {}: {source}", path.display())]
    File {
        /// The flag.
        flag: &'static str,
        /// Which file.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// A second signal came while the scheduler was closing.
    #[error("a second signal ({}) has ended the scheduler before it had closed", request.name())]
    Hurried {
        /// The second signal.
        request: Request,
    },
    /// The system refuses what every process needs.
    #[error("the scheduler cannot start: {0}")]
    System(#[from] std::io::Error),
    /// The scheduler could not start, or had to end.
    #[error(transparent)]
    Scheduler(#[from] SchedulerError),
}

impl CommandError {
    /// The code with which the process ends.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::NotYet { .. }
            | Self::Policy { .. }
            | Self::Unfit { .. }
            | Self::Protocol { .. }
            | Self::NoCertificate
            | Self::EncryptionRequired
            | Self::Tls(TlsError::Read { .. }) => 2,
            Self::Hurried { request } => 128 + request.number(),
            Self::Tls(_) | Self::Config(_) | Self::File { .. } | Self::System(_) | Self::Scheduler(_) => 1,
        }
    }
}
