//! Alerts as documents of other schemas: JSON objects, which may be nested.
//!
//! A document is made only from the alert's row in our own columns, so that all schemas contain the same data. A value
//! that a schema has no name for has a name of ours.

pub(crate) mod ecs;
pub(super) mod ocsf;

use std::io::Write as _;

use arrow_schema::ArrowError;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::alert::Alert;
use super::columns::Cell;
use super::kind::Schema;
use super::rule_columns::{RuleColumns, RuleSetColumns};

/// Returns the document of an alert, if the schema has documents.
pub(super) fn document(schema: Schema, alert: &Alert, rule: &RuleColumns) -> Option<Value> {
    match schema {
        Schema::Flat => None,
        Schema::Ecs => Some(ecs::document(alert, rule)),
        Schema::Ocsf => Some(ocsf::document(alert, rule)),
    }
}

/// Returns documents as lines.
pub(super) fn lines(
    schema: Schema,
    alerts: &[Alert],
    rules: &RuleSetColumns,
) -> Result<Vec<u8>, ArrowError> {
    let mut lines = Vec::new();
    for alert in alerts {
        if schema == Schema::Ecs {
            writeln!(lines, "{}", ecs::action(alert))?;
        }
        if let Some(document) = document(schema, alert, rules.of(alert.rule())?) {
            writeln!(lines, "{document}")?;
        }
    }
    Ok(lines)
}

/// Returns a value as JSON, with times in ISO 8601.
pub(crate) fn as_json(cell: Cell<'_>) -> Value {
    match cell {
        Cell::Text(text) => json!(text),
        Cell::Texts(texts) => json!(texts),
        Cell::Int32(n) => json!(n),
        Cell::Int64(n) => json!(n),
        Cell::Bool(value) => json!(value),
        Cell::Timestamp(time) => json!(time.and_then(|t| Timestamp::from_microsecond(t).ok())),
    }
}

/// Removes null values, and objects and lists that contain nothing else.
pub(crate) fn without_nulls(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            fields.values_mut().for_each(without_nulls);
            fields.retain(|_, value| !is_nothing(value));
        }
        Value::Array(values) => {
            values.iter_mut().for_each(without_nulls);
            values.retain(|value| !is_nothing(value));
        }
        _ => {}
    }
}

fn is_nothing(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Object(fields) => fields.is_empty(),
        Value::Array(values) => values.is_empty(),
        _ => false,
    }
}
