//! `/api/v1`: what operators of clusters call to let workers go, with Dask's requests and answers.

use axum::body::Bytes;
use axum::extract::{Extension, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use cenote_core::protocol::value::Value;
use serde_json::{Value as Out, json};

use super::asked::{Asked, Retired, ask};
use super::connection::Peer;
use super::json::told;
use super::origin;
use super::routes::{Site, closing};

/// That there is an API.
pub(super) async fn index() -> &'static str {
    "API V1"
}

/// The names and addresses of the workers.
pub(super) async fn workers(State(site): State<Site>) -> Response {
    let Some(workers) = ask(&site.ask, Asked::Workers).await else { return closing() };
    let told: Vec<_> =
        workers.iter().map(|(name, address)| json!({ "name": told(name), "address": address })).collect();
    plain(&json!({ "num_workers": workers.len(), "workers": told }))
}

/// How many workers there should be.
pub(super) async fn target(State(site): State<Site>) -> Response {
    match ask(&site.ask, Asked::Numbers).await {
        Some(measured) => plain(&json!({ "workers": measured.numbers.desired_workers })),
        None => closing(),
    }
}

/// Since when there is nothing to do.
pub(super) async fn idle(State(site): State<Site>) -> Response {
    match ask(&site.ask, Asked::Idle).await {
        Some(since) => plain(&json!({ "idle_since": since })),
        None => closing(),
    }
}

/// Lets workers go: so many, or those that are named. Answers who they were.
pub(super) async fn retire(
    State(site): State<Site>,
    Extension(Peer(peer)): Extension<Peer>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    if let Err(refusal) = origin::may_change(&headers) {
        return (StatusCode::FORBIDDEN, refusal).into_response();
    }
    let retired = match asked(&body) {
        Ok(retired) => retired,
        Err(cause) => return failed(&cause),
    };
    tracing::info!("{retired} asked to retire by {}, over HTTP", origin::asker(&headers, peer, site.x_headers));
    match ask(&site.ask, |answer| Asked::Retire(retired, answer)).await {
        Some(Ok(workers)) => plain(&told(&workers)),
        Some(Err(cause)) => failed(&cause),
        None => closing(),
    }
}

/// What a request says.
fn asked(body: &[u8]) -> Result<Retired, String> {
    let body: Out = serde_json::from_slice(body).map_err(|error| format!("the request is no JSON: {error}"))?;
    let Out::Object(fields) = body else { return Err("the request is no object".to_owned()) };
    match fields.get("n") {
        None | Some(Out::Null | Out::Bool(false)) => {}
        Some(n) => match n.as_i64() {
            Some(0) => {}
            Some(n) => return Ok(Retired::Count(n)),
            None => return Err(format!("n is {n}; it must be a whole number")),
        },
    }
    let named = match fields.get("workers") {
        None => Vec::new(),
        Some(Out::Array(workers)) => {
            workers.iter().map(name).collect::<Option<_>>().ok_or("a worker is named by text")?
        }
        Some(Out::Object(workers)) => workers.keys().map(|address| address.as_str().into()).collect(),
        Some(_) => return Err("workers must be a list of addresses".to_owned()),
    };
    Ok(Retired::Named(named))
}

fn name(worker: &Out) -> Option<Value> {
    worker.as_str().map(Value::from).or_else(|| worker.as_i64().map(Value::Int))
}

/// An answer with the type that Dask gives it.
fn plain(answer: &Out) -> Response {
    ([(header::CONTENT_TYPE, "application/json")], answer.to_string()).into_response()
}

/// What went wrong is told in the log: whoever asks gets what Dask answers.
fn failed(cause: &str) -> Response {
    tracing::warn!("retire_workers over HTTP: {cause}");
    let answer = plain(&json!({ "Error": "Internal Server Error" }));
    (StatusCode::INTERNAL_SERVER_ERROR, answer).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_say_how_many_or_which() {
        let named = |names: &[&str]| Ok(Retired::Named(names.iter().map(|name| (*name).into()).collect()));
        let table = [
            (r#"{"n": 2}"#, Ok(Retired::Count(2))),
            (r#"{"n": 0, "workers": ["tcp://a:1"]}"#, named(&["tcp://a:1"])),
            (r#"{"workers": {"tcp://a:1": {}}}"#, named(&["tcp://a:1"])),
            ("{}", named(&[])),
        ];
        for (body, expected) in table {
            assert_eq!(asked(body.as_bytes()), expected, "{body}");
        }
        for body in ["", "[]", r#"{"n": "x"}"#, r#"{"n": 1.5}"#, r#"{"workers": 1}"#, r#"{"workers": [[]]}"#, "\u{0}"] {
            assert!(asked(body.as_bytes()).is_err(), "{body}");
        }
    }
}
