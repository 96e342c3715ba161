//! Python's literals, which Dask accepts as values in the environment: `1e3`, `'text'`, `[1, 2]`, `{'a': None}`.

use super::Setting;
use super::setting::Entries;

/// Nesting beyond this is a text.
const DEPTH_MAX: usize = 32;

/// What a variable of the environment says: a literal of Python, one of the words that YAML has for none, true and
/// false, or else the text itself.
pub fn interpret(text: &str) -> Setting {
    let mut reader = Reader { rest: text.trim() };
    if let Some(value) = reader.value(0)
        && reader.rest.is_empty()
    {
        return value;
    }
    match text.to_ascii_lowercase().as_str() {
        "none" | "null" => Setting::Null,
        "false" => Setting::Bool(false),
        "true" => Setting::Bool(true),
        _ => Setting::Text(text.to_owned()),
    }
}

struct Reader<'a> {
    rest: &'a str,
}

impl Reader<'_> {
    fn value(&mut self, depth: usize) -> Option<Setting> {
        if depth > DEPTH_MAX {
            return None;
        }
        match self.rest.chars().next()? {
            '[' => Some(Setting::List(self.items('[', ']', depth)?.0)),
            '(' => {
                let (mut items, comma) = self.items('(', ')', depth)?;
                if items.len() == 1 && !comma { items.pop() } else { Some(Setting::List(items)) }
            }
            '{' => self.mapping(depth),
            '\'' | '"' => self.text().map(Setting::Text),
            _ => self.word(),
        }
    }

    /// Items up to the closing sign, and whether a comma stood among or after them.
    fn items(&mut self, open: char, close: char, depth: usize) -> Option<(Vec<Setting>, bool)> {
        self.take(open)?;
        let mut items = Vec::new();
        let mut comma = false;
        while self.take(close).is_none() {
            if !items.is_empty() {
                self.take(',')?;
                comma = true;
                if self.take(close).is_some() {
                    break;
                }
            }
            items.push(self.value(depth + 1)?);
            self.blanks();
        }
        Some((items, comma))
    }

    fn mapping(&mut self, depth: usize) -> Option<Setting> {
        self.take('{')?;
        let mut entries = Entries::default();
        while self.take('}').is_none() {
            if !entries.is_empty() {
                self.take(',')?;
                if self.take('}').is_some() {
                    break;
                }
            }
            let name = match self.value(depth + 1)? {
                Setting::Text(name) => name,
                other => other.to_string(),
            };
            self.take(':')?;
            let value = self.value(depth + 1)?;
            entries.insert(name, value);
        }
        Some(Setting::Map(entries))
    }

    fn text(&mut self) -> Option<String> {
        let quote = self.rest.chars().next()?;
        let mut text = String::new();
        let mut letters = self.rest.char_indices().skip(1);
        while let Some((index, letter)) = letters.next() {
            match letter {
                '\\' => text.push(match letters.next()?.1 {
                    'n' => '\n',
                    't' => '\t',
                    'r' => '\r',
                    same @ ('\\' | '\'' | '"') => same,
                    _ => return None,
                }),
                letter if letter == quote => {
                    self.rest = &self.rest[index + 1..];
                    self.blanks();
                    return Some(text);
                }
                letter => text.push(letter),
            }
        }
        None
    }

    fn word(&mut self) -> Option<Setting> {
        let end = self.rest.find([',', ']', ')', '}', ':', ' ']).unwrap_or(self.rest.len());
        let (word, rest) = self.rest.split_at(end);
        self.rest = rest;
        self.blanks();
        match word {
            "None" => return Some(Setting::Null),
            "True" => return Some(Setting::Bool(true)),
            "False" => return Some(Setting::Bool(false)),
            _ => {}
        }
        // `inf` and `nan` are numbers to Rust, but names to Python.
        if !word.trim_start_matches(['+', '-']).starts_with(|letter: char| letter.is_ascii_digit() || letter == '.') {
            return None;
        }
        let digits = word.replace('_', "");
        digits.parse().map(Setting::Int).or_else(|_| digits.parse().map(Setting::Float)).ok()
    }

    fn take(&mut self, sign: char) -> Option<()> {
        self.blanks();
        self.rest = self.rest.strip_prefix(sign)?;
        self.blanks();
        Some(())
    }

    fn blanks(&mut self) {
        self.rest = self.rest.trim_start();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_environment_is_read_as_python_reads_it() {
        let text = |text: &str| Setting::Text(text.to_owned());
        let table = [
            ("123", Setting::Int(123)),
            ("-1.5e3", Setting::Float(-1500.0)),
            ("1_000", Setting::Int(1000)),
            ("'123'", text("123")),
            ("\"a\\n\"", text("a\n")),
            ("True", Setting::Bool(true)),
            ("true", Setting::Bool(true)),
            ("NONE", Setting::Null),
            ("inf", text("inf")),
            ("30s", text("30s")),
            ("5 minutes", text("5 minutes")),
            ("[1, 'b',]", Setting::List(vec![Setting::Int(1), text("b")])),
            ("(1)", Setting::Int(1)),
            ("(1,)", Setting::List(vec![Setting::Int(1)])),
            ("[1 2]", text("[1 2]")),
            ("[1", text("[1")),
            ("tcp://10.0.0.1:8786", text("tcp://10.0.0.1:8786")),
            ("", text("")),
        ];
        for (given, expected) in table {
            assert_eq!(interpret(given), expected, "{given}");
        }
        assert_eq!(interpret("{'a': {'b': None}}").entry("a").and_then(|a| a.entry("b")), Some(&Setting::Null));
        assert_eq!(interpret(&"[".repeat(100_000)).kind(), "a text");
    }
}
