//! What is reported of an archive.

use serde::Serialize;

use super::chains::{Chains, Gap};
use crate::report::evidence::{Counts, DigestStatus, Evidence, Finding, LogStatus, Needed};

/// The verdicts on an archive.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Verdicts {
    /// Numbers of digests and logs.
    #[serde(flatten)]
    pub counts: Counts,
    /// Times for which no digest file lists what was delivered.
    pub gaps: Vec<Gap>,
    /// What is not as it should be.
    pub findings: Vec<Finding>,
    /// What is needed to prove more.
    pub needed: Vec<Needed>,
    /// The status of each log that a digest names.
    #[serde(skip)]
    pub(super) listed: Vec<Option<LogStatus>>,
    /// The status of each other log.
    #[serde(skip)]
    pub(super) held: Vec<Option<LogStatus>>,
}

impl Verdicts {
    pub(super) fn new(n_listed: usize, n_held: usize) -> Self {
        Self {
            listed: vec![None; n_listed],
            held: vec![None; n_held],
            ..Self::default()
        }
    }

    pub(super) fn count_digest(&mut self, status: DigestStatus) {
        *self.counts.digests.entry(status).or_default() += 1;
    }

    pub(super) fn log(&mut self, n: usize, status: LogStatus) {
        self.listed[n] = Some(status);
        *self.counts.logs.entry(status).or_default() += 1;
    }

    pub(super) fn held(&mut self, n: usize, status: LogStatus) {
        self.held[n] = Some(status);
        *self.counts.logs.entry(status).or_default() += 1;
    }

    pub(super) fn find(&mut self, finding: Finding) {
        self.findings.push(finding);
    }

    pub(super) fn finish(mut self, chains: &Chains) -> Self {
        self.gaps.clone_from(&chains.gaps);
        self.findings.sort();
        self
    }

    /// Returns what a report says of them.
    #[must_use]
    pub fn evidence(&self, n_keys: usize) -> Evidence {
        Evidence {
            public_keys: n_keys as u64,
            contradicted: self.has_contradiction(),
            counts: self.counts.clone(),
            gaps: self.gaps.iter().map(Gap::reported).collect(),
            findings: self.findings.clone(),
            needed: self.needed.clone(),
        }
    }

    /// Returns true if something contradicts what AWS signed.
    #[must_use]
    pub fn has_contradiction(&self) -> bool {
        self.findings
            .iter()
            .any(|finding| finding.code.is_contradiction())
            || self.gaps.iter().any(|gap| gap.why.is_contradiction())
    }

    /// Returns true if every digest and every log is proved, and nothing is missing.
    #[must_use]
    pub fn is_all_proved(&self) -> bool {
        let digests = self
            .counts
            .digests
            .keys()
            .all(|status| *status == DigestStatus::Proved);
        let logs = self
            .counts
            .logs
            .keys()
            .all(|status| *status == LogStatus::Proved);
        let is_anything = !self.counts.digests.is_empty();
        is_anything && digests && logs && self.gaps.is_empty() && self.findings.is_empty()
    }
}
