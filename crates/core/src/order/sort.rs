//! A stable merge sort that takes the runs it finds, and that bears with a comparison that contradicts itself.
//!
//! Comparing two tasks may end in a comparison of two Python keys: slow, and free to answer what it likes. The sort of
//! the standard library may panic on such answers; this one only gives some permutation.

use std::cmp::Ordering;

/// Slices up to this length are sorted by insertion.
const SHORT: usize = 12;

/// Sorts `items` by `compare`, using `scratch` as working space. Sorted or reversed input takes one comparison an item.
pub fn sort_runs<T: Copy>(items: &mut [T], scratch: &mut Vec<T>, compare: &mut impl FnMut(T, T) -> Ordering) {
    if items.len() <= SHORT {
        insert(items, 1, compare);
        return;
    }
    // The ends of the runs that wait to be merged, each shorter than the one before it.
    let mut waiting: Vec<(usize, usize)> = Vec::new();
    let mut start = 0;
    while start < items.len() {
        let end = next_run(items, start, compare);
        waiting.push((start, end));
        start = end;
        while let [.., (left, middle), (_, right)] = waiting[..] {
            if middle - left > 2 * (right - middle) && right < items.len() {
                break;
            }
            merge(&mut items[left..right], middle - left, scratch, compare);
            waiting.truncate(waiting.len() - 2);
            waiting.push((left, right));
        }
    }
}

/// The end of the run that begins at `start`, once it has been made ascending and long enough.
fn next_run<T: Copy>(items: &mut [T], start: usize, compare: &mut impl FnMut(T, T) -> Ordering) -> usize {
    let mut end = start + 1;
    if end == items.len() {
        return end;
    }
    let descending = compare(items[start], items[end]) == Ordering::Greater;
    end += 1;
    while end < items.len() && (compare(items[end - 1], items[end]) == Ordering::Greater) == descending {
        end += 1;
    }
    if descending {
        items[start..end].reverse();
    }
    if end - start < SHORT {
        let sorted = end - start;
        end = items.len().min(start + SHORT);
        insert(&mut items[start..end], sorted, compare);
    }
    end
}

/// Sorts by insertion a slice of which the first `sorted` items are in order.
fn insert<T: Copy>(items: &mut [T], sorted: usize, compare: &mut impl FnMut(T, T) -> Ordering) {
    for index in sorted..items.len() {
        let item = items[index];
        let mut slot = index;
        while slot > 0 && compare(items[slot - 1], item) == Ordering::Greater {
            items[slot] = items[slot - 1];
            slot -= 1;
        }
        items[slot] = item;
    }
}

/// Merges the two sorted parts of `items` that meet at `middle`.
fn merge<T: Copy>(items: &mut [T], middle: usize, scratch: &mut Vec<T>, compare: &mut impl FnMut(T, T) -> Ordering) {
    if compare(items[middle - 1], items[middle]) != Ordering::Greater {
        return;
    }
    scratch.clear();
    scratch.extend_from_slice(&items[..middle]);
    let (mut left, mut right, mut slot) = (0, middle, 0);
    while left < scratch.len() && right < items.len() {
        if compare(scratch[left], items[right]) == Ordering::Greater {
            items[slot] = items[right];
            right += 1;
        } else {
            items[slot] = scratch[left];
            left += 1;
        }
        slot += 1;
    }
    let rest = scratch.len() - left;
    items[slot..slot + rest].copy_from_slice(&scratch[left..]);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sorted(mut items: Vec<u32>) -> (Vec<u32>, usize) {
        let mut calls = 0;
        sort_runs(&mut items, &mut Vec::new(), &mut |a, b| {
            calls += 1;
            a.cmp(&b)
        });
        (items, calls)
    }

    #[test]
    fn every_length_and_pattern_is_sorted() {
        for length in 0..200_u32 {
            for step in [1, 7, 31, 97, 199] {
                let items: Vec<u32> = (0..length).map(|index| index * step % 101).collect();
                let mut expected = items.clone();
                expected.sort_unstable();
                assert_eq!(sorted(items).0, expected, "{length} items, step {step}");
            }
        }
    }

    #[test]
    fn sorted_and_reversed_input_takes_a_comparison_an_item() {
        assert!(sorted((0..10_000).collect()).1 < 10_000);
        assert!(sorted((0..10_000).rev().collect()).1 < 10_000);
    }

    #[test]
    fn a_comparison_that_contradicts_itself_gives_a_permutation() {
        let mut items: Vec<u32> = (0..1000).collect();
        let mut answer = 0_u32;
        sort_runs(&mut items, &mut Vec::new(), &mut |_, _| {
            answer = answer.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            if answer >> 31 == 0 { Ordering::Less } else { Ordering::Greater }
        });
        items.sort_unstable();
        assert!(items.into_iter().eq(0..1000));
    }
}
