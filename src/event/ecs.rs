//! Documents that Elastic built from records, with nested or dotted field names in any mixture.

use std::borrow::Cow;

use super::doubt::Said;
use super::exports::{is_filler, leaves_outcome_open};
use super::json::Value;
use super::names::is_nothing;
use super::{Scalar, java_map, object_text};

pub(super) const REQUEST: &str = "aws.cloudtrail.request_parameters";
const FLATTENED_REQUEST: &str = "aws.cloudtrail.flattened.request_parameters";

/// Calls `visit` with each value at `path`, whether its dots are written as dots or as nesting.
pub(super) fn each_at<'v>(value: Value<'v>, path: &str, visit: &mut dyn FnMut(Value<'v>)) {
    for (key, child) in value.members() {
        if key == path {
            visit(child);
        } else if let Some(rest) = path.strip_prefix(key).and_then(|r| r.strip_prefix('.')) {
            each_at(child, rest, visit);
        }
    }
}

fn all_at<'v>(value: Value<'v>, path: &str) -> Vec<Value<'v>> {
    let mut found = Vec::new();
    each_at(value, path, &mut |value| found.push(value));
    found
}

/// Returns true if there is any field at or under `path`.
pub(super) fn has_under(value: Value<'_>, path: &str) -> bool {
    value.members().any(|(key, child)| {
        key == path
            || key
                .strip_prefix(path)
                .is_some_and(|rest| rest.starts_with('.'))
            || path
                .strip_prefix(key)
                .and_then(|rest| rest.strip_prefix('.'))
                .is_some_and(|rest| has_under(child, rest))
    })
}

/// Returns true if this is an ECS document built from a CloudTrail record.
pub(crate) fn is_record(value: Value<'_>) -> bool {
    // Arrays count too: the `fields` of a search contain nothing else.
    let any_text = |path, is_wanted: fn(&str) -> bool| {
        let mut any = false;
        each_at(value, path, &mut |found| {
            let mut texts = std::iter::once(found).chain(found.elements());
            any |= texts.any(|v| v.as_str().is_some_and(is_wanted));
        });
        any
    };
    any_text("event.action", |action| !is_nothing(action))
        && (has_under(value, "aws.cloudtrail")
            || any_text("event.dataset", |dataset| dataset == "aws.cloudtrail")
            || any_text("data_stream.dataset", |dataset| dataset == "aws.cloudtrail")
            || any_text("event.provider", |provider| {
                provider.ends_with(".amazonaws.com")
            }))
}

/// Calls `visit` with the fields under `path`, each with its name inside it, whether its dots are written as dots or
/// as nesting.
pub(super) fn each_under<'v>(
    value: Value<'v>,
    path: &str,
    visit: &mut dyn FnMut(&'v str, Value<'v>),
) {
    for (key, child) in value.members() {
        if key == path {
            child.members().for_each(|(name, value)| visit(name, value));
        } else if let Some(name) = key.strip_prefix(path).and_then(|n| n.strip_prefix('.')) {
            visit(name, child);
        } else if let Some(rest) = path.strip_prefix(key).and_then(|r| r.strip_prefix('.')) {
            each_under(child, rest, visit);
        }
    }
}

/// Returns what a document says about its request.
pub(crate) fn said(document: Value<'_>) -> Said {
    let of_text = |text: &str| match is_nothing(text) {
        true => Said::Nothing,
        false if object_text::is_whole(text) => Said::Whole,
        false => Said::Part,
    };
    let of_value = |value: Value<'_>| {
        let texts = value
            .elements()
            .filter_map(Value::as_str)
            .map(of_text)
            .max();
        match value.as_str() {
            Some(text) => of_text(text),
            None if value.is_hollow() => Said::Nothing,
            None => texts.unwrap_or(Said::Whole),
        }
    };
    match all_at(document, REQUEST).into_iter().map(of_value).max() {
        Some(said @ (Said::Whole | Said::Part)) => said,
        _ if has_under(document, FLATTENED_REQUEST) => Said::Part,
        _ => Said::Nothing,
    }
}

/// Returns true if the request is text that was cut off, or that cannot be read.
pub(crate) fn has_cut_request(document: Value<'_>) -> bool {
    let is_cut = |value: Value<'_>| {
        let text = value.as_str().filter(|text| !is_nothing(text));
        text.is_some_and(object_text::is_cut)
    };
    let values = all_at(document, REQUEST).into_iter();
    values
        .flat_map(|value| std::iter::once(value).chain(value.elements()))
        .any(is_cut)
}

/// Returns true if the document says that the event failed or that it did not.
pub(crate) fn says_outcome(document: Value<'_>) -> bool {
    let mut is_said = false;
    each_value(document, "event.outcome", &mut |value| {
        is_said |= matches!(&value, Scalar::Text(text) if matches!(&**text, "success" | "failure"));
    });
    is_said
}

/// Returns the members that may contain the record itself.
pub(crate) fn carriers<'v>(document: Value<'v>) -> impl Iterator<Item = Value<'v>> {
    let members = document.members();
    members.filter_map(|(name, value)| (!is_of(name, "aws")).then_some(value))
}

/// Namespaces of ECS and of its shippers. They can contain what a caller chose, too.
const NAMESPACES: [&str; 40] = [
    "@timestamp",
    "@version",
    "agent",
    "aws",
    "client",
    "cloud",
    "cloudtrail",
    "container",
    "data_stream",
    "destination",
    "ecs",
    "elastic_agent",
    "entity",
    "error",
    "event",
    "file",
    "fileset",
    "geo",
    "group",
    "host",
    "input",
    "labels",
    "log",
    "network",
    "observer",
    "orchestrator",
    "organization",
    "process",
    "related",
    "resource",
    "rule",
    "server",
    "service",
    "source",
    "tags",
    "target",
    "threat",
    "url",
    "user",
    "user_agent",
];

/// Calls `visit` with the fields that no record has, and those that contain the record itself.
pub(crate) fn each_foreign<'v>(document: Value<'v>, visit: &mut dyn FnMut(&'v str, Value<'v>)) {
    for (name, value) in document.members() {
        if !NAMESPACES.iter().any(|space| is_of(name, space)) {
            visit(name, value);
        }
    }
    each_at(document, "event.original", &mut |value| {
        visit("event.original", value)
    });
    each_under(document, "aws", &mut |name, value| {
        if !is_of(name, "cloudtrail") {
            visit(name, value);
        }
    });
    each_under(document, "aws.cloudtrail", &mut |name, value| {
        if !PARTS.iter().any(|part| is_of(name, part)) {
            visit(name, value);
        }
    });
    each_under(document, FLATTENED, &mut |name, value| {
        if !FLATTENED_OBJECTS.iter().any(|object| is_of(name, object)) {
            visit(name, value);
        }
    });
}

/// The objects that Elastic's pipeline keeps as they are, below [`FLATTENED`].
const FLATTENED_OBJECTS: [&str; 6] = [
    "additional_eventdata",
    "digest",
    "insight_details",
    "request_parameters",
    "response_elements",
    "service_event_details",
];

/// What Elastic stores below `aws.cloudtrail`. A part with another name is damaged, or of another writer.
const PARTS: [&str; 28] = [
    "additional",
    "additional_event_data",
    "additional_eventdata",
    "api_version",
    "console_login",
    "digest",
    "edge_device_details",
    "error_code",
    "error_message",
    "event",
    "event_category",
    "event_type",
    "event_version",
    "flattened",
    "insight_details",
    "management_event",
    "read_only",
    "recipient_account_id",
    "request_id",
    "request_parameters",
    "resources",
    "response_elements",
    "service_event_details",
    "session_credential_from_console",
    "shared_event_id",
    "tls_details",
    "user_identity",
    "vpc_endpoint_id",
];

fn is_of(name: &str, space: &str) -> bool {
    let rest = name.strip_prefix(space);
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

/// Returns the names of the dataset, without what writers of tables put where there is none.
fn datasets(value: Value<'_>) -> Vec<Value<'_>> {
    let mut found = all_at(value, "event.dataset");
    found.extend(all_at(value, "data_stream.dataset"));
    found.retain(|value| !is_filler(*value));
    found
}

/// Where Elastic's pipeline keeps objects as they are. A text in one is what AWS wrote, whatever it says.
const FLATTENED: &str = "aws.cloudtrail.flattened";

/// Calls `visit` with each value of an ECS field.
pub(crate) fn each_value(document: Value<'_>, field: &str, visit: &mut dyn FnMut(Scalar<'_>)) {
    match field {
        "event.dataset" | "data_stream.dataset" => {
            let found = datasets(document);
            found
                .iter()
                .copied()
                .for_each(|value| each_scalar(value, visit));
            // A constant keyword need not be in the stored document. `aws.cloudtrail.*` fields, or whatever showed
            // that this is a record, replace it.
            if found.is_empty() {
                visit(Scalar::Text(Cow::Borrowed("aws.cloudtrail")));
            }
        }
        "event.outcome" => outcomes(document, visit),
        REQUEST => {
            let found = all_at(document, REQUEST);
            // If there are several texts, they are in an array. An array in the request itself is part of such a text,
            // with its brackets.
            for value in found {
                let is_list = value.elements().any(|v| v.as_str().is_some());
                let texts = value.elements().filter(|_| is_list);
                let whole = std::iter::once(value).filter(|_| !is_list);
                for value in whole.chain(texts).filter(|v| !v.is_empty()) {
                    visit(Scalar::Text(java_map::print(value)));
                }
            }
            // After the printed request, since only the first of a field's values is shown.
            each_flattened(document, visit);
        }
        // A table may have just one of the two.
        "source.address" => {
            let mut is_found = false;
            each_in_lists(document, field, &mut |value| {
                is_found = true;
                each_scalar(value, visit);
            });
            if !is_found {
                each_in_lists(document, "source.ip", &mut |value| {
                    each_scalar(value, visit)
                });
            }
        }
        _ if is_of(field, FLATTENED) => each_in_lists(document, field, &mut |value| {
            each_scalar_but(value, java_map::is_dropped_text, visit);
        }),
        _ => each_in_lists(document, field, &mut |value| each_scalar(value, visit)),
    }
}

/// Calls `visit` as [`each_at`] does, and goes through lists.
fn each_in_lists<'v>(value: Value<'v>, path: &str, visit: &mut dyn FnMut(Value<'v>)) {
    for element in value.elements() {
        each_in_lists(element, path, visit);
    }
    for (key, child) in value.members() {
        if key == path {
            visit(child);
        } else if let Some(rest) = path.strip_prefix(key).and_then(|r| r.strip_prefix('.')) {
            each_in_lists(child, rest, visit);
        }
    }
}

/// Calls `visit` with the flattened request. It occurs beside the printed one or in its place. For a rule that reads
/// the printed one, either may be all that is left.
fn each_flattened(document: Value<'_>, visit: &mut dyn FnMut(Scalar<'_>)) {
    for flattened in all_at(document, FLATTENED_REQUEST) {
        if !flattened.is_empty() {
            visit(Scalar::Text(java_map::print(flattened)));
        }
    }
    each_under(document, FLATTENED_REQUEST, &mut |name, value| {
        let value = java_map::print(value);
        visit(Scalar::Text(format!("{{{name}={value}}}").into()));
    });
}

/// Calls `visit` with the outcome as stored. If that field was left out but the error was not, the outcome is a
/// failure.
fn outcomes(document: Value<'_>, visit: &mut dyn FnMut(Scalar<'_>)) {
    let mut is_found = false;
    each_at(document, "event.outcome", &mut |value| {
        each_scalar(value, &mut |value| {
            is_found = true;
            visit(value);
        });
    });
    let mut is_error = false;
    for path in ["aws.cloudtrail.error_code", "aws.cloudtrail.error_message"] {
        each_at(document, path, &mut |value| {
            is_error |= !value.is_hollow() && !leaves_outcome_open(value, &is_nothing);
        });
    }
    if is_error && !is_found {
        visit(Scalar::Text(Cow::Borrowed("failure")));
    }
}

/// Calls `visit` with the value, or with each element of an array of values, also of arrays inside. Values that mean
/// "no value" are left out.
fn each_scalar(value: Value<'_>, visit: &mut dyn FnMut(Scalar<'_>)) {
    each_scalar_but(value, is_nothing, visit);
}

/// Calls `visit` with the value, or with each element of an array of values, but not with these texts.
fn each_scalar_but(
    value: Value<'_>,
    is_left_out: fn(&str) -> bool,
    visit: &mut dyn FnMut(Scalar<'_>),
) {
    let is_one = !value.as_str().is_some_and(is_left_out);
    if let Some(value) = value.scalar().filter(|_| is_one) {
        visit(value);
    }
    for element in value.elements() {
        each_scalar_but(element, is_left_out, visit);
    }
}

/// Returns the path of `literal` in the request: by the flattened fields, else by Elastic's text.
pub(crate) fn locate_in_request(document: Value<'_>, literal: &str) -> Option<String> {
    let mut found = None;
    each_under(document, FLATTENED_REQUEST, &mut |name, value| {
        let locate = || value.locate_named(name, literal, "requestParameters");
        found = found.take().or_else(locate);
    });
    found.or_else(|| {
        all_at(document, REQUEST)
            .into_iter()
            .find_map(|value| match value.as_str() {
                None => value.locate(literal, "requestParameters"),
                Some(text) => {
                    java_map::key_of(text, literal).map(|k| format!("requestParameters.{k}"))
                }
            })
    })
}
