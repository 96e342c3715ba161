//! Listeners: where peers come in.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::{TcpListener, TcpStream};

/// Connections that the system keeps for us until they are accepted: a thousand workers may come at once.
const BACKLOG: i32 = 4096;
/// How long to wait when there are no descriptors left for another connection.
const EXHAUSTED: Duration = Duration::from_millis(100);

/// A socket that peers connect to.
#[derive(Debug)]
pub struct Listener {
    socket: TcpListener,
}

impl Listener {
    /// Listens at an address; at a port that is free if its port is 0. With an IPv6 address that is unspecified, IPv4
    /// peers can come too.
    ///
    /// # Errors
    /// The address is not of this machine, or its port is taken.
    pub fn bind(address: SocketAddr) -> io::Result<Self> {
        let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
        socket.set_reuse_address(true)?;
        if address.is_ipv6() {
            socket.set_only_v6(!address.ip().is_unspecified())?;
        }
        socket.bind(&address.into())?;
        socket.listen(BACKLOG)?;
        socket.set_nonblocking(true)?;
        Ok(Self { socket: TcpListener::from_std(socket.into())? })
    }

    /// Where it listens.
    ///
    /// # Errors
    /// The system does not say.
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.socket.local_addr()
    }

    /// The next connection, before its handshake. What goes wrong with one of them is none of the others' business.
    pub async fn accept(&self) -> TcpStream {
        loop {
            match self.socket.accept().await {
                Ok((stream, _)) => return stream,
                Err(error) => {
                    tracing::warn!("a connection could not be accepted: {error}");
                    tokio::time::sleep(EXHAUSTED).await;
                }
            }
        }
    }
}
