//! What do the open brackets hold? The account from which the units come.
//!
//! In: brackets, keys, commas and hits, as the walk meets them. Out: [`Framed`]. The text itself is not seen
//! here, and no offset is a limit but those of [`Limits`]: what comes out is the same however the walk is
//! divided.

use std::collections::VecDeque;

use super::keys::{KEY_BYTES_MAX, Marks, Role, classify};
use super::prefilter::NEEDLE_BYTES_MAX;
use super::steps;
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
    /// Text after the last anchor that is rather waited for than walked: a delivery of usual length is then
    /// searched once with its end in sight, while a document of one very long line is walked as it comes.
    pub(crate) tail_bytes: usize,
    /// How much is walked at a stretch, before what came of it is judged and a wish to stop is heard.
    pub(crate) stride_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            envelope_bytes: 1 << 20,
            record_bytes_max: 1 << 30,
            seam_bytes: NEEDLE_BYTES_MAX,
            tail_bytes: 1 << 20,
            stride_bytes: 16 << 20,
        }
    }
}

/// How deep the walk keeps account of brackets. Deeper ones are only counted, so that a gigabyte of `[`
/// costs no memory; simd-json judges 1,024 levels.
const DEPTH_MAX: usize = 2048;

/// How far behind its bracket the first key of a row of fields may stand: so much is held across a seam whatever
/// comes.
const ROW_START_BYTES_MAX: u64 = NEEDLE_BYTES_MAX as u64 / 2;

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

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Object,
    Array,
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
    /// Where the last one began that was marked, of those up to this one.
    last_marked: Option<u64>,
}

/// The account of the open brackets. See the module, and `frame` for what a unit is.
#[derive(Debug)]
pub(super) struct Nest {
    limits: Limits,
    /// Whether every marked object is a unit, with or without a hit.
    every_record: bool,
    /// The open brackets, outermost first.
    frames: Vec<Frame>,
    /// Open brackets beyond [`DEPTH_MAX`].
    n_deeper: u64,
    /// How many open objects are marked.
    n_marked: usize,
    /// How many of the outermost open brackets are known to be no record.
    n_decided: usize,
    /// Sorted by their starts.
    pending: VecDeque<Pending>,
    /// Whether a string that begins here is a key.
    expects_key: bool,
    /// The role of the key just read.
    role: Role,
    /// Whether a needle outside of all brackets was told.
    is_told: bool,
}

impl Nest {
    pub(super) fn new(limits: Limits, every_record: bool) -> Self {
        debug_assert!(
            limits.record_bytes_max > limits.envelope_bytes + KEY_BYTES_MAX,
            "what may turn out to be a record is held"
        );
        Self {
            limits,
            every_record,
            frames: Vec::new(),
            n_deeper: 0,
            n_marked: 0,
            n_decided: 0,
            pending: VecDeque::new(),
            expects_key: false,
            role: Role::Other,
            is_told: false,
        }
    }

    /// Begins with a document.
    pub(super) fn start(&mut self) {
        debug_assert!(
            self.frames.is_empty() && self.pending.is_empty() && self.n_marked == 0,
            "a document is open"
        );
        self.n_deeper = 0;
        self.n_decided = 0;
        self.expects_key = false;
        self.role = Role::Other;
        self.is_told = false;
    }

    /// Whether no bracket is open.
    pub(super) fn is_empty(&self) -> bool {
        self.frames.is_empty()
    }

    /// Whether the string that the walk stands in or before may mark an object.
    pub(super) fn expects_key(&self) -> bool {
        self.expects_key
    }

    /// Takes in a string that ended; nothing where its start is not held any more.
    pub(super) fn string(&mut self, offset: u64, content: Option<&[u8]>) {
        let is_key = std::mem::take(&mut self.expects_key) && self.n_deeper == 0;
        if let (true, Some(content)) = (is_key, content) {
            self.key(offset, content);
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
            Marks::RowRound => {
                let n_around = around.len();
                match around {
                    [.., list, row]
                        if [list.kind, row.kind] == [Kind::Array; 2]
                            && offset - row.start <= ROW_START_BYTES_MAX =>
                    {
                        // An array is not known to be a record before.
                        self.n_decided = self.n_decided.min(n_around - 1);
                        Some(row)
                    }
                    _ => None,
                }
            }
            Marks::ObjectRound(role) if object.role == role => around.last_mut(),
            Marks::ObjectRound(_) => None,
        };
        if let Some(frame) = marked.filter(|frame| !frame.marked) {
            frame.marked = offset - frame.start <= self.limits.envelope_bytes;
            self.n_marked += usize::from(frame.marked);
        }
    }

    /// Opens a bracket.
    pub(super) fn open(&mut self, bracket: u8, start: u64) {
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

    /// Takes in a comma.
    pub(super) fn next_element(&mut self) {
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

    /// Whether it matters of a hit here that it is a needle: in a record the parsed value tells.
    pub(super) fn asks_for_needle(&self) -> bool {
        let is_known = match self.frames.last() {
            Some(frame) => self.n_marked > 0 || frame.needle.is_some(),
            None => self.is_told,
        };
        !is_known && !self.every_record
    }

    /// Takes in a hit, and what to tell of it if it is known to be a needle.
    pub(super) fn hit(&mut self, needle: Option<Needle>, out: &mut Vec<Framed>) {
        match self.frames.last_mut() {
            Some(frame) => {
                frame.has_hit = true;
                frame.needle = frame.needle.take().or(needle);
            }
            None => {
                self.is_told |= needle.is_some();
                out.extend(needle.map(Framed::Unframed));
            }
        }
    }

    /// Takes in a string that holds a hit and may hold JSON: a candidate of its own, unless a record turns
    /// out to lie round it.
    pub(super) fn text(&mut self, start: u64, end: u64) {
        if self.n_marked > 0 {
            // What lies inside a record is data.
            if let Some(frame) = self.frames.last_mut() {
                frame.has_hit = true;
            }
            return;
        }
        let record_index = match self.frames.last() {
            None => 0,
            Some(Frame {
                kind: Kind::Array,
                n_before,
                ..
            }) => *n_before,
            Some(object) => object.record_index,
        };
        self.push(
            Unit {
                start,
                end,
                record_index,
            },
            false,
        );
    }

    fn push(&mut self, unit: Unit, is_marked: bool) {
        let own = is_marked.then_some(unit.start);
        let last_marked = own.or_else(|| self.last_marked());
        self.pending.push_back(Pending { unit, last_marked });
    }

    /// Where the last pending unit begins that is marked.
    fn last_marked(&self) -> Option<u64> {
        self.pending.back().and_then(|p| p.last_marked)
    }

    /// Closes the innermost bracket, of whichever kind. True if that ends the document.
    pub(super) fn close(&mut self, end: u64, out: &mut Vec<Framed>) -> bool {
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
            Kind::Array if !frame.marked => self.pass_up(frame, out),
            _ => self.close_object(frame, end, out),
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
        } else if self.every_record {
            frame.marked
        } else if frame.marked {
            frame.has_hit || inside < self.pending.len()
        } else {
            frame.has_hit
                && self.last_marked() < Some(frame.start)
                && self.is_undecided(&frame, end)
        };
        if is_unit {
            self.pending.truncate(inside);
            let unit = Unit {
                start: frame.start,
                end,
                record_index: frame.record_index,
            };
            self.push(unit, frame.marked);
        } else if self.outermost_undecided(end).is_some() {
            self.pass_up(frame, out);
        } else {
            out.extend(frame.needle.map(Framed::Unframed));
        }
    }

    /// Whether this value may yet turn out to be a record, if it is still open at `offset`.
    fn is_undecided(&self, frame: &Frame, offset: u64) -> bool {
        let may_be_marked = offset - frame.start <= self.limits.envelope_bytes;
        frame.marked || frame.kind == Kind::Object && may_be_marked
    }

    /// The index of the outermost open object that may yet turn out to be a record, if no key before
    /// `offset` is still to come.
    fn outermost_undecided(&mut self, offset: u64) -> Option<usize> {
        let first = self.frames.get(self.n_decided..)?.iter();
        self.n_decided += first.take_while(|f| !self.is_undecided(f, offset)).count();
        (self.n_decided < self.frames.len()).then_some(self.n_decided)
    }

    /// Gives out the pending units round which no object can be a record any more.
    pub(super) fn flush(&mut self, offset: u64, out: &mut Vec<Framed>) {
        if self.pending.is_empty() {
            return;
        }
        let n = match self.undecided_from(offset) {
            Some(start) => self.pending.partition_point(|p| p.unit.start < start),
            None => self.pending.len(),
        };
        let limits = self.limits;
        out.extend(self.pending.drain(..n).map(|p| candidate(p.unit, limits)));
    }

    /// Where the outermost object begins that may yet turn out to be a record, if no key before `offset`
    /// is still to come.
    pub(super) fn undecided_from(&mut self, offset: u64) -> Option<u64> {
        self.outermost_undecided(offset)
            .map(|i| self.frames[i].start)
    }

    /// Lets go of what lies inside a record that is too large to be held.
    pub(super) fn let_go(&mut self) {
        if let Some(record) = self.frames.get_mut(self.n_decided) {
            record.has_hit |= !self.pending.is_empty();
            self.pending.clear();
        }
    }

    /// Ends the document at `end`, inside its value.
    pub(super) fn cut(&mut self, end: u64, out: &mut Vec<Framed>) {
        steps::take(self.frames.len() + self.pending.len());
        let has_hit_from = |i: usize| {
            let start = self.frames[i].start;
            self.frames[i..].iter().any(|f| f.has_hit)
                || self.pending.iter().any(|p| p.unit.start > start)
        };
        // The outermost one holds what any other holds.
        let record = self.frames.iter().position(|frame| frame.marked);
        let record = record.filter(|&i| has_hit_from(i));
        if let Some(i) = record {
            let start = self.frames[i].start;
            let message = format!("record is cut off after {} bytes", end - start);
            let defect = Defect::text(Code::RecordCut, start, message);
            out.push(Framed::Defect(defect));
            self.pending.retain(|p| p.unit.start < start);
            self.frames.truncate(i);
        }
        let needles = self.frames.drain(..).filter_map(|f| f.needle);
        out.extend(needles.map(Framed::Unframed));
        self.n_marked = 0;
        self.flush(end, out);
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
