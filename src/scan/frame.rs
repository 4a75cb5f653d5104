//! Finds where records begin and end: a walk over the structure of JSON text that keeps track of strings.
//!
//! In: text, window by window, and its hits. Out: [`Unit`]s, the smallest regions that contain a hit and certainly
//! contain the whole record around it; and defects, for hits in regions that are cut off. Nothing is parsed here,
//! numbers and words are not checked, and text without a hit is walked only as far as necessary.
//!
//! # Documents
//!
//! A *document* is a JSON value that is not inside another value. It ends where the walk closes its first bracket.
//! Its start is known without a walk in two places, called **anchors**. The first kind is a line whose first byte is
//! `{` or `[`, if the last byte before it (ignoring blanks) is none of `[ , : {`. In valid JSON a bracket inside a
//! value always follows one of these four, and no string contains a raw newline. The second kind is the second
//! bracket of `}{"`, if the text after it cannot follow the end of a string ([`is_joint`]). In damaged text an anchor
//! is where the walk resumes: a document that is still open at an anchor is cut off there. So the documents depend on
//! the text alone, never on how it was divided into windows or among threads.
//!
//! # Units
//!
//! An object is *marked* when it has a key of a schema that we know (`eventName` and so on). The unit of a hit is the
//! **outermost marked object** around it, since what is inside a record is data. If no object is marked, the unit is
//! the string around the hit if that may hold JSON, else the innermost object. So a delivery file is split into its
//! records:
//!
//! ```text
//! {"Records":[{"eventVersion":…},{"eventVersion":…,"requestParameters":{…hit…}},…]}
//!              no hit: not a unit └────────────────── unit ──────────────────┘
//! ```
//!
//! The outermost marked object is known only when everything around it is known not to be marked. An object that is
//! not marked in its first [`Limits::envelope_bytes`] never will be: it is an *envelope*. So text that is larger than
//! memory can be walked. Only the first bytes of the envelopes and one record are kept in memory.

use std::ops::Range;
use std::sync::Arc;

use memchr::{memchr, memchr3, memmem};

use super::closing::{Closing, closing_bracket};
use super::framed::{Framed, Needle};
use super::keys::{self, KEY_BYTES_MAX};
use super::limits::Limits;
use super::nest::Nest;
use super::prefilter::{Hits, Prefilter};
use super::window::{Window, continues, excerpt, is_joint, last_byte, word_around};
use crate::steps;

/// The state in which the walk stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Progress {
    /// The document ended at this offset.
    DocumentEnd(u64),
    /// The window ended first. The next window must have the bytes from this offset on.
    NeedsMore(u64),
    /// Neither: the same window has more text. The walk only pauses, so that the caller may stop it.
    Paused,
}

/// A string that the cursor is in.
#[derive(Debug, Clone, Copy)]
struct Open {
    start: u64,
    /// Its bytes before this offset are no longer in memory.
    held_from: u64,
}

/// The walk over one document. See the module documentation.
#[derive(Debug)]
pub(crate) struct Walker {
    limits: Limits,
    prefilter: Arc<Prefilter>,
    nest: Nest,
    /// The offset that the walk has reached.
    cursor: u64,
    string: Option<Open>,
    /// The start of the current line, as long as only blanks came after it.
    line: Option<u64>,
    /// The last byte before the cursor that is not blank; inside a string, the last one before the current line.
    before: u8,
    /// Objects that began before this offset are no longer completely in memory.
    held_from: u64,
    /// Up to this offset no attempt is made to pass over a record.
    tried_to: u64,
}

impl Walker {
    pub(crate) fn limits(&self) -> Limits {
        self.limits
    }

    /// Creates a walker. If the prefilter lets everything through, every marked object is a unit. If it
    /// `shows_records`, every marked object is also a record.
    pub(crate) fn new(limits: Limits, prefilter: Arc<Prefilter>, shows_records: bool) -> Self {
        Self {
            limits,
            nest: Nest::new(limits, prefilter.lets_all_through(), shows_records),
            prefilter,
            cursor: 0,
            string: None,
            line: None,
            before: b' ',
            held_from: 0,
            tried_to: 0,
        }
    }

    /// Begins at the start of a document.
    pub(crate) fn start(&mut self, offset: u64) {
        self.nest.start();
        self.cursor = offset;
        self.string = None;
        self.line = None;
        self.before = b' ';
        self.held_from = offset;
        self.tried_to = offset;
    }

    /// Continues the walk to the end of the document or of the window.
    ///
    /// The window must contain the text from the offset that [`Progress::NeedsMore`] returned last.
    pub(crate) fn walk(
        &mut self,
        window: Window<'_>,
        hits: &mut Hits<'_>,
        out: &mut Vec<Framed>,
    ) -> Progress {
        let bytes = window.bytes;
        let n_left = usize::from(!window.is_last) * self.limits.seam_bytes;
        let end = bytes.len().saturating_sub(n_left);
        let mut i = window.at(self.cursor);
        let pause = end.min(i.saturating_add(self.limits.stride_bytes));
        let from = self.string.map_or(i, |string| window.at(string.held_from));
        let mut next_hit = hits.first_from(from).unwrap_or(usize::MAX);
        loop {
            if self.string.is_some() {
                match self.string_end(window, i) {
                    StringEnd::At(string_end) => {
                        self.close_string(window, string_end, next_hit, out);
                        if next_hit < string_end {
                            next_hit = hits.first_from(string_end).unwrap_or(usize::MAX);
                        }
                        let rest = string_end..end;
                        i = self.pass_over_record(window, rest, hits, &mut next_hit);
                    }
                    StringEnd::Anchor(line) => return self.cut(line, next_hit, window, out),
                    StringEnd::Unknown => return self.suspend(window, next_hit, out),
                }
            }
            if i >= pause {
                break;
            }
            steps::take(1);
            let (at, byte) = (i, bytes[i]);
            let offset = window.base + at as u64;
            i += 1;
            match byte {
                b' ' | b'\t' | b'\r' => continue,
                b'\n' => {
                    self.line = Some(offset + 1);
                    continue;
                }
                b'"' if !self.nest.is_empty() => {
                    self.string = Some(Open {
                        start: offset,
                        held_from: offset,
                    });
                }
                b'{' | b'[' => match self.anchor(bytes, at, offset) {
                    Some(anchor) => return self.cut(anchor, next_hit, window, out),
                    None => self.open(window, at),
                },
                b'}' | b']' => {
                    let is_document_end = self.close(window, at, out);
                    if is_document_end {
                        return Progress::DocumentEnd(offset + 1);
                    }
                }
                b',' => self.nest.next_element(),
                _ if at == next_hit => {
                    let word = self.word(bytes, at);
                    self.hit(window, at, word, false, out);
                    next_hit = hits.first_from(i).unwrap_or(usize::MAX);
                }
                _ => {}
            }
            self.before = byte;
            self.line = None;
        }
        self.cursor = window.base + i as u64;
        if i < end {
            return Progress::Paused;
        }
        if window.is_last {
            return self.cut(window.end(), next_hit, window, out);
        }
        self.suspend(window, next_hit, out)
    }

    /// Opens the bracket at an index.
    fn open(&mut self, window: Window<'_>, at: usize) {
        let may_be = self.before == b':' && self.nest.is_outside_records();
        let near = at.saturating_sub(self.limits.seam_bytes)..at;
        let is_request = may_be && keys::is_request(&window.bytes[near]);
        let offset = window.base + at as u64;
        let begins_line = self.line.is_some() || self.before == b' ';
        self.nest
            .open(window.bytes[at], offset, is_request, begins_line);
    }

    /// Closes the bracket at an index. Returns true if that ends the document.
    fn close(&mut self, window: Window<'_>, at: usize, out: &mut Vec<Framed>) -> bool {
        let rest = &window.bytes[at + 1..];
        let near = &rest[..rest.len().min(self.limits.seam_bytes)];
        let goes_on = self.nest.ends_before_members() && keys::is_member(near);
        self.nest.close(window.base + at as u64 + 1, goes_on, out)
    }

    /// Passes over the rest of a record, up to the bracket that closes it, if that is certainly in this range and a
    /// record is innermost. Returns the index that it came to. What is inside a record is data, so that only one thing
    /// matters there: whether there is a hit.
    fn pass_over_record(
        &mut self,
        window: Window<'_>,
        range: Range<usize>,
        hits: &mut Hits<'_>,
        next_hit: &mut usize,
    ) -> usize {
        let Range { start, end } = range;
        if !self.nest.is_in_record() || start >= end || window.base + (start as u64) < self.tried_to
        {
            return start;
        }
        match closing_bracket(window.bytes, start, end) {
            Closing::At(closing) => {
                if *next_hit < closing {
                    self.nest.hit_in_record();
                    *next_hit = hits.first_from(closing).unwrap_or(usize::MAX);
                }
                closing
            }
            Closing::NotUpTo(tried_to) => {
                self.tried_to = window.base + tried_to as u64;
                start
            }
        }
    }

    /// Returns the word around a hit outside strings, if it matters whether a needle is in it.
    fn word(&self, bytes: &[u8], at: usize) -> Range<usize> {
        match self.nest.asks_for_needle() {
            true => word_around(bytes, at, self.limits.seam_bytes),
            false => at..at,
        }
    }

    /// Returns the anchor at this bracket, if a document is open that the anchor cuts off.
    fn anchor(&self, bytes: &[u8], at: usize, offset: u64) -> Option<u64> {
        if self.nest.is_empty() {
            return None;
        }
        let line = self.line.filter(|_| !continues(self.before));
        line.or_else(|| is_joint(bytes, at).then_some(offset))
    }

    /// Finds the end of the string that continues at index `i`.
    fn string_end(&mut self, window: Window<'_>, mut i: usize) -> StringEnd {
        let bytes = window.bytes;
        let mut line_start = i;
        loop {
            // A JSON string contains no raw newline: either the string has lost its end, or its writer was lax.
            if let Some(line) = self.line {
                let is_blank = |b: &u8| matches!(b, b' ' | b'\t' | b'\r');
                let n_blanks = bytes[i..].iter().take_while(|b| is_blank(b)).count();
                steps::take(n_blanks);
                i += n_blanks;
                match bytes.get(i) {
                    None => break,
                    Some(b'{' | b'[') if !continues(self.before) => {
                        return StringEnd::Anchor(line);
                    }
                    Some(_) => self.line = None,
                }
            }
            let step = memchr3(b'"', b'\\', b'\n', &bytes[i..]);
            steps::take(1 + step.unwrap_or(bytes.len() - i));
            let Some(step) = step else {
                i = bytes.len();
                break;
            };
            i += step;
            match (bytes[i], bytes.get(i + 1)) {
                // The string has lost its end. Otherwise this quote would be its end, and the text after it shows
                // that it is not.
                (b'"', _) if i > 0 && is_joint(bytes, i - 1) => {
                    return StringEnd::Anchor(window.base + i as u64 - 1);
                }
                (b'"', None) if !window.is_last => break,
                (b'"', _) => return StringEnd::At(i + 1),
                (b'\n', _) => {
                    self.before = last_byte(&bytes[line_start..i]).unwrap_or(self.before);
                    i += 1;
                    line_start = i;
                    self.line = Some(window.base + i as u64);
                }
                (_, Some(b'\n')) => i += 1,
                (_, Some(_)) => i += 2,
                (_, None) => break,
            }
        }
        if window.is_last {
            return StringEnd::Anchor(window.end());
        }
        self.before = last_byte(&bytes[line_start..i]).unwrap_or(self.before);
        self.cursor = window.base + i as u64;
        StringEnd::Unknown
    }

    /// Handles the string that ends at index `end`: a key may mark its object, and a hit belongs to the string.
    fn close_string(
        &mut self,
        window: Window<'_>,
        end: usize,
        next_hit: usize,
        out: &mut Vec<Framed>,
    ) {
        let string = self.string.expect("a string is open");
        let end_offset = window.base + end as u64;
        let is_held = string.held_from == string.start;
        let content = is_held.then(|| window.slice(string.start + 1, end_offset - 1));
        steps::take(content.map_or(0, <[u8]>::len));
        let was_key = self.nest.expects_key();
        self.nest.string(string.start, content);
        // Decided by the size, not by whether the string is still in memory: that would depend on the windows.
        let is_small = end_offset - string.start <= self.limits.record_bytes_max;
        let may_be_json = || {
            content.filter(|_| is_small).is_some_and(|content| {
                let first = content.trim_ascii_start();
                matches!(first.first(), Some(b'{' | b'[')) || first.starts_with(b"\\\"")
            })
        };
        // Nearly all strings have no hit, and are not looked at unless records are shown.
        let has_hit = next_hit < end;
        let is_text = (has_hit || self.nest.shows_records()) && !was_key && may_be_json();
        if is_text {
            self.nest.text_record(string.start, end_offset);
        }
        if is_text && has_hit {
            self.nest.text(string.start, end_offset);
        } else {
            self.string_hit(string, window, end_offset, next_hit, out);
        }
        self.string = None;
        self.before = b'"';
        self.line = None;
    }

    /// Handles a hit, if it is in the string that ends or is cut off at `end`.
    fn string_hit(
        &mut self,
        string: Open,
        window: Window<'_>,
        end: u64,
        hit: usize,
        out: &mut Vec<Framed>,
    ) {
        let to = window.at(end.max(window.base));
        if hit < to {
            let text = window.at(string.held_from)..to;
            // If the string is too large to keep in memory, a hit is not compared with the rest of it.
            let is_held = end - string.start <= self.limits.record_bytes_max;
            self.hit(window, hit, text, !is_held, out);
        }
    }

    /// Handles the hit at index `hit`. It is a needle if `is_sure`, or if `text` around it contains one.
    fn hit(
        &mut self,
        window: Window<'_>,
        hit: usize,
        text: Range<usize>,
        is_sure: bool,
        out: &mut Vec<Framed>,
    ) {
        let is_needle = |text| is_sure || self.prefilter.holds_needle(text);
        let is_told = self.nest.asks_for_needle() && is_needle(&window.bytes[text.clone()]);
        let needle = is_told.then(|| {
            // A string may continue in the next window. Outside strings the line is available.
            let end = match self.string {
                Some(_) => text.end,
                None => window.bytes.len(),
            };
            let near = &window.bytes[hit..end.min(hit + self.limits.seam_bytes)];
            // Do not show text that may be another document: only the next window may tell whether it is one.
            let n_shown = memmem::find(near, b"}{").map_or(near.len(), |at| at + 1);
            let rest = &near[..n_shown];
            let line = &rest[..memchr(b'\n', rest).unwrap_or(rest.len())];
            Needle {
                offset: window.base + hit as u64,
                excerpt: excerpt(line),
            }
        });
        self.nest.hit(needle, out);
    }

    /// Ends the document inside its value: at an anchor, or at the end of the text.
    fn cut(
        &mut self,
        at: u64,
        next_hit: usize,
        window: Window<'_>,
        out: &mut Vec<Framed>,
    ) -> Progress {
        if let Some(string) = self.string {
            self.string_hit(string, window, at, next_hit, out);
            self.string = None;
        }
        self.nest.cut(at, out);
        // The blanks of the anchor may be before the window.
        Progress::DocumentEnd(at.max(window.base))
    }

    /// Stops at the end of a window that is not the last one.
    fn suspend(&mut self, window: Window<'_>, next_hit: usize, out: &mut Vec<Framed>) -> Progress {
        // A key that has not ended yet may still mark its object.
        let may_mark =
            |start: &u64| self.nest.expects_key() && self.cursor - start <= KEY_BYTES_MAX + 1;
        let key = self.string.map(|string| string.start).filter(may_mark);
        let decided_to = key.unwrap_or(self.cursor);
        self.nest.flush(decided_to, out);
        let undecided = self.nest.undecided_from(decided_to);
        let object = undecided.filter(|&start| start >= self.held_from);
        let string = self.string.map(|string| string.held_from);
        let seam = self.cursor.saturating_sub(self.limits.seam_bytes as u64);
        let held_from = object.or(string).unwrap_or(self.cursor);
        if self.cursor - held_from <= self.limits.record_bytes_max {
            return Progress::NeedsMore(held_from.min(seam.max(window.base)));
        }
        // Too large to keep in memory: release it, and remember whether it had a hit.
        self.held_from = self.cursor;
        self.nest.let_go();
        if let Some(string) = self.string {
            let held_from = string.held_from.max(seam);
            if next_hit < window.at(held_from) {
                let text = window.at(string.held_from)..window.at(self.cursor);
                self.hit(window, next_hit, text, true, out);
            }
            self.string = Some(Open {
                held_from,
                ..string
            });
        }
        Progress::NeedsMore(seam.max(window.base))
    }
}

enum StringEnd {
    /// The index after the closing quote.
    At(usize),
    /// The document is cut off at this offset, inside the string.
    Anchor(u64),
    /// The end is not in this window.
    Unknown,
}
