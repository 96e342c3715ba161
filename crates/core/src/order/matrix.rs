//! Exact degrees of leaves where root sets are large: which root is in which set, as a matrix of bits.

use super::reach::Reach;
use super::target::each_member;

/// How many undone roots each set has. Words of the matrix stand together that concern the same 64 roots.
pub struct Matrix {
    words: Vec<u64>,
    degree: Vec<u32>,
    leaves_of_set: Vec<Vec<u32>>,
    mask: Vec<u64>,
    budget: usize,
}

impl Matrix {
    /// A matrix of those sets, of which no root is done yet. `set_of_leaf` has an index into `sets` for each rank.
    pub fn new(reach: &Reach, sets: &[u32], set_of_leaf: &[u32], budget: usize) -> Self {
        let rows = reach.roots.len().div_ceil(64);
        let mut words = vec![0; rows * sets.len()];
        for (local, &set) in sets.iter().enumerate() {
            each_member(reach, set, |root| words[root as usize / 64 * sets.len() + local] |= 1 << (root % 64));
        }
        let degree = sets.iter().map(|&set| reach.size_of_set(set)).collect();
        let mut leaves_of_set = vec![Vec::new(); sets.len()];
        for (rank, set) in set_of_leaf.iter().enumerate().filter(|(_, set)| **set != u32::MAX) {
            leaves_of_set[*set as usize].push(rank as u32);
        }
        Self { words, degree, leaves_of_set, mask: vec![0; rows], budget }
    }

    /// Takes these roots out of all sets.
    pub fn update(&mut self, roots: impl Iterator<Item = u32>) {
        let mut changed = Vec::new();
        for root in roots {
            let mask = &mut self.mask[root as usize / 64];
            if *mask == 0 {
                changed.push(root as usize / 64);
            }
            *mask |= 1 << (root % 64);
        }
        let sets = self.degree.len();
        for word in changed {
            let mask = std::mem::take(&mut self.mask[word]);
            for (degree, bits) in self.degree.iter_mut().zip(&self.words[word * sets..]) {
                *degree -= (bits & mask).count_ones();
            }
            self.budget = self.budget.saturating_sub(sets);
        }
    }

    /// Whether this has cost as much as it may.
    pub fn is_spent(&self) -> bool {
        self.budget == 0
    }

    /// The rank of the leaf to aim at, among those with the fewest undone roots: the first that `touches` a result, or
    /// else the first.
    pub fn pick(&mut self, touches: impl Fn(u32) -> bool) -> Option<u32> {
        self.budget = self.budget.saturating_sub(self.degree.len());
        let lowest = self.degree.iter().copied().filter(|degree| *degree > 0).min()?;
        let of_lowest = self.degree.iter().zip(&self.leaves_of_set).filter(|(degree, _)| **degree == lowest);
        of_lowest.flat_map(|(_, leaves)| leaves).copied().min_by_key(|rank| (!touches(*rank), *rank))
    }
}
