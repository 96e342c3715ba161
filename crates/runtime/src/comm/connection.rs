//! Connections: messages both ways, after both sides have said what they can do.

use std::cell::RefCell;
use std::future::poll_fn;
use std::io::{self, IoSlice};
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Buf, Bytes, BytesMut};
use cenote_core::protocol::field::{decode, encode};
use cenote_core::protocol::frame::{Decoded, Decoder, Frames};
use cenote_core::protocol::handshake::Handshake;
use cenote_core::protocol::limits::Limits;
use socket2::{SockRef, TcpKeepalive};
use tokio::io::{AsyncRead, AsyncReadExt, ReadBuf};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::time::timeout;

use super::{Address, CommError};

/// Bytes that are read at a time.
const READ_BYTES: usize = 1 << 16;
/// Segments that are written by one system call.
const SEGMENTS_MAX: usize = 64;
/// Silence after which the system asks whether the peer is still there.
const KEEPALIVE: Duration = Duration::from_secs(10);
/// How long what was written may stay unacknowledged.
const UNACKNOWLEDGED_MAX: Duration = Duration::from_secs(30);

thread_local! {
    /// Where what comes is put first: one room for all connections of a thread.
    static ROOM: RefCell<Box<[u8]>> = RefCell::new(vec![0; READ_BYTES].into());
}

/// A connection that has shaken hands.
#[derive(Debug)]
pub struct Connection {
    receiver: Receiver,
    sender: Sender,
    peer: SocketAddr,
    local: SocketAddr,
    handshake: Handshake,
}

/// The half of a connection that reads.
#[derive(Debug)]
pub struct Receiver {
    half: OwnedReadHalf,
    buffer: BytesMut,
    decoder: Decoder,
}

/// The half of a connection that writes. When it is dropped, nothing more is said to the peer.
#[derive(Debug)]
pub struct Sender {
    half: OwnedWriteHalf,
    /// What is to be written, and how many of these segments are.
    segments: Vec<Bytes>,
    written: usize,
}

/// Connects to an address and shakes hands, both within `limit`.
///
/// # Errors
/// Nobody answers there in time, or what answers does not speak the protocol.
pub async fn connect(address: &Address, limits: Limits, limit: Duration) -> Result<Connection, CommError> {
    let connecting = async {
        let refused = |source| CommError::Connect { address: address.to_string().into(), source };
        let stream = TcpStream::connect(address.socket()).await.map_err(refused)?;
        Connection::shake_hands(stream, limits).await
    };
    let late = |_| CommError::Timeout { address: address.to_string().into(), timeout: limit };
    timeout(limit, connecting).await.map_err(late)?
}

impl Connection {
    /// Says what we can do, and reads what the peer can.
    ///
    /// # Errors
    /// The connection breaks, or what comes is no handshake.
    pub async fn shake_hands(stream: TcpStream, limits: Limits) -> Result<Self, CommError> {
        stream.set_nodelay(true)?;
        watch(&stream)?;
        let (peer, local) = (stream.peer_addr()?, stream.local_addr()?);
        let (read, write) = stream.into_split();
        let mut sender = Sender { half: write, segments: Vec::new(), written: 0 };
        let mut receiver = Receiver { half: read, buffer: BytesMut::new(), decoder: Decoder::new(limits) };
        sender.send(&encode(&Handshake::ours())).await?;
        let handshake = decode(&receiver.receive().await?)?;
        Ok(Self { receiver, sender, peer, local, handshake })
    }

    /// The next message.
    ///
    /// # Errors
    /// [`CommError::Closed`] at the end; or the connection broke, or what came is no message.
    pub async fn receive(&mut self) -> Result<Frames, CommError> {
        self.receiver.receive().await
    }

    /// Says a message.
    ///
    /// # Errors
    /// The connection broke.
    pub async fn send(&mut self, frames: &Frames) -> Result<(), CommError> {
        self.sender.send(frames).await
    }

    /// Asks, and waits for the answer.
    ///
    /// # Errors
    /// The connection broke or was closed, or what came is no message.
    pub async fn request(&mut self, frames: &Frames) -> Result<Frames, CommError> {
        self.send(frames).await?;
        self.receive().await
    }

    /// Waits until the peer has closed the connection. When it says something instead, that is kept, and this waits for
    /// ever.
    pub async fn closed(&mut self) {
        if self.receiver.is_closed().await {
            return;
        }
        std::future::pending::<()>().await;
    }

    /// The address that the peer speaks from.
    pub fn peer(&self) -> SocketAddr {
        self.peer
    }

    /// The address that the peer speaks to.
    pub fn local(&self) -> SocketAddr {
        self.local
    }

    /// What the peer said first.
    pub fn handshake(&self) -> &Handshake {
        &self.handshake
    }

    /// The two halves.
    pub fn split(self) -> (Receiver, Sender) {
        (self.receiver, self.sender)
    }
}

impl Receiver {
    /// The next message. May be dropped while it waits: nothing is lost.
    ///
    /// # Errors
    /// [`CommError::Closed`] at the end; or the connection broke, or what came is no message.
    pub async fn receive(&mut self) -> Result<Frames, CommError> {
        loop {
            if !self.buffer.is_empty()
                && let Decoded::Message(frames) = self.decoder.decode(&mut self.buffer)?
            {
                return Ok(frames);
            }
            if !self.read().await? {
                return Err(CommError::Closed);
            }
        }
    }

    /// Waits until the peer says something or closes the connection. Says whether it has closed it. What it said is kept.
    async fn is_closed(&mut self) -> bool {
        loop {
            if !self.buffer.is_empty() {
                return false;
            }
            match self.read().await {
                Ok(true) => {}
                Ok(false) | Err(_) => return true,
            }
        }
    }

    /// Reads what is there, when something is. Says whether the connection is still open.
    async fn read(&mut self) -> io::Result<bool> {
        if self.buffer.capacity() - self.buffer.len() >= READ_BYTES {
            // There is room for much more, because a long message has begun.
            return Ok(self.half.read_buf(&mut self.buffer).await? > 0);
        }
        if self.buffer.is_empty() {
            self.buffer = BytesMut::new();
        }
        // A silent connection has no buffer of its own. A read that does not fill the buffer tells the runtime that there
        // is no more: it need not be asked again.
        poll_fn(|context| {
            ROOM.with_borrow_mut(|room| {
                let mut room = ReadBuf::new(room);
                ready!(Pin::new(&mut self.half).poll_read(context, &mut room))?;
                self.buffer.extend_from_slice(room.filled());
                Poll::Ready(Ok(!room.filled().is_empty()))
            })
        })
        .await
    }
}

impl Sender {
    /// Says a message. Long frames are written from where they are.
    ///
    /// # Errors
    /// The connection broke.
    pub async fn send(&mut self, frames: &Frames) -> Result<(), CommError> {
        self.push(frames);
        while !self.try_write()? {
            poll_fn(|context| self.poll_ready(context)).await?;
        }
        Ok(())
    }

    /// Says a message once there is time to write.
    pub fn push(&mut self, frames: &Frames) {
        frames.encode(&mut self.segments);
    }

    /// Writes as much as the system takes at once. Says whether that was all.
    ///
    /// # Errors
    /// The connection broke.
    pub fn try_write(&mut self) -> io::Result<bool> {
        while self.written < self.segments.len() {
            let segments = &self.segments[self.written..];
            let mut slices = [IoSlice::new(&[]); SEGMENTS_MAX];
            for (slice, segment) in slices.iter_mut().zip(segments) {
                *slice = IoSlice::new(segment);
            }
            match self.half.try_write_vectored(&slices[..segments.len().min(SEGMENTS_MAX)]) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(written) => self.pass(written),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(false),
                Err(error) => return Err(error),
            }
        }
        self.segments.clear();
        self.written = 0;
        Ok(true)
    }

    /// Whether the system takes something again.
    ///
    /// # Errors
    /// The connection broke.
    pub fn poll_ready(&self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.half.as_ref().poll_write_ready(context)
    }

    /// Passes over so many bytes.
    fn pass(&mut self, mut bytes: usize) {
        while let Some(segment) = self.segments.get_mut(self.written) {
            if bytes < segment.len() {
                segment.advance(bytes);
                return;
            }
            bytes -= segment.len();
            // What is written is let go of at once.
            *segment = Bytes::new();
            self.written += 1;
        }
    }
}

/// Lets the system notice a peer that has gone without a word.
fn watch(stream: &TcpStream) -> io::Result<()> {
    let socket = SockRef::from(stream);
    socket.set_tcp_keepalive(&TcpKeepalive::new().with_time(KEEPALIVE).with_interval(Duration::from_secs(2)))?;
    #[cfg(target_os = "linux")]
    socket.set_tcp_user_timeout(Some(UNACKNOWLEDGED_MAX))?;
    Ok(())
}
