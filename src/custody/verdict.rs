//! The verdict on each log.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use super::chains::{Break, Chains, Origin, time_text};
use super::collection::{Collection, DAY, Held, Listed};
use super::keys::Keys;
use super::name::{LogName, NameKey, digest_name, last, log_name};
use super::report::Verdicts;
use super::rsa::Hash;
use crate::report::evidence::{DigestStatus, Finding, FindingCode, LogStatus, Needed};

/// The seconds before and after the time in a log's name in which a digest names it.
const NAMED_BEFORE: i64 = 15 * 60;
const NAMED_AFTER: i64 = 2 * 3600;

/// A log that a digest names, and that is not there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MissingLog {
    /// Its account and region.
    pub origin: Origin,
    /// The time of its first event, in seconds since 1970.
    pub first: i64,
    /// The time of its last event, in seconds since 1970.
    pub last: i64,
}

/// Returns the logs that digests name, and that are not there.
#[must_use]
pub fn missing_logs(collection: &Collection, verdicts: &Verdicts) -> Vec<MissingLog> {
    let listed = collection.listed.iter().zip(&verdicts.listed);
    let missing = listed.filter(|(_, status)| **status == Some(LogStatus::Missing));
    let missing = missing.filter_map(|(entry, _)| {
        let key = collection.heads.path(&entry.key);
        let name = log_name(&key)?;
        let (first, last) = entry.times.unwrap_or((name.time - NAMED_BEFORE, name.time));
        Some(MissingLog {
            origin: (name.account.to_owned(), name.region.to_ascii_lowercase()),
            first,
            // Nothing that a log says makes a hole of years.
            last: last.clamp(first, first.saturating_add(DAY)),
        })
    });
    missing.collect()
}

/// Judges everything that a pass has seen.
#[must_use]
pub fn judge(collection: &Collection, chains: &Chains, keys: &Keys) -> Verdicts {
    let mut judge = Judge::new(collection, chains);
    judge.digests(keys);
    judge.listed();
    judge.held();
    judge.verdicts.finish(chains)
}

struct Judge<'a> {
    collection: &'a Collection,
    chains: &'a Chains,
    /// The logs that fit no entry of their names, by name and by hash.
    held_by_name: HashMap<NameKey, Vec<usize>>,
    held_by_hash: HashMap<Hash, Vec<usize>>,
    /// The hashes of all logs that digests name.
    listed_hashes: HashSet<Hash>,
    /// True for each held log that was matched with an entry.
    is_matched: Vec<bool>,
    verdicts: Verdicts,
}

impl<'a> Judge<'a> {
    fn new(collection: &'a Collection, chains: &'a Chains) -> Self {
        let mut held_by_name: HashMap<_, Vec<_>> = HashMap::new();
        let mut held_by_hash: HashMap<_, Vec<_>> = HashMap::new();
        for (n, held) in collection.held.iter().enumerate() {
            held_by_name.entry(held.name).or_default().push(n);
            if let Some(hash) = held.hash {
                held_by_hash.entry(hash).or_default().push(n);
            }
        }
        // Only these are looked for by their content.
        let of_listed = collection.listed.iter().filter_map(|entry| entry.hash);
        let listed_hashes = of_listed.filter(|hash| held_by_hash.contains_key(hash));
        Self {
            collection,
            chains,
            listed_hashes: listed_hashes.collect(),
            held_by_name,
            held_by_hash,
            is_matched: vec![false; collection.held.len()],
            verdicts: Verdicts::new(collection.listed.len(), collection.held.len()),
        }
    }

    fn digests(&mut self, keys: &Keys) {
        let mut unknown_keys = BTreeSet::new();
        let mut times: BTreeMap<String, (i64, i64)> = BTreeMap::new();
        for (held, status) in self.collection.digests.iter().zip(&self.chains.statuses) {
            let Some(status) = *status else { continue };
            let digest = &held.digest;
            self.verdicts.count_digest(status);
            let code = match status {
                DigestStatus::Altered if digest.is_appended => FindingCode::DigestAppended,
                DigestStatus::Altered => FindingCode::DigestAltered,
                DigestStatus::Unproved => {
                    if keys.has(&digest.fingerprint) {
                        let (bucket, key) = (digest.bucket.clone(), digest.key.clone());
                        self.verdicts.needed.push(Needed::Signature { bucket, key });
                    } else {
                        unknown_keys.insert(digest.fingerprint.as_str());
                        let region = digest_name(&digest.key).map_or("", |name| name.region);
                        let first_and_last = (digest.end, digest.end);
                        let of_region = times.entry(region.to_owned()).or_insert(first_and_last);
                        of_region.0 = of_region.0.min(digest.end);
                        of_region.1 = of_region.1.max(digest.end);
                    }
                    continue;
                }
                DigestStatus::Proved | DigestStatus::Missing => continue,
            };
            let key = self.key_of_digest(&held.place, &digest.key);
            self.verdicts.find(Finding::new(code, key));
        }
        // Without any key it is clear that nothing can be proved.
        for fingerprint in unknown_keys.into_iter().filter(|_| !keys.is_empty()) {
            let fingerprint = fingerprint.to_owned();
            self.verdicts
                .find(Finding::new(FindingCode::KeyMissing, fingerprint));
        }
        let needed = times
            .into_iter()
            .map(|(region, (from, to))| Needed::PublicKeys {
                region,
                from: time_text(from),
                to: time_text(to),
            });
        self.verdicts.needed.extend(needed);
        self.verdicts.needed.sort();
        for key in &self.chains.differing {
            self.verdicts
                .find(Finding::new(FindingCode::CopiesDiffer, key.clone()));
        }
        for one in &self.chains.breaks {
            let finding = match one {
                Break::BeginsInside { key } => {
                    Finding::new(FindingCode::ChainBeginsInside, key.clone())
                }
                Break::Missing { key, hours } => {
                    self.verdicts.count_digest(DigestStatus::Missing);
                    let finding = Finding::new(FindingCode::DigestMissing, key.clone());
                    finding.of_hours(*hours)
                }
            };
            self.verdicts.find(finding);
        }
    }

    /// Judges the logs that digests name.
    fn listed(&mut self) {
        let mut done = HashSet::new();
        for (n, entry) in self.collection.listed.iter().enumerate() {
            // Several entries of one name are judged together.
            let is_one_of_several = self.collection.entries(entry.name).nth(1).is_some();
            if !is_one_of_several {
                self.entry(n);
            } else if done.insert(entry.name) {
                self.entries_of_name(entry.name);
            }
        }
    }

    /// Judges the entries of one name: only that of the best digest counts.
    fn entries_of_name(&mut self, name: NameKey) {
        let entries = self.collection.entries(name).filter(|n| {
            let digest = self.collection.listed[*n as usize].digest as usize;
            self.chains.statuses[digest].is_some()
        });
        let best = entries.min_by_key(|n| {
            let entry = &self.collection.listed[*n as usize];
            (
                self.chains.statuses[entry.digest as usize],
                entry.n_fitting == 0,
            )
        });
        if let Some(best) = best {
            self.entry(best as usize);
        }
    }

    fn entry(&mut self, n: usize) {
        let collection = self.collection;
        let entry = &collection.listed[n];
        if self.chains.statuses[entry.digest as usize].is_none() {
            return;
        }
        let held = self.held_by_name.get(&entry.name);
        let held = held.cloned().unwrap_or_default();
        for copy in &held {
            self.is_matched[*copy] = true;
        }
        // Logs that were read before their digests are held too.
        let copy = |n: &usize| &collection.held[*n];
        let is_fitting = |n: &usize| copy(n).hash.is_none() || copy(n).hash == entry.hash;
        let (fitting, held): (Vec<usize>, Vec<usize>) = held.into_iter().partition(is_fitting);
        let n_fitting = entry.n_fitting as usize + fitting.len();
        let n_appended = fitting.iter().filter(|n| copy(n).is_appended).count();
        let n_appended = entry.n_appended as usize + n_appended;
        let key = || collection.heads.path(&entry.key);
        let status = if n_fitting > n_appended {
            if !held.is_empty() || n_appended > 0 {
                self.verdicts
                    .find(Finding::new(FindingCode::CopiesDiffer, key()));
            }
            self.sound(entry)
        } else if n_appended > 0 {
            self.verdicts
                .find(Finding::new(FindingCode::LogAppended, key()));
            LogStatus::Altered
        } else if held.is_empty() {
            match self.by_content(entry) {
                true => self.sound(entry),
                false => self.absent(entry, key()),
            }
        } else {
            let code = self.alteration(entry, &held);
            self.verdicts.find(Finding::new(code, key()));
            LogStatus::Altered
        };
        self.verdicts.log(n, status);
    }

    fn sound(&self, entry: &Listed) -> LogStatus {
        sound(self.chains.statuses[entry.digest as usize])
    }

    /// Looks for a log under another name.
    fn by_content(&mut self, entry: &Listed) -> bool {
        let held = entry.hash.and_then(|hash| self.held_by_hash.get(&hash));
        let held = held.map_or(&[][..], Vec::as_slice);
        for n in held {
            self.is_matched[*n] = true;
        }
        let is_whole = |n: &usize| !self.collection.held[*n].is_appended;
        held.iter().any(is_whole)
    }

    /// Returns what was done to a log whose copies do not fit.
    fn alteration(&self, entry: &Listed, held: &[usize]) -> FindingCode {
        let copies = || held.iter().map(|n| &self.collection.held[*n]);
        let begins = |copy: &Held| entry.hash.is_some_and(|hash| copy.parts.contains(&hash));
        let is_other = |copy: &Held| {
            copy.hash
                .is_some_and(|hash| self.listed_hashes.contains(&hash))
        };
        if copies().any(begins) {
            FindingCode::LogAppended
        } else if copies().any(is_other) {
            FindingCode::LogMisnamed
        } else {
            FindingCode::LogAltered
        }
    }

    /// Judges a log that is not there.
    fn absent(&mut self, entry: &Listed, key: String) -> LogStatus {
        let name = log_name(last(&key));
        let account = name.map_or("", |name| name.account);
        let days = self.collection.days.get(account);
        let day = day_of(&key).or_else(|| name.map(|name| name.time.div_euclid(DAY)));
        if let (Some((first, last)), Some(day)) = (days, day)
            && (day < *first || day > *last)
        {
            return LogStatus::Outside;
        }
        let code = match self.collection.unreadable.contains(&entry.name) {
            true => FindingCode::LogUnreadable,
            false => FindingCode::LogMissing,
        };
        self.verdicts.find(Finding::new(code, key));
        LogStatus::Missing
    }

    /// Judges the logs that fit no entry.
    fn held(&mut self) {
        let mut done = HashSet::new();
        for (n, held) in self.collection.held.iter().enumerate() {
            // Copies of one log count once.
            if self.is_matched[n] || !done.insert(held.name) {
                continue;
            }
            let place = self.collection.heads.path(&held.place);
            let status = match log_name(&place) {
                Some(name) if could_be_named(self.chains, name) => {
                    let key = self.key_of(name, &place);
                    self.verdicts
                        .find(Finding::new(FindingCode::LogUnlisted, key));
                    LogStatus::Unlisted
                }
                _ if is_of_other_kind(&place) => continue,
                _ => LogStatus::Uncovered,
            };
            self.verdicts.held(n, status);
        }
    }

    /// Returns the key that a log of this name has in its bucket.
    fn key_of(&self, name: LogName<'_>, place: &str) -> String {
        let of = (name.account, "CloudTrail", name.region);
        self.key_in_bucket(of, name.time, place)
            .unwrap_or_else(|| place.to_owned())
    }

    /// Returns the key that a digest has in its bucket, by its name. What an altered digest says of itself does not
    /// count.
    fn key_of_digest(&self, place: &str, said: &str) -> String {
        let name = digest_name(place);
        let key = name.and_then(|name| {
            let of = (name.account, "CloudTrail-Digest", name.region);
            self.key_in_bucket(of, name.end, place)
        });
        key.unwrap_or_else(|| said.to_owned())
    }

    fn key_in_bucket(
        &self,
        (account, kind, region): (&str, &str, &str),
        time: i64,
        place: &str,
    ) -> Option<String> {
        let origin = (account.to_owned(), region.to_ascii_lowercase());
        let root = self.chains.folders.get(&origin)?;
        let day = jiff::Timestamp::from_second(time).ok()?;
        let day = day.strftime("%Y/%m/%d");
        Some(format!(
            "{root}{account}/{kind}/{region}/{day}/{}",
            last(place)
        ))
    }
}

/// Returns the status of a log that is as a digest of this status says.
pub(super) fn sound(digest: Option<DigestStatus>) -> LogStatus {
    match digest {
        Some(DigestStatus::Proved) => LogStatus::Proved,
        _ => LogStatus::Listed,
    }
}

/// Returns true if all digests are there that could name a log.
pub(super) fn could_be_named(chains: &Chains, name: LogName<'_>) -> bool {
    let origin = (name.account.to_owned(), name.region.to_ascii_lowercase());
    let (from, to) = (name.time - NAMED_BEFORE, name.time + NAMED_AFTER);
    chains.span(&origin, from, to)
}

/// Returns true if a file is one of CloudTrail's that digests may not name: of Insight or of network activity.
fn is_of_other_kind(place: &str) -> bool {
    let kind = last(place).split('_').nth(1).unwrap_or_default();
    kind.to_ascii_lowercase().starts_with("cloudtrail-")
}

/// Returns the day of the folder in a key, as a number since 1970.
fn day_of(key: &str) -> Option<i64> {
    let mut parts = key.rsplit('/').skip(1);
    let (day, month, year) = (parts.next()?, parts.next()?, parts.next()?);
    let date = jiff::civil::Date::new(year.parse().ok()?, month.parse().ok()?, day.parse().ok()?);
    let midnight =
        jiff::tz::Offset::UTC.to_timestamp(date.ok()?.to_datetime(jiff::civil::Time::midnight()));
    Some(midnight.ok()?.as_second().div_euclid(DAY))
}
