//! The JSON Schema of rows as JSON lines, made from the table of columns.

use serde_json::{Map, Value, json};

use super::columns::{Column, ColumnDef, Type, columns};
use super::kind::Kind;

/// Returns the JSON Schema (draft 2020-12) of a row of alerts in a file of JSON lines. A line leaves out what has no
/// value.
#[must_use]
pub fn row_schema() -> Value {
    let all: Vec<ColumnDef> = columns(Kind::OverTime).collect();
    let properties = all
        .iter()
        .map(|column| (column.name.to_owned(), property(column)));
    let properties: Map<String, Value> = properties.collect();
    // Only a hunt with rules over several events has more columns than these.
    let is_in_all = |column: &&ColumnDef| Column::from_name(column.name).is_some();
    let required = all
        .iter()
        .filter(|column| !column.nullable)
        .filter(is_in_all);
    let required: Vec<&str> = required.map(|column| column.name).collect();
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Alert",
        "description": "One row of alerts, as a line of JSON. A value that is not known is left out.",
        "type": "object",
        "properties": properties,
        "required": required,
        "additionalProperties": false,
    })
}

fn property(column: &ColumnDef) -> Value {
    let mut property = match column.kind {
        Type::Text => json!({"type": "string"}),
        Type::Texts => json!({"type": "array", "items": {"type": "string"}}),
        Type::Int32 => json!({"type": "integer", "minimum": i32::MIN, "maximum": i32::MAX}),
        Type::Int64 => json!({"type": "integer", "minimum": i64::MIN, "maximum": i64::MAX}),
        Type::Timestamp => json!({"type": "string", "format": "date-time"}),
        Type::Bool => json!({"type": "boolean"}),
    };
    property["description"] = json!(column.meaning);
    property
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_column_has_a_property_and_required_ones_are_listed() {
        let schema = row_schema();
        let properties = schema["properties"].as_object().unwrap();
        let n_columns = super::super::COLUMNS.len() + super::super::OVER_TIME.len();
        assert_eq!(properties.len(), n_columns);
        assert_eq!(properties["event_time"]["format"], "date-time");
        assert_eq!(properties["mitre_tactic_ids"]["items"]["type"], "string");
        let required = schema["required"].as_array().unwrap();
        assert!(required.contains(&json!("run_id")) && !required.contains(&json!("event_id")));
    }
}
