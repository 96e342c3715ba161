//! The pages about the whole of a cluster: status, workers, progress, memory. They are readable in any browser, and by a
//! person with `curl`.

use cenote_core::scheduler::numbers::PrefixNumbers;
use cenote_core::scheduler::task::StateName;

use super::markup::{Cell, Column, Page, bar, duration, size};
use super::{Overview, WorkerOverview};

/// Seconds after which a page is read again.
const REFRESH_S: u32 = 2;
/// So many prefixes are shown, those with the most to do first.
const PREFIXES_MAX: usize = 100;
/// So many workers are shown.
const WORKERS_MAX: usize = 2000;

/// All of it.
pub(super) fn status(overview: &Overview, depth: usize) -> String {
    let mut page = begin("Scheduler", overview, depth);
    tasks(&mut page, overview);
    progress_table(&mut page, overview);
    workers_table(&mut page, overview);
    page.finish()
}

/// The workers.
pub(super) fn workers(overview: &Overview, depth: usize) -> String {
    let mut page = begin("Workers of", overview, depth);
    workers_table(&mut page, overview);
    page.finish()
}

/// The tasks, by prefix.
pub(super) fn progress(overview: &Overview, depth: usize) -> String {
    let mut page = begin("Tasks of", overview, depth);
    tasks(&mut page, overview);
    progress_table(&mut page, overview);
    page.finish()
}

/// What results take, by prefix and by worker.
pub(super) fn memory(overview: &Overview, depth: usize) -> String {
    let mut page = begin("Memory of", overview, depth);
    page.heading("By worker");
    let columns = [
        ("address", Column::Text),
        ("results held", Column::Number),
        ("their bytes", Column::Number),
        ("process", Column::Number),
        ("", Column::Text),
    ];
    let rows = overview.workers.iter().take(WORKERS_MAX).map(|worker| {
        let address = page.worker_link(&worker.address);
        vec![address, Cell::count(worker.in_memory), Cell::Number(size(worker.nbytes)), used(worker), filled(worker)]
    });
    let rows: Vec<_> = rows.collect();
    page.table(&columns, rows);
    page.heading("By prefix");
    let columns = [("prefix", Column::Text), ("in memory", Column::Number), ("bytes of results", Column::Number)];
    let mut prefixes: Vec<_> = overview.numbers.prefixes.iter().filter(|it| it.nbytes > 0).collect();
    prefixes.sort_by_key(|it| std::cmp::Reverse(it.nbytes));
    let rows = prefixes.into_iter().take(PREFIXES_MAX).map(|prefix| {
        let count = prefix.now[StateName::Memory as usize];
        vec![prefix.name.as_str().into(), Cell::count(count), Cell::Number(size(prefix.nbytes))]
    });
    page.table(&columns, rows);
    page.finish()
}

/// A page that leads to others beside it.
pub(super) fn links(title: &str, depth: usize, places: &[(&str, &str)]) -> String {
    let mut page = Page::new(title, depth, None);
    let rows: Vec<_> = places.iter().map(|(path, name)| vec![page.link(path, name)]).collect();
    page.table(&[("", Column::Text)], rows);
    page.finish()
}

fn begin(title: &str, overview: &Overview, depth: usize) -> Page {
    let mut page = Page::new(&format!("{title} {}", overview.address), depth, Some(REFRESH_S));
    let numbers = &overview.numbers;
    page.paragraph(&format!(
        "Runs for {}. Clients: {}. Workers: {}. Threads: {}. Wanted workers: {}.",
        duration(overview.uptime),
        numbers.clients,
        numbers.workers.all,
        numbers.workers.threads,
        numbers.desired_workers,
    ));
    page
}

fn tasks(page: &mut Page, overview: &Overview) {
    page.heading("Tasks");
    let counts: Vec<_> = StateName::KNOWN.iter().map(|&state| (state.name(), overview.numbers.count(state))).collect();
    if counts.iter().all(|(_, count)| *count == 0) {
        return page.paragraph("None.");
    }
    let rows = counts.into_iter().filter(|(_, count)| *count > 0);
    let rows = rows.map(|(state, count)| vec![state.into(), Cell::count(count)]);
    page.table(&[("state", Column::Text), ("tasks", Column::Number)], rows);
}

fn progress_table(page: &mut Page, overview: &Overview) {
    let left = |it: &PrefixNumbers| -> u32 {
        [StateName::Waiting, StateName::NoWorker, StateName::Queued, StateName::Processing]
            .iter()
            .map(|state| it.now[*state as usize])
            .sum()
    };
    let all = |it: &PrefixNumbers| -> u32 { it.now.iter().sum() };
    let mut prefixes: Vec<_> = overview.numbers.prefixes.iter().filter(|it| all(it) > 0).collect();
    if prefixes.is_empty() {
        return;
    }
    page.heading("Progress");
    prefixes.sort_by_key(|it| std::cmp::Reverse((left(it), all(it))));
    let hidden = prefixes.len().saturating_sub(PREFIXES_MAX);
    let mut columns = vec![("prefix", Column::Text), ("", Column::Text), ("tasks", Column::Number)];
    columns.extend(StateName::KNOWN.iter().map(|&state| (state.name(), Column::Number)));
    columns.push(("each takes", Column::Number));
    let rows = prefixes.into_iter().take(PREFIXES_MAX).map(|prefix| {
        let (all, left) = (all(prefix), left(prefix));
        let mut row = vec![prefix.name.as_str().into(), bar(f64::from(all - left), f64::from(all)), Cell::count(all)];
        row.extend(StateName::KNOWN.iter().map(|&state| match prefix.now[state as usize] {
            0 => "".into(),
            count => Cell::count(count),
        }));
        row.push(Cell::Number(prefix.duration.map_or_else(String::new, duration)));
        row
    });
    page.table(&columns, rows);
    if hidden > 0 {
        page.paragraph(&format!("And {hidden} prefixes with less to do."));
    }
}

fn workers_table(page: &mut Page, overview: &Overview) {
    page.heading("Workers");
    if overview.workers.is_empty() {
        return page.paragraph(&format!("None yet. Start one: dask worker {}", overview.address));
    }
    let columns = [
        ("address", Column::Text),
        ("name", Column::Text),
        ("status", Column::Text),
        ("threads", Column::Number),
        ("processing", Column::Number),
        ("results held", Column::Number),
        ("cpu", Column::Number),
        ("memory", Column::Number),
        ("", Column::Text),
        ("last heard of", Column::Number),
        ("", Column::Text),
    ];
    let rows = overview.workers.iter().take(WORKERS_MAX).map(|worker| {
        vec![
            page.worker_link(&worker.address),
            worker.name.as_str().into(),
            worker.status.as_str().into(),
            Cell::count(worker.nthreads),
            Cell::count(worker.processing),
            Cell::count(worker.in_memory),
            Cell::Number(format!("{:.0} %", worker.cpu)),
            used(worker),
            filled(worker),
            Cell::Number(format!("{} ago", duration(worker.last_seen))),
            worker.pages.as_ref().map_or("".into(), |pages| Page::outside(pages, "its pages")),
        ]
    });
    let rows: Vec<_> = rows.collect();
    page.table(&columns, rows);
}

fn used(worker: &WorkerOverview) -> Cell {
    Cell::Number(match worker.memory_limit_bytes {
        0 => size(worker.memory_bytes),
        limit => format!("{} of {}", size(worker.memory_bytes), size(limit)),
    })
}

#[expect(clippy::cast_precision_loss, reason = "it is a bar of some pixels")]
fn filled(worker: &WorkerOverview) -> Cell {
    bar(worker.memory_bytes as f64, worker.memory_limit_bytes as f64)
}

#[cfg(test)]
mod tests {
    use cenote_core::scheduler::numbers::{Numbers, WorkerNumbers};

    use super::*;

    fn overview() -> Overview {
        let mut numbers = Numbers { clients: 1, ..Numbers::default() };
        numbers.workers = WorkerNumbers { all: 1, threads: 2, ..WorkerNumbers::default() };
        numbers.tasks[StateName::Memory as usize] = 12;
        let mut prefix = PrefixNumbers { name: "inc".into(), nbytes: 2048, ..PrefixNumbers::default() };
        prefix.now[StateName::Memory as usize] = 12;
        prefix.now[StateName::Queued as usize] = 4;
        numbers.prefixes.push(prefix);
        let worker = WorkerOverview {
            address: "tcp://127.0.0.1:4000".into(),
            name: "<script>".into(),
            status: "running".into(),
            nthreads: 2,
            memory_bytes: 1536,
            memory_limit_bytes: 4 << 30,
            last_seen: 0.25,
            ..WorkerOverview::default()
        };
        Overview { address: "tcp://127.0.0.1:8786".into(), uptime: 3725.0, numbers, workers: vec![worker] }
    }

    #[test]
    fn the_page_shows_tasks_and_workers_as_text() {
        let page = status(&overview(), 0);
        assert!(page.contains("Runs for 1 h 2 min. Clients: 1. Workers: 1. Threads: 2."));
        assert!(page.contains("<tr><td>memory</td><td class=\"n\">12</td></tr>"));
        assert!(
            page.contains("<td>inc</td><td><progress value=\"12\" max=\"16\"></progress></td><td class=\"n\">16</td>")
        );
        assert!(page.contains("<td>&lt;script&gt;</td><td>running</td>"));
        assert!(page.contains("1.5 KiB of 4.0 GiB"));
        assert!(page.contains("href=\"info/worker/tcp%3A%2F%2F127.0.0.1%3A4000.html\""));
        assert!(memory(&overview(), 2).contains("<td>inc</td><td class=\"n\">12</td><td class=\"n\">2.0 KiB</td>"));
    }

    #[test]
    fn an_empty_cluster_says_how_to_go_on() {
        let page = status(&Overview { address: "tcp://127.0.0.1:8786".into(), ..Overview::default() }, 0);
        assert!(page.contains("dask worker tcp://127.0.0.1:8786"));
    }
}
