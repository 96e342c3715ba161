//! Steps of a task's program, one machine word each.

use cenote_core::graph::TaskId;
use pyo3::ffi::PyObject;

/// A step of a task's program, which works on a stack: values and results are pushed, calls and containers replace
/// what they are made of. The encoding takes the three lowest bits, which are zero in every address of a Python object.
#[derive(Clone, Copy)]
pub struct Op(usize);

/// What an [`Op`] does.
#[derive(Clone, Copy, Debug)]
pub enum Step {
    /// Pushes a value that the table owns.
    Value(*mut PyObject),
    /// Pushes the result of a task.
    Result(TaskId),
    /// Replaces that many entries by what they make.
    Build(Build, usize),
}

/// What a number of stack entries are made into.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Build {
    /// A callable and its arguments: what the call returns.
    Call,
    /// A callable, its arguments, and last a tuple of the names of those that are passed by keyword.
    CallKeywords,
    /// The items of a list.
    List,
    /// The items of a tuple.
    Tuple,
    /// The items of a set.
    Set,
    /// The items of a frozenset.
    FrozenSet,
    /// Keys and values in turn of a dict.
    Dict,
    /// A type, and the items of the tuple that it is called with.
    Cast,
    /// A dict, of which a shallow copy is made.
    Copy,
}

const TAG: usize = 0b111;
const RESULT: usize = 0b001;
const BUILD: usize = 0b010;
const BUILDS: [Build; 9] = [
    Build::Call,
    Build::CallKeywords,
    Build::List,
    Build::Tuple,
    Build::Set,
    Build::FrozenSet,
    Build::Dict,
    Build::Cast,
    Build::Copy,
];

impl Build {
    /// The build of that number, as in `build as u8`.
    pub fn from_number(number: u8) -> Option<Self> {
        BUILDS.get(usize::from(number)).copied()
    }
}

impl Op {
    /// Pushes `value`, of which the op's owner holds one reference.
    pub fn value(value: *mut PyObject) -> Self {
        debug_assert_eq!(value as usize & TAG, 0, "Python objects are aligned to at least eight bytes");
        Self(value as usize)
    }

    /// Pushes the result of `task`.
    pub fn result(task: TaskId) -> Self {
        Self((task.index() << 3) | RESULT)
    }

    /// Replaces the topmost `entries`.
    pub fn build(build: Build, entries: usize) -> Self {
        Self((entries << 8) | ((build as usize) << 3) | BUILD)
    }

    /// What to do.
    pub fn step(self) -> Step {
        match self.0 & TAG {
            0 => Step::Value(self.0 as *mut PyObject),
            RESULT => Step::Result(TaskId((self.0 >> 3) as u32)),
            _ => Step::Build(BUILDS[(self.0 >> 3) & 0x1f], self.0 >> 8),
        }
    }
}
