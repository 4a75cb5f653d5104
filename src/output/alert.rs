//! An alert: a finding and where it was made, as one row.

use std::borrow::Cow;
use std::path::Path;

use sha2::{Digest as _, Sha256};

use super::columns::{COLUMNS, Cell};
use crate::event::Event;
use crate::rule::Rule;

/// Where a record stands.
#[derive(Debug, Clone, Copy)]
pub struct Place<'a> {
    /// The file's path as reached from the root.
    pub source: &'a Path,
    /// Its path below the root: the same wherever the archive lies.
    pub below_root: &'a Path,
    /// The index of the record in the array round it.
    pub record_index: u64,
    /// The record's offset in the decompressed text.
    pub byte_offset: u64,
}

/// What the rule says of itself, copied into each row.
#[derive(Debug, Clone)]
pub struct RuleColumns {
    rule_id: String,
    rule_name: String,
    rule_version: i32,
    severity: String,
    risk_score: i32,
    mitre_tactic_ids: Vec<String>,
    mitre_technique_ids: Vec<String>,
}

impl RuleColumns {
    /// The columns of a rule.
    #[must_use]
    pub fn new(rule: &Rule) -> Self {
        let metadata = &rule.metadata;
        Self {
            rule_id: metadata.rule_id.clone(),
            rule_name: metadata.name.clone(),
            rule_version: i32::try_from(metadata.version).unwrap_or(i32::MAX),
            severity: metadata.severity.to_string(),
            risk_score: i32::from(metadata.risk_score),
            mitre_tactic_ids: metadata
                .threat
                .iter()
                .map(|t| t.tactic.id.clone())
                .collect(),
            mitre_technique_ids: metadata
                .threat
                .iter()
                .flat_map(|t| t.technique.iter().map(|technique| technique.id.clone()))
                .collect(),
        }
    }
}

/// One alert: a row but for what the rule says of itself.
///
/// All its text is one piece of memory: where every record alerts, a piece for each of thirty columns is what
/// takes the time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alert {
    /// The values of [`TEXTS`], one after the other.
    texts: String,
    /// Where each ends.
    ends: [u32; TEXTS.len()],
    /// Which have a value, from the lowest bit on.
    present: u32,
    /// `event_time`.
    pub(crate) event_time: Option<i64>,
    /// `record_index`.
    record_index: i64,
    /// `byte_offset`.
    pub(crate) byte_offset: i64,
    /// `sighting`; 0 until the alerts before it are known.
    pub(crate) sighting: i64,
    /// What makes two alerts sightings of one event: its id, or the whole record if it has none.
    pub(crate) event_key: [u8; 16],
}

/// The columns of text that differ from alert to alert, in their order among [`COLUMNS`].
const TEXTS: [&str; 30] = [
    "alert_id",
    "event_time_text",
    "event_id",
    "event_action",
    "event_provider",
    "event_outcome",
    "event_version",
    "account_id",
    "recipient_account_id",
    "aws_region",
    "target_user_name",
    "policy_arn",
    "policy_name",
    "matched_field",
    "actor_type",
    "actor_name",
    "actor_arn",
    "actor_principal_id",
    "actor_account_id",
    "access_key_id",
    "invoked_by",
    "source_address",
    "source_ip",
    "user_agent",
    "request_id",
    "shared_event_id",
    "request_parameters",
    "raw_event",
    "source",
    "source_member",
];

/// The values of [`TEXTS`] on their way to an alert.
struct Texts {
    all: String,
    ends: [u32; TEXTS.len()],
    n_ended: usize,
    present: u32,
}

impl Texts {
    fn with_capacity(n_bytes: usize) -> Self {
        Self {
            all: String::with_capacity(n_bytes),
            ends: [0; TEXTS.len()],
            n_ended: 0,
            present: 0,
        }
    }

    /// Ends the next column's value; it is what was appended, if there was something to append.
    fn end(&mut self, column: &str, is_present: bool) {
        let i = self.n_ended;
        debug_assert_eq!(TEXTS.get(i), Some(&column), "columns in their order");
        self.present |= u32::from(is_present) << i;
        let end = u32::try_from(self.all.len());
        self.ends[i] = end.expect("a record is at most 1 GiB, and stands here twice");
        self.n_ended += 1;
    }

    fn put(&mut self, column: &str, value: Option<&str>) {
        self.all.push_str(value.unwrap_or_default());
        self.end(column, value.is_some());
    }

    /// The first value of an ECS field.
    fn field(&mut self, column: &str, event: &Event<'_>, field: &str) {
        let is_present = event.append_text(field, &mut self.all);
        self.end(column, is_present);
    }
}

impl Alert {
    /// The alert that `rule` gives for `event`, whose record is `raw`.
    #[must_use]
    pub fn new(rule: &Rule, event: &Event<'_>, raw: &[u8], place: Place<'_>) -> Self {
        let raw_event = match std::str::from_utf8(raw) {
            Ok(text) => Cow::Borrowed(text),
            Err(_) => String::from_utf8_lossy(raw),
        };
        let source = match place.source.to_str() {
            Some(path) => Cow::Borrowed(path),
            None => place.source.to_string_lossy(),
        };
        let event_time_text = event.text("@timestamp");
        let event_id = event.text("event.id");
        let policy_arn = event.request_parameter("policyArn");
        let policy_name = match &policy_arn {
            Some(arn) => arn.rsplit('/').next().map(Cow::Borrowed),
            None => event.request_parameter("policyName"),
        };
        let atoms = rule.query().contains_atoms();
        let matched = atoms
            .first()
            .map(|(_, literal)| event.locate_in_request(literal));

        let mut texts = Texts::with_capacity(raw.len() + raw.len() / 4 + 1024);
        texts.put("alert_id", Some(&alert_id(rule, place, raw)));
        texts.put("event_time_text", event_time_text.as_deref());
        texts.put("event_id", event_id.as_deref());
        texts.field("event_action", event, "event.action");
        texts.field("event_provider", event, "event.provider");
        texts.field("event_outcome", event, "event.outcome");
        texts.field("event_version", event, "aws.cloudtrail.event_version");
        texts.field("account_id", event, "cloud.account.id");
        texts.field(
            "recipient_account_id",
            event,
            "aws.cloudtrail.recipient_account_id",
        );
        texts.field("aws_region", event, "cloud.region");
        if event.append_text("user.target.name", &mut texts.all) {
            texts.end("target_user_name", true);
        } else {
            texts.put(
                "target_user_name",
                event.request_parameter("userName").as_deref(),
            );
        }
        texts.put("policy_arn", policy_arn.as_deref());
        texts.put("policy_name", policy_name.as_deref());
        texts.put("matched_field", matched.as_deref());
        texts.field("actor_type", event, "aws.cloudtrail.user_identity.type");
        texts.field("actor_name", event, "user.name");
        texts.field("actor_arn", event, "aws.cloudtrail.user_identity.arn");
        texts.field("actor_principal_id", event, "user.id");
        texts.field(
            "actor_account_id",
            event,
            "aws.cloudtrail.user_identity.account_id",
        );
        texts.field(
            "access_key_id",
            event,
            "aws.cloudtrail.user_identity.access_key_id",
        );
        texts.field(
            "invoked_by",
            event,
            "aws.cloudtrail.user_identity.invoked_by",
        );
        texts.field("source_address", event, "source.address");
        texts.field("source_ip", event, "source.ip");
        texts.field("user_agent", event, "user_agent.original");
        texts.field("request_id", event, "aws.cloudtrail.request_id");
        texts.field("shared_event_id", event, "aws.cloudtrail.shared_event_id");
        texts.field(
            "request_parameters",
            event,
            "aws.cloudtrail.request_parameters",
        );
        texts.put("raw_event", Some(&raw_event));
        texts.put("source", Some(&source));
        texts.put("source_member", None);
        Self {
            event_time: event_time_text.as_deref().and_then(micros),
            record_index: i64::try_from(place.record_index).unwrap_or(i64::MAX),
            byte_offset: i64::try_from(place.byte_offset).unwrap_or(i64::MAX),
            sighting: 0,
            event_key: event_key(event_id.as_deref(), &raw_event),
            texts: texts.all,
            ends: texts.ends,
            present: texts.present,
        }
    }

    /// The values of [`TEXTS`], in their order.
    fn texts(&self) -> impl Iterator<Item = Option<&str>> {
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        let places = starts.zip(&self.ends).enumerate();
        places.map(|(i, (start, end))| {
            let is_present = self.present & (1 << i) != 0;
            is_present.then(|| self.texts.get(start as usize..*end as usize))?
        })
    }

    /// The value of a column of text that differs from alert to alert.
    #[must_use]
    pub fn text(&self, column: &str) -> Option<&str> {
        let mut values = TEXTS.iter().zip(self.texts());
        values.find_map(|(name, value)| value.filter(|_| *name == column))
    }

    /// How much memory it takes, roughly.
    #[must_use]
    pub fn size_bytes(&self) -> usize {
        size_of::<Self>() + self.texts.len()
    }

    /// Its row.
    #[must_use]
    pub fn cells<'a>(&'a self, rule: &'a RuleColumns) -> [Cell<'a>; COLUMNS.len()] {
        let mut texts = self.texts();
        let mut next = || Cell::Text(texts.next().flatten());
        [
            Cell::Text(Some(&rule.rule_id)),
            Cell::Text(Some(&rule.rule_name)),
            Cell::Int32(rule.rule_version),
            Cell::Text(Some(&rule.severity)),
            Cell::Int32(rule.risk_score),
            Cell::Texts(&rule.mitre_tactic_ids),
            Cell::Texts(&rule.mitre_technique_ids),
            next(),
            Cell::Timestamp(self.event_time),
            next(),
            next(),
            next(),
            next(),
            next(),
            next(),
            next(),
            next(),
            next(),
            next(),
            next(),
            next(),
            next(),
            next(),
            next(),
            next(),
            next(),
            next(),
            next(),
            next(),
            next(),
            next(),
            next(),
            next(),
            next(),
            next(),
            next(),
            next(),
            next(),
            Cell::Int64(self.record_index),
            Cell::Int64(self.byte_offset),
            Cell::Int64(self.sighting),
        ]
    }
}

fn event_key(id: Option<&str>, raw_event: &str) -> [u8; 16] {
    let (kind, value) = match id {
        Some(id) => ("id:", id),
        None => ("record:", raw_event),
    };
    let hash = Sha256::new_with_prefix(kind).chain_update(value);
    first_half(hash)
}

/// The first 128 bits of a hash.
fn first_half(hash: Sha256) -> [u8; 16] {
    let all: [u8; 32] = hash.finalize().into();
    let [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, ..] = all;
    [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p]
}

/// A name for this alert that is the same in every run over the same archive, wherever it lies.
fn alert_id(rule: &Rule, place: Place<'_>, raw: &[u8]) -> String {
    let mut hash = Sha256::new();
    let parts = [
        rule.metadata.rule_id.as_bytes(),
        place.below_root.as_os_str().as_encoded_bytes(),
        &place.byte_offset.to_le_bytes(),
        raw,
    ];
    for part in parts {
        // Each part with its length, so that no two lists of parts read the same.
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part);
    }
    let digit = |half: u8| char::from_digit(half.into(), 16).expect("four bits");
    let bytes = first_half(hash).into_iter();
    bytes
        .flat_map(|byte| [digit(byte >> 4), digit(byte & 0xf)])
        .collect()
}

/// A time as microseconds since 1970, UTC: ISO 8601 with a zone or, as UTC, without one; or a number of
/// seconds or milliseconds since 1970, which some exports make of it.
fn micros(text: &str) -> Option<i64> {
    /// Numbers from this on are milliseconds: as seconds this is the year 5138.
    const MILLISECONDS_FROM: i64 = 100_000_000_000;
    let text = text.trim();
    if let Ok(number) = text.parse::<i64>() {
        let unit = if number.abs() < MILLISECONDS_FROM {
            1_000_000
        } else {
            1_000
        };
        return number.checked_mul(unit);
    }
    let time = text.parse::<jiff::Timestamp>().or_else(|_| {
        let civil: jiff::civil::DateTime = text.parse()?;
        jiff::tz::Offset::UTC.to_timestamp(civil)
    });
    // That it cannot be read is told by the pipeline, which sees no time beside the text.
    time.ok().map(|time| time.as_microsecond())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::columns::Type;

    #[test]
    fn the_texts_are_the_columns_of_text_that_the_rule_does_not_fill() {
        let of_alert = COLUMNS
            .iter()
            .skip_while(|column| column.name != "alert_id");
        let texts = of_alert.filter(|column| column.kind == Type::Text);
        assert_eq!(texts.map(|column| column.name).collect::<Vec<_>>(), TEXTS);
    }

    #[test]
    fn times_are_read_in_any_zone_and_without_one() {
        let noon = 1_714_564_800_000_000;
        for text in [
            "2024-05-01T12:00:00Z",
            "2024-05-01T12:00:00.000Z",
            "2024-05-01T14:00:00+02:00",
            "2024-05-01T12:00:00",
            "2024-05-01 12:00:00",
            "1714564800",
            "1714564800000",
        ] {
            assert_eq!(micros(text), Some(noon), "{text}");
        }
        assert_eq!(micros("2024-05-01T12:00:00.123456Z"), Some(noon + 123_456));
        assert_eq!(micros("yesterday"), None);
        assert_eq!(micros(""), None);
    }
}
