//! Alerts in the schemas of others. `scripts/readers.py` holds OCSF's against its own JSON schema.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::process::Command;

use arrow_json::LineDelimitedWriter;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::file::reader::{FileReader as _, SerializedFileReader};
use serde_json::{Value, json};

use crate::datasets::files;
use crate::lake::{Lake, TRAILSIFT, attach, rows};

fn hunt(lake: &Lake, args: &[&str]) {
    let mut command = Command::new(TRAILSIFT);
    command
        .current_dir(lake.beside(""))
        .args(["hunt", "--quiet", "logs"]);
    assert!(command.args(args).status().unwrap().success());
}

fn lines(lake: &Lake, name: &str) -> Vec<Value> {
    let text = String::from_utf8(fs::read(lake.beside(name)).unwrap()).unwrap();
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

/// The paths of all fields that have a value.
fn paths(value: &Value, path: &str, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                let path = if path.is_empty() {
                    name.clone()
                } else {
                    format!("{path}.{name}")
                };
                paths(value, &path, found);
            }
        }
        _ => {
            found.insert(path.to_owned());
        }
    }
}

/// Fields of ECS (its reference, version 8.17), and of Elastic's AWS integration.
const ECS: [&str; 52] = [
    "@timestamp",
    "aws.cloudtrail.event_version",
    "aws.cloudtrail.recipient_account_id",
    "aws.cloudtrail.request_id",
    "aws.cloudtrail.request_parameters",
    "aws.cloudtrail.user_identity.access_key_id",
    "aws.cloudtrail.user_identity.arn",
    "aws.cloudtrail.user_identity.type",
    "cloud.account.id",
    "cloud.provider",
    "cloud.region",
    "ecs.version",
    "event.action",
    "event.category",
    "event.dataset",
    "event.id",
    "event.kind",
    "event.module",
    "event.original",
    "event.outcome",
    "event.provider",
    "event.risk_score",
    "event.severity",
    "event.type",
    "log.file.path",
    "log.offset",
    "message",
    "related.ip",
    "related.user",
    "rule.author",
    "rule.license",
    "rule.name",
    "rule.reference",
    "rule.uuid",
    "rule.ruleset",
    "rule.version",
    "source.address",
    "source.ip",
    "tags",
    "threat.framework",
    "threat.tactic.id",
    "threat.tactic.name",
    "threat.tactic.reference",
    "threat.technique.id",
    "threat.technique.name",
    "threat.technique.reference",
    "user.id",
    "user.name",
    "user.target.name",
    "user_agent.original",
    "aws.cloudtrail.shared_event_id",
    "aws.cloudtrail.user_identity.invoked_by",
];

#[test]
fn a_user_who_acted_on_itself_is_related_once() {
    let own = attach("1").replace(r#""userName":"alice""#, r#""userName":"ops""#);
    let lake = Lake::new().file("a.json", own);
    hunt(&lake, &["-o", "signals.ndjson", "--schema", "ecs"]);
    let signal = lines(&lake, "signals.ndjson").remove(1);
    assert_eq!(signal["user"]["target"]["name"], "ops");
    assert_eq!(signal["related"]["user"], json!(["ops"]));
}

#[test]
fn no_description_in_a_schema_links_into_the_code() {
    for of in ["alerts", "report", "case"] {
        let output = Command::new(TRAILSIFT)
            .args(["schema", of])
            .output()
            .unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(text.contains("description"), "{of}");
        let links: Vec<_> = text.lines().filter(|line| line.contains("[`")).collect();
        assert_eq!(links, Vec::<&str>::new(), "{of}");
    }
}

#[test]
fn a_signal_is_a_document_in_ecs_behind_the_line_that_indexes_it_once() {
    let lake = Lake::new().file("a.json", attach("1"));
    hunt(&lake, &["-o", "signals.ndjson", "--schema", "ecs"]);
    hunt(&lake, &["-o", "alerts.ndjson"]);
    let row = rows(&lake.beside("alerts.ndjson")).remove(0);
    let [action, signal] = &lines(&lake, "signals.ndjson")[..] else {
        panic!("two lines for an alert");
    };
    assert_eq!(*action, json!({"create": {"_id": row["alert_id"]}}));
    let mut found = BTreeSet::new();
    paths(signal, "", &mut found);
    let unknown: Vec<_> = found
        .iter()
        .filter(|path| !path.starts_with("trailsift.") && !ECS.contains(&path.as_str()))
        .collect();
    assert_eq!(unknown, Vec::<&String>::new());
    assert!(found.len() > 50, "{found:?}");
    assert_eq!(signal["@timestamp"], "2024-05-01T12:00:00Z");
    assert_eq!(signal["event"]["kind"], "signal");
    assert_eq!(signal["event"]["original"], attach("1"));
    assert_eq!(signal["event"]["risk_score"], 73);
    assert_eq!(signal["rule"]["version"], "2");
    assert_eq!(signal["threat"]["technique"]["id"], json!(["T1552"]));
    assert_eq!(
        signal["user"],
        json!({"name": "ops", "id": "AIDAEXAMPLE", "target": {"name": "alice"}})
    );
    assert_eq!(signal["related"]["user"], json!(["ops", "alice"]));
    assert_eq!(
        signal["trailsift"]["policy_name"],
        "AWSCompromisedKeyQuarantineV2"
    );
}

#[test]
fn each_value_of_a_row_stands_in_a_signal_and_in_a_finding() {
    let lake = Lake::new().file("a.json", attach("1"));
    hunt(&lake, &["-o", "alerts.ndjson"]);
    let row = rows(&lake.beside("alerts.ndjson")).remove(0);
    for schema in ["ecs", "ocsf"] {
        hunt(&lake, &["-o", "documents.ndjson", "--schema", schema]);
        let documents =
            String::from_utf8(fs::read(lake.beside("documents.ndjson")).unwrap()).unwrap();
        for (name, value) in row.as_object().unwrap() {
            // As numbers, or in the words of the schema.
            let is_other = ["event_time", "severity"].contains(&name.as_str());
            let text = match value {
                Value::Array(values) if values.is_empty() => continue,
                Value::Array(values) => values[0].to_string(),
                value => value.to_string(),
            };
            assert!(
                is_other || documents.contains(text.trim_matches('"')),
                "{schema}: {name}: {text}"
            );
        }
    }
}

#[test]
fn a_finding_is_a_detection_finding_of_ocsf() {
    let lake = Lake::new().file("a.json", attach("1"));
    hunt(&lake, &["-o", "findings.ndjson", "--schema", "ocsf"]);
    let finding = lines(&lake, "findings.ndjson").remove(0);
    // What the class and its objects require (schema.ocsf.io, 1.3.0).
    for path in [
        "activity_id",
        "category_uid",
        "class_uid",
        "type_uid",
        "severity_id",
        "time",
        "cloud.provider",
        "finding_info.uid",
        "finding_info.title",
        "finding_info.analytic.type_id",
        "metadata.version",
        "metadata.product.vendor_name",
    ] {
        let value = path.split('.').fold(&finding, |value, name| &value[name]);
        assert!(!value.is_null(), "{path}");
    }
    assert_eq!(finding["class_uid"], 2004);
    assert_eq!(finding["type_uid"], 200_401);
    assert_eq!(finding["metadata"]["version"], "1.3.0");
    assert_eq!(finding["time"], 1_714_564_800_000_i64);
    assert_eq!(finding["severity"], "High");
    assert_eq!(
        finding["evidences"][0]["src_endpoint"],
        json!({"ip": "203.0.113.7"})
    );
    assert_eq!(finding["resources"][0]["name"], "alice");
    assert_eq!(finding["cloud"]["account"]["uid"], "111122223333");
    assert_eq!(finding["raw_data"], attach("1"));
    assert_eq!(finding["unmapped"]["log_offset"], "0");
}

#[test]
fn a_finding_of_a_record_that_says_little_is_one_still() {
    let record = r#"{"eventVersion":"1.09","eventSource":"iam.amazonaws.com","eventName":"AttachUserPolicy","requestParameters":{"policyArn":"arn:aws:iam::aws:policy/AWSCompromisedKeyQuarantine"}}"#;
    let lake = Lake::new().file("a.json", record);
    let mut command = Command::new(TRAILSIFT);
    command
        .current_dir(lake.beside(""))
        .args(["hunt", "--quiet", "logs", "--schema", "ocsf", "-o", "set/"]);
    let code = command.status().unwrap().code();
    assert!(code == Some(0) || code == Some(3), "{code:?}");
    let found = files(&lake.beside("set"));
    let folder = found[0]
        .parent()
        .unwrap()
        .strip_prefix(lake.beside("set"))
        .unwrap();
    let none = "__HIVE_DEFAULT_PARTITION__";
    assert_eq!(
        folder.to_str().unwrap(),
        format!("region={none}/accountId={none}/eventDay={none}")
    );
}

#[test]
fn findings_are_in_time_order_on_pages_of_a_megabyte() {
    // From the last to the first, of different lengths.
    let records = (0..4000).map(|n| {
        let time = format!(
            "2024-05-01T{:02}:{:02}:{:02}Z",
            23 - n / 3600,
            59 - n / 60 % 60,
            59 - n % 60
        );
        let padding = "y".repeat(n % 7 * 500);
        attach(&n.to_string())
            .replace("2024-05-01T12:00:00Z", &time)
            .replace("aws-internal/3", &padding)
            + "\n"
    });
    let lake = Lake::new().file("a.ndjson", records.collect::<String>());
    hunt(&lake, &["-o", "set/", "--schema", "ocsf"]);
    hunt(&lake, &["-o", "findings.ndjson", "--schema", "ocsf"]);
    let mut by_id: BTreeMap<String, Value> = BTreeMap::new();
    let without_run = |mut finding: Value| {
        let values = finding["unmapped"].as_object_mut().unwrap();
        assert!(values.remove("run_id").is_some());
        finding
    };
    for finding in lines(&lake, "findings.ndjson").into_iter().map(without_run) {
        let id = finding["metadata"]["uid"].as_str().unwrap().to_owned();
        by_id.insert(id, finding);
    }
    assert_eq!(by_id.len(), 4000);
    let found = files(&lake.beside("set"));
    assert!(!found.is_empty());
    let mut n_pages = 0;
    for file in &found {
        let reader = SerializedFileReader::new(File::open(file).unwrap()).unwrap();
        for group in 0..reader.num_row_groups() {
            let group = reader.get_row_group(group).unwrap();
            for column in 0..group.num_columns() {
                let mut pages = group.get_column_page_reader(column).unwrap();
                while let Some(page) = pages.get_next_page().unwrap() {
                    let name = group.metadata().column(column).column_path().string();
                    assert!(
                        page.buffer().len() <= 1 << 20,
                        "{name} {}",
                        page.buffer().len()
                    );
                    n_pages += 1;
                }
            }
        }
        let mut last = i64::MIN;
        let mut as_lines = LineDelimitedWriter::new(Vec::new());
        let batches = ParquetRecordBatchReaderBuilder::try_new(File::open(file).unwrap()).unwrap();
        for batch in batches.build().unwrap() {
            as_lines.write(&batch.unwrap()).unwrap();
        }
        let text = String::from_utf8(as_lines.into_inner()).unwrap();
        for line in text.lines() {
            let finding = without_run(serde_json::from_str(line).unwrap());
            let time = finding["time"].as_i64().unwrap();
            assert!(last <= time);
            last = time;
            let id = finding["metadata"]["uid"].as_str().unwrap();
            assert_eq!(by_id.remove(id).as_ref(), Some(&finding));
        }
    }
    assert!(by_id.is_empty());
    assert!(n_pages > 100, "{n_pages}");
}

#[test]
fn alerts_that_are_met_again_in_any_schema_are_no_events() {
    let lake = Lake::new().file("a.json", attach("1"));
    for (name, schema) in [
        ("a.ndjson", "flat"),
        ("a.parquet", "flat"),
        ("e.ndjson", "ecs"),
        ("o.ndjson", "ocsf"),
        ("o.parquet", "ocsf"),
    ] {
        hunt(&lake, &["-o", name, "--schema", schema]);
    }
    fs::remove_file(lake.logs().join("a.json")).unwrap();
    for name in ["a.ndjson", "a.parquet", "e.ndjson", "o.ndjson", "o.parquet"] {
        fs::rename(lake.beside(name), lake.logs().join(name)).unwrap();
        lake.hunt(&[]).exits(0).finds(&[]);
    }
    // Another's finding may be of anything.
    let finding = fs::read(lake.logs().join("o.ndjson")).unwrap();
    let others = String::from_utf8(finding)
        .unwrap()
        .replace("\"trailsift\"", "\"other\"");
    fs::write(lake.logs().join("other.ndjson"), others).unwrap();
    lake.hunt(&[]).exits(3).finds(&["1"]);
}

#[test]
fn a_record_with_fields_of_an_alert_is_judged_and_is_no_output_of_ours() {
    let beside = attach("1").replacen('{', r#"{"alert_id":"a","rule_id":"b","raw_event":"c","#, 1);
    let signal = attach("2").replacen('{', r#"{"trailsift":{"alert_id":"a"},"#, 1);
    let lake = Lake::new().file("a.ndjson", format!("{beside}\n{signal}\n"));
    lake.hunt(&[]).exits(0).finds(&["1", "2"]);
    for text in [
        r#"{"activity_id":1,"class_name":"Detection Finding","metadata":{"product":{"name":"other"}}}"#,
        r#"{"create":{"_id":"1"}} {"event":{"kind":"signal"}}"#,
    ] {
        fs::write(lake.logs().join("evidence.ndjson"), text).unwrap();
        let mut command = Command::new(TRAILSIFT);
        command
            .current_dir(lake.beside(""))
            .args(["hunt", "logs", "-o", "logs/evidence.ndjson"]);
        let output = command.output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{text}");
        assert_eq!(
            fs::read(lake.logs().join("evidence.ndjson")).unwrap(),
            text.as_bytes()
        );
    }
}

#[test]
fn what_was_written_in_any_schema_may_be_replaced_and_is_no_input() {
    let lake = Lake::new().file("a.json", attach("1"));
    for (name, schema) in [
        ("e.ndjson", "ecs"),
        ("o.ndjson", "ocsf"),
        ("o.parquet", "ocsf"),
        ("o.arrows", "ocsf"),
        ("a.arrows", "flat"),
    ] {
        let output = format!("logs/{name}");
        for _ in 0..2 {
            hunt(
                &lake,
                &["-o", &output, "--schema", schema, "--report", "report.json"],
            );
            let report: Value =
                serde_json::from_slice(&fs::read(lake.beside("report.json")).unwrap()).unwrap();
            assert_eq!(report["alerts"], 1, "{name}");
        }
        fs::remove_file(lake.beside(&output)).unwrap();
    }
}
