//! The forms in which alerts are written.

use std::fs::{self, File};
use std::path::Path;
use std::process::{Command, Stdio};

use arrow_array::RecordBatch;
use arrow_array::cast::AsArray as _;
use arrow_ipc::reader::StreamReader;
use arrow_schema::{DataType, TimeUnit};
use serde_json::Value;

use crate::lake::{Lake, TRAILSIFT, attach, rows, rows_with_run};

/// Alerts enough for several batches of a stream.
fn archive(n: usize) -> Lake {
    let records: String = (0..n).map(|n| attach(&n.to_string()) + "\n").collect();
    Lake::new().file("a.ndjson", records)
}

fn written(lake: &Lake, output: &str) {
    let mut command = Command::new(TRAILSIFT);
    command
        .current_dir(lake.beside(""))
        .args(["hunt", "logs", "--quiet", "-o", output]);
    assert!(command.status().unwrap().success());
}

/// The values of a column of text, row by row.
fn texts(batches: &[RecordBatch], column: &str) -> Vec<Option<String>> {
    let of = |batch: &RecordBatch| {
        let values = batch
            .column_by_name(column)
            .unwrap()
            .as_string::<i32>()
            .iter();
        values
            .map(|value| value.map(str::to_owned))
            .collect::<Vec<_>>()
    };
    batches.iter().flat_map(of).collect()
}

#[test]
fn a_stream_of_arrow_holds_the_rows_in_types_that_spark_takes() {
    let lake = archive(3000);
    written(&lake, "alerts.ndjson");
    written(&lake, "alerts.arrows");
    let stream =
        StreamReader::try_new(File::open(lake.beside("alerts.arrows")).unwrap(), None).unwrap();
    for field in stream.schema().fields() {
        let utc = DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()));
        let is_taken = match field.data_type() {
            DataType::List(element) => *element.data_type() == DataType::Utf8,
            other => [DataType::Utf8, DataType::Int32, DataType::Int64, utc].contains(other),
        };
        assert!(is_taken, "{field}");
    }
    let batches: Vec<RecordBatch> = stream.map(Result::unwrap).collect();
    assert!(batches.len() > 1, "they come as they are found");
    let lines = rows(&lake.beside("alerts.ndjson"));
    assert_eq!(lines.len(), 3000);
    for column in [
        "event_id",
        "alert_id",
        "policy_arn",
        "raw_event",
        "invoked_by",
    ] {
        let of_lines: Vec<Option<String>> = lines
            .iter()
            .map(|row| row[column].as_str().map(str::to_owned))
            .collect();
        assert_eq!(texts(&batches, column), of_lines, "{column}");
    }
}

#[test]
fn a_stream_on_standard_output_has_its_schema_without_any_alert() {
    let lake = Lake::new();
    fs::write(lake.beside("list"), "").unwrap();
    for list in ["list", "-"] {
        let output = Command::new(TRAILSIFT)
            .current_dir(lake.beside(""))
            .args([
                "hunt",
                "--quiet",
                "--allow-empty",
                "--files-from",
                list,
                "--format",
                "arrow",
                "-o",
                "-",
            ])
            .stdin(Stdio::null())
            .output()
            .unwrap();
        assert_eq!(
            output.status.code(),
            Some(0),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        let stream = StreamReader::try_new(&*output.stdout, None).unwrap();
        assert!(stream.schema().field_with_name("event_id").is_ok());
        assert_eq!(stream.count(), 0);
    }
}

#[test]
fn whoever_reads_a_stream_may_go_away() {
    let lake = archive(3000);
    let mut child = Command::new(TRAILSIFT)
        .current_dir(lake.beside(""))
        .args(["hunt", "logs", "--quiet", "--format", "arrow", "-o", "-"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    assert_eq!(output.status.code(), Some(141));
}

#[test]
fn csv_has_a_header_quotes_what_must_be_and_makes_formulas_harmless() {
    let record = attach("1").replace("aws-internal/3", "=HYPERLINK(\\\"http://example.com\\\")");
    let lake = Lake::new().file("a.json", record);
    lines_of_csv(&lake, &["--raw", "-o", "alerts.csv"]);
    let text = String::from_utf8(fs::read(lake.beside("alerts.csv")).unwrap()).unwrap();
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let header = reader.headers().unwrap().clone();
    let row = reader.records().next().unwrap().unwrap();
    assert_eq!(reader.records().count(), 0);
    let cell = |name: &str| {
        row.get(header.iter().position(|column| column == name).unwrap())
            .unwrap()
    };
    assert_eq!(cell("user_agent"), "'=HYPERLINK(\"http://example.com\")");
    assert_eq!(cell("event_time"), "2024-05-01T12:00:00Z");
    assert_eq!(cell("mitre_technique_ids"), "T1552");
    assert_eq!(cell("account_id"), "111122223333");
    assert_eq!(cell("invoked_by"), "");
    let raw: Value = serde_json::from_str(cell("raw_event")).unwrap();
    assert_eq!(raw["eventID"], "1");
    assert!(text.contains("\r\n"));
}

/// The files of a folder, by their names.
fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<String> = names.collect();
    names.sort();
    names
}

#[test]
fn a_folder_is_a_dataset_to_which_each_run_adds_a_file() {
    let lake = archive(3);
    written(&lake, "set/");
    // It is there by now, so that its name will do.
    written(&lake, "set");
    let set = names(&lake.beside("set"));
    assert_eq!(set.len(), 2, "{set:?}");
    for name in &set {
        assert!(
            name.starts_with("alerts-") && name.ends_with("-0000.parquet"),
            "{name}"
        );
    }
    // A run without a row adds none, and names none.
    let none = [
        "hunt",
        "logs",
        "--quiet",
        "--since",
        "2100-01-01",
        "--allow-empty",
        "-o",
        "set",
    ];
    let mut command = Command::new(TRAILSIFT);
    command.current_dir(lake.beside("")).args(none);
    command.args(["--report", "none.json"]);
    assert!(command.status().unwrap().success());
    let report: Value =
        serde_json::from_slice(&fs::read(lake.beside("none.json")).unwrap()).unwrap();
    assert_eq!(report["outputs"][0]["fate"], "no_rows");
    assert_eq!(report["outputs"][0]["name"], "set/");
    assert_eq!(names(&lake.beside("set")), set);
    // The run's id stands in the report, too.
    let report = lake.beside("report.json");
    let mut command = Command::new(TRAILSIFT);
    command.current_dir(lake.beside("")).args([
        "hunt",
        "logs",
        "--quiet",
        "-o",
        "set",
        "--report",
        "report.json",
    ]);
    assert!(command.status().unwrap().success());
    let report: Value = serde_json::from_slice(&fs::read(report).unwrap()).unwrap();
    let run = &report["run_id"].as_str().unwrap()[..8];
    let added: Vec<_> = names(&lake.beside("set"))
        .into_iter()
        .filter(|name| !set.contains(name))
        .collect();
    assert_eq!(added.len(), 1);
    assert!(added[0].contains(run), "{added:?} {run}");
    // Replaced is what was added so, and nothing else.
    fs::write(lake.beside("set/alerts-notes.parquet"), "mine").unwrap();
    command.args(["--overwrite", "--format", "csv"]);
    assert!(command.status().unwrap().success());
    let left = names(&lake.beside("set"));
    assert_eq!(left.len(), 2, "{left:?}");
    assert!(
        left[0].ends_with(".csv") && left[1] == "alerts-notes.parquet",
        "{left:?}"
    );
    // A run that fails leaves all as it was.
    let refused = Command::new(TRAILSIFT)
        .current_dir(lake.beside(""))
        .args(["hunt", "logs", "-o", "alerts.parquet", "--overwrite"])
        .output()
        .unwrap();
    assert_eq!(refused.status.code(), Some(2));
    assert!(
        String::from_utf8_lossy(&refused.stderr)
            .contains("--overwrite is for an output that is a folder")
    );
}

#[test]
fn each_row_has_the_id_of_its_run_and_the_report_tells_whom_it_is_about() {
    let lake = archive(3).file("again.ndjson", attach("1"));
    let hunt = lake.hunt(&[]);
    let rows = rows_with_run(&lake.beside("alerts.ndjson"));
    assert_eq!(rows.len(), 4);
    assert!(
        rows.iter()
            .all(|row| row["run_id"] == hunt.report["run_id"])
    );
    let report = &hunt.report;
    assert_eq!(report["schema_version"], 1);
    assert_eq!(report["inputs"], serde_json::json!(["logs"]));
    let command: Vec<&str> = report["command"]
        .as_array()
        .unwrap()
        .iter()
        .map(|word| word.as_str().unwrap())
        .collect();
    assert!(
        command.contains(&"hunt") && command.ends_with(&["logs"]),
        "{command:?}"
    );
    let counts = [
        "alerts",
        "distinct_events",
        "distinct_users",
        "distinct_accounts",
    ];
    let counts = counts.map(|name| report[name].as_u64().unwrap());
    assert_eq!(counts, [4, 3, 1, 1]);
    let times = ["started_at", "finished_at"].map(|name| {
        let time: jiff::Timestamp = report[name].as_str().unwrap().parse().unwrap();
        assert_eq!(time.subsec_nanosecond() % 1_000_000, 0, "milliseconds");
        time
    });
    assert!(times[0] <= times[1]);
}

fn lines_of_csv(lake: &Lake, args: &[&str]) -> Vec<String> {
    let mut command = Command::new(TRAILSIFT);
    command
        .current_dir(lake.beside(""))
        .args(["hunt", "logs", "--quiet"]);
    assert!(command.args(args).status().unwrap().success());
    let bytes = fs::read(lake.beside(args.last().unwrap())).unwrap();
    let text = String::from_utf8(bytes).unwrap();
    text.lines().map(str::to_owned).collect()
}

#[test]
fn csv_begins_with_when_and_who_and_has_the_record_only_with_raw() {
    let lake = archive(1);
    let lines = lines_of_csv(&lake, &["-o", "a.csv"]);
    let first = "event_time,account_id,target_user_name,event_action,policy_name,";
    assert!(lines[0].starts_with(first), "{}", lines[0]);
    assert!(!lines[0].contains("raw_event") && lines[0].contains(",request_parameters,"));
    let lines = lines_of_csv(&lake, &["--raw", "-o", "b.csv"]);
    assert!(lines[0].ends_with(",raw_event"), "{}", lines[0]);
    assert!(lines[1].contains("\"\"eventName\"\""), "{}", lines[1]);
    let columns = ["--columns", "event_id,event_action", "-o", "c.csv"];
    assert_eq!(
        lines_of_csv(&lake, &columns),
        ["event_id,event_action", "0,AttachUserPolicy"]
    );
    let related = [
        "--columns",
        "event_id",
        "-o",
        "d.ndjson",
        "--related",
        "d.csv",
    ];
    assert_eq!(lines_of_csv(&lake, &related), ["event_id,relation"]);
}

#[test]
fn columns_that_are_unknown_or_not_for_csv_are_refused() {
    let lake = archive(1);
    for (args, expected) in [
        (
            &["--columns", "when", "-o", "a.csv"],
            "no column when; there are rule_id,",
        ),
        (
            &["--columns", "event_id", "-o", "a.parquet"],
            "--columns and --raw are for CSV",
        ),
    ] {
        let mut command = Command::new(TRAILSIFT);
        command.current_dir(lake.beside("")).args(["hunt", "logs"]);
        let output = command.args(args).output().unwrap();
        assert_eq!(output.status.code(), Some(2));
        let told = String::from_utf8_lossy(&output.stderr);
        assert!(told.contains(expected), "{told}");
    }
}

#[test]
fn csv_of_alerts_inside_the_archive_is_no_input_of_the_next_run() {
    let lake = archive(2);
    for args in [
        &["-o", "logs/alerts.csv"][..],
        &["--raw", "-o", "logs/alerts.csv"],
        &["--columns", "event_time,event_id", "-o", "logs/alerts.csv"],
        &["-o", "logs/other.csv"],
    ] {
        // Each run meets the output of the one before.
        assert_eq!(lines_of_csv(&lake, args).len(), 3, "{args:?}");
    }
}
