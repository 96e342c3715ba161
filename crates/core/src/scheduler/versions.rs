//! Versions: what is installed with the scheduler and its workers, and whom to warn of differences.

use super::Scheduler;
use super::stimulus::Text;
use crate::protocol::value::Value;
use crate::protocol::versions::{Packages, mismatch_warning, packages};

/// What is installed in the cluster. Most workers are alike: each kind stands here once.
#[derive(Debug, Default)]
pub(super) struct Versions {
    scheduler: Packages,
    workers: Vec<(Packages, usize)>,
}

impl Versions {
    /// Those of a cluster that has no workers yet, with what the scheduler says of itself.
    pub fn new(scheduler: &Value) -> Self {
        Self { scheduler: packages(scheduler), workers: Vec::new() }
    }

    fn warning(&self, peer: &Value) -> Text {
        let workers: Vec<_> = self.workers.iter().map(|(packages, _)| packages).collect();
        mismatch_warning(&packages(peer), &self.scheduler, &workers).into()
    }

    fn enter(&mut self, worker: &Value) {
        let packages = packages(worker);
        match self.workers.iter_mut().find(|(known, _)| *known == packages) {
            Some((_, count)) => *count += 1,
            None => self.workers.push((packages, 1)),
        }
    }

    /// A worker has left.
    pub fn leave(&mut self, worker: &Value) {
        let packages = packages(worker);
        if let Some((_, count)) = self.workers.iter_mut().find(|(known, _)| *known == packages) {
            *count -= 1;
        }
        self.workers.retain(|(_, count)| *count > 0);
    }
}

impl Scheduler {
    /// What the user of a client should know about the versions of its packages; empty if all is well. A scheduler that
    /// was not told what is installed with it warns nobody.
    pub(super) fn client_warning(&self, versions: &Value) -> Text {
        if self.versions.scheduler.is_empty() { "".into() } else { self.versions.warning(versions) }
    }

    /// The same of a worker, which is one of them from now on.
    pub(super) fn worker_warning(&mut self, versions: &Value) -> Text {
        self.versions.enter(versions);
        self.client_warning(versions)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(dask: &str) -> Value {
        Value::map([("packages", Value::map([("dask", dask.into()), ("numpy", "2.0".into())]))])
    }

    #[test]
    fn who_has_other_versions_than_the_rest_is_warned_while_they_are_there() {
        let mut versions = Versions::new(&said("1.0"));
        versions.enter(&said("1.0"));
        assert_eq!(&*versions.warning(&said("1.0")), "");
        versions.enter(&said("0.9"));
        versions.enter(&said("0.9"));
        let warning = versions.warning(&said("1.0"));
        assert!(warning.contains("dask") && warning.contains("0.9") && !warning.contains("numpy"), "{warning}");
        versions.leave(&said("0.9"));
        assert_ne!(&*versions.warning(&said("1.0")), "");
        versions.leave(&said("0.9"));
        assert_eq!(&*versions.warning(&said("1.0")), "");
    }
}
