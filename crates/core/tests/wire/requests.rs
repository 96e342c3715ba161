//! Requests and replies of recorded connections are those that are known here.

use std::collections::BTreeSet;
use std::fmt::Debug;

use cenote_core::protocol::client::{Gather, GatherReply, Identity, RegisterClient};
use cenote_core::protocol::field::{Field, decode, encode};
use cenote_core::protocol::frame::Frames;
use cenote_core::protocol::handshake::Handshake;
use cenote_core::protocol::peer::{Fetch, GetData, GetDataReply};
use cenote_core::protocol::query::{self, HasWhat, Ncores, Processing, WhoHas};
use cenote_core::protocol::rpc::{ErrorReply, Request};
use cenote_core::protocol::value::Value;
use cenote_core::protocol::versions::{mismatch_warning, packages};
use cenote_core::protocol::worker::{
    HeartbeatReply, HeartbeatWorker, RegisterNanny, RegisterNannyReply, RegisterWorker, RegisterWorkerReply, Unregister,
};

use super::recorded::{Recorded, plain, recorded};

/// The two directions of each recorded connection.
fn connections() -> Vec<[Recorded; 2]> {
    let mut ways = recorded().into_iter();
    let mut connections = Vec::new();
    while let (Some(down), Some(up)) = (ways.next(), ways.next()) {
        assert_eq!(down.name.strip_suffix("down"), up.name.strip_suffix("up"));
        connections.push([up, down]);
    }
    connections
}

/// Whether a message says no more than a record does.
fn all_is_read<T: Field + Debug>(frames: &Frames) {
    let record = decode::<T>(frames).unwrap_or_else(|error| panic!("{error}: {:?}", Value::decode(frames)));
    let (theirs, ours) = (Value::decode(frames).unwrap(), Value::decode(&encode(&record)).unwrap());
    let envelope = ["op", "reply", "close", "serializers", "deserializers"];
    let said = |value: &Value| match plain(value) {
        Value::Map(entries) => {
            entries.into_iter().filter(|(key, _)| !envelope.contains(&key.as_str().unwrap())).collect::<Vec<_>>()
        }
        other => panic!("{other:?} is no map"),
    };
    assert_eq!(said(&ours), said(&theirs));
}

#[test]
fn every_connection_begins_with_two_handshakes() {
    for ways in connections() {
        for recorded in ways {
            let theirs: Handshake = decode(&recorded.messages[0]).unwrap();
            assert!(theirs.compression.is_none() && Handshake::ours().agreed_pickle_protocol(&theirs) >= 4);
            assert_eq!(encode(&theirs), recorded.messages[0]);
        }
    }
}

#[test]
fn requests_of_the_first_slice_are_known_and_so_are_their_replies() {
    let mut seen = BTreeSet::new();
    for [up, down] in connections() {
        let mut replies = down.messages.into_iter().skip(1);
        for frames in up.messages.into_iter().skip(1) {
            let Ok(request) = Request::decode(frames.clone()) else { continue };
            let reply = if request.reply || &*request.op == "register-worker" { replies.next() } else { None };
            let both = |request: fn(&Frames), answer: fn(&Frames)| {
                request(&frames);
                reply.iter().for_each(answer);
            };
            let nothing: fn(&Frames) = |_| ();
            match &*request.op {
                "register-client" => both(all_is_read::<RegisterClient>, nothing),
                "register-worker" => both(all_is_read::<RegisterWorker>, all_is_read::<RegisterWorkerReply>),
                "register_nanny" => both(all_is_read::<RegisterNanny>, all_is_read::<RegisterNannyReply>),
                "heartbeat_worker" => both(all_is_read::<HeartbeatWorker>, all_is_read::<HeartbeatReply>),
                "unregister" => both(all_is_read::<Unregister>, nothing),
                "gather" if up.name.starts_with("worker") => both(all_is_read::<Fetch>, nothing),
                "gather" => both(all_is_read::<Gather>, all_is_read::<GatherReply>),
                "get_data" => both(all_is_read::<GetData>, all_is_read::<GetDataReply>),
                "identity" => both(all_is_read::<query::Identity>, |reply| drop(decode::<Identity>(reply).unwrap())),
                "who_has" if reply.as_ref().is_some_and(|reply| decode::<ErrorReply>(reply).is_ok()) => {}
                "who_has" => both(all_is_read::<WhoHas>, nothing),
                "has_what" => both(all_is_read::<HasWhat>, nothing),
                "ncores" => both(all_is_read::<Ncores>, nothing),
                "processing" => both(all_is_read::<Processing>, nothing),
                _ => {}
            }
            seen.insert(request.op.to_string());
            if request.op.starts_with("register-") {
                break;
            }
        }
    }
    let wanted =
        ["gather", "get_data", "heartbeat_worker", "identity", "register-client", "register-worker", "register_nanny"];
    assert!(wanted.iter().all(|op| seen.contains(*op)), "{seen:?}");
}

#[test]
fn errors_of_stock_schedulers_are_read() {
    let down = connections().into_iter().flat_map(|[_, down]| down.messages);
    let errors: Vec<ErrorReply> = down
        .filter(|frames| Value::decode(frames).unwrap().get("status").and_then(Value::as_str) == Some("uncaught-error"))
        .map(|frames| decode(&frames).unwrap())
        .collect();
    assert!(errors.iter().any(|error| error.exception_text.starts_with("TypeError(")));
}

#[test]
fn stock_peers_of_one_installation_match() {
    let versions: Vec<_> = connections()
        .into_iter()
        .filter_map(|[up, _]| Value::decode(&up.messages[1]).unwrap().get("versions").map(packages))
        .collect();
    assert!(versions.len() > 3 && versions.iter().all(|packages| packages.contains_key("dask")));
    assert_eq!(mismatch_warning(&versions[0], &versions[1], &versions.iter().collect::<Vec<_>>()), "");
}
