//! Where do the records begin and end? A walk over the structure of JSON text, with string state.
//!
//! In: text, window by window, and its hits. Out: [`Unit`]s, the smallest regions that hold a hit and are
//! sure to hold the whole record round it; and defects, for hits in regions that are cut off. Nothing is
//! parsed here, numbers and words are not checked, and text with no hit is walked only as far as needed.
//!
//! # Documents
//!
//! A *document* is a JSON value that no other value holds. Its end is where the walk closes its first
//! bracket. Its start is known without a walk in one place: at an **anchor**, a line whose first byte is
//! `{` or `[` when the last byte before it (blanks left out) is none of `[ , : {`. In valid JSON a bracket
//! inside a value always follows one of these four, and no string holds a raw newline, so an anchor is a
//! document's start. In damaged text it is where the walk takes hold again: a document that is still open
//! at an anchor is cut off there. What a document is depends on the text alone, never on how it was divided
//! into windows or over threads.
//!
//! # Units
//!
//! An object is *marked* when it carries a key of a schema that we know (`eventName` and so on). The
//! unit of a hit is the **outermost marked object** round it, since what lies inside a record is data; if
//! none is marked, the innermost object. A delivery file is so cut into its records:
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

use memchr::{memchr3, memrchr};

use super::prefilter::{Hits, Prefilter};
use crate::report::{Code, Defect};

/// The sizes that bound what the walk holds. None of them changes what is found in text whose records are
/// smaller than the largest that is held.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    /// In how many of its first bytes an object must show a schema's key. The largest record in the
    /// public corpora is 48 kB and shows its first key after one byte.
    pub(crate) envelope_bytes: u64,
    /// The largest record that is held: one record may not take all memory, and simd-json indexes a
    /// document with 32 bits. At least [`Limits::envelope_bytes`] and a key.
    pub(crate) record_bytes_max: u64,
    /// What is kept before the cursor, and left after it, so that a needle across a seam between two
    /// windows is seen. No needle is longer.
    pub(crate) seam_bytes: usize,
    /// Text after the last anchor that is rather waited for than walked: a line of usual length is then
    /// searched once with its end in sight, while a document of one long line is walked as it comes.
    pub(crate) tail_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            envelope_bytes: 1 << 20,
            record_bytes_max: 1 << 30,
            seam_bytes: 256,
            tail_bytes: 256 * 1024,
        }
    }
}

/// How deep the walk keeps account of brackets. Deeper ones are only counted, so that a gigabyte of `[`
/// costs no memory; simd-json judges 1,024 levels.
const DEPTH_MAX: usize = 2048;

/// How much of a text a message shows.
pub(super) const EXCERPT_CHARS: usize = 80;

/// A region of text that is to be parsed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unit {
    /// The offset of its first byte, from the start of the text.
    pub start: u64,
    /// The offset after its last byte.
    pub end: u64,
    /// The index of the element that it lies in, in the innermost array round it; 0 if there is none.
    pub record_index: u64,
}

/// What the walk tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Framed {
    /// A candidate.
    Unit(Unit),
    /// A candidate that has no end, or whose start is no longer held.
    Defect(Defect),
    /// A needle that lies in no candidate: text in another format, JSON beyond repair, or an envelope's
    /// own. What stands between two documents is told once.
    Unframed(Needle),
}

/// A hit that is a needle for sure, and the text from there on, which need not be held any more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Needle {
    pub(crate) offset: u64,
    pub(crate) excerpt: String,
}

/// Where the walk came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Progress {
    /// The document ended here.
    DocumentEnd(u64),
    /// The window ended first; bytes from here on must be in the next.
    NeedsMore(u64),
}

/// A window of the text: its bytes and where they lie.
#[derive(Debug, Clone, Copy)]
pub struct Window<'a> {
    /// The bytes.
    pub bytes: &'a [u8],
    /// The offset of the first byte, from the start of the text.
    pub base: u64,
    /// Whether the text ends with this window.
    pub is_last: bool,
}

impl<'a> Window<'a> {
    pub(crate) fn end(&self) -> u64 {
        self.base + self.bytes.len() as u64
    }

    /// The index into the window of an offset that lies in it.
    pub(crate) fn at(&self, offset: u64) -> usize {
        usize::try_from(offset - self.base).expect("a window fits into memory")
    }

    pub(crate) fn slice(&self, start: u64, end: u64) -> &'a [u8] {
        &self.bytes[self.at(start)..self.at(end)]
    }
}

fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\r' | b'\n')
}

/// Whether a line that begins with these bytes is an anchor as far as it tells itself.
fn opens(line: &[u8]) -> bool {
    let first = line.iter().find(|b| !matches!(b, b' ' | b'\t' | b'\r'));
    matches!(first, Some(b'{' | b'['))
}

/// Whether a bracket after this byte lies inside a value.
fn continues(before: u8) -> bool {
    matches!(before, b'[' | b',' | b':' | b'{')
}

/// The last byte that is no blank.
fn last_byte(bytes: &[u8]) -> Option<u8> {
    bytes.iter().rev().find(|b| !is_blank(**b)).copied()
}

/// The last anchor in `bytes[..end]` that is not at its very start.
pub(crate) fn last_anchor(bytes: &[u8], mut end: usize) -> Option<usize> {
    while let Some(newline) = memrchr(b'\n', &bytes[..end]) {
        if opens(&bytes[newline + 1..]) && !last_byte(&bytes[..newline]).is_some_and(continues) {
            return Some(newline + 1);
        }
        end = newline;
    }
    None
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Object,
    Array,
}

/// The keys of which the value's own keys can mark the object round them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Role {
    Event,
    Api,
    #[default]
    Other,
}

/// A bracket that is open.
#[derive(Debug)]
struct Frame {
    kind: Kind,
    start: u64,
    /// The element that this value lies in, of the innermost array round it.
    record_index: u64,
    /// For an array: how many of its elements came before the current one.
    n_before: u64,
    /// Under which key this value stands.
    role: Role,
    marked: bool,
    /// Whether a hit lies in this value and in no candidate inside it.
    has_hit: bool,
    /// The first of these hits that is a needle; not looked for inside a record.
    needle: Option<Needle>,
}

/// A unit that is closed but may turn out to lie inside a marked object.
#[derive(Debug, Clone, Copy)]
struct Pending {
    unit: Unit,
    marked: bool,
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
    /// The open brackets, outermost first.
    frames: Vec<Frame>,
    /// Open brackets beyond [`DEPTH_MAX`].
    n_deeper: u64,
    /// How many open objects are marked.
    n_marked: usize,
    /// How many of the outermost open brackets are known to be no record.
    n_decided: usize,
    pending: Vec<Pending>,
    /// Where the walk stands.
    cursor: u64,
    string: Option<Open>,
    /// Where the line began, as long as only blanks came after its start.
    line: Option<u64>,
    /// The last significant byte before the cursor; inside a string, before the line.
    before: u8,
    /// Whether a string at the cursor would be a key.
    expects_key: bool,
    /// The role of the key just read.
    role: Role,
    /// Whether a needle outside of all brackets was told.
    is_told: bool,
    /// Objects that began before this are no longer held whole.
    held_from: u64,
}

impl Walker {
    pub(crate) fn limits(&self) -> Limits {
        self.limits
    }

    /// With a prefilter that lets all through, every marked object is a unit.
    pub(crate) fn new(limits: Limits, prefilter: Arc<Prefilter>) -> Self {
        debug_assert!(
            limits.record_bytes_max > limits.envelope_bytes + KEY_BYTES_MAX,
            "what may turn out to be a record is held"
        );
        Self {
            limits,
            prefilter,
            frames: Vec::new(),
            n_deeper: 0,
            n_marked: 0,
            n_decided: 0,
            pending: Vec::new(),
            cursor: 0,
            string: None,
            line: None,
            before: b' ',
            expects_key: false,
            role: Role::Other,
            is_told: false,
            held_from: 0,
        }
    }

    /// Begins at a document's start.
    pub(crate) fn start(&mut self, offset: u64) {
        debug_assert!(
            self.frames.is_empty() && self.pending.is_empty() && self.n_marked == 0,
            "a document is open"
        );
        self.cursor = offset;
        self.string = None;
        self.line = None;
        self.before = b' ';
        self.n_deeper = 0;
        self.n_decided = 0;
        self.expects_key = false;
        self.role = Role::Other;
        self.is_told = false;
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
        let end = match window.is_last {
            true => bytes.len(),
            false => bytes.len().saturating_sub(self.limits.seam_bytes),
        };
        let mut i = window.at(self.cursor);
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
            if i >= end {
                break;
            }
            let (at, byte) = (i, bytes[i]);
            let offset = window.base + at as u64;
            i += 1;
            match byte {
                b' ' | b'\t' | b'\r' => continue,
                b'\n' => {
                    self.line = Some(offset + 1);
                    continue;
                }
                b'"' if !self.frames.is_empty() => {
                    self.string = Some(Open {
                        start: offset,
                        held_from: offset,
                    });
                }
                b'{' | b'[' => match self.line {
                    Some(line) if !self.frames.is_empty() && !continues(self.before) => {
                        return self.cut(line, next_hit, window, out);
                    }
                    _ => self.open(byte, offset),
                },
                b'}' | b']' => {
                    if self.close(offset + 1, out) {
                        return Progress::DocumentEnd(offset + 1);
                    }
                }
                b',' => self.next_element(),
                _ if at == next_hit => {
                    let text = text_around(bytes, at, self.limits.seam_bytes);
                    self.hit(window, at, text, false, out);
                    next_hit = hits.first_from(i).unwrap_or(usize::MAX);
                }
                _ => {}
            }
            self.before = byte;
            self.line = None;
        }
        self.cursor = window.base + i as u64;
        if window.is_last {
            return self.cut(window.end(), next_hit, window, out);
        }
        self.suspend(window, next_hit, out)
    }

    /// Finds where the string ends that goes on at index `i`.
    fn string_end(&mut self, window: Window<'_>, mut i: usize) -> StringEnd {
        let bytes = window.bytes;
        let mut line_start = i;
        loop {
            // No JSON string holds a raw newline: it may have lost its end, or its writer was lax.
            if let Some(line) = self.line {
                let is_blank = |b: &u8| matches!(b, b' ' | b'\t' | b'\r');
                i += bytes[i..].iter().take_while(|b| is_blank(b)).count();
                match bytes.get(i) {
                    None => break,
                    Some(b'{' | b'[') if !continues(self.before) => {
                        return StringEnd::Anchor(line);
                    }
                    Some(_) => self.line = None,
                }
            }
            let Some(step) = memchr3(b'"', b'\\', b'\n', &bytes[i..]) else {
                i = bytes.len();
                break;
            };
            i += step;
            match (bytes[i], bytes.get(i + 1)) {
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
        let string = self.string.take().expect("a string is open");
        let end_offset = window.base + end as u64;
        if std::mem::take(&mut self.expects_key) && self.n_deeper == 0 {
            self.key(string.start, window.slice(string.start + 1, end_offset - 1));
        }
        self.string_hit(string, window, end_offset, next_hit, out);
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
        if hit < window.at(end) {
            let text = window.at(string.held_from)..window.at(end);
            // Of a string that is too large to be held, a hit is not compared with the rest.
            let is_held = end - string.start <= self.limits.record_bytes_max;
            self.hit(window, hit, text, !is_held, out);
        }
    }

    fn key(&mut self, offset: u64, key: &[u8]) {
        let (role, marks) = classify(key);
        self.role = role;
        let Some((object, around)) = self.frames.split_last_mut() else {
            return;
        };
        let marked = match marks {
            Marks::Nothing => return,
            Marks::ThisObject => Some(object),
            Marks::ObjectRound(role) if object.role == role => around.last_mut(),
            Marks::ObjectRound(_) => None,
        };
        if let Some(frame) = marked.filter(|frame| !frame.marked) {
            frame.marked = offset - frame.start <= self.limits.envelope_bytes;
            self.n_marked += usize::from(frame.marked);
        }
    }

    fn open(&mut self, bracket: u8, start: u64) {
        let kind = if bracket == b'{' {
            Kind::Object
        } else {
            Kind::Array
        };
        self.expects_key = kind == Kind::Object;
        if self.frames.len() == DEPTH_MAX {
            self.n_deeper += 1;
            return;
        }
        let (record_index, role) = match self.frames.last() {
            None => (0, Role::Other),
            Some(Frame {
                kind: Kind::Array,
                n_before,
                ..
            }) => (*n_before, Role::Other),
            Some(object) => (object.record_index, self.role),
        };
        self.role = Role::Other;
        self.frames.push(Frame {
            kind,
            start,
            record_index,
            n_before: 0,
            role,
            marked: false,
            has_hit: false,
            needle: None,
        });
    }

    fn next_element(&mut self) {
        self.role = Role::Other;
        match self.frames.last_mut() {
            _ if self.n_deeper > 0 => {}
            Some(Frame {
                kind: Kind::Array,
                n_before,
                ..
            }) => *n_before += 1,
            Some(_) => self.expects_key = true,
            None => {}
        }
    }

    /// Takes in the hit at index `hit`. It is a needle if one stands in `text` round it, or for sure.
    fn hit(
        &mut self,
        window: Window<'_>,
        hit: usize,
        text: Range<usize>,
        is_sure: bool,
        out: &mut Vec<Framed>,
    ) {
        // In a record it is the parsed value that tells.
        let is_asked = match self.frames.last() {
            Some(frame) => self.n_marked == 0 && frame.needle.is_none(),
            None => !self.is_told,
        } && !self.prefilter.lets_all_through();
        let is_needle =
            is_asked && (is_sure || self.prefilter.holds_needle(&window.bytes[text.clone()]));
        let needle = is_needle.then(|| Needle {
            offset: window.base + hit as u64,
            excerpt: excerpt(&window.bytes[hit..text.end.min(hit + self.limits.seam_bytes)]),
        });
        match self.frames.last_mut() {
            Some(frame) => {
                frame.has_hit = true;
                frame.needle = frame.needle.take().or(needle);
            }
            None => {
                self.is_told |= is_needle;
                out.extend(needle.map(Framed::Unframed));
            }
        }
    }

    /// Closes the innermost bracket, of whichever kind. True if that ends the document.
    fn close(&mut self, end: u64, out: &mut Vec<Framed>) -> bool {
        self.expects_key = false;
        if self.n_deeper > 0 {
            self.n_deeper -= 1;
            return false;
        }
        // A stray closer between documents is no structure.
        let Some(frame) = self.frames.pop() else {
            return false;
        };
        self.n_marked -= usize::from(frame.marked);
        self.n_decided = self.n_decided.min(self.frames.len());
        match frame.kind {
            Kind::Array => self.pass_up(frame, out),
            Kind::Object => self.close_object(frame, end, out),
        }
        self.flush(end, out);
        self.frames.is_empty()
    }

    /// Makes the hit of a value that is no candidate one of the value round it.
    fn pass_up(&mut self, frame: Frame, out: &mut Vec<Framed>) {
        match self.frames.last_mut() {
            Some(parent) => {
                parent.has_hit |= frame.has_hit;
                parent.needle = parent.needle.take().or(frame.needle);
            }
            None => out.extend(frame.needle.map(Framed::Unframed)),
        }
    }

    fn close_object(&mut self, frame: Frame, end: u64, out: &mut Vec<Framed>) {
        let inside = self.pending.partition_point(|p| p.unit.start < frame.start);
        let is_unit = if self.n_marked > 0 {
            // What lies inside a record is data.
            return self.pass_up(frame, out);
        } else if self.prefilter.lets_all_through() {
            frame.marked
        } else if frame.marked {
            frame.has_hit || inside < self.pending.len()
        } else {
            let holds_record = self.pending[inside..].iter().any(|p| p.marked);
            frame.has_hit && !holds_record && self.is_undecided(&frame, end)
        };
        if is_unit {
            self.pending.truncate(inside);
            self.pending.push(Pending {
                unit: Unit {
                    start: frame.start,
                    end,
                    record_index: frame.record_index,
                },
                marked: frame.marked,
            });
        } else if self.outermost_undecided(end).is_some() {
            self.pass_up(frame, out);
        } else {
            out.extend(frame.needle.map(Framed::Unframed));
        }
    }

    /// Whether this value may yet turn out to be a record, if it is still open at `offset`.
    fn is_undecided(&self, frame: &Frame, offset: u64) -> bool {
        let may_be_marked = offset - frame.start <= self.limits.envelope_bytes;
        frame.kind == Kind::Object && (frame.marked || may_be_marked)
    }

    /// The outermost open object that may yet turn out to be a record, if no key before `offset` is
    /// still to come.
    fn outermost_undecided(&mut self, offset: u64) -> Option<usize> {
        let first = self.frames.get(self.n_decided..)?.iter();
        self.n_decided += first.take_while(|f| !self.is_undecided(f, offset)).count();
        (self.n_decided < self.frames.len()).then_some(self.n_decided)
    }

    /// Gives out the pending units round which no object can be a record any more.
    fn flush(&mut self, offset: u64, out: &mut Vec<Framed>) {
        if self.pending.is_empty() {
            return;
        }
        let n = match self
            .outermost_undecided(offset)
            .map(|i| self.frames[i].start)
        {
            Some(start) => self.pending.partition_point(|p| p.unit.start < start),
            None => self.pending.len(),
        };
        let limits = self.limits;
        out.extend(self.pending.drain(..n).map(|p| candidate(p.unit, limits)));
    }

    /// Ends the document inside its value: at an anchor, or at the end of the text.
    fn cut(
        &mut self,
        at: u64,
        next_hit: usize,
        window: Window<'_>,
        out: &mut Vec<Framed>,
    ) -> Progress {
        if let Some(string) = self.string.take() {
            self.string_hit(string, window, at, next_hit, out);
        }
        let has_hit_from = |i: usize, walker: &Self| {
            let start = walker.frames[i].start;
            walker.frames[i..].iter().any(|f| f.has_hit)
                || walker.pending.iter().any(|p| p.unit.start > start)
        };
        let record =
            (0..self.frames.len()).find(|&i| self.frames[i].marked && has_hit_from(i, self));
        if let Some(i) = record {
            let start = self.frames[i].start;
            let message = format!("record is cut off after {} bytes", at - start);
            out.push(Framed::Defect(Defect::text(
                Code::RecordCut,
                start,
                message,
            )));
            self.pending.retain(|p| p.unit.start < start);
            self.frames.truncate(i);
        }
        self.n_marked = 0;
        let needles = self.frames.drain(..).filter_map(|f| f.needle);
        out.extend(needles.map(Framed::Unframed));
        self.flush(at, out);
        Progress::DocumentEnd(at)
    }

    /// Stops at the end of a window that is not the last.
    fn suspend(&mut self, window: Window<'_>, next_hit: usize, out: &mut Vec<Framed>) -> Progress {
        // A key of which the end is yet to come may still mark its object.
        let key = self
            .string
            .map(|string| string.start)
            .filter(|start| self.expects_key && self.cursor - start <= KEY_BYTES_MAX + 1);
        let decided_to = key.unwrap_or(self.cursor);
        self.flush(decided_to, out);
        let undecided = self.outermost_undecided(decided_to);
        let object = undecided
            .map(|i| self.frames[i].start)
            .filter(|&start| start >= self.held_from);
        let string = self.string.map(|string| string.held_from);
        let seam = self.cursor.saturating_sub(self.limits.seam_bytes as u64);
        let held_from = object.or(string).unwrap_or(self.cursor);
        if self.cursor - held_from <= self.limits.record_bytes_max {
            return Progress::NeedsMore(held_from.min(seam.max(window.base)));
        }
        // Too large to be held: let go of it, and remember whether it had a hit.
        self.held_from = self.cursor;
        if let Some(i) = undecided {
            self.frames[i].has_hit |= !self.pending.is_empty();
            self.pending.clear();
        }
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
            self.expects_key = false;
        }
        Progress::NeedsMore(seam.max(window.base))
    }
}

/// A unit as a candidate, or why it is none.
fn candidate(unit: Unit, limits: Limits) -> Framed {
    let Unit { start, end, .. } = unit;
    if end - start <= limits.record_bytes_max {
        return Framed::Unit(unit);
    }
    let message = format!(
        "record of {} bytes is larger than {} bytes, the most that is held",
        end - start,
        limits.record_bytes_max
    );
    Framed::Defect(Defect::text(Code::RecordTooLarge, start, message))
}

/// The line from `at` on and the word before it, `reach` bytes to each side at most.
fn text_around(bytes: &[u8], at: usize, reach: usize) -> Range<usize> {
    let is_in_word = |b: &&u8| b.is_ascii_alphanumeric() || **b == b'\\';
    let (before, after) = bytes.split_at(at);
    let n_before = before
        .iter()
        .rev()
        .take(reach)
        .take_while(is_in_word)
        .count();
    let n_after = after
        .iter()
        .take(reach)
        .take_while(|b| **b != b'\n')
        .count();
    at - n_before..at + n_after
}

/// The first characters of a text, fit for a message.
pub(super) fn excerpt(text: &[u8]) -> String {
    let some = &text[..text.len().min(4 * EXCERPT_CHARS)];
    let shown: String = String::from_utf8_lossy(some)
        .chars()
        .take(EXCERPT_CHARS)
        .collect();
    shown.escape_debug().to_string()
}

enum StringEnd {
    /// The index after its closing quote.
    At(usize),
    /// The document is cut off at this offset, inside the string.
    Anchor(u64),
    /// Not in this window.
    Unknown,
}

/// Which object a key marks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Marks {
    Nothing,
    ThisObject,
    /// The object round this one, if this one stands there under a key with that role.
    ObjectRound(Role),
}

/// Keys that records, and the documents that must not be taken for records, carry. Lower-case forms
/// (Athena) and `EventName` (lookup-events) count too: what it is in truth, the parsed value tells.
const KEYS: [(&str, Role, Marks); 9] = [
    ("eventName", Role::Other, Marks::ThisObject),
    ("eventVersion", Role::Other, Marks::ThisObject),
    ("insightDetails", Role::Other, Marks::ThisObject),
    ("digestStartTime", Role::Other, Marks::ThisObject),
    ("event.action", Role::Other, Marks::ThisObject),
    ("event", Role::Event, Marks::Nothing),
    ("action", Role::Other, Marks::ObjectRound(Role::Event)),
    ("api", Role::Api, Marks::Nothing),
    ("operation", Role::Other, Marks::ObjectRound(Role::Api)),
];

/// The longest of [`KEYS`] with each byte written as an escape.
const KEY_BYTES_MAX: u64 = 15 * 6;

fn classify(key: &[u8]) -> (Role, Marks) {
    if !matches!(
        key.first(),
        Some(b'e' | b'E' | b'a' | b'A' | b'i' | b'I' | b'd' | b'D' | b'o' | b'O' | b'\\')
    ) && !key.contains(&b'\\')
    {
        return (Role::Other, Marks::Nothing);
    }
    let plain;
    let mut key = key;
    if key.contains(&b'\\') && key.len() as u64 <= KEY_BYTES_MAX {
        let quoted = [b"\"", key, b"\""].concat();
        let Ok(text) = serde_json::from_slice::<String>(&quoted) else {
            // Not a JSON string: the candidate will not parse, and that is told then.
            return (Role::Other, Marks::Nothing);
        };
        plain = text;
        key = plain.as_bytes();
    }
    KEYS.iter()
        .find(|(name, ..)| name.len() == key.len() && name.as_bytes().eq_ignore_ascii_case(key))
        .map_or((Role::Other, Marks::Nothing), |&(_, role, marks)| {
            (role, marks)
        })
}
