//! Which roots each task rests on: how many, and which ones, while the budget of work lasts.
//!
//! The number of distinct roots below a task cannot be found in linear time for all tasks of a graph: their root sets
//! together may have a size quadratic in the tasks. Most graphs repeat themselves, so equal sets are held once, the set
//! of a tree is not held at all, and large sets are rows of bits. What is left is done exactly until the work reaches
//! [`Budget`]. The sets of the tasks that come after that are unknown, and their sizes are **estimated**: as the total of
//! their dependencies (which counts a root once for each path to it), at most the number of all roots.

use rustc_hash::{FxBuildHasher, FxHashMap};

use super::total::Total;
use crate::graph::{Graph, TaskId};

/// How much may be spent on the root sets of a graph, in members of lists looked at: `fixed` (what all sets of an
/// entangled graph of some tens of thousands of tasks cost: two tenths of a second at most) and some more `each` time
/// that a task is visited, so that graphs in which it will not do are found out early.
#[derive(Clone, Copy, Debug)]
pub struct Budget {
    /// What is there from the start.
    pub fixed: usize,
    /// What is added for each task that is visited.
    pub each: usize,
}

impl Default for Budget {
    fn default() -> Self {
        Self { fixed: 1 << 24, each: 8 }
    }
}

impl Budget {
    /// What it comes to for that many tasks.
    pub fn total(self, tasks: usize) -> usize {
        self.fixed + self.each * tasks
    }
}

/// How many words of bits can be looked at for the price of one member of a list.
const WORDS: usize = 4;
/// Sets up to this size are not worth finding out whether there is one like them.
const SMALL: u32 = 16;
/// In the place of a set's id: the budget was used up.
pub const UNKNOWN: u32 = u32::MAX;

/// The distinct root sets of a graph, and which task has which.
#[derive(Debug)]
pub struct Reach {
    /// All roots. The set that contains only `roots[index]` has the id `index`.
    pub roots: Vec<TaskId>,
    /// The id of each task's set. A root has the set of itself here, though by Dask's rule it rests on no root.
    pub set: Vec<u32>,
    sets: Vec<RootSet>,
    members: Vec<u32>,
    rows: Vec<u64>,
}

/// A set of more than one root.
#[derive(Clone, Copy, Debug)]
struct RootSet {
    size: u32,
    members: Members,
}

#[derive(Clone, Copy, Debug)]
enum Members {
    /// The roots of the tree below this task; no other set shares a root with it unless it contains it.
    Tree(TaskId),
    /// Indices of roots from there on in `members`.
    List(u32),
    /// A row of bits from there on in `rows`, counted in rows.
    Row(u32),
}

/// A set as its reader meets it.
#[derive(Clone, Copy, Debug)]
pub enum RootsView<'a> {
    /// One root.
    One(u32),
    /// Several, as indices into [`Reach::roots`].
    List(&'a [u32]),
    /// Several, as bits.
    Row(&'a [u64]),
    /// Those of a tree, which was not walked.
    Tree,
}

impl Reach {
    /// The root sets of `graph`, visiting tasks in the order of `topological` (that of their ids if there is none).
    /// The graph may be one turned round: then these are the sets of leaves that rest on each task.
    pub fn new(graph: &Graph, dependents: &Graph, topological: impl Iterator<Item = TaskId>, budget: Budget) -> Reach {
        let roots: Vec<TaskId> = graph.tasks().filter(|task| graph.dependencies(*task).is_empty()).collect();
        let mut set = vec![UNKNOWN; graph.len()];
        for (index, root) in roots.iter().enumerate() {
            set[root.index()] = index as u32;
        }
        let words = roots.len().div_ceil(64);
        let reach = Reach { set, sets: Vec::new(), members: Vec::new(), rows: Vec::new(), roots };
        let mut maker = Maker {
            graph,
            dependents,
            words,
            budget: budget.fixed,
            private: Vec::new(),
            stamp: Vec::new(),
            stamps: 0,
            scratch: Vec::new(),
            row: Vec::new(),
            same: FxHashMap::with_hasher(FxBuildHasher),
            reach,
        };
        maker.private.resize(graph.len(), false);
        for task in topological {
            maker.budget += budget.each;
            if !maker.visit(task) {
                break;
            }
        }
        maker.reach
    }

    /// How many roots a task rests on, or about how many; `total` is that of its dependencies.
    pub fn size(&self, task: TaskId, total: Total) -> u32 {
        match self.set[task.index()] {
            UNKNOWN => total.at_most(self.roots.len() as u32),
            set => self.size_of_set(set),
        }
    }

    /// How many roots the set has.
    pub fn size_of_set(&self, set: u32) -> u32 {
        match (set as usize).checked_sub(self.roots.len()) {
            None => 1,
            Some(index) => self.sets[index].size,
        }
    }

    /// How many sets there are; their ids are smaller than that.
    pub fn len(&self) -> usize {
        self.roots.len() + self.sets.len()
    }

    /// The members of a set.
    pub fn view(&self, set: u32) -> RootsView<'_> {
        let Some(index) = (set as usize).checked_sub(self.roots.len()) else { return RootsView::One(set) };
        let RootSet { size, members } = self.sets[index];
        let words = self.roots.len().div_ceil(64);
        match members {
            Members::List(start) => RootsView::List(&self.members[start as usize..][..size as usize]),
            Members::Row(row) => RootsView::Row(&self.rows[row as usize * words..][..words]),
            Members::Tree(_) => RootsView::Tree,
        }
    }

    /// Lists the roots of a set if it is that of a tree. Each tree is walked once.
    pub fn materialize(&mut self, graph: &Graph, set: u32) {
        let Some(index) = (set as usize).checked_sub(self.roots.len()) else { return };
        let Members::Tree(top) = self.sets[index].members else { return };
        let start = self.members.len() as u32;
        let mut stack = vec![top];
        while let Some(task) = stack.pop() {
            let row = graph.dependencies(task);
            if row.is_empty() {
                self.members.push(self.set[task.index()]);
            }
            stack.extend_from_slice(row);
        }
        self.sets[index].members = Members::List(start);
    }

    fn push(&mut self, size: u32, members: Members) -> u32 {
        let id = self.roots.len() + self.sets.len();
        self.sets.push(RootSet { size, members });
        id as u32
    }
}

/// What is needed only while the sets are being found.
struct Maker<'a> {
    graph: &'a Graph,
    dependents: &'a Graph,
    reach: Reach,
    /// How long a row of bits is.
    words: usize,
    /// How many members may still be looked at.
    budget: usize,
    /// Whether each task below, without this one, has one dependent: then it is the top of a tree.
    private: Vec<bool>,
    /// The last union that met this root.
    stamp: Vec<u32>,
    stamps: u32,
    scratch: Vec<u32>,
    row: Vec<u64>,
    /// Sets by size and hash.
    same: FxHashMap<(u32, u64), u32>,
}

impl Maker<'_> {
    /// Finds the set of a task; false if the budget is used up.
    fn visit(&mut self, task: TaskId) -> bool {
        let row = self.graph.dependencies(task);
        let [first, rest @ ..] = row else {
            self.private[task.index()] = true;
            return true;
        };
        let private = row.iter().all(|dependency| self.is_branch(*dependency));
        self.private[task.index()] = private;
        let set = self.reach.set[first.index()];
        let found = if rest.iter().all(|dependency| self.reach.set[dependency.index()] == set) {
            Some(set)
        } else if private {
            let sizes = row.iter().map(|dependency| self.reach.size_of_set(self.reach.set[dependency.index()]));
            let size = sizes.sum();
            Some(self.reach.push(size, Members::Tree(task)))
        } else {
            self.union(row)
        };
        self.reach.set[task.index()] = found.unwrap_or(UNKNOWN);
        found.is_some()
    }

    fn is_branch(&self, task: TaskId) -> bool {
        self.private[task.index()] && self.dependents.dependencies(task).len() == 1
    }

    fn union(&mut self, row: &[TaskId]) -> Option<u32> {
        let mut parts = std::mem::take(&mut self.scratch);
        parts.clear();
        for dependency in row {
            let set = self.reach.set[dependency.index()];
            if row.len() > 32 || !parts.contains(&set) {
                parts.push(set);
            }
        }
        if row.len() > 32 {
            parts.sort_unstable();
            parts.dedup();
        }
        let set = self.union_of(&parts);
        self.scratch = parts;
        set
    }

    /// The union of distinct sets; none if the budget does not allow it.
    fn union_of(&mut self, parts: &[u32]) -> Option<u32> {
        let mut sum = 0;
        let mut largest = parts[0];
        for &part in parts {
            self.reach.materialize(self.graph, part);
            let size = self.reach.size_of_set(part);
            sum += size as usize;
            if size > self.reach.size_of_set(largest) {
                largest = part;
            }
        }
        let cost_of_rows = (parts.len() + 2) * self.words / WORDS;
        let dense = sum > cost_of_rows;
        let cost = sum.min(cost_of_rows) + parts.len();
        self.budget = self.budget.checked_sub(cost)?;
        Some(if dense { self.union_of_rows(parts, largest) } else { self.union_of_lists(parts, largest) })
    }

    fn union_of_lists(&mut self, parts: &[u32], largest: u32) -> u32 {
        if self.stamp.is_empty() {
            self.stamp.resize(self.reach.roots.len(), 0);
        }
        self.stamps += 1;
        let Reach { members, rows, sets, roots, .. } = &mut self.reach;
        let start = members.len();
        let mut add = |members: &mut Vec<u32>, root: u32| {
            if std::mem::replace(&mut self.stamp[root as usize], self.stamps) != self.stamps {
                members.push(root);
            }
        };
        for &part in parts {
            match (part as usize).checked_sub(roots.len()).map(|index| sets[index]) {
                None => add(members, part),
                Some(RootSet { size, members: Members::List(from) }) => {
                    for index in from..from + size {
                        let root = members[index as usize];
                        add(members, root);
                    }
                }
                Some(RootSet { members: Members::Row(row), .. }) => {
                    for (word, bits) in rows[row as usize * self.words..][..self.words].iter().enumerate() {
                        ones(word, *bits).for_each(|root| add(members, root));
                    }
                }
                Some(RootSet { members: Members::Tree(_), .. }) => {}
            }
        }
        let size = (self.reach.members.len() - start) as u32;
        if size == self.reach.size_of_set(largest) {
            self.reach.members.truncate(start);
            return largest;
        }
        if size <= SMALL {
            return self.reach.push(size, Members::List(start as u32));
        }
        let hash = self.reach.members[start..].iter().fold(0, |sum: u64, root| sum.wrapping_add(mix(u64::from(*root))));
        if let Some(&known) = self.same.get(&(size, hash)) {
            self.reach.members.truncate(start);
            return known;
        }
        let set = self.reach.push(size, Members::List(start as u32));
        self.same.insert((size, hash), set);
        set
    }

    fn union_of_rows(&mut self, parts: &[u32], largest: u32) -> u32 {
        self.row.clear();
        self.row.resize(self.words, 0);
        for &part in parts {
            match self.reach.view(part) {
                RootsView::One(root) => self.row[root as usize / 64] |= 1 << (root % 64),
                RootsView::List(members) => {
                    for &root in members {
                        self.row[root as usize / 64] |= 1 << (root % 64);
                    }
                }
                RootsView::Row(bits) => {
                    for (word, bits) in self.row.iter_mut().zip(bits) {
                        *word |= bits;
                    }
                }
                RootsView::Tree => {}
            }
        }
        let size: u32 = self.row.iter().map(|word| word.count_ones()).sum();
        if size == self.reach.size_of_set(largest) {
            return largest;
        }
        // Lists and rows of the same set have different hashes: they are found twice at most.
        let hash = self.row.iter().fold(1, |hash: u64, word| mix(hash ^ word));
        if let Some(&known) = self.same.get(&(size, hash)) {
            return known;
        }
        let start = self.reach.rows.len() / self.words;
        self.reach.rows.extend_from_slice(&self.row);
        let set = self.reach.push(size, Members::Row(start as u32));
        self.same.insert((size, hash), set);
        set
    }
}

/// The indices of the bits that are set in the word of that number.
pub fn ones(word: usize, mut bits: u64) -> impl Iterator<Item = u32> {
    std::iter::from_fn(move || {
        (bits != 0).then(|| {
            let root = word as u32 * 64 + bits.trailing_zeros();
            bits &= bits - 1;
            root
        })
    })
}

/// Spreads a word over all bits.
fn mix(word: u64) -> u64 {
    let word = word.wrapping_add(0x9E37_79B9_7F4A_7C15).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    (word ^ word >> 29).wrapping_mul(0x94D0_49BB_1331_11EB) ^ word >> 32
}
