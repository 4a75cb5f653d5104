//! A hunt with public keys: what each alert's row says of its log, and what the run says of the archive.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use serde_json::Value;

use super::trail::{HOUR, REGIONS, START, Trail, log};
use super::{on_disk, verify};
use crate::investigate::succeeds;
use crate::lake::{Hunt, Lake, gzip, rows};

/// Finds each event of the archive.
const ALL: [&str; 2] = [
    "--query",
    r#"any where event.action == "DescribeInstances""#,
];
const PROOFS: [&str; 4] = ["--public-keys", "keys", "--signatures", "heads"];

fn hunt(lake: &Lake, args: &[&str]) -> Hunt {
    lake.hunt(&[&ALL, args].concat())
}

/// The statuses of the rows of each log, by the end of its path.
fn statuses(hunt: &Hunt) -> BTreeMap<String, BTreeSet<Option<String>>> {
    let mut statuses: BTreeMap<String, BTreeSet<Option<String>>> = BTreeMap::new();
    for row in &hunt.alerts {
        let path = row["log_file_path"].as_str().unwrap();
        let member = row["log_file_member"].as_str().unwrap_or(path);
        let status = row["log_status"].as_str().map(str::to_owned);
        let name = member.strip_prefix("logs/").unwrap_or(member).to_owned();
        statuses.entry(name).or_default().insert(status);
    }
    statuses
}

fn of(status: &str) -> BTreeSet<Option<String>> {
    BTreeSet::from([Some(status.to_owned())])
}

/// Each event of the archive is a part of what this rule finds.
const OFTEN: &str = "
title: Described
name: described
logsource: {product: aws, service: cloudtrail}
detection: {s: {eventName: DescribeInstances}, condition: s}
---
title: Often described
id: often
correlation: {type: event_count, rules: [described], group-by: [awsRegion], timespan: 400d, condition: {gte: 1}}
";

#[test]
fn events_of_rules_over_several_events_say_what_is_proved_of_their_logs() {
    let trail = Trail::new();
    let lake = on_disk(&trail, &trail.stored());
    fs::write(lake.beside("often.yml"), OFTEN).unwrap();
    let own = ["--rules", "often.yml", "--rule", "often"];
    let own = [&own[..], &["--events", "events.ndjson"]].concat();
    let events = |args: &[&str]| {
        lake.hunt(&[&own[..], args].concat()).exits(0);
        rows(&lake.beside("events.ndjson"))
    };
    let without = events(&[]);
    assert!(without.len() > 1);
    assert!(without.iter().all(|row| row.get("log_status").is_none()));
    let mut found = events(&PROOFS);
    for row in &mut found {
        let status = row.as_object_mut().unwrap().remove("log_status");
        assert_eq!(status, Some("proved".into()));
    }
    assert_eq!(found, without);
}

#[test]
fn each_row_says_what_is_proved_of_its_log() {
    let trail = Trail::new();
    let lake = on_disk(&trail, &trail.stored());
    let without = hunt(&lake, &[]).exits(0);
    let n = trail.logs.len();
    assert!(without.alerts.len() == 3 * n && without.report["evidence"].is_null());
    assert!(
        without
            .alerts
            .iter()
            .all(|row| row.get("log_status").is_none())
    );

    let found = hunt(&lake, &PROOFS).exits(0);
    let expected = trail.logs.iter();
    let expected = expected.map(|(key, ..)| (key.clone(), of("proved")));
    assert_eq!(statuses(&found), expected.collect());
    // Everything else of the rows, and their order, is the same.
    let rest = |hunt: &Hunt| {
        let mut rows = hunt.alerts.clone();
        for row in rows.iter_mut().filter_map(Value::as_object_mut) {
            row.remove("log_status");
        }
        rows
    };
    assert_eq!(rest(&found), rest(&without));
    let said = "verdict     all logs and digests are as AWS signed them, and none is missing";
    assert!(found.stderr.contains(said), "{}", found.stderr);

    // The digests after the last signature prove nothing of their logs.
    let found = hunt(&lake, &PROOFS[..2]).exits(0);
    let last = super::trail::N_DIGESTS - 1;
    let expected = trail.logs.iter().map(|(key, _, digest)| {
        let status = if *digest == last { "listed" } else { "proved" };
        (key.clone(), of(status))
    });
    assert_eq!(statuses(&found), expected.collect());
}

#[test]
fn a_contradiction_gives_exit_code_4_and_the_report_of_verify() {
    let trail = Trail::new();
    let mut stored = trail.stored();
    let (altered, missing) = (&trail.logs[5].0, &trail.logs[8].0);
    let text = trail.texts[altered].replacen("203.0.113.7", "203.0.113.8", 1);
    stored.insert(altered.clone(), gzip(text.as_bytes()));
    stored.remove(missing);
    let unlisted = log(REGIONS[0], START + 4 * HOUR + 60, 2);
    let late = log(REGIONS[0], START + 40 * HOUR, 2);
    for (key, text) in [&unlisted, &late] {
        stored.insert(key.clone(), gzip(text.as_bytes()));
    }
    // Something of another kind, without any name.
    stored.insert("notes.json".to_owned(), late.1.clone().into_bytes());
    let lake = on_disk(&trail, &stored);
    let found = hunt(&lake, &PROOFS);
    assert_eq!(found.exit, Some(4), "{}", found.stderr);
    let rows = statuses(&found);
    let others = [
        (altered, "altered"),
        (&unlisted.0, "unlisted"),
        (&late.0, "uncovered"),
        (&"notes.json".to_owned(), "uncovered"),
    ];
    for (key, status) in others {
        assert_eq!(rows[key], of(status), "{key}");
    }
    let n_proved = rows.values().filter(|one| **one == of("proved")).count();
    assert_eq!(n_proved, trail.logs.len() - 2);

    let (exit, report, _) = verify(&lake, &PROOFS);
    assert_eq!(exit, Some(4));
    let evidence = &found.report["evidence"];
    for field in [
        "digests",
        "logs",
        "gaps",
        "findings",
        "needed",
        "public_keys",
    ] {
        assert_eq!(evidence[field], report[field], "{field}");
    }
    assert_eq!(evidence["contradicted"], true);
    // Whatever else the hunt would say.
    let found = hunt(&lake, &[&PROOFS[..], &["--fail-on-alerts"]].concat());
    assert_eq!(found.exit, Some(4), "{}", found.stderr);
}

#[test]
fn copies_and_what_was_appended_count_by_themselves() {
    let trail = Trail::new();
    let (copied, appended) = (&trail.logs[2].0, &trail.logs[3].0);
    let mut stored = trail.stored();
    let other = trail.texts[copied].replacen("alice", "bobby", 1);
    stored.insert(format!("a/{copied}"), gzip(other.as_bytes()));
    let (_, more) = log(REGIONS[0], START + 5000, 1);
    stored
        .get_mut(appended)
        .unwrap()
        .extend(gzip(more.as_bytes()));
    // Under another name it is the same log.
    let renamed = stored.remove(&trail.logs[4].0).unwrap();
    stored.insert("renamed.json.gz".to_owned(), renamed);
    let found = hunt(&on_disk(&trail, &stored), &PROOFS);
    let rows = statuses(&found);
    assert_eq!(rows[&format!("a/{copied}")], of("altered"));
    assert_eq!(rows[copied], of("proved"));
    assert_eq!(rows[appended], of("altered"));
    assert_eq!(rows["renamed.json.gz"], of("proved"));
}

#[test]
fn members_of_an_archive_have_their_own_status_in_every_format() {
    let trail = Trail::new();
    let altered = &trail.logs[0].0;
    let mut tar = tar::Builder::new(Vec::new());
    for (key, mut bytes) in trail.stored() {
        if key == *altered {
            bytes = gzip(trail.texts[altered].replace("alice", "bobby").as_bytes());
        }
        let mut header = tar::Header::new_gnu();
        header.set_size(bytes.len() as u64);
        tar.append_data(&mut header, &key, &bytes[..]).unwrap();
    }
    let stored = BTreeMap::from([("x.tar".to_owned(), tar.into_inner().unwrap())]);
    let lake = on_disk(&trail, &stored);
    let found = hunt(&lake, &PROOFS);
    assert_eq!(found.exit, Some(4), "{}", found.stderr);
    let rows = statuses(&found);
    assert_eq!(
        (rows.len(), &rows[altered]),
        (trail.logs.len(), &of("altered"))
    );
    let n_proved = rows.values().filter(|one| **one == of("proved")).count();
    assert_eq!(n_proved, trail.logs.len() - 1);
    // A row of CSV has the column in its place.
    let mut command = std::process::Command::new(crate::lake::TRAILSIFT);
    command
        .current_dir(lake.beside(""))
        .args(["hunt", "-o", "a.csv"]);
    command
        .args(["--columns", "event_id,log_status"])
        .args(ALL)
        .args(PROOFS);
    assert_eq!(command.arg("logs").output().unwrap().status.code(), Some(4));
    let csv = String::from_utf8(fs::read(lake.beside("a.csv")).unwrap()).unwrap();
    assert_eq!(
        csv.lines()
            .filter(|line| line.ends_with(",altered"))
            .count(),
        3
    );
}

#[test]
fn keys_are_refused_where_a_part_of_the_archive_would_be_judged() {
    let trail = Trail::new();
    let lake = on_disk(&trail, &trail.stored());
    for args in [
        &["--public-keys", "keys", "--since", "2026-03-01"][..],
        &["--public-keys", "keys", "--state", "ledger"],
        &["--signatures", "heads"],
    ] {
        let refused = hunt(&lake, args);
        assert_eq!(refused.exit, Some(2), "{}", refused.stderr);
    }
    let none = hunt(&lake, &["--public-keys", "heads"]);
    assert_eq!(none.exit, Some(1), "{}", none.stderr);
    assert!(
        none.stderr.contains("there is no public key in it"),
        "{}",
        none.stderr
    );
}

#[test]
fn a_case_lists_the_holes_in_the_map_of_its_own_pass() {
    let trail = Trail::new();
    let mut stored = trail.stored();
    stored.remove(&trail.logs[4].0);
    let lake = on_disk(&trail, &stored);
    let run = |case: &str| {
        let done = succeeds(&lake, &["--user", "alice", "logs", "-o", case]);
        let said = String::from_utf8(done.stderr).unwrap();
        let said = said.split_whitespace().collect::<Vec<_>>().join(" ");
        let read = |name: &str| fs::read(lake.beside(case).join(name)).unwrap();
        let page = String::from_utf8(read("report.html")).unwrap();
        let about: Value = serde_json::from_slice(&read("case.json")).unwrap();
        (said, page, about["archive"].clone())
    };
    let (said, page, archive) = run("case");
    let hole = "Account 111122223333, us-east-1: something is missing from 2026-03-02T00:00:00Z to \
                2026-03-02T01:00:00Z, 1 log: a log that a digest file names is not there.";
    assert!(page.contains(hole), "{archive}");
    assert_eq!(archive["holes"][0]["missing_logs"], 1);
    assert_eq!(archive["holes"].as_array().unwrap().len(), 1);
    let complete = "complete yes: everything was read; the archive has gaps: 1 hole (see the page)";
    assert!(said.contains(complete), "{said}");
    // Of a file with another name no map tells.
    fs::write(lake.logs().join("more.json"), &log(REGIONS[0], START, 1).1).unwrap();
    let (said, page, archive) = run("other");
    assert!(archive["holes"].is_null() && !page.contains("something is missing from"));
    assert!(said.contains("complete yes: everything was read"), "{said}");
    fs::remove_file(lake.logs().join("more.json")).unwrap();
    // With everything there is no hole.
    fs::write(
        lake.logs().join(&trail.logs[4].0),
        &trail.stored()[&trail.logs[4].0],
    )
    .unwrap();
    let (said, page, archive) = run("whole");
    assert_eq!(archive["holes"], serde_json::json!([]), "{said}");
    assert!(!page.contains("something is missing from"));
}
