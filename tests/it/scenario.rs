//! A story that is planted in an archive, with a list of what a case must hold: exactly that, however it is delivered.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use arrow_array::cast::AsArray as _;
use arrow_array::types::Int64Type;
use parquet::arrow::ArrowWriter;
use serde_json::Value;
use trailsift::synth::{Scenario, SynthConfig};

use crate::investigate::{Held, events, table};
use crate::lake::{Lake, TRAILSIFT};

fn text(path: impl AsRef<Path>) -> std::io::Result<String> {
    fs::read(path).map(|bytes| String::from_utf8(bytes).unwrap())
}

/// An archive with the story of a leaked key in it, among ordinary events.
fn told(seed: u64) -> Lake {
    scene(Scenario::LeakedKey, seed, (1, 3))
}

/// An archive with a scenario in it, and its numbers of matches and near misses.
pub(crate) fn scene(scenario: Scenario, seed: u64, expected: (u64, u64)) -> Lake {
    let lake = Lake::new();
    fs::remove_dir(lake.logs()).unwrap();
    let config = SynthConfig {
        seed,
        files: 300,
        records_per_file: 5,
        scenario: Some(scenario),
        days: 120,
        ..SynthConfig::new(lake.logs())
    };
    let made = trailsift::synth::run(&config).unwrap();
    assert_eq!((made.matches, made.near_misses), expected);
    lake
}

/// The events that were planted.
pub(crate) fn list(lake: &Lake) -> Vec<Value> {
    let all = planted(lake).into_iter();
    all.filter(|line| line["kind"] != "fact").collect()
}

/// What was planted, and what a case must know of it.
pub(crate) fn planted(lake: &Lake) -> Vec<Value> {
    let list = text(lake.beside("logs.planted.ndjson")).unwrap();
    let lines = list.lines().map(serde_json::from_str);
    lines.collect::<Result<_, _>>().unwrap()
}

/// What the case must hold.
pub(crate) fn expected(list: &[Value]) -> BTreeSet<Held> {
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
pub(crate) fn runs(lake: &Lake, args: &[&str]) -> Output {
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

/// The report of the case as text.
pub(crate) fn as_text(lake: &Lake) -> String {
    let output = runs(lake, &["report", "case", "--format", "md"]);
    String::from_utf8(output.stdout).unwrap()
}

pub(crate) fn held(lake: &Lake) -> BTreeSet<Held> {
    let events = events(&lake.beside("case"));
    let n = events.len();
    let held: BTreeSet<Held> = events.into_iter().collect();
    assert_eq!(held.len(), n, "each event stands once");
    held
}

/// Events by the names that the list has for them: easier to read than ids.
pub(crate) fn named(held: &BTreeSet<Held>, list: &[Value]) -> BTreeSet<String> {
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
    // Others are counted by events, too.
    assert_eq!(neighbours(&lake), at_the_same_addresses());
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

/// Others at the addresses of a case: address, name and number of events.
pub(crate) fn neighbours(lake: &Lake) -> BTreeSet<(String, String, i64)> {
    let mut neighbours = BTreeSet::new();
    for batch in table(&lake.beside("case"), "neighbours") {
        let text = |column: &str| batch.column_by_name(column).unwrap().as_string::<i32>();
        let events = batch.column_by_name("events").unwrap();
        let events = events.as_primitive::<Int64Type>();
        for row in 0..batch.num_rows() {
            let (address, name) = (text("address").value(row), text("name").value(row));
            neighbours.insert((address.to_owned(), name.to_owned(), events.value(row)));
        }
    }
    neighbours
}

/// Those that the story has.
fn at_the_same_addresses() -> BTreeSet<(String, String, i64)> {
    let all = [
        ("203.0.113.255", "intern", 1),
        ("2001:db8:0:1::7", "intern", 1),
        ("198.51.100.255", "AWSReservedSSO_security", 5),
        ("198.51.100.255", "AWSReservedSSO_security", 6),
        ("198.51.100.255", "deploy", 2),
        // Before it was made by strangers, and deleted, there was another of each.
        ("198.51.100.255", "metrics-sync", 1),
        ("198.51.100.255", "support-backup", 1),
        ("198.51.100.255", "release-bot", 1),
        ("198.51.100.255", "release-bot-2", 1),
    ];
    all.map(|(address, name, n)| (address.to_owned(), name.to_owned(), n))
        .into()
}

#[test]
fn others_at_the_same_addresses_are_told_but_for_services_and_shared_ones() {
    let lake = told(1);
    hunt_and_investigate(&lake, &[]);
    assert_eq!(neighbours(&lake), at_the_same_addresses());
    let addresses = &about(&lake)["addresses"];
    assert_eq!(addresses["searched"], 3);
    // CloudFormation's and AWS's own.
    assert_eq!(
        (&addresses["of_services"], &addresses["shared"]),
        (&2.into(), &0.into())
    );
    // With a lower limit the office is shared by too many.
    hunt_and_investigate(&lake, &["--max-identities", "4"]);
    let strangers = at_the_same_addresses();
    let strangers = strangers
        .into_iter()
        .filter(|(_, name, _)| name == "intern");
    assert_eq!(neighbours(&lake), strangers.collect());
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
    let text = as_text(&lake);
    assert!(text.starts_with("# The case of release-bot\n"));
    for part in [
        "## release-bot in 111122223333",
        "| user | support-backup |",
        "was lifted by",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
}

/// Turns a case into one of the first version: with fewer files, columns and metadata, and no list of hashes.
fn make_old(case: &Path) {
    let events = table(case, "events");
    let is_new = |name: &str| ["targets", "targets_left_out"].contains(&name);
    let schema = events[0].schema();
    let kept: Vec<usize> = (0..schema.fields().len())
        .filter(|n| !is_new(schema.field(*n).name()))
        .collect();
    assert_eq!(kept.len() + 2, schema.fields().len());
    let path = case.join("events.parquet");
    let file = fs::File::create(&path).unwrap();
    let schema = schema.project(&kept).unwrap().into();
    let mut writer = ArrowWriter::try_new(file, schema, None).unwrap();
    for batch in &events {
        writer.write(&batch.project(&kept).unwrap()).unwrap();
    }
    writer.close().unwrap();
    for name in ["later.parquet", "uses.parquet", "SHA256SUMS"] {
        fs::remove_file(case.join(name)).unwrap();
    }
    let mut about: Value =
        serde_json::from_slice(&fs::read(case.join("case.json")).unwrap()).unwrap();
    let fields = about.as_object_mut().unwrap();
    for name in [
        "made_at",
        "command",
        "since",
        "until",
        "not_found",
        "unseen",
        "later",
        "later_cut",
        "log_ends",
    ] {
        fields.remove(name).unwrap();
    }
    let archive = fields["archive"].as_object_mut().unwrap();
    archive.remove("folders_passed_over").unwrap();
    let files = fields["files"].as_object_mut().unwrap();
    files.remove("later.parquet").unwrap();
    files.remove("uses.parquet").unwrap();
    let sum = Command::new("sha256sum")
        .arg(&path)
        .output()
        .unwrap()
        .stdout;
    let sum = String::from_utf8(sum).unwrap();
    files["events.parquet"] = sum.split(' ').next().unwrap().into();
    fs::write(case.join("case.json"), about.to_string()).unwrap();
}

#[test]
fn a_case_of_the_first_version_can_be_shown_and_is_checked() {
    let lake = told(1);
    hunt_and_investigate(&lake, &[]);
    make_old(&lake.beside("case"));
    let text = as_text(&lake).replace(['\\', '`'], "");
    for part in [
        "| Probably leaked | AKIA",
        "| First foreign use | ",
        "role platform-admin in 333344445555",
        "| user | support-backup |",
        "| Data touched | none was seen |",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    // A file that differs from its hash is refused without the list, too.
    let path = lake.beside("case/neighbours.parquet");
    let mut bytes = fs::read(&path).unwrap();
    bytes[9] ^= 1;
    fs::write(&path, bytes).unwrap();
    let why = "neighbours.parquet: the file was changed after the case was made";
    refuses(&lake, &["report", "case"], 1, why);
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
fn documents_for_elastic_are_of_ecs_and_name_their_part_in_the_case() {
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

pub(crate) fn about(lake: &Lake) -> Value {
    serde_json::from_slice(&fs::read(lake.beside("case/case.json")).unwrap()).unwrap()
}

/// A file of MaxMind's format (its specification, version 2.0) that knows one network of IPv4, by its first 24 bits.
fn countries(network: [u8; 3], code: &str) -> Vec<u8> {
    const BITS: u32 = 24;
    let text = |text: &str| [&[0x40 | u8::try_from(text.len()).unwrap()], text.as_bytes()].concat();
    let map = |n: u8, pairs: &[Vec<u8>]| [vec![0xe0 | n], pairs.concat()].concat();
    let number = |kind: u8, n: u32| [vec![kind << 5 | 4], n.to_be_bytes().to_vec()].concat();
    let short = |n: u16| [vec![5 << 5 | 2], n.to_be_bytes().to_vec()].concat();
    // A node a bit: one way leads on, the other to nothing.
    let mut tree = Vec::new();
    let bits = u32::from_be_bytes([0, network[0], network[1], network[2]]);
    for depth in 0..BITS {
        // Behind the last node lies the first record, behind 16 bytes of zeros.
        let next = if depth + 1 == BITS {
            BITS + 16
        } else {
            depth + 1
        };
        let is_one = bits >> (BITS - 1 - depth) & 1 == 1;
        let records = if is_one { [BITS, next] } else { [next, BITS] };
        for record in records {
            tree.extend_from_slice(&record.to_be_bytes()[1..]);
        }
    }
    let country = map(1, &[text("iso_code"), text(code)]);
    let record = map(1, &[text("country"), country]);
    let metadata = map(
        9,
        &[
            [text("node_count"), number(6, BITS)].concat(),
            [text("record_size"), short(24)].concat(),
            [text("ip_version"), short(4)].concat(),
            [text("database_type"), text("Test-Country")].concat(),
            [text("languages"), vec![0x00, 0x04]].concat(),
            [text("binary_format_major_version"), short(2)].concat(),
            [text("binary_format_minor_version"), short(0)].concat(),
            [text("build_epoch"), vec![0x00, 0x02]].concat(),
            [text("description"), map(0, &[])].concat(),
        ],
    );
    let marker = b"\xab\xcd\xefMaxMind.com";
    [&tree, &[0; 16][..], &record, marker, &metadata].concat()
}

#[test]
fn countries_of_addresses_are_told_where_a_file_tells_them() {
    let lake = told(1);
    let file = lake.beside("countries.mmdb");
    fs::write(&file, countries([203, 0, 113], "NL")).unwrap();
    hunt_and_investigate(&lake, &["--geoip", "countries.mmdb"]);
    let mut found = BTreeMap::new();
    for batch in table(&lake.beside("case"), "entities") {
        let text = |column: &str| batch.column_by_name(column).unwrap().as_string::<i32>();
        for row in 0..batch.num_rows() {
            if text("kind").value(row) == "address" {
                let country = text("country").iter().nth(row).flatten();
                found.insert(
                    text("name").value(row).to_owned(),
                    country.map(str::to_owned),
                );
            }
        }
    }
    assert_eq!(found["203.0.113.255"].as_deref(), Some("NL"));
    assert_eq!(
        (&found["198.51.100.255"], &found["AWS Internal"]),
        (&None, &None)
    );
    let page = text(lake.beside("case/report.html")).unwrap();
    assert!(page.contains("203.0.113.255 (NL)"));
    fs::write(&file, "no such thing").unwrap();
    let mut command = Command::new(TRAILSIFT);
    let args = [
        "alerts.parquet",
        "logs",
        "-o",
        "other",
        "--geoip",
        "countries.mmdb",
    ];
    let output = command
        .current_dir(lake.beside(""))
        .arg("investigate")
        .args(args)
        .output();
    let output = output.unwrap();
    let told = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{told}");
    assert!(told.contains("countries.mmdb"), "{told}");
}

#[test]
fn a_path_with_dots_is_what_it_leads_to() {
    let lake = told(1);
    let list = list(&lake);
    let expected = named(&expected(&list), &list);
    let file = files_below(&lake.logs()).remove(0);
    // From a folder of the layout up to the root again.
    let day = file.parent().unwrap();
    let n_up = day.strip_prefix(lake.logs()).unwrap().components().count();
    let root = format!("{}{}", day.display(), "/..".repeat(n_up));
    runs(&lake, &["hunt", "--quiet", "logs", "-o", "alerts.parquet"]);
    runs(
        &lake,
        &["investigate", "alerts.parquet", &root, "-o", "case"],
    );
    assert_eq!(named(&held(&lake), &list), expected);
    let hunt = [
        "hunt",
        "-o",
        "-",
        "--since",
        "2023-01-02",
        "--until",
        "2023-06-01",
    ];
    let n_found = |root: &str| {
        let found = runs(&lake, &[&hunt[..], &[root]].concat()).stdout;
        found.iter().filter(|byte| **byte == b'\n').count()
    };
    assert_eq!((n_found(&root), n_found("logs")), (2, 2));
}

#[test]
fn archives_are_read_in_every_round_whatever_day_they_lie_in() {
    let lake = told(1);
    let list = list(&lake);
    let expected = named(&expected(&list), &list);
    // All files of an account go into one archive, in the folder of a day that is near the quarantine, and long before
    // the strangers came to that account.
    let quarantine = list.iter().find(|line| line["kind"] == "match").unwrap();
    let time: jiff::Timestamp = quarantine["event_time"].as_str().unwrap().parse().unwrap();
    let day = time - jiff::SignedDuration::from_hours(20 * 24);
    let below = "AWSLogs/333344445555/CloudTrail/us-east-1";
    let folder = lake
        .logs()
        .join(below)
        .join(day.strftime("%Y/%m/%d").to_string());
    fs::create_dir_all(&folder).unwrap();
    let files = files_below(&lake.logs());
    let of_account = |path: &&PathBuf| path.to_string_lossy().contains("/333344445555/");
    let mut archive = tar::Builder::new(Vec::new());
    for file in files.iter().filter(of_account) {
        let name = file.file_name().unwrap();
        archive.append_path_with_name(file, name).unwrap();
        fs::remove_file(file).unwrap();
    }
    let archive = archive.into_inner().unwrap();
    fs::write(folder.join("all.tar"), archive).unwrap();
    hunt_and_investigate(&lake, &[]);
    assert_eq!(named(&held(&lake), &list), expected);
}

#[test]
fn what_was_only_asked_for_in_part_is_said_to_be_a_part() {
    let lake = told(1);
    hunt_and_investigate(&lake, &["--home-region"]);
    assert_eq!(about(&lake)["archive"]["is_part"], true);
    hunt_and_investigate(&lake, &["--account", "111122223333"]);
    let archive = &about(&lake)["archive"];
    assert_eq!(archive["is_part"], true);
    assert_eq!(archive["accounts_without_files"], serde_json::json!([]));
    hunt_and_investigate(&lake, &[]);
    assert_eq!(about(&lake)["archive"]["is_part"], false);
}

/// Runs the program beside the archive, which must end so, and say why.
fn refuses(lake: &Lake, args: &[&str], code: i32, why: &str) {
    let mut command = Command::new(TRAILSIFT);
    let output = command
        .current_dir(lake.beside(""))
        .args(args)
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(code), "{told}");
    // Long messages are broken into lines.
    let words = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(words(&told).contains(why), "{told}");
}

#[test]
fn evidence_that_was_changed_is_not_shown_and_not_overwritten() {
    let lake = told(1);
    hunt_and_investigate(&lake, &[]);
    // Neither the case's own files nor others are overwritten, also behind a link.
    let log = files_below(&lake.logs()).remove(0);
    symlink(&log, lake.beside("link.html")).unwrap();
    for output in ["case/events.parquet", "alerts.parquet", "link.html"] {
        let args = ["report", "case", "-o", output];
        refuses(
            &lake,
            &args,
            2,
            "is no report of a case; choose another name",
        );
    }
    let ticket = ["report", "case", "--format", "md", "-o", "ticket.md"];
    runs(&lake, &ticket);
    // What was made by it is made anew.
    runs(&lake, &ticket);
    let written = text(lake.beside("ticket.md")).unwrap();
    assert!(written.contains("release-bot"));
    for name in [
        "events.parquet",
        "later.parquet",
        "uses.parquet",
        "neighbours.parquet",
        "timeline.jsonl",
        "case.json",
    ] {
        let path = lake.beside("case").join(name);
        let mut bytes = fs::read(&path).unwrap();
        let whole = bytes.clone();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        fs::write(&path, bytes).unwrap();
        let why = format!("{name}: the file was changed after the case was made");
        refuses(&lake, &["report", "case"], 1, &why);
        fs::write(&path, whole).unwrap();
    }
    // The page is made again from the rest, and the list of hashes then has the new one.
    fs::write(lake.beside("case/report.html"), "").unwrap();
    assert!(!has_its_hashes(&lake));
    runs(&lake, &["report", "case"]);
    assert!(has_its_hashes(&lake));
}

/// Whether each file of the case is as the list beside them says, by another program.
fn has_its_hashes(lake: &Lake) -> bool {
    let mut command = Command::new("sha256sum");
    command.args(["--check", "--strict", "--status", "SHA256SUMS"]);
    let listed = text(lake.beside("case/SHA256SUMS")).unwrap();
    assert_eq!(listed.lines().count(), 10);
    command
        .current_dir(lake.beside("case"))
        .status()
        .unwrap()
        .success()
}

#[test]
fn a_case_appears_whole_and_outside_of_what_is_read() {
    let lake = told(1);
    runs(&lake, &["hunt", "--quiet", "logs", "-o", "alerts.parquet"]);
    let to = |output: &'static str| ["investigate", "alerts.parquet", "logs", "-o", output];
    fs::create_dir(lake.logs().join("empty")).unwrap();
    symlink("logs/empty", lake.beside("link")).unwrap();
    symlink("nowhere", lake.beside("dangling")).unwrap();
    let lies_in = "the case would lie in what is read";
    for (output, why) in [
        ("logs/case", lies_in),
        ("logs/empty", lies_in),
        ("link", lies_in),
        ("logs/empty/../case", lies_in),
        ("nowhere/../logs/case", "nowhere/../logs/case"),
        ("dangling", "a link to what is not there"),
        ("s3://bucket/case", "a case is a folder on this machine"),
    ] {
        refuses(&lake, &to(output), 2, why);
    }
    fs::write(lake.beside("list"), "logs\n").unwrap();
    let listed = [
        "investigate",
        "alerts.parquet",
        "--files-from",
        "list",
        "-o",
    ];
    refuses(&lake, &[&listed[..], &["logs/case"]].concat(), 2, lies_in);
    // Folders that are missing are made; nothing else is left.
    runs(&lake, &to("new/place/case"));
    let names = fs::read_dir(lake.beside("new/place")).unwrap();
    let names: Vec<_> = names.map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(names, ["case"]);
    // A folder that is there is filled, and stays what it is.
    let empty = lake.beside("empty");
    fs::create_dir(&empty).unwrap();
    fs::set_permissions(&empty, fs::Permissions::from_mode(0o700)).unwrap();
    let inode = fs::metadata(&empty).unwrap().ino();
    runs(&lake, &to("empty"));
    let metadata = fs::metadata(&empty).unwrap();
    assert_eq!((metadata.ino(), metadata.mode() & 0o777), (inode, 0o700));
    assert_eq!(fs::read_dir(&empty).unwrap().count(), 11);
    runs(&lake, &["report", "empty"]);
}

#[test]
fn alerts_of_another_archive_and_times_that_cannot_be_read_are_told() {
    let lake = told(1);
    runs(&lake, &["hunt", "--quiet", "logs", "-o", "alerts.ndjson"]);
    let investigate = |alerts: &str, archive: &str, code: i32, why: &str| {
        let args = ["investigate", "--quiet", alerts, archive, "-o", "case"];
        refuses(&lake, &args, code, why);
    };
    fs::create_dir(lake.beside("other")).unwrap();
    fs::write(lake.beside("other/a.json"), r#"{"Records":[]}"#).unwrap();
    investigate("alerts.ndjson", "other", 3, "a quarantine of release-bot");
    let alert = text(lake.beside("alerts.ndjson")).unwrap();
    let alert = alert.lines().next().unwrap();
    let time = alert.split_once(r#""event_time":"#).unwrap().1;
    let time = time.split_once(',').unwrap().0;
    for (wrong, why) in [("1700000000000", "is no text"), (r#""soon""#, "is no time")] {
        fs::write(lake.beside("wrong.ndjson"), alert.replacen(time, wrong, 1)).unwrap();
        investigate("wrong.ndjson", "logs", 1, why);
    }
    let wrong = alert.replace(r#""111122223333""#, r#""111122223333.0""#);
    fs::write(lake.beside("wrong.ndjson"), wrong).unwrap();
    investigate("wrong.ndjson", "logs", 1, "no account's id");
}

#[test]
fn a_file_with_events_later_than_its_name_shows_that_names_say_nothing() {
    let lake = told(1);
    let list = list(&lake);
    let expected = named(&expected(&list), &list);
    // Each file has the name of one that was delivered long before.
    for file in files_below(&lake.logs()) {
        let name = file.file_name().unwrap().to_str().unwrap().to_owned();
        let mut parts: Vec<&str> = name.split('_').collect();
        parts[3] = "20200101T0000Z";
        fs::rename(&file, lake.logs().join(parts.join("_"))).unwrap();
    }
    hunt_and_investigate(&lake, &[]);
    assert_eq!(named(&held(&lake), &list), expected);
}

#[test]
fn a_page_says_of_each_user_what_was_done_to_it_and_when_was_looked() {
    let lake = told(1);
    hunt_and_investigate(&lake, &["--after", "1h"]);
    let ticket = as_text(&lake);
    // The quarantine was lifted a day later, outside of the window.
    assert!(ticket.contains("The quarantine was lifted by"), "{ticket}");
    assert!(ticket.contains(" were searched."), "{ticket}");
    hunt_and_investigate(&lake, &[]);
    let ticket = as_text(&lake);
    for step in [
        // Its own, not that of the user that strangers made.
        "- New keys were made: 1 event, the last CreateAccessKey",
        "- Keys were disabled or deleted: 2 events, the last DeleteAccessKey",
        "- Logs or detectors were switched off or changed: 1 attempt refused",
        "- Instances were started: 1 event,",
    ] {
        assert!(ticket.contains(step), "{step}: {ticket}");
    }
}

#[test]
fn a_case_that_begins_with_a_user_shows_its_quarantine() {
    let lake = told(1);
    runs(
        &lake,
        &["investigate", "--user", "release-bot", "logs", "-o", "case"],
    );
    let ticket = as_text(&lake);
    assert!(
        ticket.contains("attached AWSCompromisedKeyQuarantineV3 to release-bot"),
        "{ticket}"
    );
    assert!(ticket.contains("The quarantine was lifted by"), "{ticket}");
}

#[test]
fn the_leaked_key_is_named_and_what_strangers_made_is_gone() {
    for seed in [1, 2] {
        let lake = told(seed);
        hunt_and_investigate(&lake, &[]);
        let ticket = as_text(&lake);
        let row = |name: &str| {
            let row = ticket.lines().find(|line| line.starts_with(name));
            row.unwrap_or_else(|| panic!("{name}: {ticket}"))
        };
        for (name, part) in [
            (
                "| Probably leaked | AKIA",
                "used from an address that was new for the user",
            ),
            (
                "| Probably leaked | AKIA",
                "other identities were seen at that address",
            ),
            (
                "| Probably leaked | AKIA",
                "deactivated or deleted after the quarantine",
            ),
            ("| Probably leaked | AKIA", "At the end of the log: deleted"),
            (
                "| First foreign use |",
                "from 203.0.113.255 with aws-cli/2.15.30",
            ),
            (
                "| First foreign use |",
                "1 day 8 hours before the quarantine",
            ),
        ] {
            let row = row(name).replace('\\', "");
            assert!(row.contains(part), "{part}: {row}");
        }
        let made: Vec<&str> = ticket
            .lines()
            .filter(|line| line.contains("| made by the intruder |"))
            .collect();
        // A user with its key, password and policy, a role, and an instance.
        assert_eq!(made.len(), 6, "{made:#?}");
        assert!(
            made.iter().all(|line| line.contains("| removed ")),
            "{made:#?}"
        );
        assert_eq!(
            ticket.matches("| made by the response |").count(),
            1,
            "{ticket}"
        );
        assert!(!ticket.contains("made by an unknown party"), "{ticket}");
    }
}

#[test]
fn a_page_says_what_leaked_what_is_open_and_what_to_do_now() {
    let lake = told(1);
    hunt_and_investigate(&lake, &["--timezone", "Europe/Berlin"]);
    let ticket = as_text(&lake);
    for part in [
        // The verdict.
        "| First foreign use | ",
        "GetCallerIdentity from 203.0.113.255 with ",
        "; 1 day 8 hours before the quarantine",
        "role deploy in 222233334444, role platform-admin in 333344445555",
        "| Data touched | GetSecretValue secret prod/payments in 333344445555 |",
        "| Calls against logs | StopLogging trail organization in 333344445555, refused |",
        "| Usual addresses | 198.51.100.255 |",
        "the log shows nothing that an intruder made and nobody removed",
        // What happened.
        "**user**: 3 calls from 198.51.100.255; CreateDeployment",
        // Some of these events are in the logs of other accounts.
        "**intruder**: 20 calls (2 refused) from 203.0.113.255; took role deploy, then platform-admin",
        "was refused StopLogging",
        "made user support-backup with AdministratorAccess",
        "set a console password for support-backup",
        "**response**",
        // What to do.
        "aws iam put-role-policy --role-name platform-admin",
        "With a quarantine AWS opens a support case",
        "aws secretsmanager describe-secret --region eu-central-1 --secret-id prod/payments",
        "| Others at the foreign addresses | user intern in 111122223333: ",
        "aws iam list-access-keys --user-name intern",
        // What was done about it.
        "- The console password was changed or removed: **missing**",
    ] {
        assert!(ticket.replace('\\', "").contains(part), "{part}: {ticket}");
    }
    // The key was switched off, so that nothing is to be done about it.
    assert!(!ticket.contains("aws iam update-access-key"), "{ticket}");
    assert!(!ticket.contains("detach-user-policy"), "{ticket}");
    assert!(ticket.contains("# in account 111122223333"), "{ticket}");
    let page = text(lake.beside("case/report.html")).unwrap();
    assert!(page.contains("Times are UTC, with Europe/Berlin in parentheses."));
    let about = about(&lake);
    let sum = about["files"]["events.parquet"].as_str().unwrap();
    assert!(page.contains(sum) && ticket.contains(sum));
    assert!(
        page.contains("--timezone Europe/Berlin"),
        "the command is named"
    );
    refuses(
        &lake,
        &["report", "case", "--timezone", "Nowhere/City"],
        2,
        "no time zone of this machine has this name",
    );
}
