//! Invented events, and what CloudTrail, Elastic and Security Lake write of each.

use super::json::{Json, object, plain, text};
use super::random::Random;

pub(crate) const NEEDLE: &str = "AWSCompromisedKeyQuarantine";
pub(crate) const ACTION: &str = "AttachUserPolicy";

/// What the rule says of an event as it was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Match,
    /// A match but for the outcome.
    Failure,
    /// Another action, or another policy.
    NearMiss,
    Plain,
}

#[derive(Debug, Clone)]
pub(crate) struct Record {
    pub(crate) id: String,
    pub(crate) kind: Kind,
    pub(crate) action: &'static str,
    /// The request, as names and texts.
    pub(crate) request: Vec<(&'static str, String)>,
    pub(crate) error_code: Option<&'static str>,
    pub(crate) error_message: Option<&'static str>,
    /// What a writer puts where there is no error: nothing at all, null, or a text without letters.
    pub(crate) no_error: Option<Json>,
    pub(crate) time: String,
    pub(crate) agent: &'static str,
    pub(crate) user: String,
}

/// Some events. Ids say which file and which of the files beside it they were made for.
pub(crate) fn some(random: &mut Random, file: u64, part: usize) -> Vec<Record> {
    let is_long = random.chance(20);
    let n = 5 + random.below(if is_long { 36 } else { 12 });
    let ids = (0..n).map(|n| format!("{file:08x}-{part:04x}-4000-8000-{n:012x}"));
    let mut records: Vec<_> = ids.map(|id| record(random, id)).collect();
    // A file without a match shows nothing.
    if records.iter().all(|record| record.kind != Kind::Match) {
        let n = random.below(records.len());
        let id = records[n].id.clone();
        records[n] = of_kind(random, id, Kind::Match);
    }
    records
}

fn record(random: &mut Random, id: String) -> Record {
    let kind = match random.below(100) {
        0..28 => Kind::Match,
        28..36 => Kind::Failure,
        36..52 => Kind::NearMiss,
        _ => Kind::Plain,
    };
    of_kind(random, id, kind)
}

fn of_kind(random: &mut Random, id: String, kind: Kind) -> Record {
    let user = (*random.pick(&["alice", "bob", "svc-build", "Zoë", "o'neil, \"x\""])).to_owned();
    let version = *random.pick(&["", "V2", "V3", "V4"]);
    let named = format!("arn:aws:iam::aws:policy/{NEEDLE}{version}");
    let other = "arn:aws:iam::aws:policy/ReadOnlyAccess".to_owned();
    let (action, request) = match kind {
        Kind::Match if random.chance(5) => (
            ACTION,
            vec![
                ("userName", format!("{NEEDLE}-{user}")),
                ("policyArn", other),
            ],
        ),
        Kind::Match | Kind::Failure => (
            ACTION,
            vec![("userName", user.clone()), ("policyArn", named)],
        ),
        Kind::NearMiss if random.chance(40) => (
            ACTION,
            vec![("policyArn", other), ("userName", user.clone())],
        ),
        Kind::NearMiss => {
            let actions = ["AttachRolePolicy", "DetachUserPolicy", "GetPolicy"];
            (*random.pick(&actions), vec![("policyArn", named)])
        }
        Kind::Plain => random
            .pick(&[
                ("ListUsers", Vec::new()),
                ("CreateUser", vec![("userName", user.clone())]),
                (
                    "GetObject",
                    vec![
                        ("bucketName", "example-bucket".to_owned()),
                        ("key", "a,b;\t{\"c\":[1]}".to_owned()),
                    ],
                ),
            ])
            .clone(),
    };
    let fails = kind == Kind::Failure || kind == Kind::Plain && random.chance(10);
    let (error_code, error_message) = match random.below(3) {
        _ if !fails => (None, None),
        0 => (Some("AccessDenied"), None),
        1 => (None, Some("AccessDenied: no, \"never\"")),
        _ => (Some("AccessDenied"), Some("AccessDenied, as ever")),
    };
    let no_error = [None, None, None, Some(plain("null")), Some(text(""))];
    Record {
        id,
        kind,
        action,
        request,
        error_code,
        error_message,
        no_error: random.pick(&no_error).clone(),
        time: format!(
            "2024-05-{:02}T12:{:02}:07Z",
            1 + random.below(28),
            random.below(60)
        ),
        agent: random.pick::<&str>(&[
            "aws-internal/3",
            "Boto3/1.28 (x, \"y\"; z)",
            "console.amazonaws.com",
        ]),
        user,
    }
}

impl Record {
    pub(crate) fn request_json(&self) -> Json {
        if self.request.is_empty() {
            return plain("null");
        }
        let members = self.request.iter();
        Json::Object(
            members
                .map(|(name, value)| ((*name).to_owned(), text(value)))
                .collect(),
        )
    }

    /// The request as Java prints a map: what Athena's older tables and Elastic hold.
    pub(crate) fn request_map(&self) -> String {
        let members = self.request.iter();
        let members: Vec<_> = members
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        format!("{{{}}}", members.join(", "))
    }

    /// Whether the call failed.
    pub(crate) fn is_failure(&self) -> bool {
        self.error_code.is_some() || self.error_message.is_some()
    }

    fn identity(&self) -> Json {
        object([
            ("type", text("IAMUser")),
            ("principalId", text("AIDAEXAMPLE")),
            ("arn", text("arn:aws:iam::111122223333:user/ops")),
            ("accountId", text("111122223333")),
            ("accessKeyId", text("AKIAIOSFODNN7EXAMPLE")),
            ("userName", text(&self.user)),
        ])
    }

    /// The record as AWS delivers it.
    pub(crate) fn cloudtrail(&self) -> Json {
        let mut members = vec![
            ("eventVersion", text("1.09")),
            ("userIdentity", self.identity()),
            ("eventTime", text(&self.time)),
            ("eventSource", text("iam.amazonaws.com")),
            ("eventName", text(self.action)),
            ("awsRegion", text("us-east-1")),
            ("sourceIPAddress", text("203.0.113.7")),
            ("userAgent", text(self.agent)),
        ];
        let errors = [
            ("errorCode", self.error_code),
            ("errorMessage", self.error_message),
        ];
        for (name, error) in errors {
            let value = error.map(text).or_else(|| self.no_error.clone());
            members.extend(value.map(|value| (name, value)));
        }
        members.extend([
            ("requestParameters", self.request_json()),
            ("responseElements", plain("null")),
            ("eventID", text(&self.id)),
            ("readOnly", plain("false")),
            ("eventType", text("AwsApiCall")),
            ("recipientAccountId", text("111122223333")),
        ]);
        let members = members.into_iter();
        Json::Object(
            members
                .map(|(name, value)| (name.to_owned(), value))
                .collect(),
        )
    }

    /// The document that Elastic makes of it, perhaps with the record beside it.
    pub(crate) fn ecs(&self, original: Option<String>, is_flattened: bool) -> Json {
        let outcome = if self.is_failure() {
            "failure"
        } else {
            "success"
        };
        let mut event = vec![
            ("dataset".to_owned(), text("aws.cloudtrail")),
            ("provider".to_owned(), text("iam.amazonaws.com")),
            ("action".to_owned(), text(self.action)),
            ("id".to_owned(), text(&self.id)),
            ("outcome".to_owned(), text(outcome)),
        ];
        event.extend(original.map(|original| ("original".to_owned(), text(original))));
        let mut trail = vec![
            ("event_version".to_owned(), text("1.09")),
            ("request_parameters".to_owned(), text(self.request_map())),
        ];
        if is_flattened {
            let flattened = object([("request_parameters", self.request_json())]);
            trail.push(("flattened".to_owned(), flattened));
        }
        let errors = [
            ("error_code", self.error_code),
            ("error_message", self.error_message),
        ];
        trail.extend(
            errors
                .into_iter()
                .filter_map(|(name, error)| error.map(|error| (name.to_owned(), text(error)))),
        );
        object([
            ("@timestamp", text(&self.time)),
            ("event", Json::Object(event)),
            ("aws", object([("cloudtrail", Json::Object(trail))])),
            ("user", object([("name", text(&self.user))])),
            ("source", object([("address", text("203.0.113.7"))])),
            ("user_agent", object([("original", text(self.agent))])),
        ])
    }

    /// The document that Security Lake makes of it: of its second version, or of its first.
    pub(crate) fn ocsf(&self, is_second: bool) -> Json {
        let data = self.request_json().write(super::json::Style::Compact);
        let code = self.error_code.or(self.error_message);
        let null = || plain("null");
        let mut api = vec![
            ("operation".to_owned(), text(self.action)),
            (
                "service".to_owned(),
                object([("name", text("iam.amazonaws.com"))]),
            ),
            (
                "response".to_owned(),
                object([("error", code.map_or_else(null, text)), ("message", null())]),
            ),
        ];
        let mut unmapped = vec![("recipientAccountId".to_owned(), text("111122223333"))];
        if is_second {
            let data = if self.request.is_empty() {
                null()
            } else {
                text(data)
            };
            api.push((
                "request".to_owned(),
                object([("data", data), ("uid", text("r"))]),
            ));
        } else {
            unmapped.extend(
                self.request
                    .iter()
                    .map(|(name, value)| (format!("requestParameters.{name}"), text(value))),
            );
        }
        let (status, status_id) = match self.is_failure() {
            true => ("Failure", "2"),
            false => ("Success", "1"),
        };
        let product = object([("name", text("CloudTrail")), ("vendor_name", text("AWS"))]);
        object([
            (
                "metadata",
                object([
                    ("product", product),
                    ("uid", text(&self.id)),
                    (
                        "version",
                        text(if is_second { "1.1.0" } else { "1.0.0-rc.2" }),
                    ),
                ]),
            ),
            ("time", plain("1714564800000")),
            ("class_uid", plain(if is_second { "6003" } else { "3005" })),
            ("cloud", object([("region", text("us-east-1"))])),
            ("api", Json::Object(api)),
            ("status", text(status)),
            ("status_id", plain(status_id)),
            ("unmapped", Json::Object(unmapped)),
        ])
    }
}

/// The same document with dots in the names in place of objects; lists stay as they are.
pub(crate) fn dotted(document: &Json) -> Json {
    fn walk(value: &Json, path: &str, out: &mut Vec<(String, Json)>) {
        match value {
            Json::Object(members) if !members.is_empty() => {
                for (name, value) in members {
                    let dot = if path.is_empty() { "" } else { "." };
                    walk(value, &format!("{path}{dot}{name}"), out);
                }
            }
            value => out.push((path.to_owned(), value.clone())),
        }
    }
    let mut out = Vec::new();
    walk(document, "", &mut out);
    Json::Object(out)
}

/// The same text with some letters of what is sought as JSON's escapes.
pub(crate) fn spelled(random: &mut Random, json: &str) -> String {
    [NEEDLE, ACTION, "eventName", "policyArn"]
        .iter()
        .fold(json.to_owned(), |json, word| {
            let mut escape = |c: char| match random.chance(20) {
                true => format!("\\u{:04x}", c as u32),
                false => c.to_string(),
            };
            let spelled: String = word.chars().map(&mut escape).collect();
            json.replace(word, &spelled)
        })
}
