//! Judges what a scan has framed: parses it, finds the events in it, and counts and reports what comes of it.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use super::extractor::{Extractor, Whole};
use super::framed::{Framed, Needle};
use super::prefilter::Hits;
use super::records::{RawRecord, ScanItem, Unit};
use super::window::{Window, excerpt};
use super::{Candidate, Scanner, keys, parse};
use crate::report::{Code, Defect};

impl Scanner {
    pub(super) fn report_invalid(&mut self, unit: Unit, error: &parse::ParseError) {
        self.stats.candidates += 1;
        self.stats.candidates_defective += 1;
        self.leave_unread(unit.start);
        let message = format!(
            "an event that may match ({} bytes) is {error}",
            unit.end - unit.start
        );
        self.defects
            .push(Defect::text(Code::InvalidJson, unit.start, message));
    }

    /// Judges a line at the start of a document by itself, without a walk, if it contains a hit and is a record: its
    /// first key marks it, and it parses. Returns the offset of its end.
    ///
    /// The result is the same as that of a walk: a line that is one JSON value is one document, and a marked object
    /// that is in no other one is the unit of all its hits.
    pub(super) fn line(
        &mut self,
        window: Window<'_>,
        line: Range<usize>,
        hits: &mut Hits<'_>,
        visit: &mut dyn FnMut(ScanItem<'_>),
    ) -> Option<u64> {
        let is_hit = hits.first_in(line.clone()).is_some();
        let (start, line) = (line.start, &window.bytes[line]);
        let n_before = line.len() - line.trim_ascii_start().len();
        let record = line.trim_ascii();
        let limits = self.walker.limits();
        let is_held = record.len() as u64 <= limits.record_bytes_max;
        let is_marked = || {
            let key = keys::marking_key(record);
            key.is_some_and(|offset| offset as u64 <= limits.envelope_bytes)
        };
        if !is_hit || !is_held || !is_marked() {
            return None;
        }
        let start = window.base + (start + n_before) as u64;
        let end = start + record.len() as u64;
        let unit = Unit {
            start,
            end,
            record_index: 0,
        };
        // Strict JSON only. Otherwise the walk determines where the record ends.
        let text = Whole {
            is_row: self.is_table,
            ..Whole::strict(record)
        };
        self.judge(unit, text, visit).ok().map(|()| end)
    }

    pub(super) fn judge_framed(&mut self, window: Window<'_>, visit: &mut dyn FnMut(ScanItem<'_>)) {
        for framed in std::mem::take(&mut self.framed) {
            if self.stop.load(Relaxed) {
                return;
            }
            match framed {
                Framed::Unit { unit, seam } => {
                    let text = Whole {
                        is_lenient: true,
                        is_row: self.is_table,
                        seam,
                        ..Whole::strict(window.slice(unit.start, unit.end))
                    };
                    if let Err(error) = self.judge(unit, text, visit) {
                        self.report_invalid(unit, &error);
                    }
                }
                Framed::Record { unit, is_whole } => {
                    // A larger one may no longer be in memory. The walk that cuts one off goes on to the next bracket
                    // before, over blanks.
                    let is_held = unit.start >= window.base && {
                        let behind = &window.bytes[window.at(unit.end)..];
                        let n_blanks = behind
                            .iter()
                            .take_while(|b| b.is_ascii_whitespace())
                            .count();
                        let n_blanks = if is_whole { 0 } else { n_blanks as u64 };
                        let n_bytes = unit.end + n_blanks - unit.start;
                        n_bytes <= self.walker.limits().record_bytes_max
                    };
                    let bytes = match is_held {
                        true => window.slice(unit.start, unit.end),
                        false => &[],
                    };
                    visit(ScanItem::Record(unit, RawRecord { bytes, is_whole }));
                }
                Framed::Defect(defect) => {
                    let offset = defect.offset.map_or(window.base, |(_, offset)| offset);
                    self.leave_unread(offset);
                    self.stats.candidates += 1;
                    self.stats.candidates_defective += 1;
                    self.defects.push(defect);
                }
                Framed::Unframed(Needle { offset, excerpt }) => {
                    self.leave_unread(offset);
                    self.needle_without_record(offset, &excerpt);
                }
            }
        }
    }

    pub(super) fn needle_without_record(&mut self, offset: u64, excerpt: &str) {
        let message = format!("the needle stands in no record: {excerpt}");
        self.defects
            .push(Defect::text(Code::NeedleWithoutRecord, offset, message));
    }

    /// Judges a candidate, and counts it if it parses.
    pub(super) fn judge(
        &mut self,
        unit: Unit,
        text: Whole<'_>,
        visit: &mut dyn FnMut(ScanItem<'_>),
    ) -> Result<(), parse::ParseError> {
        let mut extractor = Extractor::new(Arc::clone(&self.prefilter), unit);
        let visit = &mut |candidate: &Candidate<'_>| visit(ScanItem::Event(candidate));
        extractor.text(&mut self.parsers, self.level, text, visit)?;
        self.stats.candidates += 1;
        self.stats.candidates_parsed += 1;
        self.stats.events_judged += extractor.n_events;
        self.events.judged += extractor.n_events;
        self.stats.documents_without_events += extractor.n_documents;
        if let Some(error) = extractor.invalid_text {
            let message = format!("a text inside an event names what the rule looks for: {error}");
            self.defects
                .push(Defect::text(Code::NeedleWithoutRecord, unit.start, message));
        } else if extractor.is_needle_beside
            || extractor.n_events + extractor.n_documents == 0
                && self.prefilter.holds_needle(text.bytes)
        {
            self.needle_without_record(unit.start, &excerpt(text.bytes));
        } else if extractor.n_events + extractor.n_documents == 0
            && text.is_row
            && self.holds_cut_record(text.bytes)
        {
            let message = "a cell has the action that the rule requires, in a record that is cut off in the cell";
            self.defects
                .push(Defect::text(Code::RecordCut, unit.start, message));
        }
        self.report_quality(unit, extractor.quality, extractor.is_duplicate);
        Ok(())
    }
}
