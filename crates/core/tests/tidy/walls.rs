//! Walls: which crate may depend on which, and which module of core may read which.
//!
//! ```text
//! py ──► runtime ──► core          inside core:  key ──► graph ──► { order, optimize, local, draw }
//!                                              key ──► protocol ──► scheduler
//! ```

use super::expect_nothing;
use super::tree::{Text, texts};

/// What each crate may name as its dependency, of ours and of Python's.
const CRATES: &[(&str, &[&str])] = &[
    ("crates/core/Cargo.toml", &[]),
    ("crates/runtime/Cargo.toml", &["cenote-core"]),
    ("crates/py/Cargo.toml", &["cenote", "cenote-core", "pyo3"]),
];

/// The modules of core and the floor each stands on. A module reads those below it, never one beside or above it.
const FLOORS: &[(&str, u8)] = &[
    ("key", 0),
    ("units", 0),
    ("graph", 1),
    ("protocol", 1),
    ("intern", 2),
    ("order", 2),
    ("optimize", 2),
    ("local", 2),
    ("draw", 2),
    ("scheduler", 2),
];

#[test]
fn crates_depend_downward() {
    let mut found = Vec::new();
    for (manifest, allowed) in CRATES {
        let text = texts(&["toml"]).into_iter().find(|text| text.path == *manifest).expect("the crate has a manifest");
        for (_, line) in text.lines() {
            let name = line.split(['.', '=', ' ']).next().unwrap_or("");
            let guarded = name.starts_with("cenote") || name.starts_with("pyo3");
            if guarded && line.contains("workspace") && !allowed.contains(&name) {
                found.push(format!("{manifest} names {name}"));
            }
        }
    }
    expect_nothing("py depends on runtime, runtime on core, nothing back", &found);
}

#[test]
fn modules_of_core_read_downward() {
    let mut found = Vec::new();
    for text in texts(&["rs"]) {
        if let Some(inside) = text.path.strip_prefix("crates/core/src/")
            && inside != "lib.rs"
        {
            let module = inside.split(['/', '.']).next().expect("a split has at least one part");
            reads_upward(&mut found, &text, module);
        }
    }
    expect_nothing("in core, key ► graph ► { order, optimize, local, draw } and key ► protocol ► scheduler", &found);
}

fn reads_upward(found: &mut Vec<String>, text: &Text, module: &str) {
    let Some(floor) = floor(module) else {
        found.push(format!("{}: module {module} has no floor in {}", text.path, file!()));
        return;
    };
    for (number, line) in text.lines() {
        let code = line.split("//").next().unwrap_or("");
        if code.contains("super::super") {
            found.push(format!("{}:{number}: says super::super; say crate::", text.path));
        }
        for path in code.split("crate::").skip(1) {
            let read = path.split(|letter: char| !letter.is_alphanumeric() && letter != '_').next().unwrap_or("");
            let allowed = read == module || self::floor(read).is_some_and(|below| below < floor);
            if !allowed {
                found.push(format!("{}:{number}: {module} reads {path}", text.path));
            }
        }
    }
}

fn floor(module: &str) -> Option<u8> {
    FLOORS.iter().find(|(name, _)| *name == module).map(|(_, floor)| *floor)
}
