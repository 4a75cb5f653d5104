//! An event and a rule: is it an alert of the rule, or one of the events that it is about? If that cannot be decided,
//! this is reported.

use std::sync::Arc;

use super::finding::Finding;
use super::tally::Suppressed;
use super::undecided::{self, Doubts, error_in_folders};
use crate::engine::{Candidate, Emit, Location};
use crate::event::Event;
use crate::output::rules::RowRule;
use crate::report::{Code, Defect};
use crate::rule::{RuleInfo, RuleSet, RuleTable};

/// A rule of the hunt.
#[derive(Debug)]
pub(super) struct HuntRule<'a> {
    pub(super) row: RowRule<'a>,
    doubts: Doubts,
    /// The name of the rule at the end of messages. Empty if there is no other rule.
    label: String,
}

/// What an event is to a rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// The rule does not match it.
    NoMatch,
    /// The rule matches it, but an exception applies, or it cannot be decided.
    NoAlert,
    /// It is an alert.
    Alert,
}

impl<'a> HuntRule<'a> {
    pub(super) fn new(row: RowRule<'a>, label: String) -> Self {
        Self {
            doubts: Doubts::of(row.rule()),
            row,
            label,
        }
    }

    /// Judges an event. What cannot be decided is reported, and what an exception suppresses is counted.
    pub(super) fn judge(
        &self,
        set: &RuleSet,
        event: &Candidate<'_>,
        at: &Location<'_>,
        suppressed: &mut Suppressed,
        out: &mut Emit<'_, Finding>,
    ) -> Verdict {
        let rule = self.row.rule();
        if !rule.matches(&event.event) {
            self.no_match(event, at, out);
            return Verdict::NoMatch;
        }
        let index = self.row.index();
        if let Some(exception) = set.excepted(index, &event.event) {
            *suppressed.entry((index, exception)).or_default() += 1;
            return Verdict::NoAlert;
        }
        if let Some(folder) = error_outside(&event.event, at)
            && !self.doubts.matches_failed(rule, &event.event)
        {
            self.report_folder(at, ("event would be an alert", &folder), out);
            return Verdict::NoAlert;
        }
        Verdict::Alert
    }

    /// Takes an event that the rule does not match, and that may be undecided.
    fn no_match(&self, event: &Candidate<'_>, at: &Location<'_>, out: &mut Emit<'_, Finding>) {
        let (doubts, rule) = (&self.doubts, self.row.rule());
        if let Some(message) = doubts.message(rule, &event.event) {
            self.report_undecided(at, &message, out);
        } else if doubts.may_have_failed()
            && let Some(folder) = error_outside(&event.event, at)
            && doubts.matches_failed(rule, &event.event)
        {
            let would = "event is no alert if it did not fail";
            self.report_folder(at, (would, &folder), out);
        }
    }

    /// Reports an event whose outcome, and so whether it is an alert, depends on the name of its folder.
    fn report_folder(
        &self,
        at: &Location<'_>,
        (would, folder): (&str, &str),
        out: &mut Emit<'_, Finding>,
    ) {
        let message = format!(
            "{would}, but the folder {} says that it failed: whether it did cannot be decided",
            folder.escape_debug()
        );
        self.report_undecided(at, &message, out);
    }

    fn report_undecided(&self, at: &Location<'_>, message: &str, out: &mut Emit<'_, Finding>) {
        let message = format!("{message}{}", self.label);
        out.report(Defect::text(Code::Undecided, at.byte_offset, message));
    }
}

/// Returns the name of a rule at the end of messages, unless it is alone.
pub(super) fn label(is_alone: bool, rule: RuleInfo<'_>) -> String {
    match is_alone {
        true => String::new(),
        false => format!(" (rule {})", rule.name()),
    }
}

/// Writes the places of the rules of a table that an event may match, or may not be decided for, to `found`.
pub(super) fn candidates(
    table: &RuleTable,
    n_rules: usize,
    event: &Event<'_>,
    found: &mut Vec<u16>,
) {
    table.candidates(event, found);
    // Whatever a damaged name was, and whatever the object around a record says, is open for all rules.
    if event.is_wrapped() || undecided::has_damaged_name(event) {
        found.clear();
        found.extend((0..u16::MAX).take(n_rules));
    }
}

/// Returns an error that only the name of the event's folder states.
fn error_outside(event: &Event<'_>, at: &Location<'_>) -> Option<String> {
    let member = at.log.member.map(Arc::as_ref);
    let folder = error_in_folders(&at.log.source.path, member)?;
    let is_own = ["error_code", "error_message"]
        .iter()
        .any(|field| event.text(&format!("aws.cloudtrail.{field}")).is_some());
    (!is_own).then_some(folder)
}
