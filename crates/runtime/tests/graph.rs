//! Graphs of closures, as a user of the crate sees them.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Barrier};
use std::thread;

use cenote::{Error, Graph, Options};

/// Counts calls, or what is alive.
#[derive(Clone, Default)]
struct Counter(Arc<AtomicUsize>);

impl Counter {
    fn add(&self) -> usize {
        self.0.fetch_add(1, Ordering::SeqCst) + 1
    }

    fn take(&self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }

    fn count(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }
}

/// A result that knows how many of its like are alive, and the most there were.
struct Alive {
    now: Counter,
}

impl Alive {
    fn new(now: &Counter, most: &AtomicUsize) -> Self {
        most.fetch_max(now.add(), Ordering::SeqCst);
        Self { now: now.clone() }
    }
}

impl Drop for Alive {
    fn drop(&mut self) {
        self.now.take();
    }
}

fn workers(number: usize) -> Options {
    Options::default().num_workers(number)
}

#[test]
fn a_task_that_two_need_runs_once() {
    let calls = Counter::default();
    let counter = calls.clone();
    let mut graph = Graph::new();
    let x = graph.task(move || counter.add());
    let y = graph.call(x, |x| x + 10);
    let z = graph.call((x, y), |(x, y)| x + y);
    assert_eq!(*graph.compute(z).unwrap(), 12);
    assert_eq!(calls.count(), 1);
}

#[test]
fn only_what_is_needed_runs() {
    let calls = Counter::default();
    let counter = calls.clone();
    let mut graph = Graph::new();
    let x = graph.value(1);
    graph.call(x, move |_| counter.add());
    let y = graph.call(x, |x| x + 1);
    assert_eq!(*graph.compute(y).unwrap(), 2);
    assert_eq!(calls.count(), 0);
}

#[test]
fn results_come_in_the_shape_of_the_question() {
    let mut graph = Graph::new();
    let number = graph.value(7);
    let word = graph.task(|| "seven".to_owned());
    let list: Vec<_> = (0..3).map(|n| graph.call(number, move |number| number * n)).collect();
    let (first, (words, rest)) = graph.compute((number, ([word, word], list))).unwrap();
    assert_eq!(*first, 7);
    assert_eq!(words.map(|word| word.to_string()), ["seven", "seven"]);
    assert_eq!(rest.iter().map(|one| **one).collect::<Vec<_>>(), [0, 7, 14]);
    graph.compute(()).unwrap();
}

#[test]
fn a_closure_sees_the_shape_that_it_asked_for() {
    let mut graph = Graph::new();
    let one = graph.value(1);
    let pairs = vec![(one, [one, one]), (one, [one, one])];
    let sum = graph.call((pairs, one, ()), |(pairs, last, ())| {
        pairs.into_iter().map(|(first, [second, third])| first + second + third).sum::<i32>() + last
    });
    assert_eq!(*graph.compute(sum).unwrap(), 7);
}

#[test]
fn a_graph_can_grow_and_be_computed_again() {
    let calls = Counter::default();
    let counter = calls.clone();
    let mut graph = Graph::new();
    let x = graph.task(move || counter.add());
    assert_eq!(*graph.compute(x).unwrap(), 1);
    let y = graph.call(x, |x| x * 100);
    assert_eq!(*graph.compute(y).unwrap(), 200);
    assert_eq!((calls.count(), graph.len()), (2, 2));
}

#[test]
fn an_error_names_its_task_and_its_cause() {
    let mut graph = Graph::new();
    let number = graph.try_call((), |()| "x".parse::<i32>());
    graph.name(number, "number");
    let sum = graph.call(number, |number| number + 1);
    let error = graph.compute(sum).unwrap_err();
    assert_eq!(error.to_string(), "task number failed: invalid digit found in string");
    assert!(matches!(error, Error::Failed { cause, .. } if cause.is::<std::num::ParseIntError>()));
}

#[test]
fn a_task_without_a_name_is_told_by_its_number_and_closure() {
    let mut graph = Graph::new();
    graph.value(0);
    let failing = graph.try_call((), |()| Err::<(), _>("no"));
    let told = graph.compute(failing).unwrap_err().to_string();
    assert!(told.starts_with("task 1 (graph::a_task_without_a_name") && told.ends_with("failed: no"), "{told}");
}

#[test]
fn a_panic_is_an_error_and_the_graph_lives_on() {
    let mut graph = Graph::new();
    let x = graph.value(1);
    let bad = graph.call(x, |x| -> i32 { panic!("cannot add {x}") });
    graph.name(bad, "bad");
    let good = graph.call(x, |x| x + 1);
    match graph.compute((bad, good)) {
        Err(Error::Panicked { task, message }) => assert_eq!((&*task, &*message), ("bad", "cannot add 1")),
        other => panic!("a panic became {:?}", other.map(|_| ())),
    }
    assert_eq!(*graph.compute(good).unwrap(), 2);
}

#[test]
fn after_an_error_nothing_new_starts() {
    let calls = Counter::default();
    let mut graph = Graph::new();
    let bad = graph.try_call((), |()| Err::<(), _>("no"));
    let mut last = graph.call(bad, |()| 0);
    for _ in 0..100 {
        let counter = calls.clone();
        last = graph.call(last, move |_| counter.add());
    }
    assert!(graph.compute_with(&workers(4), last).is_err());
    assert_eq!(calls.count(), 0);
}

#[test]
fn a_result_is_dropped_when_its_last_dependent_has_finished() {
    let (now, most) = (Counter::default(), Arc::new(AtomicUsize::new(0)));
    let mut graph = Graph::new();
    let mut ends = Vec::new();
    for _ in 0..50 {
        let (alive, peak) = (now.clone(), Arc::clone(&most));
        let made = graph.task(move || Alive::new(&alive, &peak));
        ends.push(graph.call(made, |_| 1));
    }
    let total = graph.call(ends, |ends| ends.into_iter().sum::<i32>());
    assert_eq!(*graph.compute_with(&workers(1), total).unwrap(), 50);
    assert_eq!((now.count(), most.load(Ordering::SeqCst)), (0, 1));
}

#[test]
fn tasks_that_wait_for_each_other_get_their_threads() {
    let barrier = Arc::new(Barrier::new(3));
    let mut graph = Graph::new();
    let waiting: Vec<_> = (0..3)
        .map(|_| {
            let barrier = Arc::clone(&barrier);
            graph.task(move || barrier.wait().is_leader())
        })
        .collect();
    let all = graph.call(waiting, |waiting| waiting.len());
    assert_eq!(*graph.compute_with(&workers(3), all).unwrap(), 3);
}

#[test]
fn no_more_tasks_run_at_once_than_there_are_workers() {
    let (now, most) = (Counter::default(), Arc::new(AtomicUsize::new(0)));
    let mut graph = Graph::new();
    let tasks: Vec<_> = (0..200)
        .map(|_| {
            let (now, most) = (now.clone(), Arc::clone(&most));
            graph.task(move || {
                let here = Alive::new(&now, &most);
                thread::yield_now();
                drop(here);
            })
        })
        .collect();
    let all = graph.call(tasks, |_| ());
    graph.compute_with(&workers(2), all).unwrap();
    assert!(most.load(Ordering::SeqCst) <= 2);
}

#[test]
fn a_task_may_compute_a_graph() {
    let mut outer = Graph::new();
    let sum = outer.task(|| {
        let mut inner = Graph::new();
        let parts: Vec<_> = (0..10).map(|n| inner.task(move || n)).collect();
        let sum = inner.call(parts, |parts| parts.into_iter().sum::<i32>());
        *inner.compute_with(&workers(1), sum).unwrap()
    });
    assert_eq!(*outer.compute_with(&workers(1), sum).unwrap(), 45);
}

#[test]
fn several_threads_may_compute_one_graph() {
    let mut graph = Graph::new();
    let parts: Vec<_> = (0..100).map(|n| graph.task(move || n)).collect();
    let sum = graph.call(parts, |parts| parts.into_iter().sum::<i32>());
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| assert_eq!(*graph.compute(sum).unwrap(), 4950));
        }
    });
}

#[test]
fn a_long_chain_is_computed_and_freed() {
    let mut graph = Graph::new();
    let mut last = graph.value(0_u32);
    for _ in 0..1_000_000 {
        last = graph.call(last, |number| number + 1);
    }
    assert_eq!(*graph.compute(last).unwrap(), 1_000_000);
}

#[test]
#[should_panic(expected = "the task belongs to another graph")]
fn a_task_of_another_graph_is_refused() {
    let mut one = Graph::new();
    let x = one.value(1);
    Graph::new().call(x, |x| x + 1);
}
