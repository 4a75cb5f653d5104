//! Do rules of each language mean what an independent program says? It has decided by hand on small queries, and on
//! made records for each rule of three public packs.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use serde_json::Value;
use trailsift::rule::PackRule;
use trailsift::rule::load::{self, Form, Loaded};
use trailsift::rule::over_time::RuleOverTime;
use trailsift::rule::{Condition, Rule};
use trailsift::scan::each_event;

use super::shared;

pub(crate) fn lines(path: &Path) -> Vec<Value> {
    let text = fs::read(path).unwrap();
    let lines = text
        .split(|byte| *byte == b'\n')
        .filter(|line| !line.is_empty());
    lines
        .map(|line| serde_json::from_slice(line).unwrap())
        .collect()
}

/// Reads the rule of a case; nothing if it is refused.
fn rule_of(case: &Value) -> Option<Rule> {
    let query = || case["query"].as_str().unwrap();
    match case["lang"].as_str().unwrap() {
        "eql" => load::query(query()).ok(),
        "kql" => load::query(&format!("kql:{}", query())).ok(),
        _ => {
            // JSON is YAML.
            let document = serde_json::json!({
                "title": "case",
                "logsource": {"product": "aws", "service": "cloudtrail"},
                "detection": case["detection"],
            });
            let mut loaded = Loaded::default();
            loaded.add_file(
                "pack",
                "case.yml",
                Form::Yaml,
                document.to_string().as_bytes(),
            );
            loaded.rules.pop().map(|one| one.rule)
        }
    }
}

fn matches(query: &Condition, record: &Value) -> bool {
    let mut is_match = false;
    assert!(each_event(record.to_string().as_bytes(), &mut |event| {
        is_match |= query.matches(event);
    }));
    is_match
}

#[test]
fn small_queries_mean_what_was_decided_by_hand() {
    let Some(path) = shared::folder("rules/synthetic/language-cases.ndjson") else {
        return;
    };
    let mut wrong = Vec::new();
    let cases = lines(&path);
    for case in &cases {
        let answer = rule_of(case).map(|rule| matches(rule.query(), &case["record"]));
        let expected = match case["refuse"] == true {
            true => None,
            false => case["expect"].as_bool(),
        };
        if answer != expected {
            wrong.push(format!("{answer:?} {case}"));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert!(cases.len() >= 92);
}

/// Loads all rules of a folder.
pub(crate) fn load(pack: &str, root: &Path, folder: &Path, loaded: &mut Loaded) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            load(pack, root, &path, loaded);
        } else if let Some(form) = Form::from_name(&path.to_string_lossy()) {
            let file = path.strip_prefix(root).unwrap().to_string_lossy();
            loaded.add_file(pack, &file, form, &fs::read(&path).unwrap());
        }
    }
}

#[test]
fn made_records_match_the_rules_that_they_were_made_for() {
    let Some(root) = shared::folder("rules") else {
        return;
    };
    for (pack, n_rules, n_over_time, n_refused) in [
        ("elastic", 117, 55, 23),
        ("sigma", 57, 0, 9),
        ("suzaku", 740, 5, 0),
    ] {
        let mut loaded = Loaded::default();
        load(pack, &root, &root.join(pack), &mut loaded);
        loaded.resolve();
        assert_eq!(
            (
                loaded.rules.len(),
                loaded.over_time.len(),
                loaded.refused.len()
            ),
            (n_rules, n_over_time, n_refused),
            "{pack}"
        );
        let records = root.join(format!("synthetic/{pack}.ndjson"));
        let expected = root.join(format!("synthetic/{pack}-expected.ndjson"));
        let found = found(&loaded, &lines(&records));
        let expected: BTreeSet<_> = lines(&expected).iter().filter_map(key).collect();
        let differing: Vec<_> = expected.symmetric_difference(&found).collect();
        assert!(differing.is_empty(), "{pack}: {differing:#?}");
        assert!(!expected.is_empty());
    }
}

/// A match: the number of the record, the file of the rule, and its id.
type Match = (u64, String, String);

/// Reads an expected match of a rule that decides on one record, or of a part of a rule over several.
fn key(line: &Value) -> Option<Match> {
    let text = |key: &str| line[key].as_str().unwrap().to_owned();
    Some((line["index"].as_u64()?, text("rule_file"), text("rule")))
}

fn found(loaded: &Loaded, records: &[Value]) -> BTreeSet<Match> {
    let mut found = BTreeSet::new();
    // Only records count; what stands between them is something else.
    let records = records.iter().filter(|record| is_record(record));
    for (n, record) in (0_u64..).zip(records) {
        let is_parsed = each_event(record.to_string().as_bytes(), &mut |event| {
            let rules = loaded.rules.iter();
            let matching = rules.filter(|one| one.rule.matches(event));
            let key = |one: &PackRule| (n, one.file.clone(), one.rule.metadata.rule_id.clone());
            found.extend(matching.map(key));
            // Of correlations the parts are rules by themselves.
            let over_time = loaded.over_time.iter();
            let of_elastic = over_time.filter(|one| one.metadata.language != "sigma");
            let matching =
                of_elastic.filter(|one| one.parts.iter().any(|part| part.matches(event)));
            let key = |one: &Arc<RuleOverTime>| (n, one.file.clone(), one.metadata.rule_id.clone());
            found.extend(matching.map(key));
        });
        assert!(is_parsed, "{record}");
    }
    found
}

/// Is this a record for the program that expects the matches?
pub(crate) fn is_record(record: &Value) -> bool {
    let source = record["eventSource"].as_str().unwrap_or_default();
    let has = |field| record.get(field).is_some();
    record["eventName"].is_string()
        && !source.starts_with("aws:")
        && (source.ends_with(".amazonaws.com")
            || has("userIdentity")
            || has("requestParameters")
            || has("eventVersion") && has("awsRegion"))
}
