//! The ledger records which sources are done. An interrupted hunt continues where it stopped, and a later hunt reads
//! only sources that are new or have changed.
//!
//! In: sources in the order of the walk, with their outcome, and their alerts. Out: the status of a source. Alerts stay
//! in the ledger until the output that contains them has its name. A hunt that is interrupted, in whatever way, leaves
//! no output, and the next hunt outputs its alerts at the place of their source ([`SourceStatus::Waiting`]). So the
//! outputs of all runs together contain each alert once.
//!
//! It also keeps, for rules over several events, the events that their windows may still need ([`Kept`]), and what outputs
//! say of their groups.
//!
//! This file defines what a ledger records and returns; `sqlite` stores it. Without the feature `ledger` the place of
//! `sqlite` is taken by `absent`, in which no ledger can be opened.

mod identity;
#[cfg(feature = "ledger")]
mod sqlite;
#[cfg(not(feature = "ledger"))]
#[path = "absent.rs"]
mod sqlite;

use std::collections::BTreeMap;

use crate::report::{Code, Diagnostic, Outcome, RelatedCounts};

pub use crate::error::LedgerError;
pub use identity::{Identity, RuleIdentity};
pub use sqlite::Ledger;

/// A source as the walk found it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceVersion {
    /// Its absolute path or address.
    pub path: Vec<u8>,
    /// Its size in bytes.
    pub size: u64,
    /// A value that changes when the content changes: an `ETag`, or the time of the last change.
    pub version: Vec<u8>,
    /// The entry of the source in the ledger that is no longer valid.
    pub earlier: Option<Earlier>,
}

/// The result for a source before it changed or was tried again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Earlier {
    /// Its outcome.
    pub outcome: Outcome,
    /// Its size in bytes.
    pub size: u64,
}

/// The status of a source in the ledger.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SourceStatus {
    /// The source must be read: it is new, has changed, or could not be read before.
    ToRead(Option<Earlier>),
    /// The source is done; the flag is true if it was read completely.
    Done(bool),
    /// The source is done, and some of its data, with this id, is in no output yet. The flag is true if the source was
    /// read completely.
    Waiting(i64, bool),
}

/// The result for a source that is done.
#[derive(Debug)]
pub struct Done<'a> {
    /// The source.
    pub seen: &'a SourceVersion,
    /// Its outcome.
    pub outcome: Outcome,
    /// The ids of its first and its last alert, as returned by [`Ledger::add_alert`].
    pub alerts: Option<(i64, i64)>,
    /// The number of its related events, if it has any.
    pub related: Option<RelatedCounts>,
    /// The diagnostics to report for the source.
    pub diagnostics: &'a [Diagnostic],
}

/// The data of a source that waits for an output.
#[derive(Debug)]
pub struct Waiting {
    /// The ids of the first and the last of its alerts.
    pub alerts: Option<(i64, i64)>,
    /// The number of its related events, if it has any.
    pub related: Option<RelatedCounts>,
    /// The diagnostics of the source that are still to be reported.
    pub diagnostics: Vec<Diagnostic>,
}

/// A summary of the content of a ledger.
#[derive(Debug, Default)]
pub struct Summary {
    /// Number of sources by their outcome.
    pub sources: BTreeMap<Outcome, u64>,
    /// Bytes of all sources, as stored.
    pub n_bytes: u64,
    /// Number of alerts, and of events beside the alerts, that are in outputs.
    pub n_delivered: u64,
    /// Number of rows that are in no output yet.
    pub n_waiting: u64,
    /// Number of events that are kept for rules over several events.
    pub n_kept: u64,
    /// Number of sources that could not be read completely, and whose diagnostics were forgotten.
    pub n_forgotten: u64,
    /// Number of errors by kind.
    pub failures: BTreeMap<Code, u64>,
}

/// A rule over several events, as a ledger knows it.
#[derive(Debug)]
pub struct JoinedRule {
    /// A hash that is another one if the rule is another one.
    pub hash: [u8; 16],
    /// Its name, for messages.
    pub name: String,
}

/// The rules over several events of a run, in a ledger.
#[derive(Debug, Default)]
pub struct Joined {
    /// Of each rule its id, the last tuple that was kept before it came, and the earliest time that it knows of.
    pub rules: Vec<(i64, i64, Option<i64>)>,
    /// The names of rules that the ledger did not have.
    pub new: Vec<String>,
    /// The names of rules that only the ledger had.
    pub gone: Vec<String>,
    /// True if sources were done before.
    pub is_late: bool,
}

/// What is to be kept of an event for a rule.
#[derive(Debug)]
pub struct ToKeep {
    /// The id of the rule.
    pub rule: i64,
    /// The last time for which it matters.
    pub until: i64,
    /// The tuple.
    pub tuple: Vec<u8>,
}

/// What is kept of an event for a rule.
#[derive(Debug)]
pub struct Kept {
    /// Its number: later ones were found later.
    pub id: i64,
    /// The id of the rule.
    pub rule: i64,
    /// The first tuple of the same event.
    pub event: i64,
    /// The tuple.
    pub tuple: Vec<u8>,
}

/// What the pending output says of a group.
#[derive(Debug)]
pub struct NewlyTold<'a> {
    /// The id of the rule.
    pub rule: i64,
    /// What stands for the group.
    pub group: &'a [u8; 16],
    /// The place among what is said of the group.
    pub at: i64,
    /// What is said.
    pub told: &'a str,
}
