//! What a pass has seen of an archive: its digests, the logs that they name, and the logs that are there.
//!
//! In a delivered archive digests come before the logs that they name. A log that fits what its digest says is then
//! only noted there. So memory is needed for the logs that digests name, and for those that fit nothing yet.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::analyzer::{Seen, SeenDigest, SeenLog};
use super::digest::{Digest, ListedLog};
use super::name::{LogKey, NameKey, last, log_name};
use super::rsa::Hash;
use crate::engine::Sink;
use crate::error::Error;
use crate::report::{Code, Diagnostic, Member, Outcome};

/// The end of a path, and the number of the text before it, which many paths share.
#[derive(Debug, Clone)]
pub(super) struct Place {
    head: u32,
    tail: Box<str>,
}

/// Texts that many paths begin with.
#[derive(Debug, Default)]
pub(super) struct Heads {
    texts: Vec<Box<str>>,
    numbers: HashMap<Box<str>, u32>,
}

impl Heads {
    /// Divides a path before the time in the name of a log, or before its last part.
    pub(super) fn place(&mut self, path: &str) -> Place {
        let name = last(path);
        let n_folder = path.len() - name.len();
        let n_fixed: usize = match log_name(name) {
            Some(_) => name.split('_').take(3).map(|part| part.len() + 1).sum(),
            None => 0,
        };
        let (head, tail) = path.split_at(n_folder + n_fixed);
        let head = match self.numbers.get(head) {
            Some(number) => *number,
            None => {
                let number = u32::try_from(self.texts.len()).unwrap_or(u32::MAX);
                self.texts.push(head.into());
                self.numbers.insert(head.into(), number);
                number
            }
        };
        Place {
            head,
            tail: tail.into(),
        }
    }

    /// Returns the path.
    pub(super) fn path(&self, place: &Place) -> String {
        let head = self.texts.get(place.head as usize);
        format!("{}{}", head.map_or("", |head| head), place.tail)
    }
}

/// A digest that is in the archive.
#[derive(Debug)]
pub(super) struct HeldDigest {
    pub(super) name: NameKey,
    /// The path of its source.
    pub(super) path: PathBuf,
    pub(super) place: String,
    /// What it says, without its logs.
    pub(super) digest: Digest,
    pub(super) previous: Option<NameKey>,
    /// The hash in the signature of the digest before it, if a key opens it.
    pub(super) opened: Option<Hash>,
}

/// A log that a digest names.
#[derive(Debug)]
pub(super) struct Listed {
    pub(super) name: NameKey,
    pub(super) hash: Option<Hash>,
    pub(super) key: Place,
    /// The number of its digest.
    pub(super) digest: u32,
    /// The times of its first and last event, in seconds since 1970.
    pub(super) times: Option<(i64, i64)>,
    /// The number of copies that fit.
    pub(super) n_fitting: u32,
    /// The number of these that something follows.
    pub(super) n_appended: u32,
    /// Another entry of the same name, with another hash or of another digest.
    pub(super) other: Option<u32>,
}

/// A log that is in the archive, and does not fit what was known of it.
#[derive(Debug)]
pub(super) struct Held {
    pub(super) name: NameKey,
    pub(super) hash: Option<Hash>,
    pub(super) place: Place,
    pub(super) parts: Box<[Hash]>,
    pub(super) is_appended: bool,
}

/// What was noted of a log in the current turn.
#[derive(Debug, Clone, Copy)]
pub(super) enum Note {
    Listed(u32),
    Held(usize),
}

/// Collects what a pass has seen.
#[derive(Debug, Default)]
pub struct Collection {
    pub(super) heads: Heads,
    pub(super) digests: Vec<HeldDigest>,
    by_digest_name: HashMap<NameKey, Vec<u32>>,
    pub(super) listed: Vec<Listed>,
    by_log_name: HashMap<NameKey, u32>,
    pub(super) held: Vec<Held>,
    /// The days of the logs' names in each account, as numbers since 1970: the first and the last.
    pub(super) days: HashMap<String, (i64, i64)>,
    /// The time in the name of the last log of each account and region.
    pub(super) last_logs: HashMap<(String, String), i64>,
    /// The names of files that could not be read.
    pub(super) unreadable: HashSet<NameKey>,
    /// The logs of the current turn.
    turn: Vec<InTurn>,
    /// The logs that were marked in the current turn.
    marked: HashSet<LogKey>,
    /// What was noted of each log that was marked, and whether something follows it: of each copy in the same place.
    pub(super) noted: HashMap<LogKey, Vec<(Note, bool)>>,
}

/// A log of the current turn.
#[derive(Debug)]
struct InTurn {
    path: PathBuf,
    member: Option<Arc<Member>>,
    note: Note,
    /// True if it was noted that something follows it.
    is_appended: bool,
}

/// The number of seconds of a day.
pub(super) const DAY: i64 = 86_400;

impl Collection {
    /// Takes a file.
    pub fn add(&mut self, seen: Seen) {
        match seen {
            Seen::Digest(seen) => self.digest(*seen),
            Seen::Log(seen) => self.log(*seen),
        }
    }

    /// Notes what a pass reports of a source.
    pub fn note(&mut self, path: &Path, outcome: Outcome, diagnostics: &[Diagnostic]) {
        if outcome == Outcome::Failed {
            self.unreadable.insert(NameKey::of(&path.to_string_lossy()));
        }
        let has_more = |diagnostic: &&Diagnostic| {
            matches!(diagnostic.code, Code::TrailingBytes | Code::Appended)
        };
        let members = diagnostics.iter().filter(has_more);
        let members: HashSet<Option<&str>> = members.map(|one| one.member.as_deref()).collect();
        for n in 0..self.turn.len() {
            let log = &self.turn[n];
            let member = log.member.as_ref().map(|member| member.path.as_str());
            if log.path == path && members.contains(&member) {
                self.append_to(n);
            }
        }
    }

    /// Marks a log of the current turn: its status will be asked for.
    pub fn mark(&mut self, log: LogKey) {
        self.marked.insert(log);
    }

    /// Notes what is known of the marked logs of the current turn.
    pub fn end_turn(&mut self) {
        if self.marked.is_empty() {
            return;
        }
        for log in &self.turn {
            let member = log.member.as_ref().map(|member| member.path.as_str());
            let key = LogKey::of(&log.path.to_string_lossy(), member);
            if self.marked.contains(&key) {
                let noted = self.noted.entry(key).or_default();
                noted.push((log.note, log.is_appended));
            }
        }
        self.marked.clear();
    }

    /// Forgets the sources that no more can be said of.
    pub fn begin_turn(&mut self) {
        self.turn.clear();
    }

    /// Notes that something follows a log of the current turn.
    fn append_to(&mut self, log: usize) {
        let log = &mut self.turn[log];
        if std::mem::replace(&mut log.is_appended, true) {
            return;
        }
        match log.note {
            Note::Listed(n) => self.listed[n as usize].n_appended += 1,
            Note::Held(n) => self.held[n].is_appended = true,
        }
    }

    fn digest(&mut self, seen: SeenDigest) {
        let SeenDigest {
            path: source,
            place,
            mut digest,
            opened,
        } = seen;
        // A file that has the name of a digest is taken for that digest, whatever it says.
        let path = match super::name::digest_name(&place) {
            Some(_) => place.as_str(),
            None => digest.key.as_str(),
        };
        let name = NameKey::of(path);
        self.day(path, digest.end);
        let same = self.by_digest_name.entry(name).or_default();
        let is_copy = |n: &u32| {
            let other = &self.digests[*n as usize].digest;
            (other.hash, other.is_appended) == (digest.hash, digest.is_appended)
        };
        if same.iter().any(is_copy) {
            return;
        }
        let number = u32::try_from(self.digests.len()).unwrap_or(u32::MAX);
        same.push(number);
        let logs = std::mem::take(&mut digest.logs);
        self.digests.push(HeldDigest {
            name,
            path: source,
            place,
            previous: digest.previous.as_ref().map(|one| NameKey::of(&one.key)),
            opened,
            digest,
        });
        for log in logs {
            self.list(log, number);
        }
    }

    /// Notes the day of a digest's or a log's folder.
    fn day(&mut self, path: &str, seconds: i64) {
        let Some(account) = last(path).split('_').next() else {
            return;
        };
        let day = seconds.div_euclid(DAY);
        match self.days.get_mut(account) {
            Some((first, last)) => (*first, *last) = (day.min(*first), day.max(*last)),
            None => {
                self.days.insert(account.to_owned(), (day, day));
            }
        }
    }

    fn list(&mut self, log: ListedLog, digest: u32) {
        let name = NameKey::of(&log.key);
        let number = u32::try_from(self.listed.len()).unwrap_or(u32::MAX);
        let other = self.by_log_name.insert(name, number);
        let key = self.heads.place(&log.key);
        self.listed.push(Listed {
            name,
            hash: log.hash,
            key,
            digest,
            times: log.first.zip(log.last),
            n_fitting: 0,
            n_appended: 0,
            other,
        });
    }

    /// Returns the buckets that the digests name.
    #[must_use]
    pub fn buckets(&self) -> std::collections::BTreeSet<String> {
        let buckets = self.digests.iter().map(|held| held.digest.bucket.clone());
        buckets.filter(|bucket| !bucket.is_empty()).collect()
    }

    /// Returns the entries with this name.
    pub(super) fn entries(&self, name: NameKey) -> impl Iterator<Item = u32> {
        let first = self.by_log_name.get(&name).copied();
        std::iter::successors(first, |n| self.listed[*n as usize].other)
    }

    fn log(&mut self, seen: SeenLog) {
        if seen.is_trailing {
            // The log before it in the same file is the one that something was appended to.
            let is_it = |log: &InTurn| log.path == seen.path && log.member == seen.member;
            if let Some(n) = self.turn.iter().rposition(is_it) {
                self.append_to(n);
            }
            return;
        }
        let name = NameKey::of(&seen.place);
        if let Some(log) = log_name(&seen.place) {
            self.day(&seen.place, log.time);
            let of = (log.account.to_owned(), log.region.to_ascii_lowercase());
            let latest = self.last_logs.entry(of).or_insert(log.time);
            *latest = log.time.max(*latest);
        }
        let fitting = self.entries(name).find(|n| {
            let entry = &self.listed[*n as usize];
            seen.hash.is_none() || entry.hash == seen.hash
        });
        let note = match fitting {
            Some(n) => {
                self.listed[n as usize].n_fitting += 1;
                Note::Listed(n)
            }
            None => {
                let place = self.heads.place(&seen.place);
                self.held.push(Held {
                    name,
                    hash: seen.hash,
                    place,
                    parts: seen.parts.into(),
                    is_appended: false,
                });
                Note::Held(self.held.len() - 1)
            }
        };
        self.turn.push(InTurn {
            path: seen.path,
            member: seen.member,
            note,
            is_appended: false,
        });
    }
}

impl Sink<Seen> for Collection {
    fn take(&mut self, output: Seen) -> Result<(), Error> {
        self.add(output);
        Ok(())
    }

    fn begin(&mut self, _: &[()]) {
        self.begin_turn();
    }

    fn source(&mut self, path: &Path, outcome: Outcome, diagnostics: &[Diagnostic]) {
        self.note(path, outcome, diagnostics);
    }
}
