//! From an alert to the story.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::path::Path;
use std::process::{Command, Output};

use arrow_array::cast::AsArray as _;
use arrow_array::types::{Int32Type, Int64Type};
use arrow_array::{Array as _, RecordBatch};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use serde_json::{Value, json};

use crate::lake::{Lake, TRAILSIFT, attach, delivery};
use crate::shared;

pub(crate) fn investigate(lake: &Lake, args: &[&str]) -> Output {
    let mut command = Command::new(TRAILSIFT);
    command.current_dir(lake.beside("")).arg("investigate");
    command.args(args).output().unwrap()
}

/// The same, which must succeed.
pub(crate) fn succeeds(lake: &Lake, args: &[&str]) -> Output {
    let output = investigate(lake, args);
    let told = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{args:?}: {told}");
    output
}

/// The case of the alerts of the lake's logs.
pub(crate) fn case(lake: &Lake, args: &[&str]) -> Output {
    let hunt = ["hunt", "--quiet", "logs", "-o", "alerts.parquet"];
    let hunted = Command::new(TRAILSIFT)
        .current_dir(lake.beside(""))
        .args(hunt)
        .status();
    assert!(hunted.unwrap().success());
    fs::remove_dir_all(lake.beside("case")).ok();
    let output = investigate(
        lake,
        &[&["alerts.parquet", "logs", "-o", "case"], args].concat(),
    );
    let told = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{told}");
    output
}

/// A table of a case.
pub(crate) fn table(case: &Path, name: &str) -> Vec<RecordBatch> {
    let file = File::open(case.join(format!("{name}.parquet"))).unwrap();
    let reader = ParquetRecordBatchReaderBuilder::try_new(file).unwrap();
    reader.build().unwrap().map(Result::unwrap).collect()
}

/// An event of a case: its id, why it belongs there, and how many steps away it is.
pub(crate) type Held = (String, String, i32);

/// Each event of a case: its id, why it belongs there, and how many steps away it is.
pub(crate) fn events(case: &Path) -> Vec<Held> {
    let mut events = Vec::new();
    for batch in table(case, "events") {
        let text = |column: &str, row: usize| {
            let column = batch.column_by_name(column).unwrap().as_string::<i32>();
            match column.is_valid(row) {
                true => column.value(row).to_owned(),
                false => String::new(),
            }
        };
        let hops = batch
            .column_by_name("hops")
            .unwrap()
            .as_primitive::<Int32Type>();
        for row in 0..batch.num_rows() {
            events.push((
                text("event_id", row),
                text("relation", row),
                hops.value(row),
            ));
        }
    }
    events
}

pub(crate) fn ids(case: &Path) -> BTreeSet<String> {
    events(case).into_iter().map(|(id, ..)| id).collect()
}

pub(crate) const ACCOUNT: &str = "111122223333";
const OTHER: &str = "222233334444";

/// An IAM user with its key.
pub(crate) fn user(name: &str, key: &str) -> Value {
    json!({
        "type": "IAMUser", "userName": name, "accountId": ACCOUNT, "accessKeyId": key, "principalId": "AIDAEXAMPLE",
        "arn": format!("arn:aws:iam::{ACCOUNT}:user/{name}"),
    })
}

/// A session of a role with its key.
fn session(account: &str, role: &str, key: &str) -> Value {
    json!({
        "type": "AssumedRole", "accountId": account, "accessKeyId": key, "principalId": "AROAEXAMPLE:s",
        "arn": format!("arn:aws:sts::{account}:assumed-role/{role}/s"),
        "sessionContext": {"sessionIssuer": {
            "type": "Role", "arn": format!("arn:aws:iam::{account}:role/{role}"), "userName": role,
        }},
    })
}

/// A record: who called what, with what, and what came of it.
pub(crate) fn record(
    id: &str,
    who: Value,
    call: (&str, &str),
    request: Value,
    answer: Value,
) -> Value {
    let account = who["accountId"].clone();
    json!({
        "eventVersion": "1.09", "userIdentity": who, "eventTime": "2024-05-01T11:00:00Z",
        "eventSource": format!("{}.amazonaws.com", call.0), "eventName": call.1, "awsRegion": "us-east-1",
        "sourceIPAddress": "203.0.113.7", "userAgent": "aws-cli", "requestParameters": request, "responseElements": answer,
        "requestID": id, "eventID": id, "readOnly": false, "eventType": "AwsApiCall", "recipientAccountId": account,
    })
}

pub(crate) fn read(id: &str, who: Value) -> Value {
    record(
        id,
        who,
        ("sts", "GetCallerIdentity"),
        Value::Null,
        Value::Null,
    )
}

/// A key that is given out for a session of a role.
fn assume(id: &str, who: Value, role: (&str, &str), key: &str) -> Value {
    let request = json!({"roleArn": format!("arn:aws:iam::{}:role/{}", role.0, role.1), "roleSessionName": "s"});
    let answer = json!({
        "credentials": {"accessKeyId": key},
        "assumedRoleUser": {"arn": format!("arn:aws:sts::{}:assumed-role/{}/s", role.0, role.1)},
    });
    record(id, who, ("sts", "AssumeRole"), request, answer)
}

pub(crate) fn alice() -> Value {
    user("alice", "AKIAIOSFODNN7EXAMPLE")
}

pub(crate) fn ops() -> Value {
    user("ops", "AKIAI44QH8DHBEXAMPLE")
}

/// A call of IAM that names a user.
pub(crate) fn iam(id: &str, who: Value, call: &str, name: &str, answer: Value) -> Value {
    record(id, who, ("iam", call), json!({"userName": name}), answer)
}

/// An event, why it belongs to a case, and how many steps away it is.
type Belonging = (Value, &'static str, i32);

/// What alice did, and what was done to her.
fn of_alice() -> Vec<Belonging> {
    let quarantine: Value = serde_json::from_str(&attach("quarantine")).unwrap();
    let mut refused = read("refused", alice());
    refused["errorCode"] = json!("AccessDenied");
    let arn = "arn:aws:iam::aws:policy/AWSCompromisedKeyQuarantineV2";
    let request = json!({"userName": "alice", "policyArn": arn});
    let lifted = record(
        "lifted",
        ops(),
        ("iam", "DetachUserPolicy"),
        request,
        Value::Null,
    );
    let second_key = user("alice", "AKIAEXAMPLE2ALICE000");
    let disabled = iam("disabled", ops(), "UpdateAccessKey", "alice", Value::Null);
    vec![
        (quarantine, "quarantine", 0),
        (read("by-alice", alice()), "by_user", 0),
        (refused, "by_user", 0),
        (read("by-second-key", second_key), "by_user", 0),
        (disabled, "to_user", 0),
        (lifted, "detach", 0),
    ]
}

/// From role to role, over three accounts.
fn of_sessions() -> Vec<Belonging> {
    let (first, second) = ("ASIAFIRST00000EXAMPL", "ASIASECOND0000EXAMPL");
    let deploy = || session(OTHER, "deploy", first);
    let admin = || session("333344445555", "admin", second);
    let onward = assume("assume-2", deploy(), ("333344445555", "admin"), second);
    vec![
        (
            assume("assume-1", alice(), (OTHER, "deploy"), first),
            "by_user",
            0,
        ),
        (read("by-session", deploy()), "by_session", 1),
        (onward, "by_session", 1),
        (read("by-second-session", admin()), "by_session", 2),
    ]
}

/// A user that alice made, and its key.
fn of_backdoor() -> Vec<Belonging> {
    let key = "AKIABACKDOOR00EXAMPL";
    let arn = format!("arn:aws:iam::{ACCOUNT}:user/backdoor");
    let made = json!({"user": {"userName": "backdoor", "arn": arn}});
    let given = json!({"accessKey": {"accessKeyId": key, "userName": "backdoor"}});
    let deleted = iam("to-backdoor", ops(), "DeleteUser", "backdoor", Value::Null);
    vec![
        (
            iam("make-user", alice(), "CreateUser", "backdoor", made),
            "by_user",
            0,
        ),
        (
            iam("make-key", alice(), "CreateAccessKey", "backdoor", given),
            "by_user",
            0,
        ),
        (read("by-backdoor", user("backdoor", key)), "by_made", 1),
        (deleted, "to_made", 1),
    ]
}

fn story() -> Vec<Belonging> {
    [of_alice(), of_sessions(), of_backdoor()].concat()
}

/// What looks like it, and does not belong to it.
fn beside() -> Vec<Value> {
    let mut elsewhere = read("alice-elsewhere", user("alice", "AKIAELSEWHERE0EXAMPL"));
    elsewhere["userIdentity"]["accountId"] = json!(OTHER);
    elsewhere["userIdentity"]["arn"] = json!(format!("arn:aws:iam::{OTHER}:user/alice"));
    let mut early = read("early", alice());
    early["eventTime"] = json!("2023-05-01T11:00:00Z");
    let object = json!({"key": "alice"});
    vec![
        elsewhere,
        early,
        read("by-ops", ops()),
        read("alice-2", user("alice-2", "AKIAALICE20000EXAMPL")),
        // A role that she used, by another.
        read(
            "by-another",
            session(OTHER, "deploy", "ASIAANOTHER000EXAMPL"),
        ),
        record(
            "names-alice",
            ops(),
            ("s3", "GetObject"),
            object,
            Value::Null,
        ),
    ]
}

fn planted(order: &dyn Fn(&mut Vec<Value>)) -> Lake {
    let within = story().into_iter().map(|(record, ..)| record);
    let mut records: Vec<Value> = within.chain(beside()).collect();
    order(&mut records);
    records
        .iter()
        .enumerate()
        .fold(Lake::new(), |lake, (n, record)| {
            lake.gzip(&format!("{n:02}.json.gz"), delivery(&[record.to_string()]))
        })
}

#[test]
fn a_case_holds_what_a_user_did_and_what_that_led_to_and_nothing_else() {
    let expected: BTreeSet<(String, String, i32)> = story()
        .iter()
        .map(|(record, relation, hops)| {
            (
                record["eventID"].as_str().unwrap().to_owned(),
                (*relation).to_owned(),
                *hops,
            )
        })
        .collect();
    // In the order of the story, and against it: what is found later leads to what was passed before.
    for order in [
        &(|_: &mut Vec<Value>| ()) as &dyn Fn(&mut Vec<Value>),
        &|records| records.reverse(),
    ] {
        let lake = planted(order);
        for threads in ["1", "3"] {
            case(&lake, &["--threads", threads]);
            let found: BTreeSet<_> = events(&lake.beside("case")).into_iter().collect();
            assert_eq!(found, expected);
        }
    }
}

#[test]
fn an_event_stands_once_however_often_it_was_delivered() {
    let lake = planted(&|records| {
        let again = records.clone();
        records.extend(again);
    });
    case(&lake, &[]);
    let found = events(&lake.beside("case"));
    assert_eq!(found.len(), story().len());
    for batch in table(&lake.beside("case"), "events") {
        let sightings = batch.column_by_name("sightings").unwrap();
        assert!(
            sightings
                .as_primitive::<Int64Type>()
                .iter()
                .all(|n| n == Some(2))
        );
    }
}

#[test]
fn what_is_too_many_steps_away_is_not_followed_and_that_is_told() {
    let lake = planted(&|_| ());
    let output = case(&lake, &["--max-hops", "1"]);
    assert!(String::from_utf8_lossy(&output.stderr).contains("--max-hops"));
    let found = ids(&lake.beside("case"));
    assert!(found.contains("by-session") && !found.contains("by-second-session"));
    let told: Value =
        serde_json::from_slice(&fs::read(lake.beside("case/case.json")).unwrap()).unwrap();
    assert_eq!(told["max_hops_bit"], true);
    case(&lake, &[]);
    let told: Value =
        serde_json::from_slice(&fs::read(lake.beside("case/case.json")).unwrap()).unwrap();
    assert_eq!(told["max_hops_bit"], false);
    // The last one looks for others at the same addresses.
    assert_eq!(told["rounds"].as_array().unwrap().len(), 4);
}

#[test]
fn a_case_may_begin_with_a_user_a_key_or_an_arn() {
    let lake = planted(&|_| ());
    let arn = format!("arn:aws:iam::{ACCOUNT}:user/alice");
    for (begin, has_early) in [
        (["--user", "111122223333/alice"], true),
        (["--arn", &arn], true),
        (["--access-key", "ASIAFIRST00000EXAMPL"], false),
    ] {
        fs::remove_dir_all(lake.beside("case")).ok();
        let output = investigate(&lake, &[&["logs", "-o", "case"], &begin[..]].concat());
        assert_eq!(
            output.status.code(),
            Some(0),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        let found = ids(&lake.beside("case"));
        assert_eq!(found.contains("early"), has_early, "{begin:?}");
        assert!(found.contains("by-second-session"), "{begin:?}");
        assert!(!found.contains("by-ops"));
    }
    // Without its account a name is of any.
    fs::remove_dir_all(lake.beside("case")).ok();
    investigate(&lake, &["logs", "-o", "case", "--user", "alice"]);
    assert!(ids(&lake.beside("case")).contains("alice-elsewhere"));
}

#[test]
fn a_name_that_is_escaped_or_a_common_word_is_found_all_the_same() {
    let common = |id: &str| read(id, user("a", "AKIAIOSFODNN7EXAMPLE")).to_string();
    let escaped = common("escaped")
        .replace("user/a\"", r#"user\/\u0061""#)
        .replace(r#":"a""#, r#":"\u0061""#);
    let lake = Lake::new()
        .file("a.json", common("plain"))
        .file("b.json", escaped)
        .file(
            "c.json",
            read("none", user("b", "AKIAI44QH8DHBEXAMPLE")).to_string(),
        );
    succeeds(&lake, &["logs", "-o", "case", "--user", "a"]);
    let expected: BTreeSet<String> = ["plain", "escaped"].map(str::to_owned).into();
    assert_eq!(ids(&lake.beside("case")), expected);
}

#[test]
fn a_folder_that_is_not_empty_is_no_place_for_a_case() {
    let lake = planted(&|_| ());
    case(&lake, &[]);
    let output = investigate(&lake, &["alerts.parquet", "logs", "-o", "case"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("not empty"));
    let output = investigate(&lake, &["logs/00.json.gz", "logs", "-o", "other"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(!lake.beside("other").try_exists().unwrap());
}

#[test]
fn each_line_of_a_timeline_has_what_timesketch_wants() {
    let lake = planted(&|_| ());
    case(&lake, &[]);
    let text = String::from_utf8(fs::read(lake.beside("case/timeline.jsonl")).unwrap()).unwrap();
    let lines: Vec<Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(lines.len(), story().len());
    for line in &lines {
        for field in ["message", "datetime", "timestamp_desc"] {
            assert!(
                line[field].as_str().is_some_and(|text| !text.is_empty()),
                "{field}: {line}"
            );
        }
    }
    let refused = lines
        .iter()
        .find(|line| line["event_id"] == "refused")
        .unwrap();
    let who = format!("arn:aws:iam::{ACCOUNT}:user/alice");
    assert_eq!(
        refused["message"],
        format!("{who} was refused GetCallerIdentity (AccessDenied) from 203.0.113.7")
    );
}

/// Detonations of attacks whose principal makes or is given something: how many of each kind, in all steps.
const MADE: [(&str, &[(&str, usize)]); 9] = [
    (
        "credential-access.ec2-get-password-data",
        &[("access_key", 3), ("session", 1)],
    ),
    (
        "credential-access.ec2-steal-instance-credentials",
        &[("instance", 1)],
    ),
    (
        "defense-evasion.organizations-leave",
        &[("access_key", 3), ("session", 1)],
    ),
    (
        "execution.ec2-launch-unusual-instances",
        &[("access_key", 3), ("session", 1)],
    ),
    ("persistence.iam-backdoor-user", &[("access_key", 2)]),
    (
        "persistence.iam-create-admin-user",
        &[("user", 2), ("access_key", 2)],
    ),
    ("persistence.iam-create-backdoor-role", &[("role", 1)]),
    (
        "persistence.iam-create-user-login-profile",
        &[("login_profile", 1)],
    ),
    (
        "persistence.sts-federation-token",
        &[("access_key", 2), ("session", 1)],
    ),
];

/// How many things of each kind belong to a case.
fn belonging(case: &Path) -> BTreeMap<String, usize> {
    let mut belonging = BTreeMap::new();
    for batch in table(case, "entities") {
        let kinds = batch.column_by_name("kind").unwrap().as_string::<i32>();
        let hops = batch.column_by_name("hops").unwrap();
        for row in (0..batch.num_rows()).filter(|row| hops.is_valid(*row)) {
            *belonging.entry(kinds.value(row).to_owned()).or_default() += 1;
        }
    }
    belonging
}

#[test]
fn detonations_are_followed_from_their_principal_to_all_they_did() {
    let Some(logs) = shared::folder("corpora/DataDog__stratus-red-team/docs/detonation-logs")
    else {
        return;
    };
    let mut n_files = 0;
    for entry in fs::read_dir(logs).unwrap() {
        let file = entry.unwrap().path();
        let name = file.file_stem().unwrap().to_str().unwrap().to_owned();
        let records: Vec<Value> = serde_json::from_slice(&fs::read(&file).unwrap()).unwrap();
        let identities = || records.iter().map(|record| &record["userIdentity"]);
        let user = identities().find(|user| user["type"] == "IAMUser");
        let begin = match user {
            Some(user) => ["--arn", user["arn"].as_str().unwrap()],
            None => [
                "--access-key",
                records[0]["userIdentity"]["accessKeyId"].as_str().unwrap(),
            ],
        };
        let lake = Lake::new();
        let output = investigate(
            &lake,
            &[&begin[..], &[file.to_str().unwrap(), "-o", "case"]].concat(),
        );
        assert_eq!(
            output.status.code(),
            Some(0),
            "{name}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        let expected = records
            .iter()
            .map(|record| record["eventID"].as_str().unwrap().to_owned());
        assert_eq!(
            ids(&lake.beside("case")),
            expected.collect::<BTreeSet<_>>(),
            "{name}"
        );
        let made = MADE
            .iter()
            .find(|(detonation, _)| name == format!("aws.{detonation}"));
        let belonging = belonging(&lake.beside("case"));
        for (kind, n) in made.into_iter().flat_map(|(_, made)| *made) {
            assert_eq!(belonging.get(*kind), Some(n), "{name}: {belonging:?}");
        }
        n_files += 1;
    }
    assert_eq!(n_files, 35);
}

/// The ids of the events in a case that begins with alice.
fn with_alice(records: &[Value]) -> BTreeSet<String> {
    let lines: String = records
        .iter()
        .map(|record| record.to_string() + "\n")
        .collect();
    let lake = Lake::new().file("a.ndjson", lines);
    succeeds(&lake, &["logs", "-o", "case", "--user", "alice"]);
    ids(&lake.beside("case"))
}

fn named(ids: &[&str]) -> BTreeSet<String> {
    ids.iter().map(|id| (*id).to_owned()).collect()
}

#[test]
fn users_of_other_services_and_ids_in_free_text_lead_nowhere() {
    let app = || user("app", "AKIAAPP0000000EXAMPL");
    let request = json!({"userId": "app", "userName": "app"});
    let of_cache = record(
        "cache",
        alice(),
        ("elasticache", "CreateUser"),
        request.clone(),
        request,
    );
    let of_transfer = record(
        "transfer",
        ops(),
        ("transfer", "DeleteUser"),
        json!({"userName": "alice"}),
        Value::Null,
    );
    let items = json!([{"instanceId": "i-0bbbbbbbbbbbbbbbb", "tag": "i-0aaaaaaaaaaaaaaaa"}]);
    let run = record(
        "run",
        alice(),
        ("ec2", "RunInstances"),
        json!({}),
        json!({"instancesSet": {"items": items}}),
    );
    let instance = |id: &str, name: &str| {
        let mut who = session(ACCOUNT, "web", "ASIAWEB0000000EXAMPL");
        who["arn"] = json!(format!("arn:aws:sts::{ACCOUNT}:assumed-role/web/{name}"));
        read(id, who)
    };
    let found = with_alice(&[
        of_cache,
        read("by-app", app()),
        of_transfer,
        run,
        instance("by-made", "i-0bbbbbbbbbbbbbbbb"),
        instance("by-other", "i-0aaaaaaaaaaaaaaaa"),
    ]);
    assert_eq!(found, named(&["cache", "run", "by-made"]));
}

#[test]
fn a_role_that_is_switched_to_in_the_console_is_followed_by_its_key() {
    let key = "ASIACONSOLE000EXAMPL";
    let mut switch = record(
        "switch",
        session(ACCOUNT, "admin", key),
        ("signin", "SwitchRole"),
        Value::Null,
        json!({"SwitchRole": "Success"}),
    );
    switch["additionalEventData"] =
        json!({"SwitchFrom": format!("arn:aws:iam::{ACCOUNT}:user/alice")});
    let found = with_alice(&[switch, read("as-admin", session(ACCOUNT, "admin", key))]);
    assert_eq!(found, named(&["switch", "as-admin"]));
}

#[test]
fn events_of_one_text_are_several_also_without_ids() {
    let bare = |call: &str| {
        let mut record = record("x", alice(), ("iam", call), Value::Null, Value::Null);
        record.as_object_mut().unwrap().remove("eventID");
        record
    };
    let text = json!([bare("ListUsers"), bare("CreateRole")]).to_string();
    let lake = Lake::new().file("a.json", json!({"message": text}).to_string());
    succeeds(&lake, &["logs", "-o", "case", "--user", "alice"]);
    assert_eq!(events(&lake.beside("case")).len(), 2);
}

#[test]
fn a_name_that_another_begins_with_is_found_beside_it() {
    let make = |name: &str| {
        iam(
            &format!("make-{name}"),
            alice(),
            "CreateUser",
            name,
            Value::Null,
        )
    };
    let deleted = iam("deleted", ops(), "DeleteUser", "bd", Value::Null);
    let text = deleted.to_string().replace("\"bd\"", "\"bd\" ");
    let lake = Lake::new()
        .file(
            "a.json",
            delivery(&["bd", "bd,1", "zz2"].map(|name| make(name).to_string())),
        )
        .file("b.json", text);
    succeeds(&lake, &["logs", "-o", "case", "--user", "alice"]);
    assert!(ids(&lake.beside("case")).contains("deleted"));
}

#[test]
fn what_a_made_user_does_to_the_first_is_its_own_deed() {
    let key = "AKIABACKDOOR00EXAMPL";
    let given = json!({"accessKey": {"accessKeyId": key}});
    let back = iam(
        "back",
        user("backdoor", key),
        "CreateAccessKey",
        "alice",
        Value::Null,
    );
    let lake = Lake::new().file(
        "a.ndjson",
        [
            iam("make", alice(), "CreateAccessKey", "backdoor", given).to_string(),
            back.to_string(),
        ]
        .join("\n"),
    );
    investigate(&lake, &["logs", "-o", "case", "--user", "alice"]);
    let found = events(&lake.beside("case"));
    assert!(
        found.contains(&("back".to_owned(), "by_made".to_owned(), 1)),
        "{found:?}"
    );
}

#[test]
fn each_user_has_the_times_of_its_own_quarantines() {
    let at = |record: Value, day: &str| record.to_string().replace("2024-05-01", day);
    let quarantine = |id: &str, name: &str, day: &str| {
        attach(id).replace("alice", name).replace("2024-05-01", day)
    };
    let bob = || user("bob", "AKIABOB0000000EXAMPL");
    let lake = Lake::new().file(
        "a.ndjson",
        [
            quarantine("q-alice", "alice", "2020-05-01"),
            quarantine("q-bob", "bob", "2024-05-01"),
            at(read("alice-then", alice()), "2020-05-02"),
            at(read("alice-late", alice()), "2024-05-02"),
            at(read("bob-early", bob()), "2020-05-02"),
            at(read("bob-then", bob()), "2024-05-02"),
        ]
        .join("\n"),
    );
    case(&lake, &[]);
    assert_eq!(
        ids(&lake.beside("case")),
        named(&["q-alice", "q-bob", "alice-then", "bob-then"])
    );
}

#[test]
fn a_pipe_and_events_beside_alerts_are_no_beginning() {
    let lake = planted(&|_| ());
    let related = [
        "hunt",
        "--quiet",
        "logs",
        "-o",
        "alerts.parquet",
        "--related",
        "related.parquet",
    ];
    assert!(
        Command::new(TRAILSIFT)
            .current_dir(lake.beside(""))
            .args(related)
            .status()
            .unwrap()
            .success()
    );
    let output = investigate(&lake, &["related.parquet", "logs", "-o", "case"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("it holds no alerts"));
    let output = investigate(&lake, &["alerts.parquet", "/dev/null", "-o", "case"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("a pipe can be read once"));
}

#[test]
fn a_name_that_turns_out_to_lie_has_all_files_read_again() {
    let at = |record: Value, day: &str| record.to_string().replace("2024-05-01", day);
    let named = |day: &str| format!("{ACCOUNT}_CloudTrail_us-east-1_{day}T0000Z_x.json");
    let (first, second) = ("ASIAFIRST00000EXAMPL", "ASIASECOND0000EXAMPL");
    let ops = |key: &str| session(OTHER, "ops", key);
    let quarantine = attach("quarantine").replace("2024-05-01", "2024-05-15");
    let onward = [
        at(assume("one", alice(), (OTHER, "ops"), first), "2024-05-05"),
        at(
            assume("two", ops(first), (OTHER, "ops"), second),
            "2024-05-06",
        ),
    ];
    let lake = Lake::new()
        .file("quarantine.json", quarantine)
        .file("onward.json", onward.join("\n"))
        // Passed over by its name, until the other one shows that names say nothing.
        .file(
            &named("20240502"),
            at(read("early-name", ops(second)), "2024-05-20"),
        )
        .file(
            &named("20240507"),
            at(read("late-name", ops(second)), "2024-05-21"),
        );
    case(&lake, &[]);
    let found = ids(&lake.beside("case"));
    assert!(
        found.contains("late-name") && found.contains("early-name"),
        "{found:?}"
    );
}

/// Runs an investigation that must end with this code, and returns what it says, without line breaks.
fn ends(lake: &Lake, args: &[&str], code: i32) -> String {
    let output = investigate(lake, args);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(code), "{args:?}: {said}");
    said.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn a_user_that_no_event_names_is_reported_with_names_that_are_near() {
    let lake = planted(&|_| ());
    for (begin, said) in [
        (
            ["--user", "Alise"],
            "no event names user Alise; names in the archive that are near: alice",
        ),
        (
            ["--user", "111122223333/ALICE"],
            "no event names user ALICE in account 111122223333; names in the archive that are near: alice",
        ),
        (
            ["--access-key", "ASIAFIRST00000EXAMPX"],
            "no event names access key ASIAFIRST00000EXAMPX; names in the archive that are near: ASIAFIRST00000EXAMPL",
        ),
        (
            ["--user", "nosuchuser"],
            "no event names user nosuchuser; no name in the archive is near it",
        ),
    ] {
        let found = ends(&lake, &[&["logs", "-o", "case"], &begin[..]].concat(), 3);
        assert!(found.contains(said), "{found}");
        assert!(!lake.beside("case").try_exists().unwrap());
    }
    // Beside a user with events it is said, and the case is written.
    let both = [
        "logs",
        "-o",
        "case",
        "--user",
        "alice",
        "--user",
        "nosuchuser",
    ];
    assert!(ends(&lake, &both, 3).contains("no event names user nosuchuser"));
    let case = fs::read(lake.beside("case/case.json")).unwrap();
    let case: Value = serde_json::from_slice(&case).unwrap();
    assert_eq!(case["unseen"][0]["name"], "nosuchuser");
    assert_eq!(case["complete"], false);
}

/// Two users that were quarantined, and their alerts in three formats.
fn of_two() -> Lake {
    let quarantine = |id: &str, name: &str| {
        let text = attach(id).replace("alice", name);
        serde_json::from_str::<Value>(&text).unwrap()
    };
    let records = [quarantine("a", "alice"), quarantine("b", "bob's")];
    let lake = Lake::new().file("a.json", json!({"Records": records}).to_string());
    for name in ["alerts.parquet", "alerts.ndjson", "alerts.csv"] {
        let mut command = Command::new(TRAILSIFT);
        command.args(["hunt", "--quiet", "logs", "-o", name]);
        assert!(
            command
                .current_dir(lake.beside(""))
                .status()
                .unwrap()
                .success()
        );
    }
    lake
}

#[test]
fn a_user_beside_alerts_selects_among_them() {
    let lake = of_two();
    for (alerts, user, expected) in [
        ("alerts.parquet", "alice", "a"),
        ("alerts.ndjson", "bob's", "b"),
        ("alerts.parquet", "111122223333/alice", "a"),
    ] {
        fs::remove_dir_all(lake.beside("case")).ok();
        succeeds(&lake, &[alerts, "logs", "-o", "case", "--user", user]);
        assert_eq!(ids(&lake.beside("case")), named(&[expected]), "{user}");
    }
    let none = ["alerts.parquet", "logs", "-o", "other", "--user", "carol"];
    let said = ends(&lake, &none, 1);
    assert!(
        said.contains("no alert is of user carol; the alerts are of alice, bob's"),
        "{said}"
    );
}

#[test]
fn alerts_of_other_rules_begin_no_case() {
    let lake = of_two();
    let query = r#"any where event.provider == "iam.amazonaws.com""#;
    let hunt = |output: &str, query: &str| {
        let mut command = Command::new(TRAILSIFT);
        command.args(["hunt", "--quiet", "logs", "-o", output, "--query", query]);
        let status = command.current_dir(lake.beside("")).status();
        assert!(status.unwrap().success());
    };
    // The events of a quarantine begin a case, whatever the rule.
    hunt("own.parquet", query);
    succeeds(&lake, &["own.parquet", "logs", "-o", "case"]);
    assert_eq!(ids(&lake.beside("case")), named(&["a", "b"]));
    let text = fs::read(lake.beside("logs/a.json")).unwrap();
    let text = String::from_utf8(text).unwrap();
    let other = text.replace("AWSCompromisedKeyQuarantine", "SomePolicyOfOurs");
    fs::write(lake.beside("logs/a.json"), other).unwrap();
    for output in ["others.parquet", "others.csv", "others.ndjson"] {
        hunt(output, query);
        let said = ends(&lake, &[output, "logs", "-o", "none"], 0);
        let expected = "no alert is of a quarantine, 2 are of other rules";
        assert!(said.contains(expected), "{output}: {said}");
        assert!(!lake.beside("none").try_exists().unwrap());
    }
}

#[test]
fn alerts_that_are_not_first_are_explained() {
    let lake = of_two();
    for (args, said) in [
        (
            ["logs", "alerts.parquet"],
            "logs: it is not a file of alerts, but alerts.parquet is",
        ),
        (
            ["logs", "alerts.ndjson"],
            "but alerts.ndjson is: name the alerts first",
        ),
        (
            ["logs", "logs"],
            "logs: it is a folder, and not one of alerts alone; name the alerts of a hunt before it",
        ),
    ] {
        let found = ends(&lake, &[&args[..], &["-o", "case"]].concat(), 2);
        assert!(found.contains(said), "{found}");
    }
}

#[test]
fn a_case_begins_with_alerts_in_each_form_and_in_a_folder_of_them() {
    let lake = of_two();
    let folder = |name: &str, files: &[(&str, &str)]| {
        for (from, to) in files {
            let to = lake.beside(name).join(to);
            fs::create_dir_all(to.parent().unwrap()).unwrap();
            fs::copy(lake.beside(from), to).unwrap();
        }
    };
    folder(
        "one",
        &[
            ("alerts.parquet", "alerts-20240501-0.parquet"),
            ("logs/a.json", "_SUCCESS"),
        ],
    );
    folder(
        "days",
        &[
            ("alerts.ndjson", "event_date=2024-05-01/a.ndjson"),
            ("alerts.csv", "event_date=2024-05-02/b.csv"),
        ],
    );
    for alerts in [
        "alerts.parquet",
        "alerts.ndjson",
        "alerts.csv",
        "one",
        "days",
    ] {
        case_from(&lake, &[alerts, "logs", "--quiet", "-o", "case"]);
        assert_eq!(ids(&lake.beside("case")), named(&["a", "b"]), "{alerts}");
        case_from(
            &lake,
            &[alerts, "--user", "alice", "logs", "--quiet", "-o", "case"],
        );
        assert_eq!(ids(&lake.beside("case")), named(&["a"]), "{alerts}");
    }
    // A folder with anything else is no folder of alerts.
    folder(
        "mixed",
        &[("alerts.parquet", "a.parquet"), ("logs/a.json", "b.json")],
    );
    let said = ends(&lake, &["mixed", "logs", "-o", "case"], 2);
    assert!(
        said.contains("mixed: it is a folder, and not one of alerts alone"),
        "{said}"
    );
    fs::write(
        lake.beside("days/event_date=2024-05-02/c.csv"),
        bad_time(&lake),
    )
    .unwrap();
    let said = ends(&lake, &["days", "logs", "-o", "case"], 1);
    assert!(
        said.contains("c.csv: row 2: event_time: \"soon\" is no time"),
        "{said}"
    );
}

/// Returns alerts as CSV with a time that is none.
fn bad_time(lake: &Lake) -> String {
    let text = fs::read(lake.beside("alerts.csv")).unwrap();
    let text = String::from_utf8(text).unwrap();
    let mut lines = text.lines();
    let place = lines
        .next()
        .unwrap()
        .split(',')
        .position(|name| name == "event_time");
    let row: Vec<&str> = lines.next().unwrap().split(',').collect();
    text.replace(row[place.unwrap()], "soon")
}

/// Runs an investigation that must succeed, in place of an earlier one.
fn case_from(lake: &Lake, args: &[&str]) {
    fs::remove_dir_all(lake.beside("case")).ok();
    let output = investigate(lake, args);
    assert!(output.status.success(), "{args:?}: {output:?}");
}

#[test]
fn the_first_line_at_the_end_is_the_verdict_and_the_second_is_the_page() {
    let lake = planted(&|_| ());
    let output = case(&lake, &[]);
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(
        said.starts_with("verdict     alice in 111122223333: "),
        "{said}"
    );
    let mut lines = said
        .lines()
        .skip_while(|line| line.starts_with("verdict") || line.starts_with("   "));
    assert_eq!(lines.next(), Some("page        case/report.html"), "{said}");
    assert!(
        said.lines().all(|line| line.chars().count() <= 80),
        "{said}"
    );
    assert!(!said.contains("round"), "{said}");
}

#[test]
fn the_last_line_of_a_hunt_is_the_command_that_investigates_its_alerts() {
    let lake = of_two();
    fs::rename(lake.logs(), lake.beside("the 'logs'")).unwrap();
    let last_line = |args: &[&str]| {
        let mut command = Command::new(TRAILSIFT);
        command.current_dir(lake.beside("")).arg("hunt").args(args);
        let output = command.output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        said.lines().last().unwrap_or_default().to_owned()
    };
    for (output, begins) in [
        (
            "alerts.parquet",
            "investigate trailsift investigate --output case alerts.parquet '",
        ),
        (
            "alerts.csv",
            "investigate trailsift investigate --output case alerts.csv '",
        ),
        (
            "alerts/",
            "investigate trailsift investigate --output case alerts/alerts-",
        ),
        (
            "-",
            r"investigate trailsift investigate --output case --user 111122223333/alice --user '111122223333/bob'\''s' '",
        ),
    ] {
        fs::remove_dir_all(lake.beside("case")).ok();
        let line = last_line(&["the 'logs'", "-o", output]);
        assert!(line.starts_with(begins), "{line}");
        // A shell runs it as it is.
        let command = line.strip_prefix("investigate trailsift").unwrap();
        let status = Command::new("sh")
            .args(["-c", &format!("{TRAILSIFT} {command} --quiet")])
            .current_dir(lake.beside(""))
            .status();
        assert!(status.unwrap().success(), "{line}");
        assert_eq!(ids(&lake.beside("case")), named(&["a", "b"]));
    }
    // That folder is there now.
    let line = last_line(&["the 'logs'", "-o", "alerts.parquet"]);
    assert!(line.contains("--output case-2 "), "{line}");
    // Without alerts there is nothing to investigate.
    fs::create_dir(lake.beside("none")).unwrap();
    let line = last_line(&["none", "--allow-empty", "-o", "none.parquet"]);
    assert!(!line.contains("investigate"), "{line}");
}
