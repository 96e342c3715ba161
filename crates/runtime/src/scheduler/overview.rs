//! What the pages over HTTP ask for, read from the machine, or done.

use std::rc::Rc;
use std::time::Duration;

use cenote_core::key::Key;
use cenote_core::protocol::field::Optional;
use cenote_core::protocol::procedure::{CallStack, WorkerLogs};
use cenote_core::protocol::query::{Identity, Query, WorkersToClose};
use cenote_core::protocol::question::{Question, RetireWorkers};
use cenote_core::protocol::value::Value;
use cenote_core::scheduler::Scheduler;
use tokio::time::timeout;

use super::connection;
use super::hub::Hub;
use super::procedure;
use crate::dashboard::{Asked, LogLine, Measured, Overview, Retired, WorkerOverview};
use crate::logging::{self, Remembered};

/// So many events are shown.
const EVENTS_MAX: usize = 200;
/// So many lines of a log are shown.
const LINES_MAX: u64 = 1000;
/// How long a worker is given to tell something.
const PATIENCE: Duration = Duration::from_secs(10);
const SILENT: &str = "it takes too long";

/// Answers a page. Whoever asked may have gone by then.
pub(super) fn answer(hub: &Rc<Hub>, asked: Asked) {
    match asked {
        Asked::Overview(answer) => drop(answer.send(read(hub))),
        Asked::Numbers(answer) => drop(answer.send(measured(hub))),
        Asked::Identity(answer) => {
            let identity = connection::identity(hub, &Identity { n_workers: Optional(Some(-1)) });
            drop(answer.send(identity.unwrap_or(Value::Nil)));
        }
        Asked::Workers(answer) => {
            let workers = hub.machine().workers().map(|it| (it.given_name, it.address.to_string())).collect();
            drop(answer.send(workers));
        }
        Asked::Idle(answer) => drop(answer.send(hub.machine().idle_since())),
        Asked::Task(keys, answer) => {
            let hub = Rc::clone(hub);
            tokio::task::spawn_local(async move {
                drop(answer.send(find(&hub, |machine| keys.iter().find_map(|key| machine.task_detail(key))).await));
            });
        }
        Asked::Worker(address, answer) => drop(answer.send(hub.machine().worker_detail(&address.as_str().into()))),
        Asked::Failures(answer) => drop(answer.send(hub.machine().failures())),
        Asked::Events(answer) => {
            let events = hub.machine().last_events(&"all".into(), EVENTS_MAX);
            drop(answer.send((events, hub.clock.now())));
        }
        Asked::Log(answer) => drop(answer.send((log(), hub.clock.now()))),
        Asked::WorkerLog(..) | Asked::WorkerStacks(..) | Asked::TaskStacks(..) => ask_workers(hub, asked),
        Asked::Retire(retired, answer) => {
            let hub = Rc::clone(hub);
            // It goes on if the page does not wait for it.
            tokio::task::spawn_local(async move { drop(answer.send(retire(&hub, retired).await)) });
        }
    }
}

/// Answers a page about what workers know, when they have answered.
fn ask_workers(hub: &Rc<Hub>, asked: Asked) {
    let hub = Rc::clone(hub);
    tokio::task::spawn_local(async move {
        match asked {
            Asked::WorkerLog(address, answer) => drop(answer.send(worker_log(&hub, &address).await)),
            Asked::WorkerStacks(address, answer) => {
                let keys = hub.machine().sent_to(&address.as_str().into());
                drop(answer.send(match keys {
                    Some(keys) => Some(stacks(&hub, keys).await),
                    None => None,
                }));
            }
            Asked::TaskStacks(keys, answer) => {
                let known = |machine: &Scheduler| keys.iter().find(|key| machine.state(key).is_some()).cloned();
                drop(answer.send(match find(&hub, known).await {
                    Some(key) => Some(stacks(&hub, vec![key]).await),
                    None => None,
                }));
            }
            _ => {}
        }
    });
}

/// What is found in the machine, also if the graph that it stands in is being read.
async fn find<T>(hub: &Hub, find: impl Fn(&Scheduler) -> Option<T>) -> Option<T> {
    timeout(PATIENCE, hub.find(find)).await.unwrap_or(None)
}

/// The calls that tasks are in.
async fn stacks(hub: &Rc<Hub>, keys: Vec<Key>) -> Result<Value, String> {
    let asked = procedure::call_stack(hub, CallStack { keys: Optional(Some(keys)) });
    let answer = timeout(PATIENCE, asked).await.map_err(|_| SILENT.to_owned())?;
    answer.map_err(|error| error.exception_text.to_string())
}

/// The last lines of a worker's log, if it is one of ours.
async fn worker_log(hub: &Rc<Hub>, address: &str) -> Option<Result<Vec<LogLine>, String>> {
    let worker = hub.machine().worker_address(&address.into())?;
    let workers = Optional(Some(vec![worker.clone()]));
    let asked = WorkerLogs { n: Optional(Some(LINES_MAX)), workers, nanny: Optional(Some(false)) };
    Some(match timeout(PATIENCE, procedure::worker_logs(hub, asked)).await {
        Ok(Ok(answer)) => Ok(answer.get(&worker).map_or_else(Vec::new, lines)),
        Ok(Err(error)) => Err(error.exception_text.to_string()),
        Err(_) => Err(SILENT.to_owned()),
    })
}

/// Lines as a worker tells them: how grave each is, and its text.
fn lines(told: &Value) -> Vec<LogLine> {
    let Value::Tuple(told) = told else { return Vec::new() };
    let line = |line: &Value| match line {
        Value::Tuple(parts) => {
            let text = |place: usize| parts.get(place).and_then(Value::as_str).unwrap_or_default().to_owned();
            LogLine { at: None, level: text(0), text: text(1) }
        }
        _ => LogLine::default(),
    };
    told.iter().map(line).collect()
}

/// The last lines of the scheduler's own log, the newest first.
fn log() -> Vec<LogLine> {
    let line = |line: Remembered| LogLine { at: Some(line.at), level: line.level.to_owned(), text: line.text.into() };
    logging::lines(0.0, LINES_MAX as usize).into_iter().map(line).collect()
}

/// Where a worker serves pages of its own.
fn own_pages(host: &str, port: u16) -> String {
    if host.contains(':') { format!("http://[{host}]:{port}/status") } else { format!("http://{host}:{port}/status") }
}

fn measured(hub: &Hub) -> Measured {
    let now = hub.clock.now();
    let (ticks, tick_longest) = hub.rounds.take(now);
    Measured { numbers: hub.machine().numbers(), ticks, tick_longest, now }
}

async fn retire(hub: &Rc<Hub>, retired: Retired) -> Result<Value, String> {
    let workers = match retired {
        Retired::Named(workers) => workers,
        Retired::Count(n) => {
            let closable = WorkersToClose { n: Optional(Some(n)), ..WorkersToClose::default() };
            match hub.query(&Query::WorkersToClose(closable)).map_err(|error| error.exception_text.to_string())? {
                Value::Tuple(workers) => workers,
                _ => Vec::new(),
            }
        }
    };
    let asked = RetireWorkers { workers: Optional(Some(workers)), ..RetireWorkers::default() };
    hub.ask(Question::from(asked)).await.map_err(|error| error.exception_text.to_string())
}

/// The scheduler as it is now.
fn read(hub: &Hub) -> Overview {
    let machine = hub.machine();
    let now = hub.clock.now();
    Overview {
        address: hub.facts.address.to_string(),
        uptime: now - hub.facts.started,
        numbers: machine.numbers(),
        workers: machine
            .worker_summaries(now)
            .map(|worker| WorkerOverview {
                address: worker.address.to_string(),
                name: worker.name.to_string(),
                pages: worker.dashboard_port.map(|port| own_pages(&worker.host, port)),
                status: worker.status.to_owned(),
                nthreads: worker.nthreads as usize,
                processing: worker.processing,
                in_memory: worker.in_memory,
                nbytes: worker.nbytes,
                cpu: worker.cpu,
                memory_bytes: worker.memory,
                memory_limit_bytes: worker.memory_limit.unwrap_or(0),
                last_seen: worker.silence,
            })
            .collect(),
    }
}
