//! Files are short enough to walk through, functions short enough to see.

use super::expect_nothing;
use super::tree::{Text, texts};

const FILE_LINES_MAX: usize = 500;
const FUNCTION_LINES_MAX: usize = 70;

/// Files over the limit, with their present length: they may only shrink, and leave this table when they fit.
const LONG_FILES: &[(&str, usize)] = &[];

/// Functions over the limit, as `path: name`, with their present length: as above.
const LONG_FUNCTIONS: &[(&str, usize)] = &[];

#[test]
fn files_are_short() {
    let mut found = Vec::new();
    for text in texts(&["rs", "py", "pyi"]) {
        let lines = text.lines().count();
        judge(&mut found, &text.path, lines, FILE_LINES_MAX, LONG_FILES);
    }
    expect_nothing("files have fewer than 500 lines", &found);
}

#[test]
fn functions_are_short() {
    let mut found = Vec::new();
    for text in texts(&["rs"]) {
        for (name, lines) in functions(&text) {
            judge(&mut found, &format!("{}: {name}", text.path), lines, FUNCTION_LINES_MAX, LONG_FUNCTIONS);
        }
    }
    expect_nothing("functions have fewer than 70 lines", &found);
}

#[test]
fn files_say_what_they_are_for() {
    let silent = texts(&["rs"]).into_iter().filter(|text| !text.text.starts_with("//!")).map(|text| text.path);
    expect_nothing("the first line of a Rust file is `//!`", &silent.collect::<Vec<_>>());
}

fn judge(found: &mut Vec<String>, what: &str, lines: usize, limit: usize, exceptions: &[(&str, usize)]) {
    let allowed = exceptions.iter().find(|(name, _)| *name == what).map(|(_, lines)| *lines);
    match allowed {
        Some(_) if lines < limit => found.push(format!("{what} fits now: take it off the list")),
        Some(allowed) if lines < allowed => found.push(format!("{what} shrank to {lines}: write that into the list")),
        Some(allowed) if lines == allowed => {}
        _ if lines < limit => {}
        _ => found.push(format!("{what} has {lines} lines")),
    }
}

/// The functions of a file and their lines, from `fn` to the closing brace. The files are as rustfmt leaves them, so a
/// function ends with the first brace that stands as far to the right as its head.
fn functions(text: &Text) -> Vec<(&str, usize)> {
    let mut functions = Vec::new();
    let mut open: Vec<(usize, &str, usize)> = Vec::new();
    for (number, line) in text.lines() {
        let code = line.trim_start();
        let indent = line.len() - code.len();
        if let Some(name) = function_name(code) {
            if !code.ends_with('}') && !code.ends_with(';') {
                open.push((indent, name, number));
            }
        } else if let Some(&(depth, name, start)) = open.last()
            && indent == depth
            && (code.starts_with('}') || (code.starts_with(')') && code.ends_with(';')))
        {
            open.pop();
            functions.push((name, number - start + 1));
        }
    }
    functions
}

fn function_name(code: &str) -> Option<&str> {
    let (before, after) = code.split_once("fn ")?;
    let head = ["pub", "(crate)", "(super)", "const", "async", "unsafe", "extern", "\"C\"", " "];
    let rest = head.iter().fold(before.to_owned(), |rest, word| rest.replace(word, ""));
    let end = after.find(|letter: char| !letter.is_alphanumeric() && letter != '_')?;
    (rest.is_empty() && end > 0).then(|| &after[..end])
}

#[test]
fn a_function_is_measured_from_its_head_to_its_brace() {
    let text = Text {
        path: String::new(),
        text: "impl A {\n    pub fn one(\n        a: u8,\n    ) -> u8 {\n        a\n    }\n\n    fn two() {}\n}\n"
            .into(),
    };
    assert_eq!(functions(&text), [("one", 5)]);
}
