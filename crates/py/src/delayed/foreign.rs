//! Collections of other libraries among the arguments: they arrive computed, under one key each.

use hashbrown::HashMap;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::PyList;
use rustc_hash::FxBuildHasher;

use super::node::Delayed;
use super::piece::Piece;
use super::unpack::Unpacker;

/// Whether `object`, which has a `__dask_graph__`, is a collection now.
pub fn is_collection(object: &Bound<'_, PyAny>) -> PyResult<bool> {
    static FUNCTION: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    let function = FUNCTION.import(object.py(), "cenote.collection", "is_dask_collection")?;
    function.call1((object,))?.is_truthy()
}

/// The program that was read, with a node in the place of each collection: all of one call are optimized together.
pub fn resolve(py: Python<'_>, unpacker: Unpacker<'_>) -> PyResult<Vec<Piece>> {
    let Unpacker { mut pieces, foreign, .. } = unpacker;
    if foreign.is_empty() {
        return Ok(pieces);
    }
    let mut places = HashMap::with_hasher(FxBuildHasher);
    let mut distinct = Vec::new();
    for collection in foreign {
        places.entry(collection.as_ptr() as usize).or_insert_with(|| {
            distinct.push(collection);
            distinct.len() - 1
        });
    }
    let distinct = PyList::new(py, distinct)?;
    let nodes = py.import("cenote.finalize")?.call_method1(intern!(py, "finalized"), (&distinct,))?;
    for piece in &mut pieces {
        if let Piece::Value(value) = piece
            && let Some(place) = places.get(&(value.as_ptr() as usize))
        {
            *piece = Piece::Task(nodes.get_item(place)?.cast_into::<Delayed>()?.unbind());
        }
    }
    Ok(pieces)
}
