//! Files that tell others about a running process, and go when it ends: `--scheduler-file` and `--pid-file`.

use std::fs;
use std::path::{Path, PathBuf};

use super::error::CommandError;

/// A file that is there while the process runs.
#[derive(Debug)]
pub struct LifetimeFile {
    path: PathBuf,
}

impl LifetimeFile {
    /// Writes the file. Whoever waits for it sees all of it or nothing.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write(flag: &'static str, path: &Path, text: &str) -> Result<Self, CommandError> {
        let mut name = path.as_os_str().to_owned();
        name.push(format!(".{}", std::process::id()));
        let unfinished = PathBuf::from(name);
        let written = fs::write(&unfinished, text).and_then(|()| fs::rename(&unfinished, path));
        written.map_err(|source| CommandError::File { flag, path: path.to_owned(), source })?;
        Ok(Self { path: path.to_owned() })
    }
}

impl Drop for LifetimeFile {
    fn drop(&mut self) {
        // Somebody may have removed it already.
        let _ = fs::remove_file(&self.path);
    }
}
