//! Documents that Elastic already made of records, with nested or dotted field names in any mixture.

use std::borrow::Cow;

use super::json::Value;
use super::{Scalar, java_map};

const REQUEST: &str = "aws.cloudtrail.request_parameters";
const FLATTENED_REQUEST: &str = "aws.cloudtrail.flattened.request_parameters";

/// Calls `visit` with each value at `path`, whichever way its dots are written.
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

/// Whether any field stands at or under `path`.
fn has_under(value: Value<'_>, path: &str) -> bool {
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

/// Whether this is an ECS document made of a CloudTrail record.
pub(crate) fn is_record(value: Value<'_>) -> bool {
    // Arrays too: the `fields` of a search hold nothing else.
    let any_text = |path, is_wanted: fn(&str) -> bool| {
        let mut any = false;
        each_at(value, path, &mut |found| {
            let mut texts = std::iter::once(found).chain(found.elements());
            any |= texts.any(|v| v.as_str().is_some_and(is_wanted));
        });
        any
    };
    any_text("event.action", |action| !action.is_empty())
        && (has_under(value, "aws.cloudtrail")
            || any_text("event.dataset", |dataset| dataset == "aws.cloudtrail")
            || any_text("data_stream.dataset", |dataset| dataset == "aws.cloudtrail")
            || any_text("event.provider", |provider| {
                provider.ends_with(".amazonaws.com")
            }))
}

/// Whether the document says what was asked for, and what came of it: all that the original would say of it.
pub(crate) fn has_request(document: Value<'_>) -> bool {
    let has_value = |path| all_at(document, path).iter().any(|value| !value.is_empty());
    let has_request = has_value(REQUEST) || has_under(document, FLATTENED_REQUEST);
    has_request && has_value("event.outcome")
}

fn datasets(value: Value<'_>) -> Vec<Value<'_>> {
    let mut found = all_at(value, "event.dataset");
    found.extend(all_at(value, "data_stream.dataset"));
    found
}

/// Calls `visit` with each value of an ECS field.
pub(crate) fn each_value(document: Value<'_>, field: &str, visit: &mut dyn FnMut(Scalar<'_>)) {
    match field {
        "event.dataset" | "data_stream.dataset" => {
            let found = datasets(document);
            found
                .iter()
                .copied()
                .for_each(|value| each_scalar(value, visit));
            // A constant keyword need not be in the stored document; `aws.cloudtrail.*` fields, or
            // what made this a record, stand for it.
            if found.is_empty() {
                visit(Scalar::Text(Cow::Borrowed("aws.cloudtrail")));
            }
        }
        REQUEST => {
            let mut found = all_at(document, REQUEST);
            if found.is_empty() {
                found = all_at(document, FLATTENED_REQUEST);
            }
            // Several texts stand in an array; an array in the request itself has its own brackets in them.
            for value in found {
                let is_list = value.elements().any(|v| v.as_str().is_some());
                let texts = value.elements().filter(|_| is_list);
                let whole = std::iter::once(value).filter(|_| !is_list);
                for value in whole.chain(texts).filter(|v| !v.is_empty()) {
                    visit(Scalar::Text(java_map::print(value)));
                }
            }
        }
        _ => each_at(document, field, &mut |value| each_scalar(value, visit)),
    }
}

/// The value, or each element of an array of values.
fn each_scalar(value: Value<'_>, visit: &mut dyn FnMut(Scalar<'_>)) {
    for value in std::iter::once(value).chain(value.elements()) {
        if let Some(value) = value.scalar().filter(|_| !value.is_empty()) {
            visit(value);
        }
    }
}

/// Where `literal` stands in the request: by the flattened fields, else by Elastic's text.
pub(crate) fn locate_in_request(document: Value<'_>, literal: &str) -> Option<String> {
    let flattened = all_at(document, FLATTENED_REQUEST);
    flattened
        .into_iter()
        .find_map(|v| v.locate(literal, "requestParameters"))
        .or_else(|| {
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
