//! Measures: what workers have measured, added up by name. A name is what the worker called it, whatever that is.

use bytes::Bytes;

use super::registry::Map;
use crate::protocol::field::Number;
use crate::protocol::frame::Frames;
use crate::protocol::value::Value;

/// Sums of numbers by name, in the order in which they were first measured.
#[derive(Clone, Debug, Default)]
pub(super) struct Measures(Map<Bytes, Number>);

impl Measures {
    /// Adds a number to the sum of this name. Of names that are not known yet no more than `max` are taken.
    pub fn add(&mut self, name: &Value, amount: &Value, max: usize) {
        let amount = match *amount {
            Value::Int(amount) => Number::Int(amount),
            _ => match amount.as_f64() {
                Some(amount) => Number::Float(amount),
                None => return,
            },
        };
        let Frames { head, rest } = name.encode();
        if rest.is_empty() {
            self.take(head, amount, max);
        }
    }

    /// Adds all sums of others.
    pub fn merge(&mut self, others: &Self, max: usize) {
        for (name, amount) in &others.0 {
            self.take(name.clone(), *amount, max);
        }
    }

    /// The names and their sums.
    pub fn iter(&self) -> impl Iterator<Item = (Value, Value)> + '_ {
        self.0.iter().map(|(name, sum)| {
            let name = Value::decode(&Frames { head: name.clone(), rest: Vec::new() });
            let sum = match *sum {
                Number::Int(sum) => Value::Int(sum),
                Number::Float(sum) => Value::Float(sum),
            };
            (name.unwrap_or(Value::Nil), sum)
        })
    }

    fn take(&mut self, name: Bytes, amount: Number, max: usize) {
        let room = self.0.len() < max;
        match self.0.get_mut(&name) {
            Some(sum) => *sum = plus(*sum, amount),
            None if room => {
                self.0.insert(name, amount);
            }
            None => {}
        }
    }
}

/// Whole numbers stay whole.
fn plus(a: Number, b: Number) -> Number {
    let float = |number| match number {
        Number::Int(number) => number as f64,
        Number::Float(number) => number,
    };
    match (a, b) {
        (Number::Int(a), Number::Int(b)) => a.checked_add(b).map_or(Number::Float(a as f64 + b as f64), Number::Int),
        _ => Number::Float(float(a) + float(b)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_numbers_stay_whole_and_names_are_as_they_came() {
        let name = Value::Tuple(vec!["execute".into(), Value::Nil, Value::Tuple(vec!["foo".into(), Value::Int(1)])]);
        let mut measures = Measures::default();
        measures.add(&name, &Value::Int(1), 2);
        measures.add(&"latency".into(), &Value::Float(0.5), 2);
        measures.add(&"one too many".into(), &Value::Int(1), 2);
        let mut all = measures.clone();
        all.merge(&measures, 2);
        let all: Vec<_> = all.iter().collect();
        assert_eq!(all, [(name, Value::Int(2)), ("latency".into(), Value::Float(1.0))]);
    }
}
