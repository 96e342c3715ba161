//! Limits of what a peer may send. All of them stand here.

/// How deep arrays, maps and tuples may be nested in a message. Stock Dask's own packer stops at 511.
pub const DEPTH_MAX: usize = 512;

/// Values that room is made for before they are read. A message may announce many more, at every depth.
pub const ROOM_MAX: usize = 1 << 10;

/// Frames shorter than this are copied together on their way out: a copy costs less than one more segment to write.
pub const COPIED_BYTES_MAX: usize = 4096;

/// The longest text of an exception that is made here. Stock Dask's own are cut at the same length.
pub const EXCEPTION_BYTES_MAX: usize = 10_000;

/// Limits of one connection. The defaults suit tests and small machines: a shell takes them from the machine's memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Frames of one message.
    pub frames_max: usize,
    /// Bytes of frame 0. A message made to harm becomes values of up to a hundred times its size.
    pub head_bytes_max: u64,
    /// Bytes of one message, all its frames together.
    pub message_bytes_max: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { frames_max: 1 << 22, head_bytes_max: 1 << 28, message_bytes_max: 1 << 34 }
    }
}

impl Limits {
    /// What may be said first on a connection, before it is known who speaks.
    pub const HANDSHAKE: Self = Self { frames_max: 4, head_bytes_max: 1 << 16, message_bytes_max: 1 << 17 };
}
