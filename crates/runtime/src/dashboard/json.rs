//! `/json`: who the scheduler is and what it does, for programs.

use axum::extract::State;
use axum::response::{IntoResponse, Json, Response};
use cenote_core::protocol::value::Value;
use cenote_core::scheduler::numbers::Numbers;
use cenote_core::scheduler::task::StateName;
use serde_json::{Map, Value as Out, json};

use super::asked::{Asked, ask};
use super::markup::shown;
use super::page;
use super::routes::{Site, closing};

/// What Dask's `/json/counts.json` tells, under the same names.
pub(super) async fn counts(State(site): State<Site>) -> Response {
    match ask(&site.ask, Asked::Numbers).await {
        Some(measured) => Json(counted(&measured.numbers)).into_response(),
        None => closing(),
    }
}

/// Who the scheduler is, and who its workers are.
pub(super) async fn identity(State(site): State<Site>) -> Response {
    match ask(&site.ask, Asked::Identity).await {
        Some(identity) => Json(told(&identity)).into_response(),
        None => closing(),
    }
}

/// Where the others are.
pub(super) async fn index() -> Response {
    const PAGES: [(&str, &str); 2] = [("json/counts.json", "counts.json"), ("json/identity.json", "identity.json")];
    shown(page::links("JSON", 1, &PAGES))
}

fn counted(numbers: &Numbers) -> Out {
    let workers = numbers.workers;
    json!({
        "bytes": workers.nbytes,
        "clients": numbers.clients,
        "cores": workers.threads,
        "erred": numbers.count(StateName::Erred),
        "hosts": workers.hosts,
        "idle": workers.idle,
        "memory": workers.in_memory,
        "processing": workers.processing,
        "released": numbers.count(StateName::Released),
        "saturated": workers.saturated,
        "tasks": numbers.tasks.iter().sum::<usize>(),
        "unrunnable": numbers.count(StateName::NoWorker),
        "waiting": numbers.count(StateName::Waiting),
        "waiting_data": numbers.awaited,
        "workers": workers.all,
        "desired_workers": numbers.desired_workers,
    })
}

/// A value of the protocol as JSON: names are text there, and bytes are nothing that it knows.
pub(super) fn told(value: &Value) -> Out {
    match value {
        Value::Nil | Value::Bytes(_) | Value::Serialized(_) | Value::Pickled(_) => Out::Null,
        Value::Bool(value) => (*value).into(),
        Value::Int(number) => (*number).into(),
        Value::UInt(number) => (*number).into(),
        Value::Float(number) => (*number).into(),
        Value::Str(text) => (**text).into(),
        Value::Tuple(items) | Value::Set(items) => items.iter().map(told).collect(),
        Value::Map(entries) => {
            let entries = entries.iter().map(|(name, value)| (name_of(name), told(value)));
            Out::Object(entries.collect::<Map<_, _>>())
        }
        Value::Enum(member) => (*member.name).into(),
    }
}

/// The name of an entry: what is no text stands there as Python would print it.
fn name_of(name: &Value) -> String {
    match (name.as_str(), name.to_key()) {
        (Some(text), _) => text.to_owned(),
        (None, Some(key)) => key.to_string(),
        (None, None) => told(name).to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_become_json_whatever_their_names_are() {
        let name = Value::Tuple(vec!["execute".into(), Value::Int(1)]);
        let value = Value::Map(vec![
            (name, Value::Float(0.5)),
            ("none".into(), Value::Float(f64::NAN)),
            (Value::Int(3), Value::Tuple(vec![Value::Nil, Value::Bool(true)])),
        ]);
        assert_eq!(told(&value), json!({"('execute', 1)": 0.5, "none": null, "3": [null, true]}));
    }
}
