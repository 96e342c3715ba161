//! The pages that a scheduler serves over HTTP: `/health` for machines, `/info` for people.
//!
//! It runs on the thread of the scheduler and reads it through one function that gives an [`Overview`]. It changes
//! nothing, and holds nothing between requests.

mod overview;
mod page;
mod routes;

use std::io;
use std::net::SocketAddr;
use std::rc::Rc;

pub use overview::{Overview, WorkerOverview};
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot};

/// Requests that may wait for an overview at once.
const WAITING_MAX: usize = 64;

/// A socket for HTTP, bound but not yet served.
#[derive(Debug)]
pub struct Dashboard {
    listener: TcpListener,
    address: SocketAddr,
}

impl Dashboard {
    /// Binds the address. If its port is taken, another one is taken instead, with a warning: a scheduler must not fail
    /// to start because a second one runs on the same machine.
    ///
    /// # Errors
    /// When the address is not one of this machine's.
    pub async fn bind(wanted: SocketAddr) -> io::Result<Self> {
        let listener = match TcpListener::bind(wanted).await {
            Err(error) if error.kind() == io::ErrorKind::AddrInUse && wanted.port() != 0 => {
                let listener = TcpListener::bind(SocketAddr::new(wanted.ip(), 0)).await?;
                let port = listener.local_addr()?.port();
                tracing::warn!(
                    "port {} is taken, perhaps by another scheduler: HTTP is on port {port} instead",
                    wanted.port()
                );
                listener
            }
            bound => bound?,
        };
        let address = listener.local_addr()?;
        Ok(Self { listener, address })
    }

    /// The port where it listens.
    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// The page that people open, on the host of the scheduler's address.
    pub fn link(&self, scheduler: &str) -> String {
        let place = scheduler.split_once("://").map_or(scheduler, |(_, place)| place);
        let host = place.rsplit_once(':').map_or(place, |(host, _)| host);
        format!("http://{host}:{}/status", self.port())
    }

    /// Serves until the task that awaits it ends. Must be awaited on a [`LocalRuntime`](tokio::runtime::LocalRuntime).
    pub async fn serve(self, overview: Rc<dyn Fn() -> Overview>) {
        let (ask, mut asked) = mpsc::channel::<oneshot::Sender<Overview>>(WAITING_MAX);
        let answers = async {
            while let Some(waiting) = asked.recv().await {
                // Whoever asked may have closed the page by now.
                let _ = waiting.send(overview());
            }
        };
        let pages = async {
            if let Err(error) = axum::serve(self.listener, routes::routes(ask)).await {
                tracing::error!("the pages over HTTP are served no more: {error}");
            }
        };
        tokio::join!(answers, pages);
    }
}
