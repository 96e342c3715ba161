//! The barrier of a P2P shuffle: all who take part are told that no more data will come.

use std::rc::Rc;
use std::time::Duration;

use cenote_core::protocol::exception::Builtin;
use cenote_core::protocol::field::Text;
use cenote_core::protocol::question::Question;
use cenote_core::protocol::rpc::{ErrorReply, Request};
use cenote_core::protocol::shuffle::{PassBarrier, ShuffleInputsDone};
use cenote_core::protocol::value::Value;
use tokio::task::JoinSet;

use super::peer;
use crate::scheduler::hub::{Hub, Reply};

/// How long to wait before those who could not be reached are told again.
const PAUSE: Duration = Duration::from_millis(100);
/// So often nobody more may have been reached before it is given up.
const ATTEMPTS_IN_VAIN_MAX: u32 = 3;

/// Passes the barrier of a run, once all who take part know.
pub(super) async fn barrier(hub: &Rc<Hub>, request: PassBarrier) -> Reply {
    let participants = hub.ask(Question::from(request.clone())).await?;
    let Value::Tuple(participants) = participants else { return Err(failure("nobody takes part")) };
    let workers = participants.iter().filter_map(Value::as_str).map(Text::from).collect();
    match tell_all(hub, workers, &request.id, request.run_id).await {
        Ok(()) => Ok(Value::Nil),
        // The run may be over: then nothing has failed.
        Err(error) => hub.ask(Question::from(request)).await.and(Err(error)),
    }
}

async fn tell_all(hub: &Rc<Hub>, mut workers: Vec<Text>, shuffle: &Text, run_id: i64) -> Result<(), ErrorReply> {
    let mut in_vain = 0;
    loop {
        let count = workers.len();
        workers = tell(hub, &workers, shuffle, run_id).await?;
        if workers.is_empty() {
            return Ok(());
        }
        if let Some(left) = workers.iter().find(|worker| !is_known(hub, worker)) {
            return Err(failure(&format!("worker {left} left during the shuffle {shuffle}")));
        }
        in_vain += u32::from(workers.len() == count);
        if in_vain >= ATTEMPTS_IN_VAIN_MAX {
            let workers = workers.join(", ");
            return Err(failure(&format!(
                "{workers} cannot be reached at the barrier of the shuffle {shuffle}: where workers are busy, a longer \
                 distributed.comm.timeouts.connect may help"
            )));
        }
        tracing::warn!("shuffle {shuffle}: {} could not be reached at its barrier: trying again", workers.join(", "));
        tokio::time::sleep(PAUSE).await;
    }
}

/// Tells these workers, and returns those that could not be reached.
async fn tell(hub: &Rc<Hub>, workers: &[Text], shuffle: &Text, run_id: i64) -> Result<Vec<Text>, ErrorReply> {
    let done = ShuffleInputsDone { shuffle_id: shuffle.clone(), run_id };
    let message = Request::encode("shuffle_inputs_done", &done);
    let mut telling = JoinSet::new();
    for worker in workers {
        let (hub, worker, message) = (Rc::clone(hub), worker.clone(), message.clone());
        telling.spawn_local(async move {
            let reply = hub.pool.request(&worker, &message).await.and_then(|reply| Ok(Value::decode(&reply)?));
            (worker, reply)
        });
    }
    let mut unreached = Vec::new();
    while let Some(Ok((worker, reply))) = telling.join_next().await {
        match reply.map(peer::raised) {
            Ok(Ok(_)) => {}
            Ok(Err(raised)) => {
                return Err(failure(&format!(
                    "{worker} at the barrier of the shuffle {shuffle}: {}",
                    raised.exception_text
                )));
            }
            Err(_) => unreached.push(worker),
        }
    }
    Ok(unreached)
}

fn is_known(hub: &Hub, worker: &Text) -> bool {
    hub.machine().workers().any(|known| known.address == *worker)
}

fn failure(text: &str) -> ErrorReply {
    ErrorReply::builtin(Builtin::Runtime, text)
}
