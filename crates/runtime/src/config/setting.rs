//! One value of the configuration: what YAML, JSON and Python's literals have in common.

use std::fmt;

use indexmap::IndexMap;
use rustc_hash::FxBuildHasher;
use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, SeqAccess, Visitor};
use serde_saphyr::{DuplicateKeyPolicy, NonFiniteFloatPolicy};

/// Names and their values, in the order in which they were first seen.
pub type Entries = IndexMap<String, Setting, FxBuildHasher>;

/// One value.
#[derive(Clone, Debug, PartialEq)]
pub enum Setting {
    /// Not set on purpose.
    Null,
    /// Yes or no.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// Any other number.
    Float(f64),
    /// A text.
    Text(String),
    /// Values in their order.
    List(Vec<Setting>),
    /// Names and values.
    Map(Entries),
}

impl Setting {
    /// Reads YAML, as `PyYAML` does: infinity is a number, and of a name that stands twice the last value counts.
    ///
    /// # Errors
    /// When the text is no YAML.
    pub fn from_yaml(text: &str) -> Result<Self, serde_saphyr::Error> {
        let options = serde_saphyr::options! {
            non_finite_float_policy: NonFiniteFloatPolicy::PassThrough,
            duplicate_keys: DuplicateKeyPolicy::LastWins,
            with_snippet: false,
        };
        serde_saphyr::from_str_with_options(text, options)
    }

    /// The value of a name, whether it is written with dashes or underscores.
    pub fn entry(&self, name: &str) -> Option<&Setting> {
        let Self::Map(entries) = self else { return None };
        entries.get(spelled(entries, name).as_str())
    }

    /// Puts the other's values in place of ours, and keeps what the other does not name.
    pub fn update(&mut self, newer: Self) {
        let Self::Map(newer) = newer else {
            *self = newer;
            return;
        };
        if !matches!(self, Self::Map(_)) {
            *self = Self::Map(Entries::default());
        }
        let Self::Map(entries) = self else { return };
        for (name, value) in newer {
            let name = spelled(entries, &name);
            entries.entry(name).or_insert(Self::Null).update(value);
        }
    }

    /// Puts a value at a dotted name.
    pub fn assign(&mut self, path: &str, value: Self) {
        let nested = path.rsplit('.').fold(value, |value, name| {
            let mut entries = Entries::default();
            entries.insert(name.to_owned(), value);
            Self::Map(entries)
        });
        self.update(nested);
    }

    /// The text that stands here.
    pub fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The number that stands here.
    #[expect(clippy::cast_precision_loss, reason = "settings are far below 2^52")]
    pub fn float(&self) -> Option<f64> {
        match self {
            Self::Int(number) => Some(*number as f64),
            Self::Float(number) => Some(*number),
            _ => None,
        }
    }

    /// Yes or no, in all spellings that Dask's files use.
    pub fn flag(&self) -> Option<bool> {
        match self {
            Self::Bool(flag) => Some(*flag),
            Self::Int(number) => Some(*number != 0),
            Self::Text(text) => match text.to_ascii_lowercase().as_str() {
                "yes" | "on" | "true" => Some(true),
                "no" | "off" | "false" => Some(false),
                _ => None,
            },
            _ => None,
        }
    }

    /// What kind of value it is, for errors.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Null => "nothing",
            Self::Bool(_) => "true or false",
            Self::Int(_) | Self::Float(_) => "a number",
            Self::Text(_) => "a text",
            Self::List(_) => "a list",
            Self::Map(_) => "names and values",
        }
    }
}

/// How a name is already spelled among the entries: with dashes or with underscores.
fn spelled(entries: &Entries, name: &str) -> String {
    if entries.contains_key(name) {
        return name.to_owned();
    }
    let other = if name.contains('_') { name.replace('_', "-") } else { name.replace('-', "_") };
    if entries.contains_key(&other) { other } else { name.to_owned() }
}

impl fmt::Display for Setting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => f.write_str("null"),
            Self::Bool(flag) => write!(f, "{flag}"),
            Self::Int(number) => write!(f, "{number}"),
            Self::Float(number) => write!(f, "{number}"),
            Self::Text(text) => write!(f, "'{text}'"),
            Self::List(_) | Self::Map(_) => f.write_str(self.kind()),
        }
    }
}

impl<'de> Deserialize<'de> for Setting {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Reader)
    }
}

struct Reader;

impl<'de> Visitor<'de> for Reader {
    type Value = Setting;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E>(self) -> Result<Setting, E> {
        Ok(Setting::Null)
    }

    fn visit_none<E>(self) -> Result<Setting, E> {
        Ok(Setting::Null)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Setting, D::Error> {
        Setting::deserialize(deserializer)
    }

    fn visit_bool<E>(self, flag: bool) -> Result<Setting, E> {
        Ok(Setting::Bool(flag))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Setting, E> {
        Ok(Setting::Int(number))
    }

    #[expect(clippy::cast_precision_loss, reason = "only numbers that no setting has come here")]
    fn visit_u64<E>(self, number: u64) -> Result<Setting, E> {
        Ok(i64::try_from(number).map_or(Setting::Float(number as f64), Setting::Int))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Setting, E> {
        Ok(Setting::Float(number))
    }

    fn visit_str<E>(self, text: &str) -> Result<Setting, E> {
        Ok(Setting::Text(text.to_owned()))
    }

    fn visit_string<E>(self, text: String) -> Result<Setting, E> {
        Ok(Setting::Text(text))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Setting, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = access.next_element()? {
            items.push(item);
        }
        Ok(Setting::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Setting, A::Error> {
        let mut entries = Entries::default();
        while let Some((name, value)) = access.next_entry::<Setting, Setting>()? {
            let name = match name {
                Setting::Text(name) => name,
                other => other.to_string(),
            };
            entries.insert(name, value);
        }
        Ok(Setting::Map(entries))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn yaml(text: &str) -> Setting {
        Setting::from_yaml(text).expect("the text is YAML")
    }

    #[test]
    fn yaml_is_read_with_its_kinds() {
        let read = yaml("a: 1\nb: 1.5\nc: true\nd: ~\ne: [x, 2]\nf: {g: 5 minutes}\nh: .inf\ni: '3'\n");
        assert_eq!(read.entry("a"), Some(&Setting::Int(1)));
        assert_eq!(read.entry("b"), Some(&Setting::Float(1.5)));
        assert_eq!(read.entry("c"), Some(&Setting::Bool(true)));
        assert_eq!(read.entry("d"), Some(&Setting::Null));
        assert_eq!(read.entry("e"), Some(&Setting::List(vec![Setting::Text("x".into()), Setting::Int(2)])));
        assert_eq!(read.entry("f").unwrap().entry("g"), Some(&Setting::Text("5 minutes".into())));
        assert_eq!(read.entry("h"), Some(&Setting::Float(f64::INFINITY)));
        assert_eq!(read.entry("i"), Some(&Setting::Text("3".into())));
    }

    #[test]
    fn a_name_keeps_the_spelling_that_came_first() {
        let mut old = yaml("scheduler: {worker-ttl: 1, idle_timeout: 2}");
        old.update(yaml("scheduler: {worker_ttl: 3, idle-timeout: 4, new: 5}"));
        assert_eq!(old, yaml("scheduler: {worker-ttl: 3, idle_timeout: 4, new: 5}"));
        assert_eq!(old.entry("scheduler").unwrap().entry("worker_ttl"), Some(&Setting::Int(3)));
    }

    #[test]
    fn a_value_takes_the_place_of_a_mapping_and_the_other_way_round() {
        let mut old = yaml("a: {b: 1}\nc: 2");
        old.update(yaml("a: 3\nc: {d: 4}"));
        assert_eq!(old, yaml("a: 3\nc: {d: 4}"));
    }
}
