//! Literals: the key that a page is asked for, from its text. That is what Python's `str` makes of it.

use cenote_core::key::Key;

/// Deeper nesting is no key.
const DEPTH_MAX: usize = 32;

/// The keys that have this text: it may be a text, or a number, a tuple or bytes that are shown so.
pub(super) fn keys(text: &str) -> Vec<Key> {
    let mut reader = Reader { rest: text };
    let literal = reader.value(0).filter(|_| reader.rest.is_empty());
    std::iter::once(Key::from(text)).chain(literal.filter(|key| !matches!(key, Key::Str(_)))).collect()
}

struct Reader<'a> {
    rest: &'a str,
}

impl Reader<'_> {
    fn take(&mut self, sign: &str) -> Option<()> {
        self.rest = self.rest.strip_prefix(sign)?;
        Some(())
    }

    fn value(&mut self, depth: usize) -> Option<Key> {
        if depth > DEPTH_MAX {
            return None;
        }
        match self.rest.chars().next()? {
            '(' => self.tuple(depth),
            '\'' | '"' => Some(Key::from(self.text()?.iter().collect::<String>().as_str())),
            'b' => {
                self.take("b")?;
                let bytes: Option<Vec<u8>> = self.text()?.into_iter().map(|letter| u8::try_from(letter).ok()).collect();
                Some(Key::Bytes(bytes?.into()))
            }
            _ => self.number(),
        }
    }

    fn tuple(&mut self, depth: usize) -> Option<Key> {
        self.take("(")?;
        let mut items = Vec::new();
        while self.take(")").is_none() {
            if !items.is_empty() {
                self.take(",")?;
                self.rest = self.rest.trim_start_matches(' ');
                if self.take(")").is_some() {
                    break;
                }
            }
            items.push(self.value(depth + 1)?);
        }
        Some(Key::Tuple(items.into()))
    }

    fn number(&mut self) -> Option<Key> {
        let end = self.rest.find([',', ')']).unwrap_or(self.rest.len());
        let (word, rest) = self.rest.split_at(end);
        self.rest = rest;
        match word {
            "True" => return Some(Key::Bool(true)),
            "False" => return Some(Key::Bool(false)),
            _ => {}
        }
        let whole = word.parse().map(Key::Int).or_else(|_| word.parse().map(Key::UInt));
        whole.ok().or_else(|| word.parse().ok().map(Key::Float))
    }

    /// The letters between two quotes.
    fn text(&mut self) -> Option<Vec<char>> {
        let quote = self.rest.chars().next()?;
        let mut letters = self.rest[quote.len_utf8()..].chars();
        let mut text = Vec::new();
        loop {
            match letters.next()? {
                letter if letter == quote => break,
                '\\' => text.push(escaped(&mut letters)?),
                letter => text.push(letter),
            }
        }
        self.rest = letters.as_str();
        Some(text)
    }
}

/// The letter that stands behind a backslash.
fn escaped(letters: &mut std::str::Chars) -> Option<char> {
    let digits = |letters: &mut std::str::Chars, count: usize| {
        let hex: String = letters.by_ref().take(count).collect();
        char::from_u32(u32::from_str_radix(&hex, 16).ok()?)
    };
    Some(match letters.next()? {
        'n' => '\n',
        't' => '\t',
        'r' => '\r',
        'x' => digits(letters, 2)?,
        'u' if letters.as_str().starts_with('{') => {
            let (hex, rest) = letters.as_str()[1..].split_once('}')?;
            let letter = char::from_u32(u32::from_str_radix(hex, 16).ok()?)?;
            *letters = rest.chars();
            letter
        }
        'u' => digits(letters, 4)?,
        'U' => digits(letters, 8)?,
        letter => letter,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tuple<const N: usize>(keys: [Key; N]) -> Key {
        Key::Tuple(keys.into())
    }

    #[test]
    fn keys_are_found_by_what_python_prints() {
        let table = [
            ("1", Key::Int(1)),
            ("('x', 1)", tuple(["x".into(), Key::Int(1)])),
            ("((1, 2), ('x', 'y'))", tuple([tuple([Key::Int(1), Key::Int(2)]), tuple(["x".into(), "y".into()])])),
            ("(\"'\", 1)", tuple(["'".into(), Key::Int(1)])),
            ("('[', 1.5)", tuple(["[".into(), Key::Float(1.5)])),
            ("('a\\'b\\n\\x41\\u{e4}', True)", tuple(["a'b\nAä".into(), Key::Bool(true)])),
            ("b'\\x00a'", Key::Bytes([0, b'a'].into())),
            ("('x',)", tuple(["x".into()])),
        ];
        for (text, key) in table {
            assert_eq!(keys(text), [Key::from(text), key], "{text}");
        }
    }

    #[test]
    fn what_is_no_literal_is_only_a_text() {
        for text in ["", "x", "(", "[", "'", "\"", "('x', 1", "('x' 1)", "b'ä€'", "'\\", "'x'", "(,)", "'\\u{zz}'"] {
            assert_eq!(keys(text), [Key::from(text)], "{text}");
        }
        let deep = format!("{}1{}", "(".repeat(100_000), ",)".repeat(100_000));
        assert_eq!(keys(&deep).len(), 1);
    }
}
