//! Layout: where the nodes of a picture stand and how its links run, in layers, as Sugiyama, Tagawa and Toda drew them.
//!
//! ```text
//! parts ──► ranks ──► fold ──► rows ──► crossing ──► align ──► route      parts side by side
//!           (each node a row,           (order in   (place in  (curves)
//!            long links bend)            each row)   each row)
//! ```
//! Rows climb from what depends on nothing to what nothing depends on. Nothing here knows what the nodes mean. The
//! same input gives the same layout, bit by bit.

mod align;
mod crossing;
mod fold;
mod parts;
mod rank;
mod route;
mod rows;

pub(super) use route::ARROW;

use align::Room;
use rows::Rows;

/// A point; `x` runs along a row, `y` from each row to the next.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Point {
    /// Position along the row.
    pub x: f64,
    /// Position across the rows.
    pub y: f64,
}

/// The room that a node takes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Extent {
    /// Along its row.
    pub width: f64,
    /// Across the rows.
    pub height: f64,
    /// Whether it is an ellipse and not a rectangle.
    pub round: bool,
}

/// A link between nodes, by their index, from the one that must come first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Link {
    /// The lower end.
    pub from: usize,
    /// The upper end.
    pub to: usize,
    /// How much it matters that the link is short.
    pub weight: u32,
}

/// A smooth line of cubic Bézier pieces.
#[derive(Clone, Debug, PartialEq)]
pub struct Curve {
    /// Where it starts.
    pub start: Point,
    /// For each piece two control points and its end.
    pub pieces: Vec<[Point; 3]>,
}

/// Where everything stands. Nodes do not overlap, and no curve touches a node that it does not start or end at.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Layout {
    /// The extent of the whole.
    pub width: f64,
    /// The extent of the whole, across the rows.
    pub height: f64,
    /// The middle of each node.
    pub nodes: Vec<Point>,
    /// For each link its curve, or none for a link from a node to itself; a link of a cycle may lead down.
    pub links: Vec<Option<Curve>>,
    /// For each link the room that its arrow has beside the next one.
    pub arrow_room: Vec<f64>,
    /// How many pairs of links cross.
    pub crossings: u64,
}

/// The least distance between nodes of a row, and between links that pass it.
const NODE_GAP: f64 = 14.0;
const BEND_GAP: f64 = 9.0;

/// Lays out nodes of these extents; parts that no link joins stand on shelves, of which the first is the lowest, or the
/// highest if `falling`. About O(links × log) but for the ranks, which take longer in graphs of thousands.
///
/// # Panics
/// When a link names a node that has no extent: the caller's error.
pub fn layout(extents: &[Extent], links: &[Link], falling: bool) -> Layout {
    let mut whole = Layout {
        nodes: vec![Point { x: 0.0, y: 0.0 }; extents.len()],
        links: vec![None; links.len()],
        arrow_room: vec![0.0; links.len()],
        ..Layout::default()
    };
    let laid: Vec<(parts::Part, Layout)> = parts::parts(extents.len(), links)
        .into_iter()
        .map(|part| {
            let layout = layout_part(&part, extents);
            (part, layout)
        })
        .collect();
    let sizes: Vec<(f64, f64)> = laid.iter().map(|(_, layout)| (layout.width, layout.height)).collect();
    let (corners, width, height) = parts::shelve(&sizes, falling);
    (whole.width, whole.height) = (width, height);
    for ((part, layout), corner) in laid.into_iter().zip(corners) {
        whole.crossings += layout.crossings;
        for (&node, point) in part.nodes.iter().zip(layout.nodes) {
            whole.nodes[node] = point.moved(corner);
        }
        let curves = layout.links.into_iter().zip(layout.arrow_room);
        for (&(link, reversed), (curve, room)) in part.origins.iter().zip(curves) {
            whole.arrow_room[link] = room;
            whole.links[link] = curve.map(|curve| curve.moved(corner, reversed));
        }
    }
    whole
}

/// Lays out nodes that links join together, with its corner at the origin.
fn layout_part(part: &parts::Part, extents: &[Extent]) -> Layout {
    let own: Vec<Extent> = part.nodes.iter().map(|&node| extents[node]).collect();
    let mut ranks = rank::ranks(own.len(), &part.links);
    let trunks = fold::fold(&mut ranks, &part.links, &own);
    let mut rows = Rows::new(&ranks, &part.links, &trunks);
    crossing::order(&mut rows);
    let mut half: Vec<f64> = own.iter().map(|extent| extent.width / 2.0).collect();
    half.resize(rows.rank.len(), 0.5);
    let x = align::positions(&rows, &Room { half: &half, node_gap: NODE_GAP, bend_gap: BEND_GAP });
    let bands = route::bands(&rows, &x, &own);
    let nodes = (0..own.len()).map(|node| Point { x: x[node], y: route::middle(bands[rows.rank[node]]) }).collect();
    let (links, arrow_room) =
        route::curves(&rows, &x, &bands, &own).into_iter().map(|(curve, room)| (Some(curve), room)).unzip();
    let width = x.iter().zip(&half).map(|(x, half)| x + half).fold(0.0, f64::max);
    let height = bands.last().map_or(0.0, |band| band.1);
    Layout { width, height, nodes, links, arrow_room, crossings: rows.crossings() }
}

impl Point {
    fn moved(self, by: Point) -> Self {
        Self { x: self.x + by.x, y: self.y + by.y }
    }
}

impl Curve {
    fn starting(start: Point) -> Self {
        Self { start, pieces: Vec::new() }
    }

    fn end(&self) -> Point {
        self.pieces.last().map_or(self.start, |piece| piece[2])
    }

    /// Goes straight on; nothing if it is there already.
    fn line_to(&mut self, end: Point) {
        let start = self.end();
        if (start.x - end.x).abs() + (start.y - end.y).abs() > 1e-9 {
            let between =
                |part: f64| Point { x: start.x + (end.x - start.x) * part, y: start.y + (end.y - start.y) * part };
            self.pieces.push([between(1.0 / 3.0), between(2.0 / 3.0), end]);
        }
    }

    /// Goes up to `end` and aside on the way, starting and arriving upright.
    fn swing_to(&mut self, end: Point) {
        let start = self.end();
        if (start.x - end.x).abs() < 1e-9 {
            return self.line_to(end);
        }
        let handle = (end.y - start.y) * 0.5;
        self.pieces.push([Point { x: start.x, y: start.y + handle }, Point { x: end.x, y: end.y - handle }, end]);
    }

    fn moved(self, by: Point, reversed: bool) -> Self {
        let mut points: Vec<Point> = std::iter::once(self.start).chain(self.pieces.into_iter().flatten()).collect();
        if reversed {
            points.reverse();
        }
        let mut points = points.into_iter().map(|point| point.moved(by));
        let start = points.next().expect("a curve has a start");
        let mut pieces = Vec::new();
        while let (Some(a), Some(b), Some(c)) = (points.next(), points.next(), points.next()) {
            pieces.push([a, b, c]);
        }
        Self { start, pieces }
    }
}

#[cfg(test)]
mod tests;
