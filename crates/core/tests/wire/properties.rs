//! Properties: what was written is read again, whatever it is.

use bytes::Bytes;
use cenote_core::key::Key;
use cenote_core::protocol::field::{Map, Number, Optional, Text, decode, encode};
use cenote_core::protocol::frame::Frames;
use cenote_core::protocol::serialized::{Pickled, Serialized};
use cenote_core::protocol::value::{Enumerated, Value};
use cenote_core::protocol::worker::{ComputeTask, StartStop, TaskFinished};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

use super::exercise;

fn bytes() -> impl Strategy<Value = Bytes> {
    vec(any::<u8>(), 0..40).prop_map(Bytes::from)
}

fn text() -> impl Strategy<Value = Text> {
    vec(any::<char>(), 0..40).prop_map(|letters| letters.into_iter().collect::<String>().into())
}

/// Floats that equal themselves.
fn float() -> impl Strategy<Value = f64> {
    any::<f64>().prop_map(|value| if value.is_nan() { 0.5 } else { value })
}

fn key() -> impl Strategy<Value = Key> {
    let leaf = prop_oneof![
        text().prop_map(Key::Str),
        any::<bool>().prop_map(Key::Bool),
        any::<i64>().prop_map(Key::Int),
        (i64::MAX as u64 + 1..).prop_map(Key::UInt),
        any::<f64>().prop_map(Key::Float),
        vec(any::<u8>(), 0..40).prop_map(|bytes| Key::Bytes(bytes.into())),
    ];
    leaf.prop_recursive(3, 16, 4, |inner| vec(inner, 0..4).prop_map(|keys| Key::Tuple(keys.into())))
}

fn payload() -> impl Strategy<Value = Value> {
    prop_oneof![
        (bytes(), vec(bytes(), 0..4))
            .prop_map(|(pickle, buffers)| Value::Serialized(Box::new(Serialized::pickled(pickle, &buffers)))),
        (bytes(), vec(bytes(), 0..4))
            .prop_map(|(pickle, buffers)| Value::Pickled(Box::new(Pickled::new(&pickle, buffers)))),
    ]
}

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Nil),
        any::<bool>().prop_map(Value::Bool),
        any::<i64>().prop_map(Value::Int),
        (i64::MAX as u64 + 1..).prop_map(Value::UInt),
        float().prop_map(Value::Float),
        text().prop_map(Value::Str),
        bytes().prop_map(Value::Bytes),
        ("[a-z]{0,8}", "[a-z.]{0,8}", "[A-Z]{0,8}").prop_map(|(name, module, class)| {
            Value::Enum(Enumerated { name: name.into(), module: module.into(), class: class.into() }.into())
        }),
        payload(),
    ];
    leaf.prop_recursive(5, 60, 6, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..6).prop_map(Value::Tuple),
            vec(inner.clone(), 0..6).prop_map(Value::Set),
            vec((inner.clone(), inner), 0..6).prop_map(Value::Map),
        ]
    })
}

fn number() -> impl Strategy<Value = Number> {
    prop_oneof![any::<i64>().prop_map(Number::Int), float().prop_map(Number::Float)]
}

prop_compose! {
    fn finished()(
        key in key(), run_id: i64, nbytes: u64, class in bytes(), typename in text(), metadata in value(),
        thread in option::of(any::<u64>()), stimulus_id in text(), status in option::of(text()),
        steps in vec((text(), float(), float(), option::of(text())), 0..4),
    ) -> TaskFinished {
        let step = |(action, start, stop, source)| StartStop { action, start, stop, source: Optional(source) };
        let startstops = steps.into_iter().map(step).collect();
        let status = Optional(status);
        TaskFinished { key, run_id, nbytes, class, typename, metadata, thread, startstops, stimulus_id, status }
    }
}

prop_compose! {
    fn compute()(
        key in key(), run_id: i64, priority in [number(), number(), number()], stimulus_id in text(),
        who_has in vec((key(), vec(text(), 0..3)), 0..3), nbytes in vec((key(), any::<u64>()), 0..3), pickle in bytes(),
        resources in option::of(vec((text(), number()), 0..3)), actor: bool, annotations in value(),
        span_id in option::of(text()),
    ) -> ComputeTask {
        let (who_has, nbytes, resource_restrictions) = (Map(who_has), Map(nbytes), resources.map(Map));
        let run_spec = Pickled::new(&pickle, Vec::new());
        ComputeTask {
            key, run_id, priority, stimulus_id, who_has, nbytes, run_spec, resource_restrictions, actor, annotations, span_id,
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn values_are_read_as_they_were_written(value in value()) {
        let frames = value.encode();
        prop_assert_eq!(Value::decode(&frames).map(|read| read.encode()), Ok(frames));
    }

    #[test]
    fn keys_are_read_as_they_were_written(key in key()) {
        let frames = encode(&key);
        prop_assert_eq!(decode::<Key>(&frames), Ok(key.clone()));
        prop_assert_eq!(Value::decode(&frames).map(|value| value.encode()), Ok(frames));
        key.prefix();
        prop_assert_eq!(key.group(), key.group());
    }

    #[test]
    fn finished_tasks_are_read_as_they_were_written(message in finished()) {
        prop_assert_eq!(decode(&encode(&message)), Ok(message));
    }

    #[test]
    fn tasks_to_compute_are_read_as_they_were_written(message in compute()) {
        prop_assert_eq!(decode(&encode(&message)), Ok(message));
    }

    #[test]
    fn frames_are_cut_as_they_were_written(lengths in vec(0_usize..9000, 1..6), step in 1_usize..5000) {
        let mut frames = lengths.iter().map(|&length| Bytes::from(vec![7; length]));
        let message = Frames { head: frames.next().unwrap(), rest: frames.collect() };
        let mut segments = Vec::new();
        message.encode(&mut segments);
        prop_assert_eq!(exercise::frames(&segments.concat(), step), [message]);
    }

    #[test]
    fn any_bytes_are_read_or_refused(bytes in vec(any::<u8>(), 0..200)) {
        exercise::head(&bytes);
        exercise::frames(&bytes, 16);
    }
}
