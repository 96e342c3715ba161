//! The executor's door: what functions and plugins of Python ask the scheduler comes in over a socket in a folder that
//! nobody else can open, so it needs neither certificate nor token, and may look inside.

use std::path::PathBuf;
use std::rc::Rc;

use bytes::BytesMut;
use cenote_core::protocol::frame::{Decoded, Decoder, Frames};
use cenote_core::protocol::rpc::Request;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{UnixListener, UnixStream};
use tokio::task::spawn_local;

use super::connection::{Asker, reply, told};
use super::hub::Hub;
use crate::comm::CommError;

/// Its name in the folder of the executor.
const NAME: &str = "scheduler.socket";
/// Bytes that there is room for when something is about to be read.
const READ_BYTES: usize = 1 << 14;

/// Opens the door, and answers until the scheduler ends.
pub(super) fn open(hub: &Rc<Hub>) {
    let path: PathBuf = hub.executor.local_directory().join(NAME);
    match UnixListener::bind(&path) {
        Ok(listener) => drop(spawn_local(answer_all(Rc::clone(hub), listener))),
        // The path may be too long for a socket.
        Err(error) => tracing::warn!("functions of Python cannot ask the scheduler: {}: {error}", path.display()),
    }
}

async fn answer_all(hub: Rc<Hub>, listener: UnixListener) {
    while let Ok((stream, _)) = listener.accept().await {
        let hub = Rc::clone(&hub);
        spawn_local(async move {
            // It ends when the executor wants nothing more, however it says so.
            let _ = answer(&hub, stream).await;
        });
    }
}

async fn answer(hub: &Rc<Hub>, mut stream: UnixStream) -> Result<(), CommError> {
    let mut decoder = Decoder::new(hub.settings.limits);
    let mut buffer = BytesMut::new();
    loop {
        match decoder.decode(&mut buffer)? {
            Decoded::Message(frames) => {
                let request = Request::decode(frames)?;
                let answer = reply(hub, &request, Asker::Executor).await;
                say(&mut stream, &told(&request, answer)).await?;
            }
            Decoded::Incomplete(_) => {
                buffer.reserve(READ_BYTES);
                if stream.read_buf(&mut buffer).await? == 0 {
                    return Ok(());
                }
            }
        }
    }
}

async fn say(stream: &mut UnixStream, message: &Frames) -> Result<(), CommError> {
    let mut segments = Vec::new();
    message.encode(&mut segments);
    for segment in segments {
        stream.write_all(&segment).await?;
    }
    Ok(())
}
