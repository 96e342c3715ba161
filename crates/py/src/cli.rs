//! The command `cenote`, run from Python.

use std::ffi::OsString;
use std::path::PathBuf;

use cenote::cli::{Surroundings, run};
use pyo3::prelude::*;

/// Runs the command that `argv` says and returns the code with which the process is to end. `python` is the interpreter
/// that runs it, `prefixes` are the places where that is installed. Rust handles the signals from then on.
#[pyfunction]
pub fn run_command(py: Python<'_>, argv: Vec<OsString>, python: PathBuf, prefixes: Vec<PathBuf>) -> u8 {
    let surroundings = Surroundings { python: Some(python), prefixes };
    py.detach(|| run(argv, &surroundings))
}
