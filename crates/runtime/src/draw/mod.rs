//! Pictures as pixels and as pages, with a font that they carry: nothing need be installed.
//!
//! [`cenote_core::draw::Scene`] says what is where; here it is painted with `tiny-skia`, or set with `pdf-writer`.
//! Glyphs come as outlines from a subset of `DejaVu` Sans (see `LICENSE-DejaVu` beside it).

mod font;
mod pdf;
mod png;

pub use pdf::pdf;
pub use png::{DrawError, png};
