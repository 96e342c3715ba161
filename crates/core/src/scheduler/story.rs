//! The story: what happened to each task, and what caused it. One ring for all, so that it cannot grow.
//!
//! Every transition writes a line, so lines name tasks by their ids: to share keys, and to count who shares them, would
//! cost more than all the rest of a line. The key of a task that is forgotten moves here, and stays as long as its lines.

use std::collections::VecDeque;

use super::registry::Map;
use super::task::{StateName, TaskId, Tasks};
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

/// A line as it is kept.
#[derive(Debug)]
struct Entry {
    stimulus: u64,
    at: f64,
    /// Nothing if the key was not known: then it stands among the names.
    task: Option<TaskId>,
    what: Happening,
}

/// A key that the tasks do not know, or not by this id.
#[derive(Debug)]
struct Name {
    /// The number of the last line about it.
    last: u64,
    /// The id that it had; nothing if it had none.
    task: Option<TaskId>,
    key: Key,
}

/// The last lines.
#[derive(Debug)]
pub(super) struct Story {
    lines: VecDeque<Entry>,
    lines_max: usize,
    /// The number of the first line that is kept: so many are forgotten.
    first: u64,
    /// Ordered by their last lines.
    names: VecDeque<Name>,
}

impl Story {
    pub fn new(lines_max: usize) -> Self {
        Self { lines: VecDeque::new(), lines_max, first: 0, names: VecDeque::new() }
    }

    /// Something happened to a task that is known, or is being forgotten just now.
    pub fn add(&mut self, stimulus: u64, at: f64, task: TaskId, what: Happening) {
        self.push(Entry { stimulus, at, task: Some(task), what });
    }

    /// Something was said of a key that is not known.
    pub fn add_unknown(&mut self, stimulus: u64, at: f64, key: &Key, what: Happening) {
        self.push(Entry { stimulus, at, task: None, what });
        self.keep(Name { last: self.next().saturating_sub(1), task: None, key: key.clone() });
    }

    /// A task is forgotten. One more line about it may follow at once, and none after that.
    pub fn bury(&mut self, task: TaskId, key: Key) {
        self.keep(Name { last: self.next(), task: Some(task), key });
    }

    /// All lines, the oldest first.
    pub fn lines<'a>(&'a self, tasks: &'a Tasks) -> impl Iterator<Item = Line> + 'a {
        let buried: Map<TaskId, &Key> = self.names.iter().filter_map(|it| Some((it.task?, &it.key))).collect();
        let mut unknown = self.names.iter().filter(|it| it.task.is_none()).peekable();
        self.lines.iter().zip(self.first..).filter_map(move |(entry, number)| {
            let key = match entry.task {
                Some(id) => tasks.get(id).map(|task| &task.key).or_else(|| buried.get(&id).copied())?,
                None => &unknown.next_if(|name| name.last == number)?.key,
            };
            Some(entry.line(key))
        })
    }

    /// The lines about a key, the oldest first.
    pub fn of<'a>(&'a self, key: &'a Key, tasks: &Tasks) -> impl Iterator<Item = Line> + 'a {
        let named = || self.names.iter().filter(|name| name.key == *key);
        let mut ids: Vec<_> = named().filter_map(|name| name.task).collect();
        ids.extend(tasks.id(key));
        let unknown: Vec<_> = named().filter(|name| name.task.is_none()).map(|name| name.last).collect();
        let is_about = move |(entry, number): &(&Entry, u64)| match entry.task {
            Some(id) => ids.contains(&id),
            None => unknown.binary_search(number).is_ok(),
        };
        self.lines.iter().zip(self.first..).filter(is_about).map(|(entry, _)| entry.line(key))
    }

    /// The number of the line that comes next.
    fn next(&self) -> u64 {
        self.first + self.lines.len() as u64
    }

    fn push(&mut self, entry: Entry) {
        if self.lines_max == 0 {
            return;
        }
        if self.lines.len() == self.lines_max {
            self.lines.pop_front();
            self.first += 1;
            while self.names.pop_front_if(|name| name.last < self.first).is_some() {}
        }
        self.lines.push_back(entry);
    }

    fn keep(&mut self, name: Name) {
        if self.lines_max > 0 {
            self.names.push_back(name);
        }
    }
}

impl Entry {
    fn line(&self, key: &Key) -> Line {
        Line { stimulus: self.stimulus, at: self.at, key: key.clone(), what: self.what }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::field;
    use crate::scheduler::group::Groups;
    use crate::scheduler::task::Task;

    const LATE: Happening = Happening::Ignored("late");

    fn made(tasks: &mut Tasks, name: &str) -> TaskId {
        let mut groups = Groups::new(0.5, &field::Map::default());
        let key = Key::from(name);
        let group = groups.enter(&key);
        tasks.enter(&key, || Task::new(key.clone(), group, groups.prefix(group)))
    }

    fn stimuli(story: &Story, name: &str, tasks: &Tasks) -> Vec<u64> {
        story.of(&name.into(), tasks).map(|line| line.stimulus).collect()
    }

    #[test]
    fn the_oldest_lines_are_forgotten_and_with_them_the_keys_that_only_they_know() {
        let (mut story, mut tasks) = (Story::new(4), Tasks::default());
        let x = made(&mut tasks, "x");
        story.add(1, 0.0, x, LATE);
        story.add_unknown(2, 0.0, &"y".into(), LATE);
        story.bury(x, tasks.remove(x).key);
        story.add(3, 0.0, x, LATE);
        let again = made(&mut tasks, "x");
        story.add(4, 0.0, again, LATE);
        let all: Vec<_> = story.lines(&tasks).map(|line| (line.stimulus, line.key.to_string())).collect();
        assert_eq!(all, [(1, "x"), (2, "y"), (3, "x"), (4, "x")].map(|(stimulus, key)| (stimulus, key.to_owned())));
        assert_eq!(stimuli(&story, "x", &tasks), [1, 3, 4]);
        assert_eq!(stimuli(&story, "y", &tasks), [2]);
        story.add(5, 0.0, again, LATE);
        story.add(6, 0.0, again, LATE);
        assert_eq!((stimuli(&story, "x", &tasks), stimuli(&story, "y", &tasks)), (vec![3, 4, 5, 6], vec![]));
        story.add(7, 0.0, again, LATE);
        assert!(story.names.is_empty(), "{:?}", story.names);
    }

    #[test]
    fn a_story_of_no_lines_keeps_nothing() {
        let (mut story, mut tasks) = (Story::new(0), Tasks::default());
        let x = made(&mut tasks, "x");
        story.add(1, 0.0, x, LATE);
        story.add_unknown(1, 0.0, &"y".into(), LATE);
        story.bury(x, tasks.remove(x).key);
        assert!(story.lines(&tasks).next().is_none() && story.names.is_empty());
    }
}
