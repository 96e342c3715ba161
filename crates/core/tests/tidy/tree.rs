//! The files of the repository, read once for each rule.

use std::fs;
use std::path::{Path, PathBuf};

/// A text file: where it is, seen from the root of the repository, and what stands in it.
pub struct Text {
    pub path: String,
    pub text: String,
}

impl Text {
    /// The name without its folders.
    pub fn name(&self) -> &str {
        self.path.rsplit('/').next().expect("a split has at least one part")
    }

    /// The lines with their numbers, as an editor counts them.
    pub fn lines(&self) -> impl Iterator<Item = (usize, &str)> {
        self.text.lines().enumerate().map(|(index, line)| (index + 1, line))
    }
}

/// The root of the repository.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().expect("the crate stands in its workspace")
}

/// Every text file of ours with one of these extensions; all of them when none is named.
pub fn texts(extensions: &[&str]) -> Vec<Text> {
    let root = root();
    let mut paths = Vec::new();
    collect(&root, &mut paths);
    paths.sort();
    let mut texts = Vec::new();
    for path in paths {
        let extension = path.extension().and_then(|extension| extension.to_str()).unwrap_or("");
        if !extensions.is_empty() && !extensions.contains(&extension) {
            continue;
        }
        if let Ok(text) = fs::read_to_string(&path) {
            let path = path.strip_prefix(&root).expect("found below the root");
            texts.push(Text { path: path.to_string_lossy().replace('\\', "/"), text });
        }
    }
    assert!(!texts.is_empty(), "no file was found: the test looks in the wrong place");
    texts
}

fn collect(folder: &Path, paths: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("a folder of the repository can be read") {
        let path = entry.expect("an entry of the repository can be read").path();
        let name = path.file_name().expect("an entry has a name").to_string_lossy().into_owned();
        let hidden = name.starts_with('.') && !matches!(name.as_str(), ".ci" | ".gitignore");
        let made = matches!(name.as_str(), "target" | "_build" | "__pycache__" | "build" | "dist");
        if hidden || made {
            continue;
        }
        if path.is_dir() {
            collect(&path, paths);
        } else {
            paths.push(path);
        }
    }
}
