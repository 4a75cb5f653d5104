//! The outputs that a hunt makes of events: alerts, related events, and undecided events.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use super::companion::{self, Companion, LocalCompanion};
use super::undecided::{Doubts, error_in_folders};
use super::{place, rows};
use crate::config::{HuntConfig, Progress};
use crate::engine::{Analyzer, Candidate, Emit, Interest, Local, Location, Search, SizeBytes};
use crate::event::Event;
use crate::input::table::RowCriteria;
use crate::output::rules::RowRule;
use crate::output::{Alert, Column};
use crate::report::{Code, Defect, Member, RelatedCounts};
use crate::rule::Needles;

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

/// Analyzes events with a set of rules.
#[derive(Debug)]
pub struct HuntAnalyzer<'a> {
    rules: Vec<HuntRule<'a>>,
    progress: &'a Progress,
    /// Finds the related events, if a rule has any.
    companion: Option<Companion<'a>>,
    /// True if all related events become rows.
    is_related_requested: bool,
}

/// A rule of the hunt.
#[derive(Debug)]
struct HuntRule<'a> {
    row: RowRule<'a>,
    doubts: Doubts,
    /// The name of the rule at the end of messages. Empty if there is no other rule.
    label: String,
}

impl<'a> HuntAnalyzer<'a> {
    /// Makes the analyzer of a hunt.
    #[must_use]
    pub fn new(config: &'a HuntConfig) -> Self {
        let is_related_requested = config.output.related.is_some();
        let n_rules = config.rules.iter().len();
        let rules = config.rules.iter().map(|(index, one)| HuntRule {
            row: companion::row_rule(&one.rule).in_set(index, &one.pack),
            doubts: Doubts::of(&one.rule),
            label: match n_rules {
                1 => String::new(),
                _ => format!(" (rule {})", one.name()),
            },
        });
        let rules: Vec<HuntRule<'_>> = rules.collect();
        let companion = rules.iter().find_map(|HuntRule { row, .. }| {
            let mentions = || search([row]).prefilter();
            Companion::new(row, mentions, is_related_requested)
        });
        Self {
            rules,
            progress: &config.scan.progress,
            companion,
            is_related_requested,
        }
    }

    /// Returns the number of rules.
    pub(super) fn n_rules(&self) -> usize {
        self.rules.len()
    }

    /// Returns the companion of a rule, if there is one.
    pub(super) fn companion(&self) -> Option<&Companion<'a>> {
        self.companion.as_ref()
    }
}

/// Returns the search for the events of rules and of their companion.
fn search<'a>(rules: impl IntoIterator<Item = &'a RowRule<'a>>) -> Search {
    let mut words: Vec<String> = Vec::new();
    for row in rules {
        let Needles::AnyOf(needles) = row.rule().needles() else {
            return Search::Everything;
        };
        let beside = companion::terms(row.rule()).words.iter().copied();
        for word in needles.iter().map(String::as_str).chain(beside) {
            if !words.iter().any(|known| known == word) {
                words.push(word.to_owned());
            }
        }
    }
    Search::Words(words)
}

impl Analyzer for HuntAnalyzer<'_> {
    type Output = Finding;
    type Local<'a>
        = LocalHunt<'a>
    where
        Self: 'a;

    fn interest(&self) -> Interest {
        let rules = || self.rules.iter().map(|rule| &rule.row);
        let rows = rules().map(|row| rows::row_criteria(row.rule(), self.is_related_requested));
        Interest {
            search: search(rules()),
            rows: rows.reduce(RowCriteria::or).unwrap_or_default(),
            records: false,
            text: false,
        }
    }

    fn local(&self) -> LocalHunt<'_> {
        LocalHunt {
            hunt: self,
            found: FoundInRecord::default(),
            companion: self.companion.as_ref().map(Companion::local),
        }
    }
}

/// The state of a hunt on one thread.
#[derive(Debug)]
pub struct LocalHunt<'a> {
    hunt: &'a HuntAnalyzer<'a>,
    found: FoundInRecord,
    companion: Option<LocalCompanion<'a>>,
}

impl Local for LocalHunt<'_> {
    type Output = Finding;

    fn event(&mut self, event: &Candidate<'_>, at: &Location<'_>, out: &mut Emit<'_, Finding>) {
        let mut is_first = true;
        for rule in &self.hunt.rules {
            if !rule.row.rule().matches(&event.event) {
                self.no_match(rule, event, at, out);
                continue;
            }
            if let Some(folder) = error_outside(&event.event, at)
                && !rule.doubts.matches_failed(rule.row.rule(), &event.event)
            {
                report_folder(rule, at, ("event would be an alert", &folder), out);
                continue;
            }
            let alert = Alert::new(&rule.row, &event.event, event.raw, place(at));
            if !self.found.is_first(&alert, at) {
                continue;
            }
            self.hunt.progress.n_results.fetch_add(1, Relaxed);
            // All alerts of the event have the same time.
            if alert.event_time.is_none() && is_first {
                out.report(time_defect(&alert));
            }
            is_first = false;
            out.output(Finding::Alert(alert));
        }
    }

    fn end(&mut self, out: &mut Emit<'_, Finding>) {
        self.found = FoundInRecord::default();
        if let Some(counts) = self.companion.as_mut().and_then(LocalCompanion::end) {
            out.output(Finding::Counts(Box::new(counts)));
        }
    }
}

/// The alerts at one place. A document and the record inside it are two events, and in damaged text a record may be
/// found twice.
#[derive(Debug, Default)]
struct FoundInRecord {
    member: Option<Arc<Member>>,
    byte_offset: u64,
    /// The keys of the events that the alerts are for. Each rule has its own.
    events: Vec<[u8; 16]>,
}

impl FoundInRecord {
    /// Takes an alert. Returns false if there was one for the same event at the same place.
    fn is_first(&mut self, alert: &Alert, at: &Location<'_>) -> bool {
        let is_same_log = self.member.as_ref() == at.log.member;
        if !is_same_log || self.byte_offset != at.byte_offset {
            self.member = at.log.member.cloned();
            self.byte_offset = at.byte_offset;
            self.events.clear();
        }
        let event = alert.event_key();
        let is_first = !self.events.contains(&event);
        if is_first {
            self.events.push(event);
        }
        is_first
    }
}

impl LocalHunt<'_> {
    /// Takes an event that a rule does not match: it may be undecided, or related to the rule's alerts.
    fn no_match(
        &mut self,
        rule: &HuntRule<'_>,
        event: &Candidate<'_>,
        at: &Location<'_>,
        out: &mut Emit<'_, Finding>,
    ) {
        let (doubts, judge) = (&rule.doubts, rule.row.rule());
        if let Some(message) = doubts.message(judge, &event.event) {
            report_undecided(rule, at, &message, out);
        } else if doubts.matches_failed(judge, &event.event)
            && let Some(folder) = error_outside(&event.event, at)
        {
            report_folder(
                rule,
                at,
                ("event is no alert if it did not fail", &folder),
                out,
            );
        }
        let companion = self.companion.as_mut();
        let companion = companion.filter(|companion| companion.is_of(&rule.row));
        if let Some(row) = companion.and_then(|companion| companion.event(event, at)) {
            out.output(Finding::Related(row));
        }
    }
}

/// Reports an event whose outcome, and so whether it is an alert, depends on the name of its folder.
fn report_folder(
    rule: &HuntRule<'_>,
    at: &Location<'_>,
    (would, folder): (&str, &str),
    out: &mut Emit<'_, Finding>,
) {
    let message = format!(
        "{would}, but the folder {} says that it failed: whether it did cannot be decided",
        folder.escape_debug()
    );
    report_undecided(rule, at, &message, out);
}

fn report_undecided(
    rule: &HuntRule<'_>,
    at: &Location<'_>,
    message: &str,
    out: &mut Emit<'_, Finding>,
) {
    let message = format!("{message}{}", rule.label);
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
