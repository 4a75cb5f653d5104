//! Hunts with rules over several events.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use parquet::file::reader::{FileReader as _, SerializedFileReader};
use parquet::record::RowAccessor as _;
use serde_json::{Value, json};
use trailsift::Error;
use trailsift::config::{HuntConfig, OutputConfig, ScanConfig};
use trailsift::hunt;
use trailsift::input::Root;
use trailsift::output::{Destination, Format};
use trailsift::over_time::{Fired, Limits, Moment, Plan, Stage};
use trailsift::report::Report;
use trailsift::rule::load::{self, Form, Loaded};
use trailsift::rule::over_time::{RuleOverTime, digest};
use trailsift::rule::{PackRule, RuleSet};
use trailsift::scan::each_event;

use crate::lake::{Lake, TRAILSIFT, delivery, rows};
use crate::rules_oracle::load as load_pack;
use crate::shared;

pub(crate) const SIGMA: &str = "
title: User made
name: made
id: made
logsource: {product: aws, service: cloudtrail}
detection: {s: {eventName: CreateUser}, condition: s}
---
title: Key made
name: key
id: key
logsource: {product: aws, service: cloudtrail}
detection: {s: {eventName: CreateAccessKey}, condition: s}
---
title: From a kali
name: kali
id: kali
logsource: {product: aws, service: cloudtrail}
detection: {s: {userAgent|contains: kali}, condition: s}
---
title: Many
id: event_count
level: high
correlation:
  {type: event_count, rules: [made, key], group-by: [recipientAccountId], timespan: 5m, condition: {gte: 4}}
---
title: Several addresses
id: value_count
correlation:
  {type: value_count, rules: [kali], group-by: [userIdentity.arn], timespan: 10m, condition: {gte: 3, field: sourceIPAddress}}
---
title: Both
id: temporal
correlation: {type: temporal, rules: [made, kali], group-by: [userIdentity.arn, sharedEventID], timespan: 2m}
---
title: One after the other
id: temporal_ordered
correlation: {type: temporal_ordered, rules: [key, made], group-by: [userIdentity.arn], timespan: 2m}
---
title: Many, then a kali
id: chained
correlation: {type: temporal_ordered, rules: [event_count, kali], group-by: [recipientAccountId], timespan: 5m}
";

pub(crate) fn elastic(id: &str, kind: &str, rest: &str) -> String {
    let language = match kind {
        "eql" => "eql",
        _ => "kuery",
    };
    format!(
        "[rule]\nrule_id = '{id}'\nname = 'Rule {id}'\ntype = '{kind}'\nlanguage = '{language}'\nseverity = 'low'\n\
         from = 'now-5m'\n{rest}"
    )
}

/// All kinds of rules over several events, and the three rules about one event that correlations name.
pub(crate) fn loaded() -> Loaded {
    let by_arn = "[rule.threshold]\nfield = ['aws.cloudtrail.user_identity.arn']\nvalue = 3\n\
                  [[rule.threshold.cardinality]]\nfield = 'event.action'\nvalue = 2\n";
    let new_terms = "query = 'event.action: ConsoleLogin'\n[rule.new_terms]\nfield = 'new_terms_fields'\n\
                     value = ['user.name', 'source.ip']\n[[rule.new_terms.history_window_start]]\n\
                     field = 'history_window_start'\nvalue = 'now-1h'\n";
    let steps = "[any where event.action == \"CreateUser\"] [any where event.action == \"CreateAccessKey\"] \
                 [any where event.action == \"ConsoleLogin\"]";
    let texts = [
        elastic(
            "threshold",
            "threshold",
            &format!("query = 'event.outcome: failure'\n{by_arn}"),
        ),
        elastic("new_terms", "new_terms", new_terms),
        elastic(
            "sequence",
            "eql",
            &format!("query = 'sequence by user.name with maxspan=3m {steps}'\n"),
        ),
        elastic(
            "endless",
            "eql",
            &format!("query = 'sequence by source.ip, user.name {steps}'\n"),
        ),
    ];
    let mut loaded = Loaded::default();
    loaded.add_file("pack", "a.yml", Form::Yaml, SIGMA.as_bytes());
    for (n, text) in texts.iter().enumerate() {
        loaded.add_file("pack", &format!("{n}.toml"), Form::Toml, text.as_bytes());
    }
    loaded.resolve();
    assert!(loaded.refused.is_empty(), "{:?}", loaded.refused);
    assert_eq!((loaded.rules.len(), loaded.over_time.len()), (3, 9));
    loaded
}

/// Numbers that look random and are always the same.
pub(crate) struct Numbers(pub(crate) u64);

impl Numbers {
    pub(crate) fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % end
    }

    pub(crate) fn pick<'a>(&mut self, from: &[&'a str]) -> &'a str {
        from[usize::try_from(self.below(from.len() as u64)).unwrap()]
    }
}

/// Records of some hours, of which many have the same time.
fn records(n: u64) -> Vec<String> {
    records_apart(n, 0)
}

/// Records of some hours, between which there are at least so many seconds.
fn records_apart(n: u64, seconds: u64) -> Vec<String> {
    let mut numbers = Numbers(0x9e37_79b9_7f4a_7c15);
    let mut time = 0;
    let records = (0..n).map(|id| {
        time += seconds + numbers.below(5) * numbers.below(20);
        let action = numbers.pick(&["CreateUser", "CreateAccessKey", "ConsoleLogin", "ListUsers"]);
        let name = numbers.pick(&["alice", "bob", "carol"]);
        let agent = numbers.pick(&["aws-cli/2", "aws-cli/2 kali"]);
        let mut record = json!({
            "eventVersion": "1.09",
            "eventTime": format!("2024-05-01T{:02}:{:02}:{:02}Z", time / 3600, time / 60 % 60, time % 60),
            "eventID": format!("event-{id}"),
            "eventName": action,
            "eventSource": "iam.amazonaws.com",
            "awsRegion": "us-east-1",
            "sourceIPAddress": format!("203.0.113.{}", numbers.below(4)),
            "userAgent": agent,
            "recipientAccountId": numbers.pick(&["111122223333", "444455556666"]),
            "userIdentity": {
                "type": "IAMUser",
                "userName": name,
                "arn": format!("arn:aws:iam::111122223333:user/{name}"),
            },
        });
        if numbers.below(3) == 0 {
            record["errorCode"] = json!("AccessDenied");
        }
        record.to_string()
    });
    records.collect()
}

/// The settings of a hunt, with NDJSON beside the archive.
pub(crate) fn config(lake: &Lake, rules: RuleSet, n_threads: usize) -> HuntConfig {
    HuntConfig {
        rules,
        scan: ScanConfig {
            roots: vec![Root::Path(lake.logs())],
            n_threads,
            ..ScanConfig::default()
        },
        output: OutputConfig {
            destination: Destination::File(lake.beside("alerts.ndjson")),
            format: Format::Ndjson,
            events: Some((
                Destination::File(lake.beside("events.ndjson")),
                Format::Ndjson,
            )),
            ..OutputConfig::default()
        },
        ..HuntConfig::default()
    }
}

/// Hunts, and returns the rows of rules over several events.
fn hunt(lake: &Lake, config: &HuntConfig) -> (Report, Vec<Value>) {
    let report = hunt::run(config, &mut |_| ()).unwrap();
    let mut rows = rows(&lake.beside("alerts.ndjson"));
    assert_eq!(report.alerts, rows.len() as u64);
    let n_single = rows
        .iter()
        .take_while(|row| row.get("event_count").is_none())
        .count();
    let fired = rows.split_off(n_single);
    // They come after all others.
    assert!(fired.iter().all(|row| row.get("event_count").is_some()));
    (report, fired)
}

pub(crate) fn over_time(rules: &[Arc<RuleOverTime>]) -> RuleSet {
    RuleSet::with_over_time(Vec::new(), rules.to_vec()).unwrap()
}

pub(crate) fn all() -> RuleSet {
    let loaded = loaded();
    RuleSet::with_over_time(loaded.rules, loaded.over_time).unwrap()
}

/// What fires when every event is parsed and given to every part of every rule.
fn slowly(rules: &[Arc<RuleOverTime>], records: &[String]) -> Vec<Value> {
    let plan = Plan::new(rules);
    let mut stage = Stage::new(&plan, Limits::default());
    for (place, record) in (0..).zip(records) {
        each_event(record.as_bytes(), &mut |event| {
            let id = event.text("event.id").unwrap();
            let key = digest(&format!("id:{id}"));
            let at = Moment {
                time: event.time_micros().unwrap(),
                place,
                key,
                id: Some(id),
            };
            plan.tuples(event, &at, &mut |tuple| stage.push(tuple).unwrap());
        });
    }
    let mut fired = Vec::new();
    let mut visit = |one: Fired| {
        fired.push(told(rules, &one));
        Ok(())
    };
    stage.finish(&mut visit).unwrap();
    fired
}

fn told(rules: &[Arc<RuleOverTime>], fired: &Fired) -> Value {
    let time = |micros| {
        jiff::Timestamp::from_microsecond(micros)
            .unwrap()
            .to_string()
    };
    let group = fired.group.iter();
    let group: Vec<String> = group
        .map(|value| value.clone().unwrap_or_default())
        .collect();
    let ids: Vec<_> = fired.events.iter().map(|mark| mark.id.clone()).collect();
    json!({
        "rule_id": rules[fired.rule].metadata.rule_id,
        "group_fields": rules[fired.rule].group_by,
        "group_values": group,
        "event_time": time(fired.completed),
        "first_event_time": time(fired.first),
        "last_event_time": time(fired.last),
        "event_count": fired.count,
        "distinct_values": fired.distinct.first(),
        "event_ids": ids,
        "is_early": fired.is_early,
    })
}

/// Returns what a row says of what fired.
fn shown(row: &Value) -> Value {
    let names = [
        "rule_id",
        "group_fields",
        "group_values",
        "event_time",
        "first_event_time",
        "last_event_time",
        "event_count",
        "distinct_values",
        "event_ids",
        "is_early",
    ];
    let fields = names.map(|name| (name.to_owned(), row[name].clone()));
    Value::Object(fields.into_iter().collect())
}

#[test]
fn each_kind_of_rule_fires_as_if_every_event_were_parsed() {
    let records = records(600);
    let lake = Lake::new()
        .gzip("a.json.gz", delivery(&records[..250]))
        .file("b.json", records[250..].join("\n"));
    let rules = loaded().over_time;
    let (report, fired) = hunt(&lake, &config(&lake, all(), 2));
    let fired: Vec<Value> = fired.iter().map(shown).collect();
    assert_eq!(fired, slowly(&rules, &records));
    assert!(report.complete);
    for rule in &rules {
        // Alone, what the rule is searched by decides which events are parsed.
        let own = std::slice::from_ref(rule);
        let (report, fired) = hunt(&lake, &config(&lake, over_time(own), 1));
        let id = &rule.metadata.rule_id;
        assert!(!fired.is_empty(), "{id}");
        let fired: Vec<Value> = fired.iter().map(shown).collect();
        assert_eq!(fired, slowly(own, &records), "{id}");
        assert_eq!(report.alerts, fired.len() as u64);
        // Only the threshold has no word that each of its events contains.
        let is_search = report.stats.candidates < records.len() as u64;
        assert_eq!(is_search, id != "threshold", "{id}");
    }
}

#[test]
fn rows_do_not_depend_on_threads_and_delivery() {
    // Events of one second count in the order of reading.
    let records = records_apart(300, 1);
    let reversed: Vec<String> = records.iter().rev().cloned().collect();
    let lakes = [
        Lake::new().file("a.json", delivery(&records)),
        Lake::new()
            .gzip("a/2.json.gz", delivery(&records[..100]))
            .file("a/1.json", records[100..230].join("\n"))
            .gzip("0.json.gz", delivery(&records[230..])),
        Lake::new()
            .file("a.json", reversed.join("\n"))
            .gzip("b.json.gz", delivery(&records[50..200])),
    ];
    let mut expected = None;
    for lake in &lakes {
        for n_threads in 1..=4 {
            let (_, fired) = hunt(lake, &config(lake, all(), n_threads));
            assert!(fired.len() > 20, "{}", fired.len());
            assert_eq!(expected.get_or_insert_with(|| fired.clone()), &fired);
        }
    }
}

#[test]
fn rows_do_not_depend_on_what_is_held_in_memory() {
    let lake = Lake::new().file("a.json", records(300).join("\n"));
    let mut config = config(&lake, all(), 2);
    let (_, expected) = hunt(&lake, &config);
    let events = rows(&lake.beside("events.ndjson"));
    config.over_time.held_bytes = 2_000;
    let (_, fired) = hunt(&lake, &config);
    assert_eq!(fired, expected);
    assert_eq!(rows(&lake.beside("events.ndjson")), events);
}

#[test]
fn each_event_of_an_alert_is_a_row_of_the_second_table() {
    let records = records(300);
    let lake = Lake::new()
        .file("a.json", records.join("\n"))
        .gzip("b.json.gz", delivery(&records));
    let (_, fired) = hunt(&lake, &config(&lake, all(), 3));
    let events = rows(&lake.beside("events.ndjson"));
    let mut events = events.iter();
    for row in &fired {
        for id in row["event_ids"].as_array().unwrap() {
            let event = events.next().unwrap();
            for column in ["alert_id", "rule_id", "rule_name", "severity"] {
                assert_eq!(event[column], row[column]);
            }
            assert_eq!(&event["event_id"], id);
            // It is where the event was first read.
            let place = event["log_file_path"].as_str().unwrap();
            assert!(place.ends_with("a.json"), "{place}");
            let record: Value = serde_json::from_str(event["raw_event"].as_str().unwrap()).unwrap();
            assert_eq!(&record["eventID"], id);
        }
    }
    assert!(events.next().is_none());
}

#[test]
fn a_row_is_about_its_group_and_not_about_one_event() {
    let lake = Lake::new().file("a.json", records(300).join("\n"));
    let (_, fired) = hunt(&lake, &config(&lake, all(), 1));
    let of = |id: &str| fired.iter().find(|row| row["rule_id"] == id).unwrap();
    let row = of("event_count");
    assert_eq!(row["recipient_account_id"], row["group_values"][0]);
    assert_eq!(row["account_id"], row["group_values"][0]);
    assert_eq!(
        of("threshold")["actor_arn"],
        of("threshold")["group_values"][0]
    );
    assert_eq!(
        of("new_terms")["source_ip"],
        of("new_terms")["group_values"][1]
    );
    for column in [
        "event_id",
        "event_action",
        "event_outcome",
        "raw_event",
        "log_file_path",
        "record_index",
        "log_offset",
        "source_address",
    ] {
        assert!(row.get(column).is_none(), "{column}");
    }
    assert_eq!(
        (&row["severity"], &row["sighting"]),
        (&json!("high"), &json!(1))
    );
}

#[test]
fn an_event_that_cannot_be_placed_in_time_is_reported() {
    let without = |field: &str| {
        let mut record: Value = serde_json::from_str(&records(1)[0]).unwrap();
        record["eventName"] = json!("CreateUser");
        record[field] = json!("unknown");
        record.to_string()
    };
    let lake = Lake::new().file("a.json", without("eventTime"));
    let rules = loaded().over_time;
    let sequence = rules.iter().filter(|one| one.kind == "sequence").take(1);
    let sequence: Vec<_> = sequence.cloned().collect();
    let (report, fired) = hunt(&lake, &config(&lake, over_time(&sequence), 1));
    assert!(fired.is_empty());
    let [diagnostic] = &*report.diagnostics else {
        panic!("{:?}", report.diagnostics);
    };
    let text = diagnostic.to_string();
    assert!(
        text.contains("is about an event whose time cannot be read"),
        "{text}"
    );
}

#[test]
fn an_output_of_events_needs_rules_over_several_events() {
    let lake = Lake::new().file("a.json", records(5).join("\n"));
    let single = RuleSet::new(loaded().rules).unwrap();
    let refused = hunt::run(&config(&lake, single, 1), &mut |_| ());
    assert!(matches!(refused, Err(Error::NoOverTime { .. })));
}

/// Writes the rules beside an archive, and runs a command there.
fn run(lake: &Lake, args: &[&str]) -> (Option<i32>, String) {
    let folder = lake.beside("rules");
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("a.yml"), SIGMA).unwrap();
    let mut command = Command::new(TRAILSIFT);
    command.current_dir(lake.beside("")).args(args);
    let output = command.output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (
        output.status.code(),
        text(output.stdout) + &text(output.stderr),
    )
}

fn report(lake: &Lake) -> Value {
    serde_json::from_slice(&fs::read(lake.beside("report.json")).unwrap()).unwrap()
}

const HUNT: [&str; 7] = [
    "hunt",
    "--rules",
    "rules",
    "-o",
    "alerts.ndjson",
    "--report",
    "report.json",
];

#[test]
fn rules_about_one_event_can_be_chosen_alone() {
    let lake = Lake::new().file("a.json", records(300).join("\n"));
    let (exit, text) = run(&lake, &[&HUNT[..], &["--single-event", "logs"]].concat());
    assert_eq!(exit, Some(0), "{text}");
    let single = report(&lake);
    assert_eq!(single["rules"].as_array().unwrap().len(), 3);
    let refused = single["rules_refused"].as_array().unwrap();
    assert_eq!(refused.len(), 5);
    let reason = "a rule over several events (event_count), left out by --single-event";
    assert_eq!(refused[0]["reason"], reason);
    let all_rows = rows(&lake.beside("alerts.ndjson"));
    assert!(all_rows.iter().all(|row| row.get("event_count").is_none()));
    assert!(all_rows.iter().all(|row| row.get("group_fields").is_none()));

    let (exit, text) = run(&lake, &[&HUNT[..], &["logs"]].concat());
    assert_eq!(exit, Some(0), "{text}");
    assert!(text.contains("8 of 8 rules found something"), "{text}");
    let both = report(&lake);
    assert_eq!(both["rules"].as_array().unwrap().len(), 8);
    let found = rows(&lake.beside("alerts.ndjson"));
    let of_single = found.iter().filter(|row| row.get("event_count").is_none());
    assert_eq!(of_single.count(), all_rows.len());
    for rule in both["rules"].as_array().unwrap() {
        let own = found.iter().filter(|row| row["rule_id"] == rule["id"]);
        assert_eq!(rule["alerts"], own.count());
    }
}

#[test]
fn options_that_choose_rules_are_for_all_rules() {
    let lake = Lake::new().file("a.json", records(300).join("\n"));
    let ids = |args: &[&str]| {
        let (exit, text) = run(&lake, &[&HUNT[..], args, &["logs"]].concat());
        assert_eq!(exit, Some(0), "{text}");
        let found = rows(&lake.beside("alerts.ndjson"));
        let mut ids: Vec<String> = found
            .iter()
            .map(|row| row["rule_id"].as_str().unwrap().to_owned())
            .collect();
        let n_rows = ids.len();
        ids.dedup();
        (n_rows, ids.join(" "))
    };
    assert_eq!(ids(&["--min-severity", "high"]).1, "event_count");
    assert_eq!(ids(&["--rule", "Several addresses"]).1, "value_count");
    let excluded = ["--exclude-rule", "temporal*", "--exclude-rule", "c*"];
    let kept = ids(&[&excluded[..], &["--rule", "*e*", "--exclude-rule", "key"]].concat());
    assert!(kept.1.ends_with("event_count value_count"), "{kept:?}");
    let (n_rows, found) = ids(&["--rule", "event_count", "--max-per-rule", "1"]);
    assert_eq!((n_rows, found.as_str()), (1, "event_count"));
    assert_eq!(report(&lake)["rules"][0]["left_out"], 1);

    let exceptions = "[[exception]]\nrules = ['event_count']\nkql = 'cloud.account.id: *'\n";
    fs::write(lake.beside("exceptions.toml"), exceptions).unwrap();
    let args = ["--rule", "event_count", "--exceptions", "exceptions.toml"];
    assert_eq!(ids(&args).0, 0);
    let rule = report(&lake)["rules"][0].clone();
    assert!(rule["suppressed"].as_u64().unwrap() > 100, "{rule}");
}

#[test]
fn what_does_not_go_with_rules_over_several_events_is_refused() {
    let lake = Lake::new().file("a.json", records(5).join("\n"));
    for (args, why) in [
        (
            &["--events", "e.ndjson", "--single-event"][..],
            "no rule of this hunt is over several events",
        ),
        (&["--events", "alerts.ndjson"], "name the same file"),
        (&["--events", "-"], "events of alerts go to a file"),
        (
            &["--rule", "chained", "--single-event"],
            "a rule over several events (temporal_ordered), left out",
        ),
    ] {
        let (exit, text) = run(&lake, &[&HUNT[..], args, &["logs"]].concat());
        assert_eq!(exit, Some(2), "{text}");
        assert!(text.contains(why), "{text}");
    }
}

#[test]
fn a_row_lists_as_many_events_as_requested_and_memory_changes_nothing() {
    let lake = Lake::new().file("a.json", records(300).join("\n"));
    let found = |args: &[&str]| {
        let (exit, text) = run(&lake, &[&HUNT[..], args, &["logs"]].concat());
        assert_eq!(exit, Some(0), "{text}");
        let mut found = rows(&lake.beside("alerts.ndjson"));
        found.retain(|row| row.get("event_count").is_some());
        found
    };
    let all = found(&["--events-memory", "2KiB"]);
    assert_eq!(all, found(&[]));
    let short = found(&["--max-event-ids", "2"]);
    assert_eq!(short.len(), all.len());
    let mut n_shorter = 0;
    for (row, whole) in short.iter().zip(&all) {
        let ids = |row: &Value| row["event_ids"].as_array().unwrap().clone();
        let n = ids(whole).len().saturating_sub(2);
        assert_eq!(ids(row), ids(whole)[n..]);
        assert_eq!(row["event_count"], whole["event_count"]);
        n_shorter += usize::from(n > 0);
    }
    assert!(n_shorter > 3);
    for args in [["--max-event-ids", "0"], ["--events-memory", "much"]] {
        let (exit, _) = run(&lake, &[&HUNT[..], &args, &["logs"]].concat());
        assert_eq!(exit, Some(2), "{args:?}");
    }
}

#[test]
fn a_list_says_which_rules_are_over_several_events() {
    let lake = Lake::new();
    let (exit, text) = run(&lake, &["rules", "list", "rules"]);
    assert_eq!(exit, Some(0), "{text}");
    assert!(
        text.contains("Many, then a kali  [temporal_ordered]\n"),
        "{text}"
    );
    assert!(text.contains("8 rules run, 0 cannot"), "{text}");
    let (_, text) = run(&lake, &["rules", "list", "--format", "json", "rules"]);
    let all: Vec<Value> = serde_json::from_str(&text).unwrap();
    let one = all.iter().find(|one| one["id"] == "value_count").unwrap();
    let expected = json!({
        "kind": "value_count",
        "group_by": ["userIdentity.arn"],
        "window_seconds": 600,
    });
    assert_eq!(one["over_time"], expected);
    let (_, text) = run(&lake, &["rules", "explain", "rules", "--rule", "chained"]);
    assert!(text.contains("  actions  CreateUser\n"), "{text}");
    assert!(text.contains("  words    kali\n"), "{text}");
    let (exit, text) = run(&lake, &["rules", "check", "rules"]);
    assert_eq!(
        (exit, text.contains("8 rules checked")),
        (Some(0), true),
        "{text}"
    );
    fs::create_dir_all(lake.logs()).unwrap();
    let (exit, text) = run(
        &lake,
        &["rules", "test", "rules/a.yml", "--id", "chained", "logs"],
    );
    assert_eq!(exit, Some(2), "{text}");
    let why = "a rule over several events (temporal_ordered), which no single event matches";
    assert!(text.contains(why), "{text}");
}

#[test]
fn all_formats_have_what_fired() {
    let lake = Lake::new().file("a.json", records(300).join("\n"));
    let write = |args: &[&str]| {
        let args = [&["hunt", "-q", "--rules", "rules"], args, &["logs"]].concat();
        let (exit, text) = run(&lake, &args);
        assert_eq!(exit, Some(0), "{text}");
    };
    write(&["-o", "alerts.ndjson"]);
    let expected = rows(&lake.beside("alerts.ndjson"));
    let last = expected.last().unwrap();
    assert_eq!(last["rule_id"], "chained");

    write(&["-o", "alerts.parquet"]);
    let file = fs::File::open(lake.beside("alerts.parquet")).unwrap();
    let reader = SerializedFileReader::new(file).unwrap();
    let found: Vec<_> = reader
        .get_row_iter(None)
        .unwrap()
        .map(Result::unwrap)
        .collect();
    assert_eq!(found.len(), expected.len());
    let row = found.last().unwrap();
    let column = |name: &str| {
        let mut names = row.get_column_iter();
        names.position(|(own, _)| own == name).unwrap()
    };
    let n = row.get_long(column("event_count")).unwrap();
    assert_eq!(json!(n), last["event_count"]);
    let ids = row.get_list(column("event_ids")).unwrap().elements().len();
    assert_eq!(ids, last["event_ids"].as_array().unwrap().len());
    assert!(row.get_bool(column("is_early")).is_ok());
    assert!(row.get_string(column("raw_event")).is_err());
    assert!(found[0].get_string(column("raw_event")).is_ok());

    write(&["-o", "alerts.csv", "--columns", "rule_id"]);
    let text = fs::read(lake.beside("alerts.csv")).unwrap();
    let mut csv = csv::Reader::from_reader(&*text);
    assert_eq!(csv.headers().unwrap().len(), 9);
    let found: Vec<_> = csv.records().map(Result::unwrap).collect();
    assert_eq!(found.len(), expected.len());
    let count = last["event_count"].to_string();
    assert_eq!(found.last().unwrap().get(3), Some(count.as_str()));
    assert_eq!(found[0].get(3), Some(""));

    documents(&lake, last, &write);
}

#[test]
fn what_fired_is_no_event_when_it_is_met_again() {
    let lake = Lake::new().file("a.json", records(300).join("\n"));
    // A signal of this rule has the fields of an event.
    let rest = "query = 'event.outcome: failure'\n[rule.threshold]\nvalue = 2\n\
                field = ['event.action', 'event.provider', 'user.name']\n";
    let rule = elastic("calls", "threshold", rest);
    fs::write(lake.beside("calls.toml"), rule).unwrap();
    let outputs = [
        ("a.ndjson", "flat"),
        ("e.ndjson", "ecs"),
        ("o.ndjson", "ocsf"),
    ];
    for (name, schema) in outputs {
        let args = ["hunt", "-q", "--rules", "calls.toml"];
        let args = [&args[..], &["-o", name, "--schema", schema, "logs"]].concat();
        let (exit, text) = run(&lake, &args);
        assert_eq!(exit, Some(0), "{text}");
        assert!(rows(&lake.beside(name)).len() > 5);
    }
    fs::remove_file(lake.logs().join("a.json")).unwrap();
    for (name, _) in outputs {
        fs::rename(lake.beside(name), lake.logs().join(name)).unwrap();
    }
    // Every record is parsed.
    let hunt = lake.hunt(&[
        "--allow-empty",
        "--query",
        "any where not event.action : \"none\"",
    ]);
    hunt.exits(0).finds(&[]).tells(&[]);
}

/// Checks the documents of ECS and OCSF.
fn documents(lake: &Lake, last: &Value, write: &dyn Fn(&[&str])) {
    write(&["-o", "ecs.ndjson", "--schema", "ecs"]);
    let found = rows(&lake.beside("ecs.ndjson"));
    let document = found.last().unwrap();
    assert_eq!(document["event"]["start"], last["first_event_time"]);
    assert_eq!(document["trailsift"]["event_ids"], last["event_ids"]);
    assert_eq!(document["trailsift"]["event_count"], last["event_count"]);
    assert!(found[1]["trailsift"].get("event_count").is_none());

    write(&["-o", "ocsf.ndjson", "--schema", "ocsf"]);
    let found = rows(&lake.beside("ocsf.ndjson"));
    let finding = found.last().unwrap();
    let related = finding["finding_info"]["related_events"]
        .as_array()
        .unwrap();
    let ids: Vec<&Value> = related.iter().map(|one| &one["uid"]).collect();
    let expected: Vec<&Value> = last["event_ids"].as_array().unwrap().iter().collect();
    assert_eq!(ids, expected);
    let count = last["event_count"].to_string();
    assert_eq!(finding["unmapped"]["event_count"], count);
    write(&["-o", "ocsf.parquet", "--schema", "ocsf"]);
    assert!(is_there(&lake.beside("ocsf.parquet")));
}

fn is_there(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|metadata| metadata.len() > 0)
}

#[test]
fn public_rules_fire_as_if_every_event_of_public_data_were_parsed() {
    let (Some(root), Some(corpora)) = (shared::folder("rules"), shared::folder("corpora")) else {
        return;
    };
    let mut loaded = Loaded::default();
    for pack in ["elastic", "sigma", "suzaku"] {
        load_pack(pack, &root, &root.join(pack), &mut loaded);
    }
    loaded.resolve();
    // A document of Elastic that has its record inside is judged as one of the two, by what is searched for. Only the
    // document may have fields that no record has.
    loaded.over_time.retain(|one| one.notes.is_empty());
    assert!(loaded.over_time.len() > 40, "{}", loaded.over_time.len());
    let lake = Lake::new();
    let fired = |single: Vec<PackRule>| {
        let rules = RuleSet::with_over_time(single, loaded.over_time.clone()).unwrap();
        let mut config = config(&lake, rules, 2);
        config.scan.roots = vec![Root::Path(corpora.clone())];
        hunt(&lake, &config)
    };
    let (report, found) = fired(Vec::new());
    // A rule that any event could match has every one parsed.
    let any = load::query("any where not event.action : \"?*\"");
    let (of_all, expected) = fired(vec![PackRule::new("own", any.unwrap())]);
    assert!(found.len() > 100, "{}", found.len());
    assert_eq!(found, expected);
    assert!(report.stats.candidates < of_all.stats.candidates);
}
