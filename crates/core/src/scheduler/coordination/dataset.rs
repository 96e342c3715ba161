//! Datasets: collections that clients publish by name. They stay when the client leaves.

use super::Reply;
use super::waiting::On;
use crate::key::Key;
use crate::protocol::coordination::{PublishDelete, PublishPut};
use crate::protocol::exception::Builtin;
use crate::protocol::rpc::ErrorReply;
use crate::protocol::value::Value;
use crate::scheduler::Scheduler;
use crate::scheduler::inspect::seen::{Object, Seen};
use crate::scheduler::registry::{Map, Set};
use crate::scheduler::stimulus::Text;

/// Seconds that a client may take to say on its stream what a change waits for, if it is not connected.
const ABSENT_MAX: f64 = 30.0;

/// All datasets that are published.
#[derive(Debug, Default)]
pub(super) struct Datasets {
    published: Map<Key, Dataset>,
    /// What clients have said on their streams before the request came that waits for it.
    reached: Map<Text, Set<Text>>,
}

#[derive(Debug)]
struct Dataset {
    data: Value,
    keys: Vec<Key>,
}

/// A change of datasets, that comes after all that its client has said before.
#[derive(Debug)]
pub(super) enum Change {
    Put(PublishPut),
    Delete(PublishDelete),
}

impl Change {
    pub fn client(&self) -> &Text {
        match self {
            Self::Put(put) => &put.client,
            Self::Delete(delete) => &delete.client,
        }
    }

    pub fn uid(&self) -> &Text {
        match self {
            Self::Put(put) => &put.uid,
            Self::Delete(delete) => &delete.uid,
        }
    }
}

impl Datasets {
    /// As tests look at it.
    pub fn seen(&self, name: &str) -> Option<Seen> {
        Some(Seen::Map(match name {
            "datasets" => {
                let seen = |dataset: &Dataset| {
                    let keys = Seen::Tuple(dataset.keys.iter().map(Seen::from).collect());
                    Seen::Map(vec![("data".into(), dataset.data.clone().into()), ("keys".into(), keys)])
                };
                self.published.iter().map(|(name, dataset)| (name.into(), seen(dataset))).collect()
            }
            "_flush_received" => {
                let reached = self.reached.values().flatten();
                reached.map(|uid| (uid.clone().into(), Seen::Object(Object::Opaque))).collect()
            }
            _ => return None,
        }))
    }
}

/// The client in whose name a dataset wants its keys.
fn client(name: &Key) -> Text {
    format!("published-{name}").into()
}

impl Scheduler {
    /// Changes datasets once the stream of the client has come as far.
    pub(super) fn change_after_stream(&mut self, ticket: u64, change: Change) {
        if let Some(reached) = self.coordination.datasets.reached.get_mut(change.client())
            && reached.swap_remove(change.uid())
        {
            return self.change_datasets(ticket, change);
        }
        let connected = self.clients.id(change.client()).is_some();
        let deadline = (!connected).then_some(self.now + ABSENT_MAX);
        self.wait(ticket, deadline, On::Stream(change.into()));
    }

    /// The stream of a client has come so far.
    pub(super) fn stream_reached(&mut self, client: &Text, uid: Text) {
        if !self.resume_change(&uid) {
            self.coordination.datasets.reached.entry(client.clone()).or_default().insert(uid);
        }
    }

    pub(super) fn change_datasets(&mut self, ticket: u64, change: Change) {
        let answer = match change {
            Change::Put(put) => self.publish(put),
            Change::Delete(delete) => {
                for name in delete.names {
                    self.unpublish(&name);
                }
                Ok(Value::Nil)
            }
        };
        self.reply(ticket, answer);
    }

    fn publish(&mut self, put: PublishPut) -> Reply {
        let replace = put.replace.0.unwrap_or(false);
        for ((name, keys), data) in put.names.into_iter().zip(put.keys).zip(put.data) {
            if self.coordination.datasets.published.contains_key(&name) && !replace {
                let text = format!("Dataset {name} already exists");
                return Err(ErrorReply::builtin(Builtin::Key, &text));
            }
            let before = self.coordination.datasets.published.swap_remove(&name);
            self.desire(&client(&name), keys.clone());
            let gone: Vec<_> = before.into_iter().flat_map(|it| it.keys).filter(|key| !keys.contains(key)).collect();
            self.undesire(&client(&name), &gone);
            self.coordination.datasets.published.insert(name, Dataset { data, keys });
        }
        Ok(Value::Nil)
    }

    fn unpublish(&mut self, name: &Key) {
        if let Some(dataset) = self.coordination.datasets.published.swap_remove(name) {
            self.undesire(&client(name), &dataset.keys);
        }
    }

    /// The names of all datasets, sorted as text.
    pub(super) fn list_datasets(&mut self, ticket: u64) {
        let mut names: Vec<_> = self.coordination.datasets.published.keys().collect();
        names.sort_by_cached_key(ToString::to_string);
        let answer = Value::Tuple(names.into_iter().map(Value::from).collect());
        self.reply(ticket, Ok(answer));
    }

    pub(super) fn datasets(&mut self, ticket: u64, names: &[Key]) {
        let said = |dataset: &Dataset| {
            let keys = dataset.keys.iter().map(Value::from).collect();
            Value::map([("data", dataset.data.clone()), ("keys", Value::Tuple(keys))])
        };
        let published = &self.coordination.datasets.published;
        let answer = names.iter().map(|name| published.get(name).map_or(Value::Nil, said)).collect();
        self.reply(ticket, Ok(Value::Tuple(answer)));
    }

    /// A client has left: what waits for its stream waits in vain.
    pub(super) fn forget_stream(&mut self, client: &Text) {
        self.coordination.datasets.reached.swap_remove(client);
        self.expire_changes(client);
    }
}
