//! Files that tell others about a running process, and go when it ends: `--scheduler-file` and `--pid-file`.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::error::CommandError;

/// A file that is there while the process runs.
#[derive(Debug)]
pub struct LifetimeFile {
    path: PathBuf,
}

/// A file that is written and has not its name yet.
#[derive(Debug)]
pub struct Unfinished<'a> {
    flag: &'static str,
    path: &'a Path,
    own: PathBuf,
}

impl LifetimeFile {
    /// Writes the file. Whoever waits for it sees all of it or nothing.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write(flag: &'static str, path: &Path, text: &str) -> Result<Self, CommandError> {
        Self::begin(flag, path, text)?.finish()
    }

    /// Writes the file under another name: what can fail has then failed, and nobody has seen it.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn begin<'a>(flag: &'static str, path: &'a Path, text: &str) -> Result<Unfinished<'a>, CommandError> {
        let mut own = path.as_os_str().to_owned();
        own.push(format!(".{}", std::process::id()));
        let own = PathBuf::from(own);
        let written = if path.is_dir() { Err(io::ErrorKind::IsADirectory.into()) } else { fs::write(&own, text) };
        written.map_err(|source| CommandError::File { flag, path: path.to_owned(), source })?;
        Ok(Unfinished { flag, path, own })
    }
}

impl Unfinished<'_> {
    /// Gives the file its name.
    ///
    /// # Errors
    /// When it cannot have it.
    pub fn finish(self) -> Result<LifetimeFile, CommandError> {
        let path = self.path.to_owned();
        match fs::rename(&self.own, &path) {
            Ok(()) => Ok(LifetimeFile { path }),
            Err(source) => {
                let _ = fs::remove_file(&self.own);
                Err(CommandError::File { flag: self.flag, path, source })
            }
        }
    }
}

impl Drop for LifetimeFile {
    fn drop(&mut self) {
        // Somebody may have removed it already.
        let _ = fs::remove_file(&self.path);
    }
}
