//! Requests and records that were shortened or written in another way, so that the name of the policy is not whole in
//! them, or not as it is: with the rule's action and no failure, never passed over in silence.

use std::collections::BTreeSet;

use crate::lake::{Hunt, attach, attach_with};
use crate::undecided::{ARN, cell, hunt, quoted};

/// The numbers of the files about which there is an error.
fn told(hunt: &Hunt) -> Vec<usize> {
    let diagnostics = hunt.report["diagnostics"].as_array().unwrap().iter();
    let errors = diagnostics.filter(|d| d["severity"] == "error");
    let number = |d: &serde_json::Value| d["source"].as_str().unwrap()[5..9].parse().unwrap();
    let found: BTreeSet<usize> = errors.map(number).collect();
    found.into_iter().collect()
}

/// Checks that nothing is found in the texts, and that there is an error about each of them.
#[track_caller]
fn each_is_told(texts: &[String]) -> Hunt {
    let hunt = hunt(texts).exits(3).finds(&[]);
    let expected: Vec<usize> = (0..texts.len()).collect();
    assert_eq!(told(&hunt), expected, "{}", hunt.stderr);
    hunt
}

/// Checks that nothing is found in the texts, and that each of them is undecided, and nothing else.
#[track_caller]
fn each_is_undecided(texts: &[String]) {
    let hunt = each_is_told(texts);
    let diagnostics = hunt.report["diagnostics"].as_array().unwrap().iter();
    let mut errors = diagnostics.filter(|d| d["severity"] == "error");
    assert!(errors.all(|d| d["code"] == "undecided"), "{}", hunt.stderr);
}

/// Checks that nothing is found in the texts, and that nothing is wrong with them.
#[track_caller]
fn none_is_told(texts: &[String]) {
    let hunt = hunt(texts).exits(0).finds(&[]);
    assert_eq!(told(&hunt), [0; 0], "{}", hunt.stderr);
}

/// An event as AWS writes it, with this text in its request.
fn native(request: &str) -> String {
    let text = quoted(request);
    let flat = r#"{"eventTime":"2024-05-01T12:00:00Z","eventSource":"iam.amazonaws.com","eventName":"AttachUserPolicy","#;
    format!(r#"{{"Records":[{flat}"requestParameters":{{"policyArn":{text}}}}}]}}"#)
}

/// An event with this text as its request, in each form.
fn in_each_form(request: &str) -> Vec<String> {
    let mut texts = in_exports(request);
    texts.push(native(request));
    texts
}

/// An event with this text as its request, in each form that AWS does not write itself.
fn in_exports(request: &str) -> Vec<String> {
    let text = quoted(request);
    let flat = r#"{"eventTime":"2024-05-01T12:00:00Z","eventSource":"iam.amazonaws.com","eventName":"AttachUserPolicy","#;
    let ecs = r#"{"event":{"action":"AttachUserPolicy","outcome":"success","provider":"iam.amazonaws.com"},"aws":{"cloudtrail":{"#;
    vec![
        format!(r#"{flat}"requestParameters":{text}}}"#),
        format!(r#"{ecs}"request_parameters":{text}}}}}}}"#),
        format!(r#"{ecs}"flattened":{{"request_parameters":{{"policyArn":{text}}}}}}}}}}}"#),
        format!(
            r#"{{"class_uid":6003,"metadata":{{"product":{{"name":"CloudTrail"}}}},"api":{{"operation":"AttachUserPolicy","request":{{"data":{text}}}}}}}"#
        ),
        format!(
            r#"{{"result":{{"_raw":{}}}}}"#,
            quoted(&format!(r#"{flat}"requestParameters":{text}}}"#))
        ),
        row(request),
    ]
}

/// A table with this text as a request.
fn row(request: &str) -> String {
    format!(
        "eventtime,eventname,eventsource,requestparameters\n2024-05-01,AttachUserPolicy,iam.amazonaws.com,{}\n",
        cell(request)
    )
}

#[test]
fn a_request_that_is_cut_inside_the_name_is_undecided_in_exports() {
    let json = format!(r#"{{"userName":"bob","policyArn":"{ARN}"}}"#);
    let printed = format!("{{userName=bob, policyArn={ARN}}}");
    let mut texts = Vec::new();
    for whole in [json, printed] {
        let name = whole.find("AWSCompromised").unwrap();
        for n in [14, 17, 22, 26] {
            texts.extend(in_exports(&whole[..name + n]));
        }
        // A limit on the length of values, whose brackets are kept.
        texts.extend(in_exports(&format!("{}\"}}", &whole[..name + 20])));
        texts.extend(in_exports(&format!("{}...", &whole[..name + 20])));
    }
    each_is_undecided(&texts);
}

#[test]
fn a_shorter_name_in_a_record_as_aws_writes_it_is_another_name() {
    let lengths = [14, 17, 22, 26];
    let name = |n| {
        format!(
            "arn:aws:iam::aws:policy/{}",
            &"AWSCompromisedKeyQuarantine"[..n]
        )
    };
    none_is_told(&lengths.map(|n| native(&name(n))));
}

#[test]
fn a_row_that_is_cut_before_the_name_is_told() {
    let request = format!(r#"{{"userName":"bob","policyArn":"{ARN}"}}"#);
    let whole = row(&request);
    let raw = |text: &str| format!("_time,_raw\n2024-05-01,{}\n", cell(text));
    let mut texts = Vec::new();
    for n in [3, 20, 40, 50, 60] {
        texts.push(row(&request[..n]));
        texts.push(raw(
            &attach("1")[..attach("1").find("policyArn").unwrap() + n]
        ));
    }
    let in_record = attach("1").replace(
        &format!(r#"{{"userName":"alice","policyArn":"{ARN}"}}"#),
        r#""{\"userName\":\"al""#,
    );
    texts.push(raw(&in_record));
    let (name, raw_cut) = ("AttachUserPolicy,iam.amazonaws.com", &attach("1")[..400]);
    texts.push(format!(
        "eventtime,eventname,eventsource,_raw\n2024-05-01,{name},{}\n",
        cell(raw_cut)
    ));
    // The rest of the row is lost as well.
    let other = "2024-05-01,ListUsers,iam.amazonaws.com,\n";
    for n in [0, 10, 30] {
        let end = whole.find("AWSCompromised").unwrap() + n - 30;
        texts.push(format!("{}\n{other}", &whole[..end]));
    }
    for unreadable in ["[object Object]", "System.Collections.Hashtable"] {
        texts.push(row(unreadable));
    }
    each_is_told(&texts);
    let failed = whole.replace("requestparameters", "requestparameters,errorcode");
    let failed = failed
        .trim_end()
        .replace(&cell(&request), "\"{\"\"user\",AccessDenied");
    none_is_told(&[
        row(&request.replace("AWSCompromisedKeyQuarantineV2", "ReadOnlyAccess")),
        row("userName=bob, policyArn=arn:aws:iam::aws:policy/ReadOnlyAccess"),
        row("-"),
        row(&request[..20]).replace("AttachUserPolicy", "AttachRolePolicy"),
        failed,
    ]);
}

#[test]
fn an_encoded_request_in_a_row_is_undecided() {
    // The base64 of a request.
    let base64 = "eyJ1c2VyTmFtZSI6ImJvYiIsInBvbGljeUFybiI6ImFybjphd3M6aWFtOjphd3M6cG9saWN5L0FXU0NvbXByb21pc2VkS2V5UXVhcmFudGluZVYyIn0=";
    let texts = [
        base64.to_owned(),
        format!("base64:{base64}"),
        base64.replace('=', ""),
    ];
    each_is_undecided(&texts.map(|text| row(&text)));
}

#[test]
fn a_name_with_other_characters_inside_is_undecided_in_every_form() {
    let mut texts = Vec::new();
    for broken in [
        "\u{ad}Key",
        "\u{200b}Key",
        "\u{feff}Key",
        r"\x4bey",
        r"\113ey",
        "%4Bey",
        "%254Bey",
        "&#75;ey",
        "<em>Key</em>",
        "=\nKey",
        "\nKey",
        "=4Bey",
        "\u{fffd}ey",
    ] {
        let name = ARN.replace("Key", broken);
        texts.extend(in_each_form(&format!("{{policyArn={name}}}")));
    }
    // In rows also where nothing of the name is as it is.
    for broken in [
        "A\u{ad}WSC",
        r"\x41WSC",
        "%41WSC",
        "&#65;WSC",
        "A\u{200b}W\u{200b}SC",
    ] {
        texts.push(row(&format!(
            "{{policyArn={}}}",
            ARN.replace("AWSC", broken)
        )));
    }
    each_is_told(&texts);
    none_is_told(&in_each_form(
        "{policyArn=arn:aws:iam::aws:policy/AWSCompromised-Users}",
    ));
    none_is_told(&in_each_form(
        "{policyArn=arn:aws:iam::aws:policy/AWSCompromisedUsers}",
    ));
}

#[test]
fn a_policy_beside_a_request_that_is_null_is_undecided() {
    let request = format!(r#""requestParameters":{{"userName":"alice","policyArn":"{ARN}"}}"#);
    let with =
        |null: &str, beside: &str| attach("1").replace(&request, &format!("{null},{beside}"));
    let mut texts = Vec::new();
    for null in [
        r#""requestParameters":null"#,
        r#""requestParameters":{}"#,
        r#""x":1"#,
    ] {
        for beside in [
            format!(r#""resources":[{{"ARN":"{ARN}"}}]"#),
            format!(r#""additionalEventData":{{"policy":"{ARN}"}}"#),
            format!(r#""serviceEventDetails":{{"policy":"{ARN}"}}"#),
        ] {
            texts.push(with(null, &beside));
        }
        let response = format!(r#""responseElements":{{"policyArn":"{ARN}"}}"#);
        texts.push(with(null, r#""y":1"#).replace(r#""responseElements":null"#, &response));
    }
    each_is_undecided(&texts);
    let agent = attach_with("1", "x").replace("aws-internal/3", ARN);
    let agent = agent.replace(
        r#"{"userName":"alice","policyArn":"arn:aws:iam::aws:policy/x"}"#,
        "null",
    );
    none_is_told(&[agent]);
}

/// Only fields that are there twice show it: the second record has lost its action and its id.
#[test]
fn two_records_that_ran_into_each_other_are_told_without_the_second_name() {
    let (first, second) = (
        attach("1").replace("AttachUserPolicy", "GetUser"),
        attach("2"),
    );
    let until = |key: &str| &first[..first.find(key).unwrap()];
    let from = |key: &str| &second[second.find(key).unwrap()..];
    let glued = [
        format!("{}{}", until(r#""eventID""#), from(r#""awsRegion""#)),
        format!(
            "{}{}",
            until(r#""requestID""#),
            from(r#""requestParameters""#)
        ),
    ];
    // The end of the second one is behind the end of the first.
    let behind = format!("{}{}", until(r#""requestID""#), from(r#""policyArn""#));
    let mut texts = glued.to_vec();
    for original in glued.iter().chain([&behind]) {
        let text = quoted(original);
        texts.extend([
            format!(r#"{{"result":{{"_raw":{text}}}}}"#),
            format!(r#"{{"@timestamp":"2024-05-01T12:00:00Z","message":{text}}}"#),
            format!(r#"{{"eventName":"GetUser","eventSource":"iam.amazonaws.com","_raw":{text}}}"#),
            format!(
                r#"{{"event":{{"dataset":"aws.cloudtrail","id":"1","action":"GetUser","provider":"iam.amazonaws.com","outcome":"success","original":{text}}},"aws":{{"cloudtrail":{{"request_parameters":"{{userName=alice}}"}}}}}}"#
            ),
            format!("_time,_raw\n2024-05-01,{}\n", cell(original)),
        ]);
    }
    each_is_told(&texts);
}

#[test]
fn an_unknown_part_of_a_document_is_foreign() {
    let document = format!(
        r#"{{"event.dataset":"aws.cloudtrail","event.action":"AttachUserPolicy","event.outcome":"success","event.provider":"iam.amazonaws.com","aws.cloudtrail.request_parameters":"{{policyArn=x}}","aws.cloudtrail.flatmened.request_parameters.policyArn":"{ARN}"}}"#
    );
    each_is_undecided(&[document]);
}

#[test]
fn a_parameter_beside_the_request_of_a_document_is_foreign() {
    let document = format!(
        r#"{{"class_uid":6003,"metadata":{{"product":{{"name":"CloudTrail"}}}},"api":{{"operation":"AttachUserPolicy","request":{{"data":"{{\"userName\":\"bob\"}}","policyArn":"{ARN}"}}}}}}"#
    );
    let beside = attach_with("1", "x").replace(
        r#""requestParameters":{"userName":"alice","policyArn":"arn:aws:iam::aws:policy/x"}"#,
        &format!(r#""requestParameters":null,"Resources":[{{"ARN":"{ARN}"}}]"#),
    );
    each_is_undecided(&[document, beside]);
}

#[test]
fn an_action_with_a_quote_and_an_error_that_denies_itself_are_undecided() {
    let request = format!(r#"{{"policyArn":"{ARN}"}}"#);
    let row = |action: &str, error: &str| {
        format!(
            "eventtime,eventname,eventsource,errorcode,requestparameters\n2024-05-01,{action},iam.amazonaws.com,{error},{}\n",
            cell(&request)
        )
    };
    let texts = [
        row("'AttachUserPolicy", ""),
        row("AttachUserPolicy`", ""),
        row("AttachUserPolicy", "not set"),
        row("AttachUserPolicy", "Unknown"),
        row("AttachUserPolicy", "なし"),
        // An escape that is none.
        row("AttachUserPolicy", "").replace("AWSCompromised", r"AWSCompromise\d"),
    ];
    each_is_undecided(&texts);
}
