//! What a responder reads who has only the program's words: the verdict, what it rests on, and the next command.

use std::fs;
use std::process::{Command, Output};

use serde_json::{Value, json};

use crate::lake::{Lake, TRAILSIFT, attach, delivery};

fn run(lake: &Lake, args: &[&str]) -> Output {
    let mut command = Command::new(TRAILSIFT);
    command.current_dir(lake.beside("")).args(args);
    command.output().unwrap()
}

/// Runs the program, and returns what it says, with one space between words.
#[track_caller]
fn says(lake: &Lake, args: &[&str], code: i32) -> String {
    let output = run(lake, args);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(code), "{args:?}: {said}");
    said.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[track_caller]
fn has(text: &str, parts: &[&str]) {
    for part in parts {
        assert!(text.contains(part), "{part}: {text}");
    }
}

/// Returns the case as text.
fn ticket(lake: &Lake) -> String {
    let output = run(lake, &["report", "case", "--format", "md"]);
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// An archive with quarantines of these users, and the alerts of it.
fn quarantined(users: &[&str]) -> Lake {
    let records: Vec<String> = users
        .iter()
        .map(|user| {
            attach(user).replace(
                "\"userName\":\"alice\"",
                &format!("\"userName\":\"{user}\""),
            )
        })
        .collect();
    let lake = Lake::new().gzip("a.json.gz", delivery(&records));
    says(&lake, &["hunt", "--quiet", "logs"], 0);
    lake
}

const INVESTIGATE: [&str; 5] = ["investigate", "-o", "case", "alerts.parquet", "logs"];

#[test]
fn users_whose_key_is_not_known_need_action() {
    let lake = quarantined(&["alice", "bob"]);
    let said = says(&lake, &INVESTIGATE, 0);
    has(
        &said,
        &[
            "verdict 2 of 2 users need action 2 users are quarantined, and no long-term key was seen: make all their keys inactive, or look for them with --before 400d: alice, bob page",
            "complete yes: everything was read",
        ],
    );
    let text = ticket(&lake);
    has(
        &text,
        &[
            "- 2 quarantined, and no long-term key was seen\n",
            "**Make all keys of 2 users inactive.**",
            "\nfor user in alice bob; do for key in $(aws iam list-access-keys",
            "key not known",
        ],
    );
    // A user with a part of its own has the command there.
    let one = [
        "investigate",
        "-o",
        "one",
        "--user",
        "alice",
        "alerts.parquet",
        "logs",
    ];
    has(
        &says(&lake, &one, 0),
        &[
            "no long-term key of the user was seen; quarantined; not attached by AWS make all its keys inactive, or look for them with --before 400d page",
        ],
    );
    let page = fs::read(lake.beside("one/report.html")).unwrap();
    has(
        &String::from_utf8(page).unwrap(),
        &[
            "not known: no long-term key of the user was seen since 2024-04-01; --before 400d looks further back",
            "Make all keys of the user inactive",
        ],
    );
}

#[test]
fn an_archive_without_the_quarantines_gives_no_verdict() {
    let users = ["a", "b", "c", "d", "e", "f"];
    let lake = quarantined(&users);
    fs::create_dir(lake.beside("empty")).unwrap();
    let said = says(
        &lake,
        &["investigate", "-o", "case", "alerts.parquet", "empty"],
        3,
    );
    has(
        &said,
        &[
            "error: the alerts have quarantines of 6 users that are not in what was read: a, b, c, d, e, 1 more",
            "verdict none: no quarantine of the alerts is in what was read page",
            "complete no: 6 quarantines of the alerts not in what was read; the verdict may be wrong",
        ],
    );
    assert!(!said.contains("nothing is open"), "{said}");
    let text = ticket(&lake);
    has(
        &text,
        &[
            "**No quarantine of the alerts is in what was read: it is another archive, or only a part of it. This page is no verdict about anybody.**",
            "- 6 with no more than one event\n",
        ],
    );
}

#[test]
fn a_verdict_over_a_damaged_file_says_that_it_may_be_wrong() {
    let lake = quarantined(&["alice"]);
    let stored = fs::read(lake.logs().join("a.json.gz")).unwrap();
    fs::write(lake.logs().join("b.json.gz"), &stored[..stored.len() - 9]).unwrap();
    let said = says(&lake, &INVESTIGATE, 3);
    has(
        &said,
        &["complete no: 1 file read in part; the verdict may be wrong written case"],
    );
}

#[test]
fn the_next_command_says_how_many_users_it_does_not_name() {
    let users: Vec<String> = (0..23).map(|n| format!("user-{n:02}")).collect();
    let lake = quarantined(&users.iter().map(String::as_str).collect::<Vec<_>>());
    let said = says(&lake, &["hunt", "-o", "-", "logs"], 0);
    has(
        &said,
        &[
            "users 3 more than the next line names; alerts in a file lead to all investigate trailsift investigate --output case --user 111122223333/user-00 ",
            "--user 111122223333/user-19 logs",
        ],
    );
    let few = ["hunt", "-o", "few.csv", "--columns", "event_time", "logs"];
    has(&says(&lake, &few, 0), &["users 3 more"]);
}

#[test]
fn an_account_or_region_of_which_no_file_is_found_is_reported() {
    let folder = "AWSLogs/111122223333/CloudTrail/us-east-1/2024/05/01";
    let lake = Lake::new().gzip(&format!("{folder}/a.json.gz"), delivery(&[attach("a")]));
    let hunt =
        |more: &[&'static str]| [&["hunt", "logs", "-o", "a.csv", "--force"][..], more].concat();
    let said = says(&lake, &hunt(&["--account", "999999999999"]), 0);
    has(
        &said,
        &[
            "warning: logs: no file is of account 999999999999, by the folders and names of what was found: 1 file of 111122223333",
            "events 1 read, from 2024-05-01T12:00:00Z to 2024-05-01T12:00:00Z, of all accounts in these files",
            "(warnings: 1 selection_not_found)",
        ],
    );
    // Also in the second night, in which nothing is read.
    let state = ["--account", "999999999999", "--state", "trail.state"];
    for _ in 0..2 {
        has(
            &says(&lake, &hunt(&state), 0),
            &["no file is of account 999999999999"],
        );
    }
    let said = says(&lake, &hunt(&["--event-region", "us-east-1"]), 0);
    assert!(!said.contains("no file is of"), "{said}");
    let lake = lake.gzip(
        "222233334444_CloudTrail_eu-west-1_20240501T1200Z_x.json.gz",
        delivery(&[attach("b")]),
    );
    let said = says(&lake, &hunt(&["--account", "222233334444,333344445555"]), 0);
    has(&said, &["no file is of account 333344445555, by"]);
    assert!(!said.contains("account 222233334444,"), "{said}");
    // A file outside of the layout may have events of any account.
    let lake = lake.gzip("export.json.gz", delivery(&[attach("c")]));
    let said = says(&lake, &hunt(&["--account", "999999999999"]), 0);
    assert!(!said.contains("no file is of"), "{said}");
}

/// Runs the hunt of a night, with a ledger.
#[track_caller]
fn night(lake: &Lake, name: &str, code: i32) -> String {
    let output = ["--state", "trail.state", "--fail-on-alerts", "-o", name];
    let report = ["--report", "report.json"];
    says(
        lake,
        &[&["hunt", "--quiet", "logs"][..], &output, &report].concat(),
        code,
    )
}

#[test]
fn what_an_earlier_night_could_not_read_is_said_until_it_is_forgotten() {
    let lake = quarantined(&["alice"]);
    let stored = fs::read(lake.logs().join("a.json.gz")).unwrap();
    fs::write(lake.logs().join("cut.json.gz"), &stored[..stored.len() - 9]).unwrap();
    let first = night(&lake, "1.csv", 3);
    has(&first, &["error: logs/cut.json.gz@", "[truncated]"]);
    for name in ["2.csv", "3.csv"] {
        has(
            &night(&lake, name, 3),
            &[
                "error: logs/cut.json.gz@",
                ": known from an earlier run: ",
                "[truncated]",
            ],
        );
        let report = fs::read(lake.beside("report.json")).unwrap();
        let report: Value = serde_json::from_slice(&report).unwrap();
        assert_eq!(report["diagnostics_by_code"], json!({"truncated": 1}));
    }
    let state = |more: &[&str]| {
        let output = run(&lake, &[&["state", "trail.state"][..], more].concat());
        (
            output.status.code(),
            String::from_utf8(output.stdout).unwrap(),
        )
    };
    assert_eq!(state(&["--forget", "logs/a.json.gz"]).0, Some(1));
    assert_eq!(state(&["--forget", "logs/cut.json.gz"]).0, Some(0));
    assert_eq!(state(&["--failed"]).1, "");
    let (_, shown) = state(&[]);
    has(
        &shown,
        &[
            "in part     1\n",
            "forgotten   1 of the sources in part or not read\n",
        ],
    );
    assert!(!shown.contains("truncated"), "{shown}");
    assert_eq!(night(&lake, "4.csv", 0), "");
    // If it changes, it is read again, and each alert is there once.
    fs::write(lake.logs().join("cut.json.gz"), &stored[..stored.len() - 8]).unwrap();
    night(&lake, "5.csv", 3);
    let rows = |name: &str| {
        let text = fs::read(lake.beside(name)).unwrap_or_default();
        String::from_utf8_lossy(&text).matches("alice").count() > 0
    };
    assert_eq!([rows("1.csv"), rows("5.csv")], [true, false]);
}

#[test]
fn alerts_of_nobody_are_no_failure_and_no_case() {
    let lake = Lake::new().gzip("a.json.gz", delivery(&[crate::lake::other("a")]));
    says(&lake, &["hunt", "--quiet", "logs"], 0);
    let said = says(&lake, &INVESTIGATE, 0);
    has(
        &said,
        &["no alert names a user: there is nothing to investigate, and no case was written"],
    );
    assert!(!lake.beside("case").try_exists().unwrap());
}

#[test]
fn an_end_before_the_beginning_is_explained() {
    let lake = quarantined(&["alice"]);
    let times = ["--since", "2024-01-01", "--until", "2023-06-01"];
    let said = says(&lake, &[&["hunt", "logs"][..], &times].concat(), 2);
    has(
        &said,
        &[
            "no event is from --since 2024-01-01T00:00:00Z on and before --until 2023-06-02T00:00:00Z (a date given to --until means its end)",
        ],
    );
}

#[test]
fn an_unknown_option_is_not_said_to_be_a_path() {
    let lake = quarantined(&["alice"]);
    let said = says(&lake, &["investigate", "--bogus", "-o", "case", "logs"], 2);
    has(&said, &["error: unexpected argument '--bogus' found"]);
    assert!(!said.contains("tip"), "{said}");
}
