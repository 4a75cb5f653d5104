//! Hunts with rules other than the quarantine rule, by the library.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use parquet::file::reader::{FileReader as _, SerializedFileReader};
use serde_json::Value;
use trailsift::config::{HuntConfig, OutputConfig, ScanConfig};
use trailsift::hunt::{self, Notice};
use trailsift::input::Root;
use trailsift::output::{Destination, Format};
use trailsift::report::{Code, Report};
use trailsift::rule::{PackRule, Rule, RuleSet};

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

fn own(rule: Rule) -> RuleSet {
    RuleSet::from_rule("own", rule)
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

/// The settings of a hunt, with NDJSON beside the archive. Only the quarantine rule has related events.
fn config(lake: &Lake, rules: RuleSet) -> HuntConfig {
    let related = (
        Destination::File(lake.beside("related.ndjson")),
        Format::Ndjson,
    );
    let quarantine = Rule::quarantine().metadata.rule_id;
    let has_related = rules.names().iter().any(|name| name.id == quarantine);
    HuntConfig {
        rules,
        scan: ScanConfig {
            roots: vec![Root::Path(lake.logs())],
            n_threads: 2,
            ..ScanConfig::default()
        },
        output: OutputConfig {
            destination: Destination::File(lake.beside("alerts.ndjson")),
            format: Format::Ndjson,
            related: has_related.then_some(related),
            ..OutputConfig::default()
        },
        ..HuntConfig::default()
    }
}

/// Hunts, and returns the report, the rows, and the number of related events of which there was a notice.
fn hunt(config: &HuntConfig) -> (Report, Vec<Value>, usize) {
    let mut n_related = 0;
    let report = hunt::run(config, &mut |notice| {
        n_related += usize::from(matches!(notice, Notice::Related(_)));
    });
    let Destination::File(path) = &config.output.destination else {
        panic!("the alerts are in a file");
    };
    (report.unwrap(), rows(path), n_related)
}

fn ids(rows: &[Value]) -> Vec<&str> {
    let ids = rows.iter().map(|row| row["event_id"].as_str().unwrap());
    ids.collect()
}

#[test]
fn another_rule_has_alerts_and_no_related_events() {
    let lake = lake();
    let (report, alerts, n_related) = hunt(&config(&lake, own(new_users())));
    assert_eq!(ids(&alerts), ["new"]);
    assert_eq!(alerts[0]["rule_id"], "new-users");
    // The rule searches for no text, so its fields say where it found something.
    assert_eq!(alerts[0]["matched_field"], "event.action, event.outcome");
    assert!(report.complete && report.related.is_none());
    let json = serde_json::to_value(&report).unwrap();
    assert!(json.get("related").is_none(), "{json}");
    assert_eq!(n_related, 0);
    // Neither policy is searched for.
    assert_eq!(report.stats.candidates, 1);

    let (report, alerts, n_related) = hunt(&config(&lake, RuleSet::quarantine()));
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

#[test]
fn related_events_are_refused_where_no_rule_has_any() {
    let lake = lake();
    let mut config = config(&lake, own(new_users()));
    let related = lake.beside("related.parquet");
    config.output.related = Some((Destination::File(related.clone()), Format::Parquet));
    let error = hunt::run(&config, &mut |_| ()).unwrap_err().to_string();
    assert!(
        error.ends_with("related.parquet: no rule of this hunt has related events, so there is nothing to write to it; leave out --related"),
        "{error}"
    );
    assert!(!related.try_exists().unwrap());
    assert!(!lake.beside("alerts.ndjson").try_exists().unwrap());
    config.rules = RuleSet::new(three_rules()).unwrap();
    assert!(hunt::run(&config, &mut |_| ()).unwrap().complete);
    assert!(related.try_exists().unwrap());
}

/// The messages of the events for which it is undecided if they are alerts.
fn undecided(lake: &Lake, rule: Rule) -> Vec<String> {
    let (report, ..) = hunt(&config(lake, own(rule)));
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
    fs::write(&path, &failed).unwrap();
    assert!(undecided(&lake, new_users()).is_empty());
    // For a rule that does not care about the outcome, that it failed is no reason against it.
    let any = r#"any where event.action == "CreateUser""#;
    fs::write(&path, &failed).unwrap();
    assert_eq!(undecided(&lake, rule("any", any)).len(), 1);
    // Another call is none of the rule's.
    let other = other("1").replace("aws-internal/3", "iam.CreateUser");
    fs::write(&path, other).unwrap();
    assert!(undecided(&lake, new_users()).is_empty());
}

#[test]
fn a_folder_that_names_an_error_decides_nothing_about_the_outcome() {
    let lake = Lake::new().file("errorcode=AccessDenied/a.json", with("1", "CreateUser"));
    let rule = |outcome: &str| {
        let query = format!(r#"any where event.action == "CreateUser"{outcome}"#);
        rule("users", &query)
    };
    let counts = |outcome: &str| {
        let (report, ..) = hunt(&config(&lake, own(rule(outcome))));
        (report.alerts, report.diagnostics.len())
    };
    assert_eq!(counts(r#" and event.outcome == "success""#), (0, 1));
    assert_eq!(counts(r#" and event.outcome == "failure""#), (0, 1));
    assert_eq!(counts(""), (1, 0));
}

/// The quarantine rule, a rule that some of its events match too, and one that matches other events.
fn three_rules() -> Vec<PackRule> {
    let query = r#"any where stringContains(aws.cloudtrail.request_parameters, "QuarantineV2")
        and event.outcome == "success""#;
    let own = |rule| PackRule::new("own", rule);
    vec![
        own(rule("policy", query)),
        PackRule::new("builtin", Rule::quarantine()),
        own(new_users()),
    ]
}

/// The rows of a rule, without those of others.
fn of_rule(rows: &[Value], id: &str) -> Vec<Value> {
    let rows = rows.iter().filter(|row| row["rule_id"] == id);
    rows.cloned().collect()
}

#[test]
fn rules_in_one_pass_find_what_each_finds_alone() {
    // The same events twice, so that sightings are counted.
    let records = fs::read(lake().logs().join("a.json")).unwrap();
    let lake = lake().file("b.json", records);
    let rules = three_rules();
    let all = config(&lake, RuleSet::new(rules.clone()).unwrap());
    let (report, alerts, n_related) = hunt(&all);
    let related = rows(&lake.beside("related.ndjson"));
    // The alerts of one event are together, in the order of the rules.
    let first: Vec<_> = alerts.iter().take(3).collect();
    assert_eq!(first[0]["rule_id"], "policy");
    assert_eq!(
        first[1]["rule_id"],
        Rule::quarantine().metadata.rule_id.as_str()
    );
    assert_eq!(first[0]["event_id"], first[1]["event_id"]);
    assert_ne!(first[0]["alert_id"], first[1]["alert_id"]);
    assert_eq!(first[2]["event_id"], "lifted");

    let mut n_alerts = 0;
    for (one, reported) in rules.iter().zip(&report.rules.rules) {
        let id = &one.rule.metadata.rule_id;
        let set = RuleSet::new(vec![one.clone()]).unwrap();
        let (alone, expected, _) = hunt(&config(&lake, set));
        assert_eq!(of_rule(&alerts, id), expected, "{id}");
        assert!(!expected.is_empty());
        assert_eq!(
            (&reported.name, reported.alerts),
            (&one.name(), alone.alerts)
        );
        if let Some(counts) = alone.related {
            assert_eq!(report.related, Some(counts));
            assert_eq!(related, rows(&lake.beside("related.ndjson")));
            assert_eq!(n_related, related.len());
        }
        n_alerts += alone.alerts;
    }
    assert_eq!((report.alerts, alerts.len() as u64), (n_alerts, n_alerts));
    let json = serde_json::to_value(&report).unwrap();
    assert!(json.get("rule_id").is_none());
    assert_eq!(json["rules"][1]["pack"], "builtin");
}

#[test]
fn rules_in_one_pass_leave_open_what_each_leaves_open_alone() {
    let without_outcome = r#"{"@timestamp":"2024-05-01T12:00:00Z","event":{"action":"CreateUser","dataset":"aws.cloudtrail","provider":"iam.amazonaws.com"},"aws":{"cloudtrail":{"event_version":"1.08"}}}"#;
    let damaged = with("1", "Create\u{fffd}User").replace("aws-internal/3", "iam.CreateUser");
    let lake = lake()
        .file("outcome.json", without_outcome)
        .file("damaged.json", damaged)
        .file(
            "errorcode=AccessDenied/folder.json",
            with("1", "CreateUser"),
        );
    let mut rules = three_rules();
    let named = r#"any where user_agent.original : "*CreateUser*""#;
    rules.push(PackRule::new("own", rule("agent", named)));
    let undecided = |rules: Vec<PackRule>| {
        let (report, ..) = hunt(&config(&lake, RuleSet::new(rules).unwrap()));
        let diagnostics = report.diagnostics.iter();
        let undecided = diagnostics.filter(|one| one.code == Code::Undecided);
        undecided.map(ToString::to_string).collect::<Vec<_>>()
    };
    let all = undecided(rules.clone());
    let mut n_alone = 0;
    for one in rules {
        let label = format!(" (rule {})", one.name());
        let alone = undecided(vec![one]).into_iter();
        let alone: Vec<String> = alone.map(|message| format!("{message}{label}")).collect();
        let own = all.iter().filter(|message| message.ends_with(&label));
        assert_eq!(own.cloned().collect::<Vec<_>>(), alone);
        n_alone += alone.len();
    }
    assert_eq!(all.len(), n_alone);
    assert!(n_alone > 2, "{all:?}");
}

#[test]
fn a_ledger_and_a_footer_name_each_rule() {
    let lake = lake();
    let set = || RuleSet::new(three_rules()).unwrap();
    let parquet = |rules, name: &str| HuntConfig {
        state: Some(lake.beside("state")),
        output: OutputConfig {
            destination: Destination::File(lake.beside(name)),
            ..OutputConfig::default()
        },
        ..config(&lake, rules)
    };
    let run = |config: &HuntConfig| hunt::run(config, &mut |_| ());
    let report = run(&parquet(set(), "a.parquet")).unwrap();
    let n_alerts = report.alerts;
    let keys = keys(&lake.beside("a.parquet"));
    assert_eq!(keys.len(), 3, "{keys:?}");
    let rules: Value = serde_json::from_str(&keys["trailsift.rules"]).unwrap();
    let id = Rule::quarantine().metadata.rule_id;
    assert_eq!(
        rules,
        serde_json::json!([
            {"pack": "own", "id": "policy", "version": 2},
            {"pack": "builtin", "id": id, "version": 2},
            {"pack": "own", "id": "new-users", "version": 2},
        ])
    );
    // A file that has changed is read again, and only its new alerts are written.
    let mut records = fs::read(lake.logs().join("a.json")).unwrap();
    records.extend(format!("\n{}", with("new2", "CreateUser")).bytes());
    fs::write(lake.logs().join("a.json"), records).unwrap();
    let report = run(&parquet(set(), "b.parquet")).unwrap();
    assert!(n_alerts > 2);
    let n_of_rules: Vec<u64> = report.rules.rules.iter().map(|rule| rule.alerts).collect();
    assert_eq!(n_of_rules, [1, 0, 1]);
    // It is of no use for other rules.
    let other = RuleSet::new(three_rules().into_iter().take(2).collect()).unwrap();
    assert!(run(&parquet(other, "c.parquet")).is_err());
}

/// The metadata in the footer of a Parquet file.
fn keys(path: &Path) -> BTreeMap<String, String> {
    let reader = SerializedFileReader::new(fs::File::open(path).unwrap()).unwrap();
    let metadata = reader.metadata().file_metadata();
    let pairs = metadata.key_value_metadata().unwrap().iter();
    pairs
        .map(|pair| (pair.key.clone(), pair.value.clone().unwrap()))
        .collect()
}
