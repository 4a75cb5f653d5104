//! Hunts with rules other than the quarantine rule, by the library.

use std::fs;

use serde_json::Value;
use trailsift::config::{HuntConfig, OutputConfig, ScanConfig};
use trailsift::hunt::{self, Notice};
use trailsift::input::Root;
use trailsift::output::{Destination, Format};
use trailsift::report::{Code, Report};
use trailsift::rule::Rule;

use crate::lake::{Lake, attach, other, rows};

/// A rule with this id and query.
fn rule(id: &str, query: &str) -> Rule {
    let toml = include_str!("../../src/rule/quarantine.toml");
    let (before, rest) = toml.split_once("query = '''").unwrap();
    let (_, after) = rest.split_once("'''").unwrap();
    let toml = format!("{before}query = '''{query}'''{after}");
    let (before, rest) = toml.split_once("rule_id = \"").unwrap();
    let (_, after) = rest.split_once('"').unwrap();
    Rule::from_toml(&format!("{before}rule_id = \"{id}\"{after}")).unwrap()
}

fn new_users() -> Rule {
    let query = r#"any where event.action == "CreateUser" and event.outcome == "success""#;
    rule("new-users", query)
}

fn with(id: &str, action: &str) -> String {
    attach(id).replace("AttachUserPolicy", action)
}

/// An archive in which a quarantine is made, lifted and mentioned, by the policies of today and of before.
fn lake() -> Lake {
    let legacy = with("legacy", "PutUserPolicy").replace(
        "AWSCompromisedKeyQuarantineV2",
        "AWSExposedCredentialPolicy_DO_NOT_REMOVE",
    );
    let records = [
        attach("quarantine"),
        with("lifted", "DetachUserPolicy"),
        with("new", "CreateUser"),
        with("read", "GetPolicy"),
        legacy,
        other("other"),
    ];
    Lake::new().file("a.json", records.join("\n"))
}

/// Hunts, and returns the report, the rows, and the number of related events of which there was a notice.
fn hunt(lake: &Lake, rules: Rule) -> (Report, Vec<Value>, usize) {
    let path = lake.beside("alerts.ndjson");
    let config = HuntConfig {
        rule: rules.into(),
        scan: ScanConfig {
            roots: vec![Root::Path(lake.logs())],
            n_threads: 2,
            ..ScanConfig::default()
        },
        output: OutputConfig {
            destination: Destination::File(path.clone()),
            format: Format::Ndjson,
            related: Some((
                Destination::File(lake.beside("related.ndjson")),
                Format::Ndjson,
            )),
            ..OutputConfig::default()
        },
        ..HuntConfig::default()
    };
    let mut n_related = 0;
    let report = hunt::run(&config, &mut |notice| {
        n_related += usize::from(matches!(notice, Notice::Related(_)));
    });
    (report.unwrap(), rows(&path), n_related)
}

fn ids(rows: &[Value]) -> Vec<&str> {
    let ids = rows.iter().map(|row| row["event_id"].as_str().unwrap());
    ids.collect()
}

#[test]
fn another_rule_has_alerts_and_no_related_events() {
    let lake = lake();
    let (report, alerts, n_related) = hunt(&lake, new_users());
    assert_eq!(ids(&alerts), ["new"]);
    assert_eq!(alerts[0]["rule_id"], "new-users");
    // The rule searches for no text, so the policy is no place where it found something.
    assert!(alerts[0].get("matched_field").is_none(), "{}", alerts[0]);
    assert!(report.complete && report.related.is_none());
    let json = serde_json::to_value(&report).unwrap();
    assert!(json.get("related").is_none(), "{json}");
    assert_eq!(n_related, 0);
    assert!(rows(&lake.beside("related.ndjson")).is_empty());
    // Neither policy is searched for.
    assert_eq!(report.stats.candidates, 1);

    let (report, alerts, n_related) = hunt(&lake, Rule::quarantine());
    assert_eq!(ids(&alerts), ["quarantine"]);
    let counts = report.related.unwrap();
    assert_eq!(
        (counts.detach, counts.read, counts.legacy_quarantine),
        (1, 1, 1)
    );
    assert_eq!(
        ids(&rows(&lake.beside("related.ndjson"))),
        ["lifted", "new", "read", "legacy"]
    );
    assert_eq!(n_related, 4);
}

/// The messages of the events for which it is undecided if they are alerts.
fn undecided(lake: &Lake, rule: Rule) -> Vec<String> {
    let (report, ..) = hunt(lake, rule);
    let diagnostics = report.diagnostics.iter();
    let undecided = diagnostics.filter(|one| one.code == Code::Undecided);
    undecided.map(ToString::to_string).collect()
}

#[test]
fn a_missing_outcome_and_a_damaged_call_are_undecided_for_any_rule() {
    let lake = Lake::new();
    let path = lake.logs().join("a.json");
    let document = |outcome: &str| {
        format!(
            r#"{{"@timestamp":"2024-05-01T12:00:00Z","event":{{"action":"CreateUser","dataset":"aws.cloudtrail","provider":"iam.amazonaws.com"{outcome}}},"aws":{{"cloudtrail":{{"event_version":"1.08"}}}}}}"#
        )
    };
    fs::write(&path, document(r#","outcome":"failure""#)).unwrap();
    assert!(undecided(&lake, new_users()).is_empty());
    fs::write(&path, document("")).unwrap();
    let messages = undecided(&lake, new_users());
    assert!(
        messages.len() == 1
            && messages[0].contains(
                "event fits the rule, but does not say whether it failed: whether it is an alert"
            ),
        "{messages:?}"
    );

    // The user agent is in the candidate, and the action is damaged.
    let damaged = with("1", "Create\u{fffd}User").replace("aws-internal/3", "iam.CreateUser");
    fs::write(&path, &damaged).unwrap();
    let messages = undecided(&lake, new_users());
    assert!(
        messages.len() == 1
            && messages[0].contains("event fits the rule otherwise, but the name of its action"),
        "{messages:?}"
    );
    let failed = damaged.replace(r#""readOnly":false"#, r#""errorCode":"AccessDenied""#);
    fs::write(&path, failed).unwrap();
    assert!(undecided(&lake, new_users()).is_empty());
    // Another call is none of the rule's.
    let other = other("1").replace("aws-internal/3", "iam.CreateUser");
    fs::write(&path, other).unwrap();
    assert!(undecided(&lake, new_users()).is_empty());
}
