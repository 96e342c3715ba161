//! Pickles a node flat, as a list of records with the dependencies first: a chain of a million is no deeper than one.

use hashbrown::HashMap;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList, PyString, PyTuple};
use rustc_hash::FxBuildHasher;

use super::key;
use super::node::{Delayed, Elsewhere, Task, Traits};
use super::piece::{Piece, Shape};
use super::walk::Walked;

/// What a record says beside its task: key, whether pure, length, annotations.
type Beside<'py> = (Bound<'py, PyAny>, bool, Option<u32>, Option<Py<PyDict>>);

/// The records of `root` and of all that it needs; `root` is the last.
pub fn records<'py>(root: &Bound<'py, Delayed>) -> PyResult<Bound<'py, PyList>> {
    let py = root.py();
    let records = PyList::empty(py);
    let mut places = HashMap::with_hasher(FxBuildHasher);
    for (place, node) in Walked::from(py, [root.as_unbound()], |_| false).iter().enumerate() {
        places.insert(node.as_ptr() as usize, place);
        let this = node.get();
        let beside: Beside<'_> = (
            key::of(node.bind(py))?,
            this.pure,
            this.length(),
            this.annotations.as_ref().map(|annotations| annotations.clone_ref(py)),
        );
        let steps = |pieces: &[Piece]| steps(py, pieces, &places);
        let task = match &this.task {
            Task::Leaf { value, pure } => ("leaf", value, pure).into_pyobject(py)?.into_any(),
            Task::Nested { pieces, prefix } => ("nested", steps(pieces)?, prefix).into_pyobject(py)?.into_any(),
            Task::Attribute { pieces, name } => ("attribute", steps(pieces)?, name).into_pyobject(py)?.into_any(),
            Task::Call { func, pieces, names } => ("call", func, steps(pieces)?, names).into_pyobject(py)?.into_any(),
            Task::Graph(elsewhere) => {
                let Elsewhere { graph, layer, source } = &**elsewhere;
                ("graph", graph, layer, source).into_pyobject(py)?.into_any()
            }
        };
        records.append((task, beside))?;
    }
    Ok(records)
}

/// The steps of a program: a value alone in a tuple, a place, or a shape and a count.
fn steps<'py>(
    py: Python<'py>,
    pieces: &[Piece],
    places: &HashMap<usize, usize, FxBuildHasher>,
) -> PyResult<Bound<'py, PyList>> {
    let steps = PyList::empty(py);
    for piece in pieces {
        match piece {
            Piece::Value(value) => steps.append((value,))?,
            Piece::Task(task) => steps.append(places[&(task.as_ptr() as usize)])?,
            Piece::Reference(object) => steps.append(("reference", object, 0))?,
            Piece::Build(shape, count) => steps.append((*shape as u8, *count))?,
        }
    }
    Ok(steps)
}

/// The node whose records these are.
#[pyfunction]
pub fn restore_delayed<'py>(records: &Bound<'py, PyList>) -> PyResult<Bound<'py, Delayed>> {
    let py = records.py();
    let mut nodes: Vec<Bound<'py, Delayed>> = Vec::with_capacity(records.len());
    for record in records {
        let (task, (key, pure, length, annotations)): (Bound<'py, PyTuple>, Beside<'py>) = record.extract()?;
        let kind = task.get_item(0)?.cast_into::<PyString>()?;
        let task = match &*kind.to_cow()? {
            "leaf" => Task::Leaf { value: task.get_item(1)?.unbind(), pure: task.get_item(2)?.extract()? },
            "nested" => Task::Nested {
                pieces: pieces(&task.get_item(1)?, &nodes)?.into(),
                prefix: task.get_item(2)?.cast_into::<PyString>()?.unbind(),
            },
            "attribute" => Task::Attribute {
                pieces: pieces(&task.get_item(1)?, &nodes)?.into(),
                name: task.get_item(2)?.cast_into::<PyString>()?.unbind(),
            },
            "call" => Task::Call {
                func: task.get_item(1)?.unbind(),
                pieces: pieces(&task.get_item(2)?, &nodes)?.into(),
                names: task.get_item(3)?.extract()?,
            },
            "graph" => Task::Graph(Box::new(Elsewhere {
                graph: task.get_item(1)?.unbind(),
                layer: task.get_item(2)?.extract()?,
                source: task.get_item(3)?.extract()?,
            })),
            other => return Err(PyValueError::new_err(format!("the record of a Delayed is of unknown kind {other}"))),
        };
        nodes.push(Bound::new(
            py,
            Delayed::new(py, task, Traits { key: Some(key.unbind()), pure, length, annotations, settled: false }),
        )?);
    }
    nodes.pop().ok_or_else(|| PyValueError::new_err("the records of a Delayed are empty"))
}

fn pieces<'py>(steps: &Bound<'py, PyAny>, nodes: &[Bound<'py, Delayed>]) -> PyResult<Vec<Piece>> {
    let mut pieces = Vec::new();
    for step in steps.try_iter()? {
        let step = step?;
        let Ok(tuple) = step.cast::<PyTuple>() else {
            let task = nodes.get(step.extract::<usize>()?);
            let task = task.ok_or_else(|| PyValueError::new_err("the records of a Delayed are out of order"))?;
            pieces.push(Piece::Task(task.clone().unbind()));
            continue;
        };
        pieces.push(match tuple.len() {
            1 => Piece::Value(tuple.get_item(0)?.unbind()),
            2 => {
                let (shape, count): (usize, u32) = tuple.extract()?;
                let shape = Shape::ALL.get(shape).copied();
                Piece::Build(shape.ok_or_else(|| PyValueError::new_err("a container of unknown shape"))?, count)
            }
            _ => Piece::Reference(tuple.get_item(1)?.unbind()),
        });
    }
    Ok(pieces)
}
