//! An event and a rule: is it an alert of the rule, or one of the events that it is about? If that cannot be decided,
//! this is reported.

use std::cell::OnceCell;
use std::sync::Arc;

use super::finding::Finding;
use super::row_event;
use super::tally::Suppressed;
use super::undecided::{Calls, Doubts, error_in_folders};
use crate::engine::{Candidate, Emit, Location};
use crate::event::{Event, Fields};
use crate::output::rules::RowRule;
use crate::output::{Alert, RowEvent};
use crate::report::{Code, Defect};
use crate::rule::{RuleInfo, RuleSet};

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

/// An event that one rule after the other judges, and what all of them ask about it.
pub(super) struct Judged<'e> {
    found: &'e Candidate<'e>,
    pub(super) at: &'e Location<'e>,
    /// The event's fields, whose values may be kept.
    pub(super) fields: &'e dyn Fields,
    calls: OnceCell<Calls>,
    /// An error that only the name of the event's folder states.
    error_outside: OnceCell<Option<String>>,
    /// The alerts of the rules so far.
    alerts: Vec<Alert>,
}

impl<'e> Judged<'e> {
    pub(super) fn new(
        found: &'e Candidate<'e>,
        at: &'e Location<'e>,
        fields: &'e dyn Fields,
    ) -> Self {
        Self {
            found,
            at,
            fields,
            calls: OnceCell::new(),
            error_outside: OnceCell::new(),
            alerts: Vec::new(),
        }
    }

    pub(super) fn event(&self) -> &'e Event<'e> {
        &self.found.event
    }

    fn calls(&self) -> &Calls {
        self.calls.get_or_init(|| Calls::of(self.event()))
    }

    fn error_outside(&self) -> Option<&str> {
        let error = || error_outside(self.event(), self.at);
        self.error_outside.get_or_init(error).as_deref()
    }

    /// Returns the event for a row.
    pub(super) fn row(&self) -> RowEvent<'e> {
        RowEvent {
            fields: self.fields,
            ..row_event(self.found, self.at)
        }
    }

    /// Returns the alert of a rule.
    pub(super) fn alert(&self, rule: &HuntRule<'_>) -> Alert {
        match self.alerts.first() {
            Some(first) => first.of_other_rule(&rule.row, &self.row()),
            None => Alert::new(&rule.row, &self.row()),
        }
    }

    /// Adds an alert of the event.
    pub(super) fn push(&mut self, alert: Alert) {
        self.alerts.push(alert);
    }

    /// Returns the alerts so far.
    pub(super) fn alerts(&self) -> &[Alert] {
        &self.alerts
    }

    pub(super) fn into_alerts(self) -> Vec<Alert> {
        self.alerts
    }
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
        judged: &Judged<'_>,
        suppressed: &mut Suppressed,
        out: &mut Emit<'_, Finding>,
    ) -> Verdict {
        let is_match = self.row.rule().matches(judged.fields);
        let index = self.row.index();
        if is_match && let Some(exception) = set.excepted(index, judged.fields) {
            *suppressed.entry((index, exception)).or_default() += 1;
            return Verdict::NoAlert;
        }
        let (verdict, reasons) = self.decided(is_match, judged);
        for reason in reasons {
            self.report_undecided(judged.at, &reason, out);
        }
        verdict
    }

    /// Returns what an event is to the rule, and what of this cannot be decided.
    pub(super) fn verdict(&self, judged: &Judged<'_>) -> (Verdict, Vec<String>) {
        self.decided(self.row.rule().matches(judged.fields), judged)
    }

    fn decided(&self, is_match: bool, judged: &Judged<'_>) -> (Verdict, Vec<String>) {
        match is_match {
            true => self.of_match(judged),
            false => (
                Verdict::NoMatch,
                self.why_open(judged).into_iter().collect(),
            ),
        }
    }

    fn of_match(&self, judged: &Judged<'_>) -> (Verdict, Vec<String>) {
        let rule = self.row.rule();
        if let Some(folder) = judged.error_outside()
            && !self.doubts.matches_failed(rule, judged.event())
        {
            let reason = undecided_by_folder("event would be an alert", folder);
            return (Verdict::NoAlert, vec![reason]);
        }
        let mut reasons = Vec::new();
        if judged.event().is_in_request() {
            reasons.push("the event of an alert is in the request of an object that is no record: whether it is an event of its own, or data of a record that is damaged, cannot be decided".to_owned());
        }
        let of_time = self.doubts.of_time(rule, judged.fields);
        reasons.extend(of_time.map(str::to_owned));
        (Verdict::Alert, reasons)
    }

    /// Returns why an event that the rule does not match may be an alert all the same, if it may.
    fn why_open(&self, judged: &Judged<'_>) -> Option<String> {
        let (doubts, rule) = (&self.doubts, self.row.rule());
        if let Some(message) = doubts.message(rule, judged.event(), judged.calls()) {
            return Some(message);
        }
        if let Some(message) = doubts.of_time(rule, judged.fields) {
            return Some(message.to_owned());
        }
        if !doubts.may_have_failed() {
            return None;
        }
        let folder = judged.error_outside()?;
        let is_open = doubts.matches_failed(rule, judged.event());
        is_open.then(|| undecided_by_folder("event is no alert if it did not fail", folder))
    }

    fn report_undecided(&self, at: &Location<'_>, message: &str, out: &mut Emit<'_, Finding>) {
        let message = format!("{message}{}", self.label);
        out.report(Defect::text(Code::Undecided, at.byte_offset, message));
    }
}

/// Returns the reason why it is open whether an event is an alert: only the name of its folder says that it failed.
fn undecided_by_folder(would: &str, folder: &str) -> String {
    format!(
        "{would}, but the folder {} says that it failed: whether it did cannot be decided",
        folder.escape_debug()
    )
}

/// Returns the name of a rule at the end of messages, unless it is alone.
pub(super) fn label(is_alone: bool, rule: RuleInfo<'_>) -> String {
    match is_alone {
        true => String::new(),
        false => format!(" (rule {})", rule.name()),
    }
}

/// Writes the places of the rules that an event may match, or may not be decided for, to `found`: those that `of_call`
/// adds, or all if the name of its call is open.
pub(super) fn candidates(
    n_rules: usize,
    judged: &Judged<'_>,
    found: &mut Vec<u16>,
    of_call: impl FnOnce(&mut Vec<u16>),
) {
    found.clear();
    match judged.calls().are_open() {
        true => found.extend((0..u16::MAX).take(n_rules)),
        false => of_call(found),
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
