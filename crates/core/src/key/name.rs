//! The prefix and the group of a key: the names under which Dask counts, measures and shows its task.
//!
//! Both are exactly Dask's, odd cases included: placement and stealing decide by them.

use std::borrow::Cow;

use unicode_properties::{GeneralCategoryGroup, UnicodeGeneralCategory};

use super::Key;

/// The prefix of keys that have none.
const OTHER: &str = "Other";
/// The prefix of keys that are bare hashes.
const DATA: &str = "data";

impl Key {
    /// The leading words of the key: `inc` of `inc-0123abc`.
    pub fn prefix(&self) -> Cow<'_, str> {
        match self {
            Self::Str(text) => prefix_of(text),
            Self::Bytes(bytes) => std::str::from_utf8(bytes).ok().and_then(prefix).unwrap_or(Cow::Borrowed(OTHER)),
            Self::Tuple(keys) => keys.first().map_or(Cow::Borrowed(OTHER), Self::prefix),
            Self::Bool(_) | Self::Int(_) | Self::UInt(_) | Self::Float(_) => Cow::Borrowed(OTHER),
        }
    }

    /// The name that keys submitted together share: `inc-0123abc` of `("inc-0123abc", 4)`. The first part of a tuple is
    /// the group whatever it is.
    #[must_use]
    pub fn group(&self) -> Self {
        let name = match self {
            Self::Tuple(keys) => return keys.first().cloned().unwrap_or(OTHER.into()),
            Self::Str(text) => group(text),
            Self::Bytes(bytes) => std::str::from_utf8(bytes).ok().and_then(group),
            Self::Bool(_) | Self::Int(_) | Self::UInt(_) | Self::Float(_) => None,
        };
        name.as_deref().unwrap_or(OTHER).into()
    }
}

/// The leading words of a key that is text: `inc` of `inc-0123abc`.
#[must_use]
pub fn prefix_of(text: &str) -> Cow<'_, str> {
    prefix(text).unwrap_or(Cow::Borrowed(OTHER))
}

impl Key {
    /// Whether a group is the one of this key: as to compare it with [`group`](Self::group), but that none is made.
    pub fn is_of(&self, name: &Self) -> bool {
        match (self, name) {
            (Self::Tuple(keys), _) if !keys.is_empty() => keys[0] == *name,
            (Self::Str(text), Self::Str(name)) => group(text).as_deref().unwrap_or(OTHER) == &**name,
            _ => self.group() == *name,
        }
    }
}

fn prefix(text: &str) -> Option<Cow<'_, str>> {
    let mut words = text.split('-');
    let first = words.next()?;
    let head = if is_letter(first.chars().next()?) {
        first
    } else {
        first.split(',').next()?.trim_matches(['_', '\'', '(', ')', '"'])
    };
    let mut more = words.take_while(|word| is_word(word)).peekable();
    let mut name = Cow::Borrowed(head);
    if head.len() == first.len() && more.peek().is_some() {
        // The words stand in the key as they are: no copy.
        name = Cow::Borrowed(&text[..first.len() + more.map(|word| word.len() + 1).sum::<usize>()]);
    } else {
        for word in more {
            name.to_mut().push('-');
            name.to_mut().push_str(word);
        }
    }
    if is_hash(&name) {
        return Some(Cow::Borrowed(DATA));
    }
    match name.chars().next()? {
        '<' => Some(Cow::Owned(type_name(&name)?.to_owned())),
        _ => Some(name),
    }
}

fn group(text: &str) -> Option<Cow<'_, str>> {
    match text.chars().next()? {
        '(' => Some(Cow::Borrowed(text.split(',').next()?.trim_matches(['(', ')', '"', '\'']))),
        _ if is_hash(text) => Some(Cow::Borrowed(DATA)),
        '<' => type_name(text).map(Cow::Borrowed),
        _ => prefix(text),
    }
}

/// Whether a word belongs to the prefix: letters only, and not eight of them that begin like a hexadecimal number.
fn is_word(word: &str) -> bool {
    !word.is_empty()
        && word.chars().all(is_letter)
        && !(word.starts_with(|letter| matches!(letter, 'a'..='f')) && word.chars().count() == 8)
}

fn is_letter(letter: char) -> bool {
    if letter.is_ascii() {
        letter.is_ascii_alphabetic()
    } else {
        letter.general_category_group() == GeneralCategoryGroup::Letter
    }
}

fn is_hash(name: &str) -> bool {
    name.len() == 32 && name.bytes().all(|byte| matches!(byte, b'a'..=b'f' | b'0'..=b'9'))
}

/// `myclass` of `<module.myclass object at 0x1>`.
fn type_name(text: &str) -> Option<&str> {
    let is_space = |letter: char| letter.is_whitespace() || matches!(letter, '\x1c'..='\x1f');
    let word = text.trim_matches(['<', '>']).split(is_space).find(|word| !word.is_empty())?;
    word.rsplit('.').next()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(key: impl Into<Key>) -> (String, String) {
        let key = key.into();
        assert!(key.is_of(&key.group()) && !key.is_of(&"another".into()));
        (key.prefix().into_owned(), key.group().to_string())
    }

    fn pair(prefix: &str, group: &str) -> (String, String) {
        (prefix.into(), group.into())
    }

    #[test]
    fn names_are_the_leading_words() {
        assert_eq!(names("x"), pair("x", "x"));
        assert_eq!(names("hello-world-1"), pair("hello-world", "hello-world"));
        assert_eq!(names("sum-abcdefab"), pair("sum", "sum"));
        assert_eq!(names("sum-filtered-x"), pair("sum", "sum"));
        assert_eq!(names("sum-aggregate-x-0"), pair("sum-aggregate-x", "sum-aggregate-x"));
        assert_eq!(names("_inner-x"), pair("inner-x", "inner-x"));
        assert_eq!(names("('x-2', 1)"), pair("x", "x-2"));
        assert_eq!(names("ae05086432ca935f6eba409a8ecd4896"), pair("data", "data"));
        assert_eq!(names("<module.submodule.myclass object at 0xdaf372"), pair("myclass", "myclass"));
        assert_eq!(names(""), pair("Other", "Other"));
        assert_eq!(names("---"), pair("Other", "Other"));
    }

    #[test]
    fn the_first_part_of_a_tuple_names_it() {
        assert_eq!(names(Key::Tuple([Key::from("x-2"), Key::Int(1)].into())), pair("x", "x-2"));
        assert_eq!(names(Key::Tuple([Key::Int(5)].into())), pair("Other", "5"));
        assert_eq!(names(Key::Int(5)), pair("Other", "Other"));
        assert_eq!(names(Key::Tuple([].into())), pair("Other", "Other"));
    }
}
