//! An alert: a finding and where it was made, as one row.

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

/// One alert. The fields are the columns of the same names; see [`COLUMNS`].
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "COLUMNS documents each field")]
pub struct Alert {
    pub alert_id: String,
    pub event_time: Option<i64>,
    pub event_time_text: Option<String>,
    pub event_id: Option<String>,
    pub event_action: Option<String>,
    pub event_provider: Option<String>,
    pub event_outcome: Option<String>,
    pub event_version: Option<String>,
    pub account_id: Option<String>,
    pub recipient_account_id: Option<String>,
    pub aws_region: Option<String>,
    pub target_user_name: Option<String>,
    pub policy_arn: Option<String>,
    pub policy_name: Option<String>,
    pub matched_field: Option<String>,
    pub actor_type: Option<String>,
    pub actor_name: Option<String>,
    pub actor_arn: Option<String>,
    pub actor_principal_id: Option<String>,
    pub actor_account_id: Option<String>,
    pub access_key_id: Option<String>,
    pub invoked_by: Option<String>,
    pub source_address: Option<String>,
    pub source_ip: Option<String>,
    pub user_agent: Option<String>,
    pub request_id: Option<String>,
    pub shared_event_id: Option<String>,
    pub request_parameters: Option<String>,
    pub raw_event: String,
    pub source: String,
    pub source_member: Option<String>,
    pub record_index: i64,
    pub byte_offset: i64,
    /// 0 until the alerts before it are known.
    pub sighting: i64,
    /// No column: what makes two alerts sightings of one event, its id, or the whole record if it has none.
    pub event_key: [u8; 16],
}

impl Alert {
    /// The alert that `rule` gives for `event`, whose record is `raw`.
    #[must_use]
    pub fn new(rule: &Rule, event: &Event<'_>, raw: &[u8], place: Place<'_>) -> Self {
        let raw_event = match std::str::from_utf8(raw) {
            Ok(text) => text.to_owned(),
            Err(_) => String::from_utf8_lossy(raw).into_owned(),
        };
        let event_id = event.text("event.id");
        let event_time_text = event.text("@timestamp");
        let policy_arn = event.request_parameter("policyArn");
        let atoms = rule.query().contains_atoms();
        Self {
            alert_id: alert_id(rule, place, raw),
            event_time: event_time_text.as_deref().and_then(micros),
            event_key: event_key(event_id.as_deref(), &raw_event),
            event_id,
            event_action: event.text("event.action"),
            event_provider: event.text("event.provider"),
            event_outcome: event.text("event.outcome"),
            event_version: event.text("aws.cloudtrail.event_version"),
            account_id: event.text("cloud.account.id"),
            recipient_account_id: event.text("aws.cloudtrail.recipient_account_id"),
            aws_region: event.text("cloud.region"),
            target_user_name: event
                .text("user.target.name")
                .or_else(|| event.request_parameter("userName")),
            policy_name: policy_arn
                .as_deref()
                .and_then(|arn| arn.rsplit('/').next().map(str::to_owned))
                .or_else(|| event.request_parameter("policyName")),
            policy_arn,
            matched_field: atoms
                .first()
                .map(|(_, literal)| event.locate_in_request(literal)),
            actor_type: event.text("aws.cloudtrail.user_identity.type"),
            actor_name: event.text("user.name"),
            actor_arn: event.text("aws.cloudtrail.user_identity.arn"),
            actor_principal_id: event.text("user.id"),
            actor_account_id: event.text("aws.cloudtrail.user_identity.account_id"),
            access_key_id: event.text("aws.cloudtrail.user_identity.access_key_id"),
            invoked_by: event.text("aws.cloudtrail.user_identity.invoked_by"),
            source_address: event.text("source.address"),
            source_ip: event.text("source.ip"),
            user_agent: event.text("user_agent.original"),
            request_id: event.text("aws.cloudtrail.request_id"),
            shared_event_id: event.text("aws.cloudtrail.shared_event_id"),
            request_parameters: event.text("aws.cloudtrail.request_parameters"),
            source: place.source.to_string_lossy().into_owned(),
            source_member: None,
            record_index: i64::try_from(place.record_index).unwrap_or(i64::MAX),
            byte_offset: i64::try_from(place.byte_offset).unwrap_or(i64::MAX),
            sighting: 0,
            event_time_text,
            raw_event,
        }
    }

    /// How much memory it takes, roughly.
    #[must_use]
    pub fn size_bytes(&self) -> usize {
        size_of::<Self>()
            + self.raw_event.len()
            + self.request_parameters.as_ref().map_or(0, String::len)
    }

    /// Its row.
    #[must_use]
    pub fn cells<'a>(&'a self, rule: &'a RuleColumns) -> [Cell<'a>; COLUMNS.len()] {
        let text = |text: &'a Option<String>| Cell::Text(text.as_deref());
        [
            Cell::Text(Some(&rule.rule_id)),
            Cell::Text(Some(&rule.rule_name)),
            Cell::Int32(rule.rule_version),
            Cell::Text(Some(&rule.severity)),
            Cell::Int32(rule.risk_score),
            Cell::Texts(&rule.mitre_tactic_ids),
            Cell::Texts(&rule.mitre_technique_ids),
            Cell::Text(Some(&self.alert_id)),
            Cell::Timestamp(self.event_time),
            text(&self.event_time_text),
            text(&self.event_id),
            text(&self.event_action),
            text(&self.event_provider),
            text(&self.event_outcome),
            text(&self.event_version),
            text(&self.account_id),
            text(&self.recipient_account_id),
            text(&self.aws_region),
            text(&self.target_user_name),
            text(&self.policy_arn),
            text(&self.policy_name),
            text(&self.matched_field),
            text(&self.actor_type),
            text(&self.actor_name),
            text(&self.actor_arn),
            text(&self.actor_principal_id),
            text(&self.actor_account_id),
            text(&self.access_key_id),
            text(&self.invoked_by),
            text(&self.source_address),
            text(&self.source_ip),
            text(&self.user_agent),
            text(&self.request_id),
            text(&self.shared_event_id),
            text(&self.request_parameters),
            Cell::Text(Some(&self.raw_event)),
            Cell::Text(Some(&self.source)),
            text(&self.source_member),
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
    first_half(hash)
        .iter()
        .map(|byte| format!("{byte:02x}"))
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
