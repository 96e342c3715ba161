//! Whether objects are nodes, each of them another: the common case of what `compute` is given, which may be a million.

use pyo3::prelude::*;
use pyo3::types::PyTuple;

use super::node::Delayed;

/// Whether all of `objects` are Delayed objects, and none of them comes twice.
#[pyfunction]
pub fn are_distinct_nodes(objects: &Bound<'_, PyTuple>) -> bool {
    let mut addresses = Vec::with_capacity(objects.len());
    for object in objects.iter_borrowed() {
        if !object.is_exact_instance_of::<Delayed>() {
            return false;
        }
        addresses.push(object.as_ptr() as usize);
    }
    // Sorting walks through memory in order, as a hash table of this size would not.
    addresses.sort_unstable();
    addresses.windows(2).all(|pair| pair[0] != pair[1])
}
