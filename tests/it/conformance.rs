//! Are a record's fields what Elastic's own pipeline makes of it? Its fixtures say so: raw records, one a
//! line, beside the documents that came out. And what does Panther's rule for the same thing say?

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde_json::Value;
use trailsift::event::{Fields as _, Scalar};
use trailsift::rule::Rule;
use trailsift::scan::each_event;

use super::shared;

/// The fields that the rule asks for, and those that an alert shows beside them. `event.dataset` is none
/// of them: it is a constant of Elastic's index and stands in no document of `integrations`.
const FIELDS: [&str; 10] = [
    "event.action",
    "event.outcome",
    "event.id",
    "event.provider",
    "@timestamp",
    REQUEST,
    "user.name",
    "source.address",
    "cloud.account.id",
    "cloud.region",
];
const REQUEST: &str = "aws.cloudtrail.request_parameters";

/// The folders of fixtures, and how many records each holds.
const FIXTURES: [(&str, usize); 3] = [("beats", 41), ("integrations", 42), ("integrations-7.2", 1)];

/// A value that is not Elastic's.
struct Exception {
    file: &'static str,
    line: usize,
    field: &'static str,
    ours: &'static str,
    elastic: &'static str,
    /// Why that is as it should be.
    reason: &'static str,
}

/// All of them. Elastic's pipeline drops empty members from the object before it is printed, and so do we; the Beats
/// print them as `key=`. What the rule looks for cannot stand in an empty value, so no answer depends on it.
const EXCEPTIONS: [Exception; 2] = [
    Exception {
        file: "beats/create-trail-json.log",
        line: 0,
        field: REQUEST,
        ours: "{isMultiRegionTrail=true, s3BucketName=TEST-cloudtrail-bucket, name=TEST-trail, \
               enableLogFileValidation=true, isOrganizationTrail=false, \
               includeGlobalServiceEvents=true}",
        elastic: "{isMultiRegionTrail=true, s3BucketName=TEST-cloudtrail-bucket, name=TEST-trail, \
                  enableLogFileValidation=true, kmsKeyId=, isOrganizationTrail=false, \
                  includeGlobalServiceEvents=true}",
        reason: "kmsKeyId is empty",
    },
    Exception {
        file: "beats/update-trail-json.log",
        line: 1,
        field: REQUEST,
        ours: "{isMultiRegionTrail=true, s3BucketName=test-cloudtrail-bucket, \
               name=arn:aws:cloudtrail:us-west-2:0123456789012:trail/TEST-trail, \
               enableLogFileValidation=false}",
        elastic: "{isMultiRegionTrail=true, s3BucketName=test-cloudtrail-bucket, snsTopicName=, \
                  name=arn:aws:cloudtrail:us-west-2:0123456789012:trail/TEST-trail, \
                  enableLogFileValidation=false, kmsKeyId=}",
        reason: "snsTopicName and kmsKeyId are empty",
    },
];

/// A raw record and what Elastic made of it.
struct Pair {
    file: String,
    line: usize,
    raw: Vec<u8>,
    /// Null if it was dropped.
    document: Value,
}

/// The values of [`FIELDS`] in one event.
type Fields = BTreeMap<&'static str, String>;

#[test]
fn fields_of_raw_records_are_what_elastic_makes_of_them() {
    let Some(folder) = shared::folder("conformance") else {
        return;
    };
    assert_alike(&pairs(&folder), |pair| {
        (
            elastic_fields(&pair.document).into_iter().collect(),
            events(&pair.raw),
        )
    });
}

#[test]
fn elastic_s_documents_read_as_input_give_the_fields_of_the_raw_records() {
    let Some(folder) = shared::folder("conformance") else {
        return;
    };
    assert_alike(&pairs(&folder), |pair| {
        (
            events(pair.document.to_string().as_bytes()),
            events(&pair.raw),
        )
    });
}

#[test]
fn elastic_s_documents_read_as_input_say_what_is_written_in_them() {
    let Some(folder) = shared::folder("conformance") else {
        return;
    };
    for pair in pairs(&folder) {
        let written: Vec<Fields> = elastic_fields(&pair.document).into_iter().collect();
        let read = events(pair.document.to_string().as_bytes());
        assert_eq!(read, written, "{}, line {}", pair.file, pair.line);
    }
}

/// Fields that rules ask for beside [`FIELDS`].
const RULE_FIELDS: [&str; 24] = [
    "event.category",
    "event.type",
    "user.id",
    "user.target.name",
    "source.ip",
    "user_agent.original",
    "tls.client.server_name",
    "aws.cloudtrail.error_code",
    "aws.cloudtrail.error_message",
    "aws.cloudtrail.recipient_account_id",
    "aws.cloudtrail.response_elements",
    "aws.cloudtrail.additional_eventdata",
    "aws.cloudtrail.service_event_details",
    "aws.cloudtrail.session_credential_from_console",
    "aws.cloudtrail.resources.arn",
    "aws.cloudtrail.resources.account_id",
    "aws.cloudtrail.resources.type",
    "aws.cloudtrail.console_login.additional_eventdata.mfa_used",
    "aws.cloudtrail.console_login.additional_eventdata.login_to",
    "aws.cloudtrail.user_identity.type",
    "aws.cloudtrail.user_identity.arn",
    "aws.cloudtrail.user_identity.access_key_id",
    "aws.cloudtrail.user_identity.invoked_by",
    "aws.cloudtrail.user_identity.session_context.session_issuer.arn",
];

/// The objects whose leaves are compared, each by its path.
const FLATTENED: [&str; 2] = [
    "aws.cloudtrail.flattened.request_parameters",
    "aws.cloudtrail.flattened.response_elements",
];

#[test]
fn fields_that_rules_ask_for_are_what_elastic_makes_of_them() {
    let Some(folder) = shared::folder("conformance") else {
        return;
    };
    let (mut n_values, mut differences) = (0, Vec::new());
    // The Beats are older.
    let pairs = pairs(&folder);
    let pairs = pairs.iter().filter(|pair| !pair.file.starts_with("beats/"));
    for pair in pairs.filter(|pair| at(&pair.document, "event.action").is_some()) {
        let mut fields: BTreeSet<String> = RULE_FIELDS.map(str::to_owned).into();
        for flattened in FLATTENED {
            if let Some(object) = at(&pair.document, flattened) {
                leaves(object, flattened, &mut fields);
            }
        }
        for field in &fields {
            let mut elastic = BTreeSet::new();
            all_at(&pair.document, field, &mut elastic);
            let mut ours = BTreeSet::new();
            assert!(each_event(&pair.raw, &mut |event| {
                event.each_value(field, &mut |value| {
                    ours.insert(match value {
                        Scalar::Text(text) => text.into_owned(),
                        Scalar::Integer(n) => n.to_string(),
                        Scalar::Float(n) => n.to_string(),
                        Scalar::Boolean(b) => b.to_string(),
                    });
                });
            }));
            n_values += elastic.len();
            if ours != elastic {
                let place = format!("{}, line {}", pair.file, pair.line);
                differences.push(format!(
                    "{place}: {field} is {ours:?}, Elastic's is {elastic:?}"
                ));
            }
        }
    }
    assert!(n_values > 500, "{n_values}");
    // This fixture is of a table without the action.
    let older = "integrations/test-delete-trail-json.log, line 0: event.";
    assert_eq!(
        differences
            .iter()
            .filter(|one| one.starts_with(older))
            .count(),
        2
    );
    assert_eq!(differences.len(), 2, "{differences:#?}");
}

/// Adds the paths of the leaves of an object.
fn leaves(value: &Value, path: &str, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(members) => {
            for (key, child) in members {
                leaves(child, &format!("{path}.{key}"), found);
            }
        }
        Value::Array(elements) => elements.iter().for_each(|one| leaves(one, path, found)),
        _ => {
            found.insert(path.to_owned());
        }
    }
}

/// Adds the scalars at a path, through arrays.
fn all_at(value: &Value, path: &str, found: &mut BTreeSet<String>) {
    match value {
        Value::Array(elements) => elements.iter().for_each(|one| all_at(one, path, found)),
        Value::Object(members) => {
            for (key, child) in members {
                match path.strip_prefix(key.as_str()) {
                    Some("") => all_at(child, "", found),
                    Some(rest) if rest.starts_with('.') => {
                        all_at(child, rest.trim_start_matches('.'), found);
                    }
                    _ => {}
                }
            }
        }
        Value::String(text) if path.is_empty() => {
            found.insert(text.clone());
        }
        Value::Null => {}
        other if path.is_empty() => {
            found.insert(other.to_string());
        }
        _ => {}
    }
}

#[test]
fn the_rule_agrees_with_panther_s_tests_where_panther_asks_the_same() {
    /// Panther's second rule also asks for PutUserPolicy of a policy with one of the names that AWS uses:
    /// the way of 2020, for which Elastic's rule is too narrow on purpose.
    const WIDER: &str = "An AWS IAM Access Key was Compromised";

    let Some(folder) = shared::folder("conformance/panther") else {
        return;
    };
    let rule = Rule::quarantine();
    let mut answers = Vec::new();
    for path in files(&folder, "ndjson") {
        for line in lines(&path) {
            let test: Value = serde_json::from_slice(&line).unwrap();
            let name = test["name"].as_str().unwrap().to_owned();
            let mut ours = Vec::new();
            let parsed = each_event(test["log"].to_string().as_bytes(), &mut |event| {
                ours.push(rule.matches(event));
            });
            assert!(parsed && ours.len() == 1, "{name}: one event");
            let panther = test["expected_panther"].as_bool().unwrap();
            let expected = panther && name != WIDER;
            assert_eq!(ours[0], expected, "{name}");
            answers.push((name, panther, ours[0]));
        }
    }
    assert_eq!(answers.len(), 4, "{answers:?}");
    assert_eq!(answers.iter().filter(|(_, _, ours)| *ours).count(), 1);
    assert!(answers.contains(&(WIDER.to_owned(), true, false)));
}

/// Compares the events that `sides` gives (Elastic's, ours): the differences are the exceptions, all of
/// them and no other.
#[track_caller]
fn assert_alike(pairs: &[Pair], sides: impl Fn(&Pair) -> (Vec<Fields>, Vec<Fields>)) {
    let mut n_events = 0;
    let mut differences = Vec::new();
    for pair in pairs {
        let place = format!("{}, line {}", pair.file, pair.line);
        let (elastic, ours) = sides(pair);
        if elastic.len() != ours.len() {
            let n = (elastic.len(), ours.len());
            differences.push(format!(
                "{place}: {} of Elastic's events, {} of ours",
                n.0, n.1
            ));
        }
        n_events += ours.len();
        for (elastic, ours) in elastic.iter().zip(&ours) {
            for field in FIELDS {
                let values = (ours.get(field), elastic.get(field));
                if values.0 != values.1 {
                    differences.push(difference(&place, field, values.0, values.1));
                }
            }
        }
    }
    let exceptions = EXCEPTIONS.map(|e| {
        let place = format!("{}, line {}", e.file, e.line);
        difference(
            &place,
            e.field,
            Some(&e.ours.into()),
            Some(&e.elastic.into()),
        )
    });
    let reasons = EXCEPTIONS.map(|e| e.reason);
    assert_eq!(differences, exceptions, "exceptions: {reasons:?}");
    // All but a digest and an Insight event in each of the two large folders, which Elastic keeps as
    // documents without an action.
    assert_eq!(n_events, pairs.len() - 4);
}

fn difference(place: &str, field: &str, ours: Option<&String>, elastic: Option<&String>) -> String {
    format!("{place}: {field} is {ours:?}, Elastic's is {elastic:?}")
}

/// All pairs, in the order of folders and names.
fn pairs(folder: &Path) -> Vec<Pair> {
    let mut pairs = Vec::new();
    for (name, n_records) in FIXTURES {
        let n_before = pairs.len();
        for path in files(&folder.join(name), "log") {
            let file = format!("{name}/{}", path.file_name().unwrap().display());
            let expected = fs::read(path.with_extension("log-expected.json")).unwrap();
            let expected: Value = serde_json::from_slice(&expected).unwrap();
            // The Beats have the array alone.
            let documents = expected.get("expected").unwrap_or(&expected);
            let documents = documents.as_array().unwrap();
            let raw = lines(&path);
            assert_eq!(raw.len(), documents.len(), "{file}");
            for (line, (raw, document)) in raw.into_iter().zip(documents).enumerate() {
                pairs.push(Pair {
                    file: file.clone(),
                    line,
                    raw,
                    document: document.clone(),
                });
            }
        }
        assert_eq!(pairs.len() - n_before, n_records, "{name}");
    }
    pairs
}

/// The files of a folder with this suffix, sorted.
fn files(folder: &Path, suffix: &str) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|found| found == suffix))
        .collect();
    files.sort();
    files
}

fn lines(path: &Path) -> Vec<Vec<u8>> {
    let text = fs::read(path).unwrap();
    text.split(|byte| *byte == b'\n')
        .filter(|line| !line.trim_ascii().is_empty())
        .map(<[u8]>::to_vec)
        .collect()
}

/// What we find in a JSON value.
fn events(json: &[u8]) -> Vec<Fields> {
    let mut events = Vec::new();
    let parsed = each_event(json, &mut |event| {
        let value = |field| Some((field, comparable(field, event.text(field)?)));
        events.push(FIELDS.into_iter().filter_map(value).collect());
    });
    assert!(parsed, "{}", String::from_utf8_lossy(json));
    events
}

/// What Elastic says in a document; nothing if it was dropped or is of no API call.
fn elastic_fields(document: &Value) -> Option<Fields> {
    at(document, "event.action")?;
    let value = |field| {
        let text = match at(document, field)? {
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        Some((field, comparable(field, text)))
    };
    Some(FIELDS.into_iter().filter_map(value).collect())
}

/// The value at a path whose dots are written either way.
fn at<'v>(value: &'v Value, path: &str) -> Option<&'v Value> {
    value.as_object()?.iter().find_map(|(key, child)| {
        let rest = path.strip_prefix(key.as_str())?;
        match rest.strip_prefix('.') {
            Some(rest) => at(child, rest),
            None => rest.is_empty().then_some(child),
        }
    })
}

/// Times are compared as instants: Elastic writes `2014-03-25T21:08:14.000Z`.
fn comparable(field: &str, text: String) -> String {
    match field {
        "@timestamp" => text.parse::<Timestamp>().unwrap().to_string(),
        _ => text,
    }
}
