//! The way of one source: open, decompress, scan, judge.
//!
//! In: a [`Source`]. Out: its alerts, as they are found, and what it came to. A small source is scanned by one
//! worker; a [`large`] one is cut into pieces that several scan, and a [`chain`] holds these together. A
//! worker runs on one thread, and knows nothing of the others.

mod chain;
pub(crate) mod large;
mod part;

use std::fmt::Display;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use crate::config::{HuntConfig, Progress};
use crate::input::decompress::{Filled, Limit};
use crate::input::open::{OpenOptions, Opened};
use crate::input::{Codecs, Source, Text};
use crate::output::{Alert, Place};
use crate::report::{Code, Defect, Outcome, Severity, Stats};
use crate::rule::Rule;
use crate::scan::{Candidate, Prefilter, Scanner, Window};

/// The most text that is held before it is scanned. A member of a gzip file whose text fits is inflated
/// whole, at twice the speed of a stream.
const TEXT_BYTES: usize = 16 << 20;

/// What a source, or a piece of one, came to.
#[derive(Debug, Default)]
pub(crate) struct SourceReport {
    pub(crate) stats: Stats,
    pub(crate) defects: Vec<Defect>,
    /// Nothing of it was read.
    is_failed: bool,
}

impl SourceReport {
    /// Of a source over which the program failed.
    pub(crate) fn of_panic(message: String) -> Self {
        Self {
            stats: Stats::default(),
            defects: vec![Defect::new(Code::Panic, message)],
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
        self.is_failed |= piece.is_failed;
    }

    /// What it came to in all, and its defects in the order of their offsets: where a window or piece ended
    /// decides when a defect is met, but must not show.
    pub(crate) fn finish(mut self) -> (Outcome, Stats, Vec<Defect>) {
        self.defects
            .sort_by_key(|defect| defect.offset.map(|(_, offset)| offset));
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

/// What one thread scans with: all its memory is kept from source to source.
pub(crate) struct Worker<'a> {
    rule: &'a Rule,
    progress: &'a Progress,
    open: OpenOptions<'a>,
    prefilter: &'a Arc<Prefilter>,
    scanner: Scanner,
    codecs: Codecs,
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
            rule: &config.rule,
            progress: &config.progress,
            open: OpenOptions {
                map_from_bytes: config.map_from_bytes,
                stop: &config.progress.stop,
            },
            prefilter,
            scanner: Scanner::new(Arc::clone(prefilter)),
            codecs: Codecs::default(),
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
        let opened = Opened::open(source, self.open, &mut self.stored);
        let text = opened.and_then(|mut opened| {
            let stored = opened.stored(&self.stored);
            let mut text = Text::new(stored, &mut self.codecs, &mut report.defects)?;
            let mut judge = Judge {
                rule: self.rule,
                source,
                progress: self.progress,
                report: &mut report,
                emit,
            };
            self.scanner.start(0);
            match text.as_slice() {
                Some(bytes) => {
                    judge.count(bytes.len() as u64, bytes.len() as u64);
                    judge.scan(&mut self.scanner, bytes, 0);
                }
                None => judge.scan_text(
                    &mut self.scanner,
                    &mut text,
                    &mut self.text,
                    &mut self.codecs,
                ),
            }
            Ok(())
        });
        if let Err(error) = text {
            report.fail(&error);
        }
        report
    }
}

/// Where candidates go: to the rule, and what comes of them to the sink and the report.
struct Judge<'a> {
    rule: &'a Rule,
    source: &'a Source,
    progress: &'a Progress,
    report: &'a mut SourceReport,
    emit: &'a mut dyn FnMut(Alert),
}

impl Judge<'_> {
    /// The rule's answer for a candidate, whose offset counts from `origin`.
    fn candidate(&mut self, candidate: &Candidate<'_>, origin: u64) {
        if !self.rule.matches(&candidate.event) {
            return;
        }
        let place = Place {
            source: &self.source.path,
            below_root: &self.source.below_root,
            record_index: candidate.unit.record_index,
            byte_offset: origin + candidate.unit.start,
        };
        let alert = Alert::new(self.rule, &candidate.event, candidate.raw, place);
        self.progress.n_alerts.fetch_add(1, Relaxed);
        if alert.event_time.is_none() {
            self.report.defects.push(time_defect(&alert));
        }
        (self.emit)(alert);
    }

    /// Counts what is about to be scanned, for the report and for whoever watches.
    fn count(&mut self, stored_bytes: u64, text_bytes: u64) {
        self.progress.stored_bytes.fetch_add(stored_bytes, Relaxed);
        self.progress.text_bytes.fetch_add(text_bytes, Relaxed);
        self.report.stats.stored_bytes += stored_bytes;
        self.report.stats.text_bytes += text_bytes;
    }

    /// Takes over what a scanner, whose offsets count from `origin`, has counted and met.
    fn take_in(&mut self, scanner: &mut Scanner, origin: u64) {
        self.report.stats += std::mem::take(&mut scanner.stats);
        let defects = scanner
            .defects
            .drain(..)
            .map(|defect| defect.behind(origin));
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

    /// Scans text as it is decompressed.
    fn scan_text(
        &mut self,
        scanner: &mut Scanner,
        text: &mut Text<'_>,
        buffer: &mut Vec<u8>,
        codecs: &mut Codecs,
    ) {
        scanner.start(0);
        buffer.clear();
        let mut base = 0;
        while !self.progress.stop.load(Relaxed) {
            let (held, stored_bytes) = (buffer.len(), text.stored_bytes());
            let limit = Limit::at(TEXT_BYTES.max(2 * held));
            let filled = text.fill(buffer, limit, codecs, &mut self.report.defects);
            self.count(
                text.stored_bytes() - stored_bytes,
                (buffer.len() - held) as u64,
            );
            let window = Window {
                bytes: buffer,
                base,
                is_last: filled == Filled::End,
                likely_start: text.last_start(),
            };
            let keep = scanner.scan(window, &mut |candidate| self.candidate(candidate, 0));
            self.take_in(scanner, 0);
            if window.is_last {
                break;
            }
            let n_done = usize::try_from(keep - base).expect("an offset into the buffer");
            buffer.drain(..n_done);
            base = keep;
        }
        shrink(buffer);
    }
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
