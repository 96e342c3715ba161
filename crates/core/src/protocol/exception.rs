//! Exceptions of Python that are raised without Python: their pickles are written by hand.

use bytes::Bytes;

use super::field::Text;
use super::limits::EXCEPTION_BYTES_MAX;
use super::pickle::{Arguments, Pickle};
use super::record::record;
use super::value::Value;
use super::worker::RegisterWorker;
use crate::key::Key;

/// A built-in class of exceptions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Builtin {
    /// `AttributeError`.
    Attribute,
    /// `KeyError`.
    Key,
    /// `MemoryError`.
    Memory,
    /// `NotImplementedError`.
    NotImplemented,
    /// `OSError`.
    Os,
    /// `RuntimeError`.
    Runtime,
    /// `TimeoutError`, which is `asyncio`'s as well.
    Timeout,
    /// `TypeError`.
    Type,
    /// `ValueError`.
    Value,
}

impl Builtin {
    /// The name of the class.
    pub fn name(self) -> &'static str {
        match self {
            Self::Attribute => "AttributeError",
            Self::Key => "KeyError",
            Self::Memory => "MemoryError",
            Self::NotImplemented => "NotImplementedError",
            Self::Os => "OSError",
            Self::Runtime => "RuntimeError",
            Self::Timeout => "TimeoutError",
            Self::Type => "TypeError",
            Self::Value => "ValueError",
        }
    }

    /// The pickle of an exception with this text, cut where it is too long, as its only argument.
    pub fn pickle(self, text: &str) -> Bytes {
        let text = &text[..text.floor_char_boundary(EXCEPTION_BYTES_MAX)];
        Pickle::default().global("builtins", self.name()).text(text).call(Arguments::One).finish()
    }
}

record! {
    /// What Dask's `KilledWorker` tells of the last worker that died.
    LastWorker {
        /// Where it listened.
        address: Text,
        /// The name that its owner gave it: text or a number.
        name: Value,
        /// Its unique name.
        id: Text,
        /// Its process.
        pid: Option<u64>,
        /// The address of its nanny.
        nanny: Option<Text>,
        /// How many tasks it ran at a time.
        nthreads: u64,
        /// The memory that it might use.
        memory_limit: Option<u64>,
        /// Where it wrote files.
        local_directory: Text,
    }
}

impl From<&RegisterWorker> for LastWorker {
    fn from(about: &RegisterWorker) -> Self {
        Self {
            address: about.address.clone(),
            name: about.name.clone(),
            id: about.id.clone(),
            pid: about.pid.0,
            nanny: about.nanny.clone(),
            nthreads: about.nthreads,
            memory_limit: about.memory_limit,
            local_directory: about.local_directory.clone(),
        }
    }
}

/// The pickle of Dask's `KilledWorker`: too many workers died while they ran the task.
pub fn killed_worker(task: &Key, last: &LastWorker, allowed_failures: u32) -> Bytes {
    let optional = |pickle: Pickle, number: Option<u64>| match number {
        Some(number) => pickle.int(number.into()),
        None => pickle.int(0),
    };
    let slots = |slots: Pickle| {
        let slots = slots.text("address").text(&last.address).text("name").value(&last.name);
        let slots = slots.text("server_id").text(&last.id).text("nanny").maybe(last.nanny.as_ref());
        let slots = slots.text("local_directory").text(&last.local_directory);
        let slots = slots.text("nthreads").int(last.nthreads.into());
        let slots = optional(optional(slots.text("pid"), last.pid).text("memory_limit"), last.memory_limit);
        let slots = slots.text("status").global("distributed.core", "Status").text("closed").call(Arguments::One);
        // What its repr reads, and its hash.
        let slots = slots.text("_has_what").dict().text("processing").set().text("_hash").int(0);
        slots.text("services").dict().text("extra").dict().text("executing").dict()
    };
    let pickle = Pickle::default().global("distributed.scheduler", "KilledWorker").key(task);
    let pickle = pickle.global("distributed.scheduler", "WorkerState").object(slots);
    pickle.int(allowed_failures.into()).call(Arguments::Three).finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pickle_calls_the_class_with_the_text() {
        let expected = b"\x80\x03cbuiltins\nTimeoutError\nX\x09\0\0\0too l\xc3\xa4te\x85R.";
        assert_eq!(Builtin::Timeout.pickle("too läte"), expected.as_slice());
    }
}
