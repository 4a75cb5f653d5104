//! The way of one source: open, decompress, scan, judge.
//!
//! In: a [`Source`]. Out: its alerts, as they are found, and what it came to. It runs on one thread, and
//! knows nothing of the others.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use crate::config::{HuntConfig, Progress};
use crate::input::decompress::Filled;
use crate::input::open::{OpenOptions, Opened};
use crate::input::{Codecs, Source, Text};
use crate::output::{Alert, Place};
use crate::report::{Code, Defect, Outcome, Severity, Stats};
use crate::rule::Rule;
use crate::scan::{Candidate, Prefilter, Scanner, Window};

/// The most text that is held for a source before it is scanned. A member of a gzip file whose text fits
/// is inflated whole, at twice the speed of a stream.
const TEXT_BYTES: usize = 16 << 20;
/// The part of a mapped file that is scanned at once: for progress, and for the wish to stop.
const MAPPED_WINDOW_BYTES: usize = 32 << 20;

/// What a source came to.
pub(crate) struct SourceReport {
    pub(crate) outcome: Outcome,
    pub(crate) stats: Stats,
    pub(crate) defects: Vec<Defect>,
}

/// What one thread scans with: all its memory is kept from source to source.
pub(crate) struct Worker<'a> {
    rule: &'a Rule,
    progress: &'a Progress,
    open: OpenOptions<'a>,
    scanner: Scanner,
    codecs: Codecs,
    /// A small file as it is stored.
    stored: Vec<u8>,
    /// Decompressed text.
    text: Vec<u8>,
}

impl<'a> Worker<'a> {
    pub(crate) fn new(config: &'a HuntConfig, prefilter: &Arc<Prefilter>) -> Self {
        Self {
            rule: &config.rule,
            progress: &config.progress,
            open: OpenOptions {
                map_from_bytes: config.map_from_bytes,
                stop: &config.progress.stop,
            },
            scanner: Scanner::new(Arc::clone(prefilter)),
            codecs: Codecs::default(),
            stored: Vec::new(),
            text: Vec::new(),
        }
    }

    /// The way of one source: open, decompress, scan, judge.
    pub(crate) fn scan(&mut self, source: &Source, emit: &mut dyn FnMut(Alert)) -> SourceReport {
        #[cfg(test)]
        assert!(!source.path.ends_with("panics.json"), "a test asked for it");
        self.scanner.start(0);
        let (mut defects, mut untimed) = (Vec::new(), Vec::new());
        let opened = Opened::open(source, self.open, &mut self.stored);
        let stored_bytes = opened.and_then(|mut opened| {
            let stored = opened.stored(&self.stored);
            let mut text = Text::new(stored, &mut self.codecs, &mut defects)?;
            let mut judge = |candidate: &Candidate<'_>| {
                if let Some(alert) = judge(self.rule, candidate, source) {
                    self.progress.n_alerts.fetch_add(1, Relaxed);
                    if alert.event_time.is_none() {
                        untimed.push(time_defect(&alert));
                    }
                    emit(alert);
                }
            };
            match text.as_slice() {
                Some(bytes) => {
                    scan_slice(bytes, &mut self.scanner, self.progress, &mut judge);
                    Ok(bytes.len() as u64)
                }
                None => {
                    let (buffer, scanner) = (&mut self.text, &mut self.scanner);
                    scan_text(
                        &mut text,
                        buffer,
                        scanner,
                        self.progress,
                        &mut defects,
                        &mut judge,
                    );
                    Ok(text.stored_bytes())
                }
            }
        });
        defects.append(&mut untimed);
        defects.append(&mut self.scanner.defects);
        // Where a window ended decides when a defect is met, but must not show.
        defects.sort_by_key(|defect| defect.offset.map(|(_, offset)| offset));
        let is_complete = defects.iter().all(|d| d.code.severity() < Severity::Error);
        let outcome = match stored_bytes {
            Err(ref error) => {
                let message = format!("cannot be read: {error}");
                defects.push(Defect::new(Code::Unreadable, message));
                Outcome::Failed
            }
            Ok(_) if !is_complete => Outcome::Partial,
            Ok(0) => Outcome::Empty,
            Ok(_) => Outcome::Read,
        };
        let stats = Stats {
            // Of a source that failed nothing was read.
            stored_bytes: stored_bytes.unwrap_or_default(),
            ..self.scanner.stats
        };
        SourceReport {
            outcome,
            stats,
            defects,
        }
    }
}

/// What is worth knowing of an alert without a time.
fn time_defect(alert: &Alert) -> Defect {
    let message = match &alert.event_time_text {
        Some(text) => format!("time of an alert cannot be read: {}", text.escape_debug()),
        None => "an alert has no time".to_owned(),
    };
    let offset = alert.byte_offset.unsigned_abs();
    Defect::text(Code::EventTimeUnreadable, offset, message)
}

/// The rule's answer for a candidate.
fn judge(rule: &Rule, candidate: &Candidate<'_>, source: &Source) -> Option<Alert> {
    let place = Place {
        source: &source.path,
        below_root: &source.below_root,
        record_index: candidate.unit.record_index,
        byte_offset: candidate.unit.start,
    };
    let matches = rule.matches(&candidate.event);
    matches.then(|| Alert::new(rule, &candidate.event, candidate.raw, place))
}

/// Counts what is about to be scanned, for the report and for whoever watches.
fn count(stored_bytes: u64, text_bytes: u64, scanner: &mut Scanner, progress: &Progress) {
    progress.stored_bytes.fetch_add(stored_bytes, Relaxed);
    progress.text_bytes.fetch_add(text_bytes, Relaxed);
    scanner.stats.text_bytes += text_bytes;
}

/// Scans text that is all at hand.
fn scan_slice(
    bytes: &[u8],
    scanner: &mut Scanner,
    progress: &Progress,
    judge: &mut dyn FnMut(&Candidate<'_>),
) {
    let (mut from, mut to) = (0, 0);
    while to < bytes.len() && !progress.stop.load(Relaxed) {
        // Twice what is held, so that a record of any size takes few rounds.
        let next = bytes.len().min(to + MAPPED_WINDOW_BYTES.max(to - from));
        let n_bytes = (next - to) as u64;
        count(n_bytes, n_bytes, scanner, progress);
        to = next;
        let window = Window {
            bytes: &bytes[from..to],
            base: from as u64,
            is_last: to == bytes.len(),
        };
        from = usize::try_from(scanner.scan(window, judge)).expect("an offset into a slice");
    }
}

/// Scans text as it is decompressed.
fn scan_text(
    text: &mut Text<'_>,
    buffer: &mut Vec<u8>,
    scanner: &mut Scanner,
    progress: &Progress,
    defects: &mut Vec<Defect>,
    judge: &mut dyn FnMut(&Candidate<'_>),
) {
    buffer.clear();
    let mut base = 0;
    while !progress.stop.load(Relaxed) {
        let (held, stored_bytes) = (buffer.len(), text.stored_bytes());
        let filled = text.fill(buffer, TEXT_BYTES.max(2 * held), defects);
        let n_stored_bytes = text.stored_bytes() - stored_bytes;
        count(
            n_stored_bytes,
            (buffer.len() - held) as u64,
            scanner,
            progress,
        );
        let window = Window {
            bytes: buffer,
            base,
            is_last: filled == Filled::End,
        };
        let keep = scanner.scan(window, judge);
        if window.is_last {
            break;
        }
        let n_done = usize::try_from(keep - base).expect("an offset into the buffer");
        buffer.drain(..n_done);
        base = keep;
    }
    if buffer.capacity() > 2 * TEXT_BYTES {
        // One huge record does not keep its memory.
        *buffer = Vec::new();
    }
}
