//! What chooses events and files loses none that fits: what is not known is no reason to leave something out.

use std::fs;
use std::fs::File;
use std::os::unix::fs::symlink;
use std::process::{Command, Stdio};

use parquet::data_type::{ByteArray, ByteArrayType, Int96, Int96Type};
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::parser::parse_message_type;

use crate::lake::{Hunt, Lake, TRAILSIFT, attach, gzip, other};
use crate::packing;
use crate::s3::Server;
use crate::s3::memory::MemoryS3;

const OWN: &str = "111122223333";
const OTHER: &str = "444455556666";

fn key(account: &str, region: &str, day: &str) -> String {
    format!("AWSLogs/{account}/CloudTrail/{region}/{day}/a.json")
}

/// An attachment of this time, as JSON has it.
fn at(time: &str) -> String {
    attach("1").replace(r#""2024-05-01T12:00:00Z""#, time)
}

#[test]
fn a_time_in_any_unit_or_form_is_the_same_time() {
    for time in [
        "1714564800",
        "1714564800000",
        "1714564800000000",
        "1714564800000000000",
        "1714564800.0",
        r#""1714564800000000""#,
        r#""2024-05-01 12:00:00.000 UTC""#,
        r#""2024-05-01 12:00:00""#,
        r#""2024-05-01 14:00:00 +02:00""#,
        r#""Wed, 01 May 2024 12:00:00 GMT""#,
        r#""May 1, 2024 @ 12:00:00.000""#,
    ] {
        let lake = Lake::new().file("a.json", at(time));
        let hunt = lake.hunt(&["--until", "2024-05-01"]).exits(0).finds(&["1"]);
        assert_eq!(
            hunt.alerts[0]["event_time"], "2024-05-01T12:00:00Z",
            "{time}"
        );
        lake.hunt(&["--since", "2024-05-03"]).finds(&[]);
    }
}

#[test]
fn an_event_is_kept_whose_time_may_mean_two_things() {
    for time in [
        r#""5/1/2024 12:00:00 PM""#,
        r#""2024-05-01""#,
        r#""20240501120000""#,
        r#""1.71456E+12""#,
        "133590384000000000",
        "45413.5",
    ] {
        let hunt = Lake::new()
            .file("a.json", at(time))
            .hunt(&[
                "--since",
                "2024-05-01T12:00:00Z",
                "--until",
                "2024-05-01T12:00:01Z",
            ])
            .exits(0)
            .finds(&["1"])
            .tells(&["event_time_unreadable"]);
        assert!(hunt.alerts[0]["event_time"].is_null(), "{time}");
    }
}

#[test]
fn a_time_named_twice_is_in_time_if_one_of_them_is() {
    let twice = at(r#""2019-01-01T00:00:00Z","eventTime":"2024-05-01T12:00:00Z""#);
    Lake::new()
        .file("a.json", twice)
        .hunt(&["--since", "2024-05-01"])
        .exits(0)
        .finds(&["1"]);
}

/// Times as 96 bits: nanoseconds of a day, and the number of that.
#[test]
fn a_time_of_96_bits_is_right_in_any_year() {
    let lake = Lake::new().file("x", "");
    let schema = "message m { required int96 eventtime; required binary eventname (UTF8); \
        required binary eventsource (UTF8); required binary requestparameters (UTF8); required binary eventid (UTF8); }";
    let schema = std::sync::Arc::new(parse_message_type(schema).unwrap());
    let file = File::create(lake.logs().join("t.parquet")).unwrap();
    let properties = std::sync::Arc::new(WriterProperties::builder().build());
    let mut writer = SerializedFileWriter::new(file, schema, properties).unwrap();
    let mut group = writer.next_row_group().unwrap();
    // The years 1, 2024 and 9999 (its last day but one: all of it is a time in every zone), and one that there is not.
    let days = [1_721_426_u32, 2_460_432, 5_373_483, 100_000_000];
    let nanoseconds = 43_200_123_456_000_u64;
    let time = |day: &u32| {
        let [low, high] = [nanoseconds & 0xffff_ffff, nanoseconds >> 32];
        let mut time = Int96::new();
        time.set_data(
            u32::try_from(low).unwrap(),
            u32::try_from(high).unwrap(),
            *day,
        );
        time
    };
    let times: Vec<Int96> = days.iter().map(time).collect();
    let mut column = group.next_column().unwrap().unwrap();
    column
        .typed::<Int96Type>()
        .write_batch(&times, None, None)
        .unwrap();
    column.close().unwrap();
    let request = r#"{"policyArn":"arn:aws:iam::aws:policy/AWSCompromisedKeyQuarantineV2"}"#;
    for text in ["AttachUserPolicy", "iam.amazonaws.com", request, ""] {
        let texts: Vec<ByteArray> = (1..=4)
            .map(|n| match text {
                "" => n.to_string().as_str().into(),
                text => text.into(),
            })
            .collect();
        let mut column = group.next_column().unwrap().unwrap();
        column
            .typed::<ByteArrayType>()
            .write_batch(&texts, None, None)
            .unwrap();
        column.close().unwrap();
    }
    group.close().unwrap();
    writer.close().unwrap();
    let hunt = lake
        .hunt(&[])
        .exits(0)
        .finds(&["1", "2", "3", "4"])
        .tells(&["event_time_unreadable"]);
    let times: Vec<_> = hunt
        .alerts
        .iter()
        .map(|row| row["event_time"].as_str())
        .collect();
    assert_eq!(
        times,
        [
            Some("0001-01-01T12:00:00.123456Z"),
            Some("2024-05-01T12:00:00.123456Z"),
            Some("9999-12-30T12:00:00.123456Z"),
            None
        ]
    );
    lake.hunt(&["--since", "2024-05-01", "--until", "2024-05-01"])
        .exits(0)
        .finds(&["2", "4"]);
}

fn of(recipient: &str, identity: &str) -> String {
    attach("1")
        .replace(
            r#""recipientAccountId":"111122223333""#,
            &format!(r#""recipientAccountId":{recipient}"#),
        )
        .replace(
            r#""accountId":"111122223333""#,
            &format!(r#""accountId":{identity}"#),
        )
}

#[test]
fn an_account_that_lost_its_first_zeros_is_still_the_same() {
    let hunt = |event: String, account: &str| {
        let lake = Lake::new().file("a.json", event);
        lake.hunt(&["--account", account]).alerts.len()
    };
    for id in [
        "11122223333",
        r#""11122223333""#,
        "11122223333.0",
        r#""011122223333""#,
    ] {
        assert_eq!(hunt(of(id, id), "011122223333"), 1, "{id}");
        assert_eq!(hunt(of(id, id), "111122223333"), 0, "{id}");
    }
    // Not known any more, or named by the other field.
    assert_eq!(hunt(of(r#""1.11122E+11""#, r#""1.11122E+11""#), OWN), 1);
    assert_eq!(hunt(of(r#""1.11122E+11""#, r#""444455556666""#), OWN), 1);
    assert_eq!(hunt(of(r#""444455556666""#, r#""111122223333""#), OWN), 1);
    assert_eq!(hunt(of(r#""111122223333""#, r#""444455556666""#), OWN), 1);
    assert_eq!(hunt(of(r#""444455556666""#, r#""444455556666""#), OWN), 0);
}

#[test]
fn an_event_in_another_accounts_folder_is_found() {
    let event = of(r#""444455556666""#, r#""111122223333""#);
    let lake = Lake::new().file(&key(OTHER, "us-east-1", "2024/05/01"), event);
    lake.hunt(&["--account", OWN]).exits(0).finds(&["1"]);
    let hunt = lake
        .hunt(&["--account", OWN, "--account-folders"])
        .finds(&[]);
    assert_eq!(hunt.report["sources"]["folders_passed_over"], 1);
}

#[test]
fn the_home_region_of_what_is_not_known_may_be_any() {
    let mut lake = Lake::new();
    let regions = [
        "cn-north-1",
        "eu-isoe-west-1",
        "moon-north-1",
        "us-east-1",
        "us-gov-west-1",
        "us-isof-south-1",
    ];
    let away = ["ap-southeast-9", "cn-northwest-1", "us-gov-east-1"];
    for region in regions.iter().chain(&away) {
        let event = attach(region).replace(r#""us-east-1""#, &format!("{region:?}"));
        lake = lake.file(&key(OWN, region, "2024/05/01"), event);
    }
    let hunt = lake.hunt(&["--home-region"]).exits(0).finds(&regions);
    assert_eq!(hunt.report["sources"]["folders_passed_over"], away.len());
}

#[test]
fn a_global_event_under_another_region_is_found_by_its_own() {
    let lake = Lake::new()
        .file(&key(OWN, "eu-west-1", "2019/05/01"), attach("1"))
        .file(&key(OWN, "eu-west-1", "2024/05/01"), other("2"));
    let hunt = lake
        .hunt(&["--event-region", "us-east-1"])
        .exits(0)
        .finds(&["1"]);
    assert_eq!(hunt.report["sources"]["folders_passed_over"], 1);
    // A region that is none is not known.
    Lake::new()
        .file(
            "a.json",
            attach("1").replace(r#""us-east-1""#, r#""global""#),
        )
        .hunt(&["--event-region", "eu-west-1"])
        .exits(0)
        .finds(&["1"]);
}

#[test]
fn a_link_that_lies_about_its_day_is_read() {
    let lake = Lake::new().file("elsewhere/x/a.json", attach("1")).file(
        "real/AWSLogs/111122223333/CloudTrail/us-east-1/2019/01/01/a.json",
        attach("2"),
    );
    let folder = lake
        .logs()
        .join("AWSLogs/111122223333/CloudTrail/us-east-1/2019/05");
    fs::create_dir_all(&folder).unwrap();
    symlink(lake.logs().join("elsewhere"), folder.join("01")).unwrap();
    let since = ["--since", "2024-05-01"];
    let year = folder.parent().unwrap();
    // The link itself as a root, and the folder that it is in.
    for root in [folder.join("01"), folder.clone()] {
        let output = lake
            .command(&since)
            .arg("--follow")
            .arg(root)
            .output()
            .unwrap();
        lake.hunted(output).exits(0).finds(&["1"]);
    }
    // A folder that is no link is of the day that it names, with all that is in it: that it was passed over is told.
    let output = lake
        .command(&since)
        .arg("--follow")
        .arg(year)
        .output()
        .unwrap();
    let hunt = lake
        .hunted(output)
        .exits(3)
        .finds(&[])
        .tells(&["no_events"]);
    assert_eq!(hunt.report["sources"]["folders_passed_over"], 1);
    // A year that leads to another, below which the days are plain.
    let link = lake
        .logs()
        .join("AWSLogs/111122223333/CloudTrail/us-east-1/2018");
    fs::create_dir_all(lake.logs().join("new/05/01")).unwrap();
    fs::write(lake.logs().join("new/05/01/a.json"), attach("3")).unwrap();
    symlink(lake.logs().join("new"), &link).unwrap();
    for root in [link.as_path(), link.parent().unwrap()] {
        let output = lake
            .command(&since)
            .arg("--follow")
            .arg(root)
            .output()
            .unwrap();
        lake.hunted(output).exits(0).finds(&["3"]);
    }
    // One whose own path says that it is of another day.
    let old = "real/AWSLogs/111122223333/CloudTrail/us-east-1/2019";
    symlink(lake.logs().join(old), lake.logs().join("new/old")).unwrap();
    let output = lake
        .command(&since)
        .args(["--follow", "logs/new"])
        .output()
        .unwrap();
    let hunt = lake.hunted(output).exits(0).finds(&["3"]);
    assert_eq!(hunt.report["sources"]["folders_passed_over"], 1);
}

#[test]
fn a_folder_that_names_no_day_is_read() {
    let mut lake = Lake::new();
    let days = [
        "2019-05-01",
        "2019/",
        "2019x/05/01",
        "day=01",
        "20190501",
        "2019_05",
        "1",
    ];
    for day in days.iter().filter(|day| !day.ends_with('/')) {
        lake = lake.file(&key(OWN, "us-east-1", day), attach(day));
    }
    let hunt = lake.hunt(&["--since", "2024-05-01"]).exits(0);
    assert_eq!(hunt.alerts.len(), days.len() - 1);
}

/// Rubbish that other programs leave, beside a log.
fn with_rubbish() -> Lake {
    Lake::new()
        .file("x/.DS_Store", b"\0\0\0\x01Bud1\0\0\x10\0")
        .file("x/.part-0.json.crc", b"crc\0\0\0\x02\0\xa7\x01")
        .file("x/0a1b.csv.metadata", b"\x0a\x05hive\x12\0\x01\x9f")
        .file("x/_SUCCESS", "")
        .file("x/a.json", attach("1"))
}

#[test]
fn what_can_hold_no_events_is_left_out_and_counted() {
    let lake = with_rubbish();
    let hunt = lake
        .hunt(&[])
        .exits(0)
        .finds(&["1"])
        .tells(&[])
        .says("4 excluded");
    assert_eq!(hunt.report["sources"]["excluded"], 4);
    assert_eq!(hunt.report["sources"]["found"], 1);
    let hunt = lake.hunt(&["--no-default-excludes"]).exits(3).finds(&["1"]);
    assert_eq!(hunt.report["sources"]["found"], 5);
    // What the user names is read, what a list of a program names is not.
    let output = lake
        .command(&[])
        .args(["logs/x/.DS_Store", "logs/x/a.json"])
        .output()
        .unwrap();
    lake.hunted(output).exits(3).finds(&["1"]);
    fs::write(lake.beside("list"), "logs/x/.DS_Store\nlogs/x/a.json\n").unwrap();
    let output = lake.command(&["--files-from", "list"]).output().unwrap();
    let hunt = lake.hunted(output).exits(0).finds(&["1"]);
    assert_eq!(hunt.report["sources"]["excluded"], 1);
}

fn archive() -> Lake {
    Lake::new()
        .file("a.json", attach("1"))
        .file("old/b.json", attach("2"))
        .file("p/old/c.json", attach("3"))
        .file("p/d.log", attach("4"))
}

#[test]
fn names_are_left_out_or_chosen() {
    for (args, found, n_excluded) in [
        (&["--exclude", "old"][..], &["1", "4"][..], 2),
        (&["--exclude", "old/*.json"], &["1", "4", "3"], 1),
        (&["--exclude", "**/old/**", "--exclude", "a.*"], &["4"], 3),
        (&["--include", "*.log"], &["4"], 3),
        (
            &["--include", "*.json", "--exclude", "/old"],
            &["1", "3"],
            2,
        ),
        (&["--include", "p/**"], &["4", "3"], 2),
        (&["--include", "old"], &["2", "3"], 2),
    ] {
        let hunt = archive().hunt(args).exits(0).finds(found);
        assert_eq!(hunt.report["sources"]["excluded"], n_excluded, "{args:?}");
    }
    archive().hunt(&["--exclude", "a["]).exits(2).says("a[");
    archive().hunt(&["--include", ""]).exits(2);
}

#[test]
fn names_are_left_out_of_lists_manifests_and_buckets_alike() {
    let lake = archive();
    fs::write(
        lake.beside("list"),
        "logs/old/b.json\nlogs/p\nlogs/a.json\n",
    )
    .unwrap();
    let exclude = ["--exclude", "old", "--exclude", "b.json"];
    let output = lake
        .command(&["--files-from", "list"])
        .args(exclude)
        .output()
        .unwrap();
    lake.hunted(output).exits(0).finds(&["4", "1"]);
    let output = lake
        .command(&["--files-from", "list", "--exclude", "logs/old/*"])
        .output()
        .unwrap();
    lake.hunted(output).exits(0).finds(&["4", "3", "1"]);
    let planned = Command::new(TRAILSIFT)
        .current_dir(lake.beside(""))
        .args(["plan", "logs", "--output", "all.parquet"])
        .output()
        .unwrap();
    assert!(planned.status.success());
    let output = lake
        .command(&["--manifest", "all.parquet"])
        .args(exclude)
        .output()
        .unwrap();
    let hunt = lake.hunted(output).exits(0).finds(&["1", "4"]);
    assert_eq!(hunt.report["sources"]["excluded"], 2);

    let objects = [
        ("a.json", "1"),
        ("old/b.json", "2"),
        ("p/old/c.json", "3"),
        ("p/d.log", "4"),
        ("p/.DS_Store", "5"),
    ];
    let objects = objects
        .iter()
        .map(|(key, id)| ((*key).to_owned(), bytes::Bytes::from(attach(id))));
    let server = Server::of_memory(objects.collect::<MemoryS3>());
    let hunt = |args: &[&str]| -> Hunt {
        let mut command = lake.command(args);
        lake.hunted(server.serves(&mut command).output().unwrap())
            .exits(0)
    };
    let some = hunt(&["s3://trail", "--exclude", "old"]).finds(&["1", "4"]);
    assert_eq!(some.report["sources"]["excluded"], 3);
    hunt(&["s3://trail/p/", "--include", "old/*"]).finds(&["3"]);
    hunt(&[
        "s3://trail/p/d.log",
        "--exclude",
        "p/*.log",
        "s3://trail/a.json",
    ])
    .finds(&["1"]);
}

#[test]
fn entries_of_archives_are_left_out_and_counted() {
    let (log, noise) = (attach("1"), b"\0\x05\x16\x07\0\x02\0\0\x9f\x01");
    let apple: &[u8] = &noise[..];
    let files = [
        ("__MACOSX/x/._a.json", apple),
        ("x/.DS_Store", apple),
        ("x/a.json", log.as_bytes()),
    ];
    let tar = packing::tar(&files);
    let inner = packing::tar(&[("logs.tar", &tar)]);
    for (name, stored) in [
        ("a.tar", tar.clone()),
        ("a.tar.gz", gzip(&tar)),
        ("b.tar", inner),
    ] {
        let lake = Lake::new().file(name, &stored);
        let hunt = lake
            .hunt(&[])
            .exits(0)
            .finds(&["1"])
            .tells(&[])
            .says("2 entries of archives excluded");
        assert_eq!(hunt.report["entries_excluded"], 2);
        // Attributes of files, as macOS packs them, are known to hold no log.
        let hunt = lake.hunt(&["--no-default-excludes"]).exits(0).finds(&["1"]);
        assert_eq!(hunt.report["entries_excluded"], 0);
        let hunt = lake.hunt(&["--exclude", "x/*.json"]).finds(&[]);
        assert_eq!(hunt.report["entries_excluded"], 3);
        // What is chosen is the archive.
        lake.hunt(&["--include", name]).exits(0).finds(&["1"]);
        // The same as a stream, which is cut as large files are.
        let mut command = lake.command(&["-"]);
        command.stdin(Stdio::from(File::open(lake.logs().join(name)).unwrap()));
        let hunt = lake
            .hunted(command.output().unwrap())
            .exits(0)
            .finds(&["1"]);
        assert_eq!(hunt.report["entries_excluded"], 2, "{name}");
    }
}

#[test]
fn a_zip_with_lengths_behind_its_entries_is_read_past_what_is_left_out() {
    let mut zip = zip::ZipWriter::new_stream(Vec::new());
    let options = zip::write::SimpleFileOptions::default();
    let log = attach("1");
    for (name, bytes) in [("x/.DS_Store", log.as_str()), ("x/a.json", log.as_str())] {
        zip.start_file(name, options).unwrap();
        std::io::Write::write_all(&mut zip, bytes.as_bytes()).unwrap();
    }
    let lake = Lake::new().file("a.zip", zip.finish().unwrap().into_inner());
    for is_piped in [false, true] {
        let mut command = lake.command(&[if is_piped { "-" } else { "logs" }]);
        if is_piped {
            command.stdin(Stdio::from(File::open(lake.logs().join("a.zip")).unwrap()));
        }
        let hunt = lake
            .hunted(command.output().unwrap())
            .exits(0)
            .finds(&["1"]);
        assert_eq!(hunt.report["entries_excluded"], 1);
    }
}

#[test]
fn a_ledger_holds_for_one_choice_of_names() {
    let lake = archive();
    let hunt = |args: &[&str]| {
        let mut command = Command::new(TRAILSIFT);
        command
            .current_dir(lake.beside(""))
            .args(["hunt", "--state", "ledger", "-o", "set/"])
            .args(args)
            .arg("logs")
            .output()
            .unwrap()
            .status
            .code()
    };
    assert_eq!(hunt(&["--exclude", "old"]), Some(0));
    assert_eq!(hunt(&["--exclude", "old"]), Some(0));
    assert_ne!(hunt(&[]), Some(0));
    assert_ne!(hunt(&["--exclude", "old", "--include", "*.json"]), Some(0));
}

#[test]
fn a_note_that_names_the_policy_is_a_warning_wherever_it_lies() {
    let note = "Our runbook\n\nWhen AWS attaches AWSCompromisedKeyQuarantineV2 to a user, rotate the key.\n";
    let record = attach("1");
    let tar = packing::tar(&[
        ("README.md", note.as_bytes()),
        ("a.json", record.as_bytes()),
    ]);
    for (name, stored) in [
        ("README.txt", note.as_bytes().to_vec()),
        ("README.txt.gz", gzip(note.as_bytes())),
        ("a.tar", tar.clone()),
        ("a.tar.gz", gzip(&tar)),
    ] {
        let lake = Lake::new().file(name, &stored).file("z.json", attach("2"));
        let hunt = lake.hunt(&[]).exits(0).tells(&["mention_only"]);
        let needle = note.find("AWSCompromisedKeyQuarantine").unwrap();
        assert_eq!(hunt.report["diagnostics"][0]["offset"], needle);
        let mut command = lake.command(&["-", "logs/z.json"]);
        command.stdin(Stdio::from(File::open(lake.logs().join(name)).unwrap()));
        lake.hunted(command.output().unwrap())
            .exits(0)
            .tells(&["mention_only"]);
    }
    // What may be an event is an error.
    for text in [
        format!("{note}{{"),
        format!("{note}\nuser=alice"),
        note.replace("to a user", "of arn:aws:iam::aws:policy/x to a user"),
        note.replace("When AWS", "2024-05-01T12:00:00Z AWS"),
        "AttachUserPolicy alice AWSCompromisedKeyQuarantineV2\n".to_owned(),
    ] {
        Lake::new()
            .file("a.txt", text)
            .hunt(&[])
            .exits(3)
            .tells(&["needle_without_record", "no_events"]);
    }
}

/// What a command shows on a terminal.
fn on_terminal(lake: &Lake, command: &str) -> Option<String> {
    let script = Command::new("script")
        .args(["-qec", command, "/dev/null"])
        .current_dir(lake.beside(""))
        .stdin(Stdio::null())
        .output();
    Some(String::from_utf8_lossy(&script.ok()?.stdout).into_owned())
}

#[test]
fn on_a_terminal_no_name_of_a_file_is_obeyed() {
    let name = "a\x1b[2Jb\u{9b}2J.json";
    let lake = Lake::new().file("good.json", attach("1")).file(
        &format!("{name}/cut.json.gz"),
        b"\x1f\x8b\x08\0\0\0\0\0\0\x03\x01",
    );
    let run = |args: &str| on_terminal(&lake, &format!("{TRAILSIFT} {args}"));
    let Some(text) = run("hunt -q --state ledger -o alerts.ndjson logs") else {
        println!("skipped: script is not there");
        return;
    };
    assert!(text.contains("\\u{1b}[2Jb"), "{text:?}");
    for args in [
        "state --failed ledger".to_owned(),
        format!("hunt --log-format json -o x.ndjson 'logs/{name}'"),
        format!("hunt -o 'x{name}.ndjson' logs"),
        format!("plan logs --output 'x{name}.parquet'"),
        format!("hunt -o x.ndjson 'gone{name}'"),
        format!("hunt '--x{name}'"),
        format!("investigate --user alice -o 'case{name}' logs"),
        format!("report 'gone{name}'"),
        format!("state 'gone{name}'"),
    ] {
        let text = run(&args).unwrap();
        // What parses the command line leaves out the sequence itself.
        let is_shown = text.contains("[2Jb") || text.contains("--xab");
        assert!(is_shown, "{args}: {text:?}");
        assert!(
            !text.contains("\x1b[2J") && !text.contains('\u{9b}'),
            "{args}: {text:?}"
        );
    }
    // By a pipe it is the name itself.
    let output = Command::new(TRAILSIFT)
        .current_dir(lake.beside(""))
        .args(["state", "--failed", "ledger"])
        .output()
        .unwrap();
    assert!(String::from_utf8_lossy(&output.stdout).contains(name));
}
