//! The story: what happened to each key, and what caused it. One ring for all, so that it cannot grow.

use std::collections::VecDeque;

use super::task::StateName;
use crate::key::Key;

/// One line of the story of a key.
#[derive(Clone, Debug, PartialEq)]
pub struct Line {
    /// Which stimulus caused it, counted from 1.
    pub stimulus: u64,
    /// When, in seconds since 1970.
    pub at: f64,
    /// The task.
    pub key: Key,
    /// What happened.
    pub what: Happening,
}

/// What happened to a task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Happening {
    /// Its state changed.
    Transition {
        /// From this.
        start: StateName,
        /// To this, as was recommended.
        finish: StateName,
        /// The state that it then was in.
        actual: StateName,
    },
    /// Its worker had not begun it, and gave it up for another.
    Moved,
    /// A message or recommendation was ignored, for this reason.
    Ignored(&'static str),
}

/// The last lines.
#[derive(Debug)]
pub(super) struct Story {
    lines: VecDeque<Line>,
    lines_max: usize,
}

impl Story {
    pub fn new(lines_max: usize) -> Self {
        Self { lines: VecDeque::new(), lines_max }
    }

    pub fn add(&mut self, stimulus: u64, at: f64, key: &Key, what: Happening) {
        if self.lines_max == 0 {
            return;
        }
        if self.lines.len() == self.lines_max {
            self.lines.pop_front();
        }
        self.lines.push_back(Line { stimulus, at, key: key.clone(), what });
    }

    pub fn lines(&self) -> impl Iterator<Item = &Line> {
        self.lines.iter()
    }

    pub fn of<'a>(&'a self, key: &'a Key) -> impl Iterator<Item = &'a Line> {
        self.lines.iter().filter(move |line| line.key == *key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_lines_are_forgotten() {
        let mut story = Story::new(2);
        for stimulus in 1..=3 {
            story.add(stimulus, 0.0, &"x".into(), Happening::Ignored("late"));
        }
        story.add(4, 0.0, &"y".into(), Happening::Ignored("late"));
        assert_eq!(story.of(&"x".into()).map(|line| line.stimulus).collect::<Vec<_>>(), [3]);
    }
}
