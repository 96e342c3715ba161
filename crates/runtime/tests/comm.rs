//! Connections over the loopback: what is said arrives, and what is no message ends the connection.
#![allow(clippy::unwrap_used, reason = "a test ends where it fails")]

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use cenote::comm::{Address, CommError, Connection, Listener, Pool, Scheme, Security, connect};
use cenote_core::protocol::frame::Frames;
use cenote_core::protocol::limits::Limits;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const PATIENCE: Duration = Duration::from_secs(20);

fn listener() -> (Listener, Address, SocketAddr) {
    let listener = Listener::bind(SocketAddr::from(([127, 0, 0, 1], 0))).unwrap();
    let socket = listener.address().unwrap();
    (listener, Address::of(Scheme::Tcp, socket), socket)
}

async fn accepted(listener: &Listener) -> Result<Connection, CommError> {
    Connection::accept(listener.accept().await, Scheme::Tcp, &Security::default(), Limits::default()).await
}

fn message(head: usize, rest: &[usize]) -> Frames {
    let frame = |length: usize| (0..length).map(|at| at as u8).collect::<Bytes>();
    Frames { head: frame(head), rest: rest.iter().map(|&length| frame(length)).collect() }
}

#[tokio::test(flavor = "current_thread")]
async fn messages_of_all_sizes_arrive_as_they_were_sent() {
    let (listener, address, _) = listener();
    let sent = [message(1, &[]), message(0, &[0, 1, 0]), message(5000, &[4095, 4096, 3 << 20]), message(9, &[7; 300])];
    let sending = async {
        let mut connection = connect(&address, &Security::default(), Limits::default(), PATIENCE).await.unwrap();
        for frames in &sent {
            connection.send(frames).await.unwrap();
        }
        drop(connection);
    };
    let receiving = async {
        let mut connection = accepted(&listener).await.unwrap();
        for frames in &sent {
            assert_eq!(connection.receive().await.unwrap(), *frames);
        }
        assert!(matches!(connection.receive().await, Err(CommError::Closed)));
    };
    tokio::join!(sending, receiving);
}

#[tokio::test(flavor = "current_thread")]
async fn what_is_no_handshake_ends_the_connection() {
    let (listener, _, socket) = listener();
    for garbage in [b"GET / HTTP/1.1\r\n\r\n".as_slice(), &[0xff; 64], &[0; 64]] {
        let mut stream = TcpStream::connect(socket).await.unwrap();
        stream.write_all(garbage).await.unwrap();
        let outcome = accepted(&listener).await;
        assert!(matches!(outcome, Err(CommError::Frame(_) | CommError::Decode(_))), "{outcome:?}");
        // The peer reads our half of the handshake, then the end.
        let mut said = Vec::new();
        let _ = stream.read_to_end(&mut said).await;
    }
}

#[tokio::test(flavor = "current_thread")]
async fn who_is_not_there_is_named() {
    let (listener, address, _) = listener();
    drop(listener);
    let error = connect(&address, &Security::default(), Limits::default(), PATIENCE).await.unwrap_err();
    assert!(error.to_string().contains(&address.to_string()), "{error}");
}

#[tokio::test(flavor = "current_thread")]
async fn who_accepts_and_says_nothing_is_given_up() {
    let (listener, address, _) = listener();
    let silent = async { listener.accept().await };
    let open = Security::default();
    let asking = connect(&address, &open, Limits::default(), Duration::from_millis(50));
    let (stream, outcome) = tokio::join!(silent, asking);
    assert!(matches!(outcome, Err(CommError::Timeout { .. })));
    drop(stream);
}

#[tokio::test(flavor = "current_thread")]
async fn a_pool_asks_on_connections_that_it_keeps_and_replaces_one_that_was_closed() {
    let (listener, address, _) = listener();
    let pool = Pool::new(Security::default(), Limits::default(), PATIENCE);
    let name = address.to_string();
    let asking = async {
        for head in 1..=3 {
            assert_eq!(pool.request(&name, &message(head, &[])).await.unwrap(), message(head, &[head]));
        }
    };
    let answering = async {
        // Two requests on the first connection, which is closed then; the third one on another.
        for requests in [2, 1] {
            let mut connection = accepted(&listener).await.unwrap();
            for _ in 0..requests {
                let head = connection.receive().await.unwrap().head.len();
                connection.send(&message(head, &[head])).await.unwrap();
            }
        }
    };
    tokio::join!(asking, answering);
}
