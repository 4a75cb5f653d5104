//! Two records that ran into each other, where the text shows it: by an escape that JSON does not have, or by a place in the
//! request of a record whose beginning is lost.

use crate::lake::{Lake, attach, attach_with};
use crate::undecided::{ARN, hunt, quoted};

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
    for escape in [r"\\S", r"\x53", r"\'", r"\u0053"] {
        for text in torn_documents(escape) {
            hunt(&[text]).exits(0).finds(&[]);
        }
    }
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
        glued(r#""requestParameters":{"items":{"#, "}"),
    ] {
        hunt(&[text]).exits(3).finds(&[]).tells(&["undecided"]);
    }
    // In the place of another object it is a record like any other.
    hunt(&[glued(r#""detail":{"#, "")]).exits(0).finds(&[]);
    // Where the outer record can be read, all that is in its request is data of it.
    let whole = format!(r#"{bridge}":{front}{request}"userName":"alice",{fields}}}"#);
    assert_eq!(hunt(&[whole]).alerts.len(), 1);
}
