//! Any text as a query in EQL or KQL, or as a file of rules: no panic; what parses can be printed and evaluated. And no query is true of a record that holds none of its needles.

use std::hint::black_box;

use trailsift::rule::load::{Form, Loaded};
use trailsift::rule::{Condition, Needles, ParseError, eql, kql};
use trailsift::scan::{Prefilter, each_event};

/// Records that queries are asked about: one of each schema, with values of all types, and little else.
const RECORDS: [&str; 4] = [
    concat!(
        r#"{"eventVersion":"1.09","userIdentity":{"type":"IAMUser","userName":"alice"},"#,
        r#""eventTime":"2024-05-01T12:00:00Z","eventSource":"iam.amazonaws.com","#,
        r#""eventName":"AttachUserPolicy","sourceIPAddress":"203.0.113.7","readOnly":false,"#,
        r#""requestParameters":{"policyArn":"arn:aws:iam::aws:policy/AWSCompromisedKeyQuarantineV2","#,
        r#""userName":"alice","n":7,"x":1.5,"list":["a",null,true]},"eventID":"e1"}"#
    ),
    r#"{"eventTime":"","eventName":"a","eventName":"b","errorCode":"","requestParameters":null}"#,
    concat!(
        r#"{"event":{"action":"AttachUserPolicy","dataset":"aws.cloudtrail","outcome":["success","failure"]},"#,
        r#""aws.cloudtrail.request_parameters":"{userName=alice, n=7}","a":{"b":7,"c":[1.5,"x",true]}}"#
    ),
    concat!(
        r#"{"class_uid":3001,"api":{"operation":"AttachUserPolicy","service":{"name":"iam.amazonaws.com"},"#,
        r#""request":{"data":"{\"userName\":\"alice\"}"}},"metadata":{"product":{"name":"CloudTrail"}},"time":1714564800000}"#
    ),
];

/// Asserts that any text is a query or has an error, and that no needle misses a record that its query matches.
pub fn eql(data: &[u8]) {
    query(data, eql::parse);
}

/// Asserts the same of KQL.
pub fn kql(data: &[u8]) {
    query(data, kql::parse);
}

/// Asserts that any file of rules is loaded or refused, and the same of the rules in it.
pub fn rules(data: &[u8]) {
    let mut loaded = Loaded::default();
    for form in [Form::Yaml, Form::Toml] {
        let n_before = loaded.rules.len() + loaded.refused.len();
        loaded.add_file("pack", "file", form, data);
        assert!(
            loaded.rules.len() + loaded.refused.len() > n_before,
            "nothing is said"
        );
    }
    for one in &loaded.rules {
        condition_is_sound(one.rule.query());
    }
    for refused in &loaded.refused {
        assert!(!refused.reason.is_empty() && !refused.to_string().is_empty());
    }
}

fn query(data: &[u8], parse: fn(&str) -> Result<Condition, ParseError>) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    match parse(text) {
        Ok(condition) => condition_is_sound(&condition),
        Err(error) => assert!(!error.to_string().is_empty()),
    }
}

/// Asserts that a condition can be printed and evaluated, and that its needles miss no record.
fn condition_is_sound(query: &Condition) {
    assert!(!query.to_string().is_empty());
    black_box((query.contains_atoms(), query.fields()));
    let Needles::AnyOf(needles) = query.needles() else {
        RECORDS.iter().for_each(|record| {
            is_match(query, record);
        });
        return;
    };
    let prefilter = Prefilter::new(&needles);
    for record in RECORDS {
        let has_hit = prefilter.hits(record.as_bytes()).first_from(0).is_some();
        let is_lost = is_match(query, record) && !has_hit;
        assert!(!is_lost, "{query} is true of {record} without {needles:?}");
    }
}

fn is_match(query: &Condition, record: &str) -> bool {
    let (mut n_events, mut is_match) = (0, false);
    let is_parsed = each_event(record.as_bytes(), &mut |event| {
        n_events += 1;
        is_match |= query.matches(event);
    });
    assert!(is_parsed && n_events == 1, "{record}");
    is_match
}
