//! Runs the program with the features that it is built with. `cargo test --no-default-features --test core` runs the core,
//! which no other test runs as a program.
#![expect(clippy::unwrap_used, reason = "a test may fail")]

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use parquet::file::reader::{FileReader as _, SerializedFileReader};
use parquet::record::Field;

/// An event that attaches the policy, or another one.
fn attach(id: &str, policy: &str) -> String {
    format!(
        r#"{{"eventVersion":"1.08","userIdentity":{{"type":"Root","accountId":"111122223333","arn":"arn:aws:iam::111122223333:root"}},"eventTime":"2024-05-01T12:00:00Z","eventSource":"iam.amazonaws.com","eventName":"AttachUserPolicy","awsRegion":"us-east-1","sourceIPAddress":"203.0.113.7","userAgent":"aws-internal/3","requestParameters":{{"userName":"alice","policyArn":"arn:aws:iam::aws:policy/{policy}"}},"responseElements":null,"requestID":"r-{id}","eventID":"{id}","eventType":"AwsApiCall","recipientAccountId":"111122223333"}}"#
    )
}

/// A folder with logs in two forms.
fn archive() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let logs = folder.path().join("logs");
    fs::create_dir(&logs).unwrap();
    let records = [
        attach("1", "AWSCompromisedKeyQuarantineV2"),
        attach("2", "ReadOnlyAccess"),
    ];
    let whole = format!(r#"{{"Records":[{}]}}"#, records.join(","));
    fs::write(logs.join("a.json"), whole).unwrap();
    let lines = attach("3", "AWSCompromisedKeyQuarantineV3") + "\n";
    let packed = zstd::encode_all(lines.as_bytes(), 0).unwrap();
    fs::write(logs.join("b.ndjson.zst"), packed).unwrap();
    folder
}

fn run(folder: &Path, args: &[&str]) -> (Option<i32>, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_trailsift"));
    let output = command.current_dir(folder).args(args).output().unwrap();
    let Output { status, stderr, .. } = output;
    (status.code(), String::from_utf8(stderr).unwrap())
}

/// The ids of the events in a Parquet file.
fn event_ids(path: &Path) -> Vec<String> {
    let file = SerializedFileReader::new(fs::File::open(path).unwrap()).unwrap();
    let rows = file.get_row_iter(None).unwrap();
    let id = |row: parquet::record::Row| {
        let mut columns = row.get_column_iter();
        let id = columns.find(|(name, _)| *name == "event_id").unwrap().1;
        match id {
            Field::Str(id) => id.clone(),
            other => panic!("{other} is no text"),
        }
    };
    rows.map(|row| id(row.unwrap())).collect()
}

/// Asserts that a run ended because of a missing feature, and wrote no output.
#[cfg(not(all(feature = "cloud", feature = "ledger")))]
#[track_caller]
fn lacks(feature: &str, args: &[&str]) {
    let folder = archive();
    let (status, stderr) = run(folder.path(), args);
    let message = format!("this trailsift was built without the feature \"{feature}\"");
    assert!(stderr.contains(&message), "{stderr}");
    assert_eq!(status, Some(1), "{stderr}");
    for output in ["alerts.parquet", "ledger"] {
        assert!(
            !folder.path().join(output).try_exists().unwrap(),
            "{output}"
        );
    }
}

#[test]
fn a_hunt_writes_parquet() {
    let folder = archive();
    let args = [
        "hunt",
        "logs",
        "-o",
        "alerts.parquet",
        "--report",
        "report.json",
    ];
    let (status, stderr) = run(folder.path(), &args);
    assert_eq!(status, Some(0), "{stderr}");
    let alerts = folder.path().join("alerts.parquet");
    assert_eq!(event_ids(&alerts), ["1", "3"]);
    let report = fs::read(folder.path().join("report.json")).unwrap();
    let report: serde_json::Value = serde_json::from_slice(&report).unwrap();
    assert_eq!(
        (&report["complete"], &report["alerts"]),
        (&true.into(), &2.into())
    );
}

/// An investigation writes its tables in any case, and the page if the program can.
#[test]
fn an_investigation_has_a_page_if_it_is_built_in() {
    let folder = archive();
    let (status, stderr) = run(folder.path(), &["hunt", "logs", "-o", "alerts.parquet"]);
    assert_eq!(status, Some(0), "{stderr}");
    let args = ["investigate", "--output", "case", "alerts.parquet", "logs"];
    let (status, stderr) = run(folder.path(), &args);
    assert_eq!(status, Some(0), "{stderr}");
    let case = folder.path().join("case");
    assert!(!event_ids(&case.join("events.parquet")).is_empty());
    let has_page = cfg!(feature = "page");
    assert_eq!(case.join("report.html").try_exists().unwrap(), has_page);
    let message = r#"was not written: this trailsift was built without the feature "page""#;
    assert_eq!(stderr.contains(message), !has_page, "{stderr}");
    let (status, stderr) = run(folder.path(), &["report", "case", "--format", "md"]);
    assert_eq!(status, Some(i32::from(!has_page)), "{stderr}");
    let message = r#"this trailsift was built without the feature "page""#;
    assert_eq!(stderr.contains(message), !has_page, "{stderr}");
}

#[cfg(not(feature = "cloud"))]
#[test]
fn without_buckets_an_address_names_the_missing_feature() {
    lacks(
        "cloud",
        &["hunt", "s3://logs/AWSLogs", "-o", "alerts.parquet"],
    );
    lacks(
        "cloud",
        &["hunt", "logs", "-o", "s3://results/alerts.parquet"],
    );
}

#[cfg(not(feature = "ledger"))]
#[test]
fn without_ledgers_a_state_names_the_missing_feature() {
    lacks(
        "ledger",
        &["hunt", "logs", "--state", "ledger", "-o", "alerts.parquet"],
    );
    lacks("ledger", &["state", "logs/a.json"]);
}
