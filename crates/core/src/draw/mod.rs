//! Pictures of graphs: where everything stands, and how it is written down as text.
//!
//! ```text
//! Picture (nodes, edges, looks) ──► Scene (marks in their places) ──► svg
//!    │                  layout ──────▲                           └──► pixels and pages, outside of this crate
//!    └──► dot
//! ```
// Positions are pixels: counts are far below the 2^52 at which a float loses them.
#![allow(clippy::cast_precision_loss)]

mod color;
mod dot;
pub mod layout;
mod legend;
mod look;
mod picture;
mod scene;
mod svg;
pub mod text;
mod widths;

pub use color::Color;
pub use dot::dot;
pub use look::Paint;
pub use picture::{Attributes, Defaults, Direction, Edge, Legend, Node, Picture, Shape};
pub use scene::{Mark, Scene};
pub use svg::svg;
