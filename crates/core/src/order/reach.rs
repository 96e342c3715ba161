//! Which roots each task rests on: how many, and which ones, while the budget of work lasts.
//!
//! The number of distinct roots below a task cannot be found in linear time for all tasks of a graph: their root sets
//! together may have a size quadratic in the tasks. Most graphs repeat themselves, so equal sets are held once, the set
//! of a tree is not held at all, and large sets are rows of bits. What is left is done exactly until the work reaches
//! [`budget`]; the sets of the tasks that come after that are unknown, and their sizes are **estimated** as the sum of the
//! sizes of their dependencies' sets, at most the number of all roots: exact where these sets are disjoint, else too large.

use rustc_hash::{FxBuildHasher, FxHashMap};

use crate::graph::{Graph, TaskId};

/// How many words of root sets may be touched for a graph of that size: what a few milliseconds allow for a small one,
/// and a fixed amount for each task and edge of a large one.
pub fn budget(graph: &Graph) -> usize {
    (1 << 22) + 8 * (graph.len() + graph.edges())
}

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
    List(usize),
    /// A row of bits from there on in `rows`.
    Row(usize),
    /// The budget was used up; the size is an estimate.
    Unknown,
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
    /// The budget was used up before.
    Unknown,
}

impl Reach {
    /// The root sets of `graph`, visiting tasks in the order of `topological` (that of their ids if there is none).
    /// The graph may be one turned round: then these are the sets of leaves that rest on each task.
    pub fn new(graph: &Graph, dependents: &Graph, topological: impl Iterator<Item = TaskId>, budget: usize) -> Reach {
        let roots: Vec<TaskId> = graph.tasks().filter(|task| graph.dependencies(*task).is_empty()).collect();
        let mut set = vec![u32::MAX; graph.len()];
        for (index, root) in roots.iter().enumerate() {
            set[root.index()] = index as u32;
        }
        let words = roots.len().div_ceil(64);
        let reach = Reach { set, sets: Vec::new(), members: Vec::new(), rows: Vec::new(), roots };
        let mut maker = Maker {
            graph,
            dependents,
            words,
            budget,
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
            maker.visit(task);
        }
        maker.reach
    }

    /// How many roots the set has, or about how many.
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

    /// The members of a set, which must not be that of a tree: see [`materialize`](Self::materialize).
    pub fn view(&self, set: u32) -> RootsView<'_> {
        let Some(index) = (set as usize).checked_sub(self.roots.len()) else { return RootsView::One(set) };
        let RootSet { size, members } = self.sets[index];
        match members {
            Members::List(start) => RootsView::List(&self.members[start..start + size as usize]),
            Members::Row(start) => RootsView::Row(&self.rows[start..start + self.roots.len().div_ceil(64)]),
            Members::Tree(_) | Members::Unknown => RootsView::Unknown,
        }
    }

    /// Lists the roots of a set that is known to be that of a tree. Each tree is walked once.
    pub fn materialize(&mut self, graph: &Graph, set: u32) {
        let Some(index) = (set as usize).checked_sub(self.roots.len()) else { return };
        let Members::Tree(top) = self.sets[index].members else { return };
        let start = self.members.len();
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
    /// How many words may still be touched.
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
    fn visit(&mut self, task: TaskId) {
        let row = self.graph.dependencies(task);
        let [first, rest @ ..] = row else {
            self.private[task.index()] = true;
            return;
        };
        let private = row.iter().all(|dependency| self.is_branch(*dependency));
        self.private[task.index()] = private;
        let set = self.reach.set[first.index()];
        self.reach.set[task.index()] = if rest.iter().all(|dependency| self.reach.set[dependency.index()] == set) {
            set
        } else if private {
            let size = row.iter().map(|dependency| self.size_below(*dependency)).sum();
            self.reach.push(size, Members::Tree(task))
        } else {
            self.union(row)
        };
    }

    fn is_branch(&self, task: TaskId) -> bool {
        self.private[task.index()] && self.dependents.dependencies(task).len() == 1
    }

    fn size_below(&self, task: TaskId) -> u32 {
        self.reach.size_of_set(self.reach.set[task.index()])
    }

    fn union(&mut self, row: &[TaskId]) -> u32 {
        self.scratch.clear();
        for dependency in row {
            let set = self.reach.set[dependency.index()];
            if !self.scratch.contains(&set) || row.len() > 64 {
                self.scratch.push(set);
            }
        }
        if row.len() > 64 {
            self.scratch.sort_unstable();
            self.scratch.dedup();
        }
        let parts = std::mem::take(&mut self.scratch);
        let set = self.union_of(&parts);
        self.scratch = parts;
        set
    }

    /// The union of distinct sets.
    fn union_of(&mut self, parts: &[u32]) -> u32 {
        let roots = self.reach.roots.len();
        let mut sum = 0_usize;
        let mut largest = parts[0];
        for &part in parts {
            let size = self.reach.size_of_set(part) as usize;
            sum += size;
            if size > self.reach.size_of_set(largest) as usize {
                largest = part;
            }
        }
        let estimate = (sum.min(roots) as u32).max(self.reach.size_of_set(largest));
        let dense = sum > 2 * self.words;
        let work = if dense { (parts.len() + 2) * self.words } else { sum };
        if work > self.budget {
            self.budget = 0;
            return self.reach.push(estimate, Members::Unknown);
        }
        self.budget -= work;
        for &part in parts {
            self.reach.materialize(self.graph, part);
            if matches!(self.reach.view(part), RootsView::Unknown) {
                return self.reach.push(estimate, Members::Unknown);
            }
        }
        if dense { self.union_of_rows(parts, largest) } else { self.union_of_lists(parts, largest) }
    }

    fn union_of_lists(&mut self, parts: &[u32], largest: u32) -> u32 {
        if self.stamp.is_empty() {
            self.stamp.resize(self.reach.roots.len(), 0);
        }
        self.stamps += 1;
        let start = self.reach.members.len();
        let mut hash = 0_u64;
        let mut add = |members: &mut Vec<u32>, root: u32| {
            if self.stamp[root as usize] != self.stamps {
                self.stamp[root as usize] = self.stamps;
                hash = hash.wrapping_add(mix(u64::from(root)));
                members.push(root);
            }
        };
        for &part in parts {
            match (part as usize).checked_sub(self.reach.roots.len()).map(|index| self.reach.sets[index]) {
                None => add(&mut self.reach.members, part),
                Some(RootSet { size, members: Members::List(from) }) => {
                    for index in from..from + size as usize {
                        let root = self.reach.members[index];
                        add(&mut self.reach.members, root);
                    }
                }
                Some(RootSet { members: Members::Row(from), .. }) => {
                    for word in 0..self.words {
                        let bits = self.reach.rows[from + word];
                        for root in ones(word, bits) {
                            add(&mut self.reach.members, root);
                        }
                    }
                }
                Some(_) => {}
            }
        }
        let size = (self.reach.members.len() - start) as u32;
        if size == self.reach.size_of_set(largest) {
            self.reach.members.truncate(start);
            return largest;
        }
        if let Some(&known) = self.same.get(&(size, hash)) {
            self.reach.members.truncate(start);
            return known;
        }
        let set = self.reach.push(size, Members::List(start));
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
                RootsView::Unknown => {}
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
        let start = self.reach.rows.len();
        self.reach.rows.extend_from_slice(&self.row);
        let set = self.reach.push(size, Members::Row(start));
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
