//! Parts: the pieces of a graph that no link joins, each without cycles, and how they are put side by side.

use super::{Link, Point};

/// Room between two parts.
const PART_GAP: f64 = 26.0;
/// Rows of parts are broken so that the whole is about this much wider than high.
const ASPECT: f64 = 1.8;

/// Nodes that links join together.
#[derive(Debug)]
pub(super) struct Part {
    /// The nodes, by their index in the whole.
    pub(super) nodes: Vec<usize>,
    /// The links between them, by index in `nodes`, without cycles.
    pub(super) links: Vec<Link>,
    /// For each link its index in the whole, and whether it was turned round to break a cycle.
    pub(super) origins: Vec<(usize, bool)>,
}

/// Takes a graph apart; larger parts come first, equal ones in the order of their first nodes. Links from a node to
/// itself are left out, and some link of each cycle is turned round.
pub(super) fn parts(nodes: usize, links: &[Link]) -> Vec<Part> {
    let mut incident: Vec<Vec<usize>> = vec![Vec::new(); nodes];
    for (index, link) in links.iter().enumerate() {
        if link.from != link.to {
            incident[link.from].push(index);
            incident[link.to].push(index);
        }
    }
    let backward = backward_links(nodes, links, &incident);
    let mut local: Vec<Option<usize>> = vec![None; nodes];
    let mut parts = Vec::new();
    for first in 0..nodes {
        if local[first].is_some() {
            continue;
        }
        let mut members = vec![first];
        local[first] = Some(0);
        let mut next = 0;
        let mut own_links = Vec::new();
        while let Some(&node) = members.get(next) {
            next += 1;
            for &index in &incident[node] {
                let link = &links[index];
                let other = if link.from == node { link.to } else { link.from };
                if local[other].is_none() {
                    local[other] = Some(members.len());
                    members.push(other);
                }
                if link.from == node {
                    own_links.push(index);
                }
            }
        }
        own_links.sort_unstable();
        let number = |node: usize| local[node].expect("both ends of a link are in its part");
        let (links, origins) = own_links
            .iter()
            .map(|&index| {
                let Link { from, to, weight } = links[index];
                let (from, to) = if backward[index] { (to, from) } else { (from, to) };
                (Link { from: number(from), to: number(to), weight }, (index, backward[index]))
            })
            .unzip();
        parts.push(Part { nodes: members, links, origins });
    }
    parts.sort_by_key(|part| std::cmp::Reverse(part.nodes.len()));
    parts
}

/// Links that close a cycle in a walk along the links that starts at sources.
fn backward_links(nodes: usize, links: &[Link], incident: &[Vec<usize>]) -> Vec<bool> {
    #[derive(Clone, Copy, PartialEq)]
    enum Mark {
        New,
        Open,
        Done,
    }
    let mut backward = vec![false; links.len()];
    let mut mark = vec![Mark::New; nodes];
    let is_source = |node: usize| incident[node].iter().all(|&index| links[index].from == node);
    let starts = (0..nodes).filter(|&node| is_source(node)).chain(0..nodes);
    for start in starts {
        if mark[start] != Mark::New {
            continue;
        }
        mark[start] = Mark::Open;
        let mut stack = vec![(start, 0_usize)];
        while let Some((node, position)) = stack.last_mut() {
            let Some(&index) = incident[*node].get(*position) else {
                mark[*node] = Mark::Done;
                stack.pop();
                continue;
            };
            *position += 1;
            let link = &links[index];
            if link.from != *node {
                continue;
            }
            match mark[link.to] {
                Mark::New => {
                    mark[link.to] = Mark::Open;
                    stack.push((link.to, 0));
                }
                Mark::Open => backward[index] = true,
                Mark::Done => {}
            }
        }
    }
    backward
}

/// Puts rectangles side by side, in their order, in as many shelves as make the whole neither long nor high: the
/// corner of each, and the extent of the whole. The first shelf is the lowest, or the highest if `falling`.
pub(super) fn shelve(sizes: &[(f64, f64)], falling: bool) -> (Vec<Point>, f64, f64) {
    let widest = sizes.iter().map(|size| size.0).fold(0.0, f64::max);
    let area: f64 = sizes.iter().map(|size| (size.0 + PART_GAP) * (size.1 + PART_GAP)).sum();
    let limit = widest.max((area * ASPECT).sqrt());
    let mut corners = Vec::with_capacity(sizes.len());
    let (mut x, mut y, mut shelf, mut width) = (0.0_f64, 0.0_f64, 0.0_f64, 0.0_f64);
    for &(own_width, own_height) in sizes {
        if x > 0.0 && x + own_width > limit {
            y += shelf + PART_GAP;
            (x, shelf) = (0.0, 0.0);
        }
        corners.push(Point { x, y });
        width = width.max(x + own_width);
        shelf = shelf.max(own_height);
        x += own_width + PART_GAP;
    }
    let height = y + shelf;
    if falling {
        for (corner, size) in corners.iter_mut().zip(sizes) {
            corner.y = height - corner.y - size.1;
        }
    }
    (corners, width, height)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn link(from: usize, to: usize) -> Link {
        Link { from, to, weight: 1 }
    }

    #[test]
    fn parts_come_by_size_and_know_their_nodes() {
        let parts = parts(5, &[link(1, 2), link(2, 4)]);
        let nodes: Vec<_> = parts.iter().map(|part| part.nodes.clone()).collect();
        assert_eq!(nodes, [vec![1, 2, 4], vec![0], vec![3]]);
    }

    #[test]
    fn a_cycle_is_broken_by_turning_one_link_round() {
        let parts = parts(3, &[link(0, 1), link(1, 2), link(2, 0)]);
        let turned: Vec<_> = parts[0].origins.iter().filter(|(_, reversed)| *reversed).collect();
        assert_eq!(turned.len(), 1);
    }

    #[test]
    fn many_small_parts_fill_shelves_and_not_one_line() {
        let (corners, width, height) = shelve(&[(50.0, 80.0); 100], false);
        assert!(width < 1500.0 && height < 1500.0, "{width} × {height}");
        assert!(corners.windows(2).all(|pair| pair[0] != pair[1]));
    }
}
