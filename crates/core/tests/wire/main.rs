//! The protocol against what stock Dask really says, and against everything else: whatever the bytes, the reader says
//! what they are or what is wrong with them.
#![allow(clippy::disallowed_methods, reason = "these tests read recorded bytes; core does not")]
#![allow(clippy::unwrap_used, reason = "all of it is tests")]

mod exercise;
mod keys;
mod mutation;
mod properties;
mod recorded;
mod requests;
