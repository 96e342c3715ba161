//! `delayed`: calls that are written down instead of made, as a flat graph of immutable nodes.
//!
//! A [`Delayed`] *is* its node: what to call, and the arguments, which are values or other nodes. Making one copies
//! nothing and looks at nothing but the arguments of that one call; its key is made when somebody asks for it.

mod call;
mod distinct;
mod foreign;
mod graph;
mod key;
mod keyed;
mod materialize;
mod method;
mod methods;
mod node;
mod operator;
mod piece;
mod read;
mod record;
mod sent;
mod setting;
mod settled;
mod share;
mod unpack;
mod walk;
mod wrap;

pub use distinct::are_distinct_nodes;
pub use graph::DelayedGraph;
pub use keyed::KeyedNodes;
pub use materialize::Materializer;
pub use method::MethodCaller;
pub use node::Delayed;
pub use read::read;
pub use record::restore_delayed;
pub use wrap::delayed;
