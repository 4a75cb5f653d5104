//! What the alerts of a run have in common, by rule and by severity.

use std::collections::{BTreeMap, HashSet};
use std::hash::{DefaultHasher, Hash, Hasher as _};

use foldhash::fast::RandomState;

use crate::config::HuntConfig;
use crate::output::{Alert, Column, FiredEvents};
use crate::report::{Affected, ExceptionReport, RuleReport, RuleReports, SeverityReport};
use crate::rule::{RuleInfo, RuleSet, Severity};

/// The alerts that exceptions suppressed, with the rule and the exception of each.
pub(super) type Suppressed = BTreeMap<(u16, u16), u64>;

/// Hashes of values that are counted once.
type Hashes = HashSet<u64, RandomState>;

/// Counts alerts. Of events, users and accounts it keeps a hash of 8 bytes each, once for each rule.
#[derive(Debug, Default)]
pub(super) struct Tally {
    rules: Vec<OfRule>,
    severities: BTreeMap<Severity, OfSeverity>,
    events: Hashes,
    /// The events of each rule count by themselves.
    n_events_of_rules: u64,
    users: Hashes,
    accounts: Hashes,
    suppressed: Suppressed,
    /// True if what each rule found is counted.
    is_by_rule: bool,
}

#[derive(Debug, Default)]
struct OfRule {
    n_alerts: u64,
    n_left_out: u64,
    events: Hashes,
    /// The number of events of a rule over several events.
    n_over_time: u64,
    actors: Hashes,
    first: Option<i64>,
    last: Option<i64>,
}

#[derive(Debug, Default)]
struct OfSeverity {
    n_alerts: u64,
    events: Hashes,
    /// The number of events of rules over several events.
    n_over_time: u64,
    /// The number of alerts of each day since 1970.
    days: BTreeMap<i64, u64>,
}

const MICROS_OF_DAY: i64 = 24 * 60 * 60 * 1_000_000;

impl Tally {
    pub(super) fn new(n_rules: usize, is_by_rule: bool) -> Self {
        Self {
            rules: std::iter::repeat_with(OfRule::default)
                .take(n_rules)
                .collect(),
            is_by_rule,
            ..Self::default()
        }
    }

    /// Returns the number of alerts of a rule that were counted.
    pub(super) fn n_alerts(&self, rule: u16) -> u64 {
        let rule = self.rules.get(usize::from(rule));
        rule.map_or(0, |rule| rule.n_alerts)
    }

    /// Counts an alert that is not written. Its event matched all the same.
    pub(super) fn leave_out(&mut self, alert: &Alert) {
        if let Some(rule) = self.rules.get_mut(usize::from(alert.rule())) {
            rule.n_left_out += 1;
        }
        match alert.fired() {
            Some(fired) => self.events.extend(fired.event_ids.iter().map(hash)),
            None if self.is_by_rule => self.events.extend([event_of(alert)]),
            None => {}
        }
    }

    /// Counts alerts that were suppressed.
    pub(super) fn suppress(&mut self, suppressed: &Suppressed) {
        for (of, n) in suppressed {
            *self.suppressed.entry(*of).or_default() += n;
        }
    }

    /// Counts an alert that is written.
    pub(super) fn add(&mut self, alert: &Alert, severity: Severity) {
        let Some(rule) = self.rules.get_mut(usize::from(alert.rule())) else {
            return;
        };
        rule.n_alerts += 1;
        if let Some(fired) = alert.fired() {
            return self.add_fired(alert, fired, severity);
        }
        let event = event_of(alert);
        if self.is_by_rule {
            let days = &mut self.severities.entry(severity).or_default();
            days.n_alerts += 1;
            days.events.insert(event);
            if let Some(time) = alert.event_time {
                *days.days.entry(time.div_euclid(MICROS_OF_DAY)).or_default() += 1;
                rule.first = Some(rule.first.map_or(time, |first| first.min(time)));
                rule.last = rule.last.max(Some(time));
            }
            self.events.insert(event);
            rule.actors
                .insert(hash(actor_of(alert).unwrap_or_default()));
        }
        if !rule.events.insert(event) {
            return;
        }
        self.n_events_of_rules += 1;
        let account = alert.account();
        if let Some(account) = account {
            self.accounts.insert(hash(account));
        }
        if let Some(user) = alert.text(Column::TargetUserName) {
            self.users.insert(hash((account.unwrap_or_default(), user)));
        }
    }

    /// Counts an alert of a rule over several events. Its events are counted in the rule and the severity by their number,
    /// since not all of them are known; in all rules together those whose ids are known.
    fn add_fired(&mut self, alert: &Alert, fired: &FiredEvents, severity: Severity) {
        let of_severity = self.severities.entry(severity).or_default();
        of_severity.n_alerts += 1;
        of_severity.n_over_time += fired.count;
        let day = fired.completed.div_euclid(MICROS_OF_DAY);
        *of_severity.days.entry(day).or_default() += 1;
        self.events.extend(fired.event_ids.iter().map(hash));
        self.n_events_of_rules += fired.count;
        self.accounts.extend(alert.account().map(hash));
        if let Some(rule) = self.rules.get_mut(usize::from(alert.rule())) {
            rule.n_over_time += fired.count;
            let first = rule
                .first
                .map_or(fired.first, |first| first.min(fired.first));
            rule.first = Some(first);
            rule.last = rule.last.max(Some(fired.last));
            rule.actors.extend(actor_of(alert).map(hash));
        }
    }

    /// Returns whom the alerts are about.
    pub(super) fn affected(&self) -> Affected {
        Affected {
            distinct_events: self.n_events_of_rules,
            distinct_users: self.users.len() as u64,
            distinct_accounts: self.accounts.len() as u64,
        }
    }

    /// Returns the counts of each rule and severity.
    pub(super) fn reports(&self, config: &HuntConfig) -> RuleReports {
        let rules = config.rules.infos().zip(&self.rules);
        let rules = rules.map(|((number, one), counts)| {
            let suppressed = self.suppressed.iter();
            let suppressed = suppressed.filter(|((rule, _), _)| *rule == number);
            counts.report(one, suppressed.map(|(_, n)| n).sum())
        });
        let severities = self.severities.iter().rev();
        RuleReports {
            rules: rules.collect(),
            refused: config.refused.clone(),
            severities: severities
                .map(|(severity, counts)| counts.report(*severity, &config.rules, &self.rules))
                .collect(),
            exceptions: self.exceptions(&config.rules),
            distinct_events_matched: self.events.len() as u64,
        }
    }

    fn exceptions(&self, rules: &RuleSet) -> Vec<ExceptionReport> {
        let numbered = (0..u16::MAX).zip(rules.exceptions());
        let reports = numbered.map(|(number, (exception, n_rules))| {
            let suppressed = self.suppressed.iter();
            let suppressed = suppressed.filter(|((_, other), _)| *other == number);
            ExceptionReport {
                line: exception.line as u64,
                reason: exception.reason.clone(),
                rules: n_rules as u64,
                suppressed: suppressed.map(|(_, n)| n).sum(),
            }
        });
        reports.collect()
    }
}

impl OfRule {
    fn report(&self, rule: RuleInfo<'_>, suppressed: u64) -> RuleReport {
        let time = |micros: Option<i64>| jiff::Timestamp::from_microsecond(micros?).ok();
        let metadata = rule.metadata;
        RuleReport {
            name: rule.name(),
            title: metadata.name.clone(),
            severity: metadata.severity.to_string(),
            alerts: self.n_alerts,
            distinct_events: self.events.len() as u64 + self.n_over_time,
            distinct_actors: self.actors.len() as u64,
            first_event: time(self.first),
            last_event: time(self.last),
            suppressed,
            left_out: self.n_left_out,
            notes: rule.notes.to_vec(),
        }
    }
}

impl OfSeverity {
    fn report(&self, severity: Severity, rules: &RuleSet, counts: &[OfRule]) -> SeverityReport {
        let found = rules
            .infos()
            .zip(counts)
            .filter(|((_, one), counts)| one.metadata.severity == severity && counts.n_alerts > 0);
        // Of several days with as many alerts, the first.
        let busiest = self
            .days
            .iter()
            .max_by(|a, b| a.1.cmp(b.1).then(b.0.cmp(a.0)));
        let day = busiest.and_then(|(day, _)| {
            let time = jiff::Timestamp::from_microsecond(day.checked_mul(MICROS_OF_DAY)?).ok()?;
            Some(time.strftime("%Y-%m-%d").to_string())
        });
        SeverityReport {
            severity: severity.to_string(),
            rules: found.count() as u64,
            alerts: self.n_alerts,
            distinct_events: self.events.len() as u64 + self.n_over_time,
            busiest_day: day,
            busiest_day_alerts: busiest.map_or(0, |(_, n)| *n),
        }
    }
}

/// Returns who called, if the row says it.
fn actor_of(alert: &Alert) -> Option<&str> {
    let actor = [Column::ActorArn, Column::ActorName, Column::InvokedBy];
    actor.into_iter().find_map(|column| alert.text(column))
}

/// Returns a hash of an event, which is the same for all rules.
fn event_of(alert: &Alert) -> u64 {
    match alert.text(Column::EventId) {
        Some(id) => hash(id),
        None => hash((0_u8, alert.text(Column::RawEvent))),
    }
}

fn hash(value: impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}
