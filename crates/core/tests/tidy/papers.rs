//! Papers: what they name exists, and nothing names one machine.

use super::expect_nothing;
use super::tree::{root, texts};

#[test]
fn every_path_in_architecture_exists() {
    let text =
        texts(&["md"]).into_iter().find(|text| text.path == "ARCHITECTURE.md").expect("there is an ARCHITECTURE.md");
    let mut found = Vec::new();
    for (number, line) in text.lines() {
        for quoted in line.split('`').skip(1).step_by(2) {
            let path = quoted.trim_end_matches('/');
            let is_path = path.contains('/') && !path.contains([' ', '(', '<', '*', ':', '{']);
            if is_path && !root().join(path).exists() {
                found.push(format!("line {number}: {path}"));
            }
        }
    }
    expect_nothing("every path that ARCHITECTURE.md names exists", &found);
}

#[test]
fn no_file_names_one_machine() {
    let banned = [
        concat!("/ho", "me/"),
        concat!("/ro", "ot/"),
        concat!("/Us", "ers/"),
        concat!("/wo", "rk/"),
        concat!("/tmp/", "w"),
        concat!("pypi", ".org"),
        concat!("python", "hosted"),
        concat!("static.", "crates.io"),
        concat!("index", "-url"),
    ];
    let mut found = Vec::new();
    for text in texts(&[]) {
        for (number, line) in text.lines() {
            if let Some(path) = banned.iter().find(|path| line.contains(**path)) {
                found.push(format!("{}:{number}: {path}", text.path));
            }
        }
    }
    expect_nothing("no file names a path of one machine or the host of a registry", &found);
}
