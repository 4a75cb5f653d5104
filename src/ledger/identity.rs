//! The purpose that a ledger was created for.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// The target of the hunt. Sources that are done are done only for this target.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// The rules.
    pub rules: Vec<RuleIdentity>,
    /// The exceptions from them, as texts that are the same for the same exceptions.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub exceptions: Vec<String>,
    /// True if the events beside the alerts are written, too.
    pub has_related: bool,
    /// True if the events of what rules over several events find are written, too.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub has_events: bool,
    /// The maximum size of the text of one source, in bytes.
    pub max_decoded_bytes: Option<u64>,
    /// Only events from this time on, in microseconds since 1970. A later run may use a later time, not an earlier one.
    pub since: Option<i64>,
    /// Only events before this time.
    pub until: Option<Timestamp>,
    /// Only events of these accounts; of all accounts if empty.
    pub accounts: BTreeSet<String>,
    /// True if the folders of other accounts are skipped.
    pub is_account_folders_only: bool,
    /// Only events of these regions; of all regions if empty.
    pub regions: BTreeSet<String>,
    /// True if only the home region of each partition is read.
    pub is_home_region_only: bool,
    /// The selection of files by their names, as a text that is the same for the same selection.
    pub names: Option<String>,
}

/// The identity of a rule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RuleIdentity {
    /// The pack that contains the rule.
    pub pack: String,
    /// The path of its file in the pack.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub file: String,
    /// Its id.
    pub id: String,
    /// Its version.
    pub version: u32,
    /// Its query.
    pub query: String,
}
