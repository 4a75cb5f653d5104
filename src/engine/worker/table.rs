//! The rows of a table.

use std::sync::atomic::Ordering::Relaxed;

use super::PieceContext;
use crate::input::table::{GroupFault, RowCriteria, Rows, Table};
use crate::report::{Defect, Space};
use crate::scan::{Candidate, RawRecord, Scanner, Window};

impl PieceContext<'_> {
    /// Scans a row group.
    pub(super) fn group(&mut self, scanner: &mut Scanner, table: &Table, group: usize) {
        let context = self.context;
        let shown = match context.target.shows_records {
            true => self.show_group(table, group),
            false => Ok(()),
        };
        let read = table.rows(group, &context.target.rows, &mut |rows| {
            self.rows(scanner, rows);
            !context.progress.stop.load(Relaxed)
        });
        // If a group cannot be read completely, the rows that were read are counted by their content.
        if !matches!(read, Err(GroupFault::Unreadable(_))) {
            self.report.events.add(self.member, table.events(group));
        }
        // Columns that only the records need may be damaged.
        let read = read.map_err(|fault| table.defect(group, &fault));
        if let Err(defect) = read.and(shown) {
            self.report.defects.push(defect.within(self.member));
        }
    }

    /// Passes on each row of a group as a record. The rows are read for this alone, because the criteria for the events
    /// must not limit the records, nor the records change what is scanned.
    fn show_group(&mut self, table: &Table, group: usize) -> Result<(), Defect> {
        let stop = &self.context.progress.stop;
        let read = table.rows(group, &RowCriteria::default(), &mut |rows| {
            let ends = rows.starts.iter().skip(1).map(|&(start, _)| start);
            let ends = ends.chain([rows.text.len() as u64]);
            for (&(start, row), end) in rows.starts.iter().zip(ends) {
                let line = to_index(start)..to_index(end);
                let record = RawRecord {
                    bytes: rows.text[line].trim_ascii_end(),
                    is_whole: true,
                };
                self.record_at(&record, 0, row);
            }
            !stop.load(Relaxed)
        });
        read.map_err(|fault| table.defect(group, &fault))
    }

    /// Scans rows. The location of a defect in a row is the number of the row.
    fn rows(&mut self, scanner: &mut Scanner, rows: &Rows) {
        self.count(0, rows.text.len() as u64);
        scanner.start_table();
        let window = Window {
            bytes: &rows.text,
            base: 0,
            is_last: true,
            likely_start: None,
        };
        let n_before = self.report.defects.len();
        scanner.scan(window, &mut |candidate: &Candidate<'_>| {
            let row = rows.row_at(candidate.unit.start);
            self.candidate_at(candidate, row);
        });
        // The location of a defect of an event is the number of its row.
        for defect in &mut self.report.defects[n_before..] {
            defect.offset = defect.offset.map(|(_, row)| (Space::Row, row));
        }
        let n_before = self.report.defects.len();
        self.take_in(scanner, 0);
        for defect in &mut self.report.defects[n_before..] {
            if let Some((Space::Text, offset)) = defect.offset {
                defect.offset = Some((Space::Row, rows.row_at(offset)));
            }
        }
    }
}

fn to_index(offset: u64) -> usize {
    usize::try_from(offset).expect("an offset into memory")
}
