//! Documents in OCSF: a Detection Finding (class 2004) of version 1.3.0 with the profile `cloud` (schema.ocsf.io).
//!
//! Values that the class has no name for are in `unmapped`, under the names of our own columns. A time that cannot be
//! parsed is 0, because the class requires one; `metadata.original_time` contains the original text.

mod columns;

pub(in super::super) use columns::{batch, schema};

use serde_json::{Map, Value, json};

use super::super::alert::Alert;
use super::super::columns::{Cell, Column, OVER_TIME};
use super::super::fired::FiredEvents;
use super::super::rule_columns::RuleColumns;
use super::without_nulls;
use crate::rule::{Attack, Severity};

/// The version of OCSF: the newest that Security Lake accepts.
const VERSION: &str = "1.3.0";

/// Our columns that have no field in a finding.
const UNMAPPED: [Column; 22] = [
    Column::RulePack,
    Column::RuleFile,
    Column::RuleAuthors,
    Column::RuleTags,
    Column::RuleNotes,
    Column::Resource,
    Column::EventId,
    Column::EventOutcome,
    Column::EventVersion,
    Column::RecipientAccountId,
    Column::MatchedField,
    Column::SourceAddress,
    Column::UserAgent,
    Column::SharedEventId,
    Column::RequestParameters,
    Column::LogFilePath,
    Column::LogFileMember,
    Column::LogStatus,
    Column::RecordIndex,
    Column::LogOffset,
    Column::Sighting,
    Column::RunId,
];

/// Returns the time, in milliseconds since 1970.
pub(in super::super) fn time_ms(alert: &Alert) -> i64 {
    alert.event_time.map_or(0, |micros| micros.div_euclid(1000))
}

/// Returns the document.
pub(super) fn document(alert: &Alert, rule: &RuleColumns) -> Value {
    let metadata = &rule.metadata;
    let text = |column| alert.text(column);
    let (severity_id, severity) = match metadata.severity {
        Severity::Informational => (1, "Informational"),
        Severity::Low => (2, "Low"),
        Severity::Medium => (3, "Medium"),
        Severity::High => (4, "High"),
        Severity::Critical => (5, "Critical"),
    };
    let time = time_ms(alert);
    let mut document = json!({
        "activity_id": 1,
        "activity_name": "Create",
        "category_name": "Findings",
        "category_uid": 2,
        "class_name": "Detection Finding",
        "class_uid": 2004,
        "cloud": {
            "provider": "AWS",
            "region": text(Column::AwsRegion),
            "account": account(text(Column::AccountId)),
        },
        "evidences": [evidence(alert)],
        "finding_info": finding_info(alert, rule),
        "message": metadata.name,
        "metadata": {
            "version": VERSION,
            "profiles": ["cloud"],
            "product": {
                "name": env!("CARGO_PKG_NAME"),
                "vendor_name": env!("CARGO_PKG_NAME"),
                "version": env!("CARGO_PKG_VERSION"),
            },
            "uid": text(Column::AlertId),
            "event_code": text(Column::EventAction),
            "log_name": "AWS CloudTrail",
            "log_provider": text(Column::EventProvider),
            "original_time": text(Column::EventTimeText),
        },
        "observables": observables(alert),
        "raw_data": text(Column::RawEvent),
        "remediation": {
            "desc": metadata.is_quarantine().then_some(
                "Revoke the leaked key, find out what was done with it, and detach the policy when that is undone.",
            ),
            "references": metadata.references,
        },
        "resources": resources(alert),
        "risk_score": metadata.risk_score,
        "severity": severity,
        "severity_id": severity_id,
        "status": "New",
        "status_id": 1,
        "time": time,
        "type_name": "Detection Finding: Create",
        "type_uid": 200_401,
        "unmapped": unmapped(alert, rule),
    });
    without_nulls(&mut document);
    document
}

/// Returns the finding and the rule that found it.
fn finding_info(alert: &Alert, rule: &RuleColumns) -> Value {
    let metadata = &rule.metadata;
    let seen = alert.event_time.map(|_| time_ms(alert));
    let fired = alert.fired();
    let of_fired = |time: fn(&FiredEvents) -> i64| fired.map(|one| time(one).div_euclid(1000));
    let ids: Vec<&str> = match fired {
        Some(fired) => fired.event_ids.iter().map(String::as_str).collect(),
        None => alert.text(Column::EventId).into_iter().collect(),
    };
    let related = ids
        .iter()
        .map(|id| json!({"uid": id, "type": "AWS CloudTrail"}));
    json!({
        "uid": alert.text(Column::AlertId),
        "title": metadata.name,
        "first_seen_time": of_fired(|fired| fired.first).or(seen),
        "last_seen_time": of_fired(|fired| fired.last).or(seen),
        "data_sources": ["AWS CloudTrail"],
        "analytic": {
            "name": metadata.name,
            "uid": metadata.rule_id,
            "type": "Rule",
            "type_id": 1,
            "version": metadata.version.to_string(),
        },
        "attacks": attacks(rule),
        "related_events": related.collect::<Vec<_>>(),
    })
}

fn account(id: Option<&str>) -> Option<Value> {
    id.map(|id| json!({"uid": id, "type": "AWS Account", "type_id": 10}))
}

/// Returns the actor, the call, and the origin of the call.
fn evidence(alert: &Alert) -> Value {
    let text = |column| alert.text(column);
    let is_named = [
        Column::ActorName,
        Column::ActorPrincipalId,
        Column::ActorAccountId,
    ]
    .iter()
    .any(|column| text(*column).is_some());
    let (type_id, type_name) = match text(Column::ActorType) {
        Some("IAMUser") => (1, Some("User")),
        Some("Root") => (2, Some("Admin")),
        Some("AWSService") => (3, Some("System")),
        None => (0, None),
        other => (99, other),
    };
    // A source address that is not an IP address is the name of the service that called.
    let address = text(Column::SourceIp)
        .is_none()
        .then(|| text(Column::SourceAddress));
    json!({
        "actor": {
            "user": is_named.then(|| json!({
                "name": text(Column::ActorName),
                "uid": text(Column::ActorPrincipalId),
                "uid_alt": text(Column::ActorArn),
                "credential_uid": text(Column::ActorAccessKeyId),
                "type": type_name,
                "type_id": type_id,
                "account": account(text(Column::ActorAccountId)),
            })),
            "invoked_by": text(Column::InvokedBy),
        },
        "api": text(Column::EventAction).map(|action| json!({
            "operation": action,
            "service": {"name": text(Column::EventProvider)},
            "request": text(Column::RequestId).map(|id| json!({"uid": id})),
        })),
        "src_endpoint": {
            "ip": text(Column::SourceIp),
            "svc_name": address.flatten(),
        },
    })
}

fn attacks(rule: &RuleColumns) -> Vec<Value> {
    let mut attacks = Vec::new();
    for threat in &rule.metadata.threat {
        let named = |attack: &Attack| json!({"uid": attack.id, "name": attack.name, "src_url": attack.reference});
        let tactic = named(&threat.tactic);
        if threat.technique.is_empty() {
            attacks.push(json!({"tactic": tactic}));
        }
        for technique in &threat.technique {
            attacks.push(json!({"tactic": tactic, "technique": named(technique)}));
        }
    }
    attacks
}

fn observables(alert: &Alert) -> Vec<Value> {
    [
        ("resources.name", "User Name", 4, Column::TargetUserName),
        ("resources.uid", "Resource UID", 10, Column::PolicyArn),
        (
            "evidences.actor.user.name",
            "User Name",
            4,
            Column::ActorName,
        ),
        (
            "evidences.actor.user.credential_uid",
            "User Credential ID",
            19,
            Column::ActorAccessKeyId,
        ),
        (
            "evidences.src_endpoint.ip",
            "IP Address",
            2,
            Column::SourceIp,
        ),
    ]
    .into_iter()
    .filter_map(|(name, kind, type_id, column)| {
        let value = alert.text(column)?;
        Some(json!({"name": name, "type": kind, "type_id": type_id, "value": value}))
    })
    .collect()
}

/// Returns the user whose keys leaked, and the policy that was attached to the user.
fn resources(alert: &Alert) -> Vec<Value> {
    let user = alert.text(Column::TargetUserName).map(|name| {
        json!({
            "type": "AWS::IAM::User",
            "name": name,
            "owner": {"account": account(alert.text(Column::RecipientAccountId))},
        })
    });
    let policy = alert.text(Column::PolicyName).map(
        |name| json!({"type": "AWS::IAM::Policy", "name": name, "uid": alert.text(Column::PolicyArn)}),
    );
    user.into_iter().chain(policy).collect()
}

fn unmapped(alert: &Alert, rule: &RuleColumns) -> Map<String, Value> {
    let cells = Column::ALL.into_iter().zip(alert.cells(rule));
    let cells = cells.filter(|(column, _)| UNMAPPED.contains(column));
    let cells = cells.map(|(column, cell)| (column.name(), cell));
    let names = OVER_TIME.iter().map(|column| column.name);
    let of_fired = names.zip(alert.fired_cells());
    cells
        .chain(of_fired)
        .filter_map(|(name, cell)| {
            let value = match cell {
                Cell::Text(text) => text?.to_owned(),
                Cell::Int64(n) => n?.to_string(),
                Cell::Bool(value) => value?.to_string(),
                // The ids of events are in `related_events`, the times in `finding_info`.
                Cell::Texts(texts) if !texts.is_empty() && name != "event_ids" => texts.join(", "),
                _ => return None,
            };
            Some((name.to_owned(), Value::String(value)))
        })
        .collect()
}
