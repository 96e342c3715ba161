//! The tutorial's graphs in Rust: `cargo run --release --example tutorial`. Each value is asserted.

use std::collections::BTreeMap;
use std::error::Error;
use std::thread;
use std::time::{Duration, Instant};

use cenote::{Graph, Options};

fn main() -> Result<(), Box<dyn Error>> {
    many_calls_and_a_sum()?;
    a_graph_by_hand()?;
    a_table_in_layers()?;
    errors_that_name_their_task()?;
    threads_that_wait_together()?;
    println!("the tutorial ran in Rust; every value was as expected");
    Ok(())
}

/// One more and two more of five numbers, added pair by pair, and the sum of it all: fifteen calls and one.
fn many_calls_and_a_sum() -> Result<(), cenote::Error> {
    let mut graph = Graph::new();
    let mut output = Vec::new();
    for x in 1..=5 {
        let a = graph.task(move || x + 1);
        let b = graph.task(move || x + 2);
        output.push(graph.call((a, b), |(a, b)| a + b));
    }
    let total = graph.call(output, |output| output.into_iter().sum::<i32>());
    let total = graph.compute(total)?;
    assert_eq!(*total, 45);
    println!("total: {total}");
    Ok(())
}

/// `{'x': 1, 'y': (inc, 'x'), 'z': (add, 'y', 10)}`, and two of its values at once.
fn a_graph_by_hand() -> Result<(), cenote::Error> {
    let mut graph = Graph::new();
    let x = graph.value(1);
    let y = graph.call(x, |x| x + 1);
    let z = graph.call(y, |y| y + 10);
    let (x, z) = graph.compute((x, z))?;
    assert_eq!((*x, *z), (1, 12));
    println!("x: {x}, z: {z}");
    Ok(())
}

/// What a row of the table says: a city and how many degrees it had there.
type Row = (&'static str, f64);

/// Three layers, as tables are worked on: parts are read, something is added to each, and some rows are kept.
fn a_table_in_layers() -> Result<(), cenote::Error> {
    const PARTS: [&str; 2] = ["Mérida,31.5\nOslo,4.0\n", "Lima,19.5\nTulum,29.0\n"];
    let mut graph = Graph::new();
    let read =
        PARTS.map(|part| graph.try_call((), move |()| part.lines().map(read_row).collect::<Result<Vec<_>, _>>()));
    let add =
        read.map(|rows| graph.call(rows, |rows| rows.iter().map(|&(city, t)| (city, t + 1.0)).collect::<Vec<_>>()));
    let filter =
        add.map(|rows| graph.call(rows, |rows| rows.iter().copied().filter(|row| row.1 > 25.0).collect::<Vec<Row>>()));
    let table = graph.call(filter, |parts| parts.into_iter().flatten().copied().collect::<BTreeMap<_, _>>());
    let warm = graph.compute(table)?;
    assert_eq!(*warm, BTreeMap::from([("Mérida", 32.5), ("Tulum", 30.0)]));
    println!("warm: {warm:?}");
    Ok(())
}

fn read_row(line: &'static str) -> Result<Row, Box<dyn Error + Send + Sync>> {
    let (city, degrees) = line.split_once(',').ok_or("a row is a city and a number")?;
    Ok((city, degrees.parse()?))
}

/// A task that fails ends the run, and says which one it was and why. So does one that panics.
fn errors_that_name_their_task() -> Result<(), Box<dyn Error>> {
    let mut graph = Graph::new();
    let text = graph.value("twelve");
    let number = graph.try_call(text, |text| text.parse::<i32>());
    graph.name(number, "number");
    let twice = graph.call(number, |number| number * 2);
    let error = graph.compute(twice).err().ok_or("twelve in words is no number")?;
    assert_eq!(error.to_string(), "task number failed: invalid digit found in string");
    println!("as expected: {error}");
    Ok(())
}

/// Forty naps of ten milliseconds on eight threads: they overlap.
fn threads_that_wait_together() -> Result<(), cenote::Error> {
    let mut graph = Graph::new();
    let naps: Vec<_> = (0..40).map(|_| graph.task(|| thread::sleep(Duration::from_millis(10)))).collect();
    let all = graph.call(naps, |naps| naps.len());
    let begun = Instant::now();
    let naps = graph.compute_with(&Options::default().num_workers(8), all)?;
    println!("{naps} naps of 10 ms on 8 threads: {} ms", begun.elapsed().as_millis());
    assert!(begun.elapsed() < Duration::from_millis(390), "naps do not overlap");
    Ok(())
}
