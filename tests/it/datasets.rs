//! Outputs of many files: datasets that are divided by what the rows say.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::lake::{Lake, TRAILSIFT, attach, other, rows};
use crate::s3::Server;
use crate::s3::memory::MemoryS3;

/// A quarantine on a day.
fn on(day: &str, id: &str) -> String {
    attach(id).replace("2024-05-01", day)
}

fn run(lake: &Lake, args: &[&str]) -> std::process::Output {
    let mut command = Command::new(TRAILSIFT);
    command.current_dir(lake.beside("")).args(["hunt", "logs"]);
    command.args(args).output().unwrap()
}

fn succeeds(lake: &Lake, args: &[&str]) {
    let output = run(lake, args);
    let told = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{told}");
}

/// The files below a folder, by their paths in it.
pub(crate) fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => found.extend(files(&path)),
            false => found.push(path),
        }
    }
    found.sort();
    found
}

/// The ids of the events in each folder of a dataset of lines.
fn ids(dataset: &Path) -> BTreeMap<String, Vec<String>> {
    let mut ids: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for file in files(dataset) {
        let folder = file.parent().unwrap().strip_prefix(dataset).unwrap();
        let of_file = rows(&file).into_iter();
        let of_file = of_file.map(|row| row["event_id"].as_str().unwrap().to_owned());
        let folder = folder.to_str().unwrap().to_owned();
        ids.entry(folder).or_default().extend(of_file);
    }
    ids
}

fn expected(days: &[(&str, &[&str])]) -> BTreeMap<String, Vec<String>> {
    let named = |(folder, ids): &(&str, &[&str])| {
        let ids = ids.iter().map(|id| (*id).to_owned());
        ((*folder).to_owned(), ids.collect())
    };
    days.iter().map(named).collect()
}

#[test]
fn rows_are_divided_by_days_and_each_run_adds_to_them() {
    let timeless = attach("4").replace("2024-05-01T12:00:00Z", "yesterday");
    let lake = Lake::new()
        .file(
            "a.ndjson",
            on("2024-05-01", "1") + "\n" + &on("2024-05-02", "2"),
        )
        .file("b.ndjson", on("2024-05-01", "3") + "\n" + &timeless);
    let args = [
        "-o",
        "set/",
        "--partition-by",
        "event_date",
        "--format",
        "ndjson",
    ];
    succeeds(&lake, &args);
    let set = lake.beside("set");
    let once = expected(&[
        ("event_date=2024-05-01", &["1", "3"]),
        ("event_date=2024-05-02", &["2"]),
        ("event_date=__HIVE_DEFAULT_PARTITION__", &["4"]),
    ]);
    assert_eq!(ids(&set), once);
    assert_eq!(files(&set).len(), 3, "nothing hidden is left");
    succeeds(&lake, &args);
    assert_eq!(files(&set).len(), 6);
    // Replaced is what was added so, and folders that are empty then go with it.
    fs::write(set.join("event_date=2024-05-02/notes.txt"), "mine").unwrap();
    fs::write(lake.logs().join("a.ndjson"), on("2024-05-03", "5")).unwrap();
    succeeds(&lake, &[&args[..], &["--overwrite"]].concat());
    fs::remove_file(set.join("event_date=2024-05-02/notes.txt")).unwrap();
    let replaced = expected(&[
        ("event_date=2024-05-01", &["3"]),
        ("event_date=2024-05-03", &["5"]),
        ("event_date=__HIVE_DEFAULT_PARTITION__", &["4"]),
    ]);
    assert_eq!(ids(&set), replaced);
}

#[test]
fn what_a_record_says_of_its_region_and_account_leads_nowhere_else() {
    let record = attach("1")
        .replace("\"us-east-1\"", "\"../../../x\"")
        .replace("111122223333", "a/b");
    let lake = Lake::new().file("a.json", record);
    succeeds(&lake, &["-o", "set/", "--schema", "ocsf"]);
    let found = files(&lake.beside("set"));
    assert_eq!(found.len(), 1, "{found:?}");
    let folder = found[0].parent().unwrap().strip_prefix(lake.beside("set"));
    assert_eq!(
        folder.unwrap(),
        Path::new("region=%2E%2E%2F%2E%2E%2F%2E%2E%2Fx/accountId=a%2Fb/eventDay=20240501")
    );
    assert!(!lake.beside("x").try_exists().unwrap());
}

#[test]
fn more_rows_than_wait_in_memory_become_several_files() {
    let lake = (0..40).fold(Lake::new(), |lake, n| {
        let records = (0..50).map(|i| {
            let day = format!("2024-05-{:02}", 1 + i % 5);
            let padding = "x".repeat(30_000);
            on(&day, &format!("{n}-{i}")).replace("aws-internal/3", &padding) + "\n"
        });
        lake.file(&format!("{n:02}.ndjson"), records.collect::<String>())
    });
    succeeds(&lake, &["-o", "one.ndjson"]);
    succeeds(
        &lake,
        &[
            "-o",
            "set/",
            "--partition-by",
            "event_date",
            "--format",
            "ndjson",
        ],
    );
    let set = lake.beside("set");
    assert!(files(&set).len() > 5, "{:?}", files(&set));
    // Within a day the order of sources stays, from file to file.
    let mut days: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for row in rows(&lake.beside("one.ndjson")) {
        let day = &row["event_time"].as_str().unwrap()[..10];
        let id = row["event_id"].as_str().unwrap().to_owned();
        days.entry(format!("event_date={day}"))
            .or_default()
            .push(id);
    }
    assert_eq!(ids(&set), days);
}

#[test]
fn a_run_that_is_broken_off_leaves_nothing_in_the_dataset() {
    let lake = Lake::new().file("a.json", attach("1"));
    let pipe = lake.beside("pipe");
    assert!(
        Command::new("mkfifo")
            .arg(&pipe)
            .status()
            .unwrap()
            .success()
    );
    let mut child = Command::new(TRAILSIFT)
        .current_dir(lake.beside(""))
        .args([
            "hunt",
            "--quiet",
            "-o",
            "set/",
            "--partition-by",
            "event_date",
            "logs",
            "pipe",
        ])
        .spawn()
        .unwrap();
    let set = lake.beside("set");
    let began = Instant::now();
    let hidden = || {
        fs::read_dir(&set)
            .ok()
            .and_then(|mut entries| entries.next())
    };
    while hidden().is_none() {
        assert!(began.elapsed() < Duration::from_secs(30), "it never begins");
        std::thread::sleep(Duration::from_millis(10));
    }
    let name = hidden().unwrap().unwrap().file_name();
    assert!(name.to_str().unwrap().starts_with(".alerts-"), "{name:?}");
    let id = child.id().to_string();
    assert!(
        Command::new("kill")
            .args(["-INT", &id])
            .status()
            .unwrap()
            .success()
    );
    assert_eq!(child.wait().unwrap().code(), Some(130));
    assert!(hidden().is_none());
}

#[test]
fn a_dataset_in_a_bucket_has_the_same_files() {
    let lake = Lake::new().file(
        "a.ndjson",
        on("2024-05-01", "1") + "\n" + &on("2024-05-02", "2"),
    );
    fs::create_dir(lake.beside("lake")).unwrap();
    let server = Server::of_folder(&lake.beside(""));
    let mut command = Command::new(TRAILSIFT);
    command.current_dir(lake.beside("")).args([
        "hunt",
        "--quiet",
        "logs",
        "-o",
        "s3://lake/set/",
        "--format",
        "ndjson",
        "--partition-by",
        "event_date",
    ]);
    let output = server.serves(&mut command).output().unwrap();
    assert_eq!(
        output.status.code(),
        Some(0),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let days = expected(&[
        ("event_date=2024-05-01", &["1"]),
        ("event_date=2024-05-02", &["2"]),
    ]);
    assert_eq!(ids(&lake.beside("lake/set")), days);
}

#[test]
fn a_bucket_that_cannot_be_written_to_is_told_before_the_hunt() {
    let lake = Lake::new().file("a.json", "{}");
    // It gives objects, and takes none.
    let server = Server::of_memory(std::iter::empty().collect::<MemoryS3>());
    let mut command = Command::new(TRAILSIFT);
    command
        .current_dir(lake.beside(""))
        .args(["hunt", "logs", "--partition-by", "event_date"]);
    command.args(["-o", "s3://trail/set/"]);
    let output = server.serves(&mut command).output().unwrap();
    let told = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{told}");
    assert_eq!(told.matches("cannot be written").count(), 1, "{told}");
}

#[test]
fn a_division_that_cannot_be_is_refused() {
    let lake = Lake::new().file("a.json", attach("1"));
    for (args, told) in [
        (
            &["-o", "a.parquet", "--partition-by", "event_date"][..],
            "for an output that is a folder",
        ),
        (
            &[
                "-o",
                "set/",
                "--schema",
                "ocsf",
                "--partition-by",
                "event_date",
            ],
            "folders of its own",
        ),
        (&["-o", "a.parquet", "--schema", "ecs"], "lines of JSON"),
        (&["-o", "a.csv", "--schema", "ocsf"], "CSV is flat"),
    ] {
        let output = run(&lake, args);
        let text = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{text}");
        assert!(text.contains(told), "{text}");
    }
}

#[test]
fn a_hunt_with_no_alert_adds_no_file_and_says_so() {
    let lake = Lake::new().file("a.json", other("1"));
    succeeds(
        &lake,
        &[
            "-o",
            "set/",
            "--partition-by",
            "event_date",
            "--report",
            "report.json",
        ],
    );
    assert_eq!(files(&lake.beside("set")), Vec::<PathBuf>::new());
    let report: Value =
        serde_json::from_slice(&fs::read(lake.beside("report.json")).unwrap()).unwrap();
    assert_eq!(report["alerts"], 0);
}
