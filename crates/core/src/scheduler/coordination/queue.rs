//! Queues: what some put in, others take out, futures or small data, in order.

use std::collections::VecDeque;

use super::Reply;
use super::waiting::{Later, On};
use crate::key::Key;
use crate::protocol::coordination::{QueueCreate, QueueGet, QueuePut};
use crate::protocol::exception::Builtin;
use crate::protocol::rpc::ErrorReply;
use crate::protocol::value::Value;
use crate::scheduler::Scheduler;
use crate::scheduler::inspect::seen::{Object, Seen};
use crate::scheduler::registry::Map;
use crate::scheduler::stimulus::Text;

/// All queues that somebody uses.
#[derive(Debug, Default)]
pub(super) struct Queues {
    queues: Map<Text, Queue>,
    /// How often a future is in a queue, or on its way out of it.
    futures: Map<(Text, Key), u64>,
}

#[derive(Debug)]
struct Queue {
    users: u64,
    room: Option<usize>,
    entries: VecDeque<Entry>,
    getters: VecDeque<Getter>,
    putters: VecDeque<(u64, Entry)>,
}

/// What a queue or a variable holds.
#[derive(Clone, Debug)]
pub(super) enum Entry {
    Future(Key),
    Data(Value),
}

#[derive(Debug)]
struct Getter {
    ticket: u64,
    /// How many it wants in one answer; nothing for one entry that is the answer.
    batch: Option<usize>,
    got: Vec<Entry>,
}

/// What a step of a queue has come to.
enum Done {
    Put(u64),
    Got(Getter),
}

impl Queue {
    fn new(maxsize: i64) -> Self {
        Self {
            users: 0,
            room: usize::try_from(maxsize).ok().filter(|&room| room > 0),
            entries: VecDeque::new(),
            getters: VecDeque::new(),
            putters: VecDeque::new(),
        }
    }

    /// The next request that need not wait any more.
    fn step(&mut self) -> Option<Done> {
        while let Some(getter) = self.getters.front_mut() {
            if getter.got.len() >= getter.batch.unwrap_or(1) {
                return self.getters.pop_front().map(Done::Got);
            }
            match self.entries.pop_front() {
                Some(entry) => getter.got.push(entry),
                None => break,
            }
        }
        if self.room.is_none_or(|room| self.entries.len() < room) {
            let (ticket, entry) = self.putters.pop_front()?;
            self.entries.push_back(entry);
            return Some(Done::Put(ticket));
        }
        None
    }
}

fn unknown(name: &Text) -> Reply {
    Err(ErrorReply::builtin(Builtin::Key, name))
}

impl Queues {
    /// As tests look at it.
    pub fn seen(&self, name: &str) -> Option<Seen> {
        Some(match name {
            "queues" => Seen::map(self.queues.keys().map(|name| (name.clone(), Seen::Object(Object::Opaque)))),
            "client_refcount" => Seen::map(self.queues.iter().map(|(name, it)| (name.clone(), it.users.into()))),
            "future_refcount" => {
                let place = |(name, key): &(Text, Key)| Seen::Tuple(vec![name.clone().into(), key.into()]);
                Seen::Map(self.futures.iter().map(|(at, count)| (place(at), (*count).into())).collect())
            }
            _ => return None,
        })
    }
}

/// The client in whose name a queue wants its futures.
fn client(name: &Text) -> Text {
    format!("queue-{name}").into()
}

impl Scheduler {
    pub(super) fn create_queue(&mut self, ticket: u64, asked: QueueCreate) {
        let maxsize = asked.maxsize.0.unwrap_or(0);
        let queue = self.coordination.queues.queues.entry(asked.name).or_insert_with(|| Queue::new(maxsize));
        queue.users += 1;
        self.reply(ticket, Ok(Value::Nil));
    }

    pub(super) fn put(&mut self, ticket: u64, asked: QueuePut, deadline: Option<f64>) {
        let entry = match &asked.key.0 {
            Some(key) if self.tasks.id(key).is_none() => {
                return self.wait(ticket, deadline, On::Known(Later::Put(asked).into()));
            }
            _ if !self.coordination.queues.queues.contains_key(&asked.name) => {
                return self.reply(ticket, unknown(&asked.name));
            }
            Some(key) => {
                *self.coordination.queues.futures.entry((asked.name.clone(), key.clone())).or_insert(0) += 1;
                self.desire(&client(&asked.name), vec![key.clone()]);
                Entry::Future(key.clone())
            }
            None => Entry::Data(asked.data.0.unwrap_or(Value::Nil)),
        };
        self.coordination.queues.queues[&asked.name].putters.push_back((ticket, entry));
        self.step_queue(&asked.name);
        if self.coordination.queues.queues[&asked.name].putters.iter().any(|(it, _)| *it == ticket) {
            self.wait(ticket, deadline, On::Room(asked.name));
        }
    }

    pub(super) fn take(&mut self, ticket: u64, asked: QueueGet) {
        let Some(queue) = self.coordination.queues.queues.get_mut(&asked.name) else {
            return self.reply(ticket, unknown(&asked.name));
        };
        let batch = match asked.batch.0 {
            Some(Value::Bool(true)) => Some(queue.entries.len()),
            Some(Value::Int(count)) if count != 0 => Some(usize::try_from(count).unwrap_or(0)),
            _ => None,
        };
        if matches!(asked.batch.0, Some(Value::Int(_))) && batch.is_some() && asked.timeout.0.is_some() {
            let text = "Dask queues don't support simultaneous use of integer batch sizes and timeouts";
            return self.reply(ticket, Err(ErrorReply::builtin(Builtin::NotImplemented, text)));
        }
        queue.getters.push_back(Getter { ticket, batch, got: Vec::new() });
        self.step_queue(&asked.name);
        if self.coordination.queues.queues[&asked.name].getters.iter().any(|getter| getter.ticket == ticket) {
            let deadline = self.deadline(asked.timeout.0);
            self.wait(ticket, deadline, On::Entry(asked.name));
        }
    }

    /// Answers all that need not wait any more.
    fn step_queue(&mut self, name: &Text) {
        while let Some(done) = self.coordination.queues.queues.get_mut(name).and_then(Queue::step) {
            match done {
                Done::Put(ticket) => self.reply(ticket, Ok(Value::Nil)),
                Done::Got(getter) => {
                    let mut got: Vec<_> = getter.got.iter().map(|entry| self.entry(entry, None)).collect();
                    let answer = if getter.batch.is_some() { Value::Tuple(got) } else { got.remove(0) };
                    self.reply(getter.ticket, Ok(answer));
                }
            }
        }
    }

    /// What is said of an entry: of a future, how its task is now, and by which token this answer is known.
    pub(super) fn entry(&self, entry: &Entry, token: Option<Text>) -> Value {
        let key = match entry {
            Entry::Data(data) => return Value::map([("type", "msgpack".into()), ("value", data.clone())]),
            Entry::Future(key) => key,
        };
        let task = self.tasks.id(key).map(|id| &self.tasks[id]);
        let state = task.map_or("lost", |task| task.state().name());
        let mut said = vec![("type", Value::from("Future")), ("value", key.into()), ("state", state.into())];
        said.extend(token.map(|token| ("token", token.into())));
        if let Some(failure) = task.and_then(|task| task.failure()) {
            let (exception, traceback) = failure.serialized();
            said.extend([("exception", exception), ("traceback", traceback)]);
        }
        Value::Map(said.into_iter().map(|(name, value)| (name.into(), value)).collect())
    }

    pub(super) fn queue_size(&mut self, ticket: u64, name: &Text) {
        let queue = self.coordination.queues.queues.get(name);
        let answer = queue.map_or_else(|| unknown(name), |queue| Ok((queue.entries.len() as u64).into()));
        self.reply(ticket, answer);
    }

    /// A request waits for a queue no longer.
    pub(super) fn leave_line(&mut self, name: &Text, ticket: u64) {
        let Some(queue) = self.coordination.queues.queues.get_mut(name) else { return };
        queue.getters.retain(|getter| getter.ticket != ticket);
        let putter = queue.putters.iter().position(|(other, _)| *other == ticket);
        if let Some((_, Entry::Future(key))) = putter.and_then(|index| queue.putters.remove(index)) {
            self.future_left(name, &key);
        }
    }

    /// Who took a future from a queue wants it now.
    pub(super) fn future_taken(&mut self, name: &Text, key: &Key, by: &Text) {
        self.desire(by, vec![key.clone()]);
        self.future_left(name, key);
    }

    /// A queue holds a future once less.
    fn future_left(&mut self, name: &Text, key: &Key) {
        let futures = &mut self.coordination.queues.futures;
        let place = (name.clone(), key.clone());
        if let Some(count) = futures.get_mut(&place) {
            *count -= 1;
            if *count == 0 {
                futures.swap_remove(&place);
                self.undesire(&client(name), std::slice::from_ref(key));
            }
        }
    }

    /// One uses a queue no more. Without users it is no more.
    pub(super) fn release_queue(&mut self, name: &Text) {
        let Some(queue) = self.coordination.queues.queues.get_mut(name) else { return };
        queue.users -= 1;
        if queue.users > 0 {
            return;
        }
        let queue = self.coordination.queues.queues.swap_remove(name).expect("it was just found");
        for ticket in queue.getters.iter().map(|getter| getter.ticket).chain(queue.putters.iter().map(|it| it.0)) {
            self.reply(ticket, unknown(name));
        }
        for entry in queue.entries.into_iter().chain(queue.putters.into_iter().map(|(_, entry)| entry)) {
            if let Entry::Future(key) = entry {
                self.future_left(name, &key);
            }
        }
    }
}
