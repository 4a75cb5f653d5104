//! Documents in the Elastic Common Schema, one for each alert, for `POST /index/_bulk`.
//!
//! `event.kind` is `signal`, as in the documents of Elastic's own detection engine, which this rule comes from. Tools
//! made for those documents also find these. ECS reserves this value for Kibana; for any other engine it has `alert`.

use serde_json::{Map, Value, json};

use super::super::alert::Alert;
use super::super::columns::{Cell, Column, ColumnDef, OVER_TIME};
use super::super::rule_columns::RuleColumns;
use super::{as_json, without_nulls};

/// The version of ECS.
const VERSION: &str = "8.17.0";

/// Returns the action for `_bulk`: index the document once, however often it is sent.
pub(crate) fn action(alert: &Alert) -> Value {
    json!({"create": {"_id": alert.text(Column::AlertId)}})
}

/// Returns the document.
pub(super) fn document(alert: &Alert, rule: &RuleColumns) -> Value {
    let metadata = &rule.metadata;
    let threats = || metadata.threat.iter();
    let techniques = || threats().flat_map(|threat| &threat.technique);
    let of_rule = json!({
        "event": {
            // A row has no category. That of an attachment is known.
            "category": metadata.is_quarantine().then_some(["iam"]),
            "type": metadata.is_quarantine().then_some(["user", "change"]),
            "severity": metadata.risk_score,
        },
        "message": metadata.name,
        "rule": {
            "author": metadata.author,
            "license": metadata.license,
            "reference": metadata.references.first(),
        },
        "threat": {
            "framework": threats().next().map(|threat| &threat.framework),
            "tactic": {
                "name": threats().map(|threat| &threat.tactic.name).collect::<Vec<_>>(),
                "reference": threats().map(|threat| &threat.tactic.reference).collect::<Vec<_>>(),
            },
            "technique": {
                "name": techniques().map(|technique| &technique.name).collect::<Vec<_>>(),
                "reference": techniques().map(|technique| &technique.reference).collect::<Vec<_>>(),
            },
        },
        "tags": metadata.tags,
    });
    let mut document = base(alert, "signal");
    join(&mut document, of_rule);
    copy_columns(&mut document, alert, rule, &|_| false);
    if alert.fired().is_some() {
        let cells = OVER_TIME.iter().zip(alert.fired_cells());
        cells.for_each(|(column, cell)| copy(&mut document, column, as_json(cell)));
    }
    without_nulls(&mut document);
    document
}

/// Returns the document of an event that is not an alert: its columns, except those left out, and additional fields.
pub(crate) fn event(
    alert: &Alert,
    rule: &RuleColumns,
    is_left_out: &dyn Fn(Column) -> bool,
    beside: Value,
) -> Value {
    let mut document = base(alert, "event");
    copy_columns(&mut document, alert, rule, is_left_out);
    join(&mut document, beside);
    without_nulls(&mut document);
    document
}

/// Returns the fields, besides the columns, that all documents of CloudTrail have.
fn base(alert: &Alert, kind: &str) -> Value {
    let mut users = vec![
        alert.text(Column::ActorName),
        alert.text(Column::TargetUserName),
    ];
    users.dedup();
    json!({
        "ecs": {"version": VERSION},
        "event": {"kind": kind, "module": "aws", "dataset": "aws.cloudtrail"},
        "cloud": {"provider": "aws"},
        "related": {
            "user": users,
            "ip": [alert.text(Column::SourceIp)],
        },
    })
}

/// Copies the columns of an alert, except those left out, to the fields with the same meaning.
fn copy_columns(
    document: &mut Value,
    alert: &Alert,
    rule: &RuleColumns,
    is_left_out: &dyn Fn(Column) -> bool,
) {
    let columns = Column::ALL.into_iter().zip(alert.cells(rule));
    for (column, cell) in columns.filter(|(column, _)| !is_left_out(*column)) {
        let value = match cell {
            // The versions of rules are of the ECS type keyword.
            Cell::Int32(n) if column == Column::RuleVersion => json!(n.to_string()),
            cell => as_json(cell),
        };
        copy(document, column.def(), value);
    }
}

/// Sets the field with the same meaning as a column.
fn copy(document: &mut Value, column: &ColumnDef, value: Value) {
    match column.ecs {
        "@timestamp" => set(document, &["@timestamp"], value),
        "" => set(document, &["trailsift", column.name], value),
        field => set(document, &field.split('.').collect::<Vec<_>>(), value),
    }
}

/// Merges the fields of one object into another, at any depth.
fn join(object: &mut Value, other: Value) {
    match (object, other) {
        (Value::Object(object), Value::Object(other)) => {
            for (name, value) in other {
                join(object.entry(name).or_insert(Value::Null), value);
            }
        }
        (object, other) => *object = other,
    }
}

/// Sets a field, and creates the objects around it.
fn set(object: &mut Value, path: &[&str], value: Value) {
    let Some((first, rest)) = path.split_first() else {
        *object = value;
        return;
    };
    if !object.is_object() {
        *object = Value::Object(Map::new());
    }
    set(&mut object[*first], rest, value);
}
