//! Tidiness, checked: the rules of CONTRIBUTING.md that neither rustc nor clippy nor ruff knows.
//!
//! Each rule returns what it found as lines, and its test wants none. An exception stands in a table beside its rule,
//! with its present measure, and may only shrink. Python's functions are measured by `tests/test_tidy.py`.
#![allow(clippy::disallowed_methods, clippy::disallowed_types, reason = "this test reads the tree; core does not")]

mod lengths;
mod names;
mod papers;
mod tree;
mod walls;

/// Fails with everything that was found, so that one run names it all.
fn expect_nothing(rule: &str, found: &[String]) {
    assert!(found.is_empty(), "{rule}:\n  {}\n", found.join("\n  "));
}
