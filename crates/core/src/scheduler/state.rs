//! The states of tasks, by their names.

/// A state by its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum StateName {
    /// Not computed, and nothing is done about it.
    Released,
    /// Waits for its dependencies.
    Waiting,
    /// Could run, but no worker may run it.
    NoWorker,
    /// Could run, and waits in the scheduler for a free thread.
    Queued,
    /// Was sent to a worker.
    Processing,
    /// Its result is held by workers.
    Memory,
    /// It has failed, or one that it needs.
    Erred,
    /// It is not known any more.
    Forgotten,
}

impl StateName {
    /// All in the order of a task's life, as Dask counts them; what is forgotten comes last.
    pub const ALL: [Self; STATES] = [
        Self::Released,
        Self::Waiting,
        Self::NoWorker,
        Self::Queued,
        Self::Processing,
        Self::Memory,
        Self::Erred,
        Self::Forgotten,
    ];

    /// Those of tasks that are known: all but the last.
    pub const KNOWN: &[Self] = Self::ALL.split_at(STATES - 1).0;

    /// Whether something is still to be done.
    pub(super) fn is_unfinished(self) -> bool {
        matches!(self, Self::Waiting | Self::NoWorker | Self::Queued | Self::Processing)
    }

    /// Its name, as clients know it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Released => "released",
            Self::Waiting => "waiting",
            Self::NoWorker => "no-worker",
            Self::Queued => "queued",
            Self::Processing => "processing",
            Self::Memory => "memory",
            Self::Erred => "erred",
            Self::Forgotten => "forgotten",
        }
    }
}

/// How many states there are.
pub const STATES: usize = StateName::Forgotten as usize + 1;
