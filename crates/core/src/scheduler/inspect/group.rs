//! Groups, prefixes and computations, as tests look at them: added up from their tasks.

use super::seen::{Seen, Table};
use crate::key::Key;
use crate::protocol::field::Text;
use crate::protocol::serialized::Pickled;
use crate::protocol::value::Value;
use crate::scheduler::Scheduler;
use crate::scheduler::registry::Set;
use crate::scheduler::task::{StateName, Task, TaskState};
use crate::scheduler::totals::Totals;

impl Scheduler {
    pub(super) fn group_names(&self) -> Vec<Value> {
        let names: Set<Key> = self.tasks.iter().map(|(_, task)| task.key.group()).collect();
        names.iter().map(Value::from).collect()
    }

    pub(super) fn prefix_names(&self) -> Vec<Value> {
        let names: Set<Text> = self.tasks.iter().map(|(_, task)| task.key.prefix().into()).collect();
        names.into_iter().map(Value::from).collect()
    }

    pub(super) fn group_attribute(&self, name: &Value, attribute: &str) -> Option<Seen> {
        let key = name.to_key()?;
        // A dump asks this of each group.
        let groups: Vec<_> = self.groups.iter().filter(|(_, it)| it.name == key).map(|(id, _)| id).collect();
        let tasks: Vec<&Task> =
            self.tasks.iter().map(|(_, task)| task).filter(|it| groups.contains(&it.group)).collect();
        Some(match attribute {
            "name" => name.clone().into(),
            "prefix" => Seen::Row(Table::Prefixes, Text::from(tasks.first()?.key.prefix()).into()),
            "dependencies" => {
                let needed = tasks.iter().flat_map(|task| &task.dependencies).map(|&id| self.tasks[id].key.group());
                let needed: Set<Key> = needed.filter(|group| *group != key).collect();
                Seen::Set(needed.iter().map(|group| Seen::Row(Table::Groups, group.into())).collect())
            }
            "last_worker" => Seen::NONE,
            "span_id" => self.groups.span(tasks.first()?.group).map_or(Seen::NONE, |span| span.clone().into()),
            _ => {
                let group = tasks.first()?.group;
                let totals = self.groups.totals(group);
                return totalled(totals, attribute)
                    .or_else(|| counted(&tasks, self.groups.forgotten(group) as u64, attribute));
            }
        })
    }

    pub(super) fn prefix_attribute(&self, name: &Value, attribute: &str) -> Option<Seen> {
        let prefix = name.as_str()?;
        let tasks: Vec<&Task> =
            self.tasks.iter().map(|(_, task)| task).filter(|it| it.key.prefix() == prefix).collect();
        Some(match attribute {
            "name" => name.clone().into(),
            "groups" => {
                let groups: Set<Key> = tasks.iter().map(|task| task.key.group()).collect();
                Seen::Set(groups.iter().map(|group| Seen::Row(Table::Groups, group.into())).collect())
            }
            "duration_average" => {
                let known = tasks.first().and_then(|task| self.groups.duration(task.group));
                known.unwrap_or(-1.0).into()
            }
            "suspicious" => tasks.iter().map(|task| u64::from(task.suspicious)).sum::<u64>().into(),
            _ => return counted(&tasks, 0, attribute),
        })
    }
}

impl Scheduler {
    pub(super) fn computation_attribute(&self, index: usize, attribute: &str) -> Option<Seen> {
        let computation = self.computations.last().get(index)?;
        let pickled = |pickled: &Pickled| Value::Pickled(Box::new(pickled.clone()));
        Some(match attribute {
            "start" => computation.start.into(),
            "groups" => {
                Seen::Set(computation.groups.iter().map(|group| Seen::Row(Table::Groups, group.into())).collect())
            }
            "stop" => {
                let groups = self.groups.iter().filter(|(_, group)| computation.groups.contains(&group.name));
                groups.map(|(_, group)| group.totals.stop).reduce(f64::max).unwrap_or(-1.0).into()
            }
            "code" => Seen::List(computation.code.iter().map(|code| Seen::Value(pickled(code))).collect()),
            "annotations" => computation.annotations.last().map_or(Seen::Map(Vec::new()), |it| pickled(it).into()),
            "states" => {
                let tasks = self.tasks.iter().map(|(_, task)| task);
                let tasks: Vec<_> = tasks.filter(|task| computation.groups.contains(&task.key.group())).collect();
                return counted(&tasks, 0, attribute);
            }
            _ => return None,
        })
    }
}

/// Seconds by what was done.
pub(super) fn durations(totals: &Totals) -> Seen {
    Seen::map(totals.durations().iter().map(|(action, seconds)| (action.clone(), (*seconds).into())))
}

/// What has come of the tasks of a group.
fn totalled(totals: &Totals, attribute: &str) -> Option<Seen> {
    Some(match attribute {
        "start" => totals.start.into(),
        "stop" => totals.stop.into(),
        "duration" => totals.duration().into(),
        "all_durations" => durations(totals),
        "nbytes_total" => totals.nbytes.into(),
        _ => return None,
    })
}

pub(super) fn counted(tasks: &[&Task], forgotten: u64, attribute: &str) -> Option<Seen> {
    Some(match attribute {
        "states" => Seen::map(StateName::ALL.iter().map(|&state| {
            let count = match state {
                StateName::Forgotten => forgotten,
                _ => tasks.iter().filter(|task| task.state() == state).count() as u64,
            };
            (state.name().into(), count.into())
        })),
        "nbytes_total" => {
            let held = tasks.iter().filter(|task| task.state() == StateName::Memory);
            held.map(|task| task.nbytes).sum::<u64>().into()
        }
        "types" => {
            let classes = tasks.iter().filter_map(|task| match &task.state {
                TaskState::Memory { class: Some(class) } => Some(class.name.clone()),
                _ => None,
            });
            Seen::Set(classes.collect::<Set<Text>>().into_iter().map(Seen::from).collect())
        }
        "done" => (!tasks.iter().any(|task| task.state().is_unfinished())).into(),
        _ => return None,
    })
}
