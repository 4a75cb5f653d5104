//! The processing of one source: open, decompress, scan, pass events on.
//!
//! In: a [`Source`]. Out: its events, passed to an [`Observer`] as they are found, and a report. One worker
//! scans a small source, one log after another ([`logs`]). A [`large`] source is cut into pieces that several workers
//! scan; a [`chain`] links these pieces. A worker runs on one thread and does not know the other workers.

mod chain;
pub(crate) mod large;
mod logs;
mod once;
mod part;
mod piece;
mod table;

use std::fmt::Display;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use super::analyzer::{Interest, Location, Log, Observer, TextPart};
use crate::config::{Progress, ScanConfig};
use crate::input::archive::Entry;
use crate::input::decompress::Budget;
use crate::input::layout::Selection;
use crate::input::names::Names;
use crate::input::open::{OpenOptions, Opened};
use crate::input::table::RowCriteria;
use crate::input::{Codecs, Source};
use crate::report::{Code, Defect, LogEvents, Member, Outcome, Severity, Stats};
use crate::scan::{Candidate, Prefilter, RawRecord, ScanItem, Scanner, Window, let_off_notes};
use logs::Logs;

/// Largest amount of text in memory before it is scanned, in bytes. A member of a gzip file whose text fits is
/// decompressed as a whole, at twice the speed of a stream.
const TEXT_BYTES: usize = 16 << 20;

/// The result of a source, or of a piece of one.
#[derive(Debug, Default)]
pub(crate) struct SourceReport {
    pub(crate) stats: Stats,
    pub(crate) defects: Vec<Defect>,
    /// Number of gzip members found in each log, by the pieces of a large source.
    gzip_members: Vec<(Option<Arc<Member>>, u64)>,
    /// The events of each log.
    events: LogEvents,
    /// True if nothing of it was read.
    is_failed: bool,
}

/// The purpose of a pass, in the form that its workers need.
#[derive(Debug)]
pub(crate) struct Target {
    prefilter: Arc<Prefilter>,
    rows: RowCriteria,
    /// True if every record is passed to the observer as it is framed.
    shows_records: bool,
    /// True if the text of each log is passed to the observer.
    shows_text: bool,
}

impl Target {
    pub(crate) fn new(interest: Interest) -> Self {
        Self {
            prefilter: Arc::new(
                interest
                    .search
                    .prefilter()
                    .with_row_words(&interest.rows.words),
            ),
            rows: interest.rows,
            shows_records: interest.records,
            shows_text: interest.text,
        }
    }
}

/// The settings that are the same for each source.
struct PassContext<'a> {
    target: &'a Target,
    wanted: &'a Selection,
    names: &'a Names,
    progress: &'a Progress,
}

impl PassContext<'_> {
    fn scanner(&self) -> Scanner {
        Scanner::new(Arc::clone(&self.target.prefilter))
            .stopped_by(&self.progress.stop)
            .showing_records(self.target.shows_records)
            .keeping_times(self.target.shows_text)
    }
}

impl SourceReport {
    /// Returns the report of a source on which the program panicked.
    pub(crate) fn of_panic(message: String) -> Self {
        Self {
            stats: Stats::default(),
            defects: vec![Defect::new(Code::Panic, message)],
            gzip_members: Vec::new(),
            events: LogEvents::default(),
            is_failed: true,
        }
    }

    fn fail(&mut self, error: &dyn Display) {
        let message = format!("cannot be read: {error}");
        self.defects.push(Defect::new(Code::Unreadable, message));
        self.is_failed = true;
    }

    /// Adds the result of another piece.
    pub(crate) fn add(&mut self, piece: Self) {
        self.stats += piece.stats;
        self.defects.extend(piece.defects);
        for (member, n_members) in piece.gzip_members {
            self.add_gzip_members(member.as_ref(), n_members);
        }
        self.events.append(piece.events);
        self.is_failed |= piece.is_failed;
    }

    /// Adds the gzip members found in a log. One gzip member needs no note, because all gzip files have one.
    fn add_gzip_members(&mut self, member: Option<&Arc<Member>>, n_members: u64) {
        match self.gzip_members.last_mut() {
            Some((last, n)) if last.as_ref() == member => *n += n_members,
            _ if n_members > 0 => self.gzip_members.push((member.cloned(), n_members)),
            _ => {}
        }
    }

    /// Drops the defects of excluded entries, except those that show that other entries are missing.
    fn forget_excluded(&mut self, names: &Names) {
        self.defects.retain(|defect| {
            let is_excluded = names.leaves_out_entry(defect.member.as_deref());
            defect.code == Code::Truncated || !is_excluded
        });
    }

    /// Returns the outcome, the counts, and the defects in the order of their offsets. The order in which defects are
    /// found depends on where windows and pieces end, and this must not be visible.
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
        once::keep_one_of_each_fault(&mut self.defects);
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

/// The state that one thread scans with. All its memory is reused from source to source.
pub(crate) struct Worker<'a> {
    context: PassContext<'a>,
    open: OpenOptions<'a>,
    scanner: Scanner,
    codecs: Codecs,
    /// Largest amount of text that may come out of one source, in bytes.
    max_decoded_bytes: Option<u64>,
    /// Stored bytes taken from the sources that this worker scans alone.
    counter: Arc<AtomicU64>,
    /// The stored bytes of a small file.
    stored: Vec<u8>,
    /// Decompressed text.
    text: Vec<u8>,
    /// Memory for the text that is carried from one piece to the next.
    carried: Vec<u8>,
    /// Memory for the start of a piece.
    head: Vec<u8>,
}

impl<'a> Worker<'a> {
    pub(crate) fn new(config: &'a ScanConfig, target: &'a Target) -> Self {
        let context = PassContext {
            target,
            wanted: &config.wanted,
            names: &config.names,
            progress: &config.progress,
        };
        Self {
            scanner: context.scanner(),
            context,
            open: OpenOptions {
                map_from_bytes: config.map_from_bytes,
                stop: &config.progress.stop,
            },
            codecs: Codecs::default(),
            max_decoded_bytes: config.max_decoded_bytes,
            counter: Arc::default(),
            stored: Vec::new(),
            text: Vec::new(),
            carried: Vec::new(),
            head: Vec::new(),
        }
    }

    /// Processes a source on one thread: open, decompress, scan, pass events on.
    pub(crate) fn scan(&mut self, source: &Source, observer: &mut dyn Observer) -> SourceReport {
        #[cfg(test)]
        assert!(!source.path.ends_with("panics.json"), "a test asked for it");
        let mut report = SourceReport::default();
        self.codecs.limit(self.max_decoded_bytes.map(Budget::new));
        let mut buffer = std::mem::take(&mut self.stored);
        let opened = Opened::open(source, self.open, &mut buffer);
        let scanned = opened.and_then(|mut opened| {
            let entry = Entry::source(opened.stored(&buffer), Arc::clone(&self.counter));
            Logs::new(self, source, &mut report, observer).entry(entry)
        });
        if let Err(error) = scanned {
            report.fail(&error);
        }
        observer.end(&mut report.defects);
        self.stored = buffer;
        report
    }
}

/// The destination of candidates and records: the observer gets the selected ones, the report counts and defects.
struct PieceContext<'a> {
    context: &'a PassContext<'a>,
    source: &'a Source,
    /// The log inside the source.
    member: Option<&'a Arc<Member>>,
    report: &'a mut SourceReport,
    observer: &'a mut dyn Observer,
}

impl<'a> PieceContext<'a> {
    /// Passes on an item whose offset counts from `origin`.
    fn item(&mut self, item: &ScanItem<'_>, origin: u64) {
        match item {
            ScanItem::Event(candidate) => {
                self.candidate_at(candidate, origin + candidate.unit.start);
            }
            ScanItem::Record(unit, record) => {
                self.record_at(record, unit.record_index, origin + unit.start);
            }
        }
    }

    /// Passes on a record at this offset of its log.
    fn record_at(&mut self, record: &RawRecord<'_>, record_index: u64, byte_offset: u64) {
        if self.is_excluded() {
            return;
        }
        let location = Location {
            log: self.log(),
            record_index,
            byte_offset,
        };
        self.observe(|observer, defects| observer.record(record, &location, defects));
    }

    /// Passes on a candidate at this offset of its log.
    fn candidate_at(&mut self, candidate: &Candidate<'_>, byte_offset: u64) {
        if self.is_excluded() {
            return;
        }
        if !selects(self.context.wanted, candidate) {
            self.report.stats.events_outside += 1;
            return;
        }
        let location = Location {
            log: self.log(),
            record_index: candidate.unit.record_index,
            byte_offset,
        };
        self.observe(|observer, defects| observer.event(candidate, &location, defects));
    }

    fn log(&self) -> Log<'a> {
        Log {
            source: self.source,
            member: self.member,
        }
    }

    /// Returns true if the records of a log are passed on.
    fn wants_records(&self) -> bool {
        let target = self.context.target;
        target.shows_records && (!target.shows_text || self.observer.wants_records(&self.log()))
    }

    /// Passes on the whole text of a log, if the text is requested. `times` are the places of the keys of its times, if
    /// they are known.
    fn whole_text(&mut self, bytes: &[u8], times: Option<&[usize]>) {
        if self.context.target.shows_text && !self.is_excluded() {
            let log = self.log();
            let text = TextPart { bytes, times };
            self.observe(|observer, defects| observer.text(&text, &log, defects));
        }
    }

    /// Passes on the bytes of a log from `from` on, if the text is requested. `starts` are the places where members
    /// begin.
    fn text(&mut self, text: &[u8], from: usize, starts: &[usize]) {
        if !self.context.target.shows_text || self.is_excluded() {
            return;
        }
        let log = self.log();
        let part = |bytes| TextPart { bytes, times: None };
        self.observe(|observer, defects| {
            let mut from = from;
            for &start in starts {
                if start > from {
                    observer.text(&part(&text[from..start]), &log, defects);
                }
                observer.next_member(&log);
                from = from.max(start);
            }
            observer.text(&part(&text[from..]), &log, defects);
        });
    }

    /// Ends a log whose text was passed on.
    fn end_of_log(&mut self) {
        if self.context.target.shows_text && !self.is_excluded() {
            let log = self.log();
            self.observe(|observer, defects| observer.end_of_log(&log, defects));
        }
    }

    /// Has the observer do something, and names the log in the defects that it reports.
    fn observe(&mut self, work: impl FnOnce(&mut dyn Observer, &mut Vec<Defect>)) {
        let defects = &mut self.report.defects;
        let n_defects = defects.len();
        work(self.observer, defects);
        for defect in &mut defects[n_defects..] {
            defect.member = self.member.cloned();
        }
    }

    /// Returns true if the entry is excluded. It is then scanned only because its end is not known in advance.
    fn is_excluded(&self) -> bool {
        let names = self.context.names;
        names.leaves_out_entry(self.member.map(Arc::as_ref))
    }

    /// Turns defects that are only notes in prose into warnings. `text` is the complete text that all defects from
    /// `n_defects` on belong to.
    fn let_off_notes(&mut self, text: &[u8], n_defects: usize) {
        let defects = self.report.defects.get_mut(n_defects..);
        let_off_notes(text, defects.unwrap_or_default());
    }

    /// Counts the bytes that are scanned next, for the report and for the progress display.
    fn count(&mut self, stored_bytes: u64, text_bytes: u64) {
        let progress = self.context.progress;
        progress.stored_bytes.fetch_add(stored_bytes, Relaxed);
        progress.text_bytes.fetch_add(text_bytes, Relaxed);
        self.report.stats.stored_bytes += stored_bytes;
        self.report.stats.text_bytes += text_bytes;
    }

    /// Takes over the counts and defects of a scanner whose offsets count from `origin`.
    fn take_in(&mut self, scanner: &mut Scanner, origin: u64) {
        self.report.stats += std::mem::take(&mut scanner.stats);
        let events = std::mem::take(&mut scanner.events);
        self.report.events.add(self.member, events);
        let defects = scanner
            .defects
            .drain(..)
            .map(|defect| defect.shifted_by(origin).within(self.member));
        self.report.defects.extend(defects);
    }

    /// Reports the defects of a text that has ended.
    fn report_ends(&mut self, defects: Vec<Defect>) {
        let defects = defects.into_iter().map(|defect| defect.within(self.member));
        self.report.defects.extend(defects);
    }

    /// Scans text from the start of a document at offset `base` to the end of the text or to an anchor.
    fn scan(&mut self, scanner: &mut Scanner, bytes: &[u8], base: u64) {
        scanner.start(base);
        let window = Window {
            bytes,
            base,
            is_last: true,
            likely_start: None,
        };
        scanner.scan_items(window, &mut |item| self.item(&item, 0));
        self.take_in(scanner, 0);
    }
}

/// Returns true if an event belongs to the selected times, accounts and regions, in any way in which it can be read.
/// An event in another account's log belongs to both accounts.
fn selects(wanted: &Selection, candidate: &Candidate<'_>) -> bool {
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

/// Frees a buffer that one huge record made large.
fn shrink(buffer: &mut Vec<u8>) {
    if buffer.capacity() > 2 * TEXT_BYTES {
        *buffer = Vec::new();
    }
}
