//! Changes that exports make to CloudTrail's records: other names, text in place of objects, objects spread over
//! separate fields, and texts that mean "no value".

use super::java_map::is_dropped;
use super::json::Value;
use super::names::{is_field, is_noise, is_nothing, is_path, leaves_error_open};
use super::record::{
    REQUEST, Record, first_of_path, is_own_field, is_top_level_field, spread_request,
};
use super::{Scalar, object_text};

/// Returns true if the record is as AWS writes it: with AWS's names, and with objects where exports write text. Only events
/// of network activity may have no request.
pub(super) fn is_native(record: &Record<'_>) -> bool {
    let is_object = |field| record.get(field).all(|value| value.as_str().is_none());
    let is_of_network = || {
        let mut types = record.get("eventType");
        types.any(|kind| kind.as_str() == Some("AwsVpceEvent"))
    };
    record.has("eventName")
        && (record.has(REQUEST) || is_of_network())
        && is_object(REQUEST)
        && is_object("userIdentity")
        && spread_request(record).next().is_none()
}

/// Returns true if an export wrote the record: with objects as texts, or spread over it, or with other names.
pub(super) fn is_export(record: &Record<'_>) -> bool {
    if record.is_usual() {
        return false;
    }
    let is_text = |field| record.get(field).any(|value| value.as_str().is_some());
    !record.has("eventName")
        || is_text(REQUEST)
        || is_text("userIdentity")
        || spread_request(record).next().is_some()
}

/// Returns the members that no record has. They may contain a whole record, or something unknown. A record as AWS
/// writes it has no fields from inside its objects: such a name is damage, as where another record begins inside a
/// name.
pub(super) fn foreign<'v>(record: &Record<'v>) -> impl Iterator<Item = (&'v str, Value<'v>)> {
    let record = *record;
    let is_foreign =
        move |name: &str| !is_own_field(name) || !is_top_level_field(name) && is_native(&record);
    record.others().filter(move |(name, _)| is_foreign(name))
}

/// Fields of a record that only have an id, a name, a time or a version.
const IDS: [&str; 13] = [
    "apiVersion",
    "awsRegion",
    "eventCategory",
    "eventID",
    "eventName",
    "eventSource",
    "eventTime",
    "eventType",
    "eventVersion",
    "recipientAccountId",
    "requestID",
    "sharedEventID",
    "vpcEndpointId",
];

/// Fields of a record that have text of any kind.
const TEXTS: [&str; 3] = ["errorMessage", "sourceIPAddress", "userAgent"];

/// Returns true if there is a piece of another record in a field: a quote where there is only an id or the like, or a key
/// of JSON before its value in text of any kind. Some exports keep the quotes of JSON round the whole text.
pub(super) fn is_piece(name: &str, value: Value<'_>) -> bool {
    let is_one = |text: &str| {
        let bare = text
            .strip_prefix('"')
            .and_then(|text| text.strip_suffix('"'));
        bare.unwrap_or(text).contains('"')
    };
    let is_member = |text: &str| {
        let mut behind_quotes = text.split('"').skip(1);
        behind_quotes.any(|behind| matches!(behind, ":" | ": "))
    };
    value.as_str().is_some_and(|text| {
        IDS.contains(&name) && is_one(text) || TEXTS.contains(&name) && is_member(text)
    })
}

/// Returns the fields of a record that have a piece of another record in them.
pub(super) fn pieces<'v>(record: &Record<'v>) -> impl Iterator<Item = (&'static str, Value<'v>)> {
    IDS.into_iter().chain(TEXTS).flat_map(|field| {
        let values = record
            .get(field)
            .filter(move |value| is_piece(field, *value));
        values.map(move |value| (field, value))
    })
}

/// Returns true if a text means that there is no value. AWS writes no such texts, so they count in exports only.
pub(super) fn is_absent(record: &Record<'_>, is_row: bool, text: &str) -> bool {
    is_nothing(text) && (is_row || !is_native(record))
}

/// Returns true if an export has no value here: nothing, or what writers put where there is none.
pub(super) fn is_filler(value: Value<'_>) -> bool {
    value.is_hollow() || value.as_str().is_some_and(is_nothing)
}

/// Returns true if a text in the place of an error does not tell whether the call failed: it is noise, or an export says
/// that there was no error, or has something there that is no error.
pub(super) fn is_open_error(record: &Record<'_>, is_row: bool, text: &str) -> bool {
    is_noise(text) || leaves_error_open(text) && (is_row || !is_native(record))
}

/// Returns true if a value in the place of an error, which is no text, leaves open whether the call failed: a number or a
/// flag that is no error code, an object, or a list with one of these. Of several calls in one row, as `array_agg` makes
/// them, some failed and some did not. `is_absent` tells what a text of a list means by itself.
pub(super) fn leaves_outcome_open(value: Value<'_>, is_absent: &dyn Fn(&str) -> bool) -> bool {
    let is_open = |one: Value<'_>| {
        let text = one.scalar().map(Scalar::into_text);
        text.is_none_or(|text| is_absent(&text) || leaves_error_open(&text))
    };
    match value.is_array() {
        true => value.elements().any(is_open),
        false => is_open(value),
    }
}

/// Returns a value of a field; `None` if it means "no value", or if Elastic's pipeline drops it. Some exports keep the quotes of JSON.
pub(super) fn scalar<'v>(
    record: &Record<'v>,
    is_row: bool,
    value: Value<'v>,
) -> Option<Scalar<'v>> {
    let text = value.as_str().unwrap_or_default();
    if is_dropped(value)
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

/// Other names of a record's fields.
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

/// Calls `visit` with each value at a path that an export moved: into text, into a field of its own, or to another
/// name. Returns true if there was one.
pub(super) fn each_moved(
    record: &Record<'_>,
    is_row: bool,
    path: &str,
    visit: &mut dyn FnMut(Scalar<'_>),
) -> bool {
    let mut is_found = false;
    let mut give = |value| {
        is_found = true;
        visit(value);
    };
    if let Some((outer, rest)) = first_of_path(path) {
        for text in record.get(outer).filter_map(Value::as_str) {
            object_text::at(text, rest)
                .into_iter()
                .for_each(|found| give(Scalar::Text(found.into())));
        }
        let spread = record.others().filter(|(name, _)| is_path(name, path));
        spread
            .filter_map(|(_, value)| scalar(record, is_row, value))
            .for_each(&mut give);
    }
    // Usually there are no other names.
    if record.others().next().is_none() {
        return is_found;
    }
    let mut aliases = ALIASES.iter().filter(|(field, _)| *field == path);
    let alias = aliases.find_map(|(_, alias)| {
        let mut values = record
            .others()
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
