//! What can be asked of tasks.

use super::{dictionary, missing};
use crate::key::Key;
use crate::protocol::value::Value;
use crate::scheduler::Scheduler;
use crate::scheduler::question::Answer;
use crate::scheduler::registry::Map;
use crate::scheduler::stimulus::Text;
use crate::scheduler::story::{Happening, Line};
use crate::scheduler::task::{StateName, Task, TaskId};

impl Scheduler {
    /// The addresses of the workers that hold each result: all when no keys are said.
    pub(super) fn told_who_has(&self, keys: Option<&[Key]>) -> Value {
        let holders = |id: Option<TaskId>| Value::from(id.map_or_else(Vec::new, |id| self.addresses(id)));
        match keys {
            Some(keys) => dictionary(keys.iter().map(|key| (key, holders(self.tasks.id(key))))),
            None => dictionary(self.tasks.iter().map(|(id, task)| (&task.key, holders(Some(id))))),
        }
    }

    /// The sizes of results, each or added up by kind.
    pub(super) fn told_sizes(&self, keys: Option<&[Key]>, summary: bool) -> Answer {
        let in_memory = |task: &&Task| task.state() == StateName::Memory;
        let tasks: Vec<&Task> = match keys {
            Some(keys) => {
                let found =
                    keys.iter().map(|key| self.tasks.id(key).map(|id| &self.tasks[id]).ok_or_else(|| missing(key)));
                found.collect::<Result<_, _>>()?
            }
            None => self.tasks.iter().map(|(_, task)| task).filter(in_memory).collect(),
        };
        if !summary {
            return Ok(dictionary(tasks.iter().map(|task| (&task.key, task.nbytes))));
        }
        let mut sums: Map<Text, u64> = Map::default();
        for task in tasks {
            *sums.entry(task.key.prefix().into()).or_default() += task.nbytes;
        }
        Ok(dictionary(sums.into_iter()))
    }

    /// The state of each key, and nothing for those that are not known.
    pub(super) fn told_states(&self, keys: &[Key]) -> Value {
        dictionary(keys.iter().map(|key| {
            let state = self.tasks.id(key).map(|id| self.tasks[id].state().name());
            (key, state.map_or(Value::Nil, Value::from))
        }))
    }

    /// How many tasks of each kind are in each of the states that Dask counts here.
    pub(super) fn told_prefixes(&self) -> Value {
        use StateName::{Erred, Memory, Processing, Released, Waiting};
        let shown = [Memory, Erred, Released, Processing, Waiting];
        let mut counts: Map<Text, [u64; 5]> = Map::default();
        for (_, task) in self.tasks.iter() {
            if let Some(index) = shown.iter().position(|&state| state == task.state()) {
                counts.entry(task.key.prefix().into()).or_default()[index] += 1;
            }
        }
        dictionary(counts.into_iter().map(|(prefix, counts)| {
            (prefix, dictionary(shown.iter().zip(counts).map(|(state, count)| (state.name(), count))))
        }))
    }

    /// How many tasks there are of each kind: all, those in each state that Dask shows as they go on, and their sizes.
    pub fn progress(&self) -> Value {
        use StateName::{Erred, Memory, Processing, Queued, Released};
        let shown = [Memory, Erred, Released, Processing, Queued];
        let mut kinds: Map<Text, Vec<&Task>> = Map::default();
        for (_, task) in self.tasks.iter() {
            kinds.entry(task.key.prefix().into()).or_default().push(task);
        }
        let nbytes =
            kinds.iter().map(|(kind, tasks)| (kind.clone(), tasks.iter().map(|task| task.nbytes).sum::<u64>()));
        let mut told = vec![
            ("all".into(), dictionary(kinds.iter().map(|(kind, tasks)| (kind.clone(), tasks.len() as u64)))),
            ("nbytes".into(), dictionary(nbytes)),
        ];
        for state in shown {
            let counted = kinds
                .iter()
                .map(|(kind, tasks)| (kind.clone(), tasks.iter().filter(|task| task.state() == state).count() as u64));
            told.push((state.name().into(), dictionary(counted.filter(|(_, count)| *count > 0))));
        }
        Value::Map(told)
    }

    /// The transitions of tasks, or those that stimuli have caused.
    pub(super) fn told_story(&self, keys_or_stimuli: &[Key]) -> Value {
        let told = |line: Line| {
            let Happening::Transition { start, actual, .. } = line.what else { return None };
            let stimulus = format!("stimulus-{}", line.stimulus);
            let asked = |asked: &Key| *asked == line.key || *asked == Key::from(stimulus.as_str());
            keys_or_stimuli.iter().any(asked).then(|| {
                let [start, actual] = [start, actual].map(|state| Value::from(state.name()));
                let recommended = Value::Map(Vec::new());
                Value::Tuple(vec![
                    (&line.key).into(),
                    start,
                    actual,
                    recommended,
                    stimulus.as_str().into(),
                    line.at.into(),
                ])
            })
        };
        Value::Tuple(self.story.lines(&self.tasks).filter_map(told).collect())
    }

    /// The task object as it was submitted.
    pub(super) fn told_run_spec(&self, key: &Key) -> Answer {
        let id = self.tasks.id(key).ok_or_else(|| missing(key))?;
        let run_spec = self.tasks[id].run_spec.as_ref();
        Ok(run_spec.map_or(Value::Nil, |run_spec| Value::Pickled(Box::new(run_spec.clone()))))
    }

    /// The task that has failed first, for the first of these that has failed.
    pub(super) fn told_cause(&self, keys: &[Key]) -> Value {
        let failure = |key: &Key| self.tasks.id(key).and_then(|id| self.tasks[id].failure());
        keys.iter().find_map(failure).map_or(Value::Nil, |failure| (&failure.cause).into())
    }
}
