//! Reads digests, and hashes logs, in any pass.

use std::path::PathBuf;
use std::sync::Arc;

use sha2::{Digest as _, Sha256};

use super::digest::{Digest, begins_as_digest};
use super::keys::Keys;
use super::name::{digest_name, is_delivered, log_name};
use super::rsa::Hash;
use crate::engine::{Analyzer, Emit, Interest, Local, Log, Search, SizeBytes, TextPart};
use crate::engine::{Candidate, Location};
use crate::input::Source;
use crate::input::table::RowCriteria;
use crate::report::Member;

/// The largest size in bytes of a file with digests. A digest that names 100,000 logs has some 35 MB.
const DIGEST_BYTES_MAX: usize = 128 << 20;

/// The number of parts of a log whose ends are remembered. A log that somebody appended to has two.
const PARTS_MAX: usize = 64;

/// Reads the digests of an archive, and hashes its logs.
#[derive(Debug)]
pub struct EvidenceAnalyzer {
    keys: Keys,
    hashes_all: bool,
    /// True if only files with names as CloudTrail delivers them are looked at.
    is_of_delivered: bool,
}

impl EvidenceAnalyzer {
    /// Makes an analyzer that opens signatures with these keys. If it does not hash all logs, it hashes those that have
    /// no name by which they are recognised.
    #[must_use]
    pub fn new(keys: &Keys, hashes_all: bool) -> Self {
        Self {
            keys: keys.clone(),
            hashes_all,
            is_of_delivered: false,
        }
    }

    /// Makes an analyzer that looks only at files with names as CloudTrail delivers them, without keys.
    #[must_use]
    pub fn of_delivered() -> Self {
        Self {
            is_of_delivered: true,
            ..Self::new(&Keys::default(), false)
        }
    }
}

/// A file that a pass has seen.
#[derive(Debug)]
pub enum Seen {
    /// A digest.
    Digest(Box<SeenDigest>),
    /// A log.
    Log(Box<SeenLog>),
}

/// A digest that a pass has seen.
#[derive(Debug)]
pub struct SeenDigest {
    /// The path of its source.
    pub(super) path: PathBuf,
    pub(super) place: String,
    pub(super) digest: Digest,
    /// The hash in the signature of the digest before it, if a key opens it.
    pub(super) opened: Option<Hash>,
}

/// A log that a pass has seen.
#[derive(Debug)]
pub struct SeenLog {
    /// The path of its source.
    pub(super) path: PathBuf,
    pub(super) member: Option<Arc<Member>>,
    /// Its path below the root.
    pub(super) place: String,
    /// The hash of its text, if it was hashed.
    pub(super) hash: Option<Hash>,
    /// The hash of the text up to the end of each gzip member but the last.
    pub(super) parts: Vec<Hash>,
    /// True if it follows another log in the same file.
    pub(super) is_trailing: bool,
}

impl SizeBytes for Seen {
    fn size_bytes(&self) -> usize {
        const OTHER_BYTES: usize = 200;
        match self {
            Self::Digest(seen) => {
                seen.place.len() * 2 + (1 + seen.digest.logs.len()) * 2 * OTHER_BYTES
            }
            Self::Log(seen) => OTHER_BYTES + seen.place.len() * 2 + seen.parts.len() * 32,
        }
    }
}

impl Analyzer for EvidenceAnalyzer {
    type Output = Seen;
    type Local<'a> = LocalEvidence<'a>;

    fn interest(&self) -> Interest {
        Interest {
            search: Search::Nothing,
            rows: RowCriteria::default(),
            records: false,
            text: true,
        }
    }

    fn wants_text(&self, source: &Source) -> bool {
        !self.is_of_delivered || is_delivered(&source.below_root.to_string_lossy())
    }

    fn local(&self) -> LocalEvidence<'_> {
        LocalEvidence {
            keys: &self.keys,
            hashes_all: self.hashes_all,
            is_of_delivered: self.is_of_delivered,
            log: LogState::default(),
            ended: None,
        }
    }
}

/// The log that is read.
#[derive(Debug, Default)]
struct LogState {
    n_bytes: u64,
    hash: Option<Sha256>,
    /// The text, if it is a digest.
    digest: Option<Vec<u8>>,
    parts: Vec<Hash>,
    has_name: bool,
    has_events: bool,
    /// True if it is not looked at.
    is_ignored: bool,
}

/// The state of the analyzer on one thread.
#[derive(Debug)]
pub struct LocalEvidence<'a> {
    keys: &'a Keys,
    hashes_all: bool,
    is_of_delivered: bool,
    log: LogState,
    /// The log that was read last in the same source.
    ended: Option<Option<Arc<Member>>>,
}

/// Returns the path of a log below the root.
pub(crate) fn place_of(log: &Log<'_>) -> String {
    let mut place = log.source.below_root.to_string_lossy().into_owned();
    if let Some(member) = log.member {
        place.push('!');
        place += &member.path;
    }
    place
}

impl LocalEvidence<'_> {
    fn begin(&mut self, text: &[u8], log: &Log<'_>) {
        let name = match log.member {
            Some(member) => member.path.as_str(),
            None => &log.source.below_root.to_string_lossy(),
        };
        if self.is_of_delivered && (log.member.is_some() || !is_delivered(name)) {
            self.log.is_ignored = true;
            return;
        }
        let is_digest = digest_name(name).is_some() || begins_as_digest(text);
        let has_name = log_name(name).is_some();
        let is_hashed = !is_digest && (self.hashes_all || !has_name);
        self.log.hash = is_hashed.then(Sha256::new);
        self.log.digest = is_digest.then(Vec::new);
        self.log.has_name = has_name;
    }

    fn digest(&self, text: &[u8], log: &Log<'_>, out: &mut Emit<'_, Seen>) -> bool {
        let place = place_of(log);
        let digests = Digest::read(text, &place);
        let is_any = !digests.is_empty();
        for mut digest in digests {
            let fingerprint = digest.fingerprint.clone();
            let opened = digest.previous.as_mut().and_then(|previous| {
                let signature = std::mem::take(&mut previous.signature);
                self.keys.open(&signature, &fingerprint)
            });
            out.output(Seen::Digest(Box::new(SeenDigest {
                path: log.source.path.clone(),
                place: place.clone(),
                digest,
                opened,
            })));
        }
        is_any
    }
}

impl Local for LocalEvidence<'_> {
    type Output = Seen;

    fn event(&mut self, _: &Candidate<'_>, _: &Location<'_>, _: &mut Emit<'_, Seen>) {}

    fn wants_records(&self, _: &Log<'_>) -> bool {
        false
    }

    fn text(&mut self, text: &TextPart<'_>, log: &Log<'_>, _: &mut Emit<'_, Seen>) {
        let text = text.bytes;
        if self.log.n_bytes == 0 {
            self.begin(text, log);
        }
        let state = &mut self.log;
        state.n_bytes += text.len() as u64;
        if let Some(hash) = &mut state.hash {
            hash.update(text);
        }
        if let Some(digest) = &mut state.digest
            && digest.len() + text.len() <= DIGEST_BYTES_MAX
        {
            digest.extend_from_slice(text);
        }
        if !state.has_name && !state.has_events && !state.is_ignored {
            state.has_events = memchr::memmem::find(text, b"eventTime").is_some();
        }
    }

    fn next_member(&mut self, _: &Log<'_>) {
        let state = &mut self.log;
        if let Some(hash) = &state.hash
            && state.n_bytes > 0
            && state.parts.len() < PARTS_MAX
        {
            state.parts.push(hash.clone().finalize().into());
        }
    }

    fn end_of_log(&mut self, log: &Log<'_>, out: &mut Emit<'_, Seen>) {
        if self.log.n_bytes == 0 {
            self.begin(&[], log);
        }
        let state = std::mem::take(&mut self.log);
        if state.is_ignored {
            return;
        }
        let is_trailing = self
            .ended
            .as_ref()
            .is_some_and(|last| last.as_ref() == log.member);
        self.ended = Some(log.member.cloned());
        let place = place_of(log);
        let mut hash = state.hash;
        if let Some(text) = state.digest {
            if self.digest(&text, log, out) {
                return;
            }
            hash = Some(Sha256::new_with_prefix(&text));
        }
        if state.has_name || state.has_events || is_trailing {
            out.output(Seen::Log(Box::new(SeenLog {
                path: log.source.path.clone(),
                member: log.member.cloned(),
                place,
                hash: hash.map(|hash| hash.finalize().into()),
                parts: state.parts,
                is_trailing,
            })));
        }
    }

    fn end(&mut self, _: &mut Emit<'_, Seen>) {
        self.ended = None;
        self.log = LogState::default();
    }
}
