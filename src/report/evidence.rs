//! What AWS's digest files prove of an archive: the words and counts of reports. `custody` decides them.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;

/// What is known of a digest, from the best to the worst.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum DigestStatus {
    /// It is as AWS signed it.
    Proved,
    /// There is no signature of it, or no key that opens one.
    Unproved,
    /// It is not as AWS signed it.
    Altered,
    /// Another digest names it, and it is not there.
    Missing,
}

/// What is known of a log, from the best to the worst.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum LogStatus {
    /// A proved digest names it, and it is as the digest says.
    Proved,
    /// It is as a digest says that is not proved.
    Listed,
    /// No digest is there that could name it.
    Uncovered,
    /// A digest names it; it is of a day before the first or after the last one that is in the archive.
    Outside,
    /// No digest names it, although all that could are there.
    Unlisted,
    /// A digest names it, and it is not there.
    Missing,
    /// It is not as a digest says.
    Altered,
}

impl LogStatus {
    /// Returns its stable word.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Proved => "proved",
            Self::Listed => "listed",
            Self::Uncovered => "uncovered",
            Self::Outside => "outside",
            Self::Unlisted => "unlisted",
            Self::Missing => "missing",
            Self::Altered => "altered",
        }
    }
}

/// Why there is a gap in a chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Why {
    /// A digest that another one names is not there.
    DigestMissing,
    /// A digest is not as AWS signed it.
    DigestAltered,
    /// Logging was stopped, or the trail was deleted, and began again.
    ChainRestarted,
    /// Other digests of the trail, or logs, are later than the last digest.
    ChainEndsEarly,
}

impl Why {
    /// Returns true if it contradicts what AWS signed.
    #[must_use]
    pub fn is_contradiction(self) -> bool {
        matches!(self, Self::DigestMissing | Self::DigestAltered)
    }
}

/// The kind of a finding: the stable word in `findings[].code`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, JsonSchema)]
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
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
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
    pub(crate) fn new(code: FindingCode, key: String) -> Self {
        Self {
            code,
            key,
            hours: None,
        }
    }

    pub(crate) fn of_hours(self, hours: i64) -> Self {
        Self {
            hours: Some(hours),
            ..self
        }
    }
}

/// Something without which digests cannot be proved.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
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
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Counts {
    /// The digests.
    pub digests: BTreeMap<DigestStatus, u64>,
    /// The logs.
    pub logs: BTreeMap<LogStatus, u64>,
}

/// A gap in a chain of digests, as reports write it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct ReportedGap {
    /// The account.
    pub account: String,
    /// The region.
    pub region: String,
    /// Its beginning, as AWS writes times.
    pub from: String,
    /// Its end.
    pub to: String,
    /// The reason.
    pub why: Why,
}

/// What AWS's digest files prove of an archive.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Evidence {
    /// The number of public keys.
    pub public_keys: u64,
    /// True if something contradicts what AWS signed: the exit code is then 4.
    pub contradicted: bool,
    /// The numbers of digests and logs.
    #[serde(flatten)]
    pub counts: Counts,
    /// Times for which no digest file lists what was delivered.
    pub gaps: Vec<ReportedGap>,
    /// What is not as it should be.
    pub findings: Vec<Finding>,
    /// What is needed to prove more.
    pub needed: Vec<Needed>,
}
