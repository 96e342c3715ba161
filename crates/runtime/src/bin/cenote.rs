//! The command `cenote`. Everything it does stands in [`cenote::cli`], but for one word to the C library.

use std::process::ExitCode;

fn main() -> ExitCode {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    keep_large_memory_apart();
    cenote::cli::main(std::env::args_os())
}

/// Lets large pieces of memory go back to the system when they are free. The C library would put ever larger ones among the
/// small ones, once it has seen some freed: what a graph's message leaves there stays with the process. The wheel's command
/// does the same.
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
