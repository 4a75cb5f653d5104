//! The outputs that a hunt makes of events: alerts, related events, and undecided events.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use super::companion::{self, Companion, LocalCompanion};
use super::tally::{Suppressed, Tally};
use super::undecided::{self, Doubts, error_in_folders};
use super::{place, rows};
use crate::config::{HuntConfig, Progress};
use crate::engine::{Analyzer, Candidate, Emit, Interest, Local, Location, Log, Search, SizeBytes};
use crate::event::Event;
use crate::input::table::RowCriteria;
use crate::output::rules::RowRule;
use crate::output::{Alert, Column};
use crate::report::{Code, Defect, Member, RelatedCounts, RuleName};
use crate::rule::{Needles, RuleSet};

/// One output of a hunt's analyzer.
#[derive(Debug)]
pub enum Finding {
    /// An alert.
    Alert(Alert),
    /// A related event, which is written or shown.
    Related(Alert),
    /// The counts of the related events of a source, or of a piece of it.
    Counts(PathBuf, Box<RelatedCounts>),
    /// The numbers of alerts that exceptions suppressed, each with the places of its rule and of its exception.
    Suppressed(BTreeMap<(u16, u16), u64>),
}

impl SizeBytes for Finding {
    fn size_bytes(&self) -> usize {
        match self {
            Self::Alert(row) | Self::Related(row) => row.size_bytes(),
            Self::Counts(source, counts) => {
                size_of::<Self>() + source.as_os_str().len() + size_of_val(&**counts)
            }
            Self::Suppressed(counts) => size_of::<Self>() + 24 * counts.len(),
        }
    }
}

/// Analyzes events with a set of rules.
#[derive(Debug)]
pub struct HuntAnalyzer<'a> {
    set: &'a RuleSet,
    /// The rules, in the order of the set.
    rules: Vec<HuntRule<'a>>,
    max_per_rule: u64,
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
            row: companion::row_rule(&one.rule).in_set(index, &one.pack, &one.file),
            doubts: Doubts::of(&one.rule),
            label: match n_rules {
                1 => String::new(),
                _ => format!(" (rule {})", one.name()),
            },
        });
        let rules: Vec<HuntRule<'_>> = rules.collect();
        let companion = rules.iter().find_map(|HuntRule { row, .. }| {
            let mentions = || search(&[row]).prefilter();
            Companion::new(row, mentions, is_related_requested)
        });
        Self {
            set: &config.rules,
            rules,
            max_per_rule: config.max_per_rule.unwrap_or(u64::MAX),
            progress: &config.scan.progress,
            companion,
            is_related_requested,
        }
    }

    /// Returns the number of rules.
    pub(super) fn n_rules(&self) -> usize {
        self.rules.len()
    }

    /// Returns the rules.
    pub(super) fn rules(&self) -> &RuleSet {
        self.set
    }

    /// Returns the number of rows that a rule may have.
    pub(super) fn max_per_rule(&self) -> u64 {
        self.max_per_rule
    }

    /// Returns counts for the alerts of these rules, which are zero.
    pub(super) fn tally(&self) -> Tally {
        Tally::new(
            self.rules.len(),
            !RuleName::is_one_builtin(&self.set.names()),
        )
    }

    /// Returns the companion of a rule, if there is one.
    pub(super) fn companion(&self) -> Option<&Companion<'a>> {
        self.companion.as_ref()
    }
}

/// Returns the search for the events of rules and of their companion.
fn search(rules: &[&RowRule<'_>]) -> Search {
    // A rule that looks for indicators is alone.
    if let [row] = rules
        && let Some(indicators) = row.rule().query().indicators()
    {
        let names = indicators.names();
        return names.map_or(Search::Everything, |names| Search::Names(names.to_vec()));
    }
    match words(rules) {
        // So few words are found faster than keys of actions.
        Some(words) if words.len() <= WORDS_FEW => Search::Words(words),
        words => actions(rules)
            .or(words.map(Search::Words))
            .unwrap_or(Search::Everything),
    }
}

/// The number of words up to which these are searched for.
const WORDS_FEW: usize = 3;

/// Returns words, one of which is in each record that a rule or the companion may match; `None` if a rule has none.
fn words(rules: &[&RowRule<'_>]) -> Option<Vec<String>> {
    let mut words = BTreeSet::new();
    for row in rules {
        let Needles::AnyOf(needles) = row.rule().needles() else {
            return None;
        };
        words.extend(needles.iter().cloned());
        words.extend(companion_words(row));
    }
    Some(words.into_iter().collect())
}

fn companion_words(row: &RowRule<'_>) -> impl Iterator<Item = String> {
    let beside = companion::terms(row.rule()).words;
    beside.iter().map(|word| (*word).to_owned())
}

/// Returns the search for the actions of the rules, and for words of those that are about any action; `None` if a rule
/// has neither.
fn actions(rules: &[&RowRule<'_>]) -> Option<Search> {
    let (mut actions, mut words) = (BTreeSet::new(), BTreeSet::new());
    for row in rules {
        let query = row.rule().query();
        let own = query.actions().unwrap_or_default();
        // What the companion looks for has other actions too.
        let has_companion = companion::is_of(row.rule());
        if !own.is_empty() && own.iter().all(|action| action.is_ascii()) && !has_companion {
            actions.extend(own.iter().map(|action| action.to_ascii_lowercase()));
            continue;
        }
        match query.needles_in_any_case() {
            Needles::AnyOf(needles) => words.extend(needles),
            Needles::EveryRecord => return None,
        }
        words.extend(companion_words(row));
    }
    Some(Search::Actions {
        actions: actions.into_iter().collect(),
        words: words.into_iter().collect(),
    })
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
            search: search(&rules().collect::<Vec<_>>()),
            rows: rows.reduce(RowCriteria::or).unwrap_or_default(),
            records: false,
            text: false,
        }
    }

    fn local(&self) -> LocalHunt<'_> {
        LocalHunt {
            hunt: self,
            found: FoundInRecord::default(),
            suppressed: Suppressed::new(),
            candidates: Vec::new(),
            companion: self.companion.as_ref().map(Companion::local),
        }
    }
}

/// The state of a hunt on one thread.
#[derive(Debug)]
pub struct LocalHunt<'a> {
    hunt: &'a HuntAnalyzer<'a>,
    found: FoundInRecord,
    /// The alerts that were suppressed since the last piece.
    suppressed: Suppressed,
    /// The places of the rules that the event may match.
    candidates: Vec<u16>,
    companion: Option<LocalCompanion<'a>>,
}

impl Local for LocalHunt<'_> {
    type Output = Finding;

    fn event(&mut self, event: &Candidate<'_>, at: &Location<'_>, out: &mut Emit<'_, Finding>) {
        let hunt = self.hunt;
        if let [rule] = &*hunt.rules {
            let has_alert = &mut false;
            let is_match = self.judge(rule, event, at, has_alert, out);
            return self.beside(is_match, event, at, out);
        }
        let mut candidates = std::mem::take(&mut self.candidates);
        hunt.candidates(&event.event, &mut candidates);
        let quarantine = self.companion.as_ref().map(LocalCompanion::rule);
        let mut is_quarantine = false;
        let mut has_alert = false;
        for number in &candidates {
            let Some(rule) = hunt.rules.get(usize::from(*number)) else {
                continue;
            };
            let is_match = self.judge(rule, event, at, &mut has_alert, out);
            is_quarantine |= is_match && quarantine == Some(*number);
        }
        self.candidates = candidates;
        self.beside(is_quarantine, event, at, out);
    }

    fn wants_records(&self, _: &Log<'_>) -> bool {
        false
    }

    fn end(&mut self, out: &mut Emit<'_, Finding>) {
        self.found = FoundInRecord::default();
        if let Some((source, counts)) = self.companion.as_mut().and_then(LocalCompanion::end) {
            out.output(Finding::Counts(source, Box::new(counts)));
        }
        if !self.suppressed.is_empty() {
            out.output(Finding::Suppressed(std::mem::take(&mut self.suppressed)));
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

impl HuntAnalyzer<'_> {
    /// Writes the places of the rules that an event may match, or may not be decided for, to `found`.
    fn candidates(&self, event: &Event<'_>, found: &mut Vec<u16>) {
        self.set.table().candidates(event, found);
        // Whatever a damaged name was, and whatever the object around a record says, is open for all rules.
        if event.is_wrapped() || undecided::has_damaged_name(event) {
            found.clear();
            found.extend(self.rules.iter().map(|rule| rule.row.index()));
        }
    }
}

impl LocalHunt<'_> {
    /// Judges an event by one rule. Returns whether the rule matches it.
    fn judge(
        &mut self,
        rule: &HuntRule<'_>,
        event: &Candidate<'_>,
        at: &Location<'_>,
        has_alert: &mut bool,
        out: &mut Emit<'_, Finding>,
    ) -> bool {
        if !rule.row.rule().matches(&event.event) {
            Self::no_match(rule, event, at, out);
            return false;
        }
        let index = rule.row.index();
        if let Some(exception) = self.hunt.set.excepted(index, &event.event) {
            *self.suppressed.entry((index, exception)).or_default() += 1;
            return true;
        }
        if let Some(folder) = error_outside(&event.event, at)
            && !rule.doubts.matches_failed(rule.row.rule(), &event.event)
        {
            report_folder(rule, at, ("event would be an alert", &folder), out);
            return true;
        }
        let alert = Alert::new(&rule.row, &event.event, event.raw, place(at));
        if !self.found.is_first(&alert, at) {
            return true;
        }
        self.hunt.progress.n_results.fetch_add(1, Relaxed);
        // All alerts of the event have the same time.
        if alert.event_time.is_none() && !*has_alert {
            out.report(time_defect(&alert));
        }
        *has_alert = true;
        out.output(Finding::Alert(alert));
        true
    }

    /// Takes an event that a rule does not match, and that may be undecided.
    fn no_match(
        rule: &HuntRule<'_>,
        event: &Candidate<'_>,
        at: &Location<'_>,
        out: &mut Emit<'_, Finding>,
    ) {
        let (doubts, judge) = (&rule.doubts, rule.row.rule());
        if let Some(message) = doubts.message(judge, &event.event) {
            report_undecided(rule, at, &message, out);
        } else if doubts.may_have_failed()
            && let Some(folder) = error_outside(&event.event, at)
            && doubts.matches_failed(judge, &event.event)
        {
            report_folder(
                rule,
                at,
                ("event is no alert if it did not fail", &folder),
                out,
            );
        }
    }

    /// Takes an event that may be related to the alerts of the quarantine rule.
    fn beside(
        &mut self,
        is_match: bool,
        event: &Candidate<'_>,
        at: &Location<'_>,
        out: &mut Emit<'_, Finding>,
    ) {
        let companion = self.companion.as_mut().filter(|_| !is_match);
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
