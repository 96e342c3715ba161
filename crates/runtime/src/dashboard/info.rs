//! `/info`: what pages about single things ask for, by their paths.

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use cenote_core::protocol::value::Value;

use super::asked::{Asked, ask};
use super::markup::{missing, shown};
use super::routes::{Site, closing};
use super::{detail, literal};

pub(super) async fn task(State(site): State<Site>, Path(file): Path<String>) -> Response {
    let Some(key) = file.strip_suffix(".html") else { return missing("page") };
    match ask(&site.ask, |answer| Asked::Task(literal::keys(key), answer)).await {
        Some(Some(task)) => shown(detail::task(&task)),
        Some(None) => missing("task"),
        None => closing(),
    }
}

pub(super) async fn worker(State(site): State<Site>, Path(file): Path<String>) -> Response {
    let Some(address) = file.strip_suffix(".html") else { return missing("page") };
    match ask(&site.ask, |answer| Asked::Worker(address.to_owned(), answer)).await {
        Some(Some(worker)) => shown(detail::worker(address, &worker)),
        Some(None) => missing("worker"),
        None => closing(),
    }
}

pub(super) async fn failures(State(site): State<Site>) -> Response {
    match ask(&site.ask, Asked::Failures).await {
        Some(failures) => shown(detail::failures(&failures)),
        None => closing(),
    }
}

pub(super) async fn events(State(site): State<Site>) -> Response {
    match ask(&site.ask, Asked::Events).await {
        Some((events, now)) => shown(detail::events(&events, now)),
        None => closing(),
    }
}

pub(super) async fn log(State(site): State<Site>) -> Response {
    match ask(&site.ask, Asked::Log).await {
        Some((lines, now)) => shown(detail::log("Log of the scheduler", &lines, now)),
        None => closing(),
    }
}

pub(super) async fn worker_log(State(site): State<Site>, Path(file): Path<String>) -> Response {
    let Some(address) = file.strip_suffix(".html") else { return missing("page") };
    match ask(&site.ask, |answer| Asked::WorkerLog(address.to_owned(), answer)).await {
        Some(Some(Ok(lines))) => shown(detail::log(&format!("Log of {address}"), &lines, 0.0)),
        Some(Some(Err(cause))) => unanswered(&cause),
        Some(None) => missing("worker"),
        None => closing(),
    }
}

pub(super) async fn worker_stacks(State(site): State<Site>, Path(file): Path<String>) -> Response {
    let Some(address) = file.strip_suffix(".html") else { return missing("page") };
    match ask(&site.ask, |answer| Asked::WorkerStacks(address.to_owned(), answer)).await {
        Some(Some(Ok(stacks))) => shown(detail::call_stacks(&format!("What {address} runs"), &stacks)),
        Some(Some(Err(cause))) => unanswered(&cause),
        Some(None) => missing("worker"),
        None => closing(),
    }
}

pub(super) async fn task_stacks(State(site): State<Site>, Path(file): Path<String>) -> Response {
    let Some(key) = file.strip_suffix(".html") else { return missing("page") };
    match ask(&site.ask, |answer| Asked::TaskStacks(literal::keys(key), answer)).await {
        Some(Some(Ok(Value::Map(stacks)))) if stacks.is_empty() => {
            shown(detail::note(key, "Task not actively running: it is finished, or has not begun."))
        }
        Some(Some(Ok(stacks))) => shown(detail::call_stacks(&format!("Call stack of {key}"), &stacks)),
        Some(Some(Err(cause))) => unanswered(&cause),
        Some(None) => missing("task"),
        None => closing(),
    }
}

/// A worker that was asked did not answer.
fn unanswered(cause: &str) -> Response {
    (StatusCode::BAD_GATEWAY, format!("the worker does not answer: {cause}")).into_response()
}
