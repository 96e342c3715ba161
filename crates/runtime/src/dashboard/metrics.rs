//! `/metrics`: the scheduler in the families that Dask has for it, so that dashboards and alerts go on as they are.
#![allow(clippy::cast_precision_loss, reason = "samples are floats, as Prometheus has it")]

use axum::extract::State;
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use cenote_core::scheduler::numbers::{Numbers, PrefixNumbers, SemaphoreNumbers};
use cenote_core::scheduler::task::StateName;

use super::asked::{Asked, Measured, ask};
use super::exposition::{Exposition, Format, Kind};
use super::process::Process;
use super::routes::{Site, closing};

/// The text.
pub(super) async fn metrics(State(site): State<Site>, headers: HeaderMap) -> Response {
    let accept: Vec<_> = headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok()).collect();
    let format = Format::accepted(&accept.join(","));
    let Some(measured) = ask(&site.ask, Asked::Numbers).await else { return closing() };
    let text = exposed(&measured, &Process::read(), &site.namespace, format);
    ([(header::CONTENT_TYPE, format.content_type())], text).into_response()
}

/// Families of one namespace.
struct Families<'a> {
    text: Exposition,
    namespace: &'a str,
}

impl Families<'_> {
    fn named(&self, name: &str) -> String {
        if self.namespace.is_empty() { name.to_owned() } else { format!("{}_{name}", self.namespace) }
    }

    fn gauge(&mut self, name: &str, help: &str, value: f64) {
        self.labelled(Kind::Gauge, name, "", help, "", [("", value)]);
    }

    fn counter(&mut self, name: &str, unit: &str, help: &str, value: f64) {
        self.labelled(Kind::Counter, name, unit, help, "", [("", value)]);
    }

    /// A family with one label.
    fn labelled<'a>(
        &mut self,
        kind: Kind,
        name: &str,
        unit: &str,
        help: &str,
        label: &str,
        samples: impl IntoIterator<Item = (&'a str, f64)>,
    ) {
        let name = self.named(name);
        let mut family = self.text.family(&name, kind, unit, help);
        for (of, value) in samples {
            let labels = [(label, of)];
            family.add(if label.is_empty() { &[] } else { &labels }, value);
        }
    }
}

fn exposed(measured: &Measured, process: &Process, namespace: &str, format: Format) -> String {
    let mut families = Families { text: Exposition::new(format), namespace };
    process.expose(&mut families.text);
    families
        .text
        .family("cenote_build_info", Kind::Gauge, "", "Which scheduler this is.")
        .add(&[("version", env!("CARGO_PKG_VERSION"))], 1.0);
    let numbers = &measured.numbers;
    people(&mut families, numbers);
    clock(&mut families, measured);
    tasks(&mut families, numbers);
    prefixes(&mut families, &numbers.prefixes);
    if !numbers.semaphores.is_empty() {
        semaphores(&mut families, &numbers.semaphores);
    }
    if !numbers.steals.is_empty() {
        steals(&mut families, &numbers.steals);
    }
    families.text.finish()
}

/// Clients and workers.
fn people(families: &mut Families, numbers: &Numbers) {
    let (workers, turnover) = (numbers.workers, numbers.turnover);
    families.gauge("scheduler_clients", "Clients that are connected.", numbers.clients as f64);
    let added = turnover.clients_added as f64;
    families.counter("scheduler_client_connections_added", "", "Clients that have connected since the start.", added);
    let removed = turnover.clients_removed as f64;
    families.counter("scheduler_client_connections_removed", "", "Clients that have left since the start.", removed);
    let help = "How many workers there should be for the tasks that are there.";
    families.gauge("scheduler_desired_workers", help, numbers.desired_workers as f64);
    let between = workers.running.saturating_sub(workers.idle + workers.saturated);
    let states = [
        ("idle", workers.idle),
        ("partially_saturated", between),
        ("saturated", workers.saturated),
        ("paused", workers.paused),
        ("retiring", workers.all.saturating_sub(workers.paused + workers.running)),
    ];
    let states = states.map(|(state, count)| (state, count as f64));
    families.labelled(Kind::Gauge, "scheduler_workers", "", "Workers by how busy they are.", "state", states);
    let added = turnover.workers_added as f64;
    families.counter("scheduler_workers_added", "", "Workers that have joined since the start.", added);
    let removed = turnover.workers_removed as f64;
    families.counter("scheduler_workers_removed", "", "Workers that have left since the start.", removed);
}

/// The loop.
fn clock(families: &mut Families, measured: &Measured) {
    let help = "Time spent on collecting garbage: none, this scheduler has no collector.";
    families.counter("scheduler_gc_collection_seconds", "seconds", help, 0.0);
    families.counter("scheduler_last_time", "", "When these metrics were read, in seconds since 1970.", measured.now);
    let help = "The longest time between two rounds of the loop since these metrics were last read.";
    families.gauge("scheduler_tick_duration_maximum_seconds", help, measured.tick_longest);
    let help = "Rounds of the loop since the start.";
    families.counter("scheduler_tick_count", "", help, measured.ticks as f64);
}

fn tasks(families: &mut Families, numbers: &Numbers) {
    let help = "Tasks that were forgotten, of groups that still have others.";
    families.counter("scheduler_tasks_forgotten", "", help, numbers.forgotten as f64);
    let states = StateName::KNOWN.iter().map(|&state| (state.name(), numbers.count(state) as f64));
    families.labelled(Kind::Gauge, "scheduler_tasks", "", "Tasks by their state.", "state", states);
    families.gauge("scheduler_task_groups", "Groups of tasks.", numbers.groups as f64);
}

fn prefixes(families: &mut Families, prefixes: &[PrefixNumbers]) {
    const LABEL: &str = "task_prefix_name";
    let each = |of: fn(&PrefixNumbers) -> f64| prefixes.iter().map(move |it| (it.name.as_str(), of(it)));
    let help = "How often tasks were at a worker that died.";
    let samples = each(|it| it.suspicious as f64);
    families.labelled(Kind::Counter, "scheduler_tasks_suspicious", "", help, LABEL, samples);
    let help = "Time that tasks have computed.";
    let samples = each(|it| it.compute);
    families.labelled(Kind::Counter, "scheduler_tasks_compute_seconds", "seconds", help, LABEL, samples);
    let help = "Time that inputs of tasks were on their way.";
    let samples = each(|it| it.transfer);
    families.labelled(Kind::Counter, "scheduler_tasks_transfer_seconds", "seconds", help, LABEL, samples);
    let help = "Bytes of the results of tasks, without copies.";
    let samples = each(|it| it.nbytes as f64);
    families.labelled(Kind::Gauge, "scheduler_tasks_output_bytes", "bytes", help, LABEL, samples);
    let name = families.named("scheduler_prefix_state_totals");
    let help = "How often tasks have come into a state.";
    let mut family = families.text.family(&name, Kind::Counter, "", help);
    for prefix in prefixes {
        for state in StateName::ALL {
            let count = prefix.ever[state as usize];
            if count > 0 {
                family.add(&[(LABEL, &prefix.name), ("state", state.name())], count as f64);
            }
        }
    }
}

fn semaphores(families: &mut Families, semaphores: &[SemaphoreNumbers]) {
    let each = |of: fn(&SemaphoreNumbers) -> f64| semaphores.iter().map(move |it| (it.name.as_str(), of(it)));
    let help = "Leases that a semaphore has.";
    families.labelled(Kind::Gauge, "semaphore_max_leases", "", help, "name", each(|it| it.leases_max as f64));
    let help = "Leases that are given.";
    families.labelled(Kind::Gauge, "semaphore_active_leases", "", help, "name", each(|it| it.leases as f64));
    let help = "Leases that are waited for.";
    families.labelled(Kind::Gauge, "semaphore_pending_leases", "", help, "name", each(|it| it.pending as f64));
    let help = "Leases that were given since the start.";
    families.labelled(Kind::Counter, "semaphore_acquire", "", help, "name", each(|it| it.acquired as f64));
    let help = "Leases that were given back since the start; those of a closed semaphore are not among them.";
    families.labelled(Kind::Counter, "semaphore_release", "", help, "name", each(|it| it.released as f64));
    let help = "How long it took to get a lease, weighted towards the last ones; without the way there and back.";
    let samples = each(|it| it.wait_average);
    families.labelled(Kind::Gauge, "semaphore_average_pending_lease_time_s", "s", help, "name", samples);
}

fn steals(families: &mut Families, steals: &[(f64, u64, f64)]) {
    let levels: Vec<String> = steals.iter().map(|(cost, _, _)| format!("{cost:?}")).collect();
    let counts = steals.iter().zip(&levels).map(|((_, count, _), level)| (level.as_str(), *count as f64));
    let help = "Tasks that were asked back from their worker, by what moving them costs.";
    families.labelled(Kind::Counter, "stealing_request_count", "", help, "cost_multiplier", counts);
    let costs = steals.iter().zip(&levels).map(|((_, _, seconds), level)| (level.as_str(), *seconds));
    let help = "Seconds that these tasks were expected to take where they were.";
    families.labelled(Kind::Counter, "stealing_request_cost", "", help, "cost_multiplier", costs);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scheduler_without_work_shows_all_families_that_do_not_depend_on_it() {
        let text = exposed(&Measured::default(), &Process::default(), "dask", Format::Prometheus);
        assert!(text.contains("\ndask_scheduler_clients 0.0\n"));
        assert!(text.contains("\ndask_scheduler_tasks{state=\"no-worker\"} 0.0\n"));
        assert!(text.contains("# TYPE dask_scheduler_tasks_compute_seconds_total counter\n"));
        assert!(!text.contains("dask_semaphore"));
        let text = exposed(&Measured::default(), &Process::default(), "", Format::Prometheus);
        assert!(text.contains("\nscheduler_clients 0.0\n"));
    }
}
