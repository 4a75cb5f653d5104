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
mod framed;
mod inner;
mod judging;
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
use extractor::{Extractor, Whole};
use frame::{Progress, Walker};
use framed::Framed;
use limits::Limits;
use marks::TimeKeys;
use no_text::NoText;
use numbers::Numbers;
use parse::Parsers;
use sequence::Sequence;
use window::{Found, is_anchor, last_anchor, line_at};

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

/// Calls `visit` with each event in a JSON value, with or without a needle, and returns true if the value parsed. It
/// runs only the last stages, for tests and benches.
pub fn each_event(json: &[u8], visit: &mut dyn FnMut(&Event<'_>)) -> bool {
    let everything = Arc::new(Prefilter::new::<&str>(&[]));
    let end = json.len() as u64;
    let mut extractor = Extractor::new(
        everything,
        Unit {
            start: 0,
            end,
            record_index: 0,
        },
    );
    let text = Whole {
        is_lenient: true,
        ..Whole::strict(json)
    };
    extractor
        .text(&mut Parsers::default(), 0, text, &mut |candidate| {
            visit(&candidate.event)
        })
        .is_ok()
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
    /// The keys of times in the window that was scanned last, if they are kept.
    time_keys: Option<TimeKeys>,
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
            time_keys: None,
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

    /// Returns the scanner with a choice whether it keeps the places of the keys of times.
    #[must_use]
    pub(crate) fn keeping_times(self, keeps_times: bool) -> Self {
        Self {
            time_keys: keeps_times.then(TimeKeys::default),
            ..self
        }
    }

    /// Returns the places of all keys `"eventTime"` in the window that was scanned last, which must have been the whole
    /// text. Returns `None` if one is not followed by a time and `"eventSource"`, as AWS writes it, or if the places are not
    /// kept.
    pub(crate) fn times_of_whole(&self) -> Option<&[usize]> {
        let keys = self.time_keys.as_ref().filter(|keys| !keys.has_others);
        keys.map(|keys| keys.usual.as_slice())
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
        hits.keep_time_keys(self.time_keys.take());
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
        self.time_keys = hits.time_keys();
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
}
