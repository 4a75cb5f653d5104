//! The rows of a table.

use std::sync::atomic::Ordering::Relaxed;

use super::PieceContext;
use crate::input::table::{Rows, Table};
use crate::report::Space;
use crate::scan::{Candidate, Scanner, Window};

impl PieceContext<'_> {
    /// Scans a row group.
    pub(super) fn group(&mut self, scanner: &mut Scanner, table: &Table, group: usize) {
        let context = self.context;
        let read = table.rows(group, &context.target.rows, &mut |rows| {
            self.rows(scanner, rows);
            !context.progress.stop.load(Relaxed)
        });
        // If a group cannot be read completely, the rows that were read are counted by their content.
        if read.is_ok() {
            self.report.events.add(self.member, table.events(group));
        }
        if let Err(error) = read {
            let defect = table.unreadable(group, &error);
            self.report.defects.push(defect.within(self.member));
        }
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
