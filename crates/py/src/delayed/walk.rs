//! Walks from nodes to the nodes that they need, without recursion.

use std::hash::BuildHasher;

use hashbrown::HashTable;
use pyo3::prelude::*;
use rustc_hash::FxBuildHasher;

use super::node::Delayed;
use super::piece::Piece;

/// Nodes, each once, and where each of them stands.
///
/// There may be millions: one small table finds them, and each is referred to by its place, the order in which they were
/// met.
#[derive(Default)]
pub struct Walked {
    /// The nodes, in the order in which they were met.
    pub nodes: Vec<Py<Delayed>>,
    /// Their places, dependencies first.
    pub dependencies_first: Vec<u32>,
    /// Their places, found by address.
    places: HashTable<u32>,
}

impl Walked {
    /// Every node that `roots` need, and the roots, each once. Nodes for which `skip` holds are left out, with what only
    /// they need.
    pub fn from<'a>(
        py: Python<'_>,
        roots: impl IntoIterator<Item = &'a Py<Delayed>>,
        mut skip: impl FnMut(&Delayed) -> bool,
    ) -> Self {
        let roots = roots.into_iter();
        let expected = roots.size_hint().0;
        let mut walked = Self {
            nodes: Vec::with_capacity(expected),
            dependencies_first: Vec::with_capacity(expected),
            places: HashTable::with_capacity(expected),
        };
        // The place of a node, and the step of its arguments to look at next.
        let mut path: Vec<(u32, usize)> = Vec::new();
        for root in roots {
            if skip(root.get()) {
                continue;
            }
            path.extend(walked.meet(py, root).map(|place| (place, 0)));
            while let Some((place, next)) = path.last_mut() {
                let Some(piece) = walked.nodes[*place as usize].get().pieces().get(*next) else {
                    walked.dependencies_first.push(*place);
                    path.pop();
                    continue;
                };
                *next += 1;
                if let Piece::Task(task) = piece
                    && !skip(task.get())
                {
                    let task = task.clone_ref(py);
                    path.extend(walked.meet(py, &task).map(|place| (place, 0)));
                }
            }
        }
        walked
    }

    /// The place of a node that was met.
    pub fn place(&self, node: &Py<Delayed>) -> Option<u32> {
        let address = node.as_ptr();
        self.places.find(hash(node), |&place| self.nodes[place as usize].as_ptr() == address).copied()
    }

    /// The nodes, dependencies first.
    pub fn iter(&self) -> impl Iterator<Item = &Py<Delayed>> {
        self.dependencies_first.iter().map(|&place| &self.nodes[place as usize])
    }

    /// Gives a node that was not met before a place, and says which.
    fn meet(&mut self, py: Python<'_>, node: &Py<Delayed>) -> Option<u32> {
        let (hash, address) = (hash(node), node.as_ptr());
        if self.places.find(hash, |&place| self.nodes[place as usize].as_ptr() == address).is_some() {
            return None;
        }
        let place = u32::try_from(self.nodes.len()).expect("so many objects do not fit into memory");
        let nodes = &self.nodes;
        self.places.insert_unique(hash, place, |&place| self::hash(&nodes[place as usize]));
        self.nodes.push(node.clone_ref(py));
        Some(place)
    }
}

fn hash(node: &Py<Delayed>) -> u64 {
    FxBuildHasher.hash_one(node.as_ptr() as usize)
}
