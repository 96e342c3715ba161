//! Unmanaged memory: what the process of a worker uses beside the results that it holds. What has been there for a while
//! is told apart from what may be gone soon.

use std::collections::VecDeque;

/// Seconds after which memory is old: Dask's `distributed.worker.memory.recent-to-old-time`.
const RECENT_S: f64 = 30.0;

/// The unmanaged memory of one worker.
#[derive(Debug, Default)]
pub(super) struct Unmanaged {
    /// When it was measured, and bytes: those that were lower than all before and are not older than is asked for. The
    /// times and the bytes both go up.
    lows: VecDeque<(f64, i64)>,
}

impl Unmanaged {
    /// It was measured again.
    pub fn measure(&mut self, now: f64, bytes: i64) {
        while self.lows.back().is_some_and(|&(_, low)| low >= bytes) {
            self.lows.pop_back();
        }
        self.lows.push_back((now, bytes));
        while self.lows.len() > 1 && self.lows.front().is_some_and(|&(when, _)| when <= now - RECENT_S) {
            self.lows.pop_front();
        }
    }

    /// Bytes that were there all the time, as far back as is looked.
    pub fn old(&self) -> i64 {
        self.lows.front().map_or(0, |&(_, bytes)| bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn old_is_what_was_there_all_the_time() {
        let mut unmanaged = Unmanaged::default();
        assert_eq!(unmanaged.old(), 0);
        for (now, bytes, old) in [(0.0, 5, 5), (10.0, 9, 5), (20.0, 7, 5), (30.0, 8, 7), (35.0, 6, 6), (65.0, 9, 9)] {
            unmanaged.measure(now, bytes);
            assert_eq!(unmanaged.old(), old, "at {now}");
        }
    }
}
