//! Positions within rows: neighbours stand above each other, long links run straight, and nothing overlaps.
//!
//! After Brandes and Köpf, "Fast and simple horizontal coordinate assignment" (2001): four alignments, packed to each
//! side and from each end, of which every spot takes the mean of its two middle positions. Then each straight run of
//! spots is moved, as one, towards the middle of what it is linked to, as far as its neighbours let it.

use super::rows::{Rows, Spot};

/// Above so many pairs of steps in a row, light steps are no longer asked whether they cross a straight one.
const CONFLICT_PAIRS_MAX: usize = 2_000_000;
/// How often the straight runs are moved towards their neighbours.
const SETTLING_ROUNDS: usize = 24;

/// The room that a spot takes: half its extent along the row.
pub(super) struct Room<'a> {
    pub(super) half: &'a [f64],
    pub(super) node_gap: f64,
    pub(super) bend_gap: f64,
}

impl Room<'_> {
    /// The least distance between the middles of two neighbours in a row.
    fn between(&self, left: Spot, right: Spot, rows: &Rows) -> f64 {
        let gap = match (rows.is_bend(left), rows.is_bend(right)) {
            (false, false) => self.node_gap,
            (true, true) => self.bend_gap,
            _ => f64::midpoint(self.node_gap, self.bend_gap),
        };
        self.half[left] + self.half[right] + gap
    }
}

/// The middle of each spot along its row. `rows` must be in their final order with their steps sorted.
pub(super) fn positions(rows: &Rows, space: &Room) -> Vec<f64> {
    let mut four = Vec::with_capacity(4);
    for upwards in [true, false] {
        for mirrored in [false, true] {
            let view = View::new(rows, upwards, mirrored);
            let mut x = view.pack(&view.align(rows), rows, space);
            if mirrored {
                for x in &mut x {
                    *x = -*x;
                }
            }
            four.push((x, mirrored));
        }
    }
    let mut x = middle_of_four(four);
    settle(rows, space, &mut x);
    let left = x.iter().zip(space.half).map(|(x, half)| x - half).fold(f64::INFINITY, f64::min);
    for x in &mut x {
        *x -= left;
    }
    x
}

/// Moves the four onto the narrowest, each by the side that it was packed to, and takes the middle.
fn middle_of_four(mut four: Vec<(Vec<f64>, bool)>) -> Vec<f64> {
    let extent = |x: &[f64]| {
        let low = x.iter().copied().fold(f64::INFINITY, f64::min);
        let high = x.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        (low, high)
    };
    let (low, high) =
        four.iter().map(|(x, _)| extent(x)).min_by(|a, b| (a.1 - a.0).total_cmp(&(b.1 - b.0))).expect("there are four");
    for (x, mirrored) in &mut four {
        let own = extent(x);
        let shift = if *mirrored { high - own.1 } else { low - own.0 };
        for x in x.iter_mut() {
            *x += shift;
        }
    }
    (0..four[0].0.len())
        .map(|spot| {
            let mut values = [four[0].0[spot], four[1].0[spot], four[2].0[spot], four[3].0[spot]];
            values.sort_by(f64::total_cmp);
            f64::midpoint(values[1], values[2])
        })
        .collect()
}

/// The rows as seen from one of four corners: always aligned with the row before, from the left.
struct View {
    rows: Vec<Vec<Spot>>,
    place: Vec<usize>,
    near: Vec<Vec<Spot>>,
}

impl View {
    fn new(rows: &Rows, upwards: bool, mirrored: bool) -> Self {
        let mut order = rows.order.clone();
        let mut near = if upwards { rows.below.clone() } else { rows.above.clone() };
        if !upwards {
            order.reverse();
        }
        if mirrored {
            for row in &mut order {
                row.reverse();
            }
            for steps in &mut near {
                steps.reverse();
            }
        }
        let mut place = vec![0; rows.place.len()];
        for row in &order {
            for (index, &spot) in row.iter().enumerate() {
                place[spot] = index;
            }
        }
        Self { rows: order, place, near }
    }

    /// Puts spots into blocks that stand in line: the root of each spot's block.
    fn align(&self, rows: &Rows) -> Vec<Spot> {
        let spots = self.place.len();
        let mut steps = vec![0_usize; spots];
        // The bend that a bend goes on to: trunks are straight, whatever joins them.
        let mut bend_after = vec![None; spots];
        let mut bend_before = vec![None; spots];
        for (spot, near) in self.near.iter().enumerate() {
            for &other in near {
                steps[other] += 1;
                if rows.is_bend(spot) && rows.is_bend(other) {
                    bend_before[spot] = Some(other);
                    bend_after[other] = Some(spot);
                }
            }
        }
        let mut root: Vec<Spot> = (0..spots).collect();
        let mut taken = vec![false; spots];
        for pair in self.rows.windows(2) {
            let straight = self.straight_steps(&pair[1], &steps);
            let mut reached: Option<usize> = None;
            for &spot in &pair[1] {
                let near = &self.near[spot];
                let near = bend_before[spot].as_ref().map_or(near.as_slice(), std::slice::from_ref);
                let Some(last) = near.len().checked_sub(1) else { continue };
                for &other in &near[last / 2..=last.div_ceil(2)] {
                    let free = root[spot] == spot && !taken[other] && bend_after[other].is_none_or(|bend| bend == spot);
                    let in_order = reached.is_none_or(|reached| reached < self.place[other]);
                    if free && in_order && !self.crosses_straight(spot, other, &straight) {
                        root[spot] = root[other];
                        taken[other] = true;
                        reached = Some(self.place[other]);
                    }
                }
            }
        }
        root
    }

    /// The steps into a row that must be straight, one to one, as places below and above; none if the row is huge.
    fn straight_steps(&self, row: &[Spot], steps: &[usize]) -> Vec<(usize, usize)> {
        let straight: Vec<(usize, usize)> = row
            .iter()
            .filter(|&&spot| self.near[spot].len() == 1 && steps[self.near[spot][0]] == 1)
            .map(|&spot| (self.place[self.near[spot][0]], self.place[spot]))
            .collect();
        let all: usize = row.iter().map(|&spot| self.near[spot].len()).sum();
        if straight.len() == all || straight.len() * all > CONFLICT_PAIRS_MAX { Vec::new() } else { straight }
    }

    fn crosses_straight(&self, spot: Spot, other: Spot, straight: &[(usize, usize)]) -> bool {
        let (low, high) = (self.place[other], self.place[spot]);
        !straight.contains(&(low, high))
            && straight.iter().any(|&(a, b)| (a < low) != (b < high) && a != low && b != high)
    }

    /// Packs the blocks to the left, then pulls each to the right as far as its neighbours there let it.
    fn pack(&self, root: &[Spot], rows: &Rows, space: &Room) -> Vec<f64> {
        let spots = root.len();
        let mut right_of: Vec<Vec<(Spot, f64)>> = vec![Vec::new(); spots];
        let mut waiting = vec![0_u32; spots];
        for row in &self.rows {
            for pair in row.windows(2) {
                right_of[root[pair[0]]].push((root[pair[1]], space.between(pair[0], pair[1], rows)));
                waiting[root[pair[1]]] += 1;
            }
        }
        let mut order: Vec<Spot> = (0..spots).filter(|&spot| root[spot] == spot && waiting[spot] == 0).collect();
        let mut x = vec![0.0_f64; spots];
        let mut next = 0;
        while next < order.len() {
            let block = order[next];
            next += 1;
            for &(right, distance) in &right_of[block] {
                x[right] = x[right].max(x[block] + distance);
                waiting[right] -= 1;
                if waiting[right] == 0 {
                    order.push(right);
                }
            }
        }
        for &block in order.iter().rev() {
            let limit =
                right_of[block].iter().map(|&(right, distance)| x[right] - distance).fold(f64::INFINITY, f64::min);
            if limit.is_finite() {
                x[block] = x[block].max(limit);
            }
        }
        root.iter().map(|&block| x[block]).collect()
    }
}

/// Moves straight runs towards the middle of their neighbours, until the rounds are over.
fn settle(rows: &Rows, space: &Room, x: &mut [f64]) {
    let runs = runs(rows, x);
    for round in 0..SETTLING_ROUNDS {
        for index in 0..runs.len() {
            let run = &runs[if round % 2 == 0 { index } else { runs.len() - 1 - index }];
            settle_run(run, rows, space, x);
        }
    }
}

/// Spots joined one to one, or bends of one trunk, that stand in line, from the lowest up.
fn runs(rows: &Rows, x: &[f64]) -> Vec<Vec<Spot>> {
    let mut runs = Vec::new();
    let mut in_run = vec![false; x.len()];
    let next = |lower: Spot| {
        let above = &rows.above[lower];
        let bend = above.iter().copied().find(|&upper| rows.is_bend(lower) && rows.is_bend(upper));
        let only = (above.len() == 1 && rows.below[above[0]].len() == 1).then(|| above[0]);
        bend.or(only).filter(|&upper| (x[lower] - x[upper]).abs() < 0.01)
    };
    for &start in rows.order.iter().flatten() {
        if in_run[start] {
            continue;
        }
        let mut run = vec![start];
        let mut top = start;
        while let Some(upper) = next(top).filter(|&upper| !in_run[upper]) {
            in_run[upper] = true;
            run.push(upper);
            top = upper;
        }
        runs.push(run);
    }
    runs
}

fn settle_run(run: &[Spot], rows: &Rows, space: &Room, x: &mut [f64]) {
    let below = &rows.below[run[0]];
    let above = &rows.above[*run.last().expect("a run has a spot")];
    // The side with more neighbours decides: that is where the children of a tree are. Bends come along by themselves.
    let weigh = |near: &[Spot]| near.iter().map(|&spot| if rows.is_bend(spot) { 0.2 } else { 1.0 }).sum::<f64>();
    let middle = |near: &[Spot]| near.iter().map(|&spot| x[spot]).sum::<f64>() / near.len() as f64;
    let (lower, upper) = (weigh(below), weigh(above));
    let wanted = if below.is_empty() && above.is_empty() {
        return;
    } else if lower > upper {
        middle(below)
    } else if lower < upper {
        middle(above)
    } else {
        f64::midpoint(middle(below), middle(above))
    };
    let (mut low, mut high) = (f64::NEG_INFINITY, f64::INFINITY);
    for &spot in run {
        let row = &rows.order[rows.rank[spot]];
        let place = rows.place[spot];
        if place > 0 {
            low = low.max(x[row[place - 1]] + space.between(row[place - 1], spot, rows));
        }
        if place + 1 < row.len() {
            high = high.min(x[row[place + 1]] - space.between(spot, row[place + 1], rows));
        }
    }
    if low <= high {
        let target = wanted.clamp(low, high);
        for &spot in run {
            x[spot] = target;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::draw::layout::{Link, crossing};

    fn place(ranks: &[i32], pairs: &[(usize, usize)]) -> (Rows, Vec<f64>) {
        let links: Vec<Link> = pairs.iter().map(|&(from, to)| Link { from, to, weight: 1 }).collect();
        let mut rows = Rows::new(ranks, &links, &[]);
        crossing::order(&mut rows);
        let half = vec![10.0; rows.rank.len()];
        let x = positions(&rows, &Room { half: &half, node_gap: 10.0, bend_gap: 5.0 });
        (rows, x)
    }

    #[test]
    fn a_parent_stands_in_the_middle_of_its_children() {
        let (_, x) = place(&[0, 0, 0, 0, 1, 1, 2], &[(0, 4), (1, 4), (2, 5), (3, 5), (4, 6), (5, 6)]);
        assert!((x[6] - f64::midpoint(x[4], x[5])).abs() < 0.01, "{x:?}");
        assert!((x[4] - f64::midpoint(x[0], x[1])).abs() < 0.01, "{x:?}");
    }

    #[test]
    fn a_chain_is_straight_and_a_long_link_has_straight_bends() {
        let (rows, x) = place(&[0, 1, 2, 3, 4], &[(0, 1), (1, 2), (2, 3), (3, 4), (0, 4)]);
        let bends = &rows.paths[4][1..4];
        assert!(bends.windows(2).all(|pair| (x[pair[0]] - x[pair[1]]).abs() < 0.01));
        assert!((x[1] - x[2]).abs() < 0.01 && (x[2] - x[3]).abs() < 0.01);
    }

    #[test]
    fn neighbours_in_a_row_keep_their_distance() {
        let (rows, x) = place(&[0, 0, 0, 1, 1, 2], &[(0, 3), (1, 4), (2, 3), (0, 4), (3, 5), (4, 5), (1, 5)]);
        for row in &rows.order {
            for pair in row.windows(2) {
                assert!(x[pair[1]] - x[pair[0]] >= 20.0, "{x:?}");
            }
        }
    }
}
