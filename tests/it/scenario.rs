//! A story that is planted in an archive, with a list of what a case must hold: exactly that, however it is delivered.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use arrow::array::AsArray as _;
use arrow::datatypes::Int64Type;
use serde_json::Value;
use trailsift::synth::{Scenario, SynthConfig};

use crate::investigate::{Held, events, table};
use crate::lake::{Lake, TRAILSIFT};

fn text(path: impl AsRef<Path>) -> std::io::Result<String> {
    fs::read(path).map(|bytes| String::from_utf8(bytes).unwrap())
}

/// An archive with the story in it, among ordinary events.
fn told(seed: u64) -> Lake {
    let lake = Lake::new();
    fs::remove_dir(lake.logs()).unwrap();
    let config = SynthConfig {
        seed,
        files: 300,
        records_per_file: 5,
        scenario: Some(Scenario::LeakedKey),
        days: 120,
        ..SynthConfig::new(lake.logs())
    };
    let made = trailsift::synth::run(&config).unwrap();
    assert_eq!((made.matches, made.near_misses), (1, 3));
    lake
}

/// What was planted.
fn list(lake: &Lake) -> Vec<Value> {
    let list = text(lake.beside("logs.planted.ndjson")).unwrap();
    let lines = list.lines().map(serde_json::from_str);
    lines.collect::<Result<_, _>>().unwrap()
}

/// What the case must hold.
fn expected(list: &[Value]) -> BTreeSet<Held> {
    let of_case = list.iter().filter(|line| !line["relation"].is_null());
    let held = of_case.map(|line| {
        let text = |name: &str| line[name].as_str().unwrap().to_owned();
        let hops = i32::try_from(line["hops"].as_i64().unwrap()).unwrap();
        (text("event_id"), text("relation"), hops)
    });
    held.collect()
}

fn hunt_and_investigate(lake: &Lake, args: &[&str]) {
    fs::remove_dir_all(lake.beside("case")).ok();
    runs(lake, &["hunt", "--quiet", "logs", "-o", "alerts.parquet"]);
    let all = [&["alerts.parquet", "logs", "-o", "case"], args].concat();
    runs(lake, &[&["investigate"], &*all].concat());
}

/// Runs the program beside the archive, which must succeed.
fn runs(lake: &Lake, args: &[&str]) -> Output {
    let mut command = Command::new(TRAILSIFT);
    let output = command
        .current_dir(lake.beside(""))
        .args(args)
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{args:?}: {told}");
    output
}

fn held(lake: &Lake) -> BTreeSet<Held> {
    let events = events(&lake.beside("case"));
    let n = events.len();
    let held: BTreeSet<Held> = events.into_iter().collect();
    assert_eq!(held.len(), n, "each event stands once");
    held
}

/// Events by the names that the list has for them: easier to read than ids.
fn named(held: &BTreeSet<Held>, list: &[Value]) -> BTreeSet<String> {
    let names: BTreeMap<&str, &str> = list
        .iter()
        .map(|line| {
            let text = |name: &str| line[name].as_str().unwrap();
            (text("event_id"), text("variant"))
        })
        .collect();
    let named = held.iter().map(|(id, relation, hops)| {
        let name = names.get(id.as_str()).unwrap_or(&"an ordinary event");
        format!("{name}: {relation} {hops}")
    });
    named.collect()
}

fn files_below(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            match path.is_dir() {
                true => folders.push(path),
                false => files.push(path),
            }
        }
    }
    files.sort();
    files
}

#[test]
fn a_case_holds_exactly_the_story_that_was_planted() {
    for seed in [1, 2] {
        let lake = told(seed);
        let list = list(&lake);
        let expected = named(&expected(&list), &list);
        assert!(expected.len() > 40);
        for threads in ["1", "2", "5"] {
            hunt_and_investigate(&lake, &["--threads", threads]);
            assert_eq!(named(&held(&lake), &list), expected, "{threads} threads");
        }
    }
}

#[test]
fn a_story_is_the_same_wherever_its_files_lie_and_however_often_they_come() {
    let lake = told(3);
    let list = list(&lake);
    let expected = named(&expected(&list), &list);
    // Names that have nothing to do with what is in the files, in no layout, in another order, and each twice.
    let shuffled = lake.beside("shuffled");
    fs::create_dir(&shuffled).unwrap();
    for (n, file) in files_below(&lake.logs()).into_iter().enumerate() {
        let at = n * 7919 % 1009;
        fs::copy(&file, shuffled.join(format!("{at:04}.gz"))).unwrap();
        fs::copy(&file, shuffled.join(format!("again-{:04}", 1009 - at))).unwrap();
    }
    fs::remove_dir_all(lake.logs()).unwrap();
    fs::rename(&shuffled, lake.logs()).unwrap();
    hunt_and_investigate(&lake, &[]);
    assert_eq!(named(&held(&lake), &list), expected);
    // Those that the organisation's trail delivered, too, came four times.
    let counted: BTreeSet<i64> = table(&lake.beside("case"), "events")
        .iter()
        .flat_map(|batch| {
            let sightings = batch.column_by_name("sightings").unwrap();
            sightings.as_primitive::<Int64Type>().values().to_vec()
        })
        .collect();
    assert_eq!(counted, [2, 4].into());
}

#[test]
fn later_rounds_read_only_files_that_can_hold_what_they_look_for() {
    let lake = told(1);
    hunt_and_investigate(&lake, &[]);
    let about = about(&lake);
    let rounds = about["rounds"].as_array().unwrap();
    let sources = |n: usize| rounds[n]["sources"].as_u64().unwrap();
    assert!(rounds.len() >= 4, "{rounds:?}");
    assert_eq!(rounds[0]["looked_for"], "names");
    // What was made on the last day is not looked for in the weeks before.
    let last = rounds.len() - 2;
    assert!(10 * sources(last) < 7 * sources(0), "{rounds:?}");
    assert_eq!(rounds[last + 1]["looked_for"], "addresses");
    assert_eq!(sources(last + 1), sources(0));
}

#[test]
fn others_at_the_same_addresses_are_told_but_for_services_and_shared_ones() {
    let lake = told(1);
    hunt_and_investigate(&lake, &[]);
    let neighbours = |lake: &Lake| -> BTreeSet<(String, String, i64)> {
        let mut neighbours = BTreeSet::new();
        for batch in table(&lake.beside("case"), "neighbours") {
            let text = |column: &str| batch.column_by_name(column).unwrap().as_string::<i32>();
            let events = batch.column_by_name("events").unwrap();
            let events = events.as_primitive::<Int64Type>();
            for row in 0..batch.num_rows() {
                neighbours.insert((
                    text("address").value(row).to_owned(),
                    text("name").value(row).to_owned(),
                    events.value(row),
                ));
            }
        }
        neighbours
    };
    let one = |address: &str, name: &str, n| (address.to_owned(), name.to_owned(), n);
    let intern = [
        one("203.0.113.255", "intern", 1),
        one("2001:db8:0:1::7", "intern", 1),
    ];
    let office = [
        one("198.51.100.255", "AWSReservedSSO_security", 5),
        one("198.51.100.255", "AWSReservedSSO_security", 6),
        one("198.51.100.255", "deploy", 1),
        one("198.51.100.255", "release-bot", 1),
        one("198.51.100.255", "release-bot-2", 1),
    ];
    let both: BTreeSet<_> = intern.iter().chain(&office).cloned().collect();
    assert_eq!(neighbours(&lake), both);
    let addresses = &about(&lake)["addresses"];
    assert_eq!(addresses["searched"], 3);
    // CloudFormation's and AWS's own.
    assert_eq!(
        (&addresses["of_aws"], &addresses["shared"]),
        (&2.into(), &0.into())
    );
    // With a lower limit the office is shared by too many.
    hunt_and_investigate(&lake, &["--max-identities", "4"]);
    assert_eq!(neighbours(&lake), intern.into());
    assert_eq!(about(&lake)["addresses"]["shared"], 1);
    hunt_and_investigate(&lake, &["--max-identities", "0"]);
    assert!(neighbours(&lake).is_empty());
}

#[test]
fn what_days_and_accounts_the_archive_lacks_is_told() {
    let lake = told(1);
    // Of the account in which the user was made nothing is left.
    let of_account = |path: &&PathBuf| path.to_string_lossy().contains("/333344445555/");
    for file in files_below(&lake.logs()).iter().filter(of_account) {
        fs::remove_file(file).unwrap();
    }
    hunt_and_investigate(&lake, &[]);
    let archive = &about(&lake)["archive"];
    assert_eq!(
        archive["accounts_without_files"],
        serde_json::json!(["333344445555"])
    );
    let accounts = archive["accounts"].as_array().unwrap();
    let own = accounts
        .iter()
        .find(|one| one["account_id"] == "111122223333");
    let gaps = own.unwrap()["days_without_files"].as_array().unwrap();
    assert!(!gaps.is_empty());
    let page = text(lake.beside("case/report.html")).unwrap();
    assert!(page.contains("The case leads to account 333344445555"));
    assert!(page.contains("Account 111122223333 has no file delivered on"));
}

#[test]
fn a_report_is_made_again_from_the_case_alone_and_as_text() {
    let lake = told(1);
    hunt_and_investigate(&lake, &[]);
    fs::remove_dir_all(lake.logs()).unwrap();
    let page = lake.beside("case/report.html");
    let first = text(&page).unwrap();
    fs::remove_file(&page).unwrap();
    runs(&lake, &["report", "case"]);
    assert_eq!(text(&page).unwrap(), first);
    let text = runs(&lake, &["report", "case", "--format", "md"]);
    let text = String::from_utf8(text.stdout).unwrap();
    assert!(text.starts_with("# The case of release-bot\n"));
    for part in [
        "## release-bot in 111122223333",
        "| user | support-backup |",
        "was lifted by",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
}

#[test]
fn a_folder_that_is_no_case_is_told_so() {
    let lake = Lake::new();
    let output = Command::new(TRAILSIFT)
        .current_dir(lake.beside(""))
        .args(["report", "logs"])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(
        told.contains("logs") && told.contains("case.json"),
        "{told}"
    );
}

#[test]
fn documents_for_elastic_are_of_ecs_and_name_what_they_have_to_do_with_the_case() {
    let lake = told(1);
    let list = list(&lake);
    hunt_and_investigate(&lake, &[]);
    let text = text(lake.beside("case/elastic.ndjson")).unwrap();
    let lines: Vec<Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(lines.len(), 2 * expected(&list).len());
    let quarantine = lines
        .chunks(2)
        .find(|pair| pair[1]["trailsift"]["relation"] == "quarantine");
    let [action, document] = quarantine.unwrap() else {
        unreachable!("chunks of two");
    };
    assert_eq!(action["create"]["_id"], document["trailsift"]["alert_id"]);
    assert_eq!(document["event"]["kind"], "event");
    assert_eq!(document["event"]["action"], "AttachUserPolicy");
    assert_eq!(document["user"]["target"]["name"], "release-bot");
    assert!(document["rule"].is_null() && document["@timestamp"].is_string());
    let refused = lines
        .iter()
        .filter(|line| line["error"]["code"] == "AccessDenied");
    assert_eq!(refused.count(), 3);
}

fn about(lake: &Lake) -> Value {
    serde_json::from_slice(&fs::read(lake.beside("case/case.json")).unwrap()).unwrap()
}
