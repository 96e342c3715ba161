//! The command `cenote`. Everything it does stands in [`cenote::cli`].

use std::process::ExitCode;

fn main() -> ExitCode {
    cenote::cli::main(std::env::args_os())
}
