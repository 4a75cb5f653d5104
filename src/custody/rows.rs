//! What is proved of single logs: those in which a hunt found something.
//!
//! In: the paths of logs, noted while a pass goes on. Out: the status of each, when all digests are known. A log that is
//! there in several copies counts by each copy.

use std::collections::{HashMap, HashSet};

use super::chains::Chains;
use super::collection::{Collection, Note};
use super::name::{LogKey, NameKey, log_name};
use super::rsa::Hash;
use super::verdict::{could_be_named, sound};
use crate::report::evidence::{DigestStatus, LogStatus};

/// What is known of a copy of a log.
struct Copy<'a> {
    name: NameKey,
    hash: Option<Hash>,
    place: String,
    is_appended: bool,
    /// The digests that name a log with this name and count: the status of each, and whether the copy has the hash.
    named: Vec<(DigestStatus, bool)>,
    chains: &'a Chains,
}

/// Returns the status of each log that was marked.
#[must_use]
pub fn marked_logs(collection: &Collection, chains: &Chains) -> HashMap<LogKey, LogStatus> {
    let noted = collection.noted.iter();
    let copies = noted.flat_map(|(key, notes)| notes.iter().map(move |note| (*key, *note)));
    let copies = copies.map(|(key, (note, is_appended))| {
        let copy = Copy::new(collection, chains, note, is_appended);
        (key, copy)
    });
    let copies: Vec<(LogKey, Copy<'_>)> = copies.collect();
    let by_hash = digests_by_hash(collection, chains, &copies);
    let mut statuses: HashMap<LogKey, LogStatus> = HashMap::new();
    for (key, copy) in copies {
        let status = copy.status(&by_hash);
        let worst = statuses.entry(key).or_insert(status);
        *worst = status.max(*worst);
    }
    statuses
}

/// Returns the best status of the digests that list each hash of a log that no digest names by its name.
fn digests_by_hash(
    collection: &Collection,
    chains: &Chains,
    copies: &[(LogKey, Copy<'_>)],
) -> HashMap<Hash, DigestStatus> {
    let unnamed = copies.iter().filter(|(_, copy)| copy.named.is_empty());
    let wanted: HashSet<Hash> = unnamed.filter_map(|(_, copy)| copy.hash).collect();
    let mut best: HashMap<Hash, DigestStatus> = HashMap::new();
    for entry in &collection.listed {
        let hash = entry.hash.filter(|hash| wanted.contains(hash));
        let status = chains.statuses[entry.digest as usize];
        if let (Some(hash), Some(status)) = (hash, status) {
            let of_hash = best.entry(hash).or_insert(status);
            *of_hash = status.min(*of_hash);
        }
    }
    best
}

impl<'a> Copy<'a> {
    fn new(collection: &Collection, chains: &'a Chains, note: Note, is_appended: bool) -> Self {
        let (name, hash, place, is_appended) = match note {
            Note::Listed(n) => {
                let entry = &collection.listed[n as usize];
                (entry.name, entry.hash, &entry.key, is_appended)
            }
            Note::Held(n) => {
                let held = &collection.held[n];
                (held.name, held.hash, &held.place, held.is_appended)
            }
        };
        let named = collection.entries(name).filter_map(|n| {
            let entry = &collection.listed[n as usize];
            let status = chains.statuses[entry.digest as usize]?;
            Some((status, entry.hash == hash))
        });
        Self {
            name,
            hash,
            place: collection.heads.path(place),
            is_appended,
            named: named.collect(),
            chains,
        }
    }

    fn status(&self, by_hash: &HashMap<Hash, DigestStatus>) -> LogStatus {
        debug_assert_eq!(self.name, NameKey::of(&self.place));
        // If several digests name it, the best one counts.
        let best = self.named.iter().map(|(status, _)| *status).min();
        let fitting = match best {
            Some(best) => self.named.contains(&(best, true)).then_some(best),
            // It may have another name.
            None => self.hash.and_then(|hash| by_hash.get(&hash).copied()),
        };
        match fitting {
            Some(_) if self.is_appended => LogStatus::Altered,
            Some(digest) => sound(Some(digest)),
            None if best.is_some() => LogStatus::Altered,
            None => match log_name(&self.place) {
                Some(name) if could_be_named(self.chains, name) => LogStatus::Unlisted,
                _ => LogStatus::Uncovered,
            },
        }
    }
}
