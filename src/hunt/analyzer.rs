//! The outputs that a hunt makes of events: alerts, related events, and undecided events.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use super::broken;
use super::companion::{self, Companion, LocalCompanion};
use super::finding::Finding;
use super::judge::{self, HuntRule, Judged, Verdict, label};
use super::over_time::{LocalOverTime, OverTime};
use super::rows;
use super::tally::{Suppressed, Tally};
use crate::config::{HuntConfig, Progress};
use crate::engine::{Analyzer, Candidate, Emit, Interest, Local, Location, Log, Search};
use crate::event::{FieldMemory, Fields};
use crate::input::table::RowCriteria;
use crate::output::rules::RowRule;
use crate::output::{Alert, Column};
use crate::report::{Code, Defect, Member, RuleName};
use crate::rule::{ActionPatterns, Needles, RuleSet, Shortlist};
use crate::scan::{Actions, Prefilter};

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
    over_time: Option<OverTime<'a>>,
}

impl<'a> HuntAnalyzer<'a> {
    /// Makes the analyzer of a hunt.
    #[must_use]
    pub fn new(config: &'a HuntConfig) -> Self {
        let is_related_requested = config.output.related.is_some();
        let is_alone = config.rules.len() == 1;
        let rules = config.rules.iter().map(|(index, one)| {
            let row = companion::row_rule(&one.rule).in_set(index, &one.pack, &one.file);
            HuntRule::new(row, label(is_alone, one.info()))
        });
        let rules: Vec<HuntRule<'_>> = rules.collect();
        let companion = rules.iter().find_map(|HuntRule { row, .. }| {
            let mentions = || mentions(row);
            Companion::new(row, mentions, is_related_requested)
        });
        Self {
            set: &config.rules,
            rules,
            max_per_rule: config.max_per_rule.unwrap_or(u64::MAX),
            progress: &config.scan.progress,
            companion,
            is_related_requested,
            over_time: OverTime::new(config),
        }
    }

    /// Returns the number of rules.
    pub(super) fn n_rules(&self) -> usize {
        self.set.len()
    }

    /// Returns the rules over several events, if there are any.
    pub(super) fn over_time(&self) -> Option<&OverTime<'a>> {
        self.over_time.as_ref()
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
        Tally::new(self.set.len(), !RuleName::is_one_builtin(&self.set.names()))
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
        words.extend(needles.iter().map(|needle| searched(row, needle)));
        words.extend(companion_words(row));
    }
    Some(words.into_iter().collect())
}

/// Returns the search for the whole needles of a rule and those of its companion.
fn mentions(row: &RowRule<'_>) -> Prefilter {
    let own = match row.rule().needles() {
        Needles::AnyOf(needles) => needles,
        Needles::EveryRecord => &[][..],
    };
    let own = own.iter().cloned();
    Prefilter::new(&own.chain(companion_words(row)).collect::<Vec<_>>())
}

/// Returns the part of a needle that is searched for. Of the name of the quarantine policy its beginning is enough to
/// be rare, and is also in texts that were cut off inside the name. The search for the beginning is as fast.
fn searched(row: &RowRule<'_>, needle: &str) -> String {
    let is_shortened = companion::is_of(row.rule());
    let part = if is_shortened {
        broken::beginning(needle)
    } else {
        needle
    };
    part.to_owned()
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
                words.extend(needles.iter().map(|needle| searched(row, needle)));
                // Records that are cut off before the name are found by their action, whose key is searched for
                // anyway.
                if companion::is_of(row.rule()) {
                    let actions = rows::actions_of_cut_requests(row.rule());
                    names.extend(actions.iter().map(|name| name.to_ascii_lowercase()));
                }
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
        let rules = || {
            let of_one_event = self.rules.iter().map(|rule| &rule.row);
            of_one_event.chain(self.over_time.iter().flat_map(OverTime::rows))
        };
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
            shortlist: Shortlist::new(self.set),
            memory: FieldMemory::new(self.set.n_fields()),
            companion: self.companion.as_ref().map(Companion::local),
            over_time: self.over_time.as_ref().map(OverTime::local),
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
    shortlist: Shortlist<'a>,
    /// The values of the event's fields.
    memory: FieldMemory,
    companion: Option<LocalCompanion<'a>>,
    over_time: Option<LocalOverTime<'a>>,
}

impl Local for LocalHunt<'_> {
    type Output = Finding;

    fn event(&mut self, event: &Candidate<'_>, at: &Location<'_>, out: &mut Emit<'_, Finding>) {
        let hunt = self.hunt;
        let mut memory = std::mem::take(&mut self.memory);
        let remembered = memory.of(&event.event);
        // To keep the values of fields costs one rule more than it saves.
        let fields: &dyn Fields = match &*hunt.rules {
            [_] if hunt.over_time.is_none() => &event.event,
            _ => &remembered,
        };
        let mut judged = Judged::new(event, at, fields);
        if let Some(over_time) = &mut self.over_time {
            over_time.event(&judged, &mut self.suppressed, out);
        }
        let is_quarantine = match &*hunt.rules {
            [rule] => self.judge(rule, &mut judged, out),
            _ => self.judge_all(&mut judged, out),
        };
        for alert in judged.into_alerts() {
            out.output(Finding::Alert(alert));
        }
        self.memory = memory;
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

impl LocalHunt<'_> {
    /// Judges an event by all rules that it may match. Returns whether the quarantine rule matches it.
    fn judge_all(&mut self, judged: &mut Judged<'_>, out: &mut Emit<'_, Finding>) -> bool {
        let hunt = self.hunt;
        let mut candidates = std::mem::take(&mut self.candidates);
        let shortlist = &mut self.shortlist;
        // What an event may have had beside what it has is its outcome, or a part of its request. The list depends on
        // neither.
        judge::candidates(hunt.rules.len(), judged, &mut candidates, |found| {
            found.extend(shortlist.candidates(judged.fields));
        });
        let quarantine = self.companion.as_ref().map(LocalCompanion::rule);
        let mut is_quarantine = false;
        for number in &candidates {
            let Some(rule) = hunt.rules.get(usize::from(*number)) else {
                continue;
            };
            let is_match = self.judge(rule, judged, out);
            is_quarantine |= is_match && quarantine == Some(*number);
        }
        self.candidates = candidates;
        is_quarantine
    }

    /// Judges an event by one rule. Returns whether the rule matches it.
    fn judge(
        &mut self,
        rule: &HuntRule<'_>,
        judged: &mut Judged<'_>,
        out: &mut Emit<'_, Finding>,
    ) -> bool {
        let hunt = self.hunt;
        match rule.judge(hunt.set, judged, &mut self.suppressed, out) {
            Verdict::NoMatch => return false,
            Verdict::NoAlert => return true,
            Verdict::Alert => {}
        }
        let alert = judged.alert(rule);
        if !self.found.is_first(&alert, judged.at) {
            return true;
        }
        hunt.progress.n_results.fetch_add(1, Relaxed);
        // All alerts of the event have the same time.
        if alert.event_time.is_none() && judged.alerts().is_empty() {
            out.report(time_defect(&alert));
        }
        judged.push(alert);
        true
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

/// Returns the defect of an alert without a time.
fn time_defect(alert: &Alert) -> Defect {
    let message = match alert.text(Column::EventTimeText) {
        Some(text) => format!("time of an alert cannot be read: {}", text.escape_debug()),
        None => "an alert has no time".to_owned(),
    };
    let offset = alert.byte_offset.unsigned_abs();
    Defect::text(Code::EventTimeUnreadable, offset, message)
}
