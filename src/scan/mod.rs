//! Finds the events in a text that may match: prefilter, frame, parse, recognise.
//!
//! In: text, complete or window by window. Out: a [`Candidate`] for each event in text that contains a needle, and a
//! [`Defect`] for each such text that could not be decided. No I/O, no thread, no clock, no output: the result
//! depends on the text alone, however it is divided into windows.
//!
//! ```text
//! text ──prefilter──▶ hits ──frame──▶ units ──parse──▶ values ──envelope──▶ events
//! ```

mod action_keys;
mod closing;
mod disguise;
mod drawn;
mod elements;
mod ending;
mod envelope;
mod frame;
mod inner;
mod extractor;
mod keys;
mod lenient;
mod limits;
mod marks;
mod made;
mod names;
mod nest;
mod no_text;
mod numbers;
mod parse;
mod patterns;
mod prefilter;
mod prose;
mod records;
mod rows;
mod sequence;
mod unsound;
mod vectors;
mod window;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod growth;

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

pub use ending::{Ends, defects_of_whole};
pub use prefilter::{Actions, Hits, Prefilter};
pub use prose::let_off_notes;
pub use records::{RawRecord, ScanItem, Unit};
pub use sequence::is_sequence;
pub use window::{Before, Window, anchors, first_anchor};

use crate::event::{Event, Wrapper};
use crate::report::{Code, Defect, EventCounts, Stats};
pub use extractor::each_event;
use extractor::{Extractor, Parsers, Whole};
use frame::{Progress, Walker};
use limits::Limits;
use nest::{Framed, Needle};
use no_text::NoText;
use numbers::Numbers;
use sequence::Sequence;
use window::{Found, excerpt, is_anchor, last_anchor, line_at};

/// An event in text that contains a needle.
#[derive(Debug)]
pub struct Candidate<'a> {
    /// The event.
    pub event: Event<'a>,
    /// Its place in the text.
    pub unit: Unit,
    /// The record as written in the text; for a record inside a string, the content of the string.
    pub raw: &'a [u8],
}

impl<'a> Candidate<'a> {
    /// Returns the same with the names that the object around the record gives to its call.
    fn in_wrapper(&self, wrapper: Wrapper<'a>) -> Self {
        let event = self.event.in_wrapper(wrapper);
        Self { event, ..*self }
    }
}

/// Scans one text after another and owns all memory that this needs. There is one per worker.
#[derive(Debug)]
pub struct Scanner {
    prefilter: Arc<Prefilter>,
    /// Set when the scan must stop, wherever it is.
    stop: Arc<AtomicBool>,
    walker: Walker,
    is_walking: bool,
    /// True if every record is framed and shown, with or without a needle.
    shows_records: bool,
    /// The offset up to which the text is processed, if no document is being walked: the end of a document.
    boundary: u64,
    framed: Vec<Framed>,
    /// True if the beginning of the text is not known yet.
    is_at_start: bool,
    /// True if each document is a row of a table.
    is_table: bool,
    /// How the text is read, if in order.
    sequence: Option<Sequence>,
    /// A row or an element as JSON.
    json: Vec<u8>,
    /// The search for what is not text.
    no_text: NoText,
    /// The offset of text in the window that may contain control characters, and was not searched for them.
    unread_from: Option<u64>,
    /// The offset up to which the events of the text are counted.
    counted_to: u64,
    /// The search for text that is written as a list of numbers.
    numbers: Numbers,
    /// The number of strings that the text is nested in.
    level: usize,
    /// One for each level of JSON in strings.
    parsers: Parsers,
    /// Counts since [`Scanner::start`].
    pub stats: Stats,
    /// Defects since [`Scanner::start`].
    pub defects: Vec<Defect>,
    /// The events of the text, with or without a needle, since [`Scanner::start`].
    pub events: EventCounts,
}

impl Scanner {
    /// Creates a scanner for texts that `prefilter` searches.
    #[must_use]
    pub fn new(prefilter: Arc<Prefilter>) -> Self {
        Self::with_limits(prefilter, Limits::default())
    }

    fn with_limits(prefilter: Arc<Prefilter>, limits: Limits) -> Self {
        let walker = Walker::new(limits, Arc::clone(&prefilter), false);
        Self {
            prefilter,
            stop: Arc::default(),
            walker,
            is_walking: false,
            shows_records: false,
            boundary: 0,
            framed: Vec::new(),
            is_at_start: false,
            is_table: false,
            sequence: None,
            json: Vec::new(),
            no_text: NoText::default(),
            unread_from: None,
            counted_to: 0,
            numbers: Numbers::default(),
            level: 0,
            parsers: Parsers::default(),
            stats: Stats::default(),
            defects: Vec::new(),
            events: EventCounts::default(),
        }
    }

    /// Returns the scanner with a stop flag. When the flag is set, the scan stops wherever it is, and its results are
    /// incomplete.
    #[must_use]
    pub(crate) fn stopped_by(self, stop: &Arc<AtomicBool>) -> Self {
        let stop = Arc::clone(stop);
        Self { stop, ..self }
    }

    /// Returns the scanner with a choice whether it shows all records, from the next text on. It then frames all text.
    /// This changes nothing in the events, defects and counts.
    #[must_use]
    pub(crate) fn showing_records(self, shows_records: bool) -> Self {
        Self {
            shows_records,
            ..self
        }
    }

    /// Chooses whether it shows all records, from the next text on.
    pub(crate) fn show_records(&mut self, shows_records: bool) {
        self.shows_records = shows_records;
    }

    /// Begins with documents that are each a row of a table.
    pub(crate) fn start_table(&mut self) {
        self.start(0);
        self.is_table = true;
    }

    /// Returns the scanner for a text that is nested in this many strings.
    fn at_level(self, level: usize) -> Self {
        Self { level, ..self }
    }

    /// Begins a new text at this offset, which must be the start of a document.
    pub fn start(&mut self, offset: u64) {
        let (limits, prefilter) = (self.walker.limits(), Arc::clone(&self.prefilter));
        self.walker = Walker::new(limits, prefilter, self.shows_records);
        self.is_walking = false;
        self.boundary = offset;
        self.is_at_start = false;
        self.is_table = false;
        self.sequence = None;
        self.no_text = NoText::starting_at(offset);
        self.unread_from = None;
        self.counted_to = offset;
        self.numbers = Numbers::starting_at(offset);
        self.stats = Stats::default();
        self.defects.clear();
        self.events = EventCounts::default();
    }

    /// Begins a new text at this offset, with no text before it. It may begin with a header of rows, or an element.
    pub fn start_text(&mut self, offset: u64) {
        self.start(offset);
        self.is_at_start = true;
    }

    /// Returns true if the text scanned last ends inside a document that is being walked.
    pub(crate) fn is_walking(&self) -> bool {
        self.is_walking
    }

    /// Scans a window like [`Scanner::scan_items`]. Calls `visit` for each candidate, in the order of the text.
    pub fn scan(&mut self, window: Window<'_>, visit: &mut dyn FnMut(&Candidate<'_>)) -> u64 {
        self.scan_items(window, &mut |item| match item {
            ScanItem::Event(candidate) => visit(candidate),
            ScanItem::Record(..) => {}
        })
    }

    /// Scans a window and returns the offset from which on the next window must contain the text.
    ///
    /// The next window must contain more text after that offset than this one, or be the last one. Calls `visit` for
    /// each item, in the order of the text.
    pub fn scan_items(&mut self, window: Window<'_>, visit: &mut dyn FnMut(ScanItem<'_>)) -> u64 {
        if self.is_at_start {
            self.sequence = match Sequence::find(window.bytes, window.is_last) {
                Found::Some(sequence) => Some(sequence),
                Found::Nothing => None,
                Found::Undecided => return self.boundary,
            };
            self.is_at_start = false;
        }
        let prefilter = Arc::clone(&self.prefilter);
        let mut hits = match self.sequence.is_some() || self.is_table {
            true => prefilter.hits_in_rows(window.bytes),
            false if self.level == 0 => prefilter.hits_in_documents(window.bytes),
            false => prefilter.hits(window.bytes),
        };
        let counted = self.counted_to.clamp(window.base, window.end());
        hits.count_events(window.at(counted), window.is_last);
        let keep = match self.sequence.take() {
            None => self.scan_documents(window, &mut hits, visit),
            Some(mut sequence) => match self.scan_sequence(&mut sequence, window, &mut hits, visit)
            {
                Some(keep) => {
                    self.sequence = Some(sequence);
                    keep
                }
                None => {
                    hits.use_keys(self.level == 0);
                    self.scan_documents(window, &mut hits, visit)
                }
            },
        };
        // In text that the search has just brought into the cache.
        let defects = &mut self.defects;
        self.numbers.search(window, &prefilter, &mut |offset| {
            let message =
                "text that is written as a list of its bytes' numbers names what the rule looks for; it is not read";
            defects.push(Defect::text(Code::NeedleWithoutRecord, offset, message));
        });
        self.look_for_no_text(window, hits.control());
        self.no_text.end(window, keep);
        let (events, counted) = hits.events(window.at(keep));
        self.events += events;
        self.counted_to = window.base + counted as u64;
        keep
    }

    fn scan_documents(
        &mut self,
        window: Window<'_>,
        hits: &mut Hits<'_>,
        visit: &mut dyn FnMut(ScanItem<'_>),
    ) -> u64 {
        let closed = if window.is_last {
            window.bytes.len()
        } else {
            let (bytes, tail_bytes) = (window.bytes, self.walker.limits().tail_bytes);
            let is_last = |&at: &usize| bytes.len() - at < tail_bytes && is_anchor(bytes, at);
            let likely = window.likely_start.filter(is_last);
            let last = likely.or_else(|| last_anchor(bytes, bytes.len()));
            last.unwrap_or(0)
        };
        // There is no anchor up to this index, except those already passed. This avoids repeated searches: many
        // documents may follow one another on one line, and the next hit may be far away.
        let mut sought_to = 0;
        // The end of a line that cannot be judged by itself, whichever of its documents the attempt began at.
        let mut walked_to = 0;
        while !self.stop.load(Relaxed) {
            if self.is_walking {
                let progress = self.walker.walk(window, hits, &mut self.framed);
                self.judge_framed(window, visit);
                match progress {
                    Progress::NeedsMore(keep) => return keep,
                    Progress::Paused => continue,
                    Progress::DocumentEnd(end) => {
                        self.is_walking = false;
                        self.boundary = end;
                    }
                }
            }
            let at = window.at(self.boundary);
            if at < closed {
                // Only whole documents are before `closed`. Those without a hit are skipped.
                let start = match hits.first_in(at..closed) {
                    _ if self.shows_records => at,
                    None => {
                        self.boundary = window.base + closed as u64;
                        continue;
                    }
                    Some(hit) if hit <= sought_to => at,
                    Some(hit) => {
                        sought_to = hit;
                        last_anchor(&window.bytes[at..], hit - at).map_or(at, |a| at + a)
                    }
                };
                self.boundary = window.base + start as u64;
                if start >= walked_to && !self.shows_records {
                    let (line, is_whole) = line_at(window, start);
                    walked_to = line.end;
                    let judged = is_whole.then(|| self.line(window, line, hits, visit));
                    if let Some(end) = judged.flatten() {
                        self.boundary = end;
                        continue;
                    }
                }
            } else if window.bytes.len() - at < self.walker.limits().tail_bytes || window.is_last {
                return self.boundary;
            }
            self.walker.start(self.boundary);
            self.is_walking = true;
        }
        self.is_walking = false;
        self.boundary = window.end();
        self.boundary
    }

    fn report_invalid(&mut self, unit: Unit, error: &parse::ParseError) {
        self.stats.candidates += 1;
        self.stats.candidates_defective += 1;
        self.leave_unread(unit.start);
        let message = format!(
            "an event that may match ({} bytes) is {error}",
            unit.end - unit.start
        );
        self.defects
            .push(Defect::text(Code::InvalidJson, unit.start, message));
    }

    /// Judges a line at the start of a document by itself, without a walk, if it contains a hit and is a record: its
    /// first key marks it, and it parses. Returns the offset of its end.
    ///
    /// The result is the same as that of a walk: a line that is one JSON value is one document, and a marked object
    /// that is in no other one is the unit of all its hits.
    fn line(
        &mut self,
        window: Window<'_>,
        line: Range<usize>,
        hits: &mut Hits<'_>,
        visit: &mut dyn FnMut(ScanItem<'_>),
    ) -> Option<u64> {
        let is_hit = hits.first_in(line.clone()).is_some();
        let (start, line) = (line.start, &window.bytes[line]);
        let n_before = line.len() - line.trim_ascii_start().len();
        let record = line.trim_ascii();
        let limits = self.walker.limits();
        let is_held = record.len() as u64 <= limits.record_bytes_max;
        let is_marked = || {
            let key = keys::marking_key(record);
            key.is_some_and(|offset| offset as u64 <= limits.envelope_bytes)
        };
        if !is_hit || !is_held || !is_marked() {
            return None;
        }
        let start = window.base + (start + n_before) as u64;
        let end = start + record.len() as u64;
        let unit = Unit {
            start,
            end,
            record_index: 0,
        };
        // Strict JSON only. Otherwise the walk determines where the record ends.
        let text = Whole {
            bytes: record,
            raw: record,
            is_lenient: false,
            is_row: self.is_table,
        };
        self.judge(unit, text, visit).ok().map(|()| end)
    }

    fn judge_framed(&mut self, window: Window<'_>, visit: &mut dyn FnMut(ScanItem<'_>)) {
        for framed in std::mem::take(&mut self.framed) {
            if self.stop.load(Relaxed) {
                return;
            }
            match framed {
                Framed::Unit(unit) => {
                    let bytes = window.slice(unit.start, unit.end);
                    let text = Whole {
                        bytes,
                        raw: bytes,
                        is_lenient: true,
                        is_row: self.is_table,
                    };
                    if let Err(error) = self.judge(unit, text, visit) {
                        self.report_invalid(unit, &error);
                    }
                }
                Framed::Record { unit, is_whole } => {
                    // A larger one may no longer be in memory. The walk that cuts one off goes on to the next bracket
                    // before, over blanks.
                    let is_held = unit.start >= window.base && {
                        let behind = &window.bytes[window.at(unit.end)..];
                        let n_blanks = behind
                            .iter()
                            .take_while(|b| b.is_ascii_whitespace())
                            .count();
                        let n_blanks = if is_whole { 0 } else { n_blanks as u64 };
                        let n_bytes = unit.end + n_blanks - unit.start;
                        n_bytes <= self.walker.limits().record_bytes_max
                    };
                    let bytes = match is_held {
                        true => window.slice(unit.start, unit.end),
                        false => &[],
                    };
                    visit(ScanItem::Record(unit, RawRecord { bytes, is_whole }));
                }
                Framed::Defect(defect) => {
                    let offset = defect.offset.map_or(window.base, |(_, offset)| offset);
                    self.leave_unread(offset);
                    self.stats.candidates += 1;
                    self.stats.candidates_defective += 1;
                    self.defects.push(defect);
                }
                Framed::Unframed(Needle { offset, excerpt }) => {
                    self.leave_unread(offset);
                    self.needle_without_record(offset, &excerpt);
                }
            }
        }
    }

    fn needle_without_record(&mut self, offset: u64, excerpt: &str) {
        let message = format!("the needle stands in no record: {excerpt}");
        self.defects
            .push(Defect::text(Code::NeedleWithoutRecord, offset, message));
    }

    /// Judges a candidate, and counts it if it parses.
    fn judge(
        &mut self,
        unit: Unit,
        text: Whole<'_>,
        visit: &mut dyn FnMut(ScanItem<'_>),
    ) -> Result<(), parse::ParseError> {
        let mut extractor = Extractor::new(Arc::clone(&self.prefilter), unit);
        let visit = &mut |candidate: &Candidate<'_>| visit(ScanItem::Event(candidate));
        extractor.text(&mut self.parsers, self.level, text, visit)?;
        self.stats.candidates += 1;
        self.stats.candidates_parsed += 1;
        self.stats.events_judged += extractor.n_events;
        self.events.judged += extractor.n_events;
        self.stats.documents_without_events += extractor.n_documents;
        if let Some(error) = extractor.invalid_text {
            let message = format!("a text inside an event names what the rule looks for: {error}");
            self.defects
                .push(Defect::text(Code::NeedleWithoutRecord, unit.start, message));
        } else if extractor.n_events + extractor.n_documents == 0
            && self.prefilter.holds_needle(text.bytes)
        {
            self.needle_without_record(unit.start, &excerpt(text.bytes));
        } else if extractor.n_events + extractor.n_documents == 0
            && text.is_row
            && self.holds_cut_record(text.bytes)
        {
            let message = "a cell has the action that the rule requires, in a record that is cut off in the cell";
            self.defects
                .push(Defect::text(Code::RecordCut, unit.start, message));
        }
        self.report_quality(unit, extractor.quality, extractor.is_duplicate);
        Ok(())
    }
}
