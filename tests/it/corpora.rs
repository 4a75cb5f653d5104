//! Does the program find in real public data what an independent oracle finds there? The oracle is a
//! Python script that decompresses and parses everything.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;

use super::lake::{TRAILSIFT, rows};
use super::shared;

/// The alerts are the same, with no exception. Two things are told apart in other ways, and both show in
/// the report, never in silence:
///
/// * zip archives and Parquet files are not read yet; the oracle reads the former, and finds no alert;
/// * the needle also stands in prose (the corpora's own list) and beside records (the name of a test):
///   the oracle passes over that, and the program says that no record holds it.
#[test]
fn the_alerts_in_real_public_data_are_those_of_the_oracle() {
    let (Some(corpora), Some(oracle)) = (shared::folder("corpora"), shared::folder("oracle"))
    else {
        return;
    };
    if Command::new("python3").arg("--version").output().is_err() {
        println!("skipped: python3 is not there");
        return;
    }
    let (expected, totals) = ask(&oracle.join("oracle.py"), &corpora);
    assert_eq!(expected.len(), 2, "the oracle's own list has two alerts");
    assert!(totals["events"].as_u64() > Some(33_000));

    let folder = tempfile::tempdir().unwrap();
    let (alerts, report) = (folder.path().join("alerts"), folder.path().join("report"));
    let hunt = Command::new(TRAILSIFT)
        .args(["hunt", "--format", "ndjson", "-o"])
        .arg(&alerts)
        .arg("--report")
        .arg(&report)
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
    let mut found: Vec<Alert> = rows(&alerts)
        .iter()
        .map(|row| (text(row, "source"), text(row, "event_id")))
        .collect();
    found.sort();
    assert_eq!(found, expected);

    let report: Value = serde_json::from_slice(&fs::read(report).unwrap()).unwrap();
    assert_eq!(report["alerts"], found.len());
    assert_eq!(report["complete"], exit == Some(0));
    assert_eq!(report["sources"]["found"], totals["files"]);
    // Every event that names the policy was judged, whether it is an alert or not.
    assert!(report["events_judged"].as_u64() >= totals["mention"].as_u64());
    for diagnostic in report["diagnostics"].as_array().unwrap() {
        assert!(
            ["unsupported_format", "needle_without_record"].contains(&&*text(diagnostic, "code")),
            "{diagnostic}"
        );
    }
}

/// A file and an event's id.
type Alert = (String, String);

/// The oracle's alerts, sorted, and its totals.
fn ask(oracle: &Path, corpora: &Path) -> (Vec<Alert>, Value) {
    let answer = Command::new("python3")
        .arg(oracle)
        .args(["--alerts", "--json"])
        .arg(corpora)
        .output()
        .unwrap();
    assert!(answer.status.success());
    let answer = String::from_utf8(answer.stdout).unwrap();
    let mut alerts: Vec<Alert> = answer
        .lines()
        .map(|line| line.split('\t').collect::<Vec<_>>())
        .filter(|fields| fields[0] == "ALERT")
        .map(|fields| (fields[1].to_owned(), fields[5].to_owned()))
        .collect();
    alerts.sort();
    let totals = answer.lines().last().unwrap();
    (alerts, serde_json::from_str(totals).unwrap())
}
