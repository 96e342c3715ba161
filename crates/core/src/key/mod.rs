//! Keys: the names of tasks and of their results, as they travel between processes.

mod name;
mod text;

use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

pub use name::prefix_of;
pub use text::{compare_decimals, compare_quoted, tuple_end};

/// A key as the wire carries it: text, a number, bytes, or nested tuples of them. Cheap to clone.
///
/// Two keys are equal where Python says so: `1 == 1.0 == True`, and text never equals bytes. Only NaN differs: here it
/// equals itself, so that every key can be found again.
#[derive(Clone, Debug)]
pub enum Key {
    /// Text, by far the most common.
    Str(Arc<str>),
    /// True or false, which equal 1 and 0.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// A whole number beyond those of [`Int`](Self::Int).
    UInt(u64),
    /// A floating point number.
    Float(f64),
    /// Bytes.
    Bytes(Arc<[u8]>),
    /// A tuple of keys.
    Tuple(Arc<[Key]>),
}

/// A number in the one form that equal numbers share.
#[derive(PartialEq, Eq, Hash)]
enum Number {
    Whole(i128),
    Other(u64),
}

impl Key {
    fn number(&self) -> Option<Number> {
        match *self {
            Self::Bool(value) => Some(Number::Whole(value.into())),
            Self::Int(value) => Some(Number::Whole(value.into())),
            Self::UInt(value) => Some(Number::Whole(value.into())),
            Self::Float(value) => Some(float(value)),
            Self::Str(_) | Self::Bytes(_) | Self::Tuple(_) => None,
        }
    }
}

fn float(value: f64) -> Number {
    // Beyond 2^64 no other key is a whole number, so that a float equals nothing but itself.
    let comparable = value.fract() == 0.0 && value.abs() <= 2.0_f64.powi(64);
    if comparable { Number::Whole(value as i128) } else { Number::Other(value.to_bits()) }
}

impl PartialEq for Key {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Str(a), Self::Str(b)) => a == b,
            (Self::Bytes(a), Self::Bytes(b)) => a == b,
            (Self::Tuple(a), Self::Tuple(b)) => a == b,
            _ => self.number().is_some_and(|number| other.number() == Some(number)),
        }
    }
}

impl Eq for Key {}

impl Hash for Key {
    fn hash<H: Hasher>(&self, state: &mut H) {
        match self {
            Self::Str(text) => text.hash(state),
            Self::Bytes(bytes) => bytes.hash(state),
            Self::Tuple(keys) => keys.hash(state),
            _ => self.number().hash(state),
        }
    }
}

impl From<&str> for Key {
    fn from(text: &str) -> Self {
        Self::Str(text.into())
    }
}

impl Key {
    /// As Python's `repr` shows it: text in quotes.
    pub fn quoted(&self) -> impl fmt::Display + '_ {
        struct Quoted<'a>(&'a Key);
        impl fmt::Display for Quoted<'_> {
            fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                inside(self.0, out)
            }
        }
        Quoted(self)
    }
}

/// As Python shows it: text alone as it is, inside a tuple in quotes.
impl fmt::Display for Key {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Str(text) => out.write_str(text),
            _ => inside(self, out),
        }
    }
}

fn inside(key: &Key, out: &mut fmt::Formatter<'_>) -> fmt::Result {
    match key {
        Key::Str(text) => write!(out, "'{}'", text.escape_debug()),
        Key::Bool(value) => out.write_str(if *value { "True" } else { "False" }),
        Key::Int(value) => write!(out, "{value}"),
        Key::UInt(value) => write!(out, "{value}"),
        Key::Float(value) => write!(out, "{value:?}"),
        Key::Bytes(bytes) => write!(out, "b'{}'", bytes.escape_ascii()),
        Key::Tuple(keys) => {
            out.write_str("(")?;
            for (index, key) in keys.iter().enumerate() {
                out.write_str(if index == 0 { "" } else { ", " })?;
                inside(key, out)?;
            }
            out.write_str(if keys.len() == 1 { ",)" } else { ")" })
        }
    }
}

#[cfg(test)]
mod tests {
    use std::hash::BuildHasher;

    use rustc_hash::FxBuildHasher;

    use super::*;

    fn same(a: &Key, b: &Key) -> bool {
        assert!(a != b || FxBuildHasher.hash_one(a) == FxBuildHasher.hash_one(b), "{a} and {b} have different hashes");
        a == b
    }

    fn tuple(keys: &[Key]) -> Key {
        Key::Tuple(keys.into())
    }

    #[test]
    fn numbers_are_equal_where_python_says_so() {
        assert!(same(&Key::Int(1), &Key::Float(1.0)) && same(&Key::Int(1), &Key::Bool(true)));
        assert!(same(&Key::Float(-0.0), &Key::Bool(false)));
        assert!(same(&Key::UInt(1 << 63), &Key::Float(2.0_f64.powi(63))));
        assert!(!same(&Key::Int((1 << 53) + 1), &Key::Float(2.0_f64.powi(53))));
        assert!(!same(&Key::UInt(u64::MAX), &Key::Float(2.0_f64.powi(64))));
        assert!(!same(&Key::Int(1), &Key::Float(1.5)) && !same(&Key::Int(1), &"1".into()));
        assert!(same(&Key::Float(f64::NAN), &Key::Float(f64::NAN)));
        assert!(!same(&Key::Float(f64::INFINITY), &Key::Float(f64::NEG_INFINITY)));
    }

    #[test]
    fn tuples_are_equal_where_their_parts_are() {
        assert!(same(&tuple(&["x".into(), Key::Int(0)]), &tuple(&["x".into(), Key::Float(0.0)])));
        assert!(!same(&tuple(&["x".into()]), &"x".into()) && !same(&tuple(&[]), &"".into()));
        assert!(!same(&Key::Bytes(b"x".as_slice().into()), &"x".into()));
    }

    #[test]
    fn a_key_is_shown_as_python_shows_it() {
        let key =
            tuple(&["x'".into(), tuple(&[Key::Int(-1)]), Key::Float(1.0), Key::Bytes([b'a', 0].as_slice().into())]);
        assert_eq!(key.to_string(), r"('x\'', (-1,), 1.0, b'a\x00')");
        assert_eq!(Key::from("x'").to_string(), "x'");
        assert_eq!(Key::from("x").quoted().to_string(), "'x'");
    }

    #[test]
    fn a_key_is_small() {
        assert_eq!(size_of::<Key>(), 24);
    }
}
