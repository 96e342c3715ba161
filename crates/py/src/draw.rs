//! Pictures for Python: nodes and edges come in as tuples, a drawing goes out as text or bytes.

use std::sync::OnceLock;

use cenote_core::draw::{self, Color, Defaults, Direction, Edge, Legend, Node, Picture, Scene, Shape};
use pyo3::exceptions::{PyIndexError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyBytes;

type Attributes = Vec<(String, String)>;
/// Its name in DOT, label, shape, tooltip, attributes.
type NodeRow = (String, String, String, String, Attributes);
/// The ends by index, weight, attributes.
type EdgeRow = (u32, u32, u32, Attributes);

/// A graph with everything in its place, to be written in one format or another. It is laid out when first needed.
#[pyclass(frozen, module = "cenote._native")]
pub struct Drawing {
    picture: Picture,
    scene: OnceLock<Scene>,
}

#[pymethods]
impl Drawing {
    #[new]
    #[pyo3(signature = (nodes, edges, rankdir, defaults, scale=None, entries=None))]
    fn new(
        nodes: Vec<NodeRow>,
        edges: Vec<EdgeRow>,
        rankdir: &str,
        defaults: (Attributes, Attributes, Attributes),
        scale: Option<(String, String, String, Vec<String>)>,
        entries: Option<(String, Vec<(String, String)>)>,
    ) -> PyResult<Self> {
        if let Some(edge) = edges.iter().find(|edge| edge.0.max(edge.1) as usize >= nodes.len()) {
            return Err(PyIndexError::new_err(format!("an edge from {} to {} names no node", edge.0, edge.1)));
        }
        let direction = Direction::from_name(rankdir).ok_or_else(|| {
            PyValueError::new_err(format!("unknown rankdir '{rankdir}': choose from 'BT', 'TB', 'LR', 'RL'"))
        })?;
        let (graph, all_nodes, all_edges) = defaults;
        let picture = Picture {
            nodes: nodes.into_iter().map(node).collect(),
            edges: edges
                .into_iter()
                .map(|(from, to, weight, attributes)| Edge { from, to, weight, attributes })
                .collect(),
            direction,
            legend: legend(scale, entries),
            defaults: Defaults { graph, nodes: all_nodes, edges: all_edges },
        };
        Ok(Self { picture, scene: OnceLock::new() })
    }

    /// The drawing as SVG.
    fn svg(&self, py: Python<'_>) -> String {
        py.detach(|| draw::svg(self.scene()))
    }

    /// The picture in Graphviz' language, without places.
    fn dot(&self, py: Python<'_>) -> String {
        py.detach(|| draw::dot(&self.picture))
    }

    /// The drawing as PNG, with `scale` dots per pixel.
    fn png<'py>(&self, py: Python<'py>, scale: f64) -> PyResult<Bound<'py, PyBytes>> {
        let image = py.detach(|| cenote::draw::png(self.scene(), scale));
        image.map(|bytes| PyBytes::new(py, &bytes)).map_err(|error| PyValueError::new_err(error.to_string()))
    }

    /// The drawing as PDF.
    fn pdf<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, &py.detach(|| cenote::draw::pdf(self.scene())))
    }

    /// Width and height in pixels.
    #[getter]
    fn size(&self, py: Python<'_>) -> (f64, f64) {
        py.detach(|| (self.scene().width, self.scene().height))
    }

    /// How many pairs of edges cross.
    #[getter]
    fn crossings(&self, py: Python<'_>) -> u64 {
        py.detach(|| self.scene().crossings)
    }
}

impl Drawing {
    fn scene(&self) -> &Scene {
        self.scene.get_or_init(|| Scene::new(&self.picture))
    }
}

fn node((id, label, shape, tooltip, attributes): NodeRow) -> Node {
    Node { id, label, shape: Shape::from_name(&shape).unwrap_or_default(), tooltip, attributes }
}

fn legend(
    scale: Option<(String, String, String, Vec<String>)>,
    entries: Option<(String, Vec<(String, String)>)>,
) -> Option<Legend> {
    let color = |text: &str| Color::parse(text).unwrap_or(Color::WHITE);
    if let Some((title, low, high, colors)) = scale {
        let colors = colors.iter().map(|text| color(text)).collect();
        return Some(Legend::Scale { title, low, high, colors });
    }
    entries.map(|(title, entries)| Legend::Entries {
        title,
        entries: entries.into_iter().map(|(text, name)| (color(&text), name)).collect(),
    })
}
