//! The two ways in which bytes go over a socket, plain or encrypted, each cut into halves.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, ReadBuf};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};

use super::tls::Session;

/// The half that reads.
#[derive(Debug)]
pub(super) enum ReadHalf {
    Plain(OwnedReadHalf),
    Encrypted(Rc<Session>),
}

/// The half that writes. When it is dropped, nothing more is said to the peer.
#[derive(Debug)]
pub(super) enum WriteHalf {
    Plain(OwnedWriteHalf),
    Encrypted(EncryptedWriteHalf),
}

/// The half of an encrypted connection that writes.
#[derive(Debug)]
pub(super) struct EncryptedWriteHalf(Rc<Session>);

impl Drop for EncryptedWriteHalf {
    fn drop(&mut self) {
        self.0.end();
    }
}

/// The halves of a plain socket.
pub(super) fn plain(socket: TcpStream) -> (ReadHalf, WriteHalf) {
    let (read, write) = socket.into_split();
    (ReadHalf::Plain(read), WriteHalf::Plain(write))
}

/// The halves of an encrypted connection.
pub(super) fn encrypted(session: Session) -> (ReadHalf, WriteHalf) {
    let session = Rc::new(session);
    (ReadHalf::Encrypted(Rc::clone(&session)), WriteHalf::Encrypted(EncryptedWriteHalf(session)))
}

impl AsyncRead for ReadHalf {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, room: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match &mut *self {
            Self::Plain(half) => Pin::new(half).poll_read(context, room),
            Self::Encrypted(session) => session.poll_read(context, room),
        }
    }
}

impl WriteHalf {
    /// Takes as many bytes as the system takes at once, and perhaps a few more, for [`try_flush`](Self::try_flush).
    pub fn try_write_vectored(&self, segments: &[IoSlice<'_>]) -> io::Result<usize> {
        match self {
            Self::Plain(half) => half.try_write_vectored(segments),
            Self::Encrypted(half) => half.0.try_write_vectored(segments),
        }
    }

    /// Gives the system all that was taken. Says whether it took it.
    pub fn try_flush(&self) -> io::Result<bool> {
        match self {
            Self::Plain(_) => Ok(true),
            Self::Encrypted(half) => half.0.try_flush(),
        }
    }

    /// Whether the system takes something again.
    pub fn poll_ready(&self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self {
            Self::Plain(half) => half.as_ref().poll_write_ready(context),
            Self::Encrypted(half) => half.0.poll_write_ready(context),
        }
    }
}
