//! What the two hottest messages cost: `cargo bench -p cenote-core --bench wire`. Prints the best of several rounds.
#![allow(clippy::disallowed_methods, clippy::disallowed_types, reason = "a benchmark needs a clock; core does not")]

use std::hint::black_box;
use std::time::Instant;

use bytes::{Bytes, BytesMut};
use cenote_core::key::Key;
use cenote_core::protocol::batch::{Batch, BatchWriter};
use cenote_core::protocol::client::{KeyInMemory, ToClient};
use cenote_core::protocol::field::{Map, Number, Optional};
use cenote_core::protocol::frame::{Decoded, Decoder, Frames};
use cenote_core::protocol::record::Operation;
use cenote_core::protocol::serialized::Pickled;
use cenote_core::protocol::value::Value;
use cenote_core::protocol::worker::{ComputeTask, FromWorker, StartStop, TaskFinished, ToWorker};

/// Operations of one message.
const BATCH: usize = 100;
const ROUNDS: usize = 200;

fn main() {
    let finished = FromWorker::from(finished());
    let compute = ToWorker::from(compute());
    let memory = KeyInMemory { key: key(1), class: Optional(Some(class())), workers: Optional(None) };
    println!("{:34} {:>8}", "one operation of a batch of 100", "ns");
    report("task-finished, decode", &decode(&finished));
    report("task-finished of stock, decode", &decode_frames::<FromWorker>(&as_stock_workers_write(&finished)));
    report("task-finished, encode", &encode(&finished));
    report("compute-task, encode", &encode(&compute));
    report("compute-task, decode", &decode(&compute));
    report("key-in-memory, encode", &encode(&ToClient::from(memory)));
}

fn key(index: usize) -> Key {
    format!("add-0123456789abcdef0123456789abcdef-{index}").as_str().into()
}

fn class() -> Bytes {
    Bytes::from_static(b"\x80\x05\x95\x14\0\0\0\0\0\0\0\x8c\x08builtins\x94\x8c\x03int\x94\x93\x94.")
}

fn finished() -> TaskFinished {
    let startstops = vec![StartStop {
        action: "compute".into(),
        start: 1_795_423_123.25,
        stop: 1_795_423_123.5,
        source: Optional(None),
    }];
    TaskFinished {
        key: key(7),
        run_id: 123_456,
        nbytes: 28,
        class: class(),
        typename: "int".into(),
        metadata: Value::Map(Vec::new()),
        thread: Some(140_234_567_890),
        startstops,
        stimulus_id: "task-finished-1795423123.1234567".into(),
        status: Optional(Some("OK".into())),
    }
}

fn compute() -> ComputeTask {
    let address = "tcp://127.0.0.1:45678";
    ComputeTask {
        key: key(7),
        run_id: 123_456,
        priority: [Number::Int(0), Number::Int(1), Number::Int(345)],
        stimulus_id: "compute-task-1795423123.1234567".into(),
        who_has: Map((0..2).map(|index| (key(index), vec![address.into()])).collect()),
        nbytes: Map((0..2).map(|index| (key(index), 28)).collect()),
        run_spec: Pickled::new(&[7; 150], Vec::new()),
        resource_restrictions: None,
        actor: false,
        annotations: Value::Map(Vec::new()),
        span_id: Some("0123456789abcdef".into()),
    }
}

fn message<T: Operation>(operation: &T) -> Frames {
    let mut writer = BatchWriter::default();
    (0..BATCH).for_each(|_| writer.push(operation));
    writer.finish()
}

/// From operations to the bytes that are written.
fn encode<T: Operation>(operation: &T) -> impl Fn() {
    move || {
        let mut segments = Vec::new();
        message(black_box(operation)).encode(&mut segments);
        black_box(segments);
    }
}

/// The message with `op` behind the other fields of each operation.
fn as_stock_workers_write<T: Operation>(operation: &T) -> Frames {
    let Ok(Value::Tuple(mut operations)) = Value::decode(&message(operation)) else { unreachable!("it is a list") };
    for operation in &mut operations {
        let Value::Map(fields) = operation else { unreachable!("of maps") };
        fields.rotate_left(1);
    }
    Value::Tuple(operations).encode()
}

fn decode<T: Operation>(operation: &T) -> impl Fn() {
    decode_frames::<T>(&message(operation))
}

/// From the bytes that were read to operations.
fn decode_frames<T: Operation>(frames: &Frames) -> impl Fn() + use<T> {
    let mut segments = Vec::new();
    frames.encode(&mut segments);
    let bytes = segments.concat();
    move || {
        let mut buffer = BytesMut::from(bytes.as_slice());
        let Ok(Decoded::Message(frames)) = Decoder::default().decode(&mut buffer) else { unreachable!("it is whole") };
        for operation in Batch::<T>::new(&frames).expect("it is a batch") {
            black_box(operation.expect("it was written here"));
        }
    }
}

fn report(what: &str, run: &dyn Fn()) {
    let best = (0..ROUNDS).map(|_| {
        let start = Instant::now();
        run();
        start.elapsed()
    });
    let nanoseconds = best.min().expect("there are rounds").as_nanos() as usize / BATCH;
    println!("{what:34} {nanoseconds:>8}");
}
