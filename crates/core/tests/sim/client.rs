//! Model clients: what each wants, and what it believes.

use std::collections::BTreeMap;

use cenote_core::protocol::client::ToClient;
use cenote_core::protocol::value::Value;

use super::worker::RAISED_BY;

/// What a client believes of a key.
#[derive(Clone, Debug, PartialEq)]
pub enum Belief {
    Pending,
    Memory,
    /// With what was raised.
    Erred(String),
    Cancelled,
}

#[derive(Debug)]
pub struct ModelClient {
    pub name: String,
    pub open: bool,
    /// How much it has left to do.
    pub plan: usize,
    pub keys: BTreeMap<String, Belief>,
}

impl ModelClient {
    pub fn hear(&mut self, message: ToClient) {
        let mut believe = |key: String, belief: Belief| {
            if let Some(believed) = self.keys.get_mut(&key) {
                *believed = belief;
            }
        };
        match message {
            ToClient::KeyInMemory(it) => believe(it.key.to_string(), Belief::Memory),
            ToClient::LostData(it) => believe(it.key.to_string(), Belief::Pending),
            ToClient::TaskRetried(it) => believe(it.key.to_string(), Belief::Pending),
            ToClient::CancelledKeys(it) => {
                for key in it.keys {
                    believe(key.to_string(), Belief::Cancelled);
                }
            }
            ToClient::TaskErred(it) => {
                let raised = match it.exception {
                    Value::Str(text) => text.to_string(),
                    Value::Serialized(pickle) => raised_in(&String::from_utf8_lossy(&pickle.frames().concat())),
                    other => format!("{other:?}"),
                };
                believe(it.key.to_string(), Belief::Erred(raised));
            }
            _ => {}
        }
    }
}

/// What a task raised, out of the pickle of the exception.
fn raised_in(pickle: &str) -> String {
    let Some(start) = pickle.find(RAISED_BY) else { return pickle.to_owned() };
    let (by, key) = pickle[start..].split_at(RAISED_BY.len());
    let end = key.find(|it: char| !it.is_ascii_alphanumeric() && it != '-').unwrap_or(key.len());
    format!("{by}{}", &key[..end])
}
