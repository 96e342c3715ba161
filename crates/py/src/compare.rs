//! Which of two keys comes first by their text: the last word of the static order.
//!
//! Dask compares `str(key)`. Here the text is made only where it cannot be told without: text, whole numbers, and
//! tuples of them, compare as their texts would.

use std::cmp::Ordering;

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
    let end = |tuple: &Bound<'_, PyTuple>, other: usize| match tuple.len() {
        len if len > other => ", ",
        1 => ",)",
        _ => ")",
    };
    (a.len().min(b.len()) > 0 || a.len() == b.len()).then(|| end(a, b.len()).cmp(end(b, a.len())))
}

/// The order of the texts of two whole numbers, with something after them that comes before a digit.
fn compare_decimals(a: i64, b: i64) -> Ordering {
    if a == b {
        return Ordering::Equal;
    }
    if (a < 0) != (b < 0) {
        return b.cmp(&a).reverse();
    }
    let (digits_a, digits_b) = (a.unsigned_abs(), b.unsigned_abs());
    let (length_a, length_b) = (digits_a.max(1).ilog10(), digits_b.max(1).ilog10());
    if length_a == length_b {
        return digits_a.cmp(&digits_b);
    }
    // The shorter one is filled up with zeros: if they are the same then, it is the beginning of the longer one.
    let fill = |digits: u64, by: u32| u128::from(digits) * 10_u128.pow(by);
    let longest = length_a.max(length_b);
    let order = fill(digits_a, longest - length_a).cmp(&fill(digits_b, longest - length_b));
    order.then(length_a.cmp(&length_b))
}

/// The order of two texts in quotes, if they hold nothing that is written otherwise there.
fn compare_quoted(a: &str, b: &str) -> Option<Ordering> {
    let same = a.bytes().zip(b.bytes()).take_while(|(a, b)| a == b).count();
    let plain = |text: &str| text.bytes().all(|byte| (b' '..0x7f).contains(&byte) && byte != b'\'' && byte != b'\\');
    if !plain(a) || !plain(b) {
        return (a == b).then_some(Ordering::Equal);
    }
    let at = |text: &str| text.as_bytes().get(same).copied().unwrap_or(b'\'');
    Some(if a.len() == b.len() && same == a.len() { Ordering::Equal } else { at(a).cmp(&at(b)) })
}
