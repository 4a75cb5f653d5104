//! The rows of a table.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use super::Judge;
use crate::input::table::{Holds, Rows, Sought, Table};
use crate::report::Space;
use crate::rule::{LEGACY_NEEDLE, Rule, USER_ACTIONS};
use crate::scan::{Candidate, Prefilter, Scanner, Window};

/// The field of which tables have a column that decides.
const ACTION: &str = "event.action";

/// Which rows of a table are looked at: those whose action the rule asks for, or one that quarantines a user or lifts
/// that. Roles and groups, reads and mere mentions are looked for where all related events are wanted: tables have
/// many of their actions.
pub(super) fn sought(rule: &Rule, is_related_asked_for: bool) -> Sought {
    let required = rule.query().values_of(ACTION);
    let actions = required.filter(|_| !is_related_asked_for);
    let actions = actions.map(|actions| {
        let named = USER_ACTIONS.iter().filter(|name| !actions.contains(name));
        let all = actions.iter().chain(named);
        // DuckDB's `->` leaves JSON's quotes round it.
        let spellings = |action: &&str| [(*action).to_owned(), format!("\"{action}\"")];
        all.flat_map(spellings).collect()
    });
    let runs = rule.query().runs_in("aws.cloudtrail.request_parameters");
    Sought {
        actions,
        in_request: runs.map(|mut runs| -> Holds {
            runs.push(LEGACY_NEEDLE);
            let prefilter = Prefilter::new(&runs);
            Arc::new(move |line| {
                prefilter.hits(line).first_from(0).is_some() || !may_be_whole(line)
            })
        }),
    }
}

/// Whether a line with the request's columns may hold a whole request, in brackets of its own: where it does not, the
/// rest of the row decides.
fn may_be_whole(line: &[u8]) -> bool {
    let n = |bracket| memchr::memchr_iter(bracket, line).count();
    n(b'{') > 1 && n(b'{') == n(b'}')
}

impl Judge<'_> {
    /// Scans a row group.
    pub(super) fn group(&mut self, scanner: &mut Scanner, table: &Table, group: usize) {
        let asked = self.asked;
        let read = table.rows(group, &asked.sought, &mut |rows| {
            self.rows(scanner, rows);
            !asked.progress.stop.load(Relaxed)
        });
        // Of a group that cannot be read whole, the rows that came are counted by what is in them.
        if read.is_ok() {
            self.report.events.add(self.member, table.events(group));
        }
        if let Err(error) = read {
            let defect = table.unreadable(group, &error);
            self.report.defects.push(defect.within(self.member));
        }
    }

    /// Scans rows. What is told of them has the number of the row for its place.
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
        // What is told of an event has its row for its place.
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
