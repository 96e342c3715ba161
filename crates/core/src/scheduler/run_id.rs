//! Attempts to run a task: what a worker says of an older one is not believed.

/// One attempt to run a task: the epoch of the scheduler and a counter, sent as one whole number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RunId(pub i64);

impl RunId {
    /// What stands where there has been no attempt.
    pub(super) const NONE: Self = Self(-1);

    /// The attempts of an epoch follow those of all epochs before it.
    pub fn new(epoch: u32, counter: u64) -> Self {
        let epoch = i64::from(epoch % (1 << 22)) << 40;
        Self(epoch | (counter % (1 << 40)).cast_signed())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attempts_of_a_later_epoch_are_later() {
        assert!(RunId::new(1, 0) > RunId::new(0, (1 << 40) - 1));
        assert!(RunId::new(u32::MAX, u64::MAX).0 > 0);
    }
}
