//! Everything that reads what a peer sends, on any bytes. Shared with the fuzz targets in `fuzz/`.

use bytes::{Bytes, BytesMut};
use cenote_core::protocol::batch::{Batch, BatchWriter};
use cenote_core::protocol::client::{FromClient, Gather, RegisterClient, ToClient};
use cenote_core::protocol::field::{Field, decode};
use cenote_core::protocol::frame::{Decoded, Decoder, Frames};
use cenote_core::protocol::handshake::Handshake;
use cenote_core::protocol::limits::Limits;
use cenote_core::protocol::peer::{GetData, GetDataReply};
use cenote_core::protocol::query::Query;
use cenote_core::protocol::question::Question;
use cenote_core::protocol::record::Operation;
use cenote_core::protocol::rpc::{ErrorReply, Request};
use cenote_core::protocol::serialized::Pickled;
use cenote_core::protocol::value::Value;
use cenote_core::protocol::versions::packages;
use cenote_core::protocol::worker::{FromWorker, HeartbeatWorker, RegisterWorker, ToWorker};

/// Cuts a stream into messages, in pieces of `step` bytes, and returns those before the first error. What is written
/// again is cut in the same way.
pub fn frames(stream: &[u8], step: usize) -> Vec<Frames> {
    let limits = Limits { frames_max: 1 << 12, head_bytes_max: 1 << 20, message_bytes_max: 1 << 24 };
    let (mut decoder, mut buffer, mut messages) = (Decoder::new(limits), BytesMut::new(), Vec::new());
    'stream: for piece in stream.chunks(step.max(1)) {
        buffer.extend_from_slice(piece);
        loop {
            match decoder.decode(&mut buffer) {
                Ok(Decoded::Message(frames)) => messages.push(frames),
                Ok(Decoded::Incomplete(missing)) => break assert!(missing > 0),
                Err(_) => break 'stream,
            }
        }
        assert!(buffer.capacity() <= 4 * (stream.len() + 4096), "more room than bytes");
    }
    for frames in &messages {
        let mut segments = Vec::new();
        frames.encode(&mut segments);
        let mut again = BytesMut::from(segments.concat().as_slice());
        assert_eq!(Decoder::new(limits).decode(&mut again), Ok(Decoded::Message(frames.clone())));
    }
    messages
}

/// Reads one message as everything that it could be.
pub fn message(frames: &Frames) {
    if let Ok(value) = Value::decode(frames) {
        let again = value.encode();
        let read = Value::decode(&again).expect("what was written can be read");
        assert_eq!(read.encode(), again);
        packages(&value);
    }
    batch::<FromClient>(frames);
    batch::<ToClient>(frames);
    batch::<FromWorker>(frames);
    batch::<ToWorker>(frames);
    read::<Handshake>(frames);
    read::<ErrorReply>(frames);
    read::<GetDataReply>(frames);
    if let Ok(request) = Request::decode(frames.clone()) {
        let _ = request.arguments::<RegisterClient>();
        let _ = request.arguments::<RegisterWorker>();
        let _ = request.arguments::<HeartbeatWorker>();
        let _ = request.arguments::<Gather>();
        let _ = request.operation::<Question>();
        let _ = request.operation::<Query>();
        let _ = request.arguments::<GetData>();
    }
}

/// Reads bytes as frame 0 of a message that has a serialized value and a pickle to refer to.
pub fn head(bytes: &[u8]) {
    let header = Bytes::from_static(b"\x81\xaenum-sub-frames\x01");
    let pickle = Pickled::new(b"pickle", Vec::new()).header().clone();
    let rest = vec![header, Bytes::from_static(b"payload"), pickle];
    message(&Frames { head: Bytes::copy_from_slice(bytes), rest });
}

fn batch<T: Operation>(frames: &Frames) {
    let mut writer = BatchWriter::default();
    for operation in Batch::<T>::new(frames).into_iter().flatten().flatten() {
        writer.push(&operation);
    }
    let count = writer.len();
    let written = writer.finish();
    let read = Batch::<T>::new(&written).expect("a batch is a list").map(|operation| operation.expect("as it was"));
    assert_eq!(read.count(), count);
}

fn read<T: Field>(frames: &Frames) {
    if let Ok(value) = decode::<T>(frames) {
        let again = cenote_core::protocol::field::encode(&value);
        assert!(decode::<T>(&again).is_ok());
    }
}
