//! Markup: pages as text, well formed, with relative links, without scripts and without anything from elsewhere.

use std::fmt::Write;

use axum::http::{StatusCode, header};
use axum::response::{Html, IntoResponse, Response};

/// What a browser may do with a page: show it, with our own style.
const POLICY: &str = "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; form-action 'none'";

/// The pages that each page leads to.
const PLACES: [(&str, &str); 7] = [
    ("status", "Status"),
    ("individual-workers", "Workers"),
    ("individual-progress", "Progress"),
    ("individual-cluster-memory", "Memory"),
    ("individual-events", "Events"),
    ("info/main/exceptions.html", "Failures"),
    ("info/main/logs.html", "Logs"),
];

/// How wide a column is to be, by what stands in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Column {
    Text,
    Number,
}

/// What stands in a cell.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Cell {
    Text(String),
    Number(String),
    /// Markup that is well formed.
    Markup(String),
}

impl Cell {
    pub fn count(count: impl std::fmt::Display) -> Self {
        Self::Number(count.to_string())
    }
}

impl From<&str> for Cell {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

/// A page that is being written. Writing to its text cannot fail.
#[derive(Debug)]
pub(super) struct Page {
    text: String,
    /// The way from this page to where all paths begin.
    root: String,
}

impl Page {
    /// A page that stands so many folders deep. If it shows what goes on, it is read again every few seconds.
    pub fn new(title: &str, depth: usize, refresh_s: Option<u32>) -> Self {
        let root = "../".repeat(depth);
        let mut page = Self { text: String::with_capacity(4096), root };
        let title = escape(title);
        let refresh = refresh_s.map(|every| format!("<meta http-equiv=\"refresh\" content=\"{every}\"/>"));
        let _ = write!(
            page.text,
            "<!DOCTYPE html>\n<html lang=\"en\">\n<head><meta charset=\"utf-8\"/><title>{title}</title>{}\
             <link rel=\"stylesheet\" href=\"{}statics/css/base.css\"/></head>\n<body>\n<nav>",
            refresh.unwrap_or_default(),
            page.root,
        );
        for (place, name) in PLACES {
            let _ = write!(page.text, "<a href=\"{}{place}\">{name}</a> ", page.root);
        }
        let _ = write!(page.text, "</nav>\n<h1>{title}</h1>\n");
        page
    }

    /// A heading.
    pub fn heading(&mut self, text: &str) {
        let _ = writeln!(self.text, "<h2>{}</h2>", escape(text));
    }

    /// A paragraph of text.
    pub fn paragraph(&mut self, text: &str) {
        let _ = writeln!(self.text, "<p>{}</p>", escape(text));
    }

    /// Text with its line breaks.
    pub fn lines(&mut self, text: &str) {
        let _ = writeln!(self.text, "<pre>{}</pre>", escape(text));
    }

    /// A table; what stands in its columns, and its rows.
    pub fn table(&mut self, columns: &[(&str, Column)], rows: impl IntoIterator<Item = Vec<Cell>>) {
        self.text.push_str("<table>\n");
        if columns.iter().any(|(name, _)| !name.is_empty()) {
            self.text.push_str("<tr>");
            for (name, column) in columns {
                let class = if *column == Column::Number { " class=\"n\"" } else { "" };
                let _ = write!(self.text, "<th{class}>{}</th>", escape(name));
            }
            self.text.push_str("</tr>\n");
        }
        for row in rows {
            self.text.push_str("<tr>");
            for cell in row {
                let _ = match cell {
                    Cell::Text(text) => write!(self.text, "<td>{}</td>", escape(&text)),
                    Cell::Number(text) => write!(self.text, "<td class=\"n\">{}</td>", escape(&text)),
                    Cell::Markup(markup) => write!(self.text, "<td>{markup}</td>"),
                };
            }
            self.text.push_str("</tr>\n");
        }
        self.text.push_str("</table>\n");
    }

    /// A link to a page, by its path from where all paths begin.
    pub fn link(&self, path: &str, text: &str) -> Cell {
        Cell::Markup(format!("<a href=\"{}{}\">{}</a>", self.root, escape(path), escape(text)))
    }

    /// A link to the page of a worker.
    pub fn worker_link(&self, address: &str) -> Cell {
        self.link(&format!("info/worker/{}.html", in_path(address)), address)
    }

    /// A link to the page of a task.
    pub fn task_link(&self, key: &str) -> Cell {
        self.link(&format!("info/task/{}.html", in_path(key)), key)
    }

    /// A link to the calls that a task is in.
    pub fn call_stack_link(&self, key: &str) -> Cell {
        self.link(&format!("info/call-stack/{}.html", in_path(key)), "call stack")
    }

    /// A link to somewhere else.
    pub fn outside(address: &str, text: &str) -> Cell {
        Cell::Markup(format!("<a href=\"{}\">{}</a>", escape(address), escape(text)))
    }

    /// The whole text.
    pub fn finish(mut self) -> String {
        self.text.push_str("</body>\n</html>\n");
        self.text
    }
}

/// A page as an answer.
pub(super) fn shown(text: String) -> Response {
    let headers = [
        (header::CACHE_CONTROL, "no-store"),
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ];
    (headers, Html(text)).into_response()
}

/// That there is no such thing.
pub(super) fn missing(what: &str) -> Response {
    (StatusCode::NOT_FOUND, format!("there is no {what} of this name")).into_response()
}

/// The style of all pages.
pub(super) async fn style() -> Response {
    ([(header::CONTENT_TYPE, "text/css; charset=utf-8")], include_str!("base.css")).into_response()
}

/// A bar that is filled so far.
pub(super) fn bar(part: f64, whole: f64) -> Cell {
    if whole > 0.0 {
        Cell::Markup(format!("<progress value=\"{part}\" max=\"{whole}\"></progress>"))
    } else {
        "".into()
    }
}

/// A size with the unit that fits it.
pub(super) fn size(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["B", "KiB", "MiB", "GiB", "TiB"];
    #[expect(clippy::cast_precision_loss, reason = "it is rounded to a tenth")]
    let mut size = bytes as f64;
    let mut unit = 0;
    while size >= 1024.0 && unit + 1 < UNITS.len() {
        size /= 1024.0;
        unit += 1;
    }
    if unit == 0 { format!("{bytes} B") } else { format!("{size:.1} {}", UNITS[unit]) }
}

/// A duration in its two largest units.
#[expect(clippy::cast_sign_loss, reason = "a negative duration is none")]
pub(super) fn duration(seconds: f64) -> String {
    let whole = seconds.max(0.0) as u64;
    let (days, hours, minutes) = (whole / 86_400, whole / 3600 % 24, whole / 60 % 60);
    match (days, hours, minutes) {
        (0, 0, 0) if seconds < 0.1 => format!("{:.2} ms", seconds.max(0.0) * 1e3),
        (0, 0, 0) => format!("{seconds:.1} s"),
        (0, 0, _) => format!("{minutes} min {} s", whole % 60),
        (0, _, _) => format!("{hours} h {minutes} min"),
        _ => format!("{days} d {hours} h"),
    }
}

/// What a peer calls itself is text, never markup. Letters that no page may contain are replaced.
pub(super) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            '\n' | '\t' => escaped.push(letter),
            letter if letter.is_control() || matches!(letter, '\u{fffe}' | '\u{ffff}') => escaped.push('\u{fffd}'),
            letter => escaped.push(letter),
        }
    }
    escaped
}

/// A name as a part of a path.
pub(super) fn in_path(name: &str) -> String {
    let mut path = String::with_capacity(name.len());
    for byte in name.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) {
            path.push(char::from(byte));
        } else {
            let _ = write!(path, "%{byte:02X}");
        }
    }
    path
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_peers_say_is_text() {
        let mut page = Page::new("<script>", 1, None);
        let link = page.task_link("('x', 1)");
        page.table(
            &[("a", Column::Text), ("b", Column::Number)],
            [vec!["<b>\u{1b}".into(), Cell::count(1)], vec![link]],
        );
        let text = page.finish();
        assert!(text.contains("<h1>&lt;script&gt;</h1>") && !text.contains("<script>"));
        assert!(text.contains("<tr><td>&lt;b&gt;\u{fffd}</td><td class=\"n\">1</td></tr>"));
        assert!(text.contains("<a href=\"../info/task/%28%27x%27%2C%201%29.html\">(&#39;x&#39;, 1)</a>"));
        assert!(!text.contains("href=\"/"), "a prefix may stand before it");
    }

    #[test]
    fn sizes_and_durations_have_their_units() {
        assert_eq!([512, 1536, 4 << 30].map(size), ["512 B", "1.5 KiB", "4.0 GiB"]);
        let durations = [-1.0, 0.0123, 5.0, 65.0, 3725.0, 90_000.0].map(duration);
        assert_eq!(durations, ["0.00 ms", "12.30 ms", "5.0 s", "1 min 5 s", "1 h 2 min", "1 d 1 h"]);
    }
}
