//! Two records that ran into each other, where the text shows it: by an escape that JSON does not have, by a place in the
//! request of a record whose beginning is lost, by fields that occur twice, or by what follows the end of the record.

use crate::lake::{Lake, attach, attach_with};
use crate::undecided::{ARN, cell, hunt, quoted, told};

/// The front of a call that succeeded and the rest of one that failed, which meet inside a text of the request.
fn torn_documents(escape: &str) -> [String; 3] {
    let request = format!(r#"{{\"policyArn\":\"{ARN}\",\"userName\":\"{escape}bob\"}}"#);
    [
        format!(
            r#"{{"class_uid":6003,"metadata":{{"product":{{"name":"CloudTrail"}},"uid":"1"}},"api":{{"operation":"AttachUserPolicy","service":{{"name":"iam.amazonaws.com"}},"request":{{"data":"{request}"}}}},"status":"Failure","status_id":2}}"#
        ),
        // Here the name of the call is behind the request, and may be that of the other one.
        format!(
            r#"{{"aws":{{"cloudtrail":{{"request_parameters":"{{policyArn={ARN}, userName={escape}bob}}"}}}},"event":{{"dataset":"aws.cloudtrail","action":"DetachUserPolicy","provider":"iam.amazonaws.com","outcome":"success"}}}}"#
        ),
        attach("1")
            .replace(r#""alice""#, &format!(r#""{escape}alice""#))
            .replace(r#""eventID""#, r#""errorCode":"AccessDenied","eventID""#),
    ]
}

#[test]
fn an_escape_that_json_does_not_have_may_be_a_seam_of_two_records() {
    for text in torn_documents(r"\S") {
        let found = hunt(std::slice::from_ref(&text)).exits(3).finds(&[]);
        found.tells(&["undecided", "lenient_json"]);
        // So it is in a text inside a document.
        let inside = format!(r#"{{"message":{}}}"#, quoted(&text));
        let found = hunt(&[inside]).exits(3).finds(&[]);
        found.tells(&["lenient_json", "undecided"]);
    }
    // Those of JSON and of other languages say what was written.
    for escape in [r"\x53", r"\'", r"\u0053", r"\U00000053", r"\u{53}", r"\\S"] {
        let [_, document, record] = torn_documents(escape);
        hunt(&[document, record]).exits(0).finds(&[]);
    }
    let [ocsf, ..] = torn_documents(r"\u0053");
    hunt(&[ocsf]).exits(0).finds(&[]);
    // It is an alert all the same if all of it says so.
    let [.., record] = torn_documents(r"\S");
    let succeeded = record.replace(r#""errorCode":"AccessDenied","#, "");
    hunt(&[succeeded]).exits(0).finds(&["1"]);
}

#[test]
fn a_seam_leaves_the_outcome_open_for_any_rule() {
    let query = r#"any where event.action == "AttachUserPolicy" and event.outcome == "success""#;
    let hunted = |escape: &str| {
        let lake = Lake::new().file("a", &torn_documents(escape)[2]);
        lake.hunt(&["--query", query])
    };
    hunted(r"\S").exits(3).tells(&["undecided", "lenient_json"]);
    hunted(r"\x53").exits(0).finds(&[]);
}

/// The front of a record is lost to a quote that is missing, and in its request another call begins.
#[test]
fn a_record_in_the_request_of_one_that_is_lost_is_undecided() {
    let inner = attach("2").replace("AttachUserPolicy", "AttachRolePolicy");
    let outer = attach_with("1", "x");
    let request = r#""requestParameters":{"#;
    let (front, _) = outer.split_once(request).unwrap();
    let (_, fields) = inner.split_once('{').unwrap();
    let bridge = r#"{"detail-type":"AWS API Call via CloudTrail","detail"#;
    // The quotes round `x` end the text that lost its own end, so that the rest is read as it is.
    let lost = front.replace(r#""ops"}"#, r#""o\"x\"ps"}"#);
    assert_ne!(lost, front);
    let glued =
        |key: &str, end: &str| format!(r#"{bridge}&:{lost}{key}"userName":"alice",{fields}{end}"#);
    for text in [
        glued(request, ""),
        glued(r#""requestParameters" : {"#, ""),
        glued(r#""request_parameters":{"#, ""),
        glued(r#""request\u0050arameters":{"#, ""),
        glued(r#""requestParameters":{"items":{"#, "}"),
    ] {
        hunt(&[text]).exits(3).finds(&[]).tells(&["undecided"]);
    }
    // A field of the lost record may be left, but not its action.
    let marked =
        format!(r#"{{"eventVersion":"1.08","x":"y",{request}"userName":"alice",{fields}}}"#);
    let inside = format!(
        r#"{{"message":{}}}"#,
        quoted(&marked.replace("eventVersion", "x"))
    );
    for text in [marked, inside] {
        hunt(&[text]).exits(3).finds(&[]).tells(&["undecided"]);
    }
    // In the place of another object it is a record like any other.
    hunt(&[glued(r#""detail":{"#, "")]).exits(0).finds(&[]);
    // Where the outer record can be read, all that is in its request is data of it.
    let whole = format!(r#"{bridge}":{front}{request}"userName":"alice",{fields}}}"#);
    assert_eq!(hunt(&[whole]).alerts.len(), 1);
}

#[test]
fn a_seam_leaves_the_outcome_open_also_where_a_name_is_damaged() {
    let [.., torn] = torn_documents(r"\S");
    let blank = torn.replace(r#""AttachUserPolicy""#, r#""AttachUserPolicy ""#);
    let other = torn.replace("AttachUserPolicy", "DetachUserPolicy");
    let element = format!(
        r#"{{"Events":[{{"EventName":"AttachUserPolicy","EventSource":"iam.amazonaws.com","CloudTrailEvent":{}}}]}}"#,
        quoted(&other)
    );
    for text in [blank, element] {
        let found = hunt(&[text]).exits(3).finds(&[]);
        assert_eq!(told(&found, "undecided"), [0], "{}", found.stderr);
    }
}

/// The record ends by brackets of the other one, whose fields follow it.
#[test]
fn a_text_that_goes_on_after_its_end_may_have_the_fields_of_its_record() {
    let document = format!(
        r#"{{"event":{{"dataset":"aws.cloudtrail","action":"ListUsers","provider":"iam.amazonaws.com","outcome":"success"}},"aws":{{"cloudtrail":{{"request_parameters":"{{policyArn={ARN}}}"}}}}}}"#
    );
    let rest = r#"event":{"action":"AttachUserPolicy","outcome":"success"},"tags":["a"]}"#;
    let hit = format!(r#"{{"_index":"a","_source":{document}}}"#);
    for text in [
        format!("{document},\"{rest}"),
        format!("{document} ,\n \"{rest}\n"),
        format!("[{document},\"{rest}]"),
        format!(r#"{{"hits":[{hit},"{rest}]}}"#),
    ] {
        let found = hunt(&[text]).exits(3).finds(&[]);
        assert_eq!(told(&found, "undecided"), [0], "{}", found.stderr);
    }
    // In a line of a log anything may follow.
    for line in [
        format!(r#"2024-05-01 event={document}, "level":"info""#),
        format!("\"e1\": {document},\n\"e2\": {document}"),
    ] {
        hunt(&[line]).exits(0).finds(&[]);
    }
    // A comma and text are also between elements of a list.
    for after in ["", ",", r#","a""#, r#","a","b""#, ",{}"] {
        hunt(&[format!("[{document}{after}]")]).exits(0).finds(&[]);
    }
    hunt(&[format!("{hit}\n{hit}\n")]).exits(0).finds(&[]);
}

#[test]
fn a_field_twice_leaves_the_outcome_open_at_any_depth() {
    let record = attach("1");
    let failed = r#""eventTime":"2024-06-09T12:00:00Z","eventName":"AttachUserPolicy","errorCode":"AccessDenied""#;
    let twice = record.replacen(r#""eventID":"1""#, &format!(r#""eventID":"1",{failed}"#), 1);
    let document = format!(
        r#"{{"event":{{"dataset":"aws.cloudtrail","action":"AttachUserPolicy","provider":"iam.amazonaws.com","outcome":"AttachUserPolicy","outcome":"failure"}},"aws":{{"cloudtrail":{{"request_parameters":"{{policyArn={ARN}}}"}}}}}}"#
    );
    for text in [&twice, &document] {
        let found = hunt(std::slice::from_ref(text)).exits(3).finds(&[]);
        assert_eq!(told(&found, "undecided"), [0], "{}", found.stderr);
    }
    // Some writers repeat a field, and tables that were joined have all columns twice.
    let repeated = record.replacen(
        '{',
        r#"{"errorCode":"AccessDenied","eventName":"AttachUserPolicy","#,
        1,
    );
    hunt(&[repeated]).exits(0).finds(&[]);
    let nested = r#""cloud":{"a":1,"a":1},"event":{"#;
    let failed = document.replace(r#""outcome":"AttachUserPolicy","#, "");
    hunt(&[failed.replacen(r#""event":{"#, nested, 1)])
        .exits(0)
        .finds(&[]);
    let request = cell(&format!(r#"{{"policyArn":"{ARN}"}}"#));
    let row = format!("iam.amazonaws.com,AttachUserPolicy,AccessDenied,{request}");
    let names = "eventsource,eventname,errorcode,requestparameters";
    let joined = format!("{names},eventid,{names},eventid\n{row},1,{row},2\n");
    hunt(&[joined]).exits(0).finds(&[]);
    // Each action that a record names is judged, so that another one is not open.
    let actions = record
        .replace("AttachUserPolicy", "DetachUserPolicy")
        .replacen('{', r#"{"eventName":"ListUsers","#, 1);
    hunt(&[actions]).exits(0).finds(&[]);
    let once = document.replace(r#""outcome":"AttachUserPolicy","#, "");
    hunt(&[once]).exits(0).finds(&[]);
}

#[test]
fn a_request_in_text_that_cannot_be_read_leaves_the_outcome_open() {
    let [_, _, failed] = torn_documents(r"\u0053");
    let (front, rest) = failed.split_once(r#""requestParameters":"#).unwrap();
    let (_, rest) = rest.split_once('}').unwrap();
    let with = |request: &str| format!(r#"{front}"requestParameters":{}{rest}"#, quoted(request));
    let whole = format!(r#"{{"policyArn":"{ARN}","userName":"bob"}}"#);
    for torn in [
        whole.replace("bob", r"\Sbob"),
        whole.replace(r#"","userName":"bob"}"#, ""),
    ] {
        let found = hunt(&[with(&torn)]).exits(3).finds(&[]);
        assert_eq!(told(&found, "undecided"), [0], "{}", found.stderr);
    }
    hunt(&[with(&whole)]).exits(0).finds(&[]);
    hunt(&[with(&format!("{{policyArn={ARN}, userName=bob"))])
        .exits(0)
        .finds(&[]);
    // A limit on the length of cells cuts texts.
    let table = format!(
        "eventTime,eventSource,eventName,errorCode,requestParameters\n2024-05-01T12:00:00Z,iam.amazonaws.com,AttachUserPolicy,AccessDenied,{}\n",
        cell(&whole.replace(r#"","userName":"bob"}"#, ""))
    );
    hunt(&[table]).exits(0).finds(&[]);
}

/// One bracket too many ends the record before its request.
#[test]
fn a_policy_that_is_named_beside_all_events_is_told() {
    let record = attach("1");
    let split = record.replacen(r#","requestParameters""#, r#"},"requestParameters""#, 1);
    let strict = format!(r#"{{"detail":{split}"#);
    let escaped = strict.replace("aws-internal/3", r"\u0061ws-internal/3");
    let beside = strict.replace(r#""requestID":"r""#, r#""userAgent":"\u0061ws""#);
    let inside = format!(r#"{{"message":{}}}"#, quoted(&strict));
    for text in [strict, escaped, beside, inside] {
        let found = hunt(&[text]).exits(3).finds(&[]);
        assert_eq!(
            told(&found, "needle_without_record"),
            [0],
            "{}",
            found.stderr
        );
    }
    // Beside an event that names it too, it tells nothing more.
    let element = format!(
        r#"{{"EventName":"GetPolicy","Resources":[{{"ResourceName":"{ARN}"}}],"CloudTrailEvent":{}}}"#,
        quoted(&record.replace("AttachUserPolicy", "GetPolicy"))
    );
    hunt(&[element]).exits(0).finds(&[]);
}

#[test]
fn a_match_is_told_beside_a_record_in_it_of_another_time() {
    let later = |record: String| record.replace("2024-05-01", "2024-06-01");
    let outer = attach("1").replace(r#""eventID":"1","#, "");
    let inner = later(attach_with("2", "ReadOnlyAccess"));
    for inner in [inner.clone(), quoted(&inner)] {
        let text = outer.replacen('{', &format!(r#"{{"detail":{inner},"#), 1);
        assert_eq!(hunt(&[text]).exits(0).alerts.len(), 1);
    }
    // Some of the fields of a record beside the whole one are no event of their own, whatever time is beside it: that at
    // which it was stored, or one with milliseconds.
    let failed = attach("1").replace(r#""eventID""#, r#""errorCode":"AccessDenied","eventID""#);
    for time in ["2024-05-01T12:00:00.123Z", "2024-05-01T12:09:59Z"] {
        for id in ["", r#""eventID":"1","#] {
            let outer =
                outer
                    .replace("2024-05-01T12:00:00Z", time)
                    .replacen('{', &format!("{{{id}"), 1);
            let text = outer.replacen('{', &format!(r#"{{"_raw":{},"#, quoted(&failed)), 1);
            hunt(&[text]).exits(0).finds(&[]);
        }
    }
    for inner in [attach("1"), later(attach("1"))] {
        let text = outer.replacen('{', &format!(r#"{{"_raw":{},"#, quoted(&inner)), 1);
        hunt(&[text]).exits(0).finds(&["1"]);
    }
}

/// The outcome is lost in the document, and the policy's name in the record that it was made of.
#[test]
fn a_document_whose_original_has_another_request_is_judged_too() {
    let document = |outcome: &str, policy: &str| {
        format!(
            r#"{{"event":{{"dataset":"aws.cloudtrail","id":"1","action":"AttachUserPolicy","provider":"iam.amazonaws.com",{outcome}"original":{}}},"aws":{{"cloudtrail":{{"request_parameters":"{{policyArn={ARN}}}"}}}}}}"#,
            quoted(&attach_with("1", policy))
        )
    };
    let damaged = "AWSCompromisedKeyQuaran,tineV2";
    let found = hunt(&[document("", damaged)]).exits(3).finds(&[]);
    assert_eq!(told(&found, "undecided"), [0], "{}", found.stderr);
    let outcome = r#""outcome":"success","#;
    hunt(&[document(outcome, damaged)]).exits(0).finds(&["1"]);
    let intact = "AWSCompromisedKeyQuarantineV2";
    hunt(&[document("", intact)]).exits(0).finds(&["1"]);
}

/// A record that lost its first bracket, with a record in a text of its request.
#[test]
fn an_alert_in_the_request_of_a_record_that_is_lost_may_be_data_of_it() {
    let put = |begin: &str| {
        format!(
            r#"{begin}"eventVersion":"1.09","eventName":"PutParameter","requestParameters":{{"value":{}}},"eventID":"2"}}"#,
            quoted(&attach("1"))
        )
    };
    let found = hunt(&[put("")]).exits(3).finds(&["1"]);
    found.tells(&["undecided"]);
    hunt(&[put("{")]).exits(0).finds(&[]);
}

#[test]
fn a_name_with_a_bracket_or_a_comma_is_damaged() {
    let document = |dataset: &str, action: &str| {
        format!(
            r#"{{"event":{{"dataset":"{dataset}","action":"{action}","provider":"iam.amazonaws.com","outcome":"success"}},"aws":{{"cloudtrail":{{"request_parameters":"{{policyArn={ARN}}}"}}}}}}"#
        )
    };
    for (dataset, action) in [
        ("aws.cloudtrail]", "AttachUserPolicy"),
        ("aws.cloudtrailiam.amazonaws.com", "AttachUserPolicy"),
        ("aws.cloudcceil", "AttachUserPolicy"),
        ("aws.cloudtrail-default", "AttachUserPolicy"),
        ("aws.cloudtrail", "AttachUserPolicy["),
        ("aws.cloudtrail", "AttachUserPolicy,"),
    ] {
        let found = hunt(&[document(dataset, action)]).exits(3).finds(&[]);
        assert_eq!(told(&found, "undecided"), [0], "{}", found.stderr);
    }
    for (dataset, action) in [
        ("aws.cloudtrail", "DetachUserPolicy"),
        ("aws.cloudwatch_logs", "AttachUserPolicy"),
    ] {
        hunt(&[document(dataset, action)]).exits(0).finds(&[]);
    }
}
