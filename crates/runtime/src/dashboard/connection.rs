//! Connections of those who read pages. None of them can hold the others up: there are only so many at a time, and who
//! does not say what he wants in time has to come again.

use std::convert::Infallible;
use std::io;
use std::net::IpAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio::task::spawn_local;
use tokio::time::{sleep, timeout};

use crate::comm::PageTls;

/// Connections that are served at once. More wait until others have ended.
const CONNECTIONS_MAX: usize = 512;
/// How long the head of a request may take; it may begin when the last one was answered.
const HEAD_TIMEOUT: Duration = Duration::from_secs(30);
/// The largest head of a request.
const HEAD_BYTES_MAX: usize = 64 << 10;
/// How long to wait when there is no descriptor for another connection.
const PAUSE: Duration = Duration::from_millis(100);

/// Serves all who connect, for ever.
pub(super) async fn accept(listener: TcpListener, tls: Option<PageTls>, router: Router) -> Infallible {
    let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    let router = Rc::new(router);
    loop {
        let place = Arc::clone(&places).acquire_owned().await.expect("the semaphore is never closed");
        let (stream, peer) = match listener.accept().await {
            Ok(accepted) => accepted,
            Err(error) => {
                if error.kind() != io::ErrorKind::ConnectionAborted {
                    sleep(PAUSE).await;
                }
                continue;
            }
        };
        let (router, tls) = (Rc::clone(&router), tls.clone());
        spawn_local(async move {
            let router = (*router).clone();
            match tls {
                None => serve(stream, peer.ip(), router, HEAD_TIMEOUT).await,
                Some(tls) => match timeout(HEAD_TIMEOUT, tls.accept(stream)).await {
                    Ok(Ok(stream)) => serve(stream, peer.ip(), router, HEAD_TIMEOUT).await,
                    Ok(Err(error)) => tracing::debug!("a connection over HTTPS has not begun: {error}"),
                    Err(_) => tracing::debug!("a connection over HTTPS has not begun in time"),
                },
            }
            drop(place);
        });
    }
}

/// Who has connected.
#[derive(Clone, Copy, Debug)]
pub(super) struct Peer(pub IpAddr);

/// Serves one connection until it ends. The stream may be encrypted or not.
async fn serve(
    stream: impl AsyncRead + AsyncWrite + Unpin + 'static,
    peer: IpAddr,
    router: Router,
    patience: Duration,
) {
    let pages = TowerToHyperService::new(router);
    let answer = service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(Peer(peer));
        pages.call(request)
    });
    let served = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(patience)
        .max_buf_size(HEAD_BYTES_MAX)
        .serve_connection(TokioIo::new(stream), answer);
    if let Err(error) = served.await {
        tracing::debug!("a connection over HTTP has ended: {error}");
    }
}

#[cfg(test)]
mod tests {
    use axum::routing::get;
    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};
    use tokio::runtime::{Builder, LocalOptions};

    use super::*;

    /// What is answered to these bytes, until the connection is closed.
    fn answer(said: &[u8], patience: Duration) -> String {
        let runtime = Builder::new_current_thread().enable_all().build_local(LocalOptions::default()).unwrap();
        runtime.block_on(async {
            let (mut here, there) = duplex(1 << 20);
            let router = Router::new().route("/health", get(|| async { "ok" }));
            spawn_local(serve(there, IpAddr::from([127, 0, 0, 1]), router, patience));
            here.write_all(said).await.unwrap();
            let mut heard = Vec::new();
            timeout(Duration::from_secs(10), here.read_to_end(&mut heard)).await.expect("it is closed").unwrap();
            String::from_utf8_lossy(&heard).into_owned()
        })
    }

    #[test]
    fn who_is_too_slow_is_not_waited_for() {
        let brief = Duration::from_millis(50);
        assert_eq!(answer(b"", brief), "");
        assert!(!answer(b"GET /health HTTP/1.1\r\nHost:", brief).contains("200"));
        // One that has been answered and says nothing more.
        assert!(answer(b"GET /health HTTP/1.1\r\nHost: a\r\n\r\n", brief).ends_with("ok"));
    }

    #[test]
    fn what_is_no_request_is_refused() {
        let long = format!("GET /{} HTTP/1.1\r\n\r\n", "a".repeat(2 * HEAD_BYTES_MAX));
        for said in [b"\x80\x03\x00garbage\r\n\r\n".as_slice(), b"GET\r\n\r\n", long.as_bytes()] {
            let answer = answer(said, HEAD_TIMEOUT);
            assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 4"), "{answer}");
        }
    }
}
