//! What is read: shapes, compressions, encodings, and what is no event.

use std::fs;
use std::io::Write as _;
use std::process::Stdio;

use crate::lake::{Lake, attach, delivery, gzip, other, zstd};

#[test]
fn a_delivery_file_gives_its_alert_with_its_place_and_its_fields() {
    let text = delivery(&[other("1"), attach("2")]);
    let hunt = Lake::new()
        .gzip("a/x.json.gz", &text)
        .hunt(&[])
        .exits(0)
        .finds(&["2"]);
    let row = &hunt.alerts[0];
    assert_eq!(row["log_file_path"], "logs/a/x.json.gz");
    assert_eq!(row["record_index"], 1);
    assert_eq!(row["log_offset"], text.find(&attach("2")).unwrap());
    assert_eq!(row["raw_event"], attach("2"));
    assert_eq!(row["event_time"], "2024-05-01T12:00:00Z");
    assert_eq!(row["target_user_name"], "alice");
    assert_eq!(row["policy_name"], "AWSCompromisedKeyQuarantineV2");
    assert_eq!(row["matched_field"], "requestParameters.policyArn");
    assert_eq!(row["source_ip"], "203.0.113.7");
    assert_eq!(row["account_id"], "111122223333");
    assert_eq!(
        row["request_parameters"],
        "{policyArn=arn:aws:iam::aws:policy/AWSCompromisedKeyQuarantineV2, userName=alice}"
    );
    assert_eq!(row["mitre_technique_ids"], serde_json::json!(["T1552"]));
    assert_eq!(
        (&row["severity"], &row["risk_score"]),
        (&"high".into(), &73.into())
    );
    assert_eq!(row["sighting"], 1);
}

#[test]
fn every_gzip_member_and_every_zstd_frame_is_read() {
    let texts = [attach("1"), other("2"), attach("3")];
    let members: Vec<u8> = texts.iter().flat_map(|t| gzip(t.as_bytes())).collect();
    let mut frames = b"\x50\x2a\x4d\x18\x03\0\0\0abc".to_vec();
    frames.extend(texts.iter().flat_map(|t| zstd(t.as_bytes())));
    Lake::new()
        .file("a.gz", members)
        .file("b.zst", frames)
        .hunt(&[])
        .exits(0)
        .finds(&["1", "3", "1", "3"]);
}

#[test]
fn a_zstd_window_of_two_gibibytes_is_read() {
    let mut encoder = zstd::Encoder::new(Vec::new(), 1).unwrap();
    encoder
        .set_parameter(zstd::zstd_safe::CParameter::WindowLog(31))
        .unwrap();
    encoder.include_contentsize(false).unwrap();
    encoder.write_all(attach("1").as_bytes()).unwrap();
    Lake::new()
        .file("a.zst", encoder.finish().unwrap())
        .hunt(&[])
        .exits(0)
        .finds(&["1"]);
}

#[test]
fn a_file_is_what_its_bytes_say_and_not_what_its_name_says() {
    Lake::new()
        .file("plain.gz", attach("1"))
        .gzip("gzip.json", attach("2"))
        .file("zstd.txt", zstd(attach("3").as_bytes()))
        .hunt(&[])
        .exits(0)
        .finds(&["2", "1", "3"]);
}

#[test]
fn documents_that_hold_no_event_are_recognised_and_no_fault() {
    let needle = "AWSCompromisedKeyQuarantine";
    let digest = format!(
        r#"{{"awsAccountId":"1","digestStartTime":"t","digestS3Bucket":"{needle}","logFiles":[{{"s3Object":"{needle}"}}]}}"#
    );
    let insight = format!(
        concat!(
            r#"{{"Records":[{{"eventVersion":"1.07","eventType":"AwsCloudTrailInsight","eventID":"i","#,
            r#""insightDetails":{{"eventName":"AttachUserPolicy","eventSource":"iam.amazonaws.com","#,
            r#""requestParameters":{{"x":"{}"}}}}}}]}}"#
        ),
        needle
    );
    let notification = format!(
        r#"{{"Records":[{{"eventVersion":"2.1","eventSource":"aws:s3","eventName":"AttachUserPolicy","requestParameters":{{"k":"{needle}"}}}}]}}"#
    );
    let hunt = Lake::new()
        .file("digest", digest)
        .file("insight", insight)
        .file("notification", notification)
        .hunt(&[])
        .exits(3)
        .finds(&[])
        .tells(&["no_events"]);
    assert_eq!(hunt.report["documents_without_events"], 3);
}

#[test]
fn a_document_as_elastic_stores_it_gives_the_same_alert_nested_and_dotted() {
    let nested = concat!(
        r#"{"expected":[{"@timestamp":"2024-05-01T12:00:00Z","event":{"action":"AttachUserPolicy","#,
        r#""outcome":"success","id":"n","provider":"iam.amazonaws.com","dataset":"aws.cloudtrail"},"#,
        r#""user":{"target":{"name":"alice"}},"aws":{"cloudtrail":{"request_parameters":"#,
        r#""{policyArn=arn:aws:iam::aws:policy/AWSCompromisedKeyQuarantine, userName=alice}"}}}]}"#
    );
    let dotted = concat!(
        r#"{"@timestamp":"2024-05-01T12:00:00Z","event.action":"AttachUserPolicy","#,
        r#""event.outcome":"success","event.id":"d","user.target.name":"alice","#,
        r#""aws.cloudtrail.request_parameters":"#,
        r#""{policyArn=arn:aws:iam::aws:policy/AWSCompromisedKeyQuarantine, userName=alice}"}"#
    );
    let failed = dotted.replace("success", "failure");
    let hunt = Lake::new()
        .file("dotted", format!("{dotted}\n{failed}\n"))
        .file("nested", nested)
        .hunt(&[])
        .exits(0)
        .finds(&["d", "n"]);
    for row in &hunt.alerts {
        assert_eq!(row["target_user_name"], "alice");
        assert_eq!(row["policy_name"], "AWSCompromisedKeyQuarantine");
        assert_eq!(row["matched_field"], "requestParameters.policyArn");
    }
}

#[test]
fn a_text_larger_than_every_buffer_is_read_plain_and_compressed() {
    // 40 MB: more than what is inflated whole (16 MiB) and than a window of a mapped file (32 MiB).
    let mut lines = String::new();
    let filler = other("filler");
    while lines.len() < 40 << 20 {
        lines.push_str(&filler);
        lines.push('\n');
    }
    lines.push_str(&attach("last"));
    let document = format!("{{\"Records\":[{}]}}", lines.replace("}\n{", "},{"));
    let lake = Lake::new()
        .file("a.ndjson", &lines)
        .gzip("b.ndjson.gz", &lines)
        .file("c.json.zst", zstd(document.as_bytes()))
        .file("d.json", &document);
    for args in [&["--threads", "1"][..], &["--threads", "3", "--no-mmap"]] {
        let hunt = lake.hunt(args).exits(0).finds(&["last"; 4]);
        let index = hunt.alerts[3]["record_index"].as_u64().unwrap();
        assert_eq!(
            index,
            document.matches("\"eventVersion\"").count() as u64 - 1
        );
        assert_eq!(hunt.alerts[2]["record_index"], index);
        assert_eq!(
            hunt.alerts[0]["log_offset"],
            lines.rfind("{\"eventVersion").unwrap()
        );
    }
}

#[test]
fn standard_input_is_read_in_every_compression() {
    let lake = Lake::new();
    for stored in [
        attach("1").into_bytes(),
        gzip(attach("1").as_bytes()),
        zstd(attach("1").as_bytes()),
    ] {
        let mut child = lake
            .command(&["-"])
            .stdin(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(&stored).unwrap();
        let hunt = lake
            .hunted(child.wait_with_output().unwrap())
            .exits(0)
            .finds(&["1"]);
        assert_eq!(hunt.alerts[0]["log_file_path"], "-");
    }
}

#[test]
fn empty_inputs_are_read_and_counted() {
    let hunt = Lake::new()
        .file("a.json", "")
        .gzip("b.json.gz", "")
        .file("c.json", " \n\t ")
        .file("d.json", "null")
        .file("e.json", "{\"Records\":[]}")
        .hunt(&[])
        .exits(3)
        .finds(&[])
        .tells(&["no_events"]);
    assert_eq!(hunt.report["sources"]["found"], 5);
    assert_eq!(hunt.report["sources"]["empty"], 1);
}

#[test]
fn the_same_event_again_is_a_further_sighting() {
    let hunt = Lake::new()
        .file("a", attach("1"))
        .file("b", attach("2") + &attach("1"))
        .file("c", attach("1"))
        .hunt(&[])
        .exits(0)
        .finds(&["1", "2", "1", "1"]);
    let sightings: Vec<_> = hunt
        .alerts
        .iter()
        .map(|row| row["sighting"].as_u64().unwrap())
        .collect();
    assert_eq!(sightings, [1, 1, 2, 3]);
    let mut ids: Vec<_> = hunt
        .alerts
        .iter()
        .map(|row| row["alert_id"].to_string())
        .collect();
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), 4);
}

#[test]
fn an_alert_s_id_is_the_same_wherever_the_archive_lies() {
    let ids = |lake: &Lake| {
        let hunt = lake.hunt(&[]).exits(0);
        hunt.alerts
            .iter()
            .map(|row| row["alert_id"].clone())
            .collect::<Vec<_>>()
    };
    let lake = || {
        Lake::new()
            .file("x/a", attach("1") + &attach("2"))
            .file("b", attach("1"))
    };
    assert_eq!(ids(&lake()), ids(&lake()));
}

#[test]
fn every_reading_of_a_record_with_duplicate_keys_counts_and_is_told() {
    let twice = attach("1").replace(
        r#""eventName":"AttachUserPolicy""#,
        r#""eventName":"ListUsers","eventName":"AttachUserPolicy""#,
    );
    Lake::new()
        .file("a", twice)
        .hunt(&[])
        .exits(0)
        .finds(&["1"])
        .tells(&["duplicate_keys"]);
}

#[test]
fn a_link_is_not_followed_unless_asked_for_and_each_file_is_read_once() {
    let lake = Lake::new().file("real/a.json", attach("1"));
    std::os::unix::fs::symlink("..", lake.logs().join("real/up")).unwrap();
    std::os::unix::fs::symlink("a.json", lake.logs().join("real/copy.json")).unwrap();
    fs::hard_link(
        lake.logs().join("real/a.json"),
        lake.logs().join("same.json"),
    )
    .unwrap();
    let hunt = lake.hunt(&[]).exits(0).finds(&["1"]);
    assert_eq!(hunt.report["sources"]["links_not_followed"], 2);
    assert_eq!(hunt.report["sources"]["repeated"], 1);
    lake.hunt(&["--follow"]).exits(0).finds(&["1"]);
    // Roots that overlap.
    lake.hunt(&["logs/real", "logs/real/a.json"])
        .exits(0)
        .finds(&["1"]);
}

#[test]
fn roots_keep_their_order_and_below_a_root_paths_have_theirs() {
    let lake = Lake::new()
        .file("b/x", attach("1"))
        .file("b-", attach("2"))
        .file("b.json", attach("3"))
        .file("a", attach("4"));
    lake.hunt(&[]).exits(0).finds(&["4", "2", "3", "1"]);
    lake.hunt(&["logs/b.json", "logs/a"])
        .exits(0)
        .finds(&["3", "4", "2", "1"]);
}

#[test]
fn a_rule_without_needles_is_asked_about_every_record() {
    use trailsift::config::{HuntConfig, OutputConfig, ScanConfig};
    use trailsift::output::Destination;
    use trailsift::rule::{Needles, Rule, RuleSet};

    let rule = include_str!("../../src/rule/quarantine.toml");
    let query = rule.find("any where").unwrap()..rule.rfind(")").unwrap() + 1;
    let rule = rule.replace(&rule[query], "any where event.outcome == \"failure\"");
    let rule = Rule::from_toml(&rule).unwrap();
    assert_eq!(rule.needles(), &Needles::EveryRecord);
    let failed = other("2").replace(r#""readOnly":false"#, r#""errorCode":"AccessDenied""#);
    let lake = Lake::new()
        .gzip("a.gz", delivery(&[attach("1"), failed.clone(), other("3")]))
        .file(
            "b.json",
            format!("{failed}\n{}\n{{\"Events\":[]}}\nno JSON\n", attach("4")),
        );
    let config = HuntConfig {
        rules: RuleSet::from_rule("test", rule),
        scan: ScanConfig {
            roots: vec![trailsift::input::Root::Path(lake.logs())],
            n_threads: 2,
            map_from_bytes: Some(1),
            ..ScanConfig::default()
        },
        output: OutputConfig {
            destination: Destination::File(lake.beside("alerts.ndjson")),
            format: trailsift::output::Format::Ndjson,
            ..OutputConfig::default()
        },
        ..HuntConfig::default()
    };
    let report = trailsift::hunt::run(&config, &mut |_| ()).unwrap();
    assert_eq!(
        (report.alerts, report.stats.events_judged, report.complete),
        (2, 5, true)
    );
}

#[test]
fn a_record_in_a_wrapper_that_has_some_of_its_fields_is_found_once() {
    let inner = |id: &str| serde_json::to_string(&attach(id)).unwrap();
    let wrappers = [
        format!(
            r#"{{"result":{{"_raw":{},"eventName":"AttachUserPolicy","eventSource":"iam.amazonaws.com"}}}}"#,
            inner("1")
        ),
        format!(
            r#"{{"@timestamp":"x","message":{},"eventName":"AttachUserPolicy","eventID":"2"}}"#,
            inner("2")
        ),
        format!(
            r#"{{"_raw":{},"eventname":"AttachUserPolicy","eventsource":"iam"}}"#,
            inner("3")
        ),
        format!(
            r#"{{"eventName":"w","eventVersion":"v","Records":[{}]}}"#,
            attach("4")
        ),
        format!(
            r#"{{"eventName":"w","eventVersion":"v","requestParameters":null,"detail":{}}}"#,
            attach("5")
        ),
        format!(
            r#"{{"event":{{"dataset":"aws.cloudtrail","action":"z"}},"Records":[{}]}}"#,
            attach("6")
        ),
        format!(
            r#"{{"event":{{"dataset":"aws.cloudtrail","action":"z","original":{}}}}}"#,
            inner("7")
        ),
        format!(
            r#"{{"a":{{"event\u004eame":null}},"message":{}}}"#,
            inner("8")
        ),
        concat!(
            r#"{"fields":{"event.action":["AttachUserPolicy"],"event.outcome":["success"],"#,
            r#""event.id":["9"],"aws.cloudtrail.request_parameters":"#,
            r#"["{policyArn=arn:aws:iam::aws:policy/AWSCompromisedKeyQuarantine}"]}}"#
        )
        .to_owned(),
    ];
    let hunt = Lake::new()
        .file("a", wrappers.join("\n"))
        .hunt(&[])
        .exits(0);
    hunt.finds(&["1", "2", "3", "4", "5", "6", "7", "8", "9"]);
}

#[test]
fn a_record_in_a_string_is_found_however_large_the_documents_round_it_are() {
    let escaped = attach("1").replace("Compromised", "\\u0043ompromised");
    let string = |text: &str| serde_json::to_string(text).unwrap();
    let pad = "q".repeat(3 << 20);
    let hunt = Lake::new()
        .file(
            "a",
            format!(r#"{{"z":{},"junk":"{pad}"}}"#, string(&escaped)),
        )
        .file(
            "b",
            format!(r#"{{"junk":"{pad}","z":{}}}"#, string(&string(&escaped))),
        )
        .gzip(
            "c",
            format!(
                r#"{{"Message":{}}}"#,
                string(&format!(r#"{{"pad":"{pad}","Records":[{escaped}]}}"#))
            ),
        )
        .hunt(&[])
        .exits(0);
    hunt.finds(&["1", "1", "1"]);
}

#[test]
fn a_needle_behind_nested_escapes_is_told_if_no_record_comes_out() {
    let escaped = attach("1").replace("Compromised", "\\u0043ompromised");
    let string = |text: &str| serde_json::to_string(text).unwrap();
    for text in [
        string(&escaped),
        format!("msg={}", string(&escaped)),
        format!(r#"{{"m":{}}}"#, string(&format!("2024 {escaped}"))),
        format!(r#"{{"m":{},"x":""#, string(&escaped)),
        format!("[[{}]]", string(&format!("x{escaped}"))),
    ] {
        let hunt = Lake::new().file("a", &text).hunt(&[]);
        assert!(
            hunt.exit == Some(3) || hunt.alerts.len() == 1,
            "{text}: {}",
            hunt.stderr
        );
    }
}

#[test]
fn directories_keep_their_order_however_many_are_listed_at_once() {
    let ids: Vec<String> = (0..200).map(|i| format!("{i:03}")).collect();
    let lake = ids.iter().rev().fold(Lake::new(), |lake, id| {
        lake.file(&format!("d{id}/sub/{id}.json"), attach(id))
    });
    let expected: Vec<&str> = ids.iter().map(String::as_str).collect();
    lake.hunt(&["--threads", "4"]).exits(0).finds(&expected);
}

#[test]
fn a_pipe_that_is_named_as_a_root_is_read() {
    let lake = Lake::new();
    let pipe = lake.beside("pipe");
    let made = std::process::Command::new("mkfifo")
        .arg(&pipe)
        .status()
        .unwrap();
    assert!(made.success());
    let writer = std::thread::spawn({
        let pipe = pipe.clone();
        move || fs::write(pipe, gzip(attach("1").as_bytes())).unwrap()
    });
    let output = lake.command(&["pipe"]).output().unwrap();
    writer.join().unwrap();
    lake.hunted(output).exits(0).finds(&["1"]);
}

#[test]
fn rows_of_csv_are_judged_by_their_header() {
    let request = r#"{""policyArn"": ""arn:aws:iam::aws:policy/AWSCompromisedKeyQuarantineV2"", ""userName"": ""alice""}"#;
    let athena = format!(
        concat!(
            "eventversion,useridentity,eventtime,eventsource,eventname,errorcode,requestparameters,eventid\r\n",
            "1.09,\"{{type=IAMUser, arn=arn:aws:iam::111122223333:user/ops, accountid=111122223333}}\",",
            "2024-05-01T12:00:00Z,iam.amazonaws.com,AttachUserPolicy,,\"{request}\",1\r\n",
            "1.09,,2024-05-01T12:00:01Z,iam.amazonaws.com,AttachUserPolicy,AccessDenied,\"{request}\",2\r\n",
            "1.09,\"a\nb\",2024-05-01T12:00:02Z,iam.amazonaws.com,AttachUserPolicy,,",
            "\"{{policyArn=arn:aws:iam::aws:policy/AWSCompromisedKeyQuarantine, userName=bob}}\",3"
        ),
        request = request
    );
    let raw = attach("4").replace('"', "\"\"");
    let splunk = format!("_time,_raw\n2024-05-01,\"{raw}\"\n");
    let tabs = "eventName\teventTime\teventID\trequestParameters\n\
        AttachUserPolicy\t2024-05-01T12:00:00Z\t5\tAWSCompromisedKeyQuarantineV3\n";
    let hunt = Lake::new()
        .gzip("a.csv.gz", &athena)
        .file("b.csv", splunk)
        .file("c.tsv", tabs)
        .hunt(&["--related", "related.ndjson"])
        .exits(0)
        .finds(&["1", "3", "4", "5"]);
    let row = &hunt.alerts[0];
    assert_eq!(row["target_user_name"], "alice");
    assert_eq!(row["actor_arn"], "arn:aws:iam::111122223333:user/ops");
    assert_eq!(row["matched_field"], "requestParameters.policyArn");
    assert_eq!(row["log_offset"], athena.find("1.09").unwrap());
    assert!(
        row["raw_event"]
            .as_str()
            .unwrap()
            .starts_with("1.09,\"{type=IAMUser")
    );
    assert_eq!(hunt.alerts[1]["target_user_name"], "bob");
    assert_eq!(hunt.alerts[2]["raw_event"], attach("4"));
    assert_eq!(hunt.report["related"]["failed_attach"], 1);
}

#[test]
fn csv_of_any_size_is_the_same_in_any_way() {
    let rows: String = (0..30_000)
        .map(|i| match i % 1000 {
            7 => format!(
                "AttachUserPolicy,{i},\"{{\"\"a\"\":\n\"\"AWSCompromisedKeyQuarantine\"\"}}\"\n"
            ),
            _ => format!(
                "ListUsers,{i},\"{{\"\"pad\"\":\"\"{}\"\"\n{{}}\"\n",
                "x".repeat(200)
            ),
        })
        .collect();
    let text = format!("eventname,eventid,requestparameters\n{rows}");
    let expected: Vec<String> = (0..30).map(|i| (i * 1000 + 7).to_string()).collect();
    let expected: Vec<&str> = expected.iter().map(String::as_str).collect();
    let lake = Lake::new()
        .file("a.csv", &text)
        .gzip("b.csv.gz", &text)
        .file(
            "c.csv.zst",
            [
                zstd(&text.as_bytes()[..3_000_000]),
                zstd(&text.as_bytes()[3_000_000..]),
            ]
            .concat(),
        );
    let expected = [&expected[..], &expected[..], &expected[..]].concat();
    for args in [&["--threads", "1"][..], &["--threads", "4", "--no-mmap"]] {
        lake.hunt(args).exits(0).finds(&expected);
    }
}

#[test]
fn ocsf_of_each_version_gives_the_fields_of_the_record() {
    let later = concat!(
        r#"{"class_uid":3001,"metadata":{"product":{"name":"CloudTrail"},"uid":"1"},"time":1714564800000,"#,
        r#""api":{"operation":"AttachUserPolicy","service":{"name":"iam.amazonaws.com"},"request":{"data":"#,
        r#""{\"policyArn\":\"arn:aws:iam::aws:policy/AWS\\u0043ompromisedKeyQuarantineV2\",\"userName\":\"alice\"}"},"#,
        r#""response":{"error":null}},"status":"Success","status_id":1,"cloud":{"region":"us-east-1"},"#,
        r#""actor":{"user":{"type":"IAMUser","uid":"arn:aws:iam::111122223333:user/ops","uid_alt":"AIDAEXAMPLE","#,
        r#""account":{"uid":"111122223333"}}},"src_endpoint":{"ip":"203.0.113.7"}}"#
    );
    let early = concat!(
        r#"{"class_uid":3005,"metadata":{"product":{"name":"CloudTrail"},"uid":"2"},"time":1714564800000,"#,
        r#""api":{"operation":"AttachUserPolicy","service":{"name":"iam.amazonaws.com"}},"status_id":1,"#,
        r#""actor":{"user":{"uid":"AIDAEXAMPLE","uuid":"arn:aws:iam::111122223333:user/ops"}},"unmapped":"#,
        r#"{"requestParameters.policyArn":"arn:aws:iam::aws:policy/AWSCompromisedKeyQuarantine","#,
        r#""requestParameters.userName":"bob"}}"#
    );
    let other_product = later.replace("CloudTrail", "Route 53");
    let failed = early.replace(r#""status_id":1"#, r#""status":"Failure""#);
    let hunt = Lake::new()
        .file("a", format!("{later}\n{early}\n{failed}"))
        .file("b", other_product)
        .hunt(&[])
        .exits(3)
        .finds(&["1", "2"])
        .tells(&["needle_without_record"]);
    for (row, user) in hunt.alerts.iter().zip(["alice", "bob"]) {
        assert_eq!(row["target_user_name"], user);
        assert_eq!(row["actor_arn"], "arn:aws:iam::111122223333:user/ops");
        assert_eq!(row["actor_principal_id"], "AIDAEXAMPLE");
        assert_eq!(row["event_time"], "2024-05-01T12:00:00Z");
        assert_eq!(row["matched_field"], "requestParameters.policyArn");
    }
}

#[test]
fn utf_16_is_read_with_and_without_a_mark() {
    let text = delivery(&[attach("1").replace("alice", "älice \u{1f600}")]);
    let units = |mark: &str, bytes: fn(u16) -> [u8; 2]| -> Vec<u8> {
        format!("{mark}{text}")
            .encode_utf16()
            .flat_map(bytes)
            .collect()
    };
    let mut hunt = Lake::new()
        .file("a", units("\u{feff}", u16::to_le_bytes))
        .file("b", units("\u{feff}", u16::to_be_bytes))
        .file("c", units("", u16::to_le_bytes))
        .file("d", gzip(&units("", u16::to_be_bytes)))
        .hunt(&[])
        .exits(0)
        .finds(&["1", "1", "1", "1"]);
    for row in &hunt.alerts {
        assert_eq!(row["target_user_name"], "älice \u{1f600}");
        assert_eq!(row["log_offset"], text.find("{\"eventVersion").unwrap());
    }
    assert_eq!(hunt.report["diagnostics_by_code"]["utf16"], 4);
    let mut broken = units("\u{feff}", u16::to_le_bytes);
    broken.extend([0x3d, 0xd8, b' ']);
    hunt = Lake::new()
        .file("a", broken)
        .hunt(&[])
        .exits(0)
        .finds(&["1"]);
    assert_eq!(hunt.report["diagnostics_by_code"]["invalid_utf8"], 1);
}

#[test]
fn a_string_may_hold_several_documents_and_text_before_them() {
    let quote = |text: &str| serde_json::to_string(text).unwrap();
    let two = format!("{}{}", attach("1"), attach("2"));
    let line = format!("2024-05-01T12:00:00.000Z {}", attach("3"));
    let syslog = format!("<134>May  1 12:00:00 host trail[1]: {}\n", attach("4"));
    let bad = format!(
        "{}{{\"eventName\":\"AttachUserPolicy\",AWSCompromisedKeyQuarantine}}",
        attach("5")
    );
    Lake::new()
        .file("a", format!("{{\"body\":{}}}", quote(&two)))
        .file(
            "b",
            format!("{{\"events\":[{{\"message\":{}}}]}}", quote(&line)),
        )
        .file(
            "c",
            format!(
                "{{\"log\":{}}}",
                quote(&format!("{{\"m\":{}}}", quote(&syslog)))
            ),
        )
        .file("d", &line)
        .hunt(&[])
        .exits(0)
        .finds(&["1", "2", "3", "4", "3"]);
    Lake::new()
        .file("a", format!("{{\"body\":{}}}", quote(&bad)))
        .hunt(&[])
        .exits(3)
        .finds(&["5"])
        .tells(&["needle_without_record"]);
}

#[test]
fn a_request_that_is_spread_over_the_record_is_read() {
    let spread = |separator: &str| {
        let arn = r#""requestParameters":{"userName":"alice","policyArn":"#;
        let spread = format!(
            r#""requestParameters{separator}userName":"alice","requestParameters{separator}policyArn":"#
        );
        attach("1")
            .replace(arn, &spread)
            .replace(r#"V2"},"#, r#"V2","#)
    };
    let csv = "eventVersion,eventName,requestParameters.policyArn,eventID\n\
        1,AttachUserPolicy,AWSCompromisedKeyQuarantine,2\n";
    let hunt = Lake::new()
        .file("a", spread("."))
        .file("b", spread("_"))
        .file("c", csv)
        .hunt(&[])
        .exits(0)
        .finds(&["1", "1", "2"]);
    assert_eq!(hunt.alerts[0]["target_user_name"], "alice");
    assert_eq!(
        hunt.alerts[0]["matched_field"],
        "requestParameters.policyArn"
    );
}

#[test]
fn the_original_of_an_elastic_document_is_used_where_fields_are_missing() {
    let original = serde_json::to_string(&attach("1")).unwrap();
    let event =
        format!(r#""action":"AttachUserPolicy","dataset":"aws.cloudtrail","original":{original}"#);
    let request = r#""{policyArn=x/AWSCompromisedKeyQuarantine}""#;
    let no_outcome = format!(
        r#"{{"event":{{{event}}},"aws":{{"cloudtrail":{{"request_parameters":{request}}}}}}}"#
    );
    let no_request = format!(
        r#"{{"event":{{{event},"outcome":"success"}},"aws":{{"cloudtrail":{{"request_parameters":null}}}}}}"#
    );
    Lake::new()
        .file("a", no_outcome)
        .file("b", no_request)
        .hunt(&[])
        .exits(0)
        .finds(&["1", "1"]);
}
