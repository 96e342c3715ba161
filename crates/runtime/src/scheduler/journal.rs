//! Journals: what happened to a scheduler, written to a file as it happens, and done again from there.

use std::fs::File;
use std::io::{self, BufWriter, Read, Write};
use std::path::{Path, PathBuf};

use bytes::{Bytes, BytesMut};
use cenote_core::protocol::error::{DecodeError, FrameError};
use cenote_core::protocol::field::decode;
use cenote_core::protocol::frame::{Decoded, Decoder, Frames};
use cenote_core::protocol::limits::Limits;
use cenote_core::scheduler::Settings;
use cenote_core::scheduler::instruction::Instruction;
use cenote_core::scheduler::journal::{self, Divergence, Recorder};
use cenote_core::scheduler::stimulus::Stimulus;
use thiserror::Error;

/// Bytes that are read from a journal at a time.
const READ_BYTES: usize = 1 << 20;

/// Why a journal cannot be written or replayed.
#[derive(Debug, Error)]
pub enum JournalError {
    /// The file cannot be written or read.
    #[error("the journal {}: {source}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// What is in the file is no journal.
    #[error("the journal {} cannot be read: {source}", path.display())]
    Frame {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: FrameError,
    },
    /// What is in the file is no journal, or one of another version.
    #[error("the journal {} cannot be understood: {source}", path.display())]
    Decode {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: DecodeError,
    },
    /// The file is empty.
    #[error("the journal {} is empty", path.display())]
    Empty {
        /// The file.
        path: PathBuf,
    },
    /// The scheduler does something else than it did then.
    #[error(transparent)]
    Divergence(#[from] Divergence),
}

/// A journal that is being written.
#[derive(Debug)]
pub(super) struct Journal {
    path: PathBuf,
    file: BufWriter<File>,
    recorder: Recorder,
    segments: Vec<Bytes>,
}

impl Journal {
    /// A new journal of a scheduler that has just been made. What was in the file is lost.
    pub fn create(path: &Path, settings: &Settings) -> Result<Self, JournalError> {
        let failed = |source| JournalError::File { path: path.into(), source };
        let file = BufWriter::with_capacity(READ_BYTES, File::create(path).map_err(failed)?);
        let mut journal = Self { path: path.into(), file, recorder: Recorder::default(), segments: Vec::new() };
        journal.write(&Recorder::start(settings)).map_err(failed)?;
        Ok(journal)
    }

    /// Takes down what is about to be handled.
    pub fn before(&mut self, stimulus: &Stimulus, now: f64) {
        self.recorder.before(stimulus, now);
    }

    /// Writes what was handled, and a digest of what followed.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn after(&mut self, instructions: &[Instruction]) -> Result<(), JournalError> {
        let Some(entry) = self.recorder.after(instructions) else { return Ok(()) };
        self.write(&entry).map_err(|source| JournalError::File { path: self.path.clone(), source })
    }

    fn write(&mut self, frames: &Frames) -> io::Result<()> {
        frames.encode(&mut self.segments);
        self.segments.drain(..).try_for_each(|segment| self.file.write_all(&segment))
    }
}

/// Does again what a journal says, and compares what follows with what followed then. Says how many stimuli there were.
/// A last entry that was not written to its end is passed over.
///
/// # Errors
/// The file is no journal, or other instructions follow.
pub fn replay(path: &Path) -> Result<u64, JournalError> {
    let mut messages = Messages::open(path)?;
    let understood = |source| JournalError::Decode { path: path.into(), source };
    let settings = messages.next().ok_or_else(|| JournalError::Empty { path: path.into() })??;
    let settings: Settings = decode(&settings).map_err(understood)?;
    let mut failure = None;
    let mut stimuli = 0;
    let entries = messages.map_while(|message| {
        let entry = message.and_then(|frames| decode(&frames).map_err(understood));
        stimuli += u64::from(entry.is_ok());
        entry.map_err(|error| failure = Some(error)).ok()
    });
    journal::replay(settings, entries)?;
    failure.map_or(Ok(stimuli), Err)
}

/// The messages of a file, one after another.
struct Messages {
    path: PathBuf,
    file: File,
    buffer: BytesMut,
    decoder: Decoder,
}

impl Messages {
    fn open(path: &Path) -> Result<Self, JournalError> {
        let file = File::open(path).map_err(|source| JournalError::File { path: path.into(), source })?;
        let limits = Limits { frames_max: 1 << 32, head_bytes_max: 1 << 48, message_bytes_max: 1 << 48 };
        Ok(Self { path: path.into(), file, buffer: BytesMut::new(), decoder: Decoder::new(limits) })
    }

    fn read(&mut self) -> io::Result<bool> {
        let start = self.buffer.len();
        self.buffer.resize(start + READ_BYTES, 0);
        let read = self.file.read(&mut self.buffer[start..])?;
        self.buffer.truncate(start + read);
        Ok(read > 0)
    }
}

impl Iterator for Messages {
    type Item = Result<Frames, JournalError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            match self.decoder.decode(&mut self.buffer) {
                Ok(Decoded::Message(frames)) => return Some(Ok(frames)),
                Ok(Decoded::Incomplete(_)) => {}
                Err(source) => return Some(Err(JournalError::Frame { path: self.path.clone(), source })),
            }
            match self.read() {
                Ok(true) => {}
                Ok(false) => return None,
                Err(source) => return Some(Err(JournalError::File { path: self.path.clone(), source })),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use cenote_core::scheduler::Scheduler;

    fn recorded(name: &str) -> PathBuf {
        let path = std::env::temp_dir().join(format!("cenote-journal-{}-{name}", std::process::id()));
        let settings = Settings::default();
        let mut scheduler = Scheduler::new(settings.clone());
        let mut journal = Journal::create(&path, &settings).unwrap();
        for now in 0..10 {
            let joined =
                Stimulus::ClientJoined { client: "c".into(), versions: cenote_core::protocol::value::Value::Nil };
            let stimulus = if now == 3 { joined } else { Stimulus::Tick };
            let mut instructions = Vec::new();
            journal.before(&stimulus, f64::from(now));
            scheduler.handle_stimulus(stimulus, f64::from(now), &mut instructions);
            journal.after(&instructions).unwrap();
        }
        path
    }

    #[test]
    fn what_was_recorded_is_replayed() {
        let path = recorded("whole");
        assert_eq!(replay(&path).unwrap(), 10);
        std::fs::remove_file(path).unwrap();
    }

    #[test]
    fn a_journal_that_was_cut_off_is_replayed_as_far_as_it_goes_and_a_false_one_is_told() {
        let path = recorded("cut");
        let whole = std::fs::read(&path).unwrap();
        std::fs::write(&path, &whole[..whole.len() - 5]).unwrap();
        assert_eq!(replay(&path).unwrap(), 9);
        let mut changed = whole.clone();
        let last = changed.len() - 1;
        changed[last] ^= 1;
        std::fs::write(&path, &changed).unwrap();
        assert!(matches!(replay(&path), Err(JournalError::Divergence(Divergence { stimulus: 10 }))));
        std::fs::write(&path, b"").unwrap();
        assert!(matches!(replay(&path), Err(JournalError::Empty { .. })));
        std::fs::write(&path, [0xff; 100]).unwrap();
        assert!(matches!(replay(&path), Err(JournalError::Frame { .. })));
        std::fs::remove_file(path).unwrap();
    }
}
