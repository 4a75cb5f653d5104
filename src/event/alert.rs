//! This program's own alerts, in any of their schemas: they quote a record and are none.

use super::json::Value;

/// Whether this is one: a row, a signal in ECS or a finding of OCSF.
pub(crate) fn is_alert(value: Value<'_>) -> bool {
    let texts = |object: Value<'_>, names: &[&str]| names.iter().all(|name| is_text(object, name));
    texts(value, &["alert_id", "rule_id", "raw_event"])
        || member(value, "trailsift").any(|own| texts(own, &["alert_id"]))
        || is_finding(value)
}

fn is_finding(value: Value<'_>) -> bool {
    let products = member(value, "metadata").flat_map(|metadata| member(metadata, "product"));
    let mut names = products.flat_map(|product| member(product, "name"));
    member(value, "finding_info").any(Value::is_object)
        && names.any(|name| name.as_str() == Some(env!("CARGO_PKG_NAME")))
}

fn is_text(object: Value<'_>, name: &str) -> bool {
    member(object, name).any(|value| value.as_str().is_some())
}

fn member<'v>(object: Value<'v>, name: &str) -> impl Iterator<Item = Value<'v>> {
    let members = object.members();
    members.filter_map(move |(key, value)| (key == name).then_some(value))
}
