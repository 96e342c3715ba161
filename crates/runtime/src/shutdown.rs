//! What ends a process: Ctrl-C, SIGTERM, and the end of its input.

use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};

/// What asked the process to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Request {
    /// Ctrl-C.
    Interrupt,
    /// What `kill` and process managers send.
    Terminate,
}

impl Request {
    /// The name of the signal.
    pub fn name(self) -> &'static str {
        match self {
            Self::Interrupt => "SIGINT",
            Self::Terminate => "SIGTERM",
        }
    }

    /// The number of the signal.
    pub fn number(self) -> u8 {
        match self {
            Self::Interrupt => 2,
            Self::Terminate => 15,
        }
    }
}

/// Hears the signals from the moment it is made, so that none is lost between starting and waiting.
#[derive(Debug)]
pub struct Requests {
    interrupt: Signal,
    terminate: Signal,
}

impl Requests {
    /// Listens for both signals. Must be called inside a runtime.
    ///
    /// # Errors
    /// When the system does not let us handle signals.
    pub fn listen() -> io::Result<Self> {
        Ok(Self { interrupt: signal(SignalKind::interrupt())?, terminate: signal(SignalKind::terminate())? })
    }

    /// The next signal. Whoever sends a second one wants an end at once: call this again while closing.
    pub async fn next(&mut self) -> Request {
        tokio::select! {
            _ = self.interrupt.recv() => Request::Interrupt,
            _ = self.terminate.recv() => Request::Terminate,
        }
    }
}

/// Waits for the end of standard input, whatever comes before it. A thread of its own reads: one that the runtime owned
/// would hold up the end of the process.
pub async fn end_of_input() {
    let (ended, end) = tokio::sync::oneshot::channel();
    std::thread::spawn(move || {
        let _ = io::copy(&mut io::stdin().lock(), &mut io::sink());
        let _ = ended.send(());
    });
    let _ = end.await;
}
