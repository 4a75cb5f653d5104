//! The records of a text as they are framed, with or without a hit, for a caller that wants them without a parse.

use std::collections::VecDeque;

use super::Candidate;

/// A region of text that is framed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unit {
    /// The offset of its first byte, from the start of the text.
    pub start: u64,
    /// The offset after its last byte.
    pub end: u64,
    /// The index of the element that contains it, in the innermost array around it; 0 if there is no array.
    pub record_index: u64,
}

/// A piece of text that is framed as a record or as what holds records. It is not parsed, so it may be invalid JSON.
///
/// A piece is one of these:
///
/// - The outermost object that has a key of a known schema, such as `eventVersion`: an element of a `Records` array, a
///   line of NDJSON, or a whole document. The key must begin in the first MiB of the object. A digest file, an
///   insight, and a list of columns with its rows are such objects too.
/// - A row of fields of CloudWatch Logs Insights: an array of objects with the key `field`.
/// - A string outside such objects whose content begins as JSON does, with its quotes and escapes. Examples are the
///   `message` of CloudWatch Logs and the `Message` of SNS.
/// - A row of a text with a header (CSV and the like), as a JSON object of its cells. If the row does not fit the
///   header, the object has the cells that it has, from the first one on.
/// - An element of `lookup-events` as text or YAML, as the JSON object that it means.
/// - A row of a Parquet file, as the line of JSON that is made of it.
///
/// What is inside a piece is not a piece of its own: neither an object nor a string with more records. Text that shows
/// no record in these ways is no piece: objects without a known key in double quotes, prose, and the envelope around
/// records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RawRecord<'a> {
    /// The bytes as written in the text, or the JSON that is made of a row. Empty if the piece is too large to be
    /// kept in memory: more than 1 GiB, or 16 MiB for a row of text.
    pub bytes: &'a [u8],
    /// False if the piece is too large, or if it is cut off: it then extends to the next document or to the end of the
    /// text.
    pub is_whole: bool,
}

/// Something that a scan finds in a text.
#[derive(Debug)]
pub enum ScanItem<'a> {
    /// An event in text that contains a needle.
    Event(&'a Candidate<'a>),
    /// A framed record, with or without a needle, and its place in the text. It comes before the events in it.
    Record(Unit, RawRecord<'a>),
}

/// The records that have ended and may still turn out to be inside another one.
#[derive(Debug)]
pub(super) struct PendingRecords {
    /// True if a caller wants records. Otherwise none is ever added.
    pub(super) is_wanted: bool,
    /// Sorted by their starts.
    units: VecDeque<Unit>,
}

impl PendingRecords {
    pub(super) fn new(is_wanted: bool) -> Self {
        Self {
            is_wanted,
            units: VecDeque::new(),
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.units.is_empty()
    }

    pub(super) fn len(&self) -> usize {
        self.units.len()
    }

    /// Adds a record, in place of all that are inside it.
    pub(super) fn push(&mut self, unit: Unit) {
        if self.is_wanted {
            self.drop_from(unit.start);
            self.units.push_back(unit);
        }
    }

    /// Drops the records that start at or after this offset.
    pub(super) fn drop_from(&mut self, start: u64) {
        let n_before = self.units.partition_point(|unit| unit.start < start);
        self.units.truncate(n_before);
    }

    /// Removes and returns the records that start before this offset, or all.
    pub(super) fn take_before(&mut self, start: Option<u64>) -> impl Iterator<Item = Unit> {
        let n = match start {
            Some(start) => self.units.partition_point(|unit| unit.start < start),
            None => self.units.len(),
        };
        self.units.drain(..n)
    }
}
