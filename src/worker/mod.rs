//! The way of one source: open, decompress, scan, judge.
//!
//! In: a [`Source`]. Out: its alerts, as they are found, and what it came to. A small source is scanned by one
//! worker, one log in it after the other ([`logs`]); a [`large`] one is cut into pieces that several scan, and a
//! [`chain`] holds these together. A worker runs on one thread, and knows nothing of the others.

mod chain;
pub(crate) mod large;
mod logs;
mod part;
mod table;
mod undecided;

use std::fmt::Display;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use crate::config::{HuntConfig, Progress};
use crate::event::Event;
use crate::follow::{Followed, Quarantine};
use crate::input::archive::Entry;
use crate::input::decompress::Budget;
use crate::input::layout::Wanted;
use crate::input::names::Names;
use crate::input::open::{OpenOptions, Opened};
use crate::input::table::Sought;
use crate::input::{Codecs, Source};
use crate::output::{Alert, Place};
use crate::report::{Code, Defect, LogEvents, Member, Outcome, Relation, Severity, Space, Stats};
use crate::rule::{Relations, Rule};
use crate::scan::{Candidate, Prefilter, Scanner, Window, let_off_notes};
use logs::Logs;
use undecided::{Doubts, error_in_folders};

/// The most text that is held before it is scanned. A member of a gzip file whose text fits is inflated
/// whole, at twice the speed of a stream.
const TEXT_BYTES: usize = 16 << 20;

/// What a source, or a piece of one, came to.
#[derive(Debug, Default)]
pub(crate) struct SourceReport {
    pub(crate) stats: Stats,
    pub(crate) defects: Vec<Defect>,
    /// How many members of gzip were met in each log, by the pieces of a large source.
    gzip_members: Vec<(Option<Arc<Member>>, u64)>,
    /// The events of each log.
    events: LogEvents,
    /// How many rows were made of events beside the alerts.
    n_related_rows: u64,
    /// Nothing of it was read.
    is_failed: bool,
}

/// What is asked of all that is read: the same for each source.
struct Asked<'a> {
    rule: &'a Rule,
    followed: Option<&'a Followed>,
    wanted: &'a Wanted,
    names: &'a Names,
    progress: &'a Progress,
    prefilter: &'a Arc<Prefilter>,
    relations: Relations,
    doubts: Doubts,
    /// Whether all events beside the alerts become rows.
    is_related_asked_for: bool,
    /// Which rows of a table are looked at.
    sought: Sought,
}

impl Asked<'_> {
    fn scanner(&self) -> Scanner {
        Scanner::new(Arc::clone(self.prefilter)).stopped_by(&self.progress.stop)
    }
}

/// The largest raw text that is searched for the policy's name, also behind escapes; the largest of 37,000 public
/// records has 48 kB.
const RAW_BYTES_SEARCHED: usize = 128 * 1024;

/// How many of such events are shown: as many rows are made of a source, or a piece of one, at most, where they
/// are not written.
pub(crate) const RELATED_SHOWN: u64 = 20;

impl SourceReport {
    /// Of a source over which the program failed.
    pub(crate) fn of_panic(message: String) -> Self {
        Self {
            stats: Stats::default(),
            defects: vec![Defect::new(Code::Panic, message)],
            gzip_members: Vec::new(),
            events: LogEvents::default(),
            n_related_rows: 0,
            is_failed: true,
        }
    }

    fn fail(&mut self, error: &dyn Display) {
        let message = format!("cannot be read: {error}");
        self.defects.push(Defect::new(Code::Unreadable, message));
        self.is_failed = true;
    }

    /// Takes in what another piece came to.
    pub(crate) fn add(&mut self, piece: Self) {
        self.stats += piece.stats;
        self.defects.extend(piece.defects);
        for (member, n_members) in piece.gzip_members {
            self.add_gzip_members(member.as_ref(), n_members);
        }
        self.events.append(piece.events);
        self.is_failed |= piece.is_failed;
    }

    /// Takes account of members of gzip that were met in a log; one is what all have.
    fn add_gzip_members(&mut self, member: Option<&Arc<Member>>, n_members: u64) {
        match self.gzip_members.last_mut() {
            Some((last, n)) if last.as_ref() == member => *n += n_members,
            _ if n_members > 0 => self.gzip_members.push((member.cloned(), n_members)),
            _ => {}
        }
    }

    /// Forgets what was told of entries that are left out, but for what says that others are missing.
    fn forget_excluded(&mut self, names: &Names) {
        self.defects.retain(|defect| {
            let is_excluded = names.leaves_out_entry(defect.member.as_deref());
            defect.code == Code::Truncated || !is_excluded
        });
    }

    /// What it came to in all, and its defects in the order of their offsets: where a window or piece ended
    /// decides when a defect is met, but must not show.
    pub(crate) fn finish(mut self) -> (Outcome, Stats, Vec<Defect>) {
        for (member, n_members) in std::mem::take(&mut self.gzip_members) {
            let defect = Defect::gzip_members(n_members);
            let defect = defect.map(|d| d.within(member.as_ref()));
            self.defects.extend(defect);
        }
        let (n_events, times) = std::mem::take(&mut self.events).finish();
        self.stats.events_read += n_events;
        self.stats.event_times += times;
        fn place(d: &Defect) -> (&Option<Arc<Member>>, Option<u64>, Code, &str) {
            let offset = d.offset.map(|(_, offset)| offset);
            (&d.member, offset, d.code, &d.message)
        }
        self.defects.sort_by(|a, b| place(a).cmp(&place(b)));
        self.tell_binary_once();
        self.tell_cut_once();
        let is_complete = self
            .defects
            .iter()
            .all(|d| d.code.severity() < Severity::Error);
        let outcome = match self.stats.stored_bytes {
            0 if self.is_failed => Outcome::Failed,
            _ if !is_complete => Outcome::Partial,
            0 => Outcome::Empty,
            _ => Outcome::Read,
        };
        (outcome, self.stats, self.defects)
    }
}

impl SourceReport {
    /// Each piece tells what is no text in it; of a log the first is told.
    fn tell_binary_once(&mut self) {
        let mut told: Option<Option<Arc<Member>>> = None;
        self.defects.retain(|defect| {
            let is_binary = matches!(defect.code, Code::NotText | Code::UnknownContent);
            let is_again = is_binary && told.as_ref() == Some(&defect.member);
            if is_binary {
                told = Some(defect.member.clone());
            }
            !is_again
        });
    }

    /// That a text ends inside a document is told where nothing else tells why: not what it is stored in, nor a
    /// record that is cut off there. The defects are in their order.
    fn tell_cut_once(&mut self) {
        let is_text = |defect: &Defect| matches!(defect.offset, Some((Space::Text, _)));
        let is_cut = |defect: &Defect| defect.code == Code::Truncated && is_text(defect);
        let is_fault =
            |defect: &Defect| !is_text(defect) && defect.code.severity() == Severity::Error;
        let (mut kept, mut dropped) = (Vec::with_capacity(self.defects.len()), 0);
        for (n, defect) in self.defects.iter().enumerate() {
            let same = |other: &&Defect| other.member == defect.member;
            let is_explained = is_cut(defect)
                && (self.defects[..n].last().filter(same))
                    .is_some_and(|d| d.code == Code::RecordCut)
                || is_cut(defect) && self.defects.iter().filter(same).any(is_fault);
            dropped += usize::from(is_explained);
            kept.push(!is_explained);
        }
        if dropped > 0 {
            let mut kept = kept.into_iter();
            self.defects.retain(|_| kept.next() == Some(true));
        }
    }
}

/// What one thread scans with: all its memory is kept from source to source.
pub(crate) struct Worker<'a> {
    asked: Asked<'a>,
    open: OpenOptions<'a>,
    scanner: Scanner,
    codecs: Codecs,
    /// The most text that may come out of one source.
    max_decoded_bytes: Option<u64>,
    /// Stored bytes that were taken of the sources scanned by this worker alone.
    counter: Arc<AtomicU64>,
    /// A small file as it is stored.
    stored: Vec<u8>,
    /// Decompressed text.
    text: Vec<u8>,
    /// Memory for what is carried from one piece to the next.
    carried: Vec<u8>,
    /// Memory for the start of a piece.
    head: Vec<u8>,
}

impl<'a> Worker<'a> {
    pub(crate) fn new(config: &'a HuntConfig, prefilter: &'a Arc<Prefilter>) -> Self {
        Self {
            asked: Asked {
                rule: &config.rule,
                followed: config.followed.as_deref(),
                wanted: &config.wanted,
                names: &config.names,
                progress: &config.progress,
                prefilter,
                relations: Relations::new(&config.rule),
                doubts: Doubts::of(&config.rule),
                is_related_asked_for: config.related.is_some(),
                sought: match config.followed {
                    // Any row may have something to do with a case.
                    Some(_) => Sought::default(),
                    None => table::sought(&config.rule, config.related.is_some()),
                },
            },
            open: OpenOptions {
                map_from_bytes: config.map_from_bytes,
                stop: &config.progress.stop,
            },
            scanner: Scanner::new(Arc::clone(prefilter)).stopped_by(&config.progress.stop),
            codecs: Codecs::default(),
            max_decoded_bytes: config.max_decoded_bytes,
            counter: Arc::default(),
            stored: Vec::new(),
            text: Vec::new(),
            carried: Vec::new(),
            head: Vec::new(),
        }
    }

    /// The way of a small source: open, decompress, scan, judge.
    pub(crate) fn scan(&mut self, source: &Source, emit: &mut dyn FnMut(Alert)) -> SourceReport {
        #[cfg(test)]
        assert!(!source.path.ends_with("panics.json"), "a test asked for it");
        let mut report = SourceReport::default();
        self.codecs.limit(self.max_decoded_bytes.map(Budget::new));
        let mut buffer = std::mem::take(&mut self.stored);
        let opened = Opened::open(source, self.open, &mut buffer);
        let scanned = opened.and_then(|mut opened| {
            let entry = Entry::source(opened.stored(&buffer), Arc::clone(&self.counter));
            Logs::new(self, source, &mut report, emit).entry(entry)
        });
        if let Err(error) = scanned {
            report.fail(&error);
        }
        self.stored = buffer;
        report
    }
}

/// Where candidates go: to the rule, and what comes of them to the sink and the report.
struct Judge<'a> {
    asked: &'a Asked<'a>,
    source: &'a Source,
    /// The log inside the source.
    member: Option<&'a Arc<Member>>,
    report: &'a mut SourceReport,
    emit: &'a mut dyn FnMut(Alert),
}

impl Judge<'_> {
    /// The rule's answer for a candidate, whose offset counts from `origin`.
    fn candidate(&mut self, candidate: &Candidate<'_>, origin: u64) {
        self.candidate_at(candidate, origin + candidate.unit.start);
    }

    /// The rule's answer for a candidate at this place of its log.
    fn candidate_at(&mut self, candidate: &Candidate<'_>, byte_offset: u64) {
        let Asked { rule, progress, .. } = *self.asked;
        if self.is_excluded() {
            return;
        }
        if !is_wanted(self.asked.wanted, candidate) {
            self.report.stats.events_outside += 1;
            return;
        }
        let place = Place {
            source: &self.source.path,
            below_root: &self.source.below_root,
            member: self.member.map(|member| member.path.as_str()),
            record_index: candidate.unit.record_index,
            byte_offset,
        };
        if let Some(followed) = self.asked.followed {
            if let Some(mut story) = followed.story(&candidate.event) {
                story.quarantine = self.quarantine(&candidate.event);
                progress.n_alerts.fetch_add(1, Relaxed);
                let raw = candidate.raw;
                (self.emit)(Alert::of_case(story, rule, &candidate.event, raw, place));
            }
            return;
        }
        if !rule.matches(&candidate.event) {
            if let Some(doubt) = self.asked.doubts.doubt(rule, &candidate.event) {
                self.undecided(byte_offset, doubt.to_string());
            }
            return self.related(candidate, place);
        }
        if let Some(folder) = self.error_outside(&candidate.event) {
            let message = format!(
                "event would be an alert, but the folder {} says that it failed: whether it did cannot be decided",
                folder.escape_debug()
            );
            return self.undecided(byte_offset, message);
        }
        let alert = Alert::new(rule, &candidate.event, candidate.raw, place);
        progress.n_alerts.fetch_add(1, Relaxed);
        if alert.event_time.is_none() {
            let defect = time_defect(&alert).within(self.member);
            self.report.defects.push(defect);
        }
        (self.emit)(alert);
    }

    fn undecided(&mut self, byte_offset: u64, message: String) {
        let defect = Defect::text(Code::Undecided, byte_offset, message);
        self.report.defects.push(defect.within(self.member));
    }

    /// An error that only the folder names that an event lies in.
    fn error_outside(&self, event: &Event<'_>) -> Option<String> {
        let folder = error_in_folders(&self.source.path, self.member.map(|m| &**m))?;
        let is_own = ["error_code", "error_message"]
            .iter()
            .any(|field| event.text(&format!("aws.cloudtrail.{field}")).is_some());
        (!is_own).then_some(folder)
    }

    /// What an event of a case has to do with a quarantine.
    fn quarantine(&self, event: &Event<'_>) -> Option<Quarantine> {
        if self.asked.rule.matches(event) {
            return Some(Quarantine::Made);
        }
        let relation = self.asked.relations.of(event, &|| false);
        relation.map(Quarantine::Beside)
    }

    /// Takes account of an event beside the alerts, and makes a row of it if that is asked for or shown.
    fn related(&mut self, candidate: &Candidate<'_>, place: Place<'_>) {
        let Asked { rule, progress, .. } = *self.asked;
        let event = &candidate.event;
        // Of many events in one string the raw text is the whole string.
        let is_mentioned = || match candidate.raw.len() <= RAW_BYTES_SEARCHED {
            true => self.asked.prefilter.holds_needle(candidate.raw),
            false => event.locate(&rule.literals()).is_some(),
        };
        let Some(relation) = self.asked.relations.of(event, &is_mentioned) else {
            return;
        };
        self.report.stats.related.add(relation);
        let is_shown = matches!(relation, Relation::FailedAttach | Relation::Detach)
            && self.report.n_related_rows < RELATED_SHOWN
            && !progress.has_shown_related.load(Relaxed);
        if self.asked.is_related_asked_for || is_shown {
            self.report.n_related_rows += 1;
            let raw = candidate.raw;
            (self.emit)(Alert::related(relation, rule, event, raw, place));
        }
    }

    /// Whether it judges an entry that is left out, and is scanned only since its end is not known before.
    fn is_excluded(&self) -> bool {
        let names = self.asked.names;
        names.leaves_out_entry(self.member.map(Arc::as_ref))
    }

    /// Lets off notes in a text that is all at hand, of which everything from this defect on was told.
    fn let_off_notes(&mut self, text: &[u8], n_defects: usize) {
        let defects = self.report.defects.get_mut(n_defects..);
        let_off_notes(text, defects.unwrap_or_default());
    }

    /// Counts what is about to be scanned, for the report and for whoever watches.
    fn count(&mut self, stored_bytes: u64, text_bytes: u64) {
        let progress = self.asked.progress;
        progress.stored_bytes.fetch_add(stored_bytes, Relaxed);
        progress.text_bytes.fetch_add(text_bytes, Relaxed);
        self.report.stats.stored_bytes += stored_bytes;
        self.report.stats.text_bytes += text_bytes;
    }

    /// Takes over what a scanner, whose offsets count from `origin`, has counted and met.
    fn take_in(&mut self, scanner: &mut Scanner, origin: u64) {
        self.report.stats += std::mem::take(&mut scanner.stats);
        let events = std::mem::take(&mut scanner.events);
        self.report.events.add(self.member, events);
        let defects = scanner
            .defects
            .drain(..)
            .map(|defect| defect.behind(origin).within(self.member));
        self.report.defects.extend(defects);
    }

    /// Tells what is wrong with a text that is at its end.
    fn tell_ends(&mut self, defects: Vec<Defect>) {
        let defects = defects.into_iter().map(|defect| defect.within(self.member));
        self.report.defects.extend(defects);
    }

    /// Scans text from a document's start at this offset to its end, or to an anchor.
    fn scan(&mut self, scanner: &mut Scanner, bytes: &[u8], base: u64) {
        scanner.start(base);
        let window = Window {
            bytes,
            base,
            is_last: true,
            likely_start: None,
        };
        scanner.scan(window, &mut |candidate| self.candidate(candidate, 0));
        self.take_in(scanner, 0);
    }
}

/// Whether an event is of the times, accounts and regions that are wanted, in any way it can be read. In another
/// account's log an event is of both accounts.
fn is_wanted(wanted: &Wanted, candidate: &Candidate<'_>) -> bool {
    if wanted.is_everything() {
        return true;
    }
    let event = &candidate.event;
    let times = event.times();
    let times: Vec<_> = times.into_iter().map(|time| Some(time?.may_be)).collect();
    let mut accounts = event.texts("cloud.account.id");
    accounts.extend(event.texts("aws.cloudtrail.recipient_account_id"));
    wanted.includes(&times, &accounts, &event.texts("cloud.region"))
}

/// One huge record does not keep its memory.
fn shrink(buffer: &mut Vec<u8>) {
    if buffer.capacity() > 2 * TEXT_BYTES {
        *buffer = Vec::new();
    }
}

/// What is worth knowing of an alert without a time.
fn time_defect(alert: &Alert) -> Defect {
    let message = match alert.text("event_time_text") {
        Some(text) => format!("time of an alert cannot be read: {}", text.escape_debug()),
        None => "an alert has no time".to_owned(),
    };
    let offset = alert.byte_offset.unsigned_abs();
    Defect::text(Code::EventTimeUnreadable, offset, message)
}
