//! The outputs that a hunt makes of events: alerts, related events, and undecided events.

use std::cell::OnceCell;
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use super::companion::{self, Companion, LocalCompanion};
use super::tally::{Suppressed, Tally};
use super::undecided::{self, Calls, Doubts, error_in_folders};
use super::{row_event, rows};
use crate::config::{HuntConfig, Progress};
use crate::engine::{Analyzer, Candidate, Emit, Interest, Local, Location, Search, SizeBytes};
use crate::event::{Event, FieldMemory, Fields};
use crate::input::table::RowCriteria;
use crate::output::rules::RowRule;
use crate::output::{Alert, Column, RowEvent};
use crate::report::{Code, Defect, Member, RelatedCounts, RuleName};
use crate::rule::{ActionPatterns, Needles, RuleSet};
use crate::scan::Actions;

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
/// Of 1,000 records, the number that a pattern of actions may let through if words let through fewer.
const SHARE_DEAR: u32 = 50;

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
    let (mut names, mut patterns) = (BTreeSet::new(), BTreeSet::new());
    let (mut words, mut words_of_patterns) = (BTreeSet::new(), BTreeSet::new());
    for row in rules {
        let query = row.rule().query();
        // What the companion looks for has other actions too.
        let own = query.action_patterns();
        let own = own.filter(|_| !companion::is_of(row.rule()));
        let own = own.filter(|own| own.names.iter().all(|name| name.is_ascii()));
        let needles = query.needles_in_any_case();
        // Each word that is searched for takes time over all text.
        let is_dear = |own: &ActionPatterns<'_>| match &needles {
            Needles::AnyOf(needles) if needles.len() <= WORDS_FEW => {
                own.share_of_1000() > SHARE_DEAR
            }
            _ => false,
        };
        let own = own.filter(|own| own.patterns.is_empty() || !is_dear(own));
        match (own, needles) {
            (Some(own), _) if own.patterns.is_empty() => {
                names.extend(own.names.iter().map(|name| name.to_ascii_lowercase()));
            }
            (_, Needles::EveryRecord) => return None,
            (Some(own), Needles::AnyOf(needles)) => {
                names.extend(own.names.iter().map(|name| name.to_ascii_lowercase()));
                patterns.extend(own.patterns);
                words_of_patterns.extend(needles);
            }
            (None, Needles::AnyOf(needles)) => {
                words.extend(needles);
                words.extend(companion_words(row));
            }
        }
    }
    Some(Search::Actions {
        actions: Actions {
            names: names.into_iter().collect(),
            patterns: patterns.into_iter().collect(),
            words: words_of_patterns.into_iter().collect(),
        },
        words: without_longer(&words),
    })
}

/// Returns the words, without those that contain another one. Their case does not count.
fn without_longer(words: &BTreeSet<String>) -> Vec<String> {
    let small: BTreeSet<String> = words.iter().map(|word| word.to_ascii_lowercase()).collect();
    let is_longer = |word: &&String| {
        let mut others = small.iter().filter(|other| other != word);
        others.any(|other| word.contains(other.as_str()))
    };
    small
        .iter()
        .filter(|word| !is_longer(word))
        .cloned()
        .collect()
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
            memory: FieldMemory::new(self.set.n_fields()),
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
    /// The values of the event's fields.
    memory: FieldMemory,
    companion: Option<LocalCompanion<'a>>,
}

impl Local for LocalHunt<'_> {
    type Output = Finding;

    fn event(&mut self, event: &Candidate<'_>, at: &Location<'_>, out: &mut Emit<'_, Finding>) {
        let hunt = self.hunt;
        if let [rule] = &*hunt.rules {
            let mut judged = Judged::new(event, at, &event.event);
            let is_match = self.judge(rule, &mut judged, out);
            judged
                .alerts
                .into_iter()
                .for_each(|alert| out.output(Finding::Alert(alert)));
            return self.beside(is_match, event, at, out);
        }
        let mut candidates = std::mem::take(&mut self.candidates);
        hunt.candidates(&event.event, &mut candidates);
        let mut memory = std::mem::take(&mut self.memory);
        let fields = memory.of(&event.event);
        let mut judged = Judged::new(event, at, &fields);
        let quarantine = self.companion.as_ref().map(LocalCompanion::rule);
        let mut is_quarantine = false;
        for number in &candidates {
            let Some(rule) = hunt.rules.get(usize::from(*number)) else {
                continue;
            };
            let is_match = self.judge(rule, &mut judged, out);
            is_quarantine |= is_match && quarantine == Some(*number);
        }
        judged
            .alerts
            .into_iter()
            .for_each(|alert| out.output(Finding::Alert(alert)));
        self.candidates = candidates;
        self.memory = memory;
        self.beside(is_quarantine, event, at, out);
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

/// An event that one rule after the other judges, and what all of them ask about it.
struct Judged<'e> {
    found: &'e Candidate<'e>,
    at: &'e Location<'e>,
    /// The event's fields, whose values may be kept.
    fields: &'e dyn Fields,
    calls: OnceCell<Calls>,
    /// An error that only the name of the event's folder states.
    error_outside: OnceCell<Option<String>>,
    /// The alerts of the rules so far.
    alerts: Vec<Alert>,
}

impl<'e> Judged<'e> {
    fn new(found: &'e Candidate<'e>, at: &'e Location<'e>, fields: &'e dyn Fields) -> Self {
        Self {
            found,
            at,
            fields,
            calls: OnceCell::new(),
            error_outside: OnceCell::new(),
            alerts: Vec::new(),
        }
    }

    fn event(&self) -> &'e Event<'e> {
        &self.found.event
    }

    fn calls(&self) -> &Calls {
        self.calls.get_or_init(|| Calls::of(self.event()))
    }

    fn error_outside(&self) -> Option<&str> {
        let error = || error_outside(self.event(), self.at);
        self.error_outside.get_or_init(error).as_deref()
    }

    /// Returns the alert of a rule.
    fn alert(&self, rule: &HuntRule<'_>) -> Alert {
        let row = RowEvent {
            fields: self.fields,
            ..row_event(self.found, self.at)
        };
        match self.alerts.first() {
            Some(first) => first.of_other_rule(&rule.row, &row),
            None => Alert::new(&rule.row, &row),
        }
    }
}

impl LocalHunt<'_> {
    /// Judges an event by one rule. Returns whether the rule matches it.
    fn judge(
        &mut self,
        rule: &HuntRule<'_>,
        judged: &mut Judged<'_>,
        out: &mut Emit<'_, Finding>,
    ) -> bool {
        if !rule.row.rule().matches(judged.fields) {
            Self::no_match(rule, judged, out);
            return false;
        }
        let index = rule.row.index();
        if let Some(exception) = self.hunt.set.excepted(index, judged.fields) {
            *self.suppressed.entry((index, exception)).or_default() += 1;
            return true;
        }
        if let Some(folder) = judged.error_outside()
            && !rule.doubts.matches_failed(rule.row.rule(), judged.event())
        {
            report_folder(rule, judged.at, ("event would be an alert", folder), out);
            return true;
        }
        let alert = judged.alert(rule);
        if !self.found.is_first(&alert, judged.at) {
            return true;
        }
        self.hunt.progress.n_results.fetch_add(1, Relaxed);
        // All alerts of the event have the same time.
        if alert.event_time.is_none() && judged.alerts.is_empty() {
            out.report(time_defect(&alert));
        }
        judged.alerts.push(alert);
        true
    }

    /// Takes an event that a rule does not match, and that may be undecided.
    fn no_match(rule: &HuntRule<'_>, judged: &Judged<'_>, out: &mut Emit<'_, Finding>) {
        let (doubts, judge) = (&rule.doubts, rule.row.rule());
        let (event, at) = (judged.event(), judged.at);
        if let Some(message) = doubts.message(judge, event, judged.calls()) {
            report_undecided(rule, at, &message, out);
        } else if doubts.may_have_failed()
            && let Some(folder) = judged.error_outside()
            && doubts.matches_failed(judge, event)
        {
            report_folder(
                rule,
                at,
                ("event is no alert if it did not fail", folder),
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
