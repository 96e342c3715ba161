//! The table of tasks that every graph specification is read into: no Python object of ours for a task, a few words
//! for its program.

use cenote_core::graph::{Graph, GraphBuilder, TaskId, TaskKind};
use pyo3::ffi;
use pyo3::prelude::*;

use super::keys::Keys;
use super::op::{Build, Op, Step};

/// A graph of Python tasks: keys, programs and edges by [`TaskId`]. It never changes once built.
pub struct Table {
    names: Names,
    ops: Programs,
    ends: Vec<u32>,
    shapes: Vec<Shape>,
    graph: Graph,
    absent: Vec<TaskId>,
}

/// What the tasks of a table are called.
pub enum Names {
    /// The keys of the specification.
    Keys(Keys),
    /// Objects, by task, whose attribute `key` is the key: made only when somebody asks.
    Objects(Vec<Py<PyAny>>),
}

/// How a task's program is best run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// One value: the result.
    Data,
    /// One result, which is this task's too.
    Alias,
    /// A callable and arguments that are values and results: one call without a stack.
    Flat,
    /// Any other program.
    Nested,
}

/// Makes a [`Table`], a task after another, in the order of their ids.
#[derive(Default)]
pub struct TableBuilder {
    ops: Programs,
    ends: Vec<u32>,
    shapes: Vec<Shape>,
    edges: GraphBuilder,
    absent: Vec<TaskId>,
    /// The last task (plus one) that named this task as a dependency: finds doubles without a search.
    named_by: Vec<u32>,
}

/// Ops, of which those that push a value own a reference to it.
#[derive(Default)]
struct Programs(Vec<Op>);

impl Table {
    /// How many tasks there are, absent ones included.
    pub fn len(&self) -> usize {
        self.shapes.len()
    }

    /// The key of `task`.
    ///
    /// # Errors
    /// What making the key raises, for a task whose key is made only when somebody asks.
    pub fn key<'py>(&self, py: Python<'py>, task: TaskId) -> PyResult<Bound<'py, PyAny>> {
        match &self.names {
            Names::Keys(keys) => Ok(keys.object(py, task).clone()),
            Names::Objects(objects) => objects[task.index()].bind(py).getattr(pyo3::intern!(py, "key")),
        }
    }

    /// The keys of the specification, unless the tasks' keys are made only when somebody asks.
    pub fn keys(&self) -> Option<&Keys> {
        match &self.names {
            Names::Keys(keys) => Some(keys),
            Names::Objects(_) => None,
        }
    }

    /// The same, to look for keys in.
    pub fn keys_mut(&mut self) -> Option<&mut Keys> {
        match &mut self.names {
            Names::Keys(keys) => Some(keys),
            Names::Objects(_) => None,
        }
    }

    /// The program of `task`.
    pub fn program(&self, task: TaskId) -> &[Op] {
        let start = if task.0 == 0 { 0 } else { self.ends[task.index() - 1] as usize };
        &self.ops.0[start..self.ends[task.index()] as usize]
    }

    /// How its program is run.
    pub fn shape(&self, task: TaskId) -> Shape {
        self.shapes[task.index()]
    }

    /// The ids of all tasks.
    pub fn tasks(&self) -> impl Iterator<Item = TaskId> + use<> {
        (0..self.shapes.len() as u32).map(TaskId)
    }

    /// The edges.
    pub fn graph(&self) -> &Graph {
        &self.graph
    }

    /// Hands the edges over to a machine, which needs them longer than the table does.
    pub fn take_graph(&mut self) -> Graph {
        std::mem::take(&mut self.graph)
    }

    /// Ids that programs name although the graph has no such task.
    pub fn absent(&self) -> &[TaskId] {
        &self.absent
    }
}

impl TableBuilder {
    /// A builder with room for that many tasks and ops.
    pub fn with_capacity(tasks: usize, ops: usize) -> Self {
        Self {
            ops: Programs(Vec::with_capacity(ops)),
            ends: Vec::with_capacity(tasks),
            shapes: Vec::with_capacity(tasks),
            edges: GraphBuilder::with_capacity(tasks, tasks),
            absent: Vec::new(),
            named_by: vec![0; tasks],
        }
    }

    /// The id of the task that is being described.
    pub fn current(&self) -> TaskId {
        TaskId(self.shapes.len() as u32)
    }

    /// How many ops there are: a position to come back to with [`take_values`](Self::take_values).
    pub fn position(&self) -> usize {
        self.ops.0.len()
    }

    /// Where the program of the current task begins.
    pub fn start(&self) -> usize {
        self.ends.last().map_or(0, |&end| end as usize)
    }

    /// Pushes a value.
    pub fn push_value(&mut self, value: Py<PyAny>) {
        self.ops.0.push(Op::value(value.into_ptr()));
    }

    /// Pushes the result of `task`, on which the current task depends from now on.
    pub fn push_result(&mut self, task: TaskId) {
        self.ops.0.push(Op::result(task));
        if self.named_by.len() <= task.index() {
            self.named_by.resize(task.index() + 1, 0);
        }
        let mark = self.current().0 + 1;
        if std::mem::replace(&mut self.named_by[task.index()], mark) != mark {
            self.edges.push_distinct(task);
        }
    }

    /// Replaces the topmost `entries`.
    pub fn push_build(&mut self, build: Build, entries: usize) {
        self.ops.0.push(Op::build(build, entries));
    }

    /// Takes back everything since `position`, where nothing but values has been pushed.
    pub fn take_values(&mut self, py: Python<'_>, position: usize) -> Vec<Py<PyAny>> {
        let values = self.ops.0.split_off(position);
        values
            .into_iter()
            .map(|op| match op.step() {
                // SAFETY: the op owned one reference and is gone: the reference is ours.
                Step::Value(value) => unsafe { Bound::from_owned_ptr(py, value) }.unbind(),
                Step::Result(_) | Step::Build(..) => unreachable!("only values have been pushed"),
            })
            .collect()
    }

    /// Ends the current task.
    pub fn finish_task(&mut self, shape: Shape) -> TaskId {
        let kind = match shape {
            Shape::Data => TaskKind::Data,
            Shape::Alias => TaskKind::Alias,
            Shape::Flat | Shape::Nested => TaskKind::Call,
        };
        self.ends.push(self.ops.0.len() as u32);
        self.shapes.push(shape);
        self.edges.finish_task(kind)
    }

    /// Ends the current task, of whatever shape its program turned out to be.
    pub fn finish_program(&mut self) -> TaskId {
        let ops = self.current_ops();
        let is_leaf = |op: &Op| !matches!(op.step(), Step::Build(..));
        let shape = match (ops, ops.last().map(|op| op.step())) {
            ([only], _) if matches!(only.step(), Step::Value(_)) => Shape::Data,
            ([_], _) => Shape::Alias,
            (_, Some(Step::Build(Build::Call, entries)))
                if entries + 1 == ops.len() && ops[..entries].iter().all(is_leaf) && is_value(ops[0]) =>
            {
                Shape::Flat
            }
            _ => Shape::Nested,
        };
        if shape == Shape::Flat {
            self.ops.0.pop();
        }
        self.finish_task(shape)
    }

    /// Whether the current task's program is its own result.
    pub fn is_alias_of_itself(&self) -> bool {
        matches!(self.current_ops(), [only] if matches!(only.step(), Step::Result(task) if task == self.current()))
    }

    /// Takes back the program of the current task, in which no value has been pushed.
    pub fn abandon_program(&mut self) {
        self.ops.0.truncate(self.start());
        self.edges.abandon_task();
    }

    /// Ends the current task as one that edges name but that is not there.
    pub fn finish_absent(&mut self) -> TaskId {
        let task = self.finish_task(Shape::Data);
        self.absent.push(task);
        task
    }

    /// The table of everything described, under these names.
    pub fn build(self, names: Names) -> Table {
        Table {
            names,
            ops: self.ops,
            ends: self.ends,
            shapes: self.shapes,
            graph: self.edges.build(),
            absent: self.absent,
        }
    }

    /// The steps of the current task so far.
    pub fn current_ops(&self) -> &[Op] {
        &self.ops.0[self.start()..]
    }

    /// Whether nothing but values has been pushed since `position`.
    pub fn only_values_since(&self, position: usize) -> bool {
        self.ops.0[position..].iter().all(|&op| is_value(op))
    }
}

fn is_value(op: Op) -> bool {
    matches!(op.step(), Step::Value(_))
}

impl Drop for Programs {
    fn drop(&mut self) {
        let ops = std::mem::take(&mut self.0);
        // Once the interpreter has gone there is nothing left to give the references back to.
        Python::try_attach(|_| {
            for op in ops {
                if let Step::Value(value) = op.step() {
                    // SAFETY: the op owned one reference; the interpreter is attached.
                    unsafe { ffi::Py_DECREF(value) };
                }
            }
        });
    }
}

// SAFETY: the raw pointers are owned references, counted only while the interpreter is attached, like `Py<PyAny>`.
unsafe impl Send for Programs {}
// SAFETY: as above; nothing is changed through a shared reference.
unsafe impl Sync for Programs {}
