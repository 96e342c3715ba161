//! Restart: nannies replace their workers; workers without one are let go.

use std::rc::Rc;
use std::time::{Duration, Instant};

use cenote_core::protocol::exception::Builtin;
use cenote_core::protocol::field::{Optional, Text};
use cenote_core::protocol::procedure::RestartWorkers;
use cenote_core::protocol::question::{Question, Restart};
use cenote_core::protocol::rpc::ErrorReply;
use cenote_core::protocol::value::Value;
use cenote_core::scheduler::stimulus::Stimulus;
use cenote_core::scheduler::view::WorkerView;
use tokio::task::JoinSet;
use tokio::time::timeout_at;

use super::peer;
use crate::scheduler::hub::{Hub, Reply};

/// How often to look whether the workers are back.
const LOOK: Duration = Duration::from_millis(50);
/// Seconds for a restart when nothing is said.
const TIMEOUT: f64 = 30.0;

/// Forgets all tasks, then restarts all workers.
pub(super) async fn restart(hub: &Rc<Hub>, request: RestartWorkers) -> Reply {
    let forget = Restart { client: request.client.clone(), stimulus_id: request.stimulus_id.clone() };
    hub.ask(Question::from(forget)).await?;
    hub.plugins.restarted();
    let request = RestartWorkers { workers: Optional(None), on_error: Optional(None), ..request };
    restart_workers(hub, request).await.map(|_| Value::Nil)
}

/// Restarts workers. Answers with what became of each: `OK`, `removed` or `timed out`.
pub(super) async fn restart_workers(hub: &Rc<Hub>, request: RestartWorkers) -> Reply {
    let seconds = request.timeout.0.as_ref().and_then(Value::as_seconds).unwrap_or(TIMEOUT);
    let start = Instant::now();
    let deadline = start + Duration::from_secs_f64(seconds.clamp(0.0, 1e6));
    let reason = request.stimulus_id.0.unwrap_or_else(|| "restart".into());
    let before: Vec<_> = hub.machine().workers().collect();
    let chosen = |worker: &WorkerView| request.workers.0.as_ref().is_none_or(|it| it.contains(&worker.address));
    let old: Vec<Text> = before.iter().filter(|worker| chosen(worker)).map(|worker| worker.id.clone()).collect();
    let mut outcomes: Vec<(Text, &str)> = Vec::new();
    let mut kills = JoinSet::new();
    for WorkerView { address: worker, nanny, .. } in before.iter().filter(|worker| chosen(worker)).cloned() {
        let Some(nanny) = nanny else {
            hub.stimulate(Stimulus::WorkerLeft { worker: worker.clone(), expected: true });
            outcomes.push((worker, "removed"));
            continue;
        };
        let (hub, reason) = (Rc::clone(hub), reason.clone());
        kills.spawn_local(async move {
            let message = peer::request("kill", vec![("reason", reason.into())]);
            let killed = timeout_at(deadline.into(), peer::ask(&hub, &nanny, &message)).await;
            (worker, matches!(killed, Ok(Ok(_))))
        });
    }
    let mut stuck = Vec::new();
    while let Some(Ok((worker, killed))) = kills.join_next().await {
        outcomes.push((worker.clone(), if killed { "OK" } else { "timed out" }));
        if !killed {
            hub.stimulate(Stimulus::WorkerLeft { worker: worker.clone(), expected: true });
            stuck.push(worker);
        }
    }
    let strict = request.on_error.0.as_deref() != Some("return");
    if !stuck.is_empty() && strict {
        let (count, all) = (stuck.len(), before.iter().filter(|it| chosen(it) && it.nanny.is_some()).count());
        let text =
            format!("{count}/{all} nanny worker(s) did not shut down within {seconds}s: {{'{}'}}", stuck.join("', '"));
        return Err(ErrorReply::builtin(Builtin::Timeout, &text));
    }
    if request.wait_for_workers.0 != Some(false) {
        let wait = Wait { count: before.len(), old, deadline, seconds, strict };
        wait_for(hub, &wait, &mut outcomes).await?;
    }
    Ok(Value::Map(outcomes.into_iter().map(|(worker, outcome)| (worker.into(), outcome.into())).collect()))
}

/// Lets a nanny end its silent worker and start another one. A worker whose nanny cannot do it is taken for dead.
pub(in crate::scheduler) async fn replace(hub: Rc<Hub>, worker: Text, nanny: Text) {
    let message = peer::request("kill", vec![("reason", "scheduler-worker-ttl".into())]);
    let asked = tokio::time::timeout(Duration::from_secs_f64(TIMEOUT), peer::ask(&hub, &nanny, &message)).await;
    if !matches!(asked, Ok(Ok(_))) {
        tracing::error!("the nanny {nanny} did not end its worker {worker}, which is taken for dead");
        hub.stimulate(Stimulus::WorkerLeft { worker, expected: false });
    }
}

/// What is waited for after a restart.
struct Wait {
    /// As many workers as there were.
    count: usize,
    /// These do not count: they are about to go.
    old: Vec<Text>,
    deadline: Instant,
    seconds: f64,
    /// Whether it is an error when they do not come.
    strict: bool,
}

/// Waits until as many workers are there as before, without the old ones.
async fn wait_for(hub: &Hub, wait: &Wait, outcomes: &mut [(Text, &'static str)]) -> Result<(), ErrorReply> {
    let Wait { count, old, deadline, seconds, strict } = wait;
    loop {
        let there = hub.machine().workers().filter(|worker| !old.contains(&worker.id)).count();
        if there >= *count {
            return Ok(());
        }
        if Instant::now() > *deadline {
            if *strict {
                let text = format!(
                    "Waited for {count} worker(s) to reconnect after restarting, but after {seconds}s, only {there} have \
                     returned. Consider a longer timeout, or `wait_for_workers=False`. The workers without a nanny are \
                     not restarted"
                );
                return Err(ErrorReply::builtin(Builtin::Timeout, &text));
            }
            for (_, outcome) in outcomes.iter_mut().filter(|(_, outcome)| *outcome == "OK") {
                *outcome = "timed out";
            }
            return Ok(());
        }
        tokio::time::sleep(LOOK).await;
    }
}
