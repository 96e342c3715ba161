//! Connections: messages both ways, after both sides have said what they can do.

use std::cell::RefCell;
use std::future::poll_fn;
use std::io::{self, IoSlice};
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Buf, Bytes, BytesMut};
use cenote_core::protocol::exception::Builtin;
use cenote_core::protocol::field::{Optional, Text, decode, encode};
use cenote_core::protocol::frame::{Decoded, Decoder, Frames};
use cenote_core::protocol::handshake::Handshake;
use cenote_core::protocol::limits::Limits;
use cenote_core::protocol::rpc::ErrorReply;
use cenote_core::protocol::value::Value;
use socket2::{SockRef, TcpKeepalive};
use tokio::io::{AsyncRead, AsyncReadExt, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::stream::{ReadHalf, WriteHalf, encrypted, plain};
use super::{Address, CommError, Scheme, Security, Token, tls};

/// Bytes that are read at a time.
const READ_BYTES: usize = 1 << 16;
/// Segments that are written by one system call.
const SEGMENTS_MAX: usize = 64;
/// Silence after which the system asks whether the peer is still there.
const KEEPALIVE: Duration = Duration::from_secs(10);
/// How long what was written may stay unacknowledged.
const UNACKNOWLEDGED_MAX: Duration = Duration::from_secs(30);
/// How long a peer that is refused is given to read why.
const REFUSAL: Duration = Duration::from_secs(1);

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
    half: ReadHalf,
    buffer: BytesMut,
    decoder: Decoder,
}

/// The half of a connection that writes. When it is dropped, nothing more is said to the peer.
#[derive(Debug)]
pub struct Sender {
    half: WriteHalf,
    /// What is to be written, and how many of these segments are.
    segments: Vec<Bytes>,
    written: usize,
}

/// Connects to an address and shakes hands, both within `limit`.
///
/// # Errors
/// Nobody answers there in time, or what answers does not speak the protocol.
pub async fn connect(
    address: &Address,
    security: &Security,
    limits: Limits,
    limit: Duration,
) -> Result<Connection, CommError> {
    if security.require_encryption && address.scheme() != Scheme::Tls {
        return Err(CommError::Unencrypted { address: address.to_string().into() });
    }
    let connecting = async {
        let refused = |source| CommError::Connect { address: address.to_string().into(), source };
        let socket = TcpStream::connect(address.socket()).await.map_err(refused)?;
        let ends = prepare(&socket)?;
        let halves = match address.scheme() {
            Scheme::Tcp => plain(socket),
            Scheme::Tls => {
                let tls = security.tls.as_ref().ok_or(CommError::NoCertificate)?;
                encrypted(tls.connect(address.host(), socket).await.map_err(refused_tls)?)
            }
        };
        let mut connection = Connection::new(ends, halves);
        connection.introduce(security.token.as_ref()).await?;
        connection.hear_handshake().await?;
        connection.receiver.decoder = Decoder::new(limits);
        Ok(connection)
    };
    let late = |_| CommError::Timeout { address: address.to_string().into(), timeout: limit };
    timeout(limit, connecting).await.map_err(late)?
}

impl Connection {
    /// Shakes hands with who has connected to us: reads what the peer can, and says what we can do. Of a peer that does
    /// not say the token, if there is one, nothing else is read.
    ///
    /// # Errors
    /// The connection breaks, what comes is no handshake, or the peer is not let in.
    pub async fn accept(
        socket: TcpStream,
        scheme: Scheme,
        security: &Security,
        limits: Limits,
    ) -> Result<Self, CommError> {
        let ends = prepare(&socket)?;
        let halves = match scheme {
            Scheme::Tcp => plain(socket),
            Scheme::Tls => {
                let tls = security.tls.as_ref().ok_or(CommError::NoCertificate)?;
                encrypted(tls.accept(socket).await.map_err(refused_tls)?)
            }
        };
        let mut connection = Self::new(ends, halves);
        if security.token.is_none() {
            connection.introduce(None).await?;
        }
        let said = connection.hear_handshake().await?;
        if let Some(token) = &security.token {
            connection.introduce(None).await?;
            if !said.as_deref().is_some_and(|said| token.is(said)) {
                return Err(connection.refuse(said.is_some()).await);
            }
        }
        connection.receiver.decoder = Decoder::new(limits);
        Ok(connection)
    }

    fn new((peer, local): (SocketAddr, SocketAddr), (read, write): (ReadHalf, WriteHalf)) -> Self {
        let decoder = Decoder::new(Limits::HANDSHAKE);
        Self {
            receiver: Receiver { half: read, buffer: BytesMut::new(), decoder },
            sender: Sender { half: write, segments: Vec::new(), written: 0 },
            peer,
            local,
            handshake: Handshake::ours(),
        }
    }

    /// Says what we can do, and the token to whom we have connected to.
    async fn introduce(&mut self, token: Option<&Token>) -> Result<(), CommError> {
        let token = token.map(|token| token.reveal().into());
        self.sender.send(&encode(&Handshake { token: Optional(token), ..Handshake::ours() })).await
    }

    /// Reads what the peer can. Returns the token that it said, which is not kept.
    async fn hear_handshake(&mut self) -> Result<Option<Text>, CommError> {
        let mut handshake: Handshake = decode(&self.receiver.receive().await?)?;
        let said = handshake.token.0.take();
        self.handshake = handshake;
        Ok(said)
    }

    /// Tells a peer why it is refused, as the answer to whatever it asks, and lets it read that.
    async fn refuse(self, has_said_one: bool) -> CommError {
        let error = CommError::Token { has_said_one };
        let Self { mut receiver, mut sender, .. } = self;
        let refusal = async {
            sender.send(&refusal_of(&format!("the scheduler refuses this connection: {error}"))?).await?;
            drop(sender);
            // A socket that is closed while something comes takes back what was said last.
            while receiver.read().await? {
                receiver.buffer.clear();
            }
            Ok::<_, CommError>(())
        };
        let _ = timeout(REFUSAL, refusal).await;
        error
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
                if self.buffer.is_empty() {
                    // What comes next does not keep the memory of this message.
                    self.buffer = BytesMut::new();
                }
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
        self.half.try_flush()
    }

    /// Whether the system takes something again.
    ///
    /// # Errors
    /// The connection broke.
    pub fn poll_ready(&self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.half.poll_ready(context)
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

/// What raises the text wherever somebody reads it as an answer. Workers and nannies that register look for more than an
/// error before they give up, and say what they were warned of.
fn refusal_of(text: &str) -> Result<Frames, CommError> {
    let mut reply = Value::decode(&encode(&ErrorReply::builtin(Builtin::Runtime, text)))?;
    if let Value::Map(entries) = &mut reply {
        entries.extend([
            ("warning".into(), text.into()),
            ("message".into(), text.into()),
            ("time".into(), 0.0.into()),
            ("nanny-plugins".into(), Value::map([])),
        ]);
    }
    Ok(reply.encode())
}

/// Prepares a socket for messages: what is said leaves at once, and the system notices a peer that has gone without a
/// word. Returns the addresses of the peer and of ours.
fn prepare(socket: &TcpStream) -> io::Result<(SocketAddr, SocketAddr)> {
    socket.set_nodelay(true)?;
    let ends = (socket.peer_addr()?, socket.local_addr()?);
    let socket = SockRef::from(socket);
    socket.set_tcp_keepalive(&TcpKeepalive::new().with_time(KEEPALIVE).with_interval(Duration::from_secs(2)))?;
    #[cfg(target_os = "linux")]
    socket.set_tcp_user_timeout(Some(UNACKNOWLEDGED_MAX))?;
    Ok(ends)
}

/// Why there is no encrypted connection.
fn refused_tls(error: io::Error) -> CommError {
    match error.kind() {
        io::ErrorKind::UnexpectedEof => CommError::Closed,
        io::ErrorKind::InvalidData => CommError::Tls { cause: tls::cause(&error).into() },
        _ => CommError::Io(error),
    }
}
