//! The pages about one task or one worker, and those about what went wrong.

use cenote_core::protocol::field::Number;
use cenote_core::protocol::value::Value;
use cenote_core::scheduler::detail::{FailureDetail, Named, TaskDetail, WorkerDetail};
use cenote_core::scheduler::story::Happening;
use cenote_core::scheduler::wait::WaitReason;

use super::json;
use super::markup::{Cell, Column, Page, duration, size};

/// Seconds after which a page about what goes on is read again.
const REFRESH_S: u32 = 5;

/// A line of a log: when, how grave, and what.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LogLine {
    /// Seconds since 1970, if that is known.
    pub at: Option<f64>,
    /// Python's name for how grave it is.
    pub level: String,
    /// The line.
    pub text: String,
}

/// A row of a table without a head.
fn row(name: &str, cell: impl Into<Cell>) -> Vec<Cell> {
    vec![name.into(), cell.into()]
}

/// A task.
pub(super) fn task(task: &TaskDetail) -> String {
    let mut page = Page::new(&format!("Task: {}", task.key), 2, Some(REFRESH_S));
    let mut rows = vec![row("state", task.state.name())];
    if let Some(reason) = &task.reason {
        rows.push(row("because", waits(reason).as_str()));
    }
    if let Some(worker) = &task.processing_on {
        rows.push(row("processing on", page.worker_link(worker)));
        rows.push(row("", page.call_stack_link(&task.key.to_string())));
    }
    if let Some(class) = &task.class {
        rows.push(row("type of its result", &**class));
    }
    if let Some(nbytes) = task.nbytes {
        rows.push(row("bytes", format!("{nbytes} ({})", size(nbytes)).as_str()));
    }
    let priority = task.priority.map(|part| match part {
        Number::Int(part) => part.to_string(),
        Number::Float(part) => part.to_string(),
    });
    rows.push(row("priority", format!("({})", priority.join(", ")).as_str()));
    rows.extend(task.who_has.iter().map(|worker| row("held by", page.worker_link(worker))));
    rows.extend(task.who_wants.iter().map(|client| row("wanted by", &**client)));
    if task.retries > 0 {
        rows.push(row("may be tried again", task.retries.to_string().as_str()));
    }
    if task.suspicious > 0 {
        rows.push(row("workers that died with it", task.suspicious.to_string().as_str()));
    }
    page.table(&[("", Column::Text); 2], rows);
    if let Some(failure) = &task.failure {
        failed(&mut page, failure);
    }
    named(&mut page, "Needs", &task.dependencies);
    named(&mut page, "Is needed by", &task.dependents);
    page.heading("Story");
    let story = task.story.iter().map(|(stimulus, what)| vec![Cell::count(stimulus), happened(*what).as_str().into()]);
    page.table(&[("stimulus", Column::Number), ("what happened", Column::Text)], story);
    page.finish()
}

/// A worker.
pub(super) fn worker(address: &str, worker: &WorkerDetail) -> String {
    let mut page = Page::new(&format!("Worker: {address}"), 2, Some(REFRESH_S));
    let mut rows = vec![
        row("", page.link(&format!("info/logs/{}.html", super::markup::in_path(address)), "its log")),
        row("", page.link(&format!("info/call-stacks/{}.html", super::markup::in_path(address)), "what it runs")),
        row("seconds of work before it", duration(worker.occupancy).as_str()),
    ];
    if let Value::Map(entries) = &worker.identity {
        for (name, value) in entries {
            let Some(name) = name.as_str() else { continue };
            let text = match (name, json::told(value)) {
                ("metrics", _) => continue,
                (_, serde_json::Value::String(text)) => text,
                (_, other) => other.to_string(),
            };
            rows.push(row(name, text.as_str()));
        }
    }
    page.table(&[("", Column::Text); 2], rows);
    named(&mut page, "Processing", &worker.processing);
    named(&mut page, "In memory", &worker.in_memory);
    if let Some(metrics) = worker.identity.get("metrics") {
        page.heading("As it has measured");
        page.lines(&format!("{:#}", json::told(metrics)));
    }
    page.finish()
}

/// What failed last.
pub(super) fn failures(failures: &[FailureDetail]) -> String {
    let mut page = Page::new("Failures", 2, None);
    if failures.is_empty() {
        page.paragraph("None.");
    }
    for failure in failures {
        let link = page.task_link(&failure.key.to_string());
        page.table(&[("", Column::Text)], [vec![link]]);
        failed(&mut page, failure);
    }
    page.finish()
}

fn failed(page: &mut Page, failure: &FailureDetail) {
    page.heading("Failure");
    if failure.cause != failure.key {
        let cause = page.task_link(&failure.cause.to_string());
        page.table(&[("", Column::Text); 2], [row("of what it needs", cause)]);
    }
    page.lines(&failure.exception);
    if !failure.traceback.is_empty() {
        page.lines(&failure.traceback);
    }
}

/// Lines of a log.
pub(super) fn log(title: &str, lines: &[LogLine], now: f64) -> String {
    let mut page = Page::new(title, 2, None);
    let columns = [("", Column::Number), ("", Column::Text), ("", Column::Text)];
    let rows = lines.iter().map(|line| {
        let at = line.at.map_or_else(String::new, |at| format!("{} ago", duration(now - at)));
        vec![Cell::Number(at), line.level.as_str().into(), line.text.as_str().into()]
    });
    page.table(&columns, rows);
    page.finish()
}

/// What happened last, as it was told on a topic.
pub(super) fn events(events: &[(f64, Value)], now: f64) -> String {
    let mut page = Page::new("Events", 0, Some(REFRESH_S));
    let rows = events.iter().rev().map(|(at, event)| {
        vec![Cell::Number(format!("{} ago", duration(now - at))), json::told(event).to_string().as_str().into()]
    });
    page.table(&[("when", Column::Number), ("what", Column::Text)], rows);
    page.finish()
}

/// What runs at the moment: of each worker, of each task, a line a call.
pub(super) fn call_stacks(title: &str, stacks: &Value) -> String {
    let mut page = Page::new(title, 2, None);
    if let Value::Map(workers) = stacks {
        for (worker, tasks) in workers {
            page.heading(&format!("Worker: {}", worker.as_str().unwrap_or_default()));
            let Value::Map(tasks) = tasks else { continue };
            for (key, calls) in tasks {
                page.paragraph(&key.to_key().map_or_else(String::new, |key| key.to_string()));
                let Value::Tuple(calls) = calls else { continue };
                let calls: Vec<_> = calls.iter().filter_map(Value::as_str).collect();
                page.lines(&calls.join("\n"));
            }
        }
    }
    page.finish()
}

/// A page that only says something.
pub(super) fn note(title: &str, text: &str) -> String {
    let mut page = Page::new(title, 2, None);
    page.paragraph(text);
    page.finish()
}

fn named(page: &mut Page, title: &str, tasks: &Named) {
    if tasks.count == 0 {
        return;
    }
    page.heading(&format!("{title}: {}", tasks.count));
    let rows: Vec<_> =
        tasks.first.iter().map(|(key, state)| vec![page.task_link(&key.to_string()), state.name().into()]).collect();
    page.table(&[("key", Column::Text), ("state", Column::Text)], rows);
    if tasks.count > tasks.first.len() {
        page.paragraph(&format!("And {} more.", tasks.count - tasks.first.len()));
    }
}

/// Why a task is not finished.
fn waits(reason: &WaitReason) -> String {
    match reason {
        WaitReason::Dependencies { count, first: Some(first) } => {
            format!("{count} results are missing, such as {first}")
        }
        WaitReason::Dependencies { .. } | WaitReason::Nothing => "nothing is done about it".to_owned(),
        WaitReason::AnyWorker { .. } => "there is no worker that takes work".to_owned(),
        WaitReason::Worker { workers, resources } => format!(
            "no worker may run it: it is for {}, with {}",
            if workers.is_empty() { "any".to_owned() } else { workers.join(", ") },
            if resources.is_empty() { "any resources".to_owned() } else { format!("{resources:?}") },
        ),
        WaitReason::Queue { place } => format!("all threads are taken, and {place} tasks are before it"),
        WaitReason::Running { worker, .. } => format!("it is at {worker}"),
        WaitReason::Submission => "it is wanted, and its graph has not come yet".to_owned(),
    }
}

fn happened(what: Happening) -> String {
    match what {
        Happening::Transition { start, finish, actual } if finish == actual => {
            format!("{} to {}", start.name(), actual.name())
        }
        Happening::Transition { start, finish, actual } => {
            format!("{} to {}, instead of {}", start.name(), actual.name(), finish.name())
        }
        Happening::Moved => "given to another worker".to_owned(),
        Happening::Ignored(why) => format!("ignored: {why}"),
    }
}
