//! The local engine's shell for Python: values, calls, threads and errors of a run.

mod context;
mod exit;
mod get;
mod program;
mod shell;
mod stepper;
mod values;
mod wanted;
mod worker;

pub use exit::{check_leaving, leave};
pub use get::{run_subgraph, run_sync, run_threaded};
pub use stepper::{Stepper, run_portable};
pub use worker::{cpus, is_worker};
