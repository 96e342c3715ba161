//! Flat graphs: how the machine takes a graph in. Each key stands there once, and tasks name what they need by its place, so
//! that nothing is looked up for an edge.
//!
//! ```text
//! names   those of the tasks, then those that tasks need and the graph does not have
//! tasks   each with the payload, its place in the order, and where its part of the needs ends
//! needs   places of names
//! ```

use thiserror::Error;

use super::registry::{Map, Set};
use super::stimulus::{Annotations, GraphSpec, TaskSpec};
use crate::key::Key;
use crate::protocol::error::{DecodeError, Problem};
use crate::protocol::field::Field;
use crate::protocol::msgpack::{Reader, Writer};
use crate::protocol::record::record;
use crate::protocol::serialized::Pickled;

/// A graph whose tasks name each other by their places. All places that it speaks of are there.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct FlatGraph {
    names: Vec<Key>,
    pub(super) tasks: Vec<FlatTask>,
    needs: Vec<u32>,
    pub(super) annotations: Vec<Annotations>,
    /// What was said about the whole of it.
    pub about: About,
}

record! {
    /// What is said about the whole of a graph.
    #[derive(Default)]
    About {
        /// The keys whose results are wanted.
        keys: Vec<Key>,
        /// The task that submits, if one does.
        submitting_task: Option<Key>,
        /// Graphs that come within so many seconds have one generation.
        fifo_timeout: f64,
    }
}

record! {
    /// A task of a flat graph. Its key has the same place among the names.
    FlatTask {
        /// The task object, pickled.
        run_spec: Pickled,
        /// Where what it needs ends among all needs; it begins where that of the task before it ends.
        needs_end: u32,
        /// Its place in the order of the graph.
        order: i64,
        /// Whether it only brings data into the cluster.
        data_producer: bool,
        /// Whether its result stays with its worker as an actor.
        actor: bool,
        /// The place of what the user noted about it.
        annotations: u32,
    }
}

/// The parts of a graph do not fit together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("the parts of a graph do not fit together")]
pub struct Misfit;

impl FlatGraph {
    /// A graph of its parts.
    ///
    /// # Errors
    /// They speak of places that are not there, or a task needs another twice.
    pub fn new(
        names: Vec<Key>,
        tasks: Vec<FlatTask>,
        needs: Vec<u32>,
        annotations: Vec<Annotations>,
        about: About,
    ) -> Result<Self, Misfit> {
        let mut needed_by = vec![0; names.len()];
        let mut start = 0;
        for (task, number) in tasks.iter().zip(1_u32..) {
            for &place in needs.get(start..task.needs_end as usize).ok_or(Misfit)? {
                let by = needed_by.get_mut(place as usize).ok_or(Misfit)?;
                if std::mem::replace(by, number) == number {
                    return Err(Misfit);
                }
            }
            start = task.needs_end as usize;
            if task.annotations as usize >= annotations.len() {
                return Err(Misfit);
            }
        }
        let fits = start == needs.len() && tasks.len() <= names.len() && u32::try_from(names.len()).is_ok();
        if fits { Ok(Self { names, tasks, needs, annotations, about }) } else { Err(Misfit) }
    }

    /// How many tasks it has.
    pub fn len(&self) -> usize {
        self.tasks.len()
    }

    /// Whether it has no tasks.
    pub fn is_empty(&self) -> bool {
        self.tasks.is_empty()
    }

    /// How many names there are.
    pub(super) fn name_count(&self) -> usize {
        self.names.len()
    }

    /// The name at a place.
    pub(super) fn name(&self, place: u32) -> &Key {
        &self.names[place as usize]
    }

    /// The names of what is no task of the graph.
    pub(super) fn outside(&self) -> &[Key] {
        &self.names[self.tasks.len()..]
    }

    /// The places of what a task needs; nothing for what is no task of the graph.
    pub(super) fn needs(&self, place: u32) -> &[u32] {
        let place = place as usize;
        let Some(task) = self.tasks.get(place) else { return &[] };
        let start = place.checked_sub(1).map_or(0, |before| self.tasks[before].needs_end);
        &self.needs[start as usize..task.needs_end as usize]
    }

    /// The places of the wanted keys. One that had none gets one.
    pub(super) fn wanted(&mut self) -> Vec<u32> {
        let mut places: Map<&Key, Option<u32>> = self.about.keys.iter().map(|key| (key, None)).collect();
        for (name, place) in self.names.iter_mut().zip(0..) {
            if let Some((_, &key, found)) = places.get_full_mut(&*name) {
                *found = Some(place);
                if matches!((&*name, key), (Key::Str(_), Key::Str(_))) {
                    // What is said twice is kept once.
                    *name = key.clone();
                }
            }
        }
        let mut next = u32::try_from(self.names.len()).expect("there are no more names than places");
        let mut missing = Vec::new();
        for (&key, place) in &mut places {
            if place.is_none() {
                missing.push(key.clone());
                *place = Some(next);
                next += 1;
            }
        }
        let wanted = self.about.keys.iter().filter_map(|key| places[key]).collect();
        self.names.extend(missing);
        wanted
    }

    /// Whether some of its tasks need their own results.
    pub(super) fn has_cycle(&self) -> bool {
        !self.is_in_order() && self.runs_in_circles()
    }

    /// Whether each task has a later place in the order than what it needs: then there is no cycle.
    fn is_in_order(&self) -> bool {
        let mut start = 0;
        self.tasks.iter().all(|task| {
            let needs = &self.needs[start..task.needs_end as usize];
            start = task.needs_end as usize;
            needs.iter().all(|&need| self.tasks.get(need as usize).is_none_or(|need| need.order < task.order))
        })
    }

    fn runs_in_circles(&self) -> bool {
        let tasks = self.tasks.len();
        let mut missing = vec![0_u32; tasks];
        // The dependents of each task stand beside each other; here their ends, from which their beginnings are found.
        let mut ends = vec![0_usize; tasks + 1];
        let edges = || {
            (0..).zip(0..tasks).flat_map(|(place, index)| {
                let inside = self.needs(place).iter().map(|&need| need as usize).filter(|&need| need < tasks);
                inside.map(move |need| (need, index))
            })
        };
        for (need, index) in edges() {
            missing[index] += 1;
            ends[need] += 1;
        }
        let mut start = 0;
        for end in &mut ends {
            start += std::mem::replace(end, start);
        }
        let mut dependents = vec![0; start];
        for (need, index) in edges() {
            dependents[ends[need]] = index;
            ends[need] += 1;
        }
        let mut ready: Vec<usize> = (0..tasks).filter(|&index| missing[index] == 0).collect();
        let mut done = 0;
        while let Some(index) = ready.pop() {
            done += 1;
            let start = index.checked_sub(1).map_or(0, |before| ends[before]);
            for &dependent in &dependents[start..ends[index]] {
                missing[dependent] -= 1;
                if missing[dependent] == 0 {
                    ready.push(dependent);
                }
            }
        }
        done < tasks
    }

    /// The graph with keys at its edges, for those who look at it.
    pub fn spec(&self) -> GraphSpec {
        let tasks = self.tasks.iter().zip(0..).map(|(task, place)| TaskSpec {
            key: self.name(place).clone(),
            run_spec: task.run_spec.clone(),
            dependencies: self.needs(place).iter().map(|&need| self.name(need).clone()).collect(),
            order: task.order,
            data_producer: task.data_producer,
            actor: task.actor,
            annotations: self.annotations[task.annotations as usize].clone(),
        });
        let About { keys, submitting_task, fifo_timeout } = self.about.clone();
        GraphSpec { tasks: tasks.collect(), keys, submitting_task, fifo_timeout }
    }
}

/// The last task of a name is the one that counts.
impl From<GraphSpec> for FlatGraph {
    fn from(graph: GraphSpec) -> Self {
        let mut specs: Map<Key, TaskSpec> = Map::default();
        for task in graph.tasks {
            specs.insert(task.key.clone(), task);
        }
        let mut places: Map<Key, ()> = specs.keys().map(|key| (key.clone(), ())).collect();
        let (mut tasks, mut needs, mut annotations) = (Vec::new(), Vec::new(), Vec::new());
        for (task, number) in specs.into_values().zip(0..) {
            let place = |key| u32::try_from(places.insert_full(key, ()).0).expect("memory ends before 2^32 names");
            needs.extend(task.dependencies.into_iter().map(place).collect::<Set<u32>>());
            let needs_end = u32::try_from(needs.len()).expect("memory ends before 2^32 edges");
            annotations.push(task.annotations);
            tasks.push(FlatTask {
                run_spec: task.run_spec,
                needs_end,
                order: task.order,
                data_producer: task.data_producer,
                actor: task.actor,
                annotations: number,
            });
        }
        let about =
            About { keys: graph.keys, submitting_task: graph.submitting_task, fifo_timeout: graph.fifo_timeout };
        Self { names: places.into_keys().collect(), tasks, needs, annotations, about }
    }
}

impl Field for FlatGraph {
    fn read(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let start = *reader;
        let (parts, (needs, annotations), about) = Field::read(reader)?;
        let (names, tasks): (Vec<Key>, Vec<FlatTask>) = parts;
        Self::new(names, tasks, needs, annotations, about).map_err(|Misfit| start.error(Problem::Range))
    }

    fn write(&self, writer: &mut Writer) {
        writer.array(3);
        writer.array(2);
        self.names.write(writer);
        self.tasks.write(writer);
        writer.array(2);
        self.needs.write(writer);
        self.annotations.write(writer);
        self.about.write(writer);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::field::{decode, encode};

    fn graph(tasks: &[(&str, &[&str], i64)], wanted: &[&str]) -> FlatGraph {
        let keys = |names: &[&str]| names.iter().map(|&name| name.into()).collect();
        let task = |&(name, needs, order): &(&str, &[&str], i64)| TaskSpec {
            key: name.into(),
            run_spec: Pickled::new(name.as_bytes(), Vec::new()),
            dependencies: keys(needs),
            order,
            data_producer: false,
            actor: false,
            annotations: Annotations::default(),
        };
        GraphSpec { tasks: tasks.iter().map(task).collect(), keys: keys(wanted), ..GraphSpec::default() }.into()
    }

    #[test]
    fn tasks_name_what_they_need_by_its_place() {
        let mut flat = graph(&[("x", &["y", "z", "y"], 1), ("y", &[], 0)], &["x", "w"]);
        assert_eq!((flat.needs(0), flat.needs(1), flat.outside()), (&[1, 2][..], &[][..], &["z".into()][..]));
        assert_eq!(flat.wanted(), [0, 3]);
        assert_eq!(flat.outside(), ["z".into(), Key::from("w")]);
        assert_eq!(decode(&encode(&flat)), Ok(flat.clone()));
        assert_eq!(FlatGraph::from(flat.spec()).tasks, flat.tasks);
    }

    #[test]
    fn cycles_are_found_whatever_the_order_says() {
        assert!(graph(&[("x", &["x"], 0)], &[]).has_cycle());
        assert!(graph(&[("x", &["y"], 0), ("y", &["x"], 1), ("z", &[], 2)], &[]).has_cycle());
        assert!(!graph(&[("x", &["y"], 0), ("y", &["z"], 1)], &[]).has_cycle());
        assert!(!graph(&[("x", &[], 0), ("y", &["x"], 1)], &[]).has_cycle());
    }

    #[test]
    fn parts_that_do_not_fit_are_refused() {
        let flat = graph(&[("x", &["y"], 1), ("y", &[], 0)], &[]);
        let new = |change: fn(&mut FlatGraph)| {
            let mut flat = flat.clone();
            change(&mut flat);
            FlatGraph::new(flat.names, flat.tasks, flat.needs, flat.annotations, flat.about)
        };
        assert_eq!(new(|_| ()), Ok(flat.clone()));
        assert_eq!(new(|it| it.needs[0] = 2), Err(Misfit));
        assert_eq!(new(|it| it.needs.push(0)), Err(Misfit));
        assert_eq!(new(|it| it.tasks[0].needs_end = 2), Err(Misfit));
        assert_eq!(new(|it| drop(it.annotations.pop())), Err(Misfit));
        assert_eq!(new(|it| drop(it.names.pop())), Err(Misfit));
        let twice = |it: &mut FlatGraph| {
            it.needs.push(1);
            it.tasks.iter_mut().for_each(|task| task.needs_end = 2);
        };
        assert_eq!(new(twice), Err(Misfit));
    }
}
