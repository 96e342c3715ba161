//! Which of two keys comes first by their text: the last word of the static order.
//!
//! Dask compares `str(key)`. Here the text is made only where it cannot be told without: text, whole numbers, and
//! tuples of them, compare as their texts would.

use std::cmp::Ordering;

use super::Key;

impl Key {
    /// The order of the texts of two keys.
    pub fn compare_text(&self, other: &Self) -> Ordering {
        compare(self, other).unwrap_or_else(|| self.to_string().cmp(&other.to_string()))
    }
}

/// The order of two keys by their texts, if it can be told without these.
fn compare(a: &Key, b: &Key) -> Option<Ordering> {
    match (a, b) {
        (Key::Str(a), Key::Str(b)) => Some(a.cmp(b)),
        (Key::Int(a), Key::Int(b)) => Some(compare_decimals(*a, *b)),
        (Key::Tuple(a), Key::Tuple(b)) => compare_tuples(a, b),
        _ => None,
    }
}

fn compare_tuples(a: &[Key], b: &[Key]) -> Option<Ordering> {
    for (a, b) in a.iter().zip(b) {
        let order = match (a, b) {
            (Key::Str(a), Key::Str(b)) => compare_quoted(a, b)?,
            _ => compare(a, b)?,
        };
        if order != Ordering::Equal {
            return Some(order);
        }
    }
    let common = a.len().min(b.len());
    (common > 0 || a.len() == b.len()).then(|| tuple_end(a.len(), common).cmp(tuple_end(b.len(), common)))
}

/// What stands after so many items of a tuple of this length, as far as it tells which of two texts comes first.
#[must_use]
pub fn tuple_end(len: usize, after: usize) -> &'static str {
    match len {
        len if len > after => ", ",
        1 => ",)",
        _ => ")",
    }
}

/// The order of the texts of two whole numbers, with something after them that comes before a digit.
#[must_use]
pub fn compare_decimals(a: i64, b: i64) -> Ordering {
    if a == b || (a < 0) != (b < 0) {
        return a.cmp(&b);
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
#[must_use]
pub fn compare_quoted(a: &str, b: &str) -> Option<Ordering> {
    if a == b {
        return Some(Ordering::Equal);
    }
    let plain = |text: &str| text.bytes().all(|byte| (b' '..0x7f).contains(&byte) && byte != b'\'' && byte != b'\\');
    if !plain(a) || !plain(b) {
        return None;
    }
    let same = a.bytes().zip(b.bytes()).take_while(|(a, b)| a == b).count();
    let at = |text: &str| text.as_bytes().get(same).copied().unwrap_or(b'\'');
    Some(at(a).cmp(&at(b)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_come_in_the_order_of_their_texts() {
        let tuple = |keys: &[Key]| Key::Tuple(keys.into());
        let mut keys: Vec<Key> = [0, 5, 12, 9, 10, 100, 99, -1, -10, -9, i64::MIN, i64::MAX].map(Key::Int).into();
        keys.extend(["a", "b", "a b", "ab", "", "x'y", "é", "a-9", "a-10"].map(Key::from));
        keys.extend([Key::Float(1.5), Key::Bool(true), Key::UInt(u64::MAX), Key::Bytes(b"x".as_slice().into())]);
        keys.push(tuple(&[]));
        for key in keys.clone() {
            keys.push(tuple(std::slice::from_ref(&key)));
            keys.push(tuple(&["x".into(), key.clone()]));
            keys.push(tuple(&[tuple(&["x".into(), key.clone()]), Key::Int(1)]));
            keys.push(tuple(&["x".into(), key.clone(), Key::Int(1)]));
        }
        for a in &keys {
            for b in &keys {
                assert_eq!(a.compare_text(b), a.to_string().cmp(&b.to_string()), "{a} and {b}");
            }
        }
    }
}
