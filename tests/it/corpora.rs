//! Does the program find in real public data what an independent oracle finds there? The oracle is a
//! Python script that decompresses and parses everything.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;
use trailsift::config::{HuntConfig, OutputConfig, ScanConfig};
use trailsift::input::Root;
use trailsift::output::{Destination, Format};
use trailsift::rule::{Rule, RuleSet};

use super::lake::{TRAILSIFT, rows};
use super::shared;

/// The alerts are the same, and so are the events that mention the policy, with no exception. One thing is told
/// apart in another way, and shows in the report: the needle also stands in prose (the corpora's own list) and beside
/// records (the name of a test): the oracle passes over that, and the program says that no record holds it.
#[test]
fn the_alerts_in_real_public_data_are_those_of_the_oracle() {
    let Some((corpora, oracle)) = at_hand() else {
        return;
    };
    let (expected, mentions, totals) = ask(&oracle, &corpora);
    assert_eq!(
        (expected.len(), mentions.len()),
        (2, 2),
        "the oracle's own lists"
    );
    assert!(totals["events"].as_u64() > Some(33_000));

    let folder = tempfile::tempdir().unwrap();
    let (alerts, report) = (folder.path().join("alerts"), folder.path().join("report"));
    let related = folder.path().join("related.ndjson");
    let hunt = Command::new(TRAILSIFT)
        .args(["hunt", "--format", "ndjson", "-o"])
        .arg(&alerts)
        .arg("--report")
        .arg(&report)
        .arg("--related")
        .arg(&related)
        .arg(&corpora)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let exit = hunt.status.code();
    assert!(
        matches!(exit, Some(0 | 3)),
        "{}",
        String::from_utf8_lossy(&hunt.stderr)
    );

    let text = |row: &Value, field: &str| row[field].as_str().unwrap().to_owned();
    let events = |path: &Path| -> Vec<Event> {
        let rows = rows(path);
        let events = rows
            .iter()
            .map(|row| (text(row, "log_file_path"), text(row, "event_id")));
        let mut events: Vec<Event> = events.collect();
        events.sort();
        events
    };
    let found = events(&alerts);
    assert_eq!(found, expected);
    assert_eq!(events(&related), mentions);

    let report: Value = serde_json::from_slice(&fs::read(report).unwrap()).unwrap();
    assert_eq!(report["alerts"], found.len());
    assert_eq!(report["complete"], exit == Some(0));
    assert_eq!(report["sources"]["found"], totals["files"]);
    // Every event that names the policy was judged, whether it is an alert or not.
    assert!(report["events_judged"].as_u64() >= totals["mention"].as_u64());
    for diagnostic in report["diagnostics"].as_array().unwrap() {
        // One file ends in the middle of a record, as its authors wanted it.
        let is_cut = text(diagnostic, "source").ends_with("/bad_cloudtrail.json");
        let expected = match is_cut {
            true => "truncated",
            false => "needle_without_record",
        };
        assert_eq!(text(diagnostic, "code"), expected, "{diagnostic}");
    }
}

/// The corpora and the oracle, if they are there, and Python too.
fn at_hand() -> Option<(PathBuf, PathBuf)> {
    let (corpora, oracle) = (shared::folder("corpora")?, shared::folder("oracle")?);
    if Command::new("python3").arg("--version").output().is_err() {
        println!("skipped: python3 is not there");
        return None;
    }
    Some((corpora, oracle.join("oracle.py")))
}

/// What the oracle says of the corpora.
fn answer(oracle: &Path, args: &[&str], corpora: &Path) -> String {
    let answer = Command::new("python3")
        .arg(oracle)
        .args(args)
        .arg(corpora)
        .output()
        .unwrap();
    assert!(answer.status.success());
    String::from_utf8(answer.stdout).unwrap()
}

/// A file and an event's id.
type Event = (String, String);

/// The oracle's alerts, the other events that mention the policy, both sorted, and its totals.
fn ask(oracle: &Path, corpora: &Path) -> (Vec<Event>, Vec<Event>, Value) {
    let answer = answer(oracle, &["--alerts", "--json"], corpora);
    let events = |kind: &str| {
        let lines = answer
            .lines()
            .map(|line| line.split('\t').collect::<Vec<_>>());
        let events = lines.filter(|fields| fields[0] == kind);
        let mut events: Vec<Event> = events
            .map(|fields| (fields[1].to_owned(), fields[5].to_owned()))
            .collect();
        events.sort();
        events
    };
    let totals = answer.lines().last().unwrap();
    let totals = serde_json::from_str(totals).unwrap();
    (events("ALERT"), events("mention-only"), totals)
}

/// Every event in every file, whatever shape it is in: as many as the oracle finds, but for what it passes over.
#[test]
fn events_in_real_public_data_are_as_many_as_the_oracle_counts() {
    let Some((corpora, oracle)) = at_hand() else {
        return;
    };
    let answer = answer(&oracle, &["--files"], &corpora);
    let expected: BTreeMap<String, u64> = answer
        .lines()
        .map(|line| line.split('\t').collect::<Vec<_>>())
        // Without `pyarrow` the oracle reads no Parquet.
        .filter(|fields| fields.len() > 5 && !fields[0].ends_with(".parquet"))
        .map(|fields| {
            let n_events = fields[2].strip_prefix("events=").unwrap();
            (fields[0].to_owned(), n_events.parse().unwrap())
        })
        .collect();
    assert!(expected.values().sum::<u64>() > 33_000);

    let mut found: BTreeMap<String, u64> = expected.keys().map(|file| (file.clone(), 0)).collect();
    for row in all_events(&corpora) {
        let source = row["log_file_path"].as_str().unwrap();
        if !source.ends_with(".parquet") {
            *found.entry(source.to_owned()).or_default() += 1;
        }
    }

    let mut unexplained = Vec::new();
    for (file, n) in &found {
        let n_expected = expected.get(file).copied().unwrap_or(0);
        let is_explained = MORE_THAN_THE_ORACLE
            .iter()
            .any(|(part, _)| file.contains(part));
        if *n != n_expected && !(is_explained && *n > n_expected) {
            unexplained.push((file, n, n_expected));
        }
    }
    assert!(unexplained.is_empty(), "{unexplained:#?}");
}

/// A row for each event below a folder.
fn all_events(root: &Path) -> Vec<Value> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("all.ndjson");
    let config = HuntConfig {
        rules: RuleSet::from_rule("test", every_event()),
        scan: ScanConfig {
            roots: vec![Root::Path(root.to_owned())],
            n_threads: 2,
            ..ScanConfig::default()
        },
        output: OutputConfig {
            destination: Destination::File(path.clone()),
            format: Format::Ndjson,
            ..OutputConfig::default()
        },
        // The rows have it.
        run_id: "run".to_owned(),
        ..HuntConfig::default()
    };
    trailsift::hunt::run(&config, &mut |_| ()).unwrap();
    rows(&path)
}

/// CloudTrail files of AWS's own samples, and the Security Lake files that were made from them.
#[test]
fn security_lake_files_say_of_each_event_what_their_logs_say() {
    let Some(corpora) = shared::folder("corpora") else {
        return;
    };
    let events = all_events(&corpora.join("aws-samples__amazon-security-lake-ocsf-validation"));
    let (tables, logs): (Vec<&Value>, Vec<&Value>) = events
        .iter()
        .partition(|row| row["log_file_path"].as_str().unwrap().ends_with(".parquet"));
    assert_eq!((tables.len(), logs.len()), (21, 21));
    let mut differences = Vec::new();
    for table in tables {
        let log = logs.iter().find(|log| log["event_id"] == table["event_id"]);
        let log = log.unwrap_or_else(|| panic!("no log has {table}"));
        for column in [
            "event_time",
            "event_action",
            "event_provider",
            "event_outcome",
            "aws_region",
            "policy_arn",
            "target_user_name",
            "actor_type",
            "actor_arn",
            "actor_access_key_id",
            "recipient_account_id",
            "source_address",
            "user_agent",
            "request_id",
        ] {
            let action = &table["event_action"];
            // What the mapping makes of nothing; and a file that is not the one of which its table was made.
            let is_explained = table[column] == "''" && log[column].is_null()
                || action == "UpdateTrail" && log["event_action"] == "UnknownAPI";
            if table[column] != log[column] && !is_explained {
                differences.push(format!(
                    "{action} {column}: {} {}",
                    log[column], table[column]
                ));
            }
        }
    }
    assert!(differences.is_empty(), "{differences:#?}");
}

/// Files in which more events are found than the oracle finds, and why.
const MORE_THAN_THE_ORACLE: [(&str, &str); 4] = [
    (
        "SEKOIA-IO__intake-formats/",
        "a fixture holds a record and, beside it, the document expected of it; the oracle takes the first",
    ),
    (
        "jrlyons13__thm2024/",
        "it begins in the middle of a record, and is one line: the oracle goes on at the next",
    ),
    (
        "ocsf__examples/",
        "documents with trailing commas; the oracle takes strict JSON alone",
    ),
    (
        "samples-large.json",
        "broken brackets; the oracle loses a record beside them",
    ),
];

/// The rule with a query that every event meets.
fn every_event() -> Rule {
    let toml = include_str!("../../src/rule/quarantine.toml");
    let (before, rest) = toml.split_once("query = '''").unwrap();
    let (_, after) = rest.split_once("'''").unwrap();
    let query = r#"query = 'any where event.dataset == "aws.cloudtrail"'"#;
    Rule::from_toml(&format!("{before}{query}{after}")).unwrap()
}
