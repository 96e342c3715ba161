//! The process of the executor, and the two pipes to it.

use std::io;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use cenote_core::protocol::frame::{Decoded, Decoder, Frames};
use cenote_core::protocol::limits::Limits;
use cenote_core::protocol::value::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::time::timeout;

use super::{Greeting, Settings, StartError, script};

/// How long a process that closed its pipes may take to end.
const END: Duration = Duration::from_secs(2);
/// Bytes that there is room for when something is about to be read.
const READ_BYTES: usize = 1 << 16;
/// It is our own process: its graphs may be large.
const LIMITS: Limits = Limits { frames_max: 1 << 24, head_bytes_max: 1 << 36, message_bytes_max: 1 << 38 };

/// A running executor. Killed when dropped.
#[derive(Debug)]
pub struct Process {
    child: Child,
    to: ChildStdin,
    from: ChildStdout,
    buffer: BytesMut,
    decoder: Decoder,
    ready: bool,
}

impl Process {
    /// Starts it, but does not wait.
    pub fn spawn(settings: &Settings) -> Result<Self, StartError> {
        let mut command = Command::new(&settings.python);
        command.arg("-c").arg(script::BOOTSTRAP).stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true);
        command.envs(settings.environment.iter().map(|(name, value)| (name, value)));
        let failed = |source| StartError::Spawn { python: settings.python.to_string_lossy().into_owned(), source };
        let mut child = command.spawn().map_err(failed)?;
        let (Some(to), Some(from)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(failed(io::ErrorKind::BrokenPipe.into()));
        };
        let decoder = Decoder::new(LIMITS);
        Ok(Self { child, to, from, buffer: BytesMut::new(), decoder, ready: false })
    }

    /// Its id, unless it is known to have ended.
    pub fn pid(&self) -> Option<u32> {
        self.child.id()
    }

    /// Whether it has said what it is.
    pub fn is_ready(&self) -> bool {
        self.ready
    }

    /// Waits until it is ready and says what it is, which it does once.
    pub async fn greet(&mut self, settings: &Settings) -> Result<Greeting, StartError> {
        // An interpreter that has ended says why by its status.
        let _ = self.to.write_all(&script::modules()).await;
        let said = match self.hear().await {
            Ok(said) => said,
            Err(broken) => {
                let python = settings.python.to_string_lossy().into_owned();
                return Err(StartError::Died { python, cause: self.end(broken).await });
            }
        };
        if let Some(reason) = said.get("fatal").and_then(Value::as_str) {
            return Err(StartError::Refused(reason.into()));
        }
        self.ready = true;
        let text = |name| said.get(name).and_then(Value::as_str).unwrap_or_default().into();
        let versions = said.get("versions").cloned().unwrap_or(Value::Nil);
        let (dask, distributed) = (text("dask"), text("distributed"));
        Ok(Greeting { interpreter: text("interpreter"), dask, distributed, versions })
    }

    /// Asks something, and waits until it has been taken: what follows is the answer.
    pub async fn ask(&mut self, question: &Frames) -> Result<(), String> {
        self.tell(question).await.map_err(|error| format!("cannot be told anything ({error})"))?;
        match self.hear().await? {
            taken if taken.get("taken").is_some() => Ok(()),
            _ => Err("answers what it was not asked".into()),
        }
    }

    /// Says a message.
    async fn tell(&mut self, message: &Frames) -> io::Result<()> {
        let mut segments = Vec::new();
        message.encode(&mut segments);
        for segment in segments {
            self.to.write_all(&segment).await?;
        }
        Ok(())
    }

    /// The next message.
    pub async fn hear(&mut self) -> Result<Value, String> {
        self.hear_frames().await.map(|(said, _)| said)
    }

    /// The next message, and the frames beside it.
    pub async fn hear_frames(&mut self) -> Result<(Value, Vec<Bytes>), String> {
        loop {
            match self.decoder.decode(&mut self.buffer).map_err(|error| format!("said {error}"))? {
                Decoded::Message(frames) => {
                    if self.buffer.is_empty() {
                        // What comes next does not keep the memory of this message.
                        self.buffer = BytesMut::new();
                    }
                    let said = Value::decode(&frames).map_err(|error| format!("said {error}"))?;
                    return Ok((said, frames.rest));
                }
                Decoded::Incomplete(_) => self.buffer.reserve(READ_BYTES),
            }
            match self.from.read_buf(&mut self.buffer).await {
                Ok(0) => return Err("closed its pipe".into()),
                Ok(_) => {}
                Err(error) => return Err(format!("cannot be heard ({error})")),
            }
        }
    }

    /// Asks something whose answer does not matter, if it is no error.
    pub async fn ask_again(&mut self, question: &Frames) -> Result<(), String> {
        self.ask(question).await?;
        loop {
            let answer = self.hear().await?;
            match answer.get("status").and_then(Value::as_str) {
                None => {}
                Some("OK") => return Ok(()),
                Some(_) => {
                    return Err(answer.get("exception_text").and_then(Value::as_str).unwrap_or_default().into());
                }
            }
        }
    }

    /// How it has ended, if it has.
    pub fn ended(&mut self) -> Option<String> {
        self.child.try_wait().ok().flatten().map(shown)
    }

    /// How it ended: by its status, or else by what was noticed first.
    pub async fn end(&mut self, noticed: String) -> String {
        match timeout(END, self.child.wait()).await {
            Ok(Ok(status)) => shown(status),
            _ => noticed,
        }
    }
}

fn shown(status: ExitStatus) -> String {
    // "exit status: 3" or "signal: 9 (SIGKILL)".
    format!("ended with {status}")
}
