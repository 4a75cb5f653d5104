//! Events with the rule's action that did not fail and name the policy, but not in the request that is read: never passed
//! over in silence. And those that are decided although the policy is named in them.

use std::collections::BTreeSet;

use proptest::prelude::*;
use proptest::sample::select;

use crate::lake::{Hunt, Lake, attach, attach_with};

pub(crate) const ARN: &str = "arn:aws:iam::aws:policy/AWSCompromisedKeyQuarantineV2";

pub(crate) fn quoted(text: &str) -> String {
    serde_json::to_string(text).unwrap()
}

/// One cell of CSV.
pub(crate) fn cell(text: &str) -> String {
    format!("\"{}\"", text.replace('"', "\"\""))
}

/// Hunts each text as a file of its own.
pub(crate) fn hunt(texts: &[String]) -> Hunt {
    let mut lake = Lake::new();
    for (n, text) in texts.iter().enumerate() {
        lake = lake.file(&format!("{n:04}"), text);
    }
    lake.hunt(&[])
}

/// The numbers of the files of which something is told with this code.
pub(crate) fn told(hunt: &Hunt, code: &str) -> Vec<usize> {
    let diagnostics = hunt.report["diagnostics"].as_array().unwrap().iter();
    let of_code = diagnostics.filter(|d| d["code"] == code);
    let number = |d: &serde_json::Value| d["source"].as_str().unwrap()[5..9].parse().unwrap();
    let found: BTreeSet<usize> = of_code.map(number).collect();
    found.into_iter().collect()
}

#[test]
fn a_policy_outside_the_request_that_is_read_is_undecided_in_every_form() {
    let flat = r#"{"eventTime":"2024-05-01T12:00:00Z","eventSource":"iam.amazonaws.com","eventName":"AttachUserPolicy","#;
    let request = format!(r#"{{"userName":"bob","policyArn":"{ARN}"}}"#);
    let whole = attach("1");
    let cut = &whole[..whole.find("responseElements").unwrap()];
    let ecs = r#"{"event":{"action":"AttachUserPolicy","outcome":"success","provider":"iam.amazonaws.com"},"#;
    let ocsf = r#"{"class_uid":3001,"metadata":{"product":{"name":"CloudTrail"}},"api":{"operation":"AttachUserPolicy"#;
    let escaped = ARN.replace("Key", r"\u004bey");
    let texts = [
        // Unknown keys, and known ones with a bit flipped.
        format!(r#"{flat}"policyArn":"{ARN}"}}"#),
        format!(r#"{flat}"policyArn":"{escaped}"}}"#),
        format!(r#"{flat}"requestParams":{request}}}"#),
        format!(r#"{flat}"params":{}}}"#, quoted(&request)),
        whole.replace("requestParameters", "requestParametars"),
        whole.replace("requestParameters", "sequestParameters"),
        // No request, or a part of it.
        format!(r#"{flat}"resources":[{{"ARN":"{ARN}"}}],"requestParameters":"-"}}"#),
        format!(r#"{flat}"resources":[{{"ARN":"{ARN}"}}],"requestParameters":"[object Object]"}}"#),
        format!(r#"{flat}"resources":"{ARN}","requestParameters.userName":"bob"}}"#),
        format!(
            r#"{flat}"requestParameters":"{{\"userName\":\"bob\",\"pol","resources":"{ARN}"}}"#
        ),
        attach_with("1", "x")
            .replace(
                r#"{"userName":"alice","policyArn":"arn:aws:iam::aws:policy/x"}"#,
                r#"{"omitted":true}"#,
            )
            .replace(
                r#""responseElements":null"#,
                &format!(r#""resources":[{{"ARN":"{ARN}"}}]"#),
            ),
        // A field that no record has.
        attach_with("1", "x").replacen('{', &format!(r#"{{"message":"attached {ARN}","#), 1),
        // A record with a prefix that is cut off.
        format!(
            r#"{flat}"message":{}}}"#,
            quoted(&format!(
                "May 1 12:00:00 host ct: {}",
                &cut.replace('"', "'")
            ))
        ),
        // Rows.
        format!(
            "eventtime,eventname,eventsource,policyarn\n2024-05-01,AttachUserPolicy,iam.amazonaws.com,{ARN}\n"
        ),
        format!(
            "eventtime,eventname,eventsource,_col3\n2024-05-01,AttachUserPolicy,iam.amazonaws.com,{}\n",
            cell(&request)
        ),
        format!(
            "Event name,Event time,User name,Event source,Resources\nAttachUserPolicy,2024-05-01,root,iam.amazonaws.com,{}\n",
            cell(&format!(r#"[{{"resourceName":"{ARN}"}}]"#))
        ),
        // Elastic's documents.
        format!(r#"{ecs}"message":"{ARN}"}}"#),
        format!(r#"{ecs}"aws":{{"cloudtrail":{{"request_parametars":"{{policyArn={ARN}}}"}}}}}}"#),
        format!(
            r#"{ecs}"aws":{{"cloudtrail":{{"request_parameters":"{{userName=bob, pol","resources":{{"arn":"{ARN}"}}}}}}}}"#
        ),
        // Security Lake's.
        format!(r#"{ocsf}"}},"resources":[{{"uid":"{ARN}"}}]}}"#),
        format!(
            r#"{ocsf}","request":{{"data":"{{\"userName\":\"b"}}}},"resources":[{{"uid":"{ARN}"}}]}}"#
        ),
        format!(r#"{ocsf}","request":{{"data":"{{}}"}}}},"policy_arn":"{ARN}"}}"#),
        format!(
            r#"{ocsf}","request":{{"data":"{{\"a\":1}}"}}}},"unmapped":{{"requestParametarz.policyArn":"{ARN}"}}}}"#
        ),
        // In strings.
        format!(
            r#"{{"body":{}}}"#,
            quoted(&format!(r#"{flat}"policyArn":"{ARN}"}}"#))
        ),
    ];
    let hunt = hunt(&texts).exits(3).finds(&[]);
    let expected: Vec<usize> = (0..texts.len()).collect();
    assert_eq!(told(&hunt, "undecided"), expected, "{}", hunt.stderr);
    assert_eq!(hunt.report["related"]["failed_attach"], 0);
}

#[test]
fn what_is_undecided_has_its_place_and_a_reason() {
    let unknown = attach("2").replace("requestParameters", "params");
    let text = format!("{}\n{unknown}\n", attach("1"));
    let hunt = Lake::new()
        .file("a", &text)
        .hunt(&[])
        .exits(3)
        .finds(&["1"])
        .tells(&["undecided"])
        .says("has no request by a name that is known");
    assert_eq!(
        hunt.report["diagnostics"][0]["offset"],
        text.find('\n').unwrap() + 1
    );
    let unknown = attach_with("1", "x").replacen('{', &format!(r#"{{"p\u0041r\nams":"{ARN}","#), 1);
    let hunt = Lake::new().file("a", unknown).hunt(&[]);
    hunt.exits(3).says(r"in the unknown field pAr\nams");
}

/// Where a part of a file was lost, a name may begin in one record and end in another one.
#[test]
fn a_request_behind_names_that_ran_into_each_other_is_undecided() {
    for name in [
        "responseElementsrs",
        "responseElementsParameters",
        "userIdentityParameters",
    ] {
        let own = format!(r#"{{"{name}":{{"policyArn":"{ARN}"}},"#);
        let record = attach_with("1", "ReadOnlyAccess").replacen('{', &own, 1);
        let hunt = Lake::new().file("a", record).hunt(&[]);
        let place = format!("in the unknown field {name}");
        hunt.exits(3).finds(&[]).says(&place);
    }
}

#[test]
fn a_record_with_a_request_is_decided_whatever_else_names_the_policy() {
    let native = attach_with("1", "ReadOnlyAccess");
    let with = |field: &str, value: &str| {
        let name = format!("\"{field}\":");
        let start = native.find(&name).map_or(1, |at| at);
        let old = &native[start..];
        let end = start + old.find(',').unwrap() + 1;
        match native.contains(&name) {
            true => format!("{}\"{field}\":{value},{}", &native[..start], &native[end..]),
            false => format!("{{\"{field}\":{value},{}", &native[1..]),
        }
    };
    let text = quoted(ARN);
    let nested = format!(r#"[{{"a":{text}}}]"#);
    let ecs = r#"{"event":{"action":"AttachUserPolicy","outcome":"success","provider":"iam.amazonaws.com"},"aws":{"cloudtrail":{"request_parameters":"{policyArn=x, userName=bob}","response_elements":"#;
    let ocsf = r#"{"class_uid":3001,"metadata":{"product":{"name":"CloudTrail"}},"api":{"operation":"AttachUserPolicy","request":{"data":"{\"policyArn\":\"x\"}"}},"#;
    let texts = [
        with("userAgent", &text),
        with("responseElements", &nested),
        with("resources", &nested),
        with("additionalEventData", &nested),
        with("requestID", &text),
        with("serviceEventDetails", &nested),
        native.replace(r#""userName":"ops""#, &format!(r#""userName":{text}"#)),
        with("userAgent", &text).replace(
            r#"{"userName":"alice","policyArn":"arn:aws:iam::aws:policy/ReadOnlyAccess"}"#,
            "null",
        ),
        // Failures, and other actions.
        with("errorCode", r#""AccessDenied""#)
            .replace("requestParameters", "params")
            .replace("ReadOnlyAccess", ARN),
        with("errorMessage", &text),
        native
            .replace("AttachUserPolicy", "AttachRolePolicy")
            .replace("requestParameters", ARN),
        // Rows.
        format!(
            "eventname,eventtime,requestparameters,useragent,responseelements\nAttachUserPolicy,2024-05-01,\"{{policyarn=x}}\",{ARN},{ARN}\n"
        ),
        format!(r#"{ecs}"{ARN}"}}}},"user_agent":{{"original":"{ARN}"}}}}"#),
        format!(
            r#"{ocsf}"http_request":{{"user_agent":"{ARN}"}},"unmapped":{{"responseElements.a":"{ARN}"}}}}"#
        ),
    ];
    let hunt = hunt(&texts).exits(0).finds(&[]);
    assert_eq!(told(&hunt, "undecided"), [0; 0]);
}

#[test]
fn records_beside_one_another_in_a_string_do_not_speak_for_each_other() {
    let cut = r#"{"eventName":"AttachUserPolicy","eventTime":"2024-05-01","requestParameters.userName":"bob"}"#;
    let both = format!("[{},{cut}]", attach("1"));
    let hunt = Lake::new()
        .file("a", format!(r#"{{"body":{}}}"#, quoted(&both)))
        .hunt(&[]);
    hunt.exits(0).finds(&["1"]);
}

/// An element of what `lookup-events` gives.
fn element(name: &str, record: &str) -> String {
    format!(
        r#"{{"EventId":"e","EventName":"{name}","EventTime":1714564800,"EventSource":"iam.amazonaws.com","Resources":[],"CloudTrailEvent":{}}}"#,
        quoted(record)
    )
}

/// What is around a record and names its call contradicts a record whose action is damaged.
#[test]
fn a_record_and_what_is_around_it_may_name_different_calls() {
    let other = attach("1").replace("AttachUserPolicy", "AttachUserPolicx");
    let failed = other.replacen('{', r#"{"errorCode":"AccessDenied","#, 1);
    let without = attach("1").replace("eventName", "eventNome");
    let raw = |record: &str| {
        format!(
            r#"{{"_time":"2024-05-01","eventName":"AttachUserPolicy","eventSource":"iam.amazonaws.com","_raw":{}}}"#,
            quoted(record)
        )
    };
    let ecs = |record: &str| {
        format!(
            r#"{{"event":{{"dataset":"aws.cloudtrail","action":"AttachUserPolicy","provider":"iam.amazonaws.com","outcome":"success","original":{}}}}}"#,
            quoted(record)
        )
    };
    let row = |record: &str| {
        format!(
            "EventId,EventName,EventTime,CloudTrailEvent\ne,AttachUserPolicy,2024-05-01,{}\n",
            cell(record)
        )
    };
    let texts = [
        element("AttachUserPolicy", &other),
        format!(r#"{{"Events":[{}]}}"#, element("AttachUserPolicy", &other)),
        // Beside a record of the same document that is intact.
        format!(
            r#"{{"Events":[{},{}]}}"#,
            element(
                "AttachUserPolicy",
                &attach("2").replace("AWSCompromised", "AWS")
            ),
            element("AttachUserPolicy", &without)
        ),
        element("AttachUserPolicy", &without),
        raw(&other),
        format!(
            r#"{{"result":{{"eventName":"AttachUserPolicy","_raw":{}}}}}"#,
            quoted(&other)
        ),
        format!(r#"{{"eventName":"AttachUserPolicy","detail":{other}}}"#),
        ecs(&other),
        row(&other),
        // They agree, or the call is another one in both.
        element("DetachUserPolicy", &other),
        element("AttachUserPolicy", &failed),
        row(&failed),
        element("AttachUserPolicy", &attach_with("1", "x")),
    ];
    let hunt = hunt(&texts).exits(3).finds(&[]);
    let told_of: BTreeSet<usize> = told(&hunt, "undecided")
        .into_iter()
        .chain(told(&hunt, "needle_without_record"))
        .collect();
    assert_eq!(told_of, (0..9).collect(), "{}", hunt.stderr);
    assert_eq!(
        told(&hunt, "undecided"),
        [0, 1, 4, 5, 6, 7, 8],
        "{}",
        hunt.stderr
    );
    assert!(
        hunt.stderr
            .contains("the object around its record names a different call")
    );
    // With the rule's action inside, whatever is around it, it is an alert.
    let damaged = element("AttachUserPolicx", &attach("1"));
    Lake::new()
        .file("a", damaged)
        .hunt(&[])
        .exits(0)
        .finds(&["1"]);
}

#[test]
fn a_document_and_the_record_in_it_are_one_alert() {
    let document = |provider: &str, original: &str| {
        format!(
            r#"{{"@timestamp":"2024-05-01T12:00:00Z","event":{{"dataset":"aws.cloudtrail","id":"1","action":"AttachUserPolicy","provider":"{provider}","outcome":"success","original":{}}},"aws":{{"cloudtrail":{{"request_parameters":"{{policyArn={ARN}}}"}}}}}}"#,
            quoted(original)
        )
    };
    // They contradict each other, so both are judged.
    let damaged = document("iam.ama onaws.com", &attach("1"));
    let hunt = hunt(&[
        damaged.clone(),
        damaged.replace(r#""id":"1""#, r#""id":"2""#),
    ]);
    hunt.exits(0).finds(&["1", "1", "2"]);
}

/// A document of Elastic's with all of its own fields, whose original is this text.
fn document_of(id: &str, action: &str, outcome: &str, original: &str) -> String {
    format!(
        r#"{{"event":{{"dataset":"aws.cloudtrail","id":"{id}","action":"{action}","provider":"iam.amazonaws.com","outcome":"{outcome}","original":{}}},"aws":{{"cloudtrail":{{"request_parameters":"{{policyArn={ARN}}}"}}}}}}"#,
        quoted(original)
    )
}

/// Where two documents ran into each other inside their originals, the record of the second is behind a part of the
/// first one's, and the fields of the first are those of another call.
#[test]
fn a_record_that_ran_into_the_original_of_another_document_is_told() {
    let (first, second) = (attach("1"), attach("2"));
    let cut = |text: &str, at: &str| text.find(at).unwrap() + at.len();
    let head = |end: &str| first[..cut(&first, end)].replace("AttachUserPolicy", "GetUser");
    let tail = |start: &str| second[cut(&second, start)..].to_owned();
    // Still JSON, with each field of the second one a second time.
    let twice = format!(
        r#"{}":"ali{}"#,
        head(r#""requestParameters":{"userName"#),
        tail(r#""userName":"op"#)
    );
    let failed = twice.replace("GetUser", "AttachUserPolicy");
    // No JSON: inside an object that ends too late, or behind the rest of a string.
    let unclosed = format!(
        "{}{}",
        head(r#"{"userName":"al"#),
        tail(r#""eventSource":"ia"#)
    );
    let named = format!(
        "{}{}",
        head(r#"{"userName":"al"#),
        tail(r#""eventName":"At"#)
    );
    let behind = format!("x{}", tail(r#""eventSource":"ia"#));
    let rest = format!("x{}", tail(r#""eventName":"At"#));
    for text in [
        document_of("1", "GetUser", "success", &twice),
        document_of("1", "AttachUserPolicy", "failure", &failed),
        document_of("1", "AttachUserPolicy", "failure", &second),
    ] {
        Lake::new().file("a", text).hunt(&[]).exits(0).finds(&["2"]);
    }
    let broken = [&unclosed, &named, &behind, &rest]
        .map(|original| document_of("1", "GetUser", "success", original));
    let found = hunt(&broken).exits(3).finds(&[]);
    assert_eq!(
        told(&found, "needle_without_record"),
        [0, 1, 2, 3],
        "{}",
        found.stderr
    );
}

/// Where a record lost its request, and the beginning of one that follows, that one is a field of it.
#[test]
fn a_record_in_which_another_one_begins_has_lost_its_request() {
    let failed = attach("2").replace(
        r#""eventName":"#,
        r#""errorCode":"AccessDenied","eventName":"#,
    );
    let native = |time: &str| {
        format!(
            r#"{{"eventVersion":"1.09","eventTime":"{time}","eventSource":"iam.amazonaws.com","eventName":"AttachUserPolicy","eventID":"1","requ":{failed}}}"#
        )
    };
    let ecs = |time: &str| {
        format!(
            r#"{{"_source":{{"@timestamp":"{time}","event.dataset":"aws.cloudtrail","event.provider":"iam.amazonaws.com","event.action":"AttachUserPolicy","event.id":"1","event.ource":{failed}}}}}"#
        )
    };
    for form in [&native as &dyn Fn(&str) -> String, &ecs] {
        let found = hunt(&[form("2024-05-01T11:59:58Z")]).exits(3).finds(&[]);
        assert_eq!(told(&found, "undecided"), [0], "{}", found.stderr);
        assert_eq!(found.report["related"]["failed_attach"], 1);
        // A writer may give ids of its own to a record that it has put into its document.
        let found = hunt(&[form("2024-05-01T12:00:00Z")]).exits(0).finds(&[]);
        assert_eq!(found.report["related"]["failed_attach"], 1);
    }
}

#[test]
fn a_record_that_lost_its_request_to_what_is_around_it_is_told() {
    let [before, after] = [
        r#"{"detail-type":"AWS API Call via CloudTrail","detail":"#,
        "}",
    ];
    let record = attach("1");
    // The record ends too early, as where a piece of it was repeated: its other fields are around it.
    let torn = record.replace(r#""requestParameters""#, r#""x":"y"},"eventTime":"2024-05-01T12:00:00Z","eventSource":"iam.amazonaws.com","eventName":"AttachUserPolicy","requestParameters""#);
    assert_ne!(torn, record);
    hunt(&[format!("{before}{torn}")]).exits(0).finds(&["1"]);
    // A whole record with another request counts, whatever stands around it.
    let other = attach_with("1", "ReadOnlyAccess");
    let around = format!(
        r#","eventSource":"iam.amazonaws.com","eventName":"AttachUserPolicy","requestParameters":{{"policyArn":"{ARN}"}}}}"#
    );
    hunt(&[format!("{before}{other}{around}")])
        .exits(0)
        .finds(&[]);
    hunt(&[format!("{before}{record}{after}")])
        .exits(0)
        .finds(&["1"]);
}

#[test]
fn a_piece_of_another_request_in_an_id_is_told() {
    let piece = format!(r#"1111erName":"bob","policyArn":"{ARN}"}}"#);
    let other = attach_with("1", "ReadOnlyAccess");
    let record = other.replacen(
        r#""eventID":"1""#,
        &format!(r#""eventID":{}"#, quoted(&piece)),
        1,
    );
    assert_ne!(record, other);
    let request =
        quoted(r#"{"policyArn":"arn:aws:iam::aws:policy/ReadOnlyAccess","userName":"bob"}"#);
    let ocsf = format!(
        r#"{{"class_uid":6003,"metadata":{{"product":{{"name":"CloudTrail"}},"uid":"1"}},"api":{{"operation":"AttachUserPolicy","service":{{"name":"iam.amazonaws.com"}},"request":{{"data":{request}}}}},"status":"Success","unmapped":{{"recipientAccountId":{}}}}}"#,
        quoted(&piece)
    );
    for text in [record, ocsf] {
        hunt(std::slice::from_ref(&text))
            .exits(3)
            .tells(&["undecided"]);
    }
    // Some exports keep the quotes of JSON.
    let whole = other.replacen(
        r#""eventID":"1""#,
        &format!(r#""eventID":{}"#, quoted(&quoted(ARN))),
        1,
    );
    hunt(&[whole]).exits(0).finds(&[]);
    // So it is in text of any kind, but a name with quotes is none.
    let agent = |agent: &str| other.replacen(r#""aws-internal/3""#, &quoted(agent), 1);
    hunt(&[agent(&format!(r#"awsn":"{ARN}""policyAr"#))]).exits(3);
    hunt(&[agent(&format!(r#"x ("{ARN}")"#))])
        .exits(0)
        .finds(&[]);
    // A plain name there is data.
    let named = other.replacen(r#""eventID":"1""#, &format!(r#""eventID":"{ARN}""#), 1);
    hunt(&[named]).exits(0).finds(&[]);
}

#[test]
fn an_original_that_is_cut_or_no_json_is_data_of_its_document() {
    let record = attach("1");
    let (cut, _) = record.split_once(r#""requestID""#).unwrap();
    let texts = [
        document_of("1", "AttachUserPolicy", "success", cut),
        document_of(
            "1",
            "AttachUserPolicy",
            "success",
            &record[..record.len() - 1],
        ),
        document_of(
            "1",
            "AttachUserPolicy",
            "success",
            &format!("{{eventName=AttachUserPolicy, policyArn={ARN}}}"),
        ),
        document_of(
            "1",
            "AttachUserPolicy",
            "success",
            &record.replacen("{", "{\"eventName\":\"AttachUserPolicy\",", 1),
        ),
        document_of("1", "GetUser", "success", &format!("bob looked at {ARN}")),
    ];
    let found = hunt(&texts).exits(0).finds(&["1", "1", "1", "1"]);
    assert_eq!(
        told(&found, "needle_without_record"),
        [0; 0],
        "{}",
        found.stderr
    );
}

#[test]
fn a_document_without_an_outcome_is_no_failure() {
    let document = format!(
        r#"{{"event":{{"action":"AttachUserPolicy","provider":"iam.amazonaws.com"OUTCOME}},"aws":{{"cloudtrail":{{"request_parameters":"{{policyArn={ARN}}}"ERROR}}}}}}"#
    );
    let with =
        |outcome: &str, error: &str| document.replace("OUTCOME", outcome).replace("ERROR", error);
    let texts = [
        with("", ""),
        with(r#","outcome":"-""#, ""),
        with(r#","outcome":["unknown"]"#, r#","error_code":null"#),
        with("", r#","error_code":"AccessDenied""#),
        with(r#","outcome":"failure""#, ""),
    ];
    let hunt = hunt(&texts).exits(3).finds(&[]);
    assert_eq!(told(&hunt, "undecided"), [0, 1, 2]);
    assert_eq!(
        hunt.report["related"]["failed_attach"], 2,
        "{}",
        hunt.report
    );
}

/// With a byte of `null` damaged it is open whether the call failed.
#[test]
fn a_damaged_null_is_no_error_of_a_call() {
    let mut texts = Vec::new();
    for null in [".ull", "4ull", "-ull", "nul", "Null", "."] {
        let error = format!(r#"{{"errorCode":{null},"#);
        let record = attach("1").replacen('{', &error, 1);
        texts.extend([
            record.clone(),
            format!(r#"{{"Records":[{record},{}]}}"#, attach_with("2", "x")),
            format!("_time,_raw\n2024-05-01T12:00:00Z,{}\n", cell(&record)),
            format!(r#"{{"body":{}}}"#, quoted(&record)),
        ]);
    }
    let hunt = hunt(&texts).exits(3);
    let diagnostics = hunt.report["diagnostics"].as_array().unwrap().iter();
    let errors = diagnostics.filter(|d| d["severity"] == "error");
    let of_files: BTreeSet<&str> = errors.map(|d| d["source"].as_str().unwrap()).collect();
    assert_eq!(of_files.len(), texts.len(), "{}", hunt.stderr);
    assert_eq!(hunt.report["related"]["failed_attach"], 0);
}

/// An error of which damage left nothing readable may have been an empty text.
#[test]
fn an_error_of_noise_leaves_the_outcome_open() {
    let with = |errors: &str| attach("1").replacen('{', &format!("{{{errors},"), 1);
    let texts = [
        with(r#""errorCode":" ""#),
        with(r#""errorCode":"\u0001""#),
        with("\"errorCode\":\"\n\",\"errorMessage\":\"\""),
        with("\"errorMessage\":\"|\u{fffd}&\""),
        // These are failures.
        with(r#""errorCode":" ","errorMessage":"AccessDenied""#),
        with(r#""errorCode":"-""#),
        with("\"errorCode\":\"Access\u{fffd}enied\""),
    ];
    let hunt = hunt(&texts).exits(3).finds(&[]);
    assert_eq!(told(&hunt, "undecided"), [0, 1, 2, 3], "{}", hunt.stderr);
    assert_eq!(hunt.report["related"]["failed_attach"], 3);
}

/// Some writers fill the field of the error if there was none. AWS does not.
#[test]
fn an_export_that_says_that_there_was_no_error_leaves_the_outcome_open() {
    let request = r#"{"policyArn":"arn:aws:iam::aws:policy/AWSCompromisedKeyQuarantineV2"}"#;
    let row = |error: &str| {
        let request = cell(request);
        format!(
            "eventname,requestparameters,errorcode,errormessage\nAttachUserPolicy,{request},{error},\n"
        )
    };
    let snake = |error: &str| {
        format!(
            r#"{{"event_name":"AttachUserPolicy","event_source":"iam.amazonaws.com","request_parameters":{request},"error_code":"{error}"}}"#
        )
    };
    let native =
        |error: &str| attach("1").replacen('{', &format!(r#"{{"errorCode":"{error}","#), 1);
    let ecs = |error: &str| {
        format!(
            r#"{{"event":{{"action":"AttachUserPolicy","provider":"iam.amazonaws.com","dataset":"aws.cloudtrail"}},"aws":{{"cloudtrail":{{"error_code":"{error}","request_parameters":"{{policyArn={ARN}}}"}}}}}}"#
        )
    };
    let ocsf = |error: &str| {
        let request = serde_json::to_string(request).unwrap();
        format!(
            r#"{{"class_uid":6003,"metadata":{{"product":{{"name":"CloudTrail"}},"uid":"1"}},"time":1714564800000,"api":{{"operation":"AttachUserPolicy","service":{{"name":"iam.amazonaws.com"}},"request":{{"data":{request}}},"response":{{"error":{error}}}}},"status":"Success"}}"#
        )
    };
    let texts = [
        ecs("success"),
        ecs("0"),
        ecs("?"),
        // Values of another kind, and what programs print.
        snake("0").replace(r#""0""#, "0"),
        snake("false").replace(r#""false""#, "false"),
        snake("").replace(
            r#""error_code":"""#,
            r#""error_code":["AccessDenied",null]"#,
        ),
        row("\"[AccessDenied, null]\""),
        row("%!s(<nil>)"),
        row("System.Object[]"),
        row("Success"),
        row("200"),
        snake("OK"),
        snake("No error"),
        snake("***"),
        // Parts of other cells.
        row("13.7"),
        snake("2024-05-03 12:04:07"),
        ecs("111122223333"),
        ocsf(r#""13.7""#),
        ocsf(r#"["AccessDenied",null]"#),
        // These are failures.
        row("403"),
        ocsf("404"),
        ocsf(r#""13.7""#).replace(r#""Success""#, r#""Failure""#),
        row("NoSuchEntity"),
        ecs("AccessDenied"),
        snake("AccessDenied"),
        native("Success"),
        native("0"),
        // These are alerts.
        row("(none)"),
        row("#N/A"),
        snake("<nil>"),
        snake("—"),
        ocsf("null"),
    ];
    let hunt = hunt(&texts).exits(3);
    let open: Vec<usize> = (0..19).collect();
    assert_eq!(told(&hunt, "undecided"), open, "{}", hunt.stderr);
    assert_eq!(hunt.report["related"]["failed_attach"], 8);
    assert_eq!(hunt.report["alerts"], 5, "{}", hunt.report);
}

/// What stands for no value in a column hides neither the event beside it nor the rest of the row.
#[test]
fn a_filler_in_a_column_that_tells_what_a_row_is_hides_no_event() {
    let request = "{policyArn=arn:aws:iam::aws:policy/AWSCompromisedKeyQuarantineV2}";
    let whole = cell(&attach("1"));
    let csv = [
        format!(
            "event.dataset,event.action,event.outcome,aws.cloudtrail.request_parameters\n-,AttachUserPolicy,success,{request}\n"
        ),
        format!("insight_type,event\nanomaly,{whole}\n"),
        format!("insightType,event\n-,{whole}\n"),
        format!("digestStartTime,digestEndTime,event\n-,-,{whole}\n"),
        format!("alert_id,rule_id,rule_name,source,event\na1,r1,Quarantine,aws,{whole}\n"),
        attach("1").replacen('{', r#"{"insightType":"","#, 1),
        format!(
            r#"{{"event":{{"dataset":"","action":"AttachUserPolicy","outcome":"success"}},"aws":{{"cloudtrail":{{"request_parameters":"{request}"}}}}}}"#
        ),
    ];
    let n_files = csv.len() as u64;
    let hunt = hunt(&csv).exits(0);
    assert_eq!(hunt.report["alerts"], n_files, "{}", hunt.report);
    let document = format!(
        "event.dataset,event.action,event.outcome,aws.cloudtrail.request_parameters,event.original\naws.cloudtrail,-,success,{request},{whole}\n"
    );
    self::hunt(&[document]).finds(&["1"]);
}

/// SNS, SQS and Kinesis carry messages of any kind.
#[test]
fn a_message_that_names_the_policy_and_is_no_event_is_told() {
    let name = "arn:aws:iam::aws:policy/AWSCompromisedKeyQuarantineV2";
    let texts = [
        format!(
            r#"{{"Records":[{{"EventSource":"aws:sns","Sns":{{"Message":"{{\"action\":\"AttachUserPolicy\",\"policy\":\"{name}\"}}"}}}}]}}"#
        ),
        format!(
            r#"{{"Records":[{{"messageId":"1","body":"eventName=AttachUserPolicy policyArn={name}","eventSource":"aws:sqs"}}]}}"#
        ),
    ];
    let hunt = hunt(&texts).exits(3).finds(&[]);
    assert_eq!(
        told(&hunt, "needle_without_record"),
        [0, 1],
        "{}",
        hunt.stderr
    );
}

/// Where AWS wrote that there is no request, a word elsewhere in the record is none of it, except for the quarantine rule.
#[test]
fn an_empty_request_is_no_doubt_for_other_rules() {
    let record = attach("1");
    let start = record.find(r#""requestParameters":{"#).unwrap();
    let end = start + record[start..].find('}').unwrap() + 1;
    for empty in ["null", "{}"] {
        let record = record.replace(
            &record[start..end],
            &format!(r#""requestParameters":{empty}"#),
        );
        let query = r#"any where event.action == "AttachUserPolicy" and stringContains(aws.cloudtrail.request_parameters, "111122223333")"#;
        let lake = Lake::new().file("a", &record);
        lake.hunt(&["--query", query]).exits(0).finds(&[]);
    }
}

#[test]
fn a_letter_after_the_name_of_the_request_is_damage() {
    let with = |name: &str| attach("1").replace("requestParameters", name);
    let texts = [with("requestParametersP"), with("requestParameters7")];
    let hunt = hunt(&texts).exits(3).finds(&[]);
    assert_eq!(told(&hunt, "undecided"), [0, 1], "{}", hunt.stderr);
}

#[test]
fn a_damaged_name_of_the_action_or_of_the_request_is_told() {
    let record = attach("1");
    for action in [
        "Attach\nUserPolicy",
        "AttachUserP\0\0\0\0y",
        "AttachUserPolicy  ",
        "AttachUserPolicy\u{200b}",
        "\u{feff}AttachUserPolicy",
    ] {
        let record = record.replace("AttachUserPolicy", action);
        let hunt = Lake::new().file("a", record).hunt(&[]).exits(3);
        hunt.finds(&[])
            .says("the name of its action or its dataset is damaged: whether it is an alert cannot be decided");
    }
    let other = record.replace(r#""requestParameters""#, r#""requeStParameters""#);
    let hunt = Lake::new().file("a", other).hunt(&[]).exits(3);
    hunt.finds(&[]).tells(&["undecided"]);
    // Of Security Lake's early versions.
    let ocsf = format!(
        r#"{{"metadata":{{"product":{{"name":"CloudTrail"}}}},"class_uid":3005,"api":{{"operation":"AttachUserPolicy"}},"status":"Success","unmapped":{{"requestParameters.userName":"bob","requestParameters|.policyArn":"{ARN}"}}}}"#
    );
    let hunt = Lake::new().file("a", ocsf).hunt(&[]).exits(3);
    hunt.finds(&[]).tells(&["undecided"]);
    // A letter too many or too few, in a record and in documents that were flattened.
    let flat = format!(
        r#"{{"metadata.product.name":"CloudTrail","class_uid":3005,"api.operation":"AttachUserPolicy","status":"Success","unmapped.requestParameters.userName":"bob","unmapped.requestParameters.policyArn":"{ARN}"}}"#
    );
    let texts = [
        record.replace("requestParameters", "requestParameters\u{fffd}z"),
        record.replace("requestParameters", "requestParametersq"),
        flat.replace("requestParameters.policyArn", "requestParters.policyArn"),
        flat.replace(
            "requestParameters.policyArn",
            "red.requestParameters.policyArn",
        ),
        flat.replace(
            "requestParameters.policyArn",
            "requestPara,meters.policyArn",
        ),
        flat,
    ];
    let all = self::hunt(&texts).exits(3);
    assert_eq!(told(&all, "undecided"), [0, 1, 2, 3, 4], "{}", all.stderr);
    assert_eq!(all.alerts.len(), 1, "{}", all.stderr);
}

#[test]
fn a_document_with_a_backslash_in_its_dataset_is_told() {
    let document = format!(
        r#"{{"event":{{"dataset":"aws.cloudtrail","provider":"iam.amazonaws.com","action":"AttachUserPolicy","outcome":"success"}},"aws":{{"cloudtrail":{{"request_parameters":"{{policyArn={ARN}}}"}}}}}}"#
    );
    let texts = [
        document.replace("aws.cloudtrail", r"aws.clou\dtrail"),
        document,
    ];
    let hunt = hunt(&texts).exits(3);
    assert_eq!(told(&hunt, "undecided"), [0], "{}", hunt.stderr);
    assert_eq!(hunt.alerts.len(), 1, "{}", hunt.stderr);
}

#[test]
fn a_document_of_which_the_request_is_cut_by_another_document_is_told() {
    let document = |id: &str, action: &str, request: &str| {
        format!(
            r#""_source":{{"event.id":"{id}","event.dataset":"aws.cloudtrail","event.provider":"iam.amazonaws.com","event.action":"{action}","event.outcome":"success","aws.cloudtrail.request_parameters":"{request}"#
        )
    };
    let first = document(
        "1",
        "AttachUserPolicy",
        "{policyArn=arn:aws:iam::aws:policy/AWSCompromisedKe02401",
    );
    let second = document("2", "GetPolicy", &format!("{{policyArn={ARN}}}"));
    let glued = format!(r#"{{"_id":"1",{first}","_id":"2",{second}"}}}}"#);
    Lake::new()
        .file("a", glued)
        .hunt(&[])
        .exits(3)
        .finds(&[])
        .tells(&["undecided", "truncated"]);
}

#[test]
fn zeros_inside_a_document_are_told_wherever_they_stand() {
    let quiet = attach("1").replace("AttachUserPolicy", "ListUsers");
    let records = vec![quiet.as_str(); 40].join(",");
    let mut whole = format!(r#"{{"Records":[{records}]}}"#);
    let n_zeros = 3000;
    let hole = "\0".repeat(n_zeros);
    whole.replace_range(9_000..9_000 + n_zeros, &hole);
    let between = format!("{quiet}\n{hole}\n{quiet}\n");
    let in_request = attach("2").replace("V2", &format!("V2{hole}"));
    let texts = [whole, between, in_request];
    let all = self::hunt(&texts).exits(3);
    assert_eq!(told(&all, "unknown_content"), [0, 2], "{}", all.stderr);
}

#[test]
fn two_records_that_ran_into_each_other_are_told() {
    let record = attach("1");
    let (head, _) = record.split_once(r#""userAgent""#).unwrap();
    let (_, tail) = record.split_once(r#""awsRegion""#).unwrap();
    let head = head.replace("AttachUserPolicy", "ListUsers");
    let glued = format!(r#"{head}"\q":1,"awsRegion"{tail}"#);
    let hunt = Lake::new().file("a", glued).hunt(&[]).exits(3);
    hunt.finds(&[]).tells(&["invalid_json", "undecided"]);
}

#[test]
fn a_few_bytes_that_are_no_text_are_not_read() {
    let texts = ["\0\0PARw", "\u{1}", "\u{2}\u{3}abc\n", "abc\n", "{}\0\0\0"];
    let hunt = hunt(&texts.map(str::to_owned)).exits(3);
    assert_eq!(told(&hunt, "unknown_content"), [0, 1, 2], "{}", hunt.stderr);
}

#[test]
fn a_whole_record_wins_over_a_document_that_names_another_action() {
    let original = serde_json::to_string(&attach("1")).unwrap();
    let document = |action: &str| {
        format!(
            r#"{{"event":{{"id":"1","action":"{action}","outcome":"success","provider":"iam.amazonaws.com","original":{original}}},"aws":{{"cloudtrail":{{"request_parameters":"{{policyArn={ARN}}}"}}}}}}"#
        )
    };
    for action in ["AttachUqerPolicy", "ttachUserPolicy", "AttachUserPolicy"] {
        let hunt = Lake::new().file("a", document(action)).hunt(&[]);
        hunt.exits(0).finds(&["1"]);
    }
}

#[test]
fn what_only_a_folder_says_is_told() {
    let record = attach("1").replace(r#""eventName":"AttachUserPolicy","#, "");
    let flat = format!(
        r#"{{"eventtime":"2024-05-01","eventname":"AttachUserPolicy","eventid":"1","requestparameters":"{{policyarn={ARN}}}"}}"#
    );
    Lake::new()
        .file("eventName=AttachUserPolicy/a.json", record)
        .hunt(&[])
        .exits(3)
        .finds(&[])
        .tells(&["needle_without_record"]);
    Lake::new()
        .file("errorcode=AccessDenied/a.json", &flat)
        .file("errorcode=__HIVE_DEFAULT_PARTITION__/a.json", &flat)
        .hunt(&[])
        .exits(3)
        .finds(&["1"])
        .tells(&["undecided", "event_time_unreadable"])
        .says("the folder errorcode=AccessDenied says that it failed");
}

/// A row that somebody made of an event, and what it says.
#[derive(Debug, Clone)]
struct Row {
    text: String,
    names_policy: bool,
    is_attachment: bool,
    is_failure: bool,
}

/// The name of a field as a writer spells it.
fn spelt(field: &str, style: &str) -> String {
    let words = field
        .replace("event", "event ")
        .replace("Parameters", " parameters");
    let words = words
        .replace("Code", " code")
        .replace("Source", "source")
        .to_lowercase();
    let words: Vec<&str> = words.split_whitespace().collect();
    let capital = |word: &str| format!("{}{}", word[..1].to_uppercase(), &word[1..]);
    match style {
        "lower" => words.concat(),
        "upper" => words.join("_").to_uppercase(),
        "snake" => words.join("_"),
        "title" => capital(&words.join(" ")),
        "pascal" => words.iter().map(|word| capital(word)).collect(),
        _ => field.to_owned(),
    }
}

/// How a row is made.
#[derive(Debug, Clone, Copy)]
struct Making {
    style: &'static str,
    request: &'static str,
    beside: &'static str,
    error: &'static str,
    action: &'static str,
    policy: &'static str,
    is_csv: bool,
}

impl Making {
    /// The cells of the request, and whether they name the policy.
    fn request(&self) -> (Vec<(String, String)>, bool) {
        let policy = self.policy;
        let json = format!(r#"{{"policyArn":"{policy}","userName":"bob"}}"#);
        let name = spelt("requestParameters", self.style);
        let (name, text) = match self.request {
            "object" | "json" => (name, json),
            "map" => (name, format!("{{policyarn={policy}, username=bob}}")),
            "script" => (name, format!("@{{policyArn={policy}; userName=bob}}")),
            "cut" => (name, json[..json.len() - 3].to_owned()),
            "dotted" => (format!("{name}.policyArn"), policy.to_owned()),
            "braces" if !self.is_csv => (format!("{name}{{}}.policyArn"), policy.to_owned()),
            "nothing" => (name, "null".to_owned()),
            "cut before" => (name, r#"{"userName":"bob","policyA"#.to_owned()),
            _ => (name, String::new()),
        };
        let names_policy = text.contains(ARN);
        (vec![(name, text)], names_policy)
    }

    /// What stands beside the request, and whether the policy is named by then in a way that the request does not rule
    /// out.
    fn beside(&self, names_policy: bool) -> (Option<(String, String)>, bool) {
        match self.beside {
            "" => (None, names_policy),
            "_raw" => {
                let error = match self.error {
                    "AccessDenied" => r#""errorCode":"AccessDenied","eventID""#,
                    _ => r#""eventID""#,
                };
                let raw = attach("1").replace("AttachUserPolicy", self.action);
                let raw = raw.replace("\"eventID\"", error);
                (Some(("_raw".to_owned(), raw)), true)
            }
            // The request says what was asked for.
            "useragent" => (Some(("useragent".to_owned(), ARN.to_owned())), names_policy),
            _ if names_policy => (None, true),
            other => {
                // A whole request is all that the rule asks.
                let is_whole = matches!(self.request, "object" | "json" | "map" | "script");
                let cell = (other.to_owned(), format!("of {ARN}"));
                (Some(cell), !is_whole || other != "resources")
            }
        }
    }

    fn row(&self) -> Row {
        let mut cells: Vec<(String, String)> = vec![
            (spelt("eventName", self.style), self.action.to_owned()),
            (
                spelt("eventTime", self.style),
                "2024-05-01T12:00:00Z".to_owned(),
            ),
            (
                spelt("eventSource", self.style),
                "iam.amazonaws.com".to_owned(),
            ),
        ];
        let (request, names_policy) = self.request();
        cells.extend(request);
        let (beside, names_policy) = self.beside(names_policy);
        cells.extend(beside);
        cells.push((spelt("errorCode", self.style), self.error.to_owned()));
        let is_object = self.request == "object" && !self.is_csv;
        // As AWS writes it, a text is a text.
        let is_native = self.style == "camel" && is_object && self.beside != "_raw";
        Row {
            text: match self.is_csv {
                true => csv(&cells),
                false => object(&cells, is_object),
            },
            names_policy,
            is_attachment: self.action == "AttachUserPolicy",
            is_failure: self.error == "AccessDenied" || is_native && !self.error.is_empty(),
        }
    }
}

fn csv(cells: &[(String, String)]) -> String {
    let names: Vec<_> = cells.iter().map(|(name, _)| cell(name)).collect();
    let values: Vec<_> = cells.iter().map(|(_, value)| cell(value)).collect();
    format!("{}\n{}\n", names.join(","), values.join(","))
}

fn object(cells: &[(String, String)], is_object: bool) -> String {
    let members = cells.iter().filter(|(_, value)| !value.is_empty());
    let members = members.map(|(name, value)| {
        let is_json = is_object && value.starts_with("{\"policyArn");
        let value = if is_json {
            value.clone()
        } else {
            quoted(value)
        };
        format!("{}:{value}", quoted(name))
    });
    format!("{{{}}}\n", members.collect::<Vec<_>>().join(","))
}

fn row() -> impl Strategy<Value = Row> {
    let style = select(vec!["camel", "lower", "upper", "snake", "title", "pascal"]);
    let request = select(vec![
        "object",
        "json",
        "map",
        "script",
        "cut",
        "cut before",
        "absent",
        "nothing",
        "dotted",
        "braces",
    ]);
    let beside = select(vec![
        "",
        "",
        "message",
        "resources",
        "policyarn",
        "_raw",
        "useragent",
    ]);
    let error = select(vec![
        "",
        "",
        "",
        "\\N",
        "NULL",
        "None",
        "-",
        "[]",
        "AccessDenied",
    ]);
    let attach = "AttachUserPolicy";
    let action = select(vec![attach, attach, attach, "AttachRolePolicy"]);
    let policy = select(vec![ARN, ARN, "arn:aws:iam::aws:policy/ReadOnlyAccess"]);
    let all = (style, request, beside, error, action, policy, any::<bool>());
    all.prop_map(|(style, request, beside, error, action, policy, is_csv)| {
        let making = Making {
            style,
            request,
            beside,
            error,
            action,
            policy,
            is_csv,
        };
        making.row()
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn no_row_that_may_be_an_alert_is_passed_over_and_none_that_failed_is_one(
        rows in proptest::collection::vec(row(), 40),
    ) {
        let texts: Vec<String> = rows.iter().map(|row| row.text.clone()).collect();
        let hunt = hunt(&texts);
        prop_assert!(matches!(hunt.exit, Some(0 | 3)));
        let mut errors = BTreeSet::new();
        for diagnostic in hunt.report["diagnostics"].as_array().unwrap() {
            if diagnostic["severity"] == "error" {
                errors.insert(diagnostic["source"].as_str().unwrap()[5..9].parse::<usize>().unwrap());
            }
        }
        let alerts = hunt.alerts.iter().map(|row| row["log_file_path"].as_str().unwrap()[5..9].parse::<usize>().unwrap());
        let alerts: Vec<usize> = alerts.collect();
        for (n, row) in rows.iter().enumerate() {
            let n_alerts = alerts.iter().filter(|alert| **alert == n).count();
            let may_be_alert = row.names_policy && row.is_attachment && !row.is_failure;
            prop_assert!(!may_be_alert || n_alerts == 1 || errors.contains(&n), "in silence: {}", row.text);
            prop_assert!(may_be_alert || n_alerts == 0, "claimed: {}", row.text);
        }
    }
}
