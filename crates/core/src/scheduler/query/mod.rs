//! Queries: what can be asked of the scheduler without changing it.
#![allow(clippy::result_large_err, reason = "an answer is made once and moved out; a box would cost more")]

mod scaling;
mod task;
pub(super) mod worker;

use super::Scheduler;
use super::question::Answer;
use crate::protocol::exception::Builtin;
use crate::protocol::query::Query;
use crate::protocol::rpc::ErrorReply;
use crate::protocol::value::Value;

impl Scheduler {
    /// The answer to a query, as Dask's scheduler would give it. Of the identity, the shell knows the rest.
    ///
    /// # Errors
    /// What is raised where it was asked.
    pub fn query(&self, query: &Query) -> Answer {
        Ok(match query {
            Query::Identity(it) => self.identity(it.n_workers.0),
            Query::WhoHas(it) => self.told_who_has(it.keys.0.as_deref()),
            Query::HasWhat(it) => self.told_has_what(it.workers.0.as_deref()),
            Query::Ncores(it) => self.told_threads(it.workers.0.as_deref(), false),
            Query::NcoresRunning(it) => self.told_threads(it.workers.0.as_deref(), true),
            Query::Processing(it) => return self.told_processing(it.workers.0.as_deref()),
            Query::Nbytes(it) => return self.told_sizes(it.keys.0.as_deref(), it.summary.0.unwrap_or(true)),
            Query::TaskStatus(it) => self.told_states(&it.keys),
            Query::PrefixStates(_) => self.told_prefixes(),
            Query::TaskCount(_) => (self.keys().count() as u64).into(),
            Query::GetStory(it) => self.told_story(&it.keys_or_stimuli),
            Query::Events(it) => self.events(it.topic.0.as_ref()),
            Query::GetMetadata(it) => return self.metadata(it),
            Query::GetRunspec(it) => return self.told_run_spec(&it.key),
            Query::ErrorCause(it) => self.told_cause(&it.keys),
            Query::AdaptiveTarget(it) => return self.told_target(it),
            Query::WorkersToClose(it) => return self.told_closable(it),
            Query::CheckIdle(_) => self.idle_since().into(),
            Query::Inspect(it) => self.inspect(&it.path, it.now.0.unwrap_or(self.now)),
            Query::Unknown { op } => {
                let text = format!("this scheduler does not know the request {op:?}");
                return Err(ErrorReply::text(&text));
            }
        })
    }
}

/// A dictionary whose keys are not only text.
fn dictionary<K: Into<Value>, V: Into<Value>>(entries: impl Iterator<Item = (K, V)>) -> Value {
    Value::Map(entries.map(|(key, value)| (key.into(), value.into())).collect())
}

/// What is raised where something is asked of a key that is not known.
fn missing(key: impl std::fmt::Display) -> ErrorReply {
    ErrorReply::builtin(Builtin::Key, &key.to_string())
}
