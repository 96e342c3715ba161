//! Procedures: requests for which others must be asked first. They read the machine, talk, and tell it what came of it.

mod benchmark;
mod broadcast;
mod cluster_state;
mod gather;
mod peer;
mod plugins;
mod profile;
mod rebalance;
mod replicate;
mod restart;
mod scatter;
mod shuffle;

use std::rc::Rc;

use cenote_core::protocol::error::DecodeError;
use cenote_core::protocol::exception::Builtin;
use cenote_core::protocol::procedure::Logs;
use cenote_core::protocol::rpc::{ErrorReply, Request};
use cenote_core::protocol::value::Value;

use super::connection::Asker;
use super::hub::{Hub, Reply};
use super::{plugins as plugins_of_python, sampler};
pub(super) use broadcast::{call_stack, worker_logs};
pub(super) use restart::replace;

/// Serves a request that the machine cannot answer alone.
///
/// # Errors
/// The arguments of the request cannot be read.
pub(super) async fn call(hub: &Rc<Hub>, request: &Request, asker: Asker) -> Result<Reply, DecodeError> {
    Ok(match &*request.op {
        "echo" => request.arguments::<Value>()?.get("data").cloned().ok_or_else(|| missing("echo", "data")),
        "close" => Ok("OK".into()),
        "terminate" => {
            hub.close();
            Ok("OK".into())
        }
        "gather" => gather::gather(hub, request.arguments()?, request.serializers.clone()).await,
        "scatter" => scatter::scatter(hub, request.arguments()?).await,
        "broadcast" => broadcast::broadcast(hub, request.arguments()?).await,
        "proxy" => broadcast::proxy(hub, request.arguments()?).await,
        "worker_logs" => broadcast::worker_logs(hub, request.arguments()?).await,
        "call_stack" => broadcast::call_stack(hub, request.arguments()?).await,
        "register_worker_plugin" => plugins::register(hub, request.arguments()?, plugins::Of::Workers).await,
        "unregister_worker_plugin" => plugins::unregister(hub, request.arguments()?, plugins::Of::Workers).await,
        "register_nanny_plugin" => plugins::register(hub, request.arguments()?, plugins::Of::Nannies).await,
        "unregister_nanny_plugin" => plugins::unregister(hub, request.arguments()?, plugins::Of::Nannies).await,
        "get_cluster_state" => cluster_state::cluster_state(hub, request.arguments()?).await,
        "rebalance" => rebalance::rebalance(hub, request.arguments()?).await,
        "replicate" => replicate::replicate(hub, request.arguments()?).await,
        "restart" => restart::restart(hub, request.arguments()?).await,
        "restart_workers" => restart::restart_workers(hub, request.arguments()?).await,
        "dump_cluster_state_to_url" | "run_function" | "register_scheduler_plugin" | "unregister_scheduler_plugin" => {
            match asker {
                Asker::Peer(_) => plugins_of_python::serve(hub, request).await,
                Asker::Executor => Err(asks_itself(&request.op)),
            }
        }
        "benchmark_hardware" => benchmark::benchmark(hub).await,
        "shuffle_barrier" => shuffle::barrier(hub, request.arguments()?).await,
        "profile" => profile::profile(hub, request.arguments()?).await,
        "memory_sampler_start" => sampler::start(hub, &request.arguments()?),
        "memory_sampler_stop" => sampler::stop(hub, &request.arguments()?),
        "logs" | "get_logs" => Ok(logs(&request.arguments()?)),
        "versions" => Ok(hub.executor.greeting().versions.clone()),
        op => {
            tracing::warn!("{asker:?}: the request {op:?} is not known here");
            let text = format!("this scheduler (Cenote) does not know the request {op:?}; the scheduler of Dask may");
            Err(ErrorReply::builtin(Builtin::NotImplemented, &text))
        }
    })
}

/// The last lines of the log of this process, the newest first: their levels and texts, after their times if asked for.
fn logs(asked: &Logs) -> Value {
    let count = asked.n.0.map_or(usize::MAX, |n| n as usize);
    let with_times = asked.timestamps.0 == Some(true);
    let line = |line: crate::logging::Remembered| {
        let time = with_times.then_some(Value::Float(line.at));
        Value::Tuple(time.into_iter().chain([line.level.into(), (*line.text).into()]).collect())
    };
    Value::Tuple(crate::logging::lines(asked.start.0.unwrap_or(0.0), count).into_iter().map(line).collect())
}

/// The executor does one thing at a time: it would wait for itself.
fn asks_itself(op: &str) -> ErrorReply {
    let text =
        format!("a function or plugin of the scheduler cannot ask it for {op}, which is done where it runs itself");
    ErrorReply::builtin(Builtin::NotImplemented, &text)
}

fn missing(op: &str, field: &str) -> ErrorReply {
    ErrorReply::builtin(Builtin::Type, &format!("the request {op}: the field {field} is missing"))
}
