//! What `aws cloudtrail lookup-events` writes as text and as YAML: read as its JSON is, also where a record is damaged and
//! only the names beside it still say what the call was.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::lake::{Hunt, Lake, attach, attach_with, gzip, other};

const ARN: &str = "arn:aws:iam::aws:policy/AWSCompromisedKeyQuarantineV2";

/// An element of the output.
#[derive(Debug, Clone)]
struct Element {
    action: &'static str,
    record: String,
    /// The name of a resource, if there are any.
    resource: Option<&'static str>,
}

impl Element {
    fn new(record: String) -> Self {
        Self {
            action: "AttachUserPolicy",
            record,
            resource: Some(ARN),
        }
    }

    fn json(&self) -> String {
        let resources = self.resource.iter();
        let resources: Vec<Value> = resources
            .map(|name| json!({"ResourceType": "AWS::IAM::Policy", "ResourceName": name}))
            .collect();
        json!({
            "EventId": "e",
            "EventName": self.action,
            "ReadOnly": "false",
            "AccessKeyId": "AKIAIOSFODNN7EXAMPLE",
            "EventTime": "2024-05-01T12:00:00+00:00",
            "EventSource": "iam.amazonaws.com",
            "Username": "ops",
            "Resources": resources,
            "CloudTrailEvent": self.record,
        })
        .to_string()
    }

    fn text(&self) -> String {
        let Self { action, record, .. } = self;
        let resource = |name| format!("RESOURCES\t{name}\tAWS::IAM::Policy\n");
        let resources: String = self.resource.iter().map(resource).collect();
        format!(
            "EVENTS\tAKIAIOSFODNN7EXAMPLE\t{record}\te\t{action}\tiam.amazonaws.com\t2024-05-01T12:00:00+00:00\tfalse\tops\n{resources}"
        )
    }

    /// As YAML, with the record in single or in double quotes.
    fn yaml(&self, is_double: bool) -> String {
        let record = match is_double {
            true => serde_json::to_string(&self.record).unwrap(),
            false => format!("'{}'", self.record.replace('\'', "''")),
        };
        let resource =
            |name| format!("\n  - ResourceName: {name}\n    ResourceType: AWS::IAM::Policy");
        let resources = self.resource.map_or_else(|| " []".to_owned(), resource);
        format!(
            "- AccessKeyId: AKIAIOSFODNN7EXAMPLE\n  CloudTrailEvent: {record}\n  EventId: e\n  EventName: {}\n  EventSource: iam.amazonaws.com\n  EventTime: '2024-05-01T12:00:00+00:00'\n  ReadOnly: 'false'\n  Resources:{resources}\n  Username: ops\n",
            self.action
        )
    }
}

/// The forms of the output, JSON first.
const N_FORMS: usize = 4;

fn output(form: usize, elements: &[Element]) -> String {
    let of = |write: &dyn Fn(&Element) -> String| elements.iter().map(write).collect::<Vec<_>>();
    match form {
        0 => format!("{{\"Events\":[{}]}}", of(&Element::json).join(",")),
        1 => of(&Element::text).concat(),
        2 => format!("Events:\n{}", of(&|element| element.yaml(false)).concat()),
        _ => format!("Events:\n{}", of(&|element| element.yaml(true)).concat()),
    }
}

/// Hunts each text as a file of its own. Returns the codes of the errors of each file by its number.
fn hunt(texts: &[String]) -> (Hunt, BTreeMap<usize, Vec<String>>) {
    let mut lake = Lake::new();
    for (n, text) in texts.iter().enumerate() {
        lake = lake.file(&format!("{n:05}"), text);
    }
    let hunt = lake.hunt(&["--allow-empty"]);
    let mut errors: BTreeMap<usize, Vec<String>> = BTreeMap::new();
    for diagnostic in hunt.report["diagnostics"].as_array().unwrap() {
        if diagnostic["severity"] == "error" {
            let code = diagnostic["code"].as_str().unwrap().to_owned();
            errors
                .entry(number(&diagnostic["source"]))
                .or_default()
                .push(code);
        }
    }
    (hunt, errors)
}

fn number(path: &Value) -> usize {
    path.as_str()
        .unwrap()
        .rsplit('/')
        .next()
        .unwrap()
        .parse()
        .unwrap()
}

#[test]
fn whole_records_win_in_each_form_of_the_output() {
    let detach = |name: &str| attach("3").replace("AttachUserPolicy", name);
    let elements = [
        Element::new(attach("1")),
        Element {
            action: "DetachUserPolicy",
            ..Element::new(detach("DetachUserPolicy"))
        },
        Element::new(attach("2").replacen('{', r#"{"errorCode":"AccessDenied","#, 1)),
        Element {
            action: "ListUsers",
            resource: None,
            ..Element::new(other("4"))
        },
        // The record says what was called.
        Element {
            action: "AttachUserPolicx",
            ..Element::new(attach("5"))
        },
    ];
    for form in 0..N_FORMS {
        let text = output(form, &elements);
        for stored in [text.clone().into_bytes(), gzip(text.as_bytes())] {
            let hunt = Lake::new().file("a", stored).hunt(&[]);
            let hunt = hunt.exits(0).finds(&["1", "5"]).tells(&[]);
            assert_eq!(hunt.report["events_read"], 5, "{form}: {}", hunt.report);
            assert_eq!(hunt.report["related"]["failed_attach"], 1);
            let raw = hunt.alerts[0]["raw_event"].as_str().unwrap();
            assert_eq!(raw, attach("1"));
        }
    }
}

/// A large source is cut into blocks, and only its beginning shows what it is.
#[test]
fn elements_of_a_large_source_are_read_in_their_order() {
    let with_id = |n: usize| {
        let (id, is_alert) = (n.to_string(), n % 1_000 == 999);
        Element {
            resource: is_alert.then_some(ARN),
            ..Element::new(if is_alert { attach(&id) } else { other(&id) })
        }
    };
    let elements: Vec<Element> = (0..6_000).map(with_id).collect();
    for form in 1..N_FORMS {
        let text = output(form, &elements);
        assert!(text.len() > 4 << 20);
        let members = text.as_bytes().chunks(100_000).flat_map(gzip);
        let members: Vec<u8> = members.collect();
        let lake = Lake::new().file("a", &text).gzip("b", &text);
        let hunt = lake.file("c", members).hunt(&["--threads", "4"]);
        let ids = ["999", "1999", "2999", "3999", "4999", "5999"];
        let hunt = hunt.exits(0).finds(&[ids; 3].concat());
        assert_eq!(hunt.report["events_read"], 18_000);
    }
}

/// Returns records with the rule's call, each damaged in another way.
fn damaged() -> Vec<String> {
    let whole = attach("1");
    let before = |name: &str| whole[..whole.find(name).unwrap()].to_owned();
    vec![
        whole.replace("AttachUserPolicy", "AttachUserPolicx"),
        whole.replace("eventName", "eventNome"),
        whole.replace("requestParameters", "requestParametars"),
        whole.replace(r#""eventName""#, r#""eventName"#),
        whole.replace(r#"V2""#, "V2"),
        whole[1..].to_owned(),
        whole[whole.find("userAgent").unwrap()..].to_owned(),
        before("responseElements"),
        before("policyArn"),
        before("eventName"),
        attach_with("1", "x"),
        String::new(),
    ]
}

#[test]
fn a_damaged_record_is_told_in_each_form_of_the_output() {
    let whole = Element::new(attach("2"));
    for record in damaged() {
        let is_named = record.contains("Quarantine");
        for resource in [Some(ARN), None] {
            let element = Element {
                resource,
                ..Element::new(record.clone())
            };
            let texts = [0, 1, 2, 3].map(|form| output(form, &[element.clone(), whole.clone()]));
            let (hunt, errors) = hunt(&texts);
            let hunt = hunt.finds(&["2"; N_FORMS]);
            // Without the policy's name anywhere there is nothing to tell.
            for (form, text) in texts
                .iter()
                .enumerate()
                .filter(|_| is_named || resource.is_some())
            {
                assert_eq!(errors.get(&form), errors.get(&0), "{text}\n{}", hunt.stderr);
                assert!(errors.contains_key(&form), "{text}\n{}", hunt.stderr);
            }
        }
    }
}

/// Whichever byte is changed: as long as the policy is named, there is an alert, or something is told.
#[test]
fn no_byte_of_an_element_hides_its_event() {
    let element = Element {
        resource: None,
        ..Element::new(attach("1"))
    };
    for form in 1..N_FORMS {
        let text = output(form, &[element.clone(), Element::new(other("2"))]);
        let end = output(form, std::slice::from_ref(&element)).len();
        let mut texts = Vec::new();
        for at in 0..end {
            let with = |bytes: &[u8]| {
                let damaged = [&text.as_bytes()[..at], bytes, &text.as_bytes()[at + 1..]].concat();
                String::from_utf8(damaged).ok()
            };
            let byte = text.as_bytes()[at];
            texts.extend(
                [with(b""), with(b"\n"), with(&[byte ^ 1])]
                    .into_iter()
                    .flatten(),
            );
        }
        texts.retain(|text| text.contains("AWSCompromisedKeyQuarantine"));
        let (hunt, errors) = hunt(&texts);
        let mut found = hunt.alerts.iter().map(|row| number(&row["log_file_path"]));
        let alerts: Vec<usize> = found.by_ref().collect();
        assert!(alerts.len() > texts.len() / 3 && errors.len() > 20);
        for (n, text) in texts.iter().enumerate() {
            let is_told = alerts.contains(&n) || errors.contains_key(&n);
            assert!(is_told, "{text}");
        }
    }
}
