//! Which path shows what.

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{Html, IntoResponse, Json, Redirect, Response};
use axum::routing::get;
use serde_json::json;
use tokio::sync::{mpsc, oneshot};

use super::{Overview, page};

/// The way to ask for an overview.
type Ask = mpsc::Sender<oneshot::Sender<Overview>>;

/// All paths. `/status` is where Dask's links lead; here it leads to the page that there is.
pub fn routes(ask: Ask) -> Router {
    Router::new()
        .route("/", get(|| async { Redirect::temporary("/info") }))
        .route("/status", get(|| async { Redirect::temporary("/info") }))
        .route("/health", get(|| async { "ok" }))
        .route("/info", get(info))
        .route("/info/main/workers.html", get(info))
        .route("/json/counts.json", get(counts))
        .with_state(ask)
}

async fn info(State(ask): State<Ask>) -> Response {
    match overview(&ask).await {
        Some(overview) => ([(header::CACHE_CONTROL, "no-store")], Html(page::info(&overview))).into_response(),
        None => closing(),
    }
}

/// What Dask's `/json/counts.json` tells, under the same names.
async fn counts(State(ask): State<Ask>) -> Response {
    let Some(overview) = overview(&ask).await else { return closing() };
    let of = |state: &str| overview.tasks.iter().find(|(name, _)| name == state).map_or(0, |(_, count)| *count);
    let total = |part: fn(&super::WorkerOverview) -> usize| overview.workers.iter().map(part).sum::<usize>();
    Json(json!({
        "bytes": overview.workers.iter().map(|worker| worker.memory_bytes).sum::<u64>(),
        "clients": overview.clients,
        "cores": total(|worker| worker.nthreads),
        "erred": of("erred"),
        "hosts": hosts(&overview),
        "memory": of("memory"),
        "processing": of("processing"),
        "released": of("released"),
        "tasks": overview.tasks.iter().map(|(_, count)| count).sum::<usize>(),
        "unrunnable": of("no-worker"),
        "waiting_data": of("waiting"),
        "workers": overview.workers.len(),
    }))
    .into_response()
}

fn hosts(overview: &Overview) -> usize {
    let mut hosts: Vec<&str> =
        overview.workers.iter().map(|worker| worker.address.rsplit_once(':').map_or("", |(host, _)| host)).collect();
    hosts.sort_unstable();
    hosts.dedup();
    hosts.len()
}

async fn overview(ask: &Ask) -> Option<Overview> {
    let (sender, answer) = oneshot::channel();
    ask.send(sender).await.ok()?;
    answer.await.ok()
}

fn closing() -> Response {
    (StatusCode::SERVICE_UNAVAILABLE, "the scheduler is closing").into_response()
}
