//! Looks: the colors and lines of each node and edge, and the room that a node takes with its label.

use super::color::Color;
use super::layout::Extent;
use super::picture::{Attributes, Edge, Node, Picture, Shape};
use super::text;

const FONT_SIZE: f64 = 12.0;
/// For labels that would need a circle of more than this.
const FONT_SIZE_SMALL: f64 = 10.0;
const LARGE_CIRCLE: f64 = 46.0;
/// Between a label and the line around it.
const PADDING: f64 = 4.0;

/// How a line is drawn and what is inside it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Paint {
    /// What fills it, if anything does.
    pub fill: Option<Color>,
    /// The line, if there is one.
    pub stroke: Option<Color>,
    /// How wide the line is.
    pub width: f64,
    /// Whether the line has gaps.
    pub dashed: bool,
}

/// How one node is drawn.
#[derive(Clone, Debug)]
pub(super) struct NodeLook {
    pub(super) shape: Shape,
    pub(super) paint: Paint,
    pub(super) ink: Color,
    pub(super) font_size: f64,
    pub(super) lines: Vec<String>,
    pub(super) tooltip: String,
    /// As it is seen, whichever way data flows.
    pub(super) extent: Extent,
}

/// The last word on an attribute: what the thing itself says, else what holds for all.
fn find<'a>(name: &str, own: &'a Attributes, all: &'a Attributes) -> Option<&'a str> {
    own.iter().rev().chain(all.iter().rev()).find(|(known, _)| known == name).map(|(_, value)| value.as_str())
}

fn color(name: &str, own: &Attributes, all: &Attributes) -> Option<Color> {
    find(name, own, all).and_then(Color::parse)
}

fn number(name: &str, own: &Attributes, all: &Attributes) -> Option<f64> {
    find(name, own, all)?.trim().parse().ok().filter(|value: &f64| (0.0..=200.0).contains(value))
}

fn has_style(style: &str, own: &Attributes, all: &Attributes) -> bool {
    find("style", own, all).is_some_and(|styles| styles.split(',').any(|known| known.trim() == style))
}

impl NodeLook {
    pub(super) fn new(node: &Node, picture: &Picture) -> Self {
        let (own, all) = (&node.attributes, &picture.defaults.nodes);
        let shape = find("shape", own, all).and_then(Shape::from_name).unwrap_or(node.shape);
        let (fill, stroke) = match shape {
            Shape::Circle | Shape::Ellipse => (Color(0xe6, 0xef, 0xfa), Color(0x47, 0x78, 0xad)),
            Shape::Box | Shape::Square => (Color(0xf8, 0xf6, 0xf0), Color(0x96, 0x8f, 0x7e)),
            Shape::Group => (Color(0xed, 0xf4, 0xee), Color(0x5b, 0x8f, 0x6b)),
            Shape::Plain => (Color::WHITE, Color::WHITE),
        };
        let stroke = color("color", own, all).unwrap_or(stroke);
        let fill = color("fillcolor", own, all).unwrap_or(if has_style("filled", own, all) { stroke } else { fill });
        let label = find("label", own, all).unwrap_or(&node.label);
        let asked = number("fontsize", own, all).filter(|&size| size >= 4.0);
        let mut font_size = asked.unwrap_or(FONT_SIZE);
        let (mut lines, mut extent) = fit(shape, label, font_size);
        if asked.is_none() && shape == Shape::Circle && extent.width > LARGE_CIRCLE {
            font_size = FONT_SIZE_SMALL;
            (lines, extent) = fit(shape, label, font_size);
        }
        let drawn = shape != Shape::Plain && !has_style("invis", own, all);
        Self {
            shape,
            paint: Paint {
                fill: drawn.then_some(fill),
                stroke: drawn.then_some(stroke),
                width: number("penwidth", own, all).unwrap_or(1.2),
                dashed: has_style("dashed", own, all) || has_style("dotted", own, all),
            },
            ink: color("fontcolor", own, all).unwrap_or_else(|| fill.ink()),
            font_size,
            lines,
            tooltip: find("tooltip", own, all).unwrap_or(&node.tooltip).to_owned(),
            extent,
        }
    }
}

fn fit(shape: Shape, label: &str, font_size: f64) -> (Vec<String>, Extent) {
    if shape == Shape::Circle {
        let (lines, radius) = text::fit_circle(label, font_size);
        let across = 2.0 * (radius + PADDING).max(15.0);
        return (lines, Extent { width: across, height: across, round: true });
    }
    let (lines, width, height) = text::fit_box(label, font_size);
    let (width, height) = (width + 3.0 * PADDING, height + 2.0 * PADDING);
    let (width, height) = match shape {
        Shape::Ellipse => (width.max(24.0) * 1.25, height.max(18.0) * 1.35),
        Shape::Square => (width.max(height).max(20.0), width.max(height).max(20.0)),
        Shape::Group => (width.max(56.0) + 2.0 * PADDING, height.max(20.0) + 2.0 * PADDING),
        _ => (width.max(22.0), height.max(16.0)),
    };
    (lines, Extent { width, height, round: shape == Shape::Ellipse })
}

/// How one edge is drawn.
pub(super) fn edge_paint(edge: &Edge, picture: &Picture) -> Paint {
    let (own, all) = (&edge.attributes, &picture.defaults.edges);
    Paint {
        fill: None,
        stroke: Some(color("color", own, all).unwrap_or(Color(0x6f, 0x76, 0x82))),
        width: number("penwidth", own, all).unwrap_or(1.1),
        dashed: has_style("dashed", own, all) || has_style("dotted", own, all),
    }
}

/// What is shown when somebody points at an edge; mostly nothing.
pub(super) fn edge_tooltip<'a>(edge: &'a Edge, picture: &'a Picture) -> Option<&'a str> {
    find("tooltip", &edge.attributes, &picture.defaults.edges)
}
