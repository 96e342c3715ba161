//! Where the configuration comes from, and in which order.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE;

use super::literal::interpret;
use super::setting::Entries;
use super::{Error, Setting};

/// What a parent process hands to its children.
const INHERITED: &str = "DASK_INTERNAL_INHERIT_CONFIG";

/// Prefixes of variables that are settings; the later win.
const PREFIXES: [&str; 2] = ["DASK_", "CENOTE_"];

/// Folders and files of YAML, and the environment. Later files win over earlier ones, the environment over files.
#[derive(Clone, Debug, Default)]
pub struct Sources {
    /// Folders, whose YAML and JSON files are read in the order of their names, and files.
    pub files: Vec<PathBuf>,
    /// The environment.
    pub environment: BTreeMap<String, String>,
}

impl Sources {
    /// The sources of this process. `prefixes` are the places where the interpreter of the tasks is installed: each may
    /// have an `etc/dask`.
    pub fn of_process(prefixes: &[PathBuf]) -> Self {
        let environment: BTreeMap<String, String> = std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
            .collect();
        let variable = |name: &str| environment.get(name).map(PathBuf::from);
        let mut files = vec![variable("DASK_ROOT_CONFIG").unwrap_or_else(|| PathBuf::from("/etc/dask"))];
        files.extend(prefixes.iter().map(|prefix| prefix.join("etc/dask")));
        files.extend(variable("HOME").map(|home| home.join(".config/dask")));
        files.extend(variable("DASK_CONFIG"));
        Self { files: last_of_each(&files), environment }
    }

    pub(super) fn collect(&self) -> Result<Setting, Error> {
        let mut root = Setting::Map(Entries::default());
        for file in self.files.iter().flat_map(|path| yaml_files(path)) {
            if let Some(read) = read_yaml(&file)? {
                root.update(read);
            }
        }
        root.update(self.of_environment()?);
        Ok(root)
    }

    fn of_environment(&self) -> Result<Setting, Error> {
        let mut root = match self.environment.get(INHERITED) {
            Some(handed) => inherited(handed)?,
            None => Setting::Map(Entries::default()),
        };
        for prefix in PREFIXES {
            for (name, value) in &self.environment {
                if let Some(path) = name.strip_prefix(prefix)
                    && name != INHERITED
                    && !path.is_empty()
                {
                    root.assign(&path.to_lowercase().replace("__", "."), interpret(value));
                }
            }
        }
        Ok(root)
    }
}

/// A path that is named twice counts where it stands last.
fn last_of_each(paths: &[PathBuf]) -> Vec<PathBuf> {
    let mut kept = Vec::new();
    for (index, path) in paths.iter().enumerate() {
        if !paths[index + 1..].contains(path) {
            kept.push(path.clone());
        }
    }
    kept
}

/// The files of a folder that are YAML or JSON by their names; a file is itself; what cannot be read is nothing.
fn yaml_files(path: &Path) -> Vec<PathBuf> {
    if !path.is_dir() {
        return if path.exists() { vec![path.to_owned()] } else { Vec::new() };
    }
    let Ok(entries) = std::fs::read_dir(path) else { return Vec::new() };
    let mut files: Vec<PathBuf> = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|file| {
            let extension = file.extension().map(|extension| extension.to_string_lossy().to_lowercase());
            matches!(extension.as_deref(), Some("yaml" | "yml" | "json"))
        })
        .collect();
    files.sort();
    files
}

fn read_yaml(path: &Path) -> Result<Option<Setting>, Error> {
    let Ok(text) = std::fs::read_to_string(path) else { return Ok(None) };
    if text.trim().is_empty() {
        return Ok(None);
    }
    match Setting::from_yaml(&text) {
        Ok(Setting::Null) => Ok(None),
        Ok(map @ Setting::Map(_)) => Ok(Some(map)),
        Ok(other) => Err(Error::NoMapping { path: path.to_owned(), found: other.kind() }),
        Err(error) => Err(Error::Malformed { path: path.to_owned(), cause: error.to_string() }),
    }
}

/// JSON in Base64, as a parent process hands it down. Python writes `Infinity`, which is no JSON but, read as YAML, a
/// text that says a number.
fn inherited(handed: &str) -> Result<Setting, Error> {
    let bytes = URL_SAFE.decode(handed.trim()).map_err(|error| Error::Inherited(error.to_string()))?;
    let text = String::from_utf8(bytes).map_err(|error| Error::Inherited(error.to_string()))?;
    Setting::from_yaml(&text).map_err(|error| Error::Inherited(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::super::Config;
    use super::*;

    fn environment(variables: &[(&str, &str)]) -> BTreeMap<String, String> {
        variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn later_sources_win() {
        let folder = std::env::temp_dir().join(format!("cenote-config-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join("b.yaml"), "distributed: {scheduler: {worker-ttl: 2, bandwidth: 2}}").unwrap();
        std::fs::write(
            folder.join("a.yml"),
            "# a comment\ndistributed:\n  scheduler:\n    worker-ttl: 1\n    validate: yes\n",
        )
        .unwrap();
        std::fs::write(folder.join("c.txt"), "no: [yaml").unwrap();
        std::fs::write(folder.join("d.yaml"), "# nothing but a comment\n").unwrap();
        let handed = URL_SAFE.encode(
            r#"{"distributed": {"scheduler": {"worker-ttl": 3, "bandwidth": 3}, "adaptive": {"maximum": Infinity}}}"#,
        );
        let config = Config::read(&Sources {
            files: vec![folder.clone(), folder.join("none")],
            environment: environment(&[
                (INHERITED, &handed),
                ("DASK_DISTRIBUTED__SCHEDULER__WORKER_TTL", "4"),
                ("CENOTE_DISTRIBUTED__SCHEDULER__WORKER_TTL", "5"),
                ("UNRELATED", "6"),
            ]),
        })
        .unwrap();
        std::fs::remove_dir_all(&folder).unwrap();
        assert_eq!(config.seconds("distributed.scheduler.worker-ttl").unwrap(), Some(5.0));
        assert_eq!(config.number("distributed.scheduler.bandwidth").unwrap(), Some(3.0));
        assert_eq!(config.flag("distributed.scheduler.validate").unwrap(), Some(true));
        assert_eq!(config.number("distributed.adaptive.maximum").unwrap(), Some(f64::INFINITY));
    }

    #[test]
    fn a_malformed_file_is_named() {
        let file = std::env::temp_dir().join(format!("cenote-malformed-{}.yaml", std::process::id()));
        let read = |text: &str| {
            std::fs::write(&file, text).unwrap();
            Config::read(&Sources { files: vec![file.clone()], environment: BTreeMap::new() }).unwrap_err().to_string()
        };
        assert!(read("a: [1").starts_with(&format!("the configuration file {} cannot be read: ", file.display())));
        assert!(read("- 1").contains("holds a list at its top"));
        std::fs::remove_file(&file).unwrap();
    }
}
