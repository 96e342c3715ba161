//! The folder of the executor: what clients upload lies there, for as long as the executor is there.

use std::fs::{self, DirBuilder, File};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

/// What the names of all such folders begin with.
const PREFIX: &str = "cenote-executor-";
/// Others may take a folder for abandoned that is not locked yet: then there must be another one.
const TRIES: usize = 10;

/// A folder that nobody else can read, removed when it is dropped.
#[derive(Debug)]
pub struct Directory {
    path: PathBuf,
    /// Locked while the process lives, however it ends.
    _lock: File,
}

impl Directory {
    /// Makes it where temporary files belong, and removes those there that processes have left which were killed.
    pub fn create() -> io::Result<Self> {
        let parent = std::env::temp_dir();
        remove_abandoned(&parent);
        Self::create_in(&parent)
    }

    fn create_in(parent: &Path) -> io::Result<Self> {
        for _ in 0..TRIES {
            let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos();
            let path = parent.join(format!("{PREFIX}{}-{now:x}", std::process::id()));
            // One that is there already is not taken: it may be a trap.
            DirBuilder::new().mode(0o700).create(&path)?;
            if let Ok(lock) = File::open(&path)
                && lock.try_lock().is_ok()
                && path.exists()
            {
                return Ok(Self { path, _lock: lock });
            }
        }
        Err(io::Error::new(io::ErrorKind::ResourceBusy, format!("{} cannot keep a folder", parent.display())))
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        // Nobody is left who could be told.
        let _ = fs::remove_dir_all(&self.path);
    }
}

/// Removes the folders that no living process holds locked. What belongs to others cannot be removed, and stays.
fn remove_abandoned(parent: &Path) {
    let Ok(entries) = fs::read_dir(parent) else { return };
    for entry in entries.flatten() {
        let ours = entry.file_name().to_string_lossy().starts_with(PREFIX);
        // Not through a link, which could lead anywhere.
        if ours
            && entry.file_type().is_ok_and(|it| it.is_dir())
            && let Ok(folder) = File::open(entry.path())
            && folder.try_lock().is_ok()
        {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_killed_process_has_left_is_removed_and_what_a_living_one_holds_stays() {
        let parent = std::env::temp_dir().join(format!("abandoned-{}", std::process::id()));
        fs::create_dir(&parent).unwrap();
        let abandoned = parent.join(format!("{PREFIX}1-1"));
        let strange = parent.join("something-else");
        for folder in [&abandoned, &strange] {
            fs::create_dir(folder).unwrap();
            fs::write(folder.join("uploaded.py"), "x = 1").unwrap();
        }
        let alive = Directory::create_in(&parent).unwrap();
        remove_abandoned(&parent);
        assert!(!abandoned.exists() && strange.exists() && alive.path().exists());
        let path = alive.path().to_owned();
        drop(alive);
        assert!(!path.exists());
        fs::remove_dir_all(&parent).unwrap();
    }
}
