//! Rows: the graph with every link cut into steps of one rank, by bends where it passes a row without stopping.

use std::collections::BTreeMap;

use super::Link;

/// A crossing with a step that should be straight disturbs like so many others.
const STRAIGHT_WEIGHT: u64 = 3;

/// A node of the graph or a bend of a link, as an index into [`Rows`].
pub(super) type Spot = usize;

/// Rows of spots, from the lowest rank up, and the steps between neighbouring rows.
///
/// Always holds: a step leads from a row to the next; spots below `nodes` are the nodes, the others are bends, each with
/// one step in and one out unless links share it as part of a trunk; `place[spot]` is the position of the spot within its row.
#[derive(Clone, Debug)]
pub(super) struct Rows {
    pub(super) nodes: usize,
    pub(super) order: Vec<Vec<Spot>>,
    pub(super) rank: Vec<usize>,
    pub(super) place: Vec<usize>,
    /// The spots one row below that lead here, and one row above that are led to.
    pub(super) below: Vec<Vec<Spot>>,
    pub(super) above: Vec<Vec<Spot>>,
    /// For each link its spots, from its lower to its upper end.
    pub(super) paths: Vec<Vec<Spot>>,
}

impl Rows {
    /// Cuts `links` by `ranks`, which must climb along every link. Rows are in the order of the nodes, bends last. Links
    /// of the same trunk share their bends.
    pub(super) fn new(ranks: &[i32], links: &[Link], trunks: &[Option<u32>]) -> Self {
        let nodes = ranks.len();
        let mut rank: Vec<usize> = ranks.iter().map(|&rank| usize::try_from(rank).expect("ranks start at 0")).collect();
        let mut below = vec![Vec::new(); nodes];
        let mut above = vec![Vec::new(); nodes];
        let mut paths = Vec::with_capacity(links.len());
        let mut shared: BTreeMap<(u32, usize), Spot> = BTreeMap::new();
        for (index, link) in links.iter().enumerate() {
            let trunk = trunks.get(index).copied().flatten();
            let mut path = vec![link.from];
            for bend_rank in rank[link.from] + 1..rank[link.to] {
                let new = rank.len();
                let bend = trunk.map_or(new, |trunk| *shared.entry((trunk, bend_rank)).or_insert(new));
                path.push(bend);
                if bend == new {
                    rank.push(bend_rank);
                    below.push(Vec::new());
                    above.push(Vec::new());
                }
            }
            path.push(link.to);
            for step in path.windows(2) {
                if trunk.is_none() || !above[step[0]].contains(&step[1]) {
                    above[step[0]].push(step[1]);
                    below[step[1]].push(step[0]);
                }
            }
            paths.push(path);
        }
        let height = rank.iter().max().map_or(0, |highest| highest + 1);
        let mut order = vec![Vec::new(); height];
        for (spot, &row) in rank.iter().enumerate() {
            order[row].push(spot);
        }
        let mut this = Self { nodes, order, place: vec![0; rank.len()], rank, below, above, paths };
        this.note_places();
        this
    }

    /// Whether the spot is a bend of a link and not a node.
    pub(super) fn is_bend(&self, spot: Spot) -> bool {
        spot >= self.nodes
    }

    /// Brings `place` up to date with `order`.
    pub(super) fn note_places(&mut self) {
        for row in &self.order {
            for (place, &spot) in row.iter().enumerate() {
                self.place[spot] = place;
            }
        }
    }

    /// Sorts the steps at every spot by where they lead, which later stages rely on.
    pub(super) fn sort_steps(&mut self) {
        let place = &self.place;
        for steps in self.below.iter_mut().chain(&mut self.above) {
            steps.sort_by_key(|&spot| place[spot]);
        }
    }

    /// How many pairs of steps cross.
    pub(super) fn crossings(&self) -> u64 {
        (1..self.order.len()).map(|row| self.crossings_below(row, |_| 1)).sum()
    }

    /// How much it disturbs that steps cross: as [`crossings`](Self::crossings), but a step that should be straight
    /// counts for several.
    pub(super) fn disturbance(&self) -> u64 {
        (1..self.order.len()).map(|row| self.crossings_below(row, |spot| self.weight_below(spot))).sum()
    }

    /// What each step from the spot down counts for: more if it is the only one at both of its ends, and these nodes.
    pub(super) fn weight_below(&self, spot: Spot) -> u64 {
        match self.below[spot][..] {
            [lower] if self.above[lower].len() == 1 && !self.is_bend(spot) && !self.is_bend(lower) => STRAIGHT_WEIGHT,
            _ => 1,
        }
    }

    /// What each step from the spot up counts for.
    pub(super) fn weight_above(&self, spot: Spot) -> u64 {
        match self.above[spot][..] {
            [upper] => self.weight_below(upper),
            _ => 1,
        }
    }

    /// The crossings between a row and the one below it. O(steps x log places).
    fn crossings_below(&self, row: usize, weight: impl Fn(Spot) -> u64) -> u64 {
        let width = self.order[row - 1].len();
        let mut counts = Fenwick::new(width);
        let mut seen = 0_u64;
        let mut crossings = 0;
        for &spot in &self.order[row] {
            let weight = weight(spot);
            for &lower in &self.below[spot] {
                crossings += weight * (seen - counts.up_to(self.place[lower]));
            }
            for &lower in &self.below[spot] {
                counts.add(self.place[lower], weight);
                seen += weight;
            }
        }
        crossings
    }
}

/// Counts by position, with sums over a beginning of them.
struct Fenwick {
    sums: Vec<u64>,
}

impl Fenwick {
    fn new(width: usize) -> Self {
        Self { sums: vec![0; width + 1] }
    }

    fn add(&mut self, position: usize, amount: u64) {
        let mut index = position + 1;
        while index < self.sums.len() {
            self.sums[index] += amount;
            index += index & index.wrapping_neg();
        }
    }

    /// What was added at `position` or before it.
    fn up_to(&self, position: usize) -> u64 {
        let mut index = position + 1;
        let mut sum = 0;
        while index > 0 {
            sum += self.sums[index];
            index -= index & index.wrapping_neg();
        }
        sum
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_link_gets_a_bend_in_every_row_that_it_passes() {
        let links = [(0, 1), (1, 2), (0, 2)].map(|(from, to)| Link { from, to, weight: 1 });
        let rows = Rows::new(&[0, 1, 2], &links, &[]);
        assert_eq!(rows.order, [vec![0], vec![1, 3], vec![2]]);
        assert_eq!(rows.paths[2], [0, 3, 2]);
        assert!(rows.is_bend(3) && !rows.is_bend(2));
    }

    #[test]
    fn crossings_are_counted_pair_by_pair() {
        let links = [(0, 3), (0, 4), (0, 5), (1, 3), (1, 4), (1, 5)].map(|(from, to)| Link { from, to, weight: 1 });
        let links = [links.as_slice(), &[Link { from: 2, to: 3, weight: 1 }]].concat();
        let rows = Rows::new(&[0, 0, 0, 1, 1, 1], &links, &[]);
        assert_eq!(rows.crossings(), 3 + 4);
    }
}
