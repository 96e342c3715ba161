//! What ends a process: Ctrl-C, SIGTERM, and the end of its input.

use std::io;
use std::time::{Duration, Instant};

use tokio::signal::unix::{Signal, SignalKind, signal};

/// A signal that comes so soon after another one is the same wish.
const ECHO: Duration = Duration::from_millis(100);

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

    /// The next signal.
    pub async fn next(&mut self) -> Request {
        tokio::select! {
            _ = self.interrupt.recv() => Request::Interrupt,
            _ = self.terminate.recv() => Request::Terminate,
        }
    }

    /// The next signal that is not the echo of the last one: who sends it does not want to wait. `timeout` and some other
    /// programs signal a process and then all of its group.
    pub async fn again(&mut self) -> Request {
        let first = Instant::now();
        loop {
            let request = self.next().await;
            if first.elapsed() > ECHO {
                return request;
            }
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
