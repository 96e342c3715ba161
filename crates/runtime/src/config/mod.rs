//! Dask's configuration, as Dask finds it: YAML files, `DASK_*` of the environment, and what a parent process hands down.
//!
//! Later sources win: `/etc/dask`, the interpreter's `etc/dask`, `~/.config/dask`, the path in `DASK_CONFIG`, what was
//! inherited through `DASK_INTERNAL_INHERIT_CONFIG`, `DASK_*`, and last `CENOTE_*`. Dashes and underscores are the same.

mod literal;
mod setting;
mod sources;

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::path::PathBuf;

use cenote_core::units;

pub use setting::Setting;
pub use sources::Sources;

/// Why the configuration cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file is no YAML.
    #[error("the configuration file {} cannot be read: {cause}", path.display())]
    Malformed {
        /// Which file.
        path: PathBuf,
        /// What is wrong with it.
        cause: String,
    },
    /// A file holds something else than names and values.
    #[error("the configuration file {} holds {found} at its top; it must hold names and values", path.display())]
    NoMapping {
        /// Which file.
        path: PathBuf,
        /// What stands there.
        found: &'static str,
    },
    /// What a parent process handed down cannot be read.
    #[error("DASK_INTERNAL_INHERIT_CONFIG cannot be read: {0}")]
    Inherited(String),
    /// A value is not of the kind that its key needs.
    #[error("the setting {key} is {found}; it must be {wanted}")]
    Unfit {
        /// The full name of the setting.
        key: String,
        /// What was found.
        found: String,
        /// What may stand there.
        wanted: &'static str,
    },
}

/// The configuration, merged from all sources.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    root: Setting,
    /// What was asked for.
    asked: RefCell<BTreeSet<String>>,
}

impl Config {
    /// Reads all sources.
    ///
    /// # Errors
    /// When a source is malformed. A file that may not be read is passed over, as Dask does.
    pub fn read(sources: &Sources) -> Result<Self, Error> {
        Ok(Self { root: sources.collect()?, asked: RefCell::default() })
    }

    /// The value of a dotted name; nothing if it is not set or null.
    pub fn value(&self, key: &str) -> Option<&Setting> {
        self.asked.borrow_mut().insert(key.to_owned());
        key.split('.')
            .try_fold(&self.root, |setting, part| setting.entry(part))
            .filter(|found| **found != Setting::Null)
    }

    /// All names whose values were asked for.
    pub fn asked(&self) -> BTreeSet<String> {
        self.asked.borrow().clone()
    }

    /// Whether a name is set, to nothing: whoever writes that does not want the default.
    pub fn is_null(&self, key: &str) -> bool {
        key.split('.').try_fold(&self.root, |setting, part| setting.entry(part)) == Some(&Setting::Null)
    }

    /// A duration in seconds: a number, or a text such as `500ms`.
    ///
    /// # Errors
    /// When something else stands there.
    pub fn seconds(&self, key: &str) -> Result<Option<f64>, Error> {
        self.fit(key, "a duration such as 30s", duration)
    }

    /// A number of bytes: a number, or a text such as `64MiB`.
    ///
    /// # Errors
    /// When something else stands there.
    pub fn bytes(&self, key: &str) -> Result<Option<u64>, Error> {
        self.fit(key, "a number of bytes such as 64MiB", |value| match value {
            Setting::Text(text) => units::bytes(text),
            #[expect(clippy::cast_sign_loss, reason = "negative numbers are turned away")]
            number => number.float().filter(|bytes| *bytes >= 0.0).map(|bytes| bytes as u64),
        })
    }

    /// A number; `inf` is one.
    ///
    /// # Errors
    /// When something else stands there.
    pub fn number(&self, key: &str) -> Result<Option<f64>, Error> {
        self.fit(key, "a number", |value| match value {
            Setting::Text(text) => text.trim().parse().ok(),
            number => number.float(),
        })
    }

    /// A whole number that is not negative.
    ///
    /// # Errors
    /// When something else stands there.
    pub fn count(&self, key: &str) -> Result<Option<u64>, Error> {
        self.fit(key, "a whole number", |value| match value {
            Setting::Int(number) => u64::try_from(*number).ok(),
            Setting::Text(text) => text.trim().parse().ok(),
            _ => None,
        })
    }

    /// Yes or no.
    ///
    /// # Errors
    /// When something else stands there.
    pub fn flag(&self, key: &str) -> Result<Option<bool>, Error> {
        self.fit(key, "true or false", Setting::flag)
    }

    /// A text.
    ///
    /// # Errors
    /// When something else stands there.
    pub fn text(&self, key: &str) -> Result<Option<String>, Error> {
        self.fit(key, "a text", |value| match value {
            Setting::Text(text) => Some(text.clone()),
            _ => None,
        })
    }

    /// A list of texts; one text is a list of one.
    ///
    /// # Errors
    /// When something else stands there.
    pub fn texts(&self, key: &str) -> Result<Vec<String>, Error> {
        let texts = self.fit(key, "a list of texts", |value| match value {
            Setting::Text(text) => Some(vec![text.clone()]),
            Setting::List(items) => items.iter().map(|item| item.text().map(str::to_owned)).collect(),
            _ => None,
        })?;
        Ok(texts.unwrap_or_default())
    }

    /// Durations by name, in seconds.
    ///
    /// # Errors
    /// When something else stands there.
    pub fn durations(&self, key: &str) -> Result<Vec<(String, f64)>, Error> {
        let durations = self.fit(key, "durations by name, such as {load: 30s}", |value| {
            let Setting::Map(entries) = value else { return None };
            entries.iter().map(|(name, value)| Some((name.clone(), duration(value)?))).collect()
        })?;
        Ok(durations.unwrap_or_default())
    }

    fn fit<T>(
        &self,
        key: &str,
        wanted: &'static str,
        read: impl FnOnce(&Setting) -> Option<T>,
    ) -> Result<Option<T>, Error> {
        let Some(value) = self.value(key) else { return Ok(None) };
        match read(value) {
            Some(value) => Ok(Some(value)),
            None => Err(Error::Unfit { key: key.to_owned(), found: value.to_string(), wanted }),
        }
    }
}

/// Seconds: a number, or a text such as `500ms`.
fn duration(value: &Setting) -> Option<f64> {
    match value {
        Setting::Text(text) => units::seconds(text),
        number => number.float(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(environment: &[(&str, &str)]) -> Config {
        let environment = environment.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Config::read(&Sources { files: Vec::new(), environment }).expect("the environment can be read")
    }

    #[test]
    fn a_value_is_read_as_its_key_needs_it() {
        let config = config(&[
            ("DASK_DISTRIBUTED__SCHEDULER__WORKER_TTL", "5 minutes"),
            ("DASK_DISTRIBUTED__SCHEDULER__WORKER_SATURATION", "inf"),
            ("DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES", "7"),
            ("DASK_DISTRIBUTED__SCHEDULER__VALIDATE", "true"),
            ("DASK_DISTRIBUTED__SCHEDULER__BLOCKED_HANDLERS", "['run_function', \"feed\"]"),
            ("DASK_DISTRIBUTED__SCHEDULER__IDLE_TIMEOUT", "None"),
            ("DASK_DISTRIBUTED__SCHEDULER__DEFAULT_DATA_SIZE", "1kiB"),
        ]);
        assert_eq!(config.seconds("distributed.scheduler.worker-ttl").unwrap(), Some(300.0));
        assert_eq!(config.number("distributed.scheduler.worker-saturation").unwrap(), Some(f64::INFINITY));
        assert_eq!(config.count("distributed.scheduler.allowed-failures").unwrap(), Some(7));
        assert_eq!(config.flag("distributed.scheduler.validate").unwrap(), Some(true));
        assert_eq!(config.texts("distributed.scheduler.blocked_handlers").unwrap(), ["run_function", "feed"]);
        assert_eq!(config.seconds("distributed.scheduler.idle-timeout").unwrap(), None);
        assert_eq!(config.bytes("distributed.scheduler.default-data-size").unwrap(), Some(1024));
    }

    #[test]
    fn a_value_of_the_wrong_kind_names_its_key() {
        let error = config(&[("DASK_DISTRIBUTED__SCHEDULER__WORKER_TTL", "soon")])
            .seconds("distributed.scheduler.worker-ttl")
            .unwrap_err();
        assert_eq!(
            error.to_string(),
            "the setting distributed.scheduler.worker-ttl is 'soon'; it must be a duration such as 30s"
        );
    }
}
