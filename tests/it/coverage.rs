//! The map of what an archive holds, against a slow reference that parses everything.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::process::Command;

use proptest::prelude::*;
use serde_json::Value;

use crate::custody::trail::{ACCOUNT, HOUR, REGIONS, START, Trail, log};
use crate::lake::{Lake, TRAILSIFT, gzip, rows_with_run};

/// An hour of an account and a region.
type Key = (String, String, i64);

/// Runs `coverage` beside an archive. Returns the rows by hour, and what it prints.
fn coverage(lake: &Lake, args: &[&str]) -> (BTreeMap<Key, Value>, String) {
    let done = Command::new(TRAILSIFT)
        .current_dir(lake.beside(""))
        .args(["coverage", "logs", "-o", "map.ndjson"])
        .args(args)
        .output()
        .unwrap();
    let said = String::from_utf8(done.stderr).unwrap();
    assert_eq!(done.status.code(), Some(0), "{said}");
    let rows = rows_with_run(&lake.beside("map.ndjson"))
        .into_iter()
        .map(|row| {
            let text = |name: &str| row[name].as_str().unwrap().to_owned();
            let key = (text("account"), text("region"), hour(&text("hour")));
            (key, row)
        });
    (
        rows.collect(),
        String::from_utf8(done.stdout).unwrap() + &said,
    )
}

fn hour(time: &str) -> i64 {
    time.parse::<jiff::Timestamp>()
        .unwrap()
        .as_second()
        .div_euclid(HOUR)
}

/// The number of events of each hour, by a parse of every text.
fn parsed<'t>(texts: impl IntoIterator<Item = &'t String>) -> BTreeMap<Key, u64> {
    let mut counts = BTreeMap::new();
    for text in texts {
        let document: Value = serde_json::from_str(text).unwrap();
        for record in document["Records"].as_array().into_iter().flatten() {
            let text = |name: &str| record[name].as_str().unwrap().to_owned();
            let key = (
                text("recipientAccountId"),
                text("awsRegion"),
                hour(&text("eventTime")),
            );
            *counts.entry(key).or_default() += 1;
        }
    }
    counts
}

/// The state of an hour by the definitions, from what was removed.
fn expected(
    trail: &Trail,
    gone: &BTreeSet<String>,
    counts: &BTreeMap<Key, u64>,
    region: usize,
    hour: i64,
) -> &'static str {
    let key = (ACCOUNT.to_owned(), REGIONS[region].to_owned(), hour);
    let has_digest = |n: usize| !gone.contains(&trail.digests[region][n]);
    let span = |n: usize| {
        let start = START + HOUR * i64::try_from(n).unwrap();
        (start, start + HOUR)
    };
    let is_missing = trail.logs.iter().any(|(log, of, digest)| {
        let document: Value = serde_json::from_str(&trail.texts[log]).unwrap();
        let mut records = document["Records"].as_array().unwrap().iter();
        let of_hour =
            records.any(|record| self::hour(record["eventTime"].as_str().unwrap()) == hour);
        of_hour && *of == region && gone.contains(log) && has_digest(*digest)
    });
    let n = trail.digests[region].len();
    let there: Vec<usize> = (0..n).filter(|n| has_digest(*n)).collect();
    let last_of_all = (0..2)
        .flat_map(|of| (0..n).filter(move |n| !gone.contains(&trail.digests[of][*n])))
        .max();
    // Between digests that are there, and after the last one while the other region has later ones.
    let is_gap = |n: usize| {
        let (Some(first), Some(last)) = (there.first(), last_of_all) else {
            return false;
        };
        !has_digest(n) && n > *first && n <= last
    };
    let (from, to) = (hour * HOUR, (hour + 1) * HOUR);
    let overlaps = |n: &usize| span(*n).0 < to && from < span(*n).1;
    let is_told = |second: i64| {
        there
            .iter()
            .any(|n| span(*n).0 <= second && second < span(*n).1)
    };
    if is_missing {
        "hole"
    } else if counts.contains_key(&key) {
        "covered"
    } else if (0..n).filter(overlaps).any(is_gap) {
        "hole"
    } else if (from..to + HOUR / 4).step_by(60).all(is_told) && is_told(to + HOUR / 4 - 1) {
        "quiet"
    } else {
        "unknown"
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(8))]

    /// Whatever is removed of an archive with digests, each hour has the state that the definitions give it.
    #[test]
    fn each_hour_has_the_state_of_a_slow_reference(gone in prop::collection::vec(any::<prop::sample::Index>(), 0..8)) {
        let trail = Trail::new();
        let all: Vec<&String> = trail.texts.keys().collect();
        let gone: BTreeSet<String> = gone.iter().map(|index| index.get(&all).to_string()).collect();
        let stored = trail.stored().into_iter().filter(|(key, _)| !gone.contains(key));
        let lake = stored.fold(Lake::new(), |lake, (key, bytes)| lake.file(&key, bytes));
        let (found, _) = coverage(&lake, &[]);
        let there = trail.logs.iter().filter(|(key, ..)| !gone.contains(key));
        let counts = parsed(there.map(|(key, ..)| &trail.texts[key]));
        for (region, name) in REGIONS.into_iter().enumerate() {
            for hour in START.div_euclid(HOUR)..START.div_euclid(HOUR) + 12 {
                let key = (ACCOUNT.to_owned(), name.to_owned(), hour);
                let row = found.get(&key);
                let state = row.map_or("unknown", |row| row["state"].as_str().unwrap());
                prop_assert_eq!(state, expected(&trail, &gone, &counts, region, hour), "{:?} without {:?}", key, gone);
                let n_events = row.map_or(0, |row| row["events"].as_u64().unwrap());
                prop_assert_eq!(n_events, counts.get(&key).copied().unwrap_or_default());
            }
        }
    }
}

#[test]
fn events_are_counted_alike_in_every_form_and_copies_once() {
    let trail = Trail::new();
    let logs: Vec<&String> = trail
        .logs
        .iter()
        .map(|(key, ..)| &trail.texts[key])
        .collect();
    let expected = parsed(logs.iter().copied());
    let events = |lake: &Lake| {
        let (rows, _) = coverage(lake, &[]);
        let rows = rows.into_iter().filter(|(_, row)| row["events"] != 0);
        rows.map(|(key, row)| (key, row["events"].as_u64().unwrap()))
            .collect::<BTreeMap<_, _>>()
    };
    let delivered = trail.logs.iter().fold(Lake::new(), |lake, (key, ..)| {
        let bytes = gzip(trail.texts[key].as_bytes());
        lake.file(&format!("a/{key}"), &bytes)
            .file(&format!("b/{key}"), &bytes)
    });
    assert_eq!(events(&delivered), expected);
    // With spaces, which the cheap way does not count.
    let printed = trail.logs.iter().fold(Lake::new(), |lake, (key, ..)| {
        let value: Value = serde_json::from_str(&trail.texts[key]).unwrap();
        lake.gzip(key, serde_json::to_string_pretty(&value).unwrap())
    });
    assert_eq!(events(&printed), expected);
    let mut lines = String::new();
    for text in logs {
        let value: Value = serde_json::from_str(text).unwrap();
        for record in value["Records"].as_array().unwrap() {
            lines += &format!("{record}\n");
        }
    }
    assert_eq!(events(&Lake::new().file("all.ndjson", lines)), expected);
}

#[test]
fn a_request_with_a_time_is_not_an_event() {
    let (key, text) = log(REGIONS[0], START + 600, 3);
    let text = text.replacen(
        "\"requestParameters\":null",
        r#""requestParameters":{"eventTime":"2020-01-01T00:00:00Z"}"#,
        1,
    );
    let lake = Lake::new().gzip(&key, &text);
    let (rows, said) = coverage(&lake, &["--ascii"]);
    assert_eq!(rows.len(), 1, "{rows:?}");
    assert!(said.contains("there are no digest files"), "{said}");
}

#[test]
fn calls_that_stop_the_log_are_listed_and_the_page_is_self_contained() {
    let (key, text) = log(REGIONS[0], START + 600, 2);
    let stop = text
        .replace("ec2.amazonaws.com", "cloudtrail.amazonaws.com")
        .replace("DescribeInstances", "StopLogging")
        .replacen(
            "\"requestParameters\":null",
            r#""requestParameters":{"name":"my<trail"}"#,
            1,
        );
    let lake = Lake::new().gzip(&key, stop);
    let (_, said) = coverage(&lake, &["--html", "map.html"]);
    assert!(said.contains("StopLogging my<trail by alice"), "{said}");
    let page = String::from_utf8(fs::read(lake.beside("map.html")).unwrap()).unwrap();
    assert!(page.contains("my&lt;trail") && !page.contains("my<trail"));
    assert!(!page.contains("http") && !page.contains("<script"));
}

#[test]
fn a_day_without_logs_in_a_busy_archive_is_a_hole_by_its_rhythm() {
    let mut lake = Lake::new();
    for hour in (0..20 * 24).filter(|hour| !(240..260).contains(hour)) {
        let (key, text) = log(REGIONS[0], START + hour * HOUR, 1);
        lake = lake.gzip(&key, text);
    }
    let (rows, said) = coverage(&lake, &[]);
    let holes = rows.values().filter(|row| row["state"] == "hole");
    let reasons: Vec<&Value> = holes.map(|row| &row["why"]).collect();
    assert_eq!(reasons.len(), 20, "{said}");
    assert!(reasons.iter().all(|why| *why == "rhythm"));
    let mut map = said.lines().take_while(|line| !line.starts_with("events"));
    assert!(map.all(|line| line.chars().count() <= 100), "{said}");
}

#[test]
fn a_hunt_writes_the_same_map_and_fails_on_holes_if_asked() {
    let trail = Trail::new();
    let gone = &trail.logs[4].0;
    let stored = trail.stored().into_iter().filter(|(key, _)| key != gone);
    let lake = stored.fold(Lake::new(), |lake, (key, bytes)| lake.file(&key, bytes));
    let (map, _) = coverage(&lake, &[]);
    let hunt = lake.hunt(&["--coverage", "hunted.ndjson"]).exits(0);
    assert!(
        hunt.stderr
            .contains("coverage    1 hole, written to hunted.ndjson"),
        "{}",
        hunt.stderr
    );
    let rows = rows_with_run(&lake.beside("hunted.ndjson"));
    assert_eq!(rows, map.into_values().collect::<Vec<_>>());
    let hunt = lake.hunt(&["--require-coverage"]);
    assert_eq!(hunt.exit, Some(3), "{}", hunt.stderr);
    let hunt = lake.hunt(&["--require-coverage", "--since", "2026-03-01"]);
    assert_eq!(hunt.exit, Some(2), "{}", hunt.stderr);
}
