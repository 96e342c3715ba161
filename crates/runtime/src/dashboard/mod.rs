//! The pages that a scheduler serves over HTTP: for machines that watch it and for people.
//!
//! They run on the thread of the scheduler, beside it: what they show they ask for ([`Asked`]), and the answer is made
//! between two things that the scheduler does. They hold nothing between requests.

mod api;
mod asked;
mod connection;
mod detail;
mod exposition;
mod info;
mod json;
mod literal;
mod markup;
mod metrics;
mod origin;
mod overview;
mod page;
mod process;
mod routes;
mod settings;

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::rc::Rc;

pub use asked::{Answer, Asked, Measured, Retired};
pub use detail::LogLine;
pub use overview::{Overview, WorkerOverview};
pub use settings::{Modules, Settings};
use tokio::net::TcpListener;
use tokio::sync::mpsc;

/// Questions that may wait for an answer at once.
const WAITING_MAX: usize = 64;

/// A socket for HTTP, bound but not yet served.
#[derive(Debug)]
pub struct Dashboard {
    listener: TcpListener,
    address: SocketAddr,
    settings: Settings,
}

impl Dashboard {
    /// Binds the address. If its port is taken, another one is taken instead, with a warning: a scheduler must not fail
    /// to start because a second one runs on the same machine.
    ///
    /// # Errors
    /// When the address is not one of this machine's.
    pub async fn bind(settings: Settings) -> io::Result<Self> {
        let wanted = settings.listen;
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
        Ok(Self { listener, address, settings })
    }

    /// The port where it listens.
    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// The page that people open, on the host of the scheduler's address.
    pub fn link(&self, scheduler: &str) -> String {
        let place = scheduler.split_once("://").map_or(scheduler, |(_, place)| place);
        let host = place.rsplit_once(':').map_or(place, |(host, _)| host);
        let (port, http) = (self.port(), if self.settings.tls.is_some() { "https" } else { "http" });
        match host.parse::<IpAddr>() {
            Ok(IpAddr::V6(_)) => format!("{http}://[{host}]:{port}{}/status", self.settings.prefix),
            _ => format!("{http}://{host}:{port}{}/status", self.settings.prefix),
        }
    }

    /// Serves until the task that awaits it ends. What pages ask for is answered by `answer`, at once or later. Must be
    /// awaited on a [`LocalRuntime`](tokio::runtime::LocalRuntime).
    pub async fn serve(self, answer: Rc<dyn Fn(Asked)>) {
        let (ask, mut asked) = mpsc::channel(WAITING_MAX);
        let answers = async {
            while let Some(question) = asked.recv().await {
                answer(question);
            }
        };
        let tls = self.settings.tls.clone();
        let pages = connection::accept(self.listener, tls, routes::routes(&self.settings, ask));
        tokio::join!(answers, pages);
    }
}
