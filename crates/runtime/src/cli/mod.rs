//! The command `cenote`, one file a subcommand. The binary and the Python package run the same code.

mod error;
mod interface;
mod lifetime_file;
mod listen;
mod notice;
mod pages;
mod protocol;
mod scheduler;
mod security;
mod settings;
mod surroundings;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use error::CommandError;
pub use surroundings::Surroundings;

/// Cenote: a compute pool for Python functions, in the words of Dask.
#[derive(Debug, Parser)]
#[command(name = "cenote", bin_name = "cenote", version, propagate_version = true)]
struct Cenote {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Scheduler(Box<scheduler::Arguments>),
    #[command(hide = true)]
    Protocol(protocol::Arguments),
}

/// Runs the command that `args` say, the name of the program first, as the binary does.
pub fn main(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    run(args, &Surroundings::default()).into()
}

/// Runs the command that `args` say, and returns the code with which the process is to end: 0, 1 when it failed, 2 when
/// what was asked for is not there.
pub fn run(args: impl IntoIterator<Item = OsString>, surroundings: &Surroundings) -> u8 {
    let cenote = match Cenote::try_parse_from(args) {
        Ok(cenote) => cenote,
        Err(error) => {
            // A closed stderr is no reason to fail differently.
            let _ = error.print();
            return u8::try_from(error.exit_code()).unwrap_or(2);
        }
    };
    let outcome: Result<(), CommandError> = match cenote.command {
        Command::Scheduler(arguments) => scheduler::run(&arguments, surroundings),
        Command::Protocol(_) => protocol::run(),
    };
    match outcome {
        Ok(()) => 0,
        Err(error) => {
            eprintln!("cenote: {error}");
            error.exit_code()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_flags_are_consistent() {
        use clap::CommandFactory;
        Cenote::command().debug_assert();
    }

    #[test]
    fn what_is_not_there_ends_with_code_two() {
        let code = |args: &[&str]| run(args.iter().map(OsString::from), &Surroundings::default());
        assert_eq!(code(&["cenote", "scheduler", "--bogus"]), 2);
        assert_eq!(code(&["cenote", "scheduler", "--jupyter"]), 2);
        assert_eq!(code(&["cenote", "scheduler", "--protocol", "tls"]), 2);
        assert_eq!(code(&["cenote", "scheduler", "--protocol", "ws"]), 2);
        assert_eq!(code(&["cenote", "scheduler", "--tls-ca-file", "/no/ca.pem", "--tls-cert", "/no/cert.pem"]), 2);
        assert_eq!(code(&["cenote", "scheduler", "--version"]), 0);
    }
}
