//! What a command finds around it: the Python whose packages the tasks need.

use std::path::{Path, PathBuf};

/// The Python around a command. When Python itself runs the command it says so; else it is looked for.
#[derive(Clone, Debug, Default)]
pub struct Surroundings {
    /// The interpreter that runs the command.
    pub python: Option<PathBuf>,
    /// Where that interpreter and its packages are installed.
    pub prefixes: Vec<PathBuf>,
}

impl Surroundings {
    /// The interpreter to use: the one that was asked for, the one that runs the command, that of the active
    /// environment, or what the system calls `python3`.
    pub fn python(&self, asked: Option<&Path>) -> PathBuf {
        let of_environment = || {
            ["VIRTUAL_ENV", "CONDA_PREFIX"]
                .iter()
                .filter_map(|name| Some(PathBuf::from(std::env::var_os(name)?).join("bin/python")))
                .find(|python| python.exists())
        };
        let of_path = || {
            std::env::split_paths(&std::env::var_os("PATH")?)
                .map(|folder| folder.join("python3"))
                .find(|python| python.exists())
        };
        asked
            .map(Path::to_owned)
            .or_else(|| self.python.clone())
            .or_else(of_environment)
            .or_else(of_path)
            .unwrap_or_else(|| "python3".into())
    }

    /// Where the interpreter is installed, and may have an `etc/dask`.
    pub fn prefixes(&self, python: &Path) -> Vec<PathBuf> {
        if self.python.as_deref() == Some(python) && !self.prefixes.is_empty() {
            return self.prefixes.clone();
        }
        // A virtual environment's python is a link: the folder of the link is the one that counts.
        python.parent().and_then(Path::parent).map(Path::to_owned).into_iter().collect()
    }
}
