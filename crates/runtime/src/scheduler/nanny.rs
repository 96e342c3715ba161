//! Nannies: what starts a worker holds a connection while it does.

use std::rc::Rc;

use cenote_core::protocol::field::encode;
use cenote_core::protocol::worker::RegisterNannyReply;

use super::hub::Hub;
use crate::comm::{CommError, Connection};

/// Greets a nanny with the plugins that it is to have, and holds the connection until it lets go.
pub(super) async fn hold(hub: &Rc<Hub>, mut connection: Connection) -> Result<(), CommError> {
    let nanny_plugins = hub.machine().nanny_plugins();
    connection.send(&encode(&RegisterNannyReply { status: "OK".into(), nanny_plugins })).await?;
    loop {
        connection.receive().await?;
    }
}
