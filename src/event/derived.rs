//! The ECS fields of a record, as Elastic's `aws` package derives them from CloudTrail's.
//!
//! Source: Elastic's CloudTrail ingest pipeline (package `aws` 5), checked in the tests against its own fixtures.

use std::borrow::Cow;

use super::Scalar;
use super::categories::kind_of;
use super::exports::{each_moved, is_absent, is_open_error, leaves_outcome_open, scalar};
use super::fields::{Origin, flattened, origin};
use super::flattened::each_leaf;
use super::java_map::{self, is_dropped, is_dropped_text, print};
use super::json::Value;
use super::names::is_field;
use super::object_text::{self, with_object};
use super::plain::FieldPath;
use super::record::{REQUEST, Record, first_of_path, get, spread};

/// Calls `visit` with each value at a path of fields, including duplicates at each step.
fn each_at<'v>(record: &Record<'v>, path: &str, visit: &mut dyn FnMut(Value<'v>)) {
    fn below<'v>(object: Value<'v>, path: &str, visit: &mut dyn FnMut(Value<'v>)) {
        match first_of_path(path) {
            None => get(object, path).for_each(visit),
            Some((field, rest)) => {
                get(object, field).for_each(|value| below(value, rest, &mut *visit));
            }
        }
    }
    match first_of_path(path) {
        None => record.get(path).for_each(visit),
        Some((field, rest)) => {
            record
                .get(field)
                .for_each(|value| below(value, rest, &mut *visit));
        }
    }
}

const ACCOUNT: FieldPath = FieldPath::new("recipientAccountId");
const ACCOUNT_OF_CALLER: FieldPath = FieldPath::new("userIdentity.accountId");
const ISSUER: FieldPath = FieldPath::new("userIdentity.sessionContext.sessionIssuer.userName");
const LOGIN: FieldPath = FieldPath::new("responseElements.ConsoleLogin");
const LOGIN_TO: FieldPath = FieldPath::new("additionalEventData.LoginTo");
const NAME_IN_DATA: FieldPath = FieldPath::new("additionalEventData.UserName");
const NAME_OF_CALLER: FieldPath = FieldPath::new("userIdentity.userName");
const ON_BEHALF_OF: FieldPath = FieldPath::new("userIdentity.onBehalfOf.userId");
const PRINCIPAL: FieldPath = FieldPath::new("userIdentity.principalId");
const TYPE_OF_CALLER: FieldPath = FieldPath::new("userIdentity.type");

/// Receives the values of a field.
type Visit<'v> = &'v mut dyn FnMut(Scalar<'_>);

/// Calls `visit` with each value of an ECS field. `is_row` is true if the record is a row of a table.
pub(crate) fn each_value(record: &Record<'_>, is_row: bool, field: &str, visit: Visit<'_>) {
    if let Some(origin) = origin(field) {
        each_of(record, is_row, origin, visit);
    } else if let Some((object, path)) = flattened(field) {
        flattened_leaves(record, is_row, object, Some(path), visit);
    }
}

/// Calls `visit` with each value that comes from `origin`.
pub(super) fn each_of(record: &Record<'_>, is_row: bool, origin: Origin, visit: Visit<'_>) {
    match origin {
        Origin::Constant(value) => visit(text(value)),
        Origin::Copied(path) => {
            copy(record, is_row, path, visit);
        }
        Origin::Printed(object) => printed(record, object, visit),
        Origin::Leaves(object) => flattened_leaves(record, is_row, object, None, visit),
        Origin::Resource(field) => resources(record, is_row, field, visit),
        Origin::LoginFlag(field) => login_flag(record, field, visit),
        Origin::LoginTo => {
            if is_action(record, "ConsoleLogin") {
                copy(record, is_row, LOGIN_TO, visit);
            }
        }
        Origin::Account => {
            let _ = copy(record, is_row, ACCOUNT_OF_CALLER, visit)
                || copy(record, is_row, ACCOUNT, visit);
        }
        Origin::Address => {
            for address in record.get("sourceIPAddress").filter_map(Value::as_str) {
                if address.parse::<std::net::IpAddr>().is_ok() {
                    visit(text(address));
                }
            }
        }
        Origin::Category => {
            let categories = actions(record).filter_map(|action| kind_of(action).category());
            categories.for_each(|category| visit(text(category)));
        }
        Origin::Kind => {
            for action in actions(record) {
                kind_of(action).types().for_each(|name| visit(text(name)));
            }
        }
        Origin::Outcome => outcomes(record, is_row, visit),
        Origin::Related => related(record, is_row, visit),
        Origin::Target => targets(record, is_row, visit),
        Origin::UserId => {
            let _ = copy(record, is_row, PRINCIPAL, visit)
                || is_user(record, is_row, &["IdentityCenterUser"])
                    && copy(record, is_row, ON_BEHALF_OF, visit);
        }
        Origin::UserName => user_name(record, is_row, visit),
    }
}

/// Calls `visit` with each value at a path, or with those of an array. Returns true if there is one.
fn copy(record: &Record<'_>, is_row: bool, path: FieldPath, visit: Visit<'_>) -> bool {
    let plain = record.plain(path).filter(|_| !is_row);
    match plain.map(|value| value.map(Value::as_str)) {
        Some(None) => return false,
        Some(Some(Some(plain))) if !is_dropped_text(plain) => {
            visit(text(plain));
            return true;
        }
        _ => {}
    }
    let is_flag = is_row && path.is_flag();
    let path = path.text();
    let visit: Visit<'_> = &mut |value| visit(if is_flag { as_flag(value) } else { value });
    let mut is_copied = false;
    each_at(record, path, &mut |value| {
        each_scalar(record, is_row, value, &mut |value| {
            is_copied = true;
            visit(value);
        });
    });
    is_copied || each_moved(record, is_row, path, visit)
}

/// Returns a flag in a table as AWS writes it. Programs print `True` and `TRUE`.
fn as_flag(value: Scalar<'_>) -> Scalar<'_> {
    let is = |flag: &str| matches!(&value, Scalar::Text(text) if text.eq_ignore_ascii_case(flag));
    match (is("true"), is("false")) {
        (true, _) => text("true"),
        (_, true) => text("false"),
        _ => value,
    }
}

fn each_scalar(record: &Record<'_>, is_row: bool, value: Value<'_>, visit: Visit<'_>) {
    match value.is_array() {
        true => value
            .elements()
            .for_each(|one| each_scalar(record, is_row, one, visit)),
        false => scalar(record, is_row, value).into_iter().for_each(visit),
    }
}

fn text(text: &str) -> Scalar<'_> {
    Scalar::Text(Cow::Borrowed(text))
}

fn actions<'v>(record: &Record<'v>) -> impl Iterator<Item = &'v str> {
    record.get("eventName").filter_map(Value::as_str)
}

fn is_action(record: &Record<'_>, action: &str) -> bool {
    actions(record).any(|name| name == action)
}

/// Returns true if the caller is of one of these types.
fn is_user(record: &Record<'_>, is_row: bool, types: &[&str]) -> bool {
    let mut is_one = false;
    copy(record, is_row, TYPE_OF_CALLER, &mut |value| {
        is_one |= matches!(&value, Scalar::Text(text) if types.contains(&&**text));
    });
    is_one
}

/// Calls `visit` with the name of the caller. Of a session it is that of what issued it.
fn user_name(record: &Record<'_>, is_row: bool, visit: Visit<'_>) {
    let mut copy = |path| copy(record, is_row, path, visit);
    let is_session = is_user(record, is_row, &["AssumedRole", "FederatedUser"]);
    let _ = is_session && copy(ISSUER)
        || copy(NAME_OF_CALLER)
        || is_action(record, "UserAuthentication") && copy(NAME_IN_DATA);
}

/// The beginnings of ids that the pipeline takes for hosts, services, and for what has an ARN.
const IDS_OF_OTHERS: [&str; 17] = [
    "arn:", "i-", "vol-", "snap-", "ami-", "sg-", "sgr-", "eni-", "vpc-", "subnet-", "acl-",
    "rtb-", "igw-", "nat-", "vpce-", "tgw-", "pcx-",
];

/// Calls `visit` with what a call of IAM is about, if that is no ARN, access key or the like. Elastic's pipeline does it
/// with its option `actor_target_mapping`; here it is for the calls that rules ask for.
fn targets(record: &Record<'_>, is_row: bool, visit: Visit<'_>) {
    for path in target_paths(record) {
        copy(record, is_row, path, &mut |value| {
            if let Scalar::Text(name) = &value
                && !IDS_OF_OTHERS
                    .iter()
                    .any(|beginning| name.starts_with(beginning))
                && !(name.len() == 20 && name.starts_with("AKIA"))
            {
                visit(value);
            }
        });
    }
}

/// Returns where calls of IAM name what they are about, except by an ARN.
fn target_paths<'v>(record: &Record<'v>) -> impl Iterator<Item = FieldPath> {
    const GROUP: FieldPath = FieldPath::new("requestParameters.groupName");
    const ROLE: FieldPath = FieldPath::new("requestParameters.roleName");
    const USER: FieldPath = FieldPath::new("requestParameters.userName");
    let actions = actions(record).filter(|_| is_of_iam(record));
    let path = |action| match action {
        "AttachGroupPolicy" => Some(GROUP),
        "AttachRolePolicy" | "ListAttachedRolePolicies" | "UpdateAssumeRolePolicy" => Some(ROLE),
        "AttachUserPolicy" | "CreateUser" | "DeactivateMFADevice" => Some(USER),
        _ => None,
    };
    actions.filter_map(path)
}

fn is_of_iam(record: &Record<'_>) -> bool {
    let mut sources = record.get("eventSource").filter_map(Value::as_str);
    sources.any(|source| source == "iam.amazonaws.com")
}

/// Where a call names who makes it.
const PATHS_OF_CALLERS: [FieldPath; 5] = FieldPath::all([
    "userIdentity.accessKeyId",
    "userIdentity.arn",
    "userIdentity.userName",
    "userIdentity.sessionContext.sessionIssuer.arn",
    "userIdentity.sessionContext.sessionIssuer.userName",
]);

/// Where a call of IAM names whom and what it touches.
const PATHS_OF_IAM: [FieldPath; 14] = FieldPath::all([
    "requestParameters.userName",
    "requestParameters.serialNumber",
    "requestParameters.accessKeyId",
    "requestParameters.policyArn",
    "requestParameters.roleName",
    "requestParameters.policyName",
    "responseElements.accessKey.userName",
    "responseElements.accessKey.accessKeyId",
    "responseElements.user.arn",
    "responseElements.user.userId",
    "responseElements.user.userName",
    "responseElements.userId",
    "responseElements.role.arn",
    "responseElements.serialNumber",
]);

/// Calls `visit` with whom and what a call names. It is by the same option, and of services IAM alone is known.
fn related(record: &Record<'_>, is_row: bool, visit: Visit<'_>) {
    let of_iam = PATHS_OF_IAM.into_iter().filter(|_| is_of_iam(record));
    for path in PATHS_OF_CALLERS.into_iter().chain(of_iam) {
        copy(record, is_row, path, visit);
    }
    let is_done = |path: &FieldPath| PATHS_OF_IAM.iter().any(|one| one.text() == path.text());
    for path in target_paths(record).filter(|path| !is_done(path)) {
        copy(record, is_row, path, visit);
    }
    resources(record, is_row, "ARN", visit);
}

/// Calls `visit` with a field of each resource. The list, or each resource in it, may be stored as text.
fn resources(record: &Record<'_>, is_row: bool, field: &str, visit: Visit<'_>) {
    for list in record.get("resources") {
        with_object(list, &mut |list| {
            for resource in list.elements() {
                with_object(resource, &mut |resource| {
                    for value in get(resource, field) {
                        each_scalar(record, is_row, value, visit);
                    }
                });
            }
            // As Java and Presto print a list.
            let printed = list.as_str().into_iter().flat_map(java_map::elements);
            for (name, value) in printed.flat_map(java_map::entries) {
                if is_field(name, field) && !is_dropped_text(value) {
                    visit(text(value));
                }
            }
        });
    }
}

/// Calls `visit` with whether a fact about a sign-in is anything but "No".
fn login_flag(record: &Record<'_>, field: &str, visit: Visit<'_>) {
    if !is_action(record, "ConsoleLogin") {
        return;
    }
    for data in record.get("additionalEventData") {
        with_object(data, &mut |data| {
            for value in get(data, field).filter(|value| !is_dropped(*value)) {
                visit(Scalar::Boolean(value.as_str() != Some("No")));
            }
        });
    }
}

/// Calls `visit` with the leaves of an object, or those at a path in it.
fn flattened_leaves(
    record: &Record<'_>,
    is_row: bool,
    object: &str,
    path: Option<&str>,
    visit: Visit<'_>,
) {
    let mut is_found = false;
    for value in record.get(object) {
        with_object(value, &mut |value| {
            each_leaf(value, path, &mut |text| {
                is_found = true;
                visit(Scalar::Text(text));
            });
        });
    }
    match path {
        Some(path) if !is_found => {
            each_moved(record, is_row, &format!("{object}.{path}"), visit);
        }
        Some(_) => {}
        None => spread(record, object).for_each(|(_, value)| {
            each_scalar(record, is_row, value, visit);
        }),
    }
}

/// Calls `visit` with `event.outcome`, once for each outcome that some reading of the record gives.
///
/// Empty values are dropped first. Then it is a failure if `errorCode` or `errorMessage` is still present. The texts `-`
/// and `none`, which Elastic's pipeline drops too, are errors here, since AWS writes no such texts by itself. There is no
/// outcome if only damage is present, since an empty text may have been damaged, or an error; nor if an export says that
/// there was no error, or has something there that is no error.
fn outcomes(record: &Record<'_>, is_row: bool, visit: Visit<'_>) {
    let mut is_found = false;
    if is_action(record, "ConsoleLogin") {
        copy(record, is_row, LOGIN, &mut |value| {
            if let Scalar::Text(outcome) = value {
                is_found = true;
                visit(Scalar::Text(outcome.to_lowercase().into()));
            }
        });
    }
    if is_found {
        return;
    }
    let (mut can_succeed, mut can_fail) = (true, false);
    // JSON's word may be printed as text, and is no error code.
    let is_absent = |text: &str| text == "null" || is_absent(record, is_row, text);
    let is_said = |value: Value<'_>| !value.is_hollow() && !value.as_str().is_some_and(is_absent);
    let is_open = |value: Value<'_>| match value.as_str() {
        Some(text) => is_open_error(record, is_row, text),
        None => leaves_outcome_open(value, &is_absent),
    };
    for field in ["errorCode", "errorMessage"] {
        for (name, value) in record.named(field) {
            can_fail |= is_said(value) && !is_open(value);
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

/// Calls `visit` with an object of the record as Elastic prints it. A text that is no object (Athena and Glue print it
/// in other ways) is given as it is, and also with its own escapes decoded.
fn printed(record: &Record<'_>, field: &str, visit: Visit<'_>) {
    for value in record.get(field).filter(|value| !is_dropped(*value)) {
        let is_object = |value: Value<'_>| value.as_str().is_none();
        with_object(value, &mut |value| {
            if is_object(value) && !is_dropped(value) {
                visit(Scalar::Text(print(value)));
            } else if let Some(printed) = value.as_str() {
                let printed = object_text::first_object(printed);
                visit(text(printed));
                let unescaped = object_text::unescaped(printed);
                unescaped
                    .into_iter()
                    .for_each(|one| visit(Scalar::Text(one.into())));
            }
        });
    }
    for (name, value) in spread(record, field).filter(|_| field == REQUEST) {
        let value = print(value);
        visit(Scalar::Text(format!("{{{name}={value}}}").into()));
    }
}

#[cfg(test)]
mod tests {
    use crate::scan::each_event;

    #[test]
    fn a_call_of_iam_has_a_target() {
        let check = |source: &str, action: &str, request: &str, expected: &[&str]| {
            let record = format!(
                r#"{{"eventSource":"{source}.amazonaws.com","eventName":"{action}","requestParameters":{{{request}}}}}"#
            );
            let mut found = Vec::new();
            assert!(each_event(record.as_bytes(), &mut |event| {
                found = event.texts("entity.target.id");
            }));
            assert_eq!(found, expected, "{record}");
        };
        let both = r#""roleName":"deploy","userName":"alice""#;
        check("iam", "UpdateAssumeRolePolicy", both, &["deploy"]);
        check("iam", "CreateUser", both, &["alice"]);
        check("iam", "AttachUserPolicy", both, &["alice"]);
        check("iam", "AttachGroupPolicy", both, &[]);
        check("iam", "DeleteUser", both, &[]);
        check("sts", "CreateUser", both, &[]);
        check(
            "iam",
            "CreateUser",
            r#""userName":"AKIAIOSFODNN7EXAMPLE""#,
            &[],
        );
        check("iam", "AttachRolePolicy", r#""roleName":"i-1""#, &[]);
    }

    #[test]
    fn resources_are_found_in_each_form_of_their_list() {
        for list in [
            r#"[{"ARN":"arn:a","type":"T"},{"ARN":"arn:b"}]"#,
            r#""[{\"ARN\": \"arn:a\"}, {\"ARN\": \"arn:b\"}]""#,
            r#"["{\"ARN\":\"arn:a\"}","{\"ARN\":\"arn:b\"}"]"#,
            r#""[{arn=arn:a, accountid=1}, {arn=arn:b, accountid=null}]""#,
        ] {
            let record =
                format!(r#"{{"eventName":"PutObject","eventVersion":"1.09","resources":{list}}}"#);
            let mut found = Vec::new();
            assert!(each_event(record.as_bytes(), &mut |event| {
                found = event.texts("aws.cloudtrail.resources.arn");
            }));
            assert_eq!(found, ["arn:a", "arn:b"], "{list}");
        }
    }

    #[test]
    fn a_call_names_its_caller_and_what_it_touches() {
        let record = r#"{"eventSource":"iam.amazonaws.com","eventName":"AttachGroupPolicy",
            "userIdentity":{"userName":"alice","sessionContext":{"sessionIssuer":{"arn":"arn:issuer"}}},
            "requestParameters":{"policyArn":"arn:policy","groupName":"admins","other":"no"},
            "responseElements":{"user":{"userId":"AIDA1"}},"resources":[{"ARN":"arn:resource"}]}"#;
        let found = |record: &str| {
            let mut found = Vec::new();
            assert!(each_event(record.as_bytes(), &mut |event| {
                found = event.texts("related.entity");
            }));
            found.sort();
            found.join(" ")
        };
        assert_eq!(
            found(record),
            "AIDA1 admins alice arn:issuer arn:policy arn:resource"
        );
        let other = record.replace("iam.", "s3.");
        assert_eq!(found(&other), "alice arn:issuer arn:resource");
    }
}
