//! From text to the events that may match: prefilter, frame, parse, recognise.
//!
//! In: text, whole or window by window. Out: a [`Candidate`] for each event in text that holds a needle,
//! and a [`Defect`] for each such text that could not be decided. No I/O, no thread, no clock, no output:
//! what is found depends on the text alone, however it is divided into windows.
//!
//! ```text
//! text ──prefilter──▶ hits ──frame──▶ units ──parse──▶ values ──envelope──▶ events
//! ```

mod envelope;
mod frame;
mod keys;
mod nest;
mod parse;
mod patterns;
mod prefilter;
mod window;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use memchr::memchr;

pub use nest::Unit;
pub use prefilter::{Hits, Prefilter};
pub use window::{Before, Window, anchors, first_anchor};

use crate::event::Event;
use crate::report::{Code, Defect, Stats};
use envelope::Met;
use frame::{Progress, Walker};
use nest::{Framed, Limits, Needle};
use parse::Parser;
use window::{excerpt, is_anchor, last_anchor};

/// An event in text that holds a needle.
#[derive(Debug)]
pub struct Candidate<'a> {
    /// The event.
    pub event: Event<'a>,
    /// Where it stands in the text.
    pub unit: Unit,
    /// The record as it stands in the text; for a record inside a string, the string's content.
    pub raw: &'a [u8],
}

/// Calls `visit` with each event in a JSON value, whether it holds a needle or not, and gives back whether
/// the value parsed: the last stages alone, for tests and benches.
pub fn each_event(json: &[u8], visit: &mut dyn FnMut(&Event<'_>)) -> bool {
    let everything = Arc::new(Prefilter::new::<&str>(&[]));
    let end = json.len() as u64;
    let mut judging = Judging::new(
        everything,
        Unit {
            start: 0,
            end,
            record_index: 0,
        },
    );
    judging
        .text(&mut Vec::new(), 0, json, &mut |candidate| {
            visit(&candidate.event)
        })
        .is_ok()
}

/// How many levels of JSON in strings are looked into.
const STRING_LEVELS_MAX: usize = 16;

/// The longest line that is judged by itself: one that proves to be none is then parsed in vain, and walked.
const LINE_BYTES_MAX: usize = 64 * 1024;

/// Scans one text after the other; owns all memory that this needs. One per worker.
#[derive(Debug)]
pub struct Scanner {
    prefilter: Arc<Prefilter>,
    walker: Walker,
    is_walking: bool,
    /// Up to where the text is dealt with, if not walking: a document's end.
    boundary: u64,
    framed: Vec<Framed>,
    /// One for each level of JSON in strings.
    parsers: Vec<Parser>,
    /// Counts since [`Scanner::start`].
    pub stats: Stats,
    /// Defects since [`Scanner::start`].
    pub defects: Vec<Defect>,
}

impl Scanner {
    /// A scanner for texts that `prefilter` searches.
    #[must_use]
    pub fn new(prefilter: Arc<Prefilter>) -> Self {
        Self::with_limits(prefilter, Limits::default())
    }

    fn with_limits(prefilter: Arc<Prefilter>, limits: Limits) -> Self {
        let walker = Walker::new(limits, Arc::clone(&prefilter));
        Self {
            prefilter,
            walker,
            is_walking: false,
            boundary: 0,
            framed: Vec::new(),
            parsers: Vec::new(),
            stats: Stats::default(),
            defects: Vec::new(),
        }
    }

    /// Begins a new text at this offset, which must be the start of a document.
    pub fn start(&mut self, offset: u64) {
        self.walker = Walker::new(self.walker.limits(), Arc::clone(&self.prefilter));
        self.is_walking = false;
        self.boundary = offset;
        self.stats = Stats::default();
        self.defects.clear();
    }

    /// Whether what was scanned last ends inside a document that is being walked.
    pub(crate) fn is_walking(&self) -> bool {
        self.is_walking
    }

    /// Scans a window and gives the offset from which on the text must be in the next one.
    ///
    /// The next window must hold more than this one from there on, or be the last. Calls `visit` for
    /// each candidate, in the order of the text.
    pub fn scan(&mut self, window: Window<'_>, visit: &mut dyn FnMut(&Candidate<'_>)) -> u64 {
        let prefilter = Arc::clone(&self.prefilter);
        let mut hits = prefilter.hits(window.bytes);
        let closed = if window.is_last {
            window.bytes.len()
        } else {
            let (bytes, tail_bytes) = (window.bytes, self.walker.limits().tail_bytes);
            let is_last = |&at: &usize| bytes.len() - at < tail_bytes && is_anchor(bytes, at);
            let likely = window.likely_start.filter(is_last);
            let last = likely.or_else(|| last_anchor(bytes, bytes.len()));
            last.unwrap_or(0)
        };
        // Up to where no anchor stands but those behind: back-to-back documents on one line are many, and
        // the way to the next hit may be long.
        let mut sought_to = 0;
        loop {
            if self.is_walking {
                let progress = self.walker.walk(window, &mut hits, &mut self.framed);
                self.judge_framed(window, visit);
                match progress {
                    Progress::NeedsMore(keep) => return keep,
                    Progress::DocumentEnd(end) => {
                        self.is_walking = false;
                        self.boundary = end;
                    }
                }
            }
            let at = window.at(self.boundary);
            if at < closed {
                // Only whole documents stand before `closed`: those without a hit are passed over.
                let start = match hits.first_in(at..closed) {
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
                if let Some(end) = self.line(window, start, &mut hits, visit) {
                    self.boundary = end;
                    continue;
                }
            } else if window.bytes.len() - at < self.walker.limits().tail_bytes || window.is_last {
                return self.boundary;
            }
            self.walker.start(self.boundary);
            self.is_walking = true;
        }
    }

    /// Judges the line at a document's start by itself, without a walk, if it holds a hit and is a record: its
    /// first key marks it, and it parses. Gives the offset of its end.
    ///
    /// Nothing else comes of it than of a walk: a line that is one JSON value is one document, and an
    /// object that is marked and lies in no other is the unit of all its hits.
    fn line(
        &mut self,
        window: Window<'_>,
        start: usize,
        hits: &mut Hits<'_>,
        visit: &mut dyn FnMut(&Candidate<'_>),
    ) -> Option<u64> {
        let rest = &window.bytes[start..];
        let near = &rest[..rest.len().min(LINE_BYTES_MAX)];
        let line = match memchr(b'\n', near) {
            Some(end) => &near[..end],
            None if window.is_last && near.len() == rest.len() => near,
            None => return None,
        };
        let n_before = line.len() - line.trim_ascii_start().len();
        let record = line.trim_ascii();
        let limits = self.walker.limits();
        let is_hit = hits.first_in(start..start + line.len()).is_some();
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
        self.judge(unit, record, visit).ok().map(|()| end)
    }

    fn judge_framed(&mut self, window: Window<'_>, visit: &mut dyn FnMut(&Candidate<'_>)) {
        for framed in std::mem::take(&mut self.framed) {
            match framed {
                Framed::Unit(unit) => {
                    let bytes = window.slice(unit.start, unit.end);
                    if let Err(error) = self.judge(unit, bytes, visit) {
                        self.stats.candidates += 1;
                        self.stats.candidates_defective += 1;
                        let message = format!("candidate of {} bytes is {error}", bytes.len());
                        self.defects
                            .push(Defect::text(Code::InvalidJson, unit.start, message));
                    }
                }
                Framed::Defect(defect) => {
                    self.stats.candidates += 1;
                    self.stats.candidates_defective += 1;
                    self.defects.push(defect);
                }
                Framed::Unframed(Needle { offset, excerpt }) => {
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
        bytes: &[u8],
        visit: &mut dyn FnMut(&Candidate<'_>),
    ) -> Result<(), parse::ParseError> {
        let mut judging = Judging::new(Arc::clone(&self.prefilter), unit);
        judging.text(&mut self.parsers, 0, bytes, visit)?;
        self.stats.candidates += 1;
        self.stats.candidates_parsed += 1;
        self.stats.events_judged += judging.n_events;
        self.stats.documents_without_events += judging.n_documents;
        if let Some(error) = judging.invalid_text {
            let message = format!("a string in the candidate holds the needle, and is {error}");
            self.defects
                .push(Defect::text(Code::NeedleWithoutRecord, unit.start, message));
        } else if judging.n_events + judging.n_documents == 0 && self.prefilter.holds_needle(bytes)
        {
            self.needle_without_record(unit.start, &excerpt(bytes));
        }
        if judging.is_lossy {
            let message = "record holds bytes that are not UTF-8; judged with U+FFFD instead";
            self.defects
                .push(Defect::text(Code::InvalidUtf8, unit.start, message));
        }
        if judging.is_duplicate {
            let message = "record names a field more than once; every reading was judged";
            self.defects
                .push(Defect::text(Code::DuplicateKeys, unit.start, message));
        }
        Ok(())
    }
}

/// What is met while one candidate is judged.
struct Judging {
    prefilter: Arc<Prefilter>,
    unit: Unit,
    n_events: u64,
    n_documents: u64,
    is_lossy: bool,
    is_duplicate: bool,
    /// Why a string that begins as JSON and holds the needle was not judged.
    invalid_text: Option<parse::ParseError>,
}

impl Judging {
    fn new(prefilter: Arc<Prefilter>, unit: Unit) -> Self {
        Self {
            prefilter,
            unit,
            n_events: 0,
            n_documents: 0,
            is_lossy: false,
            is_duplicate: false,
            invalid_text: None,
        }
    }

    /// Judges a text that is one JSON value: the candidate, or a string inside it.
    fn text(
        &mut self,
        parsers: &mut Vec<Parser>,
        level: usize,
        bytes: &[u8],
        visit: &mut dyn FnMut(&Candidate<'_>),
    ) -> Result<(), parse::ParseError> {
        if parsers.len() <= level {
            parsers.resize_with(level + 1, Parser::default);
        }
        // Taken out, since the texts inside are judged while this one is borrowed.
        let mut parser = std::mem::take(&mut parsers[level]);
        let parsed = parser.parse(bytes, |value, is_lossy| {
            self.is_lossy |= is_lossy;
            let (mut texts, mut wrappers) = (Vec::new(), Vec::new());
            envelope::recognise(value, &mut |met| match met {
                Met::Event(event) => self.event(event, bytes, visit),
                Met::NoEvent => self.n_documents += 1,
                Met::Text(text) => texts.push(text),
                Met::Wrapper(event, texts) => wrappers.push((event, texts)),
            });
            for text in texts {
                self.string(parsers, level, text, visit);
            }
            for (event, texts) in wrappers {
                let n_before = self.n_events;
                for text in texts {
                    self.string(parsers, level, text, visit);
                }
                if self.n_events == n_before {
                    self.event(event, bytes, visit);
                }
            }
        });
        parsers[level] = parser;
        parsed
    }

    fn event(&mut self, event: Event<'_>, raw: &[u8], visit: &mut dyn FnMut(&Candidate<'_>)) {
        self.n_events += 1;
        self.is_duplicate |= event.has_duplicate_keys();
        visit(&Candidate {
            event,
            unit: self.unit,
            raw,
        });
    }

    /// Judges a string of a text at `level`, if it has a hit: else it holds no record that could match.
    fn string(
        &mut self,
        parsers: &mut Vec<Parser>,
        level: usize,
        text: &str,
        visit: &mut dyn FnMut(&Candidate<'_>),
    ) {
        let text = text.as_bytes();
        let has_hit = self.prefilter.hits(text).first_from(0).is_some();
        if !has_hit {
            return;
        }
        let judged = match level {
            STRING_LEVELS_MAX => Err(parse::ParseError::TooDeep),
            _ => self.text(parsers, level + 1, text, visit),
        };
        if let Err(error) = judged
            && self.prefilter.holds_needle(text)
        {
            self.invalid_text.get_or_insert(error);
        }
    }
}
