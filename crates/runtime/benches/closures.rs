//! What a graph of closures costs beside a bare loop that makes the same calls and keeps the results in a `Vec`:
//! `cargo bench -p cenote --bench closures`. Ours and the loop take turns; what is printed are medians of the CPU time
//! of the whole process, which other work on the machine disturbs less than the wall's.

use std::hint::black_box;
use std::sync::Arc;

use cenote::{Graph, Options, Task};
use rustix::time::{ClockId, clock_gettime};

const TURNS: usize = 5;

fn main() {
    println!("| graph | tasks | workers | build | compute | bare loop | compute / loop |");
    println!("| --- | --- | --- | --- | --- | --- | --- |");
    for tasks in [10_000, 100_000, 1_000_000] {
        row("flat", tasks, 1, flat, bare_flat);
        row("chain", tasks, 1, chain, bare_chain);
        row("tree", tasks, 1, tree, bare_tree);
    }
    row("flat", 100_000, 2, flat, bare_flat);
    row("flat, a microsecond of work each", 20_000, 2, busy, bare_busy);
}

/// Measures one kind of graph and its bare loop in turns, after checking that both give the same.
fn row(name: &str, tasks: u64, workers: usize, build: fn(&mut Graph, u64) -> Task<u64>, bare: fn(u64) -> u64) {
    let options = Options::default().num_workers(workers);
    let (mut building, mut computing, mut looping) = (Vec::new(), Vec::new(), Vec::new());
    let mut ratios = Vec::new();
    let mut tasks_real = 0;
    for _ in 0..TURNS {
        let mut graph = Graph::new();
        let began = spent();
        let wanted = build(&mut graph, tasks);
        building.push(spent() - began);
        tasks_real = graph.len();
        let began = spent();
        let ours = graph.compute_with(&options, wanted).expect("no task fails");
        computing.push(spent() - began);
        let began = spent();
        let theirs = black_box(bare(black_box(tasks)));
        looping.push(spent() - began);
        assert_eq!(*ours, theirs, "{name}");
        ratios.push(float(computing[computing.len() - 1]) / float(looping[looping.len() - 1]));
    }
    ratios.sort_by(f64::total_cmp);
    let [building, computing, looping] = [building, computing, looping].map(|times| each(times, tasks_real));
    let ratio = ratios[ratios.len() / 2];
    println!("| {name} | {tasks_real} | {workers} | {building} | {computing} | {looping} | {ratio:.1} |");
}

/// The CPU time that this process has spent, all threads, in nanoseconds.
fn spent() -> i64 {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    time.tv_sec * 1_000_000_000 + time.tv_nsec
}

/// The median of some runs, a task.
fn each(mut times: Vec<i64>, tasks: usize) -> String {
    times.sort_unstable();
    let tasks = i64::try_from(tasks).expect("a graph is not that large");
    format!("{:.0} ns", float(times[times.len() / 2]) / float(tasks))
}

/// Exact up to a quarter of a year of nanoseconds.
#[expect(clippy::cast_precision_loss, reason = "a benchmark does not run for months")]
fn float(number: i64) -> f64 {
    number as f64
}

fn increment(x: u64) -> u64 {
    x.wrapping_add(1)
}

fn flat(graph: &mut Graph, tasks: u64) -> Task<u64> {
    let parts: Vec<_> = (0..tasks).map(|n| graph.task(move || increment(n))).collect();
    graph.call(parts, |parts| parts.into_iter().sum())
}

/// The loop keeps its results as the graph does, each in an allocation of its own, and calls through pointers.
fn bare_flat(tasks: u64) -> u64 {
    let calls = closures(tasks, increment);
    let results: Vec<Arc<u64>> = calls.iter().map(|call| Arc::new(call())).collect();
    results.iter().map(|result| **result).sum()
}

fn closures(tasks: u64, function: fn(u64) -> u64) -> Vec<Box<dyn Fn() -> u64>> {
    (0..tasks).map(|n| Box::new(move || function(n)) as Box<dyn Fn() -> u64>).collect()
}

fn chain(graph: &mut Graph, tasks: u64) -> Task<u64> {
    let first = graph.task(|| 0);
    (1..tasks).fold(first, |last, _| graph.call(last, |x| increment(*x)))
}

fn bare_chain(tasks: u64) -> u64 {
    let calls: Vec<Box<dyn Fn(u64) -> u64>> = (1..tasks).map(|_| Box::new(increment) as Box<_>).collect();
    let mut results = vec![Arc::new(0)];
    for call in &calls {
        results.push(Arc::new(call(**results.last().expect("it begins with one"))));
    }
    **results.last().expect("it begins with one")
}

fn tree(graph: &mut Graph, tasks: u64) -> Task<u64> {
    let mut level: Vec<_> = (0..tasks / 2).map(|n| graph.task(move || increment(n))).collect();
    while level.len() > 1 {
        let pairs = level.chunks(2);
        level = pairs
            .map(|pair| match *pair {
                [left, right] => graph.call((left, right), |(left, right)| left.wrapping_add(*right)),
                _ => pair[0],
            })
            .collect();
    }
    level[0]
}

fn bare_tree(tasks: u64) -> u64 {
    let leaves = closures(tasks / 2, increment);
    let add: Box<dyn Fn(u64, u64) -> u64> = Box::new(u64::wrapping_add);
    let mut results: Vec<Arc<u64>> = leaves.iter().map(|call| Arc::new(call())).collect();
    let mut level = 0..results.len();
    while level.len() > 1 {
        let next = results.len();
        for left in level.clone().step_by(2) {
            let one = *results[left];
            let value = if left + 1 < level.end { black_box(&add)(one, *results[left + 1]) } else { one };
            results.push(Arc::new(value));
        }
        level = next..results.len();
    }
    *results[level.start]
}

/// About a microsecond.
fn work(n: u64) -> u64 {
    (0..1000).fold(n, |x, _| black_box(x).wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1))
}

fn busy(graph: &mut Graph, tasks: u64) -> Task<u64> {
    let parts: Vec<_> = (0..tasks).map(|n| graph.task(move || work(n))).collect();
    graph.call(parts, |parts| parts.into_iter().fold(0, |sum: u64, part| sum.wrapping_add(*part)))
}

fn bare_busy(tasks: u64) -> u64 {
    let calls = closures(tasks, work);
    let results: Vec<Arc<u64>> = calls.iter().map(|call| Arc::new(call())).collect();
    results.iter().fold(0, |sum: u64, result| sum.wrapping_add(**result))
}
