//! Stock workers: state machines of distributed that take the place of the models, over the same work and faults.
//!
//! `tests/compat/paired/workers.py` owns them; `CENOTE_SIM_STOCK` is the command that starts it. What is said to it and
//! what it says are messages of Dask's protocol, so that stock's own code reads what our scheduler writes. `make paired`
//! runs this without end.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt;
use std::io::{Read, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::rc::Rc;

use bytes::BytesMut;
use cenote_core::protocol::error::{DecodeError, Problem};
use cenote_core::protocol::field::{Field, Map, Text, decode};
use cenote_core::protocol::frame::{Decoded, Decoder, Frames};
use cenote_core::protocol::limits::Limits;
use cenote_core::protocol::msgpack::{Reader, Writer};
use cenote_core::protocol::record::Operation;
use cenote_core::protocol::worker::{FromWorker, ToWorker};
use cenote_core::scheduler::worker::WorkerStatus;

use super::network::Outcome;
use super::worker::{Act, Fetched, ModelWorker, RAISED_BY};
use super::workload::{Fate, Workload};

/// The process that owns the stock workers of all seeds.
pub struct StockProcess {
    process: Child,
    input: Option<ChildStdin>,
    output: ChildStdout,
}

impl StockProcess {
    /// Starts a command. Its sets have the same order each time, as far as Python lets us.
    pub fn start(command: &str) -> Self {
        let mut words = command.split_whitespace();
        let mut process = Command::new(words.next().expect("a command has a word"))
            .args(words)
            .env("PYTHONHASHSEED", "0")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("cannot start {command}: {error}"));
        let (input, output) = (process.stdin.take(), process.stdout.take().expect("it is piped"));
        Self { process, input, output }
    }

    fn call(&mut self, request: &Frames) -> Report {
        let mut segments = Vec::new();
        request.encode(&mut segments);
        self.input.as_mut().expect("it is open").write_all(&segments.concat()).expect("the stock workers listen");
        let mut length = [0; 8];
        self.output.read_exact(&mut length).expect("the stock workers answer");
        let size = usize::try_from(u64::from_le_bytes(length)).expect("an answer fits into memory");
        let mut answer = BytesMut::from(&length[..]);
        answer.resize(length.len() + size, 0);
        self.output.read_exact(&mut answer[length.len()..]).expect("the stock workers answer");
        let Ok(Decoded::Message(frames)) = Decoder::new(Limits::default()).decode(&mut answer) else {
            panic!("stock workers answer in frames")
        };
        decode(&frames).unwrap_or_else(|error| panic!("what a stock worker says is not understood: {error}"))
    }
}

impl Drop for StockProcess {
    fn drop(&mut self) {
        self.input = None;
        let _ = self.process.wait();
    }
}

/// What a stock worker wants done, and how it stands.
#[derive(Default)]
struct Report {
    wants: Vec<Want>,
    data: Map<Text, u64>,
    status: Text,
    unfinished: Vec<Text>,
    known: Vec<Text>,
    broken: Option<Text>,
}

/// Something that a stock worker wants done.
enum Want {
    Say(Box<FromWorker>),
    Ask(Text, Vec<Text>),
    RetryLater(Text),
    Run(Text, Map<Text, u64>),
    Die,
}

impl Field for Want {
    fn read(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        reader.nested(|reader| {
            reader.sequence()?;
            Ok(match &*Text::read(reader)? {
                "say" => Self::Say(Box::new(FromWorker::read(reader)?)),
                "ask" => Self::Ask(Field::read(reader)?, Field::read(reader)?),
                "retry-later" => Self::RetryLater(Field::read(reader)?),
                "run" => Self::Run(Field::read(reader)?, Field::read(reader)?),
                "die" => Self::Die,
                _ => return Err(reader.error(Problem::Range)),
            })
        })
    }

    fn write(&self, _: &mut Writer) {
        unreachable!("only workers want something done")
    }
}

impl Field for Report {
    fn read(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let mut report = Self::default();
        reader.nested(|reader| {
            for _ in 0..reader.map()? {
                match reader.name()? {
                    Some("acts") => report.wants = Field::read(reader)?,
                    Some("data") => report.data = Field::read(reader)?,
                    Some("status") => report.status = Field::read(reader)?,
                    Some("unfinished") => report.unfinished = Field::read(reader)?,
                    Some("known") => report.known = Field::read(reader)?,
                    _ => report.broken = Some(Field::read(reader)?),
                }
            }
            Ok(())
        })?;
        Ok(report)
    }

    fn write(&self, _: &mut Writer) {
        unreachable!("only workers report")
    }
}

/// A stock worker, as the simulator knows it.
#[derive(Clone)]
pub struct StockWorker {
    process: Rc<RefCell<StockProcess>>,
    number: u64,
    /// The inputs of what it runs.
    running: BTreeMap<String, Vec<(Text, u64)>>,
    /// Tasks that still have something to do.
    pub unfinished: Vec<Text>,
    /// All tasks that it knows, and their states.
    pub known: Vec<Text>,
}

impl fmt::Debug for StockWorker {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "stock worker {}: {:?}", self.number, self.known)
    }
}

impl StockWorker {
    pub fn new(process: Rc<RefCell<StockProcess>>, number: u64) -> Self {
        Self { process, number, running: BTreeMap::new(), unfinished: Vec::new(), known: Vec::new() }
    }

    fn call(&mut self, what: &str, arguments: usize, write: impl FnOnce(&mut Writer)) -> Report {
        let mut request = Writer::with_capacity(256);
        request.array(arguments + 2);
        self.number.write(&mut request);
        request.str(what);
        write(&mut request);
        let report = self.process.borrow_mut().call(&request.finish());
        if let Some(broken) = &report.broken {
            panic!("stock worker {} is broken: {broken}", self.number);
        }
        self.unfinished.clone_from(&report.unfinished);
        self.known.clone_from(&report.known);
        report
    }
}

fn pairs(data: impl IntoIterator<Item = (String, u64)>) -> Map<Text, u64> {
    Map(data.into_iter().map(|(key, value)| (key.into(), value)).collect())
}

/// What reaches a worker whose mind is stock's.
impl ModelWorker {
    /// Tells the stock worker something, if there is one.
    fn tell_stock(&mut self, what: &str, arguments: usize, write: impl FnOnce(&mut Writer)) -> bool {
        let Some(stock) = &mut self.stock else { return false };
        let report = stock.call(what, arguments, write);
        self.status = WorkerStatus::of(&report.status).expect("a stock worker has a known status");
        self.data = report.data.0.into_iter().map(|(key, value)| (key.to_string(), value)).collect();
        for want in report.wants {
            let act = match want {
                Want::Say(said) => Act::Say(*said),
                Want::Ask(address, keys) => {
                    let keys = keys.iter().map(ToString::to_string).collect();
                    Act::Ask { address: address.to_string(), keys }
                }
                Want::RetryLater(address) => Act::RetryLater { address: address.to_string() },
                Want::Run(key, inputs) => {
                    self.started += 1;
                    stock.running.insert(key.to_string(), inputs.0);
                    Act::Run { key: key.to_string(), started: self.started }
                }
                Want::Die => Act::Die,
            };
            self.acts.push(act);
        }
        true
    }

    /// A new process takes its place.
    pub fn boot_stock(&mut self) {
        if let Some(stock) = &mut self.stock {
            stock.running.clear();
        }
        let resources = Map(self.resources.clone());
        let (address, threads) = (Text::from(&*self.address), self.threads);
        self.tell_stock("boot", 3, |writer| {
            address.write(writer);
            threads.write(writer);
            resources.write(writer);
        });
    }

    pub fn stock_hears(&mut self, message: &ToWorker) -> bool {
        self.tell_stock("hear", 1, |writer| message.write(writer))
    }

    pub fn stock_takes_on(&mut self, status: WorkerStatus) -> bool {
        self.tell_stock("status", 1, |writer| writer.str(status.name()))
    }

    pub fn stock_is_given(&mut self, key: &str, value: u64) -> bool {
        self.tell_stock("put", 1, |writer| pairs([(key.to_owned(), value)]).write(writer))
    }

    pub fn stock_is_answered(&mut self, from: &str, outcome: Outcome, data: &[Fetched]) -> bool {
        self.tell_stock("answered", 3, |writer| {
            writer.str(from);
            writer.str(match outcome {
                Outcome::Sent => "sent",
                Outcome::Busy => "busy",
                Outcome::Unreachable => "unreachable",
            });
            pairs(data.iter().filter_map(|(key, value)| Some((key.clone(), (*value)?)))).write(writer);
        })
    }

    /// It may ask again one who was busy.
    pub fn retry_busy(&mut self, address: &str) {
        self.tell_stock("retry-busy", 1, |writer| writer.str(address));
    }

    /// It asks where the results are that nobody has who should.
    pub fn find_missing(&mut self) {
        self.tell_stock("find-missing", 0, |_| {});
    }

    /// A task gives back its thread.
    pub fn secede(&mut self, key: &str) {
        self.tell_stock("secede", 1, |writer| writer.str(key));
    }

    /// A task of a stock worker has come to its end.
    pub fn stock_is_done(&mut self, key: &str, workload: &mut Workload) -> bool {
        let Some(stock) = &mut self.stock else { return false };
        let inputs = stock.running.remove(key).expect("what has come to its end was running");
        let fate = workload.fate(key);
        if matches!(fate, Fate::Fail | Fate::Kill | Fate::Reschedule) {
            workload.spend(key);
        }
        match fate {
            Fate::Kill => self.acts.push(Act::Die),
            Fate::Fail => {
                self.tell_stock("raised", 2, |writer| {
                    writer.str(key);
                    writer.str(&format!("{RAISED_BY}{key}"));
                });
            }
            Fate::Reschedule => {
                self.tell_stock("rescheduled", 1, |writer| writer.str(key));
            }
            _ => {
                let value = workload.compute_from(key, &inputs);
                self.tell_stock("returned", 2, |writer| {
                    writer.str(key);
                    writer.uint(value);
                });
            }
        }
        true
    }
}
