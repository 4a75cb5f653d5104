//! What exports and copies make of records: lines before a header, JSON behind rows, maps as lists, empty outcomes.

use crate::lake::{Lake, attach, other};

const POLICY: &str = "arn:aws:iam::aws:policy/AWSCompromisedKeyQuarantineV2";

fn rows(id: &str) -> String {
    format!(
        "eventName,eventTime,eventID,requestParameters\n\
         AttachUserPolicy,2024-05-01T12:00:00Z,{id},\"{{policyArn={POLICY}, userName=bob}}\"\n"
    )
}

#[test]
fn a_title_may_stand_before_a_header() {
    for title in [
        "Report of 2024-05-01\n",
        "# made by a tool\n\nAccounts, all\n",
    ] {
        let hunt = Lake::new()
            .file("a.csv", format!("{title}{}", rows("1")))
            .hunt(&[])
            .exits(0)
            .finds(&["1"]);
        assert_eq!(hunt.alerts[0]["target_user_name"], "bob");
    }
    let piped = rows("1")
        .replacen(',', "|", 3)
        .replacen("12:00:00Z,1,", "12:00:00Z|1|", 1);
    let piped = piped.replace("AttachUserPolicy,", "AttachUserPolicy|");
    Lake::new()
        .file("a", piped)
        .hunt(&[])
        .exits(0)
        .finds(&["1"]);
}

#[test]
fn json_behind_rows_is_read_as_json() {
    let pretty: serde_json::Value = serde_json::from_str(&attach("3")).unwrap();
    let pretty = serde_json::to_string_pretty(&pretty).unwrap();
    for (json, ids) in [
        (attach("2"), &["1", "2"][..]),
        (
            format!("{}\n{}\n{}", other("4"), attach("2"), pretty),
            &["1", "2", "3"],
        ),
        (
            format!("{{\"Records\":[{},{}]}}", other("4"), attach("2")),
            &["1", "2"],
        ),
        (pretty.clone(), &["1", "3"]),
    ] {
        for threads in ["1", "2"] {
            Lake::new()
                .file("a.csv", format!("{}{json}\n", rows("1")))
                .hunt(&["--threads", threads])
                .exits(0)
                .finds(ids);
        }
    }
}

#[test]
fn unmapped_fields_of_ocsf_are_read_however_the_map_was_written() {
    let document = |id: &str, unmapped: &str| {
        let before = format!(
            r#"{{"class_uid":3005,"metadata":{{"product":{{"name":"CloudTrail"}},"uid":"{id}"}},"time":1714564800000,"#
        );
        let api = r#""api":{"operation":"AttachUserPolicy","service":{"name":"iam.amazonaws.com"}},"status_id":1,"#;
        format!("{before}{api}{unmapped}}}\n")
    };
    let inner = format!(r#"{{\"policyArn\":\"{POLICY}\",\"userName\":\"bob\"}}"#);
    let forms = [
        format!(
            r#""unmapped":[["requestParameters.policyArn","{POLICY}"],["requestParameters.userName","bob"]]"#
        ),
        format!(
            r#""unmapped":[{{"key":"requestParameters.policyArn","value":"{POLICY}"}},{{"key":"requestParameters.userName","value":"bob"}}]"#
        ),
        format!(r#""unmapped":{{"requestParameters":"{inner}"}}"#),
        format!(r#""unmapped":"{{\"requestParameters\":{inner}}}""#),
        format!(
            r#""unmapped.requestParameters.policyArn":"{POLICY}","unmapped.requestParameters.userName":"bob""#
        ),
    ];
    for form in forms {
        let hunt = Lake::new()
            .file("a", document("1", &form))
            .hunt(&[])
            .exits(0)
            .finds(&["1"]);
        assert_eq!(hunt.alerts[0]["target_user_name"], "bob", "{form}");
    }
}

#[test]
fn an_outcome_of_nothing_but_empty_values_is_a_success() {
    let with = |id: &str, error: &str| {
        let record = attach(id);
        record.replacen('{', &format!("{{\"errorCode\":{error},"), 1)
    };
    let records = [
        with("1", "[null]"),
        with("2", r#"{"a":""}"#),
        with("3", r#"[{"a":[]},""]"#),
        with("4", r#"{"a":"","b":"AccessDenied"}"#),
        with("5", "[0]"),
    ];
    Lake::new()
        .file("a.json", records.join("\n"))
        .hunt(&[])
        .finds(&["1", "2", "3"]);
}

#[test]
fn a_link_in_a_tar_is_read_if_it_stores_content_and_hides_nothing() {
    let entry = |kind: tar::EntryType, size: u64, content: &str| {
        let mut header = tar::Header::new_ustar();
        header.set_entry_type(kind);
        header.set_path("a.json").unwrap();
        header.set_size(size);
        header.set_cksum();
        let mut bytes = header.as_bytes().to_vec();
        bytes.extend(content.as_bytes());
        bytes.resize(bytes.len().next_multiple_of(512), 0);
        bytes
    };
    for kind in [
        tar::EntryType::Link,
        tar::EntryType::Symlink,
        tar::EntryType::Fifo,
    ] {
        let text = attach("1");
        let size = text.len() as u64;
        for linked in [entry(kind, size, &text), entry(kind, size, "")] {
            let is_stored = linked.len() > 512;
            let last = entry(tar::EntryType::Regular, size, &attach("2"));
            let all = [linked, last, vec![0; 1024]].concat();
            let ids = if is_stored { &["1", "2"][..] } else { &["2"] };
            Lake::new().file("a.tar", all).hunt(&[]).exits(0).finds(ids);
        }
    }
}
