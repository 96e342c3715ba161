//! Benchmarks of the machines that workers run on, which the workers do themselves.

use std::rc::Rc;

use cenote_core::protocol::field::Text;
use cenote_core::protocol::value::Value;

use super::broadcast::ask_all;
use super::peer;
use crate::scheduler::hub::{Hub, Reply};

/// Bytes a second by size, of disks, of memory, and between workers: means over all of them.
pub(super) async fn benchmark(hub: &Rc<Hub>) -> Reply {
    let workers: Vec<Text> = hub.machine().workers().map(|worker| worker.address).collect();
    let each = |op: &str| {
        let message = peer::request(op, Vec::new());
        workers.iter().map(|worker| (worker.clone(), worker.clone(), message.clone())).collect()
    };
    let disk = means(ask_all(hub, each("benchmark_disk")).await)?;
    let memory = means(ask_all(hub, each("benchmark_memory")).await)?;
    // Workers that joined one after another may be on one machine: those halfway round are paired.
    let half = workers.len() / 2;
    let pairs = workers.iter().take(half).zip(&workers[half..]).map(|(from, to)| {
        let message = peer::request("benchmark_network", vec![("address", to.clone().into())]);
        (from.clone(), from.clone(), message)
    });
    let network = means(ask_all(hub, pairs.collect()).await)?;
    Ok(Value::map([("disk", disk), ("memory", memory), ("network", network)]))
}

/// The mean of what was measured, by size.
fn means(replies: Vec<Reply>) -> Reply {
    let mut sums: Vec<(Value, f64, f64)> = Vec::new();
    for reply in replies {
        let Value::Map(measured) = reply? else { continue };
        for (size, measure) in measured {
            let Some(measure) = measure.as_f64() else { continue };
            match sums.iter_mut().find(|(known, ..)| *known == size) {
                Some((_, sum, count)) => {
                    *sum += measure;
                    *count += 1.0;
                }
                None => sums.push((size, measure, 1.0)),
            }
        }
    }
    Ok(Value::Map(sums.into_iter().map(|(size, sum, count)| (size, (sum / count).into())).collect()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_measured_is_averaged_by_size() {
        let measured = |sizes: &[(&str, f64)]| {
            Ok(Value::Map(sizes.iter().map(|&(size, measure)| (size.into(), measure.into())).collect()))
        };
        let replies = vec![measured(&[("1 kiB", 1.0), ("1 MiB", 5.0)]), measured(&[("1 kiB", 2.0)]), Ok(Value::Nil)];
        assert_eq!(means(replies), measured(&[("1 kiB", 1.5), ("1 MiB", 5.0)]));
    }
}
