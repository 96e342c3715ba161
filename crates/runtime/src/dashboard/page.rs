//! The page `/info`: readable without scripts, in any browser, and by a person with `curl`.

use std::fmt::Write;

use super::{Overview, WorkerOverview};

const STYLE: &str = "body{font:15px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:70rem;padding:0 1rem}\
    table{border-collapse:collapse;margin:.5rem 0 1.5rem}th,td{padding:.2rem .8rem .2rem 0;text-align:left}\
    th{border-bottom:1px solid #888}.n{text-align:right;font-variant-numeric:tabular-nums}\
    @media(prefers-color-scheme:dark){body{background:#111;color:#ddd}}";

/// The page.
pub fn info(overview: &Overview) -> String {
    let mut page = String::with_capacity(2048 + 512 * overview.workers.len());
    let address = escape(&overview.address);
    // Writing to a String cannot fail.
    let _ = write!(
        page,
        "<!doctype html>\n<html lang=\"en\">\n<head><meta charset=\"utf-8\"><title>Scheduler {address}</title>\
         <meta http-equiv=\"refresh\" content=\"5\"><style>{STYLE}</style></head>\n<body>\n\
         <h1>Scheduler {address}</h1>\n<p>Runs for {}. Clients: {}. Workers: {}. Threads: {}.</p>\n",
        duration(overview.uptime),
        overview.clients,
        overview.workers.len(),
        overview.workers.iter().map(|worker| worker.nthreads).sum::<usize>(),
    );
    tasks(&mut page, overview);
    workers(&mut page, overview);
    page.push_str("</body>\n</html>\n");
    page
}

fn tasks(page: &mut String, overview: &Overview) {
    page.push_str("<h2>Tasks</h2>\n");
    if overview.tasks.iter().all(|(_, count)| *count == 0) {
        page.push_str("<p>None.</p>\n");
        return;
    }
    page.push_str("<table>\n<tr><th>state</th><th class=\"n\">tasks</th></tr>\n");
    for (state, count) in overview.tasks.iter().filter(|(_, count)| *count > 0) {
        let _ = writeln!(page, "<tr><td>{}</td><td class=\"n\">{count}</td></tr>", escape(state));
    }
    page.push_str("</table>\n");
}

fn workers(page: &mut String, overview: &Overview) {
    page.push_str("<h2>Workers</h2>\n");
    if overview.workers.is_empty() {
        let address = escape(&overview.address);
        let _ = writeln!(page, "<p>None yet. Start one: <code>dask worker {address}</code></p>");
        return;
    }
    page.push_str(
        "<table>\n<tr><th>address</th><th>name</th><th>status</th><th class=\"n\">threads</th>\
         <th class=\"n\">processing</th><th class=\"n\">results held</th><th class=\"n\">memory</th>\
         <th class=\"n\">last heard of</th></tr>\n",
    );
    for worker in &overview.workers {
        let _ = writeln!(
            page,
            "<tr><td>{}</td><td>{}</td><td>{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td>\
             <td class=\"n\">{}</td><td class=\"n\">{}</td><td class=\"n\">{} ago</td></tr>",
            escape(&worker.address),
            escape(&worker.name),
            escape(&worker.status),
            worker.nthreads,
            worker.processing,
            worker.in_memory,
            memory(worker),
            duration(worker.last_seen),
        );
    }
    page.push_str("</table>\n");
}

fn memory(worker: &WorkerOverview) -> String {
    match worker.memory_limit_bytes {
        0 => size(worker.memory_bytes),
        limit => format!("{} of {}", size(worker.memory_bytes), size(limit)),
    }
}

/// A size with the unit that fits it.
fn size(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["B", "KiB", "MiB", "GiB", "TiB"];
    #[expect(clippy::cast_precision_loss, reason = "it is rounded to a tenth")]
    let mut size = bytes as f64;
    let mut unit = 0;
    while size >= 1024.0 && unit + 1 < UNITS.len() {
        size /= 1024.0;
        unit += 1;
    }
    if unit == 0 { format!("{bytes} B") } else { format!("{size:.1} {}", UNITS[unit]) }
}

/// A duration in its two largest units.
#[expect(clippy::cast_sign_loss, reason = "a negative duration is none")]
fn duration(seconds: f64) -> String {
    let whole = seconds.max(0.0) as u64;
    let (days, hours, minutes) = (whole / 86_400, whole / 3600 % 24, whole / 60 % 60);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{:.1} s", seconds.max(0.0)),
        (0, 0, _) => format!("{minutes} min {} s", whole % 60),
        (0, _, _) => format!("{hours} h {minutes} min"),
        _ => format!("{days} d {hours} h"),
    }
}

/// What a peer calls itself is text, never markup.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            letter => escaped.push(letter),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_shows_tasks_and_workers_as_text() {
        let page = info(&Overview {
            address: "tcp://127.0.0.1:8786".into(),
            uptime: 3725.0,
            clients: 1,
            tasks: vec![("released".into(), 0), ("memory".into(), 12)],
            workers: vec![WorkerOverview {
                address: "tcp://127.0.0.1:4000".into(),
                name: "<script>".into(),
                status: "running".into(),
                nthreads: 2,
                memory_bytes: 1536,
                memory_limit_bytes: 4 << 30,
                last_seen: 0.25,
                ..WorkerOverview::default()
            }],
        });
        assert!(page.contains("Runs for 1 h 2 min. Clients: 1. Workers: 1. Threads: 2."));
        assert!(page.contains("<tr><td>memory</td><td class=\"n\">12</td></tr>"));
        assert!(page.contains("<td>&lt;script&gt;</td><td>running</td>"));
        assert!(page.contains("1.5 KiB of 4.0 GiB"));
        assert!(!page.contains("released") && !page.contains("<script>"));
    }

    #[test]
    fn an_empty_cluster_says_how_to_go_on() {
        let page = info(&Overview { address: "tcp://127.0.0.1:8786".into(), ..Overview::default() });
        assert!(page.contains("dask worker tcp://127.0.0.1:8786"));
    }
}
