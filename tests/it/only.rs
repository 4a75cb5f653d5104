//! Hunts over a part of an archive: by times, accounts and regions, told by its folders and by the events.

use crate::lake::{Lake, attach};

/// An attachment of this id, time, account and region.
fn event(id: &str, time: &str, account: &str, region: &str) -> String {
    attach(id)
        .replace("2024-05-01T12:00:00Z", time)
        .replace("111122223333", account)
        .replace("us-east-1", region)
}

/// Where CloudTrail delivers it on this day.
fn key(prefix: &str, account: &str, region: &str, day: &str, name: &str) -> String {
    format!("{prefix}AWSLogs/{account}/CloudTrail/{region}/{day}/{name}.json")
}

const OWN: &str = "111122223333";
const OTHER: &str = "444455556666";

fn archive() -> Lake {
    let at = |day: &str, hour: &str| format!("2024-05-{day}T{hour}:00:00Z");
    Lake::new()
        .file(
            &key("", OWN, "us-east-1", "2024/05/01", "a"),
            event("1", &at("01", "12"), OWN, "us-east-1"),
        )
        // Delivered on the day after.
        .file(
            &key("", OWN, "us-east-1", "2024/05/11", "a"),
            event("2", &at("10", "23"), OWN, "us-east-1"),
        )
        .file(
            &key("", OWN, "eu-west-1", "2024/05/10", "a"),
            event("3", &at("10", "12"), OWN, "eu-west-1"),
        )
        .file(
            &key("p/", OTHER, "us-east-1", "2024/05/10", "a"),
            event("4", &at("10", "12"), OTHER, "us-east-1"),
        )
        // Outside of the layout.
        .file(
            "copies/a.json",
            format!(
                "{}\n{}",
                event("5", &at("10", "12"), OWN, "us-east-1"),
                event("6", &at("20", "12"), OWN, "us-east-1")
            ),
        )
        .file("copies/b.json", event("7", "some day", OWN, "us-east-1"))
}

#[test]
fn a_hunt_over_some_days_judges_by_the_events_own_times() {
    let hunt = archive()
        .hunt(&[
            "--since",
            "2024-05-10",
            "--until",
            "2024-05-10",
            "--late",
            "1d",
        ])
        .exits(0)
        .finds(&["3", "2", "5", "7", "4"])
        .tells(&["event_time_unreadable"])
        .says("1 folders passed over")
        .says("1 of them of other times");
    assert_eq!(hunt.report["sources"]["folders_passed_over"], 1);
    assert_eq!(hunt.report["sources"]["found"], 5);
    assert_eq!(hunt.report["events_outside"], 1);
    archive()
        .hunt(&[
            "--since",
            "2024-05-10T23:00:00Z",
            "--until",
            "2024-05-10T23:00:00Z",
        ])
        .exits(2);
    archive()
        .hunt(&["--since", "2024-05-10T13:00:00Z"])
        .exits(0)
        .finds(&["2", "6", "7"]);
    archive().hunt(&["--since", "1d"]).exits(0).finds(&["7"]);
}

#[test]
fn a_hunt_over_some_accounts_or_regions_passes_over_the_others() {
    let hunt = archive().hunt(&["--account", OTHER]).exits(0).finds(&["4"]);
    assert_eq!(hunt.report["sources"]["folders_passed_over"], 0);
    let hunt = archive()
        .hunt(&["--account", OTHER, "--account-folders"])
        .exits(0)
        .finds(&["4"]);
    assert_eq!(hunt.report["sources"]["folders_passed_over"], 1);
    archive()
        .hunt(&["--account-folders"])
        .exits(2)
        .says("--account");
    archive()
        .hunt(&[
            "--account",
            &format!("{OTHER},{OWN}"),
            "--event-region",
            "eu-west-1",
        ])
        .exits(0)
        .finds(&["3"]);
    let hunt = archive()
        .hunt(&["--home-region"])
        .exits(0)
        .finds(&["1", "2", "5", "6", "7", "4"]);
    assert_eq!(hunt.report["sources"]["folders_passed_over"], 1);
    archive()
        .hunt(&["--account", "1234"])
        .exits(2)
        .says("twelve digits");
    archive()
        .hunt(&["--event-region", "Europe"])
        .exits(2)
        .says("us-east-1");
}

#[test]
fn what_was_typed_may_be_a_part_of_the_layout() {
    let lake = archive();
    let folder = format!("logs/AWSLogs/{OWN}/CloudTrail/us-east-1");
    let output = lake
        .command(&["--since", "2024-05-10"])
        .arg(folder)
        .output()
        .unwrap();
    let hunt = lake.hunted(output).exits(0).finds(&["2"]);
    assert_eq!(hunt.report["sources"]["folders_passed_over"], 1);
}

#[test]
fn a_list_names_what_is_hunted_through() {
    let lake = Lake::new()
        .file("a.json", attach("1"))
        .file("b/b.json", attach("2"))
        .file("b/c\nd.json", attach("3"))
        .file("e.json", attach("4"));
    let hunt = |args: &[&str], list: &[u8], is_stdin: bool| {
        std::fs::write(lake.beside("list"), list).unwrap();
        let mut command = lake.command(args);
        if is_stdin {
            command.stdin(std::fs::File::open(lake.beside("list")).unwrap());
        }
        lake.hunted(command.output().unwrap())
    };
    let lines = b"logs/e.json\r\nlogs/a.json\n\nlogs/e.json";
    hunt(&["--files-from", "list"], lines, false)
        .exits(0)
        .finds(&["4", "1"]);
    let hunt_stdin = hunt(&["--files-from", "-", "logs/b/b.json"], lines, true);
    let repeated = hunt_stdin.exits(0).finds(&["2", "4", "1"]);
    assert_eq!(repeated.report["sources"]["repeated"], 1);
    hunt(
        &["-0", "--files-from", "-"],
        b"logs/b/c\nd.json\0logs/b",
        true,
    )
    .exits(0)
    .finds(&["3", "2"]);
    hunt(
        &["--files-from", "list"],
        b"logs/gone.json\nlogs/a.json",
        false,
    )
    .exits(3)
    .finds(&["1"])
    .says("logs/gone.json: cannot be read");
}

#[test]
fn a_list_that_makes_no_sense_is_refused() {
    let lake = Lake::new().file("a.json", attach("1"));
    std::fs::write(lake.beside("list"), "logs/a.json\n").unwrap();
    for (args, words) in [
        (&["--files-from", "gone"][..], "gone: No such file"),
        (&["--files-from", "-", "-"], "more than once"),
        (&["-0", "logs"], "--files-from"),
        (
            &["--files-from", "list", "-o", "logs/a.json"],
            "would replace",
        ),
    ] {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_trailsift"));
        let output = command
            .current_dir(lake.beside(""))
            .arg("hunt")
            .args(args)
            .output()
            .unwrap();
        let text = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{text}");
        assert!(text.contains(words), "{text}");
    }
}

#[test]
fn a_dry_run_prints_what_would_be_read_and_writes_nothing() {
    let lake = archive();
    let dry_run = |args: &[&str]| {
        let mut command = lake.command(args);
        let output = command.args(["--dry-run", "logs"]).output().unwrap();
        assert!(!lake.beside("alerts.ndjson").try_exists().unwrap());
        let text = String::from_utf8(output.stdout).unwrap();
        let rows: Vec<Vec<String>> = text
            .lines()
            .filter(|line| line.starts_with('│'))
            .map(|line| {
                line.split(['│', '┆'])
                    .map(|cell| cell.trim().to_owned())
                    .collect()
            })
            .collect();
        let rows: Vec<String> = rows.iter().skip(1).map(|row| row[1..5].join(" ")).collect();
        (output.status.code(), rows, text)
    };
    let (exit, rows, text) = dry_run(&[]);
    assert_eq!(exit, Some(0));
    let expected = [
        "- - - 2",
        "111122223333 eu-west-1 2024 1",
        "111122223333 us-east-1 2024 2",
        "444455556666 us-east-1 2024 1",
    ];
    assert_eq!(rows, expected, "{text}");
    assert!(text.contains("6 files, "), "{text}");
    let (_, rows, text) = dry_run(&["--account", OTHER, "--account-folders"]);
    assert_eq!(rows, ["- - - 2", "444455556666 us-east-1 2024 1"], "{text}");
    assert!(text.contains("1 folders passed over"), "{text}");
}
