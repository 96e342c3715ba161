//! The reader of Python graph specifications: whatever the user has, as one table of tasks.

mod classes;
mod keys;
mod legacy;
mod op;
mod parser;
mod read;
mod spec;
mod table;

pub use keys::Keys;
pub use op::{Build, Op, Step};
pub use read::read;
pub use table::{Names, Shape, Table, TableBuilder};
