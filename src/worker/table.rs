//! The rows of a table.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use super::Judge;
use crate::input::table::{Holds, Rows, Sought, Table};
use crate::report::{Code, Defect, Space};
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
        all.map(|action| (*action).to_owned()).collect()
    });
    let runs = rule.query().runs_in("aws.cloudtrail.request_parameters");
    Sought {
        actions,
        in_request: runs.map(|mut runs| -> Holds {
            runs.push(LEGACY_NEEDLE);
            let prefilter = Prefilter::new(&runs);
            Arc::new(move |text| prefilter.hits(text).first_from(0).is_some())
        }),
    }
}

impl Judge<'_> {
    /// Scans a row group.
    pub(super) fn group(&mut self, scanner: &mut Scanner, table: &Table, group: usize) {
        let asked = self.asked;
        let read = table.rows(group, &asked.sought, &mut |rows| {
            self.rows(scanner, rows);
            !asked.progress.stop.load(Relaxed)
        });
        if let Err(error) = read {
            let defect = table.unreadable(group, &error);
            self.report.defects.push(defect.within(self.member));
        }
    }

    /// Whether a row has the rule's action and names the policy, but has no column of requests that is known: whoever
    /// made the table chose its names.
    fn is_undecided(&self, candidate: &Candidate<'_>) -> bool {
        let event = &candidate.event;
        // Nearly all rows end here.
        if !event.may_lack_request() {
            return false;
        }
        let action = event.text(ACTION).unwrap_or_default();
        let actions = self.asked.rule.query().values_of(ACTION);
        actions.is_some_and(|actions| actions.contains(&&*action))
            && event.text("event.outcome").as_deref() == Some("success")
            && self.asked.prefilter.holds_needle(candidate.raw)
    }

    /// Scans rows. What is told of them has the number of the row for its place.
    fn rows(&mut self, scanner: &mut Scanner, rows: &Rows) {
        self.count(0, rows.text.len() as u64);
        scanner.start(0);
        let window = Window {
            bytes: &rows.text,
            base: 0,
            is_last: true,
            likely_start: None,
        };
        let n_before = self.report.defects.len();
        scanner.scan(window, &mut |candidate: &Candidate<'_>| {
            let row = rows.row_at(candidate.unit.start);
            if self.is_undecided(candidate) {
                let message = "the row names the policy, but has no request by a name that is known: whether it is an \
                               alert cannot be told";
                let defect = Defect::row(Code::NeedleWithoutRecord, row, message);
                self.report.defects.push(defect.within(self.member));
            }
            self.candidate_at(candidate, row);
        });
        // What is told of an alert has its row for its place.
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
