//! Records as AWS writes them: what is one, and its request. Exports spell the names of fields in other ways, which are
//! read as well.

use std::borrow::Cow;

use super::doubt::{Said, holds_below};
use super::exports::is_filler;
use super::json::Value;
use super::names::{is_field, is_nothing};
use super::object_text;
use super::record::{REQUEST, Record, get, spread_request};

/// Fields beside `eventName`: a CloudTrail record has at least one of them.
const BESIDE_EVENT_NAME: [&str; 9] = [
    "eventVersion",
    "eventSource",
    "eventTime",
    "eventID",
    "userIdentity",
    "requestParameters",
    "awsRegion",
    "sourceIPAddress",
    "recipientAccountId",
];

/// Returns true if this is a raw CloudTrail record, by its own fields.
///
/// The event notifications of S3, SNS, SQS and Kinesis also have `eventName` and `eventSource`, but their
/// `eventSource` begins with `aws:`. The elements of `lookup-events` contain the record as a string, and Insight
/// events have no `eventName` of their own.
pub(crate) fn is_record(record: &Record<'_>) -> bool {
    let is_named = record.get("eventName").any(|name| name.as_str().is_some());
    is_named
        && BESIDE_EVENT_NAME
            .iter()
            .any(|field| record.get(field).next().is_some())
        && record.get("CloudTrailEvent").next().is_none()
        && !is_notification(record)
        && !is_insight(record)
}

/// Returns what a record says about its request.
pub(crate) fn said(record: &Record<'_>) -> Said {
    let of_value = |request: Value<'_>| match request.as_str() {
        Some(text) if is_nothing(text) => Said::Nothing,
        Some(text) if object_text::is_whole(text) => Said::Whole,
        Some(_) => Said::Part,
        None if request.is_hollow() => Said::Nothing,
        // AWS writes this in place of a request that is too large.
        None if get(request, "omitted").next().is_some() => Said::Part,
        None if request.is_object() || request.is_array() => Said::Whole,
        None => Said::Part,
    };
    match record.get(REQUEST).map(of_value).max() {
        Some(said @ (Said::Whole | Said::Part)) => said,
        _ if spread_request(record).any(|(_, value)| !value.is_empty()) => Said::Part,
        _ => Said::Nothing,
    }
}

/// Returns true if the request is text that was cut off, or that cannot be read.
pub(super) fn has_cut_request(record: &Record<'_>) -> bool {
    let is_cut = |request: Value<'_>| match request.as_str() {
        Some(text) => !is_nothing(text) && object_text::is_cut(text),
        None => !request.is_hollow() && !request.is_object() && !request.is_array(),
    };
    record.get(REQUEST).any(is_cut)
}

/// Returns true if `holds` applies to an object of the record that AWS wrote beside the request, about what it did:
/// without a request, that is all that is left of it. What a caller chooses, such as `userAgent`, is none.
pub(super) fn is_named_beside(record: &Record<'_>, holds: &dyn Fn(&str) -> bool) -> bool {
    const BESIDE: [&str; 4] = [
        "resources",
        "additionalEventData",
        "responseElements",
        "serviceEventDetails",
    ];
    let mut members = record.value().members();
    members.any(|(name, value)| {
        BESIDE.iter().any(|field| is_field(name, field)) && holds_below(value, holds)
    })
}

/// Returns true if `holds` applies to a part of the record that may be the request.
pub(crate) fn may_stand_for_request(record: &Record<'_>, holds: &dyn Fn(&str) -> bool) -> bool {
    // With a capital it is another writer's field. If one inner letter differs, it may be damaged.
    let is_capital = |name: &str| name.get(1..) == REQUEST.get(1..);
    let mut members = record.value().members();
    members.any(|(name, value)| {
        let is_other = is_capital(name) && record.is_other_case(name, REQUEST);
        !is_other && (holds(name) || holds_below(value, holds))
    })
}

/// Returns true if this is an event notification of another AWS service.
pub(crate) fn is_notification(record: &Record<'_>) -> bool {
    let mut sources = record
        .possible("eventSource")
        .filter(|(name, _)| is_field(name, "eventSource"))
        .filter_map(|(_, source)| source.as_str())
        .peekable();
    sources.peek().is_some() && sources.all(|source| source.starts_with("aws:"))
}

/// Returns true if an event notification of another AWS service carries a message, which may be anything.
pub(crate) fn carries_message(record: &Record<'_>) -> bool {
    ["Sns", "body", "kinesis"]
        .iter()
        .any(|name| record.get(name).next().is_some())
}

/// Returns true if this is an Insight event or the details of one. It names the calls that it is about: it is a
/// statement about many events, and not itself one of them.
pub(crate) fn is_insight(record: &Record<'_>) -> bool {
    let is_insight_event = |t: Value<'_>| t.as_str() == Some("AwsCloudTrailInsight");
    let has_details = record.get("insightDetails").any(Value::is_object);
    let is_kind = |t: Value<'_>| t.as_str().is_some_and(|kind| kind.ends_with("Insight"));
    has_details && record.get("eventType").any(is_insight_event)
        || record.get("insightType").any(is_kind)
}

/// Returns true if this is the document of a digest file.
pub(crate) fn is_digest(record: &Record<'_>) -> bool {
    let has = |field: &str| record.get(field).any(|value| !is_filler(value));
    has("digestStartTime")
        && ["digestS3Bucket", "logFiles", "digestEndTime"]
            .iter()
            .any(|field| has(field))
}

/// Calls `visit` with each key and string of the request.
pub(crate) fn each_text_of_request(record: &Record<'_>, visit: &mut dyn FnMut(&str)) {
    fn walk(value: Value<'_>, visit: &mut dyn FnMut(&str)) {
        value.as_str().into_iter().for_each(&mut *visit);
        for (key, child) in value.members() {
            visit(key);
            walk(child, visit);
        }
        value.elements().for_each(|child| walk(child, visit));
    }
    for request in record.get(REQUEST) {
        match request.as_str().map(object_text::first_object) {
            None => walk(request, visit),
            Some(text) => {
                visit(text);
                let unescaped = object_text::unescaped(text);
                unescaped.iter().for_each(|text| visit(text));
            }
        }
    }
    for (name, value) in spread_request(record) {
        visit(name);
        walk(value, visit);
    }
}

/// Returns a parameter of the request by name. If the request is a string, that string is read as an object.
pub(crate) fn request_parameter<'v>(record: &Record<'v>, name: &str) -> Option<Cow<'v, str>> {
    let own = record
        .get(REQUEST)
        .find_map(|request| match request.as_str() {
            None => get(request, name).find_map(|value| value.as_str().map(Cow::Borrowed)),
            Some(text) => object_text::at(text, name).map(Cow::Owned),
        });
    own.or_else(|| {
        let mut spread = spread_request(record).filter(|(key, _)| is_field(key, name));
        spread.find_map(|(_, value)| value.as_str().map(Cow::Borrowed))
    })
}

/// Returns the path of `literal` in the request.
pub(crate) fn locate_in_request(record: &Record<'_>, literal: &str) -> Option<String> {
    let own = record
        .get(REQUEST)
        .find_map(|request| match request.as_str() {
            None => request.locate(literal, REQUEST),
            Some(text) => object_text::locate(text, literal, REQUEST),
        });
    own.or_else(|| {
        spread_request(record).find_map(|(name, value)| value.locate_named(name, literal, REQUEST))
    })
}

/// Returns true if a key occurs twice in the record, in its identity, or anywhere in its request.
pub(crate) fn has_duplicate_keys(record: &Record<'_>) -> bool {
    fn anywhere(value: Value<'_>) -> bool {
        value.has_duplicate_keys()
            || value.members().any(|(_, child)| anywhere(child))
            || value.elements().any(anywhere)
    }
    record.has_duplicate_keys()
        || !record.knows_caller() && record.get("userIdentity").any(Value::has_duplicate_keys)
        || record.get("requestParameters").any(anywhere)
}
