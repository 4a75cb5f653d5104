//! Elastic's way: a document in the Elastic Common Schema for each alert, for `POST /index/_bulk`.
//!
//! `event.kind` is `signal`, as in the documents of Elastic's own detection engine, whose rule this is: what is made for
//! those finds these, too. ECS reserves that value for Kibana; for any other engine it has `alert`.

use serde_json::{Map, Value, json};

use super::super::alert::{Alert, RuleColumns};
use super::super::columns::{COLUMNS, Cell};
use super::{as_json, without_nulls};

/// The version of ECS.
const VERSION: &str = "8.17.0";

/// What `_bulk` is to do: index it once, however often it is sent.
pub(super) fn action(alert: &Alert) -> Value {
    json!({"create": {"_id": alert.text("alert_id")}})
}

/// The document.
pub(super) fn document(alert: &Alert, rule: &RuleColumns) -> Value {
    let metadata = &rule.metadata;
    let threats = || metadata.threat.iter();
    let techniques = || threats().flat_map(|threat| &threat.technique);
    let mut document = json!({
        "ecs": {"version": VERSION},
        "event": {
            "kind": "signal",
            "module": "aws",
            "dataset": "aws.cloudtrail",
            "category": ["iam"],
            "type": ["user", "change"],
            "severity": metadata.risk_score,
        },
        "message": metadata.name,
        "cloud": {"provider": "aws"},
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
        "related": {
            "user": [alert.text("actor_name"), alert.text("target_user_name")],
            "ip": [alert.text("source_ip")],
        },
        "tags": metadata.tags,
    });
    for (column, cell) in COLUMNS.iter().zip(alert.cells(rule)) {
        let value = match cell {
            // A keyword, as the versions of rules are.
            Cell::Int32(n) if column.ecs == "rule.version" => json!(n.to_string()),
            cell => as_json(cell),
        };
        match column.ecs {
            "@timestamp" => set(&mut document, &["@timestamp"], value),
            "" => set(&mut document, &["trailsift", column.name], value),
            field => set(&mut document, &field.split('.').collect::<Vec<_>>(), value),
        }
    }
    without_nulls(&mut document);
    document
}

/// Sets a field, and makes the objects round it.
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
