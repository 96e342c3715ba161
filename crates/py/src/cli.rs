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
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    keep_large_memory_apart();
    py.detach(|| run(argv, &surroundings))
}

/// Lets large pieces of memory go back to the system when they are free, as the binary does (`crates/runtime/src/bin`).
#[cfg(all(target_os = "linux", target_env = "gnu"))]
fn keep_large_memory_apart() {
    use std::ffi::c_int;

    /// From `malloc.h`.
    const M_MMAP_THRESHOLD: c_int = -3;
    const LARGE_BYTES_MIN: c_int = 1 << 17;
    // SAFETY: this is how glibc declares it; it takes numbers, any thread may call it, and one that it does not know is
    // refused.
    unsafe extern "C" {
        safe fn mallopt(parameter: c_int, value: c_int) -> c_int;
    }
    // Whether it has heard does not matter for what is done.
    mallopt(M_MMAP_THRESHOLD, LARGE_BYTES_MIN);
}
