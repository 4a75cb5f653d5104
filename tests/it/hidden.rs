//! The files in which an output is until it is whole: nobody else's, and gone when their run is.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::lake::{Lake, TRAILSIFT, attach, rows};

/// A hunt over standard input that has begun its outputs, and waits for more.
fn waiting(lake: &Lake, args: &[&str]) -> Child {
    let n_before = hidden(&lake.beside("")).len();
    let mut child = Command::new(TRAILSIFT)
        .current_dir(lake.beside(""))
        .args(["hunt", "-", "--quiet"])
        .args(args)
        .stdin(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let stdin = child.stdin.as_mut().unwrap();
    let line = format!("{}\n", attach("1"));
    stdin.write_all(line.as_bytes()).unwrap();
    let began = Instant::now();
    while hidden(&lake.beside("")).len() <= n_before {
        assert!(began.elapsed() < Duration::from_secs(20), "it never begins");
        std::thread::sleep(Duration::from_millis(10));
    }
    // What was left is removed before.
    std::thread::sleep(Duration::from_millis(200));
    child
}

/// The hidden files and folders in a folder, and one below it.
fn hidden(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        if name.starts_with('.') && name.ends_with(".tmp") {
            found.push(path);
        } else if path.is_dir() {
            found.extend(hidden(&path));
        }
    }
    found
}

#[test]
fn what_is_not_whole_is_open_to_its_owner_alone() {
    let lake = Lake::new();
    let outputs: [&[&str]; 3] = [
        &[
            "-o",
            "a.parquet",
            "--related",
            "r.parquet",
            "--report",
            "r.json",
        ],
        &["-o", "set/"],
        &["-o", "days/", "--partition-by", "event_date"],
    ];
    for (args, n_files) in outputs.into_iter().zip([3, 1, 1]) {
        let mut child = waiting(&lake, args);
        let found = hidden(&lake.beside(""));
        assert_eq!(found.len(), n_files, "{found:?}");
        for path in found {
            let metadata = fs::symlink_metadata(&path).unwrap();
            let mode = metadata.permissions().mode() & 0o777;
            let expected = if metadata.is_dir() { 0o700 } else { 0o600 };
            assert_eq!(mode, expected, "{}", path.display());
        }
        // The rest is read, and the outputs are as any new file.
        drop(child.stdin.take());
        assert!(child.wait().unwrap().success());
        assert!(hidden(&lake.beside("")).is_empty());
    }
    fs::write(lake.beside("usual"), "").unwrap();
    let mode = |name: &str| {
        let metadata = fs::metadata(lake.beside(name)).unwrap();
        metadata.permissions().mode()
    };
    for name in ["a.parquet", "r.parquet", "r.json"] {
        assert_eq!(mode(name), mode("usual"), "{name}");
    }
}

#[test]
fn what_a_kill_left_is_removed_by_the_next_run_with_that_output() {
    let outputs: [&[&str]; 4] = [
        &["-o", "a.ndjson"],
        &["-o", "set/", "--format", "ndjson"],
        &["-o", "set/", "--partition-by", "event_date"],
        &["-o", "b.ndjson", "--report", "b.json"],
    ];
    for args in outputs {
        let lake = Lake::new().file("a.json", attach("1"));
        let mut child = waiting(&lake, args);
        child.kill().unwrap();
        child.wait().unwrap();
        let left = hidden(&lake.beside(""));
        assert!(!left.is_empty());
        let hunt = |args: &[&str]| {
            let mut command = Command::new(TRAILSIFT);
            command.current_dir(lake.beside("")).args(["hunt", "logs"]);
            assert!(command.args(args).status().unwrap().success());
        };
        hunt(&["-o", "other.ndjson"]);
        assert_eq!(hidden(&lake.beside("")), left);
        hunt(args);
        assert!(hidden(&lake.beside("")).is_empty(), "{args:?}");
    }
}

#[test]
fn two_runs_with_one_output_leave_each_other_s_files_alone() {
    let lake = Lake::new();
    let args = ["-o", "a.ndjson"];
    let mut children: Vec<Child> = (0..3).map(|_| waiting(&lake, &args)).collect();
    assert_eq!(hidden(&lake.beside("")).len(), 3);
    for child in &mut children {
        drop(child.stdin.take());
        assert!(child.wait().unwrap().success());
        assert_eq!(rows(&lake.beside("a.ndjson")).len(), 1);
    }
    assert!(hidden(&lake.beside("")).is_empty());
}

#[test]
fn a_planted_link_is_never_followed() {
    let lake = Lake::new().file("a.json", attach("1"));
    fs::write(lake.beside("victim"), "root's").unwrap();
    // By the name that an earlier version would have used, and by one that looks like ours.
    for pid in 1..200 {
        symlink("victim", lake.beside(&format!(".a.ndjson.{pid}.tmp"))).unwrap();
    }
    let planted = lake.beside(".a.ndjson.0123456789abcdef.tmp");
    symlink("victim", &planted).unwrap();
    let mut command = Command::new(TRAILSIFT);
    command.current_dir(lake.beside(""));
    let status = command.args(["hunt", "logs", "-o", "a.ndjson"]).status();
    assert!(status.unwrap().success());
    assert_eq!(fs::read(lake.beside("victim")).unwrap(), b"root's");
    assert!(fs::symlink_metadata(&planted).unwrap().is_symlink());
    assert_eq!(rows(&lake.beside("a.ndjson")).len(), 1);
}

#[test]
fn a_case_begins_in_a_folder_that_a_kill_left_something_in() {
    let lake = Lake::new().file("a.json", attach("1"));
    fs::create_dir(lake.beside("case")).unwrap();
    let left = lake.beside("case/.case.0123456789abcdef.tmp");
    fs::create_dir(&left).unwrap();
    fs::write(left.join("events.parquet"), "half").unwrap();
    let mut command = Command::new(TRAILSIFT);
    command.current_dir(lake.beside("")).args([
        "investigate",
        "--user",
        "alice",
        "logs",
        "-o",
        "case",
        "--quiet",
    ]);
    assert!(command.status().unwrap().success());
    assert!(hidden(&lake.beside("")).is_empty());
    assert!(lake.beside("case/case.json").try_exists().unwrap());
}
