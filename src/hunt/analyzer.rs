//! The outputs that a hunt makes of events: alerts, related events, and undecided events.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use super::companion::{self, Companion, LocalCompanion};
use super::undecided::{Doubts, error_in_folders};
use super::{place, rows};
use crate::config::{HuntConfig, Progress};
use crate::engine::{Analyzer, Candidate, Emit, Interest, Local, Location, Search, SizeBytes};
use crate::event::Event;
use crate::output::rules::RowRule;
use crate::output::{Alert, Column};
use crate::report::{Code, Defect, RelatedCounts};
use crate::rule::{Needles, Rule};

/// One output of a hunt's analyzer.
#[derive(Debug)]
pub enum Finding {
    /// An alert.
    Alert(Alert),
    /// A related event, which is written or shown.
    Related(Alert),
    /// The counts of the related events.
    Counts(Box<RelatedCounts>),
}

impl SizeBytes for Finding {
    fn size_bytes(&self) -> usize {
        match self {
            Self::Alert(row) | Self::Related(row) => row.size_bytes(),
            Self::Counts(counts) => size_of::<Self>() + size_of_val(&**counts),
        }
    }
}

/// Analyzes events with a rule.
#[derive(Debug)]
pub struct HuntAnalyzer<'a> {
    rule: RowRule<'a>,
    doubts: Doubts,
    progress: &'a Progress,
    search: Search,
    /// Finds the related events, if the rule has any.
    companion: Option<Companion<'a>>,
    /// True if all related events become rows.
    is_related_requested: bool,
}

impl<'a> HuntAnalyzer<'a> {
    /// Makes the analyzer of a hunt.
    #[must_use]
    pub fn new(config: &'a HuntConfig) -> Self {
        let rule = &*config.rule;
        let search = search(rule);
        let is_related_requested = config.output.related.is_some();
        let row = companion::row_rule(rule);
        Self {
            companion: Companion::new(&row, || search.prefilter(), is_related_requested),
            rule: row,
            doubts: Doubts::of(rule),
            progress: &config.scan.progress,
            search,
            is_related_requested,
        }
    }

    /// Returns the companion of the rule, if it has one.
    pub(super) fn companion(&self) -> Option<&Companion<'a>> {
        self.companion.as_ref()
    }
}

/// Returns the search for the events of a rule and of its companion.
fn search(rule: &Rule) -> Search {
    match rule.needles() {
        Needles::AnyOf(needles) => {
            let beside = companion::terms(rule).words.iter();
            let beside = beside.map(|word| (*word).to_owned());
            Search::Words(needles.iter().cloned().chain(beside).collect())
        }
        Needles::EveryRecord => Search::Everything,
    }
}

impl Analyzer for HuntAnalyzer<'_> {
    type Output = Finding;
    type Local<'a>
        = LocalHunt<'a>
    where
        Self: 'a;

    fn interest(&self) -> Interest {
        Interest {
            search: self.search.clone(),
            rows: rows::row_criteria(self.rule.rule(), self.is_related_requested),
            text: false,
        }
    }

    fn local(&self) -> LocalHunt<'_> {
        LocalHunt {
            hunt: self,
            companion: self.companion.as_ref().map(Companion::local),
        }
    }
}

/// The state of a hunt on one thread.
#[derive(Debug)]
pub struct LocalHunt<'a> {
    hunt: &'a HuntAnalyzer<'a>,
    companion: Option<LocalCompanion<'a>>,
}

impl Local for LocalHunt<'_> {
    type Output = Finding;

    fn event(&mut self, event: &Candidate<'_>, at: &Location<'_>, out: &mut Emit<'_, Finding>) {
        let HuntAnalyzer { rule, doubts, .. } = self.hunt;
        if !rule.rule().matches(&event.event) {
            if let Some(message) = doubts.message(rule.rule(), &event.event) {
                report_undecided(at, message, out);
            }
            let companion = self.companion.as_mut();
            let related = companion.and_then(|companion| companion.event(event, at));
            if let Some(row) = related {
                out.output(Finding::Related(row));
            }
            return;
        }
        if let Some(folder) = error_outside(&event.event, at) {
            let message = format!(
                "event would be an alert, but the folder {} says that it failed: whether it did cannot be decided",
                folder.escape_debug()
            );
            return report_undecided(at, message, out);
        }
        let alert = Alert::new(rule, &event.event, event.raw, place(at));
        self.hunt.progress.n_results.fetch_add(1, Relaxed);
        if alert.event_time.is_none() {
            out.report(time_defect(&alert));
        }
        out.output(Finding::Alert(alert));
    }

    fn end(&mut self, out: &mut Emit<'_, Finding>) {
        if let Some(counts) = self.companion.as_mut().and_then(LocalCompanion::end) {
            out.output(Finding::Counts(Box::new(counts)));
        }
    }
}

fn report_undecided(at: &Location<'_>, message: String, out: &mut Emit<'_, Finding>) {
    out.report(Defect::text(Code::Undecided, at.byte_offset, message));
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

/// Returns the defect of an alert without a time.
fn time_defect(alert: &Alert) -> Defect {
    let message = match alert.text(Column::EventTimeText) {
        Some(text) => format!("time of an alert cannot be read: {}", text.escape_debug()),
        None => "an alert has no time".to_owned(),
    };
    let offset = alert.byte_offset.unsigned_abs();
    Defect::text(Code::EventTimeUnreadable, offset, message)
}
