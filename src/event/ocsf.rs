//! CloudTrail as OCSF, in the form that Security Lake stores: version 1.0.0-rc.2, and versions 1.1.0 and later.
//!
//! Source: AWS's mappings (OCSF's examples, and pairs of CloudTrail and Security Lake files). CloudTrail becomes
//! several classes, so a document is recognised by the product that it names. The request is in `api.request.data`,
//! as JSON text. In early versions it is flattened into `unmapped`, as `requestParameters.policyArn` and so on, with
//! text values only and with lists as `name[]`.

use std::borrow::Cow;
use std::fmt::Write as _;

use super::categories::kind_of;
use super::doubt::Said;
use super::ecs::{each_at, each_under};
use super::exports::{is_piece, leaves_outcome_open};
use super::fields::flattened;
use super::flattened::each_leaf;
use super::json::Value;
use super::names::{after_field, is_nothing, says_nothing};
use super::object_text::with_object;
use super::ocsf_fields::{OWN_FIELDS, REQUEST_FIELDS};
use super::record::is_own_field;
use super::{Scalar, java_map, object_text};

pub(super) const REQUEST: &str = "api.request.data";
const UNMAPPED_REQUEST: &str = "requestParameters";

/// The classes that CloudTrail becomes: Account Change, Authentication, API Activity (by its number in the release
/// candidate, and by the later one).
const CLASSES: [i64; 4] = [3001, 3002, 3005, 6003];

fn first_text<'v>(document: Value<'v>, path: &str) -> Option<&'v str> {
    let mut first = None;
    each_at(document, path, &mut |value| {
        first = first.or(value.as_str().filter(|text| !is_nothing(text)));
    });
    first
}

/// Returns true if this is an OCSF document built from a CloudTrail record.
pub(crate) fn is_record(value: Value<'_>) -> bool {
    if first_text(value, "api.operation").is_none() {
        return false;
    }
    match first_text(value, "metadata.product.name") {
        Some(product) => {
            let product = product.to_ascii_lowercase();
            matches!(
                &*product,
                "cloudtrail" | "aws cloudtrail" | "amazon cloudtrail"
            )
        }
        None => {
            let mut is_known = false;
            each_at(value, "class_uid", &mut |class| {
                is_known |=
                    matches!(class.scalar(), Some(Scalar::Integer(n)) if CLASSES.contains(&n));
            });
            is_known
        }
    }
}

/// Calls `visit` with each parameter of the request in `unmapped`: its name inside the request, and its value.
fn each_unmapped<'v>(document: Value<'v>, visit: &mut dyn FnMut(&'v str, Value<'v>)) {
    each_unmapped_of(document, UNMAPPED_REQUEST, visit);
}

/// Calls `visit` with each part of an object in `unmapped`: its name inside the object, and its value.
pub(super) fn each_unmapped_of<'v>(
    document: Value<'v>,
    object: &str,
    visit: &mut dyn FnMut(&'v str, Value<'v>),
) {
    each_at(document, "unmapped", &mut |unmapped| {
        each_entry(unmapped, &mut |key, value| {
            if let Some(name) = key.strip_prefix(object).and_then(|n| n.strip_prefix('.')) {
                visit(name, value);
            } else if key == object {
                each_entry(value, visit);
            }
        });
    });
    // The document may be flattened as a whole, as some tools do with each document.
    for (key, value) in document.members() {
        let flat = key.strip_prefix("unmapped.");
        let name = flat.and_then(|flat| flat.strip_prefix(object)?.strip_prefix('.'));
        if let Some(name) = name {
            visit(name, value);
        }
    }
}

/// Calls `visit` with the entries of a map, however it was written: as an object, or as readers of Parquet return it,
/// as a list of pairs or of objects with `key` and `value`.
fn each_entry<'v>(map: Value<'v>, visit: &mut dyn FnMut(&'v str, Value<'v>)) {
    map.members().for_each(|(key, value)| visit(key, value));
    for entry in map.elements() {
        let mut pair = entry.elements();
        let named = |name| {
            let mut members = entry.members();
            members.find_map(|(key, value)| (key == name).then_some(value))
        };
        let (key, value) = match (pair.next(), pair.next()) {
            (Some(key), Some(value)) => (Some(key), Some(value)),
            _ => (named("key"), named("value")),
        };
        if let (Some(key), Some(value)) = (key.and_then(Value::as_str), value) {
            visit(key, value);
        }
    }
}

/// Calls `visit` with `unmapped`, or the request in it, if it is text: JSON, or a printed map.
fn each_unmapped_text<'v>(document: Value<'v>, visit: &mut dyn FnMut(&'v str)) {
    for path in ["unmapped", "unmapped.requestParameters"] {
        each_at(document, path, &mut |value| {
            let text = value.as_str();
            let text = text.filter(|text| path != "unmapped" || text.contains(UNMAPPED_REQUEST));
            text.into_iter().for_each(&mut *visit);
        });
    }
}

/// Returns what a document says about its request.
pub(crate) fn said(document: Value<'_>) -> Said {
    let mut said = Said::Nothing;
    each_at(document, REQUEST, &mut |data| {
        said = said.max(match data.as_str() {
            Some(text) if is_nothing(text) => Said::Nothing,
            Some(text) if object_text::is_whole(text) => Said::Whole,
            Some(_) => Said::Part,
            None if data.is_hollow() => Said::Nothing,
            None => Said::Whole,
        });
    });
    // In early versions this is the whole request.
    each_unmapped(document, &mut |_, value| {
        if !value.is_empty() {
            said = said.max(Said::Whole);
        }
    });
    each_unmapped_text(document, &mut |text| {
        said = said.max(match object_text::is_whole(text) {
            true => Said::Whole,
            false => Said::Part,
        });
    });
    said
}

/// Returns true if the request is text that was cut off, or that cannot be read.
pub(crate) fn has_cut_request(document: Value<'_>) -> bool {
    let mut is_cut = false;
    each_at(document, REQUEST, &mut |data| {
        let text = data.as_str().filter(|text| !is_nothing(text));
        is_cut |= text.is_some_and(object_text::is_cut);
    });
    each_unmapped_text(document, &mut |text| is_cut |= object_text::is_cut(text));
    is_cut
}

/// Calls `visit` with the fields that no document has, the field for the record that it was built from, and the names
/// in `unmapped` that are not fields of a record, or that have a piece of another record.
pub(crate) fn each_foreign<'v>(document: Value<'v>, visit: &mut dyn FnMut(&'v str, Value<'v>)) {
    for (name, value) in document.members() {
        let own = name.split('.').next().unwrap_or(name);
        let unmapped = name.strip_prefix("unmapped.");
        if !OWN_FIELDS.contains(&own) || unmapped.is_some_and(is_foreign) {
            visit(name, value);
        }
    }
    each_at(document, "unmapped", &mut |unmapped| {
        each_entry(unmapped, &mut |name, value| {
            if is_foreign(name) || is_piece(name, value) {
                visit(name, value);
            }
        });
    });
    each_under(document, "api.request", &mut |name, value| {
        let own = name.split('.').next().unwrap_or(name);
        if !REQUEST_FIELDS.contains(&own) {
            visit(name, value);
        }
    });
}

/// Returns true if a name in `unmapped`, which may be a path, is not a field of a record, or belongs to a request
/// that is not read.
fn is_foreign(name: &str) -> bool {
    !is_own_field(name) || is_unread_request(name)
}

/// Returns true if a name in `unmapped` begins like those of the request, but is not one that is read.
fn is_unread_request(name: &str) -> bool {
    let is_read = |rest: &str| rest.is_empty() || rest.starts_with('.');
    let is_own = name.strip_prefix(UNMAPPED_REQUEST).is_some_and(is_read);
    !is_own && after_field(name, UNMAPPED_REQUEST).is_some()
}

/// ECS fields, each with the fields that it is copied from. The first one that has a value counts.
const COPIED: [(&str, &[&str]); 26] = [
    (
        "aws.cloudtrail.session_credential_from_console",
        &["unmapped.sessionCredentialFromConsole"],
    ),
    ("aws.cloudtrail.response_elements", &["api.response.data"]),
    ("aws.cloudtrail.read_only", &["unmapped.readOnly"]),
    ("event.action", &["api.operation"]),
    ("event.provider", &["api.service.name"]),
    ("event.id", &["metadata.uid"]),
    ("@timestamp", &["time_dt", "time"]),
    ("user.name", &["actor.user.name"]),
    (
        "source.address",
        &["src_endpoint.ip", "src_endpoint.domain"],
    ),
    ("user_agent.original", &["http_request.user_agent"]),
    ("cloud.region", &["cloud.region"]),
    ("aws.cloudtrail.error_code", &["api.response.error"]),
    (
        "aws.cloudtrail.error_message",
        &["api.response.message", "api.response.error_message"],
    ),
    (
        "aws.cloudtrail.event_version",
        &["metadata.product.version"],
    ),
    ("aws.cloudtrail.event_type", &["metadata.event_code"]),
    ("aws.cloudtrail.request_id", &["api.request.uid"]),
    ("aws.cloudtrail.api_version", &["api.version"]),
    (
        "aws.cloudtrail.shared_event_id",
        &["unmapped.sharedEventID"],
    ),
    ("aws.cloudtrail.user_identity.type", &["actor.user.type"]),
    (
        "aws.cloudtrail.user_identity.access_key_id",
        &["actor.user.credential_uid", "actor.session.credential_uid"],
    ),
    (
        "aws.cloudtrail.user_identity.invoked_by",
        &["actor.invoked_by"],
    ),
    (
        "aws.cloudtrail.user_identity.account_id",
        &["actor.user.account.uid", "actor.user.account_uid"],
    ),
    (
        "aws.cloudtrail.user_identity.session_context.creation_date",
        &[
            "actor.session.created_time_dt",
            "actor.session.created_time",
        ],
    ),
    (
        "aws.cloudtrail.user_identity.session_context.mfa_authenticated",
        &["actor.session.is_mfa", "actor.session.mfa"],
    ),
    (
        "aws.cloudtrail.user_identity.session_context.session_issuer.arn",
        &["actor.session.issuer"],
    ),
    ("aws.cloudtrail.vpc_endpoint_id", &["src_endpoint.uid"]),
];

/// The fields of the actor's names. Each version has the ARN in a different one of them.
const ACTOR_NAMES: [&str; 3] = ["actor.user.uid", "actor.user.uuid", "actor.user.uid_alt"];

/// The fields of the account that received the event.
const RECIPIENTS: [&str; 3] = [
    "unmapped.recipientAccountId",
    "cloud.account.uid",
    "cloud.account_uid",
];

/// Calls `visit` with each value of an ECS field.
pub(crate) fn each_value(document: Value<'_>, field: &str, visit: &mut dyn FnMut(Scalar<'_>)) {
    let mut copy = |paths: &[&str]| {
        paths.iter().any(|path| {
            let mut is_found = false;
            each_at(document, path, &mut |value| {
                let is_nothing = value.as_str().is_some_and(is_nothing);
                if let Some(scalar) = value.scalar().filter(|_| !is_nothing) {
                    visit(scalar);
                    is_found = true;
                }
            });
            is_found
        })
    };
    if let Some((_, paths)) = COPIED.iter().find(|(name, _)| *name == field) {
        copy(paths);
        return;
    }
    match field {
        "event.dataset" | "data_stream.dataset" => visit(text("aws.cloudtrail")),
        "event.kind" => visit(text("event")),
        "event.category" => {
            let action = first_text(document, "api.operation").unwrap_or_default();
            let category = kind_of(action).category();
            category
                .into_iter()
                .for_each(|category| visit(text(category)));
        }
        "event.type" => {
            let action = first_text(document, "api.operation").unwrap_or_default();
            kind_of(action).types().for_each(|name| visit(text(name)));
        }
        "event.outcome" => outcomes(document, visit),
        "source.ip" => {
            let address = first_text(document, "src_endpoint.ip");
            let is_ip = |address: &&str| address.parse::<std::net::IpAddr>().is_ok();
            address
                .filter(is_ip)
                .into_iter()
                .for_each(|a| visit(text(a)));
        }
        "user.id" | "aws.cloudtrail.user_identity.arn" => {
            let wants_arn = field != "user.id";
            let names = ACTOR_NAMES
                .iter()
                .filter_map(|path| first_text(document, path));
            let mut wanted = names.filter(|name| name.starts_with("arn:") == wants_arn);
            wanted.next().into_iter().for_each(|name| visit(text(name)));
        }
        // The mapping also writes the names of roles there.
        "user.target.name" => {
            let is_of_role =
                first_text(document, "api.operation").is_some_and(|a| a.contains("Role"));
            if !is_of_role {
                copy(&["user.name"]);
            }
        }
        "cloud.account.id" => {
            let _ =
                copy(&["actor.user.account.uid", "actor.user.account_uid"]) || copy(&RECIPIENTS);
        }
        "aws.cloudtrail.recipient_account_id" => _ = copy(&RECIPIENTS),
        "aws.cloudtrail.request_parameters" => requests(document, visit),
        _ => leaves(document, field, visit),
    }
}

/// Calls `visit` with the leaves of the request or the response at a path.
fn leaves(document: Value<'_>, field: &str, visit: &mut dyn FnMut(Scalar<'_>)) {
    let (object, path) = match flattened(field) {
        Some(("requestParameters", path)) => (REQUEST, path),
        Some(("responseElements", path)) => ("api.response.data", path),
        _ => return,
    };
    let mut is_found = false;
    each_at(document, object, &mut |data| {
        with_object(data, &mut |object| {
            each_leaf(object, Some(path), &mut |leaf| {
                is_found = true;
                visit(Scalar::Text(leaf));
            });
        });
    });
    let unmapped = || match object {
        REQUEST => request_parameter(document, path),
        _ => response_element(document, path).map(Cow::Owned),
    };
    if !is_found && let Some(value) = unmapped() {
        visit(Scalar::Text(value));
    }
}

fn text(text: &str) -> Scalar<'_> {
    Scalar::Text(Cow::Borrowed(text))
}

/// Calls `visit` with the outcome. It does not do so if the outcome is open: the field of the error has something that is no
/// error, and no status says that the call failed.
fn outcomes(document: Value<'_>, visit: &mut dyn FnMut(Scalar<'_>)) {
    let mut is_failure =
        first_text(document, "status").is_some_and(|status| status.eq_ignore_ascii_case("failure"));
    let mut is_open = false;
    for path in ["api.response.error", "api.response.message"] {
        each_at(document, path, &mut |value| {
            if value.is_hollow() || value.as_str().is_some_and(says_nothing) {
                return;
            }
            match leaves_outcome_open(value, &is_nothing) {
                true => is_open = true,
                false => is_failure = true,
            }
        });
    }
    each_at(document, "status_id", &mut |id| {
        is_failure |= match id.scalar() {
            Some(Scalar::Integer(n)) => n == 2,
            Some(Scalar::Float(n)) => n == 2.0,
            Some(Scalar::Text(text)) => text == "2",
            _ => false,
        };
    });
    match (is_failure, is_open) {
        (true, _) => visit(text("failure")),
        (false, true) => {}
        (false, false) => visit(text("success")),
    }
}

/// Calls `visit` with each text of the request: as stored, with its own escapes decoded, and the part in `unmapped`.
fn requests(document: Value<'_>, visit: &mut dyn FnMut(Scalar<'_>)) {
    let unescaped = |text: &str, visit: &mut dyn FnMut(Scalar<'_>)| {
        if let Some(text) = object_text::unescaped(text) {
            visit(Scalar::Text(text.into()));
        }
    };
    each_at(document, REQUEST, &mut |data| {
        if !data.is_empty() {
            visit(Scalar::Text(java_map::print(data)));
        }
        if let Some(text) = data.as_str() {
            unescaped(text, visit);
        }
    });
    each_unmapped_text(document, &mut |text| {
        visit(Scalar::Text(text.into()));
        unescaped(text, visit);
    });
    let mut printed = String::new();
    each_unmapped(document, &mut |name, value| {
        let separator = if printed.is_empty() { "{" } else { ", " };
        // Writing to a String cannot fail.
        write!(printed, "{separator}{name}={}", java_map::print(value))
            .expect("a String takes all");
    });
    if !printed.is_empty() {
        printed.push('}');
        visit(Scalar::Text(printed.into()));
    }
}

/// Returns a parameter of the request by name.
pub(crate) fn request_parameter<'v>(document: Value<'v>, name: &str) -> Option<Cow<'v, str>> {
    let mut found = None;
    each_unmapped(document, &mut |key, value| {
        let text = value.as_str().filter(|_| key == name);
        found = found.take().or(text.map(Cow::Borrowed));
    });
    each_unmapped_text(document, &mut |text| {
        let at = || object_text::at(text, &format!("{UNMAPPED_REQUEST}.{name}"));
        let at = || object_text::at(text, name).or_else(at).map(Cow::Owned);
        found = found.take().or_else(at);
    });
    found.or_else(|| {
        let data = first_text(document, REQUEST)?;
        object_text::at(data, name).map(Cow::Owned)
    })
}

/// Returns a part of the response by its path.
pub(crate) fn response_element(document: Value<'_>, path: &str) -> Option<String> {
    let mut found = None;
    each_at(document, "unmapped", &mut |unmapped| {
        each_entry(unmapped, &mut |key, value| {
            let name = key.strip_prefix("responseElements.");
            let text = value.as_str().filter(|_| name == Some(path));
            found = found.take().or(text.map(str::to_owned));
        });
    });
    found.or_else(|| object_text::at(first_text(document, "api.response.data")?, path))
}

/// Returns the path of `literal` in the request.
pub(crate) fn locate_in_request(document: Value<'_>, literal: &str) -> Option<String> {
    let mut found = None;
    each_unmapped(document, &mut |name, value| {
        let locate = || value.locate_named(name, literal, UNMAPPED_REQUEST);
        found = found.take().or_else(locate);
    });
    each_unmapped_text(document, &mut |text| {
        let locate = || object_text::locate(text, literal, UNMAPPED_REQUEST);
        found = found.take().or_else(locate);
    });
    found.or_else(|| {
        let data = first_text(document, REQUEST)?;
        object_text::locate(data, literal, UNMAPPED_REQUEST)
    })
}
