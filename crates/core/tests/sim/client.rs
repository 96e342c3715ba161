//! Model clients: what each wants, and what it believes.

use std::collections::BTreeMap;

use cenote_core::scheduler::instruction::{Exception, ToClient};

/// What a client believes of a key.
#[derive(Clone, Debug, PartialEq)]
pub enum Belief {
    Pending,
    Memory,
    Erred { cause: String, exception: Exception },
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
            ToClient::KeyInMemory { key, .. } => believe(key.to_string(), Belief::Memory),
            ToClient::LostData { key } | ToClient::TaskRetried { key } => believe(key.to_string(), Belief::Pending),
            ToClient::CancelledKeys { keys, .. } => {
                for key in keys {
                    believe(key.to_string(), Belief::Cancelled);
                }
            }
            ToClient::TaskErred { key, failure } => {
                let (cause, exception) = (failure.cause.to_string(), failure.exception.clone());
                believe(key.to_string(), Belief::Erred { cause, exception });
            }
            ToClient::StreamStart | ToClient::AdjustHeartbeatInterval { .. } => {}
        }
    }
}
