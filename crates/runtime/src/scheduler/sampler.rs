//! Samplers: the memory of the cluster, looked at again and again for a client.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;
use std::time::Duration;

use cenote_core::protocol::exception::Builtin;
use cenote_core::protocol::field::Text;
use cenote_core::protocol::procedure::{StartSampler, StopSampler};
use cenote_core::protocol::rpc::ErrorReply;
use cenote_core::protocol::value::Value;
use cenote_core::scheduler::memory::Measure;
use tokio::task::{JoinHandle, spawn_local};
use tokio::time::sleep;

use super::hub::{Hub, Reply};

/// The least time between two looks.
const INTERVAL_MIN: Duration = Duration::from_millis(1);
/// So many samplers run at once.
const SAMPLERS_MAX: usize = 1000;
/// So many samples are taken. Who wants more has to look less often.
const SAMPLES_MAX: usize = 1_000_000;

/// All samplers that run.
#[derive(Debug, Default)]
pub(super) struct Samplers {
    running: RefCell<HashMap<Text, Sampler>>,
    started: Cell<u64>,
}

/// What one has seen: bytes, and when. It ends when it is dropped.
#[derive(Debug)]
struct Sampler {
    samples: Rc<RefCell<Vec<(f64, i64)>>>,
    task: JoinHandle<()>,
}

impl Drop for Sampler {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Starts a sampler, and answers with its name. It has one sample at least.
pub(super) fn start(hub: &Rc<Hub>, asked: &StartSampler) -> Reply {
    let samplers = &hub.samplers;
    let Some(measure) = Measure::of(&asked.measure) else {
        let text = format!("memory_sampler_start: there is no measure of memory that is called {:?}", asked.measure);
        return Err(ErrorReply::builtin(Builtin::Value, &text));
    };
    let first = hub.machine().memory(measure);
    if samplers.running.borrow().len() >= SAMPLERS_MAX {
        return Err(ErrorReply::text("memory_sampler_start: too many samplers run already: stop some"));
    }
    let number = samplers.started.get() + 1;
    samplers.started.set(number);
    let name: Text = format!("memory-sampler-{number}").into();
    let samples = Rc::new(RefCell::new(vec![(hub.clock.now(), first)]));
    let interval = Duration::try_from_secs_f64(asked.interval).unwrap_or(INTERVAL_MIN).max(INTERVAL_MIN);
    let task =
        spawn_local(sample(Rc::clone(hub), name.clone(), asked.client.clone(), measure, interval, Rc::clone(&samples)));
    samplers.running.borrow_mut().insert(name.clone(), Sampler { samples, task });
    Ok(name.into())
}

/// Looks until the client has gone or there is no room.
async fn sample(
    hub: Rc<Hub>,
    name: Text,
    client: Text,
    measure: Measure,
    interval: Duration,
    samples: Rc<RefCell<Vec<(f64, i64)>>>,
) {
    while samples.borrow().len() < SAMPLES_MAX {
        sleep(interval).await;
        if !hub.machine().has_client(&client) {
            hub.samplers.running.borrow_mut().remove(&name);
            return;
        }
        let bytes = hub.machine().memory(measure);
        samples.borrow_mut().push((hub.clock.now(), bytes));
    }
}

/// Ends a sampler, and answers with what it has seen.
pub(super) fn stop(hub: &Rc<Hub>, asked: &StopSampler) -> Reply {
    let Some(sampler) = hub.samplers.running.borrow_mut().remove(&asked.key) else {
        return Err(ErrorReply::builtin(Builtin::Key, &asked.key));
    };
    let samples = sampler.samples.borrow();
    Ok(Value::Tuple(samples.iter().map(|&(at, bytes)| Value::Tuple(vec![at.into(), bytes.into()])).collect()))
}
