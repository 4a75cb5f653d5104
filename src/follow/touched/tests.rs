use super::*;
use crate::event::Record;
use crate::event::json::Value;
use crate::follow::Data;

/// Returns what a record's call touched.
fn of_record(record: &serde_json::Value) -> Touched {
    let mut bytes = record.to_string().into_bytes();
    let tape = simd_json::to_tape(&mut bytes).unwrap();
    let event = Event::recognise(Record::new(Value::of(&tape))).unwrap();
    let touched = touched(&event);
    // Each test is one of the shorter way too.
    let first = |role| touched.with_role(role).next();
    let main = first(TargetRole::On).or_else(|| first(TargetRole::Made));
    assert_eq!(
        main_name(&event),
        main.map(|one| one.name.clone()),
        "{record}"
    );
    touched
}

fn record(call: &str, request: &str, answer: &str) -> serde_json::Value {
    let (service, call) = call.split_once(' ').unwrap();
    let parse = |text: &str| serde_json::from_str::<serde_json::Value>(text).unwrap();
    serde_json::json!({
        "eventVersion": "1.09", "eventSource": format!("{service}.amazonaws.com"), "eventName": call,
        "recipientAccountId": "111122223333", "requestParameters": parse(request), "responseElements": parse(answer),
    })
}

/// Returns each thing as `role kind name`.
fn in_lines(touched: &Touched) -> Vec<String> {
    let lines = touched.targets.iter();
    let lines = lines.map(|one| format!("{} {} {}", one.role.name(), one.kind, one.name));
    lines.collect()
}

pub(super) fn of_call(call: &str, request: &str, answer: &str) -> Vec<String> {
    in_lines(&of_record(&record(call, request, answer)))
}

/// A call that names nothing there.
const NONE: &str = "null";

/// A call, its request, its response, and the things that it touched.
type Call = (
    &'static str,
    &'static str,
    &'static str,
    &'static [&'static str],
);

const CALLS: &[Call] = &[
    (
        "secretsmanager GetSecretValue",
        r#"{"secretId":"prod/db"}"#,
        NONE,
        &["on secret prod/db"],
    ),
    (
        "secretsmanager GetSecretValue",
        r#"{"secretId":"arn:aws:secretsmanager:eu-west-1:444455556666:secret:prod/db-a1b2c3"}"#,
        NONE,
        &["on secret prod/db-a1b2c3"],
    ),
    (
        "s3 GetBucketPolicy",
        r#"{"bucketName":"b","policy":""}"#,
        NONE,
        &["on bucket b"],
    ),
    (
        "s3 GetObject",
        r#"{"bucketName":"b","key":"a/k"}"#,
        NONE,
        &["on object b/a/k"],
    ),
    (
        "s3 CreateBucket",
        r#"{"bucketName":"b"}"#,
        NONE,
        &["made bucket b"],
    ),
    (
        "s3 CopyObject",
        r#"{"key":"k","x-amz-copy-source":"/from/a","bucketName":"b"}"#,
        NONE,
        &["on object b/k", "on object from/a"],
    ),
    (
        "s3 PutBucketReplication",
        r#"{"bucketName":"b","ReplicationConfiguration":{"Role":"arn:aws:iam::111122223333:role/r","Rule":{"Destination":{"Bucket":"arn:aws:s3:::out","Account":"444455556666"}}}}"#,
        NONE,
        &[
            "on bucket b",
            "with role r",
            "with bucket out",
            "with account 444455556666",
        ],
    ),
    (
        "iam AttachUserPolicy",
        r#"{"userName":"alice","policyArn":"arn:aws:iam::aws:policy/AdministratorAccess"}"#,
        NONE,
        &[
            "on user alice",
            "with policy arn:aws:iam::aws:policy/AdministratorAccess",
        ],
    ),
    (
        "iam PutUserPolicy",
        r#"{"userName":"alice","policyName":"all","policyDocument":"{\"Statement\":[]}"}"#,
        NONE,
        &["on user alice", "with inline_policy all"],
    ),
    (
        "iam AddUserToGroup",
        r#"{"userName":"alice","groupName":"admins"}"#,
        NONE,
        &["on user alice", "with group admins"],
    ),
    (
        "iam CreateAccessKey",
        r#"{"userName":"alice"}"#,
        r#"{"accessKey":{"accessKeyId":"AKIAIOSFODNN7EXAMPLE","userName":"alice"}}"#,
        &["on user alice", "made access_key AKIAIOSFODNN7EXAMPLE"],
    ),
    (
        "sts AssumeRole",
        r#"{"roleArn":"arn:aws:iam::444455556666:role/ops","roleSessionName":"s"}"#,
        NONE,
        &["on role ops", "with session_name s"],
    ),
    (
        "ec2 RunInstances",
        r#"{"instancesSet":{"items":[{"imageId":"ami-1","keyName":"k"}]},"instanceType":"p4d.24xlarge","iamInstanceProfile":{"name":"p"},"userData":"<sensitiveDataRemoved>"}"#,
        r#"{"instancesSet":{"items":[{"instanceId":"i-0123456789abcdef0"},{"instanceId":"i-0123456789abcdef1"}]}}"#,
        &[
            "with image ami-1",
            "with key_pair k",
            "with instance_type p4d.24xlarge",
            "with instance_profile p",
            "made instance i-0123456789abcdef0",
            "made instance i-0123456789abcdef1",
        ],
    ),
    (
        "ec2 ModifySnapshotAttribute",
        r#"{"snapshotId":"snap-1","createVolumePermission":{"add":{"items":[{"userId":"444455556666"}]}},"attributeType":"CREATE_VOLUME_PERMISSION"}"#,
        NONE,
        &["on snapshot snap-1", "with account 444455556666"],
    ),
    (
        "ec2 CreateSnapshot",
        r#"{"volumeId":"vol-1"}"#,
        r#"{"snapshotId":"snap-1","volumeId":"vol-1"}"#,
        &["on volume vol-1", "made snapshot snap-1"],
    ),
    (
        "ec2 DeleteFlowLogs",
        r#"{"DeleteFlowLogsRequest":{"FlowLogId":{"tag":1,"content":"fl-1"}}}"#,
        NONE,
        &["on flow_log fl-1"],
    ),
    (
        "ec2 AuthorizeSecurityGroupIngress",
        r#"{"groupId":"sg-1","ipPermissions":{"items":[{"ipRanges":{"items":[{"cidrIp":"0.0.0.0/0"}]}}]}}"#,
        NONE,
        &["on security_group sg-1", "with address_range 0.0.0.0/0"],
    ),
    (
        "rds ModifyDBSnapshotAttribute",
        r#"{"dBSnapshotIdentifier":"s","attributeName":"restore","valuesToAdd":["444455556666"]}"#,
        NONE,
        &["on db_snapshot s", "with account 444455556666"],
    ),
    (
        "lambda UpdateFunctionCode20150331v2",
        r#"{"functionName":"arn:aws:lambda:eu-west-1:111122223333:function:pay","fullyQualifiedArn":{"relativeId":{"functionName":"pay"}}}"#,
        NONE,
        &["on function pay"],
    ),
    (
        "lambda CreateFunction20150331",
        r#"{"functionName":"pay","role":"arn:aws:iam::111122223333:role/pay"}"#,
        NONE,
        &["made function pay", "with role pay"],
    ),
    (
        "ssm GetParameters",
        r#"{"names":["/a","/b"]}"#,
        NONE,
        &["on parameter /a", "on parameter /b"],
    ),
    (
        "ssm SendCommand",
        r#"{"documentName":"AWS-RunShellScript","instanceIds":["i-1"],"parameters":{"commands":["x"]}}"#,
        NONE,
        &["on instance i-1", "with document AWS-RunShellScript"],
    ),
    (
        "sqs ReceiveMessage",
        r#"{"queueUrl":"https://sqs.eu-west-1.amazonaws.com/444455556666/orders"}"#,
        NONE,
        &["on queue orders"],
    ),
    (
        "cloudtrail StopLogging",
        r#"{"name":"main"}"#,
        NONE,
        &["on trail main"],
    ),
    (
        "account EnableRegion",
        r#"{"RegionName":"me-south-1"}"#,
        NONE,
        &["on region me-south-1"],
    ),
    (
        "guardduty DeleteDetector",
        r#"{"detectorId":"12ab"}"#,
        NONE,
        &["on detector 12ab"],
    ),
    (
        "organizations LeaveOrganization",
        NONE,
        NONE,
        &["on account 111122223333"],
    ),
    (
        "dynamodb Scan",
        r#"{"tableName":"orders"}"#,
        NONE,
        &["on table orders"],
    ),
    (
        "bedrock InvokeModel",
        r#"{"modelId":"anthropic.claude-v2"}"#,
        NONE,
        &["on model anthropic.claude-v2"],
    ),
    (
        "eks AssociateAccessPolicy",
        r#"{"name":"c","principalArn":"arn%3Aaws%3Aiam%3A%3A111122223333%3Arole%2Fops","policyArn":"arn:aws:eks::aws:cluster-access-policy/AmazonEKSClusterAdminPolicy"}"#,
        NONE,
        &[
            "on cluster c",
            "with role ops",
            "with access_policy AmazonEKSClusterAdminPolicy",
        ],
    ),
];

#[test]
fn a_call_names_what_it_acts_on_and_with_what() {
    for (call, request, answer, expected) in CALLS {
        let mut found = of_call(call, request, answer);
        let mut expected: Vec<String> = expected.iter().map(|line| (*line).to_owned()).collect();
        found.sort();
        expected.sort();
        assert_eq!(found, expected, "{call}");
    }
}

#[test]
fn a_service_that_is_not_in_the_table_names_things_all_the_same() {
    let none = "null";
    for (call, request, expected) in [
        (
            "newservice DeleteBox",
            r#"{"boxId":"b-1"}"#,
            &["on box b-1"][..],
        ),
        (
            "newservice CreateBox",
            r#"{"boxName":"b","roleArn":"arn:aws:iam::111122223333:role/r"}"#,
            &["with role r", "made box b"],
        ),
        ("newservice DeleteBox", r#"{"name":"b"}"#, &["on box b"]),
        (
            "newservice TagResource",
            r#"{"resourceArn":"arn:aws:newservice:eu-west-1:111122223333:box/b","tags":{"ownerName":"x"}}"#,
            &["on box b"],
        ),
        (
            "transfer DeleteUser",
            r#"{"userName":"alice","serverId":"s-1"}"#,
            &["on transfer_user alice", "on server s-1"],
        ),
        (
            "newservice DeleteBox",
            r#"{"force":"true","clientToken":"abc","versionId":"1"}"#,
            &[],
        ),
        (
            "newservice PutBox",
            r#"{"passwordId":"x","sessionTokenName":"y","policyDocument":{"Id":"z"}}"#,
            &[],
        ),
        (
            "newservice PutBox",
            r#"{"boxName":"HIDDEN_DUE_TO_SECURITY_REASONS"}"#,
            &[],
        ),
    ] {
        let mut found = of_call(call, request, none);
        found.sort();
        let mut expected = expected.to_vec();
        expected.sort_unstable();
        assert_eq!(found, expected, "{call} {request}");
    }
}

#[test]
fn resources_count_where_the_request_names_nothing() {
    let mut one = record(
        "kms Decrypt",
        r#"{"encryptionAlgorithm":"SYMMETRIC_DEFAULT"}"#,
        "null",
    );
    one["resources"] = serde_json::json!([{"ARN": "arn:aws:kms:eu-west-1:444455556666:key/12ab"}]);
    let found = of_record(&one);
    assert_eq!(in_lines(&found), ["on kms_key 12ab"]);
    assert_eq!(found.targets[0].account, "444455556666");
}

#[test]
fn a_call_that_failed_made_nothing_and_touched_no_data() {
    let request = r#"{"secretId":"a"}"#;
    let mut one = record("secretsmanager GetSecretValue", request, "null");
    assert_eq!(of_record(&one).targets[0].data, Some(Data::Secret));
    one["errorCode"] = "AccessDenied".into();
    assert_eq!(of_record(&one).targets[0].data, None);
    let mut one = record("s3 CreateBucket", r#"{"bucketName":"b"}"#, "null");
    one["errorCode"] = "AccessDenied".into();
    assert_eq!(in_lines(&of_record(&one)), ["on bucket b"]);
}

#[test]
fn what_is_much_is_bounded_and_counted() {
    let names: Vec<String> = (0..50).map(|n| format!("/p{n}")).collect();
    let request = serde_json::json!({"names": names}).to_string();
    let found = of_record(&record("ssm GetParameters", &request, "null"));
    assert_eq!((found.targets.len(), found.n_left_out), (TARGETS_MAX, 30));
    let words = in_words(&found);
    assert_eq!(
        words,
        "parameter /p0, parameter /p1, parameter /p2, and 47 more"
    );
    let long = format!(r#"{{"secretId":"{}"}}"#, "é".repeat(1000));
    let found = of_record(&record("secretsmanager GetSecretValue", &long, "null"));
    assert!(found.targets[0].name.len() <= NAME_BYTES_MAX);
    assert!(found.targets[0].name.ends_with('…'));
}

#[test]
fn the_words_say_what_was_done_with_what() {
    let request =
        r#"{"userName":"alice","policyArn":"arn:aws:iam::aws:policy/AdministratorAccess"}"#;
    let found = of_record(&record("iam AttachUserPolicy", request, "null"));
    assert_eq!(
        in_words(&found),
        "user alice, with policy AdministratorAccess"
    );
    let found = of_record(&record("s3 CreateBucket", r#"{"bucketName":"b"}"#, "null"));
    assert_eq!(in_words(&found), "made bucket b");
    assert_eq!(in_words(&Touched::default()), "");
}

#[test]
fn names_that_a_case_follows_have_the_kinds_and_accounts_of_its_entities() {
    let request = r#"{"userName":"alice","policyArn":"arn:aws:iam::aws:policy/X"}"#;
    let found = of_record(&record("iam AttachUserPolicy", request, "null"));
    let accounts: Vec<&str> = found
        .targets
        .iter()
        .map(|one| one.account.as_str())
        .collect();
    assert_eq!(accounts, ["111122223333", ""]);
}

#[test]
fn an_event_in_another_schema_names_the_same() {
    let expected = ["on snapshot snap-1", "with account 444455556666"];
    let ecs = serde_json::json!({
        "event": {"action": "ModifySnapshotAttribute", "provider": "ec2.amazonaws.com", "outcome": "success"},
        "aws": {"cloudtrail": {"request_parameters":
            "{snapshotId=snap-1, createVolumePermission={add={items=[{userId=444455556666}]}}}"}},
    });
    let data = r#"{"snapshotId":"snap-1","createVolumePermission":{"add":{"items":[{"userId":"444455556666"}]}}}"#;
    let ocsf = serde_json::json!({
        "metadata": {"product": {"name": "CloudTrail"}}, "status": "Success",
        "api": {"operation": "ModifySnapshotAttribute", "service": {"name": "ec2.amazonaws.com"}, "request": {"data": data}},
    });
    for record in [ecs, ocsf] {
        let found = of_record(&record);
        assert_eq!(in_lines(&found), expected, "{record}");
        assert_eq!(found.targets[0].data, Some(Data::Disk));
    }
}

#[test]
fn versions_of_an_api_are_no_part_of_the_name_of_a_call() {
    for (action, expected) in [
        ("GetFunction20150331v2", "GetFunction"),
        ("CreateDistribution2020_05_31", "CreateDistribution"),
        ("ListObjectsV2", "ListObjectsV2"),
        ("DescribeEC2", "DescribeEC2"),
        ("StopLogging", "StopLogging"),
        ("", ""),
    ] {
        assert_eq!(call_name(action), expected);
    }
}
