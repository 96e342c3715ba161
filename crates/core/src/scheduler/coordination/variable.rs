//! Variables: one value by a name, a future or small data.

use super::queue::Entry;
use super::waiting::{Later, On};
use crate::key::Key;
use crate::protocol::coordination::{VariableGet, VariableSet};
use crate::protocol::value::Value;
use crate::scheduler::Scheduler;
use crate::scheduler::inspect::seen::{Object, Seen};
use crate::scheduler::registry::{Map, Set};
use crate::scheduler::stimulus::Text;

/// All variables that are set or waited for.
#[derive(Debug, Default)]
pub(super) struct Variables {
    values: Map<Text, Entry>,
    /// Who waits for a value.
    getters: Map<Text, Vec<(u64, Option<Text>)>>,
    /// Futures that were handed out, and of which those who got them have not said yet that they want them:
    /// until then they are wanted here.
    handed_out: Map<(Text, Key), Set<Token>>,
    tokens: u64,
}

impl Variables {
    /// As tests look at it.
    pub fn seen(&self, name: &str) -> Option<Seen> {
        Some(match name {
            "variables" => Seen::map(self.values.keys().map(|name| (name.clone(), Seen::Object(Object::Opaque)))),
            "waiting" => {
                let place = |(name, key): &(Text, Key)| Seen::Tuple(vec![key.into(), name.clone().into()]);
                let tokens = |tokens: &Set<Token>| Seen::Set(tokens.iter().map(|it| it.name.clone().into()).collect());
                Seen::Map(self.handed_out.iter().map(|(at, it)| (place(at), tokens(it))).collect())
            }
            _ => return None,
        })
    }
}

/// A future of a variable that was handed out.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Token {
    name: Text,
    by: Option<Text>,
}

/// The client in whose name a variable wants its future.
fn client(name: &Text) -> Text {
    format!("variable-{name}").into()
}

impl Scheduler {
    pub(super) fn set_variable(&mut self, ticket: u64, asked: VariableSet, deadline: Option<f64>) {
        let VariableSet { name, key, data, .. } = &asked;
        let entry = match &key.0 {
            Some(key) if self.tasks.id(key).is_none() => {
                return self.wait(ticket, deadline, On::Known(Later::Set(asked).into()));
            }
            Some(key) => {
                self.desire(&client(name), vec![key.clone()]);
                Entry::Future(key.clone())
            }
            None => Entry::Data(data.0.clone().unwrap_or(Value::Nil)),
        };
        if let Some(Entry::Future(old)) = self.coordination.variables.values.insert(name.clone(), entry) {
            self.release_future(name, &old);
        }
        for (waiting, by) in self.coordination.variables.getters.swap_remove(name).unwrap_or_default() {
            self.read_variable(waiting, name, by);
        }
        self.reply(ticket, Ok(Value::Nil));
    }

    pub(super) fn variable(&mut self, ticket: u64, asked: VariableGet) {
        let VariableGet { name, client, timeout } = asked;
        if self.coordination.variables.values.contains_key(&name) {
            return self.read_variable(ticket, &name, client.0);
        }
        self.coordination.variables.getters.entry(name.clone()).or_default().push((ticket, client.0));
        let deadline = self.deadline(timeout.0);
        self.wait(ticket, deadline, On::Value(name));
    }

    /// Answers with the value. A future is wanted here until who got it has said that it wants it.
    fn read_variable(&mut self, ticket: u64, name: &Text, by: Option<Text>) {
        let variables = &mut self.coordination.variables;
        let entry = variables.values[name].clone();
        let mut token = None;
        if let Entry::Future(key) = &entry {
            variables.tokens += 1;
            let said: Text = format!("{:032x}", variables.tokens).into();
            variables
                .handed_out
                .entry((name.clone(), key.clone()))
                .or_default()
                .insert(Token { name: said.clone(), by });
            token = Some(said);
        }
        let answer = self.entry(&entry, token);
        self.reply(ticket, Ok(answer));
    }

    pub(super) fn leave_variable(&mut self, name: &Text, ticket: u64) {
        if let Some(getters) = self.coordination.variables.getters.get_mut(name) {
            getters.retain(|(other, _)| *other != ticket);
            if getters.is_empty() {
                self.coordination.variables.getters.swap_remove(name);
            }
        }
    }

    /// Who got the future of a variable wants it now.
    pub(super) fn future_received(&mut self, name: &Text, key: &Key, token: &Text, by: &Text) {
        self.desire(by, vec![key.clone()]);
        self.forget_tokens(name, key, |it| it.name == *token);
    }

    pub(super) fn delete_variable(&mut self, name: &Text) {
        if let Some(Entry::Future(key)) = self.coordination.variables.values.swap_remove(name) {
            self.release_future(name, &key);
        }
    }

    /// A client has left: it will not say that it has received a future.
    pub(super) fn forget_receiver(&mut self, client: &Text) {
        let handed_out: Vec<_> = self.coordination.variables.handed_out.keys().cloned().collect();
        for (name, key) in handed_out {
            self.forget_tokens(&name, &key, |it| it.by.as_ref() == Some(client));
        }
    }

    fn forget_tokens(&mut self, name: &Text, key: &Key, forgotten: impl Fn(&Token) -> bool) {
        let place = (name.clone(), key.clone());
        if let Some(tokens) = self.coordination.variables.handed_out.get_mut(&place) {
            tokens.retain(|token| !forgotten(token));
            if tokens.is_empty() {
                self.coordination.variables.handed_out.swap_remove(&place);
                self.release_future(name, key);
            }
        }
    }

    /// Wants a future no longer in the name of a variable, if it is neither its value nor on its way to someone.
    fn release_future(&mut self, name: &Text, key: &Key) {
        let variables = &self.coordination.variables;
        let is_value = matches!(variables.values.get(name), Some(Entry::Future(value)) if value == key);
        if !is_value && !variables.handed_out.contains_key(&(name.clone(), key.clone())) {
            self.undesire(&client(name), std::slice::from_ref(key));
        }
    }
}
