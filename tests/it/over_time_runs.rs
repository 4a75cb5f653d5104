//! Rules over several events with a ledger: an archive that comes in parts gives what it gives at once.

use std::collections::BTreeMap;
use std::fs;
use std::process::Command;
use std::sync::atomic::Ordering::Relaxed;

use rusqlite::Connection;
use serde_json::{Value, json};
use trailsift::Error;
use trailsift::config::HuntConfig;
use trailsift::hunt::{self, Notice};
use trailsift::output::{Destination, Format};
use trailsift::report::{Code, Report};
use trailsift::rule::RuleSet;
use trailsift::rule::load::{Form, Loaded};

use crate::hunt_over_time::{Numbers, SIGMA, all, config, elastic, loaded, over_time};
use crate::lake::{Lake, TRAILSIFT, gzip, rows};
use crate::resume::{signal, stuck_with};

const SECOND: i64 = 1_000_000;
const N_HOURS: usize = 12;

/// The records of each hour. Users act for some minutes, of which some lie in two hours.
fn hours() -> Vec<Vec<String>> {
    let mut numbers = Numbers(0x9e37_79b9_7f4a_7c15);
    let mut records = Vec::new();
    for story in 0..160 {
        // Every other one begins shortly before an hour ends.
        let mut time = match story % 2 {
            0 => (1 + numbers.below(N_HOURS as u64 - 2)) * 3600 - numbers.below(120),
            _ => numbers.below(N_HOURS as u64 * 3600 - 1200),
        };
        let name = format!("user-{}", numbers.below(90));
        let account = format!("1111222233{:02}", numbers.below(80));
        for _ in 0..10 {
            time += 1 + numbers.below(60);
            let action =
                numbers.pick(&["CreateUser", "CreateAccessKey", "ConsoleLogin", "ListUsers"]);
            let mut record = json!({
                "eventVersion": "1.09",
                "eventTime": format!("2024-05-01T{:02}:{:02}:{:02}Z", time / 3600, time / 60 % 60, time % 60),
                "eventID": format!("event-{}", records.len()),
                "eventName": action,
                "eventSource": "iam.amazonaws.com",
                "awsRegion": "us-east-1",
                "sourceIPAddress": format!("203.0.113.{}", numbers.below(4)),
                "userAgent": numbers.pick(&["aws-cli/2", "aws-cli/2 kali"]),
                "recipientAccountId": account,
                "userIdentity": {
                    "type": "IAMUser",
                    "userName": name,
                    "arn": format!("arn:aws:iam::111122223333:user/{name}"),
                },
            });
            if numbers.below(2) == 0 {
                record["errorCode"] = json!("AccessDenied");
            }
            records.push((time, record.to_string()));
        }
    }
    records.sort_by_key(|(time, _)| *time);
    let mut hours = vec![Vec::new(); N_HOURS];
    for (time, record) in records {
        hours[usize::try_from(time / 3600).unwrap()].push(record);
    }
    hours
}

fn name(hour: usize) -> String {
    format!("{hour:02}.json")
}

/// Rows, the last one of each id, and those of their events.
#[derive(Debug, Default)]
struct Found {
    rows: BTreeMap<String, Value>,
    /// The number of rows of all runs.
    n_rows: usize,
    events: Vec<Value>,
}

impl Found {
    /// Adds the rows of a run.
    fn add(&mut self, fired: Vec<Value>, events: Vec<Value>) {
        for mut row in fired {
            let id = row["alert_id"].as_str().unwrap().to_owned();
            let sighting = row.as_object_mut().unwrap().remove("sighting");
            let before = self.rows.insert(id, row);
            // It says whether there was a row before.
            assert_eq!(sighting.unwrap().as_u64() > Some(1), before.is_some());
            self.n_rows += 1;
        }
        let events = events.into_iter().map(|mut row| {
            let row = row.as_object_mut().unwrap();
            row.retain(|name, _| name != "sighting");
            json!(row)
        });
        self.events.extend(events);
    }

    fn events(&self) -> Vec<String> {
        let mut events: Vec<String> = self.events.iter().map(Value::to_string).collect();
        events.sort();
        events
    }

    /// Returns the rows without their ids, and without those of new terms unless they are requested.
    fn without_ids(&self, has_new_terms: bool) -> Vec<String> {
        let rows = self.rows.values();
        let rows = rows.filter(|row| has_new_terms || row["rule_id"] != "new_terms");
        let mut rows: Vec<String> = rows
            .map(|row| {
                let mut row = row.clone();
                row.as_object_mut().unwrap().remove("alert_id");
                row.to_string()
            })
            .collect();
        rows.sort();
        rows
    }
}

/// One ledger, and runs with it.
struct Runs {
    lake: Lake,
    config: HuntConfig,
    found: Found,
    n_runs: usize,
}

impl Runs {
    fn new(lake: Lake, rules: RuleSet, late: i64) -> Self {
        let mut config = config(&lake, rules, 2);
        config.state = Some(lake.beside("state"));
        config.over_time.late = late;
        Self {
            lake,
            config,
            found: Found::default(),
            n_runs: 0,
        }
    }

    fn write(&self, name: &str, records: &[String]) {
        fs::create_dir_all(self.lake.logs()).unwrap();
        fs::write(self.lake.logs().join(name), records.join("\n")).unwrap();
    }

    fn try_run(&mut self, notify: &mut dyn FnMut(Notice<'_>)) -> Result<Report, Error> {
        self.n_runs += 1;
        let (alerts, events) = (
            self.lake.beside(&format!("alerts-{}.ndjson", self.n_runs)),
            self.lake.beside(&format!("events-{}.ndjson", self.n_runs)),
        );
        self.config.output.destination = Destination::File(alerts.clone());
        self.config.output.events = Some((Destination::File(events.clone()), Format::Ndjson));
        let report = hunt::run(&self.config, notify)?;
        let mut fired = rows(&alerts);
        fired.retain(|row| row.get("event_count").is_some());
        self.found.add(fired, rows(&events));
        Ok(report)
    }

    fn run(&mut self) -> Report {
        self.try_run(&mut |_| ()).unwrap()
    }

    /// Returns the number of tuples that are kept.
    fn n_kept(&self) -> u64 {
        let ledger = Connection::open(self.lake.beside("state")).unwrap();
        let sql = "SELECT count(*) FROM over_time_tuple";
        ledger.query_row(sql, (), |row| row.get(0)).unwrap()
    }
}

/// Returns what one run finds in all of it.
fn at_once(hours: &[Vec<String>], rules: RuleSet) -> Found {
    let mut runs = Runs::new(Lake::new(), rules, 0);
    for (hour, records) in hours.iter().enumerate() {
        runs.write(&name(hour), records);
    }
    runs.config.state = None;
    runs.run();
    // The ids of new terms and all others are different, so no row is lost.
    assert_eq!(runs.found.n_rows, runs.found.rows.len());
    runs.found.without_folder(&runs.lake)
}

impl Found {
    /// Takes the folder out of the places of events.
    fn without_folder(self, lake: &Lake) -> Self {
        let folder = lake.logs();
        let events = self.events.into_iter().map(|mut row| {
            let path = row["log_file_path"].as_str().unwrap();
            row["log_file_path"] = json!(path.replace(folder.to_str().unwrap(), ""));
            row
        });
        Self {
            events: events.collect(),
            ..self
        }
    }
}

#[test]
fn an_archive_that_comes_by_the_hour_gives_what_it_gives_at_once() {
    let hours = hours();
    let whole = at_once(&hours, all());
    for rule in loaded().over_time {
        let id = &rule.metadata.rule_id;
        let own = whole.rows.values().filter(|row| row["rule_id"] == **id);
        // A first window reaches over the end of an hour.
        let hour =
            |row: &Value, column: &str| row[column].as_str().unwrap().split_at(13).0.to_owned();
        let n_over = own
            .filter(|row| hour(row, "first_event_time") != hour(row, "last_event_time"))
            .filter(|row| hour(row, "first_event_time") != hour(row, "event_time"));
        let n_over = n_over.count();
        assert_eq!(n_over > 0, id != "new_terms", "{id}: {n_over}");
    }
    for late in [0, HuntConfig::default().over_time.late] {
        let mut runs = Runs::new(Lake::new(), all(), late);
        for (hour, records) in hours.iter().enumerate() {
            runs.write(&name(hour), records);
            let report = runs.run();
            assert!(report.complete);
            assert!(report.diagnostics.is_empty(), "{:?}", report.diagnostics);
        }
        let n_kept = runs.n_kept();
        let found = runs.found.without_folder(&runs.lake);
        assert_eq!(found.rows, whole.rows);
        assert_eq!(found.events(), whole.events());
        assert!(found.n_rows > whole.n_rows);
        // What no window needs any more is gone, except for the sequence without an end.
        let n_records = hours.concat().len() as u64;
        assert_eq!(n_kept < n_records, late == 0, "{n_kept} of {n_records}");
        // There is nothing left to say.
        let report = Runs {
            found: Found::default(),
            ..runs
        }
        .run();
        assert_eq!(report.alerts, 0);
    }
}

/// Rules whose windows may pass with few events and not with more.
const LIMITED: &str = "
title: User or key made
name: made
id: made
logsource: {product: aws, service: cloudtrail}
detection: {s: {eventName: [CreateUser, CreateAccessKey]}, condition: s}
---
title: From a kali
name: kali
id: kali
logsource: {product: aws, service: cloudtrail}
detection: {s: {userAgent|contains: kali}, condition: s}
---
title: Three
id: three
correlation:
  {type: event_count, rules: [made], group-by: [userIdentity.arn], timespan: 5m, condition: {eq: 3}}
---
title: Two addresses
id: two
correlation:
  {type: value_count, rules: [kali], group-by: [userIdentity.arn], timespan: 5m, condition: {gte: 2, lt: 3, field: sourceIPAddress}}
---
title: Three, then a kali
id: then
correlation: {type: temporal_ordered, rules: [three, kali], group-by: [userIdentity.arn], timespan: 3m}
";

#[test]
fn windows_with_an_upper_limit_are_decided_with_all_of_their_events() {
    let mut loaded = Loaded::default();
    loaded.add_file("pack", "a.yml", Form::Yaml, LIMITED.as_bytes());
    loaded.resolve();
    assert!(loaded.refused.is_empty(), "{:?}", loaded.refused);
    let hours = hours();
    let whole = at_once(&hours, over_time(&loaded.over_time));
    for id in ["three", "two", "then"] {
        let own = whole.rows.values().filter(|row| row["rule_id"] == id);
        assert!(own.count() > 10, "{id}");
    }
    let mut runs = Runs::new(Lake::new(), over_time(&loaded.over_time), 0);
    for (hour, records) in hours.iter().enumerate() {
        runs.write(&name(hour), records);
        runs.run();
    }
    assert_eq!(runs.found.rows, whole.rows);
}

#[test]
fn hours_that_come_in_another_order_give_the_same() {
    let hours = hours();
    let whole = at_once(&hours, all());
    let late = HuntConfig::default().over_time.late;
    let mut runs = Runs::new(Lake::new(), all(), late);
    for hour in [3, 0, 7, 1, 2, 11, 10, 4, 6, 5, 9, 8] {
        runs.write(&name(hour), &hours[hour]);
        let report = runs.run();
        assert!(report.diagnostics.is_empty(), "{:?}", report.diagnostics);
    }
    // A group keeps the id that it got first.
    let rows = runs.found.without_ids(false);
    assert_eq!(rows, whole.without_ids(false));
    // A row of new terms stays, though a later run shows that it was not the first.
    let rows = runs.found.without_ids(true);
    for row in whole.without_ids(true) {
        assert!(rows.contains(&row), "{row}");
    }
}

#[test]
fn what_comes_too_late_is_reported_and_may_have_rows() {
    let hours = hours();
    let mut runs = Runs::new(Lake::new(), all(), 3600 * SECOND);
    for hour in [0, 1, 2, 3, 4, 5] {
        runs.write(&name(hour), &hours[hour]);
    }
    runs.run();
    // All events of a group of its own come late.
    let late = hours[1].iter().map(|record| {
        let record = record
            .replace("user-", "late-")
            .replace("1111222233", "4444555566");
        record.replace("event-", "late-event-")
    });
    runs.write("late.json", &late.collect::<Vec<_>>());
    let before: Vec<String> = runs.found.rows.keys().cloned().collect();
    let report = runs.run();
    assert!(report.complete);
    let [diagnostic] = &*report.diagnostics else {
        panic!("{:?}", report.diagnostics);
    };
    assert_eq!(diagnostic.code, Code::EventsTooLate);
    let n_late: usize = diagnostic
        .message
        .split(' ')
        .next()
        .unwrap()
        .parse()
        .unwrap();
    assert!(n_late > 20 && n_late <= hours[1].len(), "{n_late}");
    let new = runs
        .found
        .rows
        .iter()
        .filter(|(id, _)| !before.contains(id));
    let rules: Vec<&Value> = new.map(|(_, row)| &row["rule_id"]).collect();
    for id in [
        "threshold",
        "event_count",
        "value_count",
        "temporal",
        "sequence",
    ] {
        assert!(rules.iter().any(|rule| **rule == *id), "{id}");
    }
    // What was before an event may be gone.
    assert!(rules.iter().all(|rule| **rule != "new_terms"));
}

#[test]
fn events_that_are_delivered_in_two_runs_count_once() {
    let hours = hours();
    let hours = &hours[..8];
    let mut runs = Runs::new(Lake::new(), all(), 0);
    for (hour, records) in hours.iter().enumerate() {
        runs.write(&name(hour), records);
        runs.run();
        let (n_rows, n_kept) = (runs.found.n_rows, runs.n_kept());
        let last = &records[records.len() - 30..];
        runs.write(&format!("copy-{hour}.json"), last);
        let before = runs.found.rows.clone();
        runs.run();
        for (id, row) in &runs.found.rows {
            assert_eq!(before.get(id), Some(row));
        }
        assert_eq!(runs.found.n_rows, n_rows);
        assert!(runs.n_kept() <= n_kept);
    }
    assert_eq!(runs.found.rows, at_once(hours, all()).rows);
}

#[test]
fn a_source_that_is_read_by_a_later_run_comes_in_time() {
    let hours = hours();
    let whole = at_once(&hours[..6], all());
    let mut runs = Runs::new(Lake::new(), all(), 0);
    for hour in [0, 1, 3, 4, 5] {
        runs.write(&name(hour), &hours[hour]);
    }
    let path = runs.lake.logs().join("02.json");
    let whole_file = gzip(hours[2].join("\n").as_bytes());
    fs::write(&path, &whole_file[..whole_file.len() / 2]).unwrap();
    // A run that has nothing new is not complete either.
    for _ in 0..2 {
        assert!(!runs.run().complete);
    }
    fs::write(&path, whole_file).unwrap();
    let report = runs.run();
    assert!(
        report.complete && report.diagnostics.is_empty(),
        "{:?}",
        report.diagnostics
    );
    assert_eq!(runs.found.without_ids(false), whole.without_ids(false));
}

#[test]
fn a_run_that_is_stopped_anywhere_is_taken_up_by_the_next_one() {
    let hours = hours();
    let whole = at_once(&hours, all());
    let mut n_only_decided = 0;
    // While sources are read, when the first rows are made, and in the midst of them.
    for stop_at in [0, 300, 900] {
        let mut runs = Runs::new(Lake::new(), all(), 0);
        for half in [0..6, 6..12] {
            for hour in half {
                runs.write(&name(hour), &hours[hour]);
            }
            let progress = runs.config.scan.progress.clone();
            let mut n_alerts = 0;
            let stopped = runs.try_run(&mut |_| {
                n_alerts += 1;
                progress.stop.store(n_alerts > stop_at, Relaxed);
            });
            progress.stop.store(false, Relaxed);
            if n_alerts > stop_at {
                assert!(matches!(stopped, Err(Error::Interrupted)), "{stopped:?}");
                let report = runs.run();
                n_only_decided += usize::from(report.stats.events_read == 0);
            }
        }
        let found = runs.found.without_folder(&runs.lake);
        assert_eq!(found.rows, whole.rows, "{stop_at}");
        assert_eq!(found.events(), whole.events());
    }
    // What was read is not read again, wherever the stop came.
    assert!(n_only_decided > 0);
}

#[test]
fn a_run_that_was_killed_has_decided_nothing_and_forgets_nothing() {
    let hours = hours();
    for (name_of, code) in [("-INT", Some(130)), ("-KILL", None)] {
        let runs = Runs::new(Lake::new(), all(), 0);
        for hour in [0, 1, 2] {
            runs.write(&name(hour), &hours[hour]);
        }
        let lake = runs.lake;
        fs::create_dir(lake.beside("rules")).unwrap();
        fs::write(lake.beside("rules/a.yml"), SIGMA).unwrap();
        let mut child = stuck_with(&lake, "killed.ndjson", &["--rules", "rules", "logs"]);
        assert_eq!(signal(&mut child, name_of), code);
        assert!(!lake.beside("killed.ndjson").try_exists().unwrap());
        let hunt = |output: &str, state: &str| {
            let args = ["hunt", "--rules", "rules", "-o"];
            let mut command = Command::new(TRAILSIFT);
            command.current_dir(lake.beside(""));
            let exit = command
                .args(args)
                .args([output, "--state", state, "logs"])
                .output();
            assert_eq!(exit.unwrap().status.code(), Some(0));
            rows(&lake.beside(output))
        };
        let resumed = hunt("resumed.ndjson", "ledger");
        assert!(resumed.iter().any(|row| row.get("event_count").is_some()));
        assert_eq!(resumed, hunt("whole.ndjson", "other"));
        let mut state = Command::new(TRAILSIFT);
        let state = state
            .current_dir(lake.beside(""))
            .args(["state", "ledger"])
            .output();
        let text = String::from_utf8(state.unwrap().stdout).unwrap();
        assert!(
            text.contains("events that rules over several events may still need"),
            "{text}"
        );
        // It says nothing twice.
        assert!(hunt("again.ndjson", "ledger").is_empty());
    }
}

fn changed() -> RuleSet {
    let mut loaded = loaded();
    let by_arn = "[rule.threshold]\nfield = ['aws.cloudtrail.user_identity.arn']\nvalue = 2\n";
    let text = elastic(
        "threshold",
        "threshold",
        &format!("query = 'event.outcome: failure'\n{by_arn}"),
    );
    let mut other = Loaded::default();
    other.add_file("pack", "0.toml", Form::Toml, text.as_bytes());
    let of_other = other.over_time.remove(0);
    let place = loaded
        .over_time
        .iter()
        .position(|one| one.metadata.rule_id == "threshold");
    loaded.over_time[place.unwrap()] = of_other;
    RuleSet::with_over_time(loaded.rules, loaded.over_time).unwrap()
}

#[test]
fn a_changed_rule_begins_anew_and_the_others_go_on() {
    let hours = hours();
    let whole = at_once(&hours[..4], all());
    let mut runs = Runs::new(Lake::new(), all(), 0);
    for (hour, records) in hours[..4].iter().enumerate() {
        runs.write(&name(hour), records);
        if hour == 2 {
            runs.config.rules = changed();
        }
        let report = runs.run();
        let codes: Vec<Code> = report.diagnostics.iter().map(|one| one.code).collect();
        match hour {
            2 => assert_eq!(codes, [Code::RulesChanged]),
            _ => assert!(codes.is_empty(), "{:?}", report.diagnostics),
        }
        if hour == 2 {
            let text = report.diagnostics[0].to_string();
            assert!(
                text.contains("1 of these rules over several events are new"),
                "{text}"
            );
            assert!(text.contains("1 of them are not in this run"), "{text}");
        }
    }
    let rest = |found: &Found| {
        let mut rows = found.rows.clone();
        rows.retain(|_, row| row["rule_id"] != "threshold");
        rows
    };
    assert_eq!(rest(&runs.found), rest(&whole));
    // Hours that only the new form knows give what it finds in them alone.
    let own = at_once(&hours[2..4], changed());
    let threshold = |found: &Found| {
        let rows = found.rows.iter();
        let rows = rows.filter(|(_, row)| row["rule_id"] == "threshold");
        let rows =
            rows.filter(|(_, row)| row["first_event_time"].as_str() >= Some("2024-05-01T02"));
        rows.map(|(id, _)| id.clone()).collect::<Vec<_>>()
    };
    assert!(threshold(&own).len() > 10);
    let found = threshold(&runs.found);
    assert!(threshold(&own).iter().all(|id| found.contains(id)));
}

#[test]
fn a_ledger_of_an_earlier_version_knows_no_events_of_before() {
    let hours = hours();
    let single = RuleSet::new(loaded().rules).unwrap();
    let lake = Lake::new();
    let mut runs = Runs::new(lake, single, 0);
    runs.write(&name(0), &hours[0]);
    runs.config.output.events = None;
    runs.config.output.destination = Destination::File(runs.lake.beside("single.ndjson"));
    hunt::run(&runs.config, &mut |_| ()).unwrap();
    let ledger = Connection::open(runs.lake.beside("state")).unwrap();
    for table in ["rule", "tuple", "event", "told", "next", "spent", "state"] {
        ledger
            .execute_batch(&format!("DROP TABLE over_time_{table}"))
            .unwrap();
    }
    drop(ledger);
    runs.config.rules = all();
    runs.write(&name(1), &hours[1]);
    let refused = runs.try_run(&mut |_| ()).unwrap_err();
    let text = format!("{refused:?}");
    assert!(text.contains("choice of --events"), "{text}");
    runs.config.output.events = None;
    runs.config.output.destination = Destination::File(runs.lake.beside("all.ndjson"));
    let report = hunt::run(&runs.config, &mut |_| ()).unwrap();
    assert_eq!(report.diagnostics[0].code, Code::RulesChanged);
    let found = rows(&runs.lake.beside("all.ndjson"));
    let of = |id: &str| {
        found
            .iter()
            .filter(|row| row["rule_id"] == *id)
            .collect::<Vec<_>>()
    };
    assert!(!of("event_count").is_empty());
    // The history of new terms begins anew.
    assert!(of("new_terms").iter().all(|row| row["is_early"] == true));
    // Without these rules what was kept for them is gone.
    runs.config.rules = RuleSet::new(loaded().rules).unwrap();
    runs.config.output.destination = Destination::File(runs.lake.beside("without.ndjson"));
    let report = hunt::run(&runs.config, &mut |_| ()).unwrap();
    let text = report.diagnostics[0].to_string();
    assert!(text.contains("9 of them are not in this run"), "{text}");
    assert_eq!(runs.n_kept(), 0);
}

#[test]
fn the_rules_of_a_ledger_may_come_in_another_order() {
    let hours = hours();
    let mut rules = loaded().over_time;
    let whole = at_once(&hours[..4], over_time(&rules));
    let mut runs = Runs::new(Lake::new(), over_time(&rules), 0);
    for (hour, records) in hours[..4].iter().enumerate() {
        runs.write(&name(hour), records);
        let report = runs.run();
        assert!(report.diagnostics.is_empty(), "{:?}", report.diagnostics);
        rules.rotate_left(4);
        runs.config.rules = over_time(&rules);
    }
    assert_eq!(runs.found.rows, whole.rows);
}
