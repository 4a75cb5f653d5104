//! Whole or not at all: whatever ends a run, an older output stays as it was.

use std::fs;
use std::io::{Read as _, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use crate::lake::{Lake, TRAILSIFT, attach, rows};

/// A hunt over standard input that has found an alert, and waits for more.
fn waiting(lake: &Lake) -> Child {
    fs::write(lake.beside("alerts.ndjson"), "older").unwrap();
    let mut child = lake
        .command(&["-"])
        .stdin(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let stdin = child.stdin.as_mut().unwrap();
    stdin
        .write_all(format!("{}\n", attach("1")).as_bytes())
        .unwrap();
    stdin.flush().unwrap();
    // The hidden file is there once the run is under way.
    let deadline = Instant::now() + Duration::from_secs(20);
    while !names(lake).iter().any(|name| name.ends_with(".tmp")) {
        assert!(
            Instant::now() < deadline,
            "no hidden file: {:?}",
            names(lake)
        );
        std::thread::yield_now();
    }
    child
}

fn names(lake: &Lake) -> Vec<String> {
    let entries = fs::read_dir(lake.beside("")).unwrap();
    entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect()
}

#[track_caller]
fn leaves_only_the_older_output(lake: &Lake) {
    assert_eq!(fs::read(lake.beside("alerts.ndjson")).unwrap(), b"older");
    let names = names(lake);
    assert!(
        !names.iter().any(|name| name.ends_with(".tmp")),
        "{names:?}"
    );
}

/// Asserts that a run failed since this path cannot be written.
#[track_caller]
fn cannot_write(output: Output, path: &str) {
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{stderr}");
    assert!(
        stderr.contains(&format!("{path}: cannot be written")),
        "{stderr}"
    );
}

fn signal(child: &Child, name: &str) {
    let sent = Command::new("kill")
        .arg(name)
        .arg(child.id().to_string())
        .status()
        .unwrap();
    assert!(sent.success());
}

#[test]
fn kill_9_leaves_the_older_output_and_no_file_that_looks_like_one() {
    let lake = Lake::new();
    let mut child = waiting(&lake);
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(fs::read(lake.beside("alerts.ndjson")).unwrap(), b"older");
    let left: Vec<_> = names(&lake)
        .into_iter()
        .filter(|n| n.ends_with(".ndjson") || n.ends_with(".parquet"))
        .collect();
    assert_eq!(left, ["alerts.ndjson"]);
}

#[test]
fn signals_end_a_run_that_says_how_far_it_came_and_leaves_nothing() {
    for (name, code) in [("-INT", 130), ("-TERM", 143), ("-HUP", 129)] {
        if name == "-HUP" && ignores_hang_up() {
            println!("skipped: the tests are to outlive their terminal");
            continue;
        }
        let lake = Lake::new();
        let mut child = waiting(&lake);
        signal(&child, name);
        let mut stderr = String::new();
        child
            .stderr
            .take()
            .unwrap()
            .read_to_string(&mut stderr)
            .unwrap();
        assert_eq!(child.wait().unwrap().code(), Some(code), "{stderr}");
        assert!(stderr.contains("interrupted: 0 of 1"), "{stderr}");
        leaves_only_the_older_output(&lake);
    }
}

fn ignores_hang_up() -> bool {
    let status = fs::read("/proc/self/status").unwrap();
    let status = String::from_utf8(status).unwrap();
    let mut lines = status.lines();
    let ignored = lines.find_map(|line| line.strip_prefix("SigIgn:\t"));
    ignored.is_some_and(|mask| u64::from_str_radix(mask, 16).unwrap() & 1 == 1)
}

#[test]
fn a_run_that_is_to_outlive_its_terminal_does() {
    let lake = Lake::new().file("a", attach("1"));
    // As `nohup` does.
    let script = format!(
        "trap '' HUP; mkfifo pipe; {TRAILSIFT} hunt -q -o a.ndjson logs pipe & sleep 1; \
         kill -HUP $!; sleep 0.2; true > pipe; wait $!"
    );
    let status = Command::new("bash")
        .arg("-c")
        .arg(script)
        .current_dir(lake.beside(""))
        .status()
        .unwrap();
    assert_eq!(status.code(), Some(0));
    assert_eq!(rows(&lake.beside("a.ndjson")).len(), 1);
}

#[test]
fn a_report_that_cannot_be_written_is_told_before_all_else() {
    let lake = Lake::new().file("a", attach("1"));
    fs::write(lake.beside("alerts.ndjson"), "older").unwrap();
    for report in ["no/report.json", "logs", "alerts.ndjson/report.json"] {
        let output = Command::new(TRAILSIFT)
            .args(["hunt", "logs", "-o", "alerts.ndjson", "--report", report])
            .current_dir(lake.beside(""))
            .output()
            .unwrap();
        cannot_write(output, report);
        leaves_only_the_older_output(&lake);
    }
    // Nor is what has no room at the end.
    let script = format!(
        "trap '' XFSZ; ulimit -f 0; exec {TRAILSIFT} hunt logs -o /dev/null --format ndjson --report report.json"
    );
    let output = Command::new("bash")
        .arg("-c")
        .arg(script)
        .current_dir(lake.beside(""))
        .output()
        .unwrap();
    cannot_write(output, "report.json");
    assert!(!lake.beside("report.json").try_exists().unwrap());
}

#[test]
fn a_full_disk_is_an_error_and_the_older_output_stays() {
    // `/dev/full` takes nothing; a regular file system that is full answers alike.
    let lake = Lake::new().file("a", attach("1"));
    for format in ["parquet", "ndjson"] {
        let output = Command::new(TRAILSIFT)
            .args(["hunt", "-o", "/dev/full", "--format", format])
            .arg(lake.logs())
            .output()
            .unwrap();
        cannot_write(output, "/dev/full");
    }
}

#[test]
fn a_limit_on_the_file_s_size_is_an_error_and_the_older_output_stays() {
    let records: String = (0..4000).map(|i| attach(&i.to_string()) + "\n").collect();
    let lake = Lake::new().file("a", records);
    fs::write(lake.beside("alerts.ndjson"), "older").unwrap();
    // The shell ignores SIGXFSZ for us, so that writing fails instead.
    let script =
        format!("trap '' XFSZ; ulimit -f 100; exec {TRAILSIFT} hunt -o alerts.ndjson logs");
    let output = Command::new("bash")
        .arg("-c")
        .arg(script)
        .current_dir(lake.beside(""))
        .output()
        .unwrap();
    cannot_write(output, "alerts.ndjson");
    leaves_only_the_older_output(&lake);
}

#[test]
fn a_folder_that_takes_no_file_is_an_error_before_anything_is_read() {
    let lake = Lake::new().file("a", attach("1"));
    let missing = Command::new(TRAILSIFT)
        .args(["hunt", "-o"])
        .arg(lake.beside("no/alerts.parquet"))
        .arg(lake.logs())
        .output()
        .unwrap();
    cannot_write(missing, "no/alerts.parquet");
    let locked = lake.beside("locked");
    fs::create_dir(&locked).unwrap();
    fs::set_permissions(&locked, fs::Permissions::from_mode(0o555)).unwrap();
    let Some(mut command) = lake.unprivileged() else {
        println!("skipped: this user may write everywhere");
        return;
    };
    let refused = command
        .args(["hunt", "-o", "locked/alerts.parquet", "logs"])
        .output()
        .unwrap();
    cannot_write(refused, "locked/alerts.parquet");
}

#[test]
fn a_reader_that_goes_away_ends_the_run_quietly() {
    let records: String = (0..20_000).map(|i| attach(&i.to_string()) + "\n").collect();
    let lake = Lake::new().file("a", records);
    let mut child = Command::new(TRAILSIFT)
        .args(["hunt", "-o", "-"])
        .arg(lake.logs())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut first = [0; 100];
    child.stdout.take().unwrap().read_exact(&mut first).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(141));
    assert_eq!(String::from_utf8(output.stderr).unwrap(), "");
}
