//! What is to be drawn: nodes with their labels and looks, edges, and a legend.

use super::color::Color;

/// A graph to draw, before anything has a place.
#[derive(Clone, Debug, Default)]
pub struct Picture {
    /// The nodes.
    pub nodes: Vec<Node>,
    /// The edges, by index of their nodes.
    pub edges: Vec<Edge>,
    /// Where data flows.
    pub direction: Direction,
    /// What the colors mean.
    pub legend: Option<Legend>,
    /// What holds for the graph, for every node and for every edge.
    pub defaults: Defaults,
}

/// Names and values as Graphviz has them: `color`, `fillcolor`, `fontcolor`, `penwidth`, `style`, …. Our own drawings
/// heed these; all of them, whatever they are, go into DOT.
pub type Attributes = Vec<(String, String)>;

/// Attributes of more than one thing.
#[derive(Clone, Debug, Default)]
pub struct Defaults {
    /// Of the graph.
    pub graph: Attributes,
    /// Of every node that does not say otherwise.
    pub nodes: Attributes,
    /// Of every edge that does not say otherwise.
    pub edges: Attributes,
}

/// A function or a piece of data.
#[derive(Clone, Debug, Default)]
pub struct Node {
    /// What it is called in DOT; unlike every other.
    pub id: String,
    /// What stands in it.
    pub label: String,
    /// Its form.
    pub shape: Shape,
    /// What is shown when somebody points at it.
    pub tooltip: String,
    /// How it differs from the others of its shape.
    pub attributes: Attributes,
}

/// The form of a node.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Shape {
    /// A rectangle: data.
    #[default]
    Box,
    /// A rectangle as high as it is wide.
    Square,
    /// A circle: a function.
    Circle,
    /// A circle that is as wide as its label.
    Ellipse,
    /// A rectangle with round corners: a group of tasks.
    Group,
    /// Nothing but its label.
    Plain,
}

/// That one node needs another.
#[derive(Clone, Debug, Default)]
pub struct Edge {
    /// What is needed.
    pub from: u32,
    /// What needs it.
    pub to: u32,
    /// How much it matters that the edge is short: 1 if it does not.
    pub weight: u32,
    /// How it differs from the others.
    pub attributes: Attributes,
}

/// Where data flows in a picture; the names are Graphviz' `rankdir`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Direction {
    /// `BT`
    #[default]
    Up,
    /// `TB`
    Down,
    /// `LR`
    Right,
    /// `RL`
    Left,
}

/// What the colors of a picture mean.
#[derive(Clone, Debug)]
pub enum Legend {
    /// Colors from the least value to the greatest.
    Scale {
        /// What is measured.
        title: String,
        /// The least value.
        low: String,
        /// The greatest value.
        high: String,
        /// The colors, at equal distances.
        colors: Vec<Color>,
    },
    /// A color for each of a few things.
    Entries {
        /// What the things are.
        title: String,
        /// Their colors and names.
        entries: Vec<(Color, String)>,
    },
}

impl Shape {
    /// Graphviz' name for the shape.
    pub fn name(self) -> &'static str {
        match self {
            Self::Box | Self::Group => "box",
            Self::Square => "square",
            Self::Circle => "circle",
            Self::Ellipse => "ellipse",
            Self::Plain => "plaintext",
        }
    }

    /// The shape that comes nearest to one of Graphviz' many.
    pub fn from_name(name: &str) -> Option<Self> {
        match name {
            "box" | "rect" | "rectangle" | "note" | "tab" | "folder" | "component" | "cds" => Some(Self::Box),
            "square" => Some(Self::Square),
            "circle" | "doublecircle" | "point" => Some(Self::Circle),
            "ellipse" | "oval" | "egg" => Some(Self::Ellipse),
            "group" => Some(Self::Group),
            "plaintext" | "plain" | "none" => Some(Self::Plain),
            _ => None,
        }
    }
}

impl Direction {
    /// Graphviz' name for the direction.
    pub fn name(self) -> &'static str {
        match self {
            Self::Up => "BT",
            Self::Down => "TB",
            Self::Right => "LR",
            Self::Left => "RL",
        }
    }

    /// The direction that Graphviz calls so.
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Up, Self::Down, Self::Right, Self::Left].into_iter().find(|direction| direction.name() == name)
    }

    /// Whether rows of nodes stand upright, side by side.
    pub fn is_sideways(self) -> bool {
        matches!(self, Self::Right | Self::Left)
    }
}
