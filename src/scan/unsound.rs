//! Reports text that is defective but was searched: holes of zeros, data that is not text, records that are not
//! strict JSON.

use serde::de::IgnoredAny;

use super::Scanner;
use super::no_text::Shown;
use super::parse::Quality;
use super::records::Unit;
use super::window::Window;
use crate::binary;
use crate::event::object_text;
use crate::report::{Code, Defect};

impl Scanner {
    /// Reports, once, where data begins that is not text, and zeros inside a document before it. Data that is not text
    /// cannot be distinguished from text that was made unreadable.
    pub(super) fn look_for_no_text(&mut self, window: Window<'_>, control: Option<usize>) {
        let control = control.map(|at| window.base + at as u64);
        let unread = self.unread_from.take();
        let control = match (control, unread) {
            (Some(control), Some(unread)) => Some(control.min(unread)),
            (control, unread) => control.or(unread),
        };
        let Shown { data, hole } = self.no_text.search(window, control);
        if let Some(offset) = hole {
            let message = "zeros stand inside a document: what was there is lost, and what is left was searched";
            self.defects
                .push(Defect::text(Code::UnknownContent, offset, message));
        }
        if let Some(offset) = data {
            let foreign = || binary::foreign(window.bytes);
            self.defects.push(match (offset, window.base) {
                (0, 0) if foreign().is_some() => {
                    let name = foreign().unwrap_or_default();
                    let message = format!("content is {name}; it is searched as it is");
                    Defect::text(Code::NotText, offset, message)
                }
                _ => {
                    let message = "what follows is no text: damaged, encrypted, or of a kind that is not read; it is searched as it is";
                    Defect::text(Code::UnknownContent, offset, message)
                }
            });
        }
    }

    /// Notes that text from this offset on is looked at for control characters, although the search passes over it.
    pub(super) fn leave_unread(&mut self, offset: u64) {
        let before = self.unread_from.unwrap_or(offset);
        self.unread_from = Some(before.min(offset));
    }

    /// Returns true if a cell of a row, which is an object of texts here, has the beginning of a record, with a word
    /// that rows are searched for. Writers of tables shorten long cells.
    pub(super) fn holds_cut_record(&self, row: &[u8]) -> bool {
        if !self.prefilter.holds_row_word(row) {
            return false;
        }
        let cells: Result<serde_json::Map<String, serde_json::Value>, _> =
            serde_json::from_slice(row);
        let is_cut = |cell: &serde_json::Value| {
            let text = cell.as_str().unwrap_or_default();
            self.prefilter.holds_row_word(text.as_bytes()) && object_text::holds_cut(text)
        };
        cells.is_ok_and(|cells| cells.values().any(is_cut))
    }

    /// Reports how well a candidate could be read.
    pub(super) fn report_quality(&mut self, unit: Unit, quality: Quality, is_duplicate: bool) {
        if quality.is_lossy {
            let message = "record holds bytes that are not UTF-8, or half a surrogate pair; judged with U+FFFD instead";
            self.defects
                .push(Defect::text(Code::InvalidUtf8, unit.start, message));
        }
        let told = match (quality.is_lenient, is_duplicate) {
            (true, true) => {
                let message = "record is no strict JSON and names a field more than once, as where two records run into each other; every reading was judged";
                Some((Code::InvalidJson, message))
            }
            (true, false) => {
                let message = "record is no strict JSON; judged as what it means";
                Some((Code::LenientJson, message))
            }
            (false, true) => {
                let message = "record names a field more than once; every reading was judged";
                Some((Code::DuplicateKeys, message))
            }
            (false, false) => None,
        };
        let defect = told.map(|(code, message)| Defect::text(code, unit.start, message));
        self.defects.extend(defect);
        // The search continues after the candidate, so it does not find control characters in it. Strict JSON has none.
        if quality.is_lenient {
            self.leave_unread(unit.start);
        }
    }
}

/// Returns true if a text begins with a whole object, and goes on as if that had not ended: with a comma and a key. Two
/// records ran into each other, and the rest of the second one is behind the end of the first.
pub(super) fn goes_on(text: &[u8]) -> bool {
    let mut values = serde_json::Deserializer::from_slice(text).into_iter::<IgnoredAny>();
    if !matches!(values.next(), Some(Ok(_))) {
        return false;
    }
    let rest = text.get(values.byte_offset()..).unwrap_or_default();
    let rest = rest.trim_ascii_start().strip_prefix(b",");
    rest.is_some_and(|rest| rest.trim_ascii_start().starts_with(b"\""))
}
