//! A zero says what it stands on: how many events were read, of which times, and that there were none.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::lake::{Hunt, Lake, TRAILSIFT, attach, delivery, other};

/// Asserts that a run read no event and that its only error says why.
#[track_caller]
fn reads_nothing(hunt: Hunt, reason: &str) {
    let hunt = hunt.exits(3).tells(&["no_events"]).says(reason);
    assert_eq!(hunt.report["events_read"], 0, "{}", hunt.report);
    assert!(
        hunt.stderr.contains("no CloudTrail events were read"),
        "{}",
        hunt.stderr
    );
}

fn insight() -> String {
    r#"{"Records":[{"eventVersion":"1.09","eventTime":"2024-05-01T12:00:00Z","awsRegion":"us-east-1","eventID":"i","eventType":"AwsCloudTrailInsight","insightDetails":{"state":"Start"}}]}"#.to_owned()
}

#[test]
fn a_run_without_events_is_never_complete() {
    reads_nothing(Lake::new().hunt(&[]), "nothing was found");
    reads_nothing(Lake::new().file("a.json", "").hunt(&[]), "is empty");
    let text = "a line\nand another one\n";
    reads_nothing(
        Lake::new().file("hostname", text).hunt(&[]),
        "not CloudTrail",
    );
    let notification = r#"{"Records":[{"eventVersion":"2.1","eventSource":"aws:s3","awsRegion":"us-east-1","eventTime":"2024-05-01T12:00:00.000Z","eventName":"ObjectCreated:Put"}]}"#;
    let lake = Lake::new()
        .gzip("insight.json.gz", insight())
        .file("s3.json", notification);
    reads_nothing(lake.hunt(&[]), "not CloudTrail");
    let day = "AWSLogs/111122223333/CloudTrail/us-east-1/2024/05/01/a.json.gz";
    let lake = Lake::new().gzip(day, delivery(&[attach("1")]));
    reads_nothing(lake.hunt(&["--since", "2030-01-01"]), "filtered out");
}

#[test]
fn a_pipe_that_brings_nothing_is_not_complete() {
    let lake = Lake::new();
    let output = lake.command(&["-"]).stdin(Stdio::null()).output().unwrap();
    reads_nothing(lake.hunted(output), "-: no CloudTrail events");
}

#[test]
fn events_of_other_times_than_the_requested_ones_are_no_answer() {
    let lake = Lake::new().file("a.json", delivery(&[attach("1")]));
    for args in [["--since", "2030-01-01"], ["--until", "2020-01-01"]] {
        let hunt = lake.hunt(&args).exits(3).tells(&["no_events"]);
        let hunt = hunt.says("from 2024-05-01T12:00:00Z to 2024-05-01T12:00:00Z");
        assert_eq!(hunt.report["events_read"], 1);
    }
    lake.hunt(&["--since", "2024-05-01"]).exits(0).finds(&["1"]);
}

#[test]
fn a_night_without_deliveries_can_be_allowed() {
    let hunt = Lake::new().hunt(&["--allow-empty"]).exits(0);
    assert_eq!(hunt.report["diagnostics"][0]["code"], "no_events");
    assert_eq!(hunt.report["diagnostics"][0]["severity"], "info");
}

#[test]
fn a_night_on_which_nothing_is_new_is_complete_after_one_that_read_events() {
    let lake = Lake::new().file("a.json", delivery(&[other("1")]));
    let state = ["--state", "ledger"];
    lake.hunt(&state).exits(0);
    lake.hunt(&state).exits(0);
    let lake = Lake::new().gzip("insight.json.gz", insight());
    lake.hunt(&state).exits(3);
    lake.hunt(&state).exits(3).tells(&["no_events"]);
}

#[test]
fn events_are_counted_in_each_form_with_their_first_and_last_time() {
    let early = other("1").replace("2024-05-01", "2023-01-02");
    let text = delivery(&[early.clone(), attach("2"), other("3")]);
    let quoted = serde_json::to_string(&early).unwrap();
    let csv =
        "eventtime,eventname,requestparameters\n2023-01-02T12:00:00Z,A,\n2024-05-01T12:00:00Z,B,\n";
    for (form, stored, n_events) in [
        ("delivery", text.clone(), 3),
        ("pretty", pretty(&text), 3),
        ("in strings", format!(r#"{{"Events":[{{"CloudTrailEvent":{quoted}}}]}}"#), 1),
        ("rows", csv.to_owned(), 2),
        (
            "ecs",
            r#"{"@timestamp":"2023-01-02T12:00:00.000Z","event":{"action":"A","dataset":"aws.cloudtrail","original":"{\"eventTime\":\"2023-01-02T12:00:00Z\"}"}}"#.to_owned(),
            1,
        ),
    ] {
        let hunt = Lake::new().file("a", stored).hunt(&[]).exits(0);
        assert_eq!(hunt.report["events_read"], n_events, "{form}");
        assert_eq!(hunt.report["first_event_time"], "2023-01-02T12:00:00Z", "{form}");
    }
    let hunt = Lake::new().file("a", text).hunt(&[]).exits(0);
    assert_eq!(hunt.report["last_event_time"], "2024-05-01T12:00:00Z");
    hunt.says("3 read, from 2023-01-02T12:00:00Z to 2024-05-01T12:00:00Z");
}

fn pretty(text: &str) -> String {
    let value: Value = serde_json::from_str(text).unwrap();
    serde_json::to_string_pretty(&value).unwrap()
}

#[test]
fn files_without_events_are_counted_and_named_where_that_is_unusual() {
    let lake = Lake::new()
        .file("a.json", delivery(&[other("1")]))
        .file("notes.txt", "nothing\n")
        .gzip("CloudTrail-Insight/i.json.gz", insight());
    let hunt = lake.hunt(&[]).exits(0);
    assert_eq!(hunt.report["sources"]["without_events"], 2);
    let named = hunt.report["files_without_events"].as_array().unwrap();
    assert_eq!(named, &["logs/notes.txt"]);
}

fn files_below(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let (folders, files): (Vec<_>, Vec<_>) = entries.partition(|path| path.is_dir());
    let below = folders.iter().flat_map(|folder| files_below(folder));
    below.chain(files).collect()
}

#[test]
fn the_count_of_a_delivered_archive_equals_a_full_parse() {
    let trail = Path::new(env!("CARGO_MANIFEST_DIR")).join("data/trail");
    let (mut n_events, mut times) = (0_usize, Vec::new());
    for path in files_below(&trail) {
        let stored = fs::read(&path).unwrap();
        let mut text = Vec::new();
        let mut reader = flate2::bufread::MultiGzDecoder::new(&stored[..]);
        std::io::Read::read_to_end(&mut reader, &mut text).unwrap();
        let delivery: Value = serde_json::from_slice(&text).unwrap();
        let records = delivery["Records"].as_array().cloned().unwrap_or_default();
        n_events += records.len();
        let of_records = records
            .iter()
            .filter_map(|record| record["eventTime"].as_str());
        times.extend(of_records.map(str::to_owned));
    }
    for threads in ["1", "4"] {
        let folder = tempfile::tempdir().unwrap();
        let status = Command::new(TRAILSIFT)
            .current_dir(folder.path())
            .args([
                "hunt",
                "-q",
                "--threads",
                threads,
                "--report",
                "report.json",
            ])
            .arg(&trail)
            .status()
            .unwrap();
        assert!(status.success());
        let report = fs::read(folder.path().join("report.json")).unwrap();
        let report: Value = serde_json::from_slice(&report).unwrap();
        assert_eq!(report["events_read"], n_events);
        assert_eq!(
            report["first_event_time"].as_str(),
            times.iter().min().map(String::as_str)
        );
        assert_eq!(
            report["last_event_time"].as_str(),
            times.iter().max().map(String::as_str)
        );
    }
}
