//! Routes: how high each row is, where links leave and enter their nodes, and the curves between.
//!
//! A link bends only between rows; a row it passes upright, in a place of its own. So no link can touch a node that
//! it does not belong to.

use super::rows::{Rows, Spot};
use super::{Curve, Extent, Point};

/// The least room between two rows, and how much of it grows with how far links must go aside there.
const GAP_MIN: f64 = 20.0;
const GAP_MAX: f64 = 150.0;
const GAP_PER_ASIDE: f64 = 0.16;
/// The upright end of each link, which its arrow covers.
pub(in crate::draw) const ARROW: f64 = 8.0;
/// Links at one node leave and enter it this far apart, if there is room.
const PORT_GAP: f64 = 9.0;

/// The room that the rows take across their direction: each row's lower and upper edge.
pub(super) fn bands(rows: &Rows, x: &[f64], extents: &[Extent]) -> Vec<(f64, f64)> {
    let mut bands: Vec<(f64, f64)> = Vec::with_capacity(rows.order.len());
    let mut y = 0.0;
    for (index, row) in rows.order.iter().enumerate() {
        if index > 0 {
            let aside = row
                .iter()
                .flat_map(|&spot| rows.below[spot].iter().map(move |&lower| (x[lower] - x[spot]).abs()))
                .fold(0.0, f64::max);
            y += (GAP_MIN + aside * GAP_PER_ASIDE).min(GAP_MAX);
        }
        let height = row
            .iter()
            .filter(|&&spot| !rows.is_bend(spot))
            .map(|&spot| extents[spot].height + if index > 0 { ARROW } else { 0.0 })
            .fold(0.0, f64::max);
        bands.push((y, y + height));
        y += height;
    }
    bands
}

/// The middle of a band's nodes: their lower edge leaves room for arrows, which do not come to the lowest band.
pub(super) fn middle(band: (f64, f64)) -> f64 {
    if band.0 > 0.0 { f64::midpoint((band.0 + ARROW).min(band.1), band.1) } else { f64::midpoint(band.0, band.1) }
}

/// A curve for each path of `rows`, in their order, and how wide its arrow may be.
pub(super) fn curves(rows: &Rows, x: &[f64], bands: &[(f64, f64)], extents: &[Extent]) -> Vec<(Curve, f64)> {
    let ports = Ports::new(rows, x, extents);
    rows.paths
        .iter()
        .enumerate()
        .map(|(link, path)| {
            let (from, to) = (path[0], path[path.len() - 1]);
            let (start, _) = ports.upper[link];
            let (end, room) = ports.lower[link];
            let rise = middle(bands[rows.rank[from]]) + edge_height(extents[from], start);
            let fall = middle(bands[rows.rank[to]]) - edge_height(extents[to], end);
            let mut curve = Curve::starting(Point { x: x[from] + start, y: rise });
            for step in path.windows(2) {
                let (lower, upper) = (step[0], step[1]);
                let left = if lower == from { x[from] + start } else { x[lower] };
                let arrived = if upper == to { x[to] + end } else { x[upper] };
                curve.line_to(Point { x: left, y: bands[rows.rank[lower]].1 });
                curve.swing_to(Point { x: arrived, y: bands[rows.rank[upper]].0 });
            }
            curve.line_to(Point { x: x[to] + end, y: fall });
            (curve, room)
        })
        .collect()
}

/// How far above its middle a node ends, so far aside of it.
fn edge_height(extent: Extent, aside: f64) -> f64 {
    let half = extent.height / 2.0;
    if extent.round {
        let part = aside / (extent.width / 2.0);
        half * (1.0 - part * part).max(0.0).sqrt()
    } else {
        half
    }
}

/// For each link how far aside of its node's middle it leaves and enters, and the distance to the next one there.
struct Ports {
    upper: Vec<(f64, f64)>,
    lower: Vec<(f64, f64)>,
}

impl Ports {
    fn new(rows: &Rows, x: &[f64], extents: &[Extent]) -> Self {
        let mut leaving: Vec<Vec<End>> = vec![Vec::new(); rows.nodes];
        let mut entering: Vec<Vec<End>> = vec![Vec::new(); rows.nodes];
        for (link, path) in rows.paths.iter().enumerate() {
            let (second, last) = (path[1], path[path.len() - 2]);
            // Links between the same two nodes keep apart, those of a trunk do not.
            let group = |spot: Spot| if rows.is_bend(spot) { spot } else { usize::MAX - link };
            leaving[path[0]].push(End { x: x[second], group: group(second), link });
            entering[path[path.len() - 1]].push(End { x: x[last], group: group(last), link });
        }
        let mut ports = Self { upper: vec![(0.0, 0.0); rows.paths.len()], lower: vec![(0.0, 0.0); rows.paths.len()] };
        for node in 0..rows.nodes {
            spread(&mut leaving[node], extents[node], &mut ports.upper);
            spread(&mut entering[node], extents[node], &mut ports.lower);
        }
        ports
    }
}

/// Where a link leads on from its node.
#[derive(Clone, Copy)]
struct End {
    x: f64,
    /// Those of one group leave together.
    group: usize,
    link: usize,
}

/// Spreads the links over the middle of one side of a node, in the order of where they lead.
fn spread(ends: &mut [End], extent: Extent, ports: &mut [(f64, f64)]) {
    ends.sort_by(|a, b| a.x.total_cmp(&b.x).then(a.group.cmp(&b.group)).then(a.link.cmp(&b.link)));
    let groups = ends.chunk_by(|a, b| a.group == b.group).count();
    let usable = if extent.round { extent.width * 0.84 } else { (extent.width - 8.0).max(extent.width * 0.5) };
    let gap = (usable / (groups.max(2) - 1) as f64).min(PORT_GAP);
    let first = -gap * (groups.max(1) - 1) as f64 / 2.0;
    for (index, group) in ends.chunk_by(|a, b| a.group == b.group).enumerate() {
        for end in group {
            ports[end.link] = (first + gap * index as f64, gap);
        }
    }
}
