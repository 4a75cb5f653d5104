//! The outputs that a hunt makes of events: alerts, related events, and undecided events.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use super::undecided::{Doubts, error_in_folders};
use super::{place, rows};
use crate::config::{HuntConfig, Progress};
use crate::engine::{Analyzer, Candidate, Emit, Interest, Local, Location, Search, SizeBytes};
use crate::event::Event;
use crate::output::{Alert, Column};
use crate::report::{Code, Defect, RelatedCounts, Relation};
use crate::rule::{LEGACY_NEEDLE, Needles, Relations, Rule};
use crate::scan::Prefilter;

/// Largest raw text, in bytes, that is searched for the policy's name, also if it is escaped. The largest of 37,000
/// public records has 48 kB.
const RAW_BYTES_SEARCHED: usize = 128 * 1024;

/// Number of related events that are shown. If they are not written, a source, or a piece of one, makes at most this
/// many rows of them.
const RELATED_SHOWN: u64 = 20;

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
    rule: &'a Rule,
    progress: &'a Progress,
    search: Search,
    /// Finds the policy's name in a record.
    mentions: Prefilter,
    relations: Relations,
    doubts: Doubts,
    /// True if all related events become rows.
    is_related_requested: bool,
    /// Set when enough related events were shown. If they are not written, no more rows are made.
    has_shown_enough: AtomicBool,
}

impl<'a> HuntAnalyzer<'a> {
    /// Makes the analyzer of a hunt.
    #[must_use]
    pub fn new(config: &'a HuntConfig) -> Self {
        let rule = &*config.rule;
        let search = search(rule);
        Self {
            rule,
            progress: &config.scan.progress,
            mentions: search.prefilter(),
            search,
            relations: Relations::new(rule),
            doubts: Doubts::of(rule),
            is_related_requested: config.output.related.is_some(),
            has_shown_enough: AtomicBool::new(false),
        }
    }

    /// Records that `n_related` rows of related events were shown. All of them came before any later row.
    pub(super) fn has_shown(&self, n_related: u64) {
        if n_related == RELATED_SHOWN {
            self.has_shown_enough.store(true, Relaxed);
        }
    }
}

/// Returns the search for the events of the rule.
fn search(rule: &Rule) -> Search {
    match rule.needles() {
        Needles::AnyOf(needles) => {
            let own = needles.iter().cloned();
            Search::Words(own.chain([LEGACY_NEEDLE.to_owned()]).collect())
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
            rows: rows::row_criteria(self.rule, self.is_related_requested),
            text: false,
        }
    }

    fn local(&self) -> LocalHunt<'_> {
        LocalHunt {
            hunt: self,
            n_related_rows: 0,
            counts: RelatedCounts::default(),
        }
    }
}

/// The state of a hunt on one thread.
#[derive(Debug)]
pub struct LocalHunt<'a> {
    hunt: &'a HuntAnalyzer<'a>,
    /// Number of rows of the piece that were made of related events.
    n_related_rows: u64,
    /// The counts of the related events of the piece.
    counts: RelatedCounts,
}

impl Local for LocalHunt<'_> {
    type Output = Finding;

    fn event(&mut self, event: &Candidate<'_>, at: &Location<'_>, out: &mut Emit<'_, Finding>) {
        let HuntAnalyzer { rule, doubts, .. } = self.hunt;
        if !rule.matches(&event.event) {
            if let Some(doubt) = doubts.doubt(rule, &event.event) {
                report_undecided(at, doubt.to_string(), out);
            }
            return self.related(event, at, out);
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
        self.n_related_rows = 0;
        let counts = std::mem::take(&mut self.counts);
        if counts != RelatedCounts::default() {
            out.output(Finding::Counts(Box::new(counts)));
        }
    }
}

impl LocalHunt<'_> {
    /// Counts a related event, and makes a row of it if that is requested or shown.
    fn related(&mut self, event: &Candidate<'_>, at: &Location<'_>, out: &mut Emit<'_, Finding>) {
        let hunt = self.hunt;
        let (rule, raw) = (hunt.rule, event.raw);
        // If many events are in one string, the raw text is the whole string.
        let is_mentioned = || match raw.len() <= RAW_BYTES_SEARCHED {
            true => hunt.mentions.holds_needle(raw),
            false => event.event.locate(&rule.literals()).is_some(),
        };
        let Some(relation) = hunt.relations.of(&event.event, &is_mentioned) else {
            return;
        };
        self.counts.add(relation);
        let is_shown = matches!(relation, Relation::FailedAttach | Relation::Detach)
            && self.n_related_rows < RELATED_SHOWN
            && !hunt.has_shown_enough.load(Relaxed);
        if hunt.is_related_requested || is_shown {
            self.n_related_rows += 1;
            let row = Alert::related(relation, rule, &event.event, raw, place(at));
            out.output(Finding::Related(row));
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
