//! This program's own alerts, in any of their schemas: they quote a record, but are not records.
//!
//! Each is recognised by several fields that nothing else has together, since an alert that is recognised is not
//! judged.

use super::json::Value;
use super::record::Record;

/// Returns true if this is a row of alerts, or an OCSF finding.
pub(crate) fn is_own_row(value: Value<'_>) -> bool {
    let columns = ["alert_id", "rule_id", "rule_name"];
    // Before version 0.2.0 the path was called `source`, which others call something so, too.
    let is_older =
        || has_texts(value, &["source"]) && member(value, "byte_offset").next().is_some();
    let is_row =
        || has_texts(value, &columns) && (has_texts(value, &["log_file_path"]) || is_older());
    is_row() || is_finding(value)
}

/// Returns true if this is a signal in ECS, which looks like the event that it was built from.
pub(crate) fn is_own_signal(record: &Record<'_>) -> bool {
    let value = record.value();
    let has = |object, names: &[&str]| member(value, object).any(|object| has_texts(object, names));
    // Nearly all values end here.
    let is_possible = record.others().any(|(name, _)| name == "trailsift");
    is_possible
        && has("trailsift", &["alert_id"])
        && has("rule", &["uuid", "name"])
        // The signal of a rule over several events has no original.
        && (has("event", &["original"]) || has("event", &["start", "end"]))
}

fn is_finding(value: Value<'_>) -> bool {
    let products = member(value, "metadata").flat_map(|metadata| member(metadata, "product"));
    let mut names = products.flat_map(|product| member(product, "name"));
    member(value, "finding_info").any(|info| has_texts(info, &["uid", "title"]))
        && has_texts(value, &["raw_data"])
        && names.any(|name| name.as_str() == Some(env!("CARGO_PKG_NAME")))
}

fn has_texts(object: Value<'_>, names: &[&str]) -> bool {
    let is_text = |name| member(object, name).any(|value| value.as_str().is_some());
    names.iter().all(|name| is_text(name))
}

fn member<'v>(object: Value<'v>, name: &str) -> impl Iterator<Item = Value<'v>> {
    let members = object.members();
    members.filter_map(move |(key, value)| (key == name).then_some(value))
}
