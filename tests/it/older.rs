//! What becomes of an older output: a run that read less does not replace it.

use std::fs;
use std::process::{Command, Output};

use serde_json::Value;

use crate::lake::{Lake, TRAILSIFT, attach, delivery, gzip, other, rows};
use crate::s3::Server;

fn hunt(lake: &Lake, args: &[&str]) -> Output {
    let mut command = Command::new(TRAILSIFT);
    command.current_dir(lake.beside("")).arg("hunt").args(args);
    command.output().unwrap()
}

#[track_caller]
fn exits(output: Output, code: i32) -> String {
    let text = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(code), "{text}");
    text
}

fn names(lake: &Lake) -> Vec<String> {
    let entries = fs::read_dir(lake.beside("")).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<String> = names.filter(|name| name != "logs").collect();
    names.sort();
    names
}

/// An archive of which one file is cut, with so many alerts in the others.
fn cut(n_alerts: usize) -> Lake {
    let alerts: Vec<String> = (0..n_alerts).map(|n| attach(&n.to_string())).collect();
    Lake::new()
        .file("a.json", delivery(&alerts))
        .file("z.json.gz", gzip(attach("lost").as_bytes()))
        .cut_at("z.json.gz", 60)
}

/// Replaces the archive.
fn with(lake: Lake, alerts: &[&str]) -> Lake {
    fs::remove_dir_all(lake.logs()).unwrap();
    fs::create_dir(lake.logs()).unwrap();
    let alerts: Vec<String> = alerts.iter().map(|id| attach(id)).collect();
    let records = [&alerts[..], &[other("0")]].concat();
    lake.file("a.json", delivery(&records))
}

const FORMATS: [&str; 4] = ["parquet", "ndjson", "csv", "arrows"];

#[test]
fn a_run_that_read_less_is_written_beside_an_older_output_with_more_rows() {
    for format in FORMATS {
        let output = format!("out.{format}");
        let lake = with(cut(2), &["1", "2", "3"]);
        exits(hunt(&lake, &["logs", "-o", &output]), 0);
        let older = fs::read(lake.beside(&output)).unwrap();
        let damaged = cut(2);
        let logs = damaged.logs();
        let logs = logs.to_str().unwrap();
        let args = [logs, "-o", &output, "--report", "report.json"];
        let beside = format!("out.incomplete.{format}");
        let text = exits(hunt(&lake, &args), 3);
        assert!(text.contains(&beside), "{text}");
        assert_eq!(fs::read(lake.beside(&output)).unwrap(), older, "{format}");
        let mut expected = [&beside, &output, "report.json"];
        expected.sort_unstable();
        assert_eq!(names(&lake), expected);
        let report = fs::read(lake.beside("report.json")).unwrap();
        let report: Value = serde_json::from_slice(&report).unwrap();
        assert_eq!(report["outputs"][0]["fate"], "incomplete");
        assert_eq!(report["outputs"][0]["rows"], 2);
        // Told without a summary, too.
        let text = exits(hunt(&lake, &[&args[..], &["--quiet"]].concat()), 3);
        assert!(text.contains("stays as it was"), "{text}");
        // As many rows, or a word, are enough.
        exits(hunt(&lake, &[logs, "-o", &beside]), 3);
        let text = exits(hunt(&lake, &[&args[..], &["--force"]].concat()), 3);
        assert!(text.contains("in place of an older one"), "{text}");
        assert_ne!(fs::read(lake.beside(&output)).unwrap(), older, "{format}");
    }
}

#[test]
fn what_cannot_be_counted_is_not_replaced_by_a_run_that_read_less() {
    let lake = cut(1);
    fs::write(lake.beside("out.ndjson"), "notes of mine\n").unwrap();
    exits(hunt(&lake, &["logs", "-o", "out.ndjson"]), 3);
    assert_eq!(
        fs::read(lake.beside("out.ndjson")).unwrap(),
        b"notes of mine\n"
    );
    assert_eq!(rows(&lake.beside("out.incomplete.ndjson")).len(), 1);
}

#[test]
fn each_output_has_a_fate_of_its_own() {
    let lake = cut(1);
    fs::write(lake.beside("related.ndjson"), "{\"a\":1}\n").unwrap();
    let args = ["logs", "-o", "out.ndjson", "--related", "related.ndjson"];
    exits(hunt(&lake, &args), 3);
    let expected = ["out.ndjson", "related.incomplete.ndjson", "related.ndjson"];
    assert_eq!(names(&lake), expected);
}

#[test]
fn a_run_that_read_everything_replaces_an_older_output_and_says_so() {
    let lake = with(cut(0), &["1", "2"]);
    exits(hunt(&lake, &["logs"]), 0);
    let lake = with(lake, &[]);
    let text = exits(hunt(&lake, &["logs"]), 0);
    assert!(
        text.contains("alerts.parquet, in place of an older one"),
        "{text}"
    );
    assert_eq!(names(&lake), ["alerts.parquet"]);
}

#[test]
fn a_run_that_read_nothing_leaves_an_older_output_and_says_so() {
    let lake = with(cut(0), &["1"]);
    exits(hunt(&lake, &["logs", "-o", "out.ndjson"]), 0);
    fs::create_dir(lake.beside("empty")).unwrap();
    for quiet in [&[][..], &["--quiet"]] {
        let output = hunt(&lake, &[&["empty", "-o", "out.ndjson"], quiet].concat());
        let text = String::from_utf8(output.stderr).unwrap();
        assert!(
            text.contains("the older out.ndjson stays as it was"),
            "{text}"
        );
        assert_eq!(rows(&lake.beside("out.ndjson")).len(), 1);
    }
}

#[test]
fn a_dataset_gets_no_file_for_a_run_without_rows() {
    let lake = with(cut(0), &[]);
    for format in ["parquet", "csv"] {
        let text = exits(hunt(&lake, &["logs", "-o", "set/", "--format", format]), 0);
        assert!(text.contains("no file, since there is no alert"), "{text}");
    }
    let mut entries = fs::read_dir(lake.beside("set")).unwrap();
    assert!(entries.next().is_none());
    let lake = with(lake, &["1"]);
    exits(hunt(&lake, &["logs", "-o", "set/"]), 0);
    assert_eq!(fs::read_dir(lake.beside("set")).unwrap().count(), 1);
}

#[test]
fn alerts_have_an_exit_code_of_their_own_where_that_is_asked_for() {
    let whole = with(cut(0), &["1"]);
    let none = with(cut(0), &[]);
    let args = ["logs", "-o", "out.ndjson"];
    let asked = ["logs", "-o", "out.ndjson", "--fail-on-alerts"];
    exits(hunt(&whole, &args), 0);
    exits(hunt(&whole, &asked), 5);
    exits(hunt(&none, &asked), 0);
    // What was not read comes first.
    exits(hunt(&cut(1), &asked), 3);
    // It was read whole, so that what earlier runs added is removed.
    for code in [5, 5] {
        let args = ["logs", "-o", "set/", "--overwrite", "--fail-on-alerts"];
        exits(hunt(&whole, &args), code);
        assert_eq!(fs::read_dir(whole.beside("set")).unwrap().count(), 1);
    }
}

#[test]
fn an_object_is_spared_as_a_file_is() {
    let lake = with(cut(0), &["1", "2"]);
    fs::create_dir(lake.beside("out")).unwrap();
    let damaged = cut(1);
    let server = Server::of_folder(&lake.beside(""));
    let hunt = |logs: &str, more: &[&str]| {
        let mut command = Command::new(TRAILSIFT);
        command.current_dir(lake.beside("")).arg("hunt").arg(logs);
        command.args(["-o", "s3://out/a.parquet"]).args(more);
        server.serves(&mut command).output().unwrap()
    };
    exits(hunt("logs", &[]), 0);
    let older = fs::read(lake.beside("out/a.parquet")).unwrap();
    let logs = damaged.logs();
    let logs = logs.to_str().unwrap();
    let text = exits(hunt(logs, &[]), 3);
    assert!(text.contains("s3://out/a.incomplete.parquet"), "{text}");
    assert_eq!(fs::read(lake.beside("out/a.parquet")).unwrap(), older);
    let beside = fs::read(lake.beside("out/a.incomplete.parquet")).unwrap();
    assert_eq!(&beside[..4], b"PAR1");
    exits(hunt(logs, &["--force"]), 3);
    assert_ne!(fs::read(lake.beside("out/a.parquet")).unwrap(), older);
    let text = exits(hunt("logs", &[]), 0);
    assert!(text.contains("in place of an older one"), "{text}");
}
