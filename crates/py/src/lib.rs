//! The extension module `cenote._native`: it converts, releases the GIL, calls, and maps errors; it decides nothing.

mod cli;
mod compare;
mod cull;
mod delayed;
mod dependencies;
mod draw;
mod frames;
mod graph;
mod grouping;
mod local;
mod order;
mod raw;
mod search;
mod specification;

use pyo3::prelude::*;

/// Cenote's Rust, spoken to from Python. Users import `cenote`.
#[pymodule(gil_used = true)]
mod _native {
    use super::{Bound, PyModule, PyResult};
    use pyo3::types::PyModuleMethods;

    #[pymodule_export]
    use super::cli::run_command;
    #[pymodule_export]
    use super::cull::cull;
    #[pymodule_export]
    use super::delayed::{Delayed, DelayedGraph, MethodCaller, are_distinct_nodes, delayed, restore_delayed};
    #[pymodule_export]
    use super::dependencies::dependencies;
    #[pymodule_export]
    use super::draw::Drawing;
    #[pymodule_export]
    use super::frames::frameless;
    #[pymodule_export]
    use super::grouping::grouping;
    #[pymodule_export]
    use super::local::{
        Stepper, check_leaving, cpus, is_worker, leave, run_portable, run_subgraph, run_sync, run_threaded,
    };
    #[pymodule_export]
    use super::order::order;
    #[pymodule_export]
    use super::search::may_hold_collections;

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        module.add("__version__", env!("CARGO_PKG_VERSION"))
    }
}
