//! Scans a text of rows: each row with a hit is judged as an object of its cells.

use std::ops::Range;

use memchr::memchr;

use super::{
    DOUBLED, ESCAPED, Header, Line, Passed, ROW_BYTES_MAX, SINGLE, SINGLE_ESCAPED, Table, fits,
    is_blank, line, may_go_on, opens_document, several_lines, without_bom,
};
use crate::binary;
use crate::event::time;
use crate::report::{Code, Defect};
use crate::scan::extractor::Whole;
use crate::scan::prefilter::Hits;
use crate::scan::records::{RawRecord, Unit};
use crate::scan::{ScanItem, Scanner, Window};

const ERASED: &str = "bytes of erased storage (0xFF) occur in a row: what was there is lost, and what is left was judged";
const NOT_UTF8: &str = "row holds bytes that are not UTF-8; judged with U+FFFD instead";

/// The item at the place where a row should begin.
enum Next {
    Row(Range<usize>),
    /// A header, or a blank line, up to this index.
    Other(usize),
    TooLong,
    /// Text that is not rows.
    Documents,
    /// More of the text is needed.
    Unknown,
}

impl Scanner {
    /// Scans rows, like [`Scanner::scan`]. Returns `None` where the rows end and documents follow.
    pub(in crate::scan) fn scan_rows(
        &mut self,
        table: &mut Table,
        window: Window<'_>,
        hits: &mut Hits<'_>,
        visit: &mut dyn FnMut(ScanItem<'_>),
    ) -> Option<u64> {
        let bytes = window.bytes;
        let mut at = window.at(self.boundary).min(bytes.len());
        while at < bytes.len() {
            if let Some(passed) = table.passed {
                match self.pass(table, passed, window, at, hits) {
                    Some(end) => at = end,
                    None => {
                        let seam = bytes.len().saturating_sub(self.walker.limits().seam_bytes);
                        at = if window.is_last {
                            bytes.len()
                        } else {
                            seam.max(at)
                        };
                        break;
                    }
                }
                continue;
            }
            at = match self.next_row(table, window, at, hits) {
                Next::Row(row) => {
                    let end = row.end + 1;
                    self.row(table, window, row, hits, visit);
                    end
                }
                Next::Other(end) => end + 1,
                Next::TooLong => {
                    let start = window.base + at as u64;
                    let is_told = false;
                    table.passed = Some(Passed { start, is_told });
                    if self.shows_records {
                        let unit = Unit {
                            start,
                            end: start,
                            record_index: 0,
                        };
                        let (bytes, is_whole) = (&[][..], false);
                        visit(ScanItem::Record(unit, RawRecord { bytes, is_whole }));
                    }
                    at
                }
                Next::Documents => {
                    self.boundary = window.base + at as u64;
                    return None;
                }
                Next::Unknown => break,
            };
        }
        self.boundary = window.base + at.min(bytes.len()) as u64;
        Some(self.boundary)
    }

    /// Returns what begins at `at`. A new header replaces the old one.
    fn next_row(
        &mut self,
        table: &mut Table,
        window: Window<'_>,
        at: usize,
        hits: &mut Hits<'_>,
    ) -> Next {
        let (text, is_last) = (&window.bytes[at..], window.is_last);
        let end = match line(text, is_last) {
            Line::End(end) => end,
            Line::TooLong => return Next::TooLong,
            Line::Unknown => return Next::Unknown,
        };
        let line = &text[..end];
        if is_blank(line) {
            return Next::Other(at + end);
        }
        let is_hit = hits.first_from(at).is_some_and(|hit| hit < at + end);
        match opens_document(text, is_last) {
            None => return Next::Unknown,
            Some(true) if !table.header.may_begin_with_json() => return Next::Documents,
            Some(true) if fits(line, &table.header).is_none() => return Next::Documents,
            Some(_) => {}
        }
        if table.takes_header(line) {
            let holds_needle = |name: &[u8]| self.prefilter.holds_needle(name);
            let may_be_event = is_hit && !self.prefilter.lets_all_through();
            if may_be_event && !table.header.has_needles_in_names_alone(holds_needle) {
                self.report_row(window.base + at as u64, "it is the header");
            }
            return Next::Other(at + end);
        }
        let row = at..at + end;
        // Other ways of quoting are tried only if it matters.
        let ways = match may_go_on(line) {
            true => &[DOUBLED, ESCAPED][..],
            false if is_hit && fits(line, &table.header).is_none() => {
                &[ESCAPED, SINGLE, SINGLE_ESCAPED]
            }
            false => return Next::Row(row),
        };
        match several_lines(text, is_last, &table.header, ways) {
            Ok(end) => Next::Row(end.map_or(row, |end| at..at + end)),
            Err(()) => Next::Unknown,
        }
    }

    fn row(
        &mut self,
        table: &Table,
        window: Window<'_>,
        row: Range<usize>,
        hits: &mut Hits<'_>,
        visit: &mut dyn FnMut(ScanItem<'_>),
    ) {
        let header = &table.header;
        let text = &window.bytes[row.clone()];
        // Titles and the lines of a drawn table are not rows.
        let is_row = header.names.len() == 1 || memchr(header.delimiter, text).is_some();
        if table.is_behind_header && is_row {
            self.note_row(header.time(text));
            if self.shows_records {
                self.show_row(header, window, row.clone(), visit);
            }
        }
        let is_hit = |hits: &mut Hits<'_>, part: Range<usize>| {
            hits.first_from(part.start)
                .is_some_and(|hit| hit < part.end)
        };
        if !is_hit(hits, row.clone()) {
            return;
        }
        let reading = header.read_row(without_bom(text));
        let mut misfit = reading.misfit;
        if misfit.is_none() && may_go_on(text.split(|b| *b == b'\n').next().unwrap_or_default()) {
            let mut hits = self.prefilter.hits(text);
            let mut is_hit = |line: Range<usize>| is_hit(&mut hits, line);
            if header.is_ambiguous(text, &mut is_hit) {
                misfit = Some("lines of it are rows by themselves".to_owned());
            }
        }
        let every_record = self.prefilter.lets_all_through();
        let may_match =
            |text: &[u8]| self.prefilter.holds_needle(text) || self.prefilter.holds_row_word(text);
        let misfit = misfit.filter(|_| every_record && is_row || may_match(text));
        if let Some(reason) = &misfit {
            self.report_row(window.base + row.start as u64, reason);
        }
        let n_told = self.defects.len();
        for way in &reading.ways {
            self.json.clear();
            header.object(without_bom(text), way, &mut self.json);
            self.judge_row(window, row.clone(), visit);
        }
        self.report_bytes(window.base + row.start as u64, text);
        if misfit.is_some() {
            // The row is already reported. That its shifted cells are not a record adds nothing.
            let others = self.defects.split_off(n_told).into_iter();
            self.defects
                .extend(others.filter(|defect| defect.code != Code::NeedleWithoutRecord));
        }
    }

    /// Reports bytes in a row that cannot occur in text. The general search for them skips rows that may match.
    fn report_bytes(&mut self, start: u64, row: &[u8]) {
        if binary::find_control(row).is_some() {
            self.leave_unread(start);
        }
        let Err(error) = std::str::from_utf8(row) else {
            return;
        };
        let (code, at, message) = match binary::find_erased(row) {
            Some(at) => (Code::UnknownContent, at, ERASED),
            None => (Code::InvalidUtf8, error.valid_up_to(), NOT_UTF8),
        };
        self.defects
            .push(Defect::text(code, start + at as u64, message));
    }

    /// Shows a row as a record.
    fn show_row(
        &mut self,
        header: &Header,
        window: Window<'_>,
        row: Range<usize>,
        visit: &mut dyn FnMut(ScanItem<'_>),
    ) {
        let text = without_bom(&window.bytes[row.clone()]);
        let reading = header.read_row(text);
        self.json.clear();
        if let Some(way) = reading.ways.first() {
            header.object(text, way, &mut self.json);
        }
        let (bytes, is_whole) = (&self.json[..], true);
        let record = RawRecord { bytes, is_whole };
        visit(ScanItem::Record(row_unit(window, row), record));
    }

    /// Skips a row that is too long, to its end, if that is in this window.
    fn pass(
        &mut self,
        table: &mut Table,
        passed: Passed,
        window: Window<'_>,
        at: usize,
        hits: &mut Hits<'_>,
    ) -> Option<usize> {
        let end = memchr(b'\n', &window.bytes[at..]).map(|end| at + end);
        let part_end = end.unwrap_or(window.bytes.len());
        if !passed.is_told && hits.first_from(at).is_some_and(|hit| hit < part_end) {
            let reason = format!(
                "it is longer than {} MiB, and was not judged",
                ROW_BYTES_MAX >> 20
            );
            self.report_row(passed.start, &reason);
            let is_told = true;
            table.passed = Some(Passed { is_told, ..passed });
        }
        if end.is_some() || window.is_last {
            table.passed = None;
            self.note_row(None);
        }
        end.map(|end| end + 1)
    }

    /// Counts a row of a table, once and in order, with or without a hit. `time` is the content of the cell where the
    /// time of its event should be, if there is such a column.
    fn note_row(&mut self, time: Option<&[u8]>) {
        self.events.rows += 1;
        let text = time.and_then(|time| std::str::from_utf8(time).ok());
        if let Some(micros) = text.and_then(time::micros) {
            self.events.times.add(micros);
        }
    }

    fn report_row(&mut self, offset: u64, reason: &str) {
        let message = format!("row may match, but does not fit its header: {reason}");
        self.defects
            .push(Defect::text(Code::InvalidRow, offset, message));
    }

    fn judge_row(
        &mut self,
        window: Window<'_>,
        row: Range<usize>,
        visit: &mut dyn FnMut(ScanItem<'_>),
    ) {
        let unit = row_unit(window, row.clone());
        let json = std::mem::take(&mut self.json);
        let text = Whole {
            raw: &window.bytes[row],
            is_row: true,
            ..Whole::strict(&json)
        };
        if let Err(error) = self.judge(unit, text, visit) {
            self.report_invalid(unit, &error);
        }
        self.json = json;
    }
}

fn row_unit(window: Window<'_>, row: Range<usize>) -> Unit {
    Unit {
        start: window.base + row.start as u64,
        end: window.base + row.end as u64,
        record_index: 0,
    }
}
