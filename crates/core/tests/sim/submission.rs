//! Submission: what clients send, and what becomes of graphs that are pickled.

use cenote_core::protocol::client::{FromClient, UpdateGraph};
use cenote_core::protocol::field::Set;
use cenote_core::protocol::serialized::Serialized;
use cenote_core::protocol::value::Value;
use cenote_core::scheduler::flat_graph::FlatGraph;
use cenote_core::scheduler::instruction::Exception;
use cenote_core::scheduler::stimulus::{GraphSpec, Stimulus};

use super::client::Belief;
use super::cluster::{Cluster, EXECUTOR_DIED};
use super::network::Event;

const MILLI: u64 = 1000;

impl Cluster {
    pub fn say(&mut self, client: usize, said: impl Into<FromClient>) {
        let name = self.clients[client].name.clone();
        self.tell_scheduler(&name, None, Stimulus::Client { client: (*name).into(), said: said.into() });
    }

    pub fn client_acts(&mut self, client: usize) {
        if !self.clients[client].open || self.clients[client].plan == 0 {
            return;
        }
        self.clients[client].plan -= 1;
        self.plan_step(client);
        let delay = self.chance.between(MILLI, 600 * MILLI);
        self.net.after(delay, Event::ClientActs { client });
    }

    /// Sends a graph, as it is or pickled: a new one, or one that somebody has sent before.
    pub fn submit(&mut self, client: usize) {
        let older: Vec<String> = self.clients[client].keys.keys().cloned().collect();
        let label = format!("{client}x{}", self.graphs.len());
        // Stock workers cannot shuffle here: they have no network.
        let graph = if self.chance.happens(150) && self.workers.iter().all(|worker| worker.stock.is_none()) {
            self.workload.merge(&label, &mut self.chance)
        } else if let Some(graph) = self.sent_before() {
            graph
        } else {
            self.workload.graph(&label, &older, &mut self.chance)
        };
        self.graphs.push(graph.clone());
        for key in &graph.keys {
            self.clients[client].keys.insert(key.to_string(), Belief::Pending);
        }
        let name = self.clients[client].name.clone();
        if self.chance.happens(400) {
            let said = expression(self.graphs.len() - 1, &graph);
            self.say(client, said);
        } else {
            self.tell_scheduler(&name, None, Stimulus::Submit { client: (*name).into(), graph: graph.into() });
        }
    }

    /// A graph that somebody has sent before, now and then. A shuffle is sent once.
    fn sent_before(&mut self) -> Option<GraphSpec> {
        let shuffles = |graph: &GraphSpec| graph.tasks.iter().any(|task| task.key.to_string().starts_with("send-"));
        let again = self.chance.happens(120);
        self.chance.pick(&self.graphs).filter(|graph| again && !shuffles(graph)).cloned()
    }

    /// What Python makes of a graph.
    pub fn materialize(&mut self, graph: &Serialized) -> Result<FlatGraph, Exception> {
        if std::mem::take(&mut self.executor_dies) {
            let text = EXECUTOR_DIED.into();
            let (exception, traceback_text) = (EXECUTOR_DIED.into(), "".into());
            return Err(Exception::Raised { exception, traceback: Value::Nil, text, traceback_text });
        }
        let number: usize = String::from_utf8_lossy(&graph.frames()[0]).parse().expect("graphs are sent as numbers");
        Ok(self.graphs[number].clone().into())
    }
}

/// A graph as a stock client sends it, but that its number stands for the pickle.
fn expression(number: usize, graph: &GraphSpec) -> UpdateGraph {
    UpdateGraph {
        expr_ser: Serialized::pickled(number.to_string().into_bytes().into(), &[]),
        keys: Set(graph.keys.clone()),
        internal_priority: None,
        submitting_task: graph.submitting_task.clone(),
        fifo_timeout: graph.fifo_timeout.into(),
        actors: Value::Nil,
        code: None,
        annotations: None,
        span_metadata: None,
    }
}
