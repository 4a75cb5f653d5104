//! The scan of a text of rows: each row with a hit is judged as an object of its cells.

use std::ops::Range;

use super::judging::Whole;
use super::nest::Unit;
use super::prefilter::Hits;
use super::rows::{self, Header, ROW_BYTES_MAX};
use super::window::last_start;
use super::{Candidate, Scanner, Window};
use crate::report::{Code, Defect};

impl Scanner {
    /// As [`Scanner::scan`], of rows; nothing where these end and documents follow.
    pub(super) fn scan_rows(
        &mut self,
        header: &Header,
        window: Window<'_>,
        hits: &mut Hits<'_>,
        visit: &mut dyn FnMut(&Candidate<'_>),
    ) -> Option<u64> {
        let bytes = window.bytes;
        let end = match window.is_last {
            true => bytes.len(),
            // A needle may go on in the next window.
            false => bytes.len().saturating_sub(self.walker.limits().seam_bytes),
        };
        let mut at = window.at(self.boundary).min(bytes.len());
        while let Some(hit) = hits.first_from(at).filter(|&hit| hit < end) {
            let row = rows::row_round(bytes, at, hit, window.is_last);
            let row = row.filter(|row| row.len() <= ROW_BYTES_MAX);
            let is_whole = row.as_ref().is_some_and(|row| {
                self.json.clear();
                header.object(&bytes[row.clone()], &mut self.json)
            });
            let is_near_end = bytes.len() - at <= ROW_BYTES_MAX;
            if row.is_none() && !window.is_last && is_near_end {
                // Its end may be in the next window.
                at = rows::last_row_before(bytes, at, hit);
                break;
            }
            // No name begins so, and what does is read as JSON whatever stands before it.
            let is_json = |row: &Range<usize>| matches!(bytes[row.start], b'{' | b'[');
            if let Some(row) = row.as_ref().filter(|row| is_json(row)) {
                self.boundary = window.base + row.start as u64;
                return None;
            }
            let row = match row {
                Some(row) if is_whole => row,
                row => {
                    if let Some(anchor) = last_start(&bytes[at..], hit + 1 - at) {
                        self.boundary = window.base + (at + anchor) as u64;
                        return None;
                    }
                    let line = rows::line_round(bytes, at, hit);
                    let mut json = Vec::new();
                    let is_whole = header.object(&bytes[line.clone()], &mut json);
                    self.tell_row(window.base + line.start as u64);
                    match row {
                        Some(row) if !is_whole => row,
                        _ => {
                            self.json = json;
                            line
                        }
                    }
                }
            };
            self.judge_row(window, row.clone(), visit);
            at = (row.end + 1).min(bytes.len());
        }
        if hits.first_from(at).is_none_or(|hit| hit >= end) {
            let row = rows::last_row_before(bytes, at, end.max(at));
            let is_lost = end.saturating_sub(row) > ROW_BYTES_MAX;
            at = if is_lost { end } else { row };
        }
        if window.is_last {
            at = bytes.len();
        }
        self.boundary = window.base + at as u64;
        Some(self.boundary)
    }

    fn tell_row(&mut self, offset: u64) {
        let message = "row has not as many cells as the header; it was judged by those that it has";
        self.defects
            .push(Defect::text(Code::LenientJson, offset, message));
    }

    fn judge_row(
        &mut self,
        window: Window<'_>,
        row: Range<usize>,
        visit: &mut dyn FnMut(&Candidate<'_>),
    ) {
        let unit = Unit {
            start: window.base + row.start as u64,
            end: window.base + row.end as u64,
            record_index: 0,
        };
        let json = std::mem::take(&mut self.json);
        let text = Whole {
            bytes: &json,
            raw: &window.bytes[row],
            is_lenient: false,
            is_row: true,
        };
        if let Err(error) = self.judge(unit, text, visit) {
            self.tell_invalid(unit, &error);
        }
        self.json = json;
    }
}
