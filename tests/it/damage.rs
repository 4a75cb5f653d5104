//! What cannot be read: it is told with its place, and costs nothing but itself.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;

use crate::lake::{Lake, attach, attach_with, delivery, gzip, other, zstd};
use crate::packing::{bzip2, xz};

#[test]
fn a_gzip_file_that_is_cut_off_gives_what_stands_before_the_cut() {
    let text = delivery(&[attach("1"), other("2"), attach("3")]);
    let len = gzip(text.as_bytes()).len();
    let hunt = Lake::new()
        .gzip("a.json.gz", &text)
        .file("b.json", attach("4"))
        .cut_at("a.json.gz", len - 12)
        .hunt(&[])
        .exits(3)
        .says("logs/a.json.gz@")
        .says("gzip stream ends early");
    assert_eq!(hunt.alerts.first().unwrap()["event_id"], "1");
    assert_eq!(hunt.alerts.last().unwrap()["event_id"], "4");
    assert_eq!(hunt.report["sources"]["partial"], 1);
    assert_eq!(
        hunt.report["diagnostics"].as_array().unwrap().len() as u64,
        {
            let by_code = hunt.report["diagnostics_by_code"].as_object().unwrap();
            by_code.values().map(|n| n.as_u64().unwrap()).sum::<u64>()
        }
    );
}

#[test]
fn a_wrong_checksum_is_told_and_the_alert_is_given() {
    let mut stored = gzip(attach("1").as_bytes());
    let crc = stored.len() - 8;
    stored[crc] ^= 1;
    let mut frame = zstd(attach("2").as_bytes());
    *frame.last_mut().unwrap() ^= 1;
    Lake::new()
        .file("a.gz", stored)
        .file("b.zst", frame)
        .hunt(&[])
        .exits(3)
        .finds(&["1", "2"])
        .tells(&["checksum", "checksum"]);
}

#[test]
fn zero_padding_is_no_fault_and_foreign_bytes_are() {
    let mut padded = gzip(attach("1").as_bytes());
    padded.extend([0; 1000]);
    Lake::new()
        .file("a.gz", &padded)
        .hunt(&[])
        .exits(0)
        .finds(&["1"]);
    padded.extend(b"more");
    Lake::new()
        .file("a.gz", &padded)
        .hunt(&[])
        .exits(3)
        .finds(&["1"])
        .tells(&["trailing_bytes"]);
}

#[test]
fn a_bad_record_costs_only_itself() {
    let bad = r#"{"eventName":"AttachUserPolicy","eventSource":AWSCompromisedKeyQuarantine,}"#;
    let text = delivery(&[attach("1"), bad.to_owned(), attach("2")]);
    let hunt = Lake::new()
        .file("a", &text)
        .hunt(&[])
        .exits(3)
        .finds(&["1", "2"]);
    let diagnostic = &hunt.report["diagnostics"][0];
    assert_eq!(diagnostic["code"], "invalid_json");
    assert_eq!(diagnostic["offset"], text.find(bad).unwrap());
    assert_eq!(diagnostic["source"], "logs/a");
    assert_eq!(hunt.report["candidates_defective"], 1);
}

#[test]
fn a_bad_record_without_the_needle_is_no_candidate() {
    let bad = r#"{"eventName":"GetObject","eventSource":s3,}"#;
    Lake::new()
        .file("a", delivery(&[attach("1"), bad.to_owned(), attach("2")]))
        .hunt(&[])
        .exits(0)
        .finds(&["1", "2"]);
}

#[test]
fn a_line_that_is_cut_off_does_not_cost_the_next() {
    let whole = attach("1");
    let cut = &whole[..whole.find("responseElements").unwrap()];
    Lake::new()
        .file("a", format!("{}\n{cut}\n{}\n", attach("2"), attach("3")))
        .hunt(&[])
        .exits(3)
        .finds(&["2", "3"])
        .tells(&["record_cut"]);
}

#[test]
fn a_needle_in_no_record_is_told() {
    let hunt = Lake::new()
        .file(
            "README.txt",
            "look for AttachUserPolicy\nand AWSCompromisedKeyQuarantineV2\n",
        )
        .file("other.json", r#"{"note":"AWSCompromisedKeyQuarantine"}"#)
        .file("harmless.txt", r"C:\u0041nother")
        .hunt(&[])
        .exits(3)
        .finds(&[])
        .tells(&["mention_only", "needle_without_record", "no_events"]);
    assert_eq!(hunt.report["diagnostics"][0]["source"], "logs/README.txt");
    assert_eq!(hunt.report["diagnostics"][0]["offset"], 30);
}

#[test]
fn bytes_that_are_no_utf8_do_not_hide_an_alert() {
    let mut record = attach("1").into_bytes();
    let at = attach("1").find("aws-internal").unwrap();
    record[at] = 0xff;
    let hunt = Lake::new()
        .file("a", record)
        .hunt(&[])
        .exits(0)
        .finds(&["1"])
        .tells(&["invalid_utf8"]);
    assert_eq!(hunt.alerts[0]["user_agent"], "\u{fffd}ws-internal/3");
}

#[test]
fn an_alert_whose_time_cannot_be_read_is_kept_and_told() {
    let record = attach("1").replace("2024-05-01T12:00:00Z", "yesterday");
    let hunt = Lake::new()
        .file("a", record)
        .hunt(&[])
        .exits(0)
        .finds(&["1"]);
    assert!(hunt.alerts[0].get("event_time").is_none());
    assert_eq!(hunt.alerts[0]["event_time_text"], "yesterday");
    hunt.tells(&["event_time_unreadable"]);
}

#[test]
fn a_container_that_is_not_read_is_told() {
    Lake::new()
        .file("a.7z", b"7z\xbc\xaf\x27\x1c....")
        .file("b.orc", b"ORC....")
        .gzip("c.avro.gz", b"Obj\x01....")
        .hunt(&[])
        .exits(3)
        .tells(&[
            "unsupported_format",
            "unsupported_format",
            "unsupported_format",
            "no_events",
        ])
        .says("7-Zip")
        .says("ORC")
        .says("Avro");
}

#[test]
fn pipes_and_sockets_in_a_tree_are_told_and_never_opened() {
    let lake = Lake::new().file("z", attach("1"));
    let _socket = std::os::unix::net::UnixListener::bind(lake.logs().join("socket")).unwrap();
    let made = Command::new("mkfifo")
        .arg(lake.logs().join("pipe"))
        .status()
        .unwrap();
    assert!(made.success());
    let hunt = lake
        .hunt(&[])
        .exits(3)
        .finds(&["1"])
        .tells(&["not_a_file", "not_a_file"]);
    assert_eq!(hunt.report["sources"]["failed"], 2);
}

#[test]
fn what_may_not_be_read_is_told() {
    let lake = Lake::new()
        .file("a", attach("1"))
        .file("b", attach("2"))
        .file("c/x", attach("3"));
    for name in ["a", "c"] {
        let path = lake.logs().join(name);
        fs::set_permissions(path, fs::Permissions::from_mode(0o000)).unwrap();
    }
    let Some(mut command) = lake.unprivileged() else {
        println!("skipped: this user may read everything");
        return;
    };
    let output = command
        .args([
            "hunt",
            "-o",
            "alerts.ndjson",
            "--report",
            "report.json",
            "logs",
        ])
        .output()
        .unwrap();
    let hunt = lake.hunted(output).exits(3).finds(&["2"]);
    assert_eq!(hunt.report["sources"]["failed"], 2);
    hunt.tells(&["unreadable", "unreadable"]);
    fs::set_permissions(lake.logs().join("c"), fs::Permissions::from_mode(0o755)).unwrap();
}

#[test]
fn nesting_of_any_depth_overflows_no_stack() {
    for (open, close) in [("[", "]"), ("{\"a\":", "}")] {
        let deep = format!(
            "{}{}{}",
            open.repeat(100_000),
            attach("1"),
            close.repeat(100_000)
        );
        let record = attach("2").replace(
            r#""responseElements":null"#,
            &format!(
                r#""responseElements":{}1{}"#,
                open.repeat(900),
                close.repeat(900)
            ),
        );
        let hunt = Lake::new().file("a", deep).file("b", record).hunt(&[]);
        assert!(matches!(hunt.exit, Some(0 | 3)), "{}", hunt.stderr);
        assert_eq!(hunt.alerts.last().unwrap()["event_id"], "2");
    }
}

#[test]
fn names_in_logs_cannot_command_the_terminal() {
    let record = attach("1").replace("alice", "a\\u001b[31mlice\\u202e");
    let hunt = Lake::new().file("a", record).hunt(&[]).exits(0);
    for text in [&hunt.stdout, &hunt.stderr] {
        assert!(!text.contains(['\u{1b}', '\u{202e}']), "{text}");
    }
    assert!(hunt.stdout.contains("a\\u{1b}[31mlice\\u{202e}"));
    assert_eq!(
        hunt.alerts[0]["target_user_name"],
        "a\u{1b}[31mlice\u{202e}"
    );
}

#[test]
fn a_policy_of_another_name_is_no_alert() {
    Lake::new()
        .file("a", attach_with("1", "awscompromisedkeyquarantine"))
        .file("b", attach_with("2", "AWSCompromisedKey"))
        .hunt(&[])
        .exits(0)
        .finds(&[]);
}

#[test]
fn a_link_to_nothing_is_told_when_links_are_followed() {
    let lake = Lake::new().file("a", attach("1"));
    std::os::unix::fs::symlink("/nowhere", lake.logs().join("link")).unwrap();
    lake.hunt(&[]).exits(0).finds(&["1"]);
    lake.hunt(&["--follow"])
        .exits(3)
        .finds(&["1"])
        .tells(&["unreadable"]);
}

#[test]
fn a_file_name_that_is_no_utf8_is_read() {
    use std::os::unix::ffi::OsStrExt as _;
    let lake = Lake::new();
    let name = std::ffi::OsStr::from_bytes(b"a\xff\n.json");
    fs::write(lake.logs().join(name), attach("1")).unwrap();
    let hunt = lake.hunt(&[]).exits(0).finds(&["1"]);
    assert_eq!(hunt.alerts[0]["log_file_path"], "logs/a\u{fffd}\n.json");
}

#[test]
fn json_in_more_strings_than_are_examined_is_told_beside_other_events() {
    // Escapes of one backslash each, so that a level adds to the text and does not multiply it.
    let wrap = |text: &str| {
        let content = text.replace('\\', "\\u005c").replace('"', "\\u0022");
        format!(r#"{{"m":"{content}"}}"#)
    };
    let nested = |n_levels| (0..n_levels).fold(attach("2"), |text, _| wrap(&text));
    let hunt = |n_levels| {
        let text = format!("[{},{}]", attach("1"), nested(n_levels));
        Lake::new().file("a", text).hunt(&[])
    };
    hunt(12).exits(0).finds(&["1", "2"]);
    hunt(30)
        .exits(3)
        .finds(&["1"])
        .tells(&["needle_without_record"]);
    // A document of other fields round it is an event of its own, and hides nothing.
    let wrapper = format!(r#"{{"eventName":"x","eventVersion":"1","message":{}}}"#, {
        serde_json::to_string(&nested(30)).unwrap()
    });
    Lake::new()
        .file("a", wrapper)
        .hunt(&[])
        .exits(3)
        .tells(&["needle_without_record"]);
}

#[test]
fn behind_a_damaged_member_of_each_compression_the_next_one_is_read() {
    let text = |ids: std::ops::Range<u32>| -> String {
        ids.map(|id| format!("{}\n", attach(&id.to_string())))
            .collect()
    };
    for pack in [gzip, zstd, bzip2, xz] {
        let (first, last) = (pack(text(0..3).as_bytes()), pack(text(100..103).as_bytes()));
        let middle = pack(text(10..60).as_bytes());
        for at in (20..middle.len() - 4).step_by(31) {
            let mut bad = middle.clone();
            bad[at] ^= 0x55;
            let stored = [&first[..], &bad, &last].concat();
            let hunt = Lake::new().file("a", stored).hunt(&[]);
            // An id inside the damage may read as anything.
            let ids = hunt
                .alerts
                .iter()
                .map(|row| row["event_id"].as_str().unwrap());
            let ids: Vec<u32> = ids.filter_map(|id| id.parse().ok()).collect();
            assert!(
                ids.starts_with(&[0, 1, 2]) && ids.ends_with(&[100, 101, 102]),
                "{at}: {ids:?}"
            );
            // Some bits of a head say nothing of the text.
            let is_whole = ids.len() == 56;
            assert!(is_whole || hunt.exit == Some(3), "{at}: {}", hunt.stderr);
        }
    }
}

#[test]
fn foreign_bytes_between_members_are_told_and_later_members_read() {
    let stored = [
        gzip(attach("1").as_bytes()),
        b"not gzip at all".to_vec(),
        gzip(attach("2").as_bytes()),
    ]
    .concat();
    Lake::new()
        .file("a.gz", &stored)
        .hunt(&[])
        .exits(3)
        .finds(&["1", "2"])
        .says("went on at");
    let hunt = Lake::new().gzip("a.gz", attach("1")).hunt(&[]).exits(0);
    assert!(hunt.report["diagnostics"].as_array().unwrap().is_empty());
    let two = [gzip(attach("1").as_bytes()), gzip(attach("2").as_bytes())].concat();
    let hunt = Lake::new()
        .file("a.gz", two)
        .hunt(&[])
        .exits(0)
        .finds(&["1", "2"]);
    assert_eq!(hunt.report["diagnostics"][0]["code"], "gzip_members");
    assert_eq!(hunt.report["diagnostics"][0]["severity"], "info");
    hunt.says("1 gzip_members");
}

#[test]
fn what_is_nearly_json_is_judged_as_what_it_means() {
    let with = |from: &str, to: &str| attach("1").replace(from, to);
    for (record, codes) in [
        (
            with(
                r#""readOnly":false"#,
                r#""n":123456789012345678901234567890"#,
            ),
            &[][..],
        ),
        (with(r#""readOnly":false"#, r#""n":1e999"#), &[]),
        (with("alice", r"al\ud800ice"), &["invalid_utf8"]),
        (with("alice", "al\0ice"), &["lenient_json"]),
        (
            with(r#""readOnly":false,"#, "\"readOnly\":false,,"),
            &["lenient_json"],
        ),
        (
            with(
                r#""readOnly":false"#,
                "/* not \"read\" only */ \"readOnly\":false",
            ),
            &["lenient_json"],
        ),
        (
            with(
                r#""eventCategory":"Management"}"#,
                r#""eventCategory":"Management",}"#,
            ),
            &["lenient_json"],
        ),
        (
            with(r#""readOnly":false"#, "readOnly: false"),
            &["lenient_json"],
        ),
    ] {
        Lake::new()
            .file("a", delivery(&[other("0"), record, attach("2")]))
            .hunt(&[])
            .exits(0)
            .finds(&["1", "2"])
            .tells(codes);
    }
}

#[test]
fn holes_of_zeros_cost_only_what_they_cover() {
    let text = format!("{}\n{}\n{}\n", attach("1"), attach("2"), attach("3"));
    let mut holed = text.clone().into_bytes();
    let second = text.find(&attach("2")).unwrap();
    holed[second + 100..second + 300].fill(0);
    let ends = [&vec![0; 5000][..], text.as_bytes(), &vec![0; 5000]].concat();
    let hunt = Lake::new().file("a", holed).hunt(&[]);
    hunt.begins_and_ends_with("1", "3");
    Lake::new()
        .file("a", ends)
        .hunt(&[])
        .exits(0)
        .finds(&["1", "2", "3"]);
}

/// Zeros may cover whole lines, or a part of a row up to the middle of another one.
#[test]
fn zeros_in_the_place_of_lines_are_told_unless_these_are_documents() {
    let pretty = |record: &str| {
        let value: serde_json::Value = serde_json::from_str(record).unwrap();
        serde_json::to_string_pretty(&value).unwrap()
    };
    let without = |text: &str, from: &str, to: &str| {
        let mut bytes = text.as_bytes().to_vec();
        let start = text.find(from).unwrap();
        let end = start + text[start..].find(to).unwrap();
        bytes[start..end].fill(0);
        bytes
    };
    let row = |id: &str, policy: &str| {
        format!(
            "2024-05-01T12:00:00Z,AttachUserPolicy,{id},\"{{\"\"userName\"\":\"\"bob\"\",\"\"policyArn\"\":\"\"arn:aws:iam::aws:policy/{policy}\"\"}}\"\n"
        )
    };
    let quarantine = "AWSCompromisedKeyQuarantineV2";
    let rows = [
        "eventTime,eventName,eventID,requestParameters\n".to_owned(),
        row("0", "ReadOnlyAccess"),
        row("1", quarantine),
        row("2", "ReadOnlyAccess"),
        row("3", quarantine),
    ]
    .concat();
    let json = pretty(&attach("1"));
    let lines = [json.clone(), pretty(&attach("3"))].join("\n");
    for (text, found) in [
        (without(&lines, "    \"policyArn\"", "\n"), &["3"][..]),
        (
            without(&rows, "2024-05-01T12:00:00Z,AttachUserPolicy,1", "\n"),
            &["3"],
        ),
        (
            without(&rows, "2024-05-01T12:00:00Z,AttachUserPolicy,3", "\n"),
            &["1"],
        ),
        (without(&rows, "bob", ",3,"), &[]),
    ] {
        let text_is = String::from_utf8_lossy(&text).into_owned();
        let hunt = Lake::new().file("a", text).hunt(&[]).exits(3);
        let codes = &hunt.report["diagnostics_by_code"];
        assert_eq!(codes["unknown_content"], 1, "{text_is}: {}", hunt.stderr);
        let ids: Vec<&str> = hunt
            .alerts
            .iter()
            .map(|one| one["event_id"].as_str().unwrap())
            .collect();
        assert_eq!(ids, found, "{text_is}");
    }
    // Whatever fills the block.
    for byte in [0x01, 0xff] {
        let zeros = without(&rows, "bob", ",3,");
        let holed = zeros.iter().map(|b| if *b == 0 { byte } else { *b });
        let hunt = Lake::new().file("a", holed.collect::<Vec<u8>>()).hunt(&[]);
        let hunt = hunt.exits(3);
        let codes = &hunt.report["diagnostics_by_code"];
        assert_eq!(codes["unknown_content"], 1, "{}", hunt.stderr);
    }
    // Nothing need be missing between two documents.
    let apart = [json.as_bytes(), b"\n", &[0; 500], b"\n", json.as_bytes()].concat();
    Lake::new().file("a", apart).hunt(&[]).exits(0);
}

#[test]
fn a_thousand_levels_are_judged_and_more_are_told() {
    let nested = |n: usize| {
        let deep = format!("{}{}", "[".repeat(n), "]".repeat(n));
        attach("1").replace(
            r#""responseElements":null"#,
            &format!(r#""responseElements":{deep}"#),
        )
    };
    Lake::new()
        .file("a", nested(1000))
        .hunt(&[])
        .exits(0)
        .finds(&["1"]);
    Lake::new()
        .file("a", nested(100_000))
        .file("b", "[".repeat(3_000_000))
        .hunt(&[])
        .exits(3)
        .finds(&[])
        .tells(&["invalid_json"]);
}

#[test]
fn a_comment_between_records_hides_none_of_them() {
    let quote = |text: &str| serde_json::to_string(text).unwrap();
    let line = format!("{} // {}", other("0"), attach("1"));
    let block = format!("{}/*{}", other("0"), attach("2"));
    Lake::new()
        .file("a", &line)
        .file("b", &block)
        .file("c", format!("{{\"m\":{}}}", quote(&line)))
        .hunt(&[])
        .exits(0)
        .finds(&["1", "2", "1"]);
}

#[test]
fn a_quote_in_a_cell_hides_no_row_of_csv() {
    let cell = r#""{""policyArn"":""AWSCompromisedKeyQuarantine""}""#;
    let text = format!(
        "eventname,useragent,requestparameters,eventid\nListUsers,5\" disk,x,0\nAttachUserPolicy,,{cell},1\nAttachUserPolicy ,\" \",{cell},2\n"
    );
    Lake::new()
        .file("a.csv", text)
        .hunt(&[])
        .exits(0)
        .finds(&["1", "2"]);
}

#[test]
fn a_string_with_many_records_is_read() {
    let records = format!("{},", other("0")).repeat(20_000);
    let text =
        serde_json::to_string(&format!("{{\"Records\":[{records}{}]}}", attach("1"))).unwrap();
    Lake::new()
        .file("a", format!("{{\"m\":{text}}}"))
        .hunt(&[])
        .exits(0)
        .finds(&["1"]);
}
