//! The bytes that `tests/data/capture.py` recorded are read, and written again as the same bytes.

use std::fmt::Debug;
use std::fs;
use std::path::{Path, PathBuf};

use bytes::{Bytes, BytesMut};
use cenote_core::protocol::batch::{Batch, BatchWriter};
use cenote_core::protocol::client::{FromClient, ToClient};
use cenote_core::protocol::frame::{Decoded, Decoder, Frames};
use cenote_core::protocol::record::Operation;
use cenote_core::protocol::value::Value;
use cenote_core::protocol::worker::{FromWorker, ToWorker};

/// One direction of a recorded connection.
pub struct Recorded {
    pub name: String,
    pub messages: Vec<Frames>,
    pub bytes: Vec<u8>,
}

/// Where the recorded bytes are.
pub fn data() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/data")
}

fn messages(bytes: &[u8]) -> Vec<Frames> {
    let (mut decoder, mut buffer, mut messages) = (Decoder::default(), BytesMut::from(bytes), Vec::new());
    while let Decoded::Message(frames) = decoder.decode(&mut buffer).unwrap() {
        messages.push(frames);
    }
    assert!(buffer.is_empty(), "the last message was cut");
    messages
}

/// All that was recorded.
pub fn recorded() -> Vec<Recorded> {
    let mut paths: Vec<PathBuf> =
        fs::read_dir(data().join("wire")).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "bin"));
    paths.sort();
    assert!(paths.len() > 20, "the recorded bytes are missing");
    paths
        .iter()
        .map(|path| {
            let name = path.file_stem().unwrap().to_string_lossy().into_owned();
            let bytes = fs::read(path).unwrap();
            Recorded { name, messages: messages(&bytes), bytes }
        })
        .collect()
}

/// The messages of the streams that one kind of peer opened, one way. The first two messages are the handshake and the
/// registration, or the handshake and its answer.
fn stream(kind: &str, way: &str) -> Vec<Frames> {
    let name = |recorded: &Recorded| recorded.name.starts_with(kind) && recorded.name.ends_with(way);
    let skipped = if way == "up" || kind.ends_with("worker") { 2 } else { 1 };
    recorded().into_iter().filter(name).flat_map(|recorded| recorded.messages.into_iter().skip(skipped)).collect()
}

#[test]
fn every_message_is_written_again_as_the_same_bytes() {
    for recorded in recorded() {
        let mut segments = Vec::new();
        for frames in &recorded.messages {
            let value = Value::decode(frames).unwrap_or_else(|error| panic!("{}: {error}", recorded.name));
            assert_eq!(&value.encode(), frames, "{}: {value:?}", recorded.name);
            frames.encode(&mut segments);
        }
        let mut ours = segments.concat();
        assert_eq!(ours.len(), recorded.bytes.len());
        forget_first_reads(&recorded, &mut ours);
        assert!(ours == recorded.bytes, "{}: the frames are laid out otherwise", recorded.name);
    }
}

/// Stock parts split their reads before large buffers, which is theirs to choose: takes their first numbers over.
fn forget_first_reads(recorded: &Recorded, ours: &mut [u8]) {
    let mut start = 0;
    for frames in &recorded.messages {
        ours[start..start + 8].copy_from_slice(&recorded.bytes[start..start + 8]);
        start += 8 * (frames.rest.len() + 3) + frames.iter().map(Bytes::len).sum::<usize>();
    }
}

/// Reads a stream, demands that each operation is known, and that what is written again says the same, but for the
/// order of the fields and those that say nothing.
fn read_stream<T: Operation + Debug>(kind: &str, way: &str, unknown: impl Fn(&T) -> bool) -> Vec<String> {
    let mut seen = Vec::new();
    for frames in stream(kind, way) {
        let mut writer = BatchWriter::default();
        for operation in Batch::<T>::new(&frames).unwrap() {
            let operation = operation.unwrap_or_else(|error| panic!("{kind} {way}: {error}"));
            assert!(!unknown(&operation), "{operation:?}");
            let shown = format!("{operation:?}");
            seen.push(shown.split('(').next().unwrap().to_owned());
            writer.push(&operation);
        }
        let (theirs, ours) = (Value::decode(&frames).unwrap(), Value::decode(&writer.finish()).unwrap());
        assert_eq!(plain(&ours), plain(&theirs));
    }
    seen.sort();
    seen.dedup();
    seen
}

/// A message without the order of its fields, without those that say nothing, and with sets as lists.
pub fn plain(value: &Value) -> Value {
    match value {
        Value::Map(entries) => {
            let mut entries: Vec<_> = entries
                .iter()
                .filter(|(_, value)| *value != Value::Nil)
                .map(|(key, value)| (key.clone(), plain(value)))
                .collect();
            entries.sort_by_key(|(key, _)| format!("{key:?}"));
            Value::Map(entries)
        }
        Value::Tuple(values) | Value::Set(values) => Value::Tuple(values.iter().map(plain).collect()),
        other => other.clone(),
    }
}

#[test]
fn all_that_clients_say_on_their_stream_is_known() {
    let seen = read_stream("scheduler-register-client", "up", |op| matches!(op, FromClient::Unknown { .. }));
    let all = "CancelKeys ClientDesiresKeys ClientReleasesKeys CloseClient CloseStream HeartbeatClient PublishFlush QueueFutureRelease SubscribeTopic UnsubscribeTopic UpdateGraph";
    assert_eq!(seen.join(" "), all);
}

#[test]
fn all_that_stock_schedulers_say_to_clients_is_known() {
    let seen = read_stream("scheduler-register-client", "down", |op| matches!(op, ToClient::Unknown { .. }));
    let all = "AdjustHeartbeatInterval CancelledKeys Event KeyInMemory Restart StreamStart TaskErred TaskRetried";
    assert_eq!(seen.join(" "), all);
}

#[test]
fn all_that_workers_say_on_their_stream_is_known() {
    let seen = read_stream("scheduler-register-worker", "up", |op| matches!(op, FromWorker::Unknown { .. }));
    let all = "AddKeys CloseStream LogEvent LongRunning ReleaseWorkerData Reschedule StealResponse TaskErred TaskFinished WorkerStatusChange";
    assert_eq!(seen.join(" "), all);
}

#[test]
fn all_that_stock_schedulers_say_to_workers_is_known() {
    let seen = read_stream("scheduler-register-worker", "down", |op| matches!(op, ToWorker::Unknown { .. }));
    let all = "AcquireReplicas Close ComputeTask FreeKeys RemoveReplicas RemoveWorker StealRequest WorkerStatusChange";
    assert_eq!(seen.join(" "), all);
}

#[test]
fn messages_to_workers_are_byte_for_byte_those_of_stock() {
    for frames in stream("scheduler-register-worker", "down") {
        let mut writer = BatchWriter::default();
        for operation in Batch::<ToWorker>::new(&frames).unwrap() {
            writer.push(&operation.unwrap());
        }
        assert_eq!(writer.finish(), frames);
    }
}
