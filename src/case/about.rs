//! The metadata of an investigation: `case.json`.

use std::collections::BTreeMap;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::archive::Coverage;
use super::beginning::{Beginning, Window};
use crate::follow::Entity;
use crate::report::{Diagnostic, Sources};

/// The content of `case.json`.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct About {
    /// The version of the program that created it.
    pub version: String,
    /// The run's id.
    pub run_id: String,
    /// The time when the run began.
    #[serde(default)]
    #[schemars(with = "Option<String>")]
    pub made_at: Option<Timestamp>,
    /// The words of the command line; empty if there was none.
    #[serde(default)]
    pub command: Vec<String>,
    /// True if everything was read, and nothing changed during the run.
    pub complete: bool,
    /// True if each pass read everything that it had to read.
    pub all_read: bool,
    /// True if files changed during the run, so that events that a later pass searched for may be missing.
    pub archive_changed: bool,
    /// The users that the case began with, and the times of their quarantines.
    pub beginnings: Vec<Beginning>,
    /// The times that are near a quarantine.
    #[serde(flatten)]
    pub window: Window,
    /// The start of the time range that was searched; nothing if there was no such limit.
    #[schemars(with = "Option<String>")]
    pub since: Option<Timestamp>,
    /// The end of the time range that was searched; nothing if there was no such limit.
    #[schemars(with = "Option<String>")]
    pub until: Option<Timestamp>,
    /// Those users whose quarantine was not found in what was read: it is a different archive, or only a part of it.
    #[serde(default)]
    pub not_found: Vec<Entity>,
    /// The identities in the command line that no event names, with names that are near.
    #[serde(default)]
    pub unseen: Vec<Unseen>,
    /// Maximum number of steps from the beginning for which something is followed.
    pub max_hops: u32,
    /// True if this limit left something out.
    pub max_hops_bit: bool,
    /// Number of events.
    pub events: u64,
    /// Number of events that came after the windows and show how the case ended.
    #[serde(default)]
    pub later: u64,
    /// True if some of those events were left out: there were too many that created something.
    #[serde(default)]
    pub later_cut: bool,
    /// The time of the last event that was read: the end of the log.
    #[serde(default)]
    #[schemars(with = "Option<String>")]
    pub log_ends: Option<Timestamp>,
    /// The passes of the investigation.
    pub rounds: Vec<Round>,
    /// The addresses at which other identities were searched for.
    pub addresses: Addresses,
    /// Countries of addresses, if a file with this data was given.
    pub countries: BTreeMap<String, String>,
    /// The part of the archive that was available to read.
    pub archive: Coverage,
    /// The results for the sources of the first pass, which read everything.
    pub sources: Sources,
    /// The SHA-256 of each file beside this one, in hexadecimal digits.
    pub files: BTreeMap<String, String>,
    /// The first diagnostics of all passes, each once.
    pub diagnostics: Vec<Diagnostic>,
}

/// An identity that a case was to begin with, and that no event names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Unseen {
    /// The identity.
    #[serde(flatten)]
    pub entity: Entity,
    /// Names of the same kind in the archive that are near, the nearest first.
    pub near: Vec<String>,
}

/// The kind of a pass's search terms.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum LookedFor {
    /// Users, keys, roles, instances.
    Names,
    /// Addresses, to find other identities at them.
    Addresses,
}

/// The result of a pass.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Round {
    /// The kind of its search terms.
    pub looked_for: LookedFor,
    /// The number of names and keys, or of addresses.
    pub needles: usize,
    /// The number of files that could matter: those that were read, or for which this was tried.
    pub sources: u64,
    /// The number of new events; for addresses, the number of events of other identities.
    pub events: u64,
    /// The duration in milliseconds.
    pub elapsed_ms: u64,
}

/// Statistics of the addresses at which other identities were searched for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Addresses {
    /// Number of addresses searched for.
    pub searched: u64,
    /// Number left out because they are names in place of an address, such as those of AWS services.
    pub of_services: u64,
    /// Number left out because more than `max_identities` other identities were seen at them.
    pub shared: u64,
    /// Maximum number of other identities at an address that is not treated as shared.
    pub max_identities: usize,
}
