//! Does the program find in real public data what an independent oracle finds there? The oracle is a
//! Python script that decompresses and parses everything.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;

use super::lake::{TRAILSIFT, rows};
use super::shared;

/// The alerts are the same, and so are the events that mention the policy, with no exception. Two things are told
/// apart in other ways, and both show in the report, never in silence:
///
/// * Parquet files are not read yet; without `pyarrow` the oracle does not read them either;
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
    let (expected, mentions, totals) = ask(&oracle.join("oracle.py"), &corpora);
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
            .map(|row| (text(row, "source"), text(row, "event_id")));
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
        assert!(
            ["unsupported_format", "needle_without_record"].contains(&&*text(diagnostic, "code")),
            "{diagnostic}"
        );
    }
}

/// A file and an event's id.
type Event = (String, String);

/// The oracle's alerts, the other events that mention the policy, both sorted, and its totals.
fn ask(oracle: &Path, corpora: &Path) -> (Vec<Event>, Vec<Event>, Value) {
    let answer = Command::new("python3")
        .arg(oracle)
        .args(["--alerts", "--json"])
        .arg(corpora)
        .output()
        .unwrap();
    assert!(answer.status.success());
    let answer = String::from_utf8(answer.stdout).unwrap();
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
