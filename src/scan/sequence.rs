//! Texts that are read in order from their beginning, which shows how: rows of a table, and elements of a list.

use super::elements::Elements;
use super::prefilter::Hits;
use super::rows::{self, Table};
use super::window::Found;
use super::{ScanItem, Scanner, Window};

/// How a text is read, and how far it has been read.
#[derive(Debug)]
pub(super) enum Sequence {
    Rows(Box<Table>),
    Elements(Elements),
}

/// Returns true if a text with this beginning may be read in order, or if not enough of it is available to exclude
/// that.
#[must_use]
pub fn is_sequence(text: &[u8]) -> bool {
    rows::is_rows(text) || !matches!(Elements::find(text, false), Found::Nothing)
}

impl Sequence {
    pub(super) fn find(text: &[u8], is_last: bool) -> Found<Self> {
        match Elements::find(text, is_last) {
            Found::Some(elements) => return Found::Some(Self::Elements(elements)),
            Found::Undecided => return Found::Undecided,
            Found::Nothing => {}
        }
        match Table::find(text, is_last) {
            Found::Some(table) => Found::Some(Self::Rows(Box::new(table))),
            Found::Undecided => Found::Undecided,
            Found::Nothing => Found::Nothing,
        }
    }
}

impl Scanner {
    /// Scans a text like [`Scanner::scan_items`]. Returns `None` where the sequence ends and documents follow.
    pub(super) fn scan_sequence(
        &mut self,
        sequence: &mut Sequence,
        window: Window<'_>,
        hits: &mut Hits<'_>,
        visit: &mut dyn FnMut(ScanItem<'_>),
    ) -> Option<u64> {
        match sequence {
            Sequence::Rows(table) => self.scan_rows(table, window, hits, visit),
            Sequence::Elements(elements) => self.scan_elements(*elements, window, hits, visit),
        }
    }
}
