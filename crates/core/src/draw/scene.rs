//! The scene: a picture with everything in its place, as simple marks that a writer of any format can make.

use super::color::Color;
use super::layout::{ARROW, Curve, Extent, Layout, Link, Point, layout};
use super::look::{self, NodeLook, Paint};
use super::picture::{Direction, Picture, Shape};
use super::{legend, text};

const MARGIN: f64 = 12.0;
/// What an edge adds to the least extent of its node, and the most that all add.
const HUB_GAP: f64 = 1.6;
const HUB_MAX: f64 = 72.0;

/// Marks on a white ground, from back to front. `x` runs to the right and `y` down, in pixels.
#[derive(Clone, Debug, Default)]
pub struct Scene {
    /// The width of the whole.
    pub width: f64,
    /// The height of the whole.
    pub height: f64,
    /// What is drawn.
    pub marks: Vec<Mark>,
    /// How many pairs of edges cross.
    pub crossings: u64,
}

/// One thing that is drawn.
#[derive(Clone, Debug)]
pub enum Mark {
    /// The marks up to the matching [`Mark::Close`] are one thing: its class, and what is shown on pointing at it.
    Open {
        /// `node` or `edge`
        class: &'static str,
        /// Empty if nothing is to be shown.
        tooltip: String,
    },
    /// See [`Mark::Open`].
    Close,
    /// A rectangle.
    Rectangle {
        /// Its upper left corner.
        corner: Point,
        /// Its width.
        width: f64,
        /// Its height.
        height: f64,
        /// The radius of its corners.
        round: f64,
        /// Its look.
        paint: Paint,
    },
    /// An ellipse.
    Ellipse {
        /// Its middle.
        middle: Point,
        /// Its radius along x and y.
        radius: (f64, f64),
        /// Its look.
        paint: Paint,
    },
    /// A line.
    Line {
        /// Where it runs.
        curve: Curve,
        /// Its look.
        paint: Paint,
    },
    /// A triangle.
    Triangle {
        /// Its corners.
        corners: [Point; 3],
        /// What fills it.
        fill: Color,
    },
    /// A line of text.
    Text {
        /// The middle of its base line.
        middle: Point,
        /// What it says.
        text: String,
        /// How wide it is.
        width: f64,
        /// The font's size.
        font_size: f64,
        /// Its color.
        ink: Color,
    },
}

impl Scene {
    /// Lays the picture out. The same picture gives the same scene.
    ///
    /// # Panics
    /// When an edge names a node that is not there: the caller's error.
    pub fn new(picture: &Picture) -> Self {
        let mut looks: Vec<NodeLook> = picture.nodes.iter().map(|node| NodeLook::new(node, picture)).collect();
        let sideways = picture.direction.is_sideways();
        widen_hubs(&mut looks, picture);
        let extents: Vec<Extent> = looks
            .iter()
            .map(|look| {
                let Extent { width, height, round } = look.extent;
                if sideways { Extent { width: height, height: width, round } } else { look.extent }
            })
            .collect();
        let links: Vec<Link> = picture
            .edges
            .iter()
            .map(|edge| Link { from: edge.from as usize, to: edge.to as usize, weight: edge.weight })
            .collect();
        // Shelves are read from above and from the left, whichever way data flows.
        let falling = matches!(picture.direction, Direction::Up | Direction::Left);
        let layout = layout(&extents, &links, falling);
        let mut scene = Self { crossings: layout.crossings, ..Self::default() };
        let top = legend::draw(picture.legend.as_ref(), MARGIN, &mut scene);
        let frame = Frame::new(picture.direction, &layout, top);
        frame.grow(&mut scene);
        scene.draw_edges(picture, &layout, &frame);
        for (look, &middle) in looks.into_iter().zip(&layout.nodes) {
            scene.draw_node(look, frame.place(middle));
        }
        scene
    }

    fn draw_edges(&mut self, picture: &Picture, layout: &Layout, frame: &Frame) {
        let curves = layout.links.iter().zip(&layout.arrow_room);
        for (edge, (curve, &room)) in picture.edges.iter().zip(curves) {
            let Some(curve) = curve else { continue };
            let paint = look::edge_paint(edge, picture);
            let mut curve = frame.place_curve(curve);
            let corners = arrow(&mut curve, room, paint.width);
            let tooltip = look::edge_tooltip(edge, picture).unwrap_or_default().to_owned();
            self.marks.push(Mark::Open { class: "edge", tooltip });
            self.marks.push(Mark::Line { curve, paint });
            self.marks.push(Mark::Triangle { corners, fill: paint.stroke.unwrap_or(Color::BLACK) });
            self.marks.push(Mark::Close);
        }
    }

    fn draw_node(&mut self, look: NodeLook, middle: Point) {
        let NodeLook { shape, paint, ink, font_size, lines, tooltip, extent } = look;
        self.marks.push(Mark::Open { class: "node", tooltip });
        if extent.round {
            self.marks.push(Mark::Ellipse { middle, radius: (extent.width / 2.0, extent.height / 2.0), paint });
        } else if shape != Shape::Plain {
            let corner = Point { x: middle.x - extent.width / 2.0, y: middle.y - extent.height / 2.0 };
            let round = if shape == Shape::Group { 7.0 } else { 2.0 };
            self.marks.push(Mark::Rectangle { corner, width: extent.width, height: extent.height, round, paint });
        }
        let step = font_size * text::LINE_HEIGHT;
        let mut base = middle.y - step * lines.len() as f64 / 2.0 + font_size * 0.95;
        for line in lines {
            self.marks.push(Mark::text(Point { x: middle.x, y: base }, line, font_size, ink));
            base += step;
        }
        self.marks.push(Mark::Close);
    }
}

impl Mark {
    /// A line of text with its middle above this point.
    pub(super) fn text(middle: Point, text: String, font_size: f64, ink: Color) -> Self {
        let width = text::width(&text, font_size);
        Self::Text { middle, text, width, font_size, ink }
    }
}

/// Makes nodes with very many edges larger, so that these need not all meet in one point.
fn widen_hubs(looks: &mut [NodeLook], picture: &Picture) {
    let mut degrees = vec![(0_u32, 0_u32); looks.len()];
    for edge in &picture.edges {
        degrees[edge.from as usize].0 += 1;
        degrees[edge.to as usize].1 += 1;
    }
    for (look, (leaving, entering)) in looks.iter_mut().zip(degrees) {
        let needed = (f64::from(leaving.max(entering)) * HUB_GAP).min(HUB_MAX);
        let extent = &mut look.extent;
        match (extent.round, picture.direction.is_sideways()) {
            (true, _) if (extent.width - extent.height).abs() < 1e-9 => {
                extent.width = extent.width.max(needed);
                extent.height = extent.width;
            }
            (_, true) => extent.height = extent.height.max(needed),
            (_, false) => extent.width = extent.width.max(needed),
        }
    }
}

/// Cuts room for an arrow off the end of a curve: the arrow's corners, its tip first.
fn arrow(curve: &mut Curve, room: f64, line_width: f64) -> [Point; 3] {
    let half = (room * 0.42).clamp(1.1, 3.2) + (line_width - 1.1).max(0.0) * 0.5;
    let length = (half * 2.2).min(ARROW - 1.0);
    let start = curve.start;
    let before = curve.pieces.len().checked_sub(2).map_or(start, |index| curve.pieces[index][2]);
    let Some([first, second, tip]) = curve.pieces.last_mut() else { return [start; 3] };
    let towards = |from: Point| (tip.x - from.x, tip.y - from.y);
    let (dx, dy) =
        [*second, *first, before].into_iter().map(towards).find(|way| way.0.hypot(way.1) > 1e-6).unwrap_or((0.0, -1.0));
    let size = dx.hypot(dy);
    let (dx, dy) = (dx / size, dy / size);
    let base = Point { x: tip.x - dx * length, y: tip.y - dy * length };
    let corners = [
        *tip,
        Point { x: base.x - dy * half, y: base.y + dx * half },
        Point { x: base.x + dy * half, y: base.y - dx * half },
    ];
    *tip = Point { x: tip.x - dx * (length - 0.5), y: tip.y - dy * (length - 0.5) };
    corners
}

/// Brings a layout, whose rows climb, into the direction of the picture.
struct Frame {
    direction: Direction,
    width: f64,
    height: f64,
    top: f64,
}

impl Frame {
    fn new(direction: Direction, layout: &Layout, top: f64) -> Self {
        let (width, height) = (layout.width, layout.height);
        let (width, height) = if direction.is_sideways() { (height, width) } else { (width, height) };
        Self { direction, width, height, top }
    }

    /// Makes the scene large enough for the layout.
    fn grow(&self, scene: &mut Scene) {
        scene.width = scene.width.max(self.width + 2.0 * MARGIN);
        scene.height = scene.height.max(self.top + self.height + MARGIN);
    }

    fn place(&self, point: Point) -> Point {
        let (x, y) = match self.direction {
            Direction::Up => (point.x, self.height - point.y),
            Direction::Down => (point.x, point.y),
            Direction::Right => (point.y, point.x),
            Direction::Left => (self.width - point.y, point.x),
        };
        Point { x: x + MARGIN, y: y + self.top }
    }

    fn place_curve(&self, curve: &Curve) -> Curve {
        Curve {
            start: self.place(curve.start),
            pieces: curve.pieces.iter().map(|piece| piece.map(|point| self.place(point))).collect(),
        }
    }
}
