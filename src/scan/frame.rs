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

use memchr::{memchr3, memrchr};

use super::prefilter::Hits;
use crate::report::{Code, Defect};

/// The sizes that bound what the walk holds.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    /// In how many of its first bytes an object must show a schema's key. The largest record in the
    /// public corpora is 48 kB and shows its first key after one byte.
    pub(crate) envelope_bytes: u64,
    /// The largest record that is held: one record may not take all memory, and simd-json indexes a
    /// document with 32 bits.
    pub(crate) record_bytes_max: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            envelope_bytes: 1 << 20,
            record_bytes_max: 1 << 30,
        }
    }
}

/// How deep the walk keeps account of brackets. Deeper ones are only counted, so that a gigabyte of `[`
/// costs no memory; simd-json judges 1,024 levels.
const DEPTH_MAX: usize = 2048;

/// What is kept of a string that is too large to be held, so that a hit across the seam is seen.
const SEAM_BYTES: u64 = 256;

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
    /// A hit that lies in no object: text in another format, JSON beyond repair, or an envelope's own.
    Unframed(u64),
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

/// Whether a line beginning with these bytes is an anchor as far as it tells itself; nothing where it
/// has only blanks so far.
fn opens(line: &[u8]) -> Option<bool> {
    let first = line.iter().find(|b| !matches!(b, b' ' | b'\t' | b'\r'))?;
    Some(matches!(first, b'{' | b'['))
}

/// Whether a bracket after this byte lies inside a value.
fn continues(before: u8) -> bool {
    matches!(before, b'[' | b',' | b':' | b'{')
}

/// The last significant byte, or a byte that continues nothing.
fn last_byte(bytes: &[u8]) -> u8 {
    bytes
        .iter()
        .rev()
        .find(|b| !is_blank(**b))
        .copied()
        .unwrap_or(b' ')
}

/// The last anchor in `bytes[..end]` that is not at its very start.
pub(crate) fn last_anchor(bytes: &[u8], mut end: usize) -> Option<usize> {
    while let Some(newline) = memrchr(b'\n', &bytes[..end]) {
        if opens(&bytes[newline + 1..]) == Some(true) && !continues(last_byte(&bytes[..newline])) {
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
    /// The first hit that lies in this value and in no object inside it.
    hit: Option<u64>,
}

/// A unit that is closed but may turn out to lie inside a marked object.
#[derive(Debug, Clone, Copy)]
struct Pending {
    unit: Unit,
    marked: bool,
}

/// The walk over one document. See the module.
#[derive(Debug, Default)]
pub(crate) struct Walker {
    limits: Limits,
    /// Whether every marked object is a unit, with or without a hit.
    every_record: bool,
    /// The open brackets, outermost first.
    frames: Vec<Frame>,
    /// Open brackets beyond [`DEPTH_MAX`].
    n_deeper: u64,
    pending: Vec<Pending>,
    /// Where the walk stands.
    cursor: u64,
    /// Where the string that the cursor stands in begins.
    string: Option<u64>,
    /// Where the line began, as long as only blanks came after its start.
    line: Option<u64>,
    /// The last significant byte before the cursor.
    before: u8,
    /// Whether a string at the cursor would be a key.
    expects_key: bool,
    /// The role of the key just read.
    role: Role,
    /// Bytes before this are no longer held.
    held_from: u64,
}

impl Walker {
    pub(crate) fn limits(&self) -> Limits {
        self.limits
    }

    pub(crate) fn new(limits: Limits, every_record: bool) -> Self {
        Self {
            limits,
            every_record,
            ..Self::default()
        }
    }

    /// Begins at a document's start.
    pub(crate) fn start(&mut self, offset: u64) {
        debug_assert!(
            self.frames.is_empty() && self.pending.is_empty(),
            "a document is open"
        );
        self.cursor = offset;
        self.string = None;
        self.line = None;
        self.before = b' ';
        self.n_deeper = 0;
        self.expects_key = false;
        self.role = Role::Other;
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
        let mut i = window.at(self.cursor);
        let from = self.string.map_or(i, |start| window.at(start));
        let mut next_hit = hits.first_from(from).unwrap_or(usize::MAX);
        if self.string.is_some() {
            match self.string_end(window, i) {
                StringEnd::At(end) => i = self.close_string(window, end, &mut next_hit, hits, out),
                StringEnd::Anchor(line) => return self.cut(line, next_hit, window, out),
                StringEnd::Unknown => return self.suspend(window, next_hit, out),
            }
        }
        while let Some(&byte) = bytes.get(i) {
            match byte {
                b'"' if !self.frames.is_empty() => {
                    self.string = Some(window.base + i as u64);
                    self.line = None;
                    match self.string_end(window, i + 1) {
                        StringEnd::At(end) => {
                            i = self.close_string(window, end, &mut next_hit, hits, out);
                        }
                        StringEnd::Anchor(line) => return self.cut(line, next_hit, window, out),
                        StringEnd::Unknown => return self.suspend(window, next_hit, out),
                    }
                    continue;
                }
                b' ' | b'\t' | b'\r' => {}
                b'\n' => self.line = Some(window.base + i as u64 + 1),
                b'{' | b'[' => match self.line {
                    Some(line) if !self.frames.is_empty() && !continues(self.before) => {
                        return self.cut(line, next_hit, window, out);
                    }
                    _ => self.open(byte, window.base + i as u64),
                },
                b'}' | b']' => {
                    if self.close(window.base + i as u64 + 1, out) {
                        return Progress::DocumentEnd(window.base + i as u64 + 1);
                    }
                }
                _ => {
                    if byte == b',' {
                        self.next_element();
                    }
                    if i == next_hit {
                        self.hit(window.base + i as u64, out);
                        next_hit = hits.first_from(i + 1).unwrap_or(usize::MAX);
                    }
                }
            }
            if !is_blank(byte) {
                self.before = byte;
                self.line = None;
            }
            i += 1;
        }
        self.cursor = window.end();
        if window.is_last {
            return self.cut(window.end(), next_hit, window, out);
        }
        self.suspend(window, next_hit, out)
    }

    /// Finds where the string ends that goes on at index `i`.
    fn string_end(&mut self, window: Window<'_>, mut i: usize) -> StringEnd {
        let bytes = window.bytes;
        while let Some(step) = bytes
            .get(i..)
            .and_then(|rest| memchr3(b'"', b'\\', b'\n', rest))
        {
            i += step;
            match bytes[i] {
                b'"' => return StringEnd::At(i + 1),
                b'\\' if i + 1 < bytes.len() => i += 2,
                b'\\' => break,
                // No JSON string holds a raw newline: it may have lost its end, or its writer was lax.
                _ => match opens(&bytes[i + 1..]) {
                    None if !window.is_last => break,
                    Some(true) if !continues(last_byte(&bytes[..i])) => {
                        return StringEnd::Anchor(window.base + i as u64 + 1);
                    }
                    _ => i += 1,
                },
            }
        }
        if window.is_last {
            return StringEnd::Anchor(window.end());
        }
        self.cursor = window.base + i.min(bytes.len()) as u64;
        StringEnd::Unknown
    }

    /// Takes in the string that ends at index `end`: a key may mark its object, a hit belongs to it.
    fn close_string(
        &mut self,
        window: Window<'_>,
        end: usize,
        next_hit: &mut usize,
        hits: &mut Hits<'_>,
        out: &mut Vec<Framed>,
    ) -> usize {
        let start = self.string.take().expect("a string is open");
        if std::mem::take(&mut self.expects_key) {
            self.key(start, window.slice(start + 1, window.base + end as u64 - 1));
        }
        if *next_hit < end {
            self.hit(window.base + *next_hit as u64, out);
            *next_hit = hits.first_from(end).unwrap_or(usize::MAX);
        }
        self.before = b'"';
        end
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
        if let Some(frame) = marked {
            frame.marked |= offset - frame.start <= self.limits.envelope_bytes;
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
            hit: None,
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

    fn hit(&mut self, offset: u64, out: &mut Vec<Framed>) {
        match self.frames.last_mut() {
            Some(frame) => frame.hit = frame.hit.or(Some(offset)),
            None => out.push(Framed::Unframed(offset)),
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
        match frame.kind {
            Kind::Array => match (frame.hit, self.frames.last_mut()) {
                (Some(hit), Some(parent)) => parent.hit = parent.hit.or(Some(hit)),
                (Some(hit), None) => out.push(Framed::Unframed(hit)),
                (None, _) => {}
            },
            Kind::Object => self.close_object(&frame, end, out),
        }
        self.flush(end, out);
        self.frames.is_empty()
    }

    fn close_object(&mut self, frame: &Frame, end: u64, out: &mut Vec<Framed>) {
        let inside = self.pending.partition_point(|p| p.unit.start < frame.start);
        let unit = Unit {
            start: frame.start,
            end,
            record_index: frame.record_index,
        };
        let has_hit = frame.hit.is_some() || inside < self.pending.len();
        if frame.marked && (has_hit || self.every_record) {
            self.pending.truncate(inside);
            if frame.start < self.held_from {
                out.push(Framed::Defect(too_large(frame.start, end, self.limits)));
            } else {
                self.pending.push(Pending { unit, marked: true });
            }
        } else if let (Some(hit), false) = (frame.hit, self.every_record) {
            let holds_record = self.pending[inside..].iter().any(|p| p.marked);
            if holds_record || !self.is_undecided(frame, end) || frame.start < self.held_from {
                // Not a unit of its own; it may still lie in a record.
                let is_in_doubt = self.frames.iter().any(|f| self.is_undecided(f, end));
                match self.frames.last_mut() {
                    Some(parent) if is_in_doubt => parent.hit = parent.hit.or(Some(hit)),
                    _ => out.push(Framed::Unframed(hit)),
                }
            } else {
                self.pending.truncate(inside);
                self.pending.push(Pending {
                    unit,
                    marked: false,
                });
            }
        }
    }

    /// Whether this object may yet turn out to be a record, at `offset`.
    fn is_undecided(&self, frame: &Frame, offset: u64) -> bool {
        let may_be_marked = offset - frame.start <= self.limits.envelope_bytes;
        frame.kind == Kind::Object && (frame.marked || may_be_marked)
    }

    /// Gives out the pending units, if no object round them can be a record any more.
    fn flush(&mut self, offset: u64, out: &mut Vec<Framed>) {
        if !self.pending.is_empty() && !self.frames.iter().any(|f| self.is_undecided(f, offset)) {
            out.extend(self.pending.drain(..).map(|p| Framed::Unit(p.unit)));
        }
    }

    /// Ends the document inside its value: at an anchor, or at the end of the text.
    fn cut(
        &mut self,
        at: u64,
        next_hit: usize,
        window: Window<'_>,
        out: &mut Vec<Framed>,
    ) -> Progress {
        // A hit in a string that has no end was not attributed yet.
        if self.string.take().is_some() && next_hit < window.at(at) {
            self.hit(window.base + next_hit as u64, out);
        }
        let has_hit_from = |i: usize, walker: &Self| {
            let start = walker.frames[i].start;
            walker.frames[i..].iter().any(|f| f.hit.is_some())
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
        out.extend(
            self.frames
                .drain(..)
                .filter_map(|f| f.hit)
                .map(Framed::Unframed),
        );
        out.extend(self.pending.drain(..).map(|p| Framed::Unit(p.unit)));
        Progress::DocumentEnd(at)
    }

    /// Stops at the end of a window that is not the last.
    fn suspend(&mut self, window: Window<'_>, next_hit: usize, out: &mut Vec<Framed>) -> Progress {
        self.flush(window.end(), out);
        let undecided = self
            .frames
            .iter()
            .position(|f| self.is_undecided(f, window.end()));
        let keep = self
            .string
            .into_iter()
            .chain(
                undecided
                    .map(|i| self.frames[i].start)
                    .filter(|&s| s >= self.held_from),
            )
            .chain(self.pending.first().map(|p| p.unit.start))
            .fold(self.cursor, u64::min);
        if window.end() - keep <= self.limits.record_bytes_max {
            return Progress::NeedsMore(keep);
        }
        // Too large to be held: let go of it, and remember whether it had a hit.
        self.held_from = self.cursor;
        let hit = (next_hit != usize::MAX).then(|| window.base + next_hit as u64);
        let hit = self.pending.drain(..).map(|p| p.unit.start).next().or(hit);
        if let (Some(hit), Some(i)) = (hit, undecided.or(self.frames.len().checked_sub(1))) {
            self.frames[i].hit = self.frames[i].hit.or(Some(hit));
        }
        if let Some(start) = self.string {
            self.string = Some(start.max(self.cursor.saturating_sub(SEAM_BYTES)));
            self.expects_key = false;
        }
        Progress::NeedsMore(self.string.unwrap_or(self.cursor))
    }
}

fn too_large(start: u64, end: u64, limits: Limits) -> Defect {
    let message = format!(
        "record of {} bytes is larger than {} bytes, the most that is held",
        end - start,
        limits.record_bytes_max
    );
    Defect::text(Code::RecordTooLarge, start, message)
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
const KEY_BYTES_MAX: usize = 15 * 6;

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
    if key.contains(&b'\\') && key.len() <= KEY_BYTES_MAX {
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
