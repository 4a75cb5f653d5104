//! What an investigation says of itself: `case.json`.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::archive::Coverage;
use super::beginning::{Beginning, Window};
use crate::follow::Entity;
use crate::report::{Diagnostic, Sources};

/// What `case.json` says.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct About {
    /// The version of the program that made it.
    pub version: String,
    /// The run's id.
    pub run_id: String,
    /// Whether all was read, and nothing changed meanwhile.
    pub complete: bool,
    /// Whether each round read all that it was to read.
    pub all_read: bool,
    /// Whether files were changed meanwhile, so that what a later round looked for may be missing.
    pub archive_changed: bool,
    /// The users that it began with, and when they were quarantined.
    pub beginnings: Vec<Beginning>,
    /// Which times are near that.
    #[serde(flatten)]
    pub window: Window,
    /// Events from this time on were looked at, at the earliest; nothing if there was no such limit.
    pub since: Option<Timestamp>,
    /// Events before this time, at the latest.
    pub until: Option<Timestamp>,
    /// Those of them whose quarantine was not found in what was read: it is another archive, or not all of it.
    pub not_found: Vec<Entity>,
    /// How many steps from where it begins something is followed.
    pub max_hops: u32,
    /// Whether that left something out.
    pub max_hops_bit: bool,
    /// How many events there are.
    pub events: u64,
    /// The rounds that it took.
    pub rounds: Vec<Round>,
    /// Addresses that others were looked for at.
    pub addresses: Addresses,
    /// Countries of addresses, where a file that tells them was given.
    pub countries: BTreeMap<String, String>,
    /// What of the archive there was to read.
    pub archive: Coverage,
    /// What the sources of the first round came to, which read all there is.
    pub sources: Sources,
    /// The SHA-256 of each file beside this one, in hexadecimal digits.
    pub files: BTreeMap<String, String>,
    /// The first of what could not be read, of all rounds, each once.
    pub diagnostics: Vec<Diagnostic>,
}

/// What a round looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LookedFor {
    /// Users, keys, roles, instances.
    Names,
    /// Others at the same addresses.
    Addresses,
}

/// What a round came to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Round {
    /// What it looked for.
    pub looked_for: LookedFor,
    /// How many names and keys, or addresses.
    pub needles: usize,
    /// How many files could matter: those that were read, or tried.
    pub sources: u64,
    /// How many events were found that were not before; of addresses, those of others.
    pub events: u64,
    /// How long it took, in milliseconds.
    pub elapsed_ms: u64,
}

/// Which addresses others were looked for at.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Addresses {
    /// Looked at.
    pub searched: u64,
    /// Left out: names that stand for an address, such as those of AWS's services.
    pub of_services: u64,
    /// Left out: those at which more others were seen than `max_identities`.
    pub shared: u64,
    /// How many others an address may have that is not taken for a shared one.
    pub max_identities: usize,
}
