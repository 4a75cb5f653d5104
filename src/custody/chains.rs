//! The chains of digests: what is proved of each digest, and where a chain has gaps.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::Path;

use serde::{Serialize, Serializer};

use super::collection::{Collection, HeldDigest};
use super::keys::Keys;
use super::name::{NameKey, digest_name, last};
use super::rsa::Hash;
use super::signatures::Signatures;
use crate::report::evidence::{DigestStatus, ReportedGap, Why};

/// The time from one digest to the next, in seconds. In other accounts a trail of the same name may write its digests at
/// another minute.
const HOUR: i64 = 3600;

/// An account and a region.
pub type Origin = (String, String);

/// A time for which no digest file lists what was delivered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gap {
    /// The account.
    pub account: String,
    /// The region.
    pub region: String,
    /// Its beginning, in seconds since 1970.
    pub from: i64,
    /// Its end, in seconds since 1970.
    pub to: i64,
    /// The reason.
    pub why: Why,
}

impl Gap {
    /// Returns it as reports write it.
    #[must_use]
    pub fn reported(&self) -> ReportedGap {
        ReportedGap {
            account: self.account.clone(),
            region: self.region.clone(),
            from: time_text(self.from),
            to: time_text(self.to),
            why: self.why,
        }
    }
}

impl Serialize for Gap {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.reported().serialize(serializer)
    }
}

/// A chain that does not begin or go on as it should.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Break {
    /// The digest that the first one names is not there.
    BeginsInside { key: String },
    /// A digest that another one names is not there, and how many hours are between.
    Missing { key: String, hours: i64 },
}

/// What the digests of an archive show.
#[derive(Debug, Default)]
pub struct Chains {
    /// The status of each digest, by its number. `None` if another copy of the same digest counts.
    pub(super) statuses: Vec<Option<DigestStatus>>,
    /// The names of digests that have several different copies.
    pub(super) differing: Vec<String>,
    pub(super) breaks: Vec<Break>,
    /// The gaps, by account, region and time.
    pub gaps: Vec<Gap>,
    /// The times that unbroken digests tell of, by account and region: beginning and end, in seconds since 1970.
    pub spans: BTreeMap<Origin, Vec<(i64, i64)>>,
    /// The folder before the account's, for each account and region: `AWSLogs/`.
    pub(super) folders: BTreeMap<Origin, String>,
}

impl Chains {
    /// Judges the digests of an archive.
    #[must_use]
    pub fn new(collection: &Collection, keys: &Keys, signatures: &Signatures) -> Self {
        let mut chains = Self {
            statuses: statuses(&collection.digests, keys, signatures),
            ..Self::default()
        };
        chains.choose(&collection.digests);
        let by_chain = chains.by_chain(&collection.digests);
        let by_name: HashSet<NameKey> = collection.digests.iter().map(|one| one.name).collect();
        for (id, digests) in &by_chain {
            chains.follow(id, digests, &by_name);
        }
        chains.find_early_ends(&by_chain, collection);
        chains.gaps.sort_by(|a, b| key_of(a).cmp(&key_of(b)));
        chains
    }

    /// Returns the digests that no signature is known of: the paths of their sources, and their names.
    fn unproved<'c>(
        &'c self,
        collection: &'c Collection,
    ) -> impl Iterator<Item = (&'c Path, &'c str)> {
        let digests = collection.digests.iter().zip(&self.statuses);
        let unproved = digests.filter(|(_, status)| **status == Some(DigestStatus::Unproved));
        unproved.map(|(held, _)| (held.path.as_path(), last(&held.digest.key)))
    }

    /// Adds the signatures of digests that nothing else proves: those of the newest ones. `fetch` returns the one in the
    /// metadata of an object, if there is one. Returns how many it found.
    ///
    /// # Errors
    ///
    /// The error of `fetch`.
    pub fn fetch_signatures<E>(
        &self,
        collection: &Collection,
        signatures: &mut Signatures,
        fetch: &mut dyn FnMut(&Path) -> Result<Option<String>, E>,
    ) -> Result<usize, E> {
        let mut n_found = 0;
        for (path, name) in self.unproved(collection) {
            let signature = fetch(path)?.unwrap_or_default();
            n_found += signatures.add_all(signature.as_bytes(), name);
        }
        Ok(n_found)
    }

    /// Returns true if unbroken digests tell of all of this time.
    #[must_use]
    pub fn span(&self, origin: &Origin, from: i64, to: i64) -> bool {
        let spans = self.spans.get(origin).map_or(&[][..], Vec::as_slice);
        spans.iter().any(|span| span.0 <= from && to <= span.1)
    }

    /// Returns the gaps of an account and region.
    pub fn gaps_of(&self, origin: &Origin) -> impl Iterator<Item = &Gap> {
        let is_of = move |gap: &&Gap| (&gap.account, &gap.region) == (&origin.0, &origin.1);
        self.gaps.iter().filter(is_of)
    }

    /// Chooses one of several copies of a digest that differ: the one that is proved, if there is one.
    fn choose(&mut self, digests: &[HeldDigest]) {
        let mut best: HashMap<NameKey, usize> = HashMap::new();
        for (n, digest) in digests.iter().enumerate() {
            let Some(other) = best.get(&digest.name).copied() else {
                best.insert(digest.name, n);
                continue;
            };
            self.differing.push(digest.digest.key.clone());
            let worse = if self.statuses[n] < self.statuses[other] {
                best.insert(digest.name, n);
                other
            } else {
                n
            };
            self.statuses[worse] = None;
        }
        self.differing.sort();
        self.differing.dedup();
    }

    /// Returns the digests of each chain, in the order of time.
    fn by_chain<'d>(
        &self,
        digests: &'d [HeldDigest],
    ) -> BTreeMap<ChainId<'d>, Vec<(&'d HeldDigest, DigestStatus)>> {
        let mut by_chain: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for (digest, status) in digests.iter().zip(&self.statuses) {
            if let Some(status) = status {
                let id = ChainId::of(digest);
                by_chain.entry(id).or_default().push((digest, *status));
            }
        }
        for digests in by_chain.values_mut() {
            digests.sort_by_key(|(one, _)| (one.digest.end, one.digest.start));
        }
        by_chain
    }

    /// Finds the gaps in a chain, and the times that it tells of.
    fn follow(
        &mut self,
        id: &ChainId<'_>,
        digests: &[(&HeldDigest, DigestStatus)],
        by_name: &HashSet<NameKey>,
    ) {
        let origin = id.origin();
        let gap = |from, to, why| Gap {
            account: origin.0.clone(),
            region: origin.1.clone(),
            from,
            to,
            why,
        };
        let mut spans: Vec<(i64, i64)> = Vec::new();
        let mut last: Option<(&HeldDigest, DigestStatus)> = None;
        for &(held, status) in digests {
            let digest = &held.digest;
            let is_altered = status == DigestStatus::Altered;
            let is_there = held.previous.is_none_or(|name| by_name.contains(&name));
            if !is_altered && let Some(root) = root_of(&digest.key) {
                let root = root.to_owned();
                self.folders.entry(origin.clone()).or_insert(root);
            }
            match (&last, &digest.previous) {
                (None, Some(_)) if !is_there && !id.is_backfill => {
                    let key = digest.key.clone();
                    self.breaks.push(Break::BeginsInside { key });
                }
                (Some((before, _)), Some(previous)) if !is_there => {
                    let end = before.digest.end;
                    let hours = (digest.start - end + HOUR / 2).div_euclid(HOUR).max(1);
                    let key = previous.key.clone();
                    self.breaks.push(Break::Missing { key, hours });
                    if !id.is_backfill {
                        self.gaps.push(gap(end, digest.start, Why::DigestMissing));
                    }
                }
                (Some((before, of_before)), None)
                    if !id.is_backfill
                        && !is_altered
                        && *of_before != DigestStatus::Altered
                        && digest.start > before.digest.end =>
                {
                    let from = before.digest.end;
                    self.gaps.push(gap(from, digest.start, Why::ChainRestarted));
                }
                _ => {}
            }
            if is_altered {
                let grows = matches!(last, Some((_, DigestStatus::Altered)));
                match self.gaps.last_mut() {
                    Some(gap) if grows && gap.why == Why::DigestAltered => gap.to = digest.end,
                    _ => self
                        .gaps
                        .push(gap(digest.start, digest.end, Why::DigestAltered)),
                }
            } else if !id.is_backfill {
                match spans.last_mut() {
                    Some(span) if digest.start <= span.1 => span.1 = span.1.max(digest.end),
                    _ => spans.push((digest.start, digest.end)),
                }
            }
            last = Some((held, status));
        }
        self.spans.entry(origin).or_default().extend(spans);
    }

    /// Finds chains that end before the others of their trail, or before the logs beside them.
    fn find_early_ends(
        &mut self,
        by_chain: &BTreeMap<ChainId<'_>, Vec<(&HeldDigest, DigestStatus)>>,
        collection: &Collection,
    ) {
        let ends = by_chain.iter().filter(|(id, _)| !id.is_backfill);
        let ends = ends.filter_map(|(id, digests)| Some((id, digests.last()?.0.digest.end)));
        let ends: Vec<_> = ends.collect();
        let mut latest: HashMap<&str, i64> = HashMap::new();
        let mut of_origin: HashMap<Origin, i64> = HashMap::new();
        for (id, end) in &ends {
            let of_trail = latest.entry(id.trail).or_insert(*end);
            *of_trail = (*of_trail).max(*end);
            let of_origin = of_origin.entry(id.origin()).or_insert(*end);
            *of_origin = (*of_origin).max(*end);
        }
        for (id, end) in ends {
            let (account, region) = id.origin();
            let of_trail = latest.get(id.trail).copied().unwrap_or(end);
            let of_logs = collection.last_logs.get(&id.origin()).copied();
            // Another trail may tell of later logs.
            let is_last = of_origin.get(&id.origin()) == Some(&end);
            let of_logs = of_logs.filter(|time| is_last && *time > end + 2 * HOUR);
            let to = match of_trail >= end + HOUR {
                true => Some(of_trail),
                false => of_logs,
            };
            if let Some(to) = to {
                self.gaps.push(Gap {
                    account,
                    region,
                    from: end,
                    to,
                    why: Why::ChainEndsEarly,
                });
            }
        }
    }
}

fn key_of(gap: &Gap) -> (&str, &str, i64) {
    (&gap.account, &gap.region, gap.from)
}

/// Returns the folder before the account's in the key of a digest.
fn root_of(key: &str) -> Option<&str> {
    let at = key.find("/CloudTrail-Digest/")?;
    let before = key.get(..at)?;
    let folder = before.rfind('/').map_or(0, |slash| slash + 1);
    before.get(..folder)
}

/// What the digests of a chain have in common.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct ChainId<'a> {
    account: &'a str,
    region: String,
    trail: &'a str,
    is_backfill: bool,
}

impl<'a> ChainId<'a> {
    fn of(held: &'a HeldDigest) -> Self {
        let name = digest_name(&held.place).or_else(|| digest_name(&held.digest.key));
        match name {
            Some(name) => Self {
                account: name.account,
                region: name.region.to_ascii_lowercase(),
                trail: name.trail,
                is_backfill: name.is_backfill,
            },
            None => Self {
                account: "",
                region: String::new(),
                trail: root_of(&held.digest.key).unwrap_or_default(),
                is_backfill: false,
            },
        }
    }

    fn origin(&self) -> Origin {
        (self.account.to_owned(), self.region.clone())
    }
}

/// Returns the status of each digest.
fn statuses(
    digests: &[HeldDigest],
    keys: &Keys,
    signatures: &Signatures,
) -> Vec<Option<DigestStatus>> {
    let mut judge = Judge {
        digests,
        keys,
        signatures,
        next: HashMap::new(),
        signed: digests.iter().map(|one| one.digest.signed).collect(),
        opened: None,
        statuses: vec![None; digests.len()],
    };
    for (n, digest) in digests.iter().enumerate() {
        if let Some(previous) = digest.previous {
            judge.next.entry(previous).or_default().push(n);
        }
    }
    // What a digest says of the one before it counts only if it was not altered itself.
    let mut order: Vec<usize> = (0..digests.len()).collect();
    order.sort_by_key(|n| (-digests[*n].digest.end, -digests[*n].digest.start));
    for n in order {
        let status = judge.status(n);
        judge.statuses[n] = Some(status);
    }
    judge.statuses
}

struct Judge<'a> {
    digests: &'a [HeldDigest],
    keys: &'a Keys,
    signatures: &'a Signatures,
    /// The digests that name a digest as the one before them.
    next: HashMap<NameKey, Vec<usize>>,
    /// All hashes that the signatures of these digests have.
    signed: HashSet<Hash>,
    /// The hashes in the signatures whose digest is not known.
    opened: Option<HashSet<Hash>>,
    statuses: Vec<Option<DigestStatus>>,
}

impl Judge<'_> {
    fn status(&mut self, n: usize) -> DigestStatus {
        let held = &self.digests[n];
        let digest = &held.digest;
        let is_itself = NameKey::of(&digest.key) == held.name;
        if digest.is_damaged || digest.is_appended || !is_itself {
            return DigestStatus::Altered;
        }
        let (mut is_proved, mut is_contradicted) = (false, false);
        let mut other_hash = Vec::new();
        for &next in self.next.get(&held.name).map_or(&[][..], Vec::as_slice) {
            let after = &self.digests[next];
            let status = self.statuses[next];
            match after.opened {
                Some(hash) if hash == digest.signed => is_proved = true,
                Some(_) => is_contradicted = true,
                // AWS signed a digest with this signature, and the key does not open it.
                None => {
                    let is_proved = status == Some(DigestStatus::Proved);
                    is_contradicted |= is_proved && self.keys.has(&digest.fingerprint);
                }
            }
            let hash = after
                .digest
                .previous
                .as_ref()
                .and_then(|previous| previous.hash);
            if status != Some(DigestStatus::Altered) && hash != Some(digest.hash) {
                is_contradicted = true;
                other_hash.push(next);
            }
        }
        if !is_proved {
            let (proves, contradicts) = self.by_copied(held);
            (is_proved, is_contradicted) = (proves, is_contradicted || contradicts);
        }
        if is_proved {
            // So the digest after it is the one that was changed.
            for next in other_hash {
                self.statuses[next] = Some(DigestStatus::Altered);
            }
            return DigestStatus::Proved;
        }
        match is_contradicted {
            true => DigestStatus::Altered,
            false => DigestStatus::Unproved,
        }
    }

    /// Returns whether copied signatures prove a digest, and whether they contradict it.
    fn by_copied(&mut self, held: &HeldDigest) -> (bool, bool) {
        let digest = &held.digest;
        let mut contradicts = false;
        for signature in self.signatures.of(held.name) {
            match self.keys.open(signature, &digest.fingerprint) {
                Some(hash) if hash == digest.signed => return (true, false),
                // The signature of another digest is no sign.
                Some(hash) => contradicts |= !self.signed.contains(&hash),
                None => contradicts |= self.keys.has(&digest.fingerprint),
            }
        }
        let (keys, others) = (self.keys, self.signatures.of_unknown());
        let opened = self.opened.get_or_insert_with(|| {
            let opened = others
                .iter()
                .filter_map(|signature| keys.open(signature, ""));
            opened.collect()
        });
        (opened.contains(&digest.signed), contradicts)
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
