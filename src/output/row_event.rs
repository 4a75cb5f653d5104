//! An event that becomes a row, and its place.

use std::path::Path;

use crate::event::{Event, Fields};

/// The place of a record.
#[derive(Debug, Clone, Copy)]
pub struct Place<'a> {
    /// The file's path as reached from the root.
    pub source: &'a Path,
    /// The file's path below the root, which does not depend on the location of the archive.
    pub below_root: &'a Path,
    /// The log inside the file, if the file is an archive.
    pub member: Option<&'a str>,
    /// The index of the record in the array that contains it.
    pub record_index: u64,
    /// The record's offset in the decompressed text.
    pub byte_offset: u64,
}

/// An event that becomes a row.
#[derive(Clone, Copy)]
pub struct RowEvent<'e> {
    /// The event.
    pub event: &'e Event<'e>,
    /// Its fields as rules see them: those of the event, or what is kept of them.
    pub fields: &'e dyn Fields,
    /// Its record.
    pub raw: &'e [u8],
    /// The place of the record.
    pub place: Place<'e>,
}

impl std::fmt::Debug for RowEvent<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut f = f.debug_struct("RowEvent");
        f.field("place", &self.place).finish_non_exhaustive()
    }
}
