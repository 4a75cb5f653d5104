//! Hunts with a ledger: broken off at any moment, taken up again, and repeated for what is new.

use std::fs;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rusqlite::Connection;
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use crate::datasets;
use crate::lake::{Hunt, Lake, TRAILSIFT, attach, attach_with, delivery, other, rows};

fn hunt(lake: &Lake, output: &str, args: &[&str]) -> Hunt {
    let mut command = Command::new(TRAILSIFT);
    command
        .current_dir(lake.beside(""))
        .args([
            "hunt",
            "--state",
            "ledger",
            "--report",
            "report.json",
            "-o",
            output,
        ])
        .args(args)
        .stdin(Stdio::null());
    let output_of = command.output().unwrap();
    let hunt = lake.hunted(output_of);
    Hunt {
        alerts: rows(&lake.beside(output)),
        ..hunt
    }
}

fn known(hunt: &Hunt) -> (&Value, &Value) {
    let sources = &hunt.report["sources"];
    (&sources["found"], &sources["known"])
}

/// A hunt that has read all of `logs` and waits at a pipe into which nobody writes.
fn stuck(lake: &Lake, output: &str) -> Child {
    stuck_with(lake, output, &["logs"])
}

pub(crate) fn stuck_with(lake: &Lake, output: &str, args: &[&str]) -> Child {
    let pipe = lake.beside("pipe");
    if !pipe.try_exists().unwrap() {
        assert!(
            Command::new("mkfifo")
                .arg(&pipe)
                .status()
                .unwrap()
                .success()
        );
    }
    let child = Command::new(TRAILSIFT)
        .current_dir(lake.beside(""))
        .args(["hunt", "--state", "ledger", "-o", output])
        .args(args)
        .arg("pipe")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    // It is there when something was committed.
    let waited = Instant::now();
    while fs::metadata(lake.beside("ledger-wal")).map_or(0, |m| m.len()) == 0 {
        assert!(
            waited.elapsed() < Duration::from_secs(20),
            "nothing was committed"
        );
        std::thread::sleep(Duration::from_millis(10));
    }
    std::thread::sleep(Duration::from_millis(500));
    child
}

pub(crate) fn signal(child: &mut Child, signal: &str) -> Option<i32> {
    let id = child.id().to_string();
    assert!(
        Command::new("kill")
            .args([signal, &id])
            .status()
            .unwrap()
            .success()
    );
    child.wait().unwrap().code()
}

#[test]
fn a_later_run_reads_and_writes_only_what_is_new_or_changed() {
    let lake = Lake::new()
        .file("a.json", delivery(&[attach("1")]))
        .file("b.json", delivery(&[other("0")]));
    let first = hunt(&lake, "1.ndjson", &["logs"]).exits(0).finds(&["1"]);
    assert_eq!(known(&first), (&2.into(), &0.into()));
    let second = hunt(&lake, "2.ndjson", &["logs"]).exits(0).finds(&[]);
    assert_eq!(known(&second), (&2.into(), &2.into()));
    // A new file, with an event that was seen before, and one that has grown.
    let lake = lake
        .file("c.json", delivery(&[attach("1"), attach("2")]))
        .file("b.json", delivery(&[other("0"), attach("3")]));
    let third = hunt(&lake, "3.ndjson", &["logs"])
        .exits(0)
        .finds(&["3", "1", "2"])
        .says("1 done before");
    assert_eq!(known(&third), (&3.into(), &1.into()));
    let sightings: Vec<_> = third
        .alerts
        .iter()
        .map(|row| row["sighting"].clone())
        .collect();
    assert_eq!(sightings, [1, 2, 1]);
    // What an output holds already is not in another one, though its file is read again.
    let lake = lake.file("b.json", delivery(&[other("0"), attach("3"), attach("4")]));
    hunt(&lake, "4.ndjson", &["logs"]).exits(0).finds(&["4"]);
    // Another place for the archive's root makes no difference.
    hunt(&lake, "5.ndjson", &["logs/a.json", "logs/c.json"])
        .exits(0)
        .finds(&[]);
}

#[test]
fn a_finished_run_that_is_repeated_is_done_and_leaves_its_output() {
    let lake = Lake::new().file("a.json", delivery(&[attach("1"), other("0")]));
    let related = ["logs", "--related", "r.ndjson"];
    hunt(&lake, "1.ndjson", &related).exits(0).finds(&["1"]);
    let before = fs::read(lake.beside("1.ndjson")).unwrap();
    let lake = lake.file("b.json", delivery(&[other("2")]));
    // Nothing is new, or nothing that is an alert; by whatever path the output is named.
    let absolute = lake.beside("1.ndjson");
    for output in ["1.ndjson", "logs/../1.ndjson", absolute.to_str().unwrap()] {
        let again = hunt(&lake, output, &related);
        assert_eq!(again.exit, Some(0), "{}", again.stderr);
        assert_eq!(again.report["alerts"], 0);
        assert_eq!(again.report["outputs"][0]["fate"], "up_to_date");
        again.says("1.ndjson stays as it was").finds(&["1"]);
        assert_eq!(fs::read(lake.beside("1.ndjson")).unwrap(), before);
    }
}

#[test]
fn an_output_with_alerts_of_an_earlier_run_is_not_replaced_by_new_ones() {
    let lake = Lake::new().file("a.json", attach("1"));
    hunt(&lake, "1.ndjson", &["logs"]).exits(0).finds(&["1"]);
    let lake = lake.file("b.json", attach("2"));
    for force in [&[][..], &["--force"]] {
        hunt(&lake, "1.ndjson", &[&["logs"], force].concat())
            .exits(1)
            .says("1.ndjson: it holds alerts of an earlier run with this ledger")
            .finds(&["1"]);
    }
    // One that was moved away is safe, and one that holds none can be replaced.
    fs::rename(lake.beside("1.ndjson"), lake.beside("kept.ndjson")).unwrap();
    hunt(&lake, "1.ndjson", &["logs"]).exits(0).finds(&["2"]);
    fs::rename(lake.beside("1.ndjson"), lake.beside("kept-2.ndjson")).unwrap();
    for _ in 0..2 {
        hunt(&lake, "1.ndjson", &["logs"]).exits(0).finds(&[]);
    }
}

#[test]
fn what_is_beside_an_older_output_is_not_replaced_by_new_ones_either() {
    let cut = |lake: Lake, name: &str| {
        let lake = lake.file(name, crate::lake::gzip(attach("0").as_bytes()));
        lake.cut_at(name, 60)
    };
    let lake = cut(Lake::new().file("a.json", attach("1")), "z.json.gz");
    fs::write(lake.beside("1.ndjson"), "{}\n{}\n").unwrap();
    let first = hunt(&lake, "1.ndjson", &["logs"]);
    assert_eq!(first.exit, Some(3));
    let beside = rows(&lake.beside("1.incomplete.ndjson"));
    assert_eq!(beside.len(), 1);
    let lake = cut(lake.file("b.json", attach("2")), "y.json.gz");
    hunt(&lake, "1.ndjson", &["logs"])
        .exits(1)
        .says("1.incomplete.ndjson: it holds alerts");
    assert_eq!(rows(&lake.beside("1.incomplete.ndjson")), beside);
    // What was found waits for an output of another name.
    let last = hunt(&lake, "2.ndjson", &["logs"]);
    assert_eq!(last.exit, Some(3));
    assert_eq!(rows(&lake.beside("2.ndjson")).len(), 1);
}

#[test]
fn no_two_of_ledger_outputs_and_report_are_one_file() {
    let lake = Lake::new().file("a.json", attach("1"));
    std::os::unix::fs::symlink(lake.beside(""), lake.beside("link")).unwrap();
    let refused = |args: &[&str]| {
        let mut command = Command::new(TRAILSIFT);
        command.current_dir(lake.beside("")).args(["hunt", "logs"]);
        let output = command.args(args).output().unwrap();
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{args:?}: {text}");
        assert!(text.contains("same file"), "{text}");
    };
    for other in [
        "f.ndjson",
        "./f.ndjson",
        "link/f.ndjson",
        "logs/../f.ndjson",
    ] {
        for is_there in [false, true] {
            if is_there {
                fs::write(lake.beside("f.ndjson"), "").unwrap();
            }
            refused(&["--state", "f.ndjson", "-o", other]);
            refused(&["-o", "a.ndjson", "--state", other, "--related", "f.ndjson"]);
            refused(&["-o", "a.ndjson", "--state", other, "--report", "f.ndjson"]);
            refused(&["-o", "f.ndjson", "--report", other]);
            refused(&["-o", "f.ndjson", "--related", other]);
            refused(&["--report", "f.ndjson", "--related", other, "-o", "a.ndjson"]);
        }
        assert_eq!(fs::read(lake.beside("f.ndjson")).unwrap(), b"");
        fs::remove_file(lake.beside("f.ndjson")).unwrap();
    }
    fs::hard_link(lake.logs().join("a.json"), lake.beside("a.ndjson")).unwrap();
    fs::hard_link(lake.logs().join("a.json"), lake.beside("b.ndjson")).unwrap();
    refused(&["-o", "a.ndjson", "--related", "b.ndjson"]);
    refused(&["--state", "s", "-o", "s-wal", "--format", "ndjson"]);
    // What is not written over may be named twice.
    let mut command = Command::new(TRAILSIFT);
    let args = [
        "hunt",
        "-q",
        "logs",
        "-o",
        "/dev/null",
        "--report",
        "/dev/null",
    ];
    command
        .current_dir(lake.beside(""))
        .args(args)
        .args(["--format", "csv"]);
    assert!(command.status().unwrap().success());
}

#[test]
fn a_file_in_the_place_of_another_of_its_size_and_time_is_read() {
    let lake = Lake::new()
        .file("a.json", attach("1"))
        .file("b.json", attach("2"));
    hunt(&lake, "1.ndjson", &["logs"])
        .exits(0)
        .finds(&["1", "2"]);
    let time = |name: &str| {
        let metadata = fs::metadata(lake.logs().join(name)).unwrap();
        metadata.modified().unwrap()
    };
    let set_time = |name: &str, time| {
        let file = fs::File::options().write(true).open(lake.logs().join(name));
        file.unwrap().set_modified(time).unwrap();
    };
    // Put there by a new name, and written over.
    let (a, b) = (time("a.json"), time("b.json"));
    fs::write(lake.logs().join("new"), attach("3")).unwrap();
    fs::rename(lake.logs().join("new"), lake.logs().join("a.json")).unwrap();
    set_time("a.json", a);
    fs::write(lake.logs().join("b.json"), attach("4")).unwrap();
    set_time("b.json", b);
    hunt(&lake, "2.ndjson", &["logs"])
        .exits(0)
        .finds(&["3", "4"]);
    hunt(&lake, "3.ndjson", &["logs"]).exits(0).finds(&[]);
}

#[test]
fn a_ledger_that_cannot_be_written_can_be_looked_into() {
    let lake = Lake::new()
        .file("a.json", attach("1"))
        .file("cut.json.gz", crate::lake::gzip(attach("2").as_bytes()))
        .cut_at("cut.json.gz", 60);
    let sealed = |name: &str| {
        let folder = lake.beside(name);
        fs::create_dir(&folder).unwrap();
        for file in ["ledger", "ledger-wal"] {
            if lake.beside(file).try_exists().unwrap() {
                fs::copy(lake.beside(file), folder.join(file)).unwrap();
                seal(&folder.join(file), 0o444);
            }
        }
        seal(&folder, 0o555);
        let mut command = lake.unprivileged()?;
        command.args(["state", &format!("{name}/ledger")]);
        Some(command.output().unwrap())
    };
    // One with a log beside it, of a run that was killed, and one without.
    let mut child = stuck(&lake, "alerts.ndjson");
    signal(&mut child, "-KILL");
    let Some(killed) = sealed("killed %?#") else {
        println!("skipped: this user may write everywhere");
        return;
    };
    hunt(&lake, "1.ndjson", &["logs"]).exits(3);
    let whole = sealed("whole").unwrap();
    for (output, waiting) in [
        (killed, "waiting     1 rows"),
        (whole, "waiting     0 rows"),
    ] {
        let text = String::from_utf8(output.stdout).unwrap();
        let error = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(0), "{error}");
        for line in ["sources     2\n", "in part     1\n", waiting] {
            assert!(text.contains(line), "{line:?} is not in {text}");
        }
    }
    // So that they can be taken away.
    for name in ["killed %?#", "whole"] {
        seal(&lake.beside(name), 0o755);
    }
}

fn seal(path: &std::path::Path, mode: u32) {
    use std::os::unix::fs::PermissionsExt as _;
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

#[test]
fn sources_that_could_not_be_read_are_named_with_zero_bytes_between_them() {
    let name = "two\nlines.json.gz";
    let lake = Lake::new()
        .file(name, crate::lake::gzip(attach("2").as_bytes()))
        .cut_at(name, 60);
    hunt(&lake, "1.ndjson", &["logs"]).exits(3);
    let mut command = Command::new(TRAILSIFT);
    command.current_dir(lake.beside(""));
    let output = command.args(["state", "ledger", "--failed", "-0"]).output();
    let failed = output.unwrap().stdout;
    assert!(failed.ends_with(b"two\nlines.json.gz\0"), "{failed:?}");
    fs::write(lake.beside("failed"), failed).unwrap();
    let lake = lake.file(name, crate::lake::gzip(attach("2").as_bytes()));
    hunt(&lake, "2.ndjson", &["--files-from", "failed", "-0"])
        .exits(0)
        .finds(&["2"]);
}

/// A quarantine of the policy that failed, and one that was lifted.
fn failed_and_lifted() -> String {
    let failed = attach("2").replace(r#""readOnly":false"#, r#""errorCode":"AccessDenied""#);
    let lifted = attach("3").replace("AttachUserPolicy", "DetachUserPolicy");
    format!("{failed}\n{lifted}")
}

#[test]
fn a_run_that_goes_on_counts_the_related_events_that_were_waiting() {
    for related in [&["logs"][..], &["logs", "--related", "related.ndjson"]] {
        let lake = Lake::new()
            .file("a.json", attach("1"))
            .file("b.json", failed_and_lifted())
            .file(
                "c.json",
                format!("{}\n{}", attach("4"), failed_and_lifted()),
            );
        let mut child = stuck_with(&lake, "alerts.ndjson", related);
        assert_eq!(signal(&mut child, "-TERM"), Some(143));
        // What was found in an older version of a file does not count twice.
        let lake = lake.file(
            "c.json",
            format!("{}\n{}\n", attach("4"), failed_and_lifted()),
        );
        let resumed = hunt(&lake, "1.ndjson", related).exits(0).finds(&["1", "4"]);
        let counts = &resumed.report["related"];
        assert_eq!(known(&resumed), (&3.into(), &2.into()));
        assert_eq!(
            (&counts["failed_attach"], &counts["detach"]),
            (&2.into(), &2.into())
        );
        resumed
            .says("2 failed_attach, 2 detach")
            .shows("Not alerts, but check these");
        // They were reported, so they do not wait any more.
        let last = hunt(&lake, "2.ndjson", &[related, &["--force"]].concat());
        assert_eq!(last.report["related"]["failed_attach"], 0);
    }
}

#[test]
fn a_ledger_that_was_begun_by_an_earlier_version_goes_on() {
    let lake = Lake::new().file("a.json", failed_and_lifted());
    let mut child = stuck(&lake, "alerts.ndjson");
    signal(&mut child, "-TERM");
    let ledger = Connection::open(lake.beside("ledger")).unwrap();
    let dropped = ledger.execute_batch("ALTER TABLE waiting DROP COLUMN related");
    dropped.unwrap();
    drop(ledger);
    let lake = lake.file(
        "b.json",
        format!("{}\n{}", attach("1"), failed_and_lifted()),
    );
    let resumed = hunt(&lake, "1.ndjson", &["logs"]).exits(0).finds(&["1"]);
    assert_eq!(resumed.report["related"]["failed_attach"], 1);
}

#[test]
fn a_ledger_is_a_local_file() {
    let output = Command::new(TRAILSIFT)
        .args(["hunt", "--state", "s3://bucket/ledger", "-o", "-", "-"])
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let error = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{error}");
    assert!(
        error.contains("s3://bucket/ledger: a ledger is a local file"),
        "{error}"
    );
}

#[test]
fn a_run_that_is_broken_off_goes_on_where_it_was() {
    let mut lake = Lake::new();
    for n in 0..40 {
        let policy = ["AWSCompromisedKeyQuarantineV2", "ReadOnlyAccess"][n % 2];
        lake = lake.file(&format!("{n:02}.json"), attach_with(&n.to_string(), policy));
    }
    lake = lake
        .file("99.json.gz", crate::lake::gzip(attach("99").as_bytes()))
        .cut_at("99.json.gz", 60);
    for (name, code) in [("-INT", Some(130)), ("-TERM", Some(143)), ("-KILL", None)] {
        fs::remove_file(lake.beside("ledger")).ok();
        let mut child = stuck(&lake, "alerts.ndjson");
        assert_eq!(signal(&mut child, name), code);
        assert!(!lake.beside("alerts.ndjson").try_exists().unwrap());
        let resumed = hunt(&lake, "resumed.ndjson", &["logs"])
            .exits(3)
            .says("99.json.gz");
        assert_eq!(resumed.report["sources"]["read"], 0, "{name}");
        assert_eq!(known(&resumed), (&41.into(), &41.into()));
        fs::remove_file(lake.beside("ledger")).unwrap();
        let whole = hunt(&lake, "whole.ndjson", &["logs"]).exits(3);
        assert_eq!(whole.alerts.len(), 20);
        let written = |name: &str| rows(&lake.beside(name));
        assert_eq!(written("resumed.ndjson"), written("whole.ndjson"), "{name}");
        assert_eq!(resumed.report["diagnostics"], whole.report["diagnostics"]);
        fs::remove_file(lake.beside("resumed.ndjson")).unwrap();
        fs::remove_file(lake.beside("whole.ndjson")).unwrap();
    }
}

#[test]
fn alerts_that_wait_are_written_though_their_file_is_gone() {
    let lake = Lake::new()
        .file("a.json", attach("1"))
        .file("b.json", attach("2"));
    let mut child = stuck(&lake, "alerts.ndjson");
    signal(&mut child, "-KILL");
    fs::remove_file(lake.logs().join("a.json")).unwrap();
    hunt(&lake, "resumed.ndjson", &["logs"])
        .exits(0)
        .finds(&["2", "1"]);
}

/// A row in a ledger that no hunt made ends the run with a message, and so before anything is written.
#[test]
fn a_waiting_row_that_no_hunt_made_is_an_error() {
    let lake = Lake::new().file("a.json", attach("1"));
    let mut child = stuck(&lake, "alerts.ndjson");
    signal(&mut child, "-KILL");
    let set = |change: &str| {
        let ledger = Connection::open(lake.beside("ledger")).unwrap();
        let update = format!("UPDATE alert SET row = json_set(row, {change})");
        assert_eq!(ledger.execute(&update, ()).unwrap(), 1);
    };
    for (change, message) in [
        (
            "'$.rule', 7",
            "the ledger is damaged: a row in it is of rule number 8, and the hunt has 1",
        ),
        (
            "'$.rule', 0, '$.ends[3]', 1000000",
            "ledger: the ledger is damaged",
        ),
        ("'$.ends[3]', 1", "ledger: the ledger is damaged"),
    ] {
        set(change);
        for output in ["again.ndjson", "again.csv", "again.parquet"] {
            hunt(&lake, output, &["logs"]).exits(1).says(message);
            assert!(!lake.beside(output).try_exists().unwrap());
        }
    }
}

#[test]
fn names_that_were_given_before_the_ledger_knew_it_are_found_out() {
    let lake = Lake::new().file("a.json", attach("1"));
    let mut child = stuck(&lake, "alerts.ndjson");
    signal(&mut child, "-KILL");
    for is_named in [true, false] {
        let output = lake.beside("alerts.ndjson");
        fs::copy(lake.beside("ledger"), lake.beside("before")).unwrap();
        let log = lake.beside("ledger-wal");
        fs::copy(&log, lake.beside("before-wal")).ok();
        hunt(&lake, "alerts.ndjson", &["logs"])
            .exits(0)
            .finds(&["1"]);
        // As it was just before the last commit.
        fs::copy(lake.beside("before"), lake.beside("ledger")).unwrap();
        fs::copy(lake.beside("before-wal"), &log).ok();
        let bytes = fs::read(&output).unwrap();
        let ledger = Connection::open(lake.beside("ledger")).unwrap();
        let hash: [u8; 32] = Sha256::digest(&bytes).into();
        ledger
            .execute(
                "INSERT INTO intent VALUES (?1, ?2, ?3, 1, 0)",
                (output.to_str().unwrap(), bytes.len(), hash),
            )
            .unwrap();
        drop(ledger);
        if !is_named {
            fs::remove_file(&output).unwrap();
        }
        let expected: &[&str] = if is_named { &[] } else { &["1"] };
        hunt(&lake, "again.ndjson", &["logs"])
            .exits(0)
            .finds(expected);
        fs::copy(lake.beside("before"), lake.beside("ledger")).unwrap();
        fs::copy(lake.beside("before-wal"), &log).ok();
        fs::remove_file(lake.beside("again.ndjson")).unwrap();
        fs::remove_file(&output).ok();
    }
}

#[test]
fn half_a_dataset_is_taken_away_and_written_again() {
    let lake = Lake::new()
        .file("a.json", attach("1"))
        .file("b.json", attach("2").replace("2024-05-01", "2024-05-02"));
    let mut child = stuck(&lake, "alerts.ndjson");
    signal(&mut child, "-KILL");
    let copy = |from: &str, to: &str| {
        fs::copy(lake.beside(from), lake.beside(to)).unwrap();
        let log = |name: &str| lake.beside(&format!("{name}-wal"));
        fs::copy(log(from), log(to)).ok();
    };
    copy("ledger", "before");
    let args = ["logs", "--partition-by", "event_date", "--format", "ndjson"];
    let set = lake.beside("set");
    let found = || {
        let found = datasets::files(&set).into_iter();
        let ids = found.flat_map(|file| rows(&file));
        let mut ids: Vec<_> = ids.map(|row| row["event_id"].clone()).collect();
        ids.sort_by_key(Value::to_string);
        ids
    };
    for is_named in [[false, false], [true, false], [false, true], [true, true]] {
        dataset(&lake, &args);
        let named = datasets::files(&set);
        assert_eq!(named.len(), 2);
        // As it was before the last commit, when so many files had their names.
        copy("before", "ledger");
        let ledger = Connection::open(lake.beside("ledger")).unwrap();
        for (rank, file) in named.iter().enumerate() {
            let bytes = fs::read(file).unwrap();
            let hash: [u8; 32] = Sha256::digest(&bytes).into();
            let row = (file.to_str().unwrap(), bytes.len(), hash, rank);
            let insert = "INSERT INTO intent VALUES (?1, ?2, ?3, 1, ?4)";
            ledger.execute(insert, row).unwrap();
        }
        drop(ledger);
        for (file, is_named) in named.iter().zip(is_named) {
            if !is_named {
                fs::remove_file(file).unwrap();
            }
        }
        dataset(&lake, &args);
        assert_eq!(found(), ["1", "2"], "{is_named:?}");
        let is_again = datasets::files(&set) != named;
        assert_eq!(is_again, is_named != [true, true], "{is_named:?}");
        copy("before", "ledger");
        fs::remove_dir_all(&set).unwrap();
    }
}

/// A hunt whose output is a dataset.
fn dataset(lake: &Lake, args: &[&str]) {
    let mut command = Command::new(TRAILSIFT);
    command
        .current_dir(lake.beside(""))
        .args(["hunt", "--quiet", "--state", "ledger", "-o", "set/"]);
    assert!(command.args(args).status().unwrap().success());
}

#[test]
fn a_ledger_is_for_one_process_one_rule_and_one_choice_of_events() {
    let lake = Lake::new().file("a.json", attach("1"));
    let mut child = stuck(&lake, "alerts.ndjson");
    hunt(&lake, "2.ndjson", &["logs"])
        .exits(1)
        .says("ledger: the ledger is in use by another process");
    signal(&mut child, "-INT");
    for args in [
        ["--account", "111122223333"],
        ["--until", "2024-05-01"],
        ["--related", "r.ndjson"],
    ] {
        hunt(&lake, "2.ndjson", &["logs", args[0], args[1]])
            .exits(1)
            .says("the ledger was made with another");
    }
    // A later beginning is a part of what was asked for before; an earlier one is not.
    hunt(&lake, "2.ndjson", &["logs", "--since", "2024-01-01"])
        .exits(0)
        .finds(&["1"]);
    hunt(&lake, "3.ndjson", &["logs", "--since", "2024-02-01"])
        .exits(0)
        .finds(&[]);
    hunt(&lake, "4.ndjson", &["logs", "--since", "2024-01-01"])
        .exits(1)
        .says("an earlier run with this ledger used --since 2024-02-01T00:00:00Z; give that time or a later one");
    fs::write(
        lake.beside("ledger"),
        "something else, of some length that SQLite reads as a header",
    )
    .unwrap();
    hunt(&lake, "5.ndjson", &["logs"])
        .exits(1)
        .says("it is no ledger");
}

#[test]
fn what_could_not_be_read_is_told_again_and_tried_again() {
    let lake = Lake::new()
        .file("a.json", attach("1"))
        .file("cut.json.gz", crate::lake::gzip(attach("2").as_bytes()))
        .cut_at("cut.json.gz", 60);
    hunt(&lake, "1.ndjson", &["logs"]).exits(3).finds(&["1"]);
    let state = |args: &[&str]| {
        let mut command = Command::new(TRAILSIFT);
        command
            .current_dir(lake.beside(""))
            .args(["state", "ledger"])
            .args(args);
        let output = command.output().unwrap();
        assert_eq!(
            output.status.code(),
            Some(0),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        String::from_utf8(output.stdout).unwrap()
    };
    let text = state(&[]);
    for line in [
        "sources     2\n",
        "read        1\n",
        "in part     1\n",
        "written     1 rows\n",
        "waiting     0 rows",
    ] {
        assert!(text.contains(line), "{line:?} is not in {text}");
    }
    let failed = state(&["--failed"]);
    assert_eq!(
        failed,
        format!(
            "{}\n",
            lake.logs()
                .join("cut.json.gz")
                .canonicalize()
                .unwrap()
                .display()
        )
    );
    // It is not read again, but the answer is no better than it was.
    hunt(&lake, "2.ndjson", &["logs"])
        .exits(3)
        .finds(&[])
        .says("earlier runs read some files only in part");
    fs::write(lake.beside("failed"), failed).unwrap();
    let lake = lake.gzip("cut.json.gz", attach("2"));
    hunt(&lake, "3.ndjson", &["--files-from", "failed"])
        .exits(0)
        .finds(&["2"]);
    hunt(&lake, "4.ndjson", &["logs"]).exits(0).finds(&[]);
}

#[test]
fn a_ledger_below_the_root_is_no_input() {
    let lake = Lake::new().file("a.json", attach("1"));
    let mut command = lake.command(&["--state", "logs/ledger", "logs"]);
    let hunt = lake.hunted(command.output().unwrap()).exits(0);
    assert_eq!(hunt.report["sources"]["found"], 1);
    let mut command = lake.command(&["--state", "logs/ledger", "logs"]);
    command.args(["--format", "ndjson"]);
    fs::remove_file(lake.beside("alerts.ndjson")).unwrap();
    let hunt = lake.hunted(command.output().unwrap()).exits(0);
    assert_eq!(known(&hunt), (&1.into(), &1.into()));
}
