//! What is reported of an archive.

use std::collections::BTreeMap;

use serde::Serialize;

use super::chains::{Chains, Gap, Why};
use super::status::{DigestStatus, LogStatus};

/// The kind of a finding: the stable word in `findings[].code`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum FindingCode {
    /// Copies of a file differ.
    CopiesDiffer,
    /// The first digest of a chain names another one that is not there: the copy begins later than the trail.
    ChainBeginsInside,
    /// A digest is not as AWS signed it.
    DigestAltered,
    /// Something follows a digest in its file.
    DigestAppended,
    /// A digest that another one names is not there.
    DigestMissing,
    /// The key with this fingerprint signed digests, and is not among the keys.
    KeyMissing,
    /// A log is not as a digest says.
    LogAltered,
    /// Something follows a log in its file.
    LogAppended,
    /// A log has the content of another one.
    LogMisnamed,
    /// A log that a digest names is not there.
    LogMissing,
    /// No digest names a log, although all that could are there.
    LogUnlisted,
    /// A log that a digest names could not be read.
    LogUnreadable,
}

impl FindingCode {
    /// Returns true if it contradicts what AWS signed.
    #[must_use]
    pub fn is_contradiction(self) -> bool {
        !matches!(
            self,
            Self::ChainBeginsInside | Self::KeyMissing | Self::LogUnreadable
        )
    }
}

/// Something that is not as it should be.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Finding {
    /// The kind.
    pub code: FindingCode,
    /// The key of the object that it is about, or the fingerprint of a key.
    pub key: String,
    /// The number of hours that are missing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hours: Option<i64>,
}

impl Finding {
    pub(super) fn new(code: FindingCode, key: String) -> Self {
        Self {
            code,
            key,
            hours: None,
        }
    }

    pub(super) fn of_hours(self, hours: i64) -> Self {
        Self {
            hours: Some(hours),
            ..self
        }
    }
}

/// Something without which digests cannot be proved.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(tag = "what", rename_all = "snake_case")]
pub enum Needed {
    /// The public keys of a region.
    PublicKeys {
        /// The region.
        region: String,
        /// The end of the first digest, as AWS writes times.
        from: String,
        /// The end of the last digest.
        to: String,
    },
    /// The metadata of a digest's object, which has the signature.
    Signature {
        /// The bucket.
        bucket: String,
        /// The key of the object.
        key: String,
    },
}

/// Numbers of files, by what is known of them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// The digests.
    pub digests: BTreeMap<DigestStatus, u64>,
    /// The logs.
    pub logs: BTreeMap<LogStatus, u64>,
}

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

/// The fields of a [`Gap`] in JSON.
#[derive(Serialize)]
struct GapFields<'a> {
    account: &'a str,
    region: &'a str,
    from: String,
    to: String,
    why: Why,
}

impl Serialize for Gap {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        GapFields {
            account: &self.account,
            region: &self.region,
            from: time_text(self.from),
            to: time_text(self.to),
            why: self.why,
        }
        .serialize(serializer)
    }
}

/// Returns a time as AWS writes it.
#[must_use]
pub(crate) fn time_text(seconds: i64) -> String {
    match jiff::Timestamp::from_second(seconds) {
        Ok(time) => time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
        Err(_) => seconds.to_string(),
    }
}
