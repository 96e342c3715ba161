//! What is asked of a worker by another one, or by whoever else fetches results.

use super::field::{Map, Optional, Text};
use super::record::record;
use super::value::Value;
use crate::key::Key;

record! {
    /// The request `get_data`. Its answer must be acknowledged with the text `OK`, or the worker waits for ever.
    GetData {
        /// The keys.
        keys: Vec<Key>,
        /// Who asks.
        who: Option<Text>,
        /// The families of serializers that the answer may use.
        serializers: Optional<Vec<Text>>,
    }
}

record! {
    /// The answer to [`GetData`].
    GetDataReply {
        /// `OK`, or `busy`: ask again later. Only `OK` is acknowledged.
        status: Text,
        /// Those of the results that are there.
        data: Optional<Map<Key, Value>>,
    }
}

record! {
    /// The request `gather` to a worker: fetch results from others.
    Fetch {
        /// The keys, and who has them.
        who_has: Map<Key, Vec<Text>>,
    }
}
