//! One row per event.

use trailsift::output::{Alert, Column};
use trailsift::report::Relation;
use trailsift::rule::Severity;

use super::super::terminal::{self, harmless};
use super::layout::{Room, TableColumn, lines};

/// What the names of all versions of AWS's policy begin with.
const POLICY: &str = "AWSCompromisedKeyQuarantine";
/// What a cell without a value shows.
pub(super) const NOTHING: &str = "-";
/// The value of `invokedBy` if AWS itself acted.
const AWS_INTERNAL: &str = "AWS Internal";

/// What the table shows of an event.
#[derive(Debug, Clone)]
pub(super) struct Shown {
    severity: Severity,
    relation: Option<Relation>,
    /// Microseconds since 1970, if the time can be parsed.
    time: Option<i64>,
    time_text: String,
    account: String,
    user: String,
    policy: String,
    by: String,
    address: String,
}

impl Shown {
    pub(super) fn new(alert: &Alert, severity: Severity) -> Self {
        let shown = |text: Option<&str>| harmless(text.unwrap_or(NOTHING), usize::MAX);
        Self {
            severity,
            relation: alert.relation(),
            time: alert.time().map(jiff::Timestamp::as_microsecond),
            time_text: shown(alert.text(Column::EventTimeText)),
            account: shown(alert.account()),
            user: shown(alert.text(Column::TargetUserName)),
            policy: shown(alert.text(Column::PolicyName).map(short_policy)),
            by: shown(actor(alert)),
            address: shown(alert.text(Column::SourceAddress)),
        }
    }

    /// Returns the time in UTC, or the record's own text if it cannot be parsed.
    fn time(&self) -> String {
        self.time.map_or_else(
            || self.time_text.clone(),
            |time| formatted(time, "%Y-%m-%d %H:%M:%S"),
        )
    }
}

/// Returns a time in UTC.
pub(super) fn formatted(micros: i64, format: &str) -> String {
    jiff::Timestamp::from_microsecond(micros).map_or_else(
        |_| NOTHING.to_owned(),
        |time| time.strftime(format).to_string(),
    )
}

/// Returns the version of AWS's policy, or another policy's name as it is.
pub(super) fn short_policy(name: &str) -> &str {
    match name.strip_prefix(POLICY) {
        Some("") => "V1",
        Some(version) => version,
        None => name,
    }
}

/// Returns who acted: AWS itself, or the last part of an ARN.
pub(super) fn actor(alert: &Alert) -> Option<&str> {
    if alert.text(Column::InvokedBy) == Some(AWS_INTERNAL) {
        return Some("AWS");
    }
    let last = alert
        .text(Column::ActorArn)
        .map(|arn| match arn.split_once("assumed-role/") {
            Some((_, session)) => session,
            None => arn.rsplit(['/', ':']).next().unwrap_or_default(),
        });
    let others = [Column::ActorName, Column::InvokedBy, Column::ActorType];
    last.or_else(|| others.iter().find_map(|column| alert.text(*column)))
}

/// Returns a table of the events, in the order of their times.
pub(super) fn table(events: &mut [Shown], room: Room) -> String {
    events.sort_by_key(|event| event.time.unwrap_or(i64::MAX));
    if !room.is_table() {
        return blocks(events);
    }
    let of = |cell: fn(&Shown) -> String| events.iter().map(cell).collect::<Vec<_>>();
    let mut columns = Vec::new();
    if events.iter().any(|event| event.relation.is_some()) {
        columns.push(TableColumn::whole("relation", of(relation)));
    }
    columns.extend([
        TableColumn::whole("time (UTC)", of(Shown::time)),
        TableColumn::whole("account", of(|event| event.account.clone())),
        TableColumn::important("user", of(|event| event.user.clone())),
        TableColumn::optional("policy", of(|event| event.policy.clone())),
        TableColumn::flexible("by", of(|event| event.by.clone())),
        TableColumn::optional("source address", of(|event| event.address.clone())),
    ]);
    // Where all are alike, a colour makes nothing stand out.
    let first = events.first().map(|event| event.severity);
    let are_alike = events.iter().all(|event| Some(event.severity) == first);
    lines(&columns, room, |row, line| match events.get(row) {
        Some(event) if !are_alike => colored(event.severity, &line),
        _ => line,
    })
}

fn relation(event: &Shown) -> String {
    event
        .relation
        .map(|relation| relation.to_string())
        .unwrap_or_default()
}

/// Returns a few lines per event, for a terminal that is too narrow for a table.
fn blocks(events: &[Shown]) -> String {
    let mut text = String::new();
    for event in events {
        let relation = relation(event);
        let relation = if relation.is_empty() {
            relation
        } else {
            relation + " "
        };
        text += &colored(
            event.severity,
            &format!("{relation}{}  {}", event.time(), event.user),
        );
        text += &format!(
            "\n  account {}\n  policy {}\n  by {}, from {}\n",
            event.account, event.policy, event.by, event.address
        );
    }
    text
}

/// Formats a line by the severity of its rule.
pub(super) fn colored(severity: Severity, line: &str) -> String {
    match severity {
        Severity::Critical | Severity::High => terminal::red(line),
        Severity::Medium => terminal::yellow(line),
        Severity::Low | Severity::Informational => line.to_owned(),
    }
}
