//! Edges: which tasks a task needs, or is needed by. Each end of an edge knows where the other one stands, so that both
//! are removed at once, however many there are.

use super::task::TaskId;

/// One end of an edge.
#[derive(Clone, Copy, Debug)]
pub(super) struct End {
    /// The task at the other end.
    task: TaskId,
    /// The place of the other end among the edges of that task.
    twin: u32,
}

/// The edges on one side of a task: most often none or one.
#[derive(Debug, Default)]
pub(super) enum Edges {
    #[default]
    None,
    One(End),
    Many(Vec<End>),
}

impl Edges {
    fn as_slice(&self) -> &[End] {
        match self {
            Self::None => &[],
            Self::One(one) => std::slice::from_ref(one),
            Self::Many(many) => many,
        }
    }

    fn as_mut_slice(&mut self) -> &mut [End] {
        match self {
            Self::None => &mut [],
            Self::One(one) => std::slice::from_mut(one),
            Self::Many(many) => many,
        }
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.as_slice().len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.as_slice().is_empty()
    }

    /// The tasks at the other ends.
    pub fn iter(&self) -> <&Self as IntoIterator>::IntoIter {
        self.into_iter()
    }

    /// The task at the other end of the edge at a place.
    pub fn at(&self, place: usize) -> TaskId {
        self.as_slice()[place].task
    }

    /// Whether this task is at one of the other ends. Looks at them all.
    pub fn contains(&self, task: TaskId) -> bool {
        self.iter().any(|&it| it == task)
    }

    /// Adds an end, whose twin will be at that place.
    pub fn push(&mut self, task: TaskId, twin: usize) {
        let twin = u32::try_from(twin).expect("there are no more edges than tasks");
        let end = End { task, twin };
        match self {
            Self::None => *self = Self::One(end),
            &mut Self::One(one) => *self = Self::Many(vec![one, end]),
            Self::Many(many) => many.push(end),
        }
    }

    /// The tasks at the other ends, and the places of these ends there.
    pub fn ends(&self) -> impl Iterator<Item = (TaskId, usize)> + '_ {
        self.as_slice().iter().map(|end| (end.task, end.twin as usize))
    }

    /// Removes the end at a place. Returns the task and the place of the twin of the end that takes its place, if one does.
    pub fn remove(&mut self, place: usize) -> Option<(TaskId, usize)> {
        match self {
            Self::Many(many) => drop(many.swap_remove(place)),
            _ => *self = Self::None,
        }
        self.as_slice().get(place).map(|moved| (moved.task, moved.twin as usize))
    }

    /// The twin of the end at a place has moved.
    pub fn set_twin(&mut self, place: usize, twin: usize) {
        self.as_mut_slice()[place].twin = u32::try_from(twin).expect("there are no more edges than tasks");
    }

    /// Makes room for just so many, if there are none yet.
    pub fn expect(&mut self, count: usize) {
        if count > 1 && matches!(self, Self::None) {
            *self = Self::Many(Vec::with_capacity(count));
        }
    }
}

impl<'a> IntoIterator for &'a Edges {
    type Item = &'a TaskId;
    type IntoIter = std::iter::Map<std::slice::Iter<'a, End>, fn(&'a End) -> &'a TaskId>;

    fn into_iter(self) -> Self::IntoIter {
        self.as_slice().iter().map(|end| &end.task)
    }
}
