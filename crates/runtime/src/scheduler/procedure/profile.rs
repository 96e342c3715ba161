//! Profiles: what workers spent their time on, as trees of calls, merged into one.

use std::rc::Rc;

use cenote_core::protocol::field::Text;
use cenote_core::protocol::procedure::Profile;
use cenote_core::protocol::value::Value;

use super::broadcast::ask_all;
use super::peer;
use crate::scheduler::hub::{Hub, Reply};

/// The profiles of workers: one tree, or one for each of them. Those that do not answer are passed over. The scheduler
/// itself runs no Python, and its tree is empty.
pub(super) async fn profile(hub: &Rc<Hub>, request: Profile) -> Reply {
    if request.scheduler.0 == Some(true) {
        return Ok(empty());
    }
    let named = request.workers.0;
    let mut workers: Vec<Text> = hub.machine().workers().map(|worker| worker.address).collect();
    workers.retain(|worker| named.as_ref().is_none_or(|named| named.contains(worker)));
    let arguments = vec![
        ("start", request.start.0.into()),
        ("stop", request.stop.0.into()),
        ("key", request.key.0.unwrap_or(Value::Nil)),
        ("server", request.of_server.0.unwrap_or(false).into()),
    ];
    let message = peer::request("profile", arguments);
    let asked = workers.iter().map(|worker| (worker.clone(), worker.clone(), message.clone()));
    let replies = ask_all(hub, asked.collect()).await;
    let answered = workers.into_iter().zip(replies).filter_map(|(worker, reply)| Some((worker, reply.ok()?)));
    if request.merge_workers.0 == Some(false) {
        return Ok(Value::Map(answered.map(|(worker, tree)| (worker.into(), tree)).collect()));
    }
    Ok(answered.map(|(_, tree)| tree).reduce(merged).unwrap_or_else(empty))
}

/// The tree of nothing, as Dask has it.
fn empty() -> Value {
    let nowhere = [("filename", "".into()), ("name", "".into()), ("line_number", Value::Int(0)), ("line", "".into())];
    Value::map([
        ("count", Value::Int(0)),
        ("children", Value::map([])),
        ("identifier", "root".into()),
        ("description", Value::map(nowhere)),
    ])
}

/// Two trees as one: counts are added up, children of the same name are merged. A tree is as deep as a message may be,
/// which is not deep.
fn merged(mut tree: Value, other: Value) -> Value {
    let Value::Map(fields) = &mut tree else { return other };
    let Value::Map(others) = other else { return tree };
    for (name, other) in others {
        let Some((_, field)) = fields.iter_mut().find(|(known, _)| *known == name) else { continue };
        match name.as_str() {
            Some("count") => *field = Value::Int(count(field).saturating_add(count(&other))),
            Some("children") => merge_children(field, other),
            _ => {}
        }
    }
    tree
}

fn merge_children(children: &mut Value, others: Value) {
    let (Value::Map(children), Value::Map(others)) = (children, others) else { return };
    for (name, other) in others {
        match children.iter_mut().find(|(known, _)| *known == name) {
            Some((_, child)) => *child = merged(std::mem::replace(child, Value::Nil), other),
            None => children.push((name, other)),
        }
    }
}

fn count(value: &Value) -> i64 {
    if let Value::Int(count) = value { *count } else { 0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree(count: i64, children: &[(&str, Value)]) -> Value {
        let children = children.iter().map(|(name, child)| ((*name).into(), child.clone())).collect();
        Value::map([("count", Value::Int(count)), ("children", Value::Map(children)), ("identifier", "x".into())])
    }

    #[test]
    fn trees_are_merged_child_by_child() {
        let left = tree(3, &[("a", tree(1, &[("b", tree(1, &[]))])), ("c", tree(2, &[]))]);
        let right = tree(5, &[("a", tree(4, &[("d", tree(4, &[]))])), ("e", tree(1, &[]))]);
        let both = tree(
            8,
            &[("a", tree(5, &[("b", tree(1, &[])), ("d", tree(4, &[]))])), ("c", tree(2, &[])), ("e", tree(1, &[]))],
        );
        assert_eq!(merged(left, right), both);
    }

    #[test]
    fn what_is_no_tree_does_no_harm() {
        assert_eq!(merged(tree(1, &[]), Value::Nil), tree(1, &[]));
        assert_eq!(merged(Value::Nil, tree(1, &[])), tree(1, &[]));
    }
}
