//! Encrypted connections: what both halves share. All of it runs on one thread.

use std::cell::RefCell;
use std::io::{self, IoSlice, Read, Write};
use std::net::Shutdown;
use std::task::{Context, Poll, ready};

use rustls::Connection as Tls;
use socket2::SockRef;
use tokio::io::ReadBuf;
use tokio::net::TcpStream;

/// Encrypted bytes that are read by one system call. The room for what is read must hold these and a record more.
const READ_BYTES: usize = 1 << 15;
/// Bytes that are encrypted before they are written.
const WRITE_BYTES: usize = 1 << 17;

thread_local! {
    /// Where what comes is put before it is deciphered.
    static CIPHERED: RefCell<Box<[u8]>> = RefCell::new(vec![0; READ_BYTES].into());
}

/// An encrypted connection whose sides have shaken hands.
#[derive(Debug)]
pub(in crate::comm) struct Session {
    socket: TcpStream,
    tls: RefCell<Tls>,
}

impl Session {
    /// The session of a socket.
    pub fn new(socket: TcpStream, mut tls: Tls) -> Self {
        tls.set_buffer_limit(Some(WRITE_BYTES));
        Self { socket, tls: RefCell::new(tls) }
    }

    /// Reads what is there. Nothing read is the end.
    pub fn poll_read(&self, context: &mut Context<'_>, room: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let mut tls = self.tls.borrow_mut();
        let before = room.filled().len();
        loop {
            let ended = take(&mut tls, room)?;
            if ended || room.filled().len() > before || room.remaining() == 0 {
                return Poll::Ready(Ok(()));
            }
            ready!(self.socket.poll_read_ready(context))?;
            match CIPHERED.with_borrow_mut(|ciphered| self.decipher(&mut tls, ciphered, room)) {
                // Peers that close the socket without a word are usual: messages have their lengths.
                Ok(0) => return Poll::Ready(Ok(())),
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
    }

    /// Reads from the socket and deciphers all of it. Returns how many bytes came.
    fn decipher(&self, tls: &mut Tls, ciphered: &mut [u8], room: &mut ReadBuf<'_>) -> io::Result<usize> {
        let count = self.socket.try_read(ciphered)?;
        let mut rest = &ciphered[..count];
        while !rest.is_empty() {
            if tls.read_tls(&mut rest)? == 0 {
                break;
            }
            let outcome = tls.process_new_packets();
            if tls.wants_write() {
                // An answer of the protocol's own, or why it ends here. What does not fit now goes with what is said next.
                let _ = self.write_out(tls);
            }
            outcome.map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
            take(tls, room)?;
        }
        Ok(count)
    }

    /// Encrypts and writes as much as the system takes at once, and a little more, which waits for
    /// [`try_flush`](Self::try_flush).
    pub fn try_write_vectored(&self, segments: &[IoSlice<'_>]) -> io::Result<usize> {
        let mut tls = self.tls.borrow_mut();
        if !self.write_out(&mut tls)? {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let count = tls.writer().write_vectored(segments)?;
        self.write_out(&mut tls)?;
        Ok(count)
    }

    /// Writes what is encrypted. Says whether that was all.
    pub fn try_flush(&self) -> io::Result<bool> {
        self.write_out(&mut self.tls.borrow_mut())
    }

    /// Whether the system takes something again.
    pub fn poll_write_ready(&self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.socket.poll_write_ready(context)
    }

    /// Nothing more will be said.
    pub fn end(&self) {
        let mut tls = self.tls.borrow_mut();
        tls.send_close_notify();
        // A peer that does not read is told nothing.
        let _ = self.write_out(&mut tls);
        let _ = SockRef::from(&self.socket).shutdown(Shutdown::Write);
    }

    fn write_out(&self, tls: &mut Tls) -> io::Result<bool> {
        while tls.wants_write() {
            match tls.write_tls(&mut Socket(&self.socket)) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(false),
                Err(error) => return Err(error),
            }
        }
        Ok(true)
    }
}

/// Takes what has been deciphered, as far as there is room. Says whether the peer has said that this is the end.
fn take(tls: &mut Tls, room: &mut ReadBuf<'_>) -> io::Result<bool> {
    while room.remaining() > 0 {
        let free = room.remaining().min(READ_BYTES);
        match tls.reader().read(room.initialize_unfilled_to(free)) {
            Ok(0) => return Ok(true),
            Ok(count) => room.advance(count),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
            Err(error) => return Err(error),
        }
    }
    Ok(false)
}

/// A socket as the library writes to it.
struct Socket<'a>(&'a TcpStream);

impl Write for Socket<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.try_write(bytes)
    }

    fn write_vectored(&mut self, segments: &[IoSlice<'_>]) -> io::Result<usize> {
        self.0.try_write_vectored(segments)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
