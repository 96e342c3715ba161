//! The journal: stimuli as they are written to a file and read again, so that what a scheduler did can be done again.
//!
//! A journal is a sequence of messages in frames: the [`Settings`], then an [`Entry`] for each stimulus. An entry holds
//! the digest of the instructions that followed, for these are the same when it is replayed, byte for byte.

use std::sync::Arc;

use super::instruction::{Exception, Instruction};
use super::stimulus::Stimulus;
use super::{Scheduler, Settings};
use crate::protocol::error::{DecodeError, Problem};
use crate::protocol::exception::LastWorker;
use crate::protocol::field::{Field, encode};
use crate::protocol::frame::Frames;
use crate::protocol::msgpack::{Reader, Writer};
use crate::protocol::record::{Operation, record};

type Read<T> = Result<T, DecodeError>;

record! {
    /// One stimulus, and a digest of what followed from it.
    Entry {
        /// When it happened, in seconds since 1970.
        now: f64,
        /// What happened.
        stimulus: Stimulus,
        /// That of the instructions.
        digest: u64,
    }
}

/// A scheduler that is replayed did something else than the one that was recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "stimulus {stimulus} of the journal was followed by other instructions: it is of another version, or settings differ"
)]
pub struct Divergence {
    /// Which stimulus, counted from 1.
    pub stimulus: u64,
}

/// Writes entries, in two steps: a stimulus is used up by what follows.
#[derive(Debug, Default)]
pub struct Recorder {
    begun: Option<(f64, Stimulus)>,
}

impl Recorder {
    /// The first message of a journal.
    pub fn start(settings: &Settings) -> Frames {
        encode(settings)
    }

    /// Takes down what is about to be handled.
    pub fn before(&mut self, stimulus: &Stimulus, now: f64) {
        self.begun = Some((now, stimulus.clone()));
    }

    /// The entry, once it is known what follows.
    pub fn after(&mut self, instructions: &[Instruction]) -> Option<Frames> {
        let (now, stimulus) = self.begun.take()?;
        Some(encode(&Entry { now, stimulus, digest: digest(instructions) }))
    }
}

/// Does again what a journal says. Gives the scheduler as it was in the end.
///
/// # Errors
/// Other instructions follow from a stimulus than followed then.
pub fn replay(settings: Settings, entries: impl IntoIterator<Item = Entry>) -> Result<Scheduler, Divergence> {
    let mut scheduler = Scheduler::new(settings);
    let mut instructions = Vec::new();
    for (entry, stimulus) in entries.into_iter().zip(1..) {
        scheduler.handle_stimulus(entry.stimulus, entry.now, &mut instructions);
        if digest(&instructions) != entry.digest {
            return Err(Divergence { stimulus });
        }
        instructions.clear();
    }
    Ok(scheduler)
}

/// A digest of all bytes of instructions (FNV-1a).
pub fn digest(instructions: &[Instruction]) -> u64 {
    let mut writer = Writer::with_room(256);
    for instruction in instructions {
        write_instruction(instruction, &mut writer);
    }
    let frames = writer.finish_array(instructions.len());
    let step = |digest: u64, byte: &u8| (digest ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
    frames.iter().flatten().fold(0xcbf2_9ce4_8422_2325, step)
}

fn write_instruction(instruction: &Instruction, writer: &mut Writer) {
    match instruction {
        Instruction::ToWorker { worker, message } => {
            tagged(writer, 0, 2);
            worker.write(writer);
            message.write(writer);
        }
        Instruction::ToClient { client, message } => {
            tagged(writer, 1, 2);
            client.write(writer);
            message.write(writer);
        }
        Instruction::Materialize { ticket, client, graph } => {
            tagged(writer, 2, 3);
            ticket.write(writer);
            client.write(writer);
            graph.write(writer);
        }
        Instruction::Answer { ticket, answer } => {
            tagged(writer, 3, 3);
            ticket.write(writer);
            answer.is_ok().write(writer);
            match answer {
                Ok(answer) => answer.write(writer),
                Err(error) => error.write(writer),
            }
        }
        Instruction::Stuck { key, reason } => {
            tagged(writer, 4, 2);
            key.write(writer);
            writer.str(&format!("{reason:?}"));
        }
        Instruction::PlanShuffle { ticket, plan } => {
            tagged(writer, 5, 2);
            ticket.write(writer);
            plan.write(writer);
        }
        Instruction::ReplaceWorker { worker, nanny } => {
            tagged(writer, 6, 2);
            worker.write(writer);
            nanny.write(writer);
        }
        Instruction::ResultsLost { worker, computed, scattered } => {
            tagged(writer, 8, 3);
            worker.write(writer);
            computed.write(writer);
            scattered.write(writer);
        }
        Instruction::TellPlugins(occurrence) => {
            tagged(writer, 7, 2);
            writer.str(occurrence.method);
            occurrence.arguments.write(writer);
        }
    }
}

/// What follows is one of several things: a number that says which, and its parts.
fn tagged(writer: &mut Writer, tag: u64, parts: usize) {
    writer.array(parts + 1);
    writer.uint(tag);
}

/// Reads which of several things follows, and then its parts.
fn read_tagged<T>(reader: &mut Reader<'_>, parts: impl FnOnce(u64, &mut Reader<'_>) -> Read<T>) -> Read<T> {
    reader.nested(|reader| {
        reader.sequence()?;
        let tag = u64::read(reader)?;
        parts(tag, reader)
    })
}

impl Field for Stimulus {
    fn write(&self, writer: &mut Writer) {
        match self {
            Self::ClientJoined { client, versions } => {
                tagged(writer, 0, 2);
                client.write(writer);
                versions.write(writer);
            }
            Self::Client { client, said } => {
                tagged(writer, 1, 2);
                client.write(writer);
                said.write(writer);
            }
            Self::Submit { client, graph } => {
                tagged(writer, 2, 2);
                client.write(writer);
                graph.write(writer);
            }
            Self::Materialized { ticket, outcome } => {
                tagged(writer, 3, 2);
                ticket.write(writer);
                write_outcome(outcome, writer);
            }
            Self::Worker { worker, said } => {
                tagged(writer, 4, 2);
                worker.write(writer);
                said.write(writer);
            }
            Self::WorkerLeft { worker, expected } => {
                tagged(writer, 5, 2);
                worker.write(writer);
                expected.write(writer);
            }
            Self::DataArrived { data, client } => {
                tagged(writer, 6, 2);
                data.write(writer);
                client.write(writer);
            }
            Self::Asked { ticket, question } => {
                tagged(writer, 7, 2);
                ticket.write(writer);
                question.write(writer);
            }
            Self::Tick => tagged(writer, 8, 0),
            Self::Withdrawn { ticket } => {
                tagged(writer, 9, 1);
                ticket.write(writer);
            }
            Self::ShufflePlanned { ticket, outcome } => {
                tagged(writer, 10, 2);
                ticket.write(writer);
                write_outcome(outcome, writer);
            }
            Self::PluginsHear { hearing } => {
                tagged(writer, 11, 1);
                hearing.write(writer);
            }
            Self::WorkersLeft { workers, expected } => {
                tagged(writer, 12, 2);
                workers.write(writer);
                expected.write(writer);
            }
        }
    }

    fn read(reader: &mut Reader<'_>) -> Read<Self> {
        read_tagged(reader, |tag, reader| {
            Ok(match tag {
                0 => Self::ClientJoined { client: Field::read(reader)?, versions: Field::read(reader)? },
                1 => Self::Client { client: Field::read(reader)?, said: Operation::read(reader)? },
                2 => Self::Submit { client: Field::read(reader)?, graph: Field::read(reader)? },
                3 => Self::Materialized { ticket: Field::read(reader)?, outcome: read_outcome(reader)? },
                4 => Self::Worker { worker: Field::read(reader)?, said: Operation::read(reader)? },
                5 => Self::WorkerLeft { worker: Field::read(reader)?, expected: Field::read(reader)? },
                6 => Self::DataArrived { data: Field::read(reader)?, client: Field::read(reader)? },
                7 => Self::Asked { ticket: Field::read(reader)?, question: Operation::read(reader)? },
                8 => Self::Tick,
                9 => Self::Withdrawn { ticket: Field::read(reader)? },
                10 => Self::ShufflePlanned { ticket: Field::read(reader)?, outcome: read_outcome(reader)? },
                11 => Self::PluginsHear { hearing: Field::read(reader)? },
                12 => Self::WorkersLeft { workers: Field::read(reader)?, expected: Field::read(reader)? },
                _ => return Err(reader.error(Problem::Range)),
            })
        })
    }
}

fn write_outcome<T: Field>(outcome: &Result<T, Exception>, writer: &mut Writer) {
    match outcome {
        Ok(made) => {
            tagged(writer, 0, 1);
            made.write(writer);
        }
        Err(exception) => {
            tagged(writer, 1, 1);
            exception.write(writer);
        }
    }
}

fn read_outcome<T: Field>(reader: &mut Reader<'_>) -> Read<Result<T, Exception>> {
    read_tagged(reader, |tag, reader| match tag {
        0 => Field::read(reader).map(Ok),
        _ => Field::read(reader).map(Err),
    })
}

impl Field for Exception {
    fn write(&self, writer: &mut Writer) {
        match self {
            Self::Raised { exception, traceback, text, traceback_text } => {
                tagged(writer, 0, 4);
                exception.write(writer);
                traceback.write(writer);
                text.write(writer);
                traceback_text.write(writer);
            }
            Self::KilledWorker { last_worker, allowed_failures } => {
                tagged(writer, 1, 2);
                last_worker.write(writer);
                allowed_failures.write(writer);
            }
            Self::NoValidWorker { workers, resources, timeout } => {
                tagged(writer, 2, 3);
                workers.write(writer);
                resources.write(writer);
                timeout.write(writer);
            }
            Self::NoWorker { timeout } => {
                tagged(writer, 3, 1);
                timeout.write(writer);
            }
            Self::ActorLost => tagged(writer, 4, 0),
            Self::InputsTooLarge { needed_bytes, worker, limit_bytes, is_last } => {
                tagged(writer, 5, 4);
                needed_bytes.write(writer);
                worker.write(writer);
                limit_bytes.write(writer);
                is_last.write(writer);
            }
            Self::Cycle => tagged(writer, 6, 0),
        }
    }

    fn read(reader: &mut Reader<'_>) -> Read<Self> {
        read_tagged(reader, |tag, reader| {
            Ok(match tag {
                0 => Self::Raised {
                    exception: Field::read(reader)?,
                    traceback: Field::read(reader)?,
                    text: Field::read(reader)?,
                    traceback_text: Field::read(reader)?,
                },
                1 => {
                    let last_worker = Arc::new(LastWorker::read(reader)?);
                    Self::KilledWorker { last_worker, allowed_failures: Field::read(reader)? }
                }
                2 => Self::NoValidWorker {
                    workers: Field::read(reader)?,
                    resources: Field::read(reader)?,
                    timeout: Field::read(reader)?,
                },
                3 => Self::NoWorker { timeout: Field::read(reader)? },
                4 => Self::ActorLost,
                5 => Self::InputsTooLarge {
                    needed_bytes: Field::read(reader)?,
                    worker: Field::read(reader)?,
                    limit_bytes: Field::read(reader)?,
                    is_last: Field::read(reader)?,
                },
                6 => Self::Cycle,
                _ => return Err(reader.error(Problem::Range)),
            })
        })
    }
}
