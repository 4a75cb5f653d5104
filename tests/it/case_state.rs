//! How a case ended: what came after the windows, the key that leaked, and what is left.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

use arrow_array::cast::AsArray as _;
use arrow_array::types::Int64Type;
use serde_json::{Value, json};

use crate::investigate::{ACCOUNT, case, iam, ids, ops, read, record, succeeds, table, user};
use crate::lake::{Lake, TRAILSIFT, attach};

const LEAKED: &str = "AKIALEAKED0000EXAMPL";
const OFFICE: &str = "198.51.100.7";
const STRANGER: &str = "203.0.113.9";
const POLICY: &str = "arn:aws:iam::aws:policy/AWSCompromisedKeyQuarantineV2";

/// Alice with the key that leaks.
fn alice() -> Value {
    user("alice", LEAKED)
}

/// The same event on another day, from an address.
fn at(mut record: Value, day: &str, address: &str) -> Value {
    let time = record["eventTime"]
        .as_str()
        .unwrap()
        .replace("2024-05-01", day);
    record["eventTime"] = json!(time);
    record["sourceIPAddress"] = json!(address);
    record
}

fn detach(id: &str, day: &str) -> Value {
    let request = json!({"userName": "alice", "policyArn": POLICY});
    let call = ("iam", "DetachUserPolicy");
    at(record(id, ops(), call, request, Value::Null), day, OFFICE)
}

/// The quarantine of the first of May; the key was used by strangers the day before.
fn until_may() -> Vec<Value> {
    vec![
        at(read("usual", alice()), "2024-04-20", OFFICE),
        at(read("foreign", alice()), "2024-04-30", STRANGER),
        serde_json::from_str(&attach("quarantine")).unwrap(),
    ]
}

fn run_instances(id: &str, day: &str) -> Value {
    let answer = json!({"instancesSet": {"items": [{"instanceId": "i-0123456789abcdef0"}]}});
    let run = record(id, alice(), ("ec2", "RunInstances"), json!({}), answer);
    at(run, day, STRANGER)
}

/// What comes forty days after the quarantine, and later.
fn from_june() -> Vec<Value> {
    let mut all = vec![
        detach("lifted", "2024-06-10"),
        run_instances("run", "2024-06-11"),
    ];
    let used = (0..7).map(|n| at(read(&format!("used-{n}"), alice()), "2024-06-12", STRANGER));
    all.extend(used);
    // What is done about the key by another.
    let mut off = iam("off", ops(), "UpdateAccessKey", "alice", Value::Null);
    off["requestParameters"]["accessKeyId"] = json!(LEAKED);
    off["requestParameters"]["status"] = json!("Inactive");
    all.push(at(off, "2024-06-20", OFFICE));
    // Another user's event is the last one of the log.
    all.push(at(read("by-ops", ops()), "2024-07-01", OFFICE));
    all
}

fn lake(records: &[Value]) -> Lake {
    let lines = records.iter().map(|record| record.to_string() + "\n");
    Lake::new().file("a.ndjson", lines.collect::<String>())
}

/// The report of the case as text.
fn as_text(lake: &Lake) -> String {
    let mut command = Command::new(TRAILSIFT);
    command.current_dir(lake.beside(""));
    let output = command
        .args(["report", "case", "--format", "md"])
        .output()
        .unwrap();
    assert!(output.status.success());
    String::from_utf8(output.stdout).unwrap()
}

#[track_caller]
fn has(text: &str, parts: &[&str]) {
    for part in parts {
        assert!(text.contains(part), "{part}: {text}");
    }
}

fn later(case: &Path) -> BTreeSet<String> {
    let later = table(case, "later").into_iter().flat_map(|batch| {
        let ids = batch.column_by_name("event_id").unwrap().as_string::<i32>();
        ids.iter().flatten().map(str::to_owned).collect::<Vec<_>>()
    });
    later.collect()
}

/// The later uses: name, period and number of events.
fn uses(case: &Path) -> BTreeSet<(String, String, i64)> {
    let mut uses = BTreeSet::new();
    for batch in table(case, "uses") {
        let text = |column: &str| batch.column_by_name(column).unwrap().as_string::<i32>();
        let events = batch.column_by_name("events").unwrap();
        let events = events.as_primitive::<Int64Type>();
        for row in 0..batch.num_rows() {
            let (name, period) = (text("name").value(row), text("period").value(row));
            uses.insert((name.to_owned(), period.to_owned(), events.value(row)));
        }
    }
    uses
}

#[test]
fn the_state_is_that_at_the_end_of_the_log_whatever_the_window() {
    let records = [until_may(), from_june()].concat();
    // Also if each event was delivered twice.
    let twice = [&records[..], &records[..]].concat();
    for records in [&records, &twice] {
        let lake = lake(records);
        case(&lake, &[]);
        let folder = lake.beside("case");
        let near = ["usual", "foreign", "quarantine"].map(str::to_owned);
        assert_eq!(ids(&folder), near.into());
        // The events that change a state, and the first three uses. One of these also changes a state.
        let found = later(&folder);
        let changes = ["lifted", "off", "run"].map(str::to_owned);
        assert!(found.is_superset(&changes.into()), "{found:?}");
        assert_eq!(found.len(), 5, "{found:?}");
        let n = |name: &str, period: &str| (name.to_owned(), period.to_owned(), 8);
        let all =
            ["alice", LEAKED].map(|name| ["after_window", "since_lifted"].map(|p| n(name, p)));
        assert_eq!(uses(&folder), all.concat().into_iter().collect());
        let text = as_text(&lake);
        has(
            &text,
            &[
                "The quarantine was lifted by arn:aws:iam::111122223333:user/ops on 2024-06-10 11:00:00Z",
                // What came after the window is in the story, too.
                "- 2024-06-10 11:00Z **response**: after the time range of the case (only changes and the first calls are kept): user ops from 198.51.100.7: DetachUserPolicy",
                "- 2024-06-11 11:00Z **intruder**: after the time range of the case (only changes and the first calls are kept): 1 call from 203.0.113.9; started i-0123456789abcdef0",
                &format!("; {LEAKED} was used after that: 8 calls, last 2024-06-12 11:00:00Z"),
                &format!("| Probably leaked | {LEAKED}: "),
                &format!(
                    "| First foreign use | 2024-04-30 11:00:00Z, GetCallerIdentity from {STRANGER}"
                ),
                "1 day 1 hour before the quarantine",
                &format!("| Used after it was lifted | {LEAKED}: 8 calls"),
                "inactive since 2024-06-20 11:00:00Z",
                "| Lifted |",
                "i-0123456789abcdef0",
            ],
        );
        let page = fs::read(folder.join("report.html")).unwrap();
        let text = String::from_utf8(page.clone()).unwrap();
        has(
            &text,
            &[
                "intruder: 2024-06-11 11:00Z", // shaded in the chart
                "by_user (later)",             // in the table
                ">lifted</text>",
            ],
        );
        fs::remove_file(folder.join("report.html")).unwrap();
        let mut command = Command::new(TRAILSIFT);
        command
            .current_dir(lake.beside(""))
            .args(["report", "case"]);
        assert!(command.status().unwrap().success());
        assert!(
            fs::read(folder.join("report.html")).unwrap() == page,
            "another page"
        );
        let about = fs::read(folder.join("case.json")).unwrap();
        let about: Value = serde_json::from_slice(&about).unwrap();
        assert_eq!(about["log_ends"], "2024-07-01T11:00:00Z");
    }
}

#[test]
fn a_key_that_is_used_only_after_the_window_has_all_its_calls_counted() {
    let mut quarantine: Value = serde_json::from_str(&attach("quarantine")).unwrap();
    quarantine["userIdentity"]["invokedBy"] = json!("AWS Internal");
    quarantine["sourceIPAddress"] = json!("AWS Internal");
    let mut records = vec![quarantine];
    let used = (1..=9).map(|n| {
        let day = format!("2024-08-{n:02}");
        at(read(&format!("used-{n}"), alice()), &day, OFFICE)
    });
    records.extend(used);
    let lake = lake(&records);
    case(&lake, &[]);
    let text = as_text(&lake);
    has(
        &text,
        &[
            &format!(
                "{LEAKED}: the only long-term key of the user that was seen, though only after the quarantine. At"
            ),
            "after it, no call up to the end of the time range of the case, and 9 calls of alice later, the last 2024-08-09 11:00:00Z.",
            "probably leaked | 2024-08-01 11:00:00Z | 2024-08-09 11:00:00Z | 9 |",
        ],
    );
    assert!(!text.contains("not seen in use"), "{text}");
}

#[test]
fn what_lies_after_a_requested_end_is_not_looked_at() {
    let lake = lake(&[until_may(), from_june()].concat());
    case(&lake, &["--until", "2024-06-05"]);
    let text = as_text(&lake);
    has(
        &text,
        &["This archive has no event that lifted the quarantine by the end of the log"],
    );
    assert!(later(&lake.beside("case")).is_empty());
    assert!(!text.contains("was used after that"), "{text}");
}

#[test]
fn a_key_that_a_case_begins_with_leads_to_its_user_and_its_quarantine() {
    let early = at(read("early", alice()), "2024-01-01", OFFICE);
    let to_alice = iam("to-alice", ops(), "ListAccessKeys", "alice", Value::Null);
    let second = at(
        read("by-second", user("alice", "AKIASECOND0000EXAMPL")),
        "2024-04-29",
        OFFICE,
    );
    let lake = lake(&[until_may(), from_june(), vec![early, to_alice, second]].concat());
    let begin = ["logs", "-o", "case", "--access-key", LEAKED];
    succeeds(&lake, &begin);
    // The key's own calls belong to the case at all times.
    let near = ["usual", "foreign", "quarantine", "to-alice", "by-second"];
    let of_key = (0..7).map(|n| format!("used-{n}"));
    let of_key = of_key.chain(["early".to_owned(), "run".to_owned()]);
    let expected = near.map(str::to_owned).into_iter().chain(of_key).collect();
    assert_eq!(ids(&lake.beside("case")), expected);
    let text = as_text(&lake);
    has(
        &text,
        &[
            "# The case of alice",
            "attached AWSCompromisedKeyQuarantineV2 to alice",
            "The quarantine was lifted by",
            &format!("; {LEAKED} was used after that: 8 calls"),
            &format!("| Probably leaked | {LEAKED}: the key that you named"),
            "and the calls of the key that you named at all times.",
            "2024-01-01 11:00:00Z | 2024-06-12 11:00:00Z | 11 |",
        ],
    );
    let about = fs::read(lake.beside("case/case.json")).unwrap();
    let about: Value = serde_json::from_slice(&about).unwrap();
    let beginning = &about["beginnings"][0];
    assert_eq!(beginning["name"], LEAKED);
    assert_eq!(beginning["user"]["name"], "alice");
    assert_eq!(beginning["quarantines"], json!(["2024-05-01T12:00:00Z"]));
}

#[test]
fn a_key_that_was_only_created_or_changed_leads_to_its_user() {
    let answer = json!({"accessKey": {"accessKeyId": LEAKED, "userName": "alice"}});
    let created = iam("key", ops(), "CreateAccessKey", "alice", answer);
    let mut changed = iam("key", ops(), "UpdateAccessKey", "alice", Value::Null);
    changed["requestParameters"]["accessKeyId"] = json!(LEAKED);
    let mut refused = changed.clone();
    refused["errorCode"] = json!("AccessDenied");
    for (record, leads) in [(created, true), (changed, true), (refused, false)] {
        let quarantine = serde_json::from_str(&attach("quarantine")).unwrap();
        let lake = lake(&[quarantine, record]);
        succeeds(&lake, &["logs", "-o", "case", "--access-key", LEAKED]);
        assert_eq!(ids(&lake.beside("case")).contains("quarantine"), leads);
    }
}

#[test]
fn what_is_done_to_passwords_policies_and_groups_is_found() {
    let policy = format!("arn:aws:iam::{ACCOUNT}:policy/sync");
    let call = |id: &str, who: Value, name: &str, request: Value, answer: Value| {
        let day = match id.starts_with("make") {
            true => "2024-05-02",
            false => "2024-05-03",
        };
        let address = if id.starts_with("make") {
            STRANGER
        } else {
            OFFICE
        };
        let record = record(id, who, ("iam", name), request, answer);
        at(record, day, address)
    };
    let group = json!({"groupName": "admins"});
    let bob = json!({"userName": "bob"});
    let answer = |kind: &str, arn: &str| json!({kind: {"arn": arn}});
    let of_group = answer("group", &format!("arn:aws:iam::{ACCOUNT}:group/admins"));
    let records = [
        call(
            "make-policy",
            alice(),
            "CreatePolicy",
            json!({"policyName": "sync"}),
            answer("policy", &policy),
        ),
        call(
            "make-group",
            alice(),
            "CreateGroup",
            group.clone(),
            of_group,
        ),
        call(
            "make-password",
            alice(),
            "CreateLoginProfile",
            bob.clone(),
            Value::Null,
        ),
        call(
            "end-policy",
            ops(),
            "DeletePolicy",
            json!({"policyArn": policy}),
            Value::Null,
        ),
        call("end-group", ops(), "DeleteGroup", group, Value::Null),
        call(
            "end-password",
            ops(),
            "DeleteLoginProfile",
            bob,
            Value::Null,
        ),
    ];
    let lake = lake(&[&until_may()[..], &records[..]].concat());
    case(&lake, &[]);
    let found = ids(&lake.beside("case"));
    for record in &records {
        let id = record["eventID"].as_str().unwrap();
        assert!(found.contains(id), "{id}: {found:?}");
    }
    let text = as_text(&lake);
    let removed = "removed 2024-05-03 11:00:00Z by arn:aws:iam::111122223333:user/ops";
    assert_eq!(text.matches(removed).count(), 3, "{text}");
}

#[test]
fn gaps_of_the_archive_are_beside_the_verdict() {
    let day = |day: &str, name: &str| {
        let date = day.replace('-', "");
        format!(
            "AWSLogs/{ACCOUNT}/CloudTrail/us-east-1/{}/{ACCOUNT}_CloudTrail_us-east-1_{date}T1200Z_{name}.json",
            day.replace('-', "/")
        )
    };
    let mut lake = Lake::new();
    for (n, record) in until_may().into_iter().enumerate() {
        let time = record["eventTime"].as_str().unwrap();
        let name = day(&time[..10], &n.to_string());
        lake = lake.file(&name, json!({"Records": [record]}).to_string());
    }
    let row = |lake: &Lake, name: &str| {
        let text = as_text(lake);
        let row = text.lines().find(|line| line.starts_with(name));
        row.unwrap_or_else(|| panic!("{name}: {text}")).to_owned()
    };
    case(&lake, &["--since", "2024-04-20"]);
    let gaps = "no file of account 111122223333 on 9 of the 12 days from 2024-04-20 to 2024-05-01, the last of them 2024-04-29";
    assert_eq!(
        row(&lake, "| Gaps in the archive"),
        format!("| Gaps in the archive | {gaps} |")
    );
    assert!(row(&lake, "| Usable at the end").ends_with("; the archive has gaps |"));
    // A file that cannot be read.
    let lake = lake.file(
        &day("2024-04-29", "x").replace(".json", ".json.gz"),
        "\u{1f}no gzip",
    );
    let wrong = lake
        .logs()
        .join(day("2024-04-29", "x").replace(".json", ".json.gz"));
    fs::write(&wrong, [0x1f, 0x8b, 8, 0, 1, 2, 3]).unwrap();
    fs::remove_dir_all(lake.beside("case")).unwrap();
    let begin = [
        "logs",
        "-o",
        "case",
        "--user",
        "alice",
        "--since",
        "2024-04-20",
    ];
    let output = crate::investigate::investigate(&lake, &begin);
    assert_eq!(output.status.code(), Some(3));
    let gaps = row(&lake, "| Gaps in the archive");
    assert!(gaps.contains("1 file could"), "{gaps}");
    assert!(gaps.contains("on 8 of the 12 days"), "{gaps}");
    // Files that are in no folders of days show no gaps.
    let lake = self::lake(&until_may());
    case(&lake, &[]);
    assert!(row(&lake, "| Gaps in the archive").contains("not known"));
}

/// Calls of an intruder that change something older, each as JSON has it.
fn lasting() -> Vec<Value> {
    let call = |id: &str, service: &str, name: &str, request: Value| {
        let record = record(id, alice(), (service, name), request, Value::Null);
        at(record, "2024-04-30", STRANGER)
    };
    let policy = format!("arn:aws:iam::{ACCOUNT}:policy/p");
    let key = json!({"accessKeyId": "AKIAOLDBOB000EXAMPLE", "userName": "bob", "status": "Active"});
    let inline = json!({"roleName": "ops", "policyName": "own", "policyDocument": "{}"});
    let permit = json!({
        "functionName": "sync", "statementId": "open", "action": "lambda:InvokeFunction", "principal": "*",
    });
    vec![
        call(
            "join",
            "iam",
            "AddUserToGroup",
            json!({"groupName": "admins", "userName": "bob"}),
        ),
        call(
            "trust",
            "iam",
            "UpdateAssumeRolePolicy",
            json!({"roleName": "ops", "policyDocument": "{}"}),
        ),
        call(
            "password",
            "iam",
            "UpdateLoginProfile",
            json!({"userName": "bob"}),
        ),
        call("inline", "iam", "PutRolePolicy", inline),
        call(
            "group",
            "iam",
            "AttachGroupPolicy",
            json!({"groupName": "admins", "policyArn": policy}),
        ),
        call(
            "version",
            "iam",
            "CreatePolicyVersion",
            json!({"policyArn": policy, "setAsDefault": true}),
        ),
        call("key", "iam", "UpdateAccessKey", key),
        call("permit", "lambda", "AddPermission20150331v2", permit),
        // The user that the case is about: what is done to it is searched for.
        call(
            "own",
            "iam",
            "AddUserToGroup",
            json!({"groupName": "devs", "userName": "alice"}),
        ),
    ]
}

#[test]
fn changes_of_older_things_are_left_behind_with_their_commands() {
    let mut records = until_may();
    records.extend(lasting());
    let lake = self::lake(&records);
    case(&lake, &[]);
    let text = as_text(&lake).replace('\\', "");
    let unsearched = "(whether it was undone was not searched for)";
    has(
        &text,
        &[
            &format!("user bob in {ACCOUNT} as a member of group admins {unsearched}"),
            &format!("changed trust policy of role ops in {ACCOUNT} {unsearched}"),
            &format!("new console password of user bob in {ACCOUNT} {unsearched}"),
            &format!("policy own on role ops {unsearched}"),
            &format!("policy p on group admins {unsearched}"),
            &format!(
                "new version in use of policy arn:aws:iam::{ACCOUNT}:policy/p in {ACCOUNT} {unsearched}"
            ),
            &format!("activation of access key AKIAOLDBOB000EXAMPLE in {ACCOUNT} {unsearched}"),
            &format!(
                "permission for others to call function sync in {ACCOUNT}: everybody {unsearched}"
            ),
            &format!("user alice in {ACCOUNT} as a member of group devs; user bob"),
            "aws iam remove-user-from-group --group-name admins --user-name bob",
            "aws iam delete-role-policy --role-name ops --policy-name own",
            "aws iam detach-group-policy --group-name admins --policy-arn",
            "aws iam update-access-key --access-key-id AKIAOLDBOB000EXAMPLE --status Inactive --user-name bob",
            "aws lambda remove-permission --region us-east-1 --function-name sync --statement-id open",
        ],
    );
    // The response takes alice out again.
    let request = json!({"groupName": "devs", "userName": "alice"});
    let out = record(
        "out",
        ops(),
        ("iam", "RemoveUserFromGroup"),
        request,
        Value::Null,
    );
    records.push(at(out, "2024-05-03", OFFICE));
    let lake = self::lake(&records);
    case(&lake, &[]);
    let text = as_text(&lake).replace('\\', "");
    let row = text
        .lines()
        .find(|line| line.starts_with("| Left behind"))
        .unwrap();
    assert!(!row.contains("group devs"), "{row}");
    has(&text, &["| member of a group | alice in group devs |"]);
}
