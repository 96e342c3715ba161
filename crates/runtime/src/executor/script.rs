//! The script: the Python package that the executor runs, carried by this program.

use bytes::{BufMut, Bytes, BytesMut};

/// What `python -c` is given.
pub const BOOTSTRAP: &str = include_str!("bootstrap.py");

/// The modules, each followed by those that import it.
const MODULES: &[(&str, &str)] = &[
    ("cenote_executor", include_str!("cenote_executor/__init__.py")),
    ("cenote_executor.channel", include_str!("cenote_executor/channel.py")),
    ("cenote_executor.memory", include_str!("cenote_executor/memory.py")),
    ("cenote_executor.annotation", include_str!("cenote_executor/annotation.py")),
    ("cenote_executor.large", include_str!("cenote_executor/large.py")),
    ("cenote_executor.plain", include_str!("cenote_executor/plain.py")),
    ("cenote_executor.payload", include_str!("cenote_executor/payload.py")),
    ("cenote_executor.graph", include_str!("cenote_executor/graph.py")),
    ("cenote_executor.shuffle", include_str!("cenote_executor/shuffle.py")),
    ("cenote_executor.view", include_str!("cenote_executor/view.py")),
    ("cenote_executor.scheduler", include_str!("cenote_executor/scheduler.py")),
    ("cenote_executor.function", include_str!("cenote_executor/function.py")),
    ("cenote_executor.plugin", include_str!("cenote_executor/plugin.py")),
    ("cenote_executor.feed", include_str!("cenote_executor/feed.py")),
    ("cenote_executor.service", include_str!("cenote_executor/service.py")),
];

/// The modules as the bootstrap reads them: their number, then names and sources, each after its length.
pub fn modules() -> Bytes {
    let mut bytes = BytesMut::new();
    bytes.put_u64_le(MODULES.len() as u64);
    for text in MODULES.iter().flat_map(|(name, source)| [name, source]) {
        bytes.put_u64_le(text.len() as u64);
        bytes.put_slice(text.as_bytes());
    }
    bytes.freeze()
}
