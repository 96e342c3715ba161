//! The order within each row, such that few links cross: barycentres swept up and down, then swaps of neighbours.

use super::rows::{Rows, Spot};

/// Sweeps from each starting order, and how many of them may bring nothing before it is left at that.
const SWEEPS: usize = 40;
const SWEEPS_IDLE: usize = 12;
/// Swaps of neighbours look at every pair of steps of two spots, so they are left out above so many steps.
const SWAP_STEPS_MAX: usize = 30_000;

/// Orders the rows. Two beginnings are tried, depth first from above and from below; the better end is kept, and the
/// first of equals.
pub(super) fn order(rows: &mut Rows) {
    let mut best: Option<(u64, Vec<Vec<Spot>>)> = None;
    for from_above in [true, false] {
        start_depth_first(rows, from_above);
        let found = improve(rows);
        if best.as_ref().is_none_or(|(crossings, _)| found.0 < *crossings) {
            best = Some(found);
        }
        if best.as_ref().is_some_and(|(crossings, _)| *crossings == 0) {
            break;
        }
    }
    if let Some((_, order)) = best {
        rows.order = order;
        rows.note_places();
    }
    rows.sort_steps();
}

/// Fills each row in the order in which a walk along the links first meets its spots: trees come out without crossings.
fn start_depth_first(rows: &mut Rows, from_above: bool) {
    let spots = rows.rank.len();
    let mut seen = vec![false; spots];
    let mut order: Vec<Vec<Spot>> = vec![Vec::new(); rows.order.len()];
    let (ahead, behind) = if from_above { (&rows.below, &rows.above) } else { (&rows.above, &rows.below) };
    let roots = (0..spots).filter(|&spot| behind[spot].is_empty());
    let mut stack = Vec::new();
    for root in roots {
        stack.push(root);
        while let Some(spot) = stack.pop() {
            if std::mem::replace(&mut seen[spot], true) {
                continue;
            }
            order[rows.rank[spot]].push(spot);
            stack.extend(ahead[spot].iter().rev().filter(|&&next| !seen[next]));
        }
    }
    rows.order = order;
    rows.note_places();
}

/// Sweeps until nothing gets better for a while; the least crossings that were met, and the order that had them.
fn improve(rows: &mut Rows) -> (u64, Vec<Vec<Spot>>) {
    let steps: usize = rows.below.iter().map(Vec::len).sum();
    let swaps = steps <= SWAP_STEPS_MAX;
    if swaps {
        swap_neighbours(rows, false);
    }
    let mut best = (rows.disturbance(), rows.order.clone());
    let mut idle = 0;
    for sweep in 0..SWEEPS {
        if best.0 == 0 || idle >= SWEEPS_IDLE {
            break;
        }
        sweep_rows(rows, sweep % 2 == 0, sweep % 4 >= 2);
        if swaps {
            swap_neighbours(rows, sweep % 3 == 2);
        }
        let crossings = rows.disturbance();
        if crossings < best.0 {
            best = (crossings, rows.order.clone());
            idle = 0;
        } else {
            idle += 1;
        }
    }
    best
}

/// Sorts each row by the mean place of the neighbours in the row that was sorted before it. Spots without neighbours
/// there stay where they are; equal means keep their order, or turn it round when `flip` says so.
fn sweep_rows(rows: &mut Rows, upwards: bool, flip: bool) {
    let height = rows.order.len();
    let mut keyed: Vec<(f64, Spot)> = Vec::new();
    for index in 1..height {
        let row = if upwards { index } else { height - 1 - index };
        let neighbours = if upwards { &rows.below } else { &rows.above };
        keyed.clear();
        for &spot in &rows.order[row] {
            let near = &neighbours[spot];
            if !near.is_empty() {
                let sum: usize = near.iter().map(|&other| rows.place[other]).sum();
                keyed.push((sum as f64 / near.len() as f64, spot));
            }
        }
        if flip {
            keyed.reverse();
        }
        keyed.sort_by(|a, b| a.0.total_cmp(&b.0));
        let mut sorted = keyed.iter().map(|&(_, spot)| spot);
        for position in 0..rows.order[row].len() {
            if !neighbours[rows.order[row][position]].is_empty() {
                rows.order[row][position] = sorted.next().expect("one key a spot with neighbours");
            }
        }
        for (place, &spot) in rows.order[row].iter().enumerate() {
            rows.place[spot] = place;
        }
    }
}

/// Swaps neighbours in a row as long as that removes crossings; with `ties` once also where as many remain, which may
/// open a way to fewer.
fn swap_neighbours(rows: &mut Rows, ties: bool) {
    for pass in 0..8 {
        let mut gained = false;
        rows.sort_steps();
        for row in 0..rows.order.len() {
            for right in 1..rows.order[row].len() {
                let (a, b) = (rows.order[row][right - 1], rows.order[row][right]);
                let (kept_below, swapped_below) = pair_crossings(&rows.below[a], &rows.below[b], &rows.place);
                let (kept_above, swapped_above) = pair_crossings(&rows.above[a], &rows.above[b], &rows.place);
                if kept_below + kept_above + swapped_below + swapped_above == 0 {
                    continue;
                }
                let below = rows.weight_below(a) * rows.weight_below(b);
                let above = rows.weight_above(a) * rows.weight_above(b);
                let kept = below * kept_below + above * kept_above;
                let swapped = below * swapped_below + above * swapped_above;
                if swapped < kept || (ties && pass == 0 && swapped == kept && kept > 0) {
                    rows.order[row].swap(right - 1, right);
                    rows.place[a] = right;
                    rows.place[b] = right - 1;
                    gained = true;
                }
            }
            // Places in this row have moved, so the steps that lead here from the rows next to it are out of order.
            resort_around(rows, row);
        }
        if !gained {
            break;
        }
    }
}

fn resort_around(rows: &mut Rows, row: usize) {
    let Rows { order, below, above, place, .. } = rows;
    if row > 0 {
        for &spot in &order[row - 1] {
            above[spot].sort_by_key(|&other| place[other]);
        }
    }
    if let Some(next) = order.get(row + 1) {
        for &spot in next {
            below[spot].sort_by_key(|&other| place[other]);
        }
    }
}

/// The crossings between the steps of two neighbours, as they stand and when swapped. Both lists are sorted by place.
fn pair_crossings(left: &[Spot], right: &[Spot], place: &[usize]) -> (u64, u64) {
    let count = |first: &[Spot], second: &[Spot]| {
        let mut crossings = 0_u64;
        let mut passed = 0;
        for &spot in first {
            while passed < second.len() && place[second[passed]] < place[spot] {
                passed += 1;
            }
            crossings += passed as u64;
        }
        crossings
    };
    (count(left, right), count(right, left))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::draw::layout::Link;

    fn crossings(ranks: &[i32], pairs: &[(usize, usize)]) -> u64 {
        let links: Vec<Link> = pairs.iter().map(|&(from, to)| Link { from, to, weight: 1 }).collect();
        let mut rows = Rows::new(ranks, &links, &[]);
        order(&mut rows);
        rows.disturbance()
    }

    #[test]
    fn a_tree_whose_leaves_come_shuffled_has_no_crossing() {
        let pairs = [(0, 8), (1, 9), (2, 8), (3, 11), (4, 9), (5, 10), (6, 10), (7, 11)];
        let upper = [(8, 12), (10, 12), (9, 13), (11, 13), (12, 14), (13, 14)];
        let ranks = [0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 3];
        assert_eq!(crossings(&ranks, &[pairs.as_slice(), &upper].concat()), 0);
    }

    #[test]
    fn a_transposed_grid_crosses_as_little_as_it_can() {
        // x + x.T on 3 × 3 blocks: the three blocks of the diagonal need nothing else.
        let mut pairs = Vec::new();
        for row in 0..3 {
            for column in 0..3 {
                pairs.push((row * 3 + column, 9 + row * 3 + column));
                if row != column {
                    pairs.push((column * 3 + row, 9 + row * 3 + column));
                }
            }
        }
        let ranks: Vec<i32> = (0..18).map(|node| i32::from(node >= 9)).collect();
        assert_eq!(crossings(&ranks, &pairs), 3);
    }
}
