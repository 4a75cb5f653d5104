//! What exports make of CloudTrail's records: other names, text in place of objects, objects spread over fields of
//! their own, and texts that say that there is no value.

use super::cloudtrail::{REQUEST, get, is_own_field, spread_request};
use super::json::Value;
use super::names::{is_field, is_nothing, is_path};
use super::{Scalar, object_text};

/// Whether the record is as AWS writes it: with its names, and objects where exports put text.
pub(super) fn is_native(record: Value<'_>) -> bool {
    let has = |field| record.members().any(|(name, _)| name == field);
    let is_object = |field| get(record, field).all(|value| value.as_str().is_none());
    has("eventName")
        && has(REQUEST)
        && is_object(REQUEST)
        && is_object("userIdentity")
        && spread_request(record).next().is_none()
}

/// A member that no record has, since something is kept there that a record lies in, or nobody knows what.
pub(super) fn foreign<'v>(record: Value<'v>) -> impl Iterator<Item = (&'v str, Value<'v>)> {
    record.members().filter(|(name, _)| !is_own_field(name))
}

/// Whether `name` differs from `field` in case alone, in a record with AWS's own names: to AWS, and to whoever reads
/// its records, that is another field. All in lower case it is Athena's.
pub(super) fn is_other_case(record: Value<'_>, name: &str, field: &str) -> bool {
    name != field
        && name.eq_ignore_ascii_case(field)
        && name.bytes().any(|byte| byte.is_ascii_uppercase())
        && record.members().any(|(name, _)| name == "eventName")
}

/// Whether a text says that there is no value. AWS writes no such texts; that of JSON's word is none to anybody.
pub(super) fn is_absent(record: Value<'_>, is_row: bool, text: &str) -> bool {
    text == "null" || is_nothing(text) && (is_row || !is_native(record))
}

/// A value of a field; nothing where it says that there is none. Some exports keep the quotes of JSON.
pub(super) fn scalar<'v>(record: Value<'v>, is_row: bool, value: Value<'v>) -> Option<Scalar<'v>> {
    let text = value.as_str().unwrap_or_default();
    if value.is_empty()
        || value
            .as_str()
            .is_some_and(|text| is_absent(record, is_row, text))
    {
        return None;
    }
    let is_quoted = text.len() > 1 && text.starts_with('"') && text.ends_with('"');
    match is_quoted.then(|| serde_json::from_str::<String>(text)) {
        Some(Ok(text)) if is_row || !is_native(record) => Some(Scalar::Text(text.into())),
        _ => value.scalar(),
    }
}

/// What others call a record's fields.
const ALIASES: [(&str, &str); 9] = [
    ("eventTime", "TimeGenerated"),
    ("eventTime", "TimeGenerated [UTC]"),
    ("eventTime", "_time"),
    ("eventTime", "@timestamp"),
    ("eventID", "AwsEventId"),
    ("eventType", "EventTypeName"),
    ("requestID", "AwsRequestId"),
    ("userIdentity.userName", "User name"),
    ("userIdentity.accessKeyId", "AWS access key"),
];

/// Calls `visit` with each value at a path that an export puts elsewhere: in text, in a field of its own, or under
/// another name.
pub(super) fn each_moved(
    record: Value<'_>,
    is_row: bool,
    path: &str,
    visit: &mut dyn FnMut(Scalar<'_>),
) -> bool {
    let mut is_found = false;
    let mut give = |value| {
        is_found = true;
        visit(value);
    };
    if let Some((outer, rest)) = path.split_once('.') {
        for text in get(record, outer).filter_map(Value::as_str) {
            let found = object_text::at(text, rest).filter(|found| !is_nothing(found));
            found
                .into_iter()
                .for_each(|found| give(Scalar::Text(found.into())));
        }
        let spread = record.members().filter(|(name, _)| is_path(name, path));
        spread
            .filter_map(|(_, value)| scalar(record, is_row, value))
            .for_each(&mut give);
    }
    let mut aliases = ALIASES.iter().filter(|(field, _)| *field == path);
    let alias = aliases.find_map(|(_, alias)| {
        let mut values = record
            .members()
            .filter(|(name, _)| name == alias || is_field(name, alias));
        values.find_map(|(_, value)| scalar(record, is_row, value))
    });
    if !is_found {
        alias.into_iter().for_each(|value| {
            is_found = true;
            visit(value);
        });
    }
    is_found
}
