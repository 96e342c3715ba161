//! What Cenote decides: graphs, their order and optimization, drawing, and the state machines that run them.
//!
//! Nothing here touches the world: no clock, thread, socket, file, environment, logging or Python. Time and chance
//! come in as arguments; what must be done goes out as values.
#![forbid(unsafe_code)]

pub mod draw;
pub mod graph;
pub mod intern;
pub mod key;
pub mod local;
pub mod optimize;
pub mod order;
pub mod protocol;
pub mod scheduler;
pub mod units;
