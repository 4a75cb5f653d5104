//! The shapes that others give to records: names in another spelling, names apart from values, values in wrappers, a part
//! of a record beside the whole, and texts that say that there is nothing.

use serde_json::{Value, json};

use crate::lake::{Hunt, Lake, attach};

const ARN: &str = "arn:aws:iam::aws:policy/AWSCompromisedKeyQuarantineV2";

fn quoted(text: &str) -> String {
    serde_json::to_string(text).unwrap()
}

fn request() -> String {
    format!(r#"{{"policyArn":"{ARN}","userName":"bob"}}"#)
}

/// Hunts a text alone.
#[track_caller]
fn hunt(text: &str) -> Hunt {
    Lake::new().file("a", text).hunt(&[])
}

/// An event in some shape, with this error.
type Shape = fn(&str) -> String;

/// A table of names and one row of values, and one of another event.
fn columns(error: &str) -> ([&'static str; 5], [Vec<Value>; 2]) {
    let names = [
        "EventName",
        "EventTime",
        "EventSource",
        "RequestParameters",
        "ErrorCode",
    ];
    let row = |action: &str, request: &str, error: &str| {
        let time = "2024-05-01T12:00:00Z";
        vec![
            json!(action),
            json!(time),
            json!("iam.amazonaws.com"),
            json!(request),
            json!(error),
        ]
    };
    (
        names,
        [
            row("ListUsers", "null", ""),
            row("AttachUserPolicy", &request(), error),
        ],
    )
}

fn result_set(error: &str) -> String {
    let (names, rows) = columns(error);
    let row = |cells: Vec<Value>| {
        let cells = cells.into_iter().map(|cell| match cell == json!("") {
            true => json!({}),
            false => json!({ "VarCharValue": cell }),
        });
        json!({"Data": cells.collect::<Vec<_>>()})
    };
    let header = row(names
        .iter()
        .map(|name| json!(name.to_lowercase()))
        .collect());
    let [first, second] = rows.map(row);
    json!({"ResultSet": {"Rows": [header, first, second]}}).to_string()
}

fn lake_rows(error: &str) -> String {
    let (names, rows) = columns(error);
    let rows = rows.map(|row| {
        names
            .iter()
            .zip(row)
            .map(|(name, cell)| json!({ *name: cell }))
            .collect::<Vec<_>>()
    });
    json!({"QueryStatus": "FINISHED", "QueryResultRows": rows}).to_string()
}

fn tables(error: &str) -> String {
    let (names, rows) = columns(error);
    let columns: Vec<_> = names
        .iter()
        .map(|name| json!({"name": name, "type": "string"}))
        .collect();
    json!({"tables": [{"name": "PrimaryResult", "columns": columns, "rows": rows}]}).to_string()
}

fn insights(error: &str) -> String {
    let (names, rows) = columns(error);
    let rows = rows.map(|row| {
        let cells = names
            .iter()
            .zip(row)
            .map(|(name, cell)| json!({"field": name, "value": cell}));
        cells.collect::<Vec<_>>()
    });
    // Each row by itself, and not the answer: it may be larger than memory.
    serde_json::to_string_pretty(&json!({"results": rows, "status": "Complete"})).unwrap()
}

fn esql(error: &str, is_columnar: bool) -> String {
    let names = [
        "@timestamp",
        "event.action",
        "event.outcome",
        "event.provider",
        "aws.cloudtrail.request_parameters",
    ];
    let outcome = if error.is_empty() {
        "success"
    } else {
        "failure"
    };
    let time = "2024-05-01T12:00:00Z";
    let request = format!("{{policyArn={ARN}, userName=bob}}");
    let rows = [
        [time, "ListUsers", "success", "iam.amazonaws.com", "{}"],
        [
            time,
            "AttachUserPolicy",
            outcome,
            "iam.amazonaws.com",
            &request,
        ],
    ];
    let columns: Vec<_> = names
        .iter()
        .map(|name| json!({"name": name, "type": "keyword"}))
        .collect();
    let by_column: Vec<_> = (0..names.len()).map(|n| [rows[0][n], rows[1][n]]).collect();
    let values = if is_columnar {
        json!(by_column)
    } else {
        json!(rows)
    };
    json!({"columns": columns, "values": values}).to_string()
}

fn typed(error: &str) -> String {
    json!({"Item": {
        "eventName": {"S": "AttachUserPolicy"}, "eventTime": {"S": "2024-05-01T12:00:00Z"},
        "errorCode": if error.is_empty() { json!({"NULL": true}) } else { json!({ "S": error }) },
        "requestParameters": {"M": {"policyArn": {"S": ARN}, "userName": {"S": "bob"}}},
    }})
    .to_string()
}

fn flat(names: [&str; 5], error: &str) -> String {
    let (_, [_, row]) = columns(error);
    let members = names
        .iter()
        .zip(row)
        .map(|(name, cell)| format!("{}:{cell}", quoted(name)));
    format!("{{{}}}", members.collect::<Vec<_>>().join(","))
}

fn fields_of_kibana(error: &str) -> String {
    let outcome = if error.is_empty() {
        "success"
    } else {
        "failure"
    };
    json!({"hits": {"hits": [{"_index": "x", "fields": {
        "event.action": ["AttachUserPolicy"], "event.outcome": [outcome], "event.provider": ["iam.amazonaws.com"],
        "@timestamp": ["2024-05-01T12:00:00Z"],
        "aws.cloudtrail.flattened.request_parameters.policyArn": [ARN],
        "aws.cloudtrail.flattened.request_parameters.userName": ["bob"],
    }}]}})
    .to_string()
}

const SHAPES: [(&str, Shape); 16] = [
    ("snake case", |error| {
        flat(
            [
                "event_name",
                "event_time",
                "event_source",
                "request_parameters",
                "error_code",
            ],
            error,
        )
    }),
    ("title case", |error| {
        flat(
            [
                "Event name",
                "Event time",
                "Event source",
                "Request parameters",
                "Error code",
            ],
            error,
        )
    }),
    ("Pascal case", |error| {
        flat(
            [
                "EventName",
                "EventTime",
                "EventSource",
                "RequestParameters",
                "ErrorCode",
            ],
            error,
        )
    }),
    ("upper case", |error| {
        flat(
            [
                "EVENT_NAME",
                "EVENT_TIME",
                "EVENT_SOURCE",
                "REQUEST_PARAMETERS",
                "ERROR_CODE",
            ],
            error,
        )
    }),
    ("a result set of Athena", result_set),
    ("rows of CloudTrail Lake", lake_rows),
    ("tables of Sentinel", tables),
    ("fields of Logs Insights", insights),
    ("ES|QL by rows", |error| esql(error, false)),
    ("ES|QL by columns", |error| esql(error, true)),
    ("an item of DynamoDB", typed),
    ("fields of Kibana", fields_of_kibana),
    ("Splunk", |error| {
        json!({"result": {"eventName": "AttachUserPolicy", "eventTime": "2024-05-01T12:00:00Z", "errorCode": error,
            "requestParameters{}.policyArn": ARN, "requestParameters{}.userName": "bob"}}).to_string()
    }),
    ("PowerShell", |error| {
        json!({"eventName": "AttachUserPolicy", "eventTime": "2024-05-01T12:00:00Z", "errorCode": error,
            "requestParameters": format!("@{{policyArn={ARN}; userName=bob}}")}).to_string()
    }),
    ("Kibana's CSV", |error| {
        let outcome = if error.is_empty() {
            "success"
        } else {
            "failure"
        };
        format!(
            "@timestamp,event.action,event.outcome,event.provider,event.id,aws.cloudtrail.request_parameters\n\
            \"May 1, 2024 @ 12:01:00.000\",AttachUserPolicy,{outcome},iam.amazonaws.com,1,\"{{policyArn={ARN}, userName=bob}}\"\n"
        )
    }),
    ("DuckDB's JSON", |error| {
        json!({"eventname": "\"AttachUserPolicy\"", "eventtime": "\"2024-05-01T12:00:00Z\"",
            "errorcode": if error.is_empty() { "null".to_owned() } else { quoted(error) },
            "requestparameters": request()})
        .to_string()
    }),
];

#[test]
fn each_shape_is_read_and_its_failures_are_none_of_ours() {
    for (name, shape) in SHAPES {
        let found = hunt(&shape(""));
        assert_eq!(found.exit, Some(0), "{name}: {}", found.stderr);
        assert_eq!(found.alerts.len(), 1, "{name}: {}", found.stderr);
        assert_eq!(found.alerts[0]["target_user_name"], "bob", "{name}");
        assert_eq!(found.alerts[0]["policy_arn"], ARN, "{name}");
        assert_eq!(
            found.alerts[0]["event_action"], "AttachUserPolicy",
            "{name}"
        );
        let failed = hunt(&shape("AccessDenied"));
        assert_eq!(
            (failed.exit, failed.alerts.len()),
            (Some(0), 0),
            "{name}: {}",
            failed.stderr
        );
        assert_eq!(failed.report["related"]["failed_attach"], 1, "{name}");
        // In a string, as anything may be.
        let found = hunt(&format!(r#"{{"body":{}}}"#, quoted(&shape(""))));
        if name != "Kibana's CSV" {
            assert_eq!(
                (found.exit, found.alerts.len()),
                (Some(0), 1),
                "{name}: {}",
                found.stderr
            );
        }
    }
}

#[test]
fn images_in_a_stream_are_no_events_but_told_and_a_text_in_one_is_read() {
    let item: Value = serde_json::from_str(&typed("")).unwrap();
    let stream = |image: Value| {
        json!({"eventID": "1", "eventName": "INSERT", "eventVersion": "1.1", "eventSource": "aws:dynamodb",
            "dynamodb": {"NewImage": image}})
        .to_string()
    };
    let told = hunt(&stream(json!({"record": {"M": item["Item"]}}))).exits(3);
    told.finds(&[])
        .tells(&["needle_without_record", "no_events"]);
    hunt(&stream(json!({"record": {"S": attach("1")}})))
        .exits(0)
        .finds(&["1"]);
}

#[test]
fn rows_of_fields_are_units_wherever_they_stand_in_a_large_answer() {
    let row = |n: usize, policy: &str| {
        format!(
            "[{{\"field\":\"eventName\",\"value\":\"AttachUserPolicy\"}},{{\"field\":\"eventID\",\"value\":\"{n}\"}},\
             {{\"field\":\"requestParameters.policyArn\",\"value\":\"{policy}\"}}]"
        )
    };
    let rows: Vec<_> = (0..30_000)
        .map(|n| row(n, if n % 10_000 == 9_999 { ARN } else { "x" }))
        .collect();
    let text = format!("{{\"results\":[{}]}}", rows.join(","));
    for threads in ["1", "2"] {
        let hunt = Lake::new()
            .file("a", &text)
            .hunt(&["--threads", threads])
            .exits(0);
        let hunt = hunt.finds(&["9999", "19999", "29999"]);
        assert_eq!(
            hunt.alerts[1]["log_offset"],
            text.find(&rows[19_999]).unwrap()
        );
        assert_eq!(hunt.alerts[1]["record_index"], 19_999);
    }
}

#[test]
fn a_whole_record_beside_a_part_of_it_wins_and_counts_once() {
    let record = quoted(&attach("1"));
    let failed =
        quoted(&attach("2").replace("\"eventID\"", "\"errorCode\":\"AccessDenied\",\"eventID\""));
    let part = r#""eventName":"AttachUserPolicy","eventSource":"iam.amazonaws.com","#;
    let requests = [
        r#""requestParameters":null"#.to_owned(),
        r#""requestParameters":"null""#.to_owned(),
        r#""requestParameters":"-""#.to_owned(),
        r#""requestParameters":"[object Object]""#.to_owned(),
        r#""requestParameters":"{\"userName\":\"bo""#.to_owned(),
        r#""requestParameters":{"userName":"bob"}"#.to_owned(),
        r#""requestParameters":7"#.to_owned(),
        r#""requestParameters.userName":"bob""#.to_owned(),
        format!(r#""requestParameters":{}"#, request()),
        format!(
            r#""requestParameters":{}"#,
            quoted(&request()[..request().len() - 2])
        ),
    ];
    for request in &requests {
        for name in [
            "_raw",
            "raw",
            "message",
            "event.original",
            "raw_data",
            "CloudTrail",
        ] {
            let text = format!(r#"{{{part}{request},"{name}":{record}}}"#);
            hunt(&text).exits(0).finds(&["1"]);
            let text = format!(r#"{{{part}{request},"{name}":{failed}}}"#);
            hunt(&text).exits(0).finds(&[]);
        }
    }
    let ecs = r#"{"event":{"action":"AttachUserPolicy","outcome":"success","provider":"iam.amazonaws.com","original":"#;
    for request in [
        "null".to_owned(),
        r#""{userName=bob, pol""#.to_owned(),
        r#""{userName=bob}""#.to_owned(),
        format!("\"{{policyArn={ARN}\""),
    ] {
        let text = format!(
            r#"{ecs}{record}}},"aws":{{"cloudtrail":{{"request_parameters":{request}}}}}}}"#
        );
        hunt(&text).exits(0).finds(&["1"]);
    }
    let ocsf = r#"{"class_uid":3001,"metadata":{"product":{"name":"CloudTrail"}},"api":{"operation":"AttachUserPolicy","request":{"data":"#;
    for request in ["null", r#""-""#, r#""{\"userName\":\"b""#, r#""{}""#] {
        hunt(&format!(r#"{ocsf}{request}}}}},"raw_data":{record}}}"#))
            .exits(0)
            .finds(&["1"]);
    }
}

#[test]
fn an_event_that_carries_another_one_is_judged_as_well() {
    let other = attach("2").replace("AttachUserPolicy", "GetPolicy");
    let outer = |field: &str| attach("1").replacen('{', &format!("{{{field},"), 1);
    for field in [
        format!("\"before\":[{other}]"),
        format!("\"before\":{}", quoted(&other)),
        format!(
            "\"before\":{}",
            quoted(&attach("2").replace("Quarantine", "Quarantine-x"))
        ),
    ] {
        let hunt = hunt(&outer(&field)).exits(0);
        let ids: Vec<_> = hunt
            .alerts
            .iter()
            .map(|row| row["event_id"].as_str().unwrap())
            .collect();
        assert!(ids.contains(&"1"), "{field}: {ids:?}");
    }
}

#[test]
fn a_record_that_is_cut_off_in_a_string_is_told_whatever_stands_round_it() {
    let record = attach("1");
    let cut = quoted(&format!(
        "May 1 12:00:00 host ct: {}",
        &record[..record.len() - 40]
    ));
    for text in [
        format!(r#"{{"message":{cut}}}"#),
        format!(r#"{{"eventName":"received","eventVersion":"2","message":{cut}}}"#),
        format!(
            r#"{{"event":{{"action":"received","provider":"x.amazonaws.com"}},"message":{cut}}}"#
        ),
    ] {
        hunt(&text).exits(3).finds(&[]);
    }
}

#[test]
fn texts_that_say_nothing_are_no_errors_in_exports() {
    for nothing in [
        r"\N", "NULL", "null", "None", "NaN", "-", "[]", "{}", "", "n/a",
    ] {
        let text = quoted(nothing);
        let flat = |request: &str| {
            format!(
                r#"{{"eventname":"AttachUserPolicy","eventid":"1","eventtime":"2024-05-01T12:00:00Z","requestparameters":{request},"errorcode":{text},"errormessage":{text}}}"#
            )
        };
        hunt(&flat(&quoted(&request()))).exits(0).finds(&["1"]);
        hunt(&flat(&request())).exits(0).finds(&["1"]);
        let csv = format!(
            "eventName,eventTime,eventID,errorCode,errorMessage,requestParameters\nAttachUserPolicy,2024-05-01T12:00:00Z,1,\"{nothing}\",{nothing},{{policyArn={ARN}}}\n"
        );
        hunt(&csv).exits(0).finds(&["1"]);
        let ocsf = format!(
            r#"{{"class_uid":3001,"metadata":{{"product":{{"name":"CloudTrail"}},"uid":"1"}},"time":1714564800000,"api":{{"operation":"AttachUserPolicy","request":{{"data":{}}},"response":{{"error":{text},"message":{text}}}}}}}"#,
            quoted(&request())
        );
        hunt(&ocsf).exits(0).finds(&["1"]);
        // And no ids or times.
        let without = flat(&request()).replace("\"1\"", &text);
        let found = hunt(&without).exits(0);
        assert_eq!(found.alerts[0]["event_id"], Value::Null, "{nothing}");
    }
    // As AWS writes it a text is a text; but the word of JSON for nothing is no error to anybody.
    let native = |error: &str| {
        attach("1").replace(
            "\"eventID\"",
            &format!("\"errorCode\":{},\"eventID\"", quoted(error)),
        )
    };
    for text in [r"\N", "NULL", "None", "NaN", "-", "[]"] {
        let found = hunt(&native(text)).exits(0).finds(&[]);
        assert_eq!(found.report["related"]["failed_attach"], 1, "{text}");
    }
    hunt(&native("null")).exits(0).finds(&["1"]);
    // Two spellings are no two readings.
    let both = attach("1").replace(
        "\"eventID\"",
        "\"errorCode\":\"AccessDenied\",\"error_code\":null,\"eventID\"",
    );
    hunt(&both).exits(0).finds(&[]);
}

#[test]
fn an_escaped_name_in_a_request_is_seen_beside_what_is_not_strict_json() {
    let escaped = ARN.replace("Key", r"\u004bey");
    for request in [
        format!(r#"{{"policyArn":"{escaped}","policyArn":"x"}}"#),
        format!(r#"{{"policyArn":"x","policyArn":"{escaped}"}}"#),
        format!(r#"{{"policyArn":"{escaped}",}}"#),
        format!(r#"{{"policyArn":"{escaped}","n":1e999}}"#),
        format!(r#"{{"policyArn":"{escaped}","n":NaN}}"#),
        format!(r#"{{"policyArn":"{escaped}"#),
    ] {
        let text = quoted(&request);
        let flat = r#"{"eventname":"AttachUserPolicy","eventid":"1","eventtime":"2024-05-01T12:00:00Z","requestparameters":"#;
        hunt(&format!("{flat}{text}}}")).exits(0).finds(&["1"]);
        let ocsf = r#"{"class_uid":3001,"metadata":{"product":{"name":"CloudTrail"},"uid":"1"},"time":1714564800000,"api":{"operation":"AttachUserPolicy","request":{"data":"#;
        hunt(&format!("{ocsf}{text}}}}}}}")).exits(0).finds(&["1"]);
    }
}
