//! Records as AWS writes them: maps CloudTrail's fields to ECS's, as Elastic's `aws` package does.
//!
//! Source: Elastic's CloudTrail ingest pipeline (package `aws` 2.24.1), checked in the tests against its own
//! fixtures. Exports spell the names of fields in other ways, which are read as well.

use std::borrow::Cow;

use super::doubt::{Said, holds_below};
use super::exports::{each_moved, is_absent, scalar};
use super::json::Value;
use super::known::Known;
use super::names::{is_field, is_nothing, is_other_case};
use super::record::{self, REQUEST, Record, spread_request};
use super::{Scalar, java_map, object_text};

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

/// Returns the values of a field of an object inside a record, including duplicates.
fn get<'v>(object: Value<'v>, field: &str) -> impl Iterator<Item = Value<'v>> {
    let has_event_name = move || object.members().any(|(name, _)| name == "eventName");
    let is_it =
        move |name| is_field(name, field) && !(is_other_case(name, field) && has_event_name());
    let members = object.members();
    members.filter_map(move |(name, value)| is_it(name).then_some(value))
}

/// Calls `visit` with each value at a path of fields, including duplicates at each step.
fn each_at<'v>(record: &Record<'v>, path: &str, visit: &mut dyn FnMut(Value<'v>)) {
    fn below<'v>(object: Value<'v>, path: &str, visit: &mut dyn FnMut(Value<'v>)) {
        match path.split_once('.') {
            None => get(object, path).for_each(visit),
            Some((field, rest)) => {
                get(object, field).for_each(|value| below(value, rest, &mut *visit));
            }
        }
    }
    // Most paths are one field.
    if record::number(path).is_some() {
        return record.get(path).for_each(visit);
    }
    match path.split_once('.') {
        None => record.get(path).for_each(visit),
        Some((field, rest)) => {
            record
                .get(field)
                .for_each(|value| below(value, rest, &mut *visit));
        }
    }
}

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

/// Returns true if this is an Insight event or the details of one. It names the calls that it is about: it is a
/// statement about many events, and not itself one of them.
pub(crate) fn is_insight(record: &Record<'_>) -> bool {
    let is_insight_event = |t: Value<'_>| t.as_str() == Some("AwsCloudTrailInsight");
    let has_details = record.get("insightDetails").any(Value::is_object);
    has_details && record.get("eventType").any(is_insight_event)
        || record.get("insightType").any(|t| t.as_str().is_some())
}

/// Returns true if this is the document of a digest file.
pub(crate) fn is_digest(record: &Record<'_>) -> bool {
    record.get("digestStartTime").next().is_some()
        && ["digestS3Bucket", "logFiles", "digestEndTime"]
            .iter()
            .any(|field| record.get(field).next().is_some())
}

/// Where an ECS field comes from.
#[derive(Clone, Copy)]
enum Origin {
    /// It is the same for all records.
    Constant(&'static str),
    /// It is copied from this path of fields.
    Copied(&'static str),
    Account,
    Address,
    Category,
    Outcome,
    Request,
    Response,
    UserName,
}

use Origin::{Account, Address, Category, Constant, Copied, Outcome, Request, Response, UserName};

/// ECS fields, and where they come from.
const ORIGINS: [(&str, Origin); 41] = [
    ("event.dataset", Constant("aws.cloudtrail")),
    ("data_stream.dataset", Constant("aws.cloudtrail")),
    ("event.kind", Constant("event")),
    ("event.outcome", Outcome),
    ("event.category", Category),
    ("user.name", UserName),
    ("cloud.account.id", Account),
    ("source.ip", Address),
    ("aws.cloudtrail.request_parameters", Request),
    ("aws.cloudtrail.response_elements", Response),
    (
        "aws.cloudtrail.session_credential_from_console",
        Copied("sessionCredentialFromConsole"),
    ),
    ("event.action", Copied("eventName")),
    ("event.provider", Copied("eventSource")),
    ("event.id", Copied("eventID")),
    ("@timestamp", Copied("eventTime")),
    ("user.id", Copied("userIdentity.principalId")),
    ("user.target.name", Copied("requestParameters.userName")),
    ("source.address", Copied("sourceIPAddress")),
    ("user_agent.original", Copied("userAgent")),
    ("cloud.region", Copied("awsRegion")),
    ("aws.cloudtrail.error_code", Copied("errorCode")),
    ("aws.cloudtrail.error_message", Copied("errorMessage")),
    ("aws.cloudtrail.event_version", Copied("eventVersion")),
    ("aws.cloudtrail.event_type", Copied("eventType")),
    ("aws.cloudtrail.event_category", Copied("eventCategory")),
    ("aws.cloudtrail.request_id", Copied("requestID")),
    (
        "aws.cloudtrail.recipient_account_id",
        Copied("recipientAccountId"),
    ),
    ("aws.cloudtrail.shared_event_id", Copied("sharedEventID")),
    ("aws.cloudtrail.read_only", Copied("readOnly")),
    ("aws.cloudtrail.management_event", Copied("managementEvent")),
    ("aws.cloudtrail.vpc_endpoint_id", Copied("vpcEndpointId")),
    ("aws.cloudtrail.api_version", Copied("apiVersion")),
    (
        "aws.cloudtrail.user_identity.type",
        Copied("userIdentity.type"),
    ),
    (
        "aws.cloudtrail.user_identity.arn",
        Copied("userIdentity.arn"),
    ),
    (
        "aws.cloudtrail.user_identity.account_id",
        Copied("userIdentity.accountId"),
    ),
    (
        "aws.cloudtrail.user_identity.access_key_id",
        Copied("userIdentity.accessKeyId"),
    ),
    (
        "aws.cloudtrail.user_identity.invoked_by",
        Copied("userIdentity.invokedBy"),
    ),
    (
        "aws.cloudtrail.user_identity.session_context.mfa_authenticated",
        Copied("userIdentity.sessionContext.attributes.mfaAuthenticated"),
    ),
    (
        "aws.cloudtrail.user_identity.session_context.creation_date",
        Copied("userIdentity.sessionContext.attributes.creationDate"),
    ),
    (
        "aws.cloudtrail.user_identity.session_context.session_issuer.arn",
        Copied("userIdentity.sessionContext.sessionIssuer.arn"),
    ),
    (
        "aws.cloudtrail.user_identity.session_context.session_issuer.type",
        Copied("userIdentity.sessionContext.sessionIssuer.type"),
    ),
];

/// The numbers of the ECS fields.
static ECS: Known<{ ORIGINS.len() }, 256> = {
    let mut names = [""; ORIGINS.len()];
    let mut number = 0;
    while number < ORIGINS.len() {
        names[number] = ORIGINS[number].0;
        number += 1;
    }
    Known::new(names, 0x4e6b_354d)
};

/// Calls `visit` with each value of an ECS field. `is_row` is true if the record is a row of a table.
pub(crate) fn each_value(
    record: &Record<'_>,
    is_row: bool,
    field: &str,
    visit: &mut dyn FnMut(Scalar<'_>),
) {
    let mut copy = |path: &str| {
        let mut n_copied = 0;
        each_at(record, path, &mut |value| {
            if let Some(value) = scalar(record, is_row, value) {
                visit(value);
                n_copied += 1;
            }
        });
        n_copied > 0 || each_moved(record, is_row, path, visit)
    };
    let Some(number) = ECS.number(field) else {
        let inside = FLATTENED.iter().find_map(|(prefix, object)| {
            let path = field.strip_prefix(prefix)?;
            Some(format!("{object}.{path}"))
        });
        inside.iter().for_each(|path| {
            copy(path);
        });
        return;
    };
    match ORIGINS[number].1 {
        Constant(value) => visit(text(value)),
        Copied(path) => {
            copy(path);
        }
        Account => {
            let _ = copy("userIdentity.accountId") || copy("recipientAccountId");
        }
        Address => {
            for address in record.get("sourceIPAddress").filter_map(Value::as_str) {
                if address.parse::<std::net::IpAddr>().is_ok() {
                    visit(text(address));
                }
            }
        }
        Category => categories(record, visit),
        Outcome => outcomes(record, is_row, visit),
        Request => {
            printed(record, REQUEST, visit);
            for (name, value) in spread_request(record) {
                let value = java_map::print(value);
                visit(Scalar::Text(format!("{{{name}={value}}}").into()));
            }
        }
        Response => printed(record, "responseElements", visit),
        UserName => {
            let _ = copy("userIdentity.userName")
                || copy("userIdentity.sessionContext.sessionIssuer.userName");
        }
    }
}

/// The beginnings of ECS fields that are inside an object, and that object.
const FLATTENED: [(&str, &str); 3] = [
    ("aws.cloudtrail.flattened.request_parameters.", REQUEST),
    (
        "aws.cloudtrail.flattened.response_elements.",
        "responseElements",
    ),
    (
        "aws.cloudtrail.flattened.additional_eventdata.",
        "additionalEventData",
    ),
];

fn text(text: &str) -> Scalar<'_> {
    Scalar::Text(Cow::Borrowed(text))
}

/// Calls `visit` with `event.outcome`, once for each outcome that some reading of the record gives.
///
/// Empty values are dropped first. Then it is a failure if `errorCode` or `errorMessage` is still present.
fn outcomes(record: &Record<'_>, is_row: bool, visit: &mut dyn FnMut(Scalar<'_>)) {
    if record
        .get("eventName")
        .any(|name| name.as_str() == Some("ConsoleLogin"))
    {
        each_at(record, "responseElements.ConsoleLogin", &mut |value| {
            let outcome = value.as_str().unwrap_or_default().to_ascii_lowercase();
            visit(Scalar::Text(outcome.into()));
        });
        return;
    }
    let (mut can_succeed, mut can_fail) = (true, false);
    let is_said = |value: Value<'_>| {
        let is_absent = |text| is_absent(record, is_row, text);
        !value.is_hollow() && !value.as_str().is_some_and(is_absent)
    };
    for field in ["errorCode", "errorMessage"] {
        for (name, value) in record.named(field) {
            can_fail |= is_said(value);
            // If a key occurs twice, one of the two may say nothing. This does not apply to two spellings.
            can_succeed &= record
                .named(field)
                .any(|(other, value)| other == name && !is_said(value));
        }
    }
    if can_succeed {
        visit(text("success"));
    }
    if can_fail {
        visit(text("failure"));
    }
}

/// Calls `visit` with `event.category`. Elastic's table has some hundred actions. Ours has those of IAM users,
/// groups, roles and keys, which is what a rule with a category in this field requests.
fn categories(record: &Record<'_>, visit: &mut dyn FnMut(Scalar<'_>)) {
    let is_iam = record
        .get("eventSource")
        .any(|s| s.as_str() == Some("iam.amazonaws.com"));
    let attaches = record
        .get("eventName")
        .any(|name| name.as_str() == Some("AttachUserPolicy"));
    if is_iam || attaches {
        visit(text("iam"));
    }
}

/// Calls `visit` with an object of the record as Elastic prints it. A string (Athena and Glue) is given as it is, and
/// also with its own escapes decoded.
fn printed(record: &Record<'_>, field: &str, visit: &mut dyn FnMut(Scalar<'_>)) {
    for value in record.get(field) {
        if !value.is_empty() {
            visit(Scalar::Text(java_map::print(value)));
        }
        if let Some(text) = value.as_str().and_then(object_text::unescaped) {
            visit(Scalar::Text(text.into()));
        }
    }
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
        walk(request, visit);
        let unescaped = request.as_str().and_then(object_text::unescaped);
        unescaped.iter().for_each(|text| visit(text));
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
        || record.get("userIdentity").any(Value::has_duplicate_keys)
        || record.get("requestParameters").any(anywhere)
}
