//! One row per rule, for hunts with other rules than the built-in one.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use indicatif::HumanCount;
use trailsift::output::{Alert, Column, FiredEvents};
use trailsift::report::{Report, RuleReport, RuleReports};
use trailsift::rule::{Indicators, RuleSet};

use super::super::fold::folded;
use super::super::terminal::{bold, harmless, plural};
use super::events::{NOTHING, actor, colored};
use super::indicators::FoundByIndicator;
use super::layout::{Room, TableColumn, lines};

/// Maximum number of rules that are shown; the report has all of them.
const RULES_MAX: usize = 30;
/// Number of events of each rule that are shown.
const EVENTS_OF_RULE_MAX: usize = 3;
/// Number of events of a search that are shown.
const EVENTS_OF_SEARCH_MAX: usize = 10;
/// Number of spaces before what does not fit on the line of an event.
const INDENT_OF_EVENT: usize = 4;
/// Number of columns before what is counted.
const INDENT_OF_COUNT: usize = 14;
/// Number of rules up to which their first events are shown.
const RULES_WITH_EVENTS_MAX: usize = 10;

/// The first events of each rule, collected while a hunt runs.
#[derive(Debug, Default)]
pub(in super::super) struct FoundByRule {
    first: BTreeMap<u16, Vec<Event>>,
    /// What a search counts, which has one rule for all its indicators.
    indicators: Option<FoundByIndicator>,
}

/// What is shown of an event.
#[derive(Debug)]
struct Event {
    key: [u8; 16],
    time: Option<i64>,
    text: String,
}

impl Event {
    fn new(alert: &Alert) -> Self {
        let shown = |text: Option<&str>| harmless(text.unwrap_or(NOTHING), 60);
        let micros = alert.time().map(jiff::Timestamp::as_microsecond);
        let time = alert.time().map_or_else(
            || shown(alert.text(Column::EventTimeText)),
            |time| time.strftime("%Y-%m-%d %H:%M:%S").to_string(),
        );
        if let Some(fired) = alert.fired() {
            return Self {
                key: alert.event_key(),
                time: micros,
                text: format!("{time}  {}", of_fired(fired)),
            };
        }
        let resource = alert.text(Column::Resource);
        let resource = resource.map(|name| format!(" on {}", shown(Some(name))));
        let text = format!(
            "{time}  {}  {}{} by {} from {}",
            shown(alert.account()),
            shown(alert.text(Column::EventAction)),
            resource.unwrap_or_default(),
            shown(actor(alert)),
            shown(alert.text(Column::SourceAddress)),
        );
        Self {
            key: alert.event_key(),
            time: micros,
            text,
        }
    }
}

/// Returns how many events fired, since when, and what they have in common.
fn of_fired(fired: &FiredEvents) -> String {
    let mut text = plural(fired.count, "event", "events");
    if let Some(n) = fired.distinct {
        text += &format!(" with {}", plural(n, "distinct value", "distinct values"));
    }
    if fired.first < fired.completed
        && let Ok(first) = jiff::Timestamp::from_microsecond(fired.first)
    {
        text += &format!(" since {}", first.strftime("%Y-%m-%d %H:%M:%S"));
    }
    for (field, value) in fired.group_fields.iter().zip(&fired.group_values) {
        text += &format!("  {}: {}", harmless(field, 60), harmless(value, 60));
    }
    if fired.is_early {
        text += "  (early)";
    }
    text
}

impl FoundByRule {
    /// Begins to collect for rules, or for a search with its indicators.
    pub(in super::super) fn new(search: Option<&Indicators>) -> Self {
        Self {
            first: BTreeMap::new(),
            indicators: search.map(|search| FoundByIndicator::new(search.all())),
        }
    }

    /// Takes an alert. Of each rule the events with the earliest times are kept.
    pub(in super::super) fn add(&mut self, alert: &Alert) {
        if let Some(indicators) = &mut self.indicators {
            indicators.add(alert);
        }
        let n_events_max = self.n_events_max();
        let first = self.first.entry(alert.rule()).or_default();
        let time = alert
            .time()
            .map_or(i64::MAX, jiff::Timestamp::as_microsecond);
        let is_full = first.len() >= n_events_max;
        let is_late = |last: &Event| last.time.unwrap_or(i64::MAX) <= time;
        if is_full && first.last().is_some_and(is_late)
            || first.iter().any(|event| event.key == alert.event_key())
        {
            return;
        }
        first.push(Event::new(alert));
        first.sort_by_key(|event| event.time.unwrap_or(i64::MAX));
        first.truncate(n_events_max);
    }

    /// Returns the number of events of each rule that are shown.
    fn n_events_max(&self) -> usize {
        match self.indicators {
            Some(_) => EVENTS_OF_SEARCH_MAX,
            None => EVENTS_OF_RULE_MAX,
        }
    }

    /// Returns the table of what the rules found, and its counts.
    pub(in super::super) fn text(&self, report: &Report, set: &RuleSet, room: Room) -> String {
        let rules = &report.rules.rules;
        let numbered = (0..u16::MAX).zip(rules);
        let mut found: Vec<(u16, &RuleReport)> = numbered
            .filter(|(_, rule)| rule.alerts + rule.left_out > 0)
            .collect();
        found.sort_by_key(|(number, rule)| Reverse((set.severity(*number), rule.alerts)));
        if let Some(indicators) = &self.indicators {
            return indicators.table(room) + &self.events(&found, set, room);
        }
        let mut text = String::new();
        if !found.is_empty() {
            let shown = &found[..found.len().min(RULES_MAX)];
            text += &match room.is_table() {
                true => table(shown, set, room),
                false => blocks(shown, set),
            };
        }
        text += &folded(&self.counts(report, found.len()), INDENT_OF_COUNT, room);
        if found.len() <= RULES_WITH_EVENTS_MAX {
            text += &self.events(&found, set, room);
        }
        text
    }

    /// Returns the first events of each rule.
    fn events(&self, found: &[(u16, &RuleReport)], set: &RuleSet, room: Room) -> String {
        let mut text = String::new();
        for (number, rule) in found {
            let title = match self.indicators {
                Some(_) => "The first events",
                None => &rule.title,
            };
            text += &format!("\n{}\n", bold(&harmless(title, 200)));
            let events = self.first.get(number).map_or(&[][..], Vec::as_slice);
            for event in events {
                text += &format!("  {}\n", event.text);
            }
            let n_all = match set.info(*number).is_some_and(|one| one.over_time.is_some()) {
                // Each row is about several events.
                true => rule.alerts,
                false => rule.distinct_events,
            };
            let n_more = n_all.saturating_sub(events.len() as u64);
            if n_more > 0 {
                text += &format!("  and {} more\n", HumanCount(n_more));
            }
        }
        folded(&text, INDENT_OF_EVENT, room)
    }

    fn counts(&self, report: &Report, n_found: usize) -> String {
        let RuleReports {
            rules,
            severities,
            exceptions,
            distinct_events_matched: n_matched,
            ..
        } = &report.rules;
        let mut text = String::new();
        if n_found > RULES_MAX {
            let n_more = (n_found - RULES_MAX) as u64;
            let more = plural(n_more, "more rule", "more rules");
            text += &format!("and {more} (--report FILE has all)\n");
        }
        let n_quiet = (rules.len() - n_found) as u64;
        text += &format!(
            "{} of {} found something, {} nothing\n",
            HumanCount(n_found as u64),
            plural(rules.len() as u64, "rule", "rules"),
            HumanCount(n_quiet)
        );
        for one in severities {
            let day = one.busiest_day.as_ref().map(|day| {
                let n_alerts = HumanCount(one.busiest_day_alerts);
                format!(", most on {day} ({n_alerts})")
            });
            text += &format!(
                "{:<14}{} of {} by {}{}\n",
                one.severity,
                plural(one.alerts, "alert", "alerts"),
                plural(one.distinct_events, "event", "events"),
                plural(one.rules, "rule", "rules"),
                day.unwrap_or_default(),
            );
        }
        let n_events = report.stats.events_read;
        if n_events > 0 {
            let n_others = n_events.saturating_sub(*n_matched);
            text += &format!(
                "{:<14}{} of {} events, {}\n",
                "no rule",
                HumanCount(n_others),
                HumanCount(n_events),
                percent(n_others, n_events),
            );
        }
        for exception in exceptions {
            let reason = exception.reason.as_ref();
            let reason = reason.map(|reason| format!(" ({})", harmless(reason, 80)));
            // A rule that was not selected has no alerts either, so this is no warning.
            let of_none = match exception.rules {
                0 => ": no rule of this run has its id or title",
                _ => "",
            };
            text += &format!(
                "{:<14}{} by the exception in line {}{}{of_none}\n",
                "suppressed",
                plural(exception.suppressed, "alert", "alerts"),
                exception.line,
                reason.unwrap_or_default(),
            );
        }
        let n_left_out: u64 = rules.iter().map(|rule| rule.left_out).sum();
        if n_left_out > 0 {
            text += &format!(
                "{:<14}{} beyond the rows that a rule may have (--max-per-rule)\n",
                "left out",
                plural(n_left_out, "alert", "alerts"),
            );
        }
        text
    }
}

/// Returns a share of a number. It is 100 only if it is all, and 0 only if it is nothing.
fn percent(part: u64, all: u64) -> String {
    let tenths = u128::from(part) * 1000 / u128::from(all.max(1));
    match (part, tenths) {
        (1.., 0) => "less than 0.1 %".to_owned(),
        _ => format!("{}.{} %", tenths / 10, tenths % 10),
    }
}

fn table(rules: &[(u16, &RuleReport)], set: &RuleSet, room: Room) -> String {
    let of = |cell: fn(&RuleReport) -> String| {
        let cells = rules.iter().map(|(_, rule)| cell(rule));
        cells.collect::<Vec<_>>()
    };
    let count = |n: u64| HumanCount(n).to_string();
    let counts = |cell: fn(&RuleReport) -> u64| {
        let cells = rules.iter().map(|(_, rule)| count(cell(rule)));
        cells.collect::<Vec<_>>()
    };
    let mut columns = vec![
        TableColumn::whole("severity", of(|rule| rule.severity.clone())),
        TableColumn::flexible("rule", of(title)),
        TableColumn::numbers("events", counts(|rule| rule.distinct_events)),
        // Rows about several events may name no actor.
        TableColumn::numbers(
            "actors",
            of(|rule| match rule.distinct_actors {
                0 => NOTHING.to_owned(),
                n => HumanCount(n).to_string(),
            }),
        ),
    ];
    columns.push(TableColumn::whole(
        "first (UTC)",
        of(|rule| day(rule.first_event)),
    ));
    columns.push(TableColumn::whole(
        "last (UTC)",
        of(|rule| day(rule.last_event)),
    ));
    lines(&columns, room, |row, line| match rules.get(row) {
        Some((number, _)) => colored(set.severity(*number), &line),
        None => line,
    })
}

/// Returns a few lines per rule, for a terminal that is too narrow for a table.
fn blocks(rules: &[(u16, &RuleReport)], set: &RuleSet) -> String {
    let text = rules.iter().map(|(number, rule)| {
        format!(
            "{}\n  {}, {}{}\n  {} to {}\n",
            colored(set.severity(*number), &title(rule)),
            rule.severity,
            plural(rule.distinct_events, "event", "events"),
            match rule.distinct_actors {
                0 => String::new(),
                n => format!(", {}", plural(n, "actor", "actors")),
            },
            day(rule.first_event),
            day(rule.last_event),
        )
    });
    text.collect()
}

fn title(rule: &RuleReport) -> String {
    let mark = match rule.notes.is_empty() {
        true => "",
        // It runs, but not just as its author meant it.
        false => " (approximate)",
    };
    harmless(&rule.title, usize::MAX) + mark
}

fn day(time: Option<jiff::Timestamp>) -> String {
    time.map_or_else(
        || NOTHING.to_owned(),
        |time| time.strftime("%Y-%m-%d").to_string(),
    )
}
