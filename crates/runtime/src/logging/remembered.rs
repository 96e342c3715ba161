//! Remembered lines: the last lines of the log, for whoever asks the process for them.

use std::collections::VecDeque;
use std::io::{self, Write};
use std::time::{SystemTime, UNIX_EPOCH};

use parking_lot::Mutex;
use tracing::{Level, Metadata};
use tracing_subscriber::fmt::MakeWriter;

/// Lines that are remembered. Dask's `distributed.admin.log-length`.
const LINES_MAX: usize = 10_000;

/// A log belongs to a process, as its standard error does.
static LINES: Mutex<VecDeque<Remembered>> = Mutex::new(VecDeque::new());

/// A line of the log.
#[derive(Clone, Debug, PartialEq)]
pub struct Remembered {
    /// When it was written, in seconds since 1970.
    pub at: f64,
    /// Python's name for its level.
    pub level: &'static str,
    /// The line.
    pub text: Box<str>,
}

/// The last lines, the newest first: at most so many, and none from before `start`, in seconds since 1970.
pub fn lines(start: f64, count: usize) -> Vec<Remembered> {
    LINES.lock().iter().rev().take_while(|line| line.at >= start).take(count).cloned().collect()
}

/// Writes lines into the memory of the process.
#[derive(Debug)]
pub(super) struct Memory;

/// One line while it is written.
#[derive(Debug)]
pub(super) struct Entry {
    level: &'static str,
    text: Vec<u8>,
}

impl<'a> MakeWriter<'a> for Memory {
    type Writer = Entry;

    fn make_writer(&'a self) -> Entry {
        Entry { level: "INFO", text: Vec::new() }
    }

    fn make_writer_for(&'a self, metadata: &Metadata<'_>) -> Entry {
        Entry { level: name(*metadata.level()), text: Vec::new() }
    }
}

impl Write for Entry {
    fn write(&mut self, part: &[u8]) -> io::Result<usize> {
        self.text.extend_from_slice(part);
        Ok(part.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        let at = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64();
        let text = String::from_utf8_lossy(&self.text).trim_end().into();
        let mut lines = LINES.lock();
        if lines.len() == LINES_MAX {
            lines.pop_front();
        }
        lines.push_back(Remembered { at, level: self.level, text });
    }
}

/// Python's name for a level.
pub(super) fn name(level: Level) -> &'static str {
    match level {
        Level::ERROR => "ERROR",
        Level::WARN => "WARNING",
        Level::INFO => "INFO",
        Level::DEBUG | Level::TRACE => "DEBUG",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_lines_come_first() {
        for number in 0..3 {
            let mut entry = Entry { level: "INFO", text: Vec::new() };
            writeln!(entry, "line {number}").unwrap();
        }
        let texts: Vec<_> = lines(0.0, 2).into_iter().map(|line| line.text).collect();
        assert_eq!(texts, ["line 2".into(), "line 1".into()]);
        assert_eq!(lines(f64::MAX, 2), []);
    }
}
