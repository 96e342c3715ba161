//! Names: one word a thing, and no file without a noun.

use super::expect_nothing;
use super::tree::texts;

/// Files that would be named by what they lack. `cenote.utils` is Dask's name.
const NO_NOUN: &[&str] = &["util", "utils", "common", "helper", "helpers", "misc"];
const FILES_ALLOWED: &[&str] = &["python/cenote/utils.py"];

/// Words that are banned from our names: a task is a task, a scheduler a scheduler.
const WORDS_BANNED: &[&str] = &["node", "nodes", "server", "servers"];

/// Where *node* is the field's own word and means neither a task nor a machine: a shape of a picture, as Graphviz has it;
/// a Delayed, which is a node of what the user writes; Dask's `GraphNode`. Tests speak of all of them.
const NODES_ALLOWED: &[&str] =
    &["/draw", "/dot/", "/delayed/", "/layered.py", "/task_spec/", "crates/py/src/graph/spec.rs", "tests/"];

/// Methods of traits that are others', who name them.
const OTHERS_ALLOWED: &[&str] = &["verify_server_cert"];

/// Dask's names that begin with `get_`, and what is named after them; ours do not.
const GET_ALLOWED: &[&str] = &[
    "get_annotations",
    "get_async",
    "get_colors",
    "get_all_dependencies",
    "get_all_external_keys",
    "get_output_keys",
    "get_sync",
    "get_scheduler",
    "get_collection_names",
    "get_dependencies",
    "get_events",
    "get_deps",
    "get_name_from_key",
    "get_client",
];

#[test]
fn files_are_named_by_a_noun() {
    let mut found = Vec::new();
    for text in texts(&["rs", "py"]) {
        let stem = text.name().split('.').next().unwrap_or("");
        if NO_NOUN.contains(&stem) && !FILES_ALLOWED.contains(&text.path.as_str()) {
            found.push(text.path);
        }
    }
    expect_nothing("a file is named by its concept", &found);
}

#[test]
fn names_are_of_our_words() {
    let mut found = Vec::new();
    for text in texts(&["rs", "py"]) {
        for (number, line) in text.lines() {
            let Some(name) = declared(line.trim_start()) else { continue };
            let word = words(name).into_iter().find(|word| WORDS_BANNED.contains(&word.as_str()));
            if let Some(word) = word
                && !(word.starts_with("node") && NODES_ALLOWED.iter().any(|place| text.path.contains(place)))
                && !name.starts_with("test_")
                && !OTHERS_ALLOWED.contains(&name)
            {
                found.push(format!("{}:{number}: {name} says {word}", text.path));
            }
            let dasks = GET_ALLOWED.iter().any(|allowed| name.starts_with(allowed));
            if name.starts_with("get_") && !dasks {
                found.push(format!("{}:{number}: {name} says get", text.path));
            }
        }
    }
    expect_nothing("names are of our words", &found);
}

/// The name that a line declares, if it declares one.
fn declared(code: &str) -> Option<&str> {
    let code = ["pub(crate) ", "pub(super) ", "pub ", "async ", "const ", "unsafe "]
        .iter()
        .fold(code, |code, word| code.strip_prefix(word).unwrap_or(code));
    let heads = ["fn ", "struct ", "enum ", "trait ", "type ", "mod ", "static ", "def ", "class "];
    let rest = heads.iter().find_map(|head| code.strip_prefix(head))?;
    let end = rest.find(|letter: char| !letter.is_alphanumeric() && letter != '_').unwrap_or(rest.len());
    Some(&rest[..end])
}

/// The words of a name, whether it is written `snake_case` or `CamelCase`.
fn words(name: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    for letter in name.chars() {
        if letter == '_' || letter.is_uppercase() {
            words.push(String::new());
        }
        if letter != '_' {
            words.last_mut().expect("there is at least one word").extend(letter.to_lowercase());
        }
    }
    words
}

#[test]
fn a_name_is_split_into_its_words() {
    assert!(words("TaskNode").contains(&"node".to_owned()));
    assert!(words("http_server_port").contains(&"server".to_owned()));
    assert_eq!(declared("pub(crate) fn start(&self)"), Some("start"));
}
