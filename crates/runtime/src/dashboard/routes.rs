//! Which path shows what.

use std::sync::Arc;

use axum::Router;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Json, Redirect, Response};
use axum::routing::{MethodRouter, get, post};
use serde_json::json;

use super::asked::{Ask, Asked, ask};
use super::markup::{self, shown};
use super::{Modules, Overview, Settings, api, info, json, metrics, origin, page};

/// The largest request that is read.
const BODY_BYTES_MAX: usize = 1 << 20;

/// What every page knows.
#[derive(Clone)]
pub(super) struct Site {
    /// The way to the scheduler.
    pub ask: Ask,
    /// The first word of the names of all metrics.
    pub namespace: Arc<str>,
    /// The pages of which hosts may open a stream of events.
    pub origins: Arc<[String]>,
    /// Whether a proxy is believed who has asked.
    pub x_headers: bool,
    /// All paths that there are.
    pub paths: Arc<[String]>,
}

/// Routes, and the paths that they were made of.
struct Routes {
    router: Router<Site>,
    paths: Vec<String>,
}

impl Routes {
    fn add(mut self, path: &str, route: MethodRouter<Site>) -> Self {
        self.router = self.router.route(path, route);
        self.paths.push(path.to_owned());
        self
    }
}

/// All paths, behind the prefix.
pub(super) fn routes(settings: &Settings, ask: Ask) -> Router {
    let Modules { health, metrics, json, info, api, statics } = settings.modules;
    let mut routes = Routes { router: Router::new(), paths: Vec::new() };
    if health {
        routes = routes.add("/health", get(|| async { "ok" }));
    }
    if metrics {
        routes = routes.add("/metrics", get(metrics::metrics));
    }
    if json {
        routes = routes
            .add("/json/counts.json", get(json::counts))
            .add("/json/identity.json", get(json::identity))
            .add("/json/index.html", get(json::index));
    }
    if api {
        routes = routes
            .add("/api/v1", get(api::index))
            .add("/api/v1/retire_workers", post(api::retire))
            .add("/api/v1/get_workers", get(api::workers))
            .add("/api/v1/adaptive_target", get(api::target))
            .add("/api/v1/check_idle", get(api::idle));
    }
    if info {
        routes = pages(routes);
    }
    if statics {
        routes = routes.add("/statics/css/base.css", get(markup::style));
    }
    let Routes { router, paths } = routes;
    let prefixed = paths.iter().map(|path| format!("{}{path}", settings.prefix));
    let mut paths: Vec<String> = prefixed.chain(["/sitemap.json".to_owned()]).collect();
    paths.sort_unstable();
    let origins = settings.websocket_origins.clone().into();
    let namespace = settings.namespace.as_str().into();
    let site = Site { ask, namespace, origins, x_headers: settings.x_headers, paths: paths.into() };
    let router = if settings.prefix.is_empty() { router } else { Router::new().nest(&settings.prefix, router) };
    router.route("/sitemap.json", get(sitemap)).layer(DefaultBodyLimit::max(BODY_BYTES_MAX)).with_state(site)
}

/// The pages for people. `/status` is where Dask's links lead.
fn pages(routes: Routes) -> Routes {
    routes
        .add("/", get(|| async { Redirect::temporary("status") }))
        .add("/info", get(|| async { Redirect::temporary("info/main/workers.html") }))
        .add("/status", view(page::status, 0))
        .add("/status/ws", get(socket))
        .add("/individual-workers", view(page::workers, 0))
        .add("/individual-progress", view(page::progress, 0))
        .add("/individual-cluster-memory", view(page::memory, 0))
        .add("/info/main/workers.html", view(page::workers, 2))
        .add("/individual-events", get(info::events))
        .add("/individual-plots.json", get(plots))
        .add("/info/main/exceptions.html", get(info::failures))
        .add("/info/main/logs.html", get(info::log))
        .add("/info/task/{file}", get(info::task))
        .add("/info/worker/{file}", get(info::worker))
        .add("/info/logs/{file}", get(info::worker_log))
        .add("/info/call-stacks/{file}", get(info::worker_stacks))
        .add("/info/call-stack/{file}", get(info::task_stacks))
}

/// A page about the whole of the cluster.
fn view(page: fn(&Overview, usize) -> String, depth: usize) -> MethodRouter<Site> {
    get(move |State(site): State<Site>| async move {
        match ask(&site.ask, Asked::Overview).await {
            Some(overview) => shown(page(&overview, depth)),
            None => closing(),
        }
    })
}

/// The pages that programs show inside theirs, such as `JupyterLab` with Dask's extension.
async fn plots() -> Response {
    Json(json!({
        "Individual Workers": "/individual-workers",
        "Individual Progress": "/individual-progress",
        "Individual Cluster Memory": "/individual-cluster-memory",
        "Individual Events": "/individual-events",
    }))
    .into_response()
}

/// Pages of Bokeh open a socket here; there are none.
async fn socket(State(site): State<Site>, headers: HeaderMap) -> StatusCode {
    if origin::may_listen(&headers, &site.origins) { StatusCode::NOT_FOUND } else { StatusCode::FORBIDDEN }
}

async fn sitemap(State(site): State<Site>) -> Response {
    Json(json!({ "paths": &*site.paths })).into_response()
}

/// What is answered while the scheduler ends.
pub(super) fn closing() -> Response {
    (StatusCode::SERVICE_UNAVAILABLE, "the scheduler is closing").into_response()
}
