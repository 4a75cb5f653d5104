//! Reads the headers of the pages of a column, and compares them with what the footer says of the column.
//!
//! The footer describes every page of the file. Where a byte of it is damaged, other rows are read than there
//! are, and nothing else would show it. The headers are small: they are read for each column that is decoded.

use parquet::file::metadata::{ColumnChunkMetaData, RowGroupMetaData};
use parquet::file::page_index::offset_index::PageLocation;
use parquet::file::reader::ChunkReader as _;

use super::footer::Walk;
use super::stored::Kept;

/// Number of bytes that contain nearly every header, and the maximum of one: it may contain a minimum and a
/// maximum, which may be long texts.
const HEADER_BYTES: u64 = 256;
const HEADER_BYTES_MAX: u64 = 16 << 20;

/// Numbers of the types of pages.
const DATA: i64 = 0;
const DICTIONARY: i64 = 2;
const DATA_V2: i64 = 3;

/// The header of a page.
#[derive(Debug, Clone, Copy)]
struct Header {
    /// Offset of the page in the file.
    at: u64,
    /// Its size, with this header.
    size: u64,
    kind: i64,
    n_values: i64,
    /// The number of its rows, if the header states it.
    n_rows: Option<i64>,
}

impl Header {
    fn is_data(&self) -> bool {
        matches!(self.kind, DATA | DATA_V2)
    }

    /// Reads the header at an offset, whose page ends before `end`.
    fn read(kept: &Kept, at: u64, end: u64) -> Option<Self> {
        let mut n = HEADER_BYTES;
        loop {
            let length = n.min(end - at);
            let bytes = kept.get_bytes(at, usize::try_from(length).ok()?).ok()?;
            let mut walk = Walk::new(&bytes);
            if walk.structure(0).is_some() {
                return Self::of(&walk, at).filter(|header| header.size <= end - at);
            }
            if length < n || n >= HEADER_BYTES_MAX {
                return None;
            }
            n *= 16;
        }
    }

    fn of(walk: &Walk<'_>, at: u64) -> Option<Self> {
        let number = |outer, inner| {
            let mut numbers = walk.numbers.iter();
            numbers.find_map(|&(o, i, number)| ((o, i) == (outer, inner)).then_some(number))
        };
        let kind = number(1, 0)?;
        let n_values = match kind {
            DATA => number(5, 1)?,
            DATA_V2 => number(8, 1)?,
            _ => 0,
        };
        let length = u64::try_from(number(3, 0)?).ok()?;
        Some(Self {
            at,
            size: length.checked_add(walk.at as u64)?,
            kind,
            n_values,
            n_rows: if kind == DATA_V2 { number(8, 3) } else { None },
        })
    }
}

/// The headers of the pages of a column in a row group.
#[derive(Debug)]
pub(super) struct Headers {
    pages: Vec<Header>,
    /// Reports whether each row has one value.
    is_flat: bool,
}

impl Headers {
    /// Reads the headers, one after the other, up to the column's end.
    ///
    /// # Errors
    ///
    /// Returns what is wrong with one of them.
    pub(super) fn read(kept: &Kept, column: &ColumnChunkMetaData) -> Result<Self, String> {
        let (mut at, length) = column.byte_range();
        let end = at.saturating_add(length);
        let mut pages = Vec::new();
        while at < end {
            let header = Header::read(kept, at, end);
            let header = header.ok_or_else(|| format!("there is no page at {at}"))?;
            at += header.size;
            pages.push(header);
        }
        let is_flat = column.column_descr().max_rep_level() == 0;
        Ok(Self { pages, is_flat })
    }

    fn data(&self) -> impl Iterator<Item = &Header> {
        self.pages.iter().filter(|page| page.is_data())
    }

    /// Returns what contradicts the footer.
    pub(super) fn fault(
        &self,
        column: &ColumnChunkMetaData,
        group: &RowGroupMetaData,
    ) -> Option<String> {
        let is_dictionary = |page: &&Header| page.kind == DICTIONARY;
        if self.pages.iter().skip(1).any(|page| is_dictionary(&page)) {
            return Some("a dictionary is among its pages".to_owned());
        }
        let sum = |number: &dyn Fn(&Header) -> i64| {
            let numbers = self.data().map(number);
            numbers.fold(0_i64, i64::saturating_add)
        };
        let (n_values, n_told) = (sum(&|page| page.n_values), column.num_values());
        if n_values != n_told {
            return Some(format!(
                "its pages have {n_values} values, and the footer says {n_told}"
            ));
        }
        let states_rows = self.data().all(|page| page.n_rows.is_some());
        let (n_rows, n_told) = (sum(&|page| page.n_rows.unwrap_or(0)), group.num_rows());
        (states_rows && n_told > 0 && n_rows != n_told)
            .then(|| format!("its pages have {n_rows} rows, and the footer says {n_told}"))
    }

    /// Reports whether the pages are where an offset index says. One that is damaged is not used.
    pub(super) fn agree(&self, locations: &[PageLocation]) -> bool {
        let n_pages = self.data().count();
        let mut row = 0;
        let mut is_same = |(page, location): (&Header, &PageLocation)| {
            let size = u64::try_from(location.compressed_page_size);
            let is_here = u64::try_from(location.offset) == Ok(page.at) && size == Ok(page.size);
            let n_rows = page.n_rows.or(self.is_flat.then_some(page.n_values));
            let is_row = n_rows.is_none() || location.first_row_index == row;
            row += n_rows.unwrap_or(0);
            is_here && is_row
        };
        n_pages == locations.len() && self.data().zip(locations).all(&mut is_same)
    }
}
