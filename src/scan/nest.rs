//! Keeps a stack of the open brackets and derives the units from it.
//!
//! In: brackets, keys, commas and hits, in the order in which the walk meets them. Out: [`Framed`]. This module does
//! not see the text itself, and only the offsets in [`Limits`] act as limits. So the result is the same however the
//! walk is divided.

use std::collections::VecDeque;

use super::framed::{Framed, Needle};
use super::keys::{KEY_BYTES_MAX, Marks, Role, classify};
use super::limits::Limits;
use super::patterns::NEEDLE_BYTES_MAX;
use super::records::{PendingRecords, Unit};
use crate::event::Seam;
use crate::report::{Code, Defect};
use crate::steps;

/// The deepest nesting level at which the walk stores brackets. Deeper brackets are only counted, so that a gigabyte
/// of `[` costs no memory. simd-json parses up to 1,024 levels.
const DEPTH_MAX: usize = 2048;

/// The largest distance between the opening bracket of a row of fields and its first key. At least this many bytes
/// are kept across a seam in any case.
const ROW_START_BYTES_MAX: u64 = NEEDLE_BYTES_MAX as u64 / 2;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Object,
    Array,
}

/// An open bracket.
#[derive(Debug)]
struct Frame {
    kind: Kind,
    start: u64,
    /// The index of the element that contains this value, in the innermost array around it.
    record_index: u64,
    /// For an array: the number of elements before the current one.
    n_before: u64,
    /// The role of the key whose value this is.
    role: Role,
    marked: bool,
    /// True if it is the value of a key `requestParameters`, or in one.
    is_in_request: bool,
    /// True if a hit is in this value but not in a candidate inside it.
    has_hit: bool,
    /// The first of these hits that is a needle. It is not determined inside a record.
    needle: Option<Needle>,
}

impl Frame {
    /// Returns the text of this value, which ends at `end`.
    fn unit(&self, end: u64) -> Unit {
        Unit {
            start: self.start,
            end,
            record_index: self.record_index,
        }
    }
}

/// A closed unit that may still turn out to be inside a marked object.
#[derive(Debug, Clone, Copy)]
struct Pending {
    unit: Unit,
    seam: Option<Seam>,
    /// The start of the last marked unit among the pending ones up to and including this one.
    last_marked: Option<u64>,
}

/// The stack of open brackets. See the module documentation, and `frame` for the definition of a unit.
#[derive(Debug)]
pub(super) struct Nest {
    limits: Limits,
    /// True if every marked object is a unit, with or without a hit.
    every_record: bool,
    /// The open brackets, outermost first.
    frames: Vec<Frame>,
    /// The number of open brackets beyond [`DEPTH_MAX`].
    n_deeper: u64,
    /// The number of open objects that are marked.
    n_marked: usize,
    /// The number of outermost open brackets that are known not to be records.
    n_decided: usize,
    /// The closed units that are not reported yet, sorted by their starts.
    pending: VecDeque<Pending>,
    /// The records that are not reported yet. They change nothing in what becomes of hits.
    records: PendingRecords,
    /// True if a string that begins here is a key.
    expects_key: bool,
    /// The role of the key read last.
    role: Role,
    /// True if a needle outside all brackets was reported.
    is_told: bool,
    /// True if nothing is before the outermost bracket on its line.
    begins_line: bool,
}

impl Nest {
    pub(super) fn new(limits: Limits, every_record: bool, shows_records: bool) -> Self {
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
            records: PendingRecords::new(shows_records),
            expects_key: false,
            role: Role::Other,
            is_told: false,
            begins_line: false,
        }
    }

    /// Begins a document.
    pub(super) fn start(&mut self) {
        debug_assert!(
            self.frames.is_empty() && self.n_marked == 0,
            "a bracket is open"
        );
        debug_assert!(
            self.pending.is_empty() && self.records.is_empty(),
            "a document is open"
        );
        self.n_deeper = 0;
        self.n_decided = 0;
        self.expects_key = false;
        self.role = Role::Other;
        self.is_told = false;
    }

    /// Returns true if no bracket is open.
    pub(super) fn is_empty(&self) -> bool {
        self.frames.is_empty()
    }

    /// Returns true if the string at the cursor, or the next one, may mark an object.
    pub(super) fn expects_key(&self) -> bool {
        self.expects_key
    }

    /// Handles a string that has ended. `content` is `None` if its start is no longer in memory.
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
                        // Until now the array was not known to be a record.
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

    /// Returns true if the innermost open value is a record.
    pub(super) fn is_in_record(&self) -> bool {
        let is_record = |frame: &Frame| frame.marked && frame.kind == Kind::Object;
        self.n_deeper == 0 && self.frames.last().is_some_and(is_record)
    }

    /// Handles a hit inside a record, where it does not matter what it is.
    pub(super) fn hit_in_record(&mut self) {
        if let Some(frame) = self.frames.last_mut() {
            frame.has_hit = true;
        }
    }

    /// Returns true if no record is around the place that the walk has reached.
    pub(super) fn is_outside_records(&self) -> bool {
        self.n_marked == 0
    }

    /// Opens a bracket. `is_request` is true if it is the value of a key `requestParameters`, outside records, and
    /// `begins_line` if nothing is before it on its line.
    pub(super) fn open(&mut self, bracket: u8, start: u64, is_request: bool, begins_line: bool) {
        if self.frames.is_empty() {
            self.begins_line = begins_line;
        }
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
        let is_in_request = is_request || self.is_in_request();
        self.frames.push(Frame {
            kind,
            start,
            record_index,
            n_before: 0,
            role,
            marked: false,
            is_in_request,
            has_hit: false,
            needle: None,
        });
    }

    /// Handles a comma.
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

    /// Returns true if it matters whether a hit here is a needle. Inside a record the parsed value decides this.
    pub(super) fn asks_for_needle(&self) -> bool {
        let is_known = match self.frames.last() {
            Some(frame) => self.n_marked > 0 || frame.needle.is_some(),
            None => self.is_told,
        };
        !is_known && !self.every_record
    }

    /// Handles a hit. `needle` is what to report if the hit is known to be a needle.
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

    /// Handles a string that contains a hit and may hold JSON. It becomes a candidate of its own, unless a record
    /// turns out to be around it.
    pub(super) fn text(&mut self, start: u64, end: u64) {
        if self.n_marked > 0 {
            // What is inside a record is data.
            return self.hit_in_record();
        }
        self.push(self.text_unit(start, end), false, self.is_in_request());
    }

    /// Returns true if every record is shown, with or without a hit.
    pub(super) fn shows_records(&self) -> bool {
        self.records.is_wanted
    }

    /// Handles a string that may hold JSON, with or without a hit: outside records it is one.
    pub(super) fn text_record(&mut self, start: u64, end: u64) {
        if self.n_marked == 0 {
            self.records.push(self.text_unit(start, end));
        }
    }

    fn text_unit(&self, start: u64, end: u64) -> Unit {
        let record_index = match self.frames.last() {
            None => 0,
            Some(frame) if frame.kind == Kind::Array => frame.n_before,
            Some(object) => object.record_index,
        };
        Unit {
            start,
            end,
            record_index,
        }
    }

    /// Returns true if the place that the walk has reached is in a request.
    fn is_in_request(&self) -> bool {
        self.frames.last().is_some_and(|frame| frame.is_in_request)
    }

    fn push(&mut self, unit: Unit, is_marked: bool, is_in_request: bool) {
        let own = is_marked.then_some(unit.start);
        let last_marked = own.or_else(|| self.last_marked());
        self.pending.push_back(Pending {
            unit,
            seam: is_in_request.then_some(Seam::InRequest),
            last_marked,
        });
    }

    /// Returns the start of the last pending unit that is marked.
    fn last_marked(&self) -> Option<u64> {
        self.pending.back().and_then(|p| p.last_marked)
    }

    /// Returns true if a member of an object cannot follow the bracket that closes the innermost value.
    pub(super) fn ends_before_members(&self) -> bool {
        let is_so = match &self.frames[..] {
            [.., around, _] => around.kind == Kind::Array,
            // In a line of a log anything may follow.
            _ => self.begins_line,
        };
        is_so && self.n_deeper == 0
    }

    /// Closes the innermost bracket, whatever its kind. `goes_on` is true if a member of an object follows. Returns true if
    /// that ends the document.
    pub(super) fn close(&mut self, end: u64, goes_on: bool, out: &mut Vec<Framed>) -> bool {
        self.expects_key = false;
        if self.n_deeper > 0 {
            self.n_deeper -= 1;
            return false;
        }
        // A closing bracket between documents has no meaning.
        let Some(frame) = self.frames.pop() else {
            return false;
        };
        let start = frame.start;
        // Of what was decided before its end, units may be reported already.
        let goes_on = goes_on && self.is_undecided(&frame, end);
        self.n_marked -= usize::from(frame.marked);
        self.n_decided = self.n_decided.min(self.frames.len());
        match frame.kind {
            Kind::Array if !frame.marked => self.pass_up(frame, out),
            _ => self.close_object(frame, end, out),
        }
        if goes_on {
            let inside = self.pending.iter_mut().rev();
            let inside = inside.take_while(|pending| pending.unit.start >= start);
            inside.for_each(|pending| pending.seam = pending.seam.or(Some(Seam::GoesOn)));
        }
        self.flush(end, out);
        self.frames.is_empty()
    }

    /// Moves the hit of a value that is no candidate to the value around it.
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
        let unit = frame.unit(end);
        let is_unit = if self.n_marked > 0 {
            // What is inside a record is data.
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
        if frame.marked {
            self.records.push(unit);
        }
        if is_unit {
            self.pending.truncate(inside);
            self.push(unit, frame.marked, frame.is_in_request);
        } else if self.outermost_undecided(end).is_some() {
            self.pass_up(frame, out);
        } else {
            out.extend(frame.needle.map(Framed::Unframed));
        }
    }

    /// Returns true if this value may still turn out to be a record, provided that it is still open at `offset`.
    fn is_undecided(&self, frame: &Frame, offset: u64) -> bool {
        let may_be_marked = offset - frame.start <= self.limits.envelope_bytes;
        frame.marked || frame.kind == Kind::Object && may_be_marked
    }

    /// Returns the index of the outermost open object that may still turn out to be a record. All keys before
    /// `offset` must have been seen.
    fn outermost_undecided(&mut self, offset: u64) -> Option<usize> {
        let first = self.frames.get(self.n_decided..)?.iter();
        self.n_decided += first.take_while(|f| !self.is_undecided(f, offset)).count();
        (self.n_decided < self.frames.len()).then_some(self.n_decided)
    }

    /// Reports the pending units that no record can be around any more.
    pub(super) fn flush(&mut self, offset: u64, out: &mut Vec<Framed>) {
        if self.pending.is_empty() && self.records.is_empty() {
            return;
        }
        let start = self.undecided_from(offset);
        let n = match start {
            Some(start) => self.pending.partition_point(|p| p.unit.start < start),
            None => self.pending.len(),
        };
        let limits = self.limits;
        for pending in self.pending.drain(..n) {
            let records = self.records.take_before(Some(pending.unit.start + 1));
            out.extend(records.map(|unit| Framed::record(unit, limits)));
            out.push(Framed::candidate(pending.unit, pending.seam, limits));
        }
        let records = self.records.take_before(start);
        out.extend(records.map(|unit| Framed::record(unit, limits)));
    }

    /// Returns the start of the outermost object that may still turn out to be a record. All keys before `offset`
    /// must have been seen.
    pub(super) fn undecided_from(&mut self, offset: u64) -> Option<u64> {
        self.outermost_undecided(offset)
            .map(|i| self.frames[i].start)
    }

    /// Drops what is inside a record that is too large to keep in memory.
    pub(super) fn let_go(&mut self) {
        if let Some(record) = self.frames.get_mut(self.n_decided) {
            record.has_hit |= !self.pending.is_empty();
            self.pending.clear();
            self.records.drop_from(record.start);
        }
    }

    /// Ends the document at `end`, inside its value.
    pub(super) fn cut(&mut self, end: u64, out: &mut Vec<Framed>) {
        steps::take(self.frames.len() + self.pending.len() + self.records.len());
        let has_hit_from = |i: usize| {
            let start = self.frames[i].start;
            self.frames[i..].iter().any(|f| f.has_hit)
                || self.pending.iter().any(|p| p.unit.start > start)
        };
        // The outermost marked object contains everything that the others contain.
        let outermost = self.frames.iter().position(|frame| frame.marked);
        let cut = outermost.map(|i| self.frames[i].unit(end));
        let record = outermost.filter(|&i| has_hit_from(i));
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
        let cut = cut.filter(|_| self.records.is_wanted);
        if let Some(unit) = cut {
            self.records.drop_from(unit.start);
        }
        self.flush(end, out);
        let is_whole = false;
        out.extend(cut.map(|unit| Framed::Record { unit, is_whole }));
    }
}
