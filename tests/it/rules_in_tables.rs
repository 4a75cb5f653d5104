//! Rules over one record as JSON and as rows that programs made of it: each rule finds it in all of them, or in none.

use std::process::Command;

use crate::lake::{Lake, TRAILSIFT};

const RECORD: &str = r#"{"eventVersion":"1.09","eventTime":"2024-05-01T12:00:00Z","eventSource":"rds.amazonaws.com","eventName":"CreateDBInstance","awsRegion":"us-east-1","sourceIPAddress":"203.0.113.7","userAgent":"it's \"one\"","readOnly":false,"managementEvent":true,"eventID":"e1","userIdentity":{"type":"IAMUser","arn":"arn:aws:iam::111122223333:user/alice","accountId":"111122223333","userName":"alice","sessionContext":{"attributes":{"mfaAuthenticated":"false"}}},"requestParameters":{"publiclyAccessible":true,"dBInstanceIdentifier":"orders","kmsKeyId":null,"authType":"NONE","tags":[{"key":"it's","value":"C:\\x"}]},"responseElements":null}"#;

const HEADER: &str = "eventVersion,eventTime,eventSource,eventName,awsRegion,sourceIPAddress,userAgent,readOnly,managementEvent,eventID,userIdentity,requestParameters,responseElements\n";

/// Returns the cell of a CSV file with this text.
fn cell(text: &str) -> String {
    format!("\"{}\"", text.replace('"', "\"\""))
}

/// Returns the table that pandas writes, with these texts for false and true, and the two objects.
fn table(no: &str, yes: &str, caller: &str, request: &str) -> String {
    let agent = cell("it's \"one\"");
    let [caller, request] = [caller, request].map(cell);
    format!(
        "{HEADER}1.09,2024-05-01T12:00:00Z,rds.amazonaws.com,CreateDBInstance,us-east-1,203.0.113.7,{agent},{no},{yes},e1,{caller},{request},\n"
    )
}

fn tables() -> Vec<(&'static str, String)> {
    let json: serde_json::Value = serde_json::from_str(RECORD).unwrap();
    let (caller, request) = (
        json["userIdentity"].to_string(),
        json["requestParameters"].to_string(),
    );
    let by_python = (
        r"{'type': 'IAMUser', 'arn': 'arn:aws:iam::111122223333:user/alice', 'accountId': '111122223333', 'userName': 'alice', 'sessionContext': {'attributes': {'mfaAuthenticated': 'false'}}}",
        r#"{'publiclyAccessible': True, 'dBInstanceIdentifier': 'orders', 'kmsKeyId': None, 'authType': 'NONE', 'tags': [{'key': "it's", 'value': 'C:\\x'}]}"#,
    );
    vec![
        ("record.json", format!("{{\"Records\":[{RECORD}]}}")),
        ("json.csv", table("false", "true", &caller, &request)),
        ("flags.csv", table("False", "True", &caller, &request)),
        ("capitals.csv", table("FALSE", "TRUE", &caller, &request)),
        (
            "python.csv",
            table("False", "True", by_python.0, by_python.1),
        ),
    ]
}

/// Queries, each with whether it is true of the record.
const QUERIES: [(&str, bool); 17] = [
    (
        r#"any where aws.cloudtrail.request_parameters : "*=TRUE,*""#,
        true,
    ),
    (r#"any where event.action == "CreateDBInstance""#, true),
    (r#"any where aws.cloudtrail.read_only == false"#, true),
    (r#"any where aws.cloudtrail.read_only == true"#, false),
    (r#"any where aws.cloudtrail.management_event == true"#, true),
    (
        r#"any where user.name == "alice" and aws.cloudtrail.user_identity.arn : "*alice""#,
        true,
    ),
    (
        r#"any where stringContains(aws.cloudtrail.request_parameters, "publiclyAccessible=true")"#,
        true,
    ),
    (
        r#"any where stringContains(aws.cloudtrail.request_parameters, ", publiclyAccessible=true")"#,
        true,
    ),
    (
        r#"any where stringContains(aws.cloudtrail.request_parameters, "=true,")"#,
        true,
    ),
    (
        r#"any where aws.cloudtrail.flattened.request_parameters.tags.value == "C:\\x""#,
        true,
    ),
    (
        r#"any where aws.cloudtrail.flattened.request_parameters.tags.key == "it's""#,
        true,
    ),
    (
        r#"any where aws.cloudtrail.flattened.request_parameters.kmsKeyId != null"#,
        false,
    ),
    (
        "kql: aws.cloudtrail.flattened.request_parameters.publiclyAccessible: true",
        true,
    ),
    (
        "kql: aws.cloudtrail.flattened.request_parameters.publiclyAccessible: false",
        false,
    ),
    (
        "kql: aws.cloudtrail.read_only: false and not user.name: bob*",
        true,
    ),
    (
        "kql: aws.cloudtrail.user_identity.session_context.mfa_authenticated: false",
        true,
    ),
    (r#"any where user_agent.original == "it's \"one\"""#, true),
];

/// A text inside an object is what AWS wrote, whatever programs write for a missing cell.
const SIGMA: &str = "title: open function\nlogsource: {product: aws, service: cloudtrail}\ndetection: {a: {requestParameters.authType: NONE, userIdentity.userName: alice}, condition: a}\n";

#[test]
fn a_rule_finds_in_a_table_what_it_finds_in_json() {
    let mut lake = Lake::new();
    for (name, text) in tables() {
        lake = lake.file(name, text);
    }
    let rule = lake.beside("rule.yml");
    std::fs::write(&rule, SIGMA).unwrap();
    let rule = rule.to_str().unwrap();
    let queries = QUERIES.map(|(query, is_true)| ("--query", query, is_true));
    for (option, query, is_true) in queries.into_iter().chain([("--rules", rule, true)]) {
        for (name, _) in tables() {
            let path = lake.logs().join(name);
            let mut command = Command::new(TRAILSIFT);
            command.args(["hunt", "--format", "ndjson", "-o", "-", "--quiet"]);
            command.args([option, query]);
            let output = command.arg(&path).output().unwrap();
            let stderr = String::from_utf8(output.stderr).unwrap();
            assert_eq!(
                output.status.code(),
                Some(0),
                "{query} over {name}: {stderr}"
            );
            assert_eq!(stderr, "", "{query} over {name}");
            assert_eq!(!output.stdout.is_empty(), is_true, "{query} over {name}");
        }
    }
}

/// Returns the number of alerts of a query over one file.
fn n_alerts(name: &str, text: &str, query: &str) -> usize {
    let lake = Lake::new().file(name, text);
    let mut command = Command::new(TRAILSIFT);
    command.current_dir(lake.beside(""));
    command.args(["hunt", "--quiet", "-o", "-", "--query", query, "logs"]);
    let output = command.output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    String::from_utf8(output.stdout).unwrap().lines().count()
}

#[test]
fn an_address_in_a_table_with_names_of_elastic_is_one() {
    let header = "@timestamp,event.action,event.provider,event.outcome,event.id";
    let row = "2024-05-01T12:00:00.000Z,CreateUser,iam.amazonaws.com,success,k0";
    let both = format!("{header},source.address,source.ip\n{row},203.0.113.7,203.0.113.7\n");
    let address = format!("{header},source.ip\n{row},203.0.113.7\n");
    for table in [both, address] {
        for (query, n) in [
            (r#"any where source.ip == "203.0.113.7""#, 1),
            (r#"any where cidrMatch(source.ip, "203.0.113.0/24")"#, 1),
            (r#"any where not cidrMatch(source.ip, "203.0.113.0/24")"#, 0),
            (r#"any where source.address == "203.0.113.7""#, 1),
            (
                "kql: source.ip >= 203.0.113.0 and source.ip < 203.0.114.0",
                1,
            ),
        ] {
            assert_eq!(n_alerts("kibana.csv", &table, query), n, "{query}");
        }
    }
}

#[test]
fn a_rule_that_compares_a_time_that_cannot_be_read_is_undecided() {
    let table = "eventTime,eventSource,eventName,eventID\n05/04/2024 12:00:00,iam.amazonaws.com,CreateUser,e6\n";
    let lake = Lake::new().file("a.csv", table);
    for (condition, code) in [
        (
            r#"event.action == "CreateUser" and @timestamp >= "2024-01-01""#,
            3,
        ),
        (
            r#"event.action == "CreateUser" and not @timestamp >= "2024-01-01""#,
            3,
        ),
        (
            r#"event.action == "DeleteUser" and @timestamp >= "2024-01-01""#,
            0,
        ),
        (r#"event.action == "DeleteUser" or @timestamp == null"#, 0),
    ] {
        let query = format!("any where {condition}");
        let mut command = Command::new(TRAILSIFT);
        command.current_dir(lake.beside(""));
        let output = command
            .args(["hunt", "--quiet", "-o", "-", "--query", &query, "logs"])
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(code), "{condition}: {output:?}");
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!(stderr.contains("compares a time"), code == 3, "{stderr}");
    }
}

#[test]
fn the_session_of_a_caller_is_found_in_ocsf() {
    let document = r#"{"class_uid":3001,"metadata":{"product":{"name":"CloudTrail"},"uid":"1"},"time":1714564800000,"api":{"operation":"CreateUser","service":{"name":"iam.amazonaws.com"}},"status":"Success","src_endpoint":{"ip":"203.0.113.7","uid":"vpce-1"},"actor":{"user":{"type":"AssumedRole"},"session":{"created_time_dt":"2024-05-01T10:00:00.000-05:00","is_mfa":false,"issuer":"arn:aws:iam::111122223333:role/Admin"}}}"#;
    let context = "aws.cloudtrail.user_identity.session_context";
    for (condition, n) in [
        (
            format!(r#"{context}.session_issuer.arn : "*role/Admin""#),
            1,
        ),
        (
            format!(r#"not {context}.session_issuer.arn : "*role/Admin""#),
            0,
        ),
        (
            format!(r#"{context}.creation_date == "2024-05-01T15:00:00Z""#),
            1,
        ),
        (format!(r#"{context}.mfa_authenticated == "false""#), 1),
        (
            r#"aws.cloudtrail.vpc_endpoint_id == "vpce-1""#.to_owned(),
            1,
        ),
    ] {
        let query = format!("any where {condition}");
        assert_eq!(n_alerts("ocsf.json", document, &query), n, "{query}");
    }
}
