//! Graphs of Rust closures: built task by task, then computed on the threads of this machine.
//!
//! A [`Graph`] only grows, and a task names tasks that exist already, so that a cycle cannot be written. Values are
//! shared, never copied: a task sees its dependencies' results by reference.

mod dependencies;
mod run;
mod task;
mod threads;

use std::any::{Any, type_name};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use cenote_core::graph::TaskId;

pub use dependencies::Dependencies;
pub use run::{Error, Options};
pub use task::Task;

/// A value of any type, shared between the run and the tasks that read it.
type Value = Arc<dyn Any + Send + Sync>;
/// What a task that may fail gives when it does.
type Cause = Box<dyn std::error::Error + Send + Sync>;
type Call = Box<dyn Fn(&[Value]) -> Result<Value, Cause> + Send + Sync>;

/// A graph of closures.
///
/// Grow it with [`value`](Self::value), [`task`](Self::task), [`call`](Self::call) and [`try_call`](Self::try_call),
/// which return handles; run it with [`compute`](Self::compute), as often as you like. Each task that is needed runs
/// once a run, on one of the run's threads; its result is dropped as soon as nobody needs it any more.
///
/// ```
/// use cenote::Graph;
///
/// let mut graph = Graph::new();
/// let x = graph.value(1);
/// let y = graph.call(x, |x| x + 1);
/// let z = graph.call((y, x), |(y, x)| y + 10 * x);
/// assert_eq!(*graph.compute(z)?, 12);
/// # Ok::<(), cenote::Error>(())
/// ```
pub struct Graph {
    /// Which graph this is, so that handles of another are refused.
    identity: u32,
    entries: Vec<Arc<Entry>>,
}

/// What is known about one task.
struct Entry {
    name: Option<String>,
    work: Work,
    /// What the call reads, in the order in which it reads it.
    inputs: Box<[TaskId]>,
}

enum Work {
    Value(Value),
    /// The call, and the name of its closure's type.
    Call(Call, &'static str),
}

impl Graph {
    /// A graph without tasks.
    pub fn new() -> Self {
        static GRAPHS: AtomicU32 = AtomicU32::new(0);
        Self { identity: GRAPHS.fetch_add(1, Ordering::Relaxed), entries: Vec::new() }
    }

    /// How many tasks there are, values included.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there is no task at all.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Adds a value that is known already.
    pub fn value<T: Send + Sync + 'static>(&mut self, value: T) -> Task<T> {
        self.push(Work::Value(Arc::new(value)), Box::new([]))
    }

    /// Adds a call that needs nothing.
    ///
    /// ```
    /// let mut graph = cenote::Graph::new();
    /// let answer = graph.task(|| 6 * 7);
    /// assert_eq!(*graph.compute(answer)?, 42);
    /// # Ok::<(), cenote::Error>(())
    /// ```
    pub fn task<T: Send + Sync + 'static>(&mut self, function: impl Fn() -> T + Send + Sync + 'static) -> Task<T> {
        self.call((), move |()| function())
    }

    /// Adds a call with the results of other tasks: of one, of a tuple, of a `Vec` or an array of tasks, or of a mix of
    /// those. The closure sees them by reference, in the same shape, a `Vec` or an array as a `Vec` of references.
    ///
    /// ```
    /// let mut graph = cenote::Graph::new();
    /// let parts: Vec<_> = (1..=5).map(|n| graph.task(move || n * n)).collect();
    /// let total = graph.call(parts, |parts| parts.into_iter().sum::<i32>());
    /// assert_eq!(*graph.compute(total)?, 55);
    /// # Ok::<(), cenote::Error>(())
    /// ```
    ///
    /// # Panics
    /// When a task belongs to another graph.
    pub fn call<D, T, F>(&mut self, dependencies: D, function: F) -> Task<T>
    where
        D: Dependencies,
        T: Send + Sync + 'static,
        F: for<'a> Fn(D::Values<'a>) -> T + Send + Sync + 'static,
    {
        let inputs = self.inputs(&dependencies);
        let call = Box::new(move |inputs: &[Value]| -> Result<Value, Cause> {
            Ok(Arc::new(function(dependencies.read(&mut inputs.iter()))))
        });
        self.push(Work::Call(call, type_name::<F>()), inputs)
    }

    /// Adds a call that may fail: as [`call`](Self::call), with a closure that returns a `Result`. When it is an error, the
    /// run ends with [`Error::Failed`].
    ///
    /// ```
    /// let mut graph = cenote::Graph::new();
    /// let text = graph.value("12 monkeys");
    /// let number = graph.try_call(text, |text| text.parse::<i32>());
    /// graph.name(number, "number");
    /// let error = graph.compute(number).unwrap_err();
    /// assert_eq!(error.to_string(), "task number failed: invalid digit found in string");
    /// ```
    ///
    /// # Panics
    /// When a task belongs to another graph.
    pub fn try_call<D, T, E, F>(&mut self, dependencies: D, function: F) -> Task<T>
    where
        D: Dependencies,
        T: Send + Sync + 'static,
        E: Into<Box<dyn std::error::Error + Send + Sync>>,
        F: for<'a> Fn(D::Values<'a>) -> Result<T, E> + Send + Sync + 'static,
    {
        let inputs = self.inputs(&dependencies);
        let call = Box::new(move |inputs: &[Value]| -> Result<Value, Cause> {
            match function(dependencies.read(&mut inputs.iter())) {
                Ok(value) => Ok(Arc::new(value)),
                Err(error) => Err(error.into()),
            }
        });
        self.push(Work::Call(call, type_name::<F>()), inputs)
    }

    /// Names a task, for errors to say which one it was.
    ///
    /// # Panics
    /// When the task belongs to another graph, or a run that failed is still busy with it.
    pub fn name<T>(&mut self, task: Task<T>, name: impl Into<String>) {
        let index = self.own(task.graph, task.id).index();
        let entry = Arc::get_mut(&mut self.entries[index]).expect("tasks are named before the graph is computed");
        entry.name = Some(name.into());
    }

    /// Computes one task, or a tuple, a `Vec` or an array of tasks, on as many threads as this process may use
    /// processors, and gives the results in the same shape.
    ///
    /// # Errors
    /// When a task fails or panics: the first one that does. Tasks that run at that moment are left to end by
    /// themselves; no other is started.
    ///
    /// # Panics
    /// When a task belongs to another graph.
    pub fn compute<D: Dependencies>(&self, wanted: D) -> Result<D::Results, Error> {
        self.compute_with(&Options::default(), wanted)
    }

    /// Computes as [`compute`](Self::compute) does, with options.
    ///
    /// ```
    /// use cenote::{Graph, Options};
    ///
    /// let mut graph = Graph::new();
    /// let x = graph.task(|| 1);
    /// let y = graph.task(|| "one");
    /// let (x, y) = graph.compute_with(&Options::default().num_workers(2), (x, y))?;
    /// assert_eq!((*x, *y), (1, "one"));
    /// # Ok::<(), cenote::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`compute`](Self::compute).
    ///
    /// # Panics
    /// As [`compute`](Self::compute).
    pub fn compute_with<D: Dependencies>(&self, options: &Options, wanted: D) -> Result<D::Results, Error> {
        let tasks = self.inputs(&wanted);
        let values = run::run(&self.entries, &tasks, options)?;
        Ok(wanted.collect(&mut values.into_iter()))
    }

    fn push<T>(&mut self, work: Work, inputs: Box<[TaskId]>) -> Task<T> {
        let id = TaskId(u32::try_from(self.entries.len()).expect("a graph has fewer than 2^32 tasks"));
        self.entries.push(Arc::new(Entry { name: None, work, inputs }));
        Task::new(self.identity, id)
    }

    fn inputs(&self, dependencies: &impl Dependencies) -> Box<[TaskId]> {
        let mut inputs = Vec::new();
        dependencies.visit(&mut |graph, id| inputs.push(self.own(graph, id)));
        inputs.into_boxed_slice()
    }

    fn own(&self, graph: u32, id: TaskId) -> TaskId {
        assert!(graph == self.identity, "the task belongs to another graph");
        id
    }
}

impl Default for Graph {
    fn default() -> Self {
        Self::new()
    }
}

impl Entry {
    /// How errors call the task with this id.
    fn title(&self, id: TaskId) -> String {
        match (&self.name, &self.work) {
            (Some(name), _) => name.clone(),
            (None, Work::Call(_, function)) => format!("{} ({function})", id.0),
            (None, Work::Value(_)) => id.0.to_string(),
        }
    }
}
