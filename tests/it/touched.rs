//! What the calls of a case touched, in its files and on its page.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::process::Command;

use arrow_array::Array as _;
use arrow_array::cast::AsArray as _;
use serde_json::{Value, json};

use crate::investigate::{alice, case, read, record, succeeds, table};
use crate::lake::{Lake, TRAILSIFT, attach};
use crate::shared;

/// The elements of a list column for each event of a case, by the event's id: the values of these fields, with spaces
/// between them.
fn lists(case: &Path, column: &str, fields: &[&str]) -> BTreeMap<String, Vec<String>> {
    let mut lists = BTreeMap::new();
    for batch in table(case, "events") {
        let ids = batch.column_by_name("event_id").unwrap().as_string::<i32>();
        let column = batch.column_by_name(column).unwrap().as_list::<i32>();
        for row in 0..batch.num_rows() {
            let list = column.value(row);
            let list = list.as_struct();
            let text = |field: &&str, at: usize| {
                let column = list.column_by_name(field).unwrap().as_string::<i32>();
                column.is_valid(at).then(|| column.value(at).to_owned())
            };
            let line = |at: usize| {
                let texts = fields.iter().filter_map(|field| text(field, at));
                texts.collect::<Vec<_>>().join(" ")
            };
            lists.insert(
                ids.value(row).to_owned(),
                (0..list.len()).map(line).collect(),
            );
        }
    }
    lists
}

/// Detonations of attacks: the call that is the attack, the role and kind of what it touches, and where the record has
/// its name.
const TOUCHED: [(&str, &str, &str, &str); 47] = [
    (
        "credential-access.ec2-get-password-data",
        "GetPasswordData",
        "on instance",
        "instanceId",
    ),
    (
        "credential-access.ec2-steal-instance-credentials",
        "SendCommand",
        "on instance",
        "instanceIds/0",
    ),
    (
        "credential-access.ec2-steal-instance-credentials",
        "SendCommand",
        "with document",
        "documentName",
    ),
    (
        "credential-access.secretsmanager-batch-retrieve-secrets",
        "BatchGetSecretValue",
        "on filter",
        "filters/0/values/0",
    ),
    (
        "credential-access.secretsmanager-retrieve-secrets",
        "GetSecretValue",
        "on secret",
        "secretId",
    ),
    (
        "credential-access.ssm-retrieve-securestring-parameters",
        "GetParameters",
        "on parameter",
        "names/0",
    ),
    (
        "defense-evasion.cloudtrail-delete",
        "DeleteTrail",
        "on trail",
        "name",
    ),
    (
        "defense-evasion.cloudtrail-event-selectors",
        "PutEventSelectors",
        "on trail",
        "trailName",
    ),
    (
        "defense-evasion.cloudtrail-stop",
        "StopLogging",
        "on trail",
        "name",
    ),
    (
        "defense-evasion.dns-delete-logs",
        "DeleteResolverQueryLogConfig",
        "on resolver_query_log_config",
        "resolverQueryLogConfigId",
    ),
    (
        "defense-evasion.organizations-leave",
        "LeaveOrganization",
        "on account",
        "",
    ),
    (
        "defense-evasion.vpc-remove-flow-logs",
        "DeleteFlowLogs",
        "on flow_log",
        "DeleteFlowLogsRequest/FlowLogId/content",
    ),
    (
        "discovery.ec2-download-user-data",
        "DescribeInstanceAttribute",
        "on instance",
        "instanceId",
    ),
    (
        "execution.ec2-launch-unusual-instances",
        "RunInstances",
        "with image",
        "instancesSet/items/0/imageId",
    ),
    (
        "execution.ec2-launch-unusual-instances",
        "RunInstances",
        "with instance_type",
        "instanceType",
    ),
    (
        "execution.ec2-user-data",
        "ModifyInstanceAttribute",
        "on instance",
        "instanceId",
    ),
    (
        "execution.ec2-user-data",
        "StopInstances",
        "on instance",
        "instancesSet/items/0/instanceId",
    ),
    (
        "execution.ssm-send-command",
        "SendCommand",
        "on instance",
        "instanceIds/1",
    ),
    (
        "execution.ssm-start-session",
        "StartSession",
        "on instance",
        "target",
    ),
    (
        "exfiltration.ec2-security-group-open-port-22-ingress",
        "AuthorizeSecurityGroupIngress",
        "on security_group",
        "groupId",
    ),
    (
        "exfiltration.ec2-security-group-open-port-22-ingress",
        "AuthorizeSecurityGroupIngress",
        "with address_range",
        "cidrIp",
    ),
    (
        "exfiltration.ec2-share-ami",
        "ModifyImageAttribute",
        "on image",
        "imageId",
    ),
    (
        "exfiltration.ec2-share-ami",
        "ModifyImageAttribute",
        "with account",
        "launchPermission/add/items/0/userId",
    ),
    (
        "exfiltration.ec2-share-ebs-snapshot",
        "ModifySnapshotAttribute",
        "on snapshot",
        "snapshotId",
    ),
    (
        "exfiltration.ec2-share-ebs-snapshot",
        "ModifySnapshotAttribute",
        "with account",
        "createVolumePermission/add/items/0/userId",
    ),
    (
        "exfiltration.rds-share-snapshot",
        "ModifyDBSnapshotAttribute",
        "on db_snapshot",
        "dBSnapshotIdentifier",
    ),
    (
        "exfiltration.rds-share-snapshot",
        "ModifyDBSnapshotAttribute",
        "with account",
        "valuesToAdd/0",
    ),
    (
        "impact.bedrock-invoke-model",
        "InvokeModel",
        "on model",
        "modelId",
    ),
    (
        "initial-access.console-login-without-mfa",
        "ConsoleLogin",
        "on account",
        "",
    ),
    (
        "lateral-movement.ec2-instance-connect",
        "SendSSHPublicKey",
        "on instance",
        "instanceId",
    ),
    (
        "lateral-movement.ec2-serial-console-send-ssh-public-key",
        "SendSerialConsoleSSHPublicKey",
        "on instance",
        "instanceId",
    ),
    (
        "lateral-movement.ec2-serial-console-send-ssh-public-key",
        "EnableSerialConsoleAccess",
        "on account",
        "",
    ),
    (
        "persistence.iam-backdoor-role",
        "UpdateAssumeRolePolicy",
        "on role",
        "roleName",
    ),
    (
        "persistence.iam-backdoor-user",
        "CreateAccessKey",
        "on user",
        "userName",
    ),
    (
        "persistence.iam-create-admin-user",
        "CreateUser",
        "made user",
        "userName",
    ),
    (
        "persistence.iam-create-admin-user",
        "AttachUserPolicy",
        "on user",
        "userName",
    ),
    (
        "persistence.iam-create-admin-user",
        "AttachUserPolicy",
        "with policy",
        "policyArn",
    ),
    (
        "persistence.iam-create-backdoor-role",
        "CreateRole",
        "made role",
        "roleName",
    ),
    (
        "persistence.iam-create-user-login-profile",
        "CreateLoginProfile",
        "on user",
        "userName",
    ),
    (
        "persistence.lambda-backdoor-function",
        "AddPermission20150331v2",
        "on function",
        "functionName",
    ),
    (
        "persistence.lambda-layer-extension",
        "UpdateFunctionConfiguration20150331v2",
        "on function",
        "functionName",
    ),
    (
        "persistence.lambda-layer-extension",
        "UpdateFunctionConfiguration20150331v2",
        "with function_layer",
        "layers/0",
    ),
    (
        "persistence.lambda-overwrite-code",
        "UpdateFunctionCode20150331v2",
        "on function",
        "functionName",
    ),
    (
        "persistence.rolesanywhere-create-trust-anchor",
        "CreateTrustAnchor",
        "made trust_anchor",
        "name",
    ),
    (
        "persistence.rolesanywhere-create-trust-anchor",
        "CreateProfile",
        "with role",
        "roleArns/0",
    ),
    (
        "persistence.sts-federation-token",
        "GetFederationToken",
        "on federated_user",
        "name",
    ),
    (
        "privilege-escalation.iam-update-user-login-profile",
        "UpdateLoginProfile",
        "on user",
        "userName",
    ),
];

/// The name that a record has at a place of its request, or the account if the place is empty.
fn name_at<'r>(record: &'r Value, place: &str) -> &'r str {
    let name = match place {
        "" => record.get("recipientAccountId"),
        place => record["requestParameters"].pointer(&format!("/{place}")),
    };
    name.and_then(Value::as_str)
        .unwrap_or_else(|| panic!("{place}: {record}"))
}

#[test]
fn the_attack_of_each_detonation_has_its_target() {
    let Some(logs) = shared::folder("corpora/DataDog__stratus-red-team/docs/detonation-logs")
    else {
        return;
    };
    let mut left: BTreeSet<(&str, &str, &str)> = TOUCHED
        .iter()
        .map(|(name, call, kind, _)| (*name, *call, *kind))
        .collect();
    let mut names = BTreeSet::new();
    for entry in fs::read_dir(logs).unwrap() {
        let file = entry.unwrap().path();
        let name = file.file_stem().unwrap().to_str().unwrap().to_owned();
        let records: Vec<Value> = serde_json::from_slice(&fs::read(&file).unwrap()).unwrap();
        let mut identities = records.iter().map(|record| &record["userIdentity"]);
        let begin = match identities.find(|user| user["type"] == "IAMUser") {
            Some(user) => ["--arn", user["arn"].as_str().unwrap()],
            None => [
                "--access-key",
                records[0]["userIdentity"]["accessKeyId"].as_str().unwrap(),
            ],
        };
        let lake = Lake::new();
        succeeds(
            &lake,
            &[&begin[..], &[file.to_str().unwrap(), "-o", "case"]].concat(),
        );
        let found = lists(&lake.beside("case"), "targets", &["role", "kind", "name"]);
        for record in &records {
            let id = record["eventID"].as_str().unwrap();
            let is_it = |call: &str| record["eventName"] == call;
            let of_call = TOUCHED
                .iter()
                .filter(|(of, call, ..)| name.strip_prefix("aws.") == Some(*of) && is_it(call));
            for (of, call, kind, place) in of_call {
                let expected = name_at(record, place);
                // Of an ARN the last part is the name.
                let is_named = found[id].iter().any(|line| {
                    let found = line.strip_prefix(kind).map(str::trim_start);
                    found.is_some_and(|found| found.len() > 2 && expected.ends_with(found))
                });
                assert!(
                    is_named,
                    "{name} {call}: {kind} {expected}: {:?}",
                    found[id]
                );
                left.remove(&(of, call, kind));
            }
        }
        names.insert(name);
    }
    assert!(left.is_empty(), "{left:?}");
    assert_eq!(names.len(), 35);
    let is_listed = |name: &String| {
        TOUCHED
            .iter()
            .any(|(of, ..)| name.strip_prefix("aws.") == Some(*of))
    };
    assert!(names.iter().all(is_listed), "{names:?}");
}

/// A call of alice, with its request and its response.
fn of_alice(id: &str, call: (&str, &str), request: Value, answer: Value) -> String {
    record(id, alice(), call, request, answer).to_string()
}

/// A log in which alice reads a secret, gets a policy, makes a snapshot, and is refused a bucket.
fn lake() -> Lake {
    let policy = "arn:aws:iam::aws:policy/AdministratorAccess";
    let mut refused = record(
        "refused",
        alice(),
        ("s3", "GetObject"),
        json!({"bucketName": "payroll", "key": "2024/may.csv"}),
        Value::Null,
    );
    refused["errorCode"] = json!("AccessDenied");
    let events = [
        of_alice(
            "secret",
            ("secretsmanager", "GetSecretValue"),
            json!({"secretId": "prod/db"}),
            Value::Null,
        ),
        of_alice(
            "policy",
            ("iam", "AttachUserPolicy"),
            json!({"userName": "alice", "policyArn": policy}),
            Value::Null,
        ),
        of_alice(
            "snapshot",
            ("ec2", "CreateSnapshot"),
            json!({"volumeId": "vol-0123456789abcdef0"}),
            json!({"snapshotId": "snap-0123456789abcdef0"}),
        ),
        refused.to_string(),
        read("nothing", alice()).to_string(),
    ];
    Lake::new().file("a.ndjson", events.join("\n"))
}

#[test]
fn the_files_of_a_case_carry_what_each_call_touched() {
    let lake = lake();
    succeeds(&lake, &["logs", "-o", "case", "--user", "alice"]);
    let folder = lake.beside("case");
    let targets = lists(&folder, "targets", &["role", "kind", "name", "data"]);
    assert_eq!(targets["secret"], ["on secret prod/db secret"]);
    assert_eq!(
        targets["policy"],
        [
            "on user alice",
            "with policy arn:aws:iam::aws:policy/AdministratorAccess"
        ]
    );
    assert_eq!(
        targets["snapshot"],
        [
            "on volume vol-0123456789abcdef0 disk",
            "made snapshot snap-0123456789abcdef0 disk"
        ]
    );
    assert_eq!(targets["refused"], ["on object payroll/2024/may.csv"]);
    assert!(targets["nothing"].is_empty());
    let acted_on = lists(&folder, "acted_on", &["kind", "account_id", "name"]);
    assert_eq!(acted_on["secret"], ["secret 111122223333 prod/db"]);
    assert_eq!(
        acted_on["policy"],
        [
            "user 111122223333 alice",
            "policy  arn:aws:iam::aws:policy/AdministratorAccess"
        ]
    );
    let made = lists(&folder, "made", &["kind", "name"]);
    assert_eq!(made["snapshot"], ["snapshot snap-0123456789abcdef0"]);
}

/// The lines of a file of a case.
fn lines(lake: &Lake, name: &str) -> Vec<Value> {
    let text = String::from_utf8(fs::read(lake.beside("case").join(name)).unwrap()).unwrap();
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

#[test]
fn timelines_and_documents_name_the_target() {
    let lake = lake();
    succeeds(&lake, &["logs", "-o", "case", "--user", "alice"]);
    let timeline = lines(&lake, "timeline.jsonl");
    let of = |id: &str| timeline.iter().find(|line| line["event_id"] == id).unwrap();
    assert_eq!(
        of("policy")["target"],
        "user alice, with policy AdministratorAccess"
    );
    assert!(of("nothing")["target"].is_null());
    let who = "arn:aws:iam::111122223333:user/alice";
    assert_eq!(
        of("secret")["message"],
        format!("{who} called GetSecretValue on secret prod/db from 203.0.113.7")
    );
    assert_eq!(
        of("refused")["message"],
        format!(
            "{who} was refused GetObject (AccessDenied) on object payroll/2024/may.csv from 203.0.113.7"
        )
    );
    let documents = lines(&lake, "elastic.ndjson");
    let mut documents = documents.iter();
    let secret = documents.find(|line| line["event"]["action"] == "GetSecretValue");
    let own = &secret.unwrap()["trailsift"];
    assert_eq!(own["target"], "secret prod/db");
    let expected = json!([
        {"role": "on", "kind": "secret", "account_id": "111122223333", "name": "prod/db", "data": "secret"}
    ]);
    assert_eq!(own["targets"], expected);
}

/// A file of a case as text.
fn text(lake: &Lake, name: &str) -> String {
    String::from_utf8(fs::read(lake.beside("case").join(name)).unwrap()).unwrap()
}

#[test]
fn a_page_has_the_targets_also_when_it_is_made_again() {
    let lake = lake();
    succeeds(&lake, &["logs", "-o", "case", "--user", "alice"]);
    let first = text(&lake, "report.html");
    for target in [
        "secret prod/db",
        "user alice, with policy AdministratorAccess",
        "volume vol-0123456789abcdef0",
    ] {
        assert!(first.contains(target), "{target}");
    }
    fs::remove_file(lake.beside("case/report.html")).unwrap();
    let mut command = Command::new(TRAILSIFT);
    let status = command
        .current_dir(lake.beside(""))
        .args(["report", "case"])
        .status();
    assert!(status.unwrap().success());
    assert_eq!(text(&lake, "report.html"), first);
}

#[test]
fn a_page_counts_the_users_own_calls_and_undated_ones_apart() {
    let at = |id: &str, time: &str| {
        let mut event = read(id, alice());
        event["eventTime"] = json!(time);
        event
    };
    let mut by_aws = record(
        "by-aws",
        alice(),
        ("iam", "PutUserPolicy"),
        json!({"userName": "alice", "policyName": "x"}),
        Value::Null,
    );
    by_aws["userIdentity"]["invokedBy"] = json!("AWS Internal");
    let events = [
        attach("quarantine"),
        at("before", "2024-05-01T11:00:00Z").to_string(),
        at("after", "2024-05-01T13:00:00Z").to_string(),
        at("after-2", "2024-05-01T13:01:00Z").to_string(),
        at("undated", "soon").to_string(),
        by_aws.to_string(),
    ];
    // The quarantine was made with another key than alice's.
    let own = events
        .iter()
        .skip(1)
        .map(|event| event.replace("AKIAIOSFODNN7EXAMPLE", "AKIAEXAMPLE2ALICE000"));
    let lines: Vec<String> = events.iter().take(1).cloned().chain(own).collect();
    let lake = Lake::new().file("a.ndjson", lines.join("\n"));
    case(&lake, &[]);
    let page = text(&lake, "report.html");
    let expected = "this archive has 1 call (none refused, from 1 address) with alice's keys, and with the sessions, keys \
        and users that came from them; after it, 2 calls (none refused, from 1 address); and at times that cannot be \
        read, 1 call (none refused, from 1 address).";
    let page = page.replace("&#39;", "'");
    let words = page.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(words.contains(expected), "{words}");
    assert!(
        page.contains("0 folders were skipped because of their days."),
        "{words}"
    );
    assert!(
        page.contains("1 event has no time that can be read"),
        "{words}"
    );
}
