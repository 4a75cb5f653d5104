//! Do rules over several events fire as an independent program says, which has judged public rules on public data?

use std::collections::{BTreeMap, HashSet};
use std::fs;
use std::io::{Cursor, Read as _};
use std::path::{Path, PathBuf};

use serde_json::Value;
use trailsift::over_time::{Fired, Limits, Moment, Plan, Stage};
use trailsift::rule::load::Loaded;
use trailsift::rule::over_time::{Digest, digest};
use trailsift::scan::each_event;

use super::rules_oracle::{is_record, lines, load};
use super::shared;

/// What fires: the rule, its kind, the group, the time in microseconds, and the number that its kind counts.
type Told = (String, String, String, i64, u64);

#[test]
fn rules_over_time_fire_as_an_independent_program_says() {
    let (Some(root), Some(corpora)) = (shared::folder("rules"), shared::folder("corpora")) else {
        return;
    };
    let mut loaded = Loaded::default();
    for pack in ["elastic", "sigma", "suzaku"] {
        load(pack, &root, &root.join(pack), &mut loaded);
    }
    loaded.resolve();
    assert_eq!(loaded.over_time.len(), 60);
    let plan = Plan::new(&loaded.over_time);
    let mut stage = Stage::new(&plan, Limits::default());
    let mut paths = Vec::new();
    walk(&corpora, &mut paths);
    let mut n_records = 0;
    let mut seen = HashSet::new();
    for path in paths {
        let name = path.to_string_lossy().into_owned();
        each_record(&name, fs::read(&path).unwrap(), &mut |record| {
            n_records += 1;
            // Sample data has several events with one id, of which the first counts, whether a rule matches it or not.
            let key = key(record, n_records);
            if seen.insert(key) {
                take(&plan, &mut stage, record, (n_records, key));
            }
        });
    }
    let mut found: BTreeMap<Told, u64> = BTreeMap::new();
    stage
        .finish(&mut |fired| {
            *found.entry(told(&loaded, &fired)).or_default() += 1;
            Ok(())
        })
        .unwrap();
    let mut expected: BTreeMap<Told, u64> = BTreeMap::new();
    for line in lines(&root.join("expected-shared-aggregate.ndjson")) {
        *expected.entry(expected_of(&line)).or_default() += 1;
    }
    let n = |all: &BTreeMap<Told, u64>, one| all.get(one).copied().unwrap_or(0);
    let all = expected.keys().chain(found.keys());
    let differing = all.filter(|one| n(&expected, one) != n(&found, one));
    let differing: Vec<_> = differing
        .map(|one| (n(&expected, one), n(&found, one), one))
        .collect();
    assert!(differing.is_empty(), "{differing:#?}");
    assert_eq!((n_records, expected.values().sum::<u64>()), (33_280, 150));
}

/// Returns what copies of a record have in common, which is the record at this place.
fn key(record: &Value, place: u64) -> Digest {
    let text = |field: &str| record[field].as_str().unwrap_or_default();
    digest(&match text("eventID") {
        "" => format!("record {place}"),
        id => format!("{id} {} {}", text("eventTime"), text("eventName")),
    })
}

/// Gives a record to the stage.
fn take(plan: &Plan, stage: &mut Stage<'_>, record: &Value, (place, key): (u64, Digest)) {
    each_event(record.to_string().as_bytes(), &mut |event| {
        // A time of another form, `@timestamp`, is none for the other program.
        let time = event.time_micros();
        let Some(time) = time.filter(|_| record["eventTime"].is_string()) else {
            return;
        };
        let at = Moment {
            time,
            place,
            key,
            id: event.text("event.id"),
        };
        plan.tuples(event, &at, &mut |tuple| stage.push(tuple).unwrap());
    });
}

fn told(loaded: &Loaded, fired: &Fired) -> Told {
    let rule = &loaded.over_time[fired.rule];
    let (language, n) = match rule.kind {
        "threshold" => ("kql", fired.count),
        "new_terms" => ("kql", 1),
        "sequence" => ("eql", 1),
        "event_count" => ("sigma", fired.count),
        "value_count" => ("sigma", fired.distinct[0]),
        _ => ("sigma", 1),
    };
    let kind = format!("{language}-{}", rule.kind);
    let group = serde_json::to_string(&fired.group).unwrap();
    let id = rule.metadata.rule_id.clone();
    (id, kind, group, fired.completed, n)
}

fn expected_of(line: &Value) -> Told {
    let text = |key: &str| line[key].as_str().unwrap().to_owned();
    // A time without a zone is one of UTC.
    let first = text("first");
    let first: jiff::Timestamp = first
        .parse()
        .or_else(|_| format!("{first}Z").parse())
        .unwrap();
    (
        text("rule"),
        text("kind"),
        line["group"].to_string(),
        first.as_microsecond(),
        line["n"].as_u64().unwrap(),
    )
}

/// Finds all files, those of a folder before those in folders inside it, each in the order of names.
fn walk(folder: &Path, found: &mut Vec<PathBuf>) {
    let entries = fs::read_dir(folder).unwrap();
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    let (folders, files): (Vec<_>, Vec<_>) = paths.into_iter().partition(|path| path.is_dir());
    found.extend(files);
    for folder in folders {
        walk(&folder, found);
    }
}

/// Calls `visit` with each record of a file, as the other program reads it: of JSON in any envelope, in zip and gzip.
fn each_record(name: &str, bytes: Vec<u8>, visit: &mut dyn FnMut(&Value)) {
    if bytes.starts_with(b"\x1f\x8b") {
        let mut text = Vec::new();
        // Of what is cut off the beginning counts.
        flate2::read::MultiGzDecoder::new(&*bytes)
            .read_to_end(&mut text)
            .ok();
        return each_record(name, text, visit);
    }
    if bytes.starts_with(b"PK\x03\x04") {
        let mut archive = zip::ZipArchive::new(Cursor::new(bytes)).unwrap();
        for n in 0..archive.len() {
            let mut entry = archive.by_index(n).unwrap();
            let mut text = Vec::new();
            entry.read_to_end(&mut text).unwrap();
            let name = entry.name().unwrap().into_owned();
            if !entry.is_dir() && !name.contains("__MACOSX") {
                each_record(&name, text, visit);
            }
        }
        return;
    }
    let lower = name.to_lowercase();
    let other = [".csv", ".md", ".yml", ".py"];
    if bytes.starts_with(b"PAR1") || other.iter().any(|end| lower.ends_with(end)) {
        return;
    }
    let text = String::from_utf8_lossy(&bytes);
    let mut rest = text.trim_start_matches('\u{feff}');
    loop {
        let between = [' ', '\t', '\r', '\n', ',', '\u{1e}', '\u{feff}', '\0'];
        rest = rest.trim_start_matches(between);
        if rest.is_empty() {
            return;
        }
        let mut values = serde_json::Deserializer::from_str(rest).into_iter::<Value>();
        match values.next() {
            Some(Ok(value)) => {
                rest = rest.split_at(values.byte_offset()).1;
                records(&value, 0, visit);
            }
            _ => match rest.split_once('\n') {
                Some((_, after)) => rest = after,
                None => return,
            },
        }
    }
}

/// Members that may hold records.
const WRAPPERS: [&str; 16] = [
    "_source",
    "result",
    "_raw",
    "message",
    "input",
    "data",
    "event",
    "body",
    "expected",
    "events",
    "Log",
    "log",
    "Message",
    "hits",
    "aws",
    "cloudtrail",
];

/// Calls `visit` with each record in a value. Returns whether there is one.
fn records(value: &Value, depth: usize, visit: &mut dyn FnMut(&Value)) -> bool {
    if depth > 8 {
        return false;
    }
    match value {
        Value::Array(items) => {
            let mut has_record = false;
            for item in items {
                has_record |= records(item, depth + 1, visit);
            }
            has_record
        }
        Value::String(text) => {
            let values = serde_json::Deserializer::from_str(text).into_iter::<Value>();
            let first = values.take(1).flatten().next();
            let first = first.filter(|value| value.is_object() || value.is_array());
            first.is_some_and(|value| records(&value, depth + 1, visit))
        }
        Value::Object(_) if is_record(value) => {
            visit(value);
            true
        }
        Value::Object(_) => in_envelope(value, depth, visit),
        _ => false,
    }
}

fn in_envelope(value: &Value, depth: usize, visit: &mut dyn FnMut(&Value)) -> bool {
    let is_ocsf = value.get("api.operation").is_some() || value["api"].get("operation").is_some();
    if is_ocsf {
        return false;
    }
    let original = value
        .get("event.original")
        .filter(|one| !one.is_null() && *one != "")
        .unwrap_or(&value["event"]["original"]);
    if original.is_string() {
        return records(original, depth + 1, visit);
    }
    let (mut is_envelope, mut has_record) = (false, false);
    let mut inside = |one: &Value| {
        is_envelope = true;
        has_record |= records(one, depth + 1, visit);
    };
    for key in ["Records", "records", "Events"] {
        let items = value[key].as_array();
        if items.is_some_and(Vec::is_empty) {
            inside(&Value::Null);
        }
        items.into_iter().flatten().for_each(&mut inside);
    }
    let event = &value["CloudTrailEvent"];
    if event.is_string() || event.is_object() {
        inside(event);
    } else if value["detail"].is_object() && value.get("Records").is_none() {
        inside(&value["detail"]);
    }
    for one in value["logEvents"].as_array().into_iter().flatten() {
        inside(&one["message"]);
    }
    if is_envelope {
        return has_record;
    }
    let mut wrapped = WRAPPERS.iter().filter_map(|key| value.get(key));
    wrapped.any(|one| {
        let starts = |text: &str| text.trim_start().starts_with(['{', '[']);
        let may_hold = one.is_object() || one.is_array() || one.as_str().is_some_and(starts);
        may_hold && records(one, depth + 1, visit)
    })
}
