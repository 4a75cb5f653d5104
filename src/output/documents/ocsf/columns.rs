//! The columns of findings: a type for each field of a document.

use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_json::ReaderBuilder;
use arrow_schema::ArrowError;
use arrow_schema::{DataType, Field, Fields, Schema, SchemaRef};
use serde_json::Value;

use super::super::super::alert::Alert;
use super::super::super::columns::ELEMENT;
use super::super::super::rule_columns::RuleSetColumns;
use super::document;

/// Returns the columns of findings.
pub(in super::super::super) fn schema() -> SchemaRef {
    let observable = vec![text("name"), text("type"), int("type_id"), text("value")];
    let owner = group("owner", vec![account()]);
    Arc::new(Schema::new(vec![
        int("activity_id"),
        text("activity_name"),
        text("category_name"),
        int("category_uid"),
        text("class_name"),
        int("class_uid"),
        group("cloud", vec![text("provider"), text("region"), account()]),
        groups("evidences", evidence()),
        group("finding_info", finding_info()),
        text("message"),
        group("metadata", metadata()),
        groups("observables", observable),
        text("raw_data"),
        group("remediation", vec![text("desc"), texts("references")]),
        groups(
            "resources",
            vec![text("type"), text("name"), text("uid"), owner],
        ),
        int("risk_score"),
        text("severity"),
        int("severity_id"),
        text("status"),
        int("status_id"),
        long("time"),
        text("type_name"),
        long("type_uid"),
        map("unmapped"),
    ]))
}

fn account() -> Field {
    group("account", vec![text("uid"), text("type"), int("type_id")])
}

fn evidence() -> Vec<Field> {
    let user = ["name", "uid", "uid_alt", "credential_uid", "type"].map(text);
    let user = user.into_iter().chain([int("type_id"), account()]);
    let user = group("user", user.collect());
    let service = group("service", vec![text("name")]);
    let request = group("request", vec![text("uid")]);
    vec![
        group("actor", vec![user, text("invoked_by")]),
        group("api", vec![text("operation"), service, request]),
        group("src_endpoint", vec![text("ip"), text("svc_name")]),
    ]
}

fn finding_info() -> Vec<Field> {
    let analytic = ["name", "uid", "type", "version"].map(text);
    let analytic = analytic.into_iter().chain([int("type_id")]);
    let named = |name| group(name, vec![text("uid"), text("name"), text("src_url")]);
    vec![
        text("uid"),
        text("title"),
        long("first_seen_time"),
        long("last_seen_time"),
        texts("data_sources"),
        group("analytic", analytic.collect()),
        groups("attacks", vec![named("tactic"), named("technique")]),
        groups("related_events", vec![text("uid"), text("type")]),
    ]
}

fn metadata() -> Vec<Field> {
    let product = ["name", "vendor_name", "version"].map(text).to_vec();
    vec![
        text("version"),
        texts("profiles"),
        group("product", product),
        text("uid"),
        text("event_code"),
        text("log_name"),
        text("log_provider"),
        text("original_time"),
    ]
}

fn text(name: &str) -> Field {
    Field::new(name, DataType::Utf8, true)
}

fn int(name: &str) -> Field {
    Field::new(name, DataType::Int32, true)
}

fn long(name: &str) -> Field {
    Field::new(name, DataType::Int64, true)
}

fn texts(name: &str) -> Field {
    Field::new_list(name, text(ELEMENT), true)
}

fn group(name: &str, fields: Vec<Field>) -> Field {
    Field::new_struct(name, fields, true)
}

fn groups(name: &str, fields: Vec<Field>) -> Field {
    let element = DataType::Struct(Fields::from(fields));
    Field::new_list(name, Field::new(ELEMENT, element, true), true)
}

/// Returns a map from text to text, with the names that Parquet's specification requires.
fn map(name: &str) -> Field {
    let key = Field::new("key", DataType::Utf8, false);
    Field::new_map(name, "key_value", key, text("value"), false, true)
}

/// Converts documents to columns.
pub(in super::super::super) fn batch(
    alerts: &[Alert],
    rules: &RuleSetColumns,
) -> Result<RecordBatch, ArrowError> {
    let documents = alerts
        .iter()
        .map(|alert| Ok::<_, ArrowError>(document(alert, rules.of(alert.rule())?)));
    let documents: Vec<Value> = documents.collect::<Result<_, _>>()?;
    let mut decoder = ReaderBuilder::new(schema())
        .with_batch_size(documents.len().max(1))
        // In non-strict mode a field without a column would be lost without an error.
        .with_strict_mode(true)
        .build_decoder()?;
    decoder.serialize(&documents)?;
    let batch = decoder.flush()?;
    Ok(batch.unwrap_or_else(|| RecordBatch::new_empty(schema())))
}
