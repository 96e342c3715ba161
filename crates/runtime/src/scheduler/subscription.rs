//! Subscriptions: who manages a cluster is told which workers come and go.

use std::collections::BTreeSet;
use std::rc::Rc;
use std::time::Duration;

use cenote_core::protocol::field::{Optional, Text, encode};
use cenote_core::protocol::query::{Identity, Query};
use cenote_core::protocol::value::Value;
use tokio::time::interval;

use super::connection::identity;
use super::hub::Hub;
use crate::comm::{CommError, Connection, Sender};

/// How often to look for workers that have come or gone.
const LOOK: Duration = Duration::from_millis(100);
/// What changes all the time, and is not told.
const RESTLESS: [&str; 2] = ["metrics", "last_seen"];

/// Tells which workers there are, and then which come and go, until the other side goes.
pub(super) async fn workers(hub: &Rc<Hub>, connection: Connection) -> Result<(), CommError> {
    let (mut receiver, mut sender) = connection.split();
    tokio::select! {
        outcome = tell(hub, &mut sender) => outcome,
        // Nothing is expected but the end.
        outcome = receiver.receive() => outcome.map(drop),
    }
}

async fn tell(hub: &Rc<Hub>, sender: &mut Sender) -> Result<(), CommError> {
    let everything = calm(identity(hub, &Identity { n_workers: Optional(None) }));
    let mut known = addresses(&everything);
    match &everything {
        Ok(value) => sender.send(&value.encode()).await?,
        Err(error) => return sender.send(&encode(error)).await,
    }
    let mut looks = interval(LOOK);
    loop {
        looks.tick().await;
        let now: BTreeSet<Text> = hub.machine().workers().map(|worker| worker.address).collect();
        if now == known {
            continue;
        }
        let mut changes: Vec<Value> =
            known.difference(&now).map(|gone| Value::Tuple(vec!["remove".into(), gone.clone().into()])).collect();
        let all = calm(hub.query(&Query::Identity(Identity { n_workers: Optional(None) })));
        if let Some(Value::Map(workers)) = all.as_ref().ok().and_then(|all| all.get("workers")) {
            let come = workers.iter().filter(|(address, _)| address.as_str().is_some_and(|it| !known.contains(it)));
            changes.extend(come.map(|(address, about)| {
                let workers = Value::Map(vec![(address.clone(), about.clone())]);
                Value::Tuple(vec!["add".into(), Value::map([("workers", workers)])])
            }));
        }
        sender.send(&Value::Tuple(changes).encode()).await?;
        known = now;
    }
}

fn addresses(identity: &super::hub::Reply) -> BTreeSet<Text> {
    let workers = identity.as_ref().ok().and_then(|identity| identity.get("workers"));
    let Some(Value::Map(workers)) = workers else { return BTreeSet::new() };
    workers.iter().filter_map(|(address, _)| address.as_str().map(Text::from)).collect()
}

/// The identity without what changes all the time.
fn calm(identity: super::hub::Reply) -> super::hub::Reply {
    let mut identity = identity?;
    if let Value::Map(entries) = &mut identity
        && let Some((_, Value::Map(workers))) = entries.iter_mut().find(|(name, _)| name.as_str() == Some("workers"))
    {
        for (_, worker) in workers {
            if let Value::Map(entries) = worker {
                entries.retain(|(name, _)| !name.as_str().is_some_and(|name| RESTLESS.contains(&name)));
            }
        }
    }
    Ok(identity)
}
