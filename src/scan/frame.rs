//! Where do the records begin and end? A walk over the structure of JSON text, with string state.
//!
//! In: text, window by window, and its hits. Out: [`Unit`]s, the smallest regions that hold a hit and are
//! sure to hold the whole record round it; and defects, for hits in regions that are cut off. Nothing is
//! parsed here, numbers and words are not checked, and text with no hit is walked only as far as needed.
//!
//! # Documents
//!
//! A *document* is a JSON value that no other value holds. Its end is where the walk closes its first
//! bracket. Its start is known without a walk in two places: at an **anchor**. One is a line whose first byte
//! is `{` or `[` when the last byte before it (blanks left out) is none of `[ , : {`. In valid JSON a bracket
//! inside a value always follows one of these four, and no string holds a raw newline. The other is the
//! second bracket of `}{"`, if what follows cannot follow the end of a string ([`is_joint`]). In damaged text it is where the walk takes hold again: a document that is still open
//! at an anchor is cut off there. What a document is depends on the text alone, never on how it was divided
//! into windows or over threads.
//!
//! # Units
//!
//! An object is *marked* when it carries a key of a schema that we know (`eventName` and so on). The
//! unit of a hit is the **outermost marked object** round it, since what lies inside a record is data; if
//! none is marked, the string round it if that may hold JSON, else the innermost object. A delivery file is
//! so cut into its records:
//!
//! ```text
//! {"Records":[{"eventVersion":…},{"eventVersion":…,"requestParameters":{…hit…}},…]}
//!              no hit: not a unit └────────────────── unit ──────────────────┘
//! ```
//!
//! The outermost marked object is known only when all that is round it is known not to be marked. An object
//! that is not marked in its first [`Limits::envelope_bytes`] never will be: it is an *envelope*. So text
//! that is larger than memory is walked with no more held than the envelopes' first bytes and one record.

use std::ops::Range;
use std::sync::Arc;

use memchr::{memchr, memchr3, memmem};

use super::keys::KEY_BYTES_MAX;
use super::nest::{Framed, Limits, Needle, Nest};
use super::prefilter::{Hits, Prefilter};
use super::steps;
use super::window::{Window, continues, excerpt, is_joint, last_byte, word_around};

/// Where the walk came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Progress {
    /// The document ended here.
    DocumentEnd(u64),
    /// The window ended first; bytes from here on must be in the next.
    NeedsMore(u64),
    /// Neither, and the same window has more: a pause, in which the caller may stop.
    Paused,
}

/// A string that the cursor stands in.
#[derive(Debug, Clone, Copy)]
struct Open {
    start: u64,
    /// Its bytes before this are no longer held.
    held_from: u64,
}

/// The walk over one document. See the module.
#[derive(Debug)]
pub(crate) struct Walker {
    limits: Limits,
    prefilter: Arc<Prefilter>,
    nest: Nest,
    /// Where the walk stands.
    cursor: u64,
    string: Option<Open>,
    /// Where the line began, as long as only blanks came after its start.
    line: Option<u64>,
    /// The last significant byte before the cursor; inside a string, before the line.
    before: u8,
    /// Objects that began before this are no longer held whole.
    held_from: u64,
}

impl Walker {
    pub(crate) fn limits(&self) -> Limits {
        self.limits
    }

    /// With a prefilter that lets all through, every marked object is a unit.
    pub(crate) fn new(limits: Limits, prefilter: Arc<Prefilter>) -> Self {
        Self {
            limits,
            nest: Nest::new(limits, prefilter.lets_all_through()),
            prefilter,
            cursor: 0,
            string: None,
            line: None,
            before: b' ',
            held_from: 0,
        }
    }

    /// Begins at a document's start.
    pub(crate) fn start(&mut self, offset: u64) {
        self.nest.start();
        self.cursor = offset;
        self.string = None;
        self.line = None;
        self.before = b' ';
        self.held_from = offset;
    }

    /// Walks on to the end of the document or of the window.
    ///
    /// The window must hold the text from the offset that [`Progress::NeedsMore`] gave last.
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
                    StringEnd::At(end) => {
                        self.close_string(window, end, next_hit, out);
                        if next_hit < end {
                            next_hit = hits.first_from(end).unwrap_or(usize::MAX);
                        }
                        i = end;
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
                    None => self.nest.open(byte, offset),
                },
                b'}' | b']' => {
                    let is_document_end = self.nest.close(offset + 1, out);
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

    /// The word round a hit outside of strings, if it matters whether a needle stands in it.
    fn word(&self, bytes: &[u8], at: usize) -> Range<usize> {
        match self.nest.asks_for_needle() {
            true => word_around(bytes, at, self.limits.seam_bytes),
            false => at..at,
        }
    }

    /// The anchor that the bracket here shows, if a document is open that this cuts off.
    fn anchor(&self, bytes: &[u8], at: usize, offset: u64) -> Option<u64> {
        if self.nest.is_empty() {
            return None;
        }
        let line = self.line.filter(|_| !continues(self.before));
        line.or_else(|| is_joint(bytes, at).then_some(offset))
    }

    /// Finds where the string ends that goes on at index `i`.
    fn string_end(&mut self, window: Window<'_>, mut i: usize) -> StringEnd {
        let bytes = window.bytes;
        let mut line_start = i;
        loop {
            // No JSON string holds a raw newline: it may have lost its end, or its writer was lax.
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
                // The string has lost its end, or this quote would be it.
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

    /// Takes in the string that ends at index `end`: a key may mark its object, a hit belongs to it.
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
        // Not by whether it is still held: that is a matter of windows.
        let is_small = end_offset - string.start <= self.limits.record_bytes_max;
        let may_be_json = content.filter(|_| is_small).is_some_and(|content| {
            let first = content.trim_ascii_start();
            matches!(first.first(), Some(b'{' | b'[')) || first.starts_with(b"\\\"")
        });
        if may_be_json && !was_key && next_hit < end {
            self.nest.text(string.start, end_offset);
        } else {
            self.string_hit(string, window, end_offset, next_hit, out);
        }
        self.string = None;
        self.before = b'"';
        self.line = None;
    }

    /// Takes in a hit, if it lies in the string that ends or is cut off at `end`.
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
            // Of a string that is too large to be held, a hit is not compared with the rest.
            let is_held = end - string.start <= self.limits.record_bytes_max;
            self.hit(window, hit, text, !is_held, out);
        }
    }

    /// Takes in the hit at index `hit`. It is a needle for sure, or if one stands in `text` round it.
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
            // A string may go on in the next window, a line outside of one is at hand.
            let end = match self.string {
                Some(_) => text.end,
                None => window.bytes.len(),
            };
            let near = &window.bytes[hit..end.min(hit + self.limits.seam_bytes)];
            // Nor what may be another document: whether it is one may show in the next window.
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
        // The anchor's blanks may lie before the window.
        Progress::DocumentEnd(at.max(window.base))
    }

    /// Stops at the end of a window that is not the last.
    fn suspend(&mut self, window: Window<'_>, next_hit: usize, out: &mut Vec<Framed>) -> Progress {
        // A key of which the end is yet to come may still mark its object.
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
        // Too large to be held: let go of it, and remember whether it had a hit.
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
    /// The index after its closing quote.
    At(usize),
    /// The document is cut off at this offset, inside the string.
    Anchor(u64),
    /// Not in this window.
    Unknown,
}
