//! Which of two keys comes first by their text: the last word of the static order.
//!
//! Dask compares `str(key)`. Here the text is made only where it cannot be told without: text, whole numbers, and
//! tuples of them, compare as their texts would.

use std::cmp::Ordering;

use cenote_core::key::{compare_decimals, compare_quoted, tuple_end};
use pyo3::prelude::*;
use pyo3::types::{PyInt, PyString, PyTuple};

/// The order of `str(a)` and `str(b)`. Keys whose text cannot be had are equal.
pub fn compare_keys(a: &Bound<'_, PyAny>, b: &Bound<'_, PyAny>) -> Ordering {
    if let (Ok(a), Ok(b)) = (a.cast_exact::<PyString>(), b.cast_exact::<PyString>()) {
        if let (Ok(a), Ok(b)) = (a.to_str(), b.to_str()) {
            return a.cmp(b);
        }
    } else if let (Ok(a), Ok(b)) = (a.cast_exact::<PyTuple>(), b.cast_exact::<PyTuple>()) {
        if let Some(order) = compare_tuples(a, b) {
            return order;
        }
    } else if let (Ok(a), Ok(b)) = (a.cast_exact::<PyInt>(), b.cast_exact::<PyInt>())
        && let (Ok(a), Ok(b)) = (a.extract(), b.extract())
    {
        return compare_decimals(a, b);
    }
    compare_texts(a, b).unwrap_or(Ordering::Equal)
}

fn compare_texts(a: &Bound<'_, PyAny>, b: &Bound<'_, PyAny>) -> PyResult<Ordering> {
    let (a, b) = (a.str()?, b.str()?);
    match (a.to_str(), b.to_str()) {
        // The bytes of UTF-8 stand in the order of their characters.
        (Ok(a), Ok(b)) => Ok(a.cmp(b)),
        _ => a.compare(b),
    }
}

/// The order of the texts of two tuples, as far as it can be told from their items.
fn compare_tuples(a: &Bound<'_, PyTuple>, b: &Bound<'_, PyTuple>) -> Option<Ordering> {
    for (a, b) in a.iter_borrowed().zip(b.iter_borrowed()) {
        if a.is(&*b) {
            continue;
        }
        let order = if let (Ok(a), Ok(b)) = (a.cast_exact::<PyInt>(), b.cast_exact::<PyInt>()) {
            compare_decimals(a.extract().ok()?, b.extract().ok()?)
        } else if let (Ok(a), Ok(b)) = (a.cast_exact::<PyString>(), b.cast_exact::<PyString>()) {
            compare_quoted(a.to_str().ok()?, b.to_str().ok()?)?
        } else if let (Ok(a), Ok(b)) = (a.cast_exact::<PyTuple>(), b.cast_exact::<PyTuple>()) {
            compare_tuples(&a, &b)?
        } else {
            return None;
        };
        if order != Ordering::Equal {
            return Some(order);
        }
    }
    // One is the beginning of the other, or both are the same: after the common items stand `)`, `,)` or `, `.
    let common = a.len().min(b.len());
    (common > 0 || a.len() == b.len()).then(|| tuple_end(a.len(), common).cmp(tuple_end(b.len(), common)))
}
