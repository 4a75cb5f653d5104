//! The values of a record by CloudTrail's own names, for rules that use these.
//!
//! A name is a path with dots. At each step a key that is the whole rest of the path counts first. Arrays are gone
//! through: a value in any of their elements counts. Numbers and booleans are texts. A value that is an object is its
//! compact JSON, and each text inside it.

use std::borrow::Cow;

use simd_json::StaticNode;

use super::Scalar;
use super::exports::{each_moved, is_absent, is_export};
use super::json::Value;
use super::names::is_field;
use super::object_text::with_object;
use super::record::{Record, first_of_path, spread};

/// One of the values of a field by CloudTrail's own name.
#[derive(Debug, Clone, PartialEq)]
pub enum OwnValue<'a> {
    /// The field is there and null.
    Null,
    /// The field is there, with a list or an object, whose texts follow.
    Other,
    /// A text.
    Text(Cow<'a, str>),
}

/// Receives values.
type Visit<'v> = &'v mut dyn FnMut(OwnValue<'_>);

/// Calls `visit` with each value of a field. `is_row` is true if the record is a row of a table, whose empty cells are
/// no values.
pub(super) fn each_value(record: &Record<'_>, is_row: bool, path: &str, visit: Visit<'_>) {
    let is_table = is_row || is_export(record);
    let mut is_found = false;
    let mut give = |value: Value<'_>, is_inside: bool| {
        // What is inside an object is as AWS wrote it: there a text such as `NONE` is a value.
        let is_absent = match is_inside {
            true => value.is_empty(),
            false => is_absent_value(record, value),
        };
        if is_table && is_absent {
            return;
        }
        is_found = true;
        given(value, visit);
        // An export may store an object as text, with blanks and escapes of its own.
        if is_table && value.as_str().is_some() {
            with_object(value, &mut |object| {
                if object.as_str().is_none() {
                    given(object, visit);
                }
            });
        }
    };
    let (first, rest) = match first_of_path(path) {
        Some((first, rest)) => (first, Some(rest)),
        None => (path, None),
    };
    let mut is_whole = false;
    if rest.is_some() {
        for (_, value) in record.others().filter(|(name, _)| *name == path) {
            is_whole = true;
            give(value, false);
        }
    }
    for value in record.get(first).filter(|_| !is_whole) {
        match rest {
            None => give(value, false),
            Some(rest) => with_object(value, &mut |value| {
                each_at(value, rest, |name, own| name == own, &mut |value| {
                    give(value, true);
                });
            }),
        }
    }
    if !is_found && is_table {
        each_moved(record, true, path, &mut |value| {
            is_found = true;
            visit(OwnValue::Text(text_of(value).into()));
        });
    }
    if !is_found && is_table {
        each_elsewhere(record, first, rest, visit);
    }
}

/// Calls `visit` with each value of a field in an export that spells the names inside objects in its own way, or that
/// spreads an object over the record.
fn each_elsewhere(record: &Record<'_>, first: &str, rest: Option<&str>, visit: Visit<'_>) {
    let Some(rest) = rest else {
        let parts = spread(record, first).filter(|(_, value)| !is_absent_value(record, *value));
        let parts: Vec<_> = parts.collect();
        if !parts.is_empty() {
            visit(OwnValue::Other);
            visit(OwnValue::Text(joined(&parts).into()));
        }
        for (_, value) in parts {
            each_text(value, true, &mut |text| visit(OwnValue::Text(text)));
        }
        return;
    };
    for value in record.get(first) {
        with_object(value, &mut |value| {
            each_at(value, rest, is_field, &mut |value| {
                if !value.is_empty() {
                    given(value, visit);
                }
            });
        });
    }
}

/// Returns the object, as JSON, whose parts an export spread over the record, each with its path.
fn joined(parts: &[(&str, Value<'_>)]) -> String {
    let mut object = serde_json::Map::new();
    for (path, value) in parts {
        let mut json = String::new();
        write_json(*value, &mut json);
        let value = serde_json::from_str(&json).unwrap_or_default();
        put(&mut object, path, value);
    }
    serde_json::Value::Object(object).to_string()
}

/// The most names of a path that become objects inside one another.
const PATH_NAMES_MAX: usize = 32;

/// Puts a value into an object at a path.
fn put(
    mut object: &mut serde_json::Map<String, serde_json::Value>,
    path: &str,
    value: serde_json::Value,
) {
    // Some exports have brackets in the place of the elements of a list.
    let name = |name: &str| {
        name.trim_end_matches("{}")
            .trim_end_matches("[]")
            .to_owned()
    };
    let mut names = path.splitn(PATH_NAMES_MAX, '.').map(name).peekable();
    while let Some(name) = names.next() {
        if names.peek().is_none() {
            object.insert(name, value);
            return;
        }
        let inner = object.entry(name);
        match inner.or_insert_with(|| serde_json::Map::new().into()) {
            serde_json::Value::Object(inner) => object = inner,
            _ => return,
        }
    }
}

/// Returns whether a value of an export means that there is none.
fn is_absent_value(record: &Record<'_>, value: Value<'_>) -> bool {
    let is_nothing = |text: &str| is_absent(record, true, text);
    value.is_empty() || value.as_str().is_some_and(is_nothing)
}

/// Calls `visit` with each value at a path, whose names are compared by `is_name`. Returns true if there is one.
fn each_at(
    value: Value<'_>,
    path: &str,
    is_name: fn(&str, &str) -> bool,
    visit: &mut dyn FnMut(Value<'_>),
) -> bool {
    let mut is_found = false;
    for element in value.elements() {
        is_found |= each_at(element, path, is_name, visit);
    }
    for (_, child) in value.members().filter(|(key, _)| is_name(key, path)) {
        is_found = true;
        visit(child);
    }
    let mut heads = path.match_indices('.');
    while !is_found && let Some((at, _)) = heads.next() {
        let (head, rest) = (path.get(..at), path.get(at + 1..).unwrap_or_default());
        let head = head.unwrap_or_default();
        for (_, child) in value.members().filter(|(key, _)| is_name(key, head)) {
            is_found |= each_at(child, rest, is_name, visit);
        }
    }
    is_found
}

/// Calls `visit` with a value and the texts in it.
fn given(value: Value<'_>, visit: Visit<'_>) {
    if is_null(value) {
        return visit(OwnValue::Null);
    }
    if value.is_object() || value.is_array() {
        visit(OwnValue::Other);
    }
    each_text(value, true, &mut |text| visit(OwnValue::Text(text)));
}

/// Calls `visit` with each text in a value, and with each object as JSON if that is wanted.
pub(super) fn each_text(value: Value<'_>, with_objects: bool, visit: &mut dyn FnMut(Cow<'_, str>)) {
    if let Some(text) = value.as_str() {
        return visit(Cow::Borrowed(text));
    }
    if value.is_object() && with_objects {
        let mut json = String::new();
        write_json(value, &mut json);
        visit(Cow::Owned(json));
    }
    for (_, child) in value.members() {
        each_text(child, with_objects, visit);
    }
    for child in value.elements() {
        each_text(child, with_objects, visit);
    }
    if let Some(node) = value.as_static().filter(|_| !is_null(value)) {
        visit(Cow::Owned(static_text(node)));
    }
}

fn is_null(value: Value<'_>) -> bool {
    matches!(value.as_static(), None | Some(StaticNode::Null))
        && value.as_str().is_none()
        && !value.is_object()
        && !value.is_array()
}

fn static_text(node: StaticNode) -> String {
    match node {
        // Debug keeps the point, which shows that this is not a whole number.
        StaticNode::F64(number) => format!("{number:?}"),
        node => node.to_string(),
    }
}

fn text_of(value: Scalar<'_>) -> String {
    match value {
        Scalar::Text(text) => text.into_owned(),
        Scalar::Integer(n) => n.to_string(),
        Scalar::Float(n) => format!("{n:?}"),
        Scalar::Boolean(b) => b.to_string(),
    }
}

/// Returns a text as JSON.
fn json_text(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// Writes a value as JSON without white space.
fn write_json(value: Value<'_>, out: &mut String) {
    if let Some(text) = value.as_str() {
        out.push_str(&json_text(text));
    } else if value.is_object() {
        out.push('{');
        for (n, (key, child)) in value.members().enumerate() {
            out.push_str(if n == 0 { "" } else { "," });
            out.push_str(&json_text(key));
            out.push(':');
            write_json(child, out);
        }
        out.push('}');
    } else if value.is_array() {
        out.push('[');
        for (n, child) in value.elements().enumerate() {
            out.push_str(if n == 0 { "" } else { "," });
            write_json(child, out);
        }
        out.push(']');
    } else if let Some(node) = value.as_static() {
        out.push_str(&static_text(node));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(record: &str, path: &str, is_row: bool) -> Vec<String> {
        let mut bytes = record.as_bytes().to_vec();
        let tape = simd_json::to_tape(&mut bytes).unwrap();
        let mut found = Vec::new();
        each_value(&Record::new(Value::of(&tape)), is_row, path, &mut |value| {
            found.push(match value {
                OwnValue::Null => "NULL".to_owned(),
                OwnValue::Other => "OTHER".to_owned(),
                OwnValue::Text(text) => text.into_owned(),
            });
        });
        found
    }

    const RECORD: &str = r#"{"eventName":"CreateUser","errorCode":null,"readOnly":false,
        "requestParameters":{"a":[{"b":1},{"b":"x"},{"c":[]}],"d.e":{"f":"y"},"g":{"h":"\"q\n"}}}"#;

    #[test]
    fn values_are_found_through_objects_and_arrays() {
        for (path, expected) in [
            ("eventName", &["CreateUser"][..]),
            ("errorCode", &["NULL"]),
            ("readOnly", &["false"]),
            ("requestParameters.a.b", &["1", "x"]),
            ("requestParameters.a.c", &["OTHER"]),
            ("requestParameters.d.e.f", &["y"]),
            (
                "requestParameters.g",
                &["OTHER", r#"{"h":"\"q\n"}"#, "\"q\n"],
            ),
            ("requestParameters.a.z", &[]),
            ("requestParameters.z", &[]),
            ("errorMessage", &[]),
        ] {
            assert_eq!(values(RECORD, path, false), expected, "{path}");
        }
    }

    #[test]
    fn an_object_that_is_spread_over_a_row_is_put_together() {
        let row = r#"{"eventName":"PutBucketVersioning","requestParameters":"","errorCode":"",
            "requestParameters.VersioningConfiguration.Status":"Suspended","requestParameters.bucketName":"b",
            "requestParameters.list{}.n":7,"requestParameters.x":"","responseElements.y":null}"#;
        let object =
            r#"{"VersioningConfiguration":{"Status":"Suspended"},"bucketName":"b","list":{"n":7}}"#;
        let expected = ["OTHER", object, "Suspended", "b", "7"];
        assert_eq!(values(row, "requestParameters", true), expected);
        assert_eq!(values(row, "requestParameters", false), expected);
        let status = "requestParameters.VersioningConfiguration.Status";
        assert_eq!(values(row, status, true), ["Suspended"]);
        assert_eq!(values(row, "responseElements", true), [""; 0]);
        assert_eq!(values(row, "additionalEventData", true), [""; 0]);
    }

    #[test]
    fn names_inside_objects_of_an_export_may_be_spelt_in_its_own_way() {
        let record = r#"{"event_name":"x","user_identity":{"session_context":{"session_issuer":{"type":"Role"}}}}"#;
        let path = "userIdentity.sessionContext.sessionIssuer.type";
        assert_eq!(values(record, path, false), ["Role"]);
        let native = record
            .replace("event_name", "eventName")
            .replace("user_identity", "userIdentity");
        assert_eq!(values(&native, path, false), [""; 0]);
    }

    #[test]
    fn an_object_stored_as_text_is_also_its_compact_json_and_its_texts() {
        let row = r#"{"eventName":"PutUserPolicy","requestParameters":"{\"a\": \"say \\\"x\\\"\", \"n\": 1}"}"#;
        let expected = [
            r#"{"a": "say \"x\"", "n": 1}"#,
            "OTHER",
            r#"{"a":"say \"x\"","n":1}"#,
            "say \"x\"",
            "1",
        ];
        assert_eq!(values(row, "requestParameters", true), expected);
    }

    #[test]
    fn empty_cells_of_tables_are_no_values() {
        let row = r#"{"eventname":"CreateUser","errorcode":"","errormessage":null,
            "requestparameters":"{\"a\":{\"b\":\"x\"}}","useridentity.arn":"arn:x"}"#;
        assert_eq!(values(row, "errorCode", true), [""; 0]);
        assert_eq!(values(row, "errorMessage", true), [""; 0]);
        assert_eq!(values(row, "requestParameters.a.b", true), ["x"]);
        assert_eq!(values(row, "userIdentity.arn", true), ["arn:x"]);
    }
}
