//! What is known of a file.

use serde::Serialize;

/// What is known of a digest, from the best to the worst.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
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
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
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
